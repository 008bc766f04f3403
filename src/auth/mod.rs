//! Who calls: from the credential of a request to one [`Principal`](principal::Principal), for every protocol alike.

pub mod authenticator;
pub mod bearer;
pub mod cookie;
pub mod jwt;
pub mod key_limits;
pub mod layer;
pub mod password;
pub mod principal;
pub mod rate_limit;
