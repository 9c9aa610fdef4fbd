//! `vigie __extract-worker`: this program as the confined process that reads strangers' content. Started by the
//! service and by `vigie scan`, never by hand.

use super::exit::{Exit, Outcome};
use crate::confine::{WorkerLimits, serve};

/// Read documents on standard input under confinement (started by vigie itself)
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Bytes of memory
    #[arg(long)]
    memory: u64,
    /// Bytes of memory more that the parent may grant
    #[arg(long)]
    document: u64,
    /// Seconds of processor time in all
    #[arg(long)]
    cpu: u64,
}

pub fn run(args: &Args) -> Outcome {
    serve(WorkerLimits { memory: args.memory, document: args.document, cpu: args.cpu })?;
    Ok(Exit::Done)
}
