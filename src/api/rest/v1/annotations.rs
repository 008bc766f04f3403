//! Annotations of spans, traces, sessions and documents: written in batches, listed and deleted by project.

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::spans::instant;
use crate::{
    api::{
        extract::{Json, Path, Query, any_case_bool},
        rest::{
            Routes,
            page::{self, DataBody, ListBody},
            problem::Answer,
            route,
        },
    },
    domain::{
        annotation::{
            Annotation, AnnotationFilter, AnnotationSource, AnnotatorKind, DeleteFilter, Judgement, Target, TargetKey,
        },
        id::GlobalId,
        page::{Order, PageRequest},
        project::ProjectRef,
        scope::{TracesRead, TracesWrite},
    },
    error::Error,
    service::{
        annotations::{self, ListQuery, Said},
        cx::Cx,
    },
};

/// Returns the routes of this file.
#[must_use]
pub fn routes() -> Routes {
    Routes::default()
        .add(route!(annotate_spans))
        .add(route!(annotate_traces))
        .add(route!(annotate_sessions))
        .add(route!(annotate_span_documents))
        .add(route!(list_span_annotations_by_span_ids))
        .add(route!(list_trace_annotations_by_trace_ids))
        .add(route!(list_session_annotations_by_session_ids))
        .add(route!(delete_span_annotations))
        .add(route!(delete_trace_annotations))
        .add(route!(delete_session_annotations))
}

/// Who judged.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum AnnotatorKindBody {
    /// A language model.
    Llm,
    /// A program.
    Code,
    /// A person.
    Human,
}

impl From<AnnotatorKindBody> for AnnotatorKind {
    fn from(kind: AnnotatorKindBody) -> Self {
        match kind {
            AnnotatorKindBody::Llm => Self::Llm,
            AnnotatorKindBody::Code => Self::Code,
            AnnotatorKindBody::Human => Self::Human,
        }
    }
}

/// A judgement: in a word, as a number, in sentences.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct AnnotationResult {
    /// In a word.
    #[serde(default)]
    label: Option<String>,
    /// As a number.
    #[serde(default, deserialize_with = "number")]
    score: Option<f64>,
    /// In sentences.
    #[serde(default)]
    explanation: Option<String>,
}

/// Reads a number as loosely as the peer does: digits in a string and truth values are numbers, too.
pub(super) fn number<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    use serde::de::Error as _;
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Given {
        Number(f64),
        Truth(bool),
        Text(String),
    }
    let wrong = || D::Error::custom("Input should be a valid number");
    Ok(match Option::<Given>::deserialize(deserializer).map_err(|_| wrong())? {
        None => None,
        Some(Given::Number(number)) => Some(number),
        Some(Given::Truth(truth)) => Some(f64::from(truth)),
        Some(Given::Text(text)) => Some(text.trim().parse().ok().filter(|n: &f64| n.is_finite()).ok_or_else(wrong)?),
    })
}

macro_rules! batches {
    ($($data:ident, $request:ident, $key:ident, $of:literal $(, $position:ident)?;)*) => {$(
        #[doc = concat!("What is said of a ", $of, ".")]
        #[derive(Debug, Deserialize, ToSchema)]
        pub struct $data {
            /// What is judged. With the identifier it is unique: what is said again replaces what was said before.
            #[schema(max_length = 1024)]
            name: String,
            /// Who judged.
            #[schema(inline)]
            annotator_kind: AnnotatorKindBody,
            /// The judgement.
            result: Option<AnnotationResult>,
            /// Whatever else is known.
            metadata: Option<serde_json::Map<String, serde_json::Value>>,
            /// Tells several annotations of one name apart.
            #[serde(default)]
            #[schema(max_length = 1024)]
            identifier: String,
            #[doc = concat!("The id of the ", $of, ", as its application gave it.")]
            $key: String,
            $(
                /// Which of the documents that the span retrieved, from 0.
                #[serde(deserialize_with = "whole")]
                $position: i32,
            )?
        }

        impl From<$data> for Said {
            fn from(data: $data) -> Self {
                let AnnotationResult { label, score, explanation } = data.result.unwrap_or_default();
                Self {
                    key: data.$key,
                    judgement: Judgement {
                        name: data.name,
                        identifier: data.identifier,
                        annotator_kind: data.annotator_kind.into(),
                        source: AnnotationSource::Api,
                        label,
                        score,
                        explanation,
                        metadata: data.metadata.map(Into::into).unwrap_or_default(),
                        document_position: [$(data.$position,)? 0][0],
                    },
                }
            }
        }

        /// A batch of annotations.
        #[derive(Debug, Deserialize, ToSchema)]
        pub struct $request {
            /// At most 10,000.
            data: Vec<$data>,
        }
    )*};
}

batches! {
    SpanAnnotationData, AnnotateSpansRequestBody, span_id, "span";
    TraceAnnotationData, AnnotateTracesRequestBody, trace_id, "trace";
    SessionAnnotationData, AnnotateSessionsRequestBody, session_id, "session";
    SpanDocumentAnnotationData, AnnotateSpanDocumentsRequestBody, span_id, "span", document_position;
}

macro_rules! rows {
    ($($row:ident, $key:ident, $of:literal;)*) => {$(
        #[doc = concat!("An annotation of a ", $of, ".")]
        #[derive(Debug, Serialize, ToSchema)]
        pub struct $row {
            /// Global id.
            id: String,
            /// When it was first said.
            #[schema(format = DateTime)]
            created_at: String,
            /// When it was last said.
            #[schema(format = DateTime)]
            updated_at: String,
            /// `API` or `APP`.
            source: &'static str,
            /// Global id of who said it; null if nobody is known.
            #[schema(required = true)]
            user_id: Option<String>,
            /// What is judged.
            name: String,
            /// `LLM`, `CODE` or `HUMAN`.
            annotator_kind: &'static str,
            /// The judgement.
            result: AnnotationResult,
            /// Whatever else is known.
            #[schema(value_type = serde_json::Map<String, serde_json::Value>)]
            metadata: serde_json::Value,
            /// Tells several annotations of one name apart.
            identifier: String,
            #[doc = concat!("The id of the ", $of, ", as its application gave it.")]
            $key: String,
        }

        impl From<(Annotation, TargetKey)> for $row {
            fn from((annotation, key): (Annotation, TargetKey)) -> Self {
                let judgement = annotation.judgement;
                let Judgement { label, score, explanation, .. } = judgement;
                Self {
                    id: annotation.target.global_id(annotation.id),
                    created_at: annotation.created_at.to_rfc3339(),
                    updated_at: annotation.updated_at.to_rfc3339(),
                    source: judgement.source.as_str(),
                    user_id: annotation.user_id.map(|id| GlobalId::encode("User", id.0)),
                    name: judgement.name,
                    annotator_kind: judgement.annotator_kind.as_str(),
                    result: AnnotationResult { label, score, explanation },
                    // GraphQL takes any JSON as metadata; here only an object has a place.
                    metadata: if judgement.metadata.is_object() { judgement.metadata } else { serde_json::Map::new().into() },
                    identifier: judgement.identifier,
                    $key: key.to_string(),
                }
            }
        }
    )*};
}

rows! {
    SpanAnnotation, span_id, "span";
    TraceAnnotation, trace_id, "trace";
    SessionAnnotation, session_id, "session";
}

/// Reads a whole number, also one that is written with a point.
fn whole<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<i32, D::Error> {
    use serde::de::Error as _;
    let given = f64::deserialize(deserializer)?;
    #[expect(clippy::cast_possible_truncation, reason = "it is whole and within the bounds")]
    let whole = |n: f64| (n.fract() == 0.0 && n.abs() <= f64::from(i32::MAX)).then_some(n as i32);
    whole(given).ok_or_else(|| D::Error::custom("Input should be a valid integer"))
}

/// An annotation that was written.
#[derive(Debug, Serialize, ToSchema)]
pub struct InsertedAnnotation {
    /// Global id.
    pub(super) id: String,
}

/// How to annotate.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AnnotateQuery {
    /// Whether everything must be there already. If so, the answer holds the ids; if not, it holds none, and what is said
    /// of something that has not arrived yet is kept for a day and applied when it arrives.
    #[param(default = false)]
    #[serde(default, deserialize_with = "any_case_bool")]
    sync: Option<bool>,
}

type Inserted = Answer<axum::Json<DataBody<Vec<InsertedAnnotation>>>>;

async fn write<T: Into<Said>>(cx: &Cx<TracesWrite>, target: Target, query: &AnnotateQuery, data: Vec<T>) -> Inserted {
    let said: Vec<Said> = data.into_iter().map(Into::into).collect();
    let data = if query.sync == Some(true) {
        let ids = annotations::annotate(cx, target, &said).await?;
        ids.into_iter().map(|id| InsertedAnnotation { id: target.global_id(id) }).collect()
    } else {
        annotations::submit(cx, target, said).await?;
        Vec::new()
    };
    Ok(axum::Json(DataBody { data }))
}

/// Annotates spans
///
/// An annotation of the same span, name and identifier is replaced. What is answered with 200 is stored.
#[utoipa::path(
    post, path = "/v1/span_annotations", operation_id = "annotateSpans", tag = "spans",
    params(AnnotateQuery), request_body = AnnotateSpansRequestBody,
    responses((status = 200, body = DataBody<Vec<InsertedAnnotation>>), (status = 400), (status = 404), (status = 422))
)]
async fn annotate_spans(
    cx: Cx<TracesWrite>,
    Query(query): Query<AnnotateQuery>,
    Json(body): Json<AnnotateSpansRequestBody>,
) -> Inserted {
    write(&cx, Target::Span, &query, body.data).await
}

/// Annotates traces
///
/// An annotation of the same trace, name and identifier is replaced. What is answered with 200 is stored.
#[utoipa::path(
    post, path = "/v1/trace_annotations", operation_id = "annotateTraces", tag = "traces",
    params(AnnotateQuery), request_body = AnnotateTracesRequestBody,
    responses((status = 200, body = DataBody<Vec<InsertedAnnotation>>), (status = 400), (status = 404), (status = 422))
)]
async fn annotate_traces(
    cx: Cx<TracesWrite>,
    Query(query): Query<AnnotateQuery>,
    Json(body): Json<AnnotateTracesRequestBody>,
) -> Inserted {
    write(&cx, Target::Trace, &query, body.data).await
}

/// Annotates sessions
///
/// An annotation of the same session, name and identifier is replaced. What is answered with 200 is stored.
#[utoipa::path(
    post, path = "/v1/session_annotations", operation_id = "annotateSessions", tag = "sessions",
    params(AnnotateQuery), request_body = AnnotateSessionsRequestBody,
    responses((status = 200, body = DataBody<Vec<InsertedAnnotation>>), (status = 400), (status = 404), (status = 422))
)]
async fn annotate_sessions(
    cx: Cx<TracesWrite>,
    Query(query): Query<AnnotateQuery>,
    Json(body): Json<AnnotateSessionsRequestBody>,
) -> Inserted {
    write(&cx, Target::Session, &query, body.data).await
}

/// Annotates documents that spans retrieved
///
/// An annotation of the same document, name and identifier is replaced. What is answered with 200 is stored.
#[utoipa::path(
    post, path = "/v1/document_annotations", operation_id = "annotateSpanDocuments", tag = "spans",
    params(AnnotateQuery), request_body = AnnotateSpanDocumentsRequestBody,
    responses((status = 200, body = DataBody<Vec<InsertedAnnotation>>), (status = 404), (status = 422))
)]
async fn annotate_span_documents(
    cx: Cx<TracesWrite>,
    Query(query): Query<AnnotateQuery>,
    Json(body): Json<AnnotateSpanDocumentsRequestBody>,
) -> Inserted {
    write(&cx, Target::Document, &query, body.data).await
}

/// Reads a parameter that is there, be it empty: left to itself an empty one would count as none, and narrow nothing.
fn given<'de, D: serde::Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// Rows of a page when none are asked for.
const DEFAULT_LIMIT: i64 = 10;
/// Rows that a page may have.
const MAX_LIMIT: u32 = 10_000;
/// The most values of one list parameter.
const MAX_VALUES: usize = 1_000;

macro_rules! list_queries {
    ($($query:ident, $keys:ident, $of:literal;)*) => {$(
        /// Which annotations to list.
        #[derive(Debug, Deserialize, IntoParams)]
        #[serde(deny_unknown_fields)]
        #[into_params(parameter_in = Query)]
        pub struct $query {
            #[doc = concat!("Of one of these ", $of, ". Without it `identifier` is demanded.")]
            #[serde(default, deserialize_with = "given")]
$keys: Option<Vec<String>>,
            /// With one of these identifiers.
            #[serde(default, deserialize_with = "given")]
identifier: Option<Vec<String>>,
            /// With one of these names.
            #[serde(default, deserialize_with = "given")]
include_annotation_names: Option<Vec<String>>,
            /// With none of these names.
            #[serde(default, deserialize_with = "given")]
exclude_annotation_names: Option<Vec<String>>,
            /// Where the page begins, from the page before.
            cursor: Option<String>,
            /// Rows of the page.
            #[param(minimum = 1, maximum = 10000, default = 10)]
            limit: Option<i64>,
        }

        impl $query {
            fn read(self) -> Result<(ListQuery, PageRequest), Error> {
                let lists = [
                    (stringify!($keys), &self.$keys),
                    ("identifier", &self.identifier),
                    ("include_annotation_names", &self.include_annotation_names),
                    ("exclude_annotation_names", &self.exclude_annotation_names),
                ];
                for (field, values) in lists {
                    if values.as_ref().is_some_and(|v| v.len() > MAX_VALUES) {
                        return Err(Error::invalid(field, format!("At most {MAX_VALUES} values of {field} are taken")));
                    }
                }
                if self.identifier.iter().flatten().any(String::is_empty) {
                    return Err(too_short("identifier"));
                }
                let limit = Some(self.limit.unwrap_or(DEFAULT_LIMIT));
                let page = page::request(self.cursor.as_deref(), limit, MAX_LIMIT, Order::Desc)?;
                let filter = AnnotationFilter {
                    target_ids: None,
                    identifiers: self.identifier,
                    include_names: self.include_annotation_names,
                    exclude_names: self.exclude_annotation_names.unwrap_or_default(),
                };
                Ok((ListQuery { keys: self.$keys, filter }, page))
            }
        }
    )*};
}

list_queries! {
    ListSpanAnnotationsQuery, span_ids, "spans";
    ListTraceAnnotationsQuery, trace_ids, "traces";
    ListSessionAnnotationsQuery, session_ids, "sessions";
}

fn too_short(field: &'static str) -> Error {
    Error::invalid(field, format!("{field}: String should have at least 1 character"))
}

/// Lists annotations of the spans of a project, newest first
#[utoipa::path(
    get, path = "/v1/projects/{project_identifier}/span_annotations", operation_id = "listSpanAnnotationsBySpanIds",
    tag = "annotations",
    params(("project_identifier" = String, Path, description = "Global id or name"), ListSpanAnnotationsQuery),
    responses((status = 200, body = ListBody<SpanAnnotation>), (status = 404), (status = 422))
)]
async fn list_span_annotations_by_span_ids(
    cx: Cx<TracesRead>,
    Path(project): Path<String>,
    Query(query): Query<ListSpanAnnotationsQuery>,
) -> Answer<axum::Json<ListBody<SpanAnnotation>>> {
    let (query, page) = query.read()?;
    let page = annotations::list(&cx, &ProjectRef::parse(&project), Target::Span, query, page).await?;
    Ok(axum::Json(page.map(SpanAnnotation::from).into()))
}

/// Lists annotations of the traces of a project, newest first
#[utoipa::path(
    get, path = "/v1/projects/{project_identifier}/trace_annotations", operation_id = "listTraceAnnotationsByTraceIds",
    tag = "annotations",
    params(("project_identifier" = String, Path, description = "Global id or name"), ListTraceAnnotationsQuery),
    responses((status = 200, body = ListBody<TraceAnnotation>), (status = 404), (status = 422))
)]
async fn list_trace_annotations_by_trace_ids(
    cx: Cx<TracesRead>,
    Path(project): Path<String>,
    Query(query): Query<ListTraceAnnotationsQuery>,
) -> Answer<axum::Json<ListBody<TraceAnnotation>>> {
    let (query, page) = query.read()?;
    let page = annotations::list(&cx, &ProjectRef::parse(&project), Target::Trace, query, page).await?;
    Ok(axum::Json(page.map(TraceAnnotation::from).into()))
}

/// Lists annotations of the sessions of a project, newest first
#[utoipa::path(
    get, path = "/v1/projects/{project_identifier}/session_annotations",
    operation_id = "listSessionAnnotationsBySessionIds", tag = "annotations",
    params(("project_identifier" = String, Path, description = "Global id or name"), ListSessionAnnotationsQuery),
    responses((status = 200, body = ListBody<SessionAnnotation>), (status = 404), (status = 422))
)]
async fn list_session_annotations_by_session_ids(
    cx: Cx<TracesRead>,
    Path(project): Path<String>,
    Query(query): Query<ListSessionAnnotationsQuery>,
) -> Answer<axum::Json<ListBody<SessionAnnotation>>> {
    let (query, page) = query.read()?;
    let page = annotations::list(&cx, &ProjectRef::parse(&project), Target::Session, query, page).await?;
    Ok(axum::Json(page.map(SessionAnnotation::from).into()))
}

/// Which annotations to delete.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DeleteAnnotationsQuery {
    /// With this name.
    #[param(min_length = 1)]
    #[serde(default, deserialize_with = "given")]
    name: Option<String>,
    /// With this identifier.
    #[param(min_length = 1)]
    #[serde(default, deserialize_with = "given")]
    identifier: Option<String>,
    /// By this kind of annotator.
    #[param(inline)]
    #[serde(default, deserialize_with = "given")]
    annotator_kind: Option<AnnotatorKindBody>,
    /// First said at or after.
    #[param(format = DateTime)]
    #[serde(default, deserialize_with = "given")]
    start_time: Option<String>,
    /// First said before.
    #[param(format = DateTime)]
    #[serde(default, deserialize_with = "given")]
    end_time: Option<String>,
    /// Whether annotations of any time are meant; without it both ends of a time range are demanded.
    #[param(default = false)]
    #[serde(default, deserialize_with = "any_case_bool")]
    delete_all: Option<bool>,
}

impl DeleteAnnotationsQuery {
    fn read(self) -> Result<DeleteFilter, Error> {
        if self.name.as_deref() == Some("") {
            return Err(too_short("name"));
        }
        if self.identifier.as_deref() == Some("") {
            return Err(too_short("identifier"));
        }
        for (field, given) in [("start_time", &self.start_time), ("end_time", &self.end_time)] {
            if given.as_deref() == Some("") {
                return Err(Error::invalid(field, format!("{field}: Input should be a valid datetime")));
            }
        }
        let start = instant("start_time", self.start_time.as_deref())?;
        let end = instant("end_time", self.end_time.as_deref())?;
        if self.delete_all != Some(true) && (start.is_none() || end.is_none()) {
            return Err(Error::invalid(
                "delete_all",
                "Delete is unbounded. Set delete_all=true to acknowledge, or supply both start_time and end_time to \
                 bound the time range.",
            ));
        }
        Ok(DeleteFilter {
            name: self.name,
            identifier: self.identifier,
            annotator_kind: self.annotator_kind.map(Into::into),
            start,
            end,
            user_id: None,
        })
    }
}

/// Deletes annotations of the spans of a project, notes among them
///
/// Administrators delete everybody's, others their own.
#[utoipa::path(
    delete, path = "/v1/projects/{project_identifier}/span_annotations", operation_id = "deleteSpanAnnotations",
    tag = "annotations",
    params(("project_identifier" = String, Path, description = "Global id or name"), DeleteAnnotationsQuery),
    responses((status = 204), (status = 404), (status = 422))
)]
async fn delete_span_annotations(
    cx: Cx<TracesWrite>,
    Path(project): Path<String>,
    Query(query): Query<DeleteAnnotationsQuery>,
) -> Answer<StatusCode> {
    annotations::delete_all(&cx, &ProjectRef::parse(&project), Target::Span, query.read()?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Deletes annotations of the traces of a project, notes among them
///
/// Administrators delete everybody's, others their own.
#[utoipa::path(
    delete, path = "/v1/projects/{project_identifier}/trace_annotations", operation_id = "deleteTraceAnnotations",
    tag = "annotations",
    params(("project_identifier" = String, Path, description = "Global id or name"), DeleteAnnotationsQuery),
    responses((status = 204), (status = 404), (status = 422))
)]
async fn delete_trace_annotations(
    cx: Cx<TracesWrite>,
    Path(project): Path<String>,
    Query(query): Query<DeleteAnnotationsQuery>,
) -> Answer<StatusCode> {
    annotations::delete_all(&cx, &ProjectRef::parse(&project), Target::Trace, query.read()?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Deletes annotations of the sessions of a project, notes among them
///
/// Administrators delete everybody's, others their own.
#[utoipa::path(
    delete, path = "/v1/projects/{project_identifier}/session_annotations", operation_id = "deleteSessionAnnotations",
    tag = "annotations",
    params(("project_identifier" = String, Path, description = "Global id or name"), DeleteAnnotationsQuery),
    responses((status = 204), (status = 404), (status = 422))
)]
async fn delete_session_annotations(
    cx: Cx<TracesWrite>,
    Path(project): Path<String>,
    Query(query): Query<DeleteAnnotationsQuery>,
) -> Answer<StatusCode> {
    annotations::delete_all(&cx, &ProjectRef::parse(&project), Target::Session, query.read()?).await?;
    Ok(StatusCode::NO_CONTENT)
}
