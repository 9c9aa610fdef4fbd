//! Term watchlists: words and patterns looked for in running text, whoever's records stand around them.
//!
//! Words go into one automaton, so that tens of thousands cost what one costs; patterns into one set that is asked only
//! whether and which, then counted. Text is searched batch by batch: batches end at line ends, so a term does not
//! span two unless a line does.

use aho_corasick::{AhoCorasick, MatchKind};
use regex::bytes::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};
use serde::{Deserialize, Serialize};

use crate::model::attribution::TermMatch;
use crate::model::{Severity, SystemId, TermWatchlist, Tlp};

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
        what: &'static str,
    },
}

struct Term {
    watchlist: u16,
    text: String,
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
}

impl Terms {
    /// Compiles the watchlists.
    ///
    /// # Errors
    /// Every pattern that does not compile, not only the first.
    pub fn new(watchlists: &[TermWatchlist]) -> Result<Self, Vec<TermError>> {
        let mut errors = Vec::new();
        let (mut terms, mut sources, mut patterns) = (Vec::new(), Vec::new(), Vec::new());
        for (no, list) in watchlists.iter().enumerate() {
            let words = list.words.iter().filter(|word| !word.trim().is_empty());
            terms.extend(words.map(|word| Term { watchlist: no as u16, text: word.trim().to_owned() }));
        }
        let first_pattern = terms.len();
        for (no, list) in watchlists.iter().enumerate() {
            for pattern in &list.regexes {
                match RegexBuilder::new(pattern).size_limit(PATTERN_SIZE).build() {
                    Ok(regex) => {
                        sources.push(pattern.clone());
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
        let spelled = spellings(&terms[..first_pattern]);
        let words = Self::automaton(&spelled).map_err(|cause| errors.push(cause)).unwrap_or_default();
        let word_terms = spelled.into_iter().map(|(_, term)| term).collect();
        let set = RegexSetBuilder::new(&sources).size_limit(PATTERN_SIZE * (1 + sources.len())).build();
        let set = set.unwrap_or_else(|_| RegexSet::empty());
        if set.len() != patterns.len() && errors.is_empty() {
            errors.push(TermError::Words("the patterns together are too large".to_owned()));
        }
        let watchlists = watchlists.iter().map(|list| (list.id.clone(), list.severity, list.tlp)).collect();
        let compiled = Self { watchlists, terms, words, word_terms, first_pattern, set, patterns };
        if errors.is_empty() { Ok(compiled) } else { Err(errors) }
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

    /// Whether there is nothing to look for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
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

    /// Tries a watchlist's own examples on it.
    ///
    /// # Errors
    /// Every example that does not match, every counter-example that does, every pattern that does not compile.
    pub fn check(watchlist: &TermWatchlist) -> Result<(), Vec<TermError>> {
        let terms = Self::new(std::slice::from_ref(watchlist))?;
        let matches = |text: &String| {
            let mut counts = TermCounts::default();
            terms.count(text.as_bytes(), &mut counts);
            counts.counts.iter().any(|count| *count > 0)
        };
        let wrong = |kind: &'static str, what: &'static str, position: usize| TermError::Example {
            watchlist: watchlist.id.clone(),
            kind,
            position: position + 1,
            what,
        };
        let missed = watchlist.examples.iter().enumerate().filter(|(_, text)| !matches(text));
        let missed = missed.map(|(i, _)| wrong("example", "is not matched", i));
        let struck = watchlist.counter_examples.iter().enumerate().filter(|(_, text)| matches(text));
        let struck = struck.map(|(i, _)| wrong("counter-example", "is matched", i));
        let errors: Vec<TermError> = missed.chain(struck).collect();
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }
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
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct TermCounts {
    counts: Vec<u64>,
}

impl TermCounts {
    /// Adds another part's counts.
    pub(super) fn merge(&mut self, other: &Self) {
        self.counts.resize(self.counts.len().max(other.counts.len()), 0);
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            add(mine, *theirs);
        }
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
mod tests {
    use super::*;

    fn list(words: &[&str], regexes: &[&str]) -> TermWatchlist {
        let owned = |items: &[&str]| items.iter().map(ToString::to_string).collect();
        TermWatchlist {
            id: "brand".parse().unwrap(),
            name: "Brand".into(),
            severity: Severity::Low,
            tlp: Tlp::Amber,
            pap: crate::model::Pap::Amber,
            words: owned(words),
            regexes: owned(regexes),
            examples: vec![],
            counter_examples: vec![],
        }
    }

    fn found(list: &TermWatchlist, text: &str) -> Vec<(String, u64)> {
        let terms = Terms::new(std::slice::from_ref(list)).unwrap_or_else(|e| panic!("{e:?}"));
        let mut counts = TermCounts::default();
        terms.count(text.as_bytes(), &mut counts);
        terms.matches(&counts).into_iter().map(|t| (t.term, t.count)).collect()
    }

    #[test]
    fn words_are_whole_case_is_nothing_and_longer_words_hide_no_shorter_ones() {
        let list = list(&["acme", "Acme Bank", "c++"], &[]);
        let found = found(&list, "ACME BANK, acmeist, (acme) c++x");
        assert_eq!(found, [("acme".into(), 2), ("Acme Bank".into(), 1), ("c++".into(), 1)]);
    }

    #[test]
    fn letters_beyond_ascii_have_two_cases_too() {
        let list = list(&["opération Été"], &[]);
        assert_eq!(found(&list, "OPÉRATION ÉTÉ, Opération été; opération Été"), [("opération Été".into(), 3)]);
    }

    #[test]
    fn patterns_are_counted_and_bounded() {
        assert_eq!(
            found(&list(&[], &[r"vpn-\d{3}\.example"]), "vpn-001.example vpn-2"),
            [(r"vpn-\d{3}\.example".into(), 1)]
        );
        assert_eq!(found(&list(&["a"], &[]), &"a ".repeat(5_000))[0].1, MOST_COUNTED);
        let errors = Terms::new(&[list(&[], &["(", r"\w{1000}{1000}", "fine"])]).err().unwrap();
        assert_eq!(errors.len(), 2);
    }

    #[test]
    fn examples_are_tried() {
        let mut list = list(&["acme"], &[]);
        list.examples = vec!["an acme thing".into(), "acmeist".into()];
        list.counter_examples = vec!["academy".into(), "ACME".into()];
        assert_eq!(Terms::check(&list).unwrap_err().len(), 2);
    }
}
