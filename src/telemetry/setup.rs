//! The tracing subscriber: where log lines go and in which form; and the panic hook, which shows a place, never a value.

use std::io::IsTerminal;
use std::str::FromStr;

use serde::Deserialize;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};

/// The form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// The journal where systemd connected standard error to it, text otherwise.
    #[default]
    Auto,
    /// One line of text per event on standard error.
    Text,
    /// One JSON object per event on standard error.
    Json,
    /// The journal, with fields.
    Journal,
}

/// How vigie logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSettings {
    /// What is logged, in the syntax of `tracing-subscriber`'s `EnvFilter`: `info`, `vigie=debug,warn`.
    pub level: String,
    /// In which form.
    pub format: LogFormat,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self { level: "info".to_owned(), format: LogFormat::Auto }
    }
}

impl LogSettings {
    /// Whether `level` can be read; the message says what is wrong with it.
    pub fn check_level(level: &str) -> Result<(), String> {
        EnvFilter::from_str(level).map(drop).map_err(|error| error.to_string())
    }
}

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The filter cannot be read.
    #[error("`{level}` is not a log level or filter; hint: use one of error, warn, info, debug, trace")]
    Level {
        /// The filter as given.
        level: String,
    },
    /// No journal to write to.
    #[error("cannot reach the journal; hint: set log.format to \"text\" outside systemd")]
    Journal(#[source] std::io::Error),
    /// The process already logs somewhere.
    #[error("logging is already set up")]
    Twice,
}

/// Sets up logging for the process and takes over what a panic prints. Call once, early.
pub fn init(settings: &LogSettings) -> Result<(), SetupError> {
    let filter =
        EnvFilter::from_str(&settings.level).map_err(|_| SetupError::Level { level: settings.level.clone() })?;
    let under_journal = std::env::var_os("JOURNAL_STREAM").is_some();
    let text = || tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let layer: Box<dyn Layer<Registry> + Send + Sync> = match settings.format {
        LogFormat::Journal => Box::new(tracing_journald::layer().map_err(SetupError::Journal)?),
        LogFormat::Auto if under_journal => match tracing_journald::layer() {
            Ok(layer) => Box::new(layer),
            Err(_) => Box::new(text().with_ansi(false).without_time()),
        },
        LogFormat::Json => Box::new(text().json().flatten_event(true)),
        LogFormat::Auto | LogFormat::Text => {
            let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            Box::new(text().with_ansi(colour).with_target(false))
        }
    };
    tracing_subscriber::registry().with(layer.with_filter(filter)).try_init().map_err(|_| SetupError::Twice)?;
    quiet_panics();
    Ok(())
}

/// A panic message may quote the text that was being sliced or parsed, so only the place is shown.
fn quiet_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
        super::events::panicked(&place);
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_checked_before_they_are_used() {
        assert!(LogSettings::check_level("info").is_ok());
        assert!(LogSettings::check_level("vigie=debug,warn").is_ok());
        assert!(LogSettings::check_level("vigie=loud").is_err());
    }
}
