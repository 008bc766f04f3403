//! Retention policies.

use async_graphql::{
    Context, ID, InputValueError, InputValueResult, Object, Result, Scalar, ScalarType, SimpleObject, Union, Value,
};

use super::{
    super::{
        connection::{Connection, Window, refuse_backwards},
        context::ContextExt as _,
        limits::page_cost,
        node::global_id,
    },
    project::Project,
};
use crate::{
    domain::{
        page::Cursor,
        retention::{Cron, RetentionPolicy, Rule},
    },
    service,
};

/// When a policy is carried out.
#[derive(Clone, Debug)]
pub(in super::super) struct CronExpression(pub(in super::super) Cron);

/// Full hours of the week in UTC, as a cron expression of the form `0 HOUR * * WEEKDAY`.
#[Scalar]
impl ScalarType for CronExpression {
    fn parse(value: Value) -> InputValueResult<Self> {
        let Value::String(text) = &value else { return Err(InputValueError::expected_type(value)) };
        text.parse().map(Self).map_err(InputValueError::custom)
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.as_str().to_owned())
    }
}

/// Keeps traces that started within so many days; 0 keeps all.
#[derive(Clone, Copy, Debug, SimpleObject)]
pub(in super::super) struct TraceRetentionRuleMaxDays {
    /// The days.
    max_days: f64,
}

/// Keeps the latest so many traces; 0 keeps all.
#[derive(Clone, Copy, Debug, SimpleObject)]
pub(in super::super) struct TraceRetentionRuleMaxCount {
    /// The traces of a project.
    max_count: i64,
}

/// Keeps traces that are within both bounds; 0 is none.
#[derive(Clone, Copy, Debug, SimpleObject)]
pub(in super::super) struct TraceRetentionRuleMaxDaysOrCount {
    /// The days.
    max_days: f64,
    /// The traces of a project.
    max_count: i64,
}

/// Which traces are kept.
#[derive(Clone, Copy, Debug, Union)]
pub(in super::super) enum TraceRetentionRule {
    /// By age.
    Days(TraceRetentionRuleMaxDays),
    /// By number.
    Count(TraceRetentionRuleMaxCount),
    /// By both.
    Both(TraceRetentionRuleMaxDaysOrCount),
}

impl From<Rule> for TraceRetentionRule {
    fn from(rule: Rule) -> Self {
        match rule {
            Rule::MaxDays(max_days) => Self::Days(TraceRetentionRuleMaxDays { max_days }),
            Rule::MaxCount(max_count) => Self::Count(TraceRetentionRuleMaxCount { max_count }),
            Rule::MaxDaysOrCount(max_days, max_count) => {
                Self::Both(TraceRetentionRuleMaxDaysOrCount { max_days, max_count })
            }
        }
    }
}

/// A retention policy.
pub(in super::super) struct ProjectTraceRetentionPolicy(RetentionPolicy);

impl From<RetentionPolicy> for ProjectTraceRetentionPolicy {
    fn from(policy: RetentionPolicy) -> Self {
        Self(policy)
    }
}

/// How long the traces of projects are kept.
#[Object]
impl ProjectTraceRetentionPolicy {
    /// The global id.
    pub(in super::super) async fn id(&self) -> ID {
        global_id(service::retention::TYPE_NAME, self.0.id.0)
    }

    /// The name; several may have the same.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// When it is carried out.
    async fn cron_expression(&self) -> CronExpression {
        CronExpression(self.0.cron.clone())
    }

    /// Which traces it keeps.
    async fn rule(&self) -> TraceRetentionRule {
        self.0.rule.into()
    }

    /// The projects that it holds for, oldest first.
    #[graphql(complexity = "page_cost(first, child_complexity)")]
    async fn projects(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many projects at most: 1 to 1000.", default = 100)] first: Option<i32>,
        #[graphql(desc = "Not supported: lists are read forwards.")] last: Option<i32>,
        #[graphql(desc = "The cursor of the project before the page.")] after: Option<String>,
        #[graphql(desc = "Not supported: lists are read forwards.")] before: Option<String>,
    ) -> Result<Connection<Project>> {
        refuse_backwards(last, before.as_deref())?;
        let window = Window::read(first.unwrap_or(100), after.as_deref())?;
        let cx = ctx.cx()?;
        let ids = service::retention::projects_of(&cx, self.0.id).await?;
        let page = window.cut(ids, |id| Cursor { key: id.0, id: id.0 });
        let projects = ctx.loaders()?.projects(page.items).await?;
        let page = crate::domain::page::Page { items: projects, next: page.next };
        Ok(window.connection(page, |p| Cursor { key: p.id.0, id: p.id.0 }, Project::from))
    }
}
