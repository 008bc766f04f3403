//! GraphQL: one schema, one operation a request, the same proofs of permission as REST.
//!
//! Types and fields bear the names of the wire protocol and are a part of it; what is not there is not pretended, so
//! arguments that this server cannot honour are missing instead of ignored. The schema holds no state: [`execute`]
//! puts the services, the caller and the loaders of the request into it.
//!
//! # Known quirks
//!
//! - A missing permission is HTTP 200 with `errors`; only a missing credential is HTTP 401, which the HTTP layer makes
//!   of the error that [`execute`] returns.
//! - `spans` and `traces` below a *list* of projects cost one statement for each project of the page: each walks an
//!   index, while one statement over all of them would read every row. Their complexity pays for it.

mod connection;
mod context;
pub mod demands;
mod error;
mod growth;
mod limits;
mod loader;
mod mutation;
mod node;
mod nulls;
mod query;
mod scalar;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_graphql::{
    EmptySubscription, Request, Response, Schema, SchemaBuilder, ServerError, parser::types::OperationType,
};
use http::{HeaderMap, header::CONTENT_TYPE};

use self::{
    context::{LoggedOut, Session},
    loader::Loaders,
    mutation::Mutation,
    node::{Annotation, ApiKey, Node},
    nulls::FieldTypes,
    query::Query,
};
use crate::{
    domain::{request_id::RequestId, scope::OwnAccount},
    error::{Error, Result},
    service::Services,
};

/// The most bytes that a request may have, and its query text too.
pub const MAX_REQUEST_BYTES: usize = 100_000;

/// The schema, without services or a caller; cheap to clone.
pub type ApiSchema = Schema<Query, Mutation, EmptySubscription>;

/// What became of a request.
#[derive(Debug)]
pub struct Executed {
    /// The answer; HTTP 200 whether or not it holds errors.
    pub response: Response,
    /// Whether the caller's session ended with it, so that the login cookies must be deleted.
    pub logged_out: bool,
}

/// Builds the schema.
#[must_use]
pub fn schema() -> ApiSchema {
    builder()
        .data(FieldTypes::read(&sdl()))
        .limit_depth(limits::MAX_DEPTH)
        .limit_complexity(limits::MAX_COMPLEXITY)
        .limit_directives(limits::MAX_DIRECTIVES)
        .finish()
}

fn builder() -> SchemaBuilder<Query, Mutation, EmptySubscription> {
    Schema::build(Query, Mutation::new(), EmptySubscription)
        .register_output_type::<Node>()
        .register_output_type::<ApiKey>()
        .register_output_type::<Annotation>()
        .register_output_type::<query::series::TimeSeries>()
}

/// Returns the schema in the schema definition language.
#[must_use]
pub fn sdl() -> String {
    builder().finish().sdl()
}

/// Reads the body of a POST: JSON, one operation. Any other content type is refused, which also keeps foreign web
/// pages out, since a browser sends JSON across origins only after asking.
pub fn read_request(headers: &HeaderMap, body: &[u8]) -> Result<Request> {
    let content_type = headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    if !media_type.eq_ignore_ascii_case("application/json") {
        return Err(Error::UnsupportedMediaType("Content-Type must be application/json".into()));
    }
    if body.len() > MAX_REQUEST_BYTES {
        return Err(too_large());
    }
    if body.trim_ascii_start().starts_with(b"[") {
        return Err(Error::Malformed("One operation a request: batches are not supported".into()));
    }
    serde_json::from_slice(body).map_err(|e| Error::Malformed(format!("The body is not a GraphQL request: {e}").into()))
}

fn too_large() -> Error {
    Error::TooLarge(format!("A GraphQL request has at most {MAX_REQUEST_BYTES} bytes").into())
}

/// Runs one operation. The error is for the HTTP layer: the caller is unknown, or could not be looked up.
pub async fn execute(
    schema: &ApiSchema,
    services: &Services,
    extensions: &http::Extensions,
    mut request: Request,
) -> Result<Executed> {
    // Every operation is for someone; what they may do is asked field by field.
    services.authorize_request::<OwnAccount>(extensions)?;
    if request.query.len() > MAX_REQUEST_BYTES {
        return Err(too_large());
    }
    let request_id = extensions.get::<RequestId>().cloned();
    let refused = |error| {
        let mut response = Response::from_errors(vec![error]);
        error::present_all(&mut response, request_id.as_ref());
        Executed { response, logged_out: false }
    };
    if let Err(error) = limits::check_text(&request.query) {
        return Ok(refused(error));
    }
    let document = match request.parsed_query() {
        Err(error) => return Ok(refused(error)),
        Ok(document) => {
            if let Err(error) = limits::check_document(document) {
                return Ok(refused(error));
            }
            document.clone()
        }
    };
    if growth::asks_for_more(&document)
        && let Err(error) = services.refuse_when_full()
    {
        let mut refusal = ServerError::new(error.to_string(), None);
        refusal.source = Some(Arc::new(error));
        return Ok(refused(refusal));
    }
    let only_reads = document.operations.iter().all(|(_, operation)| operation.node.ty == OperationType::Query);
    let operation = request.operation_name.clone();
    let session = Session::new(services.clone(), extensions);
    let logged_out = LoggedOut::default();
    let loaders = Loaders::new(session.clone(), only_reads);
    let mut response = schema.execute(request.data(session).data(loaders).data(logged_out.clone())).await;
    if let Some(types) = schema.data::<FieldTypes>() {
        nulls::propagate(&mut response, types, &document, operation.as_deref());
    }
    error::present_all(&mut response, request_id.as_ref());
    Ok(Executed { response, logged_out: logged_out.get() })
}
