//! The caller's own account.

use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    api::rest::{Routes, page::DataBody, problem::Answer, route},
    domain::{id::GlobalId, scope::OwnAccount, user::User},
    service::{cx::Cx, users},
};

/// Returns the routes of this file.
#[must_use]
pub fn routes() -> Routes {
    Routes::default().add(route!(get_viewer))
}

/// Whoever calls.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Viewer {
    /// A user.
    User(UserView),
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
    password_needs_reset: bool,
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
            password_needs_reset: user.password_needs_reset,
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
        Some(user) => Viewer::User(user.into()),
        None => Viewer::Anonymous { auth_method: "ANONYMOUS" },
    };
    Ok(axum::Json(DataBody { data }))
}
