//! `GET /stats/labels`: everything that is stored, counted.
//!
//! Counting looks at every label, which takes seconds where there are millions. So it is done
//! on a thread that does nothing else ([`store::Store::study`]), one count at a time, and what
//! it finds is kept and handed out for some time: until twenty times as long has passed as it
//! took. Whatever is asked, counting takes a twentieth of one processor at most, and where
//! little is stored the answer is as good as new.

use crate::error::ApiError;
use crate::page::Asked;
use crate::router::Shared;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use store::StoreError;
use tally::{By, Tally};

/// How long a request waits for a count before it is answered with an older one, or told to
/// come back. The count goes on.
const PATIENCE: Duration = Duration::from_secs(20);

/// A count is handed out for so many times as long as it took.
const WORTH: u32 = 20;

/// The last count.
#[derive(Debug, Clone, Default)]
pub(crate) struct Kept(Arc<Mutex<Option<Counted>>>);

#[derive(Debug, Clone)]
struct Counted {
    tally: Arc<Tally>,
    begun: Instant,
    ended: Instant,
}

impl Counted {
    fn is_fresh(&self) -> bool {
        self.ended.elapsed() <= (self.ended - self.begun) * WORTH
    }
}

impl Kept {
    fn last(&self) -> Option<Counted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The last count, if it is young enough.
    fn fresh(&self) -> Option<Arc<Tally>> {
        self.last().filter(Counted::is_fresh).map(|counted| counted.tally)
    }

    /// Counts, unless somebody else just has: those who ask meanwhile wait in a row.
    fn or_count(
        &self,
        count: impl FnOnce() -> Result<Tally, StoreError>,
    ) -> Result<Arc<Tally>, StoreError> {
        if let Some(tally) = self.fresh() {
            return Ok(tally);
        }
        let begun = Instant::now();
        let tally = Arc::new(count()?);
        let counted = Counted { tally: tally.clone(), begun, ended: Instant::now() };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(counted);
        Ok(tally)
    }
}

/// `GET /stats/labels`
pub(crate) async fn show(
    shared: axum::extract::State<Shared>,
    asked: Asked,
) -> Result<Response, ApiError> {
    let by = by(&asked)?;
    let tally = counted(&shared).await?;
    // Tables may be long, and there may be many values in them.
    let text = tokio::task::spawn_blocking(move || serde_json::to_vec(&tally.answer(by))).await;
    match text {
        Ok(Ok(text)) => Ok(([(CONTENT_TYPE, "application/json")], text).into_response()),
        Ok(Err(_)) | Err(_) => Err(ApiError::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "what was counted cannot be written",
        )),
    }
}

/// By labeler, if nothing is said.
fn by(asked: &Asked) -> Result<By, ApiError> {
    let Some(name) = asked.one("by")? else { return Ok(By::Labeler) };
    By::from_name(name).ok_or_else(|| {
        let known = By::ALL.map(By::as_str).join(", ");
        let name: String = name.chars().take(100).collect();
        ApiError::invalid(format!("by {name:?} is none of {known}"))
    })
}

async fn counted(state: &Shared) -> Result<Arc<Tally>, ApiError> {
    if let Some(tally) = state.tally.fresh() {
        return Ok(tally);
    }
    let (kept, now) = (state.tally.clone(), state.now);
    let study = state.store.study(move |archive| kept.or_count(|| tally::count(archive, now())));
    match tokio::time::timeout(PATIENCE, study).await {
        Ok(tally) => Ok(tally?),
        Err(_) => state.tally.last().map(|counted| counted.tally).ok_or_else(|| {
            let message = "labels are still being counted; ask again later";
            ApiError::new(StatusCode::SERVICE_UNAVAILABLE, message)
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_kept_for_as_long_as_it_is_worth() {
        let kept = Kept::default();
        let mut counts = 0;
        let mut count = |millis| {
            let tally = kept.or_count(|| {
                counts += 1;
                std::thread::sleep(Duration::from_millis(millis));
                Ok(Tally::default())
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
        let kept = Kept::default();
        assert!(kept.or_count(|| Err(StoreError::Indexing)).is_err());
        assert!(kept.last().is_none());
    }
}
