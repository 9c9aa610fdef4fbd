//! From an assessment to the people who act on it: one alert per incident, told on every channel, once.
//!
//! `pipeline` hands a [`Judged`] post to the [`Committer`]; in one transaction it is merged into its incident
//! ([`merge`]), the alert is composed anew ([`compose`]), outbox entries are written for the channels that are to hear
//! of it ([`route`]) and the post is marked as seen. [`outbox`] then delivers the entries through [`channels`], one
//! file per kind. Text that comes from posters is capped and escaped by each channel for where it goes ([`escape`]).

pub mod alertmanager;
pub mod channel;
pub mod channels;
pub mod commit;
pub mod compose;
pub mod desktop;
pub mod escape;
pub mod judged;
pub mod merge;
pub mod outbox;
pub mod report;
pub mod route;
pub mod settings;

pub use crate::secret;
pub use channel::{Channel, DeliveryError, Notice, Receipt};
pub use commit::{CommitError, Committer, Desk, set_state};
pub use compose::Ratings;
pub use judged::{AlertChange, Judged, PostFacts};
pub use merge::MergeRules;
pub use outbox::Deliveries;
pub use route::{Route, Routes};
pub use settings::{AlertSettings, ChannelSettings, Clearance, RawAlertSettings};
