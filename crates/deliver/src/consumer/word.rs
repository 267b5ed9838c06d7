//! What a consumer is told: by its sockets, its webhook, and the API.

use crate::desk::Conn;
use crate::hook::Failure;
use crate::packer::Parcel;
use crate::taste::Taste;
use label::{EventId, Filter};
use store::StoreError;
use tokio::sync::{mpsc, oneshot};

/// What somebody says. Each word stands for many events, so few are under way at once.
#[derive(Debug)]
pub(crate) enum Word {
    /// A connection, what it takes, and where what it should write is put.
    Opened { conn: Conn, takes: Option<Box<Taste>>, queue: mpsc::Sender<Vec<Parcel>> },
    /// These were written to the socket, so many bytes of events; or a request for this
    /// one was begun.
    Wrote { conn: Conn, ids: Vec<i64>, bytes: usize },
    /// The peer is done with these.
    Acks { conn: Conn, ids: Vec<i64> },
    /// The receiver did not take this one.
    Failed { conn: Conn, id: i64, failure: Failure },
    /// The connection is gone.
    Closed { conn: Conn },
    /// The API wants something.
    Ask(Ask),
}

impl Word {
    /// These were written.
    pub(crate) fn wrote(conn: Conn, parcels: &[Parcel]) -> Self {
        let ids = parcels.iter().map(|parcel| parcel.sheet.id()).collect();
        let bytes = parcels.iter().map(|parcel| parcel.sheet.weight()).sum();
        Self::Wrote { conn, ids, bytes }
    }
}

/// What the API wants of a consumer.
#[derive(Debug)]
pub(crate) enum Ask {
    /// Other settings.
    Change(Box<Change>, oneshot::Sender<Result<(), AskError>>),
    /// These dead letters are to be sent again; answered with those that were dead.
    Retry(Vec<EventId>, oneshot::Sender<Result<Vec<EventId>, AskError>>),
    /// There is to be no such consumer any more.
    Remove(oneshot::Sender<()>),
}

/// New settings of a consumer (contract section 3); `None` leaves one as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    /// Its filter; `Some(None)` takes it away.
    pub filter: Option<Option<Filter>>,
    /// Where it is to begin.
    pub start: Option<Start>,
    /// Where its events are posted; `Some(None)`: nowhere.
    pub webhook: Option<Option<url::Url>>,
}

impl Change {
    /// Nothing can begin after an event that is not there yet.
    pub(crate) fn begins_within(&self, head: EventId) -> Result<(), AskError> {
        match self.start {
            Some(Start::After(id)) if id > head => Err(AskError::Invalid(format!(
                "start: the last event is {head}, so nothing can begin after {id}"
            ))),
            _ => Ok(()),
        }
    }
}

/// Where a consumer begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// With the first event there is.
    Beginning,
    /// With the next event.
    Now,
    /// After this event.
    After(EventId),
}

/// Why a consumer did not do what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum AskError {
    /// There is no consumer of that name.
    #[error("there is no consumer {0:?}")]
    NotFound(String),
    /// What was asked makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// Not now.
    #[error("{0}")]
    Busy(&'static str),
    /// The store gave up.
    #[error(transparent)]
    Store(#[from] StoreError),
}
