//! `vigie notify-agent`: desktop notices in a user's session, from the service's alert stream.

use std::path::PathBuf;

use tokio_util::sync::CancellationToken;

use super::exit::{Exit, Outcome};
use crate::alert::desktop::{Session, run_agent};
use crate::telemetry::{self, LogSettings};

/// Show alerts as desktop notices; runs in the user's session and follows the service's alert stream
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example (in the session's autostart):
  vigie notify-agent --socket /run/vigie/alerts

The service needs a channel of the kind `stream` on that socket, and the user must be in the group that
owns it. Notices carry counts and system names, never values.")]
pub struct Args {
    /// The socket of the service's alert stream
    #[arg(long, value_name = "SOCKET", default_value = "/run/vigie/alerts")]
    socket: PathBuf,
}

pub fn run(args: &Args) -> Outcome {
    telemetry::init(&LogSettings::default())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let stop = CancellationToken::new();
        let stopping = stop.clone();
        tokio::spawn(async move {
            let _ = tokio::signal::ctrl_c().await;
            stopping.cancel();
        });
        run_agent(&args.socket, &mut Session::default(), &stop).await;
    });
    Ok(Exit::Done)
}
