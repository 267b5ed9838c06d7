//! Ranges of acked ids as a small blob: how `consumers.ahead` is written.
//!
//! Each range is two LEB128 numbers: the gap from the end of the one before (from the
//! position, for the first) to its start, and its length less one. A window of a thousand
//! events acked in disorder takes about a kilobyte at most.

use std::ops::RangeInclusive;

/// Writes the ranges above `position`. What overlaps or touches is joined, what is not
/// above the position is left out.
pub(crate) fn encode(position: i64, ranges: &[RangeInclusive<i64>]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(ranges.len() * 3);
    let mut before = position;
    for range in tidy(position, ranges) {
        push_number(&mut bytes, range.start().abs_diff(before));
        push_number(&mut bytes, range.end().abs_diff(*range.start()));
        before = *range.end();
    }
    bytes
}

/// Reads them back. `None` when the bytes are no ranges.
pub(crate) fn decode(position: i64, mut bytes: &[u8]) -> Option<Vec<RangeInclusive<i64>>> {
    let mut ranges = Vec::new();
    let mut before = position;
    while !bytes.is_empty() {
        let start = before.checked_add_unsigned(take_number(&mut bytes)?)?;
        let end = start.checked_add_unsigned(take_number(&mut bytes)?)?;
        if start <= before {
            return None;
        }
        ranges.push(start..=end);
        before = end;
    }
    Some(ranges)
}

fn tidy(position: i64, ranges: &[RangeInclusive<i64>]) -> Vec<RangeInclusive<i64>> {
    let above = |range: &RangeInclusive<i64>| *range.end() > position && !range.is_empty();
    let first = position.saturating_add(1);
    let mut sorted: Vec<_> = ranges
        .iter()
        .filter(|range| above(range))
        .map(|range| *range.start().max(&first)..=*range.end())
        .collect();
    sorted.sort_unstable_by_key(|range| *range.start());
    let mut joined: Vec<RangeInclusive<i64>> = Vec::with_capacity(sorted.len());
    for range in sorted {
        match joined.last_mut() {
            Some(last) if *range.start() <= last.end().saturating_add(1) => {
                *last = *last.start()..=*last.end().max(range.end());
            }
            _ => joined.push(range),
        }
    }
    joined
}

fn push_number(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push((number & 0x7f) as u8);
}

fn take_number(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0u64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        let bits = u64::from(byte & 0x7f);
        if bits > u64::MAX >> shift {
            return None;
        }
        number |= bits << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn ids(ranges: &[RangeInclusive<i64>]) -> BTreeSet<i64> {
        ranges.iter().cloned().flatten().collect()
    }

    proptest! {
        #[test]
        fn what_was_written_reads_back(
            position in 0i64..(1 << 53),
            steps in proptest::collection::vec((1u64..1_000_000, 0u64..5000), 0..50),
        ) {
            let mut ranges = Vec::new();
            let mut before = position;
            for (gap, more) in steps {
                let start = before + 1 + gap as i64;
                before = start + more as i64;
                ranges.push(start..=before);
            }
            let bytes = encode(position, &ranges);
            prop_assert_eq!(decode(position, &bytes), Some(ranges));
        }

        #[test]
        fn disorder_is_put_in_order(
            position in 0i64..50,
            ranges in proptest::collection::vec((0i64..100, -2i64..10), 0..20),
        ) {
            let ranges: Vec<_> = ranges.into_iter().map(|(start, more)| start..=start + more).collect();
            let back = decode(position, &encode(position, &ranges)).unwrap();
            let expected: BTreeSet<i64> =
                ids(&ranges).into_iter().filter(|id| *id > position).collect();
            prop_assert_eq!(ids(&back), expected);
            prop_assert!(back.windows(2).all(|pair| pair[0].end() + 1 < *pair[1].start()));
        }

        #[test]
        fn no_bytes_make_it_stumble(position in 0i64.., bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            if let Some(ranges) = decode(position, &bytes) {
                prop_assert!(ranges.iter().all(|range| *range.start() > position && !range.is_empty()));
            }
        }
    }

    #[test]
    fn a_window_in_disorder_stays_small() {
        let every_other: Vec<_> = (0..500).map(|step| 1001 + 2 * step..=1001 + 2 * step).collect();
        assert_eq!(encode(999, &every_other).len(), 1000);
    }
}
