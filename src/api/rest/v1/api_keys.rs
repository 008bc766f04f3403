//! API keys: the peer's doors.

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    api::{
        extract::{Json, Path, Query},
        rest::{
            Routes,
            page::{self, DataBody, ListBody},
            problem::Answer,
            route,
        },
    },
    domain::{
        api_key::{ApiKey as DomainKey, KeyKind},
        id::{ApiKeyId, GlobalId},
        page::Order,
        scope::{Admin, OwnKeysCreate, SignedIn, SystemKeysCreate, UserKeysRevoke},
        secret::PlainToken,
        time::UnixNanos,
        user::User,
    },
    error::Error,
    service::{
        api_keys::{self, KeyRequest},
        cx::Cx,
    },
};

/// Returns the routes of this file.
#[must_use]
pub fn routes() -> Routes {
    Routes::default()
        .add(route!(get_system_api_keys))
        .add(route!(create_system_api_key))
        .add(route!(delete_system_api_key))
        .add(route!(get_user_api_keys))
        .add(route!(create_user_api_key))
        .add(route!(delete_user_api_key))
        .add(route!(get_all_user_api_keys))
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
    fn into_request(self) -> Result<KeyRequest, Error> {
        Ok(KeyRequest {
            name: self.name,
            description: self.description,
            expires_at: self.expires_at.map(|t| t.read("data.expires_at")).transpose()?,
            ..KeyRequest::default()
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
    cx: Cx<SystemKeysCreate>,
    Json(body): Json<CreateApiKeyRequestBody>,
) -> Answer<(StatusCode, axum::Json<DataBody<CreatedApiKey>>)> {
    let created = api_keys::create_system(&cx, body.data.into_request()?).await?;
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

/// A user key with its owner.
#[derive(Debug, Serialize, ToSchema)]
pub struct UserApiKey {
    #[serde(flatten)]
    api_key: ApiKey,
    user: ApiKeyUser,
}

/// The owner of a key.
#[derive(Debug, Serialize, ToSchema)]
pub struct ApiKeyUser {
    id: String,
    username: String,
    email: String,
}

impl From<(DomainKey, User)> for UserApiKey {
    fn from((key, user): (DomainKey, User)) -> Self {
        let id = GlobalId::encode("User", user.id.0);
        Self { api_key: key.into(), user: ApiKeyUser { id, username: user.username, email: user.email } }
    }
}

/// Lists the caller's own keys, newest first
#[utoipa::path(
    get, path = "/v1/user/api_keys", operation_id = "getUserApiKeys", tag = "api_keys",
    responses((status = 200, body = DataBody<Vec<ApiKey>>))
)]
async fn get_user_api_keys(cx: Cx<SignedIn>) -> Answer<axum::Json<DataBody<Vec<ApiKey>>>> {
    let keys = api_keys::list_own(&cx).await?;
    Ok(axum::Json(DataBody { data: keys.into_iter().map(ApiKey::from).collect() }))
}

/// Creates a key that acts for the caller, who must be logged in
///
/// The field `key` holds the secret: it is shown in this answer and never again.
#[utoipa::path(
    post, path = "/v1/user/api_keys", operation_id = "createUserApiKey", tag = "api_keys",
    request_body = CreateApiKeyRequestBody,
    responses((status = 201, body = DataBody<CreatedApiKey>), (status = 422))
)]
async fn create_user_api_key(
    cx: Cx<OwnKeysCreate>,
    Json(body): Json<CreateApiKeyRequestBody>,
) -> Answer<(StatusCode, axum::Json<DataBody<CreatedApiKey>>)> {
    let created = api_keys::create_user(&cx, body.data.into_request()?).await?;
    Ok((StatusCode::CREATED, axum::Json(DataBody { data: created.into() })))
}

/// Revokes a user key
///
/// One's own, or anyone's for an ADMIN. It is refused from this moment on, for good.
#[utoipa::path(
    delete, path = "/v1/user/api_keys/{api_key_id}", operation_id = "deleteUserApiKey", tag = "api_keys",
    params(("api_key_id" = String, Path, description = "Global id")),
    responses((status = 204), (status = 404), (status = 422))
)]
async fn delete_user_api_key(cx: Cx<UserKeysRevoke>, Path(id): Path<String>) -> Answer<StatusCode> {
    api_keys::revoke_user(&cx, key_id(&id, KeyKind::User)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// How to list everybody's keys.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListUserApiKeysQuery {
    /// Where the page begins, from the page before.
    cursor: Option<String>,
    /// Rows of the page.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<i64>,
}

/// Lists everybody's user keys, newest first
#[utoipa::path(
    get, path = "/v1/users/api_keys", operation_id = "getAllUserApiKeys", tag = "api_keys",
    params(ListUserApiKeysQuery),
    responses((status = 200, body = ListBody<UserApiKey>), (status = 422))
)]
async fn get_all_user_api_keys(
    cx: Cx<Admin>,
    Query(query): Query<ListUserApiKeysQuery>,
) -> Answer<axum::Json<ListBody<UserApiKey>>> {
    let page = page::request(query.cursor.as_deref(), query.limit, page::MAX_LIMIT, Order::Desc)?;
    Ok(axum::Json(api_keys::list_of_users(&cx, page).await?.map(UserApiKey::from).into()))
}
