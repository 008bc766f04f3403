//! What the server gives to a browser.

use crate::support::{Engine, TestApp};

#[tokio::test]
async fn pages_carry_a_strict_policy_and_a_fresh_nonce() {
    let app = TestApp::with(Engine::Sqlite, |config| config.http.root_path = "/sub".to_owned()).await;
    let nonce = async |path: &str| {
        let page = app.anonymous().get(path).await.expect(200);
        assert!(page.header("content-type").starts_with("text/html"), "{path}");
        let policy = page.header("content-security-policy").to_owned();
        assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(page.header("x-content-type-options"), "nosniff");
        assert!(!page.header("referrer-policy").is_empty());
        let nonce = policy.split("'nonce-").nth(1).unwrap().split('\'').next().unwrap().to_owned();
        assert!(!page.text().contains("__CSP_NONCE__") && !page.text().contains("__PHOENIX_CONFIG__"));
        nonce
    };
    let one = nonce("/").await;
    assert_ne!(one, nonce("/sub/projects/x").await);
    nonce("/docs").await;
    app.anonymous().get("/sub/v1/user").await.expect(401);
    app.anonymous().get("/v1/user").await.expect(401);
    app.admin_secret().get("/sub/v1/projects").await.expect(200);
    app.anonymous().get("/graphql").await.expect(401);
    app.admin_secret().get("/graphql").await.expect(200);
    app.anonymous().send(axum::http::Method::POST, "/nosuch", None, Vec::new()).await.expect(405);
}

#[tokio::test]
async fn public_paths_need_no_credential_and_every_answer_names_the_version() {
    let app = TestApp::new(Engine::Sqlite).await;
    let anonymous = app.anonymous();
    assert_eq!(anonymous.get("/healthz").await.expect(200).text(), "OK");
    assert_eq!(anonymous.get("/readyz").await.expect(200).text(), "{}");
    assert_eq!(anonymous.get("/arize_phoenix_version").await.expect(200).text(), "20.26.1");
    assert_eq!(anonymous.get("/openapi.json").await.expect(200).json()["openapi"], "3.1.0");
    for path in ["/healthz", "/", "/v1/user", "/v1/nosuch"] {
        let answer = anonymous.get(path).await;
        assert_eq!(answer.header("x-phoenix-server-version"), "20.26.1", "{path}");
        assert!(!answer.header("x-request-id").is_empty());
    }
    let challenge = anonymous.get("/v1/user").await;
    let challenge = challenge.header("www-authenticate");
    assert!(
        challenge.contains("resource_metadata=\"http://127.0.0.1:6006/.well-known/oauth-protected-resource\""),
        "{challenge}"
    );
}
