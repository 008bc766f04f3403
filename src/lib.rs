//! An auth-enabled observability server for LLM applications: OTLP in, SQLite or Postgres below, REST, GraphQL and a
//! web UI above, behind one authentication layer. Speaks the wire protocol of Arize Phoenix; an independent
//! implementation.
//!
//! A request enters through [`api`], asks [`service`] to do one thing, and `service` asks [`store`] for rows. Modules
//! import only from those above them in this list (`tests/it/layers.rs` holds that):

pub mod domain;
pub mod error;

pub mod config;
pub mod telemetry;

pub mod db;

pub mod store;

pub mod auth;
pub mod ingest;
pub mod mail;
pub mod notify;
pub mod usage;

pub mod service;

pub mod api;
pub mod jobs;

pub mod app;
pub mod cli;
