//! Waiting for a store that is busy.

use std::time::Duration;
use store::{Remedy, StoreError};

/// The first pause; doubles up to [`LONGEST`].
const SHORTEST: Duration = Duration::from_millis(50);
/// Long enough not to be in the way, short enough that recovery is not noticed.
const LONGEST: Duration = Duration::from_secs(1);

/// Asks again while the store is busy. Whoever calls this can be cancelled at any time,
/// which is how it ends when we stop.
///
/// # Errors
/// What the store said, when its remedy is anything but [`Remedy::Retry`].
pub(crate) async fn patiently<T, F>(mut ask: impl FnMut() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    let mut pause = SHORTEST;
    loop {
        match ask().await {
            Err(error) if error.remedy() == Remedy::Retry => {
                tracing::warn!(%error, ?pause, "delivery waits for the store");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST);
            }
            answer => return answer,
        }
    }
}
