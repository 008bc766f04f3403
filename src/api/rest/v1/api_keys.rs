//! API keys: the peer's doors.

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    api::{
        extract::{Json, Path},
        rest::{Routes, page::DataBody, problem::Answer, route},
    },
    domain::{
        api_key::{ApiKey as DomainKey, KeyKind, NewApiKey},
        id::{ApiKeyId, GlobalId},
        project::Projects,
        scope::{Admin, Role},
        secret::PlainToken,
        time::UnixNanos,
    },
    error::Error,
    service::{api_keys, cx::Cx},
};

/// Returns the routes of this file.
#[must_use]
pub fn routes() -> Routes {
    Routes::default()
        .add(route!(get_system_api_keys))
        .add(route!(create_system_api_key))
        .add(route!(delete_system_api_key))
}

/// A key without its secret.
#[derive(Debug, Serialize, ToSchema)]
pub struct ApiKey {
    id: String,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[schema(format = DateTime)]
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    expires_at: Option<String>,
}

impl From<DomainKey> for ApiKey {
    fn from(key: DomainKey) -> Self {
        Self {
            id: GlobalId::encode(key.kind.type_name(), key.id.0),
            name: key.name,
            description: key.description.filter(|d| !d.is_empty()),
            created_at: key.created_at.to_rfc3339(),
            expires_at: key.expires_at.map(UnixNanos::to_rfc3339),
        }
    }
}

/// A key that was just made, with its secret: shown here and never again.
#[derive(Debug, Serialize, ToSchema)]
pub struct CreatedApiKey {
    #[serde(flatten)]
    api_key: ApiKey,
    /// The secret.
    #[schema(format = Password)]
    key: String,
}

impl From<(DomainKey, PlainToken)> for CreatedApiKey {
    fn from((key, token): (DomainKey, PlainToken)) -> Self {
        Self { api_key: key.into(), key: token.expose().to_owned() }
    }
}

/// What makes a key.
#[derive(Debug, Deserialize, ToSchema)]
pub struct CreateApiKeyRequestBody {
    data: ApiKeyData,
}

/// What makes a key.
#[derive(Debug, Deserialize, ToSchema)]
pub struct ApiKeyData {
    name: String,
    description: Option<String>,
    /// First instant at which the key is refused.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Instant>,
}

/// An instant as clients write it: RFC 3339 (without offset: UTC), or seconds since the epoch.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Instant {
    /// Text.
    Text(String),
    /// Seconds.
    Seconds(f64),
}

impl Instant {
    /// Returns the instant, naming the field when it is none.
    pub fn read(&self, field: &'static str) -> Result<UnixNanos, Error> {
        let read = match self {
            Self::Text(text) => UnixNanos::parse(text),
            #[expect(clippy::cast_possible_truncation, reason = "bounded by the comparison")]
            Self::Seconds(s) => (s.abs() < 9.2e9).then_some(UnixNanos((s * 1e9) as i64)),
        };
        read.ok_or_else(|| Error::invalid(field, "Input should be a valid datetime"))
    }
}

impl ApiKeyData {
    fn into_new(self) -> Result<NewApiKey, Error> {
        Ok(NewApiKey {
            name: self.name,
            description: self.description,
            expires_at: self.expires_at.map(|t| t.read("data.expires_at")).transpose()?,
            role: Role::Member,
            scopes: None,
            projects: Projects::All,
        })
    }
}

fn key_id(text: &str, kind: KeyKind) -> Result<ApiKeyId, Error> {
    let type_name = kind.type_name();
    GlobalId::decode_as(text, type_name)
        .map(ApiKeyId)
        .ok_or_else(|| Error::invalid("api_key_id", format!("Invalid {type_name} GlobalID format: {text}")))
}

/// Lists the system keys, newest first
#[utoipa::path(
    get, path = "/v1/system/api_keys", operation_id = "getSystemApiKeys", tag = "api_keys",
    responses((status = 200, body = DataBody<Vec<ApiKey>>))
)]
async fn get_system_api_keys(cx: Cx<Admin>) -> Answer<axum::Json<DataBody<Vec<ApiKey>>>> {
    let keys = api_keys::list_system(&cx).await?;
    Ok(axum::Json(DataBody { data: keys.into_iter().map(ApiKey::from).collect() }))
}

/// Creates a system key
///
/// The field `key` holds the secret: it is shown in this answer and never again.
#[utoipa::path(
    post, path = "/v1/system/api_keys", operation_id = "createSystemApiKey", tag = "api_keys",
    request_body = CreateApiKeyRequestBody,
    responses((status = 201, body = DataBody<CreatedApiKey>), (status = 422))
)]
async fn create_system_api_key(
    cx: Cx<Admin>,
    Json(body): Json<CreateApiKeyRequestBody>,
) -> Answer<(StatusCode, axum::Json<DataBody<CreatedApiKey>>)> {
    let created = api_keys::create_system(&cx, body.data.into_new()?).await?;
    Ok((StatusCode::CREATED, axum::Json(DataBody { data: created.into() })))
}

/// Revokes a system key
///
/// It is refused from this moment on, for good.
#[utoipa::path(
    delete, path = "/v1/system/api_keys/{api_key_id}", operation_id = "deleteSystemApiKey", tag = "api_keys",
    params(("api_key_id" = String, Path, description = "Global id")),
    responses((status = 204), (status = 404), (status = 422))
)]
async fn delete_system_api_key(cx: Cx<Admin>, Path(id): Path<String>) -> Answer<StatusCode> {
    api_keys::revoke_system(&cx, key_id(&id, KeyKind::System)?).await?;
    Ok(StatusCode::NO_CONTENT)
}
