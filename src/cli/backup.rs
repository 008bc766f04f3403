//! Write a copy of a SQLite database that a server may be using, as it was at one instant.

use std::{
    fs::{File, OpenOptions},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};

use crate::{
    app,
    config::{Config, DatabaseTarget, SqliteTarget},
    db::{self, Db},
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// File to write; it must not be there yet
    file: PathBuf,
    #[command(flatten)]
    config: Box<Config>,
}

pub(super) async fn run(args: Args) -> Result<()> {
    let config = super::checked(*args.config)?;
    let source = match config.database.target(config.http.working_dir())? {
        DatabaseTarget::Sqlite(SqliteTarget::File(path)) => path,
        DatabaseTarget::Sqlite(SqliteTarget::Memory) => bail!("a database in memory is in its server alone"),
        DatabaseTarget::Postgres(target) => {
            bail!(
                "{} is a Postgres database: back it up with pg_dump, which needs no stop either (docs/operations.md)",
                target.label
            )
        }
    };
    if !source.is_file() {
        bail!("there is no database at {}", source.display());
    }
    let file = &args.file;
    if file.exists() {
        bail!("{} is there already; it was left untouched", file.display());
    }
    // Complete or not there: whoever finds the file may trust it.
    let partial = file.with_added_extension("partial");
    let copied = copy(&config, &partial).await;
    if let Err(error) = copied {
        let _ = std::fs::remove_file(&partial);
        return Err(error);
    }
    std::fs::rename(&partial, file).with_context(|| format!("{} cannot be written", file.display()))?;
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).context("the backup may not survive a power cut")?;
    let bytes = std::fs::metadata(file).map(|found| found.len()).unwrap_or_default();
    println!("{}: {bytes} bytes", file.display());
    Ok(())
}

async fn copy(config: &Config, to: &Path) -> Result<()> {
    // It holds digests of credentials and everything observed: for the owner's eyes.
    new_private_file(to).with_context(|| format!("{} cannot be written", to.display()))?;
    let db = Db::open(&app::database_options(config)?).await.map_err(app::explain)?;
    let copied = db::copy_into(&db, to).await.map_err(app::explain);
    db.close().await;
    copied.context("the database cannot be copied")?;
    File::open(to).and_then(|file| file.sync_all()).context("the backup cannot be brought to the disk")?;
    Ok(())
}

fn new_private_file(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path).map(|_| ())
}
