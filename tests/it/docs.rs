//! What the guides in `docs/` tell people to type is typed here, against the real binary.

use std::{fs, path::Path, process::Command};

use phoenix_server::domain::filter::{Subject, parse};

use crate::support::{Engine, app::ADMIN_SECRET, process::Process};

/// The blocks between fences of a language, in their order, without their indentation.
pub fn blocks(text: &str, language: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut block: Option<(usize, String)> = None;
    for line in text.lines() {
        let trimmed = line.trim_start();
        match &mut block {
            None if trimmed == format!("```{language}") => block = Some((line.len() - trimmed.len(), String::new())),
            None => {}
            Some(_) if trimmed == "```" => found.extend(block.take().map(|(_, text)| text)),
            Some((indent, text)) => {
                text.push_str(line.get(*indent..).unwrap_or_default());
                text.push('\n');
            }
        }
    }
    found
}

/// Runs the curl examples of a guide against a server, in one shell, as a reader has: later ones use what earlier ones set.
async fn run_curls(guide: &str, least: usize) -> String {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(guide);
    let examples = blocks(&fs::read_to_string(guide).unwrap(), "bash");
    let curls: usize = examples.iter().map(|e| e.matches("curl ").count()).sum();
    assert!(curls >= least, "{curls}");
    let dir = tempfile::tempdir().unwrap();
    let process = Process::start(Engine::Sqlite, dir.path(), "").await;
    let made = reqwest::Client::new()
        .post(process.url("/api/v1/api-keys"))
        .bearer_auth(ADMIN_SECRET)
        .json(&serde_json::json!({"name": "for the guide", "preset": "admin"}))
        .send()
        .await
        .unwrap();
    let made: serde_json::Value = made.json().await.unwrap();
    let script = format!("set -euo pipefail\n{}", examples.join("\necho\n"));
    let output = Command::new("bash")
        .args(["-c", &script])
        .current_dir(dir.path())
        .env("PHOENIX_HOST_URL", process.url(""))
        .env("PHOENIX_API_KEY", made["key"].as_str().unwrap())
        .output()
        .unwrap();
    let (said, failed) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}\n{failed}");
    said.into_owned()
}

#[tokio::test]
async fn the_curl_examples_of_the_guide_to_keys_work() {
    let said = run_curls("api-keys.md", 12).await;
    for expected in ["CI/CD Pipeline", "\"description\":\"Dashboards\"", "\"previousSecret\":{", "api_key.revoke"] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
}

#[tokio::test]
async fn the_curl_examples_of_the_guide_to_alerts_work() {
    let said = run_curls("alerts.md", 7).await;
    for expected in
        ["whsec_", "\"event\":\"alert.test\"", "No connection", "\"previousSecretExpiresAt\":\"", "\"enabled\":false"]
    {
        assert!(said.contains(expected), "{expected}: {said}");
    }
}

#[test]
fn every_filter_of_the_guide_to_filters_is_taken_or_refused_as_it_says() {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/filtering.md");
    let guide = fs::read_to_string(guide).unwrap();
    let mut seen = 0;
    for (language, subject) in
        [("span", Subject::Span), ("trace", Subject::Trace), ("session", Subject::Session), ("refused", Subject::Span)]
    {
        for filter in blocks(&guide, language).iter().flat_map(|block| block.lines()) {
            match (parse(filter, subject), language) {
                (Ok(Some(_)), "span" | "trace" | "session") | (Err(_), "refused") => seen += 1,
                (Err(error), _) => panic!("{}", error.report(filter)),
                (Ok(_), _) => panic!("{filter} is taken"),
            }
        }
    }
    assert!(seen > 45, "{seen}");
    let text = "latency_ms > '500'";
    let shown = blocks(&guide, "text").remove(0);
    assert_eq!(shown.trim_end(), parse(text, Subject::Span).unwrap_err().report(text));
}
