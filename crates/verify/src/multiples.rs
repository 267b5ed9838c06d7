//! Multiples of one point, so that multiplying it takes additions and no doublings.
//!
//! The numbers of a scalar are read as signed digits of some bits each. For every place there
//! is a row with the point times 1, 2, … up to half the base, times the worth of that place;
//! so a digit is one addition, of a point of the row or of its opposite.
//!
//! ```text
//!  bits of a digit        table          additions for a scalar
//!                     k256     P-256        k256     P-256
//!        6            60 KB    97 KB         44        43
//!        9                    517 KB                   29
//!       10           563 KB                  26
//!       12                    3.1 MB                   22
//!       13           3.4 MB                  20
//! ```
//!
//! The libraries' additions are complete: right for equal points, opposite points and the
//! identity as for all others (Renes, Costello and Batina, 2015). So no sum needs a look at
//! what meets in it.

use crate::group::Group;
use crate::number::Number;
use k256::elliptic_curve::group::CurveAffine;
use k256::elliptic_curve::{AffinePoint, Group as _, ProjectivePoint};

/// Points that are fetched before the first of them is added.
const FETCHED: usize = 16;

/// The multiples of one point.
#[derive(Debug)]
pub(crate) struct Multiples<C: Group> {
    bits: u32,
    points: Vec<AffinePoint<C>>,
}

/// The same, wherever they lie.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Table<'a, C: Group> {
    /// Of a digit.
    bits: u32,
    /// Row by row; the last row is shorter, as the highest digit is smaller.
    points: &'a [AffinePoint<C>],
}

impl<C: Group> Multiples<C> {
    /// Works them out. On a fast processor that takes a quarter of a millisecond for digits of
    /// 6 bits, 2 ms for 10 and 11 ms for 13; on P-256 1 ms for 6, 4 ms for 9 and 20 ms for 12.
    pub(crate) fn new(point: &AffinePoint<C>, bits: u32) -> Self {
        let mut points = Vec::with_capacity(Self::count(bits));
        for (place, first) in C::normal(&firsts::<C>(point, bits)).iter().enumerate() {
            points.extend(C::normal(&row::<C>(first, length::<C>(place, bits))));
        }
        Self { bits, points }
    }

    /// How many there are with digits of so many bits.
    pub(crate) const fn count(bits: u32) -> usize {
        let last = places::<C>(bits) - 1;
        last * longest(bits) + length::<C>(last, bits)
    }

    /// What they take, in bytes.
    pub(crate) const fn bytes(bits: u32) -> usize {
        Self::count(bits) * size_of::<AffinePoint<C>>()
    }

    pub(crate) fn table(&self) -> Table<'_, C> {
        Table::new(&self.points, self.bits)
    }
}

impl<'a, C: Group> Table<'a, C> {
    /// A table with digits of so many bits, from its points.
    pub(crate) const fn new(points: &'a [AffinePoint<C>], bits: u32) -> Self {
        Self { bits, points }
    }

    /// The points in their order.
    pub(crate) const fn points(self) -> &'a [AffinePoint<C>] {
        self.points
    }

    /// The point times each number. The numbers are used up.
    pub(crate) fn times(self, numbers: &mut [Number]) -> Vec<ProjectivePoint<C>> {
        let (first, rest) = self.points.split_at(longest(self.bits).min(self.points.len()));
        let start = |number: &mut Number| fetch(number.digit(self.bits), first).into();
        let mut sums: Vec<ProjectivePoint<C>> = numbers.iter_mut().map(start).collect();
        Self::new(rest, self.bits).add(numbers, &mut sums);
        sums
    }

    /// Adds the point times each number to the sum at the same place. The numbers are used up.
    ///
    /// Row after row and not sum after sum, so that a row stays near the processor meanwhile;
    /// and the points of some sums are fetched before they are added, since fetching can
    /// overlap and the steps of an addition cannot.
    pub(crate) fn add(self, numbers: &mut [Number], sums: &mut [ProjectivePoint<C>]) {
        let mut fetched = Vec::with_capacity(FETCHED);
        for row in self.rows() {
            for (numbers, sums) in numbers.chunks_mut(FETCHED).zip(sums.chunks_mut(FETCHED)) {
                fetched.clear();
                fetched.extend(numbers.iter_mut().map(|one| fetch(one.digit(self.bits), row)));
                sums.iter_mut().zip(&fetched).for_each(|(sum, point)| *sum += point);
            }
        }
    }

    fn rows(self) -> impl Iterator<Item = &'a [AffinePoint<C>]> {
        self.points.chunks(longest(self.bits))
    }

    /// As [`Table::add`] does it, for one scalar; shows what is added to which sum.
    #[cfg(test)]
    pub(crate) fn walk(
        self,
        numbers: &mut [Number],
        sums: &mut [ProjectivePoint<C>],
        show: &mut impl FnMut(&ProjectivePoint<C>, &ProjectivePoint<C>),
    ) {
        for row in self.rows() {
            for (number, sum) in numbers.iter_mut().zip(sums.iter_mut()) {
                let point = fetch(number.digit(self.bits), row);
                show(sum, &point.into());
                *sum += &point;
            }
        }
    }
}

/// The point that a digit stands for in its row; that of zero is the identity.
fn fetch<A: CurveAffine>((amount, negative): (usize, bool), row: &[A]) -> A {
    let point = amount.checked_sub(1).and_then(|place| row.get(place));
    let point = point.copied().unwrap_or_else(A::identity);
    if negative { -point } else { point }
}

/// How many digits a number has; there is always a bit for what the highest one carries over.
const fn places<C: Group>(bits: u32) -> usize {
    (C::BITS + 1).div_ceil(bits) as usize
}

/// Points in a full row.
const fn longest(bits: u32) -> usize {
    1 << (bits - 1)
}

/// Points in the row of a place: as many as the bits that are left there can ask for.
const fn length<C: Group>(place: usize, bits: u32) -> usize {
    let left = C::BITS - bits * place as u32;
    if left < bits - 1 { 1 << left } else { longest(bits) }
}

/// The first point of each row.
fn firsts<C: Group>(point: &AffinePoint<C>, bits: u32) -> Vec<ProjectivePoint<C>> {
    let mut first = ProjectivePoint::<C>::from(*point);
    let mut firsts = Vec::with_capacity(places::<C>(bits));
    for _ in 0..places::<C>(bits) {
        firsts.push(first);
        (0..bits).for_each(|_| first = first.double());
    }
    firsts
}

/// A row from its first point on.
fn row<C: Group>(first: &AffinePoint<C>, length: usize) -> Vec<ProjectivePoint<C>> {
    let grow = |sum: &ProjectivePoint<C>| Some(*sum + first);
    std::iter::successors(Some((*first).into()), grow).take(length).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use k256::elliptic_curve::{Field, Scalar};

    fn every_point_is_the_multiple_that_its_place_stands_for<C: Group>() {
        let base = ProjectivePoint::<C>::generator() * Scalar::<C>::from(987_654_321);
        for bits in [2, 3, 4, 5, 6, 7, 8, 9, 10] {
            let table = Multiples::<C>::new(&base.into(), bits);
            assert_eq!(table.points.len(), Multiples::<C>::count(bits), "{bits}");
            assert_eq!(table.points.capacity(), table.points.len(), "{bits}");
            let mut worth = Scalar::<C>::ONE;
            for row in table.table().rows() {
                let mut expected = ProjectivePoint::<C>::identity();
                let first = base * worth;
                for point in row {
                    expected += first;
                    assert_eq!(ProjectivePoint::<C>::from(*point), expected, "{bits}");
                }
                worth *= Scalar::<C>::from(1 << bits);
            }
        }
    }

    #[test]
    fn every_point_is_the_multiple_that_its_place_stands_for_on_both_curves() {
        every_point_is_the_multiple_that_its_place_stands_for::<k256::Secp256k1>();
        every_point_is_the_multiple_that_its_place_stands_for::<p256::NistP256>();
    }
}
