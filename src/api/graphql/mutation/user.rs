//! Changes to users and their sessions: the caller's own, and everybody's for administrators.

use async_graphql::{Context, Enum, ID, InputObject, Object, Result, SimpleObject};
use secrecy::SecretString;

use super::super::{
    context::ContextExt as _,
    limits::PASSWORD_COST,
    node::read_id,
    query::user::{AuthMethod, LoginSession, User},
};
use crate::{
    domain::{
        id::{SessionId, UserId},
        scope::Role,
    },
    error::Error,
    service::{
        self,
        users::{CreateUser, UserPatch, ViewerPatch},
    },
};

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

/// A role that a user may be given.
#[derive(Clone, Copy, PartialEq, Eq, Enum)]
pub(super) enum UserRoleInput {
    /// Everything, users and settings included.
    Admin,
    /// Reads and writes observed data.
    Member,
    /// Reads.
    Viewer,
}

impl From<UserRoleInput> for Role {
    fn from(role: UserRoleInput) -> Self {
        match role {
            UserRoleInput::Admin => Self::Admin,
            UserRoleInput::Member => Self::Member,
            UserRoleInput::Viewer => Self::Viewer,
        }
    }
}

/// What makes a user.
#[derive(InputObject)]
pub(super) struct CreateUserInput {
    /// The e-mail address.
    email: String,
    /// The name.
    username: String,
    /// The first password, which must be changed; without one nobody knows it until it is reset.
    password: Option<String>,
    /// The role.
    role: UserRoleInput,
    /// Whether the user is told by mail; nothing is sent when no mail server is configured.
    #[graphql(default_with = "Some(false)")]
    send_welcome_email: Option<bool>,
    /// How the user will log in.
    #[graphql(default_with = "Some(AuthMethod::Local)")]
    auth_method: Option<AuthMethod>,
}

/// What to change about a user; what is null stays as it is.
#[derive(InputObject)]
pub(super) struct PatchUserInput {
    /// The global id.
    user_id: ID,
    /// The new role.
    new_role: Option<UserRoleInput>,
    /// The new name.
    new_username: Option<String>,
    /// The new password, to be changed at the next login.
    new_password: Option<String>,
    /// The new e-mail address.
    new_email: Option<String>,
    /// Whether the user may log in and the user's keys work.
    is_active: Option<bool>,
}

/// Which users to delete.
#[derive(InputObject)]
pub(super) struct DeleteUsersInput {
    /// The global ids.
    user_ids: Vec<ID>,
}

/// The users that are gone.
#[derive(SimpleObject)]
pub(super) struct DeleteUsersPayload {
    /// The global ids.
    user_ids: Vec<ID>,
}

/// Which login sessions to end.
#[derive(InputObject)]
pub(super) struct EndSessionsInput {
    /// The global ids.
    session_ids: Vec<ID>,
}

/// The login sessions that are ended.
#[derive(SimpleObject)]
pub(super) struct EndSessionsPayload {
    /// The global ids.
    session_ids: Vec<ID>,
}

/// The most ids that one mutation takes.
const MAX_IDS: usize = 1_000;

fn read_ids(field: &'static str, ids: &[ID], type_name: &str) -> Result<Vec<i64>, Error> {
    if ids.len() > MAX_IDS {
        return Err(Error::invalid(field, format!("{field}: at most {MAX_IDS} ids are taken")));
    }
    ids.iter().map(|id| read_id(id, type_name)).collect()
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

    /// Adds a user; for administrators.
    #[graphql(complexity = "child_complexity + PASSWORD_COST")]
    async fn create_user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What makes the user.")] input: CreateUserInput,
    ) -> Result<UserMutationPayload> {
        let cx = ctx.cx()?;
        let new = CreateUser {
            email: input.email,
            username: input.username,
            role: input.role.into(),
            auth_method: input.auth_method.unwrap_or(AuthMethod::Local).into(),
            password: input.password.filter(|p| !p.is_empty()).map(SecretString::from),
            oauth2_client_id: None,
            oauth2_user_id: None,
        };
        let user = service::users::create(&cx, new, input.send_welcome_email.unwrap_or(false)).await?;
        Ok(UserMutationPayload { user: user.into() })
    }

    /// Changes a user; for administrators. A new role, a new password and a deactivation end the user's sessions.
    #[graphql(complexity = "child_complexity + PASSWORD_COST")]
    async fn patch_user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: PatchUserInput,
    ) -> Result<UserMutationPayload> {
        // Before the id is read: who may not ask learns nothing about it.
        let cx = ctx.cx()?;
        let id = UserId(read_id(&input.user_id, "User")?);
        let patch = UserPatch {
            username: input.new_username,
            email: input.new_email,
            role: input.new_role.map(Role::from),
            active: input.is_active,
            password: input.new_password.map(SecretString::from),
        };
        Ok(UserMutationPayload { user: service::users::update(&cx, id, patch).await?.into() })
    }

    /// Deletes users with their keys and sessions; for administrators. All of them, or none.
    async fn delete_users(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which users.")] input: DeleteUsersInput,
    ) -> Result<DeleteUsersPayload> {
        let cx = ctx.cx()?;
        let ids: Vec<UserId> = read_ids("userIds", &input.user_ids, "User")?.into_iter().map(UserId).collect();
        service::users::delete(&cx, &ids).await.map_err(|error| match error {
            Error::NotFound(_) => Error::NotFound("Some user IDs could not be found".into()),
            other => other,
        })?;
        Ok(DeleteUsersPayload { user_ids: input.user_ids })
    }

    /// Ends login sessions: one's own, or anyone's for administrators. All of them, or none.
    async fn end_sessions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which sessions.")] input: EndSessionsInput,
    ) -> Result<EndSessionsPayload> {
        let cx = ctx.cx()?;
        let ids = read_ids("sessionIds", &input.session_ids, LoginSession::TYPE_NAME)?;
        let ids: Vec<SessionId> = ids.into_iter().map(SessionId).collect();
        let own_ends = service::sessions::current(&cx)?.is_some_and(|current| ids.contains(&current));
        service::sessions::end(&cx, &ids).await?;
        if own_ends {
            ctx.log_out();
        }
        Ok(EndSessionsPayload { session_ids: input.session_ids })
    }
}
