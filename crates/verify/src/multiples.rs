//! Multiples of one point, so that multiplying it takes additions and no doublings.
//!
//! A half of a scalar is read as signed digits of some bits each. For every place there is a
//! row with the point times 1, 2, … up to half the base, times the worth of that place; so a
//! digit is one addition, of a point of the row or of its opposite.
//!
//! ```text
//!  bits    of a table   additions for a scalar
//!     6       60 KB             44
//!     9      316 KB             30
//!    10      563 KB             26
//!    13      3.4 MB             20
//! ```
//!
//! The library's additions are complete: right for equal points, opposite points and the
//! identity as for all others (Renes, Costello and Batina, 2015). So no sum needs a look at
//! what meets in it.

use crate::halves::{self, Half};
use k256::elliptic_curve::BatchNormalize;
use k256::{AffinePoint, ProjectivePoint};

/// What was added up for the two halves of a scalar.
pub(crate) type Sums = [ProjectivePoint; 2];

/// The multiples of one point.
#[derive(Debug)]
pub(crate) struct Multiples {
    /// Of a digit.
    bits: u32,
    /// Row by row; the last row is shorter, as the highest digit is smaller.
    points: Vec<AffinePoint>,
}

impl Multiples {
    /// Works them out, which takes a quarter of a millisecond for digits of 6 bits, 1 ms for
    /// 9 and 11 ms for 13 on a fast processor.
    pub(crate) fn new(point: &AffinePoint, bits: u32) -> Self {
        let mut points = Vec::with_capacity(count(bits));
        for (place, first) in normal(&firsts(point, bits)).iter().enumerate() {
            points.extend(normal(&row(first, length(place, bits))));
        }
        Self { bits, points }
    }

    /// What this one takes, in bytes.
    #[cfg(test)]
    pub(crate) fn size(&self) -> usize {
        size_of_val(self.points.as_slice())
    }

    /// As [`Multiples::add`] does it, for one scalar; shows what is added to which sum.
    #[cfg(test)]
    pub(crate) fn walk(
        &self,
        halves: &mut [Half; 2],
        sums: &mut Sums,
        show: &mut impl FnMut(&ProjectivePoint, &ProjectivePoint),
    ) {
        for row in self.points.chunks(longest(self.bits)) {
            for (half, sum) in halves.iter_mut().zip(sums.iter_mut()) {
                let digit = half.digit(self.bits);
                let mut point = ProjectivePoint::IDENTITY;
                add_digit(digit, row, &mut point);
                if digit.0 > 0 {
                    show(sum, &point);
                }
                *sum += &point;
            }
        }
    }

    /// What a table takes, in bytes.
    pub(crate) const fn bytes(bits: u32) -> usize {
        count(bits) * size_of::<AffinePoint>()
    }

    /// Adds the point times each half to the sum at the same place. The halves are used up.
    ///
    /// Row after row and not sum after sum: a row stays near the processor meanwhile, and one
    /// sum does not have to wait for the other.
    pub(crate) fn add(&self, halves: &mut [[Half; 2]], sums: &mut [Sums]) {
        for row in self.points.chunks(longest(self.bits)) {
            for (halves, sums) in halves.iter_mut().zip(sums.iter_mut()) {
                for (half, sum) in halves.iter_mut().zip(sums) {
                    add_digit(half.digit(self.bits), row, sum);
                }
            }
        }
    }
}

/// Adds a digit's point to the sum; a digit that is zero has none.
fn add_digit((amount, negative): (usize, bool), row: &[AffinePoint], sum: &mut ProjectivePoint) {
    let Some(point) = amount.checked_sub(1).and_then(|place| row.get(place)) else { return };
    if negative {
        *sum -= point;
    } else {
        *sum += point;
    }
}

/// How many digits a half has; there is always a bit for what the highest one carries over.
const fn places(bits: u32) -> usize {
    (halves::BITS + 1).div_ceil(bits) as usize
}

/// Points in a full row.
const fn longest(bits: u32) -> usize {
    1 << (bits - 1)
}

/// Points in the row of a place: as many as the bits that are left there can ask for.
const fn length(place: usize, bits: u32) -> usize {
    let left = halves::BITS - bits * place as u32;
    if left < bits - 1 { 1 << left } else { longest(bits) }
}

/// Points in the table.
const fn count(bits: u32) -> usize {
    let last = places(bits) - 1;
    last * longest(bits) + length(last, bits)
}

/// The first point of each row.
fn firsts(point: &AffinePoint, bits: u32) -> Vec<ProjectivePoint> {
    let mut first = ProjectivePoint::from(point);
    let mut firsts = Vec::with_capacity(places(bits));
    for _ in 0..places(bits) {
        firsts.push(first);
        (0..bits).for_each(|_| first.double_in_place());
    }
    firsts
}

/// A row from its first point on.
fn row(first: &AffinePoint, length: usize) -> Vec<ProjectivePoint> {
    let grow = |sum: &ProjectivePoint| Some(*sum + first);
    std::iter::successors(Some(ProjectivePoint::from(first)), grow).take(length).collect()
}

/// All of them brought to coordinates of their own, with one inversion.
pub(crate) fn normal(points: &[ProjectivePoint]) -> Vec<AffinePoint> {
    <ProjectivePoint as BatchNormalize<[ProjectivePoint]>>::batch_normalize_vartime(points)
}

#[cfg(test)]
mod tests {
    use super::*;
    use k256::Scalar;

    #[test]
    fn every_point_is_the_multiple_that_its_place_stands_for() {
        let secret = Scalar::from(987_654_321_u64);
        let base = ProjectivePoint::GENERATOR * secret;
        for bits in [2, 3, 4, 5, 6, 7, 8, 9, 10] {
            let table = Multiples::new(&base.to_affine(), bits);
            assert_eq!(table.size(), Multiples::bytes(bits), "{bits}");
            assert_eq!(table.points.capacity(), table.points.len(), "{bits}");
            let mut worth = Scalar::ONE;
            for row in table.points.chunks(longest(bits)) {
                let mut expected = ProjectivePoint::IDENTITY;
                let first = base * worth;
                for point in row {
                    expected += first;
                    assert_eq!(ProjectivePoint::from(point), expected, "{bits}");
                }
                worth *= Scalar::from(1_u64 << bits);
            }
        }
    }
}
