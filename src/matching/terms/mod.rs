//! Term watchlists: words, patterns and YARA rules looked for in the text, whoever's records stand around them.
//!
//! Words go into one automaton, so that tens of thousands cost what one costs; patterns into one set that is asked only
//! whether and which, then counted. Both search batch by batch: batches end at line ends, so a term does not span two
//! unless a line does. Rules ask about a document as a whole, so its text is gathered in a `window` for them; how they are
//! compiled and bounded is in `rules`, how they are cut apart in `split`. `check` tries a watchlist on its examples,
//! `cost` measures it.

mod check;
mod cost;
mod rules;
mod split;
mod window;

use aho_corasick::{AhoCorasick, MatchKind};
use regex::bytes::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};
use serde::{Deserialize, Serialize};

use crate::model::attribution::TermMatch;
use crate::model::{Severity, Skip, SystemId, TermWatchlist, Tlp};

use rules::RuleSet;
use window::Window;

pub use cost::{Cost, Slow};
pub use rules::{RuleProblem, check_rules};

/// Counting of one term stops here: how often beyond a thousand tells nobody anything.
const MOST_COUNTED: u64 = 1_000;
/// Memory a compiled pattern may take, in bytes: refuses `\w{1000}{1000}` when it is declared and not at night.
const PATTERN_SIZE: usize = 1 << 20;

/// Why a term watchlist cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TermError {
    /// A pattern does not compile.
    #[error(
        "term watchlist `{watchlist}`: pattern `{pattern}` is not valid: {cause}; hint: the syntax is that of the `regex` crate, without look-around or back-references"
    )]
    Pattern {
        /// The watchlist.
        watchlist: SystemId,
        /// The pattern as written.
        pattern: String,
        /// The compiler's words.
        cause: String,
    },
    /// A YARA rule does not compile, or is not accepted.
    #[error("term watchlist `{watchlist}`: {file}{}: {}", .problem.line.map(|line| format!(":{line}")).unwrap_or_default(), .problem.message)]
    Rule {
        /// The watchlist.
        watchlist: SystemId,
        /// The file it stands in.
        file: String,
        /// What is wrong.
        problem: RuleProblem,
    },
    /// The words do not fit one automaton.
    #[error("the words of the term watchlists cannot be compiled together: {0}; hint: split off the longest ones")]
    Words(String),
    /// An example that should match does not, or a counter-example does.
    #[error("term watchlist `{watchlist}`: {kind} {position} {what}; hint: correct the term or the example")]
    Example {
        /// The watchlist.
        watchlist: SystemId,
        /// `example` or `counter-example`.
        kind: &'static str,
        /// Which, from 1.
        position: usize,
        /// What is wrong with it.
        what: String,
    },
}

struct Term {
    watchlist: u16,
    text: String,
}

/// The rules of one watchlist. Each watchlist has a scanner of its own: that costs a pass each, and a slow watchlist is
/// known by name and takes no time from the others.
struct Rules {
    watchlist: u16,
    /// Rule `i` of the set is `terms[first + i]`.
    first: usize,
    set: RuleSet,
}

/// The compiled term watchlists.
pub struct Terms {
    watchlists: Vec<(SystemId, Severity, Tlp)>,
    terms: Vec<Term>,
    words: Option<AhoCorasick>,
    /// For each pattern of `words`, the term it spells.
    word_terms: Vec<u32>,
    /// Pattern `i` is `terms[first_pattern + i]`.
    first_pattern: usize,
    set: RegexSet,
    patterns: Vec<Regex>,
    rules: Vec<Rules>,
}

impl Terms {
    /// Compiles the watchlists.
    ///
    /// # Errors
    /// Every pattern and rule that does not compile, not only the first.
    pub fn new(watchlists: &[TermWatchlist]) -> Result<Self, Vec<TermError>> {
        let mut errors = Vec::new();
        let mut terms = Vec::new();
        for (no, list) in watchlists.iter().enumerate() {
            let words = list.words.iter().filter(|word| !word.trim().is_empty());
            terms.extend(words.map(|word| Term { watchlist: no as u16, text: word.trim().to_owned() }));
        }
        let first_pattern = terms.len();
        let spelled = spellings(&terms);
        let words = automaton(&spelled).map_err(|cause| errors.push(cause)).unwrap_or_default();
        let word_terms = spelled.into_iter().map(|(_, term)| term).collect();
        let (set, patterns) = compile_patterns(watchlists, &mut terms, &mut errors);
        let rules = compile_rules(watchlists, &mut terms, &mut errors);
        let watchlists = watchlists.iter().map(|list| (list.id.clone(), list.severity, list.tlp)).collect();
        let compiled = Self { watchlists, terms, words, word_terms, first_pattern, set, patterns, rules };
        if errors.is_empty() { Ok(compiled) } else { Err(errors) }
    }

    /// Whether there is nothing to look for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Tells the sources of all rules from any others.
    pub(super) fn rule_sources(&self) -> impl Iterator<Item = &[u8; 32]> {
        self.rules.iter().map(|rules| rules.set.source())
    }

    /// All terms as written, with their watchlists.
    pub(super) fn names(&self) -> impl Iterator<Item = (&SystemId, &str)> {
        self.terms.iter().map(|term| (&self.watchlists[usize::from(term.watchlist)].0, term.text.as_str()))
    }

    /// Severity and TLP of a term watchlist.
    #[must_use]
    pub fn scale(&self, watchlist: &SystemId) -> Option<(Severity, Tlp)> {
        self.watchlists.iter().find(|(id, ..)| id == watchlist).map(|(_, severity, tlp)| (*severity, *tlp))
    }

    /// Adds what stands in `text` to `counts`.
    pub(super) fn count(&self, text: &[u8], counts: &mut TermCounts) {
        if self.is_empty() {
            return;
        }
        counts.counts.resize(self.terms.len(), 0);
        if let Some(words) = &self.words {
            for found in words.find_overlapping_iter(text) {
                if is_whole_word(text, found.start(), found.end()) {
                    add(&mut counts.counts[self.word_terms[found.pattern().as_usize()] as usize], 1);
                }
            }
        }
        if !self.patterns.is_empty() {
            for pattern in self.set.matches(text) {
                let times = self.patterns[pattern].find_iter(text).take(MOST_COUNTED as usize).count();
                add(&mut counts.counts[self.first_pattern + pattern], times as u64);
            }
        }
        if !self.rules.is_empty() && counts.window.is_full(text.len()) {
            self.show(counts);
        }
        if !self.rules.is_empty() {
            counts.window.append(text);
        }
    }

    /// What follows belongs to `member` of the document: rules are asked of each by itself.
    pub(super) fn begin(&self, member: &str, counts: &mut TermCounts) {
        if !self.rules.is_empty() && !counts.window.is_of(member) {
            self.show(counts);
            counts.window.begin(member);
        }
    }

    /// The text so far is all there is of the document, or of a part of it that others do not see.
    pub(super) fn end(&self, counts: &mut TermCounts) {
        self.show(counts);
    }

    /// Shows the rules what has been gathered.
    fn show(&self, counts: &mut TermCounts) {
        let Some(text) = counts.window.take() else { return };
        counts.counts.resize(self.terms.len(), 0);
        for (no, rules) in self.rules.iter().enumerate() {
            let name = &self.watchlists[usize::from(rules.watchlist)].0;
            for rule in counts.window.ask(no, name, &rules.set, &text) {
                add(&mut counts.counts[rules.first + rule], 1);
            }
        }
        counts.window.give_back(text);
    }

    /// What was found, by watchlist, most frequent first.
    pub(super) fn matches(&self, counts: &TermCounts) -> Vec<TermMatch> {
        let mut found: Vec<TermMatch> = self
            .terms
            .iter()
            .zip(&counts.counts)
            .filter(|(_, count)| **count > 0)
            .map(|(term, count)| TermMatch {
                watchlist: self.watchlists[term.watchlist as usize].0.clone(),
                term: term.text.clone(),
                count: *count,
            })
            .collect();
        found.sort_by(|a, b| a.watchlist.cmp(&b.watchlist).then(b.count.cmp(&a.count)).then(a.term.cmp(&b.term)));
        found
    }
}

fn automaton(words: &[(String, u32)]) -> Result<Option<AhoCorasick>, TermError> {
    if words.is_empty() {
        return Ok(None);
    }
    // Standard semantics with overlaps: `ACME` must not hide `ACME Bank`, nor the other way round.
    AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .match_kind(MatchKind::Standard)
        .build(words.iter().map(|(spelling, _)| spelling))
        .map(Some)
        .map_err(|cause| TermError::Words(cause.to_string()))
}

/// The patterns of all watchlists, as one set and each by itself, behind the other terms.
fn compile_patterns(
    watchlists: &[TermWatchlist],
    terms: &mut Vec<Term>,
    errors: &mut Vec<TermError>,
) -> (RegexSet, Vec<Regex>) {
    let (mut sources, mut patterns) = (Vec::new(), Vec::new());
    for (no, list) in watchlists.iter().enumerate() {
        for pattern in &list.regexes {
            match RegexBuilder::new(pattern).size_limit(PATTERN_SIZE).build() {
                Ok(regex) => {
                    sources.push(pattern);
                    patterns.push(regex);
                    terms.push(Term { watchlist: no as u16, text: pattern.clone() });
                }
                Err(cause) => errors.push(TermError::Pattern {
                    watchlist: list.id.clone(),
                    pattern: pattern.clone(),
                    cause: cause.to_string(),
                }),
            }
        }
    }
    let set = RegexSetBuilder::new(&sources).size_limit(PATTERN_SIZE * (1 + sources.len())).build();
    let set = set.unwrap_or_else(|_| RegexSet::empty());
    if set.len() != patterns.len() && errors.is_empty() {
        errors.push(TermError::Words("the patterns together are too large".to_owned()));
    }
    (set, patterns)
}

/// The rules of each watchlist, behind the other terms.
fn compile_rules(watchlists: &[TermWatchlist], terms: &mut Vec<Term>, errors: &mut Vec<TermError>) -> Vec<Rules> {
    let mut compiled = Vec::new();
    for (no, list) in watchlists.iter().enumerate().filter(|(_, list)| !list.yara.is_empty()) {
        let texts: Vec<&str> = list.yara.iter().map(|rules| rules.text.as_str()).collect();
        match RuleSet::compile(&texts) {
            Ok(set) => {
                let first = terms.len();
                terms.extend(set.names().map(|name| Term { watchlist: no as u16, text: name.to_owned() }));
                compiled.push(Rules { watchlist: no as u16, first, set });
            }
            Err(problems) => errors.extend(problems.into_iter().map(|(text, problem)| TermError::Rule {
                watchlist: list.id.clone(),
                file: list.yara[text].file.clone(),
                problem,
            })),
        }
    }
    compiled
}

/// How each term may be written. The automaton folds the case of ASCII letters; other letters get a spelling for small,
/// capital and initial capital (`école`, `ÉCOLE`, `École`).
fn spellings(terms: &[Term]) -> Vec<(String, u32)> {
    let mut all = Vec::with_capacity(terms.len());
    for (no, term) in terms.iter().enumerate() {
        let mut spelled = vec![term.text.clone()];
        if !term.text.is_ascii() {
            let small = term.text.to_lowercase();
            let mut letters = small.chars();
            let initial: String = letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect();
            for form in [term.text.to_uppercase(), initial, small] {
                if !spelled.iter().any(|known| known.eq_ignore_ascii_case(&form)) {
                    spelled.push(form);
                }
            }
        }
        all.extend(spelled.into_iter().map(|form| (form, no as u32)));
    }
    all
}

/// How often each term was found in one document.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(super) struct TermCounts {
    counts: Vec<u64>,
    window: Window,
}

impl TermCounts {
    /// Adds another part's counts. The other part must have ended: its text is not taken over.
    pub(super) fn merge(&mut self, other: Self) {
        self.window.merge(other.window);
        self.counts.resize(self.counts.len().max(other.counts.len()), 0);
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            add(mine, *theirs);
        }
    }

    /// What rules were not shown, or not as a whole; once.
    pub(super) fn take_skips(&mut self) -> Vec<Skip> {
        self.window.take_skips()
    }

    /// Says that the document goes on elsewhere.
    pub(super) fn is_part(&mut self) {
        self.window.is_part();
    }
}

fn add(count: &mut u64, more: u64) {
    *count = (*count + more).min(MOST_COUNTED);
}

/// Whether neither neighbour continues the word. A boundary is only asked for where the term itself ends in a letter
/// or digit: `C++` may be followed by anything.
fn is_whole_word(text: &[u8], start: usize, end: usize) -> bool {
    let inside = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b >= 0x80;
    let open = start > 0 && inside(text[start]) && inside(text[start - 1]);
    let close = end < text.len() && inside(text[end - 1]) && inside(text[end]);
    !open && !close
}

#[cfg(test)]
mod tests;
