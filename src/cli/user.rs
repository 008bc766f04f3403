//! List, create and change users, on the database directly: for provisioning, and for those who are locked out.

use anyhow::{Context as _, Result};
use clap::{ArgAction, Subcommand};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use super::password;
use crate::{
    app,
    auth::password::Passwords,
    config::Config,
    domain::{
        id::GlobalId,
        scope::Role,
        secret::random_id,
        time::{Clock, UnixNanos},
        user::{NewUser, PasswordPolicy, User, check_email, check_username},
    },
    service::offline_users::{self, NewPassword, Patch, UserRef},
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

/// Which user.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Which {
    /// E-mail address of the user
    #[arg(long)]
    email: Option<String>,
    /// Name of the user
    #[arg(long)]
    username: Option<String>,
}

impl Which {
    fn into_ref(self) -> Result<UserRef> {
        let by_name = self.username.map(UserRef::Username);
        self.email.map(UserRef::Email).or(by_name).context("--email or --username: which user?")
    }
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List users, oldest first: id, state, role, e-mail address, name, last login; tabs between
    List {
        /// A JSON array instead
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        config: Box<Config>,
    },
    /// Create a user; without a password one is made and printed, once
    Create {
        /// Unique name
        #[arg(long)]
        username: String,
        /// E-mail address to log in with
        #[arg(long)]
        email: String,
        /// ADMIN, MEMBER or VIEWER
        #[arg(long, default_value = "MEMBER")]
        role: Role,
        /// Whether the password must be changed at the first login
        #[arg(long, default_value = "true", action = ArgAction::Set, value_name = "true|false")]
        must_change: bool,
        #[command(flatten)]
        password: password::Source,
        #[command(flatten)]
        config: Box<Config>,
    },
    /// Set a password, end the user's sessions and forget failed logins; without a password one is made and printed, once
    #[command(alias = "reset-password")]
    SetPassword {
        #[command(flatten)]
        user: Which,
        /// Whether the password must be changed at the next login
        #[arg(long, default_value = "true", action = ArgAction::Set, value_name = "true|false")]
        must_change: bool,
        #[command(flatten)]
        password: password::Source,
        #[command(flatten)]
        config: Box<Config>,
    },
    /// Change a user's role and end their sessions
    SetRole {
        #[command(flatten)]
        user: Which,
        /// ADMIN, MEMBER or VIEWER
        #[arg(long)]
        role: Role,
        #[command(flatten)]
        config: Box<Config>,
    },
    /// Refuse a user's logins, sessions and keys from now on; what they made stays
    Deactivate {
        #[command(flatten)]
        user: Which,
        #[command(flatten)]
        config: Box<Config>,
    },
    /// Let a deactivated user in again
    Activate {
        #[command(flatten)]
        user: Which,
        #[command(flatten)]
        config: Box<Config>,
    },
}

pub(super) async fn run(args: Args) -> Result<()> {
    let clock = Clock::system();
    match args.action {
        Action::List { json, config } => list(*config, json).await,
        Action::Create { username, email, role, must_change, password, config } => {
            anyhow::ensure!(role != Role::System, "--role: there is one system user and it exists");
            check_username(&username).map_err(|e| anyhow::anyhow!("--username: {e}"))?;
            check_email(&email).map_err(|e| anyhow::anyhow!("--email: {e}"))?;
            let config = super::checked(*config)?;
            let (text, made) = read_password(&config, &password)?;
            let (db, _) = super::open_seeded(&config, clock.now()).await?;
            let hash = Passwords::new().hash(text).await?;
            let user =
                NewUser { password_needs_reset: must_change, ..NewUser::local(role, &username, &email, Some(hash)) };
            offline_users::add(&db, &user, clock.now()).await?;
            db.close().await;
            print_made(made.as_ref());
            Ok(())
        }
        Action::SetPassword { user, must_change, password, config } => {
            let config = super::checked(*config)?;
            let (text, made) = read_password(&config, &password)?;
            let (db, deployment) = super::open_seeded(&config, clock.now()).await?;
            let (user, new) = (user.into_ref()?, NewPassword { text, must_change });
            offline_users::set_password(&db, &Passwords::new(), &deployment, &user, new, clock.now()).await?;
            db.close().await;
            print_made(made.as_ref());
            Ok(())
        }
        Action::SetRole { user, role, config } => {
            update(*config, user, Patch { role: Some(role), ..Patch::default() }, clock.now()).await
        }
        Action::Deactivate { user, config } => {
            update(*config, user, Patch { active: Some(false), ..Patch::default() }, clock.now()).await
        }
        Action::Activate { user, config } => {
            update(*config, user, Patch { active: Some(true), ..Patch::default() }, clock.now()).await
        }
    }
}

async fn update(config: Config, user: Which, patch: Patch, now: UnixNanos) -> Result<()> {
    let (db, _) = super::open_seeded(&super::checked(config)?, now).await?;
    let changed = offline_users::update(&db, &user.into_ref()?, &patch, now).await?;
    db.close().await;
    println!("{}", if changed { "changed" } else { "unchanged" });
    Ok(())
}

async fn list(config: Config, as_json: bool) -> Result<()> {
    let db = app::open_database(&super::checked(config)?).await?;
    let users = offline_users::list(&db).await?;
    db.close().await;
    if as_json {
        let users: Vec<_> = users.iter().map(object).collect();
        println!("{}", serde_json::to_string_pretty(&users)?);
    } else {
        users.iter().map(line).for_each(|line| println!("{line}"));
    }
    Ok(())
}

fn public_id(user: &User) -> String {
    GlobalId::encode("User", user.id.0)
}

fn object(user: &User) -> serde_json::Value {
    json!({
        "id": public_id(user),
        "email": user.email,
        "username": user.username,
        "role": user.role.as_str(),
        "active": user.is_active,
        "auth_method": user.auth_method.as_str(),
        "password_needs_reset": user.password_needs_reset,
        "last_login_at": user.last_login_at.map(UnixNanos::to_rfc3339),
        "created_at": user.created_at.to_rfc3339(),
    })
}

fn line(user: &User) -> String {
    let state = if user.is_active { "active" } else { "inactive" };
    let last_login = user.last_login_at.map_or_else(|| "never".to_owned(), UnixNanos::to_rfc3339);
    // A name of an older version may hold anything; a list has one line a user.
    let username = user.username.replace(char::is_control, " ");
    format!("{}\t{state}\t{}\t{}\t{username}\t{last_login}", public_id(user), user.role, user.email)
}

/// Returns the password to be set, and the same again if it was made here and must be shown.
fn read_password(config: &Config, source: &password::Source) -> Result<(SecretString, Option<SecretString>)> {
    let Some(given) = source.read()? else {
        // 131 random bits pass no policy that asks for special characters, and need none.
        let made = SecretString::from(random_id());
        return Ok((made.clone(), Some(made)));
    };
    let policy = PasswordPolicy { strong: config.auth.strong_password_policy };
    policy.check(given.expose_secret()).map_err(|e| anyhow::anyhow!(e))?;
    Ok((given, None))
}

fn print_made(made: Option<&SecretString>) {
    if let Some(password) = made {
        println!("{}", password.expose_secret());
    }
}
