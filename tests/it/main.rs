//! One test binary. Everything goes through the real router, on SQLite and on Postgres; what needs a process or a
//! socket starts one.

#![expect(unreachable_pub, reason = "a test binary exports nothing")]
#![expect(clippy::disallowed_methods, reason = "tests spawn and await by hand")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

mod access;
mod access_log;
mod alerts;
mod annotation_configs;
mod annotations;
mod api_keys;
mod archive;
mod attacks;
mod audit;
mod backup;
mod bad_input;
mod costs;
mod docs;
mod documents;
mod durability;
mod filters;
mod ingest;
mod isolation;
mod key_platform;
mod layers;
mod limits;
mod login;
mod matrix;
mod metrics;
mod new_spans;
mod notes;
mod origin;
mod own_traces;
mod password_reset;
mod process;
mod project_sessions;
mod projects;
mod provision;
mod removal;
mod retention;
mod series;
mod spans;
mod storage;
mod tls;
mod ui;
mod usage;
mod user_cli;
mod users;
