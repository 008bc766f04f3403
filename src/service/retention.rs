//! How long traces are kept: policies, and carrying them out.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::{
    audit::{self, Event},
    cx::Cx,
    projects, removal,
};
use crate::{
    db::{Db, Tx},
    domain::{
        audit::{Action, Subject},
        id::{GlobalId, ProjectId, RetentionPolicyId},
        page::{Order, Page, PageRequest},
        project::{ProjectRef, Projects},
        retention::{Cron, DEFAULT_POLICY, MAX_NAME_BYTES, RetentionPolicy, Rule},
        scope::{Admin, ProjectsManage, ProjectsRead},
        time::{Clock, UnixNanos},
    },
    error::{Error, Result},
    store::{self, removal::Removed},
};

/// Type name of global ids of policies.
pub const TYPE_NAME: &str = "ProjectTraceRetentionPolicy";
/// The most projects that one request puts under a policy, or takes from it.
const MAX_PROJECTS: usize = 1_000;

/// Lists policies, the default one first.
pub async fn list(cx: &Cx<ProjectsRead>, page: PageRequest) -> Result<Page<RetentionPolicy>> {
    let mut reader = cx.read().await?;
    store::retention::list(reader.conn(), &cx.projects(), page).await
}

/// Returns a policy.
pub async fn get(cx: &Cx<ProjectsRead>, id: RetentionPolicyId) -> Result<RetentionPolicy> {
    let mut reader = cx.read().await?;
    store::retention::find(reader.conn(), &cx.projects(), id).await?.ok_or_else(|| not_found(id))
}

fn not_found(id: RetentionPolicyId) -> Error {
    Error::NotFound(format!("{TYPE_NAME} with ID={} not found", GlobalId::encode(TYPE_NAME, id.0)).into())
}

/// Returns the policies that hold for projects.
pub async fn of_projects(cx: &Cx<ProjectsRead>, ids: &[ProjectId]) -> Result<HashMap<ProjectId, RetentionPolicy>> {
    let mut reader = cx.read().await?;
    Ok(store::retention::list_of_projects(reader.conn(), &cx.projects(), ids).await?.into_iter().collect())
}

/// Returns the projects that a policy holds for, as far as the caller may see them.
pub async fn projects_of(cx: &Cx<ProjectsRead>, id: RetentionPolicyId) -> Result<Vec<ProjectId>> {
    let mut reader = cx.read().await?;
    store::retention::list_projects(reader.conn(), &cx.projects(), id).await
}

/// What to change about a policy; `None` leaves it.
#[derive(Clone, Debug, Default)]
pub struct Patch {
    /// Name.
    pub name: Option<String>,
    /// When it is carried out.
    pub cron: Option<Cron>,
    /// What it keeps.
    pub rule: Option<Rule>,
    /// Projects that come under it.
    pub add_projects: Vec<ProjectId>,
    /// Projects that come under the default policy instead.
    pub remove_projects: Vec<ProjectId>,
}

impl Patch {
    fn check(&self) -> Result<()> {
        if let Some(name) = &self.name {
            if name.is_empty() {
                return Err(Error::invalid("name", "Name cannot be empty"));
            }
            if name.len() > MAX_NAME_BYTES || name.contains('\0') {
                return Err(Error::invalid("name", "A name has at most 255 bytes, none of them zero"));
            }
        }
        if let Some(rule) = self.rule {
            rule.check().map_err(|text| Error::invalid("rule", text))?;
        }
        for (field, ids) in [("add_projects", &self.add_projects), ("remove_projects", &self.remove_projects)] {
            if ids.len() > MAX_PROJECTS {
                return Err(Error::invalid(field, format!("At most {MAX_PROJECTS} projects are taken at once")));
            }
        }
        Ok(())
    }
}

const MANAGE: &str = "manage retention policies";

/// Makes a policy.
pub async fn create(
    cx: &Cx<Admin>,
    name: String,
    cron: Cron,
    rule: Rule,
    add: Vec<ProjectId>,
) -> Result<RetentionPolicy> {
    cx.refuse_bound(MANAGE)?;
    let patch = Patch { name: Some(name.clone()), rule: Some(rule), add_projects: add, ..Patch::default() };
    patch.check()?;
    let mut tx = cx.begin().await?;
    let id = store::retention::add(tx.conn(), &name, &cron, rule, cx.now()).await?;
    let made = RetentionPolicy { id, name, cron, rule, last_run_at: cx.now() };
    assign_all(&mut tx, &patch.add_projects, Some(id)).await?;
    record(&mut tx, cx, Action::RetentionPolicyCreate, &made, &patch).await?;
    tx.commit().await?;
    Ok(made)
}

/// Changes a policy.
pub async fn update(cx: &Cx<Admin>, id: RetentionPolicyId, patch: Patch) -> Result<RetentionPolicy> {
    cx.refuse_bound(MANAGE)?;
    patch.check()?;
    if id == DEFAULT_POLICY && patch.name.is_some() {
        return Err(Error::invalid("name", "Cannot change the name of the default project trace retention policy"));
    }
    let mut tx = cx.begin().await?;
    let found = store::retention::find(tx.conn(), &Projects::All, id).await?.ok_or_else(|| not_found(id))?;
    let mut policy = found.clone();
    policy.name = patch.name.clone().unwrap_or(policy.name);
    policy.rule = patch.rule.unwrap_or(policy.rule);
    if let Some(cron) = patch.cron.clone().filter(|cron| *cron != found.cron) {
        policy.cron = cron;
        // The hours that the new expression names begin now.
        policy.last_run_at = cx.now();
    }
    if policy != found && !store::retention::update(tx.conn(), &policy, cx.now()).await? {
        return Err(not_found(id));
    }
    let to = Some(id).filter(|id| *id != DEFAULT_POLICY);
    assign_all(&mut tx, &patch.add_projects, to).await?;
    let held = store::retention::list_projects(tx.conn(), &Projects::All, id).await?;
    let removed: Vec<ProjectId> = patch.remove_projects.iter().copied().filter(|p| held.contains(p)).collect();
    assign_all(&mut tx, &removed, None).await?;
    record(&mut tx, cx, Action::RetentionPolicyUpdate, &policy, &patch).await?;
    tx.commit().await?;
    Ok(policy)
}

/// Deletes a policy; its projects come under the default one.
pub async fn delete(cx: &Cx<Admin>, id: RetentionPolicyId) -> Result<RetentionPolicy> {
    cx.refuse_bound(MANAGE)?;
    if id == DEFAULT_POLICY {
        return Err(Error::invalid("id", "Cannot delete the default project trace retention policy."));
    }
    let mut tx = cx.begin().await?;
    let found = store::retention::find(tx.conn(), &Projects::All, id).await?.ok_or_else(|| not_found(id))?;
    store::retention::delete(tx.conn(), id).await?;
    record(&mut tx, cx, Action::RetentionPolicyDelete, &found, &Patch::default()).await?;
    tx.commit().await?;
    Ok(found)
}

/// Puts projects under a policy; those that there are not are passed over, as in the peer.
async fn assign_all(tx: &mut Tx, projects: &[ProjectId], policy: Option<RetentionPolicyId>) -> Result<()> {
    for project in projects {
        store::retention::assign(tx.conn(), &Projects::All, *project, policy).await?;
    }
    Ok(())
}

async fn record(tx: &mut Tx, cx: &Cx<Admin>, action: Action, policy: &RetentionPolicy, patch: &Patch) -> Result<()> {
    let ids = |ids: &[ProjectId]| ids.iter().map(|id| GlobalId::encode("Project", id.0)).collect::<Vec<_>>();
    let mut details = described(policy);
    if !patch.add_projects.is_empty() {
        details["addProjects"] = json!(ids(&patch.add_projects));
    }
    if !patch.remove_projects.is_empty() {
        details["removeProjects"] = json!(ids(&patch.remove_projects));
    }
    let subject = Subject {
        kind: "retention_policy".to_owned(),
        id: Some(GlobalId::encode(TYPE_NAME, policy.id.0)),
        name: Some(policy.name.clone()),
    };
    audit::record(tx, cx, Event { action, subject, details }).await
}

fn described(policy: &RetentionPolicy) -> Value {
    let (days, count) = policy.rule.parts();
    json!({ "cronExpression": policy.cron.as_str(), "maxDays": days, "maxCount": count })
}

/// Puts a project under a policy, by global id; `None` and the default policy's id are the default one. Returns the
/// project and the policy, unless it is the default one.
pub async fn set_policy(
    cx: &Cx<ProjectsManage>,
    project: &ProjectRef,
    policy: Option<&str>,
) -> Result<(ProjectId, Option<RetentionPolicyId>)> {
    let found = projects::find(cx, project).await?;
    let wanted = match policy {
        None => None,
        Some(text) => {
            let id = GlobalId::decode_as(text, TYPE_NAME).map(RetentionPolicyId);
            Some(id.ok_or_else(|| Error::invalid("policy_id", format!("Invalid retention policy ID: {text}")))?)
        }
    };
    let mut tx = cx.begin().await?;
    if let Some(id) = wanted
        && store::retention::find(tx.conn(), &cx.projects(), id).await?.is_none()
    {
        let id = GlobalId::encode(TYPE_NAME, id.0);
        return Err(Error::NotFound(format!("Retention policy with ID {id} not found").into()));
    }
    let policy = wanted.filter(|id| *id != DEFAULT_POLICY);
    store::retention::assign(tx.conn(), &cx.projects(), found.id, policy).await?;
    let set = json!({ "retentionPolicyId": policy.map(|id| GlobalId::encode(TYPE_NAME, id.0)) });
    let event =
        Event { action: Action::ProjectUpdate, subject: audit::project(&found), details: json!({ "set": set }) };
    audit::record(&mut tx, cx, event).await?;
    tx.commit().await?;
    Ok((found.id, policy))
}

/// What a policy removes of a project.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Name of the project.
    pub project: String,
    /// The policy.
    pub policy: RetentionPolicy,
    /// What is, or would be, removed.
    pub removed: Removed,
}

/// Sets the days of the default policy as configured, unless somebody has changed it by hand.
pub async fn set_default_days(db: &Db, days: u32, now: UnixNanos) -> Result<()> {
    let mut tx = db.begin().await?;
    store::retention::set_default_days(tx.conn(), days, now).await?;
    tx.commit().await
}

async fn policies(db: &Db) -> Result<Vec<RetentionPolicy>> {
    let all = PageRequest { from: None, limit: 100_000, order: Order::Asc };
    let mut reader = db.read().await?;
    Ok(store::retention::list(reader.conn(), &Projects::All, all).await?.items)
}

async fn living_projects(db: &Db, policy: RetentionPolicyId) -> Result<Vec<(ProjectId, String)>> {
    let mut reader = db.read().await?;
    let ids = store::retention::list_projects(reader.conn(), &Projects::All, policy).await?;
    let mut found = Vec::with_capacity(ids.len());
    for some in ids.chunks(500) {
        let projects = store::projects::list_by_ids(reader.conn(), &Projects::All, some).await?;
        found.extend(some.iter().filter_map(|id| Some((*id, projects.get(id)?.name.clone()))));
    }
    Ok(found)
}

/// Says what every policy would remove now; nothing is removed.
pub async fn foresee(db: &Db, now: UnixNanos) -> Result<Vec<Outcome>> {
    let mut outcomes = Vec::new();
    for policy in policies(db).await? {
        for (id, project) in living_projects(db, policy.id).await? {
            let mut reader = db.read().await?;
            let removed = match store::retention::range(reader.conn(), id, policy.rule, now).await? {
                Some(range) => store::removal::count(reader.conn(), id, range).await?,
                None => Removed::default(),
            };
            outcomes.push(Outcome { project, policy: policy.clone(), removed });
        }
    }
    Ok(outcomes)
}

/// Carries out the policies whose time has come, unless another process is at it.
pub async fn run_due(db: &Db, clock: &Clock) -> Result<Vec<Outcome>> {
    let now = clock.now();
    let due: Vec<RetentionPolicy> = policies(db).await?.into_iter().filter(|policy| policy.is_due(now)).collect();
    if due.is_empty() { Ok(Vec::new()) } else { Ok(in_turn(db, clock, due).await?.unwrap_or_default()) }
}

/// Carries out every policy now; `None` when another process is at it.
pub async fn run_all(db: &Db, clock: &Clock) -> Result<Option<Vec<Outcome>>> {
    let all = policies(db).await?;
    in_turn(db, clock, all).await
}

async fn in_turn(db: &Db, clock: &Clock, policies: Vec<RetentionPolicy>) -> Result<Option<Vec<Outcome>>> {
    // Held open beside the work: the lock is the transaction's. On SQLite that would be the writer, and no one else is.
    let turn = match db {
        Db::Sqlite { .. } => None,
        Db::Postgres(_) => {
            let mut tx = db.begin().await?;
            if !store::retention::take_turn(tx.conn()).await? {
                return Ok(None);
            }
            Some(tx)
        }
    };
    let mut outcomes = Vec::new();
    for policy in policies {
        outcomes.extend(carry_out(db, clock, &policy).await?);
    }
    if outcomes.iter().any(|outcome| outcome.removed.spans > 0) {
        give_back(db).await?;
    }
    if let Some(turn) = turn {
        turn.commit().await?;
    }
    Ok(Some(outcomes))
}

/// Spans after which the log is told how far it is.
const TOLD_EVERY: u64 = 100_000;

async fn carry_out(db: &Db, clock: &Clock, policy: &RetentionPolicy) -> Result<Vec<Outcome>> {
    let now = clock.now();
    let mut outcomes = Vec::new();
    for (id, project) in living_projects(db, policy.id).await? {
        let range = {
            let mut reader = db.read().await?;
            store::retention::range(reader.conn(), id, policy.rule, now).await?
        };
        let Some(range) = range else { continue };
        let mut told = 0;
        let removed = removal::range(db, id, range, |so_far| {
            if so_far.spans / TOLD_EVERY > told {
                told = so_far.spans / TOLD_EVERY;
                tracing::info!(project.id = id.0, traces = so_far.traces, spans = so_far.spans, "removing old traces");
            }
        })
        .await?;
        if removed != Removed::default() {
            let (traces, spans) = (removed.traces, removed.spans);
            tracing::info!(project.id = id.0, policy.id = policy.id.0, traces, spans, "old traces removed");
        }
        outcomes.push(Outcome { project, policy: policy.clone(), removed });
    }
    // Only now: what a stop cuts off is taken up again.
    let mut tx = db.begin().await?;
    store::retention::set_last_run(tx.conn(), policy.id, now).await?;
    tx.commit().await?;
    Ok(outcomes)
}

/// Gives the space of what was removed back to the system, in slices.
async fn give_back(db: &Db) -> Result<()> {
    loop {
        let mut tx = db.begin().await?;
        let more = store::retention::give_back(tx.conn()).await?;
        tx.commit().await?;
        if !more {
            return Ok(());
        }
        tokio::task::yield_now().await;
    }
}
