//! What was said of something that has not arrived yet.

use serde_json::Value;
use sqlx::{QueryBuilder, types::Json};

use super::{annotations::metadata, runs};
use crate::{
    db::{Conn, on, sql},
    domain::{
        annotation::{AnnotationSource, AnnotatorKind, Judgement, Target},
        id::{ProjectId, UserId},
        project::Projects,
        time::UnixNanos,
    },
    error::{Error, Result},
};

/// An annotation that waits for its target.
#[derive(Clone, Debug)]
pub struct Pending {
    /// Row id; not used for new ones.
    pub id: i64,
    /// When it was said.
    pub received_at: UnixNanos,
    /// The projects that its sender was bound to.
    pub access: Projects,
    /// What is annotated.
    pub target: Target,
    /// By the id that the sender used.
    pub key: String,
    /// What is said.
    pub judgement: Judgement,
    /// Who said it.
    pub user_id: Option<UserId>,
}

#[derive(sqlx::FromRow)]
struct PendingRow {
    id: i64,
    received_at: UnixNanos,
    projects: Option<String>,
    target: i16,
    target_key: String,
    document_position: i32,
    name: String,
    identifier: String,
    annotator_kind: String,
    source: String,
    label: Option<String>,
    score: Option<f64>,
    explanation: Option<String>,
    metadata: Json<Value>,
    user_id: Option<UserId>,
}

fn written(access: &Projects) -> Option<String> {
    match access {
        Projects::All => None,
        Projects::Only(ids) => Some(serde_json::json!(ids.iter().map(|id| id.0).collect::<Vec<_>>()).to_string()),
    }
}

impl PendingRow {
    fn into_pending(self) -> Result<Pending> {
        let unread = |what: &str| Error::internal(format!("pending annotation {} has an unknown {what}", self.id));
        let access = match &self.projects {
            None => Projects::All,
            Some(text) => {
                let ids: Vec<i64> = serde_json::from_str(text).map_err(Error::internal)?;
                Projects::Only(ids.into_iter().map(ProjectId).collect())
            }
        };
        Ok(Pending {
            id: self.id,
            received_at: self.received_at,
            access,
            target: Target::from_number(self.target).ok_or_else(|| unread("target"))?,
            key: self.target_key,
            judgement: Judgement {
                annotator_kind: AnnotatorKind::parse(&self.annotator_kind).ok_or_else(|| unread("kind"))?,
                source: AnnotationSource::parse(&self.source).ok_or_else(|| unread("source"))?,
                name: self.name,
                identifier: self.identifier,
                label: self.label,
                score: self.score,
                explanation: self.explanation,
                metadata: self.metadata.0,
                document_position: self.document_position,
            },
            user_id: self.user_id,
        })
    }
}

/// Keeps annotations until their targets arrive; the first look is at `look_at`.
pub async fn add(mut conn: Conn<'_>, pending: &[Pending], look_at: UnixNanos) -> Result<()> {
    for run in runs(pending) {
        on!(&mut conn, |c| {
            let mut query = QueryBuilder::new(
                "INSERT INTO pending_annotations
                     (look_at, received_at, projects, target, target_key, document_position, name, identifier,
                      annotator_kind, source, label, score, explanation, metadata, user_id) ",
            );
            query.push_values(run, |mut values, row| {
                let judgement = &row.judgement;
                values
                    .push_bind(look_at)
                    .push_bind(row.received_at)
                    .push_bind(written(&row.access))
                    .push_bind(row.target.number())
                    .push_bind(row.key.as_str())
                    .push_bind(judgement.document_position)
                    .push_bind(judgement.name.as_str())
                    .push_bind(judgement.identifier.as_str())
                    .push_bind(judgement.annotator_kind.as_str())
                    .push_bind(judgement.source.as_str())
                    .push_bind(judgement.label.as_deref())
                    .push_bind(judgement.score)
                    .push_bind(judgement.explanation.as_deref())
                    .push_bind(Json(metadata(&judgement.metadata)))
                    .push_bind(row.user_id);
            });
            query.build().execute(&mut **c).await.map(|_| ())
        })?;
    }
    Ok(())
}

/// Counts what waits, up to `limit`.
pub async fn count(conn: Conn<'_>, limit: i64) -> Result<i64> {
    Ok(on!(conn, |c| sqlx::query_scalar(sql!(
        "SELECT COUNT(*) FROM (SELECT id FROM pending_annotations LIMIT $1) AS waiting"
    ))
    .bind(limit)
    .fetch_one(c)
    .await)?)
}

/// Whether anything is to be looked at.
pub async fn any_due(conn: Conn<'_>, now: UnixNanos) -> Result<bool> {
    let due: Option<i64> =
        on!(conn, |c| sqlx::query_scalar(sql!("SELECT id FROM pending_annotations WHERE look_at <= $1 LIMIT 1"))
            .bind(now)
            .fetch_optional(c)
            .await)?;
    Ok(due.is_some())
}

/// Takes up to `limit` rows that are to be looked at, in the order they came, and puts off their next look: by a fifth of
/// how long they have waited, but at least `least`. So a row is looked at some forty times a day, and applied late by
/// a fifth of its wait at most.
pub async fn take_due(conn: Conn<'_>, now: UnixNanos, least: i64, limit: i64) -> Result<Vec<Pending>> {
    let mut rows: Vec<PendingRow> = on!(conn, |c| sqlx::query_as(sql!(
        "UPDATE pending_annotations
         SET look_at = $1 + CASE WHEN ($1 - received_at) / 5 > $2 THEN ($1 - received_at) / 5 ELSE $2 END
         WHERE look_at <= $1
             AND id IN (SELECT id FROM pending_annotations WHERE look_at <= $1 ORDER BY look_at, id LIMIT $3)
         RETURNING id, received_at, projects, target, target_key, document_position, name, identifier, annotator_kind,
             source, label, score, explanation, metadata, user_id"
    ))
    .bind(now)
    .bind(least)
    .bind(limit)
    .fetch_all(c)
    .await)?;
    rows.sort_unstable_by_key(|row| row.id);
    rows.into_iter().map(PendingRow::into_pending).collect()
}

/// Removes rows.
pub async fn delete(conn: Conn<'_>, ids: &[i64]) -> Result<()> {
    on!(conn, |c| {
        let mut query = QueryBuilder::new("DELETE FROM pending_annotations WHERE TRUE");
        super::push_in(&mut query, "id", ids.iter().copied());
        query.build().execute(c).await.map(|_| ())
    })?;
    Ok(())
}
