//! vigie: watches public places for an organisation's own leaked customer records and says which system they were
//! taken from, and when.
//!
//! The rooms, in the order data flows through them. `docs/architecture.md` draws the same map with its rules.

pub mod alert;
pub mod attribute;
pub mod audit;
pub mod cli;
pub mod collect;
pub mod config;
pub mod confine;
pub mod evidence;
pub mod extract;
pub mod fingerprint;
pub mod matching;
pub mod model;
pub mod net;
pub mod pipeline;
pub mod queue;
pub mod secret;
pub mod service;
pub mod signing;
pub mod store;
pub mod telemetry;
