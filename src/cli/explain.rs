//! `vigie explain`: why a document was judged as it was, at length.

use std::io::{BufWriter, Write, stdout};
use std::path::PathBuf;

use super::exit::{Exit, Outcome};
use super::scan::{EngineArgs, Passwords, detail, inputs};
use crate::extract::Limits;
use crate::pipeline::Judging;

/// Say at length why a document is judged as it is: every system, every reason
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  vigie explain --watchlists watchlists --key-file vigie.key dump.csv")]
pub struct Args {
    #[command(flatten)]
    engine: EngineArgs,
    /// The document; `-` is standard input
    document: PathBuf,
}

pub fn run(args: &Args) -> Outcome {
    let engine = args.engine.load()?;
    let reader = args.engine.reader()?;
    let limits = Limits::default();
    let judging = Judging::new(&engine.matcher, &limits, &reader);
    let mut out = BufWriter::new(stdout().lock());
    let mut incomplete = !engine.refused.is_empty();
    let inputs = inputs::list(std::slice::from_ref(&args.document));
    let passwords = Passwords::new(Vec::new(), &inputs);
    let scanning = inputs::Scanning { judging, passwords: &passwords, follow: &|_, _| {} };
    for input in &inputs {
        let scanned = scanning.scan(input)?;
        incomplete |= scanned.unreadable;
        detail(&mut out, &scanned.assessment)?;
    }
    out.flush()?;
    Ok(if incomplete { Exit::Incomplete } else { Exit::Done })
}
