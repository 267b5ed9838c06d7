//! Finished spans on their way to the task that exports them. Whoever finishes one never
//! waits: what finds no room is dropped and counted.

use opentelemetry::Context;
use opentelemetry::trace::SpanKind;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanProcessor};
use std::sync::Once;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

/// The spans that stand for one side of a conversation with others, by their names.
const KINDS: [(&str, SpanKind); 4] = [
    ("request", SpanKind::Server),
    ("resolve", SpanKind::Client),
    ("dial", SpanKind::Client),
    ("webhook", SpanKind::Client),
];

/// Said once.
static ENDED: Once = Once::new();

/// Puts spans into the queue.
#[derive(Debug)]
pub(crate) struct Queue(pub(crate) mpsc::Sender<SpanData>);

impl SpanProcessor for Queue {
    fn on_start(&self, _span: &mut Span, _context: &Context) {}

    fn on_end(&self, mut span: SpanData) {
        if !span.span_context.is_sampled() {
            return;
        }
        if let Some((_, kind)) = KINDS.iter().find(|(name, _)| *name == span.name) {
            span.span_kind = kind.clone();
        }
        match self.0.try_send(span) {
            Ok(()) => return,
            Err(TrySendError::Full(_)) => {}
            // The task has ended and nobody has asked it to.
            Err(TrySendError::Closed(_)) => ENDED.call_once(|| {
                tracing::error!("the export of traces has ended; the collector gets no more");
            }),
        }
        count_dropped(1);
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _timeout: Duration) -> OTelSdkResult {
        Ok(())
    }
}

/// Counts spans that no collector got.
pub(crate) fn count_dropped(spans: u64) {
    metrics::counter!("labeltap_spans_dropped_total").increment(spans);
}
