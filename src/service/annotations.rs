//! Annotations and notes: what is said of spans, traces, sessions and retrieved documents.
//!
//! Whatever is answered with success is committed: what is said of something that has not arrived yet is kept, and applied
//! when it does (`pending_annotations`).

use std::collections::{BTreeSet, HashMap, HashSet};

use serde_json::json;

use super::{
    annotation_rules::{Place, check, count_documents, refuse_note, refuse_note_as_input},
    audit::{self, Event},
    cx::Cx,
    pending_annotations, projects,
};
use crate::{
    auth::principal::{Credential, Principal},
    db::Tx,
    domain::{
        annotation::{
            Annotation, AnnotationFilter, AnnotationSource, AnnotatorKind, DeleteFilter, Judgement, NOTE, Target,
            TargetKey,
        },
        audit::Action,
        change::Change,
        id::{AnnotationId, GlobalId, SpanRowId, UserId},
        page::{Page, PageRequest},
        project::{ProjectRef, Projects},
        scope::{Access, Role, TracesRead, TracesWrite},
        time::UnixNanos,
    },
    error::{Error, Result},
    store::{
        self,
        annotations::{NewAnnotation, Standing},
        pending_annotations::Pending,
    },
};

/// The most annotations of one request.
const MAX_BATCH: usize = 10_000;
/// Ids that a refusal repeats.
const MAX_SHOWN: usize = 100;
/// Spans whose documents are counted at a time: each is read with all its attributes.
const SPANS_AT_ONCE: usize = 100;
/// Rows that one transaction of a bulk deletion removes: ingest waits for the same writer.
const SLICE: i64 = 2_000;

/// Something said, of what the caller names by the id that its application gave it.
#[derive(Clone, Debug)]
pub struct Said {
    /// The id of the span, trace or session.
    pub key: String,
    /// What is said.
    pub judgement: Judgement,
}

/// Returns who annotates, for the rows: nobody when authentication is off.
pub(super) fn author(principal: &Principal) -> Option<UserId> {
    (principal.credential != Credential::Open).then_some(principal.user_id)
}

/// Whether the caller may do with everybody's annotations what others may with their own.
fn is_admin(principal: &Principal) -> bool {
    principal.role == Role::Admin
}

fn check_all(target: Target, said: &[Said]) -> Result<()> {
    if said.len() > MAX_BATCH {
        return Err(Error::invalid("data", format!("At most {MAX_BATCH} annotations are taken at once")));
    }
    for (at, one) in said.iter().enumerate() {
        refuse_note(target, &one.judgement.name)?;
        check(&one.judgement, &Place::Result(at))?;
    }
    Ok(())
}

/// What is to be written of a batch, and what has nothing to be written of.
pub(super) struct Sorted {
    /// The row of each, if there is one.
    rows: Vec<Option<i64>>,
}

impl Sorted {
    /// Looks up what the annotations are said of.
    pub(super) async fn look_up(
        tx: &mut Tx,
        access: &Projects,
        target: Target,
        keys: impl Iterator<Item = &str>,
    ) -> Result<Self> {
        let keys: Vec<Option<TargetKey>> = keys.map(|key| TargetKey::parse(target, key)).collect();
        let distinct: BTreeSet<&TargetKey> = keys.iter().flatten().collect();
        let distinct: Vec<&TargetKey> = distinct.into_iter().collect();
        if distinct.is_empty() {
            return Ok(Self { rows: vec![None; keys.len()] });
        }
        let found = store::annotation_targets::find_all(tx.conn(), access, None, target, &distinct).await?;
        Ok(Self { rows: keys.iter().map(|key| found.get(key.as_ref()?).copied()).collect() })
    }

    /// Writes what has something to be written of; returns the row id of each annotation, in the order given.
    pub(super) async fn write(
        &self,
        tx: &mut Tx,
        access: &Projects,
        target: Target,
        said: &[(&Judgement, Option<UserId>, UnixNanos)],
        standing: Standing,
    ) -> Result<Vec<Outcome>> {
        let ids: BTreeSet<i64> = self.rows.iter().flatten().copied().collect();
        if ids.is_empty() {
            return Ok(vec![Outcome::NotThere; said.len()]);
        }
        let ids: Vec<i64> = ids.into_iter().collect();
        let held = store::annotation_targets::hold(tx.conn(), access, target, &ids).await?;
        let mut new = Vec::with_capacity(said.len());
        let mut outcomes = vec![Outcome::NotThere; said.len()];
        let mut places = Vec::with_capacity(said.len());
        for (at, (row, (judgement, user_id, said_at))) in self.rows.iter().zip(said).enumerate() {
            let Some((target_id, project_id)) = row.and_then(|id| Some((id, *held.get(&id)?))) else { continue };
            new.push(NewAnnotation { project_id, target_id, judgement, user_id: *user_id, said_at: *said_at });
            places.push(at);
        }
        let written = store::annotations::put(tx.conn(), access, target, &new, standing).await?;
        for (at, id) in places.into_iter().zip(written) {
            outcomes[at] = id.map_or(Outcome::Outdated, Outcome::Written);
        }
        Ok(outcomes)
    }

    /// Returns how many documents the span of each annotation retrieved; nothing for a span that is not there.
    async fn documents(&self, tx: &mut Tx, access: &Projects) -> Result<Vec<Option<i32>>> {
        let ids: BTreeSet<SpanRowId> = self.rows.iter().flatten().map(|id| SpanRowId(*id)).collect();
        let ids: Vec<SpanRowId> = ids.into_iter().collect();
        let mut counts: HashMap<i64, i32> = HashMap::with_capacity(ids.len());
        for some in ids.chunks(SPANS_AT_ONCE) {
            let spans = store::span_search::list_by_ids(tx.conn(), access, some).await?;
            counts.extend(spans.into_values().map(|span| (span.id.0, count_documents(&span))));
        }
        Ok(self.rows.iter().map(|row| counts.get(row.as_ref()?).copied()).collect())
    }

    /// Forgets the rows of annotations whose document the span does not have; returns which these are.
    pub(super) async fn drop_misfits(
        &mut self,
        tx: &mut Tx,
        access: &Projects,
        positions: impl Iterator<Item = i32>,
    ) -> Result<Vec<bool>> {
        let counts = self.documents(tx, access).await?;
        let misfits: Vec<bool> =
            counts.iter().zip(positions).map(|(count, at)| count.is_some_and(|n| !(0..n).contains(&at))).collect();
        for (row, misfits) in self.rows.iter_mut().zip(&misfits) {
            if *misfits {
                *row = None;
            }
        }
        Ok(misfits)
    }
}

/// What became of one annotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It was written.
    Written(AnnotationId),
    /// Something that was said later stands.
    Outdated,
    /// What it is said of is not there.
    NotThere,
}

/// Writes what is said of what is there; returns with it what has nothing to be said of.
async fn write(cx: &Cx<TracesWrite>, tx: &mut Tx, target: Target, said: &[Said]) -> Result<Vec<Outcome>> {
    let access = cx.projects();
    let sorted = Sorted::look_up(tx, &access, target, said.iter().map(|s| s.key.as_str())).await?;
    if target == Target::Document {
        let counts = sorted.documents(tx, &access).await?;
        for (at, (one, count)) in said.iter().zip(counts).enumerate() {
            let (position, Some(count)) = (one.judgement.document_position, count) else { continue };
            if !(0..count).contains(&position) {
                let (key, max) = (&one.key, count - 1);
                return Err(Error::invalid(
                    format!("data[{at}].document_position"),
                    format!("Document position {position} is out of bounds for span {key} (max: {max})"),
                ));
            }
        }
    }
    let (user_id, now) = (author(cx.principal()?), cx.now());
    let said: Vec<_> = said.iter().map(|s| (&s.judgement, user_id, now)).collect();
    sorted.write(tx, &access, target, &said, Standing::Replaced).await
}

/// Annotates what is there; fails as a whole if anything is not. Returns the row id of each annotation, in the order
/// given: those of the same name and identifier are replaced.
pub async fn annotate(cx: &Cx<TracesWrite>, target: Target, said: &[Said]) -> Result<Vec<AnnotationId>> {
    check_all(target, said)?;
    if said.is_empty() {
        return Ok(Vec::new());
    }
    let mut tx = cx.begin().await?;
    let outcomes = write(cx, &mut tx, target, said).await?;
    let mut ids = Vec::with_capacity(said.len());
    let mut missing: Vec<&str> = Vec::new();
    let mut seen = HashSet::new();
    for (one, outcome) in said.iter().zip(outcomes) {
        match outcome {
            Outcome::Written(id) => ids.push(id),
            Outcome::Outdated | Outcome::NotThere => {
                if seen.insert(one.key.as_str()) {
                    missing.push(&one.key);
                }
            }
        }
    }
    if !missing.is_empty() {
        let more = if missing.len() > MAX_SHOWN { ", …" } else { "" };
        missing.truncate(MAX_SHOWN);
        let ids = missing.join(", ");
        return Err(Error::NotFound(format!("{} with IDs {ids}{more} do not exist.", target.plural()).into()));
    }
    tx.commit().await?;
    Ok(ids)
}

/// Annotates what is there, and keeps what is said of anything else until it arrives.
pub async fn submit(cx: &Cx<TracesWrite>, target: Target, said: Vec<Said>) -> Result<()> {
    check_all(target, &said)?;
    if said.is_empty() {
        return Ok(());
    }
    let mut tx = cx.begin().await?;
    let outcomes = write(cx, &mut tx, target, &said).await?;
    let (user_id, received_at, access) = (author(cx.principal()?), cx.now(), cx.projects());
    let waiting: Vec<Pending> = said
        .into_iter()
        .zip(outcomes)
        .filter(|(_, outcome)| *outcome == Outcome::NotThere)
        .map(|(one, _)| Pending {
            id: 0,
            received_at,
            access: access.clone(),
            target,
            key: one.key,
            judgement: one.judgement,
            user_id,
        })
        .collect();
    if !waiting.is_empty() {
        pending_annotations::keep(&mut tx, &waiting, received_at).await?;
    }
    tx.commit().await
}

/// A note to be written.
#[derive(Clone, Debug)]
pub struct NewNote {
    /// The text.
    pub text: String,
    /// Replaces the note of the same identifier; without one it is a further note.
    pub identifier: Option<String>,
    /// Who wrote it.
    pub annotator_kind: AnnotatorKind,
    /// By which way it came.
    pub source: AnnotationSource,
}

impl NewNote {
    /// Returns the note as the annotation that it is.
    pub(super) fn judgement(self, target: Target) -> Result<Judgement> {
        let text = self.text.trim();
        if text.is_empty() {
            return Err(Error::invalid("note", "note: String should have at least 1 character"));
        }
        let further = || format!("px-{}-note:{}", target.noun(), uuid::Uuid::new_v4());
        let judgement = Judgement {
            name: NOTE.to_owned(),
            identifier: self.identifier.filter(|i| !i.is_empty()).unwrap_or_else(further),
            annotator_kind: self.annotator_kind,
            source: self.source,
            label: None,
            score: None,
            explanation: Some(text.to_owned()),
            metadata: serde_json::Value::Null,
            document_position: 0,
        };
        check(&judgement, &Place::Note)?;
        Ok(judgement)
    }
}

/// Adds a note to what is there.
pub async fn add_note(cx: &Cx<TracesWrite>, target: Target, key: String, note: NewNote) -> Result<AnnotationId> {
    let said = [Said { judgement: note.judgement(target)?, key }];
    let mut tx = cx.begin().await?;
    let outcomes = write(cx, &mut tx, target, &said).await?;
    let Some(Outcome::Written(id)) = outcomes.first().copied() else {
        let key: String = said[0].key.chars().take(MAX_SHOWN).collect();
        return Err(Error::NotFound(
            match target {
                Target::Session => format!("Session with session_id {key} not found"),
                Target::Trace => format!("Trace with ID {key} not found"),
                Target::Span | Target::Document => format!("Span with ID {key} not found"),
            }
            .into(),
        ));
    };
    tx.commit().await?;
    Ok(id)
}

/// What is annotated, by row id or by the id that its application gave it.
#[derive(Clone, Debug)]
pub enum RowOrKey {
    /// By row id, with the text that it was read from; no row if it was no id.
    Row(Option<i64>, String),
    /// By the id that its application gave it.
    Key(String),
}

/// Something said of what the caller names by row id.
#[derive(Clone, Debug)]
pub struct OfRow {
    /// What is annotated.
    pub of: RowOrKey,
    /// What is said.
    pub judgement: Judgement,
    /// Whether it is the caller's own of that name, whatever others say: the identifier is then made of the caller.
    pub of_person: bool,
}

/// Annotates what is there, by row id; fails as a whole if anything is not. Returns the annotations in the order given.
pub async fn annotate_rows(cx: &Cx<TracesWrite>, target: Target, mut said: Vec<OfRow>) -> Result<Vec<Annotation>> {
    if said.is_empty() {
        return Err(Error::Malformed(format!("No {} annotations provided.", target.noun()).into()));
    }
    for (at, one) in said.iter_mut().enumerate() {
        refuse_note_as_input(&one.judgement.name)?;
        if one.of_person {
            let user = author(cx.principal()?).map_or_else(String::new, |id| GlobalId::encode("User", id.0));
            one.judgement.identifier = format!("px-app:{user}");
        }
        check(&one.judgement, &Place::Input(at))?;
    }
    write_rows(cx, target, &said).await
}

/// Adds notes to what is there, by row id; fails as a whole if anything is not. Returns them in the order given.
pub async fn add_notes(
    cx: &Cx<TracesWrite>,
    target: Target,
    notes: Vec<(RowOrKey, NewNote)>,
) -> Result<Vec<Annotation>> {
    let said = notes
        .into_iter()
        .map(|(of, note)| Ok(OfRow { of, judgement: note.judgement(target)?, of_person: false }))
        .collect::<Result<Vec<_>>>()?;
    if said.is_empty() {
        return Err(Error::Malformed(format!("No {} notes provided.", target.noun()).into()));
    }
    write_rows(cx, target, &said).await
}

async fn write_rows(cx: &Cx<TracesWrite>, target: Target, said: &[OfRow]) -> Result<Vec<Annotation>> {
    if said.len() > MAX_BATCH {
        return Err(Error::invalid("input", format!("At most {MAX_BATCH} annotations are taken at once")));
    }
    let access = cx.projects();
    let mut tx = cx.begin().await?;
    let keys = said.iter().map(|s| match &s.of {
        RowOrKey::Key(key) => key.as_str(),
        RowOrKey::Row(..) => "",
    });
    let mut sorted = Sorted::look_up(&mut tx, &access, target, keys).await?;
    for (row, one) in sorted.rows.iter_mut().zip(said) {
        if let RowOrKey::Row(id, _) = one.of {
            *row = id;
        }
    }
    let (user_id, now) = (author(cx.principal()?), cx.now());
    let rows: Vec<_> = said.iter().map(|s| (&s.judgement, user_id, now)).collect();
    let outcomes = sorted.write(&mut tx, &access, target, &rows, Standing::Replaced).await?;
    let mut ids = Vec::with_capacity(said.len());
    let mut missing = Vec::new();
    for (one, outcome) in said.iter().zip(outcomes) {
        match (outcome, &one.of) {
            (Outcome::Written(id), _) => ids.push(id),
            (_, RowOrKey::Row(_, text) | RowOrKey::Key(text)) => missing.push(text.as_str()),
        }
    }
    if !missing.is_empty() {
        missing.truncate(MAX_SHOWN);
        let ids: Vec<String> =
            missing.iter().map(|id| format!("'{}'", id.chars().take(64).collect::<String>())).collect();
        return Err(Error::NotFound(
            format!("Could not find {}s with IDs: [{}]", target.noun(), ids.join(", ")).into(),
        ));
    }
    let written = store::annotations::list_by_ids(tx.conn(), &access, target, &ids).await?;
    tx.commit().await?;
    Ok(ids.iter().filter_map(|id| written.get(id).cloned()).collect())
}

/// What a list of a project's annotations is asked for by.
#[derive(Clone, Debug, Default)]
pub struct ListQuery {
    /// Of these spans, traces or sessions.
    pub keys: Option<Vec<String>>,
    /// The rest.
    pub filter: AnnotationFilter,
}

/// Lists annotations of a project, each with the id that its target has.
pub async fn list(
    cx: &Cx<TracesRead>,
    project: &ProjectRef,
    target: Target,
    query: ListQuery,
    page: PageRequest,
) -> Result<Page<(Annotation, TargetKey)>> {
    let ListQuery { keys, mut filter } = query;
    let field = match target {
        Target::Span | Target::Document => "span_ids",
        Target::Trace => "trace_ids",
        Target::Session => "session_ids",
    };
    if keys.is_none() && filter.identifiers.is_none() {
        return Err(Error::invalid(field, format!("At least one of {field} or identifier must be supplied")));
    }
    let project = projects::find(cx, project).await?;
    let access = cx.projects();
    let mut reader = cx.read().await?;
    if let Some(keys) = keys {
        let keys: BTreeSet<TargetKey> = keys.iter().filter_map(|key| TargetKey::parse(target, key)).collect();
        let keys: Vec<&TargetKey> = keys.iter().collect();
        let conn = reader.conn();
        let found = store::annotation_targets::find_all(conn, &access, Some(project.id), target, &keys).await?;
        if found.is_empty() {
            return Err(Error::NotFound(format!("None of the supplied {field} exist in this project").into()));
        }
        filter.target_ids = Some(found.into_values().collect());
    }
    let page = store::annotations::list(reader.conn(), &access, project.id, target, &filter, page).await?;
    let ids: BTreeSet<i64> = page.items.iter().map(|a| a.target_id).collect();
    let ids: Vec<i64> = ids.into_iter().collect();
    let keys = store::annotation_targets::keys_of(reader.conn(), &access, target, &ids).await?;
    // What was deleted between the two look-ups is left out.
    let with_key = |a: Annotation| keys.get(&a.target_id).cloned().map(|key| (a, key));
    Ok(Page { items: page.items.into_iter().filter_map(with_key).collect(), next: page.next })
}

/// Deletes annotations of a project: administrators everybody's, others their own.
pub async fn delete_all(
    cx: &Cx<TracesWrite>,
    project: &ProjectRef,
    target: Target,
    mut filter: DeleteFilter,
) -> Result<()> {
    if let (Some(start), Some(end)) = (filter.start, filter.end)
        && start >= end
    {
        return Err(Error::invalid("start_time", "`start_time` must be strictly earlier than `end_time`."));
    }
    let project = projects::find(cx, project).await?;
    let principal = cx.principal()?;
    if !is_admin(principal) {
        filter.user_id = Some(principal.user_id);
    }
    let access = cx.projects();
    let mut tx = cx.begin().await?;
    let doomed = store::annotations::count_doomed(tx.conn(), &access, project.id, target, &filter).await?;
    let Some((count, last)) = doomed else { return Ok(()) };
    let details = json!({
        "of": format!("{}s", target.noun()),
        "count": count,
        "name": filter.name,
        "identifier": filter.identifier,
        "annotatorKind": filter.annotator_kind.map(AnnotatorKind::as_str),
        "startTime": filter.start.map(UnixNanos::to_rfc3339),
        "endTime": filter.end.map(UnixNanos::to_rfc3339),
        "onlyOwn": filter.user_id.is_some(),
    });
    let event = Event { action: Action::ProjectAnnotationsDelete, subject: audit::project(&project), details };
    audit::record(&mut tx, cx, event).await?;
    loop {
        let conn = tx.conn();
        let gone = store::annotations::delete(conn, &access, project.id, target, &filter, last, SLICE).await?;
        tx.commit().await?;
        if gone < SLICE.unsigned_abs() {
            return Ok(());
        }
        tokio::task::yield_now().await;
        tx = cx.begin().await?;
    }
}

/// The most annotations that are read along with others.
const MAX_ALONG: i64 = 50_000;

/// Returns the annotations of these spans or traces, by name and age.
pub async fn of_targets(cx: &Cx<TracesRead>, target: Target, ids: &[i64]) -> Result<HashMap<i64, Vec<Annotation>>> {
    let mut reader = cx.read().await?;
    let found = store::annotations::list_of(reader.conn(), &cx.projects(), target, ids, MAX_ALONG + 1).await?;
    if i64::try_from(found.len()).is_ok_and(|n| n > MAX_ALONG) {
        return Err(Error::TooLarge("These have too many annotations to be read along; ask for fewer at once".into()));
    }
    let mut by_target: HashMap<i64, Vec<Annotation>> = HashMap::new();
    for annotation in found {
        by_target.entry(annotation.target_id).or_default().push(annotation);
    }
    Ok(by_target)
}

/// Returns an annotation of a living project.
pub async fn get(cx: &Cx<TracesRead>, target: Target, id: AnnotationId) -> Result<Annotation> {
    let mut reader = cx.read().await?;
    let found = store::annotations::list_by_ids(reader.conn(), &cx.projects(), target, &[id]).await?;
    found.into_values().next().ok_or_else(|| Error::NotFound("Annotation not found".into()))
}

/// What to change about an annotation.
#[derive(Clone, Debug)]
pub struct AnnotationPatch {
    /// Which one.
    pub id: AnnotationId,
    /// What is judged; an empty one stays.
    pub name: Option<String>,
    /// Who judged.
    pub annotator_kind: Option<AnnotatorKind>,
    /// The judgement in a word.
    pub label: Change<String>,
    /// The judgement as a number.
    pub score: Change<f64>,
    /// Why.
    pub explanation: Change<String>,
    /// Whatever else is known.
    pub metadata: Option<serde_json::Value>,
    /// Tells several of one name apart.
    pub identifier: Change<String>,
    /// By which way it came.
    pub source: Option<AnnotationSource>,
}

/// Finds annotations of which each must be there, once, in the order given.
async fn find_each<S: Access>(
    cx: &Cx<S>,
    tx: &mut Tx,
    target: Target,
    ids: &[AnnotationId],
) -> Result<Vec<Annotation>> {
    let noun = target.noun();
    if ids.is_empty() {
        return Err(Error::Malformed(format!("No {noun} annotations provided.").into()));
    }
    if ids.len() > MAX_BATCH {
        return Err(Error::invalid("input", format!("At most {MAX_BATCH} annotations are taken at once")));
    }
    let mut seen = HashSet::new();
    if let Some(twice) = ids.iter().find(|id| !seen.insert(**id)) {
        return Err(Error::Malformed(format!("Duplicate {noun} annotation ID: {twice}").into()));
    }
    store::annotations::lock(tx.conn(), ids).await?;
    let mut found = store::annotations::list_by_ids(tx.conn(), &cx.projects(), target, ids).await?;
    let missing: Vec<String> =
        ids.iter().filter(|id| !found.contains_key(id)).take(MAX_SHOWN).map(ToString::to_string).collect();
    if !missing.is_empty() {
        let ids = missing.join(", ");
        return Err(Error::NotFound(format!("Could not find {noun} annotations with IDs: {{{ids}}}").into()));
    }
    Ok(ids.iter().filter_map(|id| found.remove(id)).collect())
}

fn refuse_others(target: Target, principal: &Principal, annotations: &[Annotation]) -> Result<()> {
    if annotations.iter().any(|a| a.user_id != author(principal)) {
        let noun = target.noun();
        return Err(Error::forbidden(format!(
            "At least one {noun} annotation is not associated with the current user."
        )));
    }
    Ok(())
}

/// Changes annotations; everybody only their own.
pub async fn patch(cx: &Cx<TracesWrite>, target: Target, patches: Vec<AnnotationPatch>) -> Result<Vec<Annotation>> {
    let ids: Vec<AnnotationId> = patches.iter().map(|p| p.id).collect();
    let mut tx = cx.begin().await?;
    let mut found = find_each(cx, &mut tx, target, &ids).await?;
    let principal = cx.principal()?;
    // Where authentication is off there is nobody to tell apart.
    if principal.credential != Credential::Open {
        refuse_others(target, principal, &found)?;
    }
    for (at, (annotation, patch)) in found.iter_mut().zip(patches).enumerate() {
        let judgement = &mut annotation.judgement;
        if let Some(name) = patch.name.filter(|name| !name.is_empty() && *name != judgement.name) {
            refuse_note_as_input(&name)?;
            judgement.name = name;
        }
        judgement.annotator_kind = patch.annotator_kind.unwrap_or(judgement.annotator_kind);
        judgement.source = patch.source.unwrap_or(judgement.source);
        patch.label.apply(&mut judgement.label);
        patch.score.apply(&mut judgement.score);
        patch.explanation.apply(&mut judgement.explanation);
        if let Some(metadata) = patch.metadata {
            judgement.metadata = metadata;
        }
        match patch.identifier {
            Change::Keep => {}
            Change::Clear => judgement.identifier.clear(),
            Change::Set(identifier) => judgement.identifier = identifier,
        }
        check(judgement, &Place::Input(at))?;
        annotation.updated_at = cx.now();
        store::annotations::update(tx.conn(), &cx.projects(), annotation, cx.now()).await?;
    }
    tx.commit().await?;
    Ok(found)
}

/// Deletes annotations by id: administrators everybody's, others their own. Returns what they were.
pub async fn delete_by_ids(cx: &Cx<TracesWrite>, target: Target, ids: &[AnnotationId]) -> Result<Vec<Annotation>> {
    let mut tx = cx.begin().await?;
    let found = find_each(cx, &mut tx, target, ids).await?;
    let principal = cx.principal()?;
    if !is_admin(principal) {
        refuse_others(target, principal, &found)?;
    }
    store::annotations::delete_by_ids(tx.conn(), &cx.projects(), ids).await?;
    tx.commit().await?;
    Ok(found)
}
