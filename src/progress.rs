//! `labeltap run` on a terminal: how it goes, in lines that update in place below the log.

use crate::status::{Painter, lines};
use pulse::Pulse;
use std::convert::Infallible;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often it is looked at.
const EVERY: Duration = Duration::from_secs(1);

/// Paints until `stop`, and then takes the lines away. What cannot be looked at stays as it was.
///
/// # Errors
/// None; it has the shape of the other crew members.
pub(crate) async fn paint(
    pulse: Pulse,
    painter: Painter,
    stop: CancellationToken,
) -> Result<(), Infallible> {
    let mut tick = tokio::time::interval(EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while stop.run_until_cancelled(tick.tick()).await.is_some() {
        if let Some(Ok(snapshot)) = stop.run_until_cancelled(pulse.snapshot()).await {
            painter.paint(&lines(&snapshot));
        }
    }
    painter.clear();
    Ok(())
}
