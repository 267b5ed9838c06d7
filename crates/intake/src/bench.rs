//! The bench a labeler's labels are judged at: its key, the document behind the key, and the
//! keys of the past.
//!
//! A signature that fails may mean that the key has changed, so the document is read again; or
//! that the label is older than the key, so the keys of the past are tried. When the directory
//! cannot be asked the labels wait (contract G6).

use crate::clock::wall_clock;
use crate::judges::NotJudged;
use crate::life;
use crate::shared::Shared;
use identity::{Found, ResolveError, Resolved, Want};
use label::{Did, Verdict};
use std::sync::Arc;
use std::time::Duration;
use store::{Noted, StoreError};
use tokio::time::Instant;
use verify::{Judged, Key, KeyTerm};
use wire::RawLabel;

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

/// Why labels were not carried. None of them was stored; they have to come again.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// The store would not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A signature failed, and the directory could not be asked for the key.
    #[error("a signature does not hold and the directory cannot be asked: {0}")]
    Unasked(#[source] ResolveError),
    /// A signature failed, and the document has no usable key any more.
    #[error("a signature does not hold and the DID document no longer has a label key")]
    NoKey,
    /// The judges are gone: one panicked, or the process is stopping.
    #[error("labels could not be judged")]
    NotJudged,
}

impl From<NotJudged> for LineError {
    fn from(_: NotJudged) -> Self {
        Self::NotJudged
    }
}

/// One labeler's.
pub(crate) struct Bench {
    shared: Shared,
    labeler: Did,
    key: KeyRead,
    /// Whether a new key was learned here since somebody last asked.
    learned: bool,
}

impl Bench {
    pub(crate) fn new(shared: Shared, labeler: Did, key: KeyRead) -> Self {
        Self { shared, labeler, key, learned: false }
    }

    /// The key that labels are judged by now.
    pub(crate) fn key(&self) -> &KeyRead {
        &self.key
    }

    /// Judges by this key from now on.
    pub(crate) fn use_key(&mut self, key: KeyRead) {
        self.key = key;
    }

    /// Whether a new key was learned, which is told once.
    pub(crate) fn has_learned(&mut self) -> bool {
        std::mem::take(&mut self.learned)
    }

    /// Judges labels, and answers in their order.
    ///
    /// # Errors
    /// [`LineError`]; then they have to come again.
    pub(crate) async fn judge(&mut self, labels: &[RawLabel]) -> Result<Vec<Judged>, LineError> {
        let judged = self.by_present_key(labels.to_vec()).await?;
        let judged = self.second_look(labels, judged).await?;
        self.by_old_keys(labels, judged).await
    }

    async fn by_present_key(&self, labels: Vec<RawLabel>) -> Result<Vec<Judged>, LineError> {
        Ok(self.shared.judges.judge(labels, &self.labeler, &self.key.key).await?)
    }

    /// Reads the document once more, and judges what failed under the key found there.
    async fn second_look(
        &mut self,
        labels: &[RawLabel],
        judged: Vec<Judged>,
    ) -> Result<Vec<Judged>, LineError> {
        let looked_lately = self.key.at.is_some_and(|read| read.elapsed() < SECOND_LOOK);
        if looked_lately || !judged.iter().any(failed) {
            return Ok(judged);
        }
        let resolved = self.document().await.map_err(LineError::Unasked)?;
        self.key.at = Some(Instant::now());
        let Found::Present(key) = &resolved.label_key else { return Err(LineError::NoKey) };
        if *key == self.key.key {
            return Ok(judged);
        }
        self.key.key = key.clone();
        self.learned = true;
        self.note_key().await?;
        let again = self.by_present_key(doubtful(labels, &judged)).await?;
        Ok(renewed(judged, again.into_iter().map(Some)))
    }

    /// Tries the keys of the past on what still fails.
    async fn by_old_keys(
        &self,
        labels: &[RawLabel],
        judged: Vec<Judged>,
    ) -> Result<Vec<Judged>, LineError> {
        if !judged.iter().any(failed) {
            return Ok(judged);
        }
        let terms = self.history().await.map_err(LineError::Unasked)?;
        // A key that the log shows as the present one and we do not know is for the next look.
        let ended = terms.iter().filter(|term| term.until.is_some());
        let ended: Vec<KeyTerm> = ended.cloned().collect();
        if ended.is_empty() {
            return Ok(judged);
        }
        let terms = Arc::new(ended);
        let doubtful = doubtful(labels, &judged);
        let again = self.shared.judges.judge_by_old_keys(doubtful, &self.labeler, terms).await?;
        Ok(renewed(judged, again.into_iter()))
    }

    /// Lets people see the key that is used from now on.
    async fn note_key(&self) -> Result<(), StoreError> {
        let row = self.shared.store.labeler(self.labeler.clone()).await?;
        let row = row.ok_or_else(|| StoreError::NotTracked(self.labeler.clone()))?;
        let noted = Noted { key: Some(self.key.key.did_key()), ..row.noted };
        let state = self.shared.board.get(&self.labeler).state.as_str();
        let told = self.shared.store.note(self.labeler.clone(), noted, state, wall_clock()).await?;
        life::tell_all(&told);
        Ok(())
    }

    /// The document as it is now. Not waited for long: what is being carried takes memory
    /// that others need, and a labeler may be slow on purpose.
    async fn document(&self) -> Result<Arc<Resolved>, ResolveError> {
        in_time(self.shared.resolver.resolve(&self.labeler, Want::Fresh)).await
    }

    async fn history(&self) -> Result<Arc<Vec<KeyTerm>>, ResolveError> {
        in_time(self.shared.resolver.key_history(&self.labeler, Some(&self.key.key))).await
    }
}

async fn in_time<T>(
    asked: impl Future<Output = Result<T, ResolveError>>,
) -> Result<T, ResolveError> {
    tokio::time::timeout(DOCUMENT_LIMIT, asked).await.unwrap_or_else(|_| {
        let reason = format!("no answer within {} s", DOCUMENT_LIMIT.as_secs());
        Err(ResolveError::Unreachable { reason, retry_after: None })
    })
}

/// Those that failed.
fn doubtful(labels: &[RawLabel], judged: &[Judged]) -> Vec<RawLabel> {
    let failed = labels.iter().zip(judged).filter(|(_, judged)| failed(judged));
    failed.map(|(label, _)| label.clone()).collect()
}

/// What failed, replaced in order by what came of looking again.
fn renewed(judged: Vec<Judged>, mut again: impl Iterator<Item = Option<Judged>>) -> Vec<Judged> {
    let renew =
        |old: Judged| if failed(&old) { again.next().flatten().unwrap_or(old) } else { old };
    judged.into_iter().map(renew).collect()
}

fn failed(judged: &Judged) -> bool {
    matches!(judged, Judged::Refused { verdict: Verdict::BadSignature, .. })
}
