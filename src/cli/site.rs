//! `vigie site`: which definitions there are, whether they read their examples, and what they read of a real place.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde_json::json;

use super::exit::{Exit, Failure, Outcome};
use super::words::counted;
use crate::collect::{Families, Site, Trial, check_examples, check_family, try_site};
use crate::config::read_config;
use crate::model::Post;
use crate::net::{Client, NetSettings};

/// Look at site definitions and try them, before they go live
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  vigie site list                                              the definitions that ship
  vigie site check my-forum.toml                               try a definition on its examples
  vigie site try https://board.example/leaks                  any forum, without describing it
  vigie site try https://forum.example/viewforum.php?f=2 --family phpbb
  vigie site try --config vigie.toml --site my-forum           what the service would read there
  vigie site status                                            how the sites of the service fare")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List the definitions that a site can name as its family
    List(Format),
    /// Try definitions on the examples they carry, without network
    Check {
        /// Files with a definition each; all that ship when none is given
        files: Vec<PathBuf>,
    },
    /// Show how the sites of the running service fare: last success, posts a day, what is wrong
    Status(super::site_status::Args),
    /// Visit a place once and show what would be read: posts, authors, dates, attachments
    Try(TryArgs),
}

#[derive(Debug, clap::Args)]
struct Format {
    /// How to print: text for people, or a JSON object a line
    #[arg(long, value_enum, default_value_t = Layout::Text)]
    format: Layout,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Layout {
    Text,
    Jsonl,
}

#[derive(Debug, clap::Args)]
struct TryArgs {
    /// The place; without --family or --definition it is read as any forum
    #[arg(required_unless_present = "config")]
    url: Option<String>,
    /// The family to read it with
    #[arg(long, value_name = "NAME", conflicts_with_all = ["definition", "config"])]
    family: Option<String>,
    /// A file with the definition to read it with
    #[arg(long, value_name = "FILE", conflicts_with = "config")]
    definition: Option<PathBuf>,
    /// A configuration, to try a site of it
    #[arg(long, value_name = "FILE", requires = "site", conflicts_with = "url")]
    config: Option<PathBuf>,
    /// The site of the configuration
    #[arg(long, value_name = "ID", requires = "config")]
    site: Option<String>,
    /// A private host that may be asked, like 127.0.0.1:8080
    #[arg(long, value_name = "HOST")]
    allow_host: Vec<String>,
    /// Read as many posts and no more
    #[arg(long, value_name = "COUNT", default_value_t = 10)]
    posts: usize,
    #[command(flatten)]
    format: Format,
}

pub fn run(args: &Args) -> Outcome {
    match &args.command {
        Command::List(format) => list(format.format),
        Command::Check { files } => check(files),
        Command::Status(args) => super::site_status::run(args),
        Command::Try(args) => visit(args),
    }
}

fn list(format: Layout) -> Outcome {
    let mut out = std::io::stdout().lock();
    for family in Families::built_in().iter() {
        match format {
            Layout::Text => writeln!(out, "{:<16} {}", family.name, family.description)?,
            Layout::Jsonl => writeln!(out, "{}", json!({"family": family.name, "description": family.description}))?,
        }
    }
    Ok(Exit::Done)
}

fn check(files: &[PathBuf]) -> Outcome {
    let mut families = Families::built_in();
    let mut names: Vec<String> = families.iter().map(|f| f.name.clone()).collect();
    if !files.is_empty() {
        names = files.iter().map(|file| add_definition(&mut families, file)).collect::<Result<_, _>>()?;
    }
    let (mut out, mut tried, mut wrong) = (std::io::stdout().lock(), 0, 0);
    for family in names.iter().filter_map(|name| families.get(name)) {
        match check_family(family, &families) {
            Ok(results) => {
                for result in results {
                    tried += 1;
                    wrong += u64::from(!result.problems.is_empty());
                    for problem in result.problems {
                        writeln!(out, "{}: {}: {problem}", family.name, result.name)?;
                    }
                }
            }
            Err(errors) => {
                wrong += errors.len() as u64;
                for error in errors {
                    let key = if error.key.is_empty() { String::new() } else { format!("{}: ", error.key) };
                    writeln!(out, "{}: {key}{}", family.name, error.message)?;
                }
            }
        }
    }
    eprintln!("{} tried, {} wrong", counted(tried, "example"), wrong);
    if wrong == 0 {
        Ok(Exit::Done)
    } else {
        Err(Failure::usage(anyhow::anyhow!("definitions do not read what they should")))
    }
}

/// Adds the definition in a file to the families; its name.
fn add_definition(families: &mut Families, file: &Path) -> Result<String, Failure> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string()).map_err(Failure::usage)?;
    let name = file.file_stem().and_then(|n| n.to_str()).unwrap_or("definition").to_owned();
    let added = families.add(&name, &text);
    added.map_err(|error| Failure::usage(anyhow::anyhow!("{}: {error}", file.display())))?;
    Ok(name)
}

fn visit(args: &TryArgs) -> Outcome {
    let (site, net) = site_to_try(args)?;
    let client = Client::new(net)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let trial = runtime.block_on(try_site(&client, &site, args.posts));
    let mut out = std::io::stdout().lock();
    match args.format.format {
        Layout::Jsonl => print_json(&mut out, &trial)?,
        Layout::Text => print_text(&mut out, &trial)?,
    }
    for result in check_examples(&site) {
        for problem in result.problems {
            eprintln!("example `{}`: {problem}", result.name);
        }
    }
    if trial.fault.is_some() { Ok(Exit::Incomplete) } else { Ok(Exit::Done) }
}

fn site_to_try(args: &TryArgs) -> Result<(Site, NetSettings), Failure> {
    if let (Some(file), Some(id)) = (&args.config, &args.site) {
        let config = read_config(file).map_err(Failure::usage)?;
        let site = config.sites.into_iter().find(|site| site.id.as_str() == id);
        let site = site.ok_or_else(|| Failure::usage(anyhow::anyhow!("`{id}` is not a site of {}", file.display())))?;
        return Ok((site, config.net));
    }
    let mut families = Families::built_in();
    let mut table = toml::Table::new();
    let family = match (&args.family, &args.definition) {
        (Some(name), _) => name.clone(),
        (None, Some(file)) => add_definition(&mut families, file)?,
        (None, None) => {
            eprintln!("read with the family `forum`, which finds threads and posts by itself; --family names another");
            "forum".to_owned()
        }
    };
    table.insert("id".into(), "try".into());
    table.insert("family".into(), family.into());
    if let Some(url) = &args.url {
        table.insert("url".into(), url.clone().into());
    }
    if !args.allow_host.is_empty() {
        table.insert("allow_hosts".into(), args.allow_host.clone().into());
    }
    let site = Site::from_table(&table, &families).map_err(|errors| {
        let lines: Vec<String> = errors.iter().map(|e| format!("{}: {}", e.key, e.message)).collect();
        Failure::usage(anyhow::anyhow!(lines.join("\n")))
    })?;
    Ok((site, NetSettings::default()))
}

/// Content is shown by its size only: it is other people's.
fn print_text(out: &mut impl Write, trial: &Trial) -> std::io::Result<()> {
    for post in &trial.posts {
        writeln!(out, "{}", post.id.0.trim_start_matches("try:").escape_debug())?;
        writeln!(out, "  url          {}", post.url.escape_debug())?;
        writeln!(out, "  title        {}", shown(post.title.as_deref()))?;
        writeln!(out, "  author       {}", shown(post.author.as_deref()))?;
        writeln!(out, "  date         {}", shown(post.posted_at.map(|d| d.to_string()).as_deref()))?;
        writeln!(
            out,
            "  body         {}, {}",
            counted(post.body.bytes.len() as u64, "byte"),
            counted(lines(post), "line")
        )?;
        for file in &post.attachments {
            writeln!(
                out,
                "  attachment   {} ({})",
                file.name.escape_debug(),
                counted(file.bytes.len() as u64, "byte")
            )?;
        }
        for skip in &post.skipped {
            writeln!(out, "  not read     {} ({})", skip.what.escape_debug(), skip.detail.escape_debug())?;
        }
    }
    let health = &trial.health;
    writeln!(out, "{}, {}", counted(health.requests, "request"), counted(trial.posts.len() as u64, "post"))?;
    for next in &trial.next {
        writeln!(out, "next page    {}", next.escape_debug())?;
    }
    for (field, pages) in &health.misread {
        writeln!(out, "misread: {field} stands nowhere on {}", counted(*pages, "page"))?;
    }
    if health.repeated_pages > 0 {
        writeln!(out, "next links that lead to pages already read: {}", health.repeated_pages)?;
    }
    for (kind, count) in &health.errors {
        writeln!(out, "entries not read: {kind} {count}")?;
    }
    if trial.cut {
        writeln!(out, "there is more; --posts reads further")?;
    }
    if let Some(fault) = &trial.fault {
        writeln!(out, "fault: {fault}")?;
    }
    Ok(())
}

fn print_json(out: &mut impl Write, trial: &Trial) -> std::io::Result<()> {
    for post in &trial.posts {
        let files: Vec<_> = post.attachments.iter().map(|f| json!({"name": f.name, "bytes": f.bytes.len()})).collect();
        let skipped: Vec<_> = post.skipped.iter().map(|s| json!({"what": s.what, "why": s.detail})).collect();
        let line = json!({
            "id": post.id.0, "url": post.url, "title": post.title, "author": post.author,
            "date": post.posted_at.map(|d| d.to_string()), "bytes": post.body.bytes.len(), "lines": lines(post),
            "blake3": blake3::hash(&post.body.bytes).to_hex().as_str(), "attachments": files, "skipped": skipped,
        });
        writeln!(out, "{line}")?;
    }
    writeln!(out, "{}", json!({"fault": trial.fault, "cut": trial.cut, "next": trial.next, "health": trial.health}))
}

fn shown(value: Option<&str>) -> String {
    value.map_or_else(|| "-".to_owned(), |text| text.escape_debug().to_string())
}

fn lines(post: &Post) -> u64 {
    post.body.bytes.split(|b| *b == b'\n').filter(|line| !line.is_empty()).count() as u64
}
