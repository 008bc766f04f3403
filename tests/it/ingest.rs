//! Spans in, by both encodings, and everything that OTLP asks of an answer.

use std::io::Write as _;

use axum::http::Method;
use flate2::{
    Compression,
    write::{GzEncoder, ZlibEncoder},
};
use opentelemetry_proto::tonic::{
    collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse},
    trace::v1::TracesData,
};
use prost::Message as _;
use serde_json::json;

use crate::support::{TestApp, both_engines, otlp};

both_engines! {
    async fn everything_that_a_span_holds_comes_back(engine) {
        let app = TestApp::new(engine).await;
        let admin = app.admin_secret();
        let sent = otlp::request("p", vec![otlp::full_span(1, 1), otlp::span(1, 2)]);
        admin.export_bytes(sent.encode_to_vec()).await.expect(200);
        let answer =
            admin.clone().header("accept", "application/x-protobuf").get("/v1/projects/p/spans/otlpv1").await.expect(200);
        let mut back = ExportTraceServiceRequest {
            resource_spans: TracesData::decode(answer.body.as_slice()).unwrap().resource_spans,
        };
        let mut sent = sent;
        for request in [&mut back, &mut sent] {
            for span in &mut request.resource_spans[0].scope_spans[0].spans {
                span.attributes.sort_by(|a, b| a.key.cmp(&b.key));
            }
            request.resource_spans[0].scope_spans[0].spans.sort_by(|a, b| a.span_id.cmp(&b.span_id));
        }
        assert_eq!(back, sent);
    }

    async fn json_is_taken_and_answered_in_json(engine) {
        let app = TestApp::new(engine).await;
        let admin = app.admin_secret();
        let body = serde_json::to_value(otlp::request("p", vec![otlp::span(1, 1)])).unwrap();
        let answer = admin.post("/v1/traces", &body).await.expect(200);
        assert_eq!((answer.header("content-type"), answer.json()), ("application/json", json!({})));
        let mut bad = otlp::span(1, 2);
        bad.span_id = vec![0; 8];
        let body = serde_json::to_value(otlp::request("p", vec![bad])).unwrap();
        let answer = admin.post("/v1/traces", &body).await.expect(200).json();
        assert_eq!(answer["partialSuccess"]["rejectedSpans"], "1", "{answer}");
        let spans = admin.get("/v1/projects/p/spans").await.json();
        assert_eq!(spans["data"][0]["context"]["span_id"], "0000000000000001");
    }

    async fn every_content_encoding_is_read(engine) {
        let app = TestApp::new(engine).await;
        let admin = app.admin_secret();
        let plain = |id| otlp::request("p", vec![otlp::span(1, id)]).encode_to_vec();
        let gzip = |bytes: &[u8]| {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        };
        let zlib = |bytes: &[u8]| {
            let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        };
        let bodies = [
            ("identity", plain(1)),
            ("gzip", gzip(&plain(2))),
            ("deflate", zlib(&plain(3))),
            ("zstd", zstd::encode_all(plain(4).as_slice(), 1).unwrap()),
        ];
        for (encoding, body) in bodies {
            admin.clone().header("content-encoding", encoding).export_bytes(body).await.expect(200);
        }
        assert_eq!(admin.get("/v1/projects/p/spans").await.json()["data"].as_array().unwrap().len(), 4);
    }

    async fn a_span_that_is_sent_twice_is_stored_once(engine) {
        let app = TestApp::new(engine).await;
        let admin = app.admin_secret();
        let spans = || vec![otlp::span(1, 1), otlp::span(1, 2), otlp::span(1, 2)];
        admin.export("p", spans()).await;
        admin.export("p", [spans(), vec![otlp::span(1, 3)]].concat()).await;
        assert_eq!(admin.get("/v1/projects/p/spans").await.json()["data"].as_array().unwrap().len(), 3);
        let stats = admin.graphql("{ getProjectByName(name: \"p\") { traceCount recordCount } }").await.json();
        assert_eq!(stats["data"]["getProjectByName"], json!({"traceCount": 1, "recordCount": 3}));
        // The same ids in another project are another trace: nothing moves between projects.
        admin.export("q", spans()).await;
        assert_eq!(admin.get("/v1/projects/p/spans").await.json()["data"].as_array().unwrap().len(), 3);
        assert_eq!(admin.get("/v1/projects/q/spans").await.json()["data"].as_array().unwrap().len(), 2);
    }

    async fn traces_sessions_and_projects_add_up(engine) {
        let app = TestApp::new(engine).await;
        let admin = app.admin_secret();
        let int = |key: &str, n| otlp::attribute(key, opentelemetry_proto::tonic::common::v1::any_value::Value::IntValue(n));
        let mut late = otlp::span(1, 2);
        late.parent_span_id = otlp::span(1, 1).span_id;
        late.attributes.extend([int("llm.token_count.prompt", 10), int("llm.token_count.completion", 4), otlp::text("session.id", "s1")]);
        late.status = Some(opentelemetry_proto::tonic::trace::v1::Status { code: 2, message: "no".to_owned() });
        // The child arrives first.
        admin.export("p", vec![late]).await;
        admin.export("p", vec![otlp::span(1, 1)]).await;
        let query = "{ getProjectByName(name: \"p\") { tokenCountTotal traces(first: 1) { edges { node { numSpans errorCount
            startTime latencyMs tokenCountTotal rootSpan { name } } } } } }";
        let answer = admin.graphql(query).await.json();
        let project = &answer["data"]["getProjectByName"];
        assert_eq!(project["tokenCountTotal"], 14.0, "{answer}");
        let trace = &project["traces"]["edges"][0]["node"];
        assert_eq!(trace["numSpans"], 2);
        assert_eq!(trace["errorCount"], 1);
        assert_eq!(trace["latencyMs"], 6.0);
        assert_eq!(trace["rootSpan"]["name"], "span 1");
        let by_session = admin.get("/v1/projects/p/traces?session_identifier=s1").await.json();
        assert_eq!(by_session["data"].as_array().unwrap().len(), 1);
        assert_eq!(by_session["data"][0]["token_count_total"], 14);
        assert_eq!(admin.get("/v1/projects/p/traces?session_identifier=s2").await.json()["data"], json!([]));
    }

    async fn the_project_header_wins_and_an_empty_export_succeeds(engine) {
        let app = TestApp::new(engine).await;
        let admin = app.admin_secret();
        let body = otlp::request("of resource", vec![otlp::span(1, 1)]).encode_to_vec();
        admin.clone().header("x-project-name", "of header").export_bytes(body).await.expect(200);
        admin.get("/v1/projects/of%20header").await.expect(200);
        admin.get("/v1/projects/of%20resource").await.expect(404);
        let answer = admin.export_bytes(Vec::new()).await.expect(200);
        assert!(answer.body.is_empty());
    }

    async fn a_full_queue_refuses_and_says_when_to_come_again(engine) {
        let app = TestApp::with(engine, |config| {
            config.ingest.max_spans_queue_size = 1;
        }).await;
        let admin = app.admin_secret();
        // Twenty at once, a queue of one: some are refused, and what is taken is stored.
        let sent: Vec<_> = (1..=20u64).map(|id| {
            let admin = admin.clone();
            tokio::spawn(async move {
                let body = otlp::request("p", vec![otlp::span(id, id)]).encode_to_vec();
                admin.export_bytes(body).await
            })
        }).collect();
        let mut taken = 0;
        for answer in sent {
            let answer = answer.await.unwrap();
            match answer.status.as_u16() {
                200 => taken += 1,
                503 => assert_eq!(answer.header("retry-after"), "1"),
                other => panic!("{other}: {}", answer.text()),
            }
        }
        assert!(taken > 0);
        let stored = admin.get("/v1/projects/p/spans").await.json()["data"].as_array().unwrap().len();
        assert_eq!(stored, taken);
    }

    async fn a_refusal_is_a_status_in_the_encoding_of_the_request(engine) {
        let app = TestApp::new(engine).await;
        let admin = app.admin_secret();
        let refused = admin.send(Method::POST, "/v1/traces", Some("application/json"), b"{".to_vec()).await.expect(400);
        assert_eq!((refused.header("content-type"), &refused.json()["code"]), ("application/json", &json!(3)));
        let refused = admin.export_bytes(vec![0xff; 40]).await.expect(400);
        assert_eq!(refused.header("content-type"), "application/x-protobuf");
        let _ = ExportTraceServiceResponse::default();
        admin.send(Method::POST, "/v1/traces", Some("text/plain"), Vec::new()).await.expect(415);
        admin.clone().header("content-encoding", "br").export_bytes(Vec::new()).await.expect(415);
        admin.send(Method::GET, "/v1/traces", None, Vec::new()).await.expect(405);
    }
}
