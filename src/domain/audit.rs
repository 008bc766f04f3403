//! What people and keys did to accounts, keys and projects: who, what, to whom, when, from where.

use std::sync::Arc;

use super::{client_address::ClientAddress, time::UnixNanos};

/// Who did it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// What kind of caller.
    pub kind: ActorKind,
    /// Global id of a user, id of a key, or the kind itself where there is but one.
    pub id: String,
    /// The name at that time.
    pub name: Option<String>,
}

/// The kinds of caller that can do something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActorKind {
    /// A person, by login session.
    User,
    /// An API key.
    ApiKey,
    /// The bearer of `PHOENIX_ADMIN_SECRET`.
    AdminSecret,
    /// Whoever may run the command line on the database.
    CommandLine,
    /// The server at its start.
    Server,
    /// Nobody that is known.
    Anonymous,
}

impl ActorKind {
    /// Returns the wire form.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::ApiKey => "api-key",
            Self::AdminSecret => "admin-secret",
            Self::CommandLine => "command-line",
            Self::Server => "server",
            Self::Anonymous => "anonymous",
        }
    }
}

impl Actor {
    /// Returns the one actor of a kind that has no ids.
    #[must_use]
    pub fn only(kind: ActorKind) -> Self {
        Self { kind, id: kind.as_str().to_owned(), name: None }
    }
}

macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident = $text:literal),* $(,)?) => {
        /// What was done.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Action { $($(#[$doc])* $name),* }

        impl Action {
            /// Returns the wire form: the kind of subject, a dot, the verb.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),* }
            }
        }
    };
}

actions! {
    /// A key was made.
    ApiKeyCreate = "api_key.create",
    /// A key was changed.
    ApiKeyUpdate = "api_key.update",
    /// A key got a new secret.
    ApiKeyRotate = "api_key.rotate",
    /// A key was revoked.
    ApiKeyRevoke = "api_key.revoke",
    /// A user was added.
    UserCreate = "user.create",
    /// A user was changed.
    UserUpdate = "user.update",
    /// A user was deleted.
    UserDelete = "user.delete",
    /// A person logged in.
    UserLogin = "user.login",
    /// Somebody tried to log in and failed.
    UserLoginFailed = "user.login_failed",
    /// Somebody tried to log in too often and was turned away.
    UserLoginLimited = "user.login_limited",
    /// A password was set.
    UserPasswordChanged = "user.password_changed",
    /// Login sessions were ended.
    SessionEnd = "session.end",
    /// A project was made by name; those that traces bring along are not recorded.
    ProjectCreate = "project.create",
    /// A project was changed.
    ProjectUpdate = "project.update",
    /// A project was deleted.
    ProjectDelete = "project.delete",
    /// Annotations of a project were deleted together.
    ProjectAnnotationsDelete = "project.annotations_delete",
    /// An annotation config was made.
    AnnotationConfigCreate = "annotation_config.create",
    /// An annotation config was changed.
    AnnotationConfigUpdate = "annotation_config.update",
    /// An annotation config was deleted.
    AnnotationConfigDelete = "annotation_config.delete",
    /// Projects came to use other annotation configs.
    ProjectAnnotationConfigs = "project.annotation_configs",
    /// A retention policy was made.
    RetentionPolicyCreate = "retention_policy.create",
    /// A retention policy was changed.
    RetentionPolicyUpdate = "retention_policy.update",
    /// A retention policy was deleted.
    RetentionPolicyDelete = "retention_policy.delete",
    /// A model was entered with its prices.
    ModelCreate = "model.create",
    /// Prices of a model were changed.
    ModelUpdate = "model.update",
    /// A model was deleted.
    ModelDelete = "model.delete",
    /// Alerts got a destination.
    DestinationCreate = "alert_destination.create",
    /// A destination of alerts was changed.
    DestinationUpdate = "alert_destination.update",
    /// A destination of alerts got a new signing secret.
    DestinationRotate = "alert_destination.rotate",
    /// A destination of alerts was sent a test.
    DestinationTest = "alert_destination.test",
    /// A destination of alerts was removed.
    DestinationDelete = "alert_destination.delete",
}

/// To whom or what it was done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    /// What kind of thing.
    pub kind: String,
    /// Its id on the wire, if it has one.
    pub id: Option<String>,
    /// The name at that time.
    pub name: Option<String>,
}

/// Where a request came from.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// The client's address.
    pub address: Option<ClientAddress>,
    /// The id of the request.
    pub request_id: Option<Arc<str>>,
}

/// A record to be written.
#[derive(Clone, Debug)]
pub struct NewRecord {
    /// Who.
    pub actor: Actor,
    /// What.
    pub action: Action,
    /// To whom or what.
    pub subject: Subject,
    /// What else is worth knowing, as a JSON object; never a secret.
    pub details: String,
    /// Where from.
    pub origin: Origin,
}

/// A record as stored.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Record {
    /// Row id.
    pub id: i64,
    /// When.
    pub created_at: UnixNanos,
    /// Kind of the actor.
    pub actor_type: String,
    /// Id of the actor.
    pub actor_id: String,
    /// Name of the actor.
    pub actor_name: Option<String>,
    /// What was done.
    pub action: String,
    /// Kind of the subject.
    pub subject_type: String,
    /// Id of the subject.
    pub subject_id: Option<String>,
    /// Name of the subject.
    pub subject_name: Option<String>,
    /// A JSON object.
    pub details: String,
    /// The client's address.
    pub address: Option<String>,
    /// The id of the request.
    pub request_id: Option<String>,
}

/// What a list of records is narrowed to.
#[derive(Clone, Debug, Default)]
pub struct RecordFilter {
    /// Id or name of the actor.
    pub actor: Option<String>,
    /// The action, or what stands before its dot.
    pub action: Option<String>,
    /// Id or name of the subject.
    pub subject: Option<String>,
    /// First instant.
    pub start: Option<UnixNanos>,
    /// First instant that lies after.
    pub end: Option<UnixNanos>,
}
