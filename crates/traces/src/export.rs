//! Spans to a collector.

use crate::queue::{Queue, count_dropped};
use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{
    ExporterBuildError, Protocol, RetryPolicy, SpanExporter, WithExportConfig as _,
    WithHttpConfig as _,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider, SpanData, SpanExporter as _};
use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::Layer;
use tracing_subscriber::registry::LookupSpan;
use url::Url;

/// Spans that wait to be exported; some 2 KiB each.
const WAITING: usize = 4096;
/// Spans in one request.
const TOGETHER: usize = 512;
/// A span waits so long for others to go with.
const GATHER: Duration = Duration::from_secs(1);
/// How long the collector may take for one request.
const PATIENCE: Duration = Duration::from_secs(5);
/// For what is left when we stop.
const FAREWELL: Duration = Duration::from_secs(1);

/// Where a collector takes traces, below the address at which it listens.
const PATH: &str = "v1/traces";

/// Whose spans are exported. Those of the libraries below us are about their insides, and the
/// export itself would never come to an end with them.
const OURS: [&str; 10] = [
    "labeltap", "api", "appview", "deliver", "identity", "intake", "store", "stream", "tally",
    "verify",
];

/// Why nothing can be exported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// There is no client for HTTP.
    #[error("traces cannot be exported: {0}")]
    Client(#[from] reqwest::Error),
    /// The collector's address makes no sense to the exporter.
    #[error("traces cannot be exported: {0}")]
    Exporter(#[from] ExporterBuildError),
}

/// An export that goes on until it is [finished](Export::finish).
#[derive(Debug)]
pub struct Export {
    provider: SdkTracerProvider,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Export {
    /// Begins to export to the collector at this address, as this version of labeltap. What is
    /// to be exported comes by the [layer](Export::layer).
    ///
    /// # Errors
    /// See [`ExportError`]. That the collector is away is none.
    pub fn start(collector: &Url, version: &'static str) -> Result<Self, ExportError> {
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(PATIENCE)
            .build()?;
        let mut exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(client)
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(endpoint(collector))
            .with_timeout(PATIENCE)
            // What is newer is worth more.
            .with_retry_policy(RetryPolicy::disabled())
            .build()?;
        let instance = RandomState::new().hash_one(version);
        let resource = Resource::builder_empty()
            .with_service_name("labeltap")
            .with_attribute(KeyValue::new("service.version", version))
            .with_attribute(KeyValue::new("service.instance.id", format!("{instance:016x}")))
            .build();
        exporter.set_resource(&resource);
        let (queue, spans) = mpsc::channel(WAITING);
        let provider = SdkTracerProvider::builder()
            .with_span_processor(Queue(queue))
            .with_sampler(Sampler::ParentBased(Box::new(Sampler::AlwaysOn)))
            .with_resource(resource)
            .build();
        metrics::describe_counter!("labeltap_spans_dropped_total", "spans that no collector got");
        count_dropped(0);
        let stop = CancellationToken::new();
        let task = tokio::spawn(Work { exporter, fails: false }.run(spans, stop.clone()));
        Ok(Self { provider, stop, task })
    }

    /// What takes spans from `tracing`.
    pub fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let ours = OURS.map(|name| (name, LevelFilter::DEBUG));
        tracing_opentelemetry::layer()
            .with_tracer(self.provider.tracer("labeltap"))
            .with_location(false)
            .with_threads(false)
            .with_filter(Targets::new().with_targets(ours))
    }

    /// Exports what is there, within a second, and ends.
    pub async fn finish(self) {
        self.stop.cancel();
        let task = self.task.abort_handle();
        if timeout(FAREWELL, self.task).await.is_err() {
            task.abort();
        }
    }
}

/// The address below which the collector listens, or the whole address: both are written.
fn endpoint(collector: &Url) -> String {
    let text = collector.as_str().trim_end_matches('/');
    if text.ends_with(PATH) { text.to_owned() } else { format!("{text}/{PATH}") }
}

/// The task.
struct Work {
    exporter: SpanExporter,
    /// The last request did; said once, however long it lasts.
    fails: bool,
}

impl Work {
    async fn run(mut self, mut spans: mpsc::Receiver<SpanData>, stop: CancellationToken) {
        let mut batch = Vec::new();
        loop {
            let first = stop.run_until_cancelled(spans.recv_many(&mut batch, TOGETHER)).await;
            // Nobody makes spans any more, or we are to stop.
            if first.unwrap_or(0) == 0 {
                break;
            }
            let full = async {
                while batch.len() < TOGETHER {
                    let room = TOGETHER - batch.len();
                    if spans.recv_many(&mut batch, room).await == 0 {
                        break;
                    }
                }
            };
            let gathering = timeout(GATHER, full);
            let stopped = stop.run_until_cancelled(gathering).await.is_none();
            self.export(std::mem::take(&mut batch)).await;
            if stopped {
                break;
            }
        }
        spans.close();
        while spans.recv_many(&mut batch, TOGETHER).await > 0 {
            self.export(std::mem::take(&mut batch)).await;
        }
    }

    async fn export(&mut self, batch: Vec<SpanData>) {
        let count = batch.len() as u64;
        let exported = self.exporter.export(batch).await;
        let failed = exported.is_err();
        if failed {
            count_dropped(count);
        }
        match (std::mem::replace(&mut self.fails, failed), exported) {
            (false, Err(error)) => tracing::warn!(%error, "the collector gets no traces"),
            (true, Ok(())) => tracing::info!("the collector gets traces again"),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_collectors_address_is_that_of_traces_or_above_it() {
        for (given, used) in [
            ("http://c.test:4318", "http://c.test:4318/v1/traces"),
            ("https://c.test/otlp/", "https://c.test/otlp/v1/traces"),
            ("https://c.test/v1/traces", "https://c.test/v1/traces"),
        ] {
            assert_eq!(endpoint(&given.parse().unwrap()), used);
        }
    }
}
