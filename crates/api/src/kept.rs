//! Counts that look at very much, handed out for some time.
//!
//! Counting takes seconds where there are millions of labels. So it is done on a thread that does
//! nothing else ([`store::Store::study`]), one count at a time, and what it finds is kept and
//! handed out until twenty times as long has passed as it took. So one count, however often it is
//! asked for, takes a twentieth of one processor at most, and where little is stored the answer is
//! as good as new. Who asks for many different ones takes that thread, and nobody else's.

use crate::error::ApiError;
use axum::http::StatusCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use store::{Archive, Store, StoreError};

/// How long a request waits for a count before it is answered with an older one, or told to
/// come back. The count goes on.
const PATIENCE: Duration = Duration::from_secs(20);

/// A count is handed out for so many times as long as it took.
const WORTH: u32 = 20;

/// The last count. All clones share it.
#[derive(Debug)]
pub(crate) struct Kept<T>(Arc<Mutex<Option<Counted<T>>>>);

#[derive(Debug)]
struct Counted<T> {
    found: Arc<T>,
    begun: Instant,
    ended: Instant,
}

impl<T> Counted<T> {
    fn is_fresh(&self) -> bool {
        self.ended.elapsed() <= (self.ended - self.begun) * WORTH
    }
}

impl<T> Kept<T> {
    fn lock(&self) -> MutexGuard<'_, Option<Counted<T>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn last(&self) -> Option<Arc<T>> {
        self.lock().as_ref().map(|counted| Arc::clone(&counted.found))
    }

    /// The last count, if it is young enough.
    fn fresh(&self) -> Option<Arc<T>> {
        let counted = self.lock();
        counted.as_ref().filter(|counted| counted.is_fresh()).map(|c| Arc::clone(&c.found))
    }

    /// Counts, unless somebody else just has: those who ask meanwhile wait in a row.
    fn or_count(
        &self,
        count: impl FnOnce() -> Result<T, StoreError>,
    ) -> Result<Arc<T>, StoreError> {
        if let Some(found) = self.fresh() {
            return Ok(found);
        }
        let begun = Instant::now();
        let found = Arc::new(count()?);
        let counted = Counted { found: Arc::clone(&found), begun, ended: Instant::now() };
        *self.lock() = Some(counted);
        Ok(found)
    }
}

/// A count that is young enough, or a new one.
///
/// # Errors
/// 503 when it takes long and there is no older one; and those of the store.
pub(crate) async fn counted<T: Send + Sync + 'static>(
    store: &Store,
    kept: Kept<T>,
    count: impl FnOnce(&mut Archive) -> Result<T, StoreError> + Send + 'static,
) -> Result<Arc<T>, ApiError> {
    if let Some(found) = kept.fresh() {
        return Ok(found);
    }
    let counting = kept.clone();
    let study = store.study(move |archive| counting.or_count(|| count(archive)));
    match tokio::time::timeout(PATIENCE, study).await {
        Ok(found) => Ok(found?),
        Err(_) => kept.last().ok_or_else(|| {
            let message = "labels are still being counted; ask again later";
            ApiError::new(StatusCode::SERVICE_UNAVAILABLE, message)
        }),
    }
}

impl<T> Clone for Kept<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_kept_for_as_long_as_it_is_worth() {
        let kept = Kept::<()>::default();
        let mut counts = 0;
        let mut count = |millis| {
            let tally = kept.or_count(|| {
                counts += 1;
                std::thread::sleep(Duration::from_millis(millis));
                Ok(())
            });
            tally.unwrap();
            counts
        };
        assert_eq!(count(30), 1);
        assert_eq!(count(0), 1, "it took 30 ms and holds for 600");
        std::thread::sleep(Duration::from_millis(900));
        assert_eq!(count(30), 2);
        assert!(kept.or_count(|| Err(StoreError::Closed)).is_ok());
    }

    #[test]
    fn what_failed_is_not_kept() {
        let kept = Kept::<()>::default();
        assert!(kept.or_count(|| Err(StoreError::Indexing)).is_err());
        assert!(kept.last().is_none());
    }
}
