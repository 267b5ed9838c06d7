//! One label in the index, and the hashes by which it is found.

use crate::labelers::Interned;
use sha2::{Digest as _, Sha256};
use std::ops::RangeInclusive;

/// What is to be known of a label to find it. In the order of this type all that is said about
/// a subject lies together, and of each key the newest comes last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Entry {
    /// Hash of what it is about; never negative. See [`Salt::subject`].
    pub(crate) subject: i64,
    /// `labelers.id`.
    pub(crate) labeler: i64,
    /// Hash of the value, 48 bits.
    pub(crate) val: i64,
    /// When it was made, as far as its labeler is believed, in seconds since 1970, within 32
    /// bits. Which of two that were made in the same second is newer, their rows say.
    pub(crate) made: i64,
    /// `labels.id`.
    pub(crate) id: i64,
    /// The label was taken out of the log: this cancels the entry that is the same else.
    pub(crate) gone: bool,
}

impl Entry {
    /// Of a label made then, in microseconds since 1970.
    pub(crate) fn of(
        salt: Salt,
        labeler: Interned,
        (uri, val): (&str, &str),
        made: i64,
        id: i64,
    ) -> Self {
        let made = made.div_euclid(1_000_000).clamp(0, u32::MAX.into());
        let (subject, val) = (salt.subject(uri), salt.val(val));
        Self { subject, labeler: labeler.0, val, made, id, gone: false }
    }

    /// Whether one of the two is of the label that the other one cancels.
    pub(crate) fn meets(&self, other: &Self) -> bool {
        Self { gone: other.gone, ..*self } == *other
    }
}

/// What the hashes depend on, besides what is hashed. Labelers do not know it, so none of them
/// can choose a URI or a value that meets another one's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Salt(pub(crate) [u8; 16]);

impl Salt {
    /// Of what a label is about: 31 bits of the account, so that an account and all its records
    /// lie together, and 32 of the whole.
    pub(crate) fn subject(self, uri: &str) -> i64 {
        let whole = i64::try_from(self.hash(b'u', uri) >> 32).unwrap_or_default();
        self.account(account(uri)).start() | whole
    }

    /// All subjects of an account, itself included.
    pub(crate) fn account(self, account: &str) -> RangeInclusive<i64> {
        let first = i64::try_from(self.hash(b'a', account) >> 33).unwrap_or_default() << 32;
        first..=first | i64::from(u32::MAX)
    }

    /// Of a value.
    pub(crate) fn val(self, val: &str) -> i64 {
        i64::try_from(self.hash(b'v', val) >> 16).unwrap_or(i64::MAX)
    }

    /// Of the database. What the hashes depend on cannot be told from it.
    pub(crate) fn name(self) -> String {
        format!("{:016x}", self.hash(b'n', "database"))
    }

    fn hash(self, kind: u8, text: &str) -> u64 {
        let digest = Sha256::new().chain_update(self.0).chain_update([kind]).chain_update(text);
        let digest = digest.finalize();
        digest.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
    }
}

/// Whose it is: the authority of an at-uri, else the whole.
pub(super) fn account(uri: &str) -> &str {
    let Some(rest) = uri.strip_prefix("at://") else { return uri };
    rest.split(['/', '?', '#']).next().unwrap_or(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SALT: Salt = Salt([7; 16]);

    #[test]
    fn an_account_lies_beside_its_records() {
        let account = |uri| SALT.subject(uri) >> 32;
        let did = account("did:plc:ann");
        assert_eq!(account("at://did:plc:ann"), did);
        assert_eq!(account("at://did:plc:ann/app.bsky.feed.post/1"), did);
        assert_ne!(account("did:plc:bob"), did);
        assert_ne!(SALT.subject("did:plc:ann"), SALT.subject("at://did:plc:ann"));
    }

    #[test]
    fn another_salt_gives_other_hashes() {
        let other = Salt([8; 16]);
        assert_ne!(SALT.subject("did:plc:ann"), other.subject("did:plc:ann"));
        assert_ne!(SALT.val("spam"), other.val("spam"));
        assert_ne!(SALT.val("spam"), SALT.val("spa"));
    }

    #[test]
    fn hashes_keep_within_their_bits() {
        for number in 0..1000 {
            let text = number.to_string();
            assert!(SALT.subject(&text) >= 0);
            assert!((0..1 << 48).contains(&SALT.val(&text)));
        }
    }
}
