//! Settings of the queue, as written and as checked.

use std::path::PathBuf;

use serde::Deserialize;

use crate::model::SettingProblem;

/// `[queue]` as written.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawQueueSettings {
    /// Folder of the spool. Default: `queue` in the state folder.
    pub folder: Option<PathBuf>,
    /// Posts that may wait, 1 to 10,000,000. Collecting pauses above it. Default: 100,000.
    pub max_posts: Option<u64>,
    /// Bytes that may wait, from 1 MiB. Collecting pauses above it. Default: 8 GiB.
    pub max_bytes: Option<u64>,
    /// Times a post may be refused before it is kept aside, 1 to 100. Default: 5.
    pub max_attempts: Option<u32>,
    /// Days a post is kept aside, 0 to 365. Default: 14.
    pub quarantine_days: Option<u16>,
}

/// `[queue]` as checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueSettings {
    /// Folder of the spool.
    pub folder: PathBuf,
    /// Posts that may wait.
    pub max_posts: u64,
    /// Bytes that may wait.
    pub max_bytes: u64,
    /// Times a post may be refused before it is kept aside.
    pub max_attempts: u32,
    /// Days a post is kept aside.
    pub quarantine_days: u16,
}

impl QueueSettings {
    /// The defaults, with the spool in `folder`.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), max_posts: 100_000, max_bytes: 8 << 30, max_attempts: 5, quarantine_days: 14 }
    }
}

impl RawQueueSettings {
    /// Checks all settings; `folder` is where the spool goes unless the settings say otherwise.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn validate(self, folder: impl Into<PathBuf>) -> Result<QueueSettings, Vec<SettingProblem>> {
        let base = QueueSettings::new(self.folder.unwrap_or_else(|| folder.into()));
        let checked = QueueSettings {
            max_posts: self.max_posts.unwrap_or(base.max_posts),
            max_bytes: self.max_bytes.unwrap_or(base.max_bytes),
            max_attempts: self.max_attempts.unwrap_or(base.max_attempts),
            quarantine_days: self.quarantine_days.unwrap_or(base.quarantine_days),
            folder: base.folder,
        };
        let mut problems = Vec::new();
        if checked.folder.as_os_str().is_empty() {
            problems.push(SettingProblem::new("folder", "is empty; hint: leave it out for the state folder"));
        }
        let mut within = |name: &str, value: u64, low: u64, high: u64| {
            if !(low..=high).contains(&value) {
                problems.push(SettingProblem::new(name, format!("is {value}; hint: use {low} to {high}")));
            }
        };
        within("max_posts", checked.max_posts, 1, 10_000_000);
        within("max_bytes", checked.max_bytes, 1 << 20, 1 << 50);
        within("max_attempts", checked.max_attempts.into(), 1, 100);
        within("quarantine_days", checked.quarantine_days.into(), 0, 365);
        if problems.is_empty() { Ok(checked) } else { Err(problems) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_is_told_at_once() {
        let raw = RawQueueSettings { max_posts: Some(0), max_attempts: Some(1000), ..Default::default() };
        let names: Vec<_> = raw.validate("q").unwrap_err().into_iter().map(|p| p.setting).collect();
        assert_eq!(names, ["max_posts", "max_attempts"]);
        assert_eq!(RawQueueSettings::default().validate("q"), Ok(QueueSettings::new("q")));
        assert!(toml::from_str::<RawQueueSettings>("max_post = 1").is_err(), "unknown names are errors");
    }
}
