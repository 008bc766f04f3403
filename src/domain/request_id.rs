//! The id of a request, by which the log, the answer and the audit log speak of it.

use std::sync::Arc;

/// The id of a request: made here, or taken over from a proxy. In the extensions of every request.
#[derive(Clone, Debug)]
pub struct RequestId(pub Arc<str>);
