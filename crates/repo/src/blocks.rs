//! The blocks of a CAR, each of which is what its name says.

use crate::error::{Part, ProofError};
use cid::{Cid, Version};
use futures_util::FutureExt as _;
use iroh_car::CarReader;
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;

/// Multicodec `dag-cbor`.
const DAG_CBOR: u64 = 0x71;
/// Multicodec `sha2-256`.
const SHA2_256: u64 = 0x12;

/// What a CAR holds.
#[derive(Debug)]
pub(crate) struct Blocks {
    /// The first of its roots.
    pub(crate) root: Cid,
    blocks: HashMap<Cid, Vec<u8>>,
}

impl Blocks {
    /// Reads a CAR of version 1 and hashes every block in it. Blocks may come in any order,
    /// more than once, and without being needed.
    ///
    /// The library takes an end in the middle of a length for the end of the file. So a CAR
    /// that was cut there reads like one that has fewer blocks.
    pub(crate) fn read(car: &[u8]) -> Result<Self, ProofError> {
        // Bytes in memory are always at hand, so there is nothing to wait for.
        let stalled = || Err(ProofError::Car("reading it did not end".to_owned()));
        read(car).now_or_never().unwrap_or_else(stalled)
    }

    pub(crate) fn get(&self, part: Part, cid: &Cid) -> Result<&[u8], ProofError> {
        let block = self.blocks.get(cid).map(Vec::as_slice);
        block.ok_or(ProofError::MissingBlock { part, cid: *cid })
    }
}

async fn read(car: &[u8]) -> Result<Blocks, ProofError> {
    let broken = |error: iroh_car::Error| ProofError::Car(error.to_string());
    let mut reader = CarReader::new(car).await.map_err(broken)?;
    let roots = reader.header().roots().first().copied();
    let root = roots.ok_or_else(|| ProofError::Car("it has no root".to_owned()))?;
    let mut blocks = HashMap::new();
    while let Some((cid, block)) = reader.next_block().await.map_err(broken)? {
        if !is_ours(&cid) {
            return Err(ProofError::BlockKind(cid));
        }
        if cid.hash().digest() != Sha256::digest(&block).as_slice() {
            return Err(ProofError::BlockHash(cid));
        }
        blocks.insert(cid, block);
    }
    Ok(Blocks { root, blocks })
}

/// Whether a CID is of the only kind that repositories have (atproto data model spec, "Link
/// and CID Formats").
pub(crate) fn is_ours(cid: &Cid) -> bool {
    let hash = cid.hash();
    cid.version() == Version::V1
        && cid.codec() == DAG_CBOR
        && (hash.code(), hash.size()) == (SHA2_256, 32)
}
