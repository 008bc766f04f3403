//! The first start: the system user, the administrator, the administrators of `PHOENIX_ADMINS`, the default project.
//!
//! Works on a database directly: there is no caller yet who could be asked for a proof.

use secrecy::SecretString;

use super::{audit, users::created};
use crate::{
    auth::password::Passwords,
    db::{Db, Tx},
    domain::{
        api_key::{KeyKind, NewApiKey},
        audit::{Actor, ActorKind, Origin},
        id::UserId,
        project::{DEFAULT_PROJECT, ProjectRef, Projects},
        scope::Role,
        secret::{KeyPrefix, PlainToken, random_bytes},
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
    let admin_hash =
        if admin_is_missing { Some(hash_of_admin(passwords, seed.admin_password.clone()).await?) } else { None };
    let mut tx = db.begin().await?;
    let seeded = sow_in(&mut tx, admin_hash, &seed.admins, now).await?;
    tx.commit().await?;
    Ok(seeded)
}

/// Whether a first start, or any command in its place, has been here.
pub async fn is_sown(db: &Db) -> Result<bool> {
    let mut reader = db.read().await?;
    Ok(store::users::find(reader.conn(), SYSTEM_USER).await?.is_some())
}

/// Returns the hash of the first administrator's password.
pub(super) async fn hash_of_admin(passwords: &Passwords, password: Option<SecretString>) -> Result<SecretString> {
    passwords.hash(password.unwrap_or_else(|| SecretString::from("admin"))).await
}

/// Makes what is missing within a transaction; the administrator only with a hash of their password.
pub(super) async fn sow_in(
    tx: &mut Tx,
    admin_hash: Option<SecretString>,
    admins: &[(String, String)],
    now: UnixNanos,
) -> Result<Seeded> {
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
    for (username, email) in admins {
        let email = normalize_email(email);
        if store::users::find_by_email(tx.conn(), &email).await?.is_some() {
            continue;
        }
        // The password is set by an administrator or by a reset mail; until then none is right.
        let admin = NewUser::local(Role::Admin, username, &email, None);
        if let Some(id) = store::users::add_if_absent(tx.conn(), &admin, now).await? {
            if let Some(user) = store::users::find(tx.conn(), id).await? {
                let server = Actor::only(ActorKind::Server);
                audit::record_as(tx, server, &Origin::default(), created(&user), now).await?;
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
    Ok(Seeded { deployment, new_admins })
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
