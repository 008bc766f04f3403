//! What keys were used for.

use std::time::Duration;

use phoenix_server::domain::scope::Role;
use serde_json::{Value, json};

use crate::support::{Client, TestApp, both_engines, mmdb, otlp};

async fn system_key(app: &TestApp) -> (String, Client) {
    let made = app.admin_secret().post("/v1/system/api_keys", &json!({"data": {"name": "k"}})).await.expect(201).json();
    let key = app.anonymous().bearer(made["data"]["key"].as_str().unwrap());
    (made["data"]["id"].as_str().unwrap().to_owned(), key)
}

async fn usage(app: &TestApp, id: &str, query: &str) -> Value {
    app.app.recorder.flush().await;
    app.admin_secret().get(&format!("/api/v1/api-keys/{id}/usage{query}")).await.expect(200).json()
}

both_engines! {
    async fn the_numbers_are_those_of_what_was_sent(engine) {
        let app = TestApp::new(engine).await;
        let (id, key) = system_key(&app).await;
        let nothing = usage(&app, &id, "").await;
        assert_eq!((&nothing["totals"]["requests"], &nothing["lastUsed"]), (&json!(0), &Value::Null));
        let key = key.header("user-agent", "tests/2");
        let mut bytes_out = 0;
        for _ in 0..3 {
            bytes_out += key.get("/v1/projects").await.expect(200).body.len();
        }
        bytes_out += key.get("/v1/projects/nosuch").await.expect(404).body.len();
        key.export("p", (1..=5).map(|n| otlp::span(1, n)).collect()).await;
        // In two flushes, and a day later.
        app.app.recorder.flush().await;
        let mut bad = otlp::span(1, 9);
        bad.trace_id = vec![0; 16];
        let body = prost::Message::encode_to_vec(&otlp::request("p", vec![bad, otlp::span(1, 7)]));
        let bytes_in = body.len() + prost::Message::encode_to_vec(&otlp::request("p", (1..=5).map(|n| otlp::span(1, n)).collect())).len();
        bytes_out += key.export_bytes(body).await.expect(200).body.len();
        app.clock.advance(Duration::from_hours(24));
        bytes_out += key.get("/v1/nosuch").await.expect(404).body.len();

        let day = usage(&app, &id, "").await;
        let totals = &day["totals"];
        assert_eq!(
            json!([totals["requests"], totals["errors"], totals["spans"], totals["bytesIn"], totals["bytesOut"]]),
            json!([7, 2, 6, bytes_in, bytes_out])
        );
        assert!((day["errorRate"].as_f64().unwrap() - 2.0 / 7.0).abs() < 1e-9);
        assert!(totals["meanLatencyMs"].as_f64().unwrap() > 0.0);
        let routes: Vec<(&str, i64, i64)> = day["byRoute"]
            .as_array()
            .unwrap()
            .iter()
            .map(|r| (r["route"].as_str().unwrap(), r["requests"].as_i64().unwrap(), r["errors"].as_i64().unwrap()))
            .collect();
        assert_eq!(
            routes,
            [("/v1/projects", 3, 0), ("/v1/traces", 2, 0), ("(none)", 1, 1), ("/v1/projects/{project_identifier}", 1, 1)]
        );
        let series = day["series"].as_array().unwrap();
        assert_eq!((series.len(), &series[29]["requests"], &series[28]["requests"]), (30, &json!(1), &json!(6)));
        assert_eq!(day["lastUsed"], json!({"at": "2026-06-02T12:00:00+00:00", "ip": "127.0.0.1", "userAgent": "tests/2", "country": null}));
        let shown = app.admin_secret().get(&format!("/api/v1/api-keys/{id}")).await.expect(200).json();
        assert!(shown["lastUsedAt"].as_str().unwrap().starts_with("2026-06-02T12:00:00"), "{shown}");
        let listed = app.admin_secret().get("/api/v1/api-keys").await.expect(200).json();
        assert_eq!(listed["data"][0]["lastUsedAt"], shown["lastUsedAt"]);
        assert_eq!(day["byCountry"], json!([]));
        let hours = usage(&app, &id, "?interval=hour&start=2026-06-01T12:30:00Z&end=2026-06-01T14:00:00Z").await;
        assert_eq!((&hours["start"], &hours["end"]), (&json!("2026-06-01T12:00:00+00:00"), &json!("2026-06-01T14:00:00+00:00")));
        assert_eq!((hours["series"].as_array().unwrap().len(), &hours["totals"]["requests"]), (2, &json!(6)));
        for bad in ["interval=week", "start=x", "start=2026-06-02T00:00:00Z&end=2026-06-01T00:00:00Z", "interval=hour&start=2020-01-01T00:00:00Z"] {
            app.admin_secret().get(&format!("/api/v1/api-keys/{id}/usage?{bad}")).await.expect(422);
        }
    }

    async fn nothing_is_counted_and_nothing_seems_unused_where_usage_is_off(engine) {
        let app = TestApp::with(engine, |config| config.usage.api_key_usage = false).await;
        let (id, key) = system_key(&app).await;
        key.get("/v1/projects").await.expect(200);
        let nothing = usage(&app, &id, "").await;
        assert_eq!((&nothing["totals"]["requests"], &nothing["lastUsed"]), (&json!(0), &Value::Null));
        let log = app.admin_secret().get(&format!("/api/v1/api-keys/{id}/logs")).await.expect(200).json();
        assert_eq!(log["data"].as_array().unwrap().len(), 1);
        app.clock.advance(Duration::from_hours(24 * 90));
        app.app.look_for_alerts().await.unwrap();
        let alerts = app.admin_secret().get("/api/v1/alerts").await.expect(200).json();
        assert_eq!(alerts["data"], json!([]));
    }

    async fn keys_are_told_apart_and_sums_do_not_need_the_log(engine) {
        let app = TestApp::with(engine, |config| config.usage.access_log_retention_days = 0).await;
        let (one, first) = system_key(&app).await;
        let (two, second) = system_key(&app).await;
        let senders = (0..40).map(|n| {
            let key = if n % 4 == 0 { first.clone() } else { second.clone() };
            tokio::spawn(async move { key.get("/v1/projects").await.expect(200) })
        });
        for sender in senders.collect::<Vec<_>>() {
            sender.await.unwrap();
        }
        app.key(Role::Member, None).await.get("/v1/projects").await.expect(200);
        assert_eq!(usage(&app, &one, "").await["totals"]["requests"], 10);
        assert_eq!(usage(&app, &two, "").await["totals"]["requests"], 30);
    }

    async fn requests_are_told_apart_by_country(engine) {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("countries.mmdb");
        let networks = [([192, 0, 2, 0].into(), 24, "DE"), ([198, 51, 100, 0].into(), 25, "FR")];
        std::fs::write(&file, mmdb::countries(&networks)).unwrap();
        let app = TestApp::with(engine, |config| {
            config.usage.geoip_database = Some(file);
            config.http.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
        })
        .await;
        let (id, key) = system_key(&app).await;
        for address in ["192.0.2.9", "198.51.100.127", "192.0.2.77", "198.51.100.128"] {
            key.clone().header("x-forwarded-for", address).get("/v1/projects").await.expect(200);
            app.clock.advance(Duration::from_secs(1));
        }
        let usage = usage(&app, &id, "").await;
        assert_eq!(
            usage["byCountry"],
            json!([{"country": "DE", "requests": 2}, {"country": null, "requests": 1}, {"country": "FR", "requests": 1}])
        );
        assert_eq!(usage["lastUsed"]["ip"], "198.51.100.128");
        key.header("x-forwarded-for", "198.51.100.1").get("/v1/projects").await.expect(200);
        app.app.recorder.flush().await;
        let answer = app.admin_secret().get(&format!("/api/v1/api-keys/{id}/usage")).await.json();
        assert_eq!(answer["lastUsed"]["country"], "FR");
    }
}
