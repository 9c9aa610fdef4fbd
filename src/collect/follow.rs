//! Links in posts: which of them are followed, one step, and where to.
//!
//! A link is followed only to a host that the site's definition names. Whatever the definition says, nothing is asked
//! for whose address says that asking changes something; and a paste that can be read only once is left for whom it
//! was meant, unless the rule for its host allows it.

use std::sync::LazyLock;

use regex::Regex;
use url::Url;

use super::pick::{Known, Template};

/// How much of a post's text is searched for links, bytes: those of a dump of millions of rows are data.
const SEARCHED: usize = 256 << 10;
/// Links looked at in one post, and the longest, bytes.
const MAX_LINKS: usize = 500;
const MAX_LINK: usize = 2048;
/// How far before and after a link its text may say that it can be read only once, bytes.
const AROUND: usize = 120;

/// Where links may lead, as `[[site.follow]]` says it.
#[derive(Debug)]
pub struct FollowRule {
    /// Host, lower case; with a leading dot for a domain and all below.
    pub host: String,
    /// Only this port; nothing for the scheme's own.
    pub port: Option<u16>,
    /// What the path must match.
    pub path: Option<Regex>,
    /// Where the content is, from `{url}`; nothing for the link itself.
    pub fetch: Option<Template>,
    /// Pastes that can be read only once may be used up.
    pub one_time: bool,
}

/// A link that is followed, or why it is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Planned {
    /// Asked for at this address.
    Fetch(Url),
    /// Left alone.
    Left(Url, &'static str),
}

/// What becomes of the links in a text and of those behind words (`hrefs`), in their order. Links to hosts that no rule
/// names are not mentioned.
pub(super) fn plan(text: &str, hrefs: &[Url], rules: &[FollowRule]) -> Vec<Planned> {
    let text = &text[..text.floor_char_boundary(SEARCHED)];
    let mut seen = Vec::new();
    let mut planned = Vec::new();
    let bare = |url: &Url| {
        let mut url = url.clone();
        url.set_fragment(None);
        url
    };
    let found = links(text).into_iter().chain(hrefs.iter().map(|url| (bare(url), "")));
    for (url, around) in found.take(MAX_LINKS) {
        if seen.contains(&url) {
            continue;
        }
        if let Some(rule) = rules.iter().find(|rule| rule.covers(&url)) {
            planned.push(rule.plan(&url, around));
        }
        seen.push(url);
    }
    planned
}

impl FollowRule {
    fn covers(&self, url: &Url) -> bool {
        let Some(host) = url.host_str() else { return false };
        let named = match self.host.strip_prefix('.') {
            Some(domain) => host == domain || host.ends_with(self.host.as_str()),
            None => host == self.host,
        };
        let port = self.port.map_or(url.port().is_none(), |port| url.port_or_known_default() == Some(port));
        named && port && self.path.as_ref().is_none_or(|path| path.is_match(url.path()))
    }

    fn plan(&self, url: &Url, around: &str) -> Planned {
        let made = match &self.fetch {
            None => Some(url.clone()),
            Some(template) => {
                let filled = template.fill_known(Known { id: None, url: Some(url.as_str()) });
                // Made for the linked host: whatever stands in the link, it leads nowhere else.
                filled.and_then(|to| url.join(&to).ok()).filter(|to| to.origin() == url.origin())
            }
        };
        let Some(to) = made else { return Planned::Left(url.clone(), "`fetch` makes no address of it") };
        if changes_something(&to) || changes_something(url) {
            return Planned::Left(url.clone(), "asking for it may change something");
        }
        if !self.one_time && (once_by_address(url) || once_by_text(around)) {
            return Planned::Left(url.clone(), "it can be read only once; allow it with one_time");
        }
        Planned::Fetch(to)
    }
}

/// The words of a path and query.
fn words(url: &Url) -> impl Iterator<Item = String> {
    let text = format!("{} {}", url.path(), url.query().unwrap_or_default()).to_ascii_lowercase();
    text.split(|c: char| !c.is_ascii_alphanumeric()).map(str::to_owned).collect::<Vec<_>>().into_iter()
}

/// Whether an address says that a GET of it does more than read.
pub(super) fn changes_something(url: &Url) -> bool {
    const WORDS: [&str; 25] = [
        "delete",
        "del",
        "remove",
        "rm",
        "destroy",
        "erase",
        "purge",
        "burn",
        "logout",
        "signout",
        "unsubscribe",
        "revoke",
        "disable",
        "deactivate",
        "report",
        "flag",
        "vote",
        "confirm",
        "approve",
        "cancel",
        "subscribe",
        "subscription",
        "like",
        "thank",
        "markread",
    ];
    words(url).any(|word| WORDS.contains(&word.as_str()))
}

/// Services and paths of pastes that are gone once they were read.
pub(super) fn once_by_address(url: &Url) -> bool {
    const HOSTS: [&str; 8] = [
        "onetimesecret.com",
        "privnote.com",
        "1ty.me",
        "ots.fr",
        "eu.onetimesecret.com",
        "us.onetimesecret.com",
        "password.link",
        "burnernote.com",
    ];
    const WORDS: [&str; 6] = ["once", "onetime", "ots", "secret", "burnafterreading", "selfdestruct"];
    url.host_str().is_some_and(|host| HOSTS.contains(&host)) || words(url).any(|word| WORDS.contains(&word.as_str()))
}

/// Whether the text about a link says so.
fn once_by_text(around: &str) -> bool {
    static SAYS: LazyLock<Regex> = LazyLock::new(|| {
        let said =
            r"(?i)one[- ]?time|only once|burn after|self[- ]?destruct|view once|read once|usage unique|lecture unique";
        Regex::new(said).expect("a constant pattern")
    });
    SAYS.is_match(around)
}

/// The links of a text, each with the text about it. Posters write `hxxps://` and `[.]` so that links are not links.
fn links(text: &str) -> Vec<(Url, &str)> {
    static LINK: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r#"(?i)\bh(?:tt|xx)ps?://[^\s<>"'`|\\^{}]+"#).expect("a constant pattern"));
    let mut found = Vec::new();
    for link in LINK.find_iter(text).take(MAX_LINKS) {
        let written = link.as_str().trim_end_matches(['.', ',', ';', ':', '!', '?', ')', ']', '*', '_']);
        if written.len() > MAX_LINK {
            continue;
        }
        let written = written.replace("[.]", ".").replace("(.)", ".");
        let scheme =
            if written.as_bytes().get(4).is_some_and(|b| b.eq_ignore_ascii_case(&b's')) { "https" } else { "http" };
        let Some((_, rest)) = written.split_once("://") else { continue };
        if let Ok(mut url) = Url::parse(&format!("{scheme}://{rest}")) {
            url.set_fragment(None);
            let from = text.floor_char_boundary(link.start().saturating_sub(AROUND));
            let to = text.ceil_char_boundary((link.end() + AROUND).min(text.len()));
            found.push((url, &text[from..to]));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::pick::On;
    use super::*;

    fn rule(host: &str, fetch: Option<&str>) -> FollowRule {
        let fetch = fetch.map(|fetch| Template::new(fetch, On::Html).unwrap());
        FollowRule { host: host.into(), port: None, path: None, fetch, one_time: false }
    }

    fn planned(text: &str, rules: &[FollowRule]) -> Vec<String> {
        let shown = |planned| match planned {
            Planned::Fetch(url) => url.to_string(),
            Planned::Left(url, why) => format!("{} left: {why}", url.path()),
        };
        plan(text, &[], rules).into_iter().map(shown).collect()
    }

    #[test]
    fn only_named_hosts_are_followed_where_the_rule_says() {
        let rules = [rule("paste.example", Some("{url}/raw")), rule(".files.example", None)];
        let text = "see https://paste.example/Ab1#key, hxxps://a[.]files[.]example/d.zip) and https://evil.example/x or \
            https://paste.example.evil.example/ https://xfiles.example/ http://paste.example:81/Ab1 https://paste.example/Ab1";
        assert_eq!(planned(text, &rules), ["https://paste.example/Ab1/raw", "https://a.files.example/d.zip"]);
        let path = FollowRule { path: Regex::new("^/[A-Z]+$").ok(), ..rule("paste.example", None) };
        assert_eq!(
            planned("https://paste.example/ABC https://paste.example/about", &[path]),
            ["https://paste.example/ABC"]
        );
    }

    #[test]
    fn what_asking_would_change_is_left_alone_whatever_is_allowed() {
        let rules = [FollowRule { one_time: true, ..rule("p.example", None) }];
        for link in ["delete/7", "p/7?action=delete", "x/remove", "7/burn", "user/logout", "post_vote-up/3"] {
            let plan = planned(&format!("https://p.example/{link}"), &rules);
            assert!(plan[0].contains("may change something"), "{plan:?}");
        }
        assert_eq!(planned("https://p.example/deleted-scenes", &rules), ["https://p.example/deleted-scenes"]);
    }

    #[test]
    fn what_can_be_read_once_is_left_alone_unless_allowed() {
        let text =
            "https://onetimesecret.com/x/abc or https://p.example/secret/1 or https://p.example/a (one-time link)";
        let rules = [rule("onetimesecret.com", None), rule("p.example", None)];
        assert!(planned(text, &rules).iter().all(|plan| plan.contains("only once")), "{:?}", planned(text, &rules));
        let allowed = [FollowRule { one_time: true, ..rule("p.example", None) }];
        assert_eq!(planned(text, &allowed).len(), 2);
        assert!(planned(text, &allowed).iter().all(|plan| plan.starts_with("https://")));
    }

    #[test]
    fn a_made_address_leads_nowhere_else() {
        let rules = [rule("p.example", Some("https://evil.example/?u={url}"))];
        assert_eq!(planned("https://p.example/a", &rules), ["/a left: `fetch` makes no address of it"]);
    }

    #[test]
    fn a_post_that_is_a_dump_costs_little() {
        let text = "https://p.example/row,x@y.example\n".repeat(200_000);
        let start = std::time::Instant::now();
        assert_eq!(planned(&text, &[rule("p.example", None)]).len(), 1);
        assert!(start.elapsed() < std::time::Duration::from_secs(5), "{:?}", start.elapsed());
    }
}
