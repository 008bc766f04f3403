//! The pages: `index.html` with its configuration and a nonce, fresh for every answer.

use axum::{
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::json;

use super::assets;
use crate::{
    api::{API_VERSION, ApiOptions, SERVER_VERSION},
    domain::secret::random_bytes,
    service::Services,
};

/// A page of the bundle.
#[derive(Clone, Copy, Debug)]
pub enum Page {
    /// The application.
    App,
    /// The REST reference.
    Docs,
    /// The GraphQL explorer.
    Graphiql,
}

/// The pages, ready but for the nonce.
#[derive(Clone, Debug)]
pub struct Pages {
    app: String,
    docs: String,
    graphiql: String,
}

const MISSING: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>phoenix-server</title>\
     <body><h1>phoenix-server</h1><p>This server was built without its web UI: <code>make run</code> builds both. \
     The APIs are all here.</p></body></html>";

impl Pages {
    /// Prepares the pages.
    #[must_use]
    pub fn new(options: &ApiOptions, services: &Services) -> Self {
        let config = json!({
            "basename": options.root_path,
            "platformVersion": API_VERSION,
            "serverVersion": SERVER_VERSION,
            "authenticationEnabled": services.auth_enabled(),
            "passwordResetEmailEnabled": services.mail_enabled(),
            "basicAuthDisabled": false,
            "oAuth2Idps": [],
            "ldapEnabled": false,
            "supportEmail": options.support_email,
        });
        // Within a script element only `<` could end it early.
        let config = config.to_string().replace('<', "\\u003c");
        let script =
            format!("Object.defineProperty(window,\"Config\",{{value:Object.freeze({config}),writable:false}})");
        let prepare = |name| {
            let html = assets::html(name).unwrap_or_else(|| MISSING.to_owned());
            html.replace("/*__PHOENIX_CONFIG__*/", &script).replace("__BASENAME__", &options.root_path)
        };
        Self { app: prepare("index.html"), docs: prepare("docs.html"), graphiql: prepare("graphiql.html") }
    }

    /// Returns a page.
    #[must_use]
    pub fn page(&self, page: Page) -> Response {
        let html = match page {
            Page::App => &self.app,
            Page::Docs => &self.docs,
            Page::Graphiql => &self.graphiql,
        };
        let nonce = STANDARD.encode(random_bytes::<16>());
        let mut response =
            ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], html.replace("__CSP_NONCE__", &nonce))
                .into_response();
        let policy = format!(
            "default-src 'self'; script-src 'self' 'nonce-{nonce}'; style-src 'self' 'nonce-{nonce}'; \
             img-src 'self' data:; font-src 'self'; connect-src 'self'; object-src 'none'; base-uri 'self'; \
             form-action 'self'; frame-ancestors 'none'"
        );
        let headers = response.headers_mut();
        if let Ok(policy) = HeaderValue::from_str(&policy) {
            headers.insert(header::CONTENT_SECURITY_POLICY, policy);
        }
        headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}
