//! Tests of the database settings.

use std::path::Path;

use super::*;
use crate::config::tests::{config, refusal};

fn target(url: &str) -> Result<DatabaseTarget, String> {
    config(&["--database-url", url]).database.target(Ok("/data".into())).map_err(|err| err.to_string())
}

fn sqlite(url: &str) -> SqliteTarget {
    match target(url).unwrap() {
        DatabaseTarget::Sqlite(target) => target,
        DatabaseTarget::Postgres(target) => panic!("{}", target.label),
    }
}

fn postgres(url: &str) -> String {
    match target(url).unwrap() {
        DatabaseTarget::Postgres(target) => target.url.expose_secret().to_owned(),
        DatabaseTarget::Sqlite(target) => panic!("{target:?}"),
    }
}

#[test]
fn sqlite_urls_come_in_sqlalchemys_form() {
    let file = |path: &str| SqliteTarget::File(PathBuf::from(path));
    for memory in [
        "sqlite:///:memory:",
        "sqlite://:memory:",
        "sqlite::memory:",
        "sqlite+aiosqlite:///:memory:",
        "sqlite:///x?mode=memory&uri=true",
    ] {
        assert_eq!(sqlite(memory), SqliteTarget::Memory, "{memory}");
    }
    assert_eq!(sqlite("sqlite:///relative/x.db"), file("relative/x.db"));
    assert_eq!(sqlite(" sqlite:////abs/x.db "), file("/abs/x.db"));
    assert_eq!(sqlite("sqlite:///a%20b.db?cache=shared"), file("a b.db"));
    assert_eq!(sqlite("sqlite:x.db"), file("x.db"));
    for bad in ["sqlite://", "sqlite:///", "sqlite:////dir/", "sqlite:///x?mode=ro", "sqlite:///file:x?uri=true"] {
        assert!(target(bad).unwrap_err().starts_with("PHOENIX_SQL_DATABASE_URL: "), "{bad}");
    }
}

#[test]
fn postgres_urls_lose_the_driver_and_keep_the_rest() {
    assert_eq!(postgres("postgresql://u:p@h:1/d"), "postgres://u:p@h:1/d");
    assert_eq!(postgres("postgres://h"), "postgres://h/");
    assert_eq!(postgres("postgresql+asyncpg://u@h/d?ssl=require"), "postgres://u@h/d?sslmode=require");
    assert_eq!(postgres("postgresql://h:5432/d?user=u&password=p"), "postgres://u:p@h:5432/d");
    assert_eq!(postgres("postgresql://h:5432/d?user=u@corp&password=c+d%2B"), "postgres://u%40corp:c%20d%2B@h:5432/d");
    assert_eq!(postgres("postgresql://h/d?password=x&channel_binding=require"), "postgres://h/d?password=x");
    assert_eq!(postgres("POSTGRESQL://u:p%40%2F@h/d"), "postgres://u:p%40%2F@h/d");
}

#[test]
fn passwords_may_be_written_as_sqlalchemy_accepts_them() {
    assert_eq!(postgres("postgresql://u:pa/s?s#x@h:1/d%20b"), "postgres://u:pa%2Fs%3Fs%23x@h:1/d%20b");
    assert_eq!(postgres("postgresql://u:4/abc@h/d"), "postgres://u:4%2Fabc@h/d");
    assert_eq!(postgres("postgresql://u:100%@h/d"), "postgres://u:100%25@h/d");
    assert_eq!(postgres("postgresql://u@srv@h/d"), "postgres://u%40srv@h/d");
    assert_eq!(postgres("postgresql://u:a:b@h/d"), "postgres://u:a%3Ab@h/d");
}

#[test]
fn sockets_and_ipv6_move_into_the_query() {
    assert_eq!(postgres("postgresql://u:p@[::1]:5/d"), "postgres:///d?host=%3A%3A1&port=5&user=u&password=p");
    assert_eq!(postgres("postgresql:///d?host=/tmp"), "postgres:///d?host=%2Ftmp");
    assert_eq!(postgres("postgresql://u:p@/d"), "postgres:///d?user=u&password=p");
}

#[test]
fn the_drivers_view_of_a_url_is_what_was_meant() {
    let url = url::Url::parse(&postgres("postgresql://us%20er:p%40 :/?#[]%é@db.example:99/d b")).unwrap();
    let plain = |text: &str| percent_decode_str(text).decode_utf8().unwrap().into_owned();
    assert_eq!(plain(url.username()), "us er");
    assert_eq!(plain(url.password().unwrap()), "p@ :/?#[]%é");
    assert_eq!((url.host_str(), url.port(), plain(url.path()).as_str()), (Some("db.example"), Some(99), "/d b"));
}

#[test]
fn a_refused_url_is_not_repeated() {
    for bad in [
        "mysql://u:hunter2@h/d",
        "hunter2",
        "u:hunter2@h",
        "postgresql:u:hunter2@h",
        "postgresql://u:x@hunter2@h/d",
        "postgresql://u:hunter2@h:port/d",
        "postgresql://u:p@h/d?passwd=hunter2",
        "postgresql://u:x@h:hunter2@i/d",
        "postgresql://u:hunter2@h/d?sslmode=on",
    ] {
        if let Err(err) = target(bad) {
            assert!(err.starts_with("PHOENIX_SQL_DATABASE_URL: ") && !err.contains("hunter2"), "{err}");
            assert!(err.contains("allowed") && !err.contains('\n'), "{err}");
        }
    }
    assert!(target("mysql://u:p@h/d").unwrap_err().contains("`mysql`"));
    assert!(target("postgresql://h/d?sslmod=require").unwrap_err().contains("`sslmod`"));
}

fn parts(args: &[&str], password: Option<&str>) -> Result<DatabaseTarget, String> {
    let mut config = config(args);
    config.database.postgres_password = password.map(SecretString::from);
    config.database.target(Ok("/data".into())).map_err(|err| err.to_string())
}

#[test]
fn parts_become_a_url() {
    let url = |args: &[&str], password: &str| match parts(args, Some(password)).unwrap() {
        DatabaseTarget::Postgres(target) => target.url.expose_secret().to_owned(),
        DatabaseTarget::Sqlite(target) => panic!("{target:?}"),
    };
    let (host, user) = ("--postgres-host", "--postgres-user");
    assert_eq!(url(&[host, "h", user, "u"], "p@ :/?#[]%é"), "postgres://u:p%40%20%3A%2F%3F%23%5B%5D%25%C3%A9@h/");
    assert_eq!(
        url(&[host, "h", user, "u", "--postgres-port", "99", "--postgres-db", "d b/x"], "p"),
        "postgres://u:p@h:99/d%20b%2Fx"
    );
    assert_eq!(url(&[host, "h:77", user, "u"], "p"), "postgres://u:p@h:77/");
    assert_eq!(url(&[host, "/run/pg", user, "u"], "p"), "postgres:///?host=%2Frun%2Fpg&user=u&password=p");
    assert_eq!(url(&[host, "::1", user, "u"], "p"), "postgres:///?host=%3A%3A1&user=u&password=p");
    let args = [host, "h", user, "u", "--sql-database-schema", "Tenant_1"];
    let DatabaseTarget::Postgres(target) = parts(&args, Some("p")).unwrap() else { panic!() };
    assert_eq!((target.label.as_str(), target.schema.as_deref()), ("h:5432/u", Some("Tenant_1")));
    assert!(!format!("{target:?}").contains("u:p"));
}

#[test]
fn half_of_the_parts_is_an_error_and_not_another_database() {
    let half = parts(&["--postgres-host", "h", "--postgres-user", "u"], None).unwrap_err();
    assert!(half.starts_with("PHOENIX_POSTGRES_PASSWORD: unset"), "{half}");
    assert!(parts(&["--postgres-host", "h"], Some("p")).unwrap_err().starts_with("PHOENIX_POSTGRES_USER: "));
    assert!(parts(&["--postgres-user", "h"], Some("p")).unwrap_err().starts_with("PHOENIX_POSTGRES_HOST: "));
    let port = ["--postgres-host", "h", "--postgres-user", "u", "--postgres-port", "tcp://10.0.0.1:5432"];
    let err = parts(&port, Some("p")).unwrap_err();
    assert!(err.starts_with("PHOENIX_POSTGRES_PORT: ") && err.contains("Kubernetes"), "{err}");
}

#[test]
fn a_port_from_kubernetes_alone_does_not_stop_a_start_on_sqlite() {
    let DatabaseTarget::Sqlite(target) = parts(&["--postgres-port", "tcp://10.0.0.1:5432"], None).unwrap() else {
        panic!()
    };
    assert_eq!(target, SqliteTarget::File("/data/phoenix-server.db".into()));
}

#[test]
fn the_url_wins_over_the_parts() {
    let args = ["--postgres-host", "h", "--database-url", "sqlite:///x.db"];
    assert!(
        matches!(parts(&args, None).unwrap(), DatabaseTarget::Sqlite(SqliteTarget::File(file)) if file == Path::new("x.db"))
    );
}

#[test]
fn the_directory_matters_only_to_the_default() {
    let gone = || Err(ConfigError::new("PHOENIX_WORKING_DIR", "gone"));
    assert!(config(&["--database-url", "postgres://h/d"]).database.target(gone()).is_ok());
    assert!(config(&[]).database.target(gone()).unwrap_err().to_string().starts_with("PHOENIX_WORKING_DIR"));
}

#[test]
fn other_ways_to_log_in_stop_the_start() {
    for flag in ["--postgres-use-aws-iam-auth", "--postgres-use-azure-managed-identity"] {
        let err = config(&[flag, "true"]).validate().unwrap_err().to_string();
        assert!(err.contains("PHOENIX_POSTGRES_USE_A") && err.contains("allowed: false"), "{err}");
    }
}

#[test]
fn schemas_are_identifiers_and_numbers_have_ranges() {
    assert_eq!(config(&["--sql-database-schema", " "]).database.schema, None);
    for bad in ["a-b", "A b\"c", "1a", "a;drop", "ä"] {
        assert!(refusal(&["--sql-database-schema", bad]).contains("PHOENIX_SQL_DATABASE_SCHEMA"), "{bad}");
    }
    let database = config(&["--database-allocated-storage-capacity-gibibytes", "0.5"]).database;
    assert_eq!(database.allocated_storage_capacity_gib, Some(0.5));
    assert!(refusal(&["--database-allocated-storage-capacity-gibibytes", "0"]).contains("above 0"));
    assert!(refusal(&["--database-usage-email-warning-threshold-percentage", "101"]).contains("0 to 100"));
    assert!(refusal(&["--database-pool-size", "0"]).contains("1 to 10000"));
    assert_eq!(config(&["--statement-timeout-seconds", "0"]).database.statement_timeout, Duration::ZERO);
}

#[test]
fn a_replica_is_postgres() {
    let mut config = config(&[]);
    assert!(config.database.read_replica().unwrap().is_none());
    config.database.read_replica_url = Some("sqlite:///x".into());
    assert!(config.validate().unwrap_err().to_string().starts_with("PHOENIX_SQL_DATABASE_READ_REPLICA_URL: "));
    config.database.read_replica_url = Some("postgresql://replica/d".into());
    assert_eq!(config.database.read_replica().unwrap().unwrap().label, "replica:5432/d");
}
