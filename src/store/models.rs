//! Prices of models, and the costs of spans that are computed again when prices change.

use sqlx::QueryBuilder;

use super::{direction, from_cursor};
use crate::{
    db::{Conn, on, sql},
    domain::{
        cost::{Cost, Side},
        id::{ProjectId, SpanRowId},
        model_price::{Model, NewModel, TokenPrice},
        page::{Cursor, Page, PageRequest},
        time::UnixNanos,
    },
    error::{Error, Result},
};

macro_rules! columns {
    () => {
        "id, name, provider, name_pattern, is_built_in, start_time_unix_nano, prices, created_at, updated_at"
    };
}

#[derive(sqlx::FromRow)]
struct ModelRow {
    id: i64,
    name: String,
    provider: Option<String>,
    name_pattern: String,
    is_built_in: bool,
    start_time_unix_nano: Option<UnixNanos>,
    prices: String,
    created_at: UnixNanos,
    updated_at: UnixNanos,
}

impl From<ModelRow> for Model {
    fn from(row: ModelRow) -> Self {
        // Written by `written`.
        let prices: Vec<(String, bool, f64)> = serde_json::from_str(&row.prices).unwrap_or_default();
        let price = |(token_type, is_prompt, per_million)| TokenPrice {
            token_type,
            side: if is_prompt { Side::Prompt } else { Side::Completion },
            per_million,
        };
        Self {
            id: row.id,
            name: row.name,
            provider: row.provider,
            name_pattern: row.name_pattern,
            is_built_in: row.is_built_in,
            start_time: row.start_time_unix_nano,
            prices: prices.into_iter().map(price).collect(),
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

fn written(prices: &[TokenPrice]) -> String {
    let prices: Vec<_> = prices.iter().map(|p| (&p.token_type, p.side == Side::Prompt, p.per_million)).collect();
    serde_json::to_string(&prices).unwrap_or_default()
}

/// Returns every model with the revision of the prices.
pub async fn list_all(mut conn: Conn<'_>) -> Result<(i64, Vec<Model>)> {
    // The revision first: what is read after it is at least as new.
    let revision = revision(conn.reborrow()).await?;
    let rows: Vec<ModelRow> =
        on!(conn, |c| sqlx::query_as(sql!(concat!("SELECT ", columns!(), " FROM generative_models ORDER BY id")))
            .fetch_all(c)
            .await)?;
    Ok((revision, rows.into_iter().map(Model::from).collect()))
}

/// Returns the revision of the prices.
pub async fn revision(conn: Conn<'_>) -> Result<i64> {
    Ok(on!(conn, |c| sqlx::query_scalar(sql!("SELECT revision FROM price_state WHERE id = 1")).fetch_one(c).await)?)
}

/// Lists models.
pub async fn list(conn: Conn<'_>, page: PageRequest) -> Result<Page<Model>> {
    let rows: Vec<ModelRow> = on!(conn, |c| {
        let mut query = QueryBuilder::new(concat!("SELECT ", columns!(), " FROM generative_models WHERE TRUE"));
        if let Some(from) = page.from {
            query.push(" AND id").push(from_cursor(page.order)).push_bind(from.id);
        }
        query.push(" ORDER BY id").push(direction(page.order)).push(" LIMIT ").push_bind(page.fetch());
        query.build_query_as().fetch_all(c).await
    })?;
    let page = page.page(rows, |row: &ModelRow| Cursor { key: row.id, id: row.id });
    Ok(page.map(Model::from))
}

/// Finds a model.
pub async fn find(conn: Conn<'_>, id: i64) -> Result<Option<Model>> {
    let row: Option<ModelRow> =
        on!(conn, |c| sqlx::query_as(sql!(concat!("SELECT ", columns!(), " FROM generative_models WHERE id = $1")))
            .bind(id)
            .fetch_optional(c)
            .await)?;
    Ok(row.map(Model::from))
}

/// Adds a model, or brings a built-in one up to date; a name that is taken by another is a conflict.
pub async fn add(conn: Conn<'_>, model: &NewModel, now: UnixNanos) -> Result<Model> {
    let row: sqlx::Result<ModelRow> = on!(conn, |c| sqlx::query_as(sql!(concat!(
        "INSERT INTO generative_models
             (name, provider, name_pattern, is_built_in, start_time_unix_nano, prices, created_at, updated_at)
         VALUES ($1, $2, $3, FALSE, $4, $5, $6, $6)
         RETURNING ",
        columns!()
    )))
    .bind(&model.name)
    .bind(&model.provider)
    .bind(&model.name_pattern)
    .bind(model.start_time)
    .bind(written(&model.prices))
    .bind(now)
    .fetch_one(c)
    .await);
    row.map(Model::from).map_err(|error| taken(error, &model.name))
}

/// Changes a model that people entered.
pub async fn update(conn: Conn<'_>, id: i64, model: &NewModel, now: UnixNanos) -> Result<Option<Model>> {
    let row: sqlx::Result<Option<ModelRow>> = on!(conn, |c| sqlx::query_as(sql!(concat!(
        "UPDATE generative_models
         SET name = $2, provider = $3, name_pattern = $4, start_time_unix_nano = $5, prices = $6, updated_at = $7
         WHERE id = $1 AND NOT is_built_in
         RETURNING ",
        columns!()
    )))
    .bind(id)
    .bind(&model.name)
    .bind(&model.provider)
    .bind(&model.name_pattern)
    .bind(model.start_time)
    .bind(written(&model.prices))
    .bind(now)
    .fetch_optional(c)
    .await);
    row.map(|row| row.map(Model::from)).map_err(|error| taken(error, &model.name))
}

fn taken(error: sqlx::Error, name: &str) -> Error {
    match error.as_database_error() {
        Some(cause) if cause.is_unique_violation() => {
            Error::Conflict(format!("Model with name '{name}' already exists").into())
        }
        _ => error.into(),
    }
}

/// Deletes a model that people entered.
pub async fn delete(conn: Conn<'_>, id: i64) -> Result<bool> {
    let rows = on!(conn, |c| sqlx::query(sql!("DELETE FROM generative_models WHERE id = $1 AND NOT is_built_in"))
        .bind(id)
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(rows == 1)
}

/// Writes a built-in model; one of that name is brought up to date.
pub async fn put_built_in(conn: Conn<'_>, model: &NewModel, now: UnixNanos) -> Result<()> {
    on!(conn, |c| sqlx::query(sql!(
        "INSERT INTO generative_models
             (name, provider, name_pattern, is_built_in, start_time_unix_nano, prices, created_at, updated_at)
         VALUES ($1, $2, $3, TRUE, NULL, $4, $5, $5)
         ON CONFLICT (is_built_in, name) DO UPDATE SET
             provider = excluded.provider,
             name_pattern = excluded.name_pattern,
             prices = excluded.prices,
             updated_at = excluded.updated_at"
    ))
    .bind(&model.name)
    .bind(&model.provider)
    .bind(&model.name_pattern)
    .bind(written(&model.prices))
    .bind(now)
    .execute(c)
    .await
    .map(|_| ()))?;
    Ok(())
}

/// Deletes built-in models that were not written at `now`: the catalogue has them no more.
pub async fn delete_stale_built_in(conn: Conn<'_>, now: UnixNanos) -> Result<()> {
    on!(conn, |c| sqlx::query(sql!("DELETE FROM generative_models WHERE is_built_in AND updated_at <> $1"))
        .bind(now)
        .execute(c)
        .await
        .map(|_| ()))?;
    Ok(())
}

/// Returns the digest of the catalogue that is written; empty before the first.
pub async fn catalogue(conn: Conn<'_>) -> Result<String> {
    Ok(on!(conn, |c| sqlx::query_scalar(sql!("SELECT catalogue FROM price_state WHERE id = 1")).fetch_one(c).await)?)
}

/// Notes which catalogue is written; `false` when it was already. Others that do the same wait for the transaction.
pub async fn set_catalogue(conn: Conn<'_>, digest: &str) -> Result<bool> {
    let rows =
        on!(conn, |c| sqlx::query(sql!("UPDATE price_state SET catalogue = $1 WHERE id = 1 AND catalogue <> $1"))
            .bind(digest)
            .execute(c)
            .await
            .map(|done| done.rows_affected()))?;
    Ok(rows == 1)
}

/// Notes that prices changed, so that processes read them anew and costs are computed again from the first span on.
pub async fn bump(conn: Conn<'_>, now: UnixNanos) -> Result<()> {
    on!(conn, |c| sqlx::query(sql!(
        "UPDATE price_state SET revision = revision + 1, changed_at = $1, recomputed_to = 0 WHERE id = 1"
    ))
    .bind(now)
    .execute(c)
    .await
    .map(|_| ()))?;
    Ok(())
}

/// What is to be computed again.
#[derive(Clone, Copy, Debug, sqlx::FromRow)]
pub struct Recomputation {
    /// The prices that it is for.
    pub revision: i64,
    /// When they changed.
    pub changed_at: UnixNanos,
    /// The row id up to which it is done.
    pub recomputed_to: i64,
}

/// Returns what is to be computed again, if anything is, and keeps other processes from it until the transaction ends.
pub async fn lock_recomputation(conn: Conn<'_>) -> Result<Option<Recomputation>> {
    // FOR UPDATE is Postgres' alone; on SQLite there is one writer anyway.
    Ok(match conn {
        Conn::Sqlite(c) => {
            sqlx::query_as(sql!(sqlite:
                "SELECT revision, changed_at, recomputed_to FROM price_state
                 WHERE id = 1 AND recomputed_to IS NOT NULL"
            ))
            .fetch_optional(c)
            .await?
        }
        Conn::Postgres(c) => {
            sqlx::query_as(sql!(postgres:
                "SELECT revision, changed_at, recomputed_to FROM price_state
                 WHERE id = 1 AND recomputed_to IS NOT NULL
                 FOR UPDATE SKIP LOCKED"
            ))
            .fetch_optional(c)
            .await?
        }
    })
}

/// Notes up to where costs are computed again; all are when nothing is given.
pub async fn set_recomputed(conn: Conn<'_>, to: Option<i64>) -> Result<()> {
    on!(conn, |c| sqlx::query(sql!("UPDATE price_state SET recomputed_to = $1 WHERE id = 1"))
        .bind(to)
        .execute(c)
        .await
        .map(|_| ()))?;
    Ok(())
}

/// A span whose cost may change.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Costed {
    /// Row id.
    pub id: SpanRowId,
    project_id: ProjectId,
    trace_id: Vec<u8>,
    session_id: Option<String>,
    /// Start.
    pub start_time_unix_nano: UnixNanos,
    /// OpenInference kind as it was sent.
    pub span_kind: String,
    /// Model.
    pub model_name: String,
    cost_model_id: Option<i64>,
    prompt_cost: Option<f64>,
    completion_cost: Option<f64>,
    /// JSON object, keys as they were sent.
    pub attributes: String,
}

impl Costed {
    /// Returns what it cost so far.
    #[must_use]
    pub fn cost(&self) -> Cost {
        Cost { model_id: self.cost_model_id, prompt: self.prompt_cost, completion: self.completion_cost }
    }
}

/// Lists spans that name a model, after a row id.
pub async fn list_costed(conn: Conn<'_>, after: i64, limit: i64) -> Result<Vec<Costed>> {
    Ok(on!(conn, |c| sqlx::query_as(sql!(
        "SELECT id, project_id, trace_id, session_id, start_time_unix_nano, span_kind, model_name, cost_model_id,
                prompt_cost, completion_cost, CAST(attributes AS TEXT) AS attributes
         FROM spans
         WHERE id > $1 AND model_name IS NOT NULL
         ORDER BY id
         LIMIT $2"
    ))
    .bind(after)
    .bind(limit)
    .fetch_all(c)
    .await)?)
}

/// Changes what a span cost, and all sums that it is in, by the difference.
pub async fn update_cost(mut conn: Conn<'_>, span: &Costed, cost: Cost, shard: i16) -> Result<()> {
    on!(&mut conn, |c| sqlx::query(sql!(
        "UPDATE spans SET cost_model_id = $2, prompt_cost = $3, completion_cost = $4 WHERE id = $1"
    ))
    .bind(span.id)
    .bind(cost.model_id)
    .bind(cost.prompt)
    .bind(cost.completion)
    .execute(&mut **c)
    .await
    .map(|_| ()))?;
    let prompt = cost.prompt.unwrap_or(0.0) - span.prompt_cost.unwrap_or(0.0);
    let completion = cost.completion.unwrap_or(0.0) - span.completion_cost.unwrap_or(0.0);
    on!(&mut conn, |c| sqlx::query(sql!(
        "UPDATE traces SET prompt_cost = prompt_cost + $3, completion_cost = completion_cost + $4
         WHERE project_id = $1 AND trace_id = $2"
    ))
    .bind(span.project_id)
    .bind(span.trace_id.as_slice())
    .bind(prompt)
    .bind(completion)
    .execute(&mut **c)
    .await
    .map(|_| ()))?;
    if let Some(session) = &span.session_id {
        on!(&mut conn, |c| sqlx::query(sql!(
            "UPDATE project_sessions SET prompt_cost = prompt_cost + $3, completion_cost = completion_cost + $4
             WHERE project_id = $1 AND session_id = $2"
        ))
        .bind(span.project_id)
        .bind(session)
        .bind(prompt)
        .bind(completion)
        .execute(&mut **c)
        .await
        .map(|_| ()))?;
    }
    // In any one of the project's shards: only their sum is ever read.
    on!(&mut conn, |c| sqlx::query(sql!(
        "UPDATE project_stats SET prompt_cost = prompt_cost + $3, completion_cost = completion_cost + $4
         WHERE project_id = $1
           AND shard = (SELECT COALESCE(MAX(CASE WHEN shard = $2 THEN shard END), MIN(shard))
                        FROM project_stats WHERE project_id = $1)"
    ))
    .bind(span.project_id)
    .bind(shard)
    .bind(prompt)
    .bind(completion)
    .execute(&mut **c)
    .await
    .map(|_| ()))?;
    Ok(())
}
