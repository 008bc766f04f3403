//! `phoenix-server provision`: users and keys as a file says.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use serde_json::{Value, json};

use crate::support::{Engine, app::uuid, both_engines, process::Process, shell::Shell};

fn shell(engine: Engine, dir: &Path) -> (Shell, String) {
    let schema = format!("prov_{}", uuid());
    (Shell::new(engine, dir, &schema), schema)
}

fn put(shell: &Shell, text: &str) -> String {
    let path = shell.dir.join("provision.yaml");
    fs::write(&path, text).unwrap();
    path.display().to_string()
}

/// What a run says, with a file of this text.
#[track_caller]
fn provision(shell: &Shell, text: &str, flags: &[&str]) -> String {
    let file = put(shell, text);
    shell.run(&[&["provision", "--file", &file], flags].concat())
}

#[track_caller]
fn refused(shell: &Shell, text: &str) -> String {
    let file = put(shell, text);
    shell.fails(&["provision", "--file", &file])
}

async fn login(process: &Process, email: &str, password: &str) -> u16 {
    let body = json!({"email": email, "password": password});
    reqwest::Client::new().post(process.url("/auth/login")).json(&body).send().await.unwrap().status().as_u16()
}

async fn get(process: &Process, path: &str, key: &str) -> (u16, Value) {
    let answer = reqwest::Client::new().get(process.url(path)).bearer_auth(key).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap_or_default())
}

both_engines! {
    async fn the_example_of_the_guide_is_made_once_and_then_left_alone(engine) {
        let dir = tempfile::tempdir().unwrap();
        let (shell, schema) = shell(engine, dir.path());
        let guide = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/provisioning.md")).unwrap();
        let example = crate::docs::blocks(&guide, "yaml").into_iter().next().unwrap();
        fs::create_dir(dir.path().join("secrets")).unwrap();
        fs::write(dir.path().join("secrets/bob"), "bobs-first\n").unwrap();
        let file = put(&shell, &example);
        let run = |flags: &[&str]| {
            let arguments = [&["provision", "--file", &file], flags].concat();
            let output = shell.output(&arguments, &[("ANN_PASSWORD", "anns-password")], "");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).unwrap()
        };
        let dry = run(&["--dry-run"]);
        assert!(dry.ends_with("dry run: nothing was changed\n") && dry.contains("key collector: created\n"), "{dry}");
        assert!(!dir.path().join("secrets/collector.key").exists());
        assert!(!dir.path().join("phoenix-server.db").exists());
        let said = run(&[]);
        // The guide shows what is said, with paths as seen from where its reader stands.
        let session = crate::docs::blocks(&guide, "console").into_iter().next().unwrap();
        let runs: Vec<&str> = session.split("$ phoenix-server provision --file provision.yaml").collect();
        assert_eq!(runs[1].strip_prefix(" --dry-run\n").unwrap(), dry);
        assert_eq!(runs[2].trim_start(), said.replace(&format!("{}/", dir.path().display()), ""));
        assert_eq!((runs[3].trim_start(), run(&[]).as_str()), ("unchanged\n", "unchanged\n"));
        assert_eq!(run(&["--dry-run"]), "unchanged\n");

        let path = dir.path().join("secrets/collector.key");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let (collector, backup) = (fs::read_to_string(&path).unwrap(), fs::read_to_string(dir.path().join("secrets/backup.key")).unwrap());
        let process = Process::start(engine, dir.path(), &schema).await;
        assert_eq!(login(&process, "ann@example.com", "anns-password").await, 204);
        assert_eq!(login(&process, "bob@example.com", "bobs-first").await, 204);
        assert_eq!(get(&process, "/v1/projects", &collector).await.0, 403);
        let (status, projects) = get(&process, "/v1/projects", &backup).await;
        assert_eq!((status, projects["data"].as_array().unwrap().len()), (200, 2), "{projects}");
        let (_, own) = get(&process, "/api/v1/api-keys", &collector).await;
        assert_eq!(own["data"][0]["scopes"], json!(["traces:write"]), "{own}");
        assert_eq!(own["data"][0]["description"], "OpenTelemetry collector");
        assert_eq!(own["data"][0]["limits"]["ingestPerMinute"], 6000);
        // While the server runs, too.
        assert_eq!(run(&[]), "unchanged\n");
    }

    async fn what_differs_is_brought_to_what_the_file_says(engine) {
        let dir = tempfile::tempdir().unwrap();
        let (shell, schema) = shell(engine, dir.path());
        let first = r#"{"users": [
            {"email": "admin@localhost", "username": "admin", "role": "ADMIN", "password": "chosen-here", "must_change": false},
            {"email": "Cem@example.com", "username": "Cem", "role": "ADMIN", "password": "cems-password", "must_change": false}],
            "system_keys": [{"name": "ci", "scopes": ["traces:read", "traces:write"], "expires_in": "1d"}]}"#;
        let said = provision(&shell, first, &[]);
        let (users, key) = said.split_once("key ci: created: ").unwrap();
        assert_eq!(users, "user admin@localhost: created\nuser Cem@example.com: created\n");
        assert_eq!(provision(&shell, first, &[]), "unchanged");
        let process = Process::start(engine, dir.path(), &schema).await;
        assert_eq!(login(&process, "admin@localhost", "chosen-here").await, 204);
        assert_eq!(get(&process, "/v1/projects/default/spans", key).await.0, 200);
        // The administrators change hands in one run, in whatever order they stand; passwords are their owners'.
        let second = "
users:
  - {email: cem@example.com, username: Cem Y, role: VIEWER, password: another}
  - {email: dee@example.com, username: Dee, role: ADMIN}
system_keys:
  - {name: ci, description: Reads, preset: read-only, expires_in: 9d}
";
        assert_eq!(
            provision(&shell, second, &[]),
            "user cem@example.com: changed: username, role\nuser dee@example.com: created\nkey ci: changed: description, scopes"
        );
        assert_eq!(provision(&shell, second, &[]), "unchanged");
        assert_eq!(login(&process, "cem@example.com", "cems-password").await, 204);
        assert_eq!(login(&process, "cem@example.com", "another").await, 401);
        let off = provision(&shell, "users: [{email: cem@example.com, username: Cem Y, role: VIEWER, active: false}]", &[]);
        assert_eq!(off, "user cem@example.com: changed: active");
        assert_eq!(login(&process, "cem@example.com", "cems-password").await, 401);
        let users: Value = serde_json::from_str(&shell.run(&["user", "list", "--json"])).unwrap();
        let of = |i: usize| (users[i]["email"].as_str().unwrap(), users[i]["role"].as_str().unwrap(), users[i]["password_needs_reset"].as_bool().unwrap());
        assert_eq!(of(0), ("admin@localhost", "ADMIN", false));
        assert_eq!((of(1), of(2)), (("cem@example.com", "VIEWER", false), ("dee@example.com", "ADMIN", true)));
    }

    async fn a_key_whose_file_is_gone_is_reported_and_made_anew_when_asked(engine) {
        let dir = tempfile::tempdir().unwrap();
        let (shell, schema) = shell(engine, dir.path());
        let text = "system_keys: [{name: ci, write_to: ci.key}, {name: other, write_to: other.key}]";
        provision(&shell, text, &[]);
        let path = dir.path().join("ci.key");
        let first = fs::read_to_string(&path).unwrap();
        let process = Process::start(engine, dir.path(), &schema).await;
        fs::remove_file(&path).unwrap();
        let said = provision(&shell, text, &[]);
        assert!(said.starts_with("key ci: ") && said.contains("--rotate-missing") && !path.exists(), "{said}");
        assert_eq!(get(&process, "/v1/projects", &first).await.0, 200);
        let said = provision(&shell, text, &["--rotate-missing", "--dry-run"]);
        assert!(said.starts_with("key ci: has a new secret\n") && !path.exists(), "{said}");
        let said = provision(&shell, text, &["--rotate-missing"]);
        assert_eq!(said, format!("key ci: has a new secret, written to {}", path.display()));
        let second = fs::read_to_string(&path).unwrap();
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(5);
        while get(&process, "/v1/projects", &first).await.0 != 401 {
            assert!(std::time::Instant::now() < deadline);
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        assert_eq!(get(&process, "/v1/projects", &second).await.0, 200);
        assert_eq!(provision(&shell, text, &["--rotate-missing"]), "unchanged");
        // Another key's secret in the file is as good as none.
        fs::copy(dir.path().join("other.key"), &path).unwrap();
        assert!(provision(&shell, text, &[]).starts_with("key ci: "));
        assert!(fs::read_dir(dir.path()).unwrap().all(|e| !e.unwrap().file_name().to_string_lossy().starts_with(".ci")));
    }

    async fn a_fault_in_the_file_is_named_with_its_line_and_nothing_is_done(engine) {
        let dir = tempfile::tempdir().unwrap();
        let (shell, _) = shell(engine, dir.path());
        let good = "users:\n  - {email: ann@example.com, username: Ann}\n";
        let faults = [
            ("users: [", "line "),
            ("user: []", "user"),
            ("users:\n  - email: b@example.com\n    username: B\n    rolle: ADMIN\n", "line 4, column 5: unknown field"),
            ("users:\n  - {email: b@example.com, username: B, role: BOSS}\n", "line 2"),
            ("users:\n  - {email: b@example.com, username: B, role: SYSTEM}\n", "users[0].role"),
            ("users:\n  - {email: b, username: B}\n", "line 2: users[0].email: Invalid email address"),
            ("users:\n  - {email: b@example.com}\n", "username"),
            ("users:\n  - {email: b@example.com, username: ''}\n", "users[0].username"),
            ("users:\n  - {email: b@example.com, username: B, password: hunter2hunter2, password_env: X}\n", "at most one"),
            ("users:\n  - {email: b@example.com, username: B, password_env: NOT_SET}\n", "password_env: NOT_SET is not set"),
            ("users:\n  - {email: b@example.com, username: B, password_file: none}\n", "password_file: "),
            ("users:\n  - {email: b@example.com, username: B, password: a b}\n", "password: "),
            ("system_keys:\n  - {name: k, scopes: [traces:fly]}\n", "`traces:fly` is not a scope"),
            ("system_keys:\n  - {name: k, scopes: []}\n", "system_keys[0].scopes"),
            ("system_keys:\n  - {name: k, role: VIEWER, preset: read-write}\n", "The role VIEWER does not hold"),
            ("system_keys:\n  - {name: k, preset: everything}\n", "preset: "),
            ("system_keys:\n  - {name: k, plan: gold}\n", "gold"),
            ("system_keys:\n  - {name: k, limits: {concurrent: 0}}\n", "limits.concurrent"),
            ("system_keys:\n  - {name: k, limits: {requests: 1}}\n", "requests"),
            ("system_keys:\n  - {name: k, expires_in: soon}\n", "expires_in: "),
            ("system_keys:\n  - {name: k, expires_at: 2020-01-01T00:00:00Z}\n", "system_keys[0].expires_at"),
            ("system_keys:\n  - {name: k, projects: [nosuch]}\n", "There is no project nosuch"),
            ("system_keys:\n  - {name: k}\n  - {name: k}\n", "line 3: system_keys[1].name"),
            ("system_keys:\n  - {name: k, write_to: nosuch/k}\n", "write_to"),
            ("system_keys:\n  - {name: k, write_to: a}\n  - {name: l, write_to: a}\n", "system_keys[1].write_to"),
            ("a: &a [x, x]\nb: &b [*a, *a, *a]\n", "line 1"),
        ];
        for (text, expected) in faults {
            // A good entry before the bad one, where the text has none of its own kind.
            let text = if text.starts_with("system_keys") { format!("{text}{good}") } else { text.to_owned() };
            let said = refused(&shell, &text);
            assert!(said.contains(expected) && said.contains("provision.yaml"), "{text}: {said}");
            assert!(!said.contains("hunter2hunter2") && said.lines().count() == 1, "{said}");
        }
        let long = format!("# {}\n{good}", "x".repeat(1 << 20));
        assert!(refused(&shell, &long).contains("1 MiB"));
        let demoted = refused(&shell, "users: [{email: admin@localhost, username: admin, role: VIEWER}]");
        assert!(demoted.contains("users[0]") && demoted.contains("default admin"), "{demoted}");
        // None of them left anything behind, not even the good entry.
        assert!(!shell.run(&["user", "list"]).contains("ann@example.com"));
        provision(&shell, "system_keys: [{name: r, role: MEMBER}]", &[]);
        assert!(refused(&shell, "system_keys: [{name: r, role: ADMIN}]").contains("system_keys[0].role"));
    }

    async fn two_runs_at_once_make_everything_once(engine) {
        let dir = tempfile::tempdir().unwrap();
        let (shell, _) = shell(engine, dir.path());
        let file = put(&shell, "users: [{email: a@example.com, username: A}]\nsystem_keys: [{name: k}]");
        let run = || shell.output(&["provision", "--file", &file], &[], "");
        std::thread::scope(|scope| {
            let runs: Vec<_> = (0..3).map(|_| scope.spawn(run)).collect();
            for output in runs.into_iter().map(|r| r.join().unwrap()) {
                assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            }
        });
        assert_eq!(shell.run(&["api-key", "list"]).lines().count(), 1);
        assert_eq!(shell.run(&["user", "list"]).lines().count(), 2);
    }
}
