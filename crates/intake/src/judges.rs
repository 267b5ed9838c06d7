//! The processors that check signatures, shared fairly by all labelers.
//!
//! Checking is by far the dearest step of the line. Labels are judged in portions; whoever
//! has a portion waits in line for a processor, so a backfill of millions and a labeler
//! that says one thing an hour are served in turn (contract G8).

use futures_util::{StreamExt as _, TryStreamExt as _};
use label::Did;
use std::sync::Arc;
use tokio::sync::Semaphore;
use verify::{Judged, Key, KeyTerm, judge, judge_by_old_keys};
use wire::RawLabel;

/// Labels in one portion: about 5 ms of work, so that nobody waits long for a turn.
const PORTION: usize = 64;

/// The judges. Cloning shares them.
#[derive(Debug, Clone)]
pub(crate) struct Judges {
    processors: Arc<Semaphore>,
    count: usize,
}

/// A judge panicked, or the process is stopping. Nothing was judged.
#[derive(Debug, thiserror::Error)]
#[error("labels could not be judged")]
pub(crate) struct NotJudged;

impl Judges {
    pub(crate) fn new(processors: usize) -> Self {
        let count = processors.max(1);
        Self { processors: Arc::new(Semaphore::new(count)), count }
    }

    /// Judges labels of one labeler and answers in their order.
    pub(crate) async fn judge(
        &self,
        labels: Vec<RawLabel>,
        labeler: &Did,
        key: &Key,
    ) -> Result<Vec<Judged>, NotJudged> {
        let (labeler, key) = (labeler.clone(), key.clone());
        self.in_portions(labels, move |label| judge(label, &labeler, &key)).await
    }

    /// The same by keys of the past; `None` where none of them makes a label hold.
    pub(crate) async fn judge_by_old_keys(
        &self,
        labels: Vec<RawLabel>,
        labeler: &Did,
        terms: Arc<Vec<KeyTerm>>,
    ) -> Result<Vec<Option<Judged>>, NotJudged> {
        let labeler = labeler.clone();
        self.in_portions(labels, move |label| judge_by_old_keys(label, &labeler, &terms)).await
    }

    async fn in_portions<T: Send + 'static>(
        &self,
        labels: Vec<RawLabel>,
        look: impl Fn(&RawLabel) -> T + Clone + Send + 'static,
    ) -> Result<Vec<T>, NotJudged> {
        let portions: Vec<Vec<RawLabel>> = labels.chunks(PORTION).map(<[_]>::to_vec).collect();
        let judged: Vec<Vec<T>> = futures_util::stream::iter(portions)
            .map(|portion| self.portion(portion, look.clone()))
            .buffered(self.count)
            .try_collect()
            .await?;
        Ok(judged.into_iter().flatten().collect())
    }

    async fn portion<T: Send + 'static>(
        &self,
        labels: Vec<RawLabel>,
        look: impl Fn(&RawLabel) -> T + Send + 'static,
    ) -> Result<Vec<T>, NotJudged> {
        let turn = Arc::clone(&self.processors).acquire_owned().await.map_err(|_| NotJudged)?;
        let work = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            labels.iter().map(look).collect()
        });
        work.await.map_err(|_| NotJudged)
    }
}
