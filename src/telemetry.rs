//! Logs and metrics: where they go and in what form.

use crate::config::{LogFormat, LogLevel};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use std::io::IsTerminal as _;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

/// Seconds; from one quick commit to a slow disk.
const SECONDS: &[f64] = &[0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0];

/// How often recorded values are folded into histograms; between two, they pile up.
const FOLD_EVERY: Duration = Duration::from_secs(5);

/// Starts logging to standard output: JSON, or text when that is a terminal. The libraries
/// below us are heard from `warn` on.
pub fn log(level: LogLevel, format: Option<LogFormat>) {
    let terminal = std::io::stdout().is_terminal();
    let level = level.as_str();
    let quiet = ["hyper", "reqwest", "rustls", "hickory_resolver", "hickory_net", "tungstenite"];
    let quiet = if matches!(level, "error" | "warn") { &[] } else { quiet.as_slice() };
    let directives = quiet.iter().map(|library| format!("{library}=warn"));
    let filter: Vec<String> = std::iter::once(level.to_owned()).chain(directives).collect();
    let builder = tracing_subscriber::fmt().with_env_filter(EnvFilter::new(filter.join(",")));
    let started = match format {
        Some(LogFormat::Json) => builder.json().flatten_event(true).try_init(),
        Some(LogFormat::Text) => builder.with_ansi(terminal).try_init(),
        None if terminal => builder.try_init(),
        None => builder.json().flatten_event(true).try_init(),
    };
    // Somebody who embeds the service may log already; then that stays.
    drop(started);
}

/// Starts recording metrics. In one process they are recorded once: a second service in
/// the same process shows what the first one's recorder has.
///
/// # Errors
/// When the buckets are not usable, which a test would have shown.
pub(crate) fn record() -> Result<PrometheusHandle, BuildError> {
    let builder = PrometheusBuilder::new();
    let builder = builder.set_buckets_for_metric(Matcher::Suffix("_seconds".into()), SECONDS)?;
    let recorder = builder.build_recorder();
    let handle = recorder.handle();
    drop(metrics::set_global_recorder(recorder));
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
