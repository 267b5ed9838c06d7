//! Entries in few bytes: some 200 in order to a block, and a block to a page of the database.
//!
//! Each entry is the distance of its subject from the one before, its labeler and whether it
//! cancels, the hash of its value (6 bytes), its second (4), its id. Numbers without a length
//! here are written seven bits at a time, the lowest first, with the high bit set on all but the
//! last byte (LEB128). The first distance is from 0.

use super::Entry;
use std::ops::RangeInclusive;

/// Bytes in a block at most: what fits into one page beside its row.
pub(crate) const MOST: usize = 4032;

/// An entry takes so many at most: 9 + 10 + 6 + 4 + 10.
const LARGEST: usize = 39;

/// Packs entries, given in order.
#[derive(Debug, Default)]
pub(crate) struct Packer {
    bytes: Vec<u8>,
    first: i64,
    last: i64,
}

impl Packer {
    /// Whether there is space for another entry.
    pub(crate) fn has_space(&self) -> bool {
        self.bytes.len() + LARGEST <= MOST
    }

    /// Adds one. There has to be space.
    pub(crate) fn push(&mut self, entry: &Entry) {
        if self.bytes.is_empty() {
            (self.first, self.last) = (entry.subject, 0);
        }
        put(&mut self.bytes, entry.subject.abs_diff(self.last));
        put(&mut self.bytes, entry.labeler.unsigned_abs() << 1 | u64::from(entry.gone));
        self.bytes.extend(entry.val.to_be_bytes().iter().skip(2));
        self.bytes.extend(entry.made.to_be_bytes().iter().skip(4));
        put(&mut self.bytes, entry.id.unsigned_abs());
        self.last = entry.subject;
    }

    /// The block with the subject of its first entry, and an empty packer; `None` if there is
    /// nothing in it.
    pub(crate) fn take(&mut self) -> Option<(i64, Vec<u8>)> {
        let block = std::mem::take(self);
        (!block.bytes.is_empty()).then_some((block.first, block.bytes))
    }
}

fn put(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    bytes.push(number.to_le_bytes()[0]);
}

/// The entries of a block; `None` if it is none.
pub(crate) fn unpack(block: &[u8]) -> Option<Vec<Entry>> {
    let (mut rest, mut subject) = (block, 0i64);
    let mut entries = Vec::with_capacity(block.len() / 16);
    while !rest.is_empty() {
        subject = subject.checked_add_unsigned(number(&mut rest)?)?;
        entries.push(entry(subject, &mut rest)?);
    }
    Some(entries)
}

/// Shows the entries of a block that have these subjects. Whether there are later ones in it, so
/// that no other block has any; `None` if it is no block.
pub(crate) fn pick(
    block: &[u8],
    subjects: &RangeInclusive<i64>,
    see: &mut impl FnMut(Entry),
) -> Option<bool> {
    let (mut rest, mut subject) = (block, 0i64);
    while !rest.is_empty() {
        subject = subject.checked_add_unsigned(number(&mut rest)?)?;
        if subject > *subjects.end() {
            return Some(true);
        }
        if subject < *subjects.start() {
            // Most are not meant, so they are only stepped over.
            skip_number(&mut rest)?;
            rest = rest.get(10..)?;
            skip_number(&mut rest)?;
        } else {
            see(entry(subject, &mut rest)?);
        }
    }
    Some(false)
}

/// What follows its subject.
fn entry(subject: i64, rest: &mut &[u8]) -> Option<Entry> {
    let labeler = number(rest)?;
    Some(Entry {
        subject,
        labeler: i64::try_from(labeler >> 1).ok()?,
        val: fixed::<6>(rest)?,
        made: fixed::<4>(rest)?,
        id: i64::try_from(number(rest)?).ok()?,
        gone: labeler & 1 != 0,
    })
}

fn skip_number(rest: &mut &[u8]) -> Option<()> {
    let length = rest.iter().take(10).position(|byte| byte & 0x80 == 0)? + 1;
    *rest = rest.get(length..)?;
    Some(())
}

fn number(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, tail) = rest.split_first()?;
        *rest = tail;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn fixed<const LENGTH: usize>(rest: &mut &[u8]) -> Option<i64> {
    let (bytes, tail) = rest.split_first_chunk::<LENGTH>()?;
    *rest = tail;
    Some(bytes.iter().fold(0, |number, byte| number << 8 | i64::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use label::MAX_NUMBER;
    use proptest::prelude::*;

    fn entries() -> impl Strategy<Value = Vec<Entry>> {
        let edge = |most: i64| prop_oneof![Just(0), Just(most), 0..=most, 0..=300i64.min(most)];
        let entry = (edge(i64::MAX), edge(1 << 40), edge((1 << 48) - 1), edge(u32::MAX.into()));
        let entry = (entry, edge(MAX_NUMBER), any::<bool>());
        let entry = entry.prop_map(|((subject, labeler, val, made), id, gone)| Entry {
            subject,
            labeler,
            val,
            made,
            id,
            gone,
        });
        proptest::collection::btree_set(entry, 0..400).prop_map(|set| set.into_iter().collect())
    }

    proptest! {
        #[test]
        fn what_is_packed_comes_back(entries in entries()) {
            let (mut packer, mut back) = (Packer::default(), Vec::new());
            let mut take = |packer: &mut Packer| {
                if let Some((first, block)) = packer.take() {
                    assert!(block.len() <= MOST);
                    let unpacked = unpack(&block).unwrap();
                    assert_eq!(unpacked.first().map(|entry| entry.subject), Some(first));
                    back.extend(unpacked);
                }
            };
            for entry in &entries {
                if !packer.has_space() {
                    take(&mut packer);
                }
                packer.push(entry);
            }
            take(&mut packer);
            prop_assert_eq!(back, entries);
        }

        #[test]
        fn what_is_picked_is_what_was_packed(entries in entries(), at in 0..400usize, more in 0..3usize) {
            let mut packer = Packer::default();
            let fits = entries.iter().take_while(|entry| {
                let fits = packer.has_space();
                if fits {
                    packer.push(entry);
                }
                fits
            });
            let packed: Vec<Entry> = fits.copied().collect();
            let block = packer.take().map(|(_, block)| block).unwrap_or_default();
            let subject = |at: usize| packed.get(at).map_or(7, |entry| entry.subject);
            let subjects = subject(at).min(subject(at + more))..=subject(at).max(subject(at + more));
            let mut picked = Vec::new();
            let past = pick(&block, &subjects, &mut |entry| picked.push(entry)).unwrap();
            let meant = packed.iter().filter(|entry| subjects.contains(&entry.subject));
            prop_assert_eq!(picked, meant.copied().collect::<Vec<_>>());
            prop_assert_eq!(past, packed.last().is_some_and(|last| last.subject > *subjects.end()));
        }

        #[test]
        fn no_bytes_make_it_panic(
            bytes in proptest::collection::vec(any::<u8>(), 0..100),
            subject in any::<i64>(),
        ) {
            drop(unpack(&bytes));
            let _no_block = pick(&bytes, &(subject..=i64::MAX), &mut |_| ());
        }
    }

    #[test]
    fn a_cut_block_is_none() {
        let entry = Entry { subject: 1 << 60, labeler: 9, val: 5, made: 7, id: 300, gone: false };
        let mut packer = Packer::default();
        packer.push(&entry);
        let (_, block) = packer.take().unwrap();
        for length in 1..block.len() {
            assert_eq!(unpack(&block[..length]), None, "{length}");
        }
        assert_eq!(unpack(&[0xff; 11]), None);
    }
}
