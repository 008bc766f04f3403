//! Users: the caller's own account and sessions, and everybody's for administrators.

use axum::http::StatusCode;
use secrecy::SecretString;
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
        id::{GlobalId, SessionId, UserId},
        page::Order,
        scope::{Admin, OwnAccount, Role},
        session::Session,
        time::UnixNanos,
        user::{AuthMethod, User},
    },
    error::Error,
    service::{
        cx::Cx,
        sessions,
        users::{self, CreateUser, UserPatch},
    },
};

/// Returns the routes of this file.
#[must_use]
pub fn routes() -> Routes {
    Routes::default()
        .add(route!(get_viewer))
        .add(route!(get_users))
        .add(route!(create_user))
        .add(route!(patch_user))
        .add(route!(delete_user))
        .add(route!(get_user_sessions))
        .add(route!(delete_user_session))
}

/// Whoever calls.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Viewer {
    /// A user.
    User(Box<UserView>),
    /// Nobody in particular: authentication is off.
    Anonymous {
        /// Always `ANONYMOUS`.
        auth_method: &'static str,
    },
}

/// A user.
#[derive(Debug, Serialize, ToSchema)]
pub struct UserView {
    id: String,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    updated_at: String,
    email: String,
    username: String,
    /// SYSTEM, ADMIN, MEMBER or VIEWER.
    role: &'static str,
    /// LOCAL, OAUTH2 or LDAP.
    auth_method: &'static str,
    /// LOCAL users only.
    #[serde(skip_serializing_if = "Option::is_none")]
    password_needs_reset: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    oauth2_client_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    oauth2_user_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    profile_picture_url: Option<String>,
    /// Whether the user may log in and the user's keys work.
    active: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    last_login_at: Option<String>,
}

impl From<User> for UserView {
    fn from(user: User) -> Self {
        Self {
            id: GlobalId::encode("User", user.id.0),
            created_at: user.created_at.to_rfc3339(),
            updated_at: user.updated_at.to_rfc3339(),
            email: user.email,
            username: user.username,
            role: user.role.as_str(),
            auth_method: user.auth_method.as_str(),
            password_needs_reset: (user.auth_method == AuthMethod::Local).then_some(user.password_needs_reset),
            oauth2_client_id: user.oauth2_client_id,
            oauth2_user_id: user.oauth2_user_id,
            profile_picture_url: user.profile_picture_url,
            active: user.is_active,
            last_login_at: user.last_login_at.map(UnixNanos::to_rfc3339),
        }
    }
}

/// Returns the user that the credential acts for
#[utoipa::path(
    get, path = "/v1/user", operation_id = "getViewer", tag = "users",
    responses((status = 200, body = DataBody<Viewer>))
)]
async fn get_viewer(cx: Cx<OwnAccount>) -> Answer<axum::Json<DataBody<Viewer>>> {
    let data = match users::viewer(&cx)? {
        Some(user) => Viewer::User(Box::new(user.into())),
        None => Viewer::Anonymous { auth_method: "ANONYMOUS" },
    };
    Ok(axum::Json(DataBody { data }))
}

/// How to list users.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListUsersQuery {
    /// Where the page begins, from the page before.
    cursor: Option<String>,
    /// Rows of the page.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<i64>,
}

/// Lists the users, oldest first
#[utoipa::path(
    get, path = "/v1/users", operation_id = "getUsers", tag = "users", params(ListUsersQuery),
    responses((status = 200, body = ListBody<UserView>), (status = 422))
)]
async fn get_users(cx: Cx<Admin>, Query(query): Query<ListUsersQuery>) -> Answer<axum::Json<ListBody<UserView>>> {
    let page = page::request(query.cursor.as_deref(), query.limit, page::MAX_LIMIT, Order::Asc)?;
    Ok(axum::Json(users::list(&cx, page).await?.map(UserView::from).into()))
}

/// What makes a user.
#[derive(Debug, Deserialize, ToSchema)]
pub struct CreateUserRequestBody {
    user: CreateUserData,
    /// Whether the user is told by mail; nothing is sent when no mail server is configured.
    #[serde(default = "yes")]
    #[schema(default = true)]
    send_welcome_email: bool,
}

const fn yes() -> bool {
    true
}

/// A new user.
#[derive(Debug, Deserialize, ToSchema)]
pub struct CreateUserData {
    email: String,
    username: String,
    #[serde(deserialize_with = "role")]
    #[schema(value_type = RoleParam)]
    role: Role,
    #[schema(inline)]
    auth_method: AuthMethodParam,
    /// First password of a LOCAL user, who must change it; without one nobody knows it until it is reset.
    #[schema(value_type = Option<String>, format = Password)]
    password: Option<SecretString>,
    /// Client id at the provider, of an OAUTH2 user.
    oauth2_client_id: Option<String>,
    /// Subject at the provider, of an OAUTH2 user.
    oauth2_user_id: Option<String>,
}

/// A role that a user may have.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "UPPERCASE")]
pub enum RoleParam {
    /// Refused: the system user is made by the server.
    System,
    /// Everything, users and settings included.
    Admin,
    /// Reads and writes observed data.
    Member,
    /// Reads.
    Viewer,
}

fn role<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Role, D::Error> {
    let text = String::deserialize(deserializer)?;
    Role::ALL
        .into_iter()
        .find(|role| role.as_str() == text)
        .ok_or_else(|| serde::de::Error::custom("Input should be 'ADMIN', 'MEMBER' or 'VIEWER'"))
}

fn maybe_role<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Role>, D::Error> {
    role(deserializer).map(Some)
}

/// How a user logs in.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum AuthMethodParam {
    /// By a password kept here.
    Local,
    /// By an OpenID Connect provider.
    OAuth2,
    /// By an LDAP directory.
    Ldap,
}

/// Creates a user
///
/// A LOCAL user must change the password at the first login.
#[utoipa::path(
    post, path = "/v1/users", operation_id = "createUser", tag = "users", request_body = CreateUserRequestBody,
    responses((status = 201, body = DataBody<UserView>), (status = 400), (status = 409), (status = 422))
)]
async fn create_user(
    cx: Cx<Admin>,
    Json(body): Json<CreateUserRequestBody>,
) -> Answer<(StatusCode, axum::Json<DataBody<UserView>>)> {
    let CreateUserData { email, username, role, auth_method, password, oauth2_client_id, oauth2_user_id } = body.user;
    let auth_method = match auth_method {
        AuthMethodParam::Local => AuthMethod::Local,
        AuthMethodParam::OAuth2 => AuthMethod::OAuth2,
        AuthMethodParam::Ldap => AuthMethod::Ldap,
    };
    let new = CreateUser { email, username, role, auth_method, password, oauth2_client_id, oauth2_user_id };
    let user = users::create(&cx, new, body.send_welcome_email).await?;
    Ok((StatusCode::CREATED, axum::Json(DataBody { data: user.into() })))
}

/// What to change about a user; what is missing stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PatchUserRequestBody {
    #[serde(default, deserialize_with = "maybe_role")]
    #[schema(value_type = Option<RoleParam>)]
    role: Option<Role>,
    username: Option<String>,
    email: Option<String>,
    /// Whether the user may log in and the user's keys work; what the user made stays either way.
    active: Option<bool>,
    /// New password of a LOCAL user, who must change it at the next login.
    #[schema(value_type = Option<String>, format = Password)]
    password: Option<SecretString>,
}

/// Changes a user
///
/// A new role, a new password and a deactivation end the user's sessions and reach the user's keys at once. Nobody can
/// change their own role or deactivate themselves; the last active administrator stays one.
#[utoipa::path(
    patch, path = "/v1/users/{user_id}", operation_id = "patchUser", tag = "users",
    params(("user_id" = String, Path, description = "Global id")), request_body = PatchUserRequestBody,
    responses((status = 200, body = DataBody<UserView>), (status = 404), (status = 409), (status = 422))
)]
async fn patch_user(
    cx: Cx<Admin>,
    Path(id): Path<String>,
    Json(body): Json<PatchUserRequestBody>,
) -> Answer<axum::Json<DataBody<UserView>>> {
    let PatchUserRequestBody { role, username, email, active, password } = body;
    let patch = UserPatch { username, email, role, active, password };
    Ok(axum::Json(DataBody { data: users::update(&cx, user_id(&id)?, patch).await?.into() }))
}

/// Deletes a user
///
/// Their keys and sessions go with them; what they observed stays. The default administrator, the system user and the
/// last active administrator cannot be deleted.
#[utoipa::path(
    delete, path = "/v1/users/{user_id}", operation_id = "deleteUser", tag = "users",
    params(("user_id" = String, Path, description = "Global id")),
    responses((status = 204), (status = 404), (status = 409), (status = 422))
)]
async fn delete_user(cx: Cx<Admin>, Path(id): Path<String>) -> Answer<StatusCode> {
    users::delete(&cx, &[user_id(&id)?]).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn user_id(text: &str) -> Result<UserId, Error> {
    GlobalId::decode_as(text, "User")
        .map(UserId)
        .ok_or_else(|| Error::invalid("user_id", format!("Invalid User GlobalID format: {text}")))
}

/// A login session.
#[derive(Debug, Serialize, ToSchema)]
pub struct SessionView {
    id: String,
    #[schema(format = DateTime)]
    created_at: String,
    /// When the session last got new tokens.
    #[schema(format = DateTime)]
    last_used_at: String,
    #[schema(format = DateTime)]
    expires_at: String,
    ip_address: Option<String>,
    user_agent: Option<String>,
    /// Whether it is the one that asks.
    is_current: bool,
}

/// Lists the caller's login sessions, the one that was used last first
#[utoipa::path(
    get, path = "/v1/user/sessions", operation_id = "getUserSessions", tag = "users",
    responses((status = 200, body = DataBody<Vec<SessionView>>))
)]
async fn get_user_sessions(cx: Cx<OwnAccount>) -> Answer<axum::Json<DataBody<Vec<SessionView>>>> {
    let current = sessions::current(&cx)?;
    let own = [cx.principal()?.user_id];
    let view = |session: Session| SessionView {
        is_current: Some(session.id) == current,
        id: GlobalId::encode("LoginSession", session.id.0),
        created_at: session.created_at.to_rfc3339(),
        last_used_at: session.last_used_at.to_rfc3339(),
        expires_at: session.expires_at.to_rfc3339(),
        ip_address: session.address,
        user_agent: session.user_agent,
    };
    let found = sessions::list_of_users(&cx, &own).await?;
    Ok(axum::Json(DataBody { data: found.into_iter().map(view).collect() }))
}

/// Ends a login session: one's own, or anyone's for an ADMIN
#[utoipa::path(
    delete, path = "/v1/user/sessions/{session_id}", operation_id = "deleteUserSession", tag = "users",
    params(("session_id" = String, Path, description = "Global id")),
    responses((status = 204), (status = 404), (status = 422))
)]
async fn delete_user_session(cx: Cx<OwnAccount>, Path(id): Path<String>) -> Answer<StatusCode> {
    let session = GlobalId::decode_as(&id, "LoginSession")
        .map(SessionId)
        .ok_or_else(|| Error::invalid("session_id", format!("Invalid LoginSession GlobalID format: {id}")))?;
    sessions::end(&cx, &[session]).await?;
    Ok(StatusCode::NO_CONTENT)
}
