//! What vigie says about itself: the tracing set-up, the named events, and the metrics they move.
//!
//! Rooms do not log or count by themselves: they call a function of [`events`], which writes one fixed sentence with
//! structured fields and moves the counters that belong to it. Values of customers or posters never come here.

pub mod events;
pub mod metrics;
mod setup;

pub use metrics::{Metrics, metrics};
pub use setup::{LogFormat, LogSettings, SetupError, init};
