//! Tells when things turn bad, become another kind of bad, or good again; and not in between.

use crate::progress::Progress;
use crate::target::Target;
use crate::trouble::Trouble;

/// How things stand.
pub(crate) struct Condition {
    target: Target,
    progress: Progress,
    /// The kind of trouble that was told last; `None`: all is well.
    told: Option<&'static str>,
}

impl Condition {
    pub(crate) const fn new(target: Target, progress: Progress) -> Self {
        Self { target, progress, told: None }
    }

    /// Something is wrong.
    pub(crate) fn bad(&mut self, trouble: &Trouble) {
        let kind = trouble.kind();
        metrics::counter!("labeltap_appview_errors_total", "kind" => kind).increment(1);
        self.progress.stopped(trouble.to_string());
        if self.told != Some(kind) {
            self.told = Some(kind);
            tracing::warn!(
                database = %self.target,
                kind,
                "the AppView's labels wait: {trouble}; trying again"
            );
        }
    }

    /// Nothing is. Said once at the start, too.
    pub(crate) fn good(&mut self, position: i64, first: bool) {
        if self.told.take().is_some() || first {
            let database = &self.target;
            tracing::info!(%database, position, "the AppView's labels are kept in step");
        }
        self.progress.goes_on();
    }
}
