//! `vigie alerts test`: a message that says it is a test, sent through a channel at once.

use anyhow::anyhow;

use super::super::exit::{Exit, Failure, Outcome};
use crate::alert::{Notice, channel::DeliveryError, compose};
use crate::audit::Action;
use crate::config::Config;
use crate::model::{Alert, AlertId, Change, Pap, Severity, Tlp, Verdict};

/// Send a message through a channel that says it is a test
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The message says that nothing has leaked. This command sends it: the service need not run. A
channel whose secret is a systemd credential is tested as root, while the service runs.

Example:
  vigie alerts test cert-mail")]
pub struct Args {
    /// The channel's name in the configuration
    channel: String,
}

pub async fn run(args: &Args, config: &Config) -> Outcome {
    let settings = super::channel_named(config, &args.channel)?;
    if config.state.is_dir() {
        super::trail::open(config)?.record(Action::AlertSent, "test", &[("channel", settings.name.clone())])?;
    }
    let (_empty, store) = super::empty_store()?;
    let channel = super::opened(settings, store, config)?;
    let notice = Notice::new(made_up(), Change::Test, None, settings.clearance);
    let delivered = tokio::time::timeout(settings.timeout, channel.deliver(&notice)).await;
    let late = |_| DeliveryError::retry(format!("no answer within {} s", settings.timeout.as_secs()));
    match delivered.unwrap_or_else(|e| Err(late(e))) {
        Ok(receipt) => {
            let named = receipt.reference.map(|name| format!(", which calls it {}", name.escape_debug()));
            eprintln!("{}: the receiver has the test{}", settings.name, named.unwrap_or_default());
            Ok(Exit::Done)
        }
        Err(error) => Err(Failure::Incomplete(anyhow!("channel `{}`: {error}", settings.name))),
    }
}

/// An alert about nothing, with an identity of its own.
fn made_up() -> Alert {
    let id = AlertId(uuid::Uuid::new_v4());
    Alert {
        revision: 1,
        verdict: Verdict::Term,
        severity: Severity::Low,
        tlp: Tlp::Clear,
        pap: Pap::Clear,
        headline: "This channel works; there is nothing to do".to_owned(),
        ..compose::begun(id, jiff::Timestamp::now()).alert
    }
}
