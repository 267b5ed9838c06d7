//! All that is stored, looked at from its beginning to its end: what exports and statistics
//! stand on.
//!
//! An [`Archive`] reads and never writes. It is one connection: of a running store
//! ([`crate::Store::study`]), or of a file that perhaps another process writes to meanwhile
//! ([`Archive::open`]).
//!
//! # Pages, not one snapshot
//!
//! As long as a read transaction is open the write-ahead log cannot start over, so a read of
//! minutes would have a busy service fill its disk with it. So everything here is read in
//! short transactions. They give one answer nevertheless, since what is asked for ends at an
//! event id ([`Archive::head`], taken once at the beginning): labels below it are not changed
//! by those that come, and which of them are the newest is decided among them alone. Only what
//! is taken out of the log meanwhile, of a purged labeler or since it no longer applied, may be
//! missing.

mod open;
mod page;
mod said;

pub use page::{Glance, Page};
pub use said::{Behind, Said};

use crate::index::{self, Current, Marks, Survey, Surveyor, Walk};
use crate::{LabelerRow, StoreError, labelers, log};
use label::EventId;
use rusqlite::Connection;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What is stored, to be read from one end to the other.
#[derive(Debug)]
pub struct Archive {
    db: Connection,
    /// The store is being closed.
    closing: Arc<AtomicBool>,
}

impl Archive {
    /// Of a connection that only reads.
    pub(crate) const fn of(db: Connection, closing: Arc<AtomicBool>) -> Self {
        Self { db, closing }
    }

    /// The end of the log: every label up to here is there to be read.
    ///
    /// # Errors
    /// The general ones.
    pub fn head(&self) -> Result<EventId, StoreError> {
        Ok(log::last(&self.db)?)
    }

    /// Every labeler that there is, those that were removed included.
    ///
    /// # Errors
    /// The general ones.
    pub fn labelers(&self) -> Result<Vec<LabelerRow>, StoreError> {
        labelers::known(&self.db)
    }

    /// Which of the labels up to `until` are the newest of their keys (contract section 7),
    /// those that take back included.
    ///
    /// # Errors
    /// `Indexing` while labels from before there was an index are still to be put into it, and
    /// the general ones.
    pub fn current(&mut self, until: EventId) -> Result<Marks, StoreError> {
        let mut current = Current::default();
        self.walk(until, |db, entry| current.see(db, entry))?;
        current.marks(&self.db)
    }

    /// The same, and what else can be counted best in the order of subjects.
    ///
    /// # Errors
    /// See [`Archive::current`].
    pub fn survey(&mut self, until: EventId) -> Result<Survey, StoreError> {
        let (mut current, mut surveyor) = (Current::default(), Surveyor::default());
        self.walk(until, |db, entry| {
            surveyor.see(entry);
            current.see(db, entry)
        })?;
        Ok(surveyor.survey(current.marks(&self.db)?))
    }

    fn walk(
        &mut self,
        until: EventId,
        mut see: impl FnMut(&Connection, &index::Entry) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut walk = Walk::until(until);
        loop {
            self.goes_on()?;
            let snapshot = self.db.transaction()?;
            index::ready(&snapshot)?;
            if !walk.page(&snapshot, &mut see)? {
                return Ok(());
            }
        }
    }

    fn goes_on(&self) -> Result<(), StoreError> {
        if self.closing.load(Ordering::Relaxed) { Err(StoreError::Closed) } else { Ok(()) }
    }
}
