//! API keys: the documented door, `/api/v1/api-keys`. Flat bodies in camel case; the rules are the service's.

use std::time::Duration;

use axum::http::StatusCode;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::api_keys::Instant;
use crate::{
    api::{
        extract::{Json, OptionalJson, Path, Query},
        rest::{
            Routes, page,
            problem::{Answer, Problem},
            route,
        },
    },
    domain::{
        change::Change,
        id::{ApiKeyId, GlobalId},
        page::{Cursor, Order},
        plan::{KeyLimits, Plan},
        scope::{KeysWrite, Scope, ScopeSet, SignedIn},
        secret::PlainToken,
        time::UnixNanos,
        user::User,
    },
    error::Error,
    service::{
        api_keys::{self, KeyDetails, KeyPatch, KeyRequest, ListFilter},
        cx::Cx,
    },
};

/// Returns the routes of this file.
#[must_use]
pub fn routes() -> Routes {
    Routes::default()
        .add(route!(list_api_keys))
        .add(route!(create_api_key))
        .add(route!(get_api_key))
        .add(route!(patch_api_key))
        .add(route!(rotate_api_key))
        .add(route!(delete_api_key))
        .add(route!(revoke_api_key))
}

/// A key without its secret.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyBody {
    /// `key_` and sixteen hexadecimal digits.
    id: String,
    name: String,
    #[schema(required = true)]
    description: Option<String>,
    #[schema(format = DateTime)]
    created_at: String,
    /// First instant at which the key is refused; null = never.
    #[schema(required = true, format = DateTime)]
    expires_at: Option<String>,
    /// Prefix, first and last characters of the secret.
    masked_key: String,
    /// What the role is narrowed to; null = nothing narrows it.
    #[schema(required = true)]
    scopes: Option<Vec<&'static str>>,
    /// The living projects that it is bound to; null = every project.
    #[schema(required = true)]
    projects: Option<Vec<KeyProject>>,
    /// `active`, `expired` or `revoked`.
    status: &'static str,
    /// `user` or `system`.
    kind: &'static str,
    /// `live` or `test`.
    environment: &'static str,
    /// `ADMIN`, `MEMBER` or `VIEWER`; for a user key its owner's.
    role: &'static str,
    /// `free`, `pro` or `enterprise`; null = the deployment's.
    #[schema(required = true)]
    plan: Option<&'static str>,
    /// Limits of its own, which go before those of the plan.
    limits: LimitsBody,
    /// Whom a user key acts for.
    #[schema(required = true)]
    owner: Option<KeyUser>,
    /// Who made it, if that user still exists.
    #[schema(required = true)]
    created_by: Option<KeyUser>,
    #[schema(required = true, format = DateTime)]
    last_used_at: Option<String>,
    #[schema(required = true, format = DateTime)]
    revoked_at: Option<String>,
    /// The secret before the last rotation.
    #[schema(required = true)]
    previous_secret: Option<PreviousSecretBody>,
}

/// A project that a key is bound to.
#[derive(Debug, Serialize, ToSchema)]
pub struct KeyProject {
    /// Global id.
    id: String,
    name: String,
}

/// A user beside a key.
#[derive(Debug, Serialize, ToSchema)]
pub struct KeyUser {
    /// Global id.
    id: String,
    username: String,
}

impl From<User> for KeyUser {
    fn from(user: User) -> Self {
        Self { id: GlobalId::encode("User", user.id.0), username: user.username }
    }
}

/// What a key may do in a time; what is missing is not limited by the key.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LimitsBody {
    /// Requests that send traces, a minute.
    #[schema(minimum = 1)]
    ingest_per_minute: Option<u32>,
    /// Every other request, a minute.
    #[schema(minimum = 1)]
    api_per_minute: Option<u32>,
    /// Requests under way at once.
    #[schema(minimum = 1)]
    concurrent: Option<u32>,
}

impl From<LimitsBody> for KeyLimits {
    fn from(body: LimitsBody) -> Self {
        Self {
            ingest_per_minute: body.ingest_per_minute,
            api_per_minute: body.api_per_minute,
            concurrent: body.concurrent,
        }
    }
}

/// The secret before the last rotation.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PreviousSecretBody {
    masked_key: String,
    /// First instant at which it is refused.
    #[schema(format = DateTime)]
    expires_at: String,
}

/// The documents write instants with `Z`.
fn instant(at: UnixNanos) -> String {
    at.to_rfc3339().replace("+00:00", "Z")
}

impl From<KeyDetails> for KeyBody {
    fn from(details: KeyDetails) -> Self {
        let key = details.key;
        Self {
            id: key.id.to_public(),
            name: key.name,
            description: key.description,
            created_at: instant(key.created_at),
            expires_at: key.expires_at.map(instant),
            masked_key: key.masked,
            scopes: key.scopes.map(|scopes| scopes.iter().map(Scope::as_str).collect()),
            projects: details.projects.map(|projects| {
                let project = |p: crate::domain::project::Project| KeyProject {
                    id: GlobalId::encode("Project", p.id.0),
                    name: p.name,
                };
                projects.into_iter().map(project).collect()
            }),
            status: details.status.as_str(),
            kind: key.kind.as_str(),
            environment: key.environment.as_str(),
            role: details.role.as_str(),
            plan: key.plan.map(Plan::as_str),
            limits: LimitsBody {
                ingest_per_minute: key.limits.ingest_per_minute,
                api_per_minute: key.limits.api_per_minute,
                concurrent: key.limits.concurrent,
            },
            owner: details.owner.map(KeyUser::from),
            created_by: details.created_by.map(KeyUser::from),
            last_used_at: key.last_used_at.map(instant),
            revoked_at: key.revoked_at.map(instant),
            previous_secret: key
                .previous
                .map(|p| PreviousSecretBody { masked_key: p.masked, expires_at: instant(p.expires_at) }),
        }
    }
}

/// A key with its secret: shown here and never again.
#[derive(Debug, Serialize, ToSchema)]
pub struct KeyWithSecretBody {
    /// The secret.
    #[schema(format = Password)]
    key: String,
    #[serde(flatten)]
    about: KeyBody,
}

impl From<(KeyDetails, PlainToken)> for KeyWithSecretBody {
    fn from((details, token): (KeyDetails, PlainToken)) -> Self {
        Self { key: token.expose().to_owned(), about: details.into() }
    }
}

/// What makes a key.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateKeyBody {
    name: String,
    description: Option<String>,
    /// First instant at which the key is refused; without it there is none.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Instant>,
    /// What the role is narrowed to, such as `traces:write`.
    scopes: Option<Vec<String>>,
    /// `read-only`, `read-write` or `admin`, instead of scopes.
    preset: Option<String>,
    /// Projects that the key is bound to, each by name or global id.
    projects: Option<Vec<String>>,
    /// `ADMIN`, `MEMBER` or `VIEWER`; for system keys.
    role: Option<String>,
    /// `live` or `test`; for user keys.
    environment: Option<String>,
    /// `user` or `system`; by itself what the caller can make: a person a user key, a key and the admin secret a system
    /// key.
    kind: Option<String>,
    /// `free`, `pro` or `enterprise`; set by administrators.
    plan: Option<String>,
    /// Limits of its own; set by administrators.
    limits: Option<LimitsBody>,
}

/// What to change about a key; what is missing stays, what is null is taken away.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PatchKeyBody {
    name: Option<String>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    description: Change<String>,
    /// First instant at which the key is refused.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Change<Instant>,
    /// What the role is narrowed to.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Vec<String>>)]
    scopes: Change<Vec<String>>,
    /// Projects that the key is bound to, each by name or global id.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Vec<String>>)]
    projects: Change<Vec<String>>,
    /// `free`, `pro` or `enterprise`; set by administrators.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    plan: Change<String>,
    /// All limits of its own; set by administrators.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<LimitsBody>)]
    limits: Change<LimitsBody>,
}

/// Tells null from nothing.
pub(super) fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Change<T>, D::Error> {
    Option::deserialize(deserializer).map(Change::from)
}

/// How to rotate a key.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RotateKeyBody {
    /// Seconds that the present secret works on, beside the new one.
    #[schema(minimum = 0, maximum = 2_592_000, default = 0)]
    grace_period_seconds: Option<u64>,
}

pub(super) fn read<T: std::str::FromStr<Err = String>>(
    field: &'static str,
    text: Option<&str>,
) -> Result<Option<T>, Error> {
    text.map(|text| text.parse().map_err(|e: String| Error::invalid(field, e))).transpose()
}

fn read_scopes(scopes: &[String]) -> Result<ScopeSet, Error> {
    scopes.iter().map(|s| s.parse::<Scope>()).collect::<Result<_, _>>().map_err(|e| Error::invalid("scopes", e))
}

impl CreateKeyBody {
    fn into_request(self) -> Result<KeyRequest, Error> {
        let scopes = match (&self.scopes, &self.preset) {
            (Some(_), Some(_)) => return Err(Error::invalid("preset", "Either scopes or a preset, not both")),
            (Some(scopes), None) => Some(read_scopes(scopes)?),
            (None, Some(preset)) => Some(ScopeSet::preset(preset).map_err(|e| Error::invalid("preset", e))?),
            (None, None) => None,
        };
        Ok(KeyRequest {
            name: self.name,
            description: self.description,
            expires_at: self.expires_at.map(|t| t.read("expiresAt")).transpose()?,
            kind: read("kind", self.kind.as_deref())?,
            environment: read("environment", self.environment.as_deref())?,
            role: read("role", self.role.as_deref())?,
            scopes,
            projects: self.projects,
            plan: read("plan", self.plan.as_deref())?,
            limits: self.limits.unwrap_or_default().into(),
        })
    }
}

impl PatchKeyBody {
    fn into_patch(self) -> Result<KeyPatch, Error> {
        Ok(KeyPatch {
            name: self.name,
            description: self.description,
            expires_at: self.expires_at.try_map(|t| t.read("expiresAt"))?,
            scopes: self.scopes.try_map(|s| read_scopes(&s))?,
            projects: self.projects,
            plan: self.plan.try_map(|p| p.parse().map_err(|e: String| Error::invalid("plan", e)))?,
            limits: self.limits.try_map(|l| Ok::<_, Error>(l.into()))?,
        })
    }
}

/// What is no id names no key.
pub(super) fn key_id(text: &str) -> Result<ApiKeyId, Error> {
    ApiKeyId::parse(text).ok_or_else(|| Error::NotFound("API key not found".into()))
}

/// The fields of this door are in camel case.
pub(super) fn in_camel_case(error: Error) -> Problem {
    Problem(match error {
        Error::Invalid { field, detail } => {
            let mut words = field.split('_');
            let mut camel = words.next().unwrap_or_default().to_owned();
            for word in words {
                let mut rest = word.chars();
                camel.extend(rest.next().map(|c| c.to_ascii_uppercase()));
                camel.push_str(rest.as_str());
            }
            Error::invalid(camel, detail)
        }
        other => other,
    })
}

/// How to list keys.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListKeysQuery {
    /// `active`, `expired` or `revoked`.
    status: Option<String>,
    /// Global id, name or e-mail address of the owner.
    owner: Option<String>,
    /// `user` or `system`.
    kind: Option<String>,
    /// Where the page begins, from the page before.
    cursor: Option<String>,
    /// Rows of the page.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<i64>,
}

/// A page of keys.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyListBody {
    data: Vec<KeyBody>,
    /// Where the next page begins; null at the end.
    #[schema(required = true)]
    next_cursor: Option<String>,
}

/// Lists the keys that the caller may see, newest first
///
/// One's own, or everybody's with the scope `admin`; a key that is narrowed by scopes or projects sees itself alone.
#[utoipa::path(
    get, path = "/api/v1/api-keys", operation_id = "listApiKeys", tag = "api_keys",
    params(ListKeysQuery),
    responses((status = 200, body = KeyListBody), (status = 422))
)]
async fn list_api_keys(cx: Cx<SignedIn>, Query(query): Query<ListKeysQuery>) -> Answer<axum::Json<KeyListBody>> {
    let page = page::request(query.cursor.as_deref(), query.limit, page::MAX_LIMIT, Order::Desc)?;
    let filter = ListFilter {
        kind: read("kind", query.kind.as_deref())?,
        status: read("status", query.status.as_deref())?,
        owner: query.owner,
    };
    let page = api_keys::list(&cx, &filter, page).await?.map(KeyBody::from);
    Ok(axum::Json(KeyListBody { data: page.items, next_cursor: page.next.map(Cursor::encode) }))
}

/// Creates a key
///
/// The field `key` holds the secret: it is shown in this answer and never again. A key may create keys with the scope
/// `admin`; what is made is never wider than who makes it.
#[utoipa::path(
    post, path = "/api/v1/api-keys", operation_id = "createApiKey", tag = "api_keys",
    request_body = CreateKeyBody,
    responses((status = 201, body = KeyWithSecretBody), (status = 422))
)]
async fn create_api_key(
    cx: Cx<KeysWrite>,
    Json(body): Json<CreateKeyBody>,
) -> Answer<(StatusCode, axum::Json<KeyWithSecretBody>)> {
    let created = api_keys::create(&cx, body.into_request()?).await.map_err(in_camel_case)?;
    Ok((StatusCode::CREATED, axum::Json(created.into())))
}

/// Returns a key, whatever its state
#[utoipa::path(
    get, path = "/api/v1/api-keys/{api_key_id}", operation_id = "getApiKey", tag = "api_keys",
    params(("api_key_id" = String, Path, description = "Id of the key")),
    responses((status = 200, body = KeyBody), (status = 404))
)]
async fn get_api_key(cx: Cx<SignedIn>, Path(id): Path<String>) -> Answer<axum::Json<KeyBody>> {
    Ok(axum::Json(api_keys::get(&cx, key_id(&id)?).await?.into()))
}

/// Changes a key
///
/// What is missing stays, what is null is taken away. It never gets wider than the caller is.
#[utoipa::path(
    patch, path = "/api/v1/api-keys/{api_key_id}", operation_id = "patchApiKey", tag = "api_keys",
    params(("api_key_id" = String, Path, description = "Id of the key")),
    request_body = PatchKeyBody,
    responses((status = 200, body = KeyBody), (status = 404), (status = 409), (status = 422))
)]
async fn patch_api_key(
    cx: Cx<KeysWrite>,
    Path(id): Path<String>,
    Json(body): Json<PatchKeyBody>,
) -> Answer<axum::Json<KeyBody>> {
    let key = key_id(&id)?;
    Ok(axum::Json(api_keys::update(&cx, key, body.into_patch()?).await.map_err(in_camel_case)?.into()))
}

/// Gives a key a new secret
///
/// The field `key` holds the new secret. The one before works on for the grace period and then dies by itself; a second
/// rotation ends it at once.
#[utoipa::path(
    post, path = "/api/v1/api-keys/{api_key_id}/rotate", operation_id = "rotateApiKey", tag = "api_keys",
    params(("api_key_id" = String, Path, description = "Id of the key")),
    request_body = RotateKeyBody,
    responses((status = 201, body = KeyWithSecretBody), (status = 404), (status = 409), (status = 422))
)]
async fn rotate_api_key(
    cx: Cx<KeysWrite>,
    Path(id): Path<String>,
    OptionalJson(body): OptionalJson<RotateKeyBody>,
) -> Answer<(StatusCode, axum::Json<KeyWithSecretBody>)> {
    let grace = Duration::from_secs(body.grace_period_seconds.unwrap_or(0));
    let rotated = api_keys::rotate(&cx, key_id(&id)?, grace).await.map_err(in_camel_case)?;
    Ok((StatusCode::CREATED, axum::Json(rotated.into())))
}

/// Revokes a key for good
///
/// It is refused from this moment on; its row and its history stay. Doing it again changes nothing.
#[utoipa::path(
    delete, path = "/api/v1/api-keys/{api_key_id}", operation_id = "deleteApiKey", tag = "api_keys",
    params(("api_key_id" = String, Path, description = "Id of the key")),
    responses((status = 204), (status = 404))
)]
async fn delete_api_key(cx: Cx<SignedIn>, Path(id): Path<String>) -> Answer<StatusCode> {
    api_keys::revoke(&cx, key_id(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Revokes a key for good, as `DELETE` does
#[utoipa::path(
    post, path = "/api/v1/api-keys/{api_key_id}/revoke", operation_id = "revokeApiKey", tag = "api_keys",
    params(("api_key_id" = String, Path, description = "Id of the key")),
    responses((status = 204), (status = 404))
)]
async fn revoke_api_key(cx: Cx<SignedIn>, Path(id): Path<String>) -> Answer<StatusCode> {
    api_keys::revoke(&cx, key_id(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}
