//! Annotations. Each change sorts its rows by key first, so that two of them wait for each other instead of deadlocking.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;
use sqlx::{Database, QueryBuilder, types::Json};

use super::{direction, from_cursor, push_in, push_projects, runs};
use crate::{
    db::{Conn, on, sql},
    domain::{
        annotation::{Annotation, AnnotationFilter, AnnotationSource, AnnotatorKind, DeleteFilter, Judgement, Target},
        id::{AnnotationId, ProjectId, UserId},
        page::{Cursor, Page, PageRequest},
        project::Projects,
        time::UnixNanos,
    },
    error::{Error, Result},
};

const SELECT: &str = "SELECT id, target, project_id, target_id, document_position, name, identifier, annotator_kind, \
     source, label, score, explanation, metadata, user_id, created_at, updated_at FROM annotations";

#[derive(sqlx::FromRow)]
struct AnnotationRow {
    id: AnnotationId,
    target: i16,
    project_id: ProjectId,
    target_id: i64,
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
    created_at: UnixNanos,
    updated_at: UnixNanos,
}

impl AnnotationRow {
    fn into_annotation(self) -> Result<Annotation> {
        let unread = |what: &str| Error::internal(format!("annotation {} has an unknown {what}", self.id));
        Ok(Annotation {
            id: self.id,
            target: Target::from_number(self.target).ok_or_else(|| unread("target"))?,
            project_id: self.project_id,
            target_id: self.target_id,
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
            created_at: self.created_at,
            updated_at: self.updated_at,
        })
    }
}

fn read(rows: Vec<AnnotationRow>) -> Result<Vec<Annotation>> {
    rows.into_iter().map(AnnotationRow::into_annotation).collect()
}

/// Lists the annotations of a project.
pub async fn list(
    conn: Conn<'_>,
    access: &Projects,
    project: ProjectId,
    target: Target,
    filter: &AnnotationFilter,
    page: PageRequest,
) -> Result<Page<Annotation>> {
    let rows: Vec<AnnotationRow> = on!(conn, |c| {
        let mut query = QueryBuilder::new(SELECT);
        query.push(" WHERE project_id = ").push_bind(project.0);
        query.push(" AND target = ").push_bind(target.number());
        push_projects(&mut query, "project_id", access);
        if let Some(ids) = &filter.target_ids {
            push_in(&mut query, "target_id", ids.iter().copied());
        }
        if let Some(identifiers) = &filter.identifiers {
            push_in(&mut query, "identifier", identifiers.iter().cloned());
            query.push(" AND identifier <> ''");
        }
        if let Some(names) = &filter.include_names {
            push_in(&mut query, "name", names.iter().cloned());
        }
        if !filter.exclude_names.is_empty() {
            query.push(" AND NOT (TRUE");
            push_in(&mut query, "name", filter.exclude_names.iter().cloned());
            query.push(")");
        }
        if let Some(from) = page.from {
            query.push(" AND id").push(from_cursor(page.order)).push_bind(from.id);
        }
        query.push(" ORDER BY id").push(direction(page.order)).push(" LIMIT ").push_bind(page.fetch());
        query.build_query_as().fetch_all(c).await
    })?;
    let page = page.page(rows, |row| Cursor { key: row.id.0, id: row.id.0 });
    Ok(Page { items: read(page.items)?, next: page.next })
}

/// Returns the annotations of these spans, traces or sessions, by name and age; at most `limit` in all.
pub async fn list_of(
    conn: Conn<'_>,
    access: &Projects,
    target: Target,
    target_ids: &[i64],
    limit: i64,
) -> Result<Vec<Annotation>> {
    let rows: Vec<AnnotationRow> = on!(conn, |c| {
        let mut query = QueryBuilder::new(SELECT);
        query.push(" WHERE target = ").push_bind(target.number());
        push_projects(&mut query, "project_id", access);
        push_in(&mut query, "target_id", target_ids.iter().copied());
        query.push(" ORDER BY name, id LIMIT ").push_bind(limit);
        query.build_query_as().fetch_all(c).await
    })?;
    read(rows)
}

/// Keeps the rows of projects that are not marked as deleted.
const OF_LIVING_PROJECT: &str = " AND project_id IN (SELECT id FROM projects WHERE deleted_at IS NULL)";

/// Returns annotations of living projects by row id.
pub async fn list_by_ids(
    conn: Conn<'_>,
    access: &Projects,
    target: Target,
    ids: &[AnnotationId],
) -> Result<HashMap<AnnotationId, Annotation>> {
    let rows: Vec<AnnotationRow> = on!(conn, |c| {
        let mut query = QueryBuilder::new(SELECT);
        query.push(" WHERE target = ").push_bind(target.number()).push(OF_LIVING_PROJECT);
        push_projects(&mut query, "project_id", access);
        push_in(&mut query, "id", ids.iter().map(|id| id.0));
        query.build_query_as().fetch_all(c).await
    })?;
    Ok(read(rows)?.into_iter().map(|a| (a.id, a)).collect())
}

/// An annotation to be written.
#[derive(Clone, Debug)]
pub struct NewAnnotation<'a> {
    /// Project of the target.
    pub project_id: ProjectId,
    /// Row id of the span, trace or session.
    pub target_id: i64,
    /// What is said.
    pub judgement: &'a Judgement,
    /// Who says it.
    pub user_id: Option<UserId>,
    /// When it was said.
    pub said_at: UnixNanos,
}

/// What makes an annotation the same as another of its kind of target.
type Key<'a> = (i64, &'a str, &'a str, i32);

impl<'a> NewAnnotation<'a> {
    fn key(&self) -> Key<'a> {
        let Judgement { name, identifier, document_position, .. } = self.judgement;
        (self.target_id, name, identifier, *document_position)
    }
}

/// What becomes of an annotation that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is replaced.
    Replaced,
    /// It is replaced, but not by what was said before it.
    Newest,
}

/// Adds annotations or replaces those of the same name and identifier; of two of the same key the last one counts.
/// Returns the row id of each, in the order given; none for what was not written because something newer stands.
pub async fn put(
    mut conn: Conn<'_>,
    access: &Projects,
    target: Target,
    annotations: &[NewAnnotation<'_>],
    standing: Standing,
) -> Result<Vec<Option<AnnotationId>>> {
    debug_assert!(annotations.iter().all(|a| access.contains(a.project_id)), "the target was looked up with access");
    let by_key: BTreeMap<Key<'_>, &NewAnnotation<'_>> = annotations.iter().map(|a| (a.key(), a)).collect();
    let rows: Vec<&NewAnnotation<'_>> = by_key.into_values().collect();
    let mut written: HashMap<(i64, String, String, i32), AnnotationId> = HashMap::with_capacity(rows.len());
    for run in runs(&rows) {
        let ids: Vec<(AnnotationId, i64, String, String, i32)> = on!(&mut conn, |c| {
            let mut query = QueryBuilder::new(
                "INSERT INTO annotations
                     (target, project_id, target_id, document_position, name, identifier, annotator_kind, source,
                      label, score, explanation, metadata, user_id, created_at, updated_at) ",
            );
            query.push_values(run, |mut values, row| {
                let judgement = row.judgement;
                values
                    .push_bind(target.number())
                    .push_bind(row.project_id)
                    .push_bind(row.target_id)
                    .push_bind(judgement.document_position)
                    .push_bind(judgement.name.as_str())
                    .push_bind(judgement.identifier.as_str())
                    .push_bind(judgement.annotator_kind.as_str())
                    .push_bind(judgement.source.as_str())
                    .push_bind(judgement.label.as_deref())
                    .push_bind(judgement.score)
                    .push_bind(judgement.explanation.as_deref())
                    .push_bind(Json(metadata(&judgement.metadata)))
                    .push_bind(row.user_id)
                    .push_bind(row.said_at)
                    .push_bind(row.said_at);
            });
            query.push(
                " ON CONFLICT (target, target_id, name, identifier, document_position) DO UPDATE SET
                     annotator_kind = excluded.annotator_kind, source = excluded.source, label = excluded.label,
                     score = excluded.score, explanation = excluded.explanation, metadata = excluded.metadata,
                     user_id = excluded.user_id, updated_at = excluded.updated_at",
            );
            if standing == Standing::Newest {
                query.push(" WHERE annotations.updated_at <= excluded.updated_at");
            }
            query.push(" RETURNING id, target_id, name, identifier, document_position");
            query.build_query_as().fetch_all(&mut **c).await
        })?;
        written.extend(ids.into_iter().map(|(id, target, name, identifier, at)| ((target, name, identifier, at), id)));
    }
    let owned = |(target, name, identifier, at): Key<'_>| (target, name.to_owned(), identifier.to_owned(), at);
    Ok(annotations.iter().map(|a| written.get(&owned(a.key())).copied()).collect())
}

/// Returns metadata as it is stored: none is an empty object.
pub(super) fn metadata(given: &Value) -> Value {
    if given.is_null() { Value::Object(serde_json::Map::new()) } else { given.clone() }
}

/// Holds annotations against changes until the transaction ends.
pub async fn lock(conn: Conn<'_>, ids: &[AnnotationId]) -> Result<()> {
    // SQLite has one writer.
    if let Conn::Postgres(c) = conn {
        let ids: Vec<i64> = ids.iter().map(|id| id.0).collect();
        sqlx::query(sql!(postgres: "SELECT id FROM annotations WHERE id = ANY($1) ORDER BY id FOR UPDATE"))
            .bind(ids)
            .execute(c)
            .await?;
    }
    Ok(())
}

/// Replaces what is said in an annotation; one of the same name and identifier is a conflict.
pub async fn update(conn: Conn<'_>, access: &Projects, annotation: &Annotation, now: UnixNanos) -> Result<()> {
    debug_assert!(access.contains(annotation.project_id), "it was looked up with access");
    let judgement = &annotation.judgement;
    let done = on!(conn, |c| sqlx::query(sql!(
        "UPDATE annotations
         SET name = $2, identifier = $3, annotator_kind = $4, source = $5, label = $6, score = $7, explanation = $8,
             metadata = $9, updated_at = $10
         WHERE id = $1"
    ))
    .bind(annotation.id)
    .bind(&judgement.name)
    .bind(&judgement.identifier)
    .bind(judgement.annotator_kind.as_str())
    .bind(judgement.source.as_str())
    .bind(&judgement.label)
    .bind(judgement.score)
    .bind(&judgement.explanation)
    .bind(Json(metadata(&judgement.metadata)))
    .bind(now)
    .execute(c)
    .await
    .map(|_| ()));
    match done {
        Err(sqlx::Error::Database(error)) if error.is_unique_violation() => {
            Err(Error::Conflict("There is an annotation of that name and identifier already".into()))
        }
        done => Ok(done?),
    }
}

/// Removes annotations by row id.
pub async fn delete_by_ids(conn: Conn<'_>, access: &Projects, ids: &[AnnotationId]) -> Result<()> {
    on!(conn, |c| {
        let mut query = QueryBuilder::new("DELETE FROM annotations WHERE TRUE");
        push_projects(&mut query, "project_id", access);
        push_in(&mut query, "id", ids.iter().map(|id| id.0));
        query.build().execute(c).await.map(|_| ())
    })?;
    Ok(())
}

fn push_doomed<DB: Database>(
    query: &mut QueryBuilder<DB>,
    access: &Projects,
    project: ProjectId,
    target: Target,
    filter: &DeleteFilter,
) where
    i64: for<'x> sqlx::Encode<'x, DB> + sqlx::Type<DB>,
    i16: for<'x> sqlx::Encode<'x, DB> + sqlx::Type<DB>,
    String: for<'x> sqlx::Encode<'x, DB> + sqlx::Type<DB>,
    &'static str: for<'x> sqlx::Encode<'x, DB> + sqlx::Type<DB>,
{
    query.push(" WHERE project_id = ").push_bind(project.0);
    query.push(" AND target = ").push_bind(target.number());
    push_projects(query, "project_id", access);
    if let Some(name) = &filter.name {
        query.push(" AND name = ").push_bind(name.clone());
    }
    if let Some(identifier) = &filter.identifier {
        query.push(" AND identifier = ").push_bind(identifier.clone());
    }
    if let Some(kind) = filter.annotator_kind {
        query.push(" AND annotator_kind = ").push_bind(kind.as_str());
    }
    if let Some(start) = filter.start {
        query.push(" AND created_at >= ").push_bind(start.0);
    }
    if let Some(end) = filter.end {
        query.push(" AND created_at < ").push_bind(end.0);
    }
    if let Some(user) = filter.user_id {
        query.push(" AND user_id = ").push_bind(user.0);
    }
}

/// Counts the annotations that a deletion would remove, and returns the last of them.
pub async fn count_doomed(
    conn: Conn<'_>,
    access: &Projects,
    project: ProjectId,
    target: Target,
    filter: &DeleteFilter,
) -> Result<Option<(i64, AnnotationId)>> {
    let (count, last): (i64, Option<AnnotationId>) = on!(conn, |c| {
        let mut query = QueryBuilder::new("SELECT COUNT(*), MAX(id) FROM annotations");
        push_doomed(&mut query, access, project, target, filter);
        query.build_query_as().fetch_one(c).await
    })?;
    Ok(last.map(|last| (count, last)))
}

/// Removes up to `limit` annotations, none after `last`; returns how many.
pub async fn delete(
    conn: Conn<'_>,
    access: &Projects,
    project: ProjectId,
    target: Target,
    filter: &DeleteFilter,
    last: AnnotationId,
    limit: i64,
) -> Result<u64> {
    Ok(on!(conn, |c| {
        let mut query = QueryBuilder::new("DELETE FROM annotations WHERE id IN (SELECT id FROM annotations");
        push_doomed(&mut query, access, project, target, filter);
        query.push(" AND id <= ").push_bind(last.0).push(" LIMIT ").push_bind(limit).push(")");
        query.build().execute(c).await.map(|r| r.rows_affected())
    })?)
}

/// Removes up to `limit` annotations of a deleted project; returns how many there were.
pub async fn purge(conn: Conn<'_>, project: ProjectId, limit: i64) -> Result<u64> {
    Ok(on!(conn, |c| sqlx::query(sql!(
        "DELETE FROM annotations
         WHERE id IN (SELECT id FROM annotations WHERE project_id = $1 LIMIT $2)"
    ))
    .bind(project)
    .bind(limit)
    .execute(c)
    .await
    .map(|r| r.rows_affected()))?)
}
