//! Bring users and system keys to what a file says: YAML, of which JSON is a part.

use std::{
    collections::{BTreeMap, HashSet},
    ffi::{OsStr, OsString},
    fmt,
    fs::{self, File, OpenOptions},
    io::{Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_saphyr::Spanned;

use super::password;
use crate::{
    app,
    auth::password::Passwords,
    config::Config,
    db::{self, Db},
    domain::{
        plan::{KeyLimits, Plan},
        scope::{Role, Scope, ScopeSet},
        secret::{PlainToken, random_id},
        time::{Clock, UnixNanos},
        user::PasswordPolicy,
    },
    error::{Error, Refusal},
    service::{
        bootstrap::{self, Seed},
        provision::{
            self, Expiry, Fault, Kept, KeyWish, LostSecret, Outcome, Place, Prepared, ProjectWish, UserWish, Wish,
        },
    },
};

/// The largest file that is read, in bytes.
const MAX_FILE_BYTES: u64 = 1 << 20;
/// The most entries of one kind.
const MAX_ENTRIES: usize = 10_000;
/// No key is longer than this.
const MAX_SECRET_BYTES: u64 = 4_096;
/// The longest life that `expires_in` gives: a hundred years.
const MAX_LIFE: Duration = Duration::from_hours(24 * 36_525);

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The file, in YAML or JSON; `-` is standard input
    #[arg(long, value_name = "FILE")]
    file: PathBuf,
    /// Only say what would change
    #[arg(long)]
    dry_run: bool,
    /// Give a key whose file does not hold its secret a new one; the one that it had is refused from then on
    #[arg(long)]
    rotate_missing: bool,
    #[command(flatten)]
    config: Box<Config>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    #[serde(default)]
    projects: Vec<Spanned<ProjectEntry>>,
    #[serde(default)]
    users: Vec<Spanned<UserEntry>>,
    #[serde(default)]
    system_keys: Vec<Spanned<KeyEntry>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProjectEntry {
    name: String,
    description: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct UserEntry {
    email: String,
    username: String,
    #[serde(default = "member", deserialize_with = "word")]
    role: Role,
    active: Option<bool>,
    password: Option<SecretString>,
    password_file: Option<PathBuf>,
    password_env: Option<String>,
    #[serde(default = "yes")]
    must_change: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyEntry {
    name: String,
    description: Option<String>,
    #[serde(default, deserialize_with = "optional_word")]
    role: Option<Role>,
    #[serde(default, deserialize_with = "scopes")]
    scopes: Option<ScopeSet>,
    preset: Option<String>,
    projects: Option<Vec<String>>,
    #[serde(default, deserialize_with = "optional_word")]
    plan: Option<Plan>,
    #[serde(default)]
    limits: LimitsEntry,
    expires_at: Option<String>,
    expires_in: Option<String>,
    write_to: Option<PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct LimitsEntry {
    ingest_per_minute: Option<u32>,
    api_per_minute: Option<u32>,
    concurrent: Option<u32>,
}

const fn member() -> Role {
    Role::Member
}

const fn yes() -> bool {
    true
}

fn word<'de, D: Deserializer<'de>, T: FromStr<Err = String>>(deserializer: D) -> Result<T, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
}

fn optional_word<'de, D: Deserializer<'de>, T: FromStr<Err = String>>(deserializer: D) -> Result<Option<T>, D::Error> {
    Option::<String>::deserialize(deserializer)?.map(|text| text.parse().map_err(D::Error::custom)).transpose()
}

fn scopes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<ScopeSet>, D::Error> {
    let Some(words) = Option::<Vec<String>>::deserialize(deserializer)? else { return Ok(None) };
    words.iter().map(|word| word.parse::<Scope>().map_err(D::Error::custom)).collect::<Result<_, _>>().map(Some)
}

/// What the file says, beside what only the command line needs of it.
struct Contents {
    wish: Wish,
    /// Where the plain text of each key goes.
    files: Vec<Option<PathBuf>>,
    places: Places,
}

/// Lines and names of the entries, for those who read what went wrong or what was done.
struct Places {
    projects: Vec<(u64, String)>,
    users: Vec<(u64, String)>,
    keys: Vec<(u64, String)>,
}

impl Places {
    /// Returns the line of an entry, the path to it and its name.
    fn find(&self, place: Place) -> (u64, String, &str) {
        let (list, i, path) = match place {
            Place::Project(i) => (&self.projects, i, "projects"),
            Place::User(i) => (&self.users, i, "users"),
            Place::Key(i) => (&self.keys, i, "system_keys"),
        };
        let (line, name) = list.get(i).map_or((0, ""), |(line, name)| (*line, name.as_str()));
        (line, format!("{path}[{i}]"), name)
    }

    fn explain(&self, fault: Fault) -> anyhow::Error {
        let Some(place) = fault.place else { return app::explain(fault.error) };
        let (line, path, _) = self.find(place);
        match fault.error {
            Error::Invalid { field, detail } => anyhow!("line {line}: {path}.{field}: {detail}"),
            Error::Forbidden(Refusal::Rule(rule)) => anyhow!("line {line}: {path}: {rule}"),
            other => app::explain(other).context(format!("line {line}: {path}")),
        }
    }
}

pub(super) async fn run(args: Args, environment: BTreeMap<OsString, OsString>) -> Result<()> {
    let config = super::checked(*args.config)?;
    let shown = args.file.display().to_string();
    let text = read_file(&args.file).with_context(|| shown.clone())?;
    let mut contents = read(&text, base_of(&args.file), &config, &environment).with_context(|| shown.clone())?;
    let wish = std::mem::take(&mut contents.wish);
    let now = Clock::system().now();
    let lost = if args.rotate_missing { LostSecret::Rotate } else { LostSecret::Report };
    let db = if args.dry_run { open_untouched(&config).await? } else { app::open_database(&config).await? };
    let seed = Seed { admins: Vec::new(), ..app::seed(&config) };
    let prepared = provision::prepare(&db, &Passwords::new(), &seed, wish, lost, now).await;
    let prepared = prepared.map_err(|fault| contents.places.explain(fault)).with_context(|| shown.clone())?;
    let report = Report::new(&prepared, &contents.files);
    if args.dry_run {
        drop(prepared);
        report.print(&contents.places, None);
    } else {
        let tokens: BTreeMap<usize, PlainToken> = prepared.tokens.iter().cloned().collect();
        let written = write_all(&tokens, &contents).with_context(|| shown)?;
        prepared.commit().await.map_err(app::explain)?;
        report.print(&contents.places, Some(&tokens));
        put_in_place(written)?;
    }
    db.close().await;
    Ok(())
}

/// Paths in the file are relative to it.
fn base_of(file: &Path) -> &Path {
    if file == Path::new("-") { Path::new("") } else { file.parent().unwrap_or_else(|| Path::new("")) }
}

fn read_file(path: &Path) -> Result<String> {
    let text = if path == Path::new("-") {
        read_bounded(std::io::stdin().lock(), MAX_FILE_BYTES)?
    } else {
        read_bounded(File::open(path)?, MAX_FILE_BYTES)?
    };
    text.context("a file has at most 1 MiB of UTF-8 text")
}

/// Returns the text; `None` when it is too long or no text.
fn read_bounded(source: impl std::io::Read, limit: u64) -> std::io::Result<Option<String>> {
    let mut bytes = Vec::new();
    source.take(limit + 1).read_to_end(&mut bytes)?;
    Ok(if bytes.len() as u64 > limit { None } else { String::from_utf8(bytes).ok() })
}

fn read(text: &str, base: &Path, config: &Config, environment: &BTreeMap<OsString, OsString>) -> Result<Contents> {
    // No snippets: what stands around an error may be a password.
    let options = serde_saphyr::options! { with_snippet: false };
    let manifest: Manifest = serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let line = error.location().map(|at| format!("line {}, column {}: ", at.line(), at.column()));
        anyhow!("{}{}", line.unwrap_or_default(), message(&error))
    })?;
    let Manifest { projects, users, system_keys } = manifest;
    for (name, count) in [("projects", projects.len()), ("users", users.len()), ("system_keys", system_keys.len())] {
        ensure!(count <= MAX_ENTRIES, "{name}: at most {MAX_ENTRIES} entries");
    }
    let places = Places {
        projects: projects.iter().map(|p| (p.referenced.line(), p.value.name.clone())).collect(),
        users: users.iter().map(|u| (u.referenced.line(), u.value.email.clone())).collect(),
        keys: system_keys.iter().map(|k| (k.referenced.line(), k.value.name.clone())).collect(),
    };
    let mut wish = Wish::default();
    for project in projects {
        let ProjectEntry { name, description } = project.value;
        wish.projects.push(ProjectWish { name, description });
    }
    let policy = PasswordPolicy { strong: config.auth.strong_password_policy };
    for (i, user) in users.into_iter().enumerate() {
        let (line, path, _) = places.find(Place::User(i));
        let user = user_wish(user.value, base, policy, environment).with_context(|| format!("line {line}: {path}"))?;
        wish.users.push(user);
    }
    let (mut files, mut seen) = (Vec::new(), HashSet::new());
    for (i, key) in system_keys.into_iter().enumerate() {
        let (line, path, _) = places.find(Place::Key(i));
        let file = key.value.write_to.as_ref().map(|to| base.join(to));
        if let Some(file) = &file {
            ensure!(seen.insert(file.clone()), "line {line}: {path}.write_to: another key is written there");
        }
        let key = key_wish(key.value, file.as_deref()).with_context(|| format!("line {line}: {path}"))?;
        wish.keys.push(key);
        files.push(file);
    }
    Ok(Contents { wish, files, places })
}

/// Returns what is wrong, in one line and without where, which goes before it.
fn message(error: &serde_saphyr::Error) -> String {
    let text = error.without_snippet().to_string();
    let end = text.rfind(" at line ").unwrap_or(text.len());
    text[..end].lines().collect::<Vec<_>>().join(" ")
}

fn user_wish(
    entry: UserEntry,
    base: &Path,
    policy: PasswordPolicy,
    environment: &BTreeMap<OsString, OsString>,
) -> Result<UserWish> {
    let UserEntry { email, username, role, active, password, password_file, password_env, must_change } = entry;
    let password = match (password, password_file, password_env) {
        (None, None, None) => None,
        (Some(password), None, None) => Some(password),
        (None, Some(file), None) => {
            let file = base.join(file);
            Some(password::from_file(&file).with_context(|| format!("password_file: {}", file.display()))?)
        }
        (None, None, Some(name)) => {
            let value = environment.get(OsStr::new(&name)).and_then(|value| value.to_str());
            let value = value.filter(|value| !value.is_empty());
            Some(value.map(SecretString::from).with_context(|| format!("password_env: {name} is not set"))?)
        }
        _ => bail!("password, password_file and password_env: at most one of them"),
    };
    if let Some(password) = &password {
        policy.check(password.expose_secret()).map_err(|e| anyhow!("password: {e}"))?;
    }
    Ok(UserWish { email, username, role, active, password, must_change })
}

fn key_wish(entry: KeyEntry, file: Option<&Path>) -> Result<KeyWish> {
    let scopes = match (entry.scopes, entry.preset) {
        (Some(_), Some(_)) => bail!("scopes and preset: at most one of them"),
        (scopes, None) => scopes,
        (None, Some(preset)) => Some(ScopeSet::preset(&preset).map_err(|e| anyhow!("preset: {e}"))?),
    };
    let expiry = match (entry.expires_at, entry.expires_in) {
        (None, None) => Expiry::Never,
        (Some(at), None) => Expiry::At(UnixNanos::parse(&at).context("expires_at: not an RFC 3339 instant")?),
        (None, Some(life)) => {
            Expiry::After(read_life(&life).context("expires_in: a number and a unit, s, m, h or d, up to 36525d")?)
        }
        _ => bail!("expires_at and expires_in: at most one of them"),
    };
    let kept = match file {
        None => Kept::NotAsked,
        Some(file) => look(file).with_context(|| format!("write_to: {}", file.display()))?,
    };
    let LimitsEntry { ingest_per_minute, api_per_minute, concurrent } = entry.limits;
    Ok(KeyWish {
        name: entry.name,
        description: entry.description,
        role: entry.role,
        scopes,
        projects: entry.projects,
        plan: entry.plan,
        limits: KeyLimits { ingest_per_minute, api_per_minute, concurrent },
        expiry,
        kept,
    })
}

fn read_life(text: &str) -> Option<Duration> {
    let unit = match text.chars().last()? {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return None,
    };
    let number = &text[..text.len() - 1];
    let number: u64 = number.bytes().all(|b| b.is_ascii_digit()).then(|| number.parse().ok()).flatten()?;
    let life = Duration::from_secs(number.checked_mul(unit)?);
    (!life.is_zero() && life <= MAX_LIFE).then_some(life)
}

/// Looks at what a key's file holds, before anything is done.
fn look(file: &Path) -> Result<Kept> {
    match File::open(file) {
        Ok(open) => {
            ensure!(open.metadata()?.is_file(), "not a file");
            // What is too long for a key is none.
            let text = read_bounded(open, MAX_SECRET_BYTES)?.unwrap_or_default();
            Ok(Kept::Text(SecretString::from(text)))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Kept::Missing),
        Err(error) => Err(error.into()),
    }
}

/// Opens the database so that looking at it changes nothing; one in memory in place of one that is not there yet.
async fn open_untouched(config: &Config) -> Result<Db> {
    let options = app::database_options(config)?;
    let is_there = match &options.target {
        db::Target::SqliteFile(path) => path.exists(),
        db::Target::SqliteMemory => false,
        db::Target::Postgres { .. } => true,
    };
    if is_there {
        let db = Db::open(&options).await.map_err(app::explain).context("the database cannot be opened")?;
        let pending = db::migrate::pending(&db).await?;
        if pending.is_empty() && bootstrap::is_sown(&db).await.map_err(app::explain)? {
            return Ok(db);
        }
        let is_new = pending.first().is_none_or(|(version, _)| *version == 1);
        db.close().await;
        ensure!(is_new, "the database needs migrations, which a dry run does not make: `phoenix-server migrate`");
    }
    let scratch = db::Options { target: db::Target::SqliteMemory, ..options };
    let db = Db::open(&scratch).await.map_err(app::explain)?;
    db::migrate::run(&db, |_| ()).await?;
    Ok(db)
}

/// A new plain text that waits beside the place where it shall be; removed unless it gets there.
struct Written {
    waiting: PathBuf,
    target: PathBuf,
}

impl Drop for Written {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.waiting);
    }
}

/// Writes the plain texts beside their places: what can fail fails before the commit.
fn write_all(tokens: &BTreeMap<usize, PlainToken>, contents: &Contents) -> Result<Vec<Written>> {
    let mut written = Vec::new();
    for (i, token) in tokens {
        let Some(target) = contents.files.get(*i).cloned().flatten() else { continue };
        let (line, path, _) = contents.places.find(Place::Key(*i));
        let one = write(&target, token);
        written.push(one.with_context(|| format!("line {line}: {path}.write_to: {}", target.display()))?);
    }
    Ok(written)
}

fn write(target: &Path, token: &PlainToken) -> Result<Written> {
    let name = target.file_name().context("not the name of a file")?.to_string_lossy().into_owned();
    let waiting = target.with_file_name(format!(".{name}.{}", random_id()));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&waiting)?;
    let written = Written { waiting, target: target.to_owned() };
    file.write_all(token.expose().as_bytes())?;
    file.sync_all()?;
    Ok(written)
}

fn put_in_place(written: Vec<Written>) -> Result<()> {
    let mut left = Vec::new();
    for file in written {
        if let Err(error) = fs::rename(&file.waiting, &file.target) {
            left.push(format!("{}: {error}", file.target.display()));
        }
    }
    ensure!(
        left.is_empty(),
        "the keys are made, but not in place: {}; run again with --rotate-missing",
        left.join(", ")
    );
    Ok(())
}

/// What is said at the end.
struct Report {
    outcomes: Vec<(Place, Outcome)>,
    files: Vec<Option<PathBuf>>,
}

impl Report {
    fn new(prepared: &Prepared, files: &[Option<PathBuf>]) -> Self {
        Self { outcomes: prepared.outcomes.clone(), files: files.to_vec() }
    }

    /// Prints a line for whatever is not as it was; without tokens it is all but done.
    fn print(&self, places: &Places, tokens: Option<&BTreeMap<usize, PlainToken>>) {
        let mut changes = 0;
        for (place, outcome) in &self.outcomes {
            let (_, _, name) = places.find(*place);
            let (kind, token, file) = match place {
                Place::Project(_) => ("project", None, None),
                Place::User(_) => ("user", None, None),
                Place::Key(i) => ("key", tokens.and_then(|t| t.get(i)), self.files.get(*i).and_then(Option::as_ref)),
            };
            let what = match outcome {
                Outcome::Unchanged => continue,
                Outcome::Created => "created".to_owned(),
                Outcome::Changed(fields) => format!("changed: {}", fields.join(", ")),
                Outcome::Rotated => "has a new secret".to_owned(),
                Outcome::SecretLost => {
                    let file = file.map(|f| f.display().to_string()).unwrap_or_default();
                    println!(
                        "key {name}: {file} does not hold its secret, which is shown only once: run again with \
                         --rotate-missing to give it a new one"
                    );
                    changes += 1;
                    continue;
                }
            };
            changes += 1;
            println!("{kind} {name}: {what}{}", Whereabouts { token, file });
        }
        if changes == 0 {
            println!("unchanged");
        } else if tokens.is_none() {
            println!("dry run: nothing was changed");
        }
    }
}

/// Where a new plain text went: its file, or this very line.
struct Whereabouts<'a> {
    token: Option<&'a PlainToken>,
    file: Option<&'a PathBuf>,
}

impl fmt::Display for Whereabouts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.token, self.file) {
            (Some(_), Some(file)) => write!(f, ", written to {}", file.display()),
            (Some(token), None) => write!(f, ": {}", token.expose()),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lives_of_keys_are_read() {
        assert_eq!(read_life("90d"), Some(Duration::from_hours(24 * 90)));
        assert_eq!(read_life("12h"), Some(Duration::from_hours(12)));
        for bad in ["", "d", "90", "0s", "-1d", "+1d", "1w", "1.5h", "36526d", "99999999999999999999d", "1é"] {
            assert_eq!(read_life(bad), None, "{bad}");
        }
    }
}
