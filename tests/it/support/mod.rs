//! What every test uses.

pub mod app;
pub mod client;
pub mod mmdb;
pub mod otlp;
pub mod process;
pub mod shell;

pub use app::{Engine, TestApp};
pub use client::{Answer, Client};

/// Makes one test for each engine out of a body that takes an [`Engine`].
macro_rules! both_engines {
    ($(async fn $name:ident($engine:ident) $body:block)+) => {$(
        mod $name {
            #[allow(unused_imports, clippy::allow_attributes, reason = "a body may need nothing of its surroundings")]
            use super::*;
            async fn body($engine: crate::support::Engine) $body
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                body(crate::support::Engine::Sqlite).await;
            }
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                body(crate::support::Engine::Postgres).await;
            }
        }
    )+};
}
pub(crate) use both_engines;
