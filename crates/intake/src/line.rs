//! The straight line in: frame → decode → verify → labels and cursor in one transaction.
//!
//! Everything that happens to a label on its way in happens in [`Line::carry`], in the
//! order it is written there. What happens on its way out starts at the log and is written
//! the same way in `deliver`.

use crate::bundle::{Bundle, Placed};
use crate::clock::wall_clock;
use crate::judges::NotJudged;
use crate::shared::Shared;
use identity::{Found, ResolveError, Resolved, Want};
use label::{Did, Epoch, Seq, Verdict};
use std::sync::Arc;
use std::time::Duration;
use store::{Batch, Committed, Entry, Noted, Rejected, StoreError};
use tokio::time::Instant;
use verify::{Judged, Key};

/// A document is read afresh because of a failed signature at most this often (contract 6).
const SECOND_LOOK: Duration = Duration::from_secs(60);

/// How long labels are held while it is read; then they are let go, to be read again.
const DOCUMENT_LIMIT: Duration = Duration::from_secs(5);

/// A labeler's key, and how far it can be relied on. It outlives the connection.
#[derive(Debug, Clone)]
pub(crate) struct KeyRead {
    pub(crate) key: Key,
    /// When it was read from the directory itself; `None`: the document was a remembered one.
    pub(crate) at: Option<Instant>,
}

/// One labeler's line. Lives as long as one connection.
pub struct Line {
    shared: Shared,
    labeler: Did,
    key: KeyRead,
    epoch: Epoch,
    cursor: Seq,
}

/// Why a bundle was not carried. None of it was stored.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// The store would not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A signature failed, and whether the key has changed could not be asked.
    #[error("a signature does not hold and the DID document cannot be read again: {0}")]
    Unasked(#[source] ResolveError),
    /// A signature failed, and the document has no usable key any more.
    #[error("a signature does not hold and the DID document no longer has a label key")]
    NoKey,
    /// The judges are gone.
    #[error(transparent)]
    NotJudged(#[from] NotJudgedError),
}

/// The judges are gone: one panicked, or the process is stopping.
#[derive(Debug, thiserror::Error)]
#[error("labels could not be judged")]
pub struct NotJudgedError;

impl From<NotJudged> for LineError {
    fn from(_: NotJudged) -> Self {
        Self::NotJudged(NotJudgedError)
    }
}

impl Line {
    /// A line for labels under `key`, that goes on where the store's cursor stands.
    pub(crate) fn new(shared: Shared, labeler: Did, key: KeyRead, at: (Epoch, Seq)) -> Self {
        Self { shared, labeler, key, epoch: at.0, cursor: at.1 }
    }

    /// The key that labels are judged by now, which may have been learned on the way.
    pub(crate) fn key(&self) -> &KeyRead {
        &self.key
    }

    /// Where the line stands: everything up to here is stored.
    pub(crate) fn cursor(&self) -> Seq {
        self.cursor
    }

    /// Carries some frames all the way. When this returns `Ok`, they are on disk.
    ///
    /// # Errors
    /// [`LineError`], and then nothing of the bundle was stored; it will come again.
    pub(crate) async fn carry(&mut self, bundle: Bundle) -> Result<Committed, LineError> {
        let last = bundle.last.unwrap_or(self.cursor);
        let labels = bundle.labels.iter().map(|placed| placed.raw.clone()).collect();
        let judged = self.shared.judges.judge(labels, &self.labeler, &self.key.key).await?;
        let judged = self.second_look(&bundle.labels, judged).await?;
        count(&judged);
        let entries = bundle.labels.into_iter().zip(judged).map(entry).collect();
        let committed = self.commit(last, entries).await?;
        self.cursor = last;
        Ok(committed)
    }

    /// A signature that fails may mean a new key: the document is read once more, and what
    /// failed is judged under the key found there. When the directory cannot be asked, the
    /// labels wait (contract G6).
    async fn second_look(
        &mut self,
        labels: &[Placed],
        judged: Vec<Judged>,
    ) -> Result<Vec<Judged>, LineError> {
        let looked_lately = self.key.at.is_some_and(|read| read.elapsed() < SECOND_LOOK);
        if looked_lately || !judged.iter().any(failed) {
            return Ok(judged);
        }
        let resolved = self.document().await.map_err(LineError::Unasked)?;
        self.key.at = Some(Instant::now());
        let Found::Present(key) = &resolved.label_key else { return Err(LineError::NoKey) };
        if key.did_key() == self.key.key.did_key() {
            return Ok(judged);
        }
        tracing::info!(labeler = %self.labeler, "label key has changed");
        self.key.key = key.clone();
        self.note_key().await?;
        self.judge_again(labels, judged).await
    }

    /// Lets people see the key that is used from now on.
    async fn note_key(&self) -> Result<(), StoreError> {
        let row = self.shared.store.labeler(self.labeler.clone()).await?;
        let row = row.ok_or_else(|| StoreError::NotTracked(self.labeler.clone()))?;
        let noted = Noted { key: Some(self.key.key.did_key()), ..row.noted };
        let state = self.shared.board.get(&self.labeler).state.as_str();
        self.shared.store.note(self.labeler.clone(), noted, state, wall_clock()).await
    }

    /// The document as it is now. Not waited for long: what is being carried takes memory
    /// that others need, and a labeler may be slow on purpose.
    async fn document(&self) -> Result<Arc<Resolved>, ResolveError> {
        let asked = self.shared.resolver.resolve(&self.labeler, Want::Fresh);
        tokio::time::timeout(DOCUMENT_LIMIT, asked).await.unwrap_or_else(|_| {
            let reason = format!("no answer within {} s", DOCUMENT_LIMIT.as_secs());
            Err(ResolveError::Unreachable { reason, retry_after: None })
        })
    }

    async fn judge_again(
        &self,
        labels: &[Placed],
        judged: Vec<Judged>,
    ) -> Result<Vec<Judged>, LineError> {
        let doubtful = labels.iter().zip(&judged).filter(|(_, judged)| failed(judged));
        let doubtful = doubtful.map(|(placed, _)| placed.raw.clone()).collect();
        let again = self.shared.judges.judge(doubtful, &self.labeler, &self.key.key).await?;
        let mut again = again.into_iter();
        let renew = |old: Judged| if failed(&old) { again.next().unwrap_or(old) } else { old };
        Ok(judged.into_iter().map(renew).collect())
    }

    async fn commit(&self, cursor: Seq, entries: Vec<Entry>) -> Result<Committed, StoreError> {
        let batch = Batch {
            labeler: self.labeler.clone(),
            epoch: self.epoch,
            after: self.cursor,
            cursor,
            received_at: wall_clock(),
            entries,
        };
        self.shared.store.commit(batch).await
    }
}

fn failed(judged: &Judged) -> bool {
    matches!(judged, Judged::Refused { verdict: Verdict::BadSignature, .. })
}

fn entry((placed, judged): (Placed, Judged)) -> Entry {
    let Placed { seq, place, raw: received } = placed;
    match judged {
        Judged::Label { label, raw } => {
            Entry::Label { seq, place, label, verdict: Verdict::Verified, raw }
        }
        Judged::Refused { verdict, reason } => {
            let raw = received.bytes.to_vec();
            Entry::Rejected(Rejected { seq, place, verdict, reason, raw })
        }
    }
}

fn count(judged: &[Judged]) {
    for one in judged {
        let verdict = match one {
            Judged::Label { .. } => Verdict::Verified,
            Judged::Refused { verdict, .. } => *verdict,
        };
        metrics::counter!("labeltap_labels_judged_total", "verdict" => verdict.as_str())
            .increment(1);
    }
}
