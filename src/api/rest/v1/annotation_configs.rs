//! Annotation configs: how people are asked to annotate, and which projects use them.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::annotations::number;
use crate::{
    api::{
        extract::{Json, Path, Query},
        rest::{
            Routes,
            page::{self, DataBody, ListBody},
            problem::Answer,
            route,
        },
    },
    domain::{
        annotation_config::{
            AnnotationConfig as DomainConfig, BadConfigId, CategoricalValue, ConfigContent, ConfigKind, ConfigRef,
            NewConfig, OptimizationDirection as Direction, read_config_id,
        },
        id::AnnotationConfigId,
        page::{Order, PageRequest},
        project::ProjectRef,
        scope::{ProjectsRead, ProjectsWrite},
    },
    error::Error,
    service::{annotation_configs, cx::Cx},
};

/// Returns the routes of this file.
#[must_use]
pub fn routes() -> Routes {
    Routes::default()
        .add(route!(list_annotation_configs))
        .add(route!(create_annotation_config))
        .add(route!(get_annotation_config))
        .add(route!(update_annotation_config))
        .add(route!(delete_annotation_config))
        .add(route!(get_project_annotation_configs))
        .add(route!(set_project_annotation_configs))
        .add(route!(assign_annotation_config_to_project))
        .add(route!(unassign_annotation_config_from_project))
}

/// Which scores are the better ones.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum OptimizationDirection {
    /// The lower.
    Minimize,
    /// The higher.
    Maximize,
    /// Neither.
    None,
}

impl From<OptimizationDirection> for Direction {
    fn from(direction: OptimizationDirection) -> Self {
        match direction {
            OptimizationDirection::Minimize => Self::Minimize,
            OptimizationDirection::Maximize => Self::Maximize,
            OptimizationDirection::None => Self::None,
        }
    }
}

impl From<Direction> for OptimizationDirection {
    fn from(direction: Direction) -> Self {
        match direction {
            Direction::Minimize => Self::Minimize,
            Direction::Maximize => Self::Maximize,
            Direction::None => Self::None,
        }
    }
}

/// One of the labels to choose from.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct CategoricalAnnotationValue {
    /// The label.
    #[schema(min_length = 1, max_length = 1024)]
    label: String,
    /// The score that it stands for.
    #[serde(default, deserialize_with = "number")]
    score: Option<f64>,
}

/// Asks for one of several labels.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct CategoricalAnnotationConfigData {
    /// Unique name; not `note`.
    #[schema(max_length = 1024)]
    name: String,
    /// Free text.
    description: Option<String>,
    /// Which scores are the better ones.
    optimization_direction: OptimizationDirection,
    /// The labels, each once; at most 1000.
    #[schema(min_items = 1, max_items = 1000)]
    values: Vec<CategoricalAnnotationValue>,
}

/// Asks for a number.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct ContinuousAnnotationConfigData {
    /// Unique name; not `note`.
    #[schema(max_length = 1024)]
    name: String,
    /// Free text.
    description: Option<String>,
    /// Which scores are the better ones.
    optimization_direction: OptimizationDirection,
    /// The lowest score.
    #[serde(default, deserialize_with = "number")]
    lower_bound: Option<f64>,
    /// The highest score; above the lowest.
    #[serde(default, deserialize_with = "number")]
    upper_bound: Option<f64>,
}

/// Asks for a text.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct FreeformAnnotationConfigData {
    /// Unique name; not `note`.
    #[schema(max_length = 1024)]
    name: String,
    /// Free text.
    description: Option<String>,
    /// Which scores are the better ones.
    optimization_direction: Option<OptimizationDirection>,
    /// From where on a score counts as good.
    #[serde(default, deserialize_with = "number")]
    threshold: Option<f64>,
    /// The lowest score.
    #[serde(default, deserialize_with = "number")]
    lower_bound: Option<f64>,
    /// The highest score; above the lowest.
    #[serde(default, deserialize_with = "number")]
    upper_bound: Option<f64>,
}

/// An annotation config, by its `type`.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "UPPERCASE")]
pub enum CreateAnnotationConfigData {
    /// Asks for one of several labels.
    Categorical(CategoricalAnnotationConfigData),
    /// Asks for a number.
    Continuous(ContinuousAnnotationConfigData),
    /// Asks for a text.
    Freeform(FreeformAnnotationConfigData),
}

/// An annotation config with its id.
#[derive(Debug, Serialize, ToSchema)]
pub struct AnnotationConfig {
    #[serde(flatten)]
    data: CreateAnnotationConfigData,
    /// Global id; its type is that of the config.
    id: String,
}

impl From<CreateAnnotationConfigData> for NewConfig {
    fn from(data: CreateAnnotationConfigData) -> Self {
        match data {
            CreateAnnotationConfigData::Categorical(data) => Self {
                name: data.name,
                kind: ConfigKind::Categorical,
                content: ConfigContent {
                    description: data.description,
                    optimization_direction: Some(data.optimization_direction.into()),
                    values: data
                        .values
                        .into_iter()
                        .map(|v| CategoricalValue { label: v.label, score: v.score })
                        .collect(),
                    ..ConfigContent::default()
                },
            },
            CreateAnnotationConfigData::Continuous(data) => Self {
                name: data.name,
                kind: ConfigKind::Continuous,
                content: ConfigContent {
                    description: data.description,
                    optimization_direction: Some(data.optimization_direction.into()),
                    lower_bound: data.lower_bound,
                    upper_bound: data.upper_bound,
                    ..ConfigContent::default()
                },
            },
            CreateAnnotationConfigData::Freeform(data) => Self {
                name: data.name,
                kind: ConfigKind::Freeform,
                content: ConfigContent {
                    description: data.description,
                    optimization_direction: data.optimization_direction.map(Into::into),
                    threshold: data.threshold,
                    lower_bound: data.lower_bound,
                    upper_bound: data.upper_bound,
                    ..ConfigContent::default()
                },
            },
        }
    }
}

impl From<DomainConfig> for AnnotationConfig {
    fn from(config: DomainConfig) -> Self {
        let id = config.global_id();
        let DomainConfig { name, kind, content, .. } = config;
        let ConfigContent { description, optimization_direction, values, threshold, lower_bound, upper_bound } =
            content;
        let optimization_direction: Option<OptimizationDirection> = optimization_direction.map(Into::into);
        let direction = optimization_direction.unwrap_or(OptimizationDirection::None);
        let data = match kind {
            ConfigKind::Categorical => CreateAnnotationConfigData::Categorical(CategoricalAnnotationConfigData {
                name,
                description,
                optimization_direction: direction,
                values: values
                    .into_iter()
                    .map(|v| CategoricalAnnotationValue { label: v.label, score: v.score })
                    .collect(),
            }),
            ConfigKind::Continuous => CreateAnnotationConfigData::Continuous(ContinuousAnnotationConfigData {
                name,
                description,
                optimization_direction: direction,
                lower_bound,
                upper_bound,
            }),
            ConfigKind::Freeform => CreateAnnotationConfigData::Freeform(FreeformAnnotationConfigData {
                name,
                description,
                optimization_direction,
                threshold,
                lower_bound,
                upper_bound,
            }),
        };
        Self { data, id }
    }
}

/// How to list configs.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListConfigsQuery {
    /// Where the page begins, from the page before.
    cursor: Option<String>,
    /// Rows of the page.
    #[param(minimum = 1, default = 100)]
    limit: Option<i64>,
}

/// Configs may be asked for in larger pages: they are few and small.
const MAX_LIMIT: u32 = 1_000_000;

impl ListConfigsQuery {
    fn page(&self) -> Result<PageRequest, Error> {
        page::request(self.cursor.as_deref(), self.limit, MAX_LIMIT, Order::Desc).map_err(|error| match error {
            Error::Invalid { field, .. } if field == "cursor" => {
                let cursor: String = self.cursor.iter().flat_map(|c| c.chars()).take(64).collect();
                Error::Malformed(format!("Invalid cursor: {cursor}").into())
            }
            other => other,
        })
    }
}

/// Reads the id of a config that is to be changed.
fn read_id(text: &str) -> Result<AnnotationConfigId, Error> {
    read_config_id(text).map_err(|bad| match bad {
        BadConfigId::NoId => {
            let shown: String = text.chars().take(64).collect();
            Error::invalid("config_identifier", format!("Invalid annotation configuration ID format: {shown}"))
        }
        BadConfigId::OtherType => Error::Malformed("Invalid annotation configuration ID".into()),
    })
}

type One = Answer<axum::Json<DataBody<AnnotationConfig>>>;
type Many = Answer<axum::Json<ListBody<AnnotationConfig>>>;

fn one(config: DomainConfig) -> axum::Json<DataBody<AnnotationConfig>> {
    axum::Json(DataBody { data: config.into() })
}

/// Lists annotation configs, newest first
///
/// A credential that is bound to projects sees those that its projects use.
#[utoipa::path(
    get, path = "/v1/annotation_configs", operation_id = "listAnnotationConfigs", tag = "annotation_configs",
    params(ListConfigsQuery),
    responses((status = 200, body = ListBody<AnnotationConfig>), (status = 400), (status = 422))
)]
async fn list_annotation_configs(cx: Cx<ProjectsRead>, Query(query): Query<ListConfigsQuery>) -> Many {
    let page = annotation_configs::list(&cx, query.page()?).await?;
    Ok(axum::Json(page.map(AnnotationConfig::from).into()))
}

/// Makes an annotation config
///
/// A credential that is bound to projects may not.
#[utoipa::path(
    post, path = "/v1/annotation_configs", operation_id = "createAnnotationConfig", tag = "annotation_configs",
    request_body = CreateAnnotationConfigData,
    responses((status = 200, body = DataBody<AnnotationConfig>), (status = 400), (status = 409), (status = 422))
)]
async fn create_annotation_config(cx: Cx<ProjectsWrite>, Json(body): Json<CreateAnnotationConfigData>) -> One {
    Ok(one(annotation_configs::create(&cx, body.into()).await?))
}

/// Returns an annotation config by global id or name
#[utoipa::path(
    get, path = "/v1/annotation_configs/{config_identifier}", operation_id = "getAnnotationConfig",
    tag = "annotation_configs",
    params(("config_identifier" = String, Path, description = "Global id or name")),
    responses((status = 200, body = DataBody<AnnotationConfig>), (status = 404))
)]
async fn get_annotation_config(cx: Cx<ProjectsRead>, Path(config): Path<String>) -> One {
    Ok(one(annotation_configs::get(&cx, &ConfigRef::parse(&config)).await?))
}

/// Puts another in the place of an annotation config
///
/// Its type may change, and its global id with it; the old id is still understood. A credential that is bound to
/// projects may not.
#[utoipa::path(
    put, path = "/v1/annotation_configs/{config_identifier}", operation_id = "updateAnnotationConfig",
    tag = "annotation_configs",
    params(("config_identifier" = String, Path, description = "Global id")),
    request_body = CreateAnnotationConfigData,
    responses(
        (status = 200, body = DataBody<AnnotationConfig>), (status = 400), (status = 404), (status = 409),
        (status = 422)
    )
)]
async fn update_annotation_config(
    cx: Cx<ProjectsWrite>,
    Path(config): Path<String>,
    Json(body): Json<CreateAnnotationConfigData>,
) -> One {
    Ok(one(annotation_configs::update(&cx, read_id(&config)?, body.into()).await?))
}

/// Deletes an annotation config, whichever projects use it
///
/// Annotations that were made with it stay. A credential that is bound to projects may not.
#[utoipa::path(
    delete, path = "/v1/annotation_configs/{config_identifier}", operation_id = "deleteAnnotationConfig",
    tag = "annotation_configs",
    params(("config_identifier" = String, Path, description = "Global id")),
    responses((status = 200, body = DataBody<AnnotationConfig>), (status = 400), (status = 404), (status = 422))
)]
async fn delete_annotation_config(cx: Cx<ProjectsWrite>, Path(config): Path<String>) -> One {
    Ok(one(annotation_configs::delete(&cx, read_id(&config)?).await?))
}

/// Lists the annotation configs that a project uses, newest first
#[utoipa::path(
    get, path = "/v1/projects/{project_identifier}/annotation_configs", operation_id = "getProjectAnnotationConfigs",
    tag = "annotation_configs",
    params(("project_identifier" = String, Path, description = "Global id or name"), ListConfigsQuery),
    responses((status = 200, body = ListBody<AnnotationConfig>), (status = 400), (status = 404), (status = 422))
)]
async fn get_project_annotation_configs(
    cx: Cx<ProjectsRead>,
    Path(project): Path<String>,
    Query(query): Query<ListConfigsQuery>,
) -> Many {
    let page = annotation_configs::list_of(&cx, &ProjectRef::parse(&project), query.page()?).await?;
    Ok(axum::Json(page.map(AnnotationConfig::from).into()))
}

/// Which annotation configs a project uses.
#[derive(Debug, Deserialize, ToSchema)]
pub struct SetProjectAnnotationConfigsRequestBody {
    /// Global ids; at most 1000.
    annotation_config_ids: Vec<String>,
}

/// Has a project use these annotation configs and no others
#[utoipa::path(
    put, path = "/v1/projects/{project_identifier}/annotation_configs", operation_id = "setProjectAnnotationConfigs",
    tag = "annotation_configs",
    params(("project_identifier" = String, Path, description = "Global id or name")),
    request_body = SetProjectAnnotationConfigsRequestBody,
    responses((status = 200, body = ListBody<AnnotationConfig>), (status = 404), (status = 422))
)]
async fn set_project_annotation_configs(
    cx: Cx<ProjectsWrite>,
    Path(project): Path<String>,
    Json(body): Json<SetProjectAnnotationConfigsRequestBody>,
) -> Many {
    let read = |id: &String| {
        let shown: String = id.chars().take(64).collect();
        read_config_id(id).map_err(|_| {
            Error::invalid("annotation_config_ids", format!("Invalid annotation configuration ID: {shown}"))
        })
    };
    let ids = body.annotation_config_ids.iter().map(read).collect::<Result<BTreeSet<_>, _>>()?;
    let configs = annotation_configs::set(&cx, &ProjectRef::parse(&project), ids).await?;
    let data = configs.into_iter().map(AnnotationConfig::from).collect();
    Ok(axum::Json(ListBody { data, next_cursor: None }))
}

/// Has a project use an annotation config beside those that it uses already
#[utoipa::path(
    put, path = "/v1/projects/{project_identifier}/annotation_configs/{config_identifier}",
    operation_id = "assignAnnotationConfigToProject", tag = "annotation_configs",
    params(
        ("project_identifier" = String, Path, description = "Global id or name"),
        ("config_identifier" = String, Path, description = "Global id or name")
    ),
    responses((status = 200, body = DataBody<AnnotationConfig>), (status = 404), (status = 422))
)]
async fn assign_annotation_config_to_project(
    cx: Cx<ProjectsWrite>,
    Path((project, config)): Path<(String, String)>,
) -> One {
    Ok(one(annotation_configs::assign(&cx, &ProjectRef::parse(&project), &ConfigRef::parse(&config)).await?))
}

/// Has a project use an annotation config no longer
#[utoipa::path(
    delete, path = "/v1/projects/{project_identifier}/annotation_configs/{config_identifier}",
    operation_id = "unassignAnnotationConfigFromProject", tag = "annotation_configs",
    params(
        ("project_identifier" = String, Path, description = "Global id or name"),
        ("config_identifier" = String, Path, description = "Global id or name")
    ),
    responses((status = 204), (status = 404), (status = 422))
)]
async fn unassign_annotation_config_from_project(
    cx: Cx<ProjectsWrite>,
    Path((project, config)): Path<(String, String)>,
) -> Answer<StatusCode> {
    annotation_configs::unassign(&cx, &ProjectRef::parse(&project), &ConfigRef::parse(&config)).await?;
    Ok(StatusCode::NO_CONTENT)
}
