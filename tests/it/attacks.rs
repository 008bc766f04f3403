//! Attacks on logins and sessions.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use phoenix_server::domain::scope::Role;
use serde_json::{Value, json};

use crate::support::{Answer, Client, Engine, TestApp, app::SECRET, both_engines};

/// A server that believes a proxy on this machine, so that tests can come from any address.
async fn behind_proxy(engine: Engine) -> TestApp {
    TestApp::with(engine, |config| {
        config.auth.enforce_password_reset = false;
        config.http.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
    })
    .await
}

fn from(app: &TestApp, address: &str) -> Client {
    app.anonymous().header("x-forwarded-for", address)
}

async fn try_login(client: &Client, email: &str, password: &str) -> Answer {
    client.post("/auth/login", &json!({"email": email, "password": password})).await
}

async fn token(client: &Client, form: &str) -> Answer {
    let form = form.as_bytes().to_vec();
    client.send(axum::http::Method::POST, "/auth/token", Some("application/x-www-form-urlencoded"), form).await
}

both_engines! {
    async fn a_spent_refresh_token_from_elsewhere_ends_its_session(engine) {
        let app = behind_proxy(engine).await;
        let victim = from(&app, "192.0.2.1").login("admin@localhost", "admin").await;
        let renewed = victim.post("/auth/refresh", &json!({})).await.expect(204);
        let renewed = from(&app, "192.0.2.1").with_cookies(&renewed);
        renewed.get("/v1/user").await.expect(200);
        // The old cookies, from another address, and within the ten seconds.
        let thief = victim.header("x-forwarded-for", "203.0.113.9");
        thief.post("/auth/refresh", &json!({})).await.expect(401);
        renewed.get("/v1/user").await.expect(401);
        renewed.post("/auth/refresh", &json!({})).await.expect(401);
    }

    async fn a_spent_refresh_token_is_forgiven_to_a_second_tab_but_not_for_long(engine) {
        let app = behind_proxy(engine).await;
        let tab = from(&app, "192.0.2.1").login("admin@localhost", "admin").await;
        let renewed = from(&app, "192.0.2.1").with_cookies(&tab.post("/auth/refresh", &json!({})).await.expect(204));
        app.clock.advance(Duration::from_secs(10));
        tab.post("/auth/refresh", &json!({})).await.expect(401);
        renewed.get("/v1/user").await.expect(200);
        app.clock.advance(Duration::from_secs(1));
        tab.post("/auth/refresh", &json!({})).await.expect(401);
        renewed.get("/v1/user").await.expect(401);
    }

    async fn of_many_refreshes_at_once_one_wins(engine) {
        let app = behind_proxy(engine).await;
        let tab = from(&app, "192.0.2.1").login("admin@localhost", "admin").await;
        let answers = futures_util::future::join_all((0..8).map(|_| {
            let tab = tab.clone();
            async move { tab.post("/auth/refresh", &json!({})).await }
        }))
        .await;
        let won: Vec<&Answer> = answers.iter().filter(|a| a.status == 204).collect();
        assert_eq!(won.len(), 1);
        from(&app, "192.0.2.1").with_cookies(won[0]).get("/v1/user").await.expect(200);
    }

    async fn cookies_that_were_stolen_are_dead_after_logout(engine) {
        let app = behind_proxy(engine).await;
        let session = app.anonymous().login("admin@localhost", "admin").await;
        let other = app.anonymous().login("admin@localhost", "admin").await;
        let stolen = session.clone();
        session.get("/auth/logout?everywhere=false").await.expect(302);
        stolen.get("/v1/user").await.expect(401);
        stolen.post("/auth/refresh", &json!({})).await.expect(401);
        other.get("/v1/user").await.expect(200);
    }

    async fn tokens_that_were_not_signed_here_are_refused(engine) {
        let app = behind_proxy(engine).await;
        let good = token(&app.anonymous(), "grant_type=password&username=admin@localhost&password=admin").await.expect(200).json();
        let good = good["access_token"].as_str().unwrap();
        app.anonymous().bearer(good).get("/v1/user").await.expect(200);
        let part = |n: usize| good.split('.').nth(n).unwrap();
        let header = |alg: &str| URL_SAFE_NO_PAD.encode(json!({"typ": "JWT", "alg": alg}).to_string());
        let mut claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part(1)).unwrap()).unwrap();
        claims["sub"] = json!("1");
        let forged = URL_SAFE_NO_PAD.encode(claims.to_string());
        let mut attempts = vec![
            format!("{}.{}.", header("none"), part(1)),
            format!("{}.{}.{}", header("none"), part(1), part(2)),
            format!("{}.{}.{}", header("HS512"), part(1), part(2)),
            format!("{}.{}.{}", header("RS256"), part(1), part(2)),
            format!("{}.{forged}.{}", part(0), part(2)),
        ];
        // Another deployment with the same secret: only its id differs.
        let elsewhere = TestApp::with(engine, |config| config.auth.enforce_password_reset = false).await;
        let foreign = token(&elsewhere.anonymous(), "grant_type=password&username=admin@localhost&password=admin").await.json();
        attempts.push(foreign["access_token"].as_str().unwrap().to_owned());
        // The peer's own form, rightly signed: it names no session.
        let key = jsonwebtoken::EncodingKey::from_secret(SECRET.as_bytes());
        for claims in [json!({"jti": "AccessToken:1"}), json!({"jti": "ApiKey:1"}), json!({"jti": "AccessToken:1", "exp": 4_000_000_000_i64})] {
            attempts.push(jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).unwrap());
        }
        // The very claims of a good token, signed with whatever else is a secret, or known, here.
        let own: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part(1)).unwrap()).unwrap();
        for key in [crate::support::app::ADMIN_SECRET, "", part(0), good] {
            let key = jsonwebtoken::EncodingKey::from_secret(key.as_bytes());
            attempts.push(jsonwebtoken::encode(&jsonwebtoken::Header::default(), &own, &key).unwrap());
        }
        for attempt in attempts {
            app.anonymous().bearer(&attempt).get("/v1/user").await.expect(401);
        }
    }

    async fn credentials_that_disagree_are_refused(engine) {
        let app = behind_proxy(engine).await;
        let good = token(&app.anonymous(), "grant_type=password&username=admin@localhost&password=admin").await.json();
        let good = good["access_token"].as_str().unwrap();
        let both = app.anonymous().bearer(good).header("api_key", crate::support::app::ADMIN_SECRET);
        assert_eq!(both.get("/v1/user").await.expect(401).detail(), "The request carries credentials of different callers");
    }

    async fn an_access_token_is_good_to_its_last_second_and_no_longer(engine) {
        let app = behind_proxy(engine).await;
        let pair = token(&app.anonymous(), "grant_type=password&username=admin@localhost&password=admin").await.json();
        let life = Duration::from_secs(pair["expires_in"].as_u64().unwrap());
        let client = app.anonymous().bearer(pair["access_token"].as_str().unwrap());
        app.clock.advance(life.saturating_sub(Duration::from_secs(1)));
        client.get("/v1/user").await.expect(200);
        app.clock.advance(Duration::from_secs(1));
        let refused = client.get("/v1/user").await.expect(401);
        assert_eq!(refused.detail(), "Expired token");
        app.clock.advance(Duration::from_secs(1));
        client.get("/v1/user").await.expect(401);
    }

    async fn a_header_counts_alone_whatever_cookie_comes_along(engine) {
        let app = behind_proxy(engine).await;
        let cookie = app.anonymous().login("admin@localhost", "admin").await;
        let viewer = app.key(Role::Viewer, None).await;
        cookie.get("/v1/users").await.expect(200);
        // A browser's cookie lends nothing to the key of somebody else, and saves no bad one.
        let both = cookie.clone().bearer(&viewer.token().unwrap());
        both.get("/v1/users").await.expect(403);
        cookie.clone().bearer("px_sys_nonsense").get("/v1/users").await.expect(401);
        cookie.header("authorization", "Basic YWRtaW46YWRtaW4=").get("/v1/users").await.expect(401);
    }

    async fn an_unknown_user_costs_as_much_time_as_a_known_one(engine) {
        let app = TestApp::with(engine, |config| {
            config.auth.disable_rate_limit = true;
            config.auth.disable_brute_force_protection = true;
        })
        .await;
        let client = app.anonymous();
        let took = async |email: &str| {
            let began = std::time::Instant::now();
            try_login(&client, email, "guess").await.expect(401);
            began.elapsed()
        };
        let (mut known, mut unknown, mut nothing) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..200 {
            // In turn, so that whatever else the machine does falls on both.
            known.push(took("admin@localhost").await);
            unknown.push(took("nobody@example.com").await);
            nothing.push(took("").await);
        }
        let [known, unknown, nothing] = [known, unknown, nothing].map(|mut times| {
            times.sort_unstable();
            times[times.len() / 2].as_secs_f64()
        });
        let ratio = unknown / known;
        assert!((0.67..1.5).contains(&ratio), "{known} s and {unknown} s");
        // Both hash: what is refused before that is far faster.
        assert!(nothing * 3.0 < unknown, "{nothing} s and {unknown} s");
    }

    async fn a_flood_of_logins_does_not_hold_up_ingest(engine) {
        const LOGINS: usize = 60;
        let app = TestApp::with(engine, |config| {
            config.auth.disable_rate_limit = true;
            config.auth.disable_brute_force_protection = true;
        })
        .await;
        let done = Arc::new(AtomicUsize::new(0));
        let flood: Vec<_> = (0..LOGINS)
            .map(|n| {
                let (client, done) = (app.anonymous(), Arc::clone(&done));
                tokio::spawn(async move {
                    let answer = try_login(&client, &format!("nobody-{n}@example.com"), "guess").await;
                    done.fetch_add(1, Ordering::SeqCst);
                    // Whoever waits too long for a turn is sent away.
                    assert!(matches!(answer.status.as_u16(), 401 | 503), "{}", answer.text());
                })
            })
            .collect();
        // The turns are taken and a queue stands behind them.
        while done.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        let admin = app.admin_secret();
        for n in 0..5 {
            admin.export("flood", vec![crate::support::otlp::span(1, n + 1)]).await;
        }
        let over = done.load(Ordering::SeqCst);
        assert!(over < LOGINS, "ingest waited for every one of {LOGINS} logins");
        for login in flood {
            login.await.unwrap();
        }
    }

    async fn guessing_from_one_address_is_stopped_and_costs_the_owner_elsewhere_nothing(engine) {
        let app = behind_proxy(engine).await;
        let (thief, owner) = (from(&app, "203.0.113.9"), from(&app, "192.0.2.1"));
        for _ in 0..5 {
            try_login(&thief, "admin@localhost", "guess").await.expect(401);
        }
        let stopped = try_login(&thief, "admin@localhost", "admin").await.expect(429);
        assert_eq!(stopped.detail(), "Too many failed login attempts. Please try again later.");
        assert_eq!(stopped.header("retry-after"), "300");
        try_login(&owner, "admin@localhost", "admin").await.expect(204);
        app.clock.advance(Duration::from_secs(299));
        try_login(&thief, "admin@localhost", "admin").await.expect(429);
        app.clock.advance(Duration::from_secs(1));
        try_login(&thief, "admin@localhost", "admin").await.expect(204);
    }

    async fn guessing_at_nobody_is_stopped_in_the_same_way(engine) {
        let app = behind_proxy(engine).await;
        let thief = from(&app, "203.0.113.9");
        for _ in 0..5 {
            try_login(&thief, "nobody@example.com", "guess").await.expect(401);
        }
        try_login(&thief, "nobody@example.com", "guess").await.expect(429);
    }

    async fn guessing_from_everywhere_is_stopped_but_not_for_the_owner_who_is_logged_in(engine) {
        let app = TestApp::with(engine, |config| {
            config.auth.enforce_password_reset = false;
            config.auth.disable_rate_limit = true;
            config.auth.brute_force_max_attempts = 1;
            config.http.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
        })
        .await;
        from(&app, "192.0.2.1").login("admin@localhost", "admin").await;
        for n in 0..20 {
            try_login(&from(&app, &format!("203.0.113.{n}")), "admin@localhost", "guess").await.expect(401);
        }
        try_login(&from(&app, "198.51.100.7"), "admin@localhost", "admin").await.expect(429);
        try_login(&from(&app, "192.0.2.1"), "admin@localhost", "admin").await.expect(204);
    }

    async fn failed_logins_are_still_counted_after_a_restart(engine) {
        let app = behind_proxy(engine).await;
        let thief = from(&app, "203.0.113.9");
        for _ in 0..5 {
            try_login(&thief, "admin@localhost", "guess").await.expect(401);
        }
        let again = phoenix_server::app::App::start(&app.config, app.clock.clone()).await.unwrap();
        let thief = Client::new(again.router.clone()).header("x-forwarded-for", "203.0.113.9");
        try_login(&thief, "admin@localhost", "admin").await.expect(429);
        drop(thief);
        again.stop().await;
    }

    async fn each_address_may_knock_so_often_and_a_forged_header_changes_nothing(engine) {
        let app = TestApp::new(engine).await;
        for n in 0..12 {
            // No proxy is trusted: these headers are the client's own words.
            let client = from(&app, &format!("203.0.113.{n}"));
            try_login(&client, &format!("nobody-{n}@example.com"), "guess").await.expect(401);
        }
        let refused = try_login(&from(&app, "203.0.113.99"), "nobody@example.com", "guess").await.expect(429);
        assert_eq!((refused.detail().as_str(), refused.header("retry-after")), ("Too Many Requests", "5"));
        app.clock.advance(Duration::from_secs(5));
        try_login(&app.anonymous(), "nobody@example.com", "guess").await.expect(401);
    }

    async fn tokens_in_a_body_follow_the_rfc(engine) {
        let app = behind_proxy(engine).await;
        let anyone = app.anonymous();
        let answer = token(&anyone, "grant_type=password&username=admin@localhost&password=admin").await.expect(200);
        assert_eq!((answer.header("cache-control"), answer.header("pragma")), ("no-store", "no-cache"));
        let pair = answer.json();
        assert_eq!((&pair["token_type"], &pair["expires_in"]), (&json!("Bearer"), &json!(600)));
        let (access, refresh) = (pair["access_token"].as_str().unwrap(), pair["refresh_token"].as_str().unwrap());
        anyone.clone().bearer(access).get("/v1/projects").await.expect(200);
        anyone.clone().bearer(refresh).get("/v1/projects").await.expect(401);
        let next = token(&anyone, &format!("grant_type=refresh_token&refresh_token={refresh}")).await.expect(200).json();
        anyone.clone().bearer(access).get("/v1/projects").await.expect(401);
        anyone.clone().bearer(next["access_token"].as_str().unwrap()).get("/v1/projects").await.expect(200);
        for (form, error) in [
            ("grant_type=password&username=admin@localhost&password=wrong", "invalid_grant"),
            ("grant_type=refresh_token&refresh_token=nonsense", "invalid_grant"),
            ("grant_type=client_credentials", "unsupported_grant_type"),
            ("username=x", "invalid_request"),
        ] {
            let refused = token(&anyone, form).await.expect(400);
            assert_eq!(refused.json()["error"], error, "{form}");
            assert_eq!((refused.header("cache-control"), refused.header("www-authenticate")), ("no-store", ""));
        }
        let json = anyone.post("/auth/token", &json!({"grant_type": "password"})).await.expect(400).json();
        assert_eq!(json["error"], "invalid_request");
    }

    async fn a_hash_of_the_peer_lets_in_and_is_replaced(engine) {
        use phoenix_server::{domain::user::DEFAULT_ADMIN, store};
        let app = behind_proxy(engine).await;
        let db = phoenix_server::app::open_database(&app.config).await.unwrap();
        // hashlib.pbkdf2_hmac("sha256", b"correct", bytes(range(32)), 10_000)
        let hash = "$pbkdf2-sha256$i=10000,l=32$AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8$KbvNoI2Tka/3mGD63KspRkrlBRg/b1GA/nllIwnM1jE";
        let mut tx = db.begin().await.unwrap();
        store::users::update_password(tx.conn(), DEFAULT_ADMIN, &hash.into(), false, app.clock.now()).await.unwrap();
        tx.commit().await.unwrap();
        try_login(&app.anonymous(), "admin@localhost", "wrong").await.expect(401);
        try_login(&app.anonymous(), "admin@localhost", "correct").await.expect(204);
        let stored = async || {
            let mut reader = db.read().await.unwrap();
            let user = store::users::find(reader.conn(), DEFAULT_ADMIN).await.unwrap().unwrap();
            secrecy::ExposeSecret::expose_secret(&user.password_hash.unwrap()).to_owned()
        };
        assert!(stored().await.starts_with("$argon2id$"));
        try_login(&app.anonymous(), "admin@localhost", "correct").await.expect(204);
        db.close().await;
    }
}
