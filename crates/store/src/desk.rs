//! What a job finds in front of it while the writer's transaction is open, and what is
//! left of a job when it is done. Which jobs share a transaction, and whether it landed,
//! is the writer's business.

use crate::StoreError;
use crate::index::Salt;
use label::EventId;
use rusqlite::Connection;
use tokio::sync::oneshot;

/// What the writer keeps in memory. A copy: when a job fails or the transaction does not
/// land, the copy from before is simply kept, so memory never runs ahead of the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Ledger {
    /// The highest event id ever given out.
    pub(crate) last: EventId,
    /// Label events ever added.
    pub(crate) added: u64,
    /// Grows when the set of tracked labelers changes; counted from the start of the process.
    pub(crate) roster: u64,
    /// Whether what becomes of labels is recorded.
    pub(crate) states: bool,
    /// Whether purged rows wait for the sweep.
    pub(crate) sweeping: bool,
    /// Entries of the index that are in no run yet.
    pub(crate) recent: u64,
    /// Whether there is something to be done about the index.
    pub(crate) indexing: bool,
}

/// The open transaction, the ledger as it will be if it lands, and the limits.
pub(crate) struct Desk<'a> {
    pub(crate) db: &'a Connection,
    pub(crate) ledger: Ledger,
    /// How many rejected labels are kept for each labeler.
    pub(crate) keep_rejected: u64,
    /// What the hashes of the index depend on.
    pub(crate) salt: Salt,
}

impl Desk<'_> {
    /// The next place in the log (contract G2). If this transaction does not land, the id
    /// may be given again, since nobody has seen it.
    pub(crate) fn next_id(&mut self) -> Result<EventId, StoreError> {
        let next = self.ledger.last.next();
        let id = EventId::new(next.get())
            .ok_or(rusqlite::Error::IntegralValueOutOfRange(0, next.get()))?;
        self.ledger.last = id;
        Ok(id)
    }
}

/// Tells the caller, given whether the transaction landed.
pub(crate) type Reply = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// A job that was done, for better or worse.
pub(crate) struct Done {
    pub(crate) reply: Reply,
    pub(crate) failure: Option<StoreError>,
}

/// Something to be written, with somebody waiting for the answer.
pub(crate) struct Job {
    /// About how many rows it writes, at least 1.
    pub(crate) weight: usize,
    /// Whether it makes the database grow, and is turned away while there is no room.
    pub(crate) grows: bool,
    work: Box<dyn Work>,
}

impl Job {
    pub(crate) fn new<T: Send + 'static>(
        weight: usize,
        work: impl FnOnce(&mut Desk<'_>) -> Result<T, StoreError> + Send + 'static,
        answer: oneshot::Sender<Result<T, StoreError>>,
    ) -> Self {
        Self { weight: weight.max(1), grows: false, work: Box::new(Task { work, answer }) }
    }

    /// The same, as one that makes the database grow.
    pub(crate) fn growing(self) -> Self {
        Self { grows: true, ..self }
    }

    /// Does it. The answer is held back until the transaction has landed.
    pub(crate) fn perform(self, desk: &mut Desk<'_>) -> Done {
        self.work.perform(desk)
    }

    /// Answers without doing it.
    pub(crate) fn refuse(self, error: StoreError) {
        self.work.refuse(error);
    }
}

/// A [`Task`] with its types forgotten, so that all kinds wait in one queue.
trait Work: Send {
    fn perform(self: Box<Self>, desk: &mut Desk<'_>) -> Done;
    fn refuse(self: Box<Self>, error: StoreError);
}

struct Task<F, T> {
    work: F,
    answer: oneshot::Sender<Result<T, StoreError>>,
}

impl<F, T> Work for Task<F, T>
where
    F: FnOnce(&mut Desk<'_>) -> Result<T, StoreError> + Send,
    T: Send + 'static,
{
    fn perform(self: Box<Self>, desk: &mut Desk<'_>) -> Done {
        let Self { work, answer } = *self;
        let result = work(desk);
        let failure = result.as_ref().err().cloned();
        let reply = move |landed: Result<(), StoreError>| {
            let _caller_may_be_gone = answer.send(landed.and(result));
        };
        Done { reply: Box::new(reply), failure }
    }

    fn refuse(self: Box<Self>, error: StoreError) {
        let _caller_may_be_gone = self.answer.send(Err(error));
    }
}
