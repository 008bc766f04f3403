//! `phoenix-server user`: accounts from the command line, beside a running server and without one.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{
    app::{ADMIN_SECRET, uuid},
    both_engines,
    process::Process,
    shell::Shell,
};

/// On SQLite a server looks once a second; the rest is for a busy machine.
const LOOK: Duration = Duration::from_secs(5);

async fn login(process: &Process, email: &str, password: &str) -> u16 {
    let body = json!({"email": email, "password": password});
    reqwest::Client::new().post(process.url("/auth/login")).json(&body).send().await.unwrap().status().as_u16()
}

/// An access token.
async fn token(process: &Process, email: &str, password: &str) -> String {
    let form = format!("grant_type=password&username={email}&password={password}");
    let request = reqwest::Client::new()
        .post(process.url("/auth/token"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form);
    let answer: Value = request.send().await.unwrap().json().await.unwrap();
    answer["access_token"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
}

async fn status(process: &Process, path: &str, bearer: &str) -> u16 {
    reqwest::Client::new().get(process.url(path)).bearer_auth(bearer).send().await.unwrap().status().as_u16()
}

async fn becomes(process: &Process, path: &str, bearer: &str, expected: u16) {
    let deadline = Instant::now() + LOOK;
    while status(process, path, bearer).await != expected {
        assert!(Instant::now() < deadline, "{path} is not {expected} within {LOOK:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

both_engines! {
    async fn the_command_line_changes_users_and_a_running_server_obeys(engine) {
        let dir = tempfile::tempdir().unwrap();
        let schema = format!("users_{}", uuid());
        let process = Process::start_with(engine, dir.path(), &schema, &[("PHOENIX_DISABLE_RATE_LIMIT", "true")]).await;
        let shell = Shell::new(engine, dir.path(), &schema);
        let made = shell.run(&["user", "create", "--username", "ann", "--email", "Ann@example.com", "--must-change", "false"]);
        let ann = token(&process, "ann@example.com", &made).await;
        assert_eq!(status(&process, "/v1/projects", &ann).await, 200);
        assert_eq!(status(&process, "/v1/users", &ann).await, 403);

        // A new role ends the sessions and holds from the next login on.
        assert_eq!(shell.run(&["user", "set-role", "--email", "ann@example.com", "--role", "admin"]), "changed");
        becomes(&process, "/v1/projects", &ann, 401).await;
        assert_eq!(shell.run(&["user", "set-role", "--username", "ann", "--role", "ADMIN"]), "unchanged");
        let ann = token(&process, "ann@example.com", &made).await;
        assert_eq!(status(&process, "/v1/users", &ann).await, 200);

        // The password comes by standard input or a file; its owner must change it, and the old sessions are over.
        let set = ["user", "set-password", "--email", "ann@example.com", "--password-stdin"];
        let output = shell.output(&set, &[], "correct-horse\nnot this line");
        assert!(output.status.success() && output.stdout.is_empty(), "{output:?}");
        becomes(&process, "/v1/projects", &ann, 401).await;
        let ann = token(&process, "ann@example.com", "correct-horse").await;
        assert_eq!(status(&process, "/v1/projects", &ann).await, 403);
        std::fs::write(dir.path().join("password"), "battery-staple\r\n").unwrap();
        let file = dir.path().join("password").display().to_string();
        shell.run(&["user", "set-password", "--username", "ann", "--password-file", &file, "--must-change", "false"]);
        becomes(&process, "/v1/user", &ann, 401).await;
        let ann = token(&process, "ann@example.com", "battery-staple").await;
        let key = reqwest::Client::new().post(process.url("/v1/user/api_keys")).bearer_auth(&ann);
        let key: Value = key.json(&json!({"data": {"name": "k"}})).send().await.unwrap().json().await.unwrap();
        let key = key["data"]["key"].as_str().unwrap();
        assert_eq!(status(&process, "/v1/projects", key).await, 200);

        assert_eq!(shell.run(&["user", "deactivate", "--email", "ann@example.com"]), "changed");
        becomes(&process, "/v1/projects", key, 401).await;
        becomes(&process, "/v1/projects", &ann, 401).await;
        assert_eq!(login(&process, "ann@example.com", "battery-staple").await, 401);
        let listed: Value = serde_json::from_str(&shell.run(&["user", "list", "--json"])).unwrap();
        assert_eq!(listed[0]["email"], "admin@localhost");
        assert_eq!((&listed[1]["active"], &listed[1]["role"]), (&json!(false), &json!("ADMIN")));
        assert!(shell.run(&["user", "list"]).contains("\tinactive\tADMIN\tann@example.com\tann\t"));
        shell.run(&["user", "activate", "--email", "ann@example.com"]);
        becomes(&process, "/v1/projects", key, 200).await;
        assert_eq!(login(&process, "ann@example.com", "battery-staple").await, 204);

        // What was done stands in the audit log, with who: the command line.
        let log = reqwest::Client::new().get(process.url("/api/v1/audit-logs?actor=command-line&limit=100")).bearer_auth(ADMIN_SECRET);
        let log: Value = log.send().await.unwrap().json().await.unwrap();
        let mut actions: Vec<&str> = log["data"].as_array().unwrap().iter().map(|r| r["action"].as_str().unwrap()).collect();
        actions.reverse();
        let changed = "user.password_changed";
        assert_eq!(actions, ["user.create", "user.update", changed, changed, "user.update", "user.update"], "{log}");
        assert!(!log.to_string().contains("battery-staple"));
    }

    async fn the_rules_of_the_api_hold_on_the_command_line(engine) {
        let dir = tempfile::tempdir().unwrap();
        // No server has run: the first command makes the database, with the password that a server would have given.
        let schema = format!("rules_{}", uuid());
        let shell = Shell::new(engine, dir.path(), &schema);
        let environment = [("PHOENIX_DEFAULT_ADMIN_INITIAL_PASSWORD", "a-first-password")];
        let output = shell.output(&["user", "list"], &environment, "");
        assert!(output.status.success());
        let create = ["user", "create", "--username", "bob", "--email", "bob@example.com", "--role", "VIEWER"];
        let output = shell.output(&create, &environment, "");
        assert!(output.status.success(), "{output:?}");
        let last = "The last active administrator can be neither deleted, demoted nor deactivated";
        assert!(shell.fails(&["user", "deactivate", "--email", "admin@localhost"]).contains(last));
        let fixed = "The role, name and e-mail address of the default admin cannot be changed";
        assert!(shell.fails(&["user", "set-role", "--email", "admin@localhost", "--role", "MEMBER"]).contains(fixed));
        for verb in ["deactivate", "activate"] {
            assert!(shell.fails(&["user", verb, "--email", "system@localhost"]).contains("system user"));
        }
        assert!(shell.fails(&["user", "set-password", "--username", "system"]).contains("system user"));
        assert!(shell.fails(&["user", "set-role", "--email", "bob@example.com", "--role", "SYSTEM"]).contains("role"));
        assert!(shell.fails(&["user", "set-role", "--email", "nobody@example.com", "--role", "MEMBER"]).contains("nobody@example.com"));
        assert!(shell.fails(&["user", "deactivate"]).contains("--email"));
        assert!(shell.fails(&create).contains("Email already exists"));
        let other = ["user", "create", "--username", "bob", "--email", "other@example.com"];
        assert!(shell.fails(&other).contains("Username already exists"));
        assert!(shell.fails(&["user", "create", "--username", "x", "--email", "x"]).contains("--email"));
        let weak = shell.output(&["user", "set-password", "--username", "bob", "--password-stdin"], &[], "a b\n");
        assert!(!weak.status.success() && String::from_utf8_lossy(&weak.stderr).contains("at least 4 characters"));
        let none = shell.output(&["user", "set-password", "--username", "bob", "--password-prompt", "--password-stdin"], &[], "");
        assert!(!none.status.success());
        // Once there is another, the first may go; and a server finds it so.
        shell.run(&["user", "set-role", "--username", "bob", "--role", "ADMIN"]);
        shell.run(&["user", "deactivate", "--email", "admin@localhost"]);
        assert!(shell.fails(&["user", "set-role", "--username", "bob", "--role", "VIEWER"]).contains(last));
        shell.run(&["user", "activate", "--email", "admin@localhost"]);
        let process = Process::start(engine, dir.path(), &schema).await;
        assert_eq!(login(&process, "admin@localhost", "a-first-password").await, 204);
    }

    async fn a_password_set_on_the_command_line_lets_in_who_was_locked_out(engine) {
        let dir = tempfile::tempdir().unwrap();
        let schema = format!("locked_{}", uuid());
        let process = Process::start(engine, dir.path(), &schema).await;
        for _ in 0..5 {
            assert_eq!(login(&process, "admin@localhost", "guess").await, 401);
        }
        assert_eq!(login(&process, "admin@localhost", "admin").await, 429);
        let shell = Shell::new(engine, dir.path(), &schema);
        let made = shell.run(&["user", "reset-password", "--email", "admin@localhost"]);
        assert_eq!(login(&process, "admin@localhost", &made).await, 204);
    }
}
