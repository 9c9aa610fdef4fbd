//! Where the service listens: the `[service]` table of the configuration.

use std::net::SocketAddr;

use serde::Deserialize;

use crate::model::SettingProblem;

/// `[service]` as written.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawServiceSettings {
    /// Address and port of `/healthz` and `/metrics`, on loopback. Default: `127.0.0.1:9470`. Port 0 lets the system
    /// choose; the choice is in the log.
    pub listen: Option<SocketAddr>,
}

/// `[service]` as checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceSettings {
    /// Address and port of `/healthz` and `/metrics`.
    pub listen: SocketAddr,
}

impl RawServiceSettings {
    /// Checks all settings.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn validate(self) -> Result<ServiceSettings, Vec<SettingProblem>> {
        let checked =
            ServiceSettings { listen: self.listen.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 9470))) };
        let mut problems = Vec::new();
        if !checked.listen.ip().is_loopback() {
            let message = format!(
                "{} is not a loopback address; hint: listen on 127.0.0.1 and put a proxy with access control before it",
                checked.listen
            );
            problems.push(SettingProblem::new("listen", message));
        }
        if problems.is_empty() { Ok(checked) } else { Err(problems) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_is_listened_on() {
        let raw = |listen: &str| RawServiceSettings { listen: Some(listen.parse().unwrap()) };
        for open in ["0.0.0.0:9470", "192.0.2.1:1", "[::]:9470"] {
            let problems = raw(open).validate().unwrap_err();
            assert_eq!(problems[0].setting, "listen");
        }
        assert!(raw("[::1]:0").validate().is_ok());
    }
}
