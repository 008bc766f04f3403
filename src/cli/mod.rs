//! The command line: `serve` (also without a word), `migrate`, `backup`, `user`, `api-key`, `provision`, `export`,
//! `import`, `retention`, `schema`, `healthcheck`.

mod api_key;
mod archive;
mod backup;
mod export;
mod healthcheck;
mod import;
mod migrate;
mod password;
mod provision;
mod retention;
mod schema;
mod serve;
mod user;

use std::{ffi::OsString, process::ExitCode};

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};

use crate::{
    app,
    auth::password::Passwords,
    config::{self, Config},
    db::Db,
    domain::time::UnixNanos,
    service::bootstrap,
    store::deployment::Deployment,
};

/// Auth-enabled observability server for LLM applications; speaks the wire protocol of Arize Phoenix.
#[derive(Debug, Parser)]
#[command(name = "phoenix-server", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve HTTP and OTLP/gRPC (the default)
    Serve {
        #[command(flatten)]
        config: Box<Config>,
    },
    /// Apply pending migrations, or list them
    Migrate(migrate::Args),
    /// Write a copy of a SQLite database, which a server may be using
    Backup(backup::Args),
    /// List, create and change users, on the database directly
    User(user::Args),
    /// Create, list, rotate and revoke API keys, on the database directly
    ApiKey(api_key::Args),
    /// Bring users and system keys to what a file says, on the database directly
    Provision(provision::Args),
    /// Write the spans of a project to a file, from the database directly
    Export(export::Args),
    /// Store the spans of a file in a project, in the database directly
    Import(import::Args),
    /// Carry out the retention policies now, on the database directly
    Retention(retention::Args),
    /// Print a generated document
    Schema(schema::Args),
    /// Ask a running server on this machine whether it is alive
    Healthcheck {
        #[command(flatten)]
        config: Box<Config>,
    },
}

/// Runs the command line and returns the exit code.
pub fn main(
    arguments: impl Iterator<Item = OsString>,
    environment: impl Iterator<Item = (OsString, OsString)>,
) -> ExitCode {
    let cli = match Cli::try_parse_from(with_default_command(arguments.collect())) {
        Ok(cli) => cli,
        Err(error) if !error.use_stderr() => {
            // Help and version: what was asked for.
            let _ = error.print();
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("phoenix-server: {}", config::one_line(&error));
            return ExitCode::from(2);
        }
    };
    let environment: Vec<(OsString, OsString)> = environment.collect();
    match run(cli.command, environment) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("phoenix-server: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Without a command, or with options alone, the command is `serve`.
fn with_default_command(mut arguments: Vec<OsString>) -> Vec<OsString> {
    const ASKS: [&str; 4] = ["--help", "-h", "--version", "-V"];
    let first = arguments.get(1).and_then(|a| a.to_str());
    let is_option = first.is_none_or(|a| a.starts_with('-') && !ASKS.contains(&a));
    if is_option {
        arguments.insert(1.min(arguments.len()), "serve".into());
    }
    arguments
}

fn run(command: Command, environment: Vec<(OsString, OsString)>) -> Result<()> {
    match command {
        Command::Serve { config } => {
            let warnings = Config::warnings(environment.into_iter());
            block_on(serve::run(checked(*config)?, &warnings))
        }
        Command::Migrate(args) => block_on(migrate::run(args)),
        Command::Backup(args) => block_on(backup::run(args)),
        Command::User(args) => block_on(user::run(args)),
        Command::ApiKey(args) => block_on(api_key::run(args)),
        Command::Provision(args) => block_on(provision::run(args, environment.into_iter().collect())),
        Command::Export(args) => block_on(export::run(args)),
        Command::Import(args) => block_on(import::run(args)),
        Command::Retention(args) => block_on(retention::run(args)),
        Command::Schema(args) => schema::run(&args),
        Command::Healthcheck { config } => block_on(healthcheck::run(checked(*config)?)),
    }
}

fn checked(mut config: Config) -> Result<Config> {
    config.validate()?;
    Ok(config)
}

/// Opens the configured database with the rows of a first start. Further administrators are left to the server, which
/// greets them by mail.
async fn open_seeded(config: &Config, now: UnixNanos) -> Result<(Db, Deployment)> {
    let db = app::open_database(config).await?;
    let seed = bootstrap::Seed { admins: Vec::new(), ..app::seed(config) };
    let deployment = bootstrap::run(&db, &Passwords::new(), &seed, now).await?;
    Ok((db, deployment))
}

fn block_on<T, F: Future<Output = Result<T>>>(work: F) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("no async runtime")?;
    runtime.block_on(work)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed_and_serves_by_default() {
        use clap::CommandFactory as _;
        Cli::command().debug_assert();
        let with = |args: &[&str]| with_default_command(args.iter().map(OsString::from).collect());
        assert_eq!(with(&["x"]), ["x", "serve"]);
        assert_eq!(with(&["x", "--port", "1"]), ["x", "serve", "--port", "1"]);
        assert_eq!(with(&["x", "migrate"]), ["x", "migrate"]);
        assert_eq!(with(&["x", "--version"]), ["x", "--version"]);
    }
}
