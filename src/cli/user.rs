//! Create users and reset passwords, on the database directly.

use anyhow::Result;
use clap::Subcommand;
use secrecy::{ExposeSecret as _, SecretString};

use crate::{
    app,
    auth::password::Passwords,
    config::Config,
    domain::{scope::Role, time::Clock, user::PasswordPolicy},
    service::bootstrap,
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Create a user who must change the password at first login
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
        /// Read the first password from standard input instead of making one
        #[arg(long)]
        password_stdin: bool,
        #[command(flatten)]
        config: Box<Config>,
    },
    /// Set a password that must be changed at the next login, and end the user's sessions
    ResetPassword {
        /// E-mail address of the user
        #[arg(long)]
        email: String,
        /// Read the password from standard input instead of making one
        #[arg(long)]
        password_stdin: bool,
        #[command(flatten)]
        config: Box<Config>,
    },
}

pub(super) async fn run(args: Args) -> Result<()> {
    let clock = Clock::system();
    let made = match args.action {
        Action::Create { username, email, role, password_stdin, config } => {
            anyhow::ensure!(role != Role::System, "there is one system user and it exists");
            anyhow::ensure!(!username.trim().is_empty(), "--username: a name cannot be empty");
            anyhow::ensure!(email.contains('@'), "--email: not an e-mail address");
            let config = super::checked(*config)?;
            let password = read_password(&config, password_stdin)?;
            let db = app::open_database(&config).await?;
            let passwords = Passwords::new();
            bootstrap::run(&db, &passwords, &bootstrap::Seed::default(), clock.now()).await?;
            let made =
                bootstrap::add_user(&db, &passwords, username.trim(), &email, role, password, clock.now()).await?;
            db.close().await;
            made
        }
        Action::ResetPassword { email, password_stdin, config } => {
            let config = super::checked(*config)?;
            let password = read_password(&config, password_stdin)?;
            let db = app::open_database(&config).await?;
            let made = bootstrap::reset_password(&db, &Passwords::new(), &email, password, clock.now()).await?;
            db.close().await;
            made
        }
    };
    if let Some(password) = made {
        println!("{}", password.expose_secret());
    }
    Ok(())
}

fn read_password(config: &Config, from_stdin: bool) -> Result<Option<SecretString>> {
    if !from_stdin {
        return Ok(None);
    }
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    let password = line.trim_end_matches(['\r', '\n']);
    let policy = PasswordPolicy { strong: config.auth.strong_password_policy };
    policy.check(password).map_err(|e| anyhow::anyhow!(e))?;
    Ok(Some(password.into()))
}
