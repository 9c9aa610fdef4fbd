//! Sites to posts: what is listed, what of it is new or changed, and its content.
//!
//! What lives here: one reader for each form a place can have (folder, feed, JSON or HTML listing, forum, single
//! page), the definitions that tell a reader what stands where (`families`, `settings`), the schedule and the cursors. What
//! does not: HTTP (`net`), and what becomes of a post (`pipeline`, behind [`Intake`]).
//!
//! How a visit goes: the listing is read (conditionally); each entry that is new, changed, or due for a second look is
//! fetched; each post in it whose content differs from what was last accepted is handed to [`Intake::accept`]. Only
//! when that has returned does the cursor move, so a crash at any point means reading again, never losing.

mod assemble;
mod bucket;
mod collector;
mod control;
mod coverage;
mod cursor;
mod dates;
mod deleted;
mod feed;
mod follow;
mod guess;
mod health;
mod inbox;
mod intake;
mod login;
mod mbox;
mod page;
mod parts;
mod pick;
mod prepass;
pub mod push;
mod schedule;
mod series;
pub mod settings;
mod text;
mod trial;
mod visit;
mod wall;
mod web;

pub use collector::Collector;
pub use control::Planted;
pub use coverage::{Trouble, TroubleKind};
pub use cursor::Deleted;
pub use health::{HealthBoard, SiteHealth};
pub use intake::{Clock, Cursor, Intake, Refused, system_clock};
pub use settings::{Families, SettingError, Site, check_sites};
pub use trial::{ExampleResult, Trial, check_examples, check_family, try_site};

#[cfg(test)]
mod tests;
