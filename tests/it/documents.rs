//! Documents that the binary prints, held against the copies in the tree.

use std::{fs, path::Path};

use crate::support::process::command;

fn printed(document: &str) -> String {
    let output = command(&["schema", document]).output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

#[track_caller]
fn held(document: &str, path: &str) {
    let kept = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap_or_default();
    assert!(printed(document) == kept, "{path} is stale: run `make documents`");
}

#[test]
fn the_openapi_document_is_up_to_date() {
    held("openapi", "web/src/api/openapi.json");
}

#[test]
fn the_graphql_schema_is_up_to_date() {
    held("graphql", "web/src/api/schema.graphql");
}

#[test]
fn the_access_table_is_up_to_date() {
    held("access", "tests/it/access.txt");
}

#[test]
fn the_page_of_roles_is_up_to_date() {
    held("roles", "docs/roles.md");
}

#[test]
fn the_example_environment_is_up_to_date() {
    held("env", ".env.example");
}

#[test]
fn the_readme_names_every_variable_that_is_in_use() {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    for name in ["PHOENIX_SQL_DATABASE_URL", "PHOENIX_ENABLE_AUTH", "PHOENIX_SECRET", "PHOENIX_ADMIN_SECRET"] {
        assert!(readme.contains(name), "{name}");
    }
}
