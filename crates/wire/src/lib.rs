//! Bytes to messages and back. Pure: no sockets, no clock, no state.
//!
//! Inwards, [`decode`] reads a frame of `com.atproto.label.subscribeLabels` within fixed
//! limits and cuts the labels out of it, byte for byte as they came; [`Claim::read`] reads
//! one of those labels. [`read_firehose`] reads a frame of `com.atproto.sync.subscribeRepos`,
//! as far as whoever looks for labelers needs it. Outwards, [`event_json`] writes the JSON
//! that clients get, and [`label_cbor`] makes a label's CBOR again from its fields.
//!
//! Nothing here believes anything: a [`Claim`] becomes a label only in `verify`.

mod cbor;
mod claim;
mod event;
mod firehose;
mod frame;
mod hearsay;
mod json;
mod label_json;
mod pen;
mod sent;

pub use cbor::CborError;
pub use claim::{Claim, Malformed, label_cbor, unsigned_cbor};
pub use event::{event_json, label_event};
pub use firehose::{
    Action, Happening, LABELER_PATH, LabelerOp, RepoEvent, RepoFrame, read_firehose,
};
pub use frame::{Frame, FrameError, MAX_FRAME, RawLabel, decode};
pub use hearsay::{RejectedFacts, rejected_facts};
pub use json::rejected_label_json;
pub use label_json::LabelJson;
pub use sent::{error_frame, info_frame, labels_frame};
