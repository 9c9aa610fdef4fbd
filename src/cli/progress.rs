//! Progress bars: on standard error, and only where that is a terminal.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Whether bars are drawn at all.
pub fn shown() -> bool {
    !ProgressDrawTarget::stderr().is_hidden()
}

/// A bar over `total` bytes; without a total, a count.
pub fn bytes(total: Option<u64>, what: &str) -> ProgressBar {
    let bar = match total {
        Some(total) => {
            ProgressBar::new(total).with_style(style("{msg:12} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}"))
        }
        None => ProgressBar::new_spinner().with_style(style("{msg:12} {spinner} {bytes} {bytes_per_sec}")),
    };
    ready(bar, what)
}

fn ready(bar: ProgressBar, what: &str) -> ProgressBar {
    // Drawn at most ten times a second: the work must not wait for a terminal. Hidden by itself where there is none.
    bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(10));
    bar.set_message(what.to_owned());
    bar
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
