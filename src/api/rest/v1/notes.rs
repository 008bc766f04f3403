//! Notes: what people write beside spans, traces and sessions. Each is an annotation named `note`.

use serde::Deserialize;
use utoipa::ToSchema;

use super::annotations::InsertedAnnotation;
use crate::{
    api::{
        extract::Json,
        rest::{Routes, page::DataBody, problem::Answer, route},
    },
    domain::{
        annotation::{AnnotationSource, AnnotatorKind, Target},
        scope::TracesWrite,
    },
    error::Error,
    service::{
        annotations::{self, NewNote},
        cx::Cx,
    },
};

/// Returns the routes of this file.
#[must_use]
pub fn routes() -> Routes {
    Routes::default().add(route!(create_span_note)).add(route!(create_trace_note)).add(route!(create_session_note))
}

macro_rules! notes {
    ($($data:ident, $request:ident, $key:ident, $target:ident, $of:literal;)*) => {$(
        #[doc = concat!("A note to a ", $of, ".")]
        #[derive(Debug, Deserialize, ToSchema)]
        pub struct $data {
            #[doc = concat!("The id of the ", $of, ", as its application gave it.")]
            #[schema(min_length = 1)]
            $key: String,
            /// The text.
            #[schema(min_length = 1)]
            note: String,
            /// Replaces the note of the same identifier; without one it is a further note.
            #[serde(default)]
            #[schema(max_length = 1024)]
            identifier: String,
        }

        /// A note.
        #[derive(Debug, Deserialize, ToSchema)]
        pub struct $request {
            data: $data,
        }

        impl $request {
            async fn add(self, cx: &Cx<TracesWrite>) -> Answer<axum::Json<DataBody<InsertedAnnotation>>> {
                let $data { $key, note, identifier } = self.data;
                if $key.trim().is_empty() {
                    let field = concat!("data.", stringify!($key));
                    return Err(Error::invalid(field, format!("{field}: String should have at least 1 character")).into());
                }
                let note = NewNote {
                    text: note,
                    identifier: Some(identifier),
                    annotator_kind: AnnotatorKind::Human,
                    source: AnnotationSource::Api,
                };
                let target = Target::$target;
                let id = annotations::add_note(cx, target, $key.trim().to_owned(), note).await?;
                Ok(axum::Json(DataBody { data: InsertedAnnotation { id: target.global_id(id) } }))
            }
        }
    )*};
}

notes! {
    SpanNoteData, CreateSpanNoteRequestBody, span_id, Span, "span";
    TraceNoteData, CreateTraceNoteRequestBody, trace_id, Trace, "trace";
    SessionNoteData, CreateSessionNoteRequestBody, session_id, Session, "session";
}

/// Adds a note to a span
#[utoipa::path(
    post, path = "/v1/span_notes", operation_id = "createSpanNote", tag = "spans",
    request_body = CreateSpanNoteRequestBody,
    responses((status = 200, body = DataBody<InsertedAnnotation>), (status = 404), (status = 422))
)]
async fn create_span_note(
    cx: Cx<TracesWrite>,
    Json(body): Json<CreateSpanNoteRequestBody>,
) -> Answer<axum::Json<DataBody<InsertedAnnotation>>> {
    body.add(&cx).await
}

/// Adds a note to a trace
#[utoipa::path(
    post, path = "/v1/trace_notes", operation_id = "createTraceNote", tag = "traces",
    request_body = CreateTraceNoteRequestBody,
    responses((status = 200, body = DataBody<InsertedAnnotation>), (status = 404), (status = 422))
)]
async fn create_trace_note(
    cx: Cx<TracesWrite>,
    Json(body): Json<CreateTraceNoteRequestBody>,
) -> Answer<axum::Json<DataBody<InsertedAnnotation>>> {
    body.add(&cx).await
}

/// Adds a note to a session
#[utoipa::path(
    post, path = "/v1/session_notes", operation_id = "createSessionNote", tag = "sessions",
    request_body = CreateSessionNoteRequestBody,
    responses((status = 200, body = DataBody<InsertedAnnotation>), (status = 404), (status = 422))
)]
async fn create_session_note(
    cx: Cx<TracesWrite>,
    Json(body): Json<CreateSessionNoteRequestBody>,
) -> Answer<axum::Json<DataBody<InsertedAnnotation>>> {
    body.add(&cx).await
}
