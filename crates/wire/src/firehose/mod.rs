//! One frame of `com.atproto.sync.subscribeRepos`, as far as somebody who looks for labelers
//! has to read it.
//!
//! Every event yields its number and its time, so that a cursor and a lag can be kept; of a
//! commit nothing else is looked at unless it touches the record that makes an account a
//! labeler. Its blocks are a window into the frame, and nothing in them is believed here:
//! `repo` proves what they say.
//!
//! Two kinds of damage are kept apart. A frame that breaks the framing, or whose CBOR has no
//! end, ends the connection, as in [`crate::decode`]. An event that merely says something
//! odd, such as an `#identity` of what is no DID, is [`Happening::Malformed`]: one account's
//! event, in a stream whose others are fine.

mod body;
mod ops;

use crate::cbor::Reader;
use crate::frame::{FrameError, Header, MAX_FRAME, ends_here};
use body::Body;
use bytes::Bytes;
use ipld_core::cid::Cid;
use label::{Did, Millis, Seq};

/// The one record that makes an account a labeler.
pub const LABELER_PATH: &str = "app.bsky.labeler.service/self";

const METHOD: &str = "com.atproto.sync.subscribeRepos";

/// What a relay said in one frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RepoFrame {
    /// Something happened to an account.
    Event(RepoEvent),
    /// A notice that has no number, such as `OutdatedCursor`.
    Info {
        /// Which notice.
        name: String,
        /// More about it.
        message: Option<String>,
    },
    /// The relay gives up on this connection, for instance with `FutureCursor`.
    Error {
        /// Which error.
        error: String,
        /// More about it.
        message: Option<String>,
    },
    /// A kind of frame that we do not know and that has no number, to be passed over.
    Other,
}

/// An event of the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepoEvent {
    /// Its number, which becomes the cursor.
    pub seq: Seq,
    /// When the relay says that it happened; `None` when that is no datetime. It may be
    /// wrong by any amount.
    pub time: Option<Millis>,
    /// What happened.
    pub what: Happening,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happening {
    /// Records changed; with what became of the labeler's declaration, if that is among them.
    Commit(Option<Box<LabelerOp>>),
    /// A repository was set to a new state.
    Sync,
    /// A DID document or handle may have changed.
    Identity(Did),
    /// An account went or came back.
    Account {
        /// Whose.
        did: Did,
        /// Whether the relay serves it.
        active: bool,
        /// Why it does not: `takendown`, `suspended`, `deleted`, `deactivated`…
        status: Option<String>,
    },
    /// A kind of event that we do not know. Those that were abolished (`#handle`,
    /// `#migrate`, `#tombstone`) are among them.
    Unknown,
    /// An event of a known kind that does not say what its kind has to say; this is what is
    /// wrong with it.
    Malformed(&'static str),
}

/// What a commit claims to have done to a labeler's declaration. None of it is proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelerOp {
    /// Whose repository.
    pub did: Did,
    /// What was done.
    pub action: Action,
    /// The new record; `None` exactly when it was deleted.
    pub cid: Option<Cid>,
    /// The commit, which is the root of the blocks.
    pub commit: Cid,
    /// The revision, a TID.
    pub rev: String,
    /// A CAR with the blocks that prove it: a window into the frame.
    pub blocks: Bytes,
}

/// What was done to a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// It is new.
    Create,
    /// It was replaced.
    Update,
    /// It is gone.
    Delete,
}

/// Reads one frame.
///
/// # Errors
/// [`FrameError`] when the framing rules are broken, or an event has no number. Whatever
/// else is wrong is an answer.
pub fn read_firehose(frame: &Bytes) -> Result<RepoFrame, FrameError> {
    if frame.len() > MAX_FRAME {
        return Err(FrameError::TooLong(frame.len()));
    }
    let mut reader = Reader::new(frame);
    let header = Header::read(&mut reader)?;
    let body = Body::read(&mut reader)?;
    ends_here(&reader, frame)?;
    match header.op {
        -1 => Ok(body.error()),
        1 => body.of_kind(header.kind, frame),
        _ => body.of_no_kind(),
    }
}

#[cfg(test)]
mod tests;
