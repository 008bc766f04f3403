//! Tests of the settings.

use std::process::Command;

use clap::FromArgMatches as _;
use secrecy::ExposeSecret as _;

use super::*;

/// Parses flags alone: a developer's shell, which often has `RUST_LOG`, decides no test.
fn parse(args: &[&str]) -> Result<Config, clap::Error> {
    let command = definitions()
        .args_override_self(true)
        .mut_args(|arg| if arg.is_hide_set() { arg.env("IN_NO_ENVIRONMENT") } else { arg });
    let defaults: Vec<String> = command
        .get_arguments()
        .filter(|arg| !arg.is_hide_set())
        .filter_map(|arg| Some(format!("--{}={}", arg.get_long()?, default_of(arg))))
        .collect();
    let name = std::iter::once("phoenix-server");
    let args = name.chain(defaults.iter().map(String::as_str)).chain(args.iter().copied());
    Config::from_arg_matches(&command.try_get_matches_from(args)?)
}

/// Returns the configuration that these flags make.
pub(crate) fn config(args: &[&str]) -> Config {
    parse(args).unwrap()
}

/// Returns the line that refuses these flags.
pub(crate) fn refusal(args: &[&str]) -> String {
    let line = one_line(&parse(args).unwrap_err());
    assert!(!line.contains('\n') && line.contains("allowed"), "{line}");
    line
}

fn warnings(env: &[(&str, &str)]) -> Vec<String> {
    Config::warnings(env.iter().map(|(name, value)| (OsString::from(name), OsString::from(value))))
}

#[test]
fn the_definitions_hold_together() {
    definitions().debug_assert();
    assert!(config(&[]).validate().is_ok());
}

#[test]
fn every_flag_is_named_like_its_variable() {
    for arg in definitions().get_arguments() {
        let name = arg.get_env().and_then(OsStr::to_str).unwrap();
        let flag = arg.get_long().unwrap();
        let exceptions = ["database-url", "database-url-file", "log-filter"];
        let expected = name.trim_start_matches(PREFIX).to_lowercase().replace('_', "-");
        assert!(flag == expected || exceptions.contains(&flag), "{flag} {name}");
        assert!(arg.get_help().is_some() && arg.get_help_heading().is_some(), "{name}");
    }
}

#[test]
fn every_secret_hides_its_value_and_has_a_file() {
    let command = definitions();
    let names: Vec<&str> = command.get_arguments().filter_map(|arg| arg.get_env()?.to_str()).collect();
    let telling =
        |name: &&str| ["SECRET", "PASSWORD", "DATABASE_URL", "REPLICA_URL"].iter().any(|mark| name.ends_with(mark));
    let mut secrets = 0;
    for arg in command.get_arguments() {
        let name = arg.get_env().and_then(OsStr::to_str).unwrap();
        if !telling(&name) || name == "PHOENIX_ENFORCE_PASSWORD_RESET" {
            continue;
        }
        secrets += 1;
        assert!(arg.is_hide_env_values_set(), "{name}");
        assert!(arg.is_hide_set() || name == "PHOENIX_SQL_DATABASE_URL", "{name}");
        let file = format!("{name}_FILE");
        assert!(names.contains(&file.as_str()), "{file}");
    }
    assert_eq!(secrets, 8);
}

#[test]
fn a_secret_is_not_taken_from_a_flag() {
    let err = definitions().try_get_matches_from(["x", "--secret", "hunter2hunter2"]).unwrap_err();
    let line = one_line(&err);
    assert!(line.starts_with("--secret (PHOENIX_SECRET): ") && line.contains("PHOENIX_SECRET_FILE"), "{line}");
    assert!(!err.to_string().contains("hunter2"));
}

#[test]
fn secrets_are_read_from_files() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        std::fs::write(dir.path().join(name), text).unwrap();
        dir.path().join(name).to_str().unwrap().to_owned()
    };
    let good = write("good", "a1b2c3d4a1b2c3d4a1b2c3d4a1b2c3d4\n");
    let url = write("url", "postgresql://u:p@h/d\n");
    let mut read = config(&["--secret-file", &good, "--database-url-file", &url, "--enable-auth", "true"]);
    read.validate().unwrap();
    assert_eq!(read.auth.secret.as_ref().unwrap().expose_secret(), "a1b2c3d4a1b2c3d4a1b2c3d4a1b2c3d4");
    assert!(matches!(read.database.target(read.http.working_dir()), Ok(DatabaseTarget::Postgres(_))));
    assert!(read.validate().is_ok(), "a second time");
    let printed = format!("{read:?}");
    assert!(!printed.contains("a1b2c3d4") && !printed.contains("u:p"), "{printed}");

    let mut both = config(&["--smtp-password-file", &good]);
    both.mail.password = Some("x".into());
    let err = both.validate().unwrap_err().to_string();
    assert_eq!(err, "PHOENIX_SMTP_PASSWORD: set together with PHOENIX_SMTP_PASSWORD_FILE; allowed: one of the two");

    let empty = write("empty", " \n");
    let err = config(&["--admin-secret-file", &empty]).validate().unwrap_err().to_string();
    assert!(err.starts_with("PHOENIX_ADMIN_SECRET_FILE: ") && err.contains("is empty"), "{err}");
    let err = config(&["--postgres-password-file", "/nowhere/at all"]).validate().unwrap_err();
    assert_eq!(err.variable(), "PHOENIX_POSTGRES_PASSWORD_FILE");
}

#[test]
fn booleans_are_true_or_false() {
    for (text, expected) in [("true", true), (" TRUE ", true), ("False", false)] {
        assert_eq!(config(&["--enable-auth", text]).auth.enabled, expected);
    }
    for bad in ["", "1", "yes", "on"] {
        let line = refusal(&["--enable-auth", bad]);
        assert_eq!(
            line,
            format!("--enable-auth (PHOENIX_ENABLE_AUTH): `{bad}` is not a boolean; allowed: true or false")
        );
    }
}

#[test]
fn an_error_is_one_line_whatever_the_value() {
    let line = refusal(&["--port", "1\n2\u{1b}[31m"]);
    assert!(line.contains(r"`1\n2\u{1b}[31m`"), "{line}");
    assert!(refusal(&["--port", &"9".repeat(500)]).len() < 200);
    let err = ConfigError::new("PHOENIX_PORT", "a\n  b\u{1b}c");
    assert_eq!(err.to_string(), "PHOENIX_PORT: a b c");
}

#[test]
fn claps_own_errors_become_one_line_too() {
    let line = |args: &[&str]| one_line(&definitions().try_get_matches_from(args).unwrap_err());
    assert_eq!(line(&["x", "--port"]), "PHOENIX_PORT: a value is required for '--port <PORT>' but none was supplied");
    assert_eq!(
        line(&["x", "--prot", "1"]),
        "unexpected argument '--prot' found tip: a similar argument exists: '--port'"
    );
}

#[test]
fn a_plain_environment_gives_no_warning() {
    let env = [
        ("PATH", "/bin"),
        ("RUST_LOG", "info"),
        ("PHOENIX_PORT", "6006"),
        ("PHOENIX_SECRET", "x"),
        ("PHOENIX_SECRET_FILE", "x"),
        ("PHOENIX_API_KEY", "x"),
        ("PHOENIX_CLIENT_HEADERS", "x"),
        ("PHOENIX_PROJECT", "x"),
        ("PHOENIX_TEST_DATASET", "x"),
        ("PHOENIX_SMTP_HOSTNAME", "smtp.example.com"),
        ("PHOENIX_SMTP_PORT", "465"),
        ("PHOENIX_SMTP_PASSWORD_FILE", "x"),
        ("PHOENIX_PASSWORD_RESET_TOKEN_EXPIRY_MINUTES", "5"),
        ("PHOENIX_TELEMETRY_ENABLED", "True"),
        ("PHOENIX_SERVICE_HOST", "10.0.0.1"),
        ("PHOENIX_SERVICE_PORT_HTTP", "6006"),
        ("PHOENIX_PORT_6006_TCP", "tcp://10.0.0.1:6006"),
        ("PHOENIX_PORT_6006_TCP_ADDR", "10.0.0.1"),
        ("PHOENIX_UI_PORT", "tcp://10.0.0.1:80"),
    ];
    assert_eq!(warnings(&env), Vec::<String>::new());
}

#[test]
fn variables_without_effect_are_named_with_the_reason() {
    let env = [
        ("PHOENIX_LDAP_BIND_PASSWORD", "hunter2"),
        ("PHOENIX_LDAP_HOST", "ldap"),
        ("PHOENIX_ENABLE_WEBSOCKETS", "true"),
        ("PHOENIX_OAUTH2_GOOGLE_CLIENT_ID", "x"),
        ("PHOENIX_OAUTH2_GOOGLE_CLIENT_SECRET", "hunter2"),
        ("PHOENIX_OAUTH2_GRANT_EXPIRY_DAYS", "30"),
        ("PHOENIX_TELEMETRY_ENABLED", "false"),
    ];
    let lines = warnings(&env);
    assert!(!lines.concat().contains("hunter2"));
    insta::assert_snapshot!(lines.join("\n"), @r"
    PHOENIX_ENABLE_WEBSOCKETS is deprecated and has no effect: subscriptions do not use WebSockets any more
    PHOENIX_TELEMETRY_ENABLED set without effect: this server's web UI loads no analytics and nothing from other hosts
    PHOENIX_LDAP_BIND_PASSWORD, PHOENIX_LDAP_HOST set without effect: this version does not log in with LDAP
    PHOENIX_OAUTH2_GRANT_EXPIRY_DAYS set without effect: this version is no OAuth2 authorization server
    PHOENIX_OAUTH2_GOOGLE_* set without effect: this version does not log in with identity providers
    ");
}

#[test]
fn unknown_variables_are_named_with_what_was_meant() {
    let env = [
        ("PHOENIX_PROT", "1"),
        ("PHOENIX_ENABLE_AUHT", "true"),
        ("PHOENIX_LDAP_HOSTS", "x"),
        ("PHOENIX_COLOUR", "red"),
    ];
    insta::assert_snapshot!(warnings(&env).join("\n"), @r"
    PHOENIX_COLOUR is unknown and has no effect
    PHOENIX_ENABLE_AUHT is unknown and has no effect; did you mean PHOENIX_ENABLE_AUTH?
    PHOENIX_LDAP_HOSTS is unknown and has no effect; did you mean PHOENIX_LDAP_HOST?
    PHOENIX_PROT is unknown and has no effect; did you mean PHOENIX_PORT?
    ");
    assert_eq!(distance("kitten", "sitting"), 3);
    assert_eq!(distance("", "ab"), 2);
}

#[test]
fn a_url_beside_parts_is_a_warning() {
    let lines = warnings(&[
        ("PHOENIX_SQL_DATABASE_URL", "sqlite:///x"),
        ("PHOENIX_POSTGRES_HOST", "h"),
        ("PHOENIX_POSTGRES_DB", "d"),
    ]);
    assert_eq!(
        lines,
        ["PHOENIX_POSTGRES_HOST, PHOENIX_POSTGRES_DB set without effect: PHOENIX_SQL_DATABASE_URL wins over them"]
    );
    assert!(warnings(&[("PHOENIX_POSTGRES_HOST", "h"), ("PHOENIX_SQL_DATABASE_URL", "")]).is_empty());
}

#[test]
fn tables_of_names_do_not_overlap() {
    let unused: Vec<&str> = NOT_USED_YET.iter().flat_map(|(_, names)| names.iter().copied()).collect();
    let once: BTreeSet<&str> = unused.iter().copied().collect();
    assert_eq!(once.len(), unused.len());
    assert!(unused.iter().all(|name| !is_client_variable(name)));
    assert!(DEPRECATED.iter().all(|(name, _)| !once.contains(name)));
}

#[test]
fn the_example_has_every_variable_with_meaning_and_default() {
    let text = Config::env_example();
    assert_eq!(text, Config::env_example());
    for arg in definitions().get_arguments() {
        let name = arg.get_env().and_then(OsStr::to_str).unwrap();
        assert!(text.contains(&format!("\n# {name}={}\n", default_of(arg))), "{name}");
    }
    assert!(text.lines().all(|line| line.is_empty() || line.starts_with('#')));
    assert!(text.lines().all(|line| line.starts_with("# PHOENIX_") || line.chars().count() <= 100));
    assert_eq!(text.matches("# ---- ").count(), 9);
    insta::assert_snapshot!(text.lines().take(9).collect::<Vec<_>>().join("\n"), @r"
    # Every variable of phoenix-server, with its default; nothing behind `=` means unset.

    # ---- Network and process ----

    # Address that the HTTP listener binds; `::` is every address, IPv6 and IPv4
    # PHOENIX_HOST=0.0.0.0

    # Port of the HTTP listener: REST, GraphQL, OTLP over HTTP and the web UI
    # PHOENIX_PORT=6006
    ");
}

// The environment of this process cannot be changed safely, so the variables go to a child: this
// test binary again.
fn in_child(env: &[(&str, &str)]) -> String {
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--ignored", "--nocapture", "config::tests::child_that_reads_its_environment"])
        .env_clear()
        .envs(env.iter().copied())
        .output()
        .unwrap();
    String::from_utf8(child.stdout).unwrap()
}

#[test]
#[ignore = "runs as the child of other tests"]
fn child_that_reads_its_environment() {
    let read = definitions()
        .try_get_matches_from(["phoenix-server"])
        .and_then(|matches| Config::from_arg_matches(&matches))
        .map_err(|err| one_line(&err))
        .and_then(|mut config| config.validate().map(|()| config).map_err(|err| err.to_string()));
    println!("{}", definitions().render_long_help());
    match read {
        Ok(config) => println!("\n<{config:?}>"),
        Err(line) => println!("\n<{line}>"),
    }
}

#[test]
fn variables_are_read_and_secrets_never_printed() {
    let out = in_child(&[
        ("PHOENIX_PORT", " 6007 "),
        ("PHOENIX_ENABLE_AUTH", "TRUE"),
        ("PHOENIX_SECRET", "hunter2hunter2hunter2hunter2hunter2"),
        ("PHOENIX_ADMIN_SECRET", ""),
        ("PHOENIX_SQL_DATABASE_URL", "postgresql://u:hunter2@h/d"),
        ("PHOENIX_SMTP_PASSWORD", "hunter2"),
    ]);
    assert!(out.contains("port: 6007") && out.contains("enabled: true") && out.contains("admin_secret: None"), "{out}");
    assert!(out.contains("[env: PHOENIX_SQL_DATABASE_URL]") && !out.contains("hunter2"), "{out}");
}

#[test]
fn a_bad_variable_is_named_without_its_flag() {
    let out = in_child(&[("PHOENIX_PORT", "abc")]);
    assert!(
        out.contains("<PHOENIX_PORT: `abc` is not allowed here; allowed: a whole number from 0 to 65535>"),
        "{out}"
    );
    let out = in_child(&[("PHOENIX_SECRET", "hunter2")]);
    assert!(out.contains("<PHOENIX_SECRET: too short; allowed: ") && !out.contains("hunter2"), "{out}");
    let out = in_child(&[("PHOENIX_ENABLE_AUTH", "yes")]);
    assert!(out.contains("<PHOENIX_ENABLE_AUTH: `yes` is not a boolean; allowed: true or false>"), "{out}");
}
