//! Interfaces, global ids, and `node(id)`.

use async_graphql::{Context, ID, Interface, Json};
use serde_json::Value;

use super::{
    context::ContextExt as _,
    query::{
        annotation::{AnnotationSource, AnnotatorKind, SpanAnnotation, TraceAnnotation},
        model::GenerativeModel,
        project::Project,
        retention::ProjectTraceRetentionPolicy,
        span::Span,
        trace::Trace,
        user::{SystemApiKey, User, UserApiKey, UserRole},
    },
    scalar::DateTime,
};
use crate::{
    domain::{
        annotation::Target,
        api_key::KeyKind,
        id::{AnnotationId, ApiKeyId, GlobalId, ProjectId, RetentionPolicyId, SpanRowId, TraceRowId, UserId},
        project::ProjectRef,
        scope::{Admin, OwnAccount, Role, SignedIn},
    },
    error::Error,
    service,
};

/// Anything with a global id.
#[derive(Interface)]
#[graphql(field(name = "id", ty = "ID", desc = "The global id: base64 of the type's name, a colon, and a number."))]
pub(super) enum Node {
    /// A project.
    Project(Project),
    /// A trace.
    Trace(Trace),
    /// A span.
    Span(Span),
    /// What is said of a span.
    SpanAnnotation(SpanAnnotation),
    /// What is said of a trace.
    TraceAnnotation(TraceAnnotation),
    /// A retention policy.
    ProjectTraceRetentionPolicy(ProjectTraceRetentionPolicy),
    /// A model with its prices.
    GenerativeModel(GenerativeModel),
    /// A user.
    User(User),
    /// A role.
    UserRole(UserRole),
    /// A system key.
    SystemApiKey(SystemApiKey),
    /// A user key.
    UserApiKey(UserApiKey),
}

/// An API key as lists show it: never its plain text.
#[derive(Interface)]
#[graphql(
    field(name = "name", ty = "&str", desc = "The name that people gave it."),
    field(name = "description", ty = "Option<&str>", desc = "What people wrote about it."),
    field(name = "created_at", ty = "DateTime", desc = "When it was made."),
    field(name = "expires_at", ty = "Option<DateTime>", desc = "The first instant at which it is refused.")
)]
pub(super) enum ApiKey {
    /// A system key.
    SystemApiKey(SystemApiKey),
    /// A user key.
    UserApiKey(UserApiKey),
}

/// What is said of something.
#[derive(Interface)]
#[expect(clippy::duplicated_attributes, reason = "several fields are of one type")]
#[graphql(
    field(name = "name", ty = "&str", desc = "What is judged; `note` for notes."),
    field(name = "annotator_kind", ty = "AnnotatorKind", desc = "Who judged."),
    field(name = "label", ty = "Option<&str>", desc = "The judgement in a word."),
    field(name = "score", ty = "Option<f64>", desc = "The judgement as a number."),
    field(name = "explanation", ty = "Option<&str>", desc = "Why; the text of a note."),
    field(name = "metadata", ty = "Json<Value>", desc = "Whatever else is known."),
    field(name = "source", ty = "AnnotationSource", desc = "By which way it came."),
    field(name = "identifier", ty = "&str", desc = "Tells several annotations of one name apart."),
    field(name = "created_at", ty = "DateTime", desc = "When it was first said."),
    field(name = "updated_at", ty = "DateTime", desc = "When it was last said."),
    field(name = "user", ty = "Option<User>", desc = "Who said it, if anyone is known.")
)]
pub(super) enum Annotation {
    /// What is said of a span.
    SpanAnnotation(SpanAnnotation),
}

/// Returns a global id.
pub(super) fn global_id(type_name: &str, id: i64) -> ID {
    GlobalId::encode(type_name, id).into()
}

/// Reads a global id that must be of the given type.
pub(super) fn read_id(id: &ID, type_name: &str) -> Result<i64, Error> {
    GlobalId::decode_as(id, type_name)
        .ok_or_else(|| Error::invalid("id", format!("Invalid {type_name} GlobalID format: {}", shown(id))))
}

/// Returns as much of an id as an error should repeat.
fn shown(id: &str) -> String {
    id.chars().take(64).collect()
}

/// Finds what a global id names.
pub(super) async fn find(ctx: &Context<'_>, id: &ID) -> async_graphql::Result<Node> {
    let unknown = || Error::invalid("id", format!("Invalid GlobalID: {}", shown(id)));
    let global = GlobalId::decode(id).ok_or_else(unknown)?;
    Ok(match global.type_name.as_str() {
        "Project" => {
            let cx = ctx.cx()?;
            Node::Project(service::projects::get(&cx, &ProjectRef::Id(ProjectId(global.id))).await?.into())
        }
        "Trace" => {
            let cx = ctx.cx()?;
            Node::Trace(service::traces::get_living(&cx, TraceRowId(global.id)).await?.into())
        }
        "Span" => {
            let span = ctx.loaders()?.span(SpanRowId(global.id)).await?;
            Node::Span(span.ok_or_else(|| Error::NotFound("Span not found".into()))?.into())
        }
        "SpanAnnotation" => {
            let cx = ctx.cx()?;
            Node::SpanAnnotation(service::annotations::get(&cx, Target::Span, AnnotationId(global.id)).await?.into())
        }
        "TraceAnnotation" => {
            let cx = ctx.cx()?;
            Node::TraceAnnotation(service::annotations::get(&cx, Target::Trace, AnnotationId(global.id)).await?.into())
        }
        "ProjectTraceRetentionPolicy" => {
            let cx = ctx.cx()?;
            let policy = service::retention::get(&cx, RetentionPolicyId(global.id)).await?;
            Node::ProjectTraceRetentionPolicy(policy.into())
        }
        "GenerativeModel" => {
            let cx = ctx.cx()?;
            Node::GenerativeModel(service::models::get(&cx, global.id).await?.into())
        }
        "User" => Node::User(user(ctx, UserId(global.id)).await?),
        "UserRole" => {
            ctx.cx::<SignedIn>()?;
            let roles = Role::ALL.into_iter().map(UserRole);
            let role = roles.into_iter().find(|role| role.row_id() == global.id);
            Node::UserRole(role.ok_or_else(|| Error::NotFound("Role not found".into()))?)
        }
        "SystemApiKey" => {
            // Who may not list system keys is told so, as there.
            ctx.cx::<Admin>()?;
            let key = service::api_keys::get_living(&ctx.cx()?, ApiKeyId(global.id), KeyKind::System).await?;
            Node::SystemApiKey(key.into())
        }
        "UserApiKey" => {
            let cx = ctx.cx()?;
            let key = service::api_keys::get_living(&cx, ApiKeyId(global.id), KeyKind::User).await?;
            Node::UserApiKey(key.into())
        }
        _ => return Err(unknown().into()),
    })
}

/// Everyone may see themselves; only administrators see others.
async fn user(ctx: &Context<'_>, id: UserId) -> Result<User, Error> {
    let own = ctx.cx::<OwnAccount>()?;
    if own.principal()?.user_id == id
        && let Some(viewer) = service::users::viewer(&own)?
    {
        return Ok(viewer.into());
    }
    let cx = ctx.cx()?;
    Ok(service::users::get(&cx, id).await?.into())
}
