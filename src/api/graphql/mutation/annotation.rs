//! Changes to annotations of spans and traces, and to notes.

use async_graphql::{Context, ID, InputObject, Json, MaybeUndefined, Object, OneofObject, Result, SimpleObject};
use serde_json::Value;

use super::super::{
    context::ContextExt as _,
    query::{
        Query,
        annotation::{AnnotationSource, AnnotatorKind, SpanAnnotation, TraceAnnotation},
    },
};
use crate::{
    domain::{
        annotation::{AnnotationSource as Source, Judgement, Target},
        change::Change,
        id::{AnnotationId, GlobalId},
    },
    error::Error,
    service::annotations::{self, AnnotationPatch, NewNote, OfRow, RowOrKey},
};

/// Changes to annotations.
#[derive(Clone, Copy, Debug)]
pub(super) struct AnnotationMutation;

macro_rules! create_input {
    ($name:ident, $field:ident, $of:literal) => {
        #[doc = concat!("What is said of a ", $of, ".")]
        #[derive(InputObject)]
        pub(super) struct $name {
            #[doc = concat!("The global id of the ", $of, ".")]
            $field: ID,
            /// What is judged; not `note`.
            name: String,
            /// Who judged.
            annotator_kind: AnnotatorKind,
            /// The judgement in a word.
            #[graphql(default)]
            label: Option<String>,
            /// The judgement as a number.
            #[graphql(default)]
            score: Option<f64>,
            /// Why.
            #[graphql(default)]
            explanation: Option<String>,
            /// Whatever else is known.
            metadata: Json<Value>,
            /// By which way it comes.
            source: AnnotationSource,
            /// Tells several annotations of one name apart. Without it, each person has one of each name by way of the web
            /// application, and all have one by way of the API.
            identifier: Option<String>,
        }

        impl From<$name> for (ID, Judgement, Option<String>) {
            fn from(input: $name) -> Self {
                let judgement = Judgement {
                    name: input.name,
                    identifier: String::new(),
                    annotator_kind: input.annotator_kind.into(),
                    source: input.source.into(),
                    label: input.label,
                    score: input.score,
                    explanation: input.explanation,
                    metadata: input.metadata.0,
                    document_position: 0,
                };
                (input.$field, judgement, input.identifier)
            }
        }
    };
}
create_input!(CreateSpanAnnotationInput, span_id, "span");
create_input!(CreateTraceAnnotationInput, trace_id, "trace");

/// What to change about an annotation; what is missing stays as it is.
#[derive(InputObject)]
pub(super) struct PatchAnnotationInput {
    /// The global id.
    annotation_id: ID,
    /// What is judged.
    name: Option<String>,
    /// Who judged.
    annotator_kind: Option<AnnotatorKind>,
    /// The judgement in a word; null takes it away.
    label: MaybeUndefined<String>,
    /// The judgement as a number; null takes it away.
    score: MaybeUndefined<f64>,
    /// Why; null takes it away.
    explanation: MaybeUndefined<String>,
    /// Whatever else is known.
    metadata: Option<Json<Value>>,
    /// Tells several annotations of one name apart; null takes it away.
    identifier: MaybeUndefined<String>,
    /// By which way it came.
    source: Option<AnnotationSource>,
}

/// Which annotations to delete.
#[derive(InputObject)]
pub(super) struct DeleteAnnotationsInput {
    /// Their global ids.
    annotation_ids: Vec<ID>,
}

/// A span, by one of its ids.
#[derive(OneofObject)]
pub(super) enum SpanReferenceInput {
    /// The global id.
    Id(ID),
    /// The OpenTelemetry id.
    OtelId(String),
}

/// A note to a span.
#[derive(InputObject)]
pub(super) struct CreateSpanNoteInput {
    /// The span.
    span: SpanReferenceInput,
    /// The text.
    note: String,
    /// Who wrote it.
    annotator_kind: AnnotatorKind,
    /// By which way it comes.
    source: AnnotationSource,
    /// Replaces the note of the same identifier; without one it is a further note.
    identifier: Option<String>,
}

/// The annotations as made, as changed, or as they were.
#[derive(SimpleObject)]
pub(super) struct SpanAnnotationMutationPayload {
    /// In the order that was asked.
    span_annotations: Vec<SpanAnnotation>,
    /// The root of queries, to read on.
    query: Query,
}

/// The annotations as made, as changed, or as they were.
#[derive(SimpleObject)]
pub(super) struct TraceAnnotationMutationPayload {
    /// In the order that was asked.
    trace_annotations: Vec<TraceAnnotation>,
    /// The root of queries, to read on.
    query: Query,
}

fn change<T>(given: MaybeUndefined<T>) -> Change<T> {
    match given {
        MaybeUndefined::Undefined => Change::Keep,
        MaybeUndefined::Null => Change::Clear,
        MaybeUndefined::Value(value) => Change::Set(value),
    }
}

fn shown(id: &ID) -> String {
    id.chars().take(64).collect()
}

fn read_id(target: Target, id: &ID) -> Result<AnnotationId, Error> {
    let noun = target.noun();
    let read = GlobalId::decode_as(id, target.type_name()).map(AnnotationId);
    read.ok_or_else(|| Error::invalid("annotationId", format!("Invalid {noun} annotation ID: {}", shown(id))))
}

/// Reads what annotations are said of; an id that is none names nothing.
fn of_rows<T: Into<(ID, Judgement, Option<String>)>>(type_name: &'static str, input: Vec<T>) -> Vec<OfRow> {
    let read = |one: T| {
        let (id, mut judgement, identifier) = one.into();
        let of_person = identifier.is_none() && judgement.source == Source::App;
        judgement.identifier = identifier.unwrap_or_default();
        let row = GlobalId::decode_as(&id, type_name);
        OfRow { of: RowOrKey::Row(row, shown(&id)), judgement, of_person }
    };
    input.into_iter().map(read).collect()
}

async fn patch(
    ctx: &Context<'_>,
    target: Target,
    input: Vec<PatchAnnotationInput>,
) -> Result<Vec<crate::domain::annotation::Annotation>> {
    let cx = ctx.cx()?;
    let read = |one: PatchAnnotationInput| {
        Ok(AnnotationPatch {
            id: read_id(target, &one.annotation_id)?,
            name: one.name,
            annotator_kind: one.annotator_kind.map(Into::into),
            label: change(one.label),
            score: change(one.score),
            explanation: change(one.explanation),
            metadata: one.metadata.map(|m| m.0),
            identifier: change(one.identifier),
            source: one.source.map(Into::into),
        })
    };
    let patches = input.into_iter().map(read).collect::<Result<Vec<_>, Error>>()?;
    Ok(annotations::patch(&cx, target, patches).await?)
}

async fn delete(
    ctx: &Context<'_>,
    target: Target,
    input: DeleteAnnotationsInput,
) -> Result<Vec<crate::domain::annotation::Annotation>> {
    let cx = ctx.cx()?;
    let ids = input.annotation_ids.iter().map(|id| read_id(target, id)).collect::<Result<Vec<_>, Error>>()?;
    Ok(annotations::delete_by_ids(&cx, target, &ids).await?)
}

fn of_spans(found: Vec<crate::domain::annotation::Annotation>) -> SpanAnnotationMutationPayload {
    let span_annotations = found.into_iter().map(SpanAnnotation::from).collect();
    SpanAnnotationMutationPayload { span_annotations, query: Query }
}

fn of_traces(found: Vec<crate::domain::annotation::Annotation>) -> TraceAnnotationMutationPayload {
    let trace_annotations = found.into_iter().map(TraceAnnotation::from).collect();
    TraceAnnotationMutationPayload { trace_annotations, query: Query }
}

#[Object]
impl AnnotationMutation {
    /// Annotates spans. One of the same span, name and identifier is replaced.
    async fn create_span_annotations(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is said; all or nothing is written.")] input: Vec<CreateSpanAnnotationInput>,
    ) -> Result<SpanAnnotationMutationPayload> {
        let cx = ctx.cx()?;
        Ok(of_spans(annotations::annotate_rows(&cx, Target::Span, of_rows("Span", input)).await?))
    }

    /// Changes annotations of spans; everybody their own.
    async fn patch_span_annotations(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change; all or nothing is.")] input: Vec<PatchAnnotationInput>,
    ) -> Result<SpanAnnotationMutationPayload> {
        Ok(of_spans(patch(ctx, Target::Span, input).await?))
    }

    /// Deletes annotations of spans: administrators everybody's, others their own.
    async fn delete_span_annotations(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which ones; all or none are deleted.")] input: DeleteAnnotationsInput,
    ) -> Result<SpanAnnotationMutationPayload> {
        Ok(of_spans(delete(ctx, Target::Span, input).await?))
    }

    /// Adds notes to spans.
    async fn create_span_notes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The notes; all or none are written.")] input: Vec<CreateSpanNoteInput>,
    ) -> Result<SpanAnnotationMutationPayload> {
        let cx = ctx.cx()?;
        let read = |one: CreateSpanNoteInput| {
            let note = NewNote {
                text: one.note,
                identifier: one.identifier,
                annotator_kind: one.annotator_kind.into(),
                source: one.source.into(),
            };
            let of = match one.span {
                SpanReferenceInput::Id(id) => RowOrKey::Row(GlobalId::decode_as(&id, "Span"), shown(&id)),
                SpanReferenceInput::OtelId(id) => RowOrKey::Key(id),
            };
            (of, note)
        };
        let notes = input.into_iter().map(read).collect();
        Ok(of_spans(annotations::add_notes(&cx, Target::Span, notes).await?))
    }

    /// Deletes notes of spans: administrators everybody's, others their own.
    async fn delete_span_notes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which ones; all or none are deleted.")] input: DeleteAnnotationsInput,
    ) -> Result<SpanAnnotationMutationPayload> {
        Ok(of_spans(delete(ctx, Target::Span, input).await?))
    }

    /// Annotates traces. One of the same trace, name and identifier is replaced.
    async fn create_trace_annotations(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is said; all or nothing is written.")] input: Vec<CreateTraceAnnotationInput>,
    ) -> Result<TraceAnnotationMutationPayload> {
        let cx = ctx.cx()?;
        Ok(of_traces(annotations::annotate_rows(&cx, Target::Trace, of_rows("Trace", input)).await?))
    }

    /// Changes annotations of traces; everybody their own.
    async fn patch_trace_annotations(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change; all or nothing is.")] input: Vec<PatchAnnotationInput>,
    ) -> Result<TraceAnnotationMutationPayload> {
        Ok(of_traces(patch(ctx, Target::Trace, input).await?))
    }

    /// Deletes annotations of traces: administrators everybody's, others their own.
    async fn delete_trace_annotations(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which ones; all or none are deleted.")] input: DeleteAnnotationsInput,
    ) -> Result<TraceAnnotationMutationPayload> {
        Ok(of_traces(delete(ctx, Target::Trace, input).await?))
    }
}
