//! The fields of every kind of body; which of them count, the header says.

use super::ops::{Ops, link};
use super::{Action, Happening, LabelerOp, METHOD, RepoEvent, RepoFrame};
use crate::cbor::{CborError, Reader, major};
use crate::frame::{FrameError, in_part, once, short};
use bytes::Bytes;
use ipld_core::cid::Cid;
use label::{Did, Millis, Seq};

const PART: &str = "body";

/// The most changes that one commit may list (sync spec).
const MOST_OPS: u64 = 200;

/// The fields, borrowed from the frame. Those of another type than they should have count as
/// absent.
#[derive(Default)]
pub(super) struct Body<'a> {
    seq: Option<i64>,
    time: Option<&'a str>,
    did: Option<&'a str>,
    repo: Option<&'a str>,
    rev: Option<&'a str>,
    status: Option<&'a str>,
    name: Option<&'a str>,
    error: Option<&'a str>,
    message: Option<&'a str>,
    active: Option<bool>,
    ops: Option<Ops<'a>>,
    commit: Option<&'a [u8]>,
    blocks: Option<&'a [u8]>,
}

impl<'a> Body<'a> {
    pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, FrameError> {
        let mut body = Self::default();
        for _ in 0..in_part(PART, reader.container(major::MAP))? {
            let key = in_part(PART, reader.text())?;
            let kind = in_part(PART, reader.peek())?;
            body.take(key, kind, reader)?;
        }
        Ok(body)
    }

    fn take(&mut self, key: &str, kind: u8, reader: &mut Reader<'a>) -> Result<(), FrameError> {
        if kind == major::TEXT
            && let Some(field) = self.text(key)
        {
            return once(PART, field, in_part(PART, reader.text())?);
        }
        match (key, kind) {
            ("seq", major::UNSIGNED | major::NEGATIVE) => {
                once(PART, &mut self.seq, in_part(PART, reader.integer())?)
            }
            ("ops", major::ARRAY) => once(PART, &mut self.ops, in_part(PART, Ops::read(reader))?),
            ("blocks", major::BYTES) => {
                once(PART, &mut self.blocks, in_part(PART, reader.byte_string())?)
            }
            ("commit", major::TAG) => match in_part(PART, link(reader))? {
                Some(link) => once(PART, &mut self.commit, link),
                None => Ok(()),
            },
            ("active", major::SIMPLE) => match in_part(PART, truth(reader))? {
                Some(truth) => once(PART, &mut self.active, truth),
                None => Ok(()),
            },
            _ => in_part(PART, reader.skip()).map(drop),
        }
    }

    /// The field of a text's name.
    fn text(&mut self, key: &str) -> Option<&mut Option<&'a str>> {
        Some(match key {
            "time" => &mut self.time,
            "did" => &mut self.did,
            "repo" => &mut self.repo,
            "rev" => &mut self.rev,
            "status" => &mut self.status,
            "name" => &mut self.name,
            "error" => &mut self.error,
            "message" => &mut self.message,
            _ => return None,
        })
    }

    pub(super) fn error(&self) -> RepoFrame {
        let error = self.error.map(short).unwrap_or_default();
        RepoFrame::Error { error, message: self.message.map(short) }
    }

    /// Reads the body as what the header's `t` says it is; its full name will do as well.
    pub(super) fn of_kind(
        self,
        kind: Option<&str>,
        frame: &Bytes,
    ) -> Result<RepoFrame, FrameError> {
        let Some(kind) = kind.map(|kind| kind.strip_prefix(METHOD).unwrap_or(kind)) else {
            return Err(FrameError::Shape { part: "header", what: "has no t" });
        };
        let what = match kind {
            "#commit" => self.commit(frame),
            "#sync" => Ok(Happening::Sync),
            "#identity" => self.did().map(Happening::Identity),
            "#account" => self.account(),
            "#info" => return self.info(),
            _ => return self.of_no_kind(),
        };
        let what = what.unwrap_or_else(Happening::Malformed);
        match self.event(what)? {
            Some(event) => Ok(RepoFrame::Event(event)),
            None => Err(FrameError::Shape { part: PART, what: "of an event has no seq" }),
        }
    }

    /// Reads the body of something that we do not know. If it has a number it is an event.
    pub(super) fn of_no_kind(self) -> Result<RepoFrame, FrameError> {
        Ok(self.event(Happening::Unknown)?.map_or(RepoFrame::Other, RepoFrame::Event))
    }

    /// `None` without a number.
    fn event(&self, what: Happening) -> Result<Option<RepoEvent>, FrameError> {
        let Some(seq) = self.seq else { return Ok(None) };
        let seq = Seq::new(seq).ok_or(FrameError::Seq(seq))?;
        let micros = self.time.and_then(label::syntax::instant);
        Ok(Some(RepoEvent {
            seq,
            time: micros.map(|micros| Millis(micros.div_euclid(1000))),
            what,
        }))
    }

    fn info(self) -> Result<RepoFrame, FrameError> {
        match self.name {
            Some(name) => {
                Ok(RepoFrame::Info { name: short(name), message: self.message.map(short) })
            }
            None => Err(FrameError::Shape { part: PART, what: "of #info has no name" }),
        }
    }

    fn did(&self) -> Result<Did, &'static str> {
        parse(self.did.ok_or("did is missing")?)
    }

    fn account(&self) -> Result<Happening, &'static str> {
        let active = self.active.ok_or("active is missing")?;
        Ok(Happening::Account { did: self.did()?, active, status: self.status.map(short) })
    }

    fn commit(&self, frame: &Bytes) -> Result<Happening, &'static str> {
        let ops = self.ops.as_ref().ok_or("ops is missing")?;
        let Some(op) = &ops.ours else { return Ok(Happening::Commit(None)) };
        if ops.twice {
            return Err("two ops have the same path");
        }
        if ops.count > MOST_OPS {
            return Err("there are more than 200 ops");
        }
        let action = op.action().ok_or("an op has an unknown action")?;
        let cid = op.cid.map(cid).transpose()?;
        if cid.is_none() != (action == Action::Delete) {
            return Err("an op has a cid, or none, against its action");
        }
        Ok(Happening::Commit(Some(Box::new(LabelerOp {
            did: parse(self.repo.ok_or("repo is missing")?)?,
            action,
            cid,
            commit: cid_of(self.commit)?,
            rev: short(self.rev.ok_or("rev is missing")?),
            blocks: frame.slice_ref(self.blocks.ok_or("blocks is missing")?),
        }))))
    }
}

fn parse(did: &str) -> Result<Did, &'static str> {
    Did::parse(did).map_err(|_| "did is not a DID")
}

fn cid_of(commit: Option<&[u8]>) -> Result<Cid, &'static str> {
    cid(commit.ok_or("commit is missing")?)
}

fn cid(bytes: &[u8]) -> Result<Cid, &'static str> {
    let cid = Cid::try_from(bytes).map_err(|_| "a link is not a CID")?;
    // The library does not mind what comes after it.
    if cid.encoded_len() == bytes.len() { Ok(cid) } else { Err("a link is not a CID") }
}

/// Passes over an item and answers which of `true` and `false` it is, if one.
fn truth(reader: &mut Reader<'_>) -> Result<Option<bool>, CborError> {
    let truth = reader.clone().boolean().ok();
    reader.skip()?;
    Ok(truth)
}
