//! The straight line in: frame → decode → verify → labels and cursor in one transaction.
//!
//! Everything that happens to a label on its way in happens in [`Line::carry`], in the
//! order it is written there. What happens on its way out starts at the log and is written
//! the same way in `deliver`.

pub use crate::bench::LineError;
use crate::bench::{Bench, KeyRead};
use crate::bundle::{Bundle, Placed};
use crate::clock::wall_clock;
use crate::repeats::{Compared, Late, compare, places};
use crate::shared::Shared;
use fleet::Came;
use label::{Did, Epoch, Seq};
use store::{Batch, Committed, Entry, Rejected, StoreError};
use tracing::{Instrument as _, debug_span};
use verify::Judged;
use wire::RawLabel;

/// Late labels that are stored at once.
const TOGETHER: usize = 512;

/// One labeler's line. Lives as long as one connection.
pub struct Line {
    shared: Shared,
    labeler: Did,
    bench: Bench,
    epoch: Epoch,
    cursor: Seq,
    /// Whether frames below the cursor were asked for.
    rereads: bool,
}

/// What became of a bundle that was carried.
#[derive(Debug, Default)]
pub(crate) struct Carried {
    /// How many labels were in it.
    pub(crate) labels: u64,
    /// How many of them are new in the log.
    pub(crate) stored: u64,
    /// Whether the cursor moved.
    pub(crate) progressed: bool,
    /// Whether the labeler's key was found to have changed.
    pub(crate) learned_key: bool,
    /// What shows that the labeler may have started over.
    pub(crate) doubt: Option<Doubt>,
}

/// Something below the cursor that is not what it was: labels that hold and are not held, where
/// nobody asked for them; or none, when something else is held there.
pub(crate) type Doubt = Late;

impl Line {
    /// A line for labels under `key`, that goes on where the store's cursor stands. `rereads`
    /// says whether the stream was asked for frames below that.
    pub(crate) fn new(
        shared: Shared,
        labeler: Did,
        key: KeyRead,
        at: (Epoch, Seq),
        rereads: bool,
    ) -> Self {
        let bench = Bench::new(shared.clone(), labeler.clone(), key);
        Self { shared, labeler, bench, epoch: at.0, cursor: at.1, rereads }
    }

    /// Who judges, and by which key.
    pub(crate) fn bench(&mut self) -> &mut Bench {
        &mut self.bench
    }

    /// Where the line stands: everything up to here is stored.
    pub(crate) fn cursor(&self) -> Seq {
        self.cursor
    }

    /// Carries some frames all the way. When this returns `Ok`, they are on disk.
    ///
    /// # Errors
    /// [`LineError`], and then nothing of the bundle was stored; it will come again.
    pub(crate) async fn carry(&mut self, bundle: Bundle) -> Result<Carried, LineError> {
        let labels = bundle.labels.len() + bundle.again.len();
        let span = debug_span!("carry", labeler = %self.labeler, labels);
        self.steps(bundle).instrument(span).await
    }

    async fn steps(&mut self, bundle: Bundle) -> Result<Carried, LineError> {
        let mut carried = Carried {
            labels: (bundle.labels.len() + bundle.again.len()) as u64,
            ..Carried::default()
        };
        if let Some(last) = bundle.last {
            let labels = raw(&bundle.labels);
            let judged = self.bench.judge(&labels).instrument(debug_span!("verify")).await?;
            count(&judged);
            let entries = bundle.labels.into_iter().zip(judged).map(entry).collect();
            let committed = self.commit(last, entries).await?;
            (carried.stored, carried.progressed) = (committed.labels, true);
            self.cursor = last;
        }
        if !bundle.again.is_empty() {
            let (stored, doubt) = self.look_back(bundle.again).await?;
            carried.stored += stored;
            carried.doubt = doubt;
        }
        carried.learned_key = self.bench.has_learned();
        Ok(carried)
    }

    /// Looks at frames that are not above the cursor (contract section 6). What is held is
    /// dropped. What is not is stored, if it was asked for; else it raises a doubt.
    async fn look_back(&mut self, again: Vec<Placed>) -> Result<(u64, Option<Doubt>), LineError> {
        let (did, asked) = (self.labeler.clone(), places(&again));
        let held = self.shared.store.held(did, self.epoch, asked).await?;
        let Compared { differs, missing } = compare(again, &held);
        if differs {
            return Ok((0, Some(Doubt::default())));
        }
        if self.rereads {
            return Ok((self.store_late(missing).await?, None));
        }
        let mut doubt = Doubt::default();
        match self.holding(missing.clone()).await {
            Ok((late, _)) => doubt.extend(late),
            // They do not come a second time, so they are judged later.
            Err(LineError::Unasked(_)) => doubt.extend(missing),
            Err(error) => return Err(error),
        }
        Ok((0, (!doubt.is_empty()).then_some(doubt)))
    }

    /// Stores what was published late: below the cursor, which stays. Answers how much of it
    /// holds.
    pub(crate) async fn store_late(&mut self, late: Vec<Placed>) -> Result<u64, LineError> {
        let mut stored = 0;
        for some in late.chunks(TOGETHER) {
            let (late, judged) = self.holding(some.to_vec()).await?;
            if late.is_empty() {
                continue;
            }
            count(&judged);
            let entries = late.into_iter().zip(judged).map(entry).collect();
            stored += self.commit(self.cursor, entries).await?.labels;
        }
        metrics::counter!("labeltap_labels_late_total").increment(stored);
        Ok(stored)
    }

    /// Those that hold. What does not was rejected before.
    async fn holding(
        &mut self,
        labels: Vec<Placed>,
    ) -> Result<(Vec<Placed>, Vec<Judged>), LineError> {
        let judged = self.bench.judge(&raw(&labels)).await?;
        let both = labels.into_iter().zip(judged);
        Ok(both.filter(|(_, judged)| matches!(judged, Judged::Label { .. })).unzip())
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
        let committed = self.shared.store.commit(batch).instrument(debug_span!("commit")).await?;
        let more = Came { stored: committed.labels, rejected: committed.rejected };
        self.shared.board.came(&self.labeler, more);
        Ok(committed)
    }
}

fn raw(labels: &[Placed]) -> Vec<RawLabel> {
    labels.iter().map(|placed| placed.raw.clone()).collect()
}

fn entry((placed, judged): (Placed, Judged)) -> Entry {
    let Placed { seq, place, raw: received } = placed;
    match judged {
        Judged::Label { verdict, label, raw } => Entry::Label { seq, place, label, verdict, raw },
        Judged::Refused { verdict, reason } => {
            let raw = received.bytes.to_vec();
            Entry::Rejected(Rejected { seq, place, verdict, reason, raw })
        }
    }
}

fn count(judged: &[Judged]) {
    for one in judged {
        let (Judged::Label { verdict, .. } | Judged::Refused { verdict, .. }) = one;
        metrics::counter!("labeltap_labels_judged_total", "verdict" => verdict.as_str())
            .increment(1);
    }
}
