//! Users: one's own account, and what administrators do with everybody's.

use std::collections::HashMap;

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use super::{
    audit::{self, Event},
    cx::Cx,
    welcome::{self, FirstPassword},
};
use crate::{
    auth::principal::Credential,
    db::Tx,
    domain::{
        audit::Action,
        auth_change::AuthChange,
        id::UserId,
        page::{Page, PageRequest},
        project::Projects,
        scope::{Access, Admin, OwnAccount, OwnAccountWrite, Role, TracesRead},
        secret::random_id,
        user::{
            AuthMethod, DEFAULT_ADMIN, NewUser, SYSTEM_USER, User, check_email, check_username, is_default_admin,
            normalize_email,
        },
    },
    error::{Error, Result},
    store,
};

/// Returns the user that the caller acts as; nobody when authentication is off.
pub fn viewer(cx: &Cx<OwnAccount>) -> Result<Option<User>> {
    let principal = cx.principal()?;
    Ok(principal.user.as_deref().cloned())
}

/// What people may change about their own account.
#[derive(Debug, Default)]
pub struct ViewerPatch {
    /// New name.
    pub username: Option<String>,
    /// New password, and the present one as proof.
    pub password: Option<(SecretString, Option<SecretString>)>,
}

/// Changes the caller's own account. A new password ends every session, this one included; the flag says so.
pub async fn patch_viewer(cx: &Cx<OwnAccountWrite>, patch: ViewerPatch) -> Result<(User, bool)> {
    let inner = cx.inner();
    inner.authenticator.tokens()?;
    let principal = cx.principal()?;
    let user = {
        let mut reader = cx.read().await?;
        store::users::find(reader.conn(), principal.user_id).await?
    };
    let mut user = user.ok_or_else(not_found)?;
    let before = user.clone();
    let now = cx.now();
    let new_hash = match &patch.password {
        None => None,
        Some((new, current)) => {
            let current = current
                .clone()
                .ok_or_else(|| Error::invalid("currentPassword", "The current password is needed to change it"))?;
            if !inner.passwords.verify(current.clone(), user.password_hash.clone()).await? {
                return Err(Error::invalid("currentPassword", "The current password is not right"));
            }
            inner.settings.password_policy.check(new.expose_secret()).map_err(|e| Error::invalid("newPassword", e))?;
            if new.expose_secret() == current.expose_secret() {
                return Err(Error::invalid("newPassword", "The new password must differ from the current one"));
            }
            Some(inner.passwords.hash(new.clone()).await?)
        }
    };
    let mut tx = cx.begin().await?;
    if let Some(username) = &patch.username {
        check_username(username).map_err(|e| Error::invalid("newUsername", e))?;
        username.trim().clone_into(&mut user.username);
        refuse_taken(&mut tx, &user).await?;
        store::users::update(tx.conn(), &user, now).await?;
    }
    let mut changes = vec![AuthChange::User];
    if let Some(hash) = &new_hash {
        store::users::update_password(tx.conn(), user.id, hash, false, now).await?;
        store::login_failures::clear(tx.conn(), &inner.authenticator.account_digest(&user.email)).await?;
        store::password_reset::delete_of_user(tx.conn(), user.id).await?;
        let ended = store::sessions::delete_of_user(tx.conn(), user.id).await?;
        record_password_change(&mut tx, cx, &user, ended.len()).await?;
        changes.push(AuthChange::Sessions(ended));
    }
    let user = store::users::find(tx.conn(), user.id).await?.ok_or_else(not_found)?;
    record_update(&mut tx, cx, &before, &user).await?;
    inner.commit(tx, &changes).await?;
    Ok((user, new_hash.is_some()))
}

/// Returns any user by row id.
pub async fn get(cx: &Cx<Admin>, id: UserId) -> Result<User> {
    let mut reader = cx.read().await?;
    store::users::find(reader.conn(), id).await?.ok_or_else(not_found)
}

/// Returns users by row id.
pub async fn by_ids(cx: &Cx<Admin>, ids: &[UserId]) -> Result<HashMap<UserId, User>> {
    let mut reader = cx.read().await?;
    Ok(store::users::list_by_ids(reader.conn(), ids).await?.into_iter().map(|u| (u.id, u)).collect())
}

/// Returns users by row id, as those who read what they said may know them: of others only administrators see more than
/// name, picture and role.
pub async fn authors(cx: &Cx<TracesRead>, ids: &[UserId]) -> Result<HashMap<UserId, User>> {
    let sees_all = cx.prove::<Admin>().is_ok() && cx.projects() == Projects::All;
    let own = cx.principal()?.user_id;
    let mut reader = cx.read().await?;
    let users = store::users::list_by_ids(reader.conn(), ids).await?;
    let shown = |user: User| {
        if sees_all || user.id == own {
            return user;
        }
        User {
            email: String::new(),
            auth_method: AuthMethod::Local,
            password_needs_reset: false,
            is_active: true,
            last_login_at: None,
            oauth2_client_id: None,
            oauth2_user_id: None,
            password_hash: None,
            ..user
        }
    };
    Ok(users.into_iter().map(|user| (user.id, shown(user))).collect())
}

/// Lists the people, oldest first.
pub async fn list(cx: &Cx<Admin>, page: PageRequest) -> Result<Page<User>> {
    let mut reader = cx.read().await?;
    store::users::list(reader.conn(), page).await
}

/// What makes a user, as administrators say it.
#[derive(Debug)]
pub struct CreateUser {
    /// E-mail address.
    pub email: String,
    /// Name.
    pub username: String,
    /// Role.
    pub role: Role,
    /// How they will log in.
    pub auth_method: AuthMethod,
    /// First password of a user who logs in by password; without one nobody knows it until it is reset.
    pub password: Option<SecretString>,
    /// Client id at the OpenID Connect provider.
    pub oauth2_client_id: Option<String>,
    /// Subject at the OpenID Connect provider.
    pub oauth2_user_id: Option<String>,
}

/// Adds a user. One who logs in by password must change it first.
pub async fn create(cx: &Cx<Admin>, new: CreateUser, welcome_by_mail: bool) -> Result<User> {
    cx.refuse_bound("create users")?;
    let inner = cx.inner();
    if new.role == Role::System {
        return Err(Error::Malformed("Cannot create users with SYSTEM role".into()));
    }
    check_email(&new.email).map_err(|e| Error::invalid("email", e))?;
    check_username(&new.username).map_err(|e| Error::invalid("username", e))?;
    let local = new.auth_method == AuthMethod::Local;
    if local && !inner.settings.basic_auth {
        return Err(Error::forbidden("Basic auth is disabled: OAuth2 authentication only"));
    }
    if !local && new.password.is_some() {
        return Err(Error::invalid("password", "A password is for users whose auth_method is LOCAL"));
    }
    for (field, value) in [("oauth2_client_id", &new.oauth2_client_id), ("oauth2_user_id", &new.oauth2_user_id)] {
        if value.as_ref().is_some_and(|v| v.is_empty() || v.len() > 1_024) {
            return Err(Error::invalid(field, format!("{field} has 1 to 1024 characters")));
        }
    }
    if let Some(password) = &new.password {
        inner.settings.password_policy.check(password.expose_secret()).map_err(|e| Error::invalid("password", e))?;
    }
    let first_password = if new.password.is_some() { FirstPassword::Told } else { FirstPassword::Unknown };
    let password_hash = if local {
        let password = new.password.unwrap_or_else(|| SecretString::from(random_id()));
        Some(inner.passwords.hash(password).await?)
    } else {
        None
    };
    let user = NewUser {
        auth_method: new.auth_method,
        password_needs_reset: local,
        oauth2_client_id: new.oauth2_client_id,
        oauth2_user_id: new.oauth2_user_id,
        ..NewUser::local(new.role, &new.username, &new.email, password_hash)
    };
    let mut tx = cx.begin().await?;
    let taken = |what: &str| Error::Conflict(format!("{what} already exists").into());
    if store::users::find_by_username(tx.conn(), &user.username).await?.is_some() {
        return Err(taken("Username"));
    }
    if store::users::find_by_email(tx.conn(), &user.email).await?.is_some() {
        return Err(taken("Email"));
    }
    // Somebody else may have been faster since the look; or the provider's subject is taken.
    let id = store::users::add_if_absent(tx.conn(), &user, cx.now()).await?;
    let id = id.ok_or_else(|| taken("A user with this name, e-mail address or OAuth2 identity"))?;
    let user = store::users::find(tx.conn(), id).await?.ok_or_else(not_found)?;
    audit::record(&mut tx, cx, created(&user)).await?;
    tx.commit().await?;
    tracing::info!(user.id = id.0, user.role = %user.role, "user created");
    if welcome_by_mail {
        welcome::greet(cx, &user, first_password);
    }
    Ok(user)
}

/// What administrators may change about a user; what is `None` stays.
#[derive(Debug, Default)]
pub struct UserPatch {
    /// New name.
    pub username: Option<String>,
    /// New e-mail address.
    pub email: Option<String>,
    /// New role.
    pub role: Option<Role>,
    /// Whether they may log in and their keys work.
    pub active: Option<bool>,
    /// New password, to be changed at the next login.
    pub password: Option<SecretString>,
}

/// Changes a user. A new role, a new password and a deactivation end every session of theirs, and reach their keys at
/// once.
pub async fn update(cx: &Cx<Admin>, id: UserId, patch: UserPatch) -> Result<User> {
    cx.refuse_bound("change users")?;
    let inner = cx.inner();
    let own = cx.principal()?.user_id == id && cx.principal()?.credential != Credential::Open;
    let hash = match &patch.password {
        Some(password) => {
            inner
                .settings
                .password_policy
                .check(password.expose_secret())
                .map_err(|e| Error::invalid("password", e))?;
            Some(inner.passwords.hash(password.clone()).await?)
        }
        None => None,
    };
    let now = cx.now();
    let mut tx = cx.begin().await?;
    let admins = store::users::lock_active_admins(tx.conn()).await?;
    let before = store::users::find(tx.conn(), id).await?.filter(|u| u.role != Role::System).ok_or_else(not_found)?;
    let mut user = before.clone();
    if let Some(username) = &patch.username {
        check_username(username).map_err(|e| Error::invalid("username", e))?;
        username.trim().clone_into(&mut user.username);
    }
    if let Some(email) = &patch.email {
        check_email(email).map_err(|e| Error::invalid("email", e))?;
        user.email = normalize_email(email);
    }
    if let Some(role) = patch.role {
        if role == Role::System {
            return Err(Error::invalid("role", "The role is ADMIN, MEMBER or VIEWER"));
        }
        user.role = role;
    }
    user.is_active = patch.active.unwrap_or(user.is_active);
    if own && user.role != before.role {
        return Err(Error::forbidden("Nobody can change their own role"));
    }
    if own && !user.is_active {
        return Err(Error::forbidden("Nobody can deactivate themselves"));
    }
    refuse_of_default_admin(&before, &user)?;
    if hash.is_some() && before.auth_method != AuthMethod::Local {
        return Err(Error::invalid("password", "Only users whose auth_method is LOCAL have a password"));
    }
    if user.role != Role::Admin || !user.is_active {
        refuse_last_admin(&admins, &[id])?;
    }
    refuse_taken(&mut tx, &user).await?;
    store::users::update(tx.conn(), &user, now).await?;
    if let Some(hash) = &hash {
        store::users::update_password(tx.conn(), id, hash, true, now).await?;
        store::login_failures::clear(tx.conn(), &inner.authenticator.account_digest(&before.email)).await?;
    }
    let mut changes = vec![AuthChange::User];
    if hash.is_some() || user.role != before.role || !user.is_active {
        let ended = store::sessions::delete_of_user(tx.conn(), id).await?;
        if hash.is_some() {
            record_password_change(&mut tx, cx, &user, ended.len()).await?;
        }
        changes.push(AuthChange::Sessions(ended));
    }
    let user = store::users::find(tx.conn(), id).await?.ok_or_else(not_found)?;
    record_update(&mut tx, cx, &before, &user).await?;
    inner.commit(tx, &changes).await?;
    tracing::info!(
        user.id = id.0, user.role = %user.role, user.active = user.is_active, user.password_changed = hash.is_some(),
        "user changed"
    );
    Ok(user)
}

/// Deletes users with their keys and sessions: all of them, or none.
pub async fn delete(cx: &Cx<Admin>, ids: &[UserId]) -> Result<()> {
    cx.refuse_bound("delete users")?;
    let mut tx = cx.begin().await?;
    let admins = store::users::lock_active_admins(tx.conn()).await?;
    for id in ids {
        let user = store::users::find(tx.conn(), *id).await?.ok_or_else(not_found)?;
        if *id == SYSTEM_USER || is_default_admin(&user) {
            return Err(Error::forbidden("Cannot delete the default admin or system user"));
        }
    }
    refuse_last_admin(&admins, ids)?;
    for id in ids {
        let Some(user) = store::users::find(tx.conn(), *id).await? else { continue };
        store::users::delete(tx.conn(), *id).await?;
        let details = json!({ "email": user.email, "role": user.role.as_str() });
        let event = Event { action: Action::UserDelete, subject: audit::user(&user), details };
        audit::record(&mut tx, cx, event).await?;
    }
    cx.inner().commit(tx, &[AuthChange::User]).await?;
    tracing::info!(users = ?ids, "users deleted");
    Ok(())
}

pub(super) fn not_found() -> Error {
    Error::NotFound("User not found".into())
}

/// Refuses what may not be changed about the administrator that the first start makes.
pub(super) fn refuse_of_default_admin(before: &User, after: &User) -> Result<()> {
    let is_default = before.id == DEFAULT_ADMIN;
    if is_default && (after.role != before.role || after.email != before.email || after.username != before.username) {
        return Err(Error::forbidden("The role, name and e-mail address of the default admin cannot be changed"));
    }
    Ok(())
}

/// Returns what the audit log says of a new user.
pub(super) fn created(user: &User) -> Event {
    let details = json!({
        "email": user.email,
        "role": user.role.as_str(),
        "authMethod": user.auth_method.as_str(),
    });
    Event { action: Action::UserCreate, subject: audit::user(user), details }
}

/// Writes down what changed about a user, if anything but the password did.
async fn record_update<S: Access>(tx: &mut Tx, cx: &Cx<S>, before: &User, after: &User) -> Result<()> {
    match changed(before, after) {
        Some(event) => audit::record(tx, cx, event).await,
        None => Ok(()),
    }
}

/// Returns what the audit log says of a change, if anything but the password changed.
pub(super) fn changed(before: &User, after: &User) -> Option<Event> {
    let mut set = serde_json::Map::new();
    let mut compare = |field: &str, before: serde_json::Value, after: serde_json::Value| {
        if before != after {
            set.insert(field.to_owned(), after);
        }
    };
    compare("username", before.username.as_str().into(), after.username.as_str().into());
    compare("email", before.email.as_str().into(), after.email.as_str().into());
    compare("role", before.role.as_str().into(), after.role.as_str().into());
    compare("active", before.is_active.into(), after.is_active.into());
    let details = (!set.is_empty()).then(|| json!({ "set": set }))?;
    Some(Event { action: Action::UserUpdate, subject: audit::user(before), details })
}

async fn record_password_change<S: Access>(tx: &mut Tx, cx: &Cx<S>, user: &User, ended: usize) -> Result<()> {
    audit::record(tx, cx, password_changed(user, ended)).await
}

/// Returns what the audit log says of a new password.
pub(super) fn password_changed(user: &User, ended_sessions: usize) -> Event {
    let details = json!({ "endedSessions": ended_sessions });
    Event { action: Action::UserPasswordChanged, subject: audit::user(user), details }
}

/// Refuses what would leave nobody who can administer the server.
pub(super) fn refuse_last_admin(active_admins: &[UserId], leaving: &[UserId]) -> Result<()> {
    if !active_admins.is_empty() && active_admins.iter().all(|id| leaving.contains(id)) {
        return Err(Error::Conflict(
            "The last active administrator can be neither deleted, demoted nor deactivated".into(),
        ));
    }
    Ok(())
}

/// Refuses a name or an e-mail address that another user has, and says which.
pub(super) async fn refuse_taken(tx: &mut Tx, user: &User) -> Result<()> {
    let other = |found: Option<User>| found.is_some_and(|u| u.id != user.id);
    if other(store::users::find_by_username(tx.conn(), &user.username).await?) {
        return Err(Error::Conflict("Username already exists".into()));
    }
    if other(store::users::find_by_email(tx.conn(), &user.email).await?) {
        return Err(Error::Conflict("Email already exists".into()));
    }
    Ok(())
}
