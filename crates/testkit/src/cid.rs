//! The content identifier of a block.

use ipld_core::cid::{Cid, multihash::Multihash};
use sha2::{Digest, Sha256};

/// Multicodec `sha2-256`.
const SHA2_256: u64 = 0x12;
/// Multicodec `dag-cbor`.
const DAG_CBOR: u64 = 0x71;

/// The CID of a DAG-CBOR block as atproto writes them: version 1, SHA-256.
#[must_use]
#[expect(clippy::expect_used, reason = "32 bytes fit into a multihash")]
pub fn cid_of(block: &[u8]) -> Cid {
    let hash = Multihash::wrap(SHA2_256, &Sha256::digest(block)).expect("32 bytes");
    Cid::new_v1(DAG_CBOR, hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cid_is_written_as_everybody_writes_it() {
        // The empty map, `{}`, is a well-known block.
        let text = "bafyreigbtj4x7ip5legnfznufuopl4sg4knzc2cof6duas4b3q2fy6swua";
        assert_eq!(cid_of(&[0xa0]).to_string(), text);
    }
}
