//! robots.txt (RFC 9309): read once a day for each host, obeyed unless the operator has agreed otherwise with a site.

use std::sync::Arc;
use std::time::Duration;

use texting_robots::Robot;
use tokio::sync::Mutex;
use tokio::time::Instant;
use url::Url;

/// The product token by which robots.txt rules can name this program.
pub(super) const TOKEN: &str = "vigie";
/// RFC 9309, 2.5: at least 500 KiB must be read; more is ignored.
pub(super) const MAX_BYTES: usize = 512 * 1024;
/// RFC 9309, 2.4: not used for longer than a day.
const KEEP: Duration = Duration::from_hours(24);
/// When the file cannot be reached, nothing is asked; this long until the next try.
const KEEP_UNREACHABLE: Duration = Duration::from_mins(10);
/// More rules with an end anchor than any honest file has.
const MAX_ANCHORS: usize = 200;
/// The longest `Crawl-delay` that is observed; a longer one would stop the watch.
const MAX_DELAY: f32 = 60.0;

/// What a host's robots.txt says.
#[derive(Clone)]
pub(super) enum Rules {
    /// No file, or none that is one: everything may be read.
    None,
    /// The file could not be reached: nothing may be read for now (RFC 9309, 2.3.1.4).
    Unreachable,
    /// The file's rules for us.
    File(Arc<Robot>),
}

impl Rules {
    /// The rules of a file's text. What begins like a page is an error page sent with status 200, not a file.
    pub(super) fn parse(text: &[u8]) -> Self {
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        if text.trim_ascii_start().first() == Some(&b'<') {
            return Self::None;
        }
        // Cut at a line's end: half a rule may forbid, or allow, more than the whole.
        let cut = if text.len() >= MAX_BYTES { memchr::memrchr(b'\n', text).unwrap_or(0) } else { text.len() };
        let text = &text[..cut];
        // A rule with `$` costs its parser a compiled expression of up to 42 KB, and one that is larger fails the whole
        // file. Without the `$` a rule covers more, not less, and costs nothing.
        let anchors = memchr::memchr_iter(b'$', text).count();
        let robot = if anchors > MAX_ANCHORS { None } else { Robot::new(TOKEN, text).ok() };
        let robot = robot.or_else(|| {
            let open: Vec<u8> = text.iter().copied().filter(|b| *b != b'$').collect();
            Robot::new(TOKEN, &open).ok()
        });
        robot.map_or(Self::None, |robot| Self::File(Arc::new(robot)))
    }

    /// Whether `url` may be read.
    pub(super) fn allow(&self, url: &Url) -> bool {
        match self {
            Self::None => true,
            Self::Unreachable => false,
            Self::File(robot) => robot.allowed(url.as_str()),
        }
    }

    /// The pause between requests that the host asks for.
    pub(super) fn delay(&self) -> Duration {
        match self {
            Self::File(robot) => match robot.delay {
                Some(delay) if delay.is_finite() && delay > 0.0 => Duration::from_secs_f32(delay.min(MAX_DELAY)),
                _ => Duration::ZERO,
            },
            _ => Duration::ZERO,
        }
    }
}

/// A host's rules, and until when they hold. The lock is held while the file is fetched, so that it is fetched once.
#[derive(Default)]
pub(super) struct RobotsCache(Mutex<Option<(Rules, Instant)>>);

impl RobotsCache {
    /// The rules, fetched with `fetch` if there are none or they are old.
    pub(super) async fn get(&self, fetch: impl Future<Output = Rules>) -> Rules {
        let mut cached = self.0.lock().await;
        if let Some((rules, until)) = &*cached
            && Instant::now() < *until
        {
            return rules.clone();
        }
        let rules = fetch.await;
        let keep = if matches!(rules, Rules::Unreachable) { KEEP_UNREACHABLE } else { KEEP };
        *cached = Some((rules.clone(), Instant::now() + keep));
        rules
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(file: &str, path: &str) -> bool {
        Rules::parse(file.as_bytes()).allow(&Url::parse("https://example.com").unwrap().join(path).unwrap())
    }

    #[test]
    fn the_longest_rule_for_us_wins() {
        let file = "User-agent: *\nDisallow: /\n\nUser-agent: Vigie\nDisallow: /private\nAllow: /private/list\n";
        assert!(allows(file, "/x") && !allows(file, "/private/a") && allows(file, "/private/list"));
        assert!(!allows("User-agent: *\nDisallow: /*.zip$\n", "/a.zip"));
    }

    #[test]
    fn a_page_is_not_a_robots_file() {
        assert!(allows("\n <!doctype html>\nUser-agent: *\nDisallow: /\n", "/x"));
    }

    #[test]
    fn crawl_delay_is_bounded() {
        assert_eq!(Rules::parse(b"User-agent: *\nCrawl-delay: 3\n").delay(), Duration::from_secs(3));
        assert_eq!(Rules::parse(b"User-agent: *\nCrawl-delay: 86400\n").delay(), Duration::from_secs(60));
    }

    #[test]
    fn hostile_files_cost_little() {
        let wildcards = format!("User-agent: *\nDisallow: /{}\n", "*a".repeat(2_000));
        let many = "User-agent: *\n".to_string() + &"Disallow: /*a*b*c$\n".repeat(20_000);
        let url = Url::parse(&format!("https://example.com/{}", "a".repeat(4_000))).unwrap();
        let start = std::time::Instant::now();
        for file in [wildcards, many] {
            let _ = Rules::parse(file.as_bytes()).allow(&url);
        }
        assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    }
}
