//! Carry out the retention policies now, or say what that would remove; on the database directly.

use anyhow::Result;

use super::open_seeded;
use crate::{config::Config, domain::time::Clock, service::retention};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Only say what would be removed
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    config: Box<Config>,
}

pub(super) async fn run(args: Args) -> Result<()> {
    let config = super::checked(*args.config)?;
    let clock = Clock::system();
    let (db, _) = open_seeded(&config, clock.now()).await?;
    let outcomes = if args.dry_run {
        Some(retention::foresee(&db, clock.now()).await?)
    } else {
        retention::run_all(&db, &clock).await?
    };
    db.close().await;
    let Some(outcomes) = outcomes else {
        anyhow::bail!("another process is carrying out the policies");
    };
    for outcome in outcomes {
        let (name, rule) = (&outcome.policy.name, outcome.policy.rule);
        let (traces, spans) = (outcome.removed.traces, outcome.removed.spans);
        let verb = if args.dry_run { "would remove" } else { "removed" };
        println!("{}\t{name}: {rule}\t{verb} {traces} traces, {spans} spans", outcome.project);
    }
    Ok(())
}
