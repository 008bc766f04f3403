//! What was said of something that has not arrived yet: kept in the database, so that a restart loses none of it, and
//! applied once it arrives.
//!
//! Ingest is not asked: it would look for annotations of every span, and nearly no span has one that came before it. A
//! job looks for the targets of what waits, less and less often.

use std::{collections::BTreeMap, time::Duration};

use super::{
    Services,
    annotations::{Outcome, Sorted},
};
use crate::{
    db::Tx,
    domain::{
        annotation::{Judgement, Target},
        id::UserId,
        time::UnixNanos,
    },
    error::{Error, Result},
    store::{self, annotations::Standing, pending_annotations::Pending},
};

/// How soon after it came an annotation is looked at, and how long after that again, at least.
pub const INTERVAL: Duration = Duration::from_secs(2);
/// How long an annotation waits; spans are sent when they end, so a root span may be long in coming.
const PATIENCE: Duration = Duration::from_hours(24);
/// Annotations that may wait at once.
const MAX_WAITING: i64 = 100_000;
/// Annotations that one transaction looks at.
const SLICE: i64 = 200;

/// Keeps annotations until their targets arrive.
pub(super) async fn keep(tx: &mut Tx, waiting: &[Pending], now: UnixNanos) -> Result<()> {
    if store::pending_annotations::count(tx.conn(), MAX_WAITING).await? >= MAX_WAITING {
        return Err(Error::Unavailable {
            detail: "Too many annotations wait for spans that have not arrived",
            retry_after: Duration::from_mins(1),
        });
    }
    store::pending_annotations::add(tx.conn(), waiting, now.plus(INTERVAL)).await
}

/// Applies what waits for something that is there by now, and gives up what waited too long.
pub async fn apply(services: &Services) -> Result<()> {
    let (db, now) = (&services.0.db, services.0.clock.now());
    let mut applied = 0;
    loop {
        {
            let mut reader = db.read().await?;
            if !store::pending_annotations::any_due(reader.conn(), now).await? {
                break;
            }
        }
        let mut tx = db.begin().await?;
        let least = i64::try_from(INTERVAL.as_nanos()).unwrap_or(i64::MAX);
        let due = store::pending_annotations::take_due(tx.conn(), now, least, SLICE).await?;
        let mut done = Vec::new();
        for group in groups(due) {
            done.extend(apply_group(&mut tx, &group, now).await?);
        }
        if !done.is_empty() {
            store::pending_annotations::delete(tx.conn(), &done).await?;
        }
        tx.commit().await?;
        applied += done.len();
        tokio::task::yield_now().await;
    }
    if applied > 0 {
        tracing::debug!(annotations = applied, "annotations that waited are done with");
    }
    Ok(())
}

/// Sorts what waits by what can be looked up together: the same kind of target, within the same projects.
fn groups(due: Vec<Pending>) -> Vec<Vec<Pending>> {
    let mut groups: BTreeMap<(Target, String), Vec<Pending>> = BTreeMap::new();
    for pending in due {
        groups.entry((pending.target, format!("{:?}", pending.access))).or_default().push(pending);
    }
    groups.into_values().collect()
}

/// Applies a group; returns the rows that are done with.
async fn apply_group(tx: &mut Tx, group: &[Pending], now: UnixNanos) -> Result<Vec<i64>> {
    let Some(Pending { target, access, .. }) = group.first() else { return Ok(Vec::new()) };
    let mut sorted = Sorted::look_up(tx, access, *target, group.iter().map(|p| p.key.as_str())).await?;
    let mut misfits = vec![false; group.len()];
    if *target == Target::Document {
        let positions = group.iter().map(|p| p.judgement.document_position);
        misfits = sorted.drop_misfits(tx, access, positions).await?;
    }
    let said: Vec<(&Judgement, Option<UserId>, UnixNanos)> =
        group.iter().map(|p| (&p.judgement, p.user_id, p.received_at)).collect();
    let outcomes = sorted.write(tx, access, *target, &said, Standing::Newest).await?;
    let mut done = Vec::new();
    for ((pending, outcome), misfits) in group.iter().zip(outcomes).zip(misfits) {
        // Nobody is there any more to be told of a document that the span does not have.
        let waits = outcome == Outcome::NotThere && !misfits && now.since(pending.received_at) < PATIENCE;
        if !waits {
            done.push(pending.id);
        }
    }
    Ok(done)
}
