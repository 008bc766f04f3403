//! Throw-away databases for tests, on both engines; every constant statement prepared on both; schemas compared.

use std::time::Duration;

use super::{Db, Options, Target};

/// Opens a migrated SQLite database that is gone with its last clone.
pub(crate) async fn sqlite() -> Db {
    open(Target::SqliteMemory).await
}

/// Opens a migrated Postgres database in a schema of its own, on the server that `TEST_POSTGRES_URL` names.
pub(crate) async fn postgres() -> Db {
    #[expect(clippy::disallowed_methods, reason = "tests are told where Postgres is by the environment")]
    let url = std::env::var("TEST_POSTGRES_URL").expect("TEST_POSTGRES_URL: run the tests with `make test`");
    let schema = format!("test_{}", uuid::Uuid::new_v4().simple());
    open(Target::Postgres { url: url.into(), schema: Some(schema) }).await
}

async fn open(target: Target) -> Db {
    let options = Options { target, pool_size: 4, statement_timeout: Duration::from_secs(30), log_sql: false };
    let db = Db::open(&options).await.unwrap();
    super::migrate::run(&db, |_| ()).await.unwrap();
    db
}

/// Makes one test for each engine out of a body that takes a migrated [`Db`].
macro_rules! db_test {
    ($(#[$meta:meta])* async fn $name:ident($db:ident: Db) $body:block) => {
        $(#[$meta])*
        mod $name {
            #[allow(unused_imports, clippy::allow_attributes, reason = "a body may need nothing of its surroundings")]
            use super::*;
            async fn body($db: $crate::db::Db) $body
            #[tokio::test]
            async fn sqlite() {
                body($crate::db::testing::sqlite().await).await;
            }
            #[tokio::test]
            async fn postgres() {
                body($crate::db::testing::postgres().await).await;
            }
        }
    };
}
pub(crate) use db_test;

mod tests {
    use sqlx::{AssertSqlSafe, Executor as _, SqlStr};

    use super::super::{Conn, Db, Statement, migrate, on};

    db_test! {
        async fn every_constant_statement_prepares(db: Db) {
            let engine = match db { Db::Sqlite { .. } => "sqlite", Db::Postgres(_) => "postgres" };
            let mut bad = Vec::new();
            let mut seen = 0;
            for statement in inventory::iter::<Statement>.into_iter().filter(|s| s.only.is_none_or(|o| o == engine)) {
                let mut reader = db.read().await.unwrap();
                let prepared = on!(reader.conn(), |c| {
                    c.prepare(SqlStr::from_static(statement.text)).await.map(|_| ())
                });
                if let Err(error) = prepared {
                    bad.push(format!("{}: {error}", statement.at));
                }
                seen += 1;
            }
            assert!(seen > 25, "only {seen} statements are registered");
            assert!(bad.is_empty(), "{bad:#?}");
        }
    }

    db_test! {
        async fn migrating_twice_at_once_and_again_is_harmless(db: Db) {
            let (one, other) = tokio::join!(migrate::run(&db, |_| ()), migrate::run(&db, |_| ()));
            one.unwrap();
            other.unwrap();
            assert!(migrate::pending(&db).await.unwrap().is_empty());
        }
    }

    db_test! {
        async fn a_database_of_the_peer_is_left_untouched(db: Db) {
            let mut tx = db.begin().await.unwrap();
            on!(tx.conn(), |c| c.execute(SqlStr::from_static("CREATE TABLE alembic_version (version_num TEXT)")).await.map(|_| ())).unwrap();
            tx.commit().await.unwrap();
            assert!(matches!(migrate::run(&db, |_| ()).await, Err(migrate::MigrateError::ForeignDatabase)));
        }
    }

    async fn columns(db: &Db) -> Vec<(String, String, bool)> {
        let mut reader = db.read().await.unwrap();
        let mut rows: Vec<(String, String, bool)> = match reader.conn() {
            Conn::Sqlite(c) => {
                let text = "SELECT m.name, p.name, p.\"notnull\" = 1 OR p.pk > 0
                     FROM sqlite_master AS m JOIN pragma_table_info(m.name) AS p
                     WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' AND m.name NOT LIKE '_sqlx_%'";
                sqlx::query_as(text).fetch_all(c).await.unwrap()
            }
            Conn::Postgres(c) => {
                let text = "SELECT table_name::text, column_name::text, is_nullable = 'NO'
                     FROM information_schema.columns
                     WHERE table_schema = current_schema() AND table_name NOT LIKE '\\_sqlx\\_%'";
                sqlx::query_as(AssertSqlSafe(text)).fetch_all(c).await.unwrap()
            }
        };
        rows.sort();
        rows
    }

    #[tokio::test]
    async fn both_engines_have_the_same_tables_and_columns() {
        let (sqlite, postgres) = (super::sqlite().await, super::postgres().await);
        assert_eq!(columns(&sqlite).await, columns(&postgres).await);
    }

    #[test]
    fn both_engines_have_the_same_migrations() {
        let names = |folder: &str| {
            let path = format!("{}/migrations/{folder}", env!("CARGO_MANIFEST_DIR"));
            let mut names: Vec<_> = std::fs::read_dir(path).unwrap().map(|f| f.unwrap().file_name()).collect();
            names.sort();
            names
        };
        assert_eq!(names("sqlite"), names("postgres"));
        // Numbers may have gaps, since branches take theirs ahead of each other; two of the same would hide one.
        let numbers: Vec<_> = names("sqlite").iter().map(|n| n.to_str().unwrap()[..5].to_owned()).collect();
        let once: std::collections::BTreeSet<_> = numbers.iter().collect();
        assert_eq!(once.len(), numbers.len(), "{numbers:?}");
        assert!(numbers.iter().all(|n| n.ends_with('_')), "four digits, then the name: {numbers:?}");
    }
}
