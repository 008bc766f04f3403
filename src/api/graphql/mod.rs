pub type ApiSchema = async_graphql::Schema<Q, async_graphql::EmptyMutation, async_graphql::EmptySubscription>;
pub struct Q;
#[async_graphql::Object]
impl Q { async fn project_count(&self) -> i32 { 0 } }
pub fn schema() -> ApiSchema { async_graphql::Schema::new(Q, async_graphql::EmptyMutation, async_graphql::EmptySubscription) }
pub fn sdl() -> String { schema().sdl() }
pub struct Executed { pub response: async_graphql::Response, pub logged_out: bool }
pub async fn execute(schema: &ApiSchema, _: &crate::service::Services, _: &http::Extensions, request: async_graphql::Request) -> Result<Executed, crate::error::Error> { Ok(Executed { response: schema.execute(request).await, logged_out: false }) }
