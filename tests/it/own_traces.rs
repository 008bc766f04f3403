//! The server's own traces: what a collector gets of requests and transactions, and that nothing goes in a circle.

use std::time::Duration;

use phoenix_server::app;
use prost::Message as _;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::support::{TestApp, both_engines, otlp};

/// Serves an application on a listener until the guard is dropped.
fn serve(listener: TcpListener, app: &TestApp) -> tokio_util::sync::DropGuard {
    let stop = CancellationToken::new();
    tokio::spawn(app::serve(listener, None, app.app.router.clone(), stop.clone(), Duration::from_secs(1)));
    stop.drop_guard()
}

async fn listen() -> (TcpListener, url::Url) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    (listener, url)
}

/// The spans that a collector holds of servers, once there are so many.
async fn collected(collector: &TestApp, at_least: usize) -> Vec<Value> {
    let client = collector.anonymous();
    for _ in 0..100 {
        let answer = client.get("/v1/projects/phoenix-server/spans?limit=1000").await;
        if answer.status == 200 {
            let spans = answer.json()["data"].as_array().unwrap().clone();
            if spans.len() >= at_least {
                return spans;
            }
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the collector did not get {at_least} spans");
}

both_engines! {
    async fn a_collector_gets_requests_and_transactions_by_http_and_grpc(engine) {
        let collector = TestApp::with(engine, |config| config.auth.enabled = false).await;
        let ((http, http_url), (grpc, grpc_url)) = (listen().await, listen().await);
        let _guards = (serve(http, &collector), serve(grpc, &collector));
        for by_grpc in [false, true] {
            let app = TestApp::with(engine, |config| {
                let telemetry = &mut config.telemetry;
                if by_grpc {
                    telemetry.trace_collector_grpc_endpoint = Some(grpc_url.clone());
                } else {
                    telemetry.trace_collector_http_endpoint = Some(http_url.clone());
                }
            })
            .await;
            let admin = app.admin_secret();
            let parent = if by_grpc { "b".repeat(32) } else { "a".repeat(32) };
            let traced = admin.clone().header("traceparent", &format!("00-{parent}-00f067aa0ba902b7-01"));
            traced.export_bytes(otlp::request("p", vec![otlp::span(1, 1)]).encode_to_vec()).await.expect(200);
            traced.get("/v1/projects/p/spans?cursor=secret-in-a-query").await;
            app.anonymous().get("/healthz").await.expect(200);
            // Both hold the way to the exporter, which a stop waits for.
            drop((admin, traced));
            app.app.stop().await;
            let spans = collected(&collector, if by_grpc { 6 } else { 3 }).await;
            let mut names: Vec<&str> = spans
                .iter()
                .filter(|span| span["context"]["trace_id"] == parent.as_str())
                .map(|span| span["name"].as_str().unwrap())
                .collect();
            names.sort_unstable();
            assert_eq!(
                names,
                ["GET /v1/projects/{project_identifier}/spans", "POST /v1/traces", "commit spans"],
                "{spans:?}"
            );
            let find = |name: &str| {
                spans.iter().find(|s| s["name"] == name && s["context"]["trace_id"] == parent.as_str()).unwrap()
            };
            let (request, commit) = (find("POST /v1/traces"), find("commit spans"));
            assert_eq!(request["parent_id"], "00f067aa0ba902b7");
            assert_eq!(commit["parent_id"], request["context"]["span_id"]);
            assert!(!Value::from(spans.clone()).to_string().contains("secret-in-a-query"));
        }
    }

    async fn a_server_that_is_its_own_collector_does_not_trace_its_own_export(engine) {
        let (listener, url) = listen().await;
        let app = TestApp::with(engine, |config| {
            config.auth.enabled = false;
            config.telemetry.trace_collector_http_endpoint = Some(url);
        })
        .await;
        let _guard = serve(listener, &app);
        app.anonymous().get("/v1/server").await.expect(200);
        collected(&app, 1).await;
        // Long enough for two more exports, if there were anything to send of the first.
        tokio::time::sleep(Duration::from_secs(5)).await;
        let spans = collected(&app, 1).await;
        let names: Vec<&str> = spans.iter().map(|span| span["name"].as_str().unwrap()).collect();
        assert!(names.iter().all(|name| name.starts_with("GET ")), "{names:?}");
    }
}
