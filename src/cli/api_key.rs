//! Create and revoke system API keys, on the database directly.

use anyhow::{Context as _, Result};
use clap::Subcommand;

use crate::{
    app,
    auth::password::Passwords,
    config::Config,
    domain::{
        api_key::NewApiKey,
        id::{ApiKeyId, GlobalId},
        scope::{Role, Scope, ScopeSet},
        time::{Clock, UnixNanos},
    },
    service::bootstrap,
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Create a system key and print its secret, once
    Create {
        /// Name for people
        #[arg(long)]
        name: String,
        /// What it is for
        #[arg(long)]
        description: Option<String>,
        /// ADMIN, MEMBER or VIEWER
        #[arg(long, default_value = "MEMBER")]
        role: Role,
        /// A scope that the key is narrowed to, such as traces:write; may be repeated
        #[arg(long = "scope")]
        scopes: Vec<Scope>,
        /// A project, by name, that the key is bound to; may be repeated
        #[arg(long = "project")]
        projects: Vec<String>,
        /// First instant at which the key is refused (RFC 3339)
        #[arg(long)]
        expires_at: Option<String>,
        #[command(flatten)]
        config: Box<Config>,
    },
    /// Revoke a system key for good
    Revoke {
        /// Global id, as the lists show it
        id: String,
        #[command(flatten)]
        config: Box<Config>,
    },
}

pub(super) async fn run(args: Args) -> Result<()> {
    let clock = Clock::system();
    match args.action {
        Action::Create { name, description, role, scopes, projects, expires_at, config } => {
            let expires_at = expires_at
                .map(|t| UnixNanos::parse(&t).context("--expires-at: not an RFC 3339 instant"))
                .transpose()?;
            let config = super::checked(*config)?;
            let db = app::open_database(&config).await?;
            let seed = bootstrap::Seed::default();
            let deployment = bootstrap::run(&db, &Passwords::new(), &seed, clock.now()).await?;
            let scopes = (!scopes.is_empty()).then(|| scopes.into_iter().collect::<ScopeSet>());
            let projects = bootstrap::projects_by_name(&db, &projects).await?;
            let key = NewApiKey { name, description, expires_at, role, scopes, projects };
            let token = bootstrap::add_system_key(&db, &deployment, &key, clock.now()).await?;
            db.close().await;
            println!("{}", token.expose());
        }
        Action::Revoke { id, config } => {
            let id = GlobalId::decode_as(&id, "SystemApiKey").context("not the global id of a system key")?;
            let db = app::open_database(&super::checked(*config)?).await?;
            bootstrap::revoke_system_key(&db, ApiKeyId(id), clock.now()).await?;
            db.close().await;
        }
    }
    Ok(())
}
