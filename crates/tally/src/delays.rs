//! Many delays in little room: how many there were of about each length.
//!
//! Lengths that differ by less than 1/128 share a count, so a quartile is right to within half
//! a percent, and there are some thousands of counts at most, whatever is put in.

use std::collections::BTreeMap;

/// Bits of a length that are told apart.
const BITS: u32 = 7;

/// How many delays there were of about each length.
#[derive(Debug, Clone, Default)]
pub(crate) struct Delays {
    counts: BTreeMap<u16, u64>,
    all: u64,
}

impl Delays {
    /// Adds one, in milliseconds.
    pub(crate) fn add(&mut self, millis: u64) {
        *self.counts.entry(place(millis)).or_default() += 1;
        self.all += 1;
    }

    /// How many there are.
    pub(crate) const fn count(&self) -> u64 {
        self.all
    }

    /// The length that a part of them does not exceed, given in quarters, in milliseconds. Of
    /// two that are as good it is the shorter one.
    pub(crate) fn quarters(&self, quarters: u64) -> u64 {
        let wanted = (self.all * quarters).div_ceil(4).max(1);
        let mut seen = 0;
        for (place, count) in &self.counts {
            seen += count;
            if seen >= wanted {
                return middle(*place);
            }
        }
        0
    }
}

/// Short lengths have a place each; from 128 on, 128 places share each doubling.
fn place(millis: u64) -> u16 {
    let doublings = (u64::BITS - millis.leading_zeros()).saturating_sub(BITS + 1);
    let place = u64::from(doublings << BITS) + (millis >> doublings);
    u16::try_from(place).unwrap_or(u16::MAX)
}

/// The middle of the lengths that share a place.
fn middle(place: u16) -> u64 {
    let place = u64::from(place);
    let doublings = (place >> BITS).saturating_sub(1);
    let first = (place - (doublings << BITS)) << doublings;
    first + ((1 << doublings) - 1) / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_kept_to_within_half_a_percent() {
        let mut last = 0;
        for millis in (0..2000).chain((0..50).map(|bits| (1 << bits) + 12_345)) {
            let kept = middle(place(millis));
            assert!(kept.abs_diff(millis) * 200 <= millis, "{millis} became {kept}");
        }
        for millis in 0..100_000 {
            assert!(place(millis) == last || place(millis) == last + 1, "{millis}");
            last = place(millis);
        }
        assert!(middle(place(u64::MAX)) > u64::MAX / 2);
    }

    #[test]
    fn quartiles_are_those_of_the_list() {
        let of = |list: &[u64]| {
            let mut delays = Delays::default();
            list.iter().for_each(|millis| delays.add(*millis));
            [1, 2, 3].map(|quarters| delays.quarters(quarters))
        };
        assert_eq!(of(&[]), [0, 0, 0]);
        assert_eq!(of(&[5]), [5, 5, 5]);
        assert_eq!(of(&[4, 1, 3, 2]), [1, 2, 3]);
        assert_eq!(of(&[1, 2, 3, 4, 5]), [2, 3, 4]);
        assert_eq!(of(&[9, 9, 9, 9, 1]), [9, 9, 9]);
    }
}
