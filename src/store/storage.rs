//! How much space the database takes, and whether somebody was told.

use crate::{
    db::{Conn, on, sql},
    domain::{storage::TableSize, time::UnixNanos},
    error::Result,
};

/// Returns the size of the database in bytes. Pages that deleted rows left behind do not count on SQLite: what is written
/// next takes them before the file grows. Postgres says what its files take, which shrinks when it has vacuumed them.
pub async fn size(conn: Conn<'_>) -> Result<i64> {
    Ok(match conn {
        Conn::Sqlite(c) => {
            sqlx::query_scalar(sql!(sqlite:
                "SELECT (p.page_count - f.freelist_count) * s.page_size
                 FROM pragma_page_count AS p, pragma_freelist_count AS f, pragma_page_size AS s"
            ))
            .fetch_one(c)
            .await?
        }
        Conn::Postgres(c) => {
            sqlx::query_scalar(sql!(postgres: "SELECT pg_database_size(current_database())")).fetch_one(c).await?
        }
    })
}

/// Returns the size of each table with its indexes, largest first. SQLite would have to read the whole file for that, so
/// there it is one number.
pub async fn table_sizes(mut conn: Conn<'_>) -> Result<Vec<TableSize>> {
    let rows: Vec<(String, i64)> = match &mut conn {
        Conn::Sqlite(_) => vec![("SQLite".to_owned(), size(conn).await?)],
        Conn::Postgres(c) => {
            sqlx::query_as(sql!(postgres:
                "SELECT c.relname::text, pg_total_relation_size(c.oid) AS bytes
                 FROM pg_class AS c
                 JOIN pg_namespace AS n ON n.oid = c.relnamespace
                 WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p', 'm')
                 ORDER BY bytes DESC, c.relname"
            ))
            .fetch_all(&mut **c)
            .await?
        }
    };
    Ok(rows.into_iter().map(|(table, bytes)| TableSize { table, bytes }).collect())
}

/// Notes that a warning is due; `false` when one was given since the space was last enough.
pub async fn begin_warning(conn: Conn<'_>, now: UnixNanos) -> Result<bool> {
    let rows =
        on!(conn, |c| sqlx::query(sql!("UPDATE storage_state SET warned_at = $1 WHERE id = 1 AND warned_at IS NULL"))
            .bind(now)
            .execute(c)
            .await
            .map(|done| done.rows_affected()))?;
    Ok(rows == 1)
}

/// Whether a warning was given since the space was last enough.
pub async fn is_warned(conn: Conn<'_>) -> Result<bool> {
    Ok(on!(conn, |c| sqlx::query_scalar(sql!("SELECT warned_at IS NOT NULL FROM storage_state WHERE id = 1"))
        .fetch_one(c)
        .await)?)
}

/// Notes that the space is enough again.
pub async fn end_warning(conn: Conn<'_>) -> Result<()> {
    on!(conn, |c| sqlx::query(sql!("UPDATE storage_state SET warned_at = NULL WHERE id = 1"))
        .execute(c)
        .await
        .map(|_| ()))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::testing::db_test;

    db_test! {
        async fn a_warning_is_given_once_until_the_space_is_enough(db: Db) {
            let mut tx = db.begin().await.unwrap();
            assert!(size(tx.conn()).await.unwrap() > 100_000);
            assert!(!table_sizes(tx.conn()).await.unwrap().is_empty());
            assert!(!is_warned(tx.conn()).await.unwrap());
            assert!(begin_warning(tx.conn(), UnixNanos(1)).await.unwrap());
            assert!(!begin_warning(tx.conn(), UnixNanos(2)).await.unwrap());
            assert!(is_warned(tx.conn()).await.unwrap());
            end_warning(tx.conn()).await.unwrap();
            assert!(begin_warning(tx.conn(), UnixNanos(3)).await.unwrap());
        }
    }
}
