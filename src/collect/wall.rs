//! What stands before a page instead of it: a check of the browser, a captcha, a login. Known by what such pages hold; asked only
//! of pages on which nothing else was found, since forums have captchas and logins in their corners too.

use scraper::Selector;

use super::pick::Node;
use super::text;

/// A page with less text than this may be a login; a real one may have a login in its corner.
const LOGIN: usize = 400;
/// And with less than this, something that looks at the visitor.
const CHALLENGE: usize = 1500;

/// What stands in the way, of a page that shows so many bytes of text; nothing when nothing known does.
pub(super) fn instead(page: Node<'_>, shown: usize) -> Option<&'static str> {
    match shown {
        0..LOGIN => before(page),
        LOGIN..CHALLENGE => challenge(page),
        _ => None,
    }
}

/// What stands in the way, in words for people; nothing when nothing known does.
pub(super) fn before(page: Node<'_>) -> Option<&'static str> {
    challenge(page).or_else(|| outside(page))
}

/// Something that looks at the visitor first.
fn challenge(page: Node<'_>) -> Option<&'static str> {
    let Node::Html(root) = page else { return None };
    let has = |css: &str| root.select(&Selector::parse(css).expect("a constant selector")).next();
    let title = has("title").map(|title| text::line_of(title, 200).to_lowercase()).unwrap_or_default();
    const CHECKS: [&str; 9] = [
        "just a moment",
        "attention required",
        "ddos-guard",
        "checking your browser",
        "security check",
        "one moment, please",
        "un instant",
        "nur einen moment",
        "verify you are human",
    ];
    let challenge = "#challenge-form, #challenge-running, #cf-wrapper, script[src*='challenge-platform'], .cf-turnstile, #ddos-guard";
    if CHECKS.iter().any(|check| title.contains(check)) || has(challenge).is_some() {
        return Some("a check of the browser stands before it, Cloudflare's or the like");
    }
    if has(".g-recaptcha, .h-captcha, [id*=captcha], [class*=captcha], input[name*=captcha], iframe[src*=captcha]")
        .is_some()
    {
        return Some("a captcha stands before it");
    }
    None
}

/// A login, or nothing at all.
fn outside(page: Node<'_>) -> Option<&'static str> {
    let Node::Html(root) = page else { return None };
    let has = |css: &str| root.select(&Selector::parse(css).expect("a constant selector")).next();
    if has("input[type=password]").is_some() {
        return Some("a login stands before it");
    }
    if has("meta[http-equiv=refresh]").is_some() {
        return Some("it only leads on, by a refresh that is not followed");
    }
    let said = text::of_element(root);
    if said.trim().is_empty() {
        let scripted = has("script").is_some();
        return Some(if scripted { "it is empty without scripts" } else { "it is empty" });
    }
    let noscript = has("noscript").map(|e| text::line_of(e, 2000).to_lowercase()).unwrap_or_default();
    if said.len() < 300 && noscript.contains("javascript") {
        return Some("it is empty without scripts");
    }
    None
}

#[cfg(test)]
mod tests {
    use scraper::Html;

    use super::super::pick::root;
    use super::*;

    #[test]
    fn what_stands_before_a_page_is_named() {
        for (page, said) in [
            ("<title>Just a moment...</title><p>Checking</p>", "check of the browser"),
            ("<title>x</title><div class='h-captcha'></div>", "captcha"),
            ("<form><input name=u><input type=password name=p></form>", "login"),
            ("", "empty"),
            ("<div id=app></div><script src=a.js></script>", "without scripts"),
            ("<meta http-equiv=refresh content='0;url=/x'>", "refresh"),
        ] {
            let html = Html::parse_document(page);
            assert!(before(root(&html)).is_some_and(|what| what.contains(said)), "{page}");
        }
        assert_eq!(before(root(&Html::parse_document("<p>404, no such thread"))), None);
    }
}
