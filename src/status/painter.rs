//! Lines that are written anew in their place, on standard error, as long as that is a terminal.
//! Whatever else is printed meanwhile has to go [above them](Painter::above).

use super::text::Line;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::sync::{Arc, Mutex, PoisonError};

/// Parts of a bar.
const PARTS: u64 = 1000;

/// The lines. All clones are the same ones.
#[derive(Debug, Clone)]
pub struct Painter {
    all: MultiProgress,
    bars: Arc<Mutex<Vec<ProgressBar>>>,
}

impl Painter {
    /// None at first.
    #[must_use]
    pub fn new() -> Self {
        // Nobody reads more often than this, and a slow terminal is spared.
        let target = ProgressDrawTarget::stderr_with_hz(5);
        Self { all: MultiProgress::with_draw_target(target), bars: Arc::default() }
    }

    /// Whether there is no terminal to paint on.
    #[must_use]
    pub fn is_hidden(&self) -> bool {
        self.all.is_hidden()
    }

    /// Shows these and no others.
    pub(crate) fn paint(&self, lines: &[Line]) {
        let mut bars = self.bars.lock().unwrap_or_else(PoisonError::into_inner);
        while bars.len() < lines.len() {
            bars.push(self.all.add(ProgressBar::new(PARTS)));
        }
        for gone in bars.split_off(lines.len()) {
            gone.finish_and_clear();
            self.all.remove(&gone);
        }
        for (bar, line) in bars.iter().zip(lines) {
            let (template, text, done) = match line {
                Line::Plain(text) => ("{wide_msg}", text, 0.0),
                Line::Bar(text, done) => ("{msg} {bar:20} {percent} %", text, *done),
            };
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style.progress_chars("█▌░"));
            }
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "between 0 and 1000"
            )]
            bar.set_position((done.clamp(0.0, 1.0) * PARTS as f64) as u64);
            bar.set_message(text.clone());
            bar.tick();
        }
    }

    /// Lets something be printed above the lines.
    pub fn above<T>(&self, print: impl FnOnce() -> T) -> T {
        self.all.suspend(print)
    }

    /// Takes the lines away.
    pub fn clear(&self) {
        self.paint(&[]);
    }
}

impl Default for Painter {
    fn default() -> Self {
        Self::new()
    }
}
