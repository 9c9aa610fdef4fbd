//! Files an operator, analyst or data owner writes, read into checked settings. Either everything is right and only
//! checked types leave this room, or every error is reported at once, with file, line and a hint.
//!
//! Each room checks the settings that are its own; what a setting does is said there.

mod document;
mod problem;
mod service;
mod sites;
mod terms;
mod watchlist;
mod watchlists;

pub use document::{Document, Section, Text};
pub use problem::{Problem, Problems};
pub use service::{Config, KeySource, look_over_channels, read_config};
pub use terms::{TERMS_FILE, parse_term_watchlist, read_term_watchlist};
pub use watchlist::{RECORDS_FILE, RecordWatchlist, read_record_watchlist};
pub use watchlists::{Watchlists, read_watchlists};
