//! Plain data and pure functions: who exists, what is observed, what may be asked.
//!
//! No async, no I/O, no wire shapes. Everything else imports from here; this room imports nothing of the crate.

pub mod access;
pub mod alert;
pub mod annotation;
pub mod annotation_config;
pub mod api_key;
pub mod attributes;
pub mod audit;
pub mod auth_change;
pub mod change;
pub mod client_address;
pub mod cost;
pub mod demand;
pub mod filter;
pub mod id;
pub mod incoming;
pub mod model_price;
pub mod packing;
pub mod page;
pub mod plan;
pub mod project;
pub mod project_session;
pub mod request_id;
pub mod retention;
pub mod scope;
pub mod secret;
pub mod series;
pub mod session;
pub mod span;
pub mod span_filter;
pub mod span_table;
pub mod storage;
pub mod time;
pub mod trace;
pub mod user;
