//! Annotation configs. They are the whole deployment's: a credential that is bound to projects sees those that its
//! projects use, and changes none.

use std::collections::{BTreeSet, HashSet};

use serde_json::json;

use super::{
    audit::{self, Event},
    cx::Cx,
    projects,
};
use crate::{
    db::{Conn, Tx},
    domain::{
        annotation::NOTE,
        annotation_config::{AnnotationConfig, ConfigKind, ConfigRef, NewConfig},
        audit::{Action, Subject},
        id::{AnnotationConfigId, ProjectId},
        page::{Order, Page, PageRequest},
        project::{Project, ProjectRef, Projects},
        scope::{ProjectsRead, ProjectsWrite},
    },
    error::{Error, Result},
    store::{self, annotation_configs::ConfigFilter},
};

/// The longest name or label, in bytes.
const MAX_NAME_BYTES: usize = 1_024;
/// The longest description, in bytes.
const MAX_DESCRIPTION_BYTES: usize = 65_536;
/// The most values of one config.
const MAX_VALUES: usize = 1_000;
/// The most configs of one project.
const MAX_OF_PROJECT: u32 = 1_000;
const BEYOND: &str = "change annotation configs, which every project may use";

/// Checks everything about a config that can be said without the others.
fn check(config: &NewConfig) -> Result<()> {
    let short = |field: &'static str, text: &str, max: usize| {
        if text.len() > max {
            return Err(Error::invalid(field, format!("{field} has at most {max} bytes")));
        }
        Ok(())
    };
    short("name", &config.name, MAX_NAME_BYTES)?;
    if config.name == NOTE {
        let detail = "The name 'note' is reserved for trace and span notes and cannot be used for annotation configs.";
        return Err(Error::Conflict(detail.into()));
    }
    let content = &config.content;
    short("description", content.description.as_deref().unwrap_or_default(), MAX_DESCRIPTION_BYTES)?;
    // A 400 on the wire, which lists no fields: the sentence names them.
    let wrong = |sentence: String| Err(Error::Malformed(sentence.into()));
    if config.kind == ConfigKind::Categorical {
        if content.values.is_empty() {
            return wrong("values: Values must be non-empty".to_owned());
        }
        if content.values.len() > MAX_VALUES {
            return Err(Error::invalid("values", format!("values has at most {MAX_VALUES} entries")));
        }
        let mut labels = HashSet::new();
        for value in &content.values {
            let label = value.label.as_str();
            short("values", label, MAX_NAME_BYTES)?;
            if label.is_empty() {
                return wrong("values: Label must be non-empty".to_owned());
            }
            if !labels.insert(label) {
                return wrong(format!(
                    "values: Values for categorical annotation config has duplicate label: \"{label}\""
                ));
            }
        }
    }
    if let (Some(lower), Some(upper)) = (content.lower_bound, content.upper_bound)
        && lower >= upper
    {
        return wrong("lower_bound: Lower bound must be strictly less than upper bound".to_owned());
    }
    Ok(())
}

fn not_found() -> Error {
    Error::NotFound("Annotation configuration not found".into())
}

async fn find(conn: Conn<'_>, access: &Projects, config: &ConfigRef) -> Result<AnnotationConfig> {
    let filter = ConfigFilter { config: Some(config), ..ConfigFilter::default() };
    let one = PageRequest { from: None, limit: 1, order: Order::Asc };
    let found = store::annotation_configs::list(conn, access, &filter, one).await?;
    found.items.into_iter().next().ok_or_else(not_found)
}

fn told(config: &NewConfig) -> serde_json::Value {
    json!({ "name": config.name, "type": config.kind.as_str(), "content": config.content })
}

fn subject(config: &AnnotationConfig) -> Subject {
    Subject { kind: "annotation_config".to_owned(), id: Some(config.global_id()), name: Some(config.name.clone()) }
}

fn stored(id: AnnotationConfigId, new: NewConfig) -> AnnotationConfig {
    AnnotationConfig { id, name: new.name, kind: new.kind, content: new.content }
}

fn before(config: &AnnotationConfig) -> NewConfig {
    NewConfig { name: config.name.clone(), kind: config.kind, content: config.content.clone() }
}

/// Lists configs.
pub async fn list(cx: &Cx<ProjectsRead>, page: PageRequest) -> Result<Page<AnnotationConfig>> {
    let mut reader = cx.read().await?;
    store::annotation_configs::list(reader.conn(), &cx.projects(), &ConfigFilter::default(), page).await
}

/// Returns a config.
pub async fn get(cx: &Cx<ProjectsRead>, config: &ConfigRef) -> Result<AnnotationConfig> {
    let mut reader = cx.read().await?;
    find(reader.conn(), &cx.projects(), config).await
}

/// Makes a config.
pub async fn create(cx: &Cx<ProjectsWrite>, new: NewConfig) -> Result<AnnotationConfig> {
    cx.refuse_bound(BEYOND)?;
    check(&new)?;
    let mut tx = cx.begin().await?;
    let id = store::annotation_configs::add(tx.conn(), &new, cx.now()).await?;
    let details = told(&new);
    let config = stored(id, new);
    let event = Event { action: Action::AnnotationConfigCreate, subject: subject(&config), details };
    audit::record(&mut tx, cx, event).await?;
    tx.commit().await?;
    Ok(config)
}

/// Puts another in the place of a config.
pub async fn update(cx: &Cx<ProjectsWrite>, id: AnnotationConfigId, new: NewConfig) -> Result<AnnotationConfig> {
    cx.refuse_bound(BEYOND)?;
    check(&new)?;
    let mut tx = cx.begin().await?;
    let old = find(tx.conn(), &cx.projects(), &ConfigRef::Id(id)).await?;
    if !store::annotation_configs::update(tx.conn(), id, &new, cx.now()).await? {
        return Err(not_found());
    }
    let details = json!({ "before": told(&before(&old)), "after": told(&new) });
    let config = stored(id, new);
    let event = Event { action: Action::AnnotationConfigUpdate, subject: subject(&config), details };
    audit::record(&mut tx, cx, event).await?;
    tx.commit().await?;
    Ok(config)
}

/// Deletes a config, whichever projects use it; annotations stay. Returns what it was.
pub async fn delete(cx: &Cx<ProjectsWrite>, id: AnnotationConfigId) -> Result<AnnotationConfig> {
    cx.refuse_bound(BEYOND)?;
    let mut tx = cx.begin().await?;
    let config = find(tx.conn(), &cx.projects(), &ConfigRef::Id(id)).await?;
    if !store::annotation_configs::delete(tx.conn(), id).await? {
        return Err(not_found());
    }
    let details = told(&before(&config));
    let event = Event { action: Action::AnnotationConfigDelete, subject: subject(&config), details };
    audit::record(&mut tx, cx, event).await?;
    tx.commit().await?;
    Ok(config)
}

/// Lists the configs that a project uses.
pub async fn list_of(cx: &Cx<ProjectsRead>, project: &ProjectRef, page: PageRequest) -> Result<Page<AnnotationConfig>> {
    let project = projects::find(cx, project).await?;
    let mut reader = cx.read().await?;
    let filter = ConfigFilter { project: Some(project.id), ..ConfigFilter::default() };
    store::annotation_configs::list(reader.conn(), &cx.projects(), &filter, page).await
}

/// The configs of a project, newest first.
const OF_PROJECT: PageRequest = PageRequest { from: None, limit: MAX_OF_PROJECT, order: Order::Desc };

async fn used(tx: &mut Tx, access: &Projects, project: ProjectId) -> Result<Vec<AnnotationConfig>> {
    let filter = ConfigFilter { project: Some(project), ..ConfigFilter::default() };
    Ok(store::annotation_configs::list(tx.conn(), access, &filter, OF_PROJECT).await?.items)
}

/// Finds a project within the transaction that changes it, and holds it against its deletion.
async fn held(cx: &Cx<ProjectsWrite>, tx: &mut Tx, project: &ProjectRef) -> Result<Project> {
    let project = projects::find_in(cx, tx, project).await?;
    if !store::projects::hold(tx.conn(), project.id).await? {
        return Err(projects::not_found(&ProjectRef::Id(project.id)));
    }
    Ok(project)
}

async fn record(cx: &Cx<ProjectsWrite>, tx: &mut Tx, project: &Project, names: [Vec<String>; 2]) -> Result<()> {
    let [before, after] = names;
    let details = json!({ "annotationConfigs": { "before": before, "after": after } });
    let event = Event { action: Action::ProjectAnnotationConfigs, subject: audit::project(project), details };
    audit::record(tx, cx, event).await
}

fn names(configs: &[AnnotationConfig]) -> Vec<String> {
    configs.iter().map(|c| c.name.clone()).collect()
}

/// Has a project use these configs and no others. Returns them, newest first.
pub async fn set(
    cx: &Cx<ProjectsWrite>,
    project: &ProjectRef,
    ids: BTreeSet<AnnotationConfigId>,
) -> Result<Vec<AnnotationConfig>> {
    let access = cx.projects();
    let mut tx = cx.begin().await?;
    let project = held(cx, &mut tx, project).await?;
    let ids: Vec<AnnotationConfigId> = ids.into_iter().collect();
    if ids.len() > usize::try_from(MAX_OF_PROJECT).unwrap_or(usize::MAX) {
        let detail = format!("A project uses at most {MAX_OF_PROJECT} annotation configurations");
        return Err(Error::invalid("annotation_config_ids", detail));
    }
    let filter = ConfigFilter { ids: Some(&ids), ..ConfigFilter::default() };
    let wanted = store::annotation_configs::list(tx.conn(), &access, &filter, OF_PROJECT).await?.items;
    if wanted.len() < ids.len() {
        let detail = "One or more annotation configurations were not found";
        return Err(Error::invalid("annotation_config_ids", detail));
    }
    let before = used(&mut tx, &access, project.id).await?;
    store::annotation_configs::unassign_all(tx.conn(), project.id).await?;
    store::annotation_configs::assign(tx.conn(), project.id, &ids).await?;
    record(cx, &mut tx, &project, [names(&before), names(&wanted)]).await?;
    tx.commit().await?;
    Ok(wanted)
}

/// Has a project use a config beside those that it uses already.
pub async fn assign(cx: &Cx<ProjectsWrite>, project: &ProjectRef, config: &ConfigRef) -> Result<AnnotationConfig> {
    let access = cx.projects();
    let mut tx = cx.begin().await?;
    let project = held(cx, &mut tx, project).await?;
    let config = find(tx.conn(), &access, config).await?;
    let before = used(&mut tx, &access, project.id).await?;
    if before.iter().any(|c| c.id == config.id) {
        return Ok(config);
    }
    if before.len() >= usize::try_from(MAX_OF_PROJECT).unwrap_or(usize::MAX) {
        let detail = format!("A project uses at most {MAX_OF_PROJECT} annotation configurations");
        return Err(Error::invalid("config_identifier", detail));
    }
    store::annotation_configs::assign(tx.conn(), project.id, &[config.id]).await?;
    let after = names(&before).into_iter().chain([config.name.clone()]).collect();
    record(cx, &mut tx, &project, [names(&before), after]).await?;
    tx.commit().await?;
    Ok(config)
}

/// Has a project use a config no longer; it need not have done so.
pub async fn unassign(cx: &Cx<ProjectsWrite>, project: &ProjectRef, config: &ConfigRef) -> Result<()> {
    let access = cx.projects();
    let mut tx = cx.begin().await?;
    let project = held(cx, &mut tx, project).await?;
    let config = find(tx.conn(), &access, config).await?;
    let before = used(&mut tx, &access, project.id).await?;
    if store::annotation_configs::unassign(tx.conn(), project.id, config.id).await? {
        let after = before.iter().filter(|c| c.id != config.id).map(|c| c.name.clone()).collect();
        record(cx, &mut tx, &project, [names(&before), after]).await?;
        tx.commit().await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::annotation_config::{CategoricalValue, ConfigContent};

    #[test]
    fn what_contradicts_itself_is_refused() {
        let config = |kind, content| check(&NewConfig { name: "c".to_owned(), kind, content });
        let values = |labels: &[&str]| ConfigContent {
            values: labels.iter().map(|l| CategoricalValue { label: (*l).to_owned(), score: None }).collect(),
            ..ConfigContent::default()
        };
        assert!(config(ConfigKind::Categorical, values(&["a", "b"])).is_ok());
        for labels in [&[][..], &[""], &["a", "a"]] {
            assert!(config(ConfigKind::Categorical, values(labels)).is_err(), "{labels:?}");
        }
        let bounds =
            |lower, upper| ConfigContent { lower_bound: lower, upper_bound: upper, ..ConfigContent::default() };
        assert!(config(ConfigKind::Continuous, bounds(Some(0.0), None)).is_ok());
        assert!(config(ConfigKind::Continuous, bounds(Some(1.0), Some(1.0))).is_err());
    }
}
