//! The root of every query.

pub(super) mod annotation;
pub(super) mod cost;
mod filter;
pub(super) mod model;
pub(super) mod project;
pub(super) mod retention;
pub(super) mod series;
pub(super) mod server;
pub(super) mod span;
pub(super) mod trace;
pub(super) mod user;

use async_graphql::{Context, ID, Object, Result};

use self::{
    model::GenerativeModel,
    project::{Project, ProjectFilter, ProjectSort, count},
    retention::ProjectTraceRetentionPolicy,
    server::{DbTableStats, ServerStatus},
    span::Span,
    trace::Trace,
    user::{SystemApiKey, User, UserApiKey, UserRole},
};
use super::{
    connection::{Connection, Window, refuse_backwards},
    context::ContextExt as _,
    limits::page_cost,
    node::{self, Node},
};
use crate::{
    domain::{
        id::{SpanId, TraceId},
        page::{Cursor, Order, PageRequest},
        project::ProjectRef,
        retention::DEFAULT_POLICY,
        scope::{OwnAccount, Role, SignedIn},
        storage::StorageLevel,
    },
    error::Error,
    service,
};

/// The most keys that a list without pages shows.
const MAX_KEYS: u32 = 10_000;

/// Everything that can be read.
#[derive(Clone, Copy, Debug)]
pub struct Query;

#[Object]
impl Query {
    /// The user that the caller acts as; null when authentication is off.
    #[expect(clippy::unused_async, reason = "every resolver is asynchronous")]
    async fn viewer(&self, ctx: &Context<'_>) -> Result<Option<User>> {
        let cx = ctx.cx()?;
        Ok(service::users::viewer(&cx)?.map(User::from))
    }

    /// The projects that the caller may see, oldest first unless sorted otherwise.
    #[graphql(complexity = "page_cost(first, child_complexity)")]
    #[expect(clippy::too_many_arguments, reason = "the arguments of the wire protocol")]
    async fn projects(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many projects at most: 1 to 1000.", default = 50)] first: Option<i32>,
        #[graphql(desc = "Not supported: lists are read forwards.")] last: Option<i32>,
        #[graphql(desc = "The cursor of the project before the page.")] after: Option<String>,
        #[graphql(desc = "Not supported: lists are read forwards.")] before: Option<String>,
        #[graphql(desc = "The order; a cursor is good for the order that it came from.")] sort: Option<ProjectSort>,
        #[graphql(desc = "What the projects are narrowed to.")] filter: Option<ProjectFilter>,
    ) -> Result<Connection<Project>> {
        refuse_backwards(last, before.as_deref())?;
        let window = Window::read(first.unwrap_or(50), after.as_deref())?;
        let cx = ctx.cx()?;
        let filter = filter.map(service::projects::ListFilter::from).unwrap_or_default();
        if let Some(ProjectSort { col, dir }) = sort {
            let page = service::projects::list_sorted(&cx, &filter, col.into(), window.request(dir.into())).await?;
            return Ok(window.connection(page, |(_, cursor)| *cursor, |(project, _)| project.into()));
        }
        let page = service::projects::list(&cx, &filter, window.request(Order::Asc)).await?;
        Ok(window.connection(page, |p| Cursor { key: p.id.0, id: p.id.0 }, Project::from))
    }

    /// The number of projects that the caller may see.
    async fn project_count(&self, ctx: &Context<'_>) -> Result<i64> {
        let cx = ctx.cx()?;
        Ok(service::projects::count(&cx).await?)
    }

    /// Whatever a global id names; an error when there is no such thing, or the caller may not see it.
    async fn node(&self, ctx: &Context<'_>, #[graphql(desc = "A global id.")] id: ID) -> Result<Node> {
        node::find(ctx, &id).await
    }

    /// The first span with this OpenTelemetry id.
    async fn get_span_by_otel_id(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "16 hexadecimal digits.")] span_id: String,
    ) -> Result<Option<Span>> {
        let cx = ctx.cx()?;
        let Some(id) = SpanId::from_hex(&span_id) else { return Ok(None) };
        Ok(service::spans::find_by_otel_id(&cx, id).await?.map(Span::from))
    }

    /// The first trace with this OpenTelemetry id.
    async fn get_trace_by_otel_id(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "32 hexadecimal digits.")] trace_id: String,
    ) -> Result<Option<Trace>> {
        let cx = ctx.cx()?;
        let Some(id) = TraceId::from_hex(&trace_id) else { return Ok(None) };
        Ok(service::traces::find_by_otel_id(&cx, id).await?.map(Trace::from))
    }

    /// The project with this name.
    async fn get_project_by_name(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The whole name, in its case.")] name: String,
    ) -> Result<Option<Project>> {
        let cx = ctx.cx()?;
        match service::projects::get(&cx, &ProjectRef::Name(name)).await {
            Ok(project) => Ok(Some(project.into())),
            Err(Error::NotFound(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The retention policy of projects that have no other.
    async fn default_project_trace_retention_policy(&self, ctx: &Context<'_>) -> Result<ProjectTraceRetentionPolicy> {
        let cx = ctx.cx()?;
        Ok(service::retention::get(&cx, DEFAULT_POLICY).await?.into())
    }

    /// The retention policies, the default one first.
    #[graphql(complexity = "page_cost(first, child_complexity)")]
    async fn project_trace_retention_policies(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many policies at most: 1 to 1000.", default = 100)] first: Option<i32>,
        #[graphql(desc = "Not supported: lists are read forwards.")] last: Option<i32>,
        #[graphql(desc = "The cursor of the policy before the page.")] after: Option<String>,
        #[graphql(desc = "Not supported: lists are read forwards.")] before: Option<String>,
    ) -> Result<Connection<ProjectTraceRetentionPolicy>> {
        refuse_backwards(last, before.as_deref())?;
        let window = Window::read(first.unwrap_or(100), after.as_deref())?;
        let cx = ctx.cx()?;
        let page = service::retention::list(&cx, window.request(Order::Asc)).await?;
        Ok(window.connection(page, |p| Cursor { key: p.id.0, id: p.id.0 }, ProjectTraceRetentionPolicy::from))
    }

    /// The living system keys, oldest first; for administrators.
    async fn system_api_keys(&self, ctx: &Context<'_>) -> Result<Vec<SystemApiKey>> {
        let cx = ctx.cx()?;
        let mut keys = service::api_keys::list_system(&cx).await?;
        keys.sort_unstable_by_key(|key| key.id);
        Ok(keys.into_iter().map(SystemApiKey::from).collect())
    }

    /// The living user keys of everybody, newest first; for administrators.
    async fn user_api_keys(&self, ctx: &Context<'_>) -> Result<Vec<UserApiKey>> {
        let cx = ctx.cx()?;
        let all = PageRequest { from: None, limit: MAX_KEYS, order: Order::Desc };
        let keys = service::api_keys::list_of_users(&cx, all).await?;
        Ok(keys.items.into_iter().map(|(key, _)| key.into()).collect())
    }

    /// The users, oldest first; for administrators.
    #[graphql(complexity = "page_cost(first, child_complexity)")]
    async fn users(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many users at most: 1 to 1000.", default = 50)] first: Option<i32>,
        #[graphql(desc = "Not supported: lists are read forwards.")] last: Option<i32>,
        #[graphql(desc = "The cursor of the user before the page.")] after: Option<String>,
        #[graphql(desc = "Not supported: lists are read forwards.")] before: Option<String>,
    ) -> Result<Connection<User>> {
        refuse_backwards(last, before.as_deref())?;
        let window = Window::read(first.unwrap_or(50), after.as_deref())?;
        let cx = ctx.cx()?;
        let page = service::users::list(&cx, window.request(Order::Asc)).await?;
        Ok(window.connection(page, |u| Cursor { key: u.id.0, id: u.id.0 }, User::from))
    }

    /// Every role.
    #[expect(clippy::unused_async, reason = "fields are async to the schema")]
    async fn user_roles(&self, ctx: &Context<'_>) -> Result<Vec<UserRole>> {
        ctx.cx::<SignedIn>()?;
        Ok(Role::ALL.into_iter().map(UserRole).collect())
    }

    /// The models whose prices are known, oldest first.
    #[graphql(complexity = "page_cost(first, child_complexity)")]
    async fn generative_models(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many models at most: 1 to 1000.", default = 50)] first: Option<i32>,
        #[graphql(desc = "Not supported: lists are read forwards.")] last: Option<i32>,
        #[graphql(desc = "The cursor of the model before the page.")] after: Option<String>,
        #[graphql(desc = "Not supported: lists are read forwards.")] before: Option<String>,
    ) -> Result<Connection<GenerativeModel>> {
        refuse_backwards(last, before.as_deref())?;
        let window = Window::read(first.unwrap_or(50), after.as_deref())?;
        let cx = ctx.cx()?;
        let page = service::models::list(&cx, window.request(Order::Asc)).await?;
        Ok(window.connection(page, |m| Cursor { key: m.id, id: m.id }, GenerativeModel::from))
    }

    /// Bytes that are allocated to the database; null when that is not configured.
    #[expect(clippy::unused_async, reason = "fields are async to the schema")]
    async fn db_storage_capacity_bytes(&self, ctx: &Context<'_>) -> Result<Option<f64>> {
        let cx = ctx.cx()?;
        let capacity = service::storage::usage(&cx)?.capacity_bytes;
        Ok(capacity.map(|bytes| count(i64::try_from(bytes).unwrap_or(i64::MAX))))
    }

    /// The size of each table, largest first.
    async fn db_table_stats(&self, ctx: &Context<'_>) -> Result<Vec<DbTableStats>> {
        let cx = ctx.cx()?;
        Ok(service::storage::table_sizes(&cx).await?.into_iter().map(DbTableStats).collect())
    }

    /// Whether the server can do all of its work.
    #[expect(clippy::unused_async, reason = "fields are async to the schema")]
    async fn server_status(&self, ctx: &Context<'_>) -> Result<ServerStatus> {
        let cx = ctx.cx::<OwnAccount>()?;
        let level = cx.services().storage().usage().level;
        Ok(ServerStatus { insufficient_storage: level == StorageLevel::Full })
    }
}
