//! API keys as paths and answers of the documented key API name them.

use crate::{
    domain::{
        api_key::KeyKind,
        id::{ApiKeyId, GlobalId},
    },
    error::{Error, Result},
};

/// Reads the id of a key. What is none is the id of no key.
pub fn parse_key_id(text: &str) -> Result<ApiKeyId> {
    let global = |kind: KeyKind| GlobalId::decode_as(text, kind.type_name());
    let id = [KeyKind::User, KeyKind::System].into_iter().find_map(global);
    id.map(ApiKeyId).ok_or_else(|| Error::NotFound("API key not found".into()))
}

/// Returns the id of a key as clients see it.
#[must_use]
pub fn format_key_id(id: ApiKeyId, kind: KeyKind) -> String {
    GlobalId::encode(kind.type_name(), id.0)
}
