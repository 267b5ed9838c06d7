//! Where labels become durable, and the only crate that knows SQL.
//!
//! # The one transaction
//!
//! [`Store::commit`] writes the labels of a batch and the labeler's new cursor, all or
//! nothing. Its answer means "on disk". So after a crash the cursor is never ahead of the
//! labels, and a frame that is read twice is stored once.
//!
//! The log of labels is the event log: delivery reads it by id ([`Store::scan`]), with the
//! filter next to the rows, and a consumer is a position in it and the acks ahead of that
//! position.
//!
//! # How it works inside
//!
//! SQLite takes one writer at a time, so one thread does all the writing (`writer`). Jobs
//! that arrive together share a transaction and are answered after it lands. Two more
//! threads read (`readers`), and one looks at all there is for whoever counts it ([`Store::study`]).
//! Callers hold a [`Store`], which is a cheap handle. Postgres
//! will be a second way to build the same handle; callers will not notice.

mod archive;
mod commit;
mod consumers;
mod contents;
mod convert;
mod dead;
mod declarations;
mod desk;
mod engine;
mod epochs;
mod error;
mod frames;
mod handle;
mod happenings;
mod header;
mod index;
mod labelers;
mod log;
mod lookups;
mod made;
mod model;
mod open;
mod places;
mod probe;
mod ranges;
mod readers;
mod rejected;
mod rejudge;
mod retire;
mod room;
mod rows;
mod scan;
mod schema;
mod short;
mod states;
mod sweep;
mod verdicts;
mod writer;

pub use archive::{Archive, Behind, Glance, Page, Said};
pub use contents::Gathered;
pub use declarations::{DeclarationRow, Declared};
pub use error::{OpenError, Remedy, StoreError};
pub use frames::{Held, HeldFrames};
pub use handle::Store;
pub use index::{Found, Marks, Pattern, Query, Standing, Stretch, Survey};
pub use lookups::{Concluded, Conclusion, Hints, Kept, Lane, Lookup, Next};
pub use model::{
    Batch, Committed, ConsumerRow, Counts, DeadRow, Entry, Head, LabelerRow, Noted, Rejected,
    RejectedRow, Source, Telling,
};
pub use places::{DirectoryRow, Place, RelayRow};
pub use rejudge::{Doubtful, Readmitted};
pub use room::{Disk, Limits};
pub use scan::{Choice, RowView, Scan, Scanned, Topic};
