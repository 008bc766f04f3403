//! Create, list, rotate and revoke API keys, on the database directly.

use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Subcommand;

use crate::{
    app,
    config::Config,
    db::Db,
    domain::{
        api_key::{ApiKey, Environment, KeyKind, KeyStatus, NewApiKey},
        plan::{KeyLimits, Plan},
        project::Projects,
        scope::{Role, Scope, ScopeSet},
        time::{Clock, UnixNanos},
    },
    service::{bootstrap, offline_keys},
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Args)]
struct NewKey {
    /// Name for people
    #[arg(long)]
    name: String,
    /// What it is for
    #[arg(long)]
    description: Option<String>,
    /// ADMIN, MEMBER or VIEWER; ADMIN if a scope is `admin`, else MEMBER
    #[arg(long)]
    role: Option<Role>,
    /// A scope that the key is narrowed to, such as traces:write; may be repeated
    #[arg(long = "scope")]
    scopes: Vec<Scope>,
    /// A set of scopes: read-only, read-write or admin
    #[arg(long, conflicts_with = "scopes", value_parser = ScopeSet::preset)]
    preset: Option<ScopeSet>,
    /// A project, by name, that the key is bound to; may be repeated
    #[arg(long = "project")]
    projects: Vec<String>,
    /// First instant at which the key is refused (RFC 3339)
    #[arg(long)]
    expires_at: Option<String>,
    /// free, pro or enterprise
    #[arg(long)]
    plan: Option<Plan>,
    /// Requests that send traces, a minute
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    ingest_per_minute: Option<u32>,
    /// Every other request, a minute
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    api_per_minute: Option<u32>,
    /// Requests under way at once
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    concurrent: Option<u32>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Create a system key and print its secret, once
    Create {
        #[command(flatten)]
        key: Box<NewKey>,
        #[command(flatten)]
        config: Box<Config>,
    },
    /// List keys, newest first: id, kind, status, role, scopes, projects, masked key, name; tabs between
    List {
        /// user or system
        #[arg(long)]
        kind: Option<KeyKind>,
        /// active, expired or revoked
        #[arg(long)]
        status: Option<KeyStatus>,
        #[command(flatten)]
        config: Box<Config>,
    },
    /// Give a key a new secret and print it, once
    Rotate {
        /// Id, as the lists show it
        id: String,
        /// Seconds that the present secret works on, at most 30 days
        #[arg(long, default_value = "0")]
        grace_period_seconds: u64,
        #[command(flatten)]
        config: Box<Config>,
    },
    /// Revoke a key for good
    Revoke {
        /// Id, as the lists show it
        id: String,
        #[command(flatten)]
        config: Box<Config>,
    },
}

pub(super) async fn run(args: Args) -> Result<()> {
    let clock = Clock::system();
    match args.action {
        Action::Create { key, config } => {
            let (db, deployment) = super::open_seeded(&super::checked(*config)?, clock.now()).await?;
            let key = read(&db, *key).await?;
            let token = bootstrap::add_system_key(&db, &deployment, &key, clock.now()).await?;
            db.close().await;
            println!("{}", token.expose());
        }
        Action::List { kind, status, config } => {
            let db = app::open_database(&super::checked(*config)?).await?;
            let now = clock.now();
            let keys = offline_keys::list(&db, kind, status, now).await?;
            db.close().await;
            for key in keys {
                println!("{}", line(&key, now));
            }
        }
        Action::Rotate { id, grace_period_seconds, config } => {
            let (db, deployment) = super::open_seeded(&super::checked(*config)?, clock.now()).await?;
            let grace = Duration::from_secs(grace_period_seconds);
            let token = offline_keys::rotate(&db, &deployment, &id, grace, clock.now()).await?;
            db.close().await;
            println!("{}", token.expose());
        }
        Action::Revoke { id, config } => {
            let db = app::open_database(&super::checked(*config)?).await?;
            offline_keys::revoke(&db, &id, clock.now()).await?;
            db.close().await;
        }
    }
    Ok(())
}

async fn read(db: &Db, key: NewKey) -> Result<NewApiKey> {
    let expires_at =
        key.expires_at.map(|t| UnixNanos::parse(&t).context("--expires-at: not an RFC 3339 instant")).transpose()?;
    let scopes = key.preset.or_else(|| (!key.scopes.is_empty()).then(|| key.scopes.into_iter().collect()));
    let asks_for_admin = scopes.is_some_and(|s| s.iter().any(|s| s == Scope::Admin));
    let role = key.role.unwrap_or(if asks_for_admin { Role::Admin } else { Role::Member });
    anyhow::ensure!(role != Role::System, "--role: ADMIN, MEMBER or VIEWER");
    if let Some(scope) = scopes.and_then(|s| s.beyond(role.scopes())) {
        anyhow::bail!("--scope: the role {role} does not hold the scope {scope}");
    }
    Ok(NewApiKey {
        name: key.name,
        description: key.description,
        expires_at,
        role,
        scopes,
        projects: bootstrap::projects_by_name(db, &key.projects).await?,
        environment: Environment::Live,
        plan: key.plan,
        limits: KeyLimits {
            ingest_per_minute: key.ingest_per_minute,
            api_per_minute: key.api_per_minute,
            concurrent: key.concurrent,
        },
    })
}

fn line(key: &ApiKey, now: UnixNanos) -> String {
    let scopes = key.scopes.map_or_else(|| "every scope".to_owned(), ScopeSet::to_text);
    let projects = match &key.projects {
        Projects::All => "every project".to_owned(),
        Projects::Only(ids) => format!("{} projects", ids.len()),
    };
    let (id, kind, status, role) = (key.id.to_public(), key.kind.as_str(), key.status(now).as_str(), key.role);
    // A name may hold anything; a list has one line a key.
    let name = key.name.replace(char::is_control, " ");
    format!("{id}\t{kind}\t{status}\t{role}\t{scopes}\t{projects}\t{}\t{name}", key.masked)
}
