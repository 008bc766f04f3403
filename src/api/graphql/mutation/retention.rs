//! Changes to retention policies.

use async_graphql::{Context, ID, InputObject, Object, OneofObject, Result, SimpleObject};

use super::super::{
    context::ContextExt as _,
    node::read_id,
    query::{
        Query,
        retention::{CronExpression, ProjectTraceRetentionPolicy},
    },
};
use crate::{
    domain::{
        id::{ProjectId, RetentionPolicyId},
        retention::Rule,
    },
    error::Error,
    service::retention::{self, Patch},
};

/// Changes to retention policies.
#[derive(Clone, Copy, Debug)]
pub(super) struct RetentionMutation;

/// Keeps traces that started within so many days.
#[derive(InputObject)]
pub(super) struct ProjectTraceRetentionRuleMaxDaysInput {
    /// The days, whole or in part; 0 keeps all.
    max_days: f64,
}

/// Keeps the latest so many traces.
#[derive(InputObject)]
pub(super) struct ProjectTraceRetentionRuleMaxCountInput {
    /// The traces of a project; 0 keeps all.
    max_count: i32,
}

/// Keeps traces that are within both bounds.
#[derive(InputObject)]
pub(super) struct ProjectTraceRetentionRuleMaxDaysOrCountInput {
    /// The days, whole or in part; 0 is no bound.
    max_days: f64,
    /// The traces of a project; 0 is no bound.
    max_count: i32,
}

/// Which traces are kept.
#[derive(OneofObject)]
pub(super) enum ProjectTraceRetentionRuleInput {
    /// By age.
    #[graphql(name = "maxDays")]
    Days(ProjectTraceRetentionRuleMaxDaysInput),
    /// By number.
    #[graphql(name = "maxCount")]
    Count(ProjectTraceRetentionRuleMaxCountInput),
    /// By both.
    #[graphql(name = "maxDaysOrCount")]
    Both(ProjectTraceRetentionRuleMaxDaysOrCountInput),
}

impl From<ProjectTraceRetentionRuleInput> for Rule {
    fn from(rule: ProjectTraceRetentionRuleInput) -> Self {
        use ProjectTraceRetentionRuleInput as Input;
        match rule {
            Input::Days(rule) => Self::MaxDays(rule.max_days),
            Input::Count(rule) => Self::MaxCount(rule.max_count.into()),
            Input::Both(rule) => Self::MaxDaysOrCount(rule.max_days, rule.max_count.into()),
        }
    }
}

/// What makes a policy.
#[derive(InputObject)]
pub(super) struct CreateProjectTraceRetentionPolicyInput {
    /// The name.
    name: String,
    /// When it is carried out.
    cron_expression: CronExpression,
    /// Which traces it keeps.
    rule: ProjectTraceRetentionRuleInput,
    /// Projects that come under it, by global id.
    add_projects: Option<Vec<ID>>,
}

/// What to change about a policy; what is null stays as it is.
#[derive(InputObject)]
pub(super) struct PatchProjectTraceRetentionPolicyInput {
    /// The global id.
    id: ID,
    /// The new name.
    name: Option<String>,
    /// When it is carried out.
    cron_expression: Option<CronExpression>,
    /// Which traces it keeps.
    rule: Option<ProjectTraceRetentionRuleInput>,
    /// Projects that come under it, by global id.
    add_projects: Option<Vec<ID>>,
    /// Projects that come under the default policy instead, by global id.
    remove_projects: Option<Vec<ID>>,
}

/// Which policy to delete.
#[derive(InputObject)]
pub(super) struct DeleteProjectTraceRetentionPolicyInput {
    /// The global id.
    id: ID,
}

/// The policy as made, changed or deleted.
#[derive(SimpleObject)]
pub(super) struct ProjectTraceRetentionPolicyMutationPayload {
    /// The root of queries, to read on.
    query: Query,
    /// The policy.
    node: ProjectTraceRetentionPolicy,
}

fn policy(id: &ID) -> Result<RetentionPolicyId, Error> {
    read_id(id, retention::TYPE_NAME).map(RetentionPolicyId)
}

fn projects(ids: Option<Vec<ID>>) -> Result<Vec<ProjectId>, Error> {
    ids.unwrap_or_default().iter().map(|id| read_id(id, "Project").map(ProjectId)).collect()
}

#[Object]
impl RetentionMutation {
    /// Makes a retention policy; for administrators.
    async fn create_project_trace_retention_policy(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What makes the policy.")] input: CreateProjectTraceRetentionPolicyInput,
    ) -> Result<ProjectTraceRetentionPolicyMutationPayload> {
        let cx = ctx.cx()?;
        let add = projects(input.add_projects)?;
        let made = retention::create(&cx, input.name, input.cron_expression.0, input.rule.into(), add).await?;
        Ok(ProjectTraceRetentionPolicyMutationPayload { query: Query, node: made.into() })
    }

    /// Changes a retention policy; for administrators.
    async fn patch_project_trace_retention_policy(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: PatchProjectTraceRetentionPolicyInput,
    ) -> Result<ProjectTraceRetentionPolicyMutationPayload> {
        let cx = ctx.cx()?;
        let patch = Patch {
            name: input.name,
            cron: input.cron_expression.map(|cron| cron.0),
            rule: input.rule.map(Rule::from),
            add_projects: projects(input.add_projects)?,
            remove_projects: projects(input.remove_projects)?,
        };
        let changed = retention::update(&cx, policy(&input.id)?, patch).await?;
        Ok(ProjectTraceRetentionPolicyMutationPayload { query: Query, node: changed.into() })
    }

    /// Deletes a retention policy, whose projects come under the default one; for administrators.
    async fn delete_project_trace_retention_policy(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which policy.")] input: DeleteProjectTraceRetentionPolicyInput,
    ) -> Result<ProjectTraceRetentionPolicyMutationPayload> {
        let cx = ctx.cx()?;
        let deleted = retention::delete(&cx, policy(&input.id)?).await?;
        Ok(ProjectTraceRetentionPolicyMutationPayload { query: Query, node: deleted.into() })
    }
}
