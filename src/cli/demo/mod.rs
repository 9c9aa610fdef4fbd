//! `vigie demo`: the whole job on loopback, with made-up customers, told as it happens. Everything but the two little
//! sites is the product itself: indexes are built, the service is started and alerts are read as anywhere else.

mod draw;
mod people;
mod setting;
mod sites;
mod story;
mod world;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use jiff::{ToSpan, Zoned};
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio::time::{Instant as Deadline, timeout, timeout_at};

use super::exit::{Exit, Failure, Outcome};
use crate::store::{AlertFilter, Alerts, SqliteStore};
use setting::Setting;
use sites::Board;
use story::{Event, Expected, Story};
use world::World;

/// Watch the whole job on this machine: a leak is posted, found, traced to its source system and alerted
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  vigie demo
  vigie demo --keep      # leaves service, sites and files for looking around, until Ctrl-C

Two source systems with made-up customers, a paste site and a forum are set up on loopback. Nothing else
is needed, nothing leaves the machine. Exit code 0 if the story came true, 3 if not.")]
pub struct Args {
    /// Leave everything running, and say where it is
    #[arg(long)]
    keep: bool,
    /// Seconds within which the story must come true
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    within: u64,
    /// Draws other people
    #[arg(long, default_value_t = 2022)]
    seed: u64,
}

pub fn run(args: &Args) -> Outcome {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let failures = runtime.block_on(play(args))?;
    if failures.is_empty() {
        return Ok(Exit::Done);
    }
    Err(Failure::Incomplete(anyhow!("the story did not come true: {}", failures.join("; "))))
}

/// Plays the story; what did not come true.
async fn play(args: &Args) -> Result<Vec<String>> {
    let folder = tempfile::Builder::new().prefix("vigie-demo-").tempdir()?;
    let mut story = Story::new(Instant::now());
    let today = Zoned::now().date();
    let snapshots = [today - 190.days(), today - 12.days()].map(|day| day.to_string());
    let World { systems, origin, leak, look_alikes } = world::make(args.seed, snapshots)?;
    let (pastes, forum) = (Board::default(), Board::default());
    let setting = Setting {
        folder: folder.path().to_owned(),
        paste_site: sites::paste_site(pastes.clone()).await?,
        forum: sites::forum(forum.clone()).await?,
    };
    setting.prepare(&systems, &story)?;
    let (mut service, mut events) = start(&setting)?;
    wait_for(&mut story, &mut events, "service.ready").await?;

    let mut silent = Vec::new();
    for (posting, verdict) in look_alikes {
        story.tell("posted", &format!("on the paste site: \"{}\" (a look-alike)", posting.title));
        silent.push((setting::PASTES.to_owned(), verdict));
        pastes.post(posting);
    }
    story.tell("posted", &format!("on the forum: \"{}\" with a zip of {} customers", leak.title, world::LEAKED));
    forum.post(leak);
    // The thread's own text is a document too: a boast, nothing of ours.
    silent.push((setting::FORUM.to_owned(), "clear"));
    let expected = Expected { system: origin.0, snapshot: &origin.1, records: world::LEAKED as u64, silent: &silent };
    let deadline = Deadline::now() + Duration::from_secs(args.within);
    while !story.is_complete(&expected) {
        let Ok(event) = timeout_at(deadline, events.recv()).await else { break };
        let event = event.context("the service has ended; hint: see vigie.log with --keep")?;
        story.hear(&event);
        if event.event.starts_with("alert.") {
            read_alerts(&setting, &mut story)?;
        }
    }
    let failures = story.failures(&expected);
    story.conclude();
    if args.keep {
        look_around(&setting, &mut service).await?;
        let _ = folder.keep();
    }
    stop(service).await?;
    Ok(failures)
}

/// Starts the service as a process of its own; its log goes to a file and, line by line, to the story.
fn start(setting: &Setting) -> Result<(Child, mpsc::Receiver<Event>)> {
    let mut log = std::fs::File::create(setting.folder.join("vigie.log"))?;
    let mut service = Command::new(std::env::current_exe()?)
        .arg("run")
        .arg("--config")
        .arg(setting.config())
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("the service cannot be started")?;
    let output = service.stderr.take().context("the service has no standard error")?;
    let (tell, events) = mpsc::channel(256);
    tokio::spawn(async move {
        let mut lines = BufReader::new(output).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            let _ = writeln!(log, "{line}");
            if let Ok(event) = serde_json::from_str::<Event>(&line) {
                // With nobody listening any more, the log is still written.
                let _ = tell.send(event).await;
            }
        }
    });
    Ok((service, events))
}

async fn wait_for(story: &mut Story, events: &mut mpsc::Receiver<Event>, name: &str) -> Result<()> {
    let waiting = async {
        while let Some(event) = events.recv().await {
            story.hear(&event);
            if event.event == name {
                return Ok(());
            }
        }
        Err(anyhow!("the service ended before it was ready"))
    };
    timeout(Duration::from_secs(20), waiting).await.context("the service was not ready within 20 s")?
}

/// Reads the alerts where `vigie alerts list` reads them.
fn read_alerts(setting: &Setting, story: &mut Story) -> Result<()> {
    let store = SqliteStore::open(&setting.state().join("vigie.db"))?;
    for alert in store.alerts(&AlertFilter::default())? {
        story.alerts.insert(alert.id, alert);
    }
    Ok(())
}

async fn look_around(setting: &Setting, service: &mut Child) -> Result<()> {
    let (folder, config) = (setting.folder.display(), setting.config());
    println!("\nEverything is left running, in {folder}:");
    println!("  configuration   {}", config.display());
    println!("  forum           http://{}/", setting.forum);
    println!("  paste site      http://{}/recent.json", setting.paste_site);
    println!("  alerts          {} alerts --config {} list", program(), config.display());
    println!("  log             {folder}/vigie.log");
    println!("Ctrl-C ends it; the folder stays.");
    tokio::select! {
        _ = tokio::signal::ctrl_c() => Ok(()),
        ended = service.wait() => Err(anyhow!("the service ended by itself ({})", ended?)),
    }
}

fn program() -> String {
    std::env::current_exe().unwrap_or_else(|_| PathBuf::from("vigie")).display().to_string()
}

/// Stops the service as systemd would, and waits for it.
async fn stop(mut service: Child) -> Result<()> {
    if let Some(pid) = service.id().and_then(|id| Pid::from_raw(id as i32)) {
        // It may have ended by itself.
        let _ = kill_process(pid, Signal::TERM);
    }
    let ended =
        timeout(Duration::from_secs(15), service.wait()).await.context("the service did not stop within 15 s")??;
    if ended.success() { Ok(()) } else { Err(anyhow!("the service ended with {ended}")) }
}

/// The folder of one watchlist.
fn watchlist_folder(top: &Path, id: &str) -> PathBuf {
    top.join("watchlists").join(id)
}
