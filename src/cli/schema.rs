//! Print the generated documents: OpenAPI, GraphQL SDL, the table of operations and scopes, `.env.example`.

use anyhow::Result;
use clap::ValueEnum;

use crate::{api, config::Config};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Which document
    document: Document,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Document {
    /// OpenAPI 3.1 of the REST API
    Openapi,
    /// GraphQL schema definition
    Graphql,
    /// Every REST operation and what it demands
    Access,
    /// Every environment variable with its default
    Env,
}

pub(super) fn run(args: &Args) -> Result<()> {
    let text = match args.document {
        Document::Openapi => openapi()?,
        Document::Graphql => api::graphql::sdl(),
        Document::Access => access()?,
        Document::Env => Config::env_example(),
    };
    print!("{text}");
    Ok(())
}

fn openapi() -> Result<String> {
    let mut text = serde_json::to_string_pretty(&api::openapi())?;
    text.push('\n');
    Ok(text)
}

fn access() -> Result<String> {
    let document = serde_json::to_value(api::openapi())?;
    Ok(api::rest::openapi::access_table(&document))
}
