//! Reset of a forgotten password by mail.

use axum::http::StatusCode;
use secrecy::SecretString;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{Routes, problem::Answer, route};
use crate::{
    api::extract::{From, Json},
    domain::scope::Public,
    service::{cx::Cx, password_reset},
};

/// Returns the routes of this file.
#[must_use]
pub fn routes() -> Routes {
    Routes::default().add(route!(request_password_reset)).add(route!(reset_password))
}

/// Who wants a reset mail.
#[derive(Debug, Deserialize, ToSchema)]
pub struct PasswordResetEmailRequest {
    /// E-mail address; blanks around it and its case do not matter.
    #[serde(default)]
    email: String,
}

/// Asks for a mail with a link to a new password
///
/// The answer is the same whether there is such a user or not. A user gets at most three mails an hour.
#[utoipa::path(
    post, path = "/auth/password-reset-email", tag = "auth", request_body = PasswordResetEmailRequest,
    responses((status = 204), (status = 403), (status = 422), (status = 429), (status = 503))
)]
async fn request_password_reset(
    cx: Cx<Public>,
    From(device): From,
    Json(body): Json<PasswordResetEmailRequest>,
) -> Answer<StatusCode> {
    password_reset::request(&cx, &device, &body.email)?;
    Ok(StatusCode::NO_CONTENT)
}

/// A new password, and the token of the mail.
#[derive(Debug, Deserialize, ToSchema)]
pub struct PasswordResetRequest {
    /// The `token` of the link in the mail.
    #[serde(default)]
    #[schema(value_type = String, format = Password)]
    token: SecretString,
    /// New password.
    #[serde(default)]
    #[schema(value_type = String, format = Password)]
    password: SecretString,
}

/// Sets a new password by the token of a reset mail
///
/// A token can be used once; every session of the user ends.
#[utoipa::path(
    post, path = "/auth/password-reset", tag = "auth", request_body = PasswordResetRequest,
    responses((status = 204), (status = 401), (status = 403), (status = 422), (status = 429))
)]
async fn reset_password(
    cx: Cx<Public>,
    From(device): From,
    Json(body): Json<PasswordResetRequest>,
) -> Answer<StatusCode> {
    password_reset::redeem(&cx, &device, &body.token, body.password).await?;
    Ok(StatusCode::NO_CONTENT)
}
