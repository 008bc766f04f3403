//! Apply pending migrations, or list them.

use anyhow::Result;

use crate::{app, config::Config, db};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Only list what is pending
    #[arg(long)]
    list: bool,
    #[command(flatten)]
    config: Box<Config>,
}

pub(super) async fn run(args: Args) -> Result<()> {
    let config = super::checked(*args.config)?;
    let db = db::Db::open(&app::database_options(&config)?).await?;
    let pending = db::migrate::pending(&db).await?;
    if !args.list {
        db::migrate::run(&db, |_| ()).await?;
    }
    db.close().await;
    let verb = if args.list { "pending" } else { "applied" };
    for (version, name) in &pending {
        println!("{verb} {version:04} {name}");
    }
    if pending.is_empty() {
        println!("the database is up to date");
    }
    Ok(())
}
