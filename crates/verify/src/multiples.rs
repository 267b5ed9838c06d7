//! Multiples of one point, so that multiplying it takes additions and no doublings.
//!
//! A half of a scalar is read as signed digits of some bits each. For every place there is a
//! row with the point times 1, 2, … up to half the base, times the worth of that place; so a
//! digit is one addition, of a point of the row or of its opposite.
//!
//! ```text
//!  bits of a digit   table     additions for a scalar
//!        6            60 KB              44
//!       10           563 KB              26
//!       13           3.4 MB              20
//! ```
//!
//! The library's additions are complete: right for equal points, opposite points and the
//! identity as for all others (Renes, Costello and Batina, 2015). So no sum needs a look at
//! what meets in it.

use crate::halves::{self, Half};
use k256::elliptic_curve::BatchNormalize;
use k256::{AffinePoint, ProjectivePoint};

/// Points that are fetched before the first of them is added.
const FETCHED: usize = 16;

/// What was added up for the two halves of a scalar.
pub(crate) type Sums = [ProjectivePoint; 2];

/// The multiples of one point.
#[derive(Debug)]
pub(crate) struct Multiples {
    bits: u32,
    points: Vec<AffinePoint>,
}

/// The same, wherever they lie.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Table<'a> {
    /// Of a digit.
    bits: u32,
    /// Row by row; the last row is shorter, as the highest digit is smaller.
    points: &'a [AffinePoint],
}

impl Multiples {
    /// Works them out, which takes a quarter of a millisecond for digits of 6 bits, 2 ms
    /// for 10 and 11 ms for 13 on a fast processor.
    pub(crate) fn new(point: &AffinePoint, bits: u32) -> Self {
        let mut points = Vec::with_capacity(Self::count(bits));
        for (place, first) in normal(&firsts(point, bits)).iter().enumerate() {
            points.extend(normal(&row(first, length(place, bits))));
        }
        Self { bits, points }
    }

    /// How many there are with digits of so many bits.
    pub(crate) const fn count(bits: u32) -> usize {
        let last = places(bits) - 1;
        last * longest(bits) + length(last, bits)
    }

    /// What they take, in bytes.
    pub(crate) const fn bytes(bits: u32) -> usize {
        Self::count(bits) * size_of::<AffinePoint>()
    }

    pub(crate) fn table(&self) -> Table<'_> {
        Table::new(&self.points, self.bits)
    }
}

impl<'a> Table<'a> {
    /// A table with digits of so many bits, from its points.
    pub(crate) const fn new(points: &'a [AffinePoint], bits: u32) -> Self {
        Self { bits, points }
    }

    /// The points in their order.
    pub(crate) const fn points(self) -> &'a [AffinePoint] {
        self.points
    }

    /// The point times each half. The halves are used up.
    pub(crate) fn times(self, halves: &mut [[Half; 2]]) -> Vec<Sums> {
        let (first, rest) = self.points.split_at(longest(self.bits).min(self.points.len()));
        let start = |half: &mut Half| ProjectivePoint::from(fetch(half.digit(self.bits), first));
        let mut sums: Vec<Sums> =
            halves.iter_mut().map(|halves| halves.each_mut().map(start)).collect();
        Self::new(rest, self.bits).add(halves, &mut sums);
        sums
    }

    /// Adds the point times each half to the sum at the same place. The halves are used up.
    ///
    /// Row after row and not sum after sum, so that a row stays near the processor meanwhile;
    /// and the points of some sums are fetched before they are added, since fetching can
    /// overlap and the steps of an addition cannot.
    pub(crate) fn add(self, halves: &mut [[Half; 2]], sums: &mut [Sums]) {
        let (halves, sums) = (halves.as_flattened_mut(), sums.as_flattened_mut());
        let mut fetched = Vec::with_capacity(FETCHED);
        for row in self.rows() {
            for (halves, sums) in halves.chunks_mut(FETCHED).zip(sums.chunks_mut(FETCHED)) {
                fetched.clear();
                fetched.extend(halves.iter_mut().map(|half| fetch(half.digit(self.bits), row)));
                sums.iter_mut().zip(&fetched).for_each(|(sum, point)| *sum += point);
            }
        }
    }

    fn rows(self) -> impl Iterator<Item = &'a [AffinePoint]> {
        self.points.chunks(longest(self.bits))
    }

    /// As [`Table::add`] does it, for one scalar; shows what is added to which sum.
    #[cfg(test)]
    pub(crate) fn walk(
        self,
        halves: &mut [Half; 2],
        sums: &mut Sums,
        show: &mut impl FnMut(&ProjectivePoint, &ProjectivePoint),
    ) {
        for row in self.rows() {
            for (half, sum) in halves.iter_mut().zip(sums.iter_mut()) {
                let point = fetch(half.digit(self.bits), row);
                show(sum, &ProjectivePoint::from(point));
                *sum += &point;
            }
        }
    }
}

/// The point that a digit stands for in its row; that of zero is the identity.
fn fetch((amount, negative): (usize, bool), row: &[AffinePoint]) -> AffinePoint {
    let point = amount.checked_sub(1).and_then(|place| row.get(place));
    let point = point.copied().unwrap_or(AffinePoint::IDENTITY);
    if negative { -point } else { point }
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
            assert_eq!(table.points.len(), Multiples::count(bits), "{bits}");
            assert_eq!(table.points.capacity(), table.points.len(), "{bits}");
            let mut worth = Scalar::ONE;
            for row in table.table().rows() {
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
