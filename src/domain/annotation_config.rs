//! Annotation configs: how people are asked to annotate, the same for every project that uses one.

use serde::{Deserialize, Serialize};

use super::{
    annotation::words,
    id::{AnnotationConfigId, GlobalId},
};

words! {
    /// What kind of answer is asked for.
    ConfigKind {
        /// One of several labels.
        Categorical = "CATEGORICAL",
        /// A number.
        Continuous = "CONTINUOUS",
        /// A text.
        Freeform = "FREEFORM",
    }
}

impl ConfigKind {
    /// Returns the name of the GraphQL type, which is part of the global id.
    #[must_use]
    pub const fn type_name(self) -> &'static str {
        match self {
            Self::Categorical => "CategoricalAnnotationConfig",
            Self::Continuous => "ContinuousAnnotationConfig",
            Self::Freeform => "FreeformAnnotationConfig",
        }
    }
}

/// Which scores are the better ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OptimizationDirection {
    /// The lower.
    Minimize,
    /// The higher.
    Maximize,
    /// Neither.
    None,
}

/// One of the labels to choose from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CategoricalValue {
    /// The label.
    pub label: String,
    /// The score that it stands for.
    pub score: Option<f64>,
}

/// What is asked for, as it is stored: everything but the name and the kind.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ConfigContent {
    /// Free text.
    pub description: Option<String>,
    /// Which scores are the better ones; only freeform configs may leave it open.
    pub optimization_direction: Option<OptimizationDirection>,
    /// The labels to choose from, if categorical.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<CategoricalValue>,
    /// From where on a score counts as good, if freeform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    /// The lowest score, if continuous or freeform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lower_bound: Option<f64>,
    /// The highest score, if continuous or freeform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upper_bound: Option<f64>,
}

/// A config to be made, or what takes the place of one.
#[derive(Clone, Debug, PartialEq)]
pub struct NewConfig {
    /// Unique name.
    pub name: String,
    /// What kind of answer is asked for.
    pub kind: ConfigKind,
    /// The rest.
    pub content: ConfigContent,
}

/// A config as stored.
#[derive(Clone, Debug)]
pub struct AnnotationConfig {
    /// Row id.
    pub id: AnnotationConfigId,
    /// Unique name.
    pub name: String,
    /// What kind of answer is asked for.
    pub kind: ConfigKind,
    /// The rest.
    pub content: ConfigContent,
}

impl AnnotationConfig {
    /// Returns the global id.
    #[must_use]
    pub fn global_id(&self) -> String {
        GlobalId::encode(self.kind.type_name(), self.id.0)
    }
}

/// How a text may fail to be the id of a config.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadConfigId {
    /// It is no global id at all.
    NoId,
    /// It is the global id of something else.
    OtherType,
}

/// Reads the global id of a config. A config that changed its kind is still found by its old id.
pub fn read_config_id(text: &str) -> Result<AnnotationConfigId, BadConfigId> {
    let id = GlobalId::decode(text).ok_or(BadConfigId::NoId)?;
    if ConfigKind::ALL.iter().any(|kind| kind.type_name() == id.type_name) {
        return Ok(AnnotationConfigId(id.id));
    }
    Err(BadConfigId::OtherType)
}

/// A config as a caller names it: by global id or by name.
#[derive(Clone, Debug)]
pub enum ConfigRef {
    /// By row id.
    Id(AnnotationConfigId),
    /// By name.
    Name(String),
}

impl ConfigRef {
    /// Reads a path segment: the global id of a config, or else a name.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        read_config_id(text).map_or_else(|_| Self::Name(text.to_owned()), Self::Id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_config_is_found_by_the_id_of_any_kind_it_had() {
        let id = GlobalId::encode("CategoricalAnnotationConfig", 7);
        assert_eq!(read_config_id(&id), Ok(AnnotationConfigId(7)));
        assert_eq!(read_config_id("UHJvamVjdDox"), Err(BadConfigId::OtherType));
        assert_eq!(read_config_id("quality"), Err(BadConfigId::NoId));
        assert!(matches!(ConfigRef::parse("UHJvamVjdDox"), ConfigRef::Name(_)));
    }
}
