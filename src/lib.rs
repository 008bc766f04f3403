pub mod domain;
pub mod error;
pub mod db;
pub mod store;
pub mod auth;
pub mod ingest;
pub mod service;
