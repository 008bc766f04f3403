//! Mails that greet new users.

use super::{Services, cx::Cx, password_reset};
use crate::{
    domain::{id::UserId, scope::Access, user::User},
    error::Result,
    mail::{FirstStep, Letter},
    store,
};

/// What a new user knows of their first password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstPassword {
    /// Whoever made the account tells it to them.
    Told,
    /// Nobody knows one: the mail carries a link to choose it.
    Unknown,
}

/// Queues the mail that greets a new user, to be called after the commit that made them. Does nothing when mail is off.
/// Users of identity providers and directories are greeted without a word of passwords.
pub fn greet<S: Access>(cx: &Cx<S>, user: &User, password: FirstPassword) {
    queue(cx.services(), user.id, password);
}

/// Greets the administrators that a start has made, who have no password yet.
pub fn greet_administrators(services: &Services, new_admins: Vec<UserId>) {
    if !services.auth_enabled() {
        return;
    }
    for id in new_admins {
        queue(services, id, FirstPassword::Unknown);
    }
}

fn queue(services: &Services, id: UserId, password: FirstPassword) {
    let Some(mailer) = &services.0.mailer else { return };
    let services = services.clone();
    mailer.queue(async move {
        write(&services, id, password).await.unwrap_or_else(|error| {
            tracing::error!(user.id = id.0, error = ?error, "welcome mail not written");
            None
        })
    });
}

async fn write(services: &Services, id: UserId, password: FirstPassword) -> Result<Option<Letter>> {
    let user = {
        let mut reader = services.0.db.read().await?;
        store::users::find(reader.conn(), id).await?
    };
    let Some(user) = user else { return Ok(None) };
    let settings = services.settings();
    let step = match password {
        _ if !settings.basic_auth || !password_reset::may_reset(&user) => FirstStep::UseOtherAccount,
        FirstPassword::Told => FirstStep::UseGivenPassword,
        FirstPassword::Unknown => match password_reset::issue(services, &user).await? {
            Some(link) => FirstStep::SetPassword(link),
            None => return Ok(None),
        },
    };
    Letter::welcome(&user, &settings.site, &step).map(Some)
}
