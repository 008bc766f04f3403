//! Reset of a forgotten password by mail, and the mails that greet new administrators.

use std::time::Duration;

use phoenix_server::{
    config::AdminSeed,
    db::Db,
    domain::{scope::Role, user::NewUser},
    jobs::housekeeping,
    mail::Letter,
};
use serde_json::json;

use crate::support::{
    Answer, Engine, TestApp,
    app::{PASSWORD, change_password},
    both_engines,
};

const EMAIL: &str = "ann@example.com";
const NEW: &str = "another-horse";

/// A server with mail and a member, Ann, whose password is [`PASSWORD`].
async fn with_ann(engine: Engine) -> TestApp {
    let app = TestApp::with_mail(engine, |config| config.auth.enforce_password_reset = false).await;
    add(&app, "Ann", EMAIL).await;
    app
}

async fn add(app: &TestApp, name: &str, email: &str) {
    app.add_user(NewUser::local(Role::Member, name, email, None), PASSWORD).await;
}

async fn ask(app: &TestApp, email: &str) -> Answer {
    app.anonymous().post("/auth/password-reset-email", &json!({ "email": email })).await
}

async fn redeem(app: &TestApp, token: &str, password: &str) -> Answer {
    app.anonymous().post("/auth/password-reset", &json!({"token": token, "password": password})).await
}

async fn login(app: &TestApp, password: &str) -> u16 {
    let answer = app.anonymous().post("/auth/login", &json!({"email": EMAIL, "password": password})).await;
    answer.status.as_u16()
}

/// The link of a mail: the same in both parts.
fn link(letter: &Letter) -> String {
    let html = letter.html.split("<a id=\"reset-url\" href=\"").nth(1).unwrap().split('"').next().unwrap();
    assert!(letter.text.lines().any(|line| line == html), "{}", letter.text);
    html.to_owned()
}

fn token(letter: &Letter) -> String {
    link(letter).split_once("?token=").unwrap().1.to_owned()
}

/// Asks for a mail to Ann and returns its token.
async fn token_by_mail(app: &TestApp) -> String {
    ask(app, EMAIL).await.expect(204);
    let mails = app.mails().await;
    assert_eq!(mails.len(), 1);
    token(&mails[0])
}

both_engines! {
    async fn a_forgotten_password_is_replaced_by_the_link_of_a_mail(engine) {
        let app = with_ann(engine).await;
        let session = app.anonymous().login(EMAIL, PASSWORD).await;
        session.get("/v1/user").await.expect(200);
        let answer = ask(&app, " Ann@Example.COM ").await.expect(204);
        assert!(answer.body.is_empty());
        let mails = app.mails().await;
        let mail = &mails[0];
        assert_eq!((mails.len(), mail.address.as_str(), mail.name.as_str()), (1, EMAIL, "Ann"));
        assert_eq!(mail.subject, "[Phoenix] Password Reset Request");
        assert!(link(mail).starts_with("http://127.0.0.1:6006/reset-password-with-token?token=ey"), "{}", link(mail));

        redeem(&app, &token(mail), NEW).await.expect(204);
        session.get("/v1/user").await.expect(401);
        session.post("/auth/refresh", &json!({})).await.expect(401);
        assert_eq!((login(&app, PASSWORD).await, login(&app, NEW).await), (401, 204));
        let viewer = app.anonymous().login(EMAIL, NEW).await.graphql("{ viewer { passwordNeedsReset } }").await;
        assert_eq!(viewer.json()["data"]["viewer"]["passwordNeedsReset"], false);

        let spent = redeem(&app, &token(mail), PASSWORD).await.expect(401);
        assert_eq!(spent.detail(), "Invalid token");
        assert!(spent.header("www-authenticate").starts_with("Bearer realm="));
        assert_eq!(login(&app, NEW).await, 204);
    }

    async fn nobody_learns_who_has_an_account(engine) {
        let app = with_ann(engine).await;
        add(&app, "Bob", "bob@example.com").await;
        make_oauth2(&app, "bob@example.com").await;
        let known = ask(&app, EMAIL).await.expect(204);
        assert_eq!(app.mails().await.len(), 1);
        let long = format!("{}@example.com", "x".repeat(400));
        for email in ["nobody@example.com", "bob@example.com", "system@localhost", "no address", "%' OR 1=1", &long] {
            let answer = ask(&app, email).await.expect(204);
            assert_eq!((answer.body, answer.headers.len()), (known.body.clone(), known.headers.len()), "{email}");
            assert!(app.mails().await.is_empty(), "{email}");
        }
    }

    async fn a_request_that_cannot_be_answered_is_told_why(engine) {
        let app = with_ann(engine).await;
        for body in [json!({}), json!({"email": ""}), json!({"email": "  "})] {
            let refused = app.anonymous().post("/auth/password-reset-email", &body).await.expect(422);
            assert_eq!((refused.detail().as_str(), &refused.json()["errors"][0]["field"]), ("Email required", &json!("email")));
        }
        let mail = token_by_mail(&app).await;
        for (password, detail) in [("", "Password required"), ("abc", "Password must be at least 4 characters"), ("a b c d", "Password must be")] {
            let refused = redeem(&app, &mail, password).await.expect(422);
            assert!(refused.detail().starts_with(detail), "{}", refused.detail());
            assert_eq!(refused.json()["errors"][0]["field"], "password");
        }
        redeem(&app, &mail, &"x".repeat(2_000)).await.expect(422);
        app.anonymous().post("/auth/password-reset", &json!({"token": mail})).await.expect(422);
        // None of these has spent the token.
        redeem(&app, &mail, NEW).await.expect(204);

        let without_mail = TestApp::new(engine).await;
        let refused = ask(&without_mail, EMAIL).await.expect(503);
        assert_eq!(refused.detail(), "SMTP server not configured");
        let without_passwords = TestApp::with_mail(engine, |config| config.auth.disable_basic_auth = true).await;
        ask(&without_passwords, EMAIL).await.expect(403);
        redeem(&without_passwords, "x", NEW).await.expect(403);
        let open = TestApp::with_mail(engine, |config| config.auth.enabled = false).await;
        ask(&open, EMAIL).await.expect(403);
    }

    async fn only_the_newest_token_works_and_only_in_its_time(engine) {
        let app = with_ann(engine).await;
        let first = token_by_mail(&app).await;
        let second = token_by_mail(&app).await;
        assert_eq!(redeem(&app, &first, NEW).await.expect(401).detail(), "Invalid token");
        app.clock.advance(Duration::from_mins(15) - Duration::from_secs(1));
        redeem(&app, &second, NEW).await.expect(204);
        let third = token_by_mail(&app).await;
        app.clock.advance(Duration::from_mins(15));
        assert_eq!(redeem(&app, &third, PASSWORD).await.expect(401).detail(), "Invalid token");
        assert_eq!(login(&app, NEW).await, 204);
    }

    async fn the_life_of_a_link_is_a_setting(engine) {
        let app = TestApp::with_mail(engine, |config| {
            config.auth.password_reset_token_expiry = Duration::from_hours(2);
        }).await;
        add(&app, "Ann", EMAIL).await;
        ask(&app, EMAIL).await.expect(204);
        let mails = app.mails().await;
        assert!(mails[0].text.contains("for 2 hours"), "{}", mails[0].text);
        app.clock.advance(Duration::from_mins(119));
        sweep(&app).await;
        redeem(&app, &token(&mails[0]), NEW).await.expect(204);
    }

    async fn anything_but_a_token_of_a_mail_is_refused(engine) {
        let app = with_ann(engine).await;
        let cookies = app.anonymous().post("/auth/login", &json!({"email": EMAIL, "password": PASSWORD})).await;
        let mail = token_by_mail(&app).await;
        let mut parts: Vec<&str> = mail.split('.').collect();
        parts[2] = "AAAA";
        let forged = parts.join(".");
        for token in [
            "",
            "x",
            "PasswordResetToken:1",
            &cookies.cookie("phoenix-access-token").unwrap(),
            &cookies.cookie("phoenix-refresh-token").unwrap(),
            &mail[..mail.len() - 1],
            &forged,
        ] {
            assert_eq!(redeem(&app, token, NEW).await.expect(401).detail(), "Invalid token", "{token}");
        }
        redeem(&app, &mail, NEW).await.expect(204);
    }

    async fn a_reset_token_is_no_credential(engine) {
        let app = with_ann(engine).await;
        let mail = token_by_mail(&app).await;
        app.anonymous().bearer(&mail).get("/v1/user").await.expect(401);
        app.anonymous().header("x-api-key", &mail).get("/v1/user").await.expect(401);
        let cookie = |name: &str| format!("{name}={mail}");
        app.anonymous().header("cookie", &cookie("phoenix-access-token")).get("/v1/user").await.expect(401);
        app.anonymous().header("cookie", &cookie("phoenix-refresh-token")).post("/auth/refresh", &json!({})).await.expect(401);
    }

    async fn a_user_who_has_changed_since_needs_another_mail(engine) {
        let app = with_ann(engine).await;
        let mail = token_by_mail(&app).await;
        app.clock.advance(Duration::from_secs(1));
        let changed = app.anonymous().login(EMAIL, PASSWORD).await.graphql(&change_password(PASSWORD, "own-choice")).await;
        assert_eq!(changed.json()["errors"], serde_json::Value::Null, "{}", changed.text());
        redeem(&app, &mail, NEW).await.expect(401);

        let mail = token_by_mail(&app).await;
        app.clock.advance(Duration::from_secs(1));
        app.set_password(EMAIL, "by-an-admin").await;
        redeem(&app, &mail, NEW).await.expect(401);

        let mail = token_by_mail(&app).await;
        app.clock.advance(Duration::from_secs(1));
        let rename = "mutation { patchViewer(input: {newUsername: \"Anna\"}) { user { id } } }";
        let renamed = app.anonymous().login(EMAIL, "by-an-admin").await.graphql(rename).await;
        assert_eq!(renamed.json()["errors"], serde_json::Value::Null, "{}", renamed.text());
        redeem(&app, &mail, NEW).await.expect(401);

        let mail = token_by_mail(&app).await;
        make_oauth2(&app, EMAIL).await;
        redeem(&app, &mail, NEW).await.expect(401);
    }

    async fn of_many_at_once_with_one_token_one_wins(engine) {
        let app = with_ann(engine).await;
        let mail = token_by_mail(&app).await;
        let passwords: Vec<String> = (0..6).map(|n| format!("choice-{n}")).collect();
        let answers = futures_util::future::join_all(passwords.iter().map(|p| redeem(&app, &mail, p))).await;
        let won: Vec<usize> = (0..6).filter(|n| answers[*n].status == 204).collect();
        assert_eq!(won.len(), 1, "{won:?}");
        assert!(answers.iter().all(|a| matches!(a.status.as_u16(), 204 | 401)));
        assert_eq!(login(&app, &passwords[won[0]]).await, 204);
    }

    async fn an_account_gets_three_mails_an_hour(engine) {
        let app = with_ann(engine).await;
        add(&app, "Bob", "bob@example.com").await;
        let mut sent = Vec::new();
        for minute in 0..70 {
            ask(&app, EMAIL).await.expect(204);
            if !app.mails().await.is_empty() {
                sent.push(minute);
            }
            sweep(&app).await;
            app.clock.advance(Duration::from_mins(1));
        }
        assert_eq!(sent, [0, 1, 2, 60, 61, 62]);
        ask(&app, "bob@example.com").await.expect(204);
        assert_eq!(app.mails().await.len(), 1, "everyone for themselves");
    }

    async fn no_header_moves_the_link_to_another_host(engine) {
        let poisoned = |app: &TestApp| {
            let evil = "evil.example";
            app.anonymous()
                .header("host", evil)
                .header("referer", "https://evil.example/forgot-password")
                .header("origin", "https://evil.example")
                .header("x-forwarded-host", evil)
                .header("x-forwarded-proto", "https")
                .header("x-forwarded-prefix", "/evil")
                .header("forwarded", "host=evil.example;proto=https")
                .header("x-original-host", evil)
        };
        let url = |text: &str| Some(text.parse().unwrap());
        for (root_url, root_path, expected) in [
            (None, "", "http://127.0.0.1:6006"),
            (None, "/sub", "http://127.0.0.1:6006/sub"),
            (url("https://phoenix.example/"), "", "https://phoenix.example"),
            (url("https://phoenix.example/sub"), "/sub", "https://phoenix.example/sub"),
            (url("https://phoenix.example"), "/sub", "https://phoenix.example/sub"),
        ] {
            let app = TestApp::with_mail(engine, |config| {
                config.http.root_url = root_url;
                root_path.clone_into(&mut config.http.root_path);
            }).await;
            add(&app, "Ann", EMAIL).await;
            poisoned(&app).post("/auth/password-reset-email", &json!({"email": EMAIL})).await.expect(204);
            let mails = app.mails().await;
            assert!(link(&mails[0]).starts_with(&format!("{expected}/reset-password-with-token?token=")), "{}", link(&mails[0]));
            assert!(!mails[0].html.contains("evil") && !mails[0].text.contains("evil"));
        }
    }

    async fn new_administrators_are_greeted_once_with_a_link(engine) {
        let admins = |config: &mut phoenix_server::config::Config| {
            let seed = |name: &str, email: &str| AdminSeed { username: name.to_owned(), email: email.to_owned() };
            config.auth.admins = vec![seed("Ann", EMAIL), seed("Bob <b>", "bob@example.com")];
            config.http.support_email = Some("help@example.com".to_owned());
        };
        let app = TestApp::with_mail(engine, admins).await;
        let mails = app.mails().await;
        assert_eq!(mails.iter().map(|m| m.address.as_str()).collect::<Vec<_>>(), [EMAIL, "bob@example.com"]);
        for mail in &mails {
            assert_eq!(mail.subject, "[Phoenix] Welcome");
            assert!(mail.text.contains("http://127.0.0.1:6006/login") && mail.text.contains("help@example.com"));
            assert!(mail.text.contains("http://127.0.0.1:6006/forgot-password"));
            assert!(!mail.html.contains("<b>"));
        }
        redeem(&app, &token(&mails[0]), NEW).await.expect(204);
        let session = app.anonymous().login(EMAIL, NEW).await;
        session.get("/v1/system/api_keys").await.expect(200);

        let (mailer, outbox) = phoenix_server::mail::Mailer::memory("noreply@example.com".parse().unwrap());
        let again = phoenix_server::app::App::start_with(&app.config, app.clock.clone(), Some(mailer)).await.unwrap();
        again.stop().await;
        assert!(outbox.drain().is_empty());
    }

    async fn nobody_is_greeted_where_there_is_no_login(engine) {
        let admins = |config: &mut phoenix_server::config::Config| {
            config.auth.admins = vec![AdminSeed { username: "Ann".to_owned(), email: EMAIL.to_owned() }];
        };
        let open = TestApp::with_mail(engine, |config| {
            admins(config);
            config.auth.enabled = false;
        }).await;
        assert!(open.mails().await.is_empty());
        let without_passwords = TestApp::with_mail(engine, |config| {
            admins(config);
            config.auth.disable_basic_auth = true;
        }).await;
        let mails = without_passwords.mails().await;
        assert!(mails[0].text.contains("organisation") && !mails[0].text.contains("token="), "{}", mails[0].text);
    }

    async fn a_stop_sends_what_is_queued(engine) {
        let app = with_ann(engine).await;
        let (mailer, outbox) = phoenix_server::mail::Mailer::memory("noreply@example.com".parse().unwrap());
        let other = phoenix_server::app::App::start_with(&app.config, app.clock.clone(), Some(mailer)).await.unwrap();
        let client = crate::support::Client::new(other.router.clone());
        client.post("/auth/password-reset-email", &json!({"email": EMAIL})).await.expect(204);
        drop(client);
        other.stop().await;
        assert_eq!(outbox.drain().len(), 1);
    }
}

#[tokio::test]
async fn pages_say_whether_mail_is_configured() {
    for (app, expected) in
        [(TestApp::with_mail(Engine::Sqlite, |_| ()).await, true), (TestApp::new(Engine::Sqlite).await, false)]
    {
        let page = app.anonymous().get("/login").await.text();
        // A server that was built without its UI has no configuration to show.
        if page.contains("window,\"Config\"") {
            assert!(page.contains(&format!("\"passwordResetEmailEnabled\":{expected}")), "{page}");
        }
    }
}

async fn sweep(app: &TestApp) {
    let db = phoenix_server::app::open_database(&app.config).await.unwrap();
    housekeeping::run(&db, &app.clock).await.unwrap();
    db.close().await;
}

/// No door of this version makes such a user yet.
async fn make_oauth2(app: &TestApp, email: &str) {
    let db = phoenix_server::app::open_database(&app.config).await.unwrap();
    let text = "UPDATE users SET auth_method = 'OAUTH2' WHERE email = $1";
    let changed = match &db {
        Db::Sqlite { write, .. } => sqlx::query(text).bind(email).execute(write).await.unwrap().rows_affected(),
        Db::Postgres(pool) => sqlx::query(text).bind(email).execute(pool).await.unwrap().rows_affected(),
    };
    assert_eq!(changed, 1);
    db.close().await;
}
