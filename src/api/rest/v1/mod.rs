//! The resources under `/v1`.

pub mod access_logs;
pub mod alert_destinations;
pub mod alerts;
pub mod annotation_configs;
pub mod annotations;
pub mod api_keys;
pub mod audit_logs;
pub mod documented_api_keys;
pub mod new_spans;
pub mod notes;
pub mod otlp_span;
pub mod project_sessions;
pub mod projects;
pub mod server;
pub mod span_query;
pub mod spans;
pub mod traces;
pub mod usage;
pub mod users;

use super::Routes;

/// Returns the routes of every resource.
#[must_use]
pub fn routes() -> Routes {
    Routes::default()
        .merge(server::routes())
        .merge(projects::routes())
        .merge(spans::routes())
        .merge(span_query::routes())
        .merge(traces::routes())
        .merge(annotations::routes())
        .merge(notes::routes())
        .merge(annotation_configs::routes())
        .merge(new_spans::routes())
        .merge(project_sessions::routes())
        .merge(users::routes())
        .merge(api_keys::routes())
        .merge(documented_api_keys::routes())
        .merge(audit_logs::routes())
        .merge(access_logs::routes())
        .merge(usage::routes())
        .merge(alerts::routes())
        .merge(alert_destinations::routes())
}
