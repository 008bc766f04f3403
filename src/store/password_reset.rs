//! Password reset tokens: at most one a user, known by the digest of its id.

use std::time::Duration;

use crate::{
    db::{Conn, on, sql},
    domain::{id::UserId, secret::HashedToken, time::UnixNanos},
    error::Result,
};

/// No more than three requests of one user are granted in this time.
const WINDOW: Duration = Duration::from_hours(1);

/// Adds a token in place of the user's last one, unless three were added within the hour; returns whether it did. One
/// statement, so that of requests at once no more than three are granted.
pub async fn replace(
    conn: Conn<'_>,
    user_id: UserId,
    digest: &HashedToken,
    now: UnixNanos,
    expires_at: UnixNanos,
) -> Result<bool> {
    let rows = on!(conn, |c| sqlx::query(sql!(
        "INSERT INTO password_reset_tokens (user_id, digest, created_at, expires_at)
         VALUES ($1, $2, $3, $4)
         ON CONFLICT (user_id) DO UPDATE
         SET digest = excluded.digest,
             created_at = excluded.created_at,
             previous_at = password_reset_tokens.created_at,
             oldest_at = password_reset_tokens.previous_at,
             expires_at = excluded.expires_at
         WHERE password_reset_tokens.oldest_at IS NULL OR password_reset_tokens.oldest_at <= $5"
    ))
    .bind(user_id)
    .bind(digest.0.as_slice())
    .bind(now)
    .bind(expires_at)
    .bind(now.minus(WINDOW))
    .execute(c)
    .await
    .map(|r| r.rows_affected()))?;
    Ok(rows == 1)
}

/// Takes a token that has not expired out of the table; returns whose it was and when it was added. One statement, so
/// that of two takers one wins.
pub async fn take(conn: Conn<'_>, digest: &HashedToken, now: UnixNanos) -> Result<Option<(UserId, UnixNanos)>> {
    Ok(on!(conn, |c| sqlx::query_as(sql!(
        "DELETE FROM password_reset_tokens
         WHERE digest = $1 AND expires_at > $2
         RETURNING user_id, created_at"
    ))
    .bind(digest.0.as_slice())
    .bind(now)
    .fetch_optional(c)
    .await)?)
}

/// Removes a user's token.
pub async fn delete_of_user(conn: Conn<'_>, user_id: UserId) -> Result<()> {
    on!(conn, |c| sqlx::query(sql!("DELETE FROM password_reset_tokens WHERE user_id = $1"))
        .bind(user_id)
        .execute(c)
        .await
        .map(|_| ()))?;
    Ok(())
}

/// Removes tokens that have expired, once they do not count any more either.
pub async fn delete_expired(conn: Conn<'_>, now: UnixNanos) -> Result<u64> {
    Ok(on!(conn, |c| sqlx::query(sql!(
        "DELETE FROM password_reset_tokens WHERE expires_at <= $1 AND created_at <= $2"
    ))
    .bind(now)
    .bind(now.minus(WINDOW))
    .execute(c)
    .await
    .map(|r| r.rows_affected()))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        db::{Db, testing::db_test},
        domain::{scope::Role, user::NewUser},
        store,
    };

    const NOW: UnixNanos = UnixNanos(1_800_000_000_000_000_000);

    fn at(minutes: u64) -> UnixNanos {
        NOW.plus(Duration::from_mins(minutes))
    }

    fn digest(byte: u8) -> HashedToken {
        HashedToken([byte; 32])
    }

    async fn user(db: &Db, name: &str) -> UserId {
        let user = NewUser::local(Role::Member, name, &format!("{name}@example.com"), None);
        let mut tx = db.begin().await.unwrap();
        let id = store::users::add_if_absent(tx.conn(), &user, NOW).await.unwrap().unwrap();
        tx.commit().await.unwrap();
        id
    }

    async fn put(db: &Db, user: UserId, byte: u8, minute: u64) -> bool {
        let mut tx = db.begin().await.unwrap();
        let put = replace(tx.conn(), user, &digest(byte), at(minute), at(minute + 15)).await.unwrap();
        tx.commit().await.unwrap();
        put
    }

    async fn get(db: &Db, byte: u8, minute: u64) -> Option<(UserId, UnixNanos)> {
        let mut tx = db.begin().await.unwrap();
        let taken = take(tx.conn(), &digest(byte), at(minute)).await.unwrap();
        tx.commit().await.unwrap();
        taken
    }

    async fn sweep(db: &Db, minute: u64) -> u64 {
        let mut tx = db.begin().await.unwrap();
        let deleted = delete_expired(tx.conn(), at(minute)).await.unwrap();
        tx.commit().await.unwrap();
        deleted
    }

    db_test! {
        async fn a_token_is_taken_once_until_it_expires(db: Db) {
            let (ann, bob) = (user(&db, "ann").await, user(&db, "bob").await);
            assert!(put(&db, ann, 1, 0).await && put(&db, bob, 2, 0).await);
            assert_eq!(get(&db, 3, 0).await, None);
            assert_eq!(get(&db, 1, 14).await, Some((ann, at(0))));
            assert_eq!(get(&db, 1, 14).await, None, "spent");
            assert_eq!(get(&db, 2, 15).await, None, "expired");
        }
    }

    db_test! {
        async fn a_new_token_replaces_the_one_before(db: Db) {
            let ann = user(&db, "ann").await;
            assert!(put(&db, ann, 1, 0).await && put(&db, ann, 2, 1).await);
            assert_eq!(get(&db, 1, 1).await, None);
            assert_eq!(get(&db, 2, 1).await, Some((ann, at(1))));
            assert!(put(&db, ann, 3, 2).await);
            let mut tx = db.begin().await.unwrap();
            delete_of_user(tx.conn(), ann).await.unwrap();
            tx.commit().await.unwrap();
            assert_eq!(get(&db, 3, 2).await, None);
        }
    }

    db_test! {
        async fn three_are_granted_in_any_hour(db: Db) {
            let ann = user(&db, "ann").await;
            let mut granted = Vec::new();
            for minute in 0..=130 {
                if put(&db, ann, u8::try_from(minute).unwrap(), minute).await {
                    granted.push(minute);
                }
            }
            assert_eq!(granted, [0, 1, 2, 60, 61, 62, 120, 121, 122]);
            assert_eq!(get(&db, 130, 130).await, None, "a refused token does not replace the one before");
            assert!(get(&db, 122, 130).await.is_some());
        }
    }

    db_test! {
        async fn what_has_expired_is_removed_when_it_does_not_count_any_more(db: Db) {
            let ann = user(&db, "ann").await;
            assert!(put(&db, ann, 1, 0).await);
            for (minute, removed) in [(14, 0), (15, 0), (59, 0), (60, 1), (61, 0)] {
                assert_eq!(sweep(&db, minute).await, removed, "{minute}");
            }
        }
    }
}
