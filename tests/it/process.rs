//! The binary as people run it: start, stop, command line, what it says about a bad environment.

use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use prost::Message as _;
use tonic::{Code, Request, codec::CompressionEncoding};

use crate::support::{
    Engine,
    app::{ADMIN_SECRET, uuid},
    both_engines, otlp,
    process::{Process, command},
    shell::Shell,
};

both_engines! {
    async fn sigterm_commits_what_is_queued_and_ends_well(engine) {
        let dir = tempfile::tempdir().unwrap();
        let schema = format!("stop_{}", uuid());
        let mut process = Process::start(engine, dir.path(), &schema).await;
        let url = process.url("/v1/traces");
        let sent: Vec<_> = (0..8u64)
            .map(|n| {
                let url = url.clone();
                tokio::spawn(async move {
                    let spans = (1..=300).map(|i| otlp::span(n, n * 1_000 + i)).collect();
                    let body = otlp::request("p", spans).encode_to_vec();
                    let request = reqwest::Client::new().post(url).bearer_auth(ADMIN_SECRET);
                    request.header("content-type", "application/x-protobuf").body(body).send().await
                })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(30)).await;
        assert!(process.terminate());
        let mut acknowledged = 0;
        for answer in sent {
            acknowledged += u64::from(answer.await.unwrap().is_ok_and(|r| r.status() == 200)) * 300;
        }
        let process = Process::start(engine, dir.path(), &schema).await;
        let answer = reqwest::Client::new()
            .post(process.url("/graphql"))
            .bearer_auth(ADMIN_SECRET)
            .json(&serde_json::json!({"query": "{ projects { edges { node { name recordCount } } } }"}))
            .send()
            .await
            .unwrap();
        let answer: serde_json::Value = answer.json().await.unwrap();
        let stored: u64 = answer["data"]["projects"]["edges"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|e| e["node"]["name"] == "p")
            .map(|e| e["node"]["recordCount"].as_u64().unwrap())
            .sum();
        assert!(stored >= acknowledged, "{stored} of {acknowledged}");
    }

    async fn a_start_recommends_to_remove_the_admin_secret_once_there_is_a_system_key(engine) {
        const ADVICE: &str = "PHOENIX_ADMIN_SECRET is set although there are system keys";
        let dir = tempfile::tempdir().unwrap();
        let schema = format!("advice_{}", uuid());
        let mut process = Process::start(engine, dir.path(), &schema).await;
        assert!(!process.log().contains(ADVICE) && process.summary().contains("UI and REST"), "{}", process.summary());
        assert!(!process.summary().contains(ADVICE));
        assert!(process.terminate());
        let shell = Shell::new(engine, dir.path(), &schema);
        shell.run(&["api-key", "create", "--name", "ci"]);
        let mut process = Process::start(engine, dir.path(), &schema).await;
        assert!(process.log().contains(ADVICE), "{}", process.log());
        assert!(process.summary().contains(ADVICE), "{}", process.summary());
        assert!(process.terminate());
        // Nobody is told to remove what is not there, nor for a key that does not work.
        let process = Process::start_with(engine, dir.path(), &schema, &[("PHOENIX_ADMIN_SECRET", "")]).await;
        assert!(!process.log().contains(ADVICE));
        let list = shell.run(&["api-key", "list"]);
        shell.run(&["api-key", "revoke", list.split('\t').next().unwrap()]);
        drop(process);
        let process = Process::start(engine, dir.path(), &schema).await;
        assert!(!process.log().contains(ADVICE));
    }

    async fn grpc_takes_spans_by_every_credential_and_tells_faults_apart(engine) {
        let dir = tempfile::tempdir().unwrap();
        let process = Process::start(engine, dir.path(), &format!("grpc_{}", uuid())).await;
        let endpoint = format!("http://127.0.0.1:{}", process.grpc_port);
        let channel = tonic::transport::Endpoint::new(endpoint).unwrap().connect().await.unwrap();
        let mut client = TraceServiceClient::new(channel).send_compressed(CompressionEncoding::Gzip);
        let request = |name: &'static str, value: &str| {
            let mut request = Request::new(otlp::request("p", vec![otlp::span(1, 1)]));
            request.metadata_mut().insert(name, value.parse().unwrap());
            request
        };
        let answer = client.export(request("authorization", &format!("Bearer {ADMIN_SECRET}"))).await.unwrap();
        assert_eq!(answer.into_inner().partial_success, None);
        client.export(request("x-api-key", ADMIN_SECRET)).await.unwrap();
        let fault = client.export(request("authorization", "Bearer wrong")).await.unwrap_err();
        assert_eq!(fault.code(), Code::Unauthenticated);
        let fault = client.export(Request::new(otlp::request("p", Vec::new()))).await.unwrap_err();
        assert_eq!(fault.code(), Code::Unauthenticated);
        let mut bad = otlp::span(1, 2);
        bad.trace_id = vec![0; 16];
        let mut rejected = Request::new(otlp::request("p", vec![bad]));
        rejected.metadata_mut().insert("authorization", format!("Bearer {ADMIN_SECRET}").parse().unwrap());
        let partial = client.export(rejected).await.unwrap().into_inner().partial_success.unwrap();
        assert_eq!(partial.rejected_spans, 1);
        // Half a gigabyte that travels as half a megabyte.
        let mut bomb = otlp::span(1, 3);
        bomb.name = "x".repeat(512 << 20);
        let mut bomb = Request::new(otlp::request("p", vec![bomb]));
        bomb.metadata_mut().insert("authorization", format!("Bearer {ADMIN_SECRET}").parse().unwrap());
        let fault = client.export(bomb).await.unwrap_err();
        assert!(matches!(fault.code(), Code::OutOfRange | Code::ResourceExhausted), "{fault:?}");
        let status = std::fs::read_to_string(format!("/proc/{}/status", process.child.id())).unwrap();
        let peak = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).unwrap();
        let peak_kb: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
        assert!(peak_kb < 200 << 10, "the bomb unfolded: {peak_kb} kB");
    }

    async fn several_processes_may_start_at_once(engine) {
        let dir = tempfile::tempdir().unwrap();
        let schema = format!("many_{}", uuid());
        let start = || Process::start(engine, dir.path(), &schema);
        let (mut one, mut two, mut three) = tokio::join!(start(), start(), start());
        for process in [&mut one, &mut two, &mut three] {
            assert!(process.terminate());
        }
    }
}

fn fails(arguments: &[&str], environment: &[(&str, &str)]) -> String {
    let dir = tempfile::tempdir().unwrap();
    let mut command = command(arguments);
    command.env("PHOENIX_WORKING_DIR", dir.path()).envs(environment.iter().copied());
    let output = command.output().unwrap();
    assert!(!output.status.success());
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_bad_variable_stops_the_start_with_one_line_that_names_it() {
    for (name, value) in [
        ("PHOENIX_PORT", "abc"),
        ("PHOENIX_ENABLE_AUTH", "yes"),
        ("PHOENIX_SQL_DATABASE_URL", "mysql://x"),
        ("PHOENIX_HOST_ROOT_PATH", "x/"),
        ("PHOENIX_ACCESS_TOKEN_EXPIRY_MINUTES", "soon"),
    ] {
        let said = fails(&["serve"], &[(name, value)]);
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(said.contains(name), "{said}");
    }
    let said = fails(&["serve"], &[("PHOENIX_ENABLE_AUTH", "true")]);
    assert!(said.contains("PHOENIX_SECRET"), "{said}");
    let said = fails(&["serve"], &[("PHOENIX_SMTP_HOSTNAME", "smtp.example.com")]);
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.contains("PHOENIX_SMTP_USERNAME"), "{said}");
    let said = fails(&["serve"], &[("PHOENIX_ENABLE_AUTH", "true"), ("PHOENIX_SECRET", "tiny1")]);
    assert!(said.contains("PHOENIX_SECRET") && !said.contains("tiny1"), "{said}");
}

#[tokio::test]
async fn the_command_line_works_on_the_database_of_a_running_server() {
    let dir = tempfile::tempdir().unwrap();
    let process = Process::start(Engine::Sqlite, dir.path(), "").await;
    let run = |arguments: &[&str]| {
        let output = command(arguments)
            .env("PHOENIX_WORKING_DIR", dir.path())
            .env("PHOENIX_HOST", "127.0.0.1")
            .env("PHOENIX_PORT", process.port.to_string())
            .output()
            .unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    run(&["healthcheck"]);
    assert_eq!(run(&["migrate", "--list"]), "the database is up to date");
    let key = run(&["api-key", "create", "--name", "ci", "--role", "VIEWER", "--scope", "projects:read"]);
    let get = |path: &'static str, token: String| {
        let url = process.url(path);
        async move { reqwest::Client::new().get(url).bearer_auth(token).send().await.unwrap().status().as_u16() }
    };
    assert_eq!(get("/v1/projects", key.clone()).await, 200);
    assert_eq!(get("/v1/projects/default/spans", key).await, 403);
    let password = run(&["user", "create", "--username", "ann", "--email", "Ann@example.com"]);
    let login = serde_json::json!({"email": "ann@example.com", "password": password});
    let status = reqwest::Client::new().post(process.url("/auth/login")).json(&login).send().await.unwrap().status();
    assert_eq!(status, 204);
    let password = run(&["user", "reset-password", "--email", "admin@localhost"]);
    let login = serde_json::json!({"email": "admin@localhost", "password": password});
    let status = reqwest::Client::new().post(process.url("/auth/login")).json(&login).send().await.unwrap().status();
    assert_eq!(status, 204);
}

#[tokio::test]
async fn a_changed_secret_ends_sessions_but_no_keys() {
    let dir = tempfile::tempdir().unwrap();
    let mut process = Process::start(Engine::Sqlite, dir.path(), "").await;
    let made = reqwest::Client::new()
        .post(process.url("/v1/system/api_keys"))
        .bearer_auth(ADMIN_SECRET)
        .json(&serde_json::json!({"data": {"name": "k"}}))
        .send()
        .await
        .unwrap();
    let made: serde_json::Value = made.json().await.unwrap();
    let key = made["data"]["key"].as_str().unwrap().to_owned();
    assert!(process.terminate());
    let process = Process::start_with(
        Engine::Sqlite,
        dir.path(),
        "",
        &[("PHOENIX_SECRET", "another-secret-of-thirty-six-chars-1")],
    )
    .await;
    let status =
        reqwest::Client::new().get(process.url("/v1/projects")).bearer_auth(key).send().await.unwrap().status();
    assert_eq!(status, 200);
}

#[tokio::test]
async fn keys_are_listed_rotated_and_revoked_on_the_database_of_a_running_server() {
    // On SQLite a server looks once a second; the rest is for a busy machine.
    const LOOK: Duration = Duration::from_secs(3);
    let dir = tempfile::tempdir().unwrap();
    let process = Process::start(Engine::Sqlite, dir.path(), "").await;
    let output = |arguments: &[&str]| command(arguments).env("PHOENIX_WORKING_DIR", dir.path()).output().unwrap();
    let run = |arguments: &[&str]| {
        let output = output(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let first = run(&[
        "api-key",
        "create",
        "--name",
        "ci",
        "--preset",
        "read-only",
        "--project",
        "default",
        "--plan",
        "pro",
        "--ingest-per-minute",
        "7",
        "--expires-at",
        "2100-01-01T00:00:00Z",
    ]);
    assert_eq!(status_of(&process, &first).await, 200);
    let list = run(&["api-key", "list", "--status", "active"]);
    let (id, rest) = list.split_once('\t').unwrap();
    assert!(id.starts_with("key_") && rest.starts_with("system\tactive\tMEMBER\ttraces:read"), "{list}");
    assert!(!list.contains(&first));
    let second = run(&["api-key", "rotate", id, "--grace-period-seconds", "600"]);
    assert_eq!((status_of(&process, &first).await, status_of(&process, &second).await), (200, 200));
    let third = run(&["api-key", "rotate", id]);
    refused_within(&process, &first, LOOK).await;
    refused_within(&process, &second, LOOK).await;
    assert_eq!(status_of(&process, &third).await, 200);
    run(&["api-key", "revoke", id]);
    run(&["api-key", "revoke", id]);
    refused_within(&process, &third, LOOK).await;
    assert_eq!(run(&["api-key", "list", "--status", "active"]), "");
    assert!(run(&["api-key", "list", "--kind", "system"]).contains("\trevoked\t"));
    let wide = output(&["api-key", "create", "--name", "x", "--role", "VIEWER", "--scope", "traces:write"]);
    assert!(!wide.status.success());
    assert!(String::from_utf8_lossy(&wide.stderr).contains("--scope"));
}

#[tokio::test]
async fn rotation_and_revocation_in_one_process_reach_another_within_a_second() {
    let dir = tempfile::tempdir().unwrap();
    let schema = format!("keys_{}", uuid());
    let one = Process::start(Engine::Postgres, dir.path(), &schema).await;
    let other = Process::start(Engine::Postgres, dir.path(), &schema).await;
    let ask = |path: String| {
        let (url, client) = (one.url(&path), reqwest::Client::new());
        async move {
            let request = client.post(url).bearer_auth(ADMIN_SECRET).json(&serde_json::json!({"name": "k"}));
            request.send().await.unwrap().json::<serde_json::Value>().await.unwrap()
        }
    };
    let made = ask("/api/v1/api-keys".to_owned()).await;
    let (id, first) = (made["id"].as_str().unwrap(), made["key"].as_str().unwrap());
    // Remembered there, so that only the news of the change can make it forget.
    assert_eq!(status_of(&other, first).await, 200);
    let rotate =
        reqwest::Client::new().post(one.url(&format!("/api/v1/api-keys/{id}/rotate"))).bearer_auth(ADMIN_SECRET);
    let second: serde_json::Value = rotate.send().await.unwrap().json().await.unwrap();
    let second = second["key"].as_str().unwrap();
    refused_within(&other, first, Duration::from_secs(1)).await;
    assert_eq!(status_of(&other, second).await, 200);
    let revoke = reqwest::Client::new().delete(one.url(&format!("/api/v1/api-keys/{id}"))).bearer_auth(ADMIN_SECRET);
    assert_eq!(revoke.send().await.unwrap().status(), 204);
    refused_within(&other, second, Duration::from_secs(1)).await;
}

async fn status_of(process: &Process, key: &str) -> u16 {
    let request = reqwest::Client::new().get(process.url("/v1/projects")).bearer_auth(key);
    request.send().await.unwrap().status().as_u16()
}

async fn refused_within(process: &Process, key: &str, limit: Duration) {
    let deadline = std::time::Instant::now() + limit;
    while status_of(process, key).await != 401 {
        assert!(std::time::Instant::now() < deadline, "not refused within {limit:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
