//! The only HTTP client: every request of the program passes here, so size, time, address, rate and robots limits
//! cannot be forgotten by a caller.
//!
//! What lives here: one exchange with one server ([`Client::send`]) and what it owes to that server and to us. What
//! does not: what is asked for and what the answer means (`collect`, `alert`), and when to ask again after a failure
//! (the caller's schedule; only a host's own `Retry-After` is remembered here).
//!
//! The promises, each with the file that keeps it:
//!
//! 1. no request reaches an address that the configuration did not name (`address`, `resolve`, and every redirect hop
//!    again in `client`);
//! 2. a slow or huge server costs a bounded time, a bounded memory, and nobody else (`body`, `settings`);
//! 3. one connection a host, `Retry-After` and robots.txt respected, a User-Agent that says whom to complain to
//!    (`host`, `robots`, `client`).

mod address;
mod answer;
mod body;
mod client;
mod deliver;
mod error;
mod headers;
mod host;
mod objects;
mod policy;
mod resolve;
mod robots;
mod settings;
#[cfg(test)]
mod tests;

pub use address::is_public;
pub use answer::{Answer, Content, Provenance, Validators};
pub use body::Held;
pub use client::{Client, Method, Request};
pub use deliver::Reply;
pub use error::NetError;
pub use objects::Objects;
pub use policy::{Policy, PolicySettings};
pub use settings::NetSettings;
#[cfg(test)]
pub(crate) use tests::forbidden_forms;
