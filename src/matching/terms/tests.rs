//! Words, patterns and rules against small texts: what is found, what is not, and what stays bounded.

use super::rules::MAX_MATCHES;
use super::window::WINDOW;
use super::*;
use crate::model::{Example, RuleText, SkipReason};

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
        yara: vec![],
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

fn example(text: &str, terms: &[&str]) -> Example {
    Example { text: text.into(), terms: terms.iter().map(ToString::to_string).collect() }
}

#[test]
fn examples_are_tried_as_a_whole_or_on_the_terms_they_name() {
    let mut list = list(&["acme", "acme bank"], &[]);
    list.examples =
        vec![example("an acme thing", &[]), example("acmeist", &[]), example("acme", &["acme", "acme bank"])];
    list.counter_examples = vec![example("academy", &[]), example("ACME", &[]), example("acme", &["acme bank"])];
    let said: Vec<String> = Terms::check(&list).unwrap_err().iter().map(ToString::to_string).collect();
    assert_eq!(said.len(), 3, "{said:#?}");
    assert!(said[0].contains("example 2 is not matched;"), "{said:#?}");
    assert!(said[1].contains("example 3 is not matched by `acme bank`"), "{said:#?}");
    assert!(said[2].contains("counter-example 2 is matched by `acme`"), "{said:#?}");
}

fn rules(text: &str) -> TermWatchlist {
    let mut list = list(&[], &[]);
    list.yara = vec![RuleText { file: "rules.yar".into(), text: text.into(), rules: vec![] }];
    list
}

/// Batches by member, as they come from reading; the rules found, with their counts, and what was skipped.
fn shown(lists: &[TermWatchlist], batches: &[(&str, &str)]) -> (Vec<(String, u64)>, Vec<Skip>) {
    let terms = Terms::new(lists).unwrap_or_else(|e| panic!("{e:?}"));
    let mut counts = TermCounts::default();
    for (member, text) in batches {
        terms.begin(member, &mut counts);
        terms.count(text.as_bytes(), &mut counts);
    }
    terms.end(&mut counts);
    (terms.matches(&counts).into_iter().map(|t| (t.term, t.count)).collect(), counts.take_skips())
}

const PAIR: &str = r#"
private rule base { strings: $a = "begin secret" nocase condition: $a }
rule pair { strings: $b = "end secret" condition: base and $b }
rule many { strings: $c = /row-[0-9]{3}\b/ condition: #c > 5 }
rule small { condition: filesize < 64 }
"#;

#[test]
fn a_rule_sees_a_member_as_a_whole_and_only_that() {
    let list = [rules(PAIR)];
    // Its strings stand in two batches of one member.
    let (found, skips) =
        shown(&list, &[("a.txt", "BEGIN secret\n"), ("a.txt", &"x\n".repeat(40)), ("a.txt", "end secret\n")]);
    assert_eq!((found, skips), (vec![("pair".into(), 1)], vec![]));
    // And in two members.
    let (found, _) = shown(&list, &[("a.txt", &"begin secret ".repeat(9)), ("b.txt", &"end secret ".repeat(9))]);
    assert_eq!(found, []);
    let (found, _) = shown(&list, &[("", "x"), ("b", "y")]);
    assert_eq!(found, [("small".into(), 2)]);
    let (found, _) = shown(&list, &[("", &"row-123 ".repeat(9)), ("b", &"row-12 ".repeat(12))]);
    assert_eq!(found, [("many".into(), 1)]);
}

#[test]
fn a_member_larger_than_the_window_is_shown_in_parts_and_that_is_said() {
    let filler = "nothing of any interest stands here\n".repeat(WINDOW / 36);
    let (found, skips) = shown(
        &[rules(PAIR)],
        &[("big", "begin secret end secret\n"), ("big", &filler), ("big", "begin secret\n"), ("big", "end secret\n")],
    );
    assert_eq!(found[0], ("pair".into(), 2));
    assert_eq!((skips.len(), skips[0].what.as_str(), skips[0].reason), (1, "big", SkipReason::TooLarge));
}

#[test]
fn watchlists_are_asked_apart_and_a_global_rule_binds_its_own_only() {
    let mut other = rules("rule word { strings: $a = \"secret\" condition: $a }");
    other.id = "other".parse().unwrap();
    let strict =
        rules("global rule long { condition: filesize > 100 } rule word { strings: $a = \"secret\" condition: $a }");
    let terms = Terms::new(&[strict, other]).unwrap_or_else(|e| panic!("{e:?}"));
    let mut counts = TermCounts::default();
    terms.count(b"a secret", &mut counts);
    terms.end(&mut counts);
    let found: Vec<_> = terms.matches(&counts).into_iter().map(|t| (t.watchlist.to_string(), t.term)).collect();
    assert_eq!(found, [("other".to_owned(), "word".to_owned())]);
}

#[test]
fn rules_that_ask_for_more_than_text_or_cannot_be_bounded_are_refused_with_their_line() {
    let refused = |text: &str| match check_rules(&[text]) {
        Err(mut problems) => problems.remove(0).1,
        Ok(_) => panic!("accepted: {text:.80}"),
    };
    let rule = |strings: &str, condition: &str| format!("\nrule r {{ strings: {strings} condition: {condition} }}");
    for (text, line, part) in [
        ("\nimport \"pe\"\n".to_owned(), Some(2), "modules are not available"),
        ("\n\ninclude \"/etc/passwd\"".to_owned(), Some(3), "is not followed"),
        (rule("$a = /[a-f0-9]{32}/", "$a"), Some(2), "no fixed characters"),
        (rule("$a = { ?? ?? }", "$a"), Some(2), "no fixed characters"),
        (rule("$a = /x(a{1,1000}){1,1000}/", "$a"), Some(2), "size limit"),
        (rule("$a = \"x\"", "$a and"), Some(2), "hint"),
        (rule("$a = \"x\"", &format!("{}$a{}", "(".repeat(3_000), ")".repeat(3_000))), Some(2), "hint"),
        (rule(&(0..2_000).map(|i| format!("$a{i} = \"x{i}\" ")).collect::<String>(), "any of them"), Some(2), "hint"),
        ("rule a { condition: true } rule a { condition: true }".to_owned(), Some(1), "hint"),
        (format!("rule a {{ strings: $a = \"{}\" condition: $a }}", "x".repeat(2 << 20)), None, "KiB of rules"),
        ("no rule at all".to_owned(), Some(1), "hint"),
    ] {
        let problem = refused(&text);
        assert_eq!(problem.line, line, "{part}: {problem:?}");
        assert!(problem.message.contains(part), "{part}: {problem:?}");
    }
    let two = format!("{}\n{}", rule("$a = /.*/", "$a"), rule("$a = { ?? ?? }", "$a").replace("rule r", "rule s"));
    assert_eq!(check_rules(&[&two]).unwrap_err().len(), 2, "all at once");
}

#[test]
fn hostile_rules_cost_a_bounded_time_and_stop_nobody_else() {
    let mut slow = rules(
        "rule slow { strings: $a = /a[^\\n]{0,4000}[^a]{4}b/ condition: $a }\n\
         rule loops { condition: for all i in (0..100000000) : (for all j in (0..100000000) : (i + j >= 0)) }",
    );
    slow.id = "slow".parse().unwrap();
    let quick = rules("rule quick { strings: $a = \"needle\" condition: $a }");
    let text = format!("needle\n{}\n", "a".repeat(2 << 20));
    let started = std::time::Instant::now();
    let (found, skips) = shown(&[slow, quick], &[("", &text), ("", &text)]);
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
    assert_eq!(found, [("quick".into(), 1)]);
    assert_eq!(skips.len(), 1, "{skips:?}");
    assert_eq!(skips[0].reason, SkipReason::Time);
    assert!(skips[0].detail.contains("`slow`"), "{skips:?}");
}

#[test]
fn a_rule_that_counts_beyond_the_limit_is_said_to_be_undecided() {
    let list = [rules(
        "rule flood { strings: $a = \"spam\" condition: #a > 5000 }\nrule some { strings: $a = \"spam\" condition: #a > 500 }",
    )];
    let (found, skips) = shown(&list, &[("", &"spam ".repeat(6_000))]);
    assert_eq!(found, [("some".into(), 1)]);
    assert_eq!(skips.len(), 1, "{skips:?}");
    assert!(skips[0].detail.contains("`flood`") && skips[0].detail.contains(&MAX_MATCHES.to_string()), "{skips:?}");
}

#[test]
fn parts_of_a_document_add_up_and_say_that_they_are_parts() {
    let terms = Terms::new(&[rules(PAIR)]).unwrap_or_else(|e| panic!("{e:?}"));
    let part = |text: &str| {
        let mut counts = TermCounts::default();
        terms.count(text.repeat(8).as_bytes(), &mut counts);
        counts.is_part();
        terms.end(&mut counts);
        counts
    };
    let mut all = part("begin secret, end secret");
    all.merge(part("begin secret and nothing"));
    all.merge(part("end secret, begin secret"));
    let found = terms.matches(&all);
    assert_eq!((found.len(), found[0].term.as_str(), found[0].count), (1, "pair", 2));
    assert_eq!(all.take_skips().len(), 1);
    assert_eq!(all.take_skips(), []);
}

#[test]
fn the_slowest_term_is_named() {
    let mut list = rules(
        "rule plain { strings: $a = \"needle\" condition: $a }\n\
         rule heavy { strings: $a = /user[^\\x01]{0,3000}\\x01/ condition: $a }\n\
         rule built { condition: heavy }",
    );
    list.regexes = vec!["needle".into()];
    let cost = Terms::cost(&list).unwrap_or_else(|e| panic!("{e:?}"));
    assert!(cost.rate > 0.0 && cost.slowest.first().is_some_and(|slow| slow.term == "heavy"), "{cost:?}");
    assert!(cost.slowest.iter().all(|slow| slow.term != "built"));
}
