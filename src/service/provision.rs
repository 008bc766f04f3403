//! Users and system keys as a file wishes them, in one transaction; for the command line, on the database directly.
//!
//! What is there and is as wished stays untouched, so that a second run changes nothing. What the wish does not name is
//! left alone. A password counts when its user is made, and never again: it is theirs to change.

use std::{collections::HashSet, time::Duration};

use secrecy::SecretString;

use super::{
    api_keys::{self, changes, check_expiry, check_limits, renew},
    audit,
    bootstrap::{self, Seed},
    offline_keys::announce,
    offline_users::{Patch, UserRef, add_in, lock, update_in},
    projects,
    users::changed,
};
use crate::{
    auth::password::Passwords,
    db::{Db, Tx},
    domain::{
        api_key::{ApiKey, Environment, KeyKind, KeyStatus, NewApiKey},
        auth_change::AuthChange,
        page::{Order, PageRequest},
        plan::{KeyLimits, Plan},
        project::{ProjectRef, Projects},
        scope::{Role, Scope, ScopeSet},
        secret::{KeyPrefix, PlainToken},
        time::UnixNanos,
        user::{ADMIN_EMAIL, NewUser, SYSTEM_USER, User, check_email, check_username, normalize_email},
    },
    error::{Error, Result},
    store::{
        self,
        api_keys::{KeyFilter, Material, Secret},
        deployment::Deployment,
    },
};

/// What shall be there.
#[derive(Debug, Default)]
pub struct Wish {
    /// Projects, made if they are missing.
    pub projects: Vec<ProjectWish>,
    /// Users, known by their e-mail addresses.
    pub users: Vec<UserWish>,
    /// System keys, known by their names.
    pub keys: Vec<KeyWish>,
}

/// A project that shall be there.
#[derive(Debug)]
pub struct ProjectWish {
    /// Name.
    pub name: String,
    /// Free text for a project that is made.
    pub description: Option<String>,
}

/// A user who shall be there.
#[derive(Debug)]
pub struct UserWish {
    /// E-mail address.
    pub email: String,
    /// Name.
    pub username: String,
    /// Role.
    pub role: Role,
    /// Whether they may log in and their keys work; as it is when nothing is said.
    pub active: Option<bool>,
    /// Password of a user who is made; without one nobody knows it until it is reset.
    pub password: Option<SecretString>,
    /// Whether that password must be changed at the first login.
    pub must_change: bool,
}

/// When a key shall expire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// Never.
    Never,
    /// At an instant.
    At(UnixNanos),
    /// So long after the key is made.
    After(Duration),
}

/// What is known of a key's plain text before the run.
#[derive(Debug)]
pub enum Kept {
    /// Nobody asks: it is printed when the key is made, once.
    NotAsked,
    /// Its file is not there.
    Missing,
    /// Its file holds this.
    Text(SecretString),
}

/// A system key that shall be there.
#[derive(Debug)]
pub struct KeyWish {
    /// Name.
    pub name: String,
    /// Free text.
    pub description: Option<String>,
    /// Role; ADMIN if the scopes say `admin`, else MEMBER.
    pub role: Option<Role>,
    /// Scopes that narrow the role.
    pub scopes: Option<ScopeSet>,
    /// Projects that it is bound to, by name or global id.
    pub projects: Option<Vec<String>>,
    /// Plan of its own.
    pub plan: Option<Plan>,
    /// Limits of its own.
    pub limits: KeyLimits,
    /// When it expires.
    pub expiry: Expiry,
    /// What is known of its plain text.
    pub kept: Kept,
}

/// What to do about a key whose plain text is not where it shall be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LostSecret {
    /// Say so.
    Report,
    /// Give the key a new secret; the one that it had is refused from then on.
    Rotate,
}

/// What became of one wish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was as wished.
    Unchanged,
    /// It was made.
    Created,
    /// These fields of it were changed.
    Changed(Vec<String>),
    /// The key got a new secret, since its file did not hold the one that it had.
    Rotated,
    /// The key is as wished, but its file does not hold its secret.
    SecretLost,
}

/// Where a wish stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Among the projects.
    Project(usize),
    /// Among the users.
    User(usize),
    /// Among the keys.
    Key(usize),
}

/// Why a wish cannot be granted, and which.
#[derive(Debug)]
pub struct Fault {
    /// Which wish; none when it is nobody's fault.
    pub place: Option<Place>,
    /// Why.
    pub error: Error,
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self { place: None, error }
    }
}

/// Everything done but the commit. Dropped, nothing has happened.
#[derive(Debug)]
#[must_use = "nothing has happened until it is committed"]
pub struct Prepared {
    /// What becomes of each wish.
    pub outcomes: Vec<(Place, Outcome)>,
    /// Plain texts of the keys that get a new one, by their place.
    pub tokens: Vec<(usize, PlainToken)>,
    tx: Tx,
    changes: Vec<AuthChange>,
    now: UnixNanos,
}

impl Prepared {
    /// Makes it so, and tells running servers.
    pub async fn commit(self) -> Result<()> {
        announce(self.tx, &self.changes, self.now).await
    }
}

/// Does everything but the commit.
pub async fn prepare(
    db: &Db,
    passwords: &Passwords,
    seed: &Seed,
    wish: Wish,
    lost: LostSecret,
    now: UnixNanos,
) -> Result<Prepared, Fault> {
    check(&wish, now)?;
    let admin = wish.users.iter().position(|user| normalize_email(&user.email) == ADMIN_EMAIL);
    let admin_password = admin.and_then(|i| wish.users[i].password.clone()).or_else(|| seed.admin_password.clone());
    // Hashed before the transaction: on SQLite nobody else writes meanwhile.
    let admin_is_new = find_user(db, ADMIN_EMAIL).await?.is_none();
    let admin_hash = if admin_is_new { Some(bootstrap::hash_of_admin(passwords, admin_password).await?) } else { None };
    let mut hashes = Vec::with_capacity(wish.users.len());
    for user in &wish.users {
        let is_new = find_user(db, &normalize_email(&user.email)).await?.is_none();
        hashes.push(match &user.password {
            Some(password) if is_new => Some(passwords.hash(password.clone()).await?),
            _ => None,
        });
    }
    // Apart and first: on Postgres a transaction that is rolled back spends row ids, and the system user must be the
    // first of all users.
    let deployment = {
        let mut tx = db.begin().await?;
        let deployment = bootstrap::sow_in(&mut tx, admin_hash, &seed.admins, now).await?.deployment;
        if admin_is_new && let Some(user) = admin.map(|i| &wish.users[i]) {
            keep_first_password(&mut tx, user, now).await?;
        }
        tx.commit().await?;
        deployment
    };
    let mut tx = db.begin().await?;
    // Held to the end, so that of two runs at once the second sees what the first has done.
    store::users::lock_active_admins(tx.conn()).await?;
    let mut run = Run { tx, deployment, lost, now, outcomes: Vec::new(), tokens: Vec::new(), changes: Vec::new() };
    for (i, project) in wish.projects.iter().enumerate() {
        let place = Place::Project(i);
        let done = run.project(project).await;
        run.note(place, done)?;
    }
    // Whoever shall administer comes first: the last administrator may then leave.
    let mut order: Vec<usize> = (0..wish.users.len()).collect();
    order.sort_by_key(|&i| wish.users[i].role != Role::Admin || wish.users[i].active == Some(false));
    for i in order {
        let is_new_admin = admin_is_new && admin == Some(i);
        let done = run.user(&wish.users[i], hashes[i].take(), is_new_admin).await;
        run.note(Place::User(i), done)?;
    }
    for (i, key) in wish.keys.iter().enumerate() {
        let done = run.key(i, key).await;
        run.note(Place::Key(i), done)?;
    }
    let Run { tx, mut outcomes, tokens, changes, .. } = run;
    outcomes.sort_by_key(|(place, _)| match place {
        Place::Project(i) => (0, *i),
        Place::User(i) => (1, *i),
        Place::Key(i) => (2, *i),
    });
    Ok(Prepared { outcomes, tokens, tx, changes, now })
}

/// Spares the first administrator the change of a password that the wish gave them, if it says so.
async fn keep_first_password(tx: &mut Tx, wish: &UserWish, now: UnixNanos) -> Result<()> {
    if wish.must_change || wish.password.is_none() {
        return Ok(());
    }
    let made = store::users::find_by_email(tx.conn(), ADMIN_EMAIL).await?;
    if let Some((id, hash)) = made.and_then(|user| Some((user.id, user.password_hash?))) {
        store::users::update_password(tx.conn(), id, &hash, false, now).await?;
    }
    Ok(())
}

async fn find_user(db: &Db, email: &str) -> Result<Option<User>> {
    let mut reader = db.read().await?;
    store::users::find_by_email(reader.conn(), email).await
}

/// Checks what can be said of the wishes without a look at the database.
fn check(wish: &Wish, now: UnixNanos) -> Result<(), Fault> {
    let at = |place: Place, result: Result<()>| result.map_err(|error| Fault { place: Some(place), error });
    let mut names = HashSet::new();
    for (i, project) in wish.projects.iter().enumerate() {
        at(Place::Project(i), check_project(project))?;
        at(Place::Project(i), once(&mut names, "name", &project.name))?;
    }
    let (mut emails, mut names) = (HashSet::new(), HashSet::new());
    for (i, user) in wish.users.iter().enumerate() {
        at(Place::User(i), check_user(user))?;
        at(Place::User(i), once(&mut emails, "email", &normalize_email(&user.email)))?;
        at(Place::User(i), once(&mut names, "username", user.username.trim()))?;
    }
    let mut names = HashSet::new();
    for (i, key) in wish.keys.iter().enumerate() {
        at(Place::Key(i), new_key(key, Projects::All, now).map(|_| ()))?;
        at(Place::Key(i), once(&mut names, "name", &key.name))?;
    }
    Ok(())
}

fn once(seen: &mut HashSet<String>, field: &'static str, value: &str) -> Result<()> {
    if seen.insert(value.to_owned()) {
        return Ok(());
    }
    let shown: String = value.chars().take(100).collect();
    Err(Error::invalid(field, format!("{shown} stands there twice")))
}

fn check_project(project: &ProjectWish) -> Result<()> {
    projects::validate_name(&project.name).map_err(|e| Error::invalid("name", e))?;
    projects::validate_description(project.description.as_deref())
}

fn check_user(user: &UserWish) -> Result<()> {
    if normalize_email(&user.email) != ADMIN_EMAIL {
        check_email(&user.email).map_err(|e| Error::invalid("email", e))?;
    }
    check_username(&user.username).map_err(|e| Error::invalid("username", e))?;
    if user.role == Role::System {
        return Err(Error::invalid("role", "The role is ADMIN, MEMBER or VIEWER"));
    }
    Ok(())
}

/// Returns the key that is wished for.
fn new_key(wish: &KeyWish, projects: Projects, now: UnixNanos) -> Result<NewApiKey> {
    let asks_for_admin = wish.scopes.is_some_and(|s| s.iter().any(|s| s == Scope::Admin));
    let role = wish.role.unwrap_or(if asks_for_admin { Role::Admin } else { Role::Member });
    if role == Role::System {
        return Err(Error::invalid("role", "The role is ADMIN, MEMBER or VIEWER"));
    }
    if wish.scopes == Some(ScopeSet::NONE) {
        let detail = "A key needs at least one scope; without the field it has every right of its role";
        return Err(Error::invalid("scopes", detail));
    }
    if let Some(scope) = wish.scopes.and_then(|s| s.beyond(role.scopes())) {
        return Err(Error::invalid("scopes", format!("The role {role} does not hold the scope {scope}")));
    }
    check_limits(&wish.limits)?;
    let expires_at = match wish.expiry {
        Expiry::Never => None,
        Expiry::At(at) => Some(at),
        Expiry::After(life) => Some(now.plus(life)),
    };
    let new = NewApiKey {
        name: wish.name.clone(),
        description: wish.description.clone(),
        expires_at,
        role,
        scopes: wish.scopes,
        projects,
        environment: Environment::Live,
        plan: wish.plan,
        limits: wish.limits,
    };
    api_keys::validate(&new)?;
    Ok(new)
}

struct Run {
    tx: Tx,
    deployment: Deployment,
    lost: LostSecret,
    now: UnixNanos,
    outcomes: Vec<(Place, Outcome)>,
    tokens: Vec<(usize, PlainToken)>,
    changes: Vec<AuthChange>,
}

impl Run {
    fn note(&mut self, place: Place, outcome: Result<Outcome>) -> Result<(), Fault> {
        self.outcomes.push((place, outcome.map_err(|error| Fault { place: Some(place), error })?));
        Ok(())
    }

    async fn project(&mut self, wish: &ProjectWish) -> Result<Outcome> {
        let by_name = ProjectRef::Name(wish.name.clone());
        if store::projects::find(self.tx.conn(), &Projects::All, &by_name).await?.is_some() {
            return Ok(Outcome::Unchanged);
        }
        let made = store::projects::add(self.tx.conn(), &wish.name, wish.description.as_deref(), self.now).await?;
        audit::record_offline(&mut self.tx, projects::created(&made), self.now).await?;
        Ok(Outcome::Created)
    }

    async fn user(&mut self, wish: &UserWish, hash: Option<SecretString>, is_new_admin: bool) -> Result<Outcome> {
        let email = normalize_email(&wish.email);
        if store::users::find_by_email(self.tx.conn(), &email).await?.is_none() {
            let new = NewUser {
                password_needs_reset: wish.must_change,
                ..NewUser::local(wish.role, &wish.username, &email, hash)
            };
            add_in(&mut self.tx, &new, self.now).await?;
            if wish.active == Some(false) {
                self.update(&UserRef::Email(email), wish).await?;
            }
            return Ok(Outcome::Created);
        }
        let after = self.update(&UserRef::Email(email), wish).await?;
        if is_new_admin {
            return Ok(Outcome::Created);
        }
        Ok(after.map_or(Outcome::Unchanged, Outcome::Changed))
    }

    /// Brings a user's name, role and state to the wish; returns the fields that this changed.
    async fn update(&mut self, user: &UserRef, wish: &UserWish) -> Result<Option<Vec<String>>> {
        let locked = lock(&mut self.tx, user).await?;
        let mut after = locked.user.clone();
        wish.username.trim().clone_into(&mut after.username);
        (after.role, after.is_active) = (wish.role, wish.active.unwrap_or(after.is_active));
        let fields = changed(&locked.user, &after).map(|event| fields_of(&event.details));
        let patch = Patch { username: Some(wish.username.clone()), role: Some(wish.role), active: wish.active };
        if let Some(changes) = update_in(&mut self.tx, locked, &patch, self.now).await? {
            self.changes.extend(changes);
        }
        Ok(fields)
    }

    async fn key(&mut self, place: usize, wish: &KeyWish) -> Result<Outcome> {
        let projects = self.resolve(wish.projects.as_deref()).await?;
        let new = new_key(wish, projects, self.now)?;
        let filter = KeyFilter { kind: Some(KeyKind::System), status: Some(KeyStatus::Active), ..KeyFilter::default() };
        let all = PageRequest { from: None, limit: u32::MAX, order: Order::Desc };
        let living = store::api_keys::list(self.tx.conn(), &Projects::All, &filter, self.now, all).await?.items;
        let mut found = living.into_iter().filter(|key| key.name == wish.name);
        let Some(key) = found.next() else {
            check_expiry(new.expires_at, self.now)?;
            return self.make(place, &new).await;
        };
        if found.next().is_some() {
            let detail = "Several living system keys have this name: rename or revoke all but one";
            return Err(Error::invalid("name", detail));
        }
        let changed = self.adjust(&key, new, wish.expiry).await?;
        if self.is_kept(&key, &wish.kept).await? {
            return Ok(changed.map_or(Outcome::Unchanged, Outcome::Changed));
        }
        if self.lost == LostSecret::Report {
            return Ok(Outcome::SecretLost);
        }
        let Some((key, digests)) = store::api_keys::lock(self.tx.conn(), key.id).await? else {
            return Err(Error::NotFound("API key not found".into()));
        };
        let digest_key = &self.deployment.digest_key;
        let digest = |token: &PlainToken| token.digest(digest_key);
        let (token, event) = renew(&mut self.tx, &key, Duration::ZERO, self.now, digest).await?;
        audit::record_offline(&mut self.tx, event, self.now).await?;
        self.changes.extend(changes(digests));
        self.tokens.push((place, token));
        Ok(Outcome::Rotated)
    }

    async fn make(&mut self, place: usize, new: &NewApiKey) -> Result<Outcome> {
        let token = PlainToken::generate(KeyPrefix::System);
        let digest = token.digest(&self.deployment.digest_key);
        let (kind, user_id) = (KeyKind::System, SYSTEM_USER);
        let material = Material { kind, user_id, created_by: None, digest: &digest, masked: &token.masked() };
        let made = store::api_keys::add(self.tx.conn(), material, new, self.now).await?;
        audit::record_offline(&mut self.tx, api_keys::created(&made), self.now).await?;
        self.tokens.push((place, token));
        Ok(Outcome::Created)
    }

    /// Brings a key to the wish; returns the fields that this changed.
    async fn adjust(&mut self, before: &ApiKey, new: NewApiKey, expiry: Expiry) -> Result<Option<Vec<String>>> {
        if before.role != new.role {
            let detail = format!(
                "The key has the role {}, which cannot be changed: revoke the key, and the next run makes it anew",
                before.role
            );
            return Err(Error::invalid("role", detail));
        }
        let mut key = before.clone();
        (key.description, key.scopes, key.projects) = (new.description, new.scopes, new.projects);
        (key.plan, key.limits) = (new.plan, new.limits);
        match expiry {
            // Counted from when the key was made: it does not live longer with each run.
            Expiry::After(_) => {}
            Expiry::Never | Expiry::At(_) => key.expires_at = new.expires_at,
        }
        let Some(event) = api_keys::changed(before, &key) else { return Ok(None) };
        if key.expires_at != before.expires_at {
            check_expiry(key.expires_at, self.now)?;
        }
        let locked = store::api_keys::lock(self.tx.conn(), key.id).await?;
        let fields = fields_of(&event.details);
        store::api_keys::update(self.tx.conn(), &key).await?;
        audit::record_offline(&mut self.tx, event, self.now).await?;
        self.changes.extend(locked.map(|(_, digests)| changes(digests)).into_iter().flatten());
        Ok(Some(fields))
    }

    /// Whether the plain text is where it shall be, as far as anybody asks.
    async fn is_kept(&mut self, key: &ApiKey, kept: &Kept) -> Result<bool> {
        let text = match kept {
            Kept::NotAsked => return Ok(true),
            Kept::Missing => return Ok(false),
            Kept::Text(text) => secrecy::ExposeSecret::expose_secret(text).trim(),
        };
        let Some(token) = PlainToken::parse(text) else { return Ok(false) };
        let digest = token.digest(&self.deployment.digest_key);
        let found = store::api_keys::find_by_digest(self.tx.conn(), &digest).await?;
        Ok(found.is_some_and(|(found, secret)| found.id == key.id && secret == Secret::Current))
    }

    async fn resolve(&mut self, named: Option<&[String]>) -> Result<Projects> {
        let Some(named) = named else { return Ok(Projects::All) };
        if named.is_empty() {
            let detail = "A key needs at least one project; without the field it reaches every project";
            return Err(Error::invalid("projects", detail));
        }
        let mut ids = Vec::with_capacity(named.len());
        for name in named {
            let found = store::projects::find(self.tx.conn(), &Projects::All, &ProjectRef::parse(name)).await?;
            let shown: String = name.chars().take(100).collect();
            let unknown = || Error::invalid("projects", format!("There is no project {shown}"));
            ids.push(found.ok_or_else(unknown)?.id);
        }
        ids.sort_unstable();
        ids.dedup();
        Ok(Projects::Only(ids.into()))
    }
}

/// Returns the names of the fields that a record of the audit log says were set.
fn fields_of(details: &serde_json::Value) -> Vec<String> {
    details["set"].as_object().into_iter().flatten().map(|(field, _)| field.clone()).collect()
}
