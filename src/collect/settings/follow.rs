//! From `[[site.follow]]` as written to as checked.

use super::check::Checker;
use super::raw::RawSite;
use crate::collect::follow::FollowRule;
use crate::collect::pick::{On, Template, bounded_regex};

/// Rules of one site.
const MAX_RULES: usize = 100;

impl Checker {
    /// Checks which links in posts are followed.
    pub(super) fn follow(&mut self, raw: &RawSite) -> Vec<FollowRule> {
        if raw.follow.len() > MAX_RULES {
            self.error("follow", format!("more than {MAX_RULES}; hint: *.domain covers all below it"));
        }
        let mut rules = Vec::new();
        for rule in &raw.follow {
            let Some(written) = &rule.host else {
                self.error("follow", "host is missing; hint: paste.example or *.paste.example");
                continue;
            };
            let (dot, name) = written.strip_prefix("*.").map_or(("", written.as_str()), |name| (".", name));
            let parsed = url::Url::parse(&format!("ftp://{name}/")).ok();
            let plain =
                parsed.as_ref().filter(|url| url.username().is_empty() && url.path() == "/" && url.query().is_none());
            let Some((host, port)) = plain.and_then(|url| Some((url.host_str()?.to_owned(), url.port()))) else {
                self.error(
                    "follow",
                    format!("`{written}` is not a host; hint: paste.example, *.paste.example or host:port"),
                );
                continue;
            };
            let path = rule.path.as_deref().map(bounded_regex).transpose();
            let fetch = rule.fetch.as_deref().map(|fetch| Template::new(fetch, On::Html)).transpose();
            match (path, fetch) {
                (Ok(path), Ok(fetch)) => {
                    let one_time = rule.one_time.unwrap_or(false);
                    rules.push(FollowRule {
                        host: format!("{dot}{host}").to_ascii_lowercase(),
                        port,
                        path,
                        fetch,
                        one_time,
                    });
                }
                (path, fetch) => {
                    for message in path.err().into_iter().chain(fetch.err()) {
                        self.error("follow", message);
                    }
                }
            }
        }
        rules
    }
}
