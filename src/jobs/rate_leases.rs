//! Exchanges of rate limits with the other processes on one Postgres: see [`auth::key_limits`](crate::auth::key_limits).

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::{
    auth::key_limits::{KeyLimiter, Wish},
    db::Db,
    error::Result,
    store,
};

/// How long an exchange that nobody waits for gathers what others want.
const PACE: Duration = Duration::from_millis(100);
/// How often leases are looked at that nobody uses.
const IDLE: Duration = Duration::from_secs(1);

/// Carries out exchanges until the token is cancelled; then every lease is given back.
pub async fn run(db: Db, limiter: KeyLimiter, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = limiter.due(PACE, IDLE) => exchange(&db, &limiter, limiter.wishes()).await,
            () = stop.cancelled() => break,
        }
    }
    limiter.share(false);
    exchange(&db, &limiter, limiter.leases()).await;
}

async fn exchange(db: &Db, limiter: &KeyLimiter, wishes: Vec<Wish>) {
    if wishes.is_empty() {
        return;
    }
    match carry_out(db, limiter, &wishes).await {
        Ok(answers) => {
            for (wish, answer) in wishes.iter().zip(answers) {
                limiter.settle(wish, answer.map(|a| (a.granted, a.paid_at)));
            }
        }
        Err(error) => {
            tracing::warn!(error = ?error, "rate limits could not be shared; each process counts for itself");
            for wish in &wishes {
                limiter.settle(wish, None);
            }
        }
    }
}

async fn carry_out(db: &Db, limiter: &KeyLimiter, wishes: &[Wish]) -> Result<Vec<Option<store::rate_leases::Answer>>> {
    let lines: Vec<_> = wishes
        .iter()
        .map(|wish| store::rate_leases::Line {
            subject: wish.subject.clone(),
            class: wish.class.as_str(),
            wanted: wish.wanted,
            cost: wish.cost,
            burst: wish.burst,
        })
        .collect();
    // One statement that commits by itself.
    let mut connection = db.read().await?;
    let answers = store::rate_leases::exchange(connection.conn(), &lines, limiter.now()).await?;
    let of =
        |wish: &Wish| answers.iter().find(|a| a.subject == wish.subject && a.class == wish.class.as_str()).cloned();
    Ok(wishes.iter().map(of).collect())
}
