//! Why an exchange did not bring what was asked for.

use std::time::Duration;

/// Why an exchange failed. Messages name the host, never the path or query: those may hold tokens.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NetError {
    /// Not an address that can be asked.
    #[error("not a usable address ({why}); hint: http and https URLs without user name are read")]
    BadUrl {
        /// What is wrong with it.
        why: &'static str,
    },
    /// The host is, or resolves to, an address that the configuration did not name.
    #[error(
        "`{host}` leads to an address that may not be asked; hint: name it in the site's allow_hosts if it is yours"
    )]
    Forbidden {
        /// Host as in the URL.
        host: String,
    },
    /// robots.txt asks not to read it.
    #[error(
        "robots.txt of `{host}` asks not to read this page; hint: agree with the site, then set robots = \"ignore\""
    )]
    Robots {
        /// Host as in the URL.
        host: String,
    },
    /// The host asked to wait, and the time is not over.
    #[error("`{host}` asked to wait {} s more", .wait.as_secs())]
    BackingOff {
        /// Host as in the URL.
        host: String,
        /// How long it still wants to be left alone.
        wait: Duration,
    },
    /// No connection: refused, unreachable, no such name, bad certificate.
    #[error("no connection to `{host}` ({why})")]
    Connect {
        /// Host as in the URL.
        host: String,
        /// The cause in short.
        why: String,
    },
    /// A time limit ran out.
    #[error("`{host}` took too long ({phase})")]
    Timeout {
        /// Host as in the URL.
        host: String,
        /// In which part of the exchange.
        phase: &'static str,
    },
    /// The body came slower than the floor.
    #[error("`{host}` sends slower than {floor} bytes/s")]
    TooSlow {
        /// Host as in the URL.
        host: String,
        /// The floor, bytes a second.
        floor: u64,
    },
    /// The response head is larger than is read.
    #[error("`{host}` sent more than {limit} bytes of headers")]
    HeadersTooLarge {
        /// Host as in the URL.
        host: String,
        /// The limit, bytes.
        limit: usize,
    },
    /// More redirects than are followed, or one without a usable target.
    #[error("`{host}` redirects {why}")]
    Redirect {
        /// Host as in the URL.
        host: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// An answer that is neither success nor "not modified".
    #[error("`{host}` answered {status}{}", meaning(*status))]
    Status {
        /// Host as in the URL.
        host: String,
        /// HTTP status code.
        status: u16,
        /// How long the host wants to be left alone, if it said so or if its status implies it.
        retry_after: Option<Duration>,
    },
    /// The transport encoding cannot be undone.
    #[error("`{host}` sent a body whose encoding cannot be read ({why})")]
    Encoding {
        /// Host as in the URL.
        host: String,
        /// Which, or what is wrong with it.
        why: &'static str,
    },
    /// The connection broke within the answer.
    #[error("the connection to `{host}` broke ({why})")]
    Broken {
        /// Host as in the URL.
        host: String,
        /// The cause in short.
        why: String,
    },
    /// All memory set aside for downloads is in use.
    #[error("no memory free for the answer of `{host}`; hint: raise net.memory_mib or watch fewer large sites")]
    Busy {
        /// Host as in the URL.
        host: String,
    },
    /// The client could not be set up.
    #[error("the HTTP client cannot be set up ({why})")]
    Setup {
        /// The cause in short.
        why: String,
    },
}

/// What a status means to whoever has to do something about it.
const fn meaning(status: u16) -> &'static str {
    match status {
        401 | 407 => " (it wants a login)",
        403 | 451 => " (it refuses: a login, a barred address or a check of the browser)",
        404 | 410 => " (nothing is there)",
        429 => " (it is asked too often)",
        _ => "",
    }
}

impl NetError {
    /// The kind of error as written in metric labels and health figures.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::BadUrl { .. } => "bad_url",
            Self::Forbidden { .. } => "forbidden_address",
            Self::Robots { .. } => "robots",
            Self::BackingOff { .. } => "backing_off",
            Self::Connect { .. } => "connect",
            Self::Timeout { .. } => "timeout",
            Self::TooSlow { .. } => "too_slow",
            Self::HeadersTooLarge { .. } => "headers_too_large",
            Self::Redirect { .. } => "redirect",
            Self::Status { .. } => "status",
            Self::Encoding { .. } => "encoding",
            Self::Broken { .. } => "broken",
            Self::Busy { .. } => "busy",
            Self::Setup { .. } => "setup",
        }
    }

    /// Whether asking again later may help. What is gone, forbidden or not an address stays so.
    #[must_use]
    pub const fn transient(&self) -> bool {
        match self {
            Self::BadUrl { .. } | Self::Forbidden { .. } | Self::Robots { .. } | Self::Setup { .. } => false,
            Self::Status { status, .. } => !matches!(*status, 400..=407 | 410 | 411 | 413..=417 | 451),
            _ => true,
        }
    }

    /// How long the host wants to be left alone, where it said so.
    #[must_use]
    pub const fn wait(&self) -> Option<Duration> {
        match self {
            Self::BackingOff { wait, .. } => Some(*wait),
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}
