//! When a site is visited.

use super::intake::Intake;
use super::visit::Visitor;

/// Visits a site again and again until it is to stop.
pub(super) async fn keep_visiting<I: Intake>(visitor: Visitor<I>) {
    visitor.stop.cancelled().await;
}
