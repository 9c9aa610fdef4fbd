//! A term watchlist tried on its own examples: each must be found, or not, by the terms it is about.

use super::{TermCounts, TermError, Terms};
use crate::model::{Example, TermWatchlist};

impl Terms {
    /// Tries a watchlist's own examples on it.
    ///
    /// # Errors
    /// Every example that does not match, every counter-example that does, every pattern or rule that does not compile.
    pub fn check(watchlist: &TermWatchlist) -> Result<(), Vec<TermError>> {
        let terms = Self::new(std::slice::from_ref(watchlist))?;
        let wrong = |kind: &'static str, at: usize, what: String| TermError::Example {
            watchlist: watchlist.id.clone(),
            kind,
            position: at + 1,
            what,
        };
        let mut errors = Vec::new();
        for (at, example) in watchlist.examples.iter().enumerate() {
            errors.extend(terms.missed(example).into_iter().map(|what| wrong("example", at, what)));
        }
        for (at, example) in watchlist.counter_examples.iter().enumerate() {
            errors.extend(terms.struck(example).into_iter().map(|what| wrong("counter-example", at, what)));
        }
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }

    /// The terms found in a text.
    fn found_in(&self, text: &str) -> Vec<String> {
        let mut counts = TermCounts::default();
        self.count(text.as_bytes(), &mut counts);
        self.end(&mut counts);
        self.matches(&counts).into_iter().map(|found| found.term).collect()
    }

    /// What should match an example and does not.
    fn missed(&self, example: &Example) -> Vec<String> {
        let found = self.found_in(&example.text);
        if example.terms.is_empty() {
            return if found.is_empty() { vec!["is not matched".to_owned()] } else { Vec::new() };
        }
        let missed = example.terms.iter().filter(|term| !found.contains(term));
        missed.map(|term| format!("is not matched by `{term}`")).collect()
    }

    /// What should not match a counter-example and does.
    fn struck(&self, example: &Example) -> Vec<String> {
        let found = self.found_in(&example.text);
        let concerned = |term: &&String| example.terms.is_empty() || example.terms.contains(term);
        found.iter().filter(concerned).map(|term| format!("is matched by `{term}`")).collect()
    }
}
