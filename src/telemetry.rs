//! Logs and metrics: where they go and in what form.

use crate::config::{LogFormat, LogLevel, Run, SecretUrl};
use crate::status::Painter;
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use std::io::{self, IsTerminal as _};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use traces::{Export, ExportError};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

/// Seconds; from one quick commit to a slow disk.
const SECONDS: &[f64] = &[0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0];

/// How often recorded values are folded into histograms; between two, they pile up.
const FOLD_EVERY: Duration = Duration::from_secs(5);

/// Starts logging to standard output: JSON, or text when that is a terminal; and the export of
/// traces, if there is a collector. The libraries below us are heard from `warn` on.
///
/// Lines go above those that `painter` keeps in place.
///
/// For `main` alone: a program that embeds the service has a logger of its own, and our lines
/// and spans go there.
///
/// # Errors
/// When the collector's address cannot be used.
pub fn log(run: &Run, painter: Option<&Painter>) -> Result<Option<Export>, ExportError> {
    let terminal = std::io::stdout().is_terminal();
    let version = env!("CARGO_PKG_VERSION");
    let collector = run.otlp_endpoint.as_ref().map(SecretUrl::reveal);
    let export = collector.map(|url| Export::start(url, version)).transpose()?;
    let lines = tracing_subscriber::fmt::layer().with_writer(Output(painter.cloned()));
    let lines = match run.log_format {
        Some(LogFormat::Text) => lines.with_ansi(terminal).boxed(),
        None if terminal => lines.boxed(),
        // A line names every span that it stands in once.
        Some(LogFormat::Json) | None => {
            lines.json().flatten_event(true).with_current_span(false).boxed()
        }
    };
    let lines = lines.with_filter(heard(run.log_level));
    let subscriber = tracing_subscriber::registry();
    let started = match &export {
        Some(export) => subscriber.with(lines).with(export.layer()).try_init(),
        None => subscriber.with(lines).try_init(),
    };
    // Somebody who calls this twice logs already; then that stays.
    drop(started);
    Ok(export)
}

/// Standard output, above what is painted.
#[derive(Debug, Clone)]
struct Output(Option<Painter>);

impl<'a> MakeWriter<'a> for Output {
    type Writer = &'a Self;

    fn make_writer(&'a self) -> Self::Writer {
        self
    }
}

impl io::Write for &Output {
    /// A line of the log comes in one piece.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let print = || io::stdout().lock().write_all(line);
        self.0.as_ref().map_or_else(print, |painter| painter.above(print))?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stdout().lock().flush()
    }
}

/// What is logged at this level.
fn heard(level: LogLevel) -> EnvFilter {
    let level = level.as_str();
    let quiet = ["hyper", "reqwest", "rustls", "hickory_resolver", "hickory_net", "tungstenite"];
    let quiet = if matches!(level, "error" | "warn") { &[] } else { quiet.as_slice() };
    let directives = quiet.iter().map(|library| format!("{library}=warn"));
    let filter: Vec<String> = std::iter::once(level.to_owned()).chain(directives).collect();
    EnvFilter::new(filter.join(","))
}

/// The recorder of this process, once there is one.
static RECORDER: Mutex<Option<PrometheusHandle>> = Mutex::new(None);

/// Starts recording metrics. In one process they are recorded once: a second service in
/// the same process shows what the first one's recorder has. Where the program around us
/// records them already, they go there, and ours stays empty.
///
/// # Errors
/// When the buckets are not usable, which a test would have shown.
pub(crate) fn record() -> Result<PrometheusHandle, BuildError> {
    let mut present = RECORDER.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(handle) = &*present {
        return Ok(handle.clone());
    }
    let builder = PrometheusBuilder::new();
    let builder = builder.set_buckets_for_metric(Matcher::Suffix("_seconds".into()), SECONDS)?;
    let recorder = builder.build_recorder();
    let handle = recorder.handle();
    drop(metrics::set_global_recorder(recorder));
    *present = Some(handle.clone());
    Ok(handle)
}

/// Folds recorded values until told to stop.
///
/// # Errors
/// None; it has the shape of the other crew members.
pub(crate) async fn fold(handle: PrometheusHandle, stop: CancellationToken) -> Result<(), String> {
    let mut tick = tokio::time::interval(FOLD_EVERY);
    while stop.run_until_cancelled(tick.tick()).await.is_some() {
        handle.run_upkeep();
    }
    Ok(())
}
