//! The deployment itself: its id and the key of its digests, made once; and the blocks that row ids come from.

use std::ops::Range;

use crate::{
    db::{Conn, on, sql},
    domain::{secret::DigestKey, time::UnixNanos},
    error::Result,
};

/// The deployment.
#[derive(Clone, Debug)]
pub struct Deployment {
    /// Names this deployment in the tokens it signs, so that two with one secret do not accept each other's.
    pub uuid: String,
    /// Key of the digests under which API keys are stored.
    pub digest_key: DigestKey,
}

/// Returns the deployment, making it at the first start. The proposed values are used only then.
pub async fn find_or_add(mut conn: Conn<'_>, uuid: &str, digest_key: &[u8; 32], now: UnixNanos) -> Result<Deployment> {
    on!(&mut conn, |c| sqlx::query(sql!(
        "INSERT INTO deployment (id, uuid, digest_key, created_at)
         VALUES (1, $1, $2, $3)
         ON CONFLICT (id) DO NOTHING"
    ))
    .bind(uuid)
    .bind(digest_key.as_slice())
    .bind(now)
    .execute(&mut **c)
    .await
    .map(|_| ()))?;
    let (uuid, key): (String, Vec<u8>) =
        on!(conn, |c| sqlx::query_as(sql!("SELECT uuid, digest_key FROM deployment WHERE id = 1")).fetch_one(c).await)?;
    Ok(Deployment { uuid, digest_key: DigestKey::new(&key) })
}

/// Takes a block of span row ids that no other process will use.
pub async fn take_span_ids(conn: Conn<'_>, count: i64) -> Result<Range<i64>> {
    let end: i64 = on!(conn, |c| sqlx::query_scalar(sql!(
        "UPDATE id_sequences SET next_id = next_id + $1 WHERE name = 'spans' RETURNING next_id"
    ))
    .bind(count)
    .fetch_one(c)
    .await)?;
    Ok(end - count..end)
}
