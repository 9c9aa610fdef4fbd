//! Name resolution that can only answer with addresses that may be asked.
//!
//! The check stands between the answer of the DNS and the connection, so a name that changes its answer between a
//! check and its use ("rebinding") gains nothing: there is no second answer. Address literals never come here; the
//! policy checks those.

use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::address::is_public;

/// Where answers come from: the system's resolver, or a test's.
pub(super) trait Lookup: Send + Sync + 'static {
    fn lookup(&self, name: String) -> Pin<Box<dyn Future<Output = std::io::Result<Vec<IpAddr>>> + Send>>;
}

/// `getaddrinfo`, on tokio's blocking threads.
pub(super) struct SystemLookup;

impl Lookup for SystemLookup {
    fn lookup(&self, name: String) -> Pin<Box<dyn Future<Output = std::io::Result<Vec<IpAddr>>> + Send>> {
        Box::pin(async move { Ok(tokio::net::lookup_host((name, 0)).await?.map(|a| a.ip()).collect()) })
    }
}

/// Which names this resolver answers, and with what.
pub(super) enum Scope {
    /// Any name with public addresses; the listed names with any address.
    Public { private_names: Vec<String> },
    /// Nothing but the proxy's own name: everything else is resolved at the proxy.
    ProxyOnly { proxy: String },
}

/// The resolver given to the transport.
pub(super) struct CheckedResolver {
    pub lookup: Arc<dyn Lookup>,
    pub scope: Scope,
}

/// The answer when every address of a name was refused; recognised by the client in the chain of causes.
#[derive(Debug, thiserror::Error)]
#[error("the name leads to no address that may be asked")]
pub(super) struct NoAllowedAddress;

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let name = name.as_str().trim_end_matches('.').to_ascii_lowercase();
        let any_address = match &self.scope {
            Scope::Public { private_names } => private_names.contains(&name),
            Scope::ProxyOnly { proxy } if *proxy == name => true,
            Scope::ProxyOnly { .. } => return Box::pin(async { Err(NoAllowedAddress.into()) }),
        };
        let answer = self.lookup.lookup(name);
        Box::pin(async move {
            let mut addresses = answer.await?;
            addresses.retain(|a| any_address || is_public(*a));
            if addresses.is_empty() {
                return Err(NoAllowedAddress.into());
            }
            // Port 0 stands for the port of the URL.
            Ok(Box::new(addresses.into_iter().map(|a| SocketAddr::new(a, 0))) as Addrs)
        })
    }
}
