//! The program as a service: where it listens, what it tells systemd, how it starts, reloads and stops.

pub mod folders;
pub mod health;
mod inventory;
mod lock;
mod proof;
mod reload;
mod run;
mod settings;
mod survey;
pub mod systemd;
mod watcher;

pub use run::run;
pub use settings::{RawServiceSettings, ServiceSettings};
