//! Changes to the caller's own account.

use async_graphql::{Context, InputObject, Object, Result, SimpleObject};
use secrecy::SecretString;

use super::super::{context::ContextExt as _, limits::PASSWORD_COST, query::user::User};
use crate::service::{self, users::ViewerPatch};

/// Changes to users.
#[derive(Clone, Copy, Debug)]
pub(super) struct UserMutation;

/// What people may change about their own account; what is null stays as it is.
#[derive(InputObject)]
pub(super) struct PatchViewerInput {
    /// The new name.
    new_username: Option<String>,
    /// The new password; needs the current one beside it.
    new_password: Option<String>,
    /// The current password, as proof.
    current_password: Option<String>,
}

/// The user as changed.
#[derive(SimpleObject)]
pub(super) struct UserMutationPayload {
    /// The user as changed.
    user: User,
}

#[Object]
impl UserMutation {
    /// Changes the caller's own account. A new password ends every session, this one included.
    #[graphql(complexity = "child_complexity + PASSWORD_COST")]
    async fn patch_viewer(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: PatchViewerInput,
    ) -> Result<UserMutationPayload> {
        let cx = ctx.cx()?;
        let current = input.current_password.map(SecretString::from);
        let patch = ViewerPatch {
            username: input.new_username,
            password: input.new_password.map(|new| (SecretString::from(new), current)),
        };
        let (user, logged_out) = service::users::patch_viewer(&cx, patch).await?;
        if logged_out {
            ctx.log_out();
        }
        Ok(UserMutationPayload { user: user.into() })
    }
}
