//! A small HTTP/1.1 client: one kept-alive connection per caller, nothing between it and hyper.

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, task::JoinSet};

/// A credential: the header that carries it.
#[derive(Clone, Debug)]
pub(crate) struct Credential {
    name: http::HeaderName,
    value: HeaderValue,
}

impl Credential {
    /// Makes a credential of a header.
    pub(crate) fn new(name: &'static str, value: &str) -> Result<Self> {
        Ok(Self { name: http::HeaderName::from_static(name), value: HeaderValue::from_str(value)? })
    }

    /// Makes a credential of a bearer token.
    pub(crate) fn bearer(token: &str) -> Result<Self> {
        Self::new("authorization", &format!("Bearer {token}"))
    }

    /// Returns the value of the header.
    pub(crate) fn value(&self) -> &HeaderValue {
        &self.value
    }
}

/// A connection to a server on loopback.
#[derive(Debug)]
pub(crate) struct Connection {
    port: u16,
    credential: Option<Credential>,
    sender: SendRequest<Full<Bytes>>,
    /// Drives the connection; ends with it.
    _driver: JoinSet<()>,
}

impl Connection {
    /// Connects.
    pub(crate) async fn open(port: u16, credential: Option<Credential>) -> Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        let mut driver = JoinSet::new();
        driver.spawn(async move {
            // How it ended is told to the request that was waiting.
            let _ = connection.await;
        });
        Ok(Self { port, credential, sender, _driver: driver })
    }

    /// Sends a request; opens the connection anew if the server closed it after an answer.
    pub(crate) async fn send(
        &mut self,
        method: http::Method,
        path: &str,
        content_type: Option<&'static str>,
        body: Bytes,
    ) -> Result<(StatusCode, HeaderMap, Bytes)> {
        if self.sender.ready().await.is_err() {
            *self = Self::open(self.port, self.credential.clone()).await?;
        }
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = path.parse()?;
        let headers = request.headers_mut();
        headers.insert(header::HOST, HeaderValue::from_str(&format!("127.0.0.1:{}", self.port))?);
        if let Some(Credential { name, value }) = &self.credential {
            headers.insert(name, value.clone());
        }
        if let Some(content_type) = content_type {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        }
        let (parts, body) = Response::into_parts(self.sender.send_request(request).await?);
        Ok((parts.status, parts.headers, body.collect().await?.to_bytes()))
    }

    /// Gets a path.
    pub(crate) async fn get(&mut self, path: &str) -> Result<(StatusCode, Bytes)> {
        let (status, _, body) = self.send(http::Method::GET, path, None, Bytes::new()).await?;
        Ok((status, body))
    }

    /// Gets a path that must answer 200.
    pub(crate) async fn get_ok(&mut self, path: &str) -> Result<Bytes> {
        let (status, body) = self.get(path).await?;
        ensure!(status == StatusCode::OK, "GET {path}: {status} {}", text(&body));
        Ok(body)
    }

    /// Asks GraphQL; returns `data`.
    pub(crate) async fn graphql(&mut self, query: &str, variables: serde_json::Value) -> Result<serde_json::Value> {
        let question = serde_json::json!({ "query": query, "variables": variables }).to_string();
        let (status, _, body) =
            self.send(http::Method::POST, "/graphql", Some("application/json"), question.into()).await?;
        ensure!(status == StatusCode::OK, "POST /graphql: {status} {}", text(&body));
        let mut answer: serde_json::Value = serde_json::from_slice(&body)?;
        ensure!(answer.get("errors").is_none_or(serde_json::Value::is_null), "GraphQL: {}", text(&body));
        answer.get_mut("data").map(serde_json::Value::take).context("GraphQL answered without data")
    }
}

/// Returns the beginning of a body, for a message.
pub(crate) fn text(body: &[u8]) -> String {
    String::from_utf8_lossy(body).chars().take(300).collect()
}
