//! Bad input: a clear 4xx or a `partial_success`, never a 500, and memory stays bounded.

use std::io::Write as _;

use axum::http::Method;
use flate2::{Compression, write::GzEncoder};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message as _;

use crate::support::{TestApp, both_engines, otlp};

both_engines! {
    async fn a_bomb_is_refused_before_it_unfolds(engine) {
        let app = TestApp::with(engine, |config| config.http.max_decompressed_body_bytes = 4 << 20).await;
        let admin = app.admin_secret();
        let zeros = vec![0; 64 << 20];
        let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
        gzip.write_all(&zeros).unwrap();
        let bombs = [("gzip", gzip.finish().unwrap()), ("zstd", zstd::encode_all(zeros.as_slice(), 1).unwrap())];
        for (encoding, bomb) in bombs {
            let refused = admin.clone().header("content-encoding", encoding).export_bytes(bomb).await.expect(413);
            assert!(refused.text().contains("decompressed"), "{}", refused.text());
        }
    }

    async fn bodies_over_the_limit_are_refused(engine) {
        let app = TestApp::with(engine, |config| config.http.max_request_body_bytes = 1_000).await;
        app.admin_secret().export_bytes(vec![0; 1_001]).await.expect(413);
    }

    async fn an_attribute_of_ten_megabytes_is_stored(engine) {
        let app = TestApp::new(engine).await;
        let admin = app.admin_secret();
        let mut span = otlp::span(1, 1);
        span.attributes.push(otlp::text("huge", &"x".repeat(10 << 20)));
        admin.export("p", vec![span]).await;
        let spans = admin.get("/v1/projects/p/spans").await.expect(200).json();
        assert_eq!(spans["data"][0]["attributes"]["huge"].as_str().unwrap().len(), 10 << 20);
    }

    async fn bytes_that_are_no_request_are_refused(engine) {
        let app = TestApp::new(engine).await;
        let admin = app.admin_secret();
        let whole = otlp::request("p", vec![otlp::full_span(1, 1)]).encode_to_vec();
        for cut in [1, 10, whole.len() / 2, whole.len() - 1] {
            admin.export_bytes(whole[..cut].to_vec()).await.expect(400);
        }
        // A name that is not UTF-8.
        let mut bytes = whole.clone();
        let at = bytes.windows(8).position(|w| w == b"it broke").unwrap();
        bytes[at] = 0xff;
        admin.export_bytes(bytes).await.expect(400);
        for encoding in ["gzip", "deflate", "zstd"] {
            let refused = admin.clone().header("content-encoding", encoding).export_bytes(vec![7; 100]).await;
            refused.expect(400);
        }
        for text in ["{", "[]", "null", "{\"resourceSpans\": 1}", "{\"resourceSpans\": [{\"scopeSpans\": [{\"spans\": [{\"traceId\": \"zz\"}]}]}]}"] {
            admin.send(Method::POST, "/v1/traces", Some("application/json"), text.as_bytes().to_vec()).await.expect(400);
        }
    }

    async fn absurd_nesting_is_refused_or_stored_but_never_breaks(engine) {
        let app = TestApp::new(engine).await;
        let admin = app.admin_secret();
        for depth in [40, 500, 5_000] {
            // Written byte by byte: encoding such a tree would overflow the test's own stack.
            let field = |number: u8, bytes: &[u8]| {
                let mut out = vec![number << 3 | 2];
                prost::encoding::encode_varint(bytes.len() as u64, &mut out);
                [&out, bytes].concat()
            };
            let mut value = vec![3 << 3, 1];
            for _ in 0..depth {
                value = field(5, &field(1, &value));
            }
            let attribute = [field(1, b"deep"), field(2, &value)].concat();
            let span = [otlp::span(1, depth).encode_to_vec(), field(9, &attribute)].concat();
            let request = field(1, &field(2, &field(2, &span)));
            let answer = admin.clone().header("x-project-name", "p").export_bytes(request).await;
            assert_eq!(answer.status, if depth < 90 { 200 } else { 400 }, "{depth}: {}", answer.text());
        }
        let nested = format!("{{\"resourceSpans\": {}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        admin.send(Method::POST, "/v1/traces", Some("application/json"), nested.into_bytes()).await.expect(400);
        admin.get("/v1/projects/p/spans").await.expect(200);
        admin.get("/v1/projects/p/spans/otlpv1").await.expect(200);
    }

    async fn spans_that_cannot_be_are_rejected_with_a_reason_and_the_others_are_stored(engine) {
        let app = TestApp::new(engine).await;
        let admin = app.admin_secret();
        let mut zero = otlp::span(1, 1);
        zero.trace_id = vec![0; 16];
        let mut short = otlp::span(1, 2);
        short.span_id = vec![1; 7];
        let mut reversed = otlp::span(1, 3);
        reversed.end_time_unix_nano = 1;
        let mut never = otlp::span(1, 4);
        never.end_time_unix_nano = u64::MAX;
        let body = otlp::request("p", vec![zero, short, reversed, never, otlp::span(1, 5)]).encode_to_vec();
        let answer = admin.export_bytes(body).await.expect(200);
        let partial = ExportTraceServiceResponse::decode(answer.body.as_slice()).unwrap().partial_success.unwrap();
        assert_eq!(partial.rejected_spans, 4);
        for reason in ["trace_id", "span_id", "before start_time", "2262"] {
            assert!(partial.error_message.contains(reason), "{}", partial.error_message);
        }
        assert_eq!(admin.get("/v1/projects/p/spans").await.json()["data"].as_array().unwrap().len(), 1);
    }

    async fn unknown_parameters_and_bad_values_are_named(engine) {
        let app = TestApp::new(engine).await;
        let admin = app.admin_secret();
        admin.export("p", vec![otlp::span(1, 1)]).await;
        for (query, text) in [
            ("nosuch=1", "nosuch"),
            ("limit=0", "limit"),
            ("limit=1001", "limit"),
            ("limit=x", "limit"),
            ("cursor=zzz", "cursor"),
            ("sort=nosuch", "sort"),
            ("order=up", "order"),
            ("start_time=yesterday", "start_time"),
            ("status_code=FOO", "Invalid status_code values: ['FOO']"),
            ("span_kind=FOO", "Invalid span_kind values: ['FOO']"),
            ("attribute=foo", "Invalid attribute 'foo': expected format 'key:value'"),
            ("attribute=:x", "key must not be empty"),
            ("attribute=x:null", "Invalid attribute value 'null'"),
        ] {
            let refused = admin.get(&format!("/v1/projects/p/spans?{query}")).await.expect(422);
            assert!(refused.text().contains(text), "{query}: {}", refused.text());
        }
        for query in ["trace_id=zz", "span_id=", "parent_id=", "name=%F0%9F%94%A5", "attribute=a%00b:c", "attribute=x:%22%00%22", "name=%00"] {
            let status = admin.get(&format!("/v1/projects/p/spans?{query}")).await.status.as_u16();
            assert!(matches!(status, 200 | 422), "{query}: {status}");
        }
        for path in ["/v1/nosuch", "/api/nosuch", "/auth/nosuch", "/oauth2/nosuch", "/v1", "/v1/projects/"] {
            admin.get(path).await.expect(404);
        }
        for path in ["/v1/projects/%00", "/v1/projects/%FF", "/v1/projects/%2e%2e"] {
            let status = admin.get(path).await.status.as_u16();
            assert!((400..500).contains(&status), "{path}: {status}");
        }
    }

    async fn graphql_is_bounded(engine) {
        let app = TestApp::new(engine).await;
        let admin = app.admin_secret();
        let deep = format!("{{ projects {}{} }}", "{ edges { node { spans(first: 1) ".repeat(30), "}}}".repeat(30));
        let aliases: String = (0..200).fold(String::new(), |all, i| all + &format!("a{i}: projectCount "));
        for query in [deep, format!("{{ {aliases} }}"), "{".to_owned(), "{ nosuch }".to_owned()] {
            let answer = admin.graphql(&query).await.expect(200).json();
            assert!(answer["errors"][0]["message"].is_string(), "{answer}");
        }
        admin.send(Method::POST, "/graphql", Some("application/json"), vec![b' '; 300_000]).await.expect(413);
        admin.send(Method::POST, "/graphql", Some("application/json"), b"hi".to_vec()).await.expect(400);
        app.anonymous().graphql("{ projectCount }").await.expect(401);
    }
}
