//! `vigie site status`: how the sites of a running service fare, asked of it where it answers for its health.

use std::io::Write;
use std::net::SocketAddr;

use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::config_file::ConfigArgs;
use super::exit::{Exit, Failure, Outcome};
use super::words::counted;
use crate::net::{Answer, Client, NetSettings, Policy, PolicySettings, Request};

/// Show how the sites of the running service fare
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  vigie site status --config /etc/vigie/vigie.toml
  vigie site status --at 127.0.0.1:9470 --site my-forum
  vigie site status --troubled                   only sites with which something is wrong")]
pub struct Args {
    #[command(flatten)]
    config: ConfigArgs,
    /// Where the service answers, instead of what its configuration says
    #[arg(long, value_name = "ADDRESS:PORT", conflicts_with = "config")]
    at: Option<SocketAddr>,
    /// Only this site, with everything known of it
    #[arg(long, value_name = "ID")]
    site: Option<String>,
    /// Only sites with which something is wrong
    #[arg(long)]
    troubled: bool,
    /// Print a JSON object a line
    #[arg(long)]
    json: bool,
}

/// What is shown of a site; the rest is for `--json`.
#[derive(Debug, Deserialize)]
struct Shown {
    site: String,
    #[serde(default)]
    last_success: Option<jiff::Timestamp>,
    #[serde(default)]
    posts_today: u64,
    #[serde(default)]
    posts_a_day: Option<f64>,
    #[serde(default)]
    delay: Option<(f64, f64)>,
    #[serde(default)]
    waiting: u64,
    #[serde(default)]
    requests: u64,
    #[serde(default)]
    errors: std::collections::BTreeMap<String, u64>,
    #[serde(default)]
    skipped: std::collections::BTreeMap<String, u64>,
    #[serde(default)]
    troubles: std::collections::BTreeMap<String, Trouble>,
    #[serde(default)]
    deleted: Vec<Deleted>,
    #[serde(default)]
    control: Option<Control>,
}

#[derive(Debug, Deserialize)]
struct Control {
    at: Option<jiff::Timestamp>,
    seen_after: Option<f64>,
}

#[derive(Debug, Deserialize)]
struct Trouble {
    since: jiff::Timestamp,
    what: String,
}

#[derive(Debug, Deserialize)]
struct Deleted {
    at: jiff::Timestamp,
    what: String,
    posts: u64,
}

pub fn run(args: &Args) -> Outcome {
    let at = match args.at {
        Some(at) => at,
        None => args.config.read()?.service.listen,
    };
    if at.port() == 0 {
        let hint =
            "the port is chosen at each start; hint: --at with the address that the log names (health.listening)";
        return Err(Failure::usage(anyhow::anyhow!(hint)));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let sites = runtime.block_on(ask(at))?;
    let mut out = std::io::stdout().lock();
    let mut shown = 0;
    for site in sites {
        let known: Shown = serde_json::from_value(site.clone())?;
        if args.site.as_ref().is_some_and(|id| *id != known.site) || (args.troubled && known.troubles.is_empty()) {
            continue;
        }
        shown += 1;
        if args.json {
            writeln!(out, "{site}")?;
        } else {
            print(&mut out, &known, args.site.is_some())?;
        }
    }
    match &args.site {
        Some(id) if shown == 0 => Err(Failure::usage(anyhow::anyhow!("`{id}` is no site of the service at {at}"))),
        _ => Ok(Exit::Done),
    }
}

async fn ask(at: SocketAddr) -> anyhow::Result<Vec<Value>> {
    let settings =
        PolicySettings { allow_hosts: vec![at.to_string()], ignore_robots: true, ..PolicySettings::default() };
    let policy = Policy::new(&settings).map_err(anyhow::Error::msg)?;
    let url = Url::parse(&format!("http://{at}/sites"))?;
    let hint = || format!("no service answers at {at}; hint: is it running? --at says where else to ask");
    let answer = Client::new(NetSettings::default())?.send(Request::get(url, &policy)).await;
    match answer.map_err(|error| anyhow::Error::new(error).context(hint()))? {
        Answer::Content(content) => Ok(serde_json::from_slice(&content.bytes)?),
        Answer::NotModified => Ok(Vec::new()),
    }
}

fn print(out: &mut impl Write, site: &Shown, whole: bool) -> std::io::Result<()> {
    let state = if site.troubles.is_empty() { "ok" } else { "troubled" };
    let success = site.last_success.map_or_else(|| "never".to_owned(), |at| format!("{at:.0}"));
    let usual = site.posts_a_day.map_or_else(|| "-".to_owned(), |posts| format!("{posts:.1}"));
    let delay = site.delay.map_or_else(|| "-".to_owned(), |(half, most)| format!("{half:.0}/{most:.0} s"));
    writeln!(
        out,
        "{:<24} {state:<9} last read {success:<21} posts today {} (usually {usual} a day)  seen after {delay}",
        site.site, site.posts_today
    )?;
    for (kind, trouble) in &site.troubles {
        writeln!(out, "  {kind} since {:.0}: {}", trouble.since, trouble.what.escape_debug())?;
    }
    if !whole {
        return Ok(());
    }
    writeln!(out, "  {}, {} waiting", counted(site.requests, "request"), counted(site.waiting, "item"))?;
    for (kind, count) in &site.errors {
        writeln!(out, "  error {kind}: {count}")?;
    }
    for (reason, count) in &site.skipped {
        writeln!(out, "  not read, {reason}: {count}")?;
    }
    if let Some((at, control)) = site.control.as_ref().and_then(|control| Some((control.at?, control))) {
        let seen = control.seen_after.map_or_else(|| "not seen yet".to_owned(), |s| format!("seen after {s:.0} s"));
        writeln!(out, "  control post of {at:.0}: {seen}")?;
    }
    for deleted in &site.deleted {
        let posts = counted(deleted.posts, "post");
        writeln!(out, "  deleted by {:.0}: {} ({posts})", deleted.at, deleted.what.escape_debug())?;
    }
    Ok(())
}
