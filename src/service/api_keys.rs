//! API keys: one service behind the documented door, the peer's doors and GraphQL.
//!
//! Three rules hold at every door. A key is never wider than who makes or changes it, in scopes, projects and role. A
//! key makes or changes keys only with the scope `admin`. Who may not see a key learns nothing of it: not found.

use std::{collections::HashMap, time::Duration};

use serde_json::{Value, json};

use super::{
    audit::{self, Event},
    cx::Cx,
};
use crate::{
    auth::principal::{Credential, Principal},
    db::{Conn, Tx},
    domain::{
        api_key::{ApiKey, Environment, KeyKind, KeyStatus, NewApiKey},
        audit::Action,
        auth_change::AuthChange,
        change::Change,
        id::{ApiKeyId, GlobalId, ProjectId, UserId},
        page::{Order, Page, PageRequest},
        plan::{KeyLimits, Plan},
        project::{Project, ProjectRef, Projects},
        scope::{
            Access, Admin, KeysWrite, OwnKeysCreate, Role, Scope, ScopeSet, SignedIn, SystemKeysCreate, UserKeysRevoke,
        },
        secret::{HashedToken, KeyPrefix, PlainToken},
        time::UnixNanos,
        user::{SYSTEM_USER, User},
    },
    error::{Error, Result},
    store::{
        self,
        api_keys::{KeyFilter, Material},
    },
};

/// The longest name or description of a key, in bytes.
const MAX_TEXT_BYTES: usize = 4_096;
/// Projects that one key can be bound to.
const MAX_PROJECTS: usize = 1_000;
/// The longest that a secret may live on after a rotation.
pub const MAX_GRACE: Duration = Duration::from_hours(24 * 30);
/// Every row at once, for lists of the peer's that have no pages.
const ALL_AT_ONCE: PageRequest = PageRequest { from: None, limit: u32::MAX, order: Order::Desc };

/// What makes a new key, as callers say it.
#[derive(Clone, Debug, Default)]
pub struct KeyRequest {
    /// Name for people.
    pub name: String,
    /// Free text.
    pub description: Option<String>,
    /// First instant at which it is refused.
    pub expires_at: Option<UnixNanos>,
    /// Whom it acts for; what that is by itself depends on the caller.
    pub kind: Option<KeyKind>,
    /// What a user key is for.
    pub environment: Option<Environment>,
    /// Role of a system key; ADMIN if its scopes say `admin`, else MEMBER.
    pub role: Option<Role>,
    /// Scopes that narrow the role.
    pub scopes: Option<ScopeSet>,
    /// Projects that it is bound to, each by name or global id; those of the caller if none are named.
    pub projects: Option<Vec<String>>,
    /// Plan of its own.
    pub plan: Option<Plan>,
    /// Limits of its own.
    pub limits: KeyLimits,
}

/// What to change about a key.
#[derive(Clone, Debug, Default)]
pub struct KeyPatch {
    /// Name for people.
    pub name: Option<String>,
    /// Free text.
    pub description: Change<String>,
    /// First instant at which it is refused.
    pub expires_at: Change<UnixNanos>,
    /// Scopes that narrow the role.
    pub scopes: Change<ScopeSet>,
    /// Projects that it is bound to.
    pub projects: Change<Vec<String>>,
    /// Plan of its own.
    pub plan: Change<Plan>,
    /// All limits of its own.
    pub limits: Change<KeyLimits>,
}

/// A key with what it speaks of.
#[derive(Clone, Debug)]
pub struct KeyDetails {
    /// The key.
    pub key: ApiKey,
    /// What it may do at most: for user keys the owner's role of now.
    pub role: Role,
    /// The owner of a user key.
    pub owner: Option<User>,
    /// Who made it, if that user still exists.
    pub created_by: Option<User>,
    /// The living projects that it is bound to; `None` = every project.
    pub projects: Option<Vec<Project>>,
    /// Whether it works now.
    pub status: KeyStatus,
}

/// Makes a key at the documented door. A person gets a key of their own unless they ask for a system key; the admin
/// secret and keys that hold the scope `admin` get a system key unless they ask for one of their own.
pub async fn create(cx: &Cx<KeysWrite>, request: KeyRequest) -> Result<(KeyDetails, PlainToken)> {
    cx.inner().authenticator.tokens()?;
    let principal = cx.principal()?;
    let default = if principal.is_session() { KeyKind::User } else { KeyKind::System };
    let kind = request.kind.unwrap_or(default);
    if kind == KeyKind::System {
        cx.prove::<Admin>()?;
    } else if principal.user_id == SYSTEM_USER {
        return Err(Error::forbidden(
            "A user key acts for a user, and neither the admin secret nor a system key is one: ask for a system key",
        ));
    }
    let (key, token) = make(cx, kind, request).await?;
    let mut reader = cx.read().await?;
    Ok((describe_one(cx, reader.conn(), key).await?, token))
}

/// Makes a system key at the peer's doors. People and the admin secret may, keys may not.
pub async fn create_system(cx: &Cx<SystemKeysCreate>, request: KeyRequest) -> Result<(ApiKey, PlainToken)> {
    cx.inner().authenticator.tokens()?;
    make(cx, KeyKind::System, request).await
}

/// Makes a key that acts for the caller at the peer's doors. People may, keys may not.
pub async fn create_user(cx: &Cx<OwnKeysCreate>, request: KeyRequest) -> Result<(ApiKey, PlainToken)> {
    cx.inner().authenticator.tokens()?;
    make(cx, KeyKind::User, request).await
}

/// Makes a key whose kind the caller may make; its plain text is in this answer and nowhere else.
async fn make<S: Access>(cx: &Cx<S>, kind: KeyKind, request: KeyRequest) -> Result<(ApiKey, PlainToken)> {
    let principal = cx.principal()?;
    let now = cx.now();
    let role = role_of_new(kind, principal, &request)?;
    let environment = request.environment.unwrap_or_default();
    if kind == KeyKind::System && environment == Environment::Test {
        return Err(Error::invalid("environment", "A test key is a user's: a system key has no environment"));
    }
    refuse_wide(principal, role, request.scopes)?;
    if request.plan.is_some() || request.limits != KeyLimits::default() {
        demand_admin_for_plans(cx)?;
    }
    check_limits(&request.limits)?;
    let mut new = NewApiKey {
        name: request.name,
        description: request.description,
        expires_at: request.expires_at,
        role,
        scopes: request.scopes,
        projects: Projects::All,
        environment,
        plan: request.plan,
        limits: request.limits,
    };
    validate(&new)?;
    check_expiry(new.expires_at, now)?;
    new.projects = resolve_projects(cx, request.projects).await?;
    let token = PlainToken::generate(prefix(kind, environment));
    let digest = cx.inner().authenticator.digest(&token);
    let user_id = if kind == KeyKind::System { SYSTEM_USER } else { principal.user_id };
    let created_by = (principal.user_id != SYSTEM_USER).then_some(principal.user_id);
    let material = Material { kind, user_id, created_by, digest: &digest, masked: &token.masked() };
    let mut tx = cx.begin().await?;
    let key = store::api_keys::add(tx.conn(), material, &new, now).await?;
    audit::record(&mut tx, cx, created(&key)).await?;
    tx.commit().await?;
    tracing::info!(api_key.id = key.id.0, api_key.kind = kind.as_str(), user.id = user_id.0, "API key created");
    Ok((key, token))
}

/// Returns what the audit log says of a new key.
pub(super) fn created(key: &ApiKey) -> Event {
    let mut details = bounds(key);
    details["kind"] = key.kind.as_str().into();
    details["environment"] = key.environment.as_str().into();
    details["role"] = key.role.as_str().into();
    Event { action: Action::ApiKeyCreate, subject: audit::api_key(key), details }
}

/// Returns what can be changed about a key, as the audit log shows it.
fn bounds(key: &ApiKey) -> Value {
    let projects = match &key.projects {
        Projects::All => Value::Null,
        Projects::Only(ids) => ids.iter().map(|id| GlobalId::encode("Project", id.0)).collect(),
    };
    json!({
        "name": key.name,
        "description": key.description,
        "scopes": key.scopes.map(|s| s.iter().map(Scope::as_str).collect::<Vec<_>>()),
        "projects": projects,
        "expiresAt": key.expires_at.map(UnixNanos::to_rfc3339),
        "plan": key.plan.map(Plan::as_str),
        "limits": {
            "ingestPerMinute": key.limits.ingest_per_minute,
            "apiPerMinute": key.limits.api_per_minute,
            "concurrent": key.limits.concurrent,
        },
    })
}

/// Returns what the audit log says of a change to a key, if anything changed.
pub(super) fn changed(before: &ApiKey, after: &ApiKey) -> Option<Event> {
    let (before, after_bounds) = (bounds(before), bounds(after));
    let set: serde_json::Map<String, Value> = after_bounds
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(field, value)| before[field.as_str()] != **value)
        .map(|(field, value)| (field.clone(), value.clone()))
        .collect();
    let details = (!set.is_empty()).then(|| json!({ "set": set }))?;
    Some(Event { action: Action::ApiKeyUpdate, subject: audit::api_key(after), details })
}

const fn prefix(kind: KeyKind, environment: Environment) -> KeyPrefix {
    match (kind, environment) {
        (KeyKind::System, _) => KeyPrefix::System,
        (KeyKind::User, Environment::Live) => KeyPrefix::Live,
        (KeyKind::User, Environment::Test) => KeyPrefix::Test,
    }
}

fn role_of_new(kind: KeyKind, principal: &Principal, request: &KeyRequest) -> Result<Role> {
    match (kind, request.role) {
        // Recorded for people who read the table; what counts is the owner's role at the time of each request.
        (KeyKind::User, None) => Ok(principal.role),
        (KeyKind::User, Some(_)) => {
            Err(Error::invalid("role", "A user key has its owner's role: only a system key is given one"))
        }
        (KeyKind::System, Some(Role::System)) => Err(Error::invalid("role", "The role is ADMIN, MEMBER or VIEWER")),
        (KeyKind::System, Some(role)) => Ok(role),
        (KeyKind::System, None) if request.scopes.is_some_and(|s| s.iter().any(|s| s == Scope::Admin)) => {
            Ok(Role::Admin)
        }
        (KeyKind::System, None) => Ok(Role::Member),
    }
}

/// Refuses scopes that neither the caller nor the key's role holds.
fn refuse_wide(principal: &Principal, role: Role, scopes: Option<ScopeSet>) -> Result<()> {
    let Some(scopes) = scopes else { return Ok(()) };
    if scopes == ScopeSet::NONE {
        return Err(Error::invalid(
            "scopes",
            "A key needs at least one scope; without the field it has every right of its role",
        ));
    }
    if let Some(scope) = scopes.beyond(principal.scopes) {
        return Err(Error::forbidden(format!(
            "A key cannot be given the scope {scope}, which the caller does not hold"
        )));
    }
    if let Some(scope) = scopes.beyond(role.scopes()) {
        return Err(Error::invalid("scopes", format!("The role {role} does not hold the scope {scope}")));
    }
    Ok(())
}

fn demand_admin_for_plans<S: Access>(cx: &Cx<S>) -> Result<()> {
    cx.prove::<Admin>().map_err(|_| Error::forbidden("Plans and limits of keys are set by administrators"))?;
    Ok(())
}

pub(super) fn check_limits(limits: &KeyLimits) -> Result<()> {
    let all = [
        ("limits.ingest_per_minute", limits.ingest_per_minute),
        ("limits.api_per_minute", limits.api_per_minute),
        ("limits.concurrent", limits.concurrent),
    ];
    match all.into_iter().find(|(_, limit)| *limit == Some(0)) {
        Some((field, _)) => Err(Error::invalid(field, "A limit is at least 1; without the field there is none")),
        None => Ok(()),
    }
}

pub(super) fn check_expiry(expires_at: Option<UnixNanos>, now: UnixNanos) -> Result<()> {
    if expires_at.is_some_and(|at| at <= now) {
        return Err(Error::invalid("expires_at", "Expiration time must be in the future"));
    }
    Ok(())
}

/// Checks the texts of a new key.
pub fn validate(new: &NewApiKey) -> Result<()> {
    check_texts(&new.name, new.description.as_deref())
}

fn check_texts(name: &str, description: Option<&str>) -> Result<()> {
    if name.trim().is_empty() {
        return Err(Error::invalid("name", "Name cannot be empty"));
    }
    let too_long = |text: &str| text.len() > MAX_TEXT_BYTES;
    if too_long(name) || name.contains('\0') {
        return Err(Error::invalid("name", "A name has at most 4096 bytes, none of them zero"));
    }
    if description.is_some_and(|d| too_long(d) || d.contains('\0')) {
        return Err(Error::invalid("description", "A description has at most 4096 bytes, none of them zero"));
    }
    Ok(())
}

/// Finds the projects that a key shall be bound to among those that the caller may see; the caller's own bound if none
/// are named.
async fn resolve_projects<S: Access>(cx: &Cx<S>, named: Option<Vec<String>>) -> Result<Projects> {
    let Some(named) = named else { return Ok(cx.projects()) };
    if named.is_empty() {
        return Err(Error::invalid(
            "projects",
            "A key needs at least one project; without the field it reaches every project of the caller",
        ));
    }
    if named.len() > MAX_PROJECTS {
        return Err(Error::invalid("projects", format!("A key is bound to at most {MAX_PROJECTS} projects")));
    }
    let mut ids = Vec::with_capacity(named.len());
    let mut reader = cx.read().await?;
    for name in named {
        let found = store::projects::find(reader.conn(), &cx.projects(), &ProjectRef::parse(&name)).await?;
        let unknown = || Error::invalid("projects", format!("There is no project {}", shown(&name)));
        ids.push(found.ok_or_else(unknown)?.id);
    }
    ids.sort_unstable();
    ids.dedup();
    Ok(Projects::Only(ids.into()))
}

/// Returns as much of a text as an error should repeat.
fn shown(text: &str) -> String {
    text.chars().take(100).collect()
}

/// What a list of keys is narrowed to.
#[derive(Clone, Debug, Default)]
pub struct ListFilter {
    /// Keys of this kind.
    pub kind: Option<KeyKind>,
    /// Keys in this state.
    pub status: Option<KeyStatus>,
    /// Keys of this owner: global id, name or e-mail address.
    pub owner: Option<String>,
}

/// Lists the keys that the caller may see, newest first: their own, or everybody's for who holds the scope `admin`.
/// A key that is narrowed sees itself alone.
pub async fn list(cx: &Cx<SignedIn>, filter: &ListFilter, page: PageRequest) -> Result<Page<KeyDetails>> {
    cx.inner().authenticator.tokens()?;
    let principal = cx.principal()?;
    let mut keys = KeyFilter { kind: filter.kind, status: filter.status, ..KeyFilter::default() };
    let nothing = Page { items: Vec::new(), next: None };
    let mut reader = cx.read().await?;
    if let Some(owner) = &filter.owner {
        let Some(user) = find_owner(reader.conn(), owner).await? else { return Ok(nothing) };
        keys.owner = Some(user);
    }
    if let Some(itself) = itself_alone(principal) {
        keys.itself = Some(itself);
    } else if !principal.scopes.holds(Scope::Admin) {
        if keys.owner.is_some_and(|owner| owner != principal.user_id) || keys.kind == Some(KeyKind::System) {
            return Ok(nothing);
        }
        keys.owner = Some(principal.user_id);
        keys.kind = Some(KeyKind::User);
    }
    let found = store::api_keys::list(reader.conn(), &cx.projects(), &keys, cx.now(), page).await?;
    Ok(Page { items: describe(cx, reader.conn(), found.items).await?, next: found.next })
}

async fn find_owner(mut conn: Conn<'_>, text: &str) -> Result<Option<UserId>> {
    if let Some(id) = GlobalId::decode_as(text, "User") {
        return Ok(Some(UserId(id)));
    }
    let by_name = store::users::find_by_username(conn.reborrow(), text).await?;
    if let Some(user) = by_name {
        return Ok(Some(user.id));
    }
    let email = crate::domain::user::normalize_email(text);
    Ok(store::users::find_by_email(conn, &email).await?.map(|user| user.id))
}

/// Returns a key that the caller may see, whatever its state.
pub async fn get(cx: &Cx<SignedIn>, id: ApiKeyId) -> Result<KeyDetails> {
    cx.inner().authenticator.tokens()?;
    let mut reader = cx.read().await?;
    let found = store::api_keys::find(reader.conn(), id).await?;
    let principal = cx.principal()?;
    let key = found.filter(|key| may_see(principal, key)).ok_or_else(not_found)?;
    describe_one(cx, reader.conn(), key).await
}

/// Changes a key: one's own for people, anyone's with the scope `admin`. It never gets wider than the caller is.
pub async fn update(cx: &Cx<KeysWrite>, id: ApiKeyId, patch: KeyPatch) -> Result<KeyDetails> {
    let inner = cx.inner();
    inner.authenticator.tokens()?;
    let principal = cx.principal()?;
    let now = cx.now();
    let projects = match patch.projects {
        Change::Keep => None,
        Change::Clear => Some(cx.projects()),
        Change::Set(named) => Some(resolve_projects(cx, Some(named)).await?),
    };
    if !patch.plan.is_keep() || !patch.limits.is_keep() {
        demand_admin_for_plans(cx)?;
    }
    let mut tx = cx.begin().await?;
    let (mut key, digests) = lock_to_change(cx, &mut tx, id).await?;
    if key.status(now) == KeyStatus::Revoked {
        return Err(Error::Conflict("The key is revoked".into()));
    }
    let before = key.clone();
    if let Some(name) = patch.name {
        key.name = name;
    }
    patch.description.apply(&mut key.description);
    check_texts(&key.name, key.description.as_deref())?;
    if let Change::Set(expires_at) = patch.expires_at {
        check_expiry(Some(expires_at), now)?;
    }
    patch.expires_at.apply(&mut key.expires_at);
    if let Change::Set(scopes) = patch.scopes {
        let role = match key.kind {
            KeyKind::System => key.role,
            KeyKind::User => {
                let owner = store::users::find(tx.conn(), key.user_id).await?;
                owner.map_or(key.role, |user| user.role)
            }
        };
        refuse_wide(principal, role, Some(scopes))?;
    }
    // Without scopes the role alone counts, and whoever may change a key is not narrower than that: a person, or the
    // scope `admin`.
    patch.scopes.apply(&mut key.scopes);
    if let Some(projects) = projects {
        key.projects = projects;
    }
    patch.plan.apply(&mut key.plan);
    match patch.limits {
        Change::Keep => {}
        Change::Clear => key.limits = KeyLimits::default(),
        Change::Set(limits) => {
            check_limits(&limits)?;
            key.limits = limits;
        }
    }
    if let Some(event) = changed(&before, &key) {
        store::api_keys::update(tx.conn(), &key).await?;
        audit::record(&mut tx, cx, event).await?;
        inner.commit(tx, &changes(digests)).await?;
        tracing::info!(api_key.id = key.id.0, "API key changed");
    }
    let mut reader = cx.read().await?;
    describe_one(cx, reader.conn(), key).await
}

/// Gives a key a new secret. The one that it had works until the grace is over.
pub async fn rotate(cx: &Cx<KeysWrite>, id: ApiKeyId, grace: Duration) -> Result<(KeyDetails, PlainToken)> {
    let inner = cx.inner();
    inner.authenticator.tokens()?;
    let now = cx.now();
    let mut tx = cx.begin().await?;
    let (key, digests) = lock_to_change(cx, &mut tx, id).await?;
    let (token, event) = renew(&mut tx, &key, grace, now, |token| inner.authenticator.digest(token)).await?;
    audit::record(&mut tx, cx, event).await?;
    let key = store::api_keys::find(tx.conn(), key.id).await?.ok_or_else(not_found)?;
    inner.commit(tx, &changes(digests)).await?;
    tracing::info!(api_key.id = key.id.0, "API key rotated");
    let mut reader = cx.read().await?;
    Ok((describe_one(cx, reader.conn(), key).await?, token))
}

/// Stores a new secret of a locked key.
pub(super) async fn renew(
    tx: &mut Tx,
    key: &ApiKey,
    grace: Duration,
    now: UnixNanos,
    digest: impl Fn(&PlainToken) -> HashedToken,
) -> Result<(PlainToken, Event)> {
    if grace > MAX_GRACE {
        return Err(Error::invalid("grace_period_seconds", "The grace period is at most 2592000 seconds (30 days)"));
    }
    match key.status(now) {
        KeyStatus::Active => {}
        KeyStatus::Revoked => return Err(Error::Conflict("The key is revoked".into())),
        KeyStatus::Expired => {
            return Err(Error::Conflict("The key has expired: give it a later time to expire at first".into()));
        }
    }
    let token = PlainToken::generate(prefix(key.kind, key.environment));
    let until = now.plus(grace);
    store::api_keys::rotate(tx.conn(), key.id, &digest(&token), &token.masked(), until).await?;
    let details = json!({
        "maskedKey": token.masked(),
        "previousMaskedKey": key.masked,
        "previousExpiresAt": until.to_rfc3339(),
    });
    Ok((token, Event { action: Action::ApiKeyRotate, subject: audit::api_key(key), details }))
}

/// Revokes a key that the caller may see: it is refused from this moment on, its row stays. Revoking it again changes
/// nothing.
pub async fn revoke(cx: &Cx<SignedIn>, id: ApiKeyId) -> Result<()> {
    cx.inner().authenticator.tokens()?;
    let principal = cx.principal()?;
    let mut tx = cx.begin().await?;
    let found = store::api_keys::lock(tx.conn(), id).await?;
    let (key, digests) = found.filter(|(key, _)| may_see(principal, key)).ok_or_else(not_found)?;
    if key.revoked_at.is_some() {
        return Ok(());
    }
    finish_revocation(cx, tx, &key, digests).await
}

async fn finish_revocation<S: Access>(cx: &Cx<S>, mut tx: Tx, key: &ApiKey, digests: Vec<HashedToken>) -> Result<()> {
    store::api_keys::revoke(tx.conn(), key.id, cx.now()).await?;
    audit::record(&mut tx, cx, revoked(key)).await?;
    cx.inner().commit(tx, &changes(digests)).await?;
    tracing::info!(api_key.id = key.id.0, api_key.kind = key.kind.as_str(), "API key revoked");
    Ok(())
}

/// Returns what the audit log says of a revoked key.
pub(super) fn revoked(key: &ApiKey) -> Event {
    let details = json!({ "kind": key.kind.as_str(), "maskedKey": key.masked });
    Event { action: Action::ApiKeyRevoke, subject: audit::api_key(key), details }
}

/// Returns what caches must forget when a key changes.
pub(super) fn changes(digests: Vec<HashedToken>) -> Vec<AuthChange> {
    digests.into_iter().map(AuthChange::Key).collect()
}

/// Finds a key that the caller may change, and holds it until the transaction ends.
async fn lock_to_change(cx: &Cx<KeysWrite>, tx: &mut Tx, id: ApiKeyId) -> Result<(ApiKey, Vec<HashedToken>)> {
    let principal = cx.principal()?;
    let found = store::api_keys::lock(tx.conn(), id).await?;
    found.filter(|(key, _)| may_see(principal, key)).ok_or_else(not_found)
}

/// Whether the caller may know of a key: their own for people and for keys that nothing narrows, everybody's with the
/// scope `admin`; and never a key that reaches beyond the projects that the caller is bound to.
fn may_see(principal: &Principal, key: &ApiKey) -> bool {
    match itself_alone(principal) {
        Some(itself) => key.id == itself,
        None if principal.scopes.holds(Scope::Admin) => key.projects.within(&principal.projects),
        None => key.kind == KeyKind::User && key.user_id == principal.user_id,
    }
}

/// Returns the caller's own key if it speaks for itself alone: because it is narrowed, or because it is a system key,
/// which has no owner whose other keys it could speak for.
fn itself_alone(principal: &Principal) -> Option<ApiKeyId> {
    match principal.credential {
        _ if principal.scopes.holds(Scope::Admin) => None,
        Credential::ApiKey(id, KeyKind::System) => Some(id),
        _ => narrowed_key(principal),
    }
}

/// Returns the caller's own key if scopes or projects narrow it: it then speaks for itself alone, not for its owner's
/// other keys.
fn narrowed_key(principal: &Principal) -> Option<ApiKeyId> {
    match principal.credential {
        Credential::ApiKey(id, _)
            if principal.scopes != principal.role.scopes() || principal.projects != Projects::All =>
        {
            Some(id)
        }
        _ => None,
    }
}

fn not_found() -> Error {
    Error::NotFound("API key not found".into())
}

async fn describe_one<S: Access>(cx: &Cx<S>, conn: Conn<'_>, key: ApiKey) -> Result<KeyDetails> {
    describe(cx, conn, vec![key]).await?.pop().ok_or_else(not_found)
}

/// Adds to keys the users and projects that they speak of.
async fn describe<S: Access>(cx: &Cx<S>, mut conn: Conn<'_>, keys: Vec<ApiKey>) -> Result<Vec<KeyDetails>> {
    let mut users: Vec<UserId> = keys.iter().flat_map(|k| k.created_by.into_iter().chain([k.user_id])).collect();
    users.sort_unstable();
    users.dedup();
    let mut projects: Vec<ProjectId> = keys
        .iter()
        .flat_map(|key| match &key.projects {
            Projects::All => Vec::new(),
            Projects::Only(ids) => ids.to_vec(),
        })
        .collect();
    projects.sort_unstable();
    projects.dedup();
    let users: HashMap<UserId, User> = if users.is_empty() {
        HashMap::new()
    } else {
        let found = store::users::list_by_ids(conn.reborrow(), &users).await?;
        found.into_iter().map(|user| (user.id, user)).collect()
    };
    let projects = if projects.is_empty() {
        HashMap::new()
    } else {
        store::projects::list_by_ids(conn, &cx.projects(), &projects).await?
    };
    let now = cx.now();
    let details = |key: ApiKey| {
        let owner = (key.kind == KeyKind::User).then(|| users.get(&key.user_id).cloned()).flatten();
        KeyDetails {
            role: owner.as_ref().map_or(key.role, |user| user.role),
            owner,
            created_by: key.created_by.and_then(|id| users.get(&id).cloned()),
            projects: match &key.projects {
                Projects::All => None,
                Projects::Only(ids) => Some(ids.iter().filter_map(|id| projects.get(id).cloned()).collect()),
            },
            status: key.status(now),
            key,
        }
    };
    Ok(keys.into_iter().map(details).collect())
}

/// Whether a key works now.
#[must_use]
pub fn status(cx: &Cx<SignedIn>, key: &ApiKey) -> KeyStatus {
    key.status(cx.now())
}

/// Lists the living system keys, newest first.
pub async fn list_system(cx: &Cx<Admin>) -> Result<Vec<ApiKey>> {
    cx.inner().authenticator.tokens()?;
    let filter = KeyFilter { kind: Some(KeyKind::System), status: Some(KeyStatus::Active), ..KeyFilter::default() };
    let mut reader = cx.read().await?;
    Ok(store::api_keys::list(reader.conn(), &cx.projects(), &filter, cx.now(), ALL_AT_ONCE).await?.items)
}

/// Revokes a living system key at the peer's doors.
pub async fn revoke_system(cx: &Cx<Admin>, id: ApiKeyId) -> Result<()> {
    cx.inner().authenticator.tokens()?;
    let principal = cx.principal()?;
    let mut tx = cx.begin().await?;
    let found = store::api_keys::lock(tx.conn(), id).await?;
    let living =
        found.filter(|(key, _)| key.kind == KeyKind::System && key.revoked_at.is_none() && may_see(principal, key));
    let (key, digests) = living.ok_or_else(|| Error::NotFound("System API key not found".into()))?;
    finish_revocation(cx, tx, &key, digests).await
}

/// Lists the caller's own living keys, newest first. A key that is narrowed sees itself alone.
pub async fn list_own(cx: &Cx<SignedIn>) -> Result<Vec<ApiKey>> {
    cx.inner().authenticator.tokens()?;
    let principal = cx.principal()?;
    if principal.user_id == SYSTEM_USER {
        return Ok(Vec::new());
    }
    let mut reader = cx.read().await?;
    let mut keys = store::api_keys::list_of(reader.conn(), &[principal.user_id], cx.now()).await?;
    if let Some(itself) = narrowed_key(principal) {
        keys.retain(|key| key.id == itself);
    }
    Ok(keys)
}

/// Lists the living keys of users, newest first: one's own, or anyone's for who holds the scope `admin`.
pub async fn list_of(cx: &Cx<SignedIn>, users: &[UserId]) -> Result<Vec<ApiKey>> {
    let principal = cx.principal()?;
    if !principal.scopes.holds(Scope::Admin) {
        if users.iter().any(|id| *id != principal.user_id) {
            return Err(Error::forbidden("Only administrators see the keys of others"));
        }
        return list_own(cx).await;
    }
    let mut reader = cx.read().await?;
    let mut keys = store::api_keys::list_of(reader.conn(), users, cx.now()).await?;
    keys.retain(|key| may_see(principal, key));
    Ok(keys)
}

/// Returns a living key of a kind that the caller may see.
pub async fn get_living(cx: &Cx<SignedIn>, id: ApiKeyId, kind: KeyKind) -> Result<ApiKey> {
    let key = get(cx, id).await?;
    let living = Some(key).filter(|key| key.key.kind == kind && key.status == KeyStatus::Active);
    living.map(|key| key.key).ok_or_else(not_found)
}

/// Lists everybody's living user keys, newest first, with their owners.
pub async fn list_of_users(cx: &Cx<Admin>, page: PageRequest) -> Result<Page<(ApiKey, User)>> {
    cx.inner().authenticator.tokens()?;
    let filter = KeyFilter { kind: Some(KeyKind::User), status: Some(KeyStatus::Active), ..KeyFilter::default() };
    let mut reader = cx.read().await?;
    let page = store::api_keys::list(reader.conn(), &cx.projects(), &filter, cx.now(), page).await?;
    let ids: Vec<UserId> = page.items.iter().map(|key| key.user_id).collect();
    let users: HashMap<UserId, User> = if ids.is_empty() {
        HashMap::new()
    } else {
        store::users::list_by_ids(reader.conn(), &ids).await?.into_iter().map(|u| (u.id, u)).collect()
    };
    let owned = page.items.into_iter().filter_map(|key| users.get(&key.user_id).cloned().map(|user| (key, user)));
    Ok(Page { items: owned.collect(), next: page.next })
}

/// Revokes a living user key at the peer's doors: one's own, or anyone's with the scope `admin`. A key may revoke
/// itself.
pub async fn revoke_user(cx: &Cx<UserKeysRevoke>, id: ApiKeyId) -> Result<()> {
    cx.inner().authenticator.tokens()?;
    let principal = cx.principal()?;
    let mut tx = cx.begin().await?;
    let found = store::api_keys::lock(tx.conn(), id).await?;
    let living =
        found.filter(|(key, _)| key.kind == KeyKind::User && key.revoked_at.is_none() && may_see(principal, key));
    let (key, digests) = living.ok_or_else(not_found)?;
    finish_revocation(cx, tx, &key, digests).await
}
