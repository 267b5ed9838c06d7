//! A trace that comes from elsewhere, and one that goes on there.

use http::HeaderMap;
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry_http::{HeaderExtractor, HeaderInjector};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use std::sync::LazyLock;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

const TRACEPARENT: &str = "traceparent";
const TRACESTATE: &str = "tracestate";

static PROPAGATOR: LazyLock<TraceContextPropagator> = LazyLock::new(TraceContextPropagator::new);

/// Makes a span that was not entered yet a part of the trace that a request belongs to, if it
/// says so. Without an export this does nothing.
pub fn adopt(span: &Span, headers: &HeaderMap) {
    if headers.contains_key(TRACEPARENT) {
        let _nobody_exports = span.set_parent(PROPAGATOR.extract(&HeaderExtractor(headers)));
    }
}

/// Says in a request's headers which trace it belongs to: that of this span, if it is exported.
pub fn pass_on(span: &Span, headers: &mut HeaderMap) {
    PROPAGATOR.inject_context(&span.context(), &mut HeaderInjector(headers));
    if headers.get(TRACESTATE).is_some_and(http::HeaderValue::is_empty) {
        headers.remove(TRACESTATE);
    }
}
