//! What the service says to systemd: ready, reloading, stopping, alive. Without systemd all of it is silence.

use std::time::Duration;

use sd_notify::NotifyState;

/// Everything stands.
pub fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// What the service does now, for `systemctl status`.
pub fn status(text: &str) {
    tell(&[NotifyState::Status(text)]);
}

/// A stop was asked for.
pub fn stopping() {
    tell(&[NotifyState::Stopping, NotifyState::Status("draining")]);
}

/// Says that the service lives, twice in each watchdog interval, for as long as `alive` answers. Returns at once
/// where no watchdog waits.
///
/// What is asked goes through the same threads as the work: where they hang, nothing is said, and systemd restarts.
pub async fn watchdog<F: Future<Output = ()>>(alive: impl Fn() -> F) {
    let Some(interval) = sd_notify::watchdog_enabled() else { return };
    let pause = (interval / 2).max(Duration::from_millis(50));
    loop {
        alive().await;
        tell(&[NotifyState::Watchdog]);
        tokio::time::sleep(pause).await;
    }
}

/// A socket that cannot be written to is systemd's loss: the service goes on.
fn tell(states: &[NotifyState<'_>]) {
    let _ = sd_notify::notify(states);
}
