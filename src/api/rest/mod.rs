//! REST: the only way to mount a handler is `Routes::add(route!(handler))`.
//!
//! `route!` reads the demanded scope off the handler's first argument, `Cx<Scope>`, and writes it into the OpenAPI
//! document; a handler without one does not compile.

pub mod auth;
pub mod health;
pub mod ndjson;
pub mod openapi;
pub mod page;
pub mod password_reset;
pub mod problem;
pub mod v1;

use utoipa::openapi::security::SecurityRequirement;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

use super::ApiState;
use crate::{
    domain::{demand::Demand, scope::Access},
    service::cx::Cx,
};

/// Routes with their description.
#[derive(Default)]
pub struct Routes {
    router: OpenApiRouter<ApiState>,
    demands: Vec<(String, Demand)>,
}

/// A handler with its description and its demand; made by `route!` only.
pub struct Route {
    router: UtoipaMethodRouter<ApiState>,
    demands: Vec<(String, Demand)>,
}

impl Routes {
    /// Mounts a handler.
    #[must_use]
    #[expect(clippy::should_implement_trait, reason = "nothing is summed")]
    pub fn add(self, route: Route) -> Self {
        let demands = self.demands.into_iter().chain(route.demands).collect();
        Self { router: self.router.routes(route.router), demands }
    }

    /// Mounts the routes of another resource.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        let demands = self.demands.into_iter().chain(other.demands).collect();
        Self { router: self.router.merge(other.router), demands }
    }

    /// Returns router and document.
    pub fn into_parts(self) -> (axum::Router<ApiState>, utoipa::openapi::OpenApi) {
        self.router.split_for_parts()
    }

    /// Returns every operation as `METHOD /path`, with what it demands, in that order.
    #[must_use]
    pub fn demands(mut self) -> Vec<(String, Demand)> {
        self.demands.sort_unstable_by(|one, other| one.0.cmp(&other.0));
        self.demands
    }
}

/// What a handler demands, read off its signature.
pub trait Guarded<Args> {
    /// The demand.
    type Demand: Access;
}

macro_rules! guarded {
    ($($arg:ident)*) => {
        impl<Func, Fut, S: Access, $($arg),*> Guarded<(Cx<S>, $($arg,)*)> for Func
        where
            Func: Fn(Cx<S>, $($arg),*) -> Fut,
        {
            type Demand = S;
        }
    };
}
guarded!();
guarded!(A);
guarded!(A B);
guarded!(A B C);
guarded!(A B C D);

/// Writes a handler's demand into its description.
#[must_use]
pub fn guard<Args, H: Guarded<Args>>((schemas, mut paths, router): UtoipaMethodRouter<ApiState>, _: &H) -> Route {
    let mut demands = Vec::new();
    for (path, item) in &mut paths.paths {
        let operations = [
            ("GET", &mut item.get),
            ("POST", &mut item.post),
            ("PUT", &mut item.put),
            ("PATCH", &mut item.patch),
            ("DELETE", &mut item.delete),
        ];
        for (method, operation) in operations {
            let Some(operation) = operation else { continue };
            demands.push((format!("{method} {path}"), Demand::of::<H::Demand>()));
            operation.security = Some(security::<H::Demand>());
            if let Some(rule) = H::Demand::CALLERS.describe() {
                operation.extensions.get_or_insert_default().insert("x-required-caller".to_owned(), rule.into());
            }
            if H::Demand::ADMIN_ROLE {
                operation.extensions.get_or_insert_default().insert("x-required-role".to_owned(), "ADMIN".into());
            }
        }
    }
    Route { router: (schemas, paths, router), demands }
}

/// Returns the `security` of an operation: none at all for public ones, else each way to send a credential.
fn security<S: Access>() -> Vec<SecurityRequirement> {
    if !S::SIGNED_IN {
        return Vec::new();
    }
    let scopes: Vec<&str> = S::SCOPE.iter().map(|s| s.as_str()).collect();
    ["bearer", "api_key", "cookie"].into_iter().map(|way| SecurityRequirement::new(way, scopes.clone())).collect()
}

/// A handler, its path and method, its schemas, and its demand.
macro_rules! route {
    ($handler:ident) => {
        $crate::api::rest::guard(utoipa_axum::routes!($handler), &$handler)
    };
}
pub(crate) use route;

/// Returns every REST route.
#[must_use]
pub fn routes() -> Routes {
    Routes::default().merge(health::routes()).merge(auth::routes()).merge(password_reset::routes()).merge(v1::routes())
}
