//! Users from the command line, on the database directly: whoever may do that needs no proof. The rules about the last
//! administrator and the system user hold here as well; what changes is announced to running servers.

use secrecy::SecretString;

use super::{
    audit,
    offline_keys::announce,
    users::{changed, created, not_found, password_changed, refuse_last_admin, refuse_of_default_admin},
};
use crate::{
    auth::password::Passwords,
    db::{Db, Tx},
    domain::{
        auth_change::AuthChange,
        page::{Order, PageRequest},
        scope::Role,
        time::UnixNanos,
        user::{NewUser, User, normalize_email},
    },
    error::{Error, Result},
    store::{self, deployment::Deployment},
};

/// A user as the command line names them.
#[derive(Clone, Debug)]
pub enum UserRef {
    /// By e-mail address.
    Email(String),
    /// By name.
    Username(String),
}

/// What to change about a user; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct Patch {
    /// New name.
    pub username: Option<String>,
    /// New role.
    pub role: Option<Role>,
    /// Whether they may log in and their keys work.
    pub active: Option<bool>,
}

/// Lists the people, oldest first.
pub async fn list(db: &Db) -> Result<Vec<User>> {
    let all = PageRequest { from: None, limit: u32::MAX, order: Order::Asc };
    let mut reader = db.read().await?;
    Ok(store::users::list(reader.conn(), all).await?.items)
}

/// Adds an administrator, member or viewer.
pub async fn add(db: &Db, user: &NewUser, now: UnixNanos) -> Result<User> {
    let mut tx = db.begin().await?;
    let user = add_in(&mut tx, user, now).await?;
    tx.commit().await?;
    Ok(user)
}

/// Adds a user within a transaction.
pub(super) async fn add_in(tx: &mut Tx, user: &NewUser, now: UnixNanos) -> Result<User> {
    if store::users::find_by_email(tx.conn(), &user.email).await?.is_some() {
        return Err(Error::Conflict("Email already exists".into()));
    }
    let added = store::users::add_if_absent(tx.conn(), user, now).await?;
    let added = added.ok_or_else(|| Error::Conflict("Username already exists".into()))?;
    let user = store::users::find(tx.conn(), added).await?.ok_or_else(not_found)?;
    audit::record_offline(tx, created(&user), now).await?;
    Ok(user)
}

/// Sets a password and ends the user's sessions; failed logins of theirs are forgotten.
pub async fn set_password(
    db: &Db,
    passwords: &Passwords,
    deployment: &Deployment,
    user: &UserRef,
    password: NewPassword,
    now: UnixNanos,
) -> Result<()> {
    let hash = passwords.hash(password.text).await?;
    let mut tx = db.begin().await?;
    let user = lock(&mut tx, user).await?.user;
    if user.password_hash.is_none() && user.auth_method != crate::domain::user::AuthMethod::Local {
        return Err(Error::invalid("password", "Only users whose auth_method is LOCAL have a password"));
    }
    store::users::update_password(tx.conn(), user.id, &hash, password.must_change, now).await?;
    let account = deployment.digest_key.mac(user.email.as_bytes());
    store::login_failures::clear(tx.conn(), &account).await?;
    store::password_reset::delete_of_user(tx.conn(), user.id).await?;
    let ended = store::sessions::delete_of_user(tx.conn(), user.id).await?;
    audit::record_offline(&mut tx, password_changed(&user, ended.len()), now).await?;
    announce(tx, &[AuthChange::User, AuthChange::Sessions(ended)], now).await
}

/// A password to be set.
#[derive(Debug)]
pub struct NewPassword {
    /// The password itself.
    pub text: SecretString,
    /// Whether its owner must change it at the next login.
    pub must_change: bool,
}

/// Changes a user by the rules of the API; returns whether that changed anything.
pub async fn update(db: &Db, user: &UserRef, patch: &Patch, now: UnixNanos) -> Result<bool> {
    let mut tx = db.begin().await?;
    let locked = lock(&mut tx, user).await?;
    let Some(changes) = update_in(&mut tx, locked, patch, now).await? else { return Ok(false) };
    announce(tx, &changes, now).await?;
    Ok(true)
}

/// A user, with those who hold the right to administer at this moment.
#[derive(Debug)]
pub(super) struct Locked {
    pub(super) user: User,
    admins: Vec<crate::domain::id::UserId>,
}

/// Finds a user and holds the administrators until the transaction ends.
pub(super) async fn lock(tx: &mut Tx, user: &UserRef) -> Result<Locked> {
    let admins = store::users::lock_active_admins(tx.conn()).await?;
    let (found, shown) = match user {
        UserRef::Email(email) => {
            let email = normalize_email(email);
            (store::users::find_by_email(tx.conn(), &email).await?, format!("the e-mail address {email}"))
        }
        UserRef::Username(name) => {
            (store::users::find_by_username(tx.conn(), name.trim()).await?, format!("the name {name}"))
        }
    };
    let user = found.ok_or_else(|| Error::NotFound(format!("There is no user with {shown}").into()))?;
    if user.role == Role::System {
        return Err(Error::forbidden("The system user has no password, and its role and state cannot be changed"));
    }
    Ok(Locked { user, admins })
}

/// Changes a user within a transaction; returns what other processes must hear of, if anything changed.
pub(super) async fn update_in(
    tx: &mut Tx,
    locked: Locked,
    patch: &Patch,
    now: UnixNanos,
) -> Result<Option<Vec<AuthChange>>> {
    let Locked { user: before, admins } = locked;
    let mut user = before.clone();
    if let Some(username) = &patch.username {
        crate::domain::user::check_username(username).map_err(|e| Error::invalid("username", e))?;
        username.trim().clone_into(&mut user.username);
    }
    user.role = patch.role.unwrap_or(user.role);
    user.is_active = patch.active.unwrap_or(user.is_active);
    let Some(event) = changed(&before, &user) else { return Ok(None) };
    if user.role == Role::System {
        return Err(Error::invalid("role", "The role is ADMIN, MEMBER or VIEWER"));
    }
    refuse_of_default_admin(&before, &user)?;
    if user.role != Role::Admin || !user.is_active {
        refuse_last_admin(&admins, &[user.id])?;
    }
    super::users::refuse_taken(tx, &user).await?;
    store::users::update(tx.conn(), &user, now).await?;
    let mut changes = vec![AuthChange::User];
    if user.role != before.role || !user.is_active {
        changes.push(AuthChange::Sessions(store::sessions::delete_of_user(tx.conn(), user.id).await?));
    }
    audit::record_offline(tx, event, now).await?;
    Ok(Some(changes))
}
