//! How much a key may ask.

use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use phoenix_server::domain::{plan::Plan, scope::Role};
use serde_json::{Value, json};
use tonic::{Code, Request};
use tonic_types::StatusExt as _;

use crate::support::{
    Engine, TestApp,
    app::{ADMIN_SECRET, uuid},
    both_engines, otlp,
    process::Process,
};

/// 2026-06-01T12:00:00Z, where the clock of tests stands at first.
const NOON: i64 = 1_780_315_200;

both_engines! {
    async fn a_free_key_may_send_a_hundred_traces_and_ask_sixty_times_a_minute(engine) {
        let app = TestApp::with(engine, |config| config.usage.default_plan = Plan::Free).await;
        let key = app.key(Role::Member, None).await;
        for n in 1..=60 {
            let answer = key.get("/v1/projects").await.expect(200);
            assert_eq!(answer.header("x-ratelimit-limit"), "60");
            assert_eq!(answer.header("x-ratelimit-remaining"), (60 - n).to_string());
            assert_eq!(answer.header("ratelimit-policy"), "\"api\";q=60;w=60");
        }
        let refused = key.get("/v1/projects").await.expect(429);
        assert_eq!(refused.header("content-type"), "application/problem+json");
        assert_eq!(refused.detail(), "The rate limit of this credential is exceeded");
        assert_eq!(refused.header("retry-after"), "1");
        assert_eq!(refused.header("ratelimit"), "\"api\";r=0;t=60");
        assert_eq!(refused.header("x-ratelimit-reset"), (NOON + 60).to_string());
        for n in 0..100 {
            key.export("limited", vec![otlp::span(1, n + 1)]).await;
        }
        let body = prost::Message::encode_to_vec(&otlp::request("limited", vec![otlp::span(1, 101)]));
        let refused = key.export_bytes(body.clone()).await.expect(429);
        assert_eq!(refused.header("ratelimit-policy"), "\"ingest\";q=100;w=60");
        app.clock.advance(Duration::from_millis(600));
        key.export_bytes(body.clone()).await.expect(200);
        key.export_bytes(body).await.expect(429);
        app.clock.advance(Duration::from_millis(400));
        let passed = key.get("/v1/projects").await.expect(200);
        assert_eq!(passed.header("x-ratelimit-remaining"), "0");
        key.get("/v1/projects").await.expect(429);
        app.clock.advance(Duration::from_mins(1));
        assert_eq!(key.get("/v1/projects").await.expect(200).header("x-ratelimit-remaining"), "59");

        // What was refused stored nothing, and is in the log.
        let spans = app.admin_secret().get("/v1/projects/limited/spans?limit=200").await.json();
        assert_eq!(spans["data"].as_array().unwrap().len(), 101);
        app.app.recorder.flush().await;
        let refused = app.admin_secret().get("/api/v1/access-logs?status=429").await.json();
        assert_eq!(refused["data"].as_array().unwrap().len(), 4);
        assert_eq!(refused["data"][0]["principal"]["type"], "system_api_key");
        assert_eq!(refused["data"][0]["error"], "The rate limit of this credential is exceeded");
    }

    async fn people_and_other_keys_are_not_held_to_the_limit_of_one(engine) {
        let app = TestApp::with(engine, |config| config.usage.rate_limit_api_per_minute = Some(2)).await;
        let (one, other) = (app.key(Role::Member, None).await, app.key(Role::Member, None).await);
        one.get("/v1/projects").await.expect(200);
        one.graphql("{ projects { edges { node { name } } } }").await.expect(200);
        one.get("/v1/projects").await.expect(429);
        other.get("/v1/projects").await.expect(200);
        one.export("p", vec![otlp::span(1, 1)]).await;
        let session = app.admin().await;
        for client in [session, app.admin_secret()] {
            for _ in 0..5 {
                assert_eq!(client.get("/v1/projects").await.expect(200).header("x-ratelimit-limit"), "");
            }
        }
        app.anonymous().get("/v1/projects").await.expect(401);
        one.get("/healthz").await.expect(200);

        let app = TestApp::with(engine, |config| {
            config.usage.rate_limit_api_per_minute = Some(2);
            config.usage.rate_limit_sessions = true;
        })
        .await;
        let secret = app.admin_secret();
        secret.get("/v1/projects").await.expect(200);
        secret.get("/v1/projects").await.expect(200);
        secret.get("/v1/projects").await.expect(429);

        let app = TestApp::with(engine, |config| {
            config.usage.default_plan = Plan::Free;
            config.usage.rate_limit_api_per_minute = Some(1);
            config.auth.disable_rate_limit = true;
        })
        .await;
        let key = app.key(Role::Member, None).await;
        for _ in 0..3 {
            key.get("/v1/projects").await.expect(200);
        }
    }

    async fn grpc_says_how_long_to_wait(engine) {
        let dir = tempfile::tempdir().unwrap();
        let environment = [("PHOENIX_RATE_LIMIT_INGEST_PER_MINUTE", "2"), ("PHOENIX_RATE_LIMIT_SESSIONS", "true")];
        let process = Process::start_with(engine, dir.path(), &format!("grpc_{}", uuid()), &environment).await;
        let endpoint = format!("http://127.0.0.1:{}", process.grpc_port);
        let channel = tonic::transport::Endpoint::new(endpoint).unwrap().connect().await.unwrap();
        let mut client = TraceServiceClient::new(channel);
        let request = || {
            let mut request = Request::new(otlp::request("p", vec![otlp::span(1, 1)]));
            request.metadata_mut().insert("authorization", format!("Bearer {ADMIN_SECRET}").parse().unwrap());
            request
        };
        for remaining in ["1", "0"] {
            let answer = client.export(request()).await.unwrap();
            assert_eq!(answer.metadata().get("x-ratelimit-remaining").unwrap(), remaining);
        }
        let refused = client.export(request()).await.unwrap_err();
        assert_eq!(refused.code(), Code::ResourceExhausted);
        let wait = refused.get_error_details().retry_info().unwrap().retry_delay.unwrap();
        assert!((Duration::from_secs(25)..=Duration::from_secs(30)).contains(&wait), "{wait:?}");
    }

    async fn a_place_among_the_requests_at_once_is_given_back_on_every_way_out(engine) {
        let app = TestApp::with(engine, |config| config.usage.rate_limit_concurrent = Some(2)).await;
        let key = app.key(Role::Member, None).await;
        let held = || async {
            use tower::ServiceExt as _;
            let request = key.request(axum::http::Method::GET, "/v1/projects");
            app.app.router.clone().oneshot(request).await.unwrap()
        };
        // Two answers whose bodies nobody has read yet.
        let (one, two) = (held().await, held().await);
        let refused = key.get("/v1/projects").await.expect(429);
        assert_eq!((refused.header("retry-after"), refused.detail().as_str()), ("1", "Too many requests at once with this credential"));
        drop(one);
        key.get("/v1/projects").await.expect(200);
        drop(two);
        // Requests whose bodies never end, dropped under way.
        for _ in 0..5 {
            use tower::ServiceExt as _;
            let body = axum::body::Body::from_stream(futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>());
            let mut request = key.request(axum::http::Method::POST, "/v1/traces");
            request.headers_mut().insert("content-type", "application/x-protobuf".parse().unwrap());
            *request.body_mut() = body;
            let answer = app.app.router.clone().oneshot(request);
            assert!(tokio::time::timeout(Duration::from_millis(20), answer).await.is_err());
        }
        let (_one, _two) = (held().await, held().await);
        key.get("/v1/projects").await.expect(429);
        app.app.recorder.flush().await;
        let gone = app.admin_secret().get("/api/v1/access-logs?status=499").await.json();
        assert_eq!(gone["data"].as_array().unwrap().len(), 5);
    }
}

/// Sends requests with a key to several servers at once, each of them `count`; returns how many each let through.
async fn burst(processes: &[&Process], key: &str, count: usize) -> Vec<usize> {
    let client = reqwest::Client::new();
    let mut sending = Vec::new();
    for process in processes {
        let (client, url, key) = (client.clone(), process.url("/v1/projects"), key.to_owned());
        sending.push(tokio::spawn(async move {
            let mut passed = 0;
            for _ in 0..count {
                let status = client.get(&url).bearer_auth(&key).send().await.unwrap().status().as_u16();
                assert!(matches!(status, 200 | 429), "{status}");
                passed += usize::from(status == 200);
            }
            passed
        }));
    }
    let mut passed = Vec::new();
    for sender in sending {
        passed.push(sender.await.unwrap());
    }
    passed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_on_one_postgres_share_a_limit_and_a_killed_one_takes_no_more_than_its_lease() {
    const LIMIT: usize = 300;
    let dir = tempfile::tempdir().unwrap();
    let schema = format!("share_{}", uuid());
    let limit = LIMIT.to_string();
    let environment = [("PHOENIX_RATE_LIMIT_API_PER_MINUTE", limit.as_str())];
    let start = || Process::start_with(Engine::Postgres, dir.path(), &schema, &environment);
    let (one, two, mut three) = (start().await, start().await, start().await);
    let new_key = async || {
        let made = reqwest::Client::new().post(one.url("/v1/system/api_keys")).bearer_auth(ADMIN_SECRET);
        let made: Value = made.json(&json!({"data": {"name": "k"}})).send().await.unwrap().json().await.unwrap();
        made["data"]["key"].as_str().unwrap().to_owned()
    };
    // What a minute gives, what time gave back meanwhile, and five per cent.
    let check = |passed: &[usize], took: Duration| {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small number above zero")]
        let refilled = (took.as_secs_f64() * 5.0) as usize;
        let sum: usize = passed.iter().sum();
        assert!(sum >= LIMIT * 95 / 100, "{passed:?} in {took:?}");
        assert!(sum <= LIMIT * 105 / 100 + refilled, "{passed:?} in {took:?}");
    };
    for processes in [&[&one, &two][..], &[&one, &two, &three]] {
        let key = new_key().await;
        let started = std::time::Instant::now();
        let passed = burst(processes, &key, 220).await;
        check(&passed, started.elapsed());
    }
    // Some by the one that is about to die, the rest by the others.
    let key = new_key().await;
    let started = std::time::Instant::now();
    let mut passed = burst(&[&three], &key, 60).await;
    assert_eq!(passed, [60]);
    three.kill();
    passed.extend(burst(&[&one, &two], &key, 200).await);
    check(&passed, started.elapsed());
}
