//! What one site's requests may do: which private hosts they may reach, through which proxy, how gently.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use url::{Host, Url};

use super::address::is_public;
use super::error::NetError;

/// What a site's settings say about its requests. Checked when a [`Policy`] is made of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct PolicySettings {
    /// Hosts that may be asked although they are, or resolve to, private addresses: `127.0.0.1`, `[::1]:8080`,
    /// `forum.internal`. With a port, only that port.
    pub allow_hosts: Vec<String>,
    /// `socks5h://host:port`, optionally with `user:password@`. Names are resolved at the proxy, never here.
    pub proxy: Option<String>,
    /// A word that keeps this site's traffic on a circuit of its own: sent to the proxy as SOCKS user name.
    pub circuit: Option<String>,
    /// Ask although robots.txt asks not to.
    pub ignore_robots: bool,
    /// Shortest pause between two requests to one host.
    pub gap: Duration,
}

/// A checked [`PolicySettings`]; share one per site.
#[derive(Debug)]
pub struct Policy {
    pub(super) allow: Vec<AllowedHost>,
    pub(super) proxy: Option<Url>,
    pub(super) robots: bool,
    pub(super) gap: Duration,
    /// The transport for this combination of proxy and allowed hosts; made on first use.
    pub(super) transport: OnceLock<reqwest::Client>,
}

/// A host that the configuration names, as in a URL, and the port if only that one is meant.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct AllowedHost {
    pub host: Host,
    pub port: Option<u16>,
}

impl Policy {
    /// Checks the settings. The error says what is wrong with which entry.
    pub fn new(settings: &PolicySettings) -> Result<Arc<Self>, String> {
        let allow = settings.allow_hosts.iter().map(|entry| allowed_host(entry)).collect::<Result<_, _>>()?;
        let proxy = settings.proxy.as_deref().map(|p| proxy_url(p, settings.circuit.as_deref())).transpose()?;
        Ok(Arc::new(Self {
            allow,
            proxy,
            robots: !settings.ignore_robots,
            gap: settings.gap,
            transport: OnceLock::new(),
        }))
    }

    /// A policy for public hosts only, without robots: what notifications to the operator's own services use.
    #[must_use]
    pub fn public() -> Arc<Self> {
        let transport = OnceLock::new();
        Arc::new(Self { allow: Vec::new(), proxy: None, robots: false, gap: Duration::ZERO, transport })
    }

    /// Whether the configuration names the host of `url` as one that may be private.
    pub(super) fn names(&self, url: &Url) -> bool {
        let port = url.port_or_known_default();
        url.host().is_some_and(|host| {
            self.allow.iter().any(|a| same_host(&a.host, &host) && (a.port.is_none() || a.port == port))
        })
    }

    /// Refuses what is not an address to ask before any packet is sent: other schemes, user names, private address
    /// literals in any of their spellings (the URL parser has already made them one), names that only exist inside.
    pub fn check(&self, url: &Url) -> Result<(), NetError> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(NetError::BadUrl { why: "neither http nor https" });
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(NetError::BadUrl { why: "holds a user name" });
        }
        let Some(host) = url.host() else { return Err(NetError::BadUrl { why: "no host" }) };
        if self.names(url) {
            return Ok(());
        }
        let open = match host {
            Host::Ipv4(v4) => is_public(v4.into()),
            Host::Ipv6(v6) => is_public(v6.into()),
            // A name that is allowed on one port is a private service: its other ports are not.
            Host::Domain(name) => !is_inner_name(name) && !self.allow.iter().any(|a| same_host(&a.host, &host)),
        };
        if open { Ok(()) } else { Err(NetError::Forbidden { host: host.to_string() }) }
    }
}

fn same_host(allowed: &Host, asked: &Host<&str>) -> bool {
    match (allowed, asked) {
        (Host::Domain(a), Host::Domain(b)) => a.trim_end_matches('.') == b.trim_end_matches('.'),
        (Host::Ipv4(a), Host::Ipv4(b)) => a == b,
        (Host::Ipv6(a), Host::Ipv6(b)) => a == b,
        _ => false,
    }
}

/// Names that no public resolver knows: they would be answered by this machine, its network or the proxy's.
fn is_inner_name(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    let last = name.rsplit('.').next().unwrap_or(name);
    !name.contains('.')
        || matches!(last, "localhost" | "local" | "internal" | "intranet" | "lan" | "localdomain")
        || name.ends_with(".home.arpa")
}

fn allowed_host(entry: &str) -> Result<AllowedHost, String> {
    let fault = || format!("`{entry}` is not a host; hint: write a name, an address, or either with :port");
    // The default port of the scheme disappears in parsing, so a scheme without one is borrowed.
    let bare_v6 = entry.parse::<std::net::Ipv6Addr>().is_ok();
    let url = Url::parse(&if bare_v6 { format!("ws://[{entry}]:9/") } else { format!("ftp://{entry}/") });
    let url = url.map_err(|_| fault())?;
    let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    // Parsed again as http: only "special" schemes normalise the spellings of addresses.
    let host = url.host().filter(|_| bare).ok_or_else(fault)?.to_owned();
    let port = if bare_v6 { None } else { entry.rsplit_once(':').and_then(|(_, port)| port.parse().ok()) };
    Ok(AllowedHost { host, port })
}

fn proxy_url(text: &str, circuit: Option<&str>) -> Result<Url, String> {
    let mut url = Url::parse(text).map_err(|_| "not a URL; hint: socks5h://127.0.0.1:9050".to_string())?;
    if url.scheme() != "socks5h" {
        let scheme = url.scheme();
        return Err(format!("`{scheme}` proxies are not used; hint: socks5h://, which resolves names at the proxy"));
    }
    if url.host().is_none() || url.port().is_none() {
        return Err("host or port missing; hint: socks5h://127.0.0.1:9050".into());
    }
    if let Some(circuit) = circuit.filter(|_| url.username().is_empty()) {
        // Tor gives each pair of SOCKS credentials a circuit of its own (IsolateSOCKSAuth).
        let set = url.set_username(circuit).and_then(|()| url.set_password(Some("vigie")));
        set.map_err(|()| "takes no user name".to_string())?;
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(allow: &[&str]) -> Arc<Policy> {
        let allow_hosts = allow.iter().map(ToString::to_string).collect();
        Policy::new(&PolicySettings { allow_hosts, ..PolicySettings::default() }).unwrap()
    }

    fn passes(policy: &Policy, url: &str) -> bool {
        policy.check(&Url::parse(url).unwrap()).is_ok()
    }

    #[test]
    fn only_the_named_host_and_port_are_let_through() {
        let p = policy(&["127.0.0.1:8101", "::1", "forum.internal", "git.corp.example:8443"]);
        assert!(passes(&p, "http://127.0.0.1:8101/x") && passes(&p, "http://2130706433:8101/"));
        assert!(
            !passes(&p, "http://127.0.0.1:8102/")
                && !passes(&p, "http://127.0.0.1/")
                && !passes(&p, "http://127.0.0.2:8101/")
        );
        assert!(passes(&p, "http://[::1]:99/") && !passes(&p, "http://[::ffff:127.0.0.1]:8101/"));
        assert!(passes(&p, "https://forum.internal/") && passes(&p, "https://FORUM.internal./"));
        assert!(!passes(&p, "https://wiki.internal/") && !passes(&p, "https://router/"));
        assert!(passes(&p, "https://git.corp.example:8443/") && !passes(&p, "https://git.corp.example/"));
        assert!(
            passes(&p, "https://example.com/")
                && !passes(&p, "ftp://example.com/")
                && !passes(&p, "https://u@example.com/")
        );
    }

    #[test]
    fn default_ports_are_ports_too() {
        let p = policy(&["10.0.0.1:80"]);
        assert!(passes(&p, "http://10.0.0.1/") && !passes(&p, "https://10.0.0.1/"));
    }

    #[test]
    fn malformed_entries_are_refused() {
        for bad in ["", "http://x/", "a b", "host/path", "u@host", "host:99999", "[::1"] {
            let settings = PolicySettings { allow_hosts: vec![bad.into()], ..PolicySettings::default() };
            assert!(Policy::new(&settings).is_err(), "{bad}");
        }
        for bad in ["127.0.0.1:9050", "socks5://127.0.0.1:9050", "http://127.0.0.1:3128", "socks5h://127.0.0.1"] {
            let settings = PolicySettings { proxy: Some(bad.into()), ..PolicySettings::default() };
            assert!(Policy::new(&settings).is_err(), "{bad}");
        }
    }
}
