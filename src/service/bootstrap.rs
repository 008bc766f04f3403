//! The first start: the system user, the administrator, the administrators of `PHOENIX_ADMINS`, the default project.
//!
//! Works on a database directly: there is no caller yet who could be asked for a proof.

use secrecy::SecretString;

use super::{
    audit,
    users::{created, password_changed},
};
use crate::{
    auth::password::Passwords,
    db::Db,
    domain::{
        api_key::{KeyKind, NewApiKey},
        audit::{Actor, ActorKind, Origin},
        auth_change::AuthChange,
        id::UserId,
        project::{DEFAULT_PROJECT, ProjectRef, Projects},
        scope::Role,
        secret::{KeyPrefix, PlainToken, random_bytes, random_id},
        time::UnixNanos,
        user::{ADMIN_EMAIL, NewUser, SYSTEM_EMAIL, SYSTEM_USER, User, normalize_email},
    },
    error::{Error, Result},
    store::{self, api_keys::Material, deployment::Deployment},
};

/// Who shall be there after the first start.
#[derive(Clone, Debug, Default)]
pub struct Seed {
    /// Password of `admin@localhost`; `admin` if there is none.
    pub admin_password: Option<SecretString>,
    /// Further administrators, as name and e-mail address.
    pub admins: Vec<(String, String)>,
}

/// What is there after a start.
#[derive(Debug)]
pub struct Seeded {
    /// The deployment.
    pub deployment: Deployment,
    /// The administrators of `PHOENIX_ADMINS` that this very start made: nobody knows a password of theirs.
    pub new_admins: Vec<UserId>,
}

/// Makes what is missing and returns the deployment. Safe to run in several processes at once, and at every start.
pub async fn run(db: &Db, passwords: &Passwords, seed: &Seed, now: UnixNanos) -> Result<Deployment> {
    Ok(sow(db, passwords, seed, now).await?.deployment)
}

/// Makes what is missing and says whom it made. Safe to run in several processes at once, and at every start.
pub async fn sow(db: &Db, passwords: &Passwords, seed: &Seed, now: UnixNanos) -> Result<Seeded> {
    let admin_is_missing = {
        let mut reader = db.read().await?;
        store::users::find_by_email(reader.conn(), ADMIN_EMAIL).await?.is_none()
    };
    // Hashed before the transaction: on SQLite nobody else writes meanwhile.
    let admin_hash = if admin_is_missing {
        let password = seed.admin_password.clone().unwrap_or_else(|| SecretString::from("admin"));
        Some(passwords.hash(password).await?)
    } else {
        None
    };
    let mut tx = db.begin().await?;
    let uuid = uuid::Uuid::new_v4().to_string();
    let deployment = store::deployment::find_or_add(tx.conn(), &uuid, &random_bytes(), now).await?;
    let system = NewUser { password_needs_reset: false, ..NewUser::local(Role::System, "system", SYSTEM_EMAIL, None) };
    // On Postgres a conflict still spends a row id, hence the look before: user 2 is the administrator.
    if store::users::find_by_email(tx.conn(), SYSTEM_EMAIL).await?.is_none() {
        store::users::add_if_absent(tx.conn(), &system, now).await?;
    }
    if let Some(password_hash) = admin_hash
        && store::users::find_by_email(tx.conn(), ADMIN_EMAIL).await?.is_none()
    {
        let admin = NewUser::local(Role::Admin, "admin", ADMIN_EMAIL, Some(password_hash));
        store::users::add_if_absent(tx.conn(), &admin, now).await?;
    }
    let mut new_admins = Vec::new();
    for (username, email) in &seed.admins {
        let email = normalize_email(email);
        if store::users::find_by_email(tx.conn(), &email).await?.is_some() {
            continue;
        }
        // The password is set by an administrator or by a reset mail; until then none is right.
        let admin = NewUser::local(Role::Admin, username, &email, None);
        if let Some(id) = store::users::add_if_absent(tx.conn(), &admin, now).await? {
            if let Some(user) = store::users::find(tx.conn(), id).await? {
                let server = Actor::only(ActorKind::Server);
                audit::record_as(&mut tx, server, &Origin::default(), created(&user), now).await?;
            }
            new_admins.push(id);
        } else {
            tracing::warn!(user.name = %username, "PHOENIX_ADMINS: the name is taken by another user");
        }
    }
    let default = ProjectRef::Name(DEFAULT_PROJECT.to_owned());
    if store::projects::find(tx.conn(), &Projects::All, &default).await?.is_none() {
        match store::projects::add(tx.conn(), DEFAULT_PROJECT, Some("Default project"), now).await {
            Ok(_) | Err(Error::Conflict(_)) => {}
            Err(error) => return Err(error),
        }
    }
    tx.commit().await?;
    Ok(Seeded { deployment, new_admins })
}

/// Sets a user's password and ends their sessions; for the command line. Returns the new password when none is given.
pub async fn reset_password(
    db: &Db,
    passwords: &Passwords,
    email: &str,
    password: Option<SecretString>,
    now: UnixNanos,
) -> Result<Option<SecretString>> {
    let email = normalize_email(email);
    let user = {
        let mut reader = db.read().await?;
        store::users::find_by_email(reader.conn(), &email).await?
    };
    let user =
        user.ok_or_else(|| Error::NotFound(format!("There is no user with the e-mail address {email}").into()))?;
    if user.role == Role::System {
        return Err(Error::forbidden("The system user has no password"));
    }
    let made = password.is_none().then(|| SecretString::from(random_id()));
    let new = password.or_else(|| made.clone()).unwrap_or_default();
    let hash = passwords.hash(new).await?;
    let mut tx = db.begin().await?;
    store::users::update_password(tx.conn(), user.id, &hash, true, now).await?;
    store::password_reset::delete_of_user(tx.conn(), user.id).await?;
    let ended = store::sessions::delete_of_user(tx.conn(), user.id).await?;
    audit::record_offline(&mut tx, password_changed(&user, ended.len()), now).await?;
    store::auth_changes::add(tx.conn(), &AuthChange::User, now).await?;
    tx.commit().await?;
    Ok(made)
}

/// Adds an administrator, member or viewer; for the command line. Returns their first password when none is given.
pub async fn add_user(
    db: &Db,
    passwords: &Passwords,
    username: &str,
    email: &str,
    role: Role,
    password: Option<SecretString>,
    now: UnixNanos,
) -> Result<Option<SecretString>> {
    let made = password.is_none().then(|| SecretString::from(random_id()));
    let hash = passwords.hash(password.or_else(|| made.clone()).unwrap_or_default()).await?;
    let user = NewUser::local(role, username, email, Some(hash));
    let mut tx = db.begin().await?;
    let added = store::users::add_if_absent(tx.conn(), &user, now).await?;
    let added = added.ok_or_else(|| Error::Conflict("Username or email already exists".into()))?;
    if let Some(user) = store::users::find(tx.conn(), added).await? {
        audit::record_offline(&mut tx, created(&user), now).await?;
    }
    tx.commit().await?;
    Ok(made)
}

/// Makes a system key; for the command line.
pub async fn add_system_key(db: &Db, deployment: &Deployment, key: &NewApiKey, now: UnixNanos) -> Result<PlainToken> {
    super::api_keys::validate(key)?;
    if key.expires_at.is_some_and(|at| at <= now) {
        return Err(Error::invalid("expires_at", "Expiration time must be in the future"));
    }
    let token = PlainToken::generate(KeyPrefix::System);
    let digest = token.digest(&deployment.digest_key);
    let (kind, user_id) = (KeyKind::System, SYSTEM_USER);
    let material = Material { kind, user_id, created_by: None, digest: &digest, masked: &token.masked() };
    let mut tx = db.begin().await?;
    let made = store::api_keys::add(tx.conn(), material, key, now).await?;
    audit::record_offline(&mut tx, super::api_keys::created(&made), now).await?;
    tx.commit().await?;
    Ok(token)
}

/// Returns the projects with these names; none given = all projects.
pub async fn projects_by_name(db: &Db, names: &[String]) -> Result<Projects> {
    if names.is_empty() {
        return Ok(Projects::All);
    }
    let mut ids = Vec::new();
    let mut reader = db.read().await?;
    for name in names {
        let found = store::projects::find(reader.conn(), &Projects::All, &ProjectRef::Name(name.clone())).await?;
        ids.push(found.ok_or_else(|| Error::NotFound(format!("Project with name {name} not found").into()))?.id);
    }
    ids.sort_unstable();
    ids.dedup();
    Ok(Projects::Only(ids.into()))
}

/// Returns the system user, which the first start made.
pub async fn system_user(db: &Db) -> Result<User> {
    let mut reader = db.read().await?;
    let found = store::users::find(reader.conn(), SYSTEM_USER).await?;
    found.ok_or_else(|| Error::internal("user 1 is not there; was the database emptied by hand?"))
}
