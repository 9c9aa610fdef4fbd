//! What is wrong with a setting, as the room that owns the setting says it.
//!
//! Rooms check their own raw settings and know nothing of files; `config` adds the file and the line.

/// One thing that is wrong with a room's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingProblem {
    /// Dotted path of the setting within what the room was given: `url`, `headers.accept`, `fields.0.path`. Empty
    /// for the whole.
    pub setting: String,
    /// What is wrong, with `; hint: …` behind it where there is advice.
    pub message: String,
}

impl SettingProblem {
    /// A problem with `setting`.
    pub fn new(setting: impl Into<String>, message: impl Into<String>) -> Self {
        Self { setting: setting.into(), message: message.into() }
    }
}
