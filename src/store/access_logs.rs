//! The access log: blocks of records.
//!
//! A block spans at most an hour, so a page that begins anywhere in the log reads few blocks that it does not need. What
//! several processes write overlaps in time; a list merges. Blocks of single seconds are merged with their neighbours
//! once their hour is over ([`merge`]): a busy log does not need it, a quiet one becomes ten times smaller.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::IpAddr,
};

use sqlx::{Connection as _, QueryBuilder};

use super::{
    access_log_block::{Block, Glance, MAX_RECORDS, View, encode},
    push_in,
};
use crate::{
    db::{Conn, on, sql},
    domain::{
        access::{Access, AccessFilter, AccessRecord, HOUR},
        page::{Cursor, Page, PageRequest},
        project::ProjectRef,
        time::UnixNanos,
    },
    error::Result,
};

/// How far the first and the last record of a block are apart, at most.
const WIDTH: i64 = HOUR;
/// Blocks that a list reads at once.
const READ_AT_ONCE: usize = 8;
/// Ids that are looked up by one statement.
const LOOKED_UP: usize = 1_000;
/// Blocks, and records in them, that one transaction merges.
const MERGED_BLOCKS: i64 = 1_000;
const MERGED_RECORDS: i64 = 16_384;
/// A block with this many records stays as it is.
const LARGE: usize = 1_000;

/// Adds records in blocks. The names of keys and projects are looked up, as they are now.
pub async fn add(mut conn: Conn<'_>, accesses: &[Access]) -> Result<()> {
    let keys: BTreeSet<i64> = accesses.iter().filter_map(|a| a.actor.key_id()).map(|id| id.0).collect();
    let projects: BTreeSet<i64> = accesses.iter().filter_map(project_id).collect();
    let keys = names(conn.reborrow(), "api_keys", &keys).await?;
    let projects = names(conn.reborrow(), "projects", &projects).await?;
    let mut addresses: HashMap<IpAddr, String> = HashMap::new();
    for access in accesses {
        addresses.entry(access.address).or_insert_with(|| access.address.to_string());
    }
    let mut sorted: Vec<&Access> = accesses.iter().collect();
    sorted.sort_by_key(|access| access.at);
    let newest = sorted.last().map_or(0, |access| access.at.0);
    // Ids order the records of one instant and name them. They need not follow one another: the time, and a number that
    // another process hardly picks in the same millisecond.
    let first_id = ((newest / 1_000_000) << 20) + i64::from(rand::random::<u32>() >> 13);
    let views: Vec<View<'_>> = sorted
        .into_iter()
        .zip(first_id..)
        .map(|(access, id)| View {
            id,
            at: access.at,
            principal: access.actor.kind(),
            user_id: access.actor.user_id(),
            key_id: access.actor.key_id(),
            key_name: access.actor.key_id().and_then(|id| keys.get(&id.0)).map(String::as_str),
            method: &access.method,
            path: &access.path,
            route: access.route.as_deref(),
            status: i64::from(access.status),
            latency_us: i64::try_from(access.latency.as_micros()).unwrap_or(i64::MAX),
            bytes_in: super::signed(access.bytes_in),
            bytes_out: super::signed(access.bytes_out),
            address: addresses.get(&access.address).map_or("", String::as_str),
            user_agent: access.user_agent.as_deref(),
            project_name: match &access.project {
                Some(ProjectRef::Id(id)) => projects.get(&id.0).map(String::as_str),
                Some(ProjectRef::Name(name)) => Some(name),
                None => None,
            },
            request_id: &access.request_id,
            error: access.error.as_deref(),
        })
        .collect();
    add_blocks(conn, &views, false).await
}

fn project_id(access: &Access) -> Option<i64> {
    match &access.project {
        Some(ProjectRef::Id(id)) => Some(id.0),
        Some(ProjectRef::Name(_)) | None => None,
    }
}

async fn names(mut conn: Conn<'_>, table: &'static str, ids: &BTreeSet<i64>) -> Result<HashMap<i64, String>> {
    let mut names = HashMap::new();
    for ids in ids.iter().copied().collect::<Vec<_>>().chunks(LOOKED_UP) {
        let found: Vec<(i64, String)> = on!(&mut conn, |c| {
            let mut query = QueryBuilder::new("SELECT id, name FROM ");
            query.push(table).push(" WHERE TRUE");
            push_in(&mut query, "id", ids.iter().copied());
            query.build_query_as().fetch_all(&mut **c).await
        })?;
        names.extend(found);
    }
    Ok(names)
}

/// Adds records, the oldest first.
async fn add_blocks(mut conn: Conn<'_>, mut views: &[View<'_>], merged: bool) -> Result<()> {
    while let Some(first) = views.first() {
        let end = views.iter().take(MAX_RECORDS).take_while(|view| view.at.0 - first.at.0 <= WIDTH).count();
        let (block, rest) = views.split_at(end);
        add_block(conn.reborrow(), first.at, block, merged).await?;
        views = rest;
    }
    Ok(())
}

async fn add_block(mut conn: Conn<'_>, first_at: UnixNanos, views: &[View<'_>], merged: bool) -> Result<()> {
    let last_at = views.last().map_or(first_at, |view| view.at);
    let statuses = views.iter().fold(0, |bits, view| bits | status_bit(view.status));
    let data = encode(views)?;
    let id: i64 = on!(&mut conn, |c| sqlx::query_scalar(sql!(
        "INSERT INTO access_log_blocks (first_at, last_at, records, statuses, merged, data)
         VALUES ($1, $2, $3, $4, $5, $6)
         RETURNING id"
    ))
    .bind(first_at)
    .bind(last_at)
    .bind(i64::try_from(views.len()).unwrap_or(i64::MAX))
    .bind(statuses)
    .bind(i64::from(merged || views.len() >= LARGE))
    .bind(data.as_slice())
    .fetch_one(&mut **c)
    .await)?;
    let keys: BTreeSet<i64> = views.iter().filter_map(|view| view.key_id).map(|id| id.0).collect();
    let users: BTreeSet<i64> = views.iter().filter_map(|view| view.user_id).map(|id| id.0).collect();
    for (table, column, ids) in [("access_log_keys", "key_id", keys), ("access_log_users", "user_id", users)] {
        for ids in ids.into_iter().collect::<Vec<_>>().chunks(LOOKED_UP) {
            on!(&mut conn, |c| {
                let mut query = QueryBuilder::new("INSERT INTO ");
                query.push(table).push(" (").push(column).push(", last_at, block_id) ");
                query.push_values(ids, |mut values, subject| {
                    values.push_bind(*subject).push_bind(last_at).push_bind(id);
                });
                query.build().persistent(ids.len() == 1).execute(&mut **c).await.map(|_| ())
            })?;
        }
    }
    Ok(())
}

/// The bit of a class of status in the mask of a block.
const fn status_bit(status: i64) -> i64 {
    1 << (status / 100).rem_euclid(16)
}

/// Lists records, newest first.
pub async fn list(conn: Conn<'_>, filter: &AccessFilter, page: PageRequest) -> Result<Page<AccessRecord>> {
    let mut search = Search { filter, page, found: BTreeMap::new() };
    // One snapshot: while blocks are merged, a record is in one place or in another.
    match conn {
        Conn::Sqlite(c) => {
            let mut tx = c.begin().await?;
            search.run(Conn::Sqlite(&mut tx)).await?;
        }
        Conn::Postgres(c) => {
            let mut tx = c.begin().await?;
            sqlx::query(sql!(postgres: "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
                .execute(&mut *tx)
                .await?;
            search.run(Conn::Postgres(&mut tx)).await?;
        }
    }
    let rows = search.found.into_values().rev().collect();
    Ok(page.page(rows, |row: &AccessRecord| Cursor { key: row.at.0, id: row.id }))
}

/// A list in the making: the newest records that were found, as many as the page takes.
struct Search<'a> {
    filter: &'a AccessFilter,
    page: PageRequest,
    found: BTreeMap<(UnixNanos, i64), AccessRecord>,
}

impl Search<'_> {
    async fn run(&mut self, mut conn: Conn<'_>) -> Result<()> {
        let mut below = None;
        loop {
            let blocks = self.blocks(conn.reborrow(), below).await?;
            for (_, last_at, data) in &blocks {
                if self.is_full_from(*last_at) {
                    return Ok(());
                }
                self.read(data)?;
            }
            match blocks.last() {
                Some((id, last_at, _)) if blocks.len() == READ_AT_ONCE => below = Some((*last_at, *id)),
                _ => return Ok(()),
            }
        }
    }

    fn wanted_rows(&self) -> usize {
        self.page.limit as usize + 1
    }

    /// Whether no block that ends at an instant, or before, can add anything.
    fn is_full_from(&self, last_at: UnixNanos) -> bool {
        let oldest = self.found.first_key_value().map(|((at, _), _)| *at);
        self.found.len() >= self.wanted_rows() && oldest.is_some_and(|oldest| oldest > last_at)
    }

    /// Reads the next blocks, by their ends, the newest first.
    async fn blocks(&self, conn: Conn<'_>, below: Option<(UnixNanos, i64)>) -> Result<Vec<(i64, UnixNanos, Vec<u8>)>> {
        let filter = self.filter;
        Ok(on!(conn, |c| {
            let mut query = QueryBuilder::new("SELECT b.id, b.last_at, b.data FROM ");
            let (last_at, id) = if let Some(key) = filter.key {
                query.push("access_log_keys AS s JOIN access_log_blocks AS b ON b.id = s.block_id WHERE s.key_id = ");
                query.push_bind(key);
                ("s.last_at", "s.block_id")
            } else if let Some(user) = filter.user {
                query.push("access_log_users AS s JOIN access_log_blocks AS b ON b.id = s.block_id WHERE s.user_id = ");
                query.push_bind(user);
                ("s.last_at", "s.block_id")
            } else {
                query.push("access_log_blocks AS b WHERE TRUE");
                ("b.last_at", "b.id")
            };
            if let Some((at, block)) = below {
                query
                    .push(format_args!(" AND ({last_at}, {id}) < ("))
                    .push_bind(at)
                    .push(", ")
                    .push_bind(block)
                    .push(")");
            }
            if let Some(from) = self.page.from {
                let latest = UnixNanos(from.key.saturating_add(WIDTH));
                query.push(format_args!(" AND {last_at} <= ")).push_bind(latest);
                query.push(" AND b.first_at <= ").push_bind(UnixNanos(from.key));
            }
            if let Some(start) = filter.start {
                query.push(format_args!(" AND {last_at} >= ")).push_bind(start);
            }
            if let Some(end) = filter.end {
                query.push(format_args!(" AND {last_at} < ")).push_bind(UnixNanos(end.0.saturating_add(WIDTH)));
                query.push(" AND b.first_at < ").push_bind(end);
            }
            if let Some((low, high)) = filter.status {
                let mask = (low / 100..=high / 100).fold(0, |bits, class| bits | status_bit(i64::from(class) * 100));
                query.push(" AND (b.statuses & ").push_bind(mask).push(") <> 0");
            }
            query
                .push(format_args!(" ORDER BY {last_at} DESC, {id} DESC LIMIT "))
                .push_bind(i64::try_from(READ_AT_ONCE).unwrap_or(i64::MAX));
            query.build_query_as().fetch_all(c).await
        })?)
    }

    fn read(&mut self, data: &[u8]) -> Result<()> {
        let (filter, page, wanted_rows) = (self.filter, self.page, self.wanted_rows());
        let wanted = |glance: &Glance<'_>| {
            page.from.is_none_or(|from| (glance.at.0, glance.id()) <= (from.key, from.id)) && fits(filter, glance)
        };
        let found = &mut self.found;
        Block::open(data)?.newest_first(wanted, |record| {
            let key = (record.at, record.id);
            if found.len() >= wanted_rows && found.first_key_value().is_some_and(|(oldest, _)| *oldest > key) {
                // What follows in this block is older still.
                return false;
            }
            found.insert(key, record);
            if found.len() > wanted_rows {
                found.pop_first();
            }
            true
        })
    }
}

fn fits(filter: &AccessFilter, glance: &Glance<'_>) -> bool {
    filter.key.is_none_or(|key| glance.key_id() == Some(key))
        && filter.user.is_none_or(|user| glance.user_id() == Some(user))
        && filter.status.is_none_or(|(low, high)| (i64::from(low)..=i64::from(high)).contains(&glance.status()))
        && filter.method.as_ref().is_none_or(|method| glance.method() == method)
        && filter.route.as_ref().is_none_or(|route| glance.route() == route)
        && filter.start.is_none_or(|start| glance.at >= start)
        && filter.end.is_none_or(|end| glance.at < end)
}

/// Merges blocks that ended before an instant with their neighbours; returns how many there were to merge.
pub async fn merge(mut conn: Conn<'_>, before: UnixNanos) -> Result<usize> {
    let blocks: Vec<Vec<u8>> = on!(&mut conn, |c| sqlx::query_scalar(sql!(
        "DELETE FROM access_log_blocks
         WHERE id IN (SELECT id
                      FROM (SELECT id, SUM(records) OVER (ORDER BY last_at, id) AS total
                            FROM access_log_blocks
                            WHERE merged = 0 AND last_at < $1
                            ORDER BY last_at, id
                            LIMIT $2) AS few
                      WHERE total <= $3)
         RETURNING data"
    ))
    .bind(before)
    .bind(MERGED_BLOCKS)
    .bind(MERGED_RECORDS)
    .fetch_all(&mut **c)
    .await)?;
    let mut records = Vec::new();
    for data in &blocks {
        Block::open(data)?.newest_first(
            |_| true,
            |record| {
                records.push(record);
                true
            },
        )?;
    }
    records.sort_by_key(|record| (record.at, record.id));
    let views: Vec<View<'_>> = records.iter().map(View::from).collect();
    add_blocks(conn, &views, true).await?;
    Ok(blocks.len())
}

/// Removes up to `limit` blocks that ended before an instant, the oldest first; returns how many.
pub async fn delete_old(conn: Conn<'_>, before: UnixNanos, limit: i64) -> Result<u64> {
    Ok(on!(conn, |c| sqlx::query(sql!(
        "DELETE FROM access_log_blocks
         WHERE id IN (SELECT id FROM access_log_blocks WHERE last_at < $1 ORDER BY last_at LIMIT $2)"
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
        db::{Db, testing::db_test},
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
            // Blocks of two processes, which overlap.
            let (one, other): (Vec<_>, Vec<_>) = rows.into_iter().enumerate().partition(|(n, _)| n % 3 == 0);
            for rows in [one, other, Vec::new()] {
                let rows: Vec<Access> = rows.into_iter().map(|(_, row)| row).collect();
                add(tx.conn(), &rows).await.unwrap();
            }
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
            assert_eq!(delete_old(tx.conn(), UnixNanos(11), 8).await.unwrap(), 0);
            assert_eq!(delete_old(tx.conn(), UnixNanos(13), 1).await.unwrap(), 1);
            assert_eq!(delete_old(tx.conn(), UnixNanos(13), 8).await.unwrap(), 1);
            tx.commit().await.unwrap();
            let mut reader = db.read().await.unwrap();
            let filter = AccessFilter { key: Some(ApiKeyId(7)), ..AccessFilter::default() };
            assert!(list(reader.conn(), &filter, request).await.unwrap().items.is_empty());
        }
    }

    async fn all(db: &Db, filter: &AccessFilter, limit: u32) -> Vec<(i64, i64)> {
        let mut reader = db.read().await.unwrap();
        let mut request = PageRequest { from: None, limit, order: Order::Desc };
        let mut seen = Vec::new();
        loop {
            let page = list(reader.conn(), filter, request).await.unwrap();
            seen.extend(page.items.into_iter().map(|r| (r.at.0, r.id)));
            let Some(next) = page.next else { return seen };
            request.from = Some(next);
        }
    }

    db_test! {
        async fn merged_blocks_hold_what_their_parts_held(db: Db) {
            let minute = HOUR / 60;
            for n in 0..40 {
                // Some every few minutes over several hours, some of one instant, some that ended late.
                let rows: Vec<Access> = (0..=n % 3)
                    .map(|m| {
                        let actor = Actor::Key(ApiKeyId(n % 4), KeyKind::User, UserId(n % 5));
                        access((n * 7 - m * m) * minute, if m == 0 { 200 } else { 500 }, actor)
                    })
                    .collect();
                let mut tx = db.begin().await.unwrap();
                add(tx.conn(), &rows).await.unwrap();
                tx.commit().await.unwrap();
            }
            let filters = [
                AccessFilter::default(),
                AccessFilter { key: Some(ApiKeyId(3)), ..AccessFilter::default() },
                AccessFilter { user: Some(UserId(4)), status: Some((500, 500)), ..AccessFilter::default() },
                AccessFilter { start: Some(UnixNanos(2 * HOUR)), end: Some(UnixNanos(3 * HOUR + 1)), ..AccessFilter::default() },
            ];
            let mut before = Vec::new();
            for filter in &filters {
                let seen = all(&db, filter, 3).await;
                assert!(seen.is_sorted_by(|a, b| a > b), "{seen:?}");
                assert_eq!(seen, all(&db, filter, 1_000).await);
                before.push(seen);
            }
            assert_eq!(before[0].len(), 79);
            let mut tx = db.begin().await.unwrap();
            assert_eq!(merge(tx.conn(), UnixNanos(4 * HOUR)).await.unwrap(), 35);
            assert_eq!(merge(tx.conn(), UnixNanos(4 * HOUR)).await.unwrap(), 0);
            tx.commit().await.unwrap();
            for (filter, before) in filters.iter().zip(before) {
                assert_eq!(all(&db, filter, 3).await, before);
            }
        }
    }
}
