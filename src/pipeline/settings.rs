//! How much of the machine judging may use: the `[pipeline]` table of the configuration.

use serde::Deserialize;

use crate::model::SettingProblem;

/// `[pipeline]` as written.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawPipelineSettings {
    /// Threads that read and match, 1 to 1024. Default: one for each core.
    pub threads: Option<usize>,
    /// MiB of posts being judged at one time, 16 to 1,048,576; a larger post is judged alone. Default: 256.
    pub memory_mib: Option<u32>,
    /// Posts being judged at one time, 1 to 10,000. Default: 256, so that commits can share an fsync.
    pub posts: Option<usize>,
}

/// `[pipeline]` as checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PipelineSettings {
    /// Threads that read and match.
    pub threads: usize,
    /// MiB of posts being judged at one time.
    pub memory_mib: u32,
    /// Posts being judged at one time.
    pub posts: usize,
}

impl Default for PipelineSettings {
    fn default() -> Self {
        Self { threads: cores(), memory_mib: 256, posts: 256 }
    }
}

/// Threads the machine runs at once.
#[must_use]
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

impl RawPipelineSettings {
    /// Checks all settings.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn validate(self) -> Result<PipelineSettings, Vec<SettingProblem>> {
        let base = PipelineSettings::default();
        let checked = PipelineSettings {
            threads: self.threads.unwrap_or(base.threads),
            memory_mib: self.memory_mib.unwrap_or(base.memory_mib),
            posts: self.posts.unwrap_or(base.posts),
        };
        let mut problems = Vec::new();
        let mut within = |name: &str, value: usize, low: usize, high: usize| {
            if !(low..=high).contains(&value) {
                problems.push(SettingProblem::new(name, format!("{name} is {value}; hint: use {low} to {high}")));
            }
        };
        within("threads", checked.threads, 1, 1024);
        within("memory_mib", checked.memory_mib as usize, 16, 1 << 20);
        within("posts", checked.posts, 1, 10_000);
        if problems.is_empty() { Ok(checked) } else { Err(problems) }
    }
}
