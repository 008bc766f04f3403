//! Pages of other origins: CORS, requests that are forged by them, and what a proxy tells of the client.

use axum::http::Method;
use serde_json::json;

use crate::support::{Answer, Client, Engine, TestApp, app::PASSWORD, process::Process};

const HOST: &str = "phoenix.example:6006";
const OWN: &str = "http://phoenix.example:6006";
const PARTNER: &str = "https://partner.example";

async fn app(change: impl FnOnce(&mut phoenix_server::config::Config)) -> TestApp {
    TestApp::with(Engine::Sqlite, change).await
}

fn with(client: &Client, headers: &[(&str, &str)]) -> Client {
    headers.iter().fold(client.clone().header("host", HOST), |client, (name, value)| client.header(name, value))
}

/// Changes something, in the way that the UI does.
async fn change(client: &Client, headers: &[(&str, &str)]) -> Answer {
    with(client, headers).graphql("mutation { createSystemApiKey(input: {name: \"x\"}) { jwt } }").await
}

async fn preflight(client: &Client, origin: &str) -> Answer {
    let asking = client
        .clone()
        .header("origin", origin)
        .header("access-control-request-method", "DELETE")
        .header("access-control-request-headers", "x-odd, authorization");
    asking.send(Method::OPTIONS, "/v1/projects", None, Vec::new()).await
}

#[tokio::test]
async fn without_allowed_origins_there_is_no_word_of_cors() {
    let app = app(|_| ()).await;
    let answer = app.admin_secret().header("origin", PARTNER).get("/v1/projects").await.expect(200);
    assert_eq!(answer.header("access-control-allow-origin"), "");
    assert!(!answer.header("vary").to_lowercase().contains("origin"));
    preflight(&app.anonymous(), PARTNER).await.expect(405);
}

#[tokio::test]
async fn an_allowed_origin_may_ask_with_credentials_for_everything() {
    let app =
        app(|config| config.http.allowed_origins = vec![PARTNER.to_owned(), "https://two.example".to_owned()]).await;
    let answer = preflight(&app.anonymous(), PARTNER).await.expect(200);
    assert_eq!(answer.header("access-control-allow-origin"), PARTNER);
    assert_eq!(answer.header("access-control-allow-credentials"), "true");
    assert_eq!(answer.header("access-control-allow-methods"), "DELETE");
    assert_eq!(answer.header("access-control-allow-headers"), "x-odd, authorization");
    assert!(answer.header("vary").contains("origin"));
    let answer = app.admin_secret().header("origin", PARTNER).get("/v1/projects").await.expect(200);
    assert_eq!(answer.header("access-control-allow-origin"), PARTNER);
    assert_eq!(answer.header("access-control-allow-credentials"), "true");
    // What is refused is told to the page as well.
    let answer = app.anonymous().header("origin", PARTNER).get("/v1/projects").await.expect(401);
    assert_eq!(answer.header("access-control-allow-origin"), PARTNER);
}

#[tokio::test]
async fn any_other_origin_is_refused_by_the_preflight_and_not_named_in_answers() {
    let app = app(|config| config.http.allowed_origins = vec![PARTNER.to_owned()]).await;
    for other in ["https://evil.example", "http://partner.example", "https://partner.example:8443", "null"] {
        let answer = preflight(&app.anonymous(), other).await.expect(400);
        assert_eq!(answer.detail(), "Disallowed CORS origin", "{other}");
        assert_eq!(answer.header("access-control-allow-origin"), "", "{other}");
        let answer = app.admin_secret().header("origin", other).get("/v1/projects").await.expect(200);
        assert_eq!(answer.header("access-control-allow-origin"), "", "{other}");
    }
}

#[tokio::test]
async fn a_star_allows_every_page_but_no_cookies() {
    let app = app(|config| config.http.allowed_origins = vec!["*".to_owned()]).await;
    let answer = preflight(&app.anonymous(), "https://any.example").await.expect(200);
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    assert_eq!(answer.header("access-control-allow-credentials"), "");
    change(&app.admin().await, &[("origin", "https://any.example")]).await.expect(403);
}

#[tokio::test]
async fn a_change_by_cookie_must_come_from_a_page_of_this_server() {
    let app = app(|config| config.http.allowed_origins = vec![PARTNER.to_owned()]).await;
    let session = app.admin().await;
    let passing: &[&[(&str, &str)]] = &[
        &[],
        &[("origin", OWN)],
        &[("origin", PARTNER)],
        // A proxy that ends TLS and passes the host on.
        &[("origin", "https://phoenix.example:6006")],
        &[("sec-fetch-site", "same-origin"), ("origin", "https://in.the.browser")],
        &[("sec-fetch-site", "none")],
        &[("sec-fetch-site", "same-site"), ("origin", PARTNER)],
        &[("sec-fetch-site", "cross-site"), ("origin", PARTNER)],
        &[("sec-fetch-site", "from-the-future"), ("origin", OWN)],
        &[("referer", "https://evil.example/page")],
    ];
    for headers in passing {
        let answer = change(&session, headers).await.expect(200);
        assert_eq!(answer.json()["errors"], serde_json::Value::Null, "{headers:?}");
    }
    let refused: &[&[(&str, &str)]] = &[
        &[("origin", "https://evil.example")],
        &[("origin", "http://phoenix.example")],
        &[("origin", "http://sub.phoenix.example:6006")],
        &[("origin", "null")],
        &[("origin", "http://")],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site"), ("origin", OWN)],
        &[("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")],
        &[("sec-fetch-site", "from-the-future")],
        // Nobody vouches for what this one says of the host.
        &[("origin", "https://evil.example"), ("x-forwarded-host", "evil.example")],
    ];
    for headers in refused {
        let answer = change(&session, headers).await.expect(403);
        assert!(answer.detail().contains("PHOENIX_ALLOWED_ORIGINS"), "{headers:?}: {}", answer.detail());
        assert!(answer.detail().contains("PHOENIX_ROOT_URL"), "{headers:?}: {}", answer.detail());
        assert_eq!(answer.header("content-type"), "application/problem+json");
    }
    let refused = change(&session, &[("origin", "https://evil.example/path")]).await.detail();
    assert!(refused.contains("a page of https://evil.example,"), "{refused}");
}

#[tokio::test]
async fn what_proves_its_sender_otherwise_or_changes_nothing_is_not_asked_where_it_comes_from() {
    let app = app(|_| ()).await;
    let session = app.admin().await;
    let evil = [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")];
    with(&session, &evil).get("/v1/projects").await.expect(200);
    change(&app.admin_secret(), &evil).await.expect(200);
    let by_key = app.anonymous().header("x-api-key", crate::support::app::ADMIN_SECRET);
    change(&by_key, &evil).await.expect(200);
    // Without any credential there is nothing to abuse, and the answer is the usual one.
    change(&app.anonymous(), &evil).await.expect(401);
}

#[tokio::test]
async fn nobody_is_logged_in_or_out_by_a_page_of_another_origin() {
    let app = app(|_| ()).await;
    let session = app.admin().await;
    let evil = [("origin", "https://evil.example")];
    let body = json!({"email": "admin@localhost", "password": PASSWORD});
    with(&app.anonymous(), &evil).post("/auth/login", &body).await.expect(403);
    with(&app.anonymous(), &[("sec-fetch-site", "same-site")]).post("/auth/login", &body).await.expect(403);
    with(&session, &evil).post("/auth/refresh", &json!({})).await.expect(403);
    with(&session, &[("sec-fetch-site", "cross-site")]).get("/auth/logout").await.expect(403);
    with(&session, &evil).get("/v1/user").await.expect(200);
    with(&app.anonymous(), &[("origin", OWN), ("sec-fetch-site", "same-origin")])
        .post("/auth/login", &body)
        .await
        .expect(204);
    with(&session, &[("origin", OWN)]).post("/auth/refresh", &json!({})).await.expect(204);
    with(&session, &[("sec-fetch-site", "same-origin")]).get("/auth/logout").await.expect(302);
}

#[tokio::test]
async fn behind_a_proxy_the_browsers_address_counts() {
    let behind = app(|config| {
        config.http.root_url = Some("https://public.example/phoenix".parse().unwrap());
        config.http.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
    })
    .await;
    let session = behind.admin().await;
    change(&session, &[("origin", "https://public.example")]).await.expect(200);
    change(&session, &[("origin", "http://public.example")]).await.expect(403);
    for told in [("x-forwarded-host", "front.example"), ("forwarded", "for=1.2.3.4;host=\"front.example\"")] {
        change(&session, &[("origin", "https://front.example"), told]).await.expect(200);
        change(&session, &[("origin", "https://front.example:8443"), told]).await.expect(403);
        // Known to be HTTPS: a page of the same host without it is another origin.
        let secure = ("x-forwarded-proto", "https");
        change(&session, &[("origin", "https://front.example"), told, secure]).await.expect(200);
        change(&session, &[("origin", "http://front.example"), told, secure]).await.expect(403);
    }
}

#[tokio::test]
async fn with_trusted_origins_every_request_must_come_from_one() {
    let app = app(|config| {
        config.auth.csrf_trusted_origins = vec!["https://good.example".to_owned(), "http://localhost:5173".to_owned()];
    })
    .await;
    let ask = async |headers: &[(&str, &str)], path: &str| with(&app.anonymous(), headers).get(path).await;
    for path in ["/healthz", "/", "/arize_phoenix_version"] {
        ask(&[], path).await.expect(200);
        ask(&[("origin", "https://good.example:8443"), ("referer", "http://good.example/x?y")], path).await.expect(200);
        ask(&[("origin", "http://localhost")], path).await.expect(200);
        for origin in ["https://evil.example", "null", "https://sub.good.example", OWN] {
            let refused = ask(&[("origin", origin)], path).await.expect(401);
            assert_eq!(refused.detail(), "untrusted origin", "{path} {origin}");
            assert!(refused.header("www-authenticate").starts_with("Bearer realm=\"Arize Phoenix\""));
        }
        let refused = ask(&[("referer", "https://evil.example/good.example")], path).await.expect(401);
        assert_eq!(refused.detail(), "untrusted referer");
        let refused = ask(&[("origin", "https://good.example"), ("referer", "https://evil.example/")], path).await;
        assert_eq!(refused.expect(401).detail(), "untrusted referer");
    }
    let exempt = "/.well-known/oauth-protected-resource";
    assert_ne!(ask(&[("origin", "https://evil.example")], exempt).await.status, 401);
    for exempt in ["/mcp", "/oauth2/token"] {
        let answer = with(&app.anonymous(), &[("origin", "https://evil.example")]).post(exempt, &json!({})).await;
        assert_ne!(answer.status, 401, "{exempt}");
    }
    let session = app.admin().await;
    change(&session, &[("origin", "https://good.example"), ("sec-fetch-site", "cross-site")]).await.expect(200);
    change(&session, &[("sec-fetch-site", "cross-site")]).await.expect(403);
}

#[tokio::test]
async fn a_prefix_of_a_proxy_hides_no_path_from_the_rules() {
    let app = app(|config| config.http.root_path = "/phoenix".to_owned()).await;
    let body = json!({"email": "admin@localhost", "password": "admin"});
    let evil = with(&app.anonymous(), &[("origin", "https://evil.example")]);
    evil.post("/phoenix/auth/login", &body).await.expect(403);
    evil.post("/auth/login", &body).await.expect(403);
}

#[tokio::test]
async fn what_a_client_says_of_its_address_counts_only_through_a_trusted_proxy() {
    for (trusted, logged) in [("", "127.0.0.1"), ("10.0.0.0/8", "127.0.0.1"), ("127.0.0.0/8,", "198.51.100.1")] {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        let environment = [("PHOENIX_TRUSTED_PROXIES", trusted), ("RUST_LOG", "phoenix_server=debug")];
        let stderr = std::fs::File::create(&log).unwrap().into();
        let mut process = Process::start_logging(Engine::Sqlite, dir.path(), "", &environment, Some(stderr)).await;
        let request = reqwest::Client::new().get(process.url("/v1/projects"));
        request.header("x-forwarded-for", "203.0.113.9, 198.51.100.1").send().await.unwrap();
        assert!(process.terminate());
        let log = std::fs::read_to_string(log).unwrap();
        let line = log.lines().find(|line| line.contains("/v1/projects")).unwrap();
        assert!(line.contains(&format!("client.address=\"{logged}\"")), "{trusted}: {line}");
    }
}
