//! Login, refresh, logout, the forced change of password.

use std::time::Duration;

use serde_json::json;

use crate::support::{
    TestApp,
    app::{PASSWORD, change_password},
    both_engines,
};

both_engines! {
    async fn the_first_password_must_be_changed_before_anything_else(engine) {
        let app = TestApp::new(engine).await;
        let session = app.anonymous().login(" Admin@LocalHost ", "admin").await;
        let viewer = session.graphql("{ viewer { email passwordNeedsReset role { name } } }").await.expect(200).json();
        assert_eq!(
            viewer["data"]["viewer"],
            json!({"email": "admin@localhost", "passwordNeedsReset": true, "role": {"name": "ADMIN"}})
        );
        session.get("/v1/user").await.expect(200);
        let refused = session.get("/v1/projects").await.expect(403);
        assert!(refused.detail().contains("password must be changed"), "{}", refused.detail());
        session.post("/v1/system/api_keys", &json!({"data": {"name": "x"}})).await.expect(403);
        let refused = session.graphql("{ projectCount }").await.json();
        assert_eq!(refused["errors"][0]["extensions"]["code"], "FORBIDDEN");

        for (current, new) in [("wrong", "long-enough"), ("admin", "abc"), ("admin", "admin")] {
            let refused = session.graphql(&change_password(current, new)).await.json();
            assert_eq!(refused["errors"][0]["extensions"]["code"], "BAD_USER_INPUT", "{current} {new}: {refused}");
        }
        let changed = session.graphql(&change_password("admin", PASSWORD)).await;
        assert_eq!(changed.json()["data"]["patchViewer"]["user"]["passwordNeedsReset"], false, "{}", changed.text());
        assert_eq!(changed.cookie("phoenix-access-token").as_deref(), Some("\"\""));
        session.get("/v1/user").await.expect(401);
        app.anonymous().post("/auth/login", &json!({"email": "admin@localhost", "password": "admin"})).await.expect(401);
        app.anonymous().login("admin@localhost", PASSWORD).await.get("/v1/projects").await.expect(200);
    }

    async fn the_forced_change_can_be_left_to_the_ui(engine) {
        let app = TestApp::with(engine, |config| config.auth.enforce_password_reset = false).await;
        app.anonymous().login("admin@localhost", "admin").await.get("/v1/projects").await.expect(200);
    }

    async fn a_refresh_replaces_the_pair_and_the_old_one_is_refused_at_once(engine) {
        let app = TestApp::new(engine).await;
        let old = app.admin().await;
        let refreshed = old.post("/auth/refresh", &json!({})).await.expect(204);
        let new = app.anonymous().with_cookies(&refreshed);
        new.get("/v1/projects").await.expect(200);
        old.get("/v1/projects").await.expect(401);
        let replayed = old.post("/auth/refresh", &json!({})).await.expect(401);
        assert_eq!(replayed.detail(), "Invalid refresh token");
        assert_eq!(app.anonymous().post("/auth/refresh", &json!({})).await.expect(401).detail(), "Missing refresh token");
    }

    async fn tokens_expire_at_their_time(engine) {
        let app = TestApp::new(engine).await;
        let session = app.admin().await;
        app.clock.advance(Duration::from_secs(599));
        session.get("/v1/projects").await.expect(200);
        app.clock.advance(Duration::from_secs(1));
        assert_eq!(session.get("/v1/projects").await.expect(401).detail(), "Expired token");
        session.post("/auth/refresh", &json!({})).await.expect(204);
        let session = app.anonymous().login("admin@localhost", PASSWORD).await;
        app.clock.advance(Duration::from_hours(7 * 24));
        assert_eq!(session.post("/auth/refresh", &json!({})).await.expect(401).detail(), "Expired refresh token");
    }

    async fn logout_ends_every_session_of_the_user(engine) {
        let app = TestApp::new(engine).await;
        let one = app.admin().await;
        let other = app.anonymous().login("admin@localhost", PASSWORD).await;
        let answer = one.get("/auth/logout").await.expect(302);
        assert_eq!(answer.header("location"), "/login");
        let cleared: Vec<_> = answer.headers.get_all("set-cookie").iter().map(|v| v.to_str().unwrap()).collect();
        assert_eq!(cleared.len(), 4);
        assert!(cleared.iter().all(|c| c.contains("=\"\"; expires=") && c.contains("Max-Age=0; Path=/; SameSite=lax")));
        one.get("/v1/user").await.expect(401);
        other.get("/v1/user").await.expect(401);
        app.anonymous().get("/auth/logout").await.expect(302);
    }

    async fn a_refresh_token_is_no_credential_and_a_bad_bearer_is_not_rescued_by_a_cookie(engine) {
        let app = TestApp::new(engine).await;
        app.admin().await;
        let answer =
            app.anonymous().post("/auth/login", &json!({"email": "admin@localhost", "password": PASSWORD})).await;
        let refresh = answer.cookie("phoenix-refresh-token").unwrap();
        let access = answer.cookie("phoenix-access-token").unwrap();
        app.anonymous().bearer(&refresh).get("/v1/user").await.expect(401);
        app.anonymous().bearer(&access).get("/v1/user").await.expect(200);
        app.anonymous().with_cookies(&answer).bearer("nonsense").get("/v1/user").await.expect(401);
    }

    async fn a_wrong_login_says_nothing_about_the_account(engine) {
        let app = TestApp::new(engine).await;
        let login = async |email: &str, password: &str| {
            app.anonymous().post("/auth/login", &json!({"email": email, "password": password})).await
        };
        let wrong = login("admin@localhost", "nope").await.expect(401);
        let nobody = login("nobody@example.com", "nope").await.expect(401);
        let system = login("system@localhost", "nope").await.expect(401);
        assert_eq!(wrong.body, nobody.body);
        assert_eq!(wrong.body, system.body);
        assert_eq!(login("", "").await.expect(401).detail(), "Email and password required");
        login("admin@localhost", &"x".repeat(100_000)).await.expect(401);
        app.anonymous().send(axum::http::Method::POST, "/auth/login", Some("text/plain"), b"hi".to_vec()).await.expect(422);
    }
}
