//! YARA rules of one watchlist: compiled within limits, and held against text within limits. `docs/decisions/` says why
//! they are read by `boreal`, and what of YARA is left out.
//!
//! Rules come from analysts and from packs that analysts found somewhere: they are trusted to mean well and not to be
//! cheap. No modules and no includes are known, so that a rule can ask about the text and nothing else.

use std::time::{Duration, Instant};

use boreal::compiler::{AddRuleError, AddRuleStatus, Compiler, CompilerBuilder, CompilerParams};
use boreal::scanner::{CallbackEvents, ScanCallbackResult, ScanEvent, ScanParams, Scanner};

use super::split::{Kind, Piece, line_of, pieces};

/// Source of one watchlist's rules, in bytes.
const MAX_SOURCE: usize = 1 << 20;
/// Rules of one watchlist.
const MAX_RULES: usize = 5_000;
/// Strings of one rule.
const MAX_STRINGS: usize = 1_000;
/// Time that compiling one watchlist's rules may take. Looked at between rules; one rule is bounded by its strings, of which
/// each may become 10 MiB large.
const MAX_COMPILE: Duration = Duration::from_secs(20);
/// Problems that are told of one watchlist.
const MAX_PROBLEMS: usize = 20;
/// Matches of one string that are counted in one text.
pub(super) const MAX_MATCHES: u32 = 1_000;

/// What is wrong with rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleProblem {
    /// The line, from 1, where there is one to point at.
    pub line: Option<u32>,
    /// What is wrong, with `; hint: …` behind it where there is advice.
    pub message: String,
}

/// Compiles a watchlist's rules, text by text, and gives the names of those that are reported, for each text.
///
/// # Errors
/// Everything that is wrong, each with the number of its text.
pub fn check_rules(texts: &[&str]) -> Result<Vec<Vec<String>>, Vec<(usize, RuleProblem)>> {
    let set = RuleSet::compile(texts)?;
    let reported = |piece: &Piece<'_>| set.names().any(|name| name == piece.name).then(|| piece.name.to_owned());
    Ok(texts.iter().map(|text| pieces(text).iter().filter_map(reported).collect()).collect())
}

/// Compiled rules.
pub(super) struct RuleSet {
    scanner: Scanner,
    /// Those that are reported, in order.
    names: Vec<String>,
    /// Hash of all texts.
    source: [u8; 32],
}

/// What rules say of a text.
#[derive(Default)]
pub(super) struct Verdict {
    /// Positions of the rules that match.
    pub matched: Vec<usize>,
    /// Names of rules that did not match, of which some string was not counted to its end.
    pub undecided: Vec<String>,
    /// Whether the time was over before all was seen.
    pub out_of_time: bool,
}

impl RuleSet {
    /// Compiles the rules of all texts together.
    pub fn compile(texts: &[&str]) -> Result<Self, Vec<(usize, RuleProblem)>> {
        if texts.iter().map(|text| text.len()).sum::<usize>() > MAX_SOURCE {
            let message = format!("more than {} KiB of rules; hint: make several watchlists of them", MAX_SOURCE >> 10);
            return Err(vec![(texts.len() - 1, RuleProblem { line: None, message })]);
        }
        let mut compiling = Compiling::new();
        for (no, text) in texts.iter().enumerate() {
            for piece in pieces(text) {
                if let Err(problem) = compiling.add(text, &piece) {
                    compiling.problems.push((no, problem));
                }
                if compiling.problems.len() == MAX_PROBLEMS || compiling.is_over() {
                    return Err(compiling.problems);
                }
            }
        }
        if !compiling.problems.is_empty() {
            return Err(compiling.problems);
        }
        let mut scanner = compiling.compiler.finalize();
        scanner.set_scan_params(
            // What matched is never looked at: not a byte of it is kept.
            ScanParams::default()
                .match_max_length(0)
                .string_max_nb_matches(MAX_MATCHES)
                .callback_events(CallbackEvents::RULE_MATCH | CallbackEvents::STRING_REACHED_MATCH_LIMIT),
        );
        let names = scanner.rules().filter(|rule| !rule.is_private).map(|rule| rule.name.to_owned()).collect();
        let mut hasher = blake3::Hasher::new();
        for text in texts {
            hasher.update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes());
        }
        Ok(Self { scanner, names, source: *hasher.finalize().as_bytes() })
    }

    /// Tells the texts from any others.
    pub fn source(&self) -> &[u8; 32] {
        &self.source
    }

    /// The rules that are reported.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// Asks the rules about a text.
    pub fn ask(&self, text: &[u8], time: Duration) -> Verdict {
        let mut scanner = self.scanner.clone();
        let params = scanner.scan_params().clone().timeout_duration(Some(time));
        scanner.set_scan_params(params);
        let (mut matched, mut uncounted) = (Vec::new(), Vec::new());
        let result = scanner.scan_mem_with_callback(text, |event| {
            match event {
                ScanEvent::RuleMatch(rule) => matched.push(rule.name.to_owned()),
                ScanEvent::StringReachedMatchLimit(string) => uncounted.push(string.rule_name.to_owned()),
                _ => {}
            }
            ScanCallbackResult::Continue
        });
        uncounted.sort();
        uncounted.dedup();
        uncounted.retain(|name| !matched.contains(name));
        let position = |name: &String| self.names.iter().position(|known| known == name);
        Verdict {
            matched: matched.iter().filter_map(position).collect(),
            undecided: uncounted,
            out_of_time: result.is_err(),
        }
    }
}

/// Rules on their way into a compiler, one by one, so that each is bounded and known by its line.
struct Compiling {
    compiler: Compiler,
    rules: usize,
    started: Instant,
    problems: Vec<(usize, RuleProblem)>,
}

impl Compiling {
    fn new() -> Self {
        // `default`, not `new`: no modules. Some read the clock, some print, all can be made to cost what no limit counts.
        let mut compiler = CompilerBuilder::default().build();
        compiler.set_params(
            CompilerParams::default()
                .disable_includes(true)
                .compute_statistics(true)
                .disable_unknown_escape_warning(true)
                .max_strings_per_rule(MAX_STRINGS),
        );
        Self { compiler, rules: 0, started: Instant::now(), problems: Vec::new() }
    }

    fn is_over(&self) -> bool {
        self.problems.last().is_some_and(|(_, problem)| problem.line.is_none())
    }

    fn add(&mut self, text: &str, piece: &Piece<'_>) -> Result<(), RuleProblem> {
        let line = line_of(text, piece.range.start);
        let at = |message| RuleProblem { line: Some(line), message };
        let whole = |message| RuleProblem { line: None, message };
        match piece.kind {
            Kind::Import => {
                let message = format!("`import \"{}\"`: modules are not available here", piece.name);
                return Err(at(message + "; hint: rules see decoded text, say it with strings and conditions"));
            }
            Kind::Include => {
                let message = format!("`include \"{}\"` is not followed", piece.name);
                return Err(at(message + "; hint: name the file under `yara` as well"));
            }
            Kind::Rule | Kind::Unknown => self.rules += 1,
        }
        if self.rules > MAX_RULES {
            return Err(whole(format!("more than {MAX_RULES} rules; hint: make several watchlists of them")));
        }
        if self.started.elapsed() > MAX_COMPILE {
            return Err(whole(format!(
                "compiling takes longer than {} s; hint: the rules before line {line} have large repetitions",
                MAX_COMPILE.as_secs()
            )));
        }
        match self.compiler.add_rules_str(&text[piece.range.clone()]) {
            Ok(status) => unanchored(&status, piece.name).map_or(Ok(()), |message| Err(at(message))),
            Err(error) => Err(in_our_words(&error, line)),
        }
    }
}

/// A string of which no byte is fixed is tried at every byte, each of its matches may run to the end of the text, and no
/// limit cuts that: it is refused. The first such string of the rules just added.
fn unanchored(status: &AddRuleStatus, rule: &str) -> Option<String> {
    let string = status.statistics().flat_map(|rule| &rule.strings).find(|string| string.atoms.is_empty())?;
    Some(format!(
        "string `${}` of rule `{rule}` has no fixed characters to look for; hint: give it some, or write it under \
         `regexes`, which take one pass",
        string.name
    ))
}

/// The compiler's `mem:LINE:COLUMN: error: MESSAGE`, with the line of the file.
fn in_our_words(error: &AddRuleError, first: u32) -> RuleProblem {
    let said = error.to_string();
    let mut parts = said.splitn(4, ':');
    let line = parts.nth(1).and_then(|line| line.parse::<u32>().ok());
    let message = parts.nth(1).map_or(said.as_str(), |rest| rest.trim().trim_start_matches("error: "));
    RuleProblem {
        line: Some(first + line.map_or(0, |line| line.saturating_sub(1))),
        message: format!("{}; hint: the syntax is YARA's, without modules", message.lines().next().unwrap_or_default()),
    }
}
