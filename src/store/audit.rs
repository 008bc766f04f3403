//! The audit log: written in the transaction of the change, never changed, and removed by age alone, if at all.

use crate::{
    db::{Conn, on, sql},
    domain::{
        audit::{NewRecord, Record, RecordFilter},
        page::{Cursor, Page, PageRequest},
        time::UnixNanos,
    },
    error::Result,
};

/// Adds a record.
pub async fn add(conn: Conn<'_>, record: &NewRecord, now: UnixNanos) -> Result<()> {
    on!(conn, |c| sqlx::query(sql!(
        "INSERT INTO audit_records
             (created_at, actor_type, actor_id, actor_name, action, subject_type, subject_id, subject_name, details,
              address, request_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
    ))
    .bind(now)
    .bind(record.actor.kind.as_str())
    .bind(&record.actor.id)
    .bind(&record.actor.name)
    .bind(record.action.as_str())
    .bind(&record.subject.kind)
    .bind(&record.subject.id)
    .bind(&record.subject.name)
    .bind(&record.details)
    .bind(record.origin.address.map(|a| a.to_string()))
    .bind(record.origin.request_id.as_deref())
    .execute(c)
    .await
    .map(|_| ()))?;
    Ok(())
}

/// Removes up to `limit` records from before an instant, the oldest first; returns how many.
pub async fn delete_old(conn: Conn<'_>, before: UnixNanos, limit: i64) -> Result<u64> {
    Ok(on!(conn, |c| sqlx::query(sql!(
        "DELETE FROM audit_records
         WHERE id IN (SELECT id FROM audit_records WHERE created_at < $1 ORDER BY created_at LIMIT $2)"
    ))
    .bind(before)
    .bind(limit)
    .execute(c)
    .await
    .map(|done| done.rows_affected()))?)
}

/// Lists records, newest first.
pub async fn list(conn: Conn<'_>, filter: &RecordFilter, page: PageRequest) -> Result<Page<Record>> {
    let rows: Vec<Record> = on!(conn, |c| {
        let mut query = sqlx::QueryBuilder::new(
            "SELECT id, created_at, actor_type, actor_id, actor_name, action, subject_type, subject_id, subject_name,
                 details, address, request_id
             FROM audit_records
             WHERE TRUE",
        );
        if let Some(actor) = &filter.actor {
            query.push(" AND (actor_id = ").push_bind(actor).push(" OR actor_name = ").push_bind(actor).push(")");
        }
        if let Some(action) = &filter.action {
            query.push(" AND (action = ").push_bind(action);
            // Compared, not matched by a pattern: an underscore is an underscore.
            let family = format!("{action}.");
            query.push(" OR SUBSTR(action, 1, ").push_bind(i32::try_from(family.len()).unwrap_or(i32::MAX));
            query.push(") = ").push_bind(family).push(")");
        }
        if let Some(subject) = &filter.subject {
            query.push(" AND (subject_id = ").push_bind(subject).push(" OR subject_name = ");
            query.push_bind(subject).push(")");
        }
        if let Some(start) = filter.start {
            query.push(" AND created_at >= ").push_bind(start);
        }
        if let Some(end) = filter.end {
            query.push(" AND created_at < ").push_bind(end);
        }
        if let Some(from) = page.from {
            query.push(" AND id <= ").push_bind(from.id);
        }
        query.push(" ORDER BY id DESC LIMIT ").push_bind(page.fetch());
        query.build_query_as().fetch_all(c).await
    })?;
    Ok(page.page(rows, |row| Cursor { key: row.id, id: row.id }))
}
