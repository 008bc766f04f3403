//! Nothing acknowledged is ever lost: the server is killed under load, again and again.

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use prost::Message as _;
use serde_json::Value;

use crate::support::{
    app::{ADMIN_SECRET, uuid},
    both_engines, otlp,
    process::Process,
};

const KILLS: u32 = 20;
const SENDERS: usize = 4;
const BATCH: u64 = 20;
/// Spans that are acknowledged before a kill, on average.
const ENOUGH: usize = 60;

both_engines! {
    async fn every_acknowledged_span_survives_twenty_kills_and_none_is_there_twice(engine) {
        let dir = tempfile::tempdir().unwrap();
        let schema = format!("kill_{}", uuid());
        let acknowledged: Arc<Mutex<HashSet<String>>> = Arc::default();
        let next = Arc::new(AtomicU64::new(1));
        for kill in 0..KILLS {
            let mut process = Process::start(engine, dir.path(), &schema).await;
            let stop = Arc::new(AtomicBool::new(false));
            let senders: Vec<_> = (0..SENDERS)
                .map(|_| {
                    let (url, stop) = (process.url("/v1/traces"), Arc::clone(&stop));
                    let (acknowledged, next) = (Arc::clone(&acknowledged), Arc::clone(&next));
                    tokio::spawn(async move { send(&url, &stop, &acknowledged, &next).await })
                })
                .collect();
            tokio::time::sleep(Duration::from_millis(60 + u64::from(kill) * 7)).await;
            // On a busy machine that may be too short for anything to be lost.
            let enough = (kill as usize + 1) * ENOUGH;
            let deadline = Instant::now() + Duration::from_secs(20);
            while acknowledged.lock().unwrap().len() < enough && Instant::now() < deadline {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            process.kill();
            stop.store(true, Ordering::Relaxed);
            for sender in senders {
                sender.await.unwrap();
            }
        }
        let mut process = Process::start(engine, dir.path(), &schema).await;
        let stored = stored(&process).await;
        let unique: HashSet<&String> = stored.iter().collect();
        assert_eq!(unique.len(), stored.len(), "a span is there twice");
        let acknowledged = acknowledged.lock().unwrap();
        let lost = acknowledged.iter().filter(|id| !unique.contains(id)).count();
        assert!(acknowledged.len() > 1_000, "only {} spans were acknowledged", acknowledged.len());
        assert_eq!(lost, 0, "of {} acknowledged spans", acknowledged.len());
        assert!(process.terminate(), "SIGTERM must end it well");
    }
}

async fn send(url: &str, stop: &AtomicBool, acknowledged: &Mutex<HashSet<String>>, next: &AtomicU64) {
    let client = reqwest::Client::new();
    while !stop.load(Ordering::Relaxed) {
        let first = next.fetch_add(BATCH, Ordering::Relaxed);
        let spans: Vec<_> = (first..first + BATCH).map(|id| otlp::span(first, id)).collect();
        let body = otlp::request("p", spans).encode_to_vec();
        // Sent twice, as an exporter does that lost the answer.
        for _ in 0..2 {
            let sent = client
                .post(url)
                .bearer_auth(ADMIN_SECRET)
                .header("content-type", "application/x-protobuf")
                .body(body.clone())
                .send()
                .await;
            if sent.is_ok_and(|r| r.status() == 200) {
                let ids = (first..first + BATCH).map(|id| format!("{id:016x}"));
                acknowledged.lock().unwrap().extend(ids);
            }
        }
    }
}

async fn stored(process: &Process) -> Vec<String> {
    let client = reqwest::Client::new();
    let first = process.url("/v1/projects/p/spans?limit=1000");
    let mut url = first.clone();
    let mut ids = Vec::new();
    loop {
        let page: Value = client.get(&url).bearer_auth(ADMIN_SECRET).send().await.unwrap().json().await.unwrap();
        ids.extend(
            page["data"].as_array().unwrap().iter().map(|s| s["context"]["span_id"].as_str().unwrap().to_owned()),
        );
        let Value::String(next) = &page["next_cursor"] else { return ids };
        url = format!("{first}&cursor={next}");
    }
}
