//! Waiting, within limits: for our own store while it is busy, and for Postgres.

use crate::trouble::Trouble;
use std::time::Duration;
use store::{Remedy, StoreError};
use tokio::time::timeout;

/// Between two questions to a store that is busy.
const PAUSE: Duration = Duration::from_millis(500);

/// A transaction takes below a second, unless the server stands still. The server itself is told
/// to give up earlier.
const PATIENCE: Duration = Duration::from_secs(120);

/// Asks again while the store is busy.
///
/// # Errors
/// What the store said, when that is anything else.
pub(crate) async fn patiently<T, F>(mut ask: impl FnMut() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    loop {
        match ask().await {
            Err(error) if error.remedy() == Remedy::Retry => tokio::time::sleep(PAUSE).await,
            answer => return answer,
        }
    }
}

/// Waits for Postgres as long as is reasonable.
pub(crate) async fn within<T, E: Into<Trouble>>(
    what: &str,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, Trouble> {
    match timeout(PATIENCE, work).await {
        Ok(done) => done.map_err(Into::into),
        Err(_) => Err(Trouble::Slow(format!("{what} took over {} s", PATIENCE.as_secs()))),
    }
}
