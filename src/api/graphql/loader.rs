//! Batch loaders: fields below a list cost one statement for the whole list, not one a row.
//!
//! They are built per request and hold its caller, so each load proves its own scope and nobody sees a row that another
//! caller loaded.

use std::{
    collections::{HashMap, HashSet},
    hash::Hash,
    sync::Arc,
};

use async_graphql::dataloader::{DataLoader, HashMapCache, Loader};

use super::{context::Session, error::Shared};
use crate::{
    domain::{
        annotation::{Annotation, Target},
        api_key::ApiKey,
        id::{ProjectId, SpanId, SpanRowId, TraceId, UserId},
        project::{Project, ProjectStats},
        retention::RetentionPolicy,
        session::Session as LoginSession,
        span::Span,
        trace::Trace,
        user::User,
    },
    service::{self, spans::SpanTree},
};

/// A trace as its spans name it.
pub(super) type TraceKey = (ProjectId, TraceId);

/// Key of a project's statistics.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct StatsOf(ProjectId);

/// Key of a project's retention policy.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct PolicyOf(ProjectId);

/// Key of a trace's root span.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct RootOf(TraceKey);

/// Key of a trace's tree.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct TreeOf(TraceKey);

/// Key of the first spans of a trace: how many, and one more.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct FirstOf(TraceKey, u32);

/// Key of the number of children of a span.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct ChildrenOf(ProjectId, TraceId, SpanId);

/// Key of a user's API keys.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct KeysOf(UserId);

/// Key of a user's login sessions.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct SessionsOf(UserId);

/// Key of the annotations of a span or a trace.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct AnnotationsOf(Target, i64);

/// Key of a user who said something.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct AuthorOf(UserId);

/// What the loaders load with.
struct Batches(Session);

/// The loaders of one request.
pub(super) struct Loaders(DataLoader<Batches, HashMapCache>);

impl Loaders {
    /// Makes the loaders; what they loaded is kept only while nothing is written.
    pub(super) fn new(session: Session, only_reads: bool) -> Self {
        #[expect(clippy::disallowed_methods, reason = "a batch lives no longer than the request that waits for it")]
        let loader = DataLoader::with_cache(Batches(session), tokio::spawn, HashMapCache::default());
        loader.enable_all_cache(only_reads);
        Self(loader)
    }

    /// Returns a project, if the caller may see it.
    pub(super) async fn project(&self, id: ProjectId) -> Result<Option<Project>, Shared> {
        self.0.load_one(id).await
    }

    /// Returns those of the projects that the caller may see, by row id.
    pub(super) async fn projects(&self, ids: Vec<ProjectId>) -> Result<Vec<Project>, Shared> {
        let mut found: Vec<Project> = self.0.load_many(ids).await?.into_values().collect();
        found.sort_unstable_by_key(|project| project.id);
        Ok(found)
    }

    /// Returns the statistics of a project; zeros when it has no spans.
    pub(super) async fn stats(&self, id: ProjectId) -> Result<ProjectStats, Shared> {
        Ok(self.0.load_one(StatsOf(id)).await?.unwrap_or_default())
    }

    /// Returns the retention policy that holds for a project.
    pub(super) async fn retention_policy(&self, id: ProjectId) -> Result<Option<RetentionPolicy>, Shared> {
        self.0.load_one(PolicyOf(id)).await
    }

    /// Returns a trace of a project.
    pub(super) async fn trace(&self, key: TraceKey) -> Result<Option<Trace>, Shared> {
        self.0.load_one(key).await
    }

    /// Returns the root span of a trace.
    pub(super) async fn root(&self, key: TraceKey) -> Result<Option<Arc<Span>>, Shared> {
        self.0.load_one(RootOf(key)).await
    }

    /// Returns the first spans of a trace, earliest first: up to `first` and one more.
    pub(super) async fn first_spans(&self, key: TraceKey, first: u32) -> Result<Vec<Arc<Span>>, Shared> {
        Ok(self.0.load_one(FirstOf(key, first)).await?.unwrap_or_default())
    }

    /// Returns the tree of a trace's spans.
    pub(super) async fn tree(&self, key: TraceKey) -> Result<Arc<SpanTree>, Shared> {
        Ok(self.0.load_one(TreeOf(key)).await?.unwrap_or_default())
    }

    /// Returns the number of children of a span.
    pub(super) async fn child_count(&self, span: &Span) -> Result<i64, Shared> {
        let key = ChildrenOf(span.project_id, span.trace_id, span.span_id);
        Ok(self.0.load_one(key).await?.unwrap_or_default())
    }

    /// Returns a user: the caller, or anyone for administrators.
    pub(super) async fn user(&self, id: UserId) -> Result<Option<User>, Shared> {
        self.0.load_one(id).await
    }

    /// Returns the living API keys of a user.
    pub(super) async fn user_api_keys(&self, id: UserId) -> Result<Vec<ApiKey>, Shared> {
        Ok(self.0.load_one(KeysOf(id)).await?.unwrap_or_default())
    }

    /// Returns the living login sessions of a user.
    pub(super) async fn sessions(&self, id: UserId) -> Result<Vec<LoginSession>, Shared> {
        Ok(self.0.load_one(SessionsOf(id)).await?.unwrap_or_default())
    }

    /// Returns what is said of a span or a trace, notes among it, by name and age.
    pub(super) async fn annotations(&self, target: Target, id: i64) -> Result<Arc<Vec<Annotation>>, Shared> {
        Ok(self.0.load_one(AnnotationsOf(target, id)).await?.unwrap_or_default())
    }

    /// Returns a user who said something, as far as the caller may know them.
    pub(super) async fn author(&self, id: UserId) -> Result<Option<User>, Shared> {
        self.0.load_one(AuthorOf(id)).await
    }

    /// Returns a span by row id.
    pub(super) async fn span(&self, id: SpanRowId) -> Result<Option<Arc<Span>>, Shared> {
        self.0.load_one(id).await
    }

    /// Returns spans by row id.
    pub(super) async fn spans(&self, ids: Vec<SpanRowId>) -> Result<HashMap<SpanRowId, Arc<Span>>, Shared> {
        self.0.load_many(ids).await
    }
}

fn share<K: Eq + Hash>(spans: HashMap<K, Span>) -> HashMap<K, Arc<Span>> {
    spans.into_iter().map(|(key, span)| (key, Arc::new(span))).collect()
}

impl Loader<ProjectId> for Batches {
    type Value = Project;
    type Error = Shared;

    async fn load(&self, ids: &[ProjectId]) -> Result<HashMap<ProjectId, Project>, Shared> {
        let cx = self.0.cx()?;
        Ok(service::projects::by_ids(&cx, ids).await?)
    }
}

impl Loader<StatsOf> for Batches {
    type Value = ProjectStats;
    type Error = Shared;

    async fn load(&self, keys: &[StatsOf]) -> Result<HashMap<StatsOf, ProjectStats>, Shared> {
        let cx = self.0.cx()?;
        let ids: Vec<ProjectId> = keys.iter().map(|key| key.0).collect();
        let stats = service::projects::stats(&cx, &ids).await?;
        Ok(stats.into_iter().map(|(id, stats)| (StatsOf(id), stats)).collect())
    }
}

impl Loader<PolicyOf> for Batches {
    type Value = RetentionPolicy;
    type Error = Shared;

    async fn load(&self, keys: &[PolicyOf]) -> Result<HashMap<PolicyOf, RetentionPolicy>, Shared> {
        let cx = self.0.cx()?;
        let ids: Vec<ProjectId> = keys.iter().map(|key| key.0).collect();
        let stats = service::retention::of_projects(&cx, &ids).await?;
        Ok(stats.into_iter().map(|(id, stats)| (PolicyOf(id), stats)).collect())
    }
}

impl Loader<TraceKey> for Batches {
    type Value = Trace;
    type Error = Shared;

    async fn load(&self, keys: &[TraceKey]) -> Result<HashMap<TraceKey, Trace>, Shared> {
        let cx = self.0.cx()?;
        let ids: HashSet<TraceId> = keys.iter().map(|(_, trace)| *trace).collect();
        let ids: Vec<TraceId> = ids.into_iter().collect();
        let traces = service::traces::by_otel_ids(&cx, &ids).await?;
        Ok(traces.into_iter().map(|trace| ((trace.project_id, trace.trace_id), trace)).collect())
    }
}

impl Loader<RootOf> for Batches {
    type Value = Arc<Span>;
    type Error = Shared;

    async fn load(&self, keys: &[RootOf]) -> Result<HashMap<RootOf, Arc<Span>>, Shared> {
        let cx = self.0.cx()?;
        let traces: Vec<TraceKey> = keys.iter().map(|key| key.0).collect();
        let roots = service::spans::roots(&cx, &traces).await?;
        Ok(share(roots).into_iter().map(|(key, span)| (RootOf(key), span)).collect())
    }
}

impl Loader<TreeOf> for Batches {
    type Value = Arc<SpanTree>;
    type Error = Shared;

    async fn load(&self, keys: &[TreeOf]) -> Result<HashMap<TreeOf, Arc<SpanTree>>, Shared> {
        let cx = self.0.cx()?;
        let traces: Vec<TraceKey> = keys.iter().map(|key| key.0).collect();
        let trees = service::spans::trees(&cx, &traces).await?;
        Ok(trees.into_iter().map(|(key, tree)| (TreeOf(key), Arc::new(tree))).collect())
    }
}

impl Loader<FirstOf> for Batches {
    type Value = Vec<Arc<Span>>;
    type Error = Shared;

    async fn load(&self, keys: &[FirstOf]) -> Result<HashMap<FirstOf, Vec<Arc<Span>>>, Shared> {
        let cx = self.0.cx()?;
        // One number for a list of traces; more only when a document asks for several.
        let mut by_number: HashMap<u32, Vec<TraceKey>> = HashMap::new();
        for FirstOf(trace, first) in keys {
            by_number.entry(*first).or_default().push(*trace);
        }
        let mut found = HashMap::with_capacity(keys.len());
        for (first, traces) in by_number {
            for (trace, spans) in service::spans::first_of_traces(&cx, &traces, first + 1).await? {
                found.insert(FirstOf(trace, first), spans.into_iter().map(Arc::new).collect());
            }
        }
        Ok(found)
    }
}

impl Loader<ChildrenOf> for Batches {
    type Value = i64;
    type Error = Shared;

    async fn load(&self, keys: &[ChildrenOf]) -> Result<HashMap<ChildrenOf, i64>, Shared> {
        let cx = self.0.cx()?;
        let spans: Vec<_> = keys.iter().map(|key| (key.0, key.1, key.2)).collect();
        let counts = service::spans::child_counts_of(&cx, &spans).await?;
        Ok(counts.into_iter().map(|((project, trace, span), n)| (ChildrenOf(project, trace, span), n)).collect())
    }
}

impl Loader<UserId> for Batches {
    type Value = User;
    type Error = Shared;

    async fn load(&self, ids: &[UserId]) -> Result<HashMap<UserId, User>, Shared> {
        let own = self.0.cx()?;
        if let Some(viewer) = service::users::viewer(&own)?
            && ids.iter().all(|id| *id == viewer.id)
        {
            return Ok(HashMap::from([(viewer.id, viewer)]));
        }
        let cx = self.0.cx()?;
        Ok(service::users::by_ids(&cx, ids).await?)
    }
}

impl Loader<KeysOf> for Batches {
    type Value = Vec<ApiKey>;
    type Error = Shared;

    async fn load(&self, keys: &[KeysOf]) -> Result<HashMap<KeysOf, Vec<ApiKey>>, Shared> {
        let cx = self.0.cx()?;
        let users: Vec<UserId> = keys.iter().map(|key| key.0).collect();
        let mut found: HashMap<KeysOf, Vec<ApiKey>> = HashMap::new();
        for key in service::api_keys::list_of(&cx, &users).await? {
            found.entry(KeysOf(key.user_id)).or_default().push(key);
        }
        Ok(found)
    }
}

impl Loader<SessionsOf> for Batches {
    type Value = Vec<LoginSession>;
    type Error = Shared;

    async fn load(&self, keys: &[SessionsOf]) -> Result<HashMap<SessionsOf, Vec<LoginSession>>, Shared> {
        let cx = self.0.cx()?;
        let users: Vec<UserId> = keys.iter().map(|key| key.0).collect();
        let mut found: HashMap<SessionsOf, Vec<LoginSession>> = HashMap::new();
        for session in service::sessions::list_of_users(&cx, &users).await? {
            found.entry(SessionsOf(session.user_id)).or_default().push(session);
        }
        Ok(found)
    }
}

impl Loader<SpanRowId> for Batches {
    type Value = Arc<Span>;
    type Error = Shared;

    async fn load(&self, ids: &[SpanRowId]) -> Result<HashMap<SpanRowId, Arc<Span>>, Shared> {
        let cx = self.0.cx()?;
        Ok(share(service::spans::by_ids(&cx, ids).await?))
    }
}

impl Loader<AnnotationsOf> for Batches {
    type Value = Arc<Vec<Annotation>>;
    type Error = Shared;

    async fn load(&self, keys: &[AnnotationsOf]) -> Result<HashMap<AnnotationsOf, Arc<Vec<Annotation>>>, Shared> {
        let cx = self.0.cx()?;
        let mut found = HashMap::with_capacity(keys.len());
        for target in [Target::Span, Target::Trace] {
            let ids: Vec<i64> = keys.iter().filter(|key| key.0 == target).map(|key| key.1).collect();
            if ids.is_empty() {
                continue;
            }
            for (id, annotations) in service::annotations::of_targets(&cx, target, &ids).await? {
                found.insert(AnnotationsOf(target, id), Arc::new(annotations));
            }
        }
        Ok(found)
    }
}

impl Loader<AuthorOf> for Batches {
    type Value = User;
    type Error = Shared;

    async fn load(&self, keys: &[AuthorOf]) -> Result<HashMap<AuthorOf, User>, Shared> {
        let cx = self.0.cx()?;
        let ids: Vec<UserId> = keys.iter().map(|key| key.0).collect();
        let users = service::users::authors(&cx, &ids).await?;
        Ok(users.into_iter().map(|(id, user)| (AuthorOf(id), user)).collect())
    }
}
