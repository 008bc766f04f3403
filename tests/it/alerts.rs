//! Alerts: raised once, resolved by themselves, told to webhooks and by mail.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::http::{HeaderMap, Method};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac as _};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use phoenix_server::domain::scope::{Role, Scope};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::support::{
    Client, Engine, TestApp,
    app::{ADMIN_SECRET, uuid},
    both_engines, mmdb,
    process::Process,
};

const DAY: Duration = Duration::from_hours(24);

/// What a receiver got.
#[derive(Clone, Debug)]
struct Message {
    headers: HeaderMap,
    body: String,
}

impl Message {
    fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// Whether one of the signatures is that of a secret: written down anew from the standard.
    fn is_signed_by(&self, secret: &str) -> bool {
        let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
        let (id, timestamp) = (self.header("webhook-id"), self.header("webhook-timestamp"));
        mac.update(format!("{id}.{timestamp}.{}", self.body).as_bytes());
        let expected = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
        self.header("webhook-signature").split(' ').any(|signature| signature == expected)
    }
}

/// A receiver on a socket of its own, which answers with the given statuses, then with 204; 0 is no answer at all.
#[derive(Clone)]
struct Receiver {
    address: SocketAddr,
    got: Arc<Mutex<Vec<Message>>>,
}

impl Receiver {
    async fn start(statuses: &[u16]) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let got = Arc::new(Mutex::new(Vec::new()));
        let (kept, statuses) = (Arc::clone(&got), Arc::new(Mutex::new(statuses.to_vec())));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (kept, statuses) = (Arc::clone(&kept), Arc::clone(&statuses));
                let answer = move |request: hyper::Request<hyper::body::Incoming>| {
                    let (kept, statuses) = (Arc::clone(&kept), Arc::clone(&statuses));
                    async move {
                        let (parts, body) = request.into_parts();
                        let bytes = body.collect().await.unwrap().to_bytes();
                        let body = String::from_utf8(bytes.to_vec()).unwrap();
                        kept.lock().unwrap().push(Message { headers: parts.headers, body });
                        let status = {
                            let mut statuses = statuses.lock().unwrap();
                            if statuses.is_empty() { 204 } else { statuses.remove(0) }
                        };
                        if status == 0 {
                            std::future::pending::<()>().await;
                        }
                        let answer = hyper::Response::builder().status(status).header("location", "/elsewhere");
                        answer.body(Full::new(bytes::Bytes::from_static(b"x")))
                    }
                };
                tokio::spawn(async move {
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), hyper::service::service_fn(answer))
                        .await;
                });
            }
        });
        Self { address, got }
    }

    fn url(&self) -> String {
        format!("http://{}/hook?token=t", self.address)
    }

    fn got(&self) -> Vec<Message> {
        self.got.lock().unwrap().clone()
    }
}

async fn patch(client: &Client, path: &str, body: &Value) -> Value {
    let body = body.to_string().into_bytes();
    client.send(Method::PATCH, path, Some("application/json"), body).await.expect(200).json()
}

/// A key without limits that is made by the admin secret.
async fn make(app: &TestApp, body: Value) -> (String, Client) {
    let made = app.admin_secret().post("/api/v1/api-keys", &body).await.expect(201).json();
    (made["id"].as_str().unwrap().to_owned(), app.anonymous().bearer(made["key"].as_str().unwrap()))
}

/// Looks, and returns kind and status of every alert of a key, the newest first.
async fn alerts(app: &TestApp, key: &str) -> Vec<(String, String)> {
    app.app.recorder.flush().await;
    app.app.look_for_alerts().await.unwrap();
    let list = app.admin_secret().get(&format!("/api/v1/alerts?key={key}")).await.expect(200).json();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    list["data"].as_array().unwrap().iter().map(|a| (text(&a["kind"]), text(&a["status"]))).collect()
}

fn words(kind: &str, status: &str) -> (String, String) {
    (kind.to_owned(), status.to_owned())
}

async fn add(app: &TestApp, body: Value) -> Value {
    app.admin_secret().post("/api/v1/alert-destinations", &body).await.expect(201).json()
}

/// Every delivery, of the newest destination first, the newest first.
async fn deliveries(app: &TestApp) -> Vec<Value> {
    let admin = app.admin_secret();
    let destinations = admin.get("/api/v1/alert-destinations").await.expect(200).json();
    let mut all = Vec::new();
    for destination in destinations["data"].as_array().unwrap().iter().rev() {
        let path = format!("/api/v1/alert-destinations/{}/deliveries", destination["id"].as_str().unwrap());
        all.extend(admin.get(&path).await.expect(200).json()["data"].as_array().unwrap().clone());
    }
    all
}

/// Tells what is due, and returns the deliveries once none is under way.
async fn deliver(app: &TestApp) -> Vec<Value> {
    app.app.deliver_alerts().await.unwrap();
    for _ in 0..500 {
        let list = deliveries(app).await;
        // The job may have taken one first: its lease is what shows.
        let is_under_way = |d: &Value| d["status"] == "pending" && d["error"].is_null();
        if !list.iter().any(is_under_way) {
            return list;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("deliveries do not end");
}

both_engines! {
    async fn a_key_that_nobody_uses_raises_one_alert_until_it_is_used(engine) {
        let app = TestApp::new(engine).await;
        let (id, key) = make(&app, json!({"name": "idle"})).await;
        key.get("/v1/projects").await.expect(200);
        assert_eq!(alerts(&app, &id).await, []);
        app.clock.advance(DAY * 29);
        assert_eq!(alerts(&app, &id).await, []);
        app.clock.advance(DAY * 2);
        assert_eq!(alerts(&app, &id).await, [words("unused", "open")]);
        assert_eq!(alerts(&app, &id).await, [words("unused", "open")], "raised once");
        let list = app.admin_secret().get("/api/v1/alerts?status=open&kind=unused").await.json();
        assert_eq!(list["data"].as_array().unwrap().len(), 1);
        assert_eq!(
            list["data"][0]["message"], "Not used for 30 days: last used on 2026-06-01 12:00 UTC",
            "{list}"
        );
        assert_eq!(list["data"][0]["key"]["name"], "idle");
        key.get("/v1/projects").await.expect(200);
        assert_eq!(alerts(&app, &id).await, [words("unused", "resolved")]);
        app.clock.advance(DAY * 31);
        assert_eq!(alerts(&app, &id).await, [words("unused", "open"), words("unused", "resolved")]);
        app.admin_secret().delete(&format!("/api/v1/api-keys/{id}")).await.expect(204);
        assert_eq!(alerts(&app, &id).await, [words("unused", "resolved"), words("unused", "resolved")]);
        let list = app.admin_secret().get(&format!("/api/v1/alerts?key={id}&limit=1")).await.json();
        assert_eq!(list["data"][0]["resolution"], "revoked");
        let next = list["nextCursor"].as_str().unwrap();
        let rest = app.admin_secret().get(&format!("/api/v1/alerts?key={id}&limit=1&cursor={next}")).await.json();
        assert_eq!((&rest["data"][0]["resolution"], &rest["nextCursor"]), (&json!("recovered"), &Value::Null));
        app.clock.advance(DAY * 60);
        assert_eq!(alerts(&app, &id).await.len(), 2, "a revoked key raises nothing");
    }

    async fn a_key_whose_requests_fail_raises_an_alert_only_from_enough_requests_on(engine) {
        let app = TestApp::new(engine).await;
        let (id, key) = make(&app, json!({"name": "failing"})).await;
        for _ in 0..19 {
            key.get("/v1/projects/nosuch").await.expect(404);
        }
        assert_eq!(alerts(&app, &id).await, []);
        key.get("/v1/projects/nosuch").await.expect(404);
        assert_eq!(alerts(&app, &id).await, [words("error_rate", "open")]);
        let list = app.admin_secret().get(&format!("/api/v1/alerts?key={id}")).await.json();
        assert_eq!(list["data"][0]["details"]["errors"], 20);
        assert!(list["data"][0]["message"].as_str().unwrap().starts_with("20 of 20 requests since 2026-06-01 11:00 UTC"));
        app.clock.advance(Duration::from_hours(2));
        assert_eq!(alerts(&app, &id).await, [words("error_rate", "resolved")]);
        // One of twenty is five of a hundred: not more.
        key.get("/v1/projects/nosuch").await.expect(404);
        for _ in 0..19 {
            key.get("/v1/projects").await.expect(200);
        }
        assert_eq!(alerts(&app, &id).await, [words("error_rate", "resolved")]);
        key.get("/v1/projects/nosuch").await.expect(404);
        assert_eq!(alerts(&app, &id).await[0], words("error_rate", "open"));
    }

    async fn a_key_that_expires_soon_raises_an_alert_until_it_is_given_more_time(engine) {
        let app = TestApp::new(engine).await;
        let (id, _) = make(&app, json!({"name": "short", "expiresAt": "2026-06-11T12:00:00Z"})).await;
        assert_eq!(alerts(&app, &id).await, []);
        app.clock.advance(DAY * 3);
        assert_eq!(alerts(&app, &id).await, [words("expiring", "open")]);
        let path = format!("/api/v1/api-keys/{id}");
        patch(&app.admin_secret(), &path, &json!({"expiresAt": "2026-06-20T12:00:00Z"})).await;
        assert_eq!(alerts(&app, &id).await, [words("expiring", "resolved")]);
        app.clock.advance(DAY * 10);
        assert_eq!(alerts(&app, &id).await, [words("expiring", "open"), words("expiring", "resolved")]);
        app.clock.advance(DAY * 7);
        assert_eq!(alerts(&app, &id).await[0], words("expiring", "resolved"));
        let list = app.admin_secret().get(&format!("/api/v1/alerts?key={id}&limit=1")).await.json();
        assert_eq!(list["data"][0]["resolution"], "expired");
    }

    async fn a_country_is_unexpected_once_and_only_after_the_first_ones_are_learnt(engine) {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("countries.mmdb");
        let networks = [([192, 0, 2, 0].into(), 24, "DE"), ([198, 51, 100, 0].into(), 24, "FR"), ([203, 0, 113, 0].into(), 24, "JP")];
        std::fs::write(&file, mmdb::countries(&networks)).unwrap();
        let app = TestApp::with(engine, |config| {
            config.usage.geoip_database = Some(file);
            config.http.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
        })
        .await;
        let (id, key) = make(&app, json!({"name": "traveller"})).await;
        let visit = async |address: &str| {
            key.clone().header("x-forwarded-for", address).get("/v1/projects").await.expect(200);
        };
        visit("192.0.2.1").await;
        app.clock.advance(DAY * 2);
        visit("198.51.100.1").await;
        assert_eq!(alerts(&app, &id).await, [], "both are learnt");
        app.clock.advance(DAY * 10);
        visit("192.0.2.1").await;
        visit("198.51.100.1").await;
        assert_eq!(alerts(&app, &id).await, []);
        visit("203.0.113.1").await;
        assert_eq!(alerts(&app, &id).await, [words("unexpected_geography", "open")]);
        let list = app.admin_secret().get(&format!("/api/v1/alerts?key={id}")).await.json();
        assert_eq!(list["data"][0]["country"], "JP");
        app.clock.advance(DAY * 7);
        visit("203.0.113.1").await;
        assert_eq!(alerts(&app, &id).await, [words("unexpected_geography", "resolved")]);
        app.clock.advance(DAY * 20);
        visit("203.0.113.1").await;
        assert_eq!(alerts(&app, &id).await, [words("unexpected_geography", "resolved")], "never again");
    }

    async fn what_is_turned_off_raises_nothing(engine) {
        let app = TestApp::with(engine, |config| {
            config.alerts.alert_unused_days = 0;
            config.alerts.alert_expiring_days = 0;
            config.alerts.alert_error_rate_percent = 0;
        })
        .await;
        let (id, key) = make(&app, json!({"name": "quiet", "expiresAt": "2026-08-01T00:00:00Z"})).await;
        for _ in 0..30 {
            key.get("/v1/projects/nosuch").await.expect(404);
        }
        app.clock.advance(DAY * 58);
        assert_eq!(alerts(&app, &id).await, []);
    }

    async fn an_owner_sees_the_alerts_of_their_keys_and_nobody_else_does(engine) {
        let app = TestApp::new(engine).await;
        let admin = app.admin().await;
        let made = admin.post("/api/v1/api-keys", &json!({"name": "mine", "kind": "user"})).await.expect(201).json();
        let id = made["id"].as_str().unwrap();
        app.clock.advance(DAY * 31);
        app.app.look_for_alerts().await.unwrap();
        let own = app.anonymous().bearer(made["key"].as_str().unwrap());
        let path = format!("/api/v1/api-keys/{id}/alerts");
        assert_eq!(own.get(&format!("{path}?status=open")).await.expect(200).json()["data"][0]["kind"], "unused");
        assert_eq!(own.get(&format!("{path}?status=resolved")).await.expect(200).json()["data"], json!([]));
        let other = app.key(Role::Member, None).await;
        other.get(&path).await.expect(404);
        for path in ["/api/v1/alerts", "/api/v1/alert-destinations", "/api/v1/alert-destinations/1/deliveries"] {
            other.get(path).await.expect(403);
            app.admin_secret().export("p", vec![crate::support::otlp::span(1, 1)]).await;
            app.bound_key(Role::Admin, &["p"]).await.get(path).await.expect(403);
        }
        for bad in ["status=shut", "kind=x", "key=x", "limit=0", "cursor=%21", "x=1"] {
            app.admin_secret().get(&format!("/api/v1/alerts?{bad}")).await.expect(422);
        }
    }

    async fn a_webhook_is_signed_and_tried_again_until_it_arrives(engine) {
        let app = TestApp::new(engine).await;
        // The second answer leads elsewhere, and is not followed.
        let receiver = Receiver::start(&[500, 302]).await;
        let made = add(&app, json!({"kind": "webhook", "url": receiver.url()})).await;
        let secret = made["secret"].as_str().unwrap().to_owned();
        let listed = app.admin_secret().get("/api/v1/alert-destinations").await.expect(200);
        assert!(!listed.text().contains("secret\":") && !listed.text().contains(&secret), "{}", listed.text());
        let (id, key) = make(&app, json!({"name": "idle"})).await;
        app.clock.advance(DAY * 31);
        alerts(&app, &id).await;
        let first = deliver(&app).await;
        assert_eq!(
            json!([first[0]["status"], first[0]["attempts"], first[0]["statusCode"], first[0]["error"]]),
            json!(["pending", 1, 500, "The answer was 500 Internal Server Error"])
        );
        assert_eq!(deliver(&app).await[0]["attempts"], 1, "it waits");
        app.clock.advance(Duration::from_secs(6));
        let second = deliver(&app).await;
        assert_eq!(json!([second[0]["attempts"], second[0]["statusCode"]]), json!([2, 302]));
        app.clock.advance(Duration::from_secs(299));
        assert_eq!(deliver(&app).await[0]["attempts"], 2, "it waits longer");
        app.clock.advance(Duration::from_secs(61));
        let third = deliver(&app).await;
        assert_eq!(
            json!([third[0]["status"], third[0]["attempts"], third[0]["statusCode"], third[0]["nextAttemptAt"]]),
            json!(["delivered", 3, 204, null])
        );
        let got = receiver.got();
        assert_eq!(got.len(), 3);
        for message in &got {
            assert!(message.is_signed_by(&secret) && message.body == got[0].body);
            assert!(!message.is_signed_by("whsec_AAAA"));
            assert_eq!(message.header("webhook-id"), third[0]["messageId"]);
            assert_eq!(message.header("content-type"), "application/json");
        }
        assert_ne!(got[0].header("webhook-timestamp"), got[2].header("webhook-timestamp"));
        let body = got[0].json();
        assert_eq!(json!([body["type"], body["data"]["kind"], body["data"]["key"]["id"]]), json!(["alert.raised", "unused", id]));
        // Its end is told, too.
        key.get("/v1/projects").await.expect(200);
        alerts(&app, &id).await;
        deliver(&app).await;
        let told = receiver.got()[3].json();
        assert_eq!(json!([told["type"], told["data"]["status"]]), json!(["alert.resolved", "resolved"]));
    }

    async fn a_webhook_that_is_gone_or_never_answers_is_given_up(engine) {
        let app = TestApp::new(engine).await;
        let gone = Receiver::start(&[410]).await;
        add(&app, json!({"kind": "webhook", "url": gone.url()})).await;
        let (id, _) = make(&app, json!({"name": "idle"})).await;
        app.clock.advance(DAY * 31);
        alerts(&app, &id).await;
        assert_eq!(deliver(&app).await[0]["status"], "failed");
        let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        add(&app, json!({"kind": "webhook", "url": format!("http://{closed}/"), "events": ["alert.raised"]})).await;
        let (other, _) = make(&app, json!({"name": "other", "expiresAt": "2026-07-03T12:00:00Z"})).await;
        alerts(&app, &other).await;
        for attempt in 1..=8 {
            let list = deliver(&app).await;
            let newest = &list[0];
            assert_eq!(newest["attempts"], attempt, "{newest}");
            assert_eq!(newest["status"], if attempt < 8 { "pending" } else { "failed" });
            assert!(newest["error"].as_str().unwrap().starts_with("No connection"), "{newest}");
            app.clock.advance(DAY / 2);
        }
    }

    async fn a_delivery_whose_process_is_gone_is_made_by_the_next_under_the_same_id(engine) {
        let app = TestApp::new(engine).await;
        let receiver = Receiver::start(&[0]).await;
        add(&app, json!({"kind": "webhook", "url": receiver.url()})).await;
        let (id, _) = make(&app, json!({"name": "idle"})).await;
        app.clock.advance(DAY * 31);
        alerts(&app, &id).await;
        // The attempt is cut off, as by a process that ends; while it may be under way nobody makes it again.
        let _ = tokio::time::timeout(Duration::from_millis(500), app.app.deliver_alerts()).await;
        while receiver.got().is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        app.clock.advance(Duration::from_secs(110));
        app.app.deliver_alerts().await.unwrap();
        assert_eq!((receiver.got().len(), &deliveries(&app).await[0]["status"]), (1, &json!("pending")));
        app.clock.advance(Duration::from_secs(11));
        let told = deliver(&app).await;
        assert_eq!(json!([told[0]["status"], told[0]["attempts"]]), json!(["delivered", 2]));
        let got = receiver.got();
        assert_eq!((got.len(), got[0].header("webhook-id")), (2, got[1].header("webhook-id")));
    }

    async fn destinations_are_made_changed_tried_and_removed(engine) {
        let app = TestApp::new(engine).await;
        let admin = app.admin_secret();
        let receiver = Receiver::start(&[]).await;
        let made = add(&app, json!({"kind": "webhook", "url": receiver.url(), "events": ["alert.resolved"], "alertKinds": ["unused", "unused"]})).await;
        let path = format!("/api/v1/alert-destinations/{}", made["id"].as_str().unwrap());
        assert_eq!(json!([made["events"], made["alertKinds"]]), json!([["alert.resolved"], ["unused"]]));
        let test = admin.post(&format!("{path}/test"), &json!({})).await.expect(200).json();
        assert_eq!(json!([test["status"], test["event"], test["statusCode"]]), json!(["delivered", "alert.test", 204]));
        let old = made["secret"].as_str().unwrap();
        assert!(receiver.got()[0].is_signed_by(old));
        let rotated = admin.post(&format!("{path}/rotate-secret"), &json!({})).await.expect(201).json();
        let new = rotated["secret"].as_str().unwrap();
        assert_ne!(old, new);
        admin.post(&format!("{path}/test"), &json!({})).await.expect(200);
        assert!(receiver.got()[1].is_signed_by(old) && receiver.got()[1].is_signed_by(new));
        app.clock.advance(DAY);
        admin.post(&format!("{path}/test"), &json!({})).await.expect(200);
        assert!(!receiver.got()[2].is_signed_by(old) && receiver.got()[2].is_signed_by(new));
        let changed = patch(&admin, &path, &json!({"events": null, "url": "https://hooks.example/x"})).await;
        assert_eq!(json!([changed["events"], changed["alertKinds"], changed["url"]]), json!([null, ["unused"], "https://hooks.example/x"]));
        for (bad, field) in [
            (json!({"kind": "pigeon", "url": "https://a.example/"}), "kind"),
            (json!({"kind": "webhook"}), "url"),
            (json!({"kind": "webhook", "url": "ftp://a.example/"}), "url"),
            (json!({"kind": "webhook", "url": "http://169.254.169.254/latest/meta-data"}), "url"),
            (json!({"kind": "webhook", "url": "https://a.example/", "address": "a@b.example"}), "address"),
            (json!({"kind": "webhook", "url": "https://a.example/", "events": []}), "events"),
            (json!({"kind": "webhook", "url": "https://a.example/", "events": ["alert.test"]}), "events"),
            (json!({"kind": "webhook", "url": "https://a.example/", "alertKinds": ["x"]}), "alertKinds"),
            (json!({"kind": "webhook", "url": "https://a.example/", "alertKinds": []}), "alertKinds"),
            (json!({"kind": "email", "address": "ann@example.com"}), "kind"),
        ] {
            let refused = admin.post("/api/v1/alert-destinations", &bad).await.expect(422);
            assert!(refused.text().contains(&format!("\"{field}\"")), "{bad}: {}", refused.text());
        }
        admin.delete(&path).await.expect(204);
        admin.get(&path).await.expect(404);
        for bad in ["01", "x", "9999999999999999999999", "-1"] {
            admin.get(&format!("/api/v1/alert-destinations/{bad}")).await.expect(404);
        }
        admin.get(&format!("{path}/deliveries")).await.expect(404);
        for n in 0..50 {
            add(&app, json!({"kind": "webhook", "url": format!("https://a.example/{n}")})).await;
            let twice = json!({"kind": "webhook", "url": format!("https://a.example/{n}")});
            assert!(admin.post("/api/v1/alert-destinations", &twice).await.expect(409).detail().contains("already"));
        }
        let one_more = json!({"kind": "webhook", "url": "https://b.example/"});
        admin.post("/api/v1/alert-destinations", &one_more).await.expect(409);
        let audit = admin.get("/api/v1/audit-logs?action=alert_destination").await.json().to_string();
        for action in ["create", "update", "rotate", "test", "delete"] {
            assert!(audit.contains(&format!("alert_destination.{action}")), "{action}");
        }
        assert!(!audit.contains("token=t") && !audit.contains("whsec_"), "{audit}");
    }

    async fn a_destination_that_is_turned_off_or_moved_is_told_nothing_of_before(engine) {
        let app = TestApp::new(engine).await;
        let admin = app.admin_secret();
        let (first, second) = (Receiver::start(&[500]).await, Receiver::start(&[]).await);
        let made = add(&app, json!({"kind": "webhook", "url": first.url(), "enabled": false})).await;
        assert_eq!(made["enabled"], false);
        let path = format!("/api/v1/alert-destinations/{}", made["id"].as_str().unwrap());
        let (id, key) = make(&app, json!({"name": "idle"})).await;
        app.clock.advance(DAY * 31);
        alerts(&app, &id).await;
        assert_eq!(deliver(&app).await, Vec::<Value>::new());
        // What is raised while it is on is written down, and ends when it goes somewhere else.
        assert_eq!(patch(&admin, &path, &json!({"enabled": true})).await["enabled"], true);
        key.get("/v1/projects").await.expect(200);
        alerts(&app, &id).await;
        assert_eq!(deliver(&app).await[0]["status"], "pending");
        patch(&admin, &path, &json!({"url": second.url()})).await;
        app.clock.advance(DAY);
        let told = deliver(&app).await;
        assert_eq!(json!([told[0]["status"], told[0]["error"]]), json!(["failed", "The destination was moved"]));
        assert_eq!((first.got().len(), second.got().len()), (1, 0));
        // It can be tried all the same.
        patch(&admin, &path, &json!({"enabled": false})).await;
        admin.post(&format!("{path}/test"), &json!({})).await.expect(200);
        assert_eq!(second.got().len(), 1);
        for (bad, field) in [(json!({"address": "a@b.example"}), "address"), (json!({"events": []}), "events"), (json!({"kind": "email"}), "kind")] {
            let refused = admin.send(Method::PATCH, &path, Some("application/json"), bad.to_string().into_bytes()).await;
            assert!(refused.text().contains(field), "{bad}: {}", refused.text());
            assert_eq!(refused.status, 422);
        }
    }

    async fn a_mail_says_why_and_where_to_look(engine) {
        let app = TestApp::with_mail(engine, |_| ()).await;
        let made = add(&app, json!({"kind": "email", "address": "ops@example.com"})).await;
        assert_eq!(made["secret"], Value::Null);
        let path = format!("/api/v1/alert-destinations/{}", made["id"].as_str().unwrap());
        app.admin_secret().post(&format!("{path}/rotate-secret"), &json!({})).await.expect(409);
        app.admin_secret().post("/api/v1/alert-destinations", &json!({"kind": "email", "address": "ops"})).await.expect(422);
        let test = app.admin_secret().post(&format!("{path}/test"), &json!({})).await.expect(200).json();
        assert_eq!(test["status"], "delivered");
        let (id, _) = make(&app, json!({"name": "<b>idle</b>"})).await;
        app.clock.advance(DAY * 31);
        alerts(&app, &id).await;
        assert_eq!(deliver(&app).await[0]["status"], "delivered");
        let mails = app.mails().await;
        assert_eq!(mails.iter().map(|m| &*m.subject).collect::<Vec<_>>(), ["[Phoenix] Test of alerts", "[Phoenix] Alert: API key <b>idle</b>"]);
        let mail = &mails[1];
        assert_eq!(mail.address, "ops@example.com");
        for part in [&mail.text, &mail.html] {
            assert!(part.contains("Never used since it was made on 2026-06-01 12:00 UTC, more than 30 days ago"), "{part}");
            assert!(part.contains("/settings/alerts"), "{part}");
        }
        assert!(!mail.html.contains("<b>idle"), "{}", mail.html);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_on_one_database_raise_and_tell_once() {
    let dir = tempfile::tempdir().unwrap();
    let schema = format!("it_{}", uuid());
    let one = Process::start(Engine::Postgres, dir.path(), &schema).await;
    let receiver = Receiver::start(&[]).await;
    let post = async |path: &str, body: Value| {
        let answer =
            reqwest::Client::new().post(one.url(path)).bearer_auth(ADMIN_SECRET).json(&body).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 201);
    };
    post("/api/v1/alert-destinations", json!({"kind": "webhook", "url": receiver.url()})).await;
    // Each looks when it starts, and both at once.
    let soon = phoenix_server::domain::time::Clock::system().now().plus(Duration::from_hours(1)).to_rfc3339();
    for n in 0..60 {
        post("/api/v1/api-keys", json!({"name": format!("k{n}"), "expiresAt": soon})).await;
    }
    let (_two, _three) = tokio::join!(
        Process::start(Engine::Postgres, dir.path(), &schema),
        Process::start(Engine::Postgres, dir.path(), &schema)
    );
    let deadline = std::time::Instant::now() + Duration::from_mins(1);
    while receiver.got().len() < 60 {
        assert!(std::time::Instant::now() < deadline, "{} of 60", receiver.got().len());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // Longer than any of them waits before it looks again.
    tokio::time::sleep(Duration::from_secs(7)).await;
    let mut keys: Vec<String> =
        receiver.got().iter().map(|m| m.json()["data"]["key"]["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(keys.len(), 60);
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 60);
}

/// Appends to the guide's function a call of it, runs both, and returns what it said of a message.
fn verdict(language: &str, secret: &str, message: &Message, body: &str) -> bool {
    let guide = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/alerts.md");
    let function = crate::docs::blocks(&std::fs::read_to_string(guide).unwrap(), language).remove(0);
    let names = ["webhook-id", "webhook-timestamp", "webhook-signature"];
    let headers: serde_json::Map<String, Value> =
        names.iter().map(|&name| (name.to_owned(), message.header(name).into())).collect();
    let input = json!({ "secret": secret, "headers": headers, "body": body }).to_string();
    let (program, option, call) = if language == "python" {
        let read = "import json, os\ngiven = json.loads(os.environ['GIVEN'])";
        let verify = "verify(given['secret'], given['headers'], given['body'].encode())";
        ("python3", "-c", format!("{read}\nprint(str({verify}).lower())"))
    } else {
        let verify = "verify(given.secret, given.headers, Buffer.from(given.body))";
        let read = "const given = JSON.parse(process.env.GIVEN);";
        ("node", "--input-type=module", format!("{read}\nconsole.log({verify});"))
    };
    let mut command = std::process::Command::new(program);
    command.arg(option);
    if language == "javascript" {
        command.arg("-e");
    }
    command.arg(format!("{function}\n{call}"));
    let output = command.env("GIVEN", input).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
}

#[tokio::test]
async fn receivers_written_after_the_guide_take_what_is_signed_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let process = Process::start(Engine::Sqlite, dir.path(), "").await;
    let receiver = Receiver::start(&[]).await;
    let post = async |path: &str, body: Value| -> Value {
        let request = reqwest::Client::new().post(process.url(path)).bearer_auth(ADMIN_SECRET).json(&body);
        request.send().await.unwrap().json().await.unwrap()
    };
    let made = post("/api/v1/alert-destinations", json!({"kind": "webhook", "url": receiver.url()})).await;
    let path = format!("/api/v1/alert-destinations/{}", made["id"].as_str().unwrap());
    let rotated = post(&format!("{path}/rotate-secret"), json!({})).await;
    assert_eq!(post(&format!("{path}/test"), json!({})).await["status"], "delivered");
    let message = receiver.got().remove(0);
    for language in ["python", "javascript"] {
        for secret in [&made["secret"], &rotated["secret"]] {
            assert!(verdict(language, secret.as_str().unwrap(), &message, &message.body), "{language}");
        }
        let secret = rotated["secret"].as_str().unwrap();
        assert!(!verdict(language, secret, &message, &format!("{} ", message.body)), "{language}: another body");
        assert!(!verdict(language, "whsec_AAAA", &message, &message.body), "{language}: another secret");
        let mut old = message.clone();
        old.headers.insert("webhook-timestamp", "1780315200".parse().unwrap());
        assert!(!verdict(language, secret, &old, &message.body), "{language}: long ago");
    }
}

#[tokio::test]
async fn a_webhook_that_may_go_to_public_addresses_alone_does_not_go_to_this_host() {
    let app = TestApp::with(Engine::Sqlite, |config| config.alerts.alert_webhook_private_networks = false).await;
    for url in ["http://127.0.0.1:1/", "http://10.0.0.1/"] {
        let body = json!({"kind": "webhook", "url": url});
        app.admin_secret().post("/api/v1/alert-destinations", &body).await.expect(422);
    }
    // The name is let in, and its address is not.
    let made = add(&app, json!({"kind": "webhook", "url": "http://localhost:1/"})).await;
    let path = format!("/api/v1/alert-destinations/{}/test", made["id"].as_str().unwrap());
    let test = app.admin_secret().post(&path, &json!({})).await.expect(200).json();
    assert_eq!(test["error"], "No connection: Webhooks do not go to this address");
    assert!(app.key(Role::Admin, Some(&[Scope::Admin])).await.get("/api/v1/alert-destinations").await.status == 200);
}
