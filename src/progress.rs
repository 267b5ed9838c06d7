//! `labeltap run` on a terminal: how it goes, in lines that update in place below the log.

use crate::status::{Painter, lines};
use pulse::{Pulse, Snapshot};
use std::convert::Infallible;
use std::time::Duration;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

/// How often the lines are painted.
const PAINTED_EVERY: Duration = Duration::from_secs(1);

/// How often a line of the log says it instead, where it was asked for and there is no terminal.
const TOLD_EVERY: Duration = Duration::from_secs(30);

/// Shows it until `stop`, and then takes the lines away. What cannot be looked at stays as it was.
///
/// # Errors
/// None; it has the shape of the other crew members.
pub(crate) async fn show(
    pulse: Pulse,
    painter: Painter,
    stop: CancellationToken,
) -> Result<(), Infallible> {
    let hidden = painter.is_hidden();
    let mut tick = tokio::time::interval(if hidden { TOLD_EVERY } else { PAINTED_EVERY });
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while stop.run_until_cancelled(tick.tick()).await.is_some() {
        match stop.run_until_cancelled(pulse.snapshot()).await {
            Some(Ok(snapshot)) if hidden => tell(&snapshot),
            Some(Ok(snapshot)) => painter.paint(&lines(&snapshot)),
            Some(Err(_)) | None => {}
        }
    }
    painter.clear();
    Ok(())
}

fn tell(snapshot: &Snapshot) {
    tracing::info!(
        labels = snapshot.store.labels,
        labels_per_second = snapshot.rates.labels,
        labelers = snapshot.labelers.total,
        live = snapshot.labelers.by_state.get("live"),
        backfilling = snapshot.backfilling,
        troubled = snapshot.troubled_total,
        "progress"
    );
}
