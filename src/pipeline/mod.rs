//! The flow, and the only place where the stages meet.

mod settings;

pub use settings::{PipelineSettings, RawPipelineSettings, cores};
