//! Posts that others bring: an HTTP listener for feeders of the organisation's own, and for those of the AIL framework.
//!
//! ```text
//! POST /api/v1/posts              a post of ours (`native`)
//! GET  /api/v1/ping               } what AIL's client `pyail` speaks (`ail`)
//! POST /api/v1/import/json/item   }
//! ```
//! What lives here: who may push (`settings`, one token for each source, which is the site its posts belong to), the
//! connections (`listen`), reading a request within bounds and handing its post over (`door`). What does not: what
//! becomes of the post, which goes through the same [`Intake`](super::Intake) as any other.
//!
//! What is answered with success is queued durably, and pushing the same thing again changes nothing: a feeder that is
//! in doubt repeats. When there is no room, 429 and `Retry-After` are answered and nothing has been lost.

mod ail;
mod door;
mod listen;
mod native;
mod settings;

pub use door::Door;
pub use settings::{PushSettings, RawPushSettings, RawPushSource};

#[cfg(test)]
mod tests;

/// Why pushed posts cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// The token cannot be had.
    #[error("the token of push source `{source_name}` cannot be had")]
    Token {
        /// The source.
        source_name: String,
        /// Why.
        #[source]
        why: crate::secret::SecretError,
    },
    /// The token is too easily guessed.
    #[error("the token of push source `{source_name}` is too short; hint: openssl rand -base64 24")]
    Weak {
        /// The source.
        source_name: String,
    },
    /// Two sources have the same token: whose posts are they?
    #[error("push source `{source_name}` has the token of another; hint: one of its own for each")]
    Shared {
        /// The source.
        source_name: String,
    },
    /// The address is taken.
    #[error("cannot listen on {listen}; hint: choose another push.listen")]
    Listen {
        /// The address.
        listen: std::net::SocketAddr,
        /// Why.
        #[source]
        why: std::io::Error,
    },
}
