//! The changes that a commit lists, of which one may be about the labeler's declaration.

use super::{Action, LABELER_PATH};
use crate::cbor::{CborError, Reader, major};

/// What a commit lists.
#[derive(Debug, Default)]
pub(super) struct Ops<'a> {
    /// How many changes.
    pub(super) count: u64,
    /// The one to the labeler's declaration.
    pub(super) ours: Option<Op<'a>>,
    /// Whether there is another one to it, which is not allowed.
    pub(super) twice: bool,
}

/// One change.
#[derive(Debug, Default)]
pub(super) struct Op<'a> {
    path: &'a str,
    action: &'a str,
    /// The bytes of the new record's CID.
    pub(super) cid: Option<&'a [u8]>,
}

impl<'a> Ops<'a> {
    /// Reads the whole list. A change that is no map, or has fields of other types than it
    /// should, has no path for us.
    pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, CborError> {
        let mut ops = Self { count: reader.container(major::ARRAY)?, ..Self::default() };
        for _ in 0..ops.count {
            if reader.peek()? != major::MAP {
                reader.skip()?;
                continue;
            }
            let op = Op::read(reader)?;
            if op.path == LABELER_PATH {
                ops.twice |= ops.ours.replace(op).is_some();
            }
        }
        Ok(ops)
    }
}

impl<'a> Op<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, CborError> {
        let mut op = Self::default();
        for _ in 0..reader.container(major::MAP)? {
            match (reader.text()?, reader.peek()?) {
                ("path", major::TEXT) => op.path = reader.text()?,
                ("action", major::TEXT) => op.action = reader.text()?,
                ("cid", major::TAG) => op.cid = link(reader)?,
                _ => drop(reader.skip()?),
            }
        }
        Ok(op)
    }

    pub(super) fn action(&self) -> Option<Action> {
        match self.action {
            "create" => Some(Action::Create),
            "update" => Some(Action::Update),
            "delete" => Some(Action::Delete),
            _ => None,
        }
    }
}

/// Passes over an item and answers the bytes of the CID that it links to, if it is a link.
pub(super) fn link<'a>(reader: &mut Reader<'a>) -> Result<Option<&'a [u8]>, CborError> {
    let link = reader.clone().link().ok();
    reader.skip()?;
    Ok(link)
}
