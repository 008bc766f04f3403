//! What each caller has spent of its limits, shared by the processes on one Postgres; no other engine has several.
//!
//! The algorithm is that of `auth::key_limits`: an account has paid for what it took by `paid_at`, and may be `burst`
//! ahead of time.

use crate::{
    db::{Conn, on, sql},
    domain::time::UnixNanos,
    error::Result,
};

/// What one process wants of one account.
#[derive(Clone, Debug)]
pub struct Line {
    /// Whose account.
    pub subject: String,
    /// Which.
    pub class: &'static str,
    /// Requests to take or, less than zero, to give back.
    pub wanted: i64,
    /// What one costs, in nanoseconds.
    pub cost: i64,
    /// How far ahead of time the account may be.
    pub burst: i64,
}

/// What it was given.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Answer {
    /// Whose account.
    pub subject: String,
    /// Which.
    pub class: String,
    /// Requests taken, or given back.
    pub granted: i64,
    /// When the account will have paid.
    pub paid_at: UnixNanos,
}

/// Takes from and gives back to accounts, in one statement; every account at most once.
pub async fn exchange(conn: Conn<'_>, lines: &[Line], now: UnixNanos) -> Result<Vec<Answer>> {
    // Arrays and GREATEST are Postgres', and so are several processes.
    let Conn::Postgres(c) = conn else { return Ok(Vec::new()) };
    let subjects: Vec<&str> = lines.iter().map(|line| line.subject.as_str()).collect();
    let classes: Vec<&str> = lines.iter().map(|line| line.class).collect();
    let wanted: Vec<i64> = lines.iter().map(|line| line.wanted).collect();
    let costs: Vec<i64> = lines.iter().map(|line| line.cost).collect();
    let bursts: Vec<i64> = lines.iter().map(|line| line.burst).collect();
    Ok(sqlx::query_as(sql!(
        postgres:
        "INSERT INTO rate_leases AS r (subject, class, paid_at, granted, wanted, cost, burst, now_at)
         SELECT u.subject, u.class, $6 + u.cost * GREATEST(0, LEAST(u.wanted, u.burst / u.cost)),
             GREATEST(0, LEAST(u.wanted, u.burst / u.cost)), u.wanted, u.cost, u.burst, $6
         FROM UNNEST($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[])
             AS u (subject, class, wanted, cost, burst)
         ORDER BY u.subject, u.class
         ON CONFLICT (subject, class) DO UPDATE SET
             granted = CASE
                 WHEN excluded.wanted < 0 THEN excluded.wanted
                 ELSE GREATEST(0, LEAST(excluded.wanted,
                     (excluded.burst - (GREATEST(r.paid_at, excluded.now_at) - excluded.now_at)) / excluded.cost))
                 END,
             paid_at = GREATEST(r.paid_at, excluded.now_at) + excluded.cost * CASE
                 WHEN excluded.wanted < 0 THEN excluded.wanted
                 ELSE GREATEST(0, LEAST(excluded.wanted,
                     (excluded.burst - (GREATEST(r.paid_at, excluded.now_at) - excluded.now_at)) / excluded.cost))
                 END,
             wanted = excluded.wanted, cost = excluded.cost, burst = excluded.burst, now_at = excluded.now_at
         RETURNING subject, class, granted, paid_at"
    ))
    .bind(subjects)
    .bind(classes)
    .bind(wanted)
    .bind(costs)
    .bind(bursts)
    .bind(now)
    .fetch_all(c)
    .await?)
}

/// Removes accounts that have long paid.
pub async fn delete_old(conn: Conn<'_>, before: UnixNanos) -> Result<()> {
    on!(conn, |c| sqlx::query(sql!("DELETE FROM rate_leases WHERE paid_at < $1"))
        .bind(before)
        .execute(c)
        .await
        .map(|_| ()))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::testing;

    #[tokio::test]
    async fn an_account_gives_no_more_than_it_has_and_takes_back_what_was_not_used() {
        let db = testing::postgres().await;
        let mut connection = db.read().await.unwrap();
        let mut now = UnixNanos(1_800_000_000_000_000_000);
        let line =
            |subject: &str, wanted| Line { subject: subject.to_owned(), class: "api", wanted, cost: 10, burst: 100 };
        for (subject, wanted, granted) in [
            ("a", 4, 4),
            ("a", 5, 5),
            ("a", 5, 1),
            ("a", 5, 0),
            ("a", -3, -3),
            ("a", 5, 3),
            ("b", 50, 10),
            ("c", -1, 0),
        ] {
            let answer = exchange(connection.conn(), &[line(subject, wanted)], now).await.unwrap();
            assert_eq!(answer[0].granted, granted, "{subject} {wanted}");
        }
        now.0 += 20;
        let both = exchange(connection.conn(), &[line("a", 5), line("b", 1)], now).await.unwrap();
        assert_eq!(both.iter().map(|a| a.granted).collect::<Vec<_>>(), [2, 1]);
        delete_old(connection.conn(), UnixNanos(now.0 + 1_000)).await.unwrap();
        assert_eq!(exchange(connection.conn(), &[line("a", 99)], now).await.unwrap()[0].granted, 10);
    }
}
