//! A client of the router in process.

use axum::{
    body::Body,
    http::{HeaderMap, Method, Request, StatusCode, header},
};
use http_body_util::BodyExt as _;
use phoenix_server::api::App;
use serde_json::{Value, json};
use tower::ServiceExt as _;

#[derive(Clone)]
pub struct Client {
    app: App,
    headers: Vec<(String, String)>,
}

#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {} {}", self.status, self.text()))
    }

    pub fn detail(&self) -> String {
        self.json()["detail"].as_str().unwrap_or_default().to_owned()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }

    /// Asserts the status, showing the body if it differs.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        self
    }

    /// Value of a cookie that the answer sets.
    pub fn cookie(&self, name: &str) -> Option<String> {
        let lines = self.headers.get_all(header::SET_COOKIE).iter().map(|v| v.to_str().unwrap());
        let value = lines.filter_map(|l| l.strip_prefix(name)?.strip_prefix('=')?.split(';').next());
        value.map(str::to_owned).next()
    }
}

impl Client {
    pub fn new(app: App) -> Self {
        Self { app, headers: Vec::new() }
    }

    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// The bearer token that it carries.
    pub fn token(&self) -> Option<String> {
        let value = self.headers.iter().find(|(name, _)| name == "authorization").map(|(_, value)| value)?;
        value.strip_prefix("Bearer ").map(str::to_owned)
    }

    /// A request with this client's headers and no body.
    pub fn request(&self, method: Method, path: &str) -> Request<Body> {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        request.body(Body::empty()).unwrap()
    }

    pub async fn send(&self, method: Method, path: &str, content_type: Option<&str>, body: Vec<u8>) -> Answer {
        let mut request = Request::builder().method(method).uri(path).header(header::CONTENT_LENGTH, body.len());
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        if let Some(content_type) = content_type {
            request = request.header(header::CONTENT_TYPE, content_type);
        }
        let response = self.app.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None, Vec::new()).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, None, Vec::new()).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, Some("application/json"), body.to_string().into_bytes()).await
    }

    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::PUT, path, Some("application/json"), body.to_string().into_bytes()).await
    }

    pub async fn graphql(&self, query: &str) -> Answer {
        self.post("/graphql", &json!({ "query": query })).await
    }

    /// Logs in and returns a client that carries both cookies.
    pub async fn login(&self, email: &str, password: &str) -> Self {
        let answer = self.post("/auth/login", &json!({ "email": email, "password": password })).await.expect(204);
        self.clone().with_cookies(&answer)
    }

    /// Carries the cookies that an answer gave.
    #[must_use]
    pub fn with_cookies(mut self, answer: &Answer) -> Self {
        self.headers.retain(|(name, _)| name != "cookie");
        let pair = |name: &str| format!("{name}={}", answer.cookie(name).unwrap());
        self.header("cookie", &format!("{}; {}", pair("phoenix-access-token"), pair("phoenix-refresh-token")))
    }
}
