//! Print the generated documents: OpenAPI, GraphQL SDL, the tables of who may do what, `.env.example`.

use anyhow::Result;
use clap::ValueEnum;

use crate::{api, app, config::Config};

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
    /// Which role may do what, by REST, GraphQL and OTLP, as Markdown
    Roles,
    /// Every environment variable with its default
    Env,
}

pub(super) fn run(args: &Args) -> Result<()> {
    let text = match args.document {
        Document::Openapi => openapi()?,
        Document::Graphql => api::graphql::sdl(),
        Document::Access => api::rest::openapi::access_table(),
        Document::Roles => super::block_on(async { api::roles::table().await.map_err(app::explain) })?,
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
