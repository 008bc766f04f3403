//! The access log.

use sqlx::QueryBuilder;

use crate::{
    db::{Conn, on, sql},
    domain::{
        access::{Access, AccessFilter, AccessRecord},
        page::{Cursor, Page, PageRequest},
        project::ProjectRef,
        time::UnixNanos,
    },
    error::Result,
};

/// Records that one statement takes: with 17 values each far below the 32,766 that SQLite binds.
pub const MAX_ROWS: usize = 1_000;

/// Adds records, at most [`MAX_ROWS`], in one statement. The names of keys and projects are looked up by it, as they are
/// now.
pub async fn add(conn: Conn<'_>, rows: &[Access]) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    on!(conn, |c| {
        let mut query = QueryBuilder::new(
            "INSERT INTO access_logs
                 (at, principal, user_id, key_id, key_name, method, path, route, status, latency_us, bytes_in, bytes_out,
                  address, user_agent, project_name, request_id, error) ",
        );
        query.push_values(rows, |mut values, row| {
            let key = row.actor.key_id();
            values.push_bind(row.at).push_bind(row.actor.kind()).push_bind(row.actor.user_id()).push_bind(key);
            match key {
                Some(id) => values
                    .push("(SELECT name FROM api_keys WHERE id = ")
                    .push_bind_unseparated(id)
                    .push_unseparated(")"),
                None => values.push("NULL"),
            };
            values
                .push_bind(row.method.as_str())
                .push_bind(row.path.as_str())
                .push_bind(row.route.as_deref())
                .push_bind(i64::from(row.status))
                .push_bind(i64::try_from(row.latency.as_micros()).unwrap_or(i64::MAX))
                .push_bind(super::signed(row.bytes_in))
                .push_bind(super::signed(row.bytes_out))
                .push_bind(row.address.to_string())
                .push_bind(row.user_agent.as_deref());
            match &row.project {
                Some(ProjectRef::Id(id)) => values
                    .push("(SELECT name FROM projects WHERE id = ")
                    .push_bind_unseparated(*id)
                    .push_unseparated(")"),
                Some(ProjectRef::Name(name)) => values.push_bind(name.as_str()),
                None => values.push("NULL"),
            };
            values.push_bind(row.request_id.as_str()).push_bind(row.error.as_deref());
        });
        // The text differs with the number of rows.
        query.build().persistent(false).execute(c).await.map(|_| ())
    })?;
    Ok(())
}

/// Lists records, newest first.
pub async fn list(conn: Conn<'_>, filter: &AccessFilter, page: PageRequest) -> Result<Page<AccessRecord>> {
    let rows: Vec<AccessRecord> = on!(conn, |c| {
        let mut query = QueryBuilder::new(
            "SELECT id, at, principal, user_id, key_id, key_name, method, path, route, status, latency_us, bytes_in,
                 bytes_out, address, user_agent, project_name, request_id, error
             FROM access_logs
             WHERE TRUE",
        );
        if let Some(from) = page.from {
            query.push(" AND (at, id) <= (").push_bind(from.key).push(", ").push_bind(from.id).push(")");
        }
        if let Some(key) = filter.key {
            query.push(" AND key_id = ").push_bind(key);
        }
        if let Some(user) = filter.user {
            query.push(" AND user_id = ").push_bind(user);
        }
        if let Some((low, high)) = filter.status {
            query.push(" AND status BETWEEN ").push_bind(i64::from(low)).push(" AND ").push_bind(i64::from(high));
        }
        if let Some(method) = &filter.method {
            query.push(" AND method = ").push_bind(method.as_str());
        }
        if let Some(route) = &filter.route {
            query.push(" AND route = ").push_bind(route.as_str());
        }
        if let Some(start) = filter.start {
            query.push(" AND at >= ").push_bind(start);
        }
        if let Some(end) = filter.end {
            query.push(" AND at < ").push_bind(end);
        }
        query.push(" ORDER BY at DESC, id DESC LIMIT ").push_bind(page.fetch());
        query.build_query_as().fetch_all(c).await
    })?;
    Ok(page.page(rows, |row| Cursor { key: row.at.0, id: row.id }))
}

/// Removes up to `limit` records from before an instant, the oldest first; returns how many.
pub async fn delete_old(conn: Conn<'_>, before: UnixNanos, limit: i64) -> Result<u64> {
    Ok(on!(conn, |c| sqlx::query(sql!(
        "DELETE FROM access_logs
         WHERE id IN (SELECT id FROM access_logs WHERE at < $1 ORDER BY at LIMIT $2)"
    ))
    .bind(before)
    .bind(limit)
    .execute(c)
    .await
    .map(|done| done.rows_affected()))?)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        db::testing::db_test,
        domain::{
            access::Actor,
            api_key::KeyKind,
            id::{ApiKeyId, ProjectId, UserId},
            page::Order,
        },
    };

    fn access(at: i64, status: u16, actor: Actor) -> Access {
        Access {
            at: UnixNanos(at),
            actor,
            method: "GET".to_owned(),
            path: "/v1/projects".to_owned(),
            route: Some("/v1/projects".into()),
            status,
            latency: Duration::from_micros(7),
            bytes_in: 1,
            bytes_out: u64::MAX,
            address: [192, 0, 2, 1].into(),
            user_agent: None,
            project: Some(if status == 200 { ProjectRef::Name("p".to_owned()) } else { ProjectRef::Id(ProjectId(99)) }),
            spans: 0,
            request_id: "r".to_owned(),
            error: None,
        }
    }

    db_test! {
        async fn records_are_listed_newest_first_page_by_page_and_removed_in_slices(db: Db) {
            let key = Actor::Key(ApiKeyId(7), KeyKind::System, UserId(1));
            let rows: Vec<Access> = (0..25)
                .map(|n| access(n / 2, if n % 5 == 0 { 404 } else { 200 }, if n % 2 == 0 { key } else { Actor::Anonymous }))
                .collect();
            let mut tx = db.begin().await.unwrap();
            add(tx.conn(), &rows).await.unwrap();
            add(tx.conn(), &[]).await.unwrap();
            tx.commit().await.unwrap();
            let mut reader = db.read().await.unwrap();
            let mut request = PageRequest { from: None, limit: 4, order: Order::Desc };
            let mut seen = Vec::new();
            loop {
                let page = list(reader.conn(), &AccessFilter::default(), request).await.unwrap();
                seen.extend(page.items.into_iter().map(|r| (r.at.0, r.id)));
                let Some(next) = page.next else { break };
                request.from = Some(next);
            }
            assert_eq!(seen.len(), 25);
            assert!(seen.is_sorted_by(|a, b| a > b), "{seen:?}");
            request = PageRequest { from: None, limit: 100, order: Order::Desc };
            for (filter, count) in [
                (AccessFilter { key: Some(ApiKeyId(7)), ..AccessFilter::default() }, 13),
                (AccessFilter { user: Some(UserId(1)), ..AccessFilter::default() }, 13),
                (AccessFilter { user: Some(UserId(2)), ..AccessFilter::default() }, 0),
                (AccessFilter { status: Some((400, 499)), ..AccessFilter::default() }, 5),
                (AccessFilter { method: Some("POST".to_owned()), ..AccessFilter::default() }, 0),
                (AccessFilter { route: Some("/v1/projects".to_owned()), ..AccessFilter::default() }, 25),
                (AccessFilter { start: Some(UnixNanos(1)), end: Some(UnixNanos(3)), ..AccessFilter::default() }, 4),
            ] {
                let page = list(reader.conn(), &filter, request).await.unwrap();
                assert_eq!(page.items.len(), count, "{filter:?}");
                let named = |r: &AccessRecord| r.project_name.as_deref() == (r.status == 200).then_some("p");
                assert!(page.items.iter().all(|r| named(r) && r.key_name.is_none()));
            }
            drop(reader);
            let mut tx = db.begin().await.unwrap();
            assert_eq!(delete_old(tx.conn(), UnixNanos(5), 8).await.unwrap(), 8);
            assert_eq!(delete_old(tx.conn(), UnixNanos(5), 8).await.unwrap(), 2);
            assert_eq!(delete_old(tx.conn(), UnixNanos(5), 8).await.unwrap(), 0);
        }
    }
}
