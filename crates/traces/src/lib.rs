//! Traces for a collector of OpenTelemetry: where they come from, and where they go.
//!
//! Spans are made with `tracing`, wherever something takes time; without a collector those
//! below the log's level cost nothing. [`adopt`] and [`pass_on`] carry a trace in and out of
//! the process by the `traceparent` header of W3C Trace Context. [`Export`] sends finished
//! spans to a collector, by OTLP over HTTP: from a queue with a size, by one task, so that a
//! collector that is slow or away costs spans and nothing else.

mod context;
mod export;
mod queue;

pub use context::{adopt, pass_on};
pub use export::{Export, ExportError};
