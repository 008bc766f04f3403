//! Backups of a server that is running.

use std::os::unix::fs::PermissionsExt as _;

use prost::Message as _;

use crate::support::{
    Engine,
    app::ADMIN_SECRET,
    otlp,
    process::{Process, command},
};

/// Runs the command line on the database of a folder; returns whether it went well and what it said.
async fn backup(dir: &std::path::Path, file: &std::path::Path, more: &[(&str, &str)]) -> (bool, String) {
    let mut command = command(&["backup", file.to_str().unwrap()]);
    command.env("PHOENIX_WORKING_DIR", dir).envs(more.iter().copied());
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_of_a_running_server_is_a_database_with_all_that_was_acknowledged() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let server = Process::start(Engine::Sqlite, dir.path(), "unused").await;
    let export = |n: u64| {
        let body = otlp::request("p", (1..=50).map(|i| otlp::span(n, n * 100 + i)).collect()).encode_to_vec();
        let request = reqwest::Client::new().post(server.url("/v1/traces")).bearer_auth(ADMIN_SECRET);
        request.header("content-type", "application/x-protobuf").body(body).send()
    };
    assert_eq!(export(1).await.unwrap().status(), 200);
    let file = other.path().join("phoenix-server.db");
    let (went_well, said) = backup(dir.path(), &file, &[]).await;
    assert!(went_well, "{said}");
    // The server goes on, and what comes later is not in it.
    assert_eq!(export(2).await.unwrap().status(), 200);
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let (went_well, said) = backup(dir.path(), &file, &[]).await;
    assert!(!went_well && said.contains("is there already"), "{said}");

    let restored = Process::start(Engine::Sqlite, other.path(), "unused").await;
    let answer = reqwest::Client::new()
        .post(restored.url("/graphql"))
        .bearer_auth(ADMIN_SECRET)
        .json(&serde_json::json!({"query": "{ getProjectByName(name: \"p\") { recordCount } }"}))
        .send()
        .await
        .unwrap();
    let answer: serde_json::Value = answer.json().await.unwrap();
    assert_eq!(answer["data"]["getProjectByName"]["recordCount"], 50, "{answer}");
}

#[tokio::test]
async fn what_cannot_be_backed_up_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("copy.db");
    let (went_well, said) = backup(dir.path(), &file, &[]).await;
    assert!(!went_well && said.contains("there is no database at"), "{said}");
    let url = [("PHOENIX_SQL_DATABASE_URL", "postgresql://u:hunter2@localhost:1/d")];
    let (went_well, said) = backup(dir.path(), &file, &url).await;
    assert!(!went_well && said.contains("pg_dump") && !said.contains("hunter2"), "{said}");
    assert!(!file.exists());
}
