//! Annotations of spans and traces.

use std::collections::BTreeMap;

use async_graphql::{ComplexObject, Context, Enum, ID, InputObject, Json, Object, Result, SimpleObject};
use serde_json::Value;

use super::{
    super::{
        context::ContextExt as _,
        node::global_id,
        scalar::{DateTime, SortDir},
    },
    span::Span,
    trace::Trace,
    user::User,
};
use crate::{
    domain::{
        annotation::{Annotation as DomainAnnotation, AnnotationSource as Source, AnnotatorKind as Kind, NOTE, Target},
        id::{SpanRowId, TraceRowId},
    },
    error::Error,
    service,
};

/// Who judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "Kind")]
pub(in super::super) enum AnnotatorKind {
    /// A language model.
    Llm,
    /// A person.
    Human,
    /// A program.
    Code,
}

/// By which way an annotation came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "Source")]
pub(in super::super) enum AnnotationSource {
    /// By the API.
    Api,
    /// By the web application.
    App,
}

macro_rules! annotation_type {
    ($(#[$doc:meta])* $name:ident { $($own:tt)* }) => {
        $(#[$doc])*
        pub(in super::super) struct $name(DomainAnnotation);

        impl From<DomainAnnotation> for $name {
            fn from(annotation: DomainAnnotation) -> Self {
                Self(annotation)
            }
        }

        $(#[$doc])*
        #[Object]
        impl $name {
            /// The global id.
            pub(in super::super) async fn id(&self) -> ID {
                self.0.target.global_id(self.0.id).into()
            }

            /// What is judged; `note` for notes.
            pub(in super::super) async fn name(&self) -> &str {
                &self.0.judgement.name
            }

            /// Who judged.
            pub(in super::super) async fn annotator_kind(&self) -> AnnotatorKind {
                self.0.judgement.annotator_kind.into()
            }

            /// The judgement in a word.
            pub(in super::super) async fn label(&self) -> Option<&str> {
                self.0.judgement.label.as_deref()
            }

            /// The judgement as a number.
            pub(in super::super) async fn score(&self) -> Option<f64> {
                self.0.judgement.score
            }

            /// Why; the text of a note.
            pub(in super::super) async fn explanation(&self) -> Option<&str> {
                self.0.judgement.explanation.as_deref()
            }

            /// Whatever else is known.
            pub(in super::super) async fn metadata(&self) -> Json<Value> {
                Json(self.0.judgement.metadata.clone())
            }

            /// By which way it came.
            pub(in super::super) async fn source(&self) -> AnnotationSource {
                self.0.judgement.source.into()
            }

            /// Tells several annotations of one name apart.
            pub(in super::super) async fn identifier(&self) -> &str {
                &self.0.judgement.identifier
            }

            /// When it was first said.
            pub(in super::super) async fn created_at(&self) -> DateTime {
                self.0.created_at.into()
            }

            /// When it was last said.
            pub(in super::super) async fn updated_at(&self) -> DateTime {
                self.0.updated_at.into()
            }

            /// Who said it, if anyone is known. Of others only administrators see more than the name and the picture.
            pub(in super::super) async fn user(&self, ctx: &Context<'_>) -> Result<Option<User>> {
                let Some(id) = self.0.user_id else { return Ok(None) };
                Ok(ctx.loaders()?.author(id).await?.map(User::from))
            }

            $($own)*
        }
    };
}

annotation_type! {
    /// What is said of a span.
    SpanAnnotation {
        /// The global id of the span.
        async fn span_id(&self) -> ID {
            global_id("Span", self.0.target_id)
        }

        /// The span.
        async fn span(&self, ctx: &Context<'_>) -> Result<Span> {
            let span = ctx.loaders()?.span(SpanRowId(self.0.target_id)).await?;
            Ok(span.ok_or_else(|| Error::NotFound("Span not found".into()))?.into())
        }
    }
}

annotation_type! {
    /// What is said of a trace.
    TraceAnnotation {
        /// The trace.
        async fn trace(&self, ctx: &Context<'_>) -> Result<Trace> {
            let cx = ctx.cx()?;
            Ok(service::traces::get_living(&cx, TraceRowId(self.0.target_id)).await?.into())
        }
    }
}

/// Which annotations are meant.
#[derive(InputObject)]
pub(in super::super) struct AnnotationFilter {
    /// Those that meet all of this.
    include: Option<AnnotationFilterCondition>,
    /// But those that meet all of this.
    exclude: Option<AnnotationFilterCondition>,
}

/// What annotations have in common; what is null asks nothing.
#[derive(InputObject)]
pub(in super::super) struct AnnotationFilterCondition {
    /// One of these names.
    names: Option<Vec<String>>,
    /// One of these ways.
    sources: Option<Vec<AnnotationSource>>,
    /// Said by one of these users, by global id; null stands for nobody who is known.
    user_ids: Option<Vec<Option<ID>>>,
}

impl AnnotationFilterCondition {
    fn meets(&self, annotation: &DomainAnnotation) -> bool {
        let said = &annotation.judgement;
        let user = annotation.user_id.map(|id| global_id("User", id.0));
        self.names.as_ref().is_none_or(|names| names.contains(&said.name))
            && self.sources.as_ref().is_none_or(|sources| sources.iter().any(|s| Source::from(*s) == said.source))
            && self.user_ids.as_ref().is_none_or(|ids| ids.contains(&user))
    }
}

impl AnnotationFilter {
    fn keeps(&self, annotation: &DomainAnnotation) -> bool {
        self.include.as_ref().is_none_or(|c| c.meets(annotation))
            && !self.exclude.as_ref().is_some_and(|c| c.meets(annotation))
    }
}

/// What annotations are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(rename_items = "camelCase", name = "SpanAnnotationColumn")]
pub(in super::super) enum SpanAnnotationColumn {
    /// When they were first said.
    CreatedAt,
    /// What is judged.
    Name,
}

/// What annotations are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(rename_items = "camelCase")]
pub(in super::super) enum TraceAnnotationColumn {
    /// When they were first said.
    CreatedAt,
    /// What is judged.
    Name,
}

/// The order of a list of annotations.
#[derive(Clone, Copy, Debug, InputObject)]
pub(in super::super) struct SpanAnnotationSort {
    /// By what.
    col: SpanAnnotationColumn,
    /// In which direction.
    dir: SortDir,
}

/// The order of a list of annotations.
#[derive(Clone, Copy, Debug, InputObject)]
pub(in super::super) struct TraceAnnotationSort {
    /// By what.
    col: TraceAnnotationColumn,
    /// In which direction.
    dir: SortDir,
}

/// An order: whether by age, and in which direction.
#[derive(Clone, Copy)]
pub(super) struct By {
    age: bool,
    dir: SortDir,
}

impl From<SpanAnnotationSort> for By {
    fn from(sort: SpanAnnotationSort) -> Self {
        Self { age: sort.col == SpanAnnotationColumn::CreatedAt, dir: sort.dir }
    }
}

impl From<TraceAnnotationSort> for By {
    fn from(sort: TraceAnnotationSort) -> Self {
        Self { age: sort.col == TraceAnnotationColumn::CreatedAt, dir: sort.dir }
    }
}

/// Returns the annotations of a span or a trace without its notes, by name unless sorted otherwise.
pub(super) async fn annotations(
    ctx: &Context<'_>,
    target: Target,
    id: i64,
    by: Option<By>,
    filter: Option<&AnnotationFilter>,
) -> Result<Vec<DomainAnnotation>> {
    let all = ctx.loaders()?.annotations(target, id).await?;
    let keeps = |a: &&DomainAnnotation| a.judgement.name != NOTE && filter.is_none_or(|f| f.keeps(a));
    let mut kept: Vec<DomainAnnotation> = all.iter().filter(keeps).cloned().collect();
    if let Some(by) = by {
        if by.age {
            kept.sort_by_key(|a| (a.created_at, a.id));
        }
        if by.dir == SortDir::Desc {
            kept.reverse();
        }
    }
    Ok(kept)
}

/// Returns the notes of a span, oldest first.
pub(super) async fn notes(ctx: &Context<'_>, id: i64) -> Result<Vec<SpanAnnotation>> {
    let all = ctx.loaders()?.annotations(Target::Span, id).await?;
    let mut notes: Vec<DomainAnnotation> = all.iter().filter(|a| a.judgement.name == NOTE).cloned().collect();
    notes.sort_by_key(|a| (a.created_at, a.id));
    Ok(notes.into_iter().map(SpanAnnotation::from).collect())
}

/// What the annotations of one name come to.
#[derive(SimpleObject)]
#[graphql(complex)]
pub(in super::super) struct AnnotationSummary {
    /// What is judged.
    name: String,
    /// How many annotations there are.
    count: usize,
    /// The mean of the scores; null when none has one.
    mean_score: Option<f64>,
    /// How many have a score.
    score_count: usize,
    /// How many have a label.
    label_count: usize,
    #[graphql(skip)]
    of_label: BTreeMap<String, usize>,
}

/// How often a label is given.
#[derive(SimpleObject)]
pub(in super::super) struct LabelFraction {
    /// The label.
    label: String,
    /// Its share of all labels, from 0 to 1.
    fraction: f64,
}

#[ComplexObject]
impl AnnotationSummary {
    /// The labels, each once.
    async fn labels(&self) -> Vec<&str> {
        self.of_label.keys().map(String::as_str).collect()
    }

    /// How often each label is given.
    async fn label_fractions(&self) -> Vec<LabelFraction> {
        let fraction = |(label, n): (&String, &usize)| LabelFraction {
            label: label.clone(),
            fraction: share(*n, self.label_count),
        };
        self.of_label.iter().map(fraction).collect()
    }
}

#[expect(clippy::cast_precision_loss, reason = "no list of annotations is that long")]
fn share(part: usize, whole: usize) -> f64 {
    part as f64 / whole as f64
}

/// Sums up annotations by name.
pub(super) fn summaries(annotations: &[DomainAnnotation]) -> Vec<AnnotationSummary> {
    let mut by_name: BTreeMap<&str, Vec<&DomainAnnotation>> = BTreeMap::new();
    for annotation in annotations {
        by_name.entry(&annotation.judgement.name).or_default().push(annotation);
    }
    let sum_up = |(name, all): (&str, Vec<&DomainAnnotation>)| {
        let scores: Vec<f64> = all.iter().filter_map(|a| a.judgement.score).collect();
        let mut of_label: BTreeMap<String, usize> = BTreeMap::new();
        for label in all.iter().filter_map(|a| a.judgement.label.clone()) {
            *of_label.entry(label).or_default() += 1;
        }
        #[expect(clippy::cast_precision_loss, reason = "no list of annotations is that long")]
        let mean = |sum: f64| sum / scores.len() as f64;
        AnnotationSummary {
            name: name.to_owned(),
            count: all.len(),
            mean_score: (!scores.is_empty()).then(|| mean(scores.iter().sum())),
            score_count: scores.len(),
            label_count: of_label.values().sum(),
            of_label,
        }
    };
    by_name.into_iter().map(sum_up).collect()
}
