//! The flow, and the only place where the stages meet.
//!
//! ```text
//! collect ─▶ Inflow ─▶ queue ─▶ Flow: judge_post ─▶ capture ─▶ commit ─▶ ack
//!                                 └─ Document ─▶ extract ─▶ Engine (matching) ─▶ attribute
//! ```
//! [`judge()`] is one document's way, shared with `vigie scan`; [`Engine`] is what documents are held against.

mod checkpoint;
mod document;
mod engine;
mod evidence;
mod flow;
mod intake;
mod judge;
mod long;
mod post;
mod settings;
mod window;

pub use checkpoint::Checkpoints;
pub use document::Document;
pub use engine::{Current, Engine, Refusal, Sources};
pub use evidence::Keeping;
pub use flow::Flow;
pub use intake::Inflow;
pub use judge::{JudgeError, Judging, Step, judge, judge_small};
pub use settings::{PipelineSettings, RawPipelineSettings, cores};
