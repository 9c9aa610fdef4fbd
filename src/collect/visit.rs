//! One visit to one site.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::health::HealthBoard;
use super::intake::Clock;
use super::settings::Site;
use crate::net::Client;

/// What a visit needs.
pub(super) struct Visitor<I> {
    pub client: Client,
    pub intake: Arc<I>,
    pub clock: Clock,
    pub health: Arc<HealthBoard>,
    pub site: Site,
    pub stop: CancellationToken,
}
