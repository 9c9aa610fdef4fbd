//! The program as a service: where it listens, what it tells systemd, how it starts, reloads and stops.

pub mod folders;
pub mod health;
mod settings;
pub mod systemd;

pub use settings::{RawServiceSettings, ServiceSettings};
