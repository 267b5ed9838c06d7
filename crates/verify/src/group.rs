//! The groups of the two curves, as far as they differ: how a scalar is read, what becomes of
//! the sums, and which tables pay.
//!
//! Everything else is the same arithmetic on both and is written once, in
//! [`batch`](crate::batch) and [`multiples`](crate::multiples).
//!
//! P-256 has no endomorphism, so a scalar takes twice as many rows of the table; it is checked
//! by aws-lc otherwise, which is faster than `k256`. So a table has to serve more labels before
//! it has paid: a passing one about 90 of them, one that is kept about 240. One more bit of a
//! digit would take 5 % off the time of a label, for twice the memory.

use crate::halves;
use crate::multikey::Curve;
use crate::multiples::{Multiples, Table};
use crate::number::Number;
use crate::shelf::{Shelf, Shelves};
use k256::elliptic_curve::array::sizes::U32;
use k256::elliptic_curve::{AffinePoint, BatchNormalize, CurveArithmetic, ProjectivePoint, Scalar};
use k256::{Secp256k1, U256};
use p256::NistP256;
use std::sync::{LazyLock, RwLock};

/// A curve whose signatures can be checked together.
pub(crate) trait Group: CurveArithmetic<Uint = U256, FieldBytesSize = U32> {
    /// Its name.
    const CURVE: Curve;

    /// How many numbers a scalar is read as.
    const PARTS: usize;

    /// What each of them has at most.
    const BITS: u32;

    /// Bits of a digit: of a table that is kept, and of one that is not.
    const KEPT: u32;
    const PASSING: u32;

    /// For fewer labels not even a passing table is made.
    const SOME: usize;

    /// The numbers of a scalar.
    fn split(scalar: Scalar<Self>) -> impl IntoIterator<Item = Number>;

    /// What a point times a scalar is, given the point times each of its numbers.
    fn join(sums: &[ProjectivePoint<Self>]) -> ProjectivePoint<Self>;

    /// Points brought to coordinates of their own, with one inversion for all.
    fn normal(points: &[ProjectivePoint<Self>]) -> Vec<AffinePoint<Self>>;

    /// Multiples of the generator, which is in every signature of every key. Worked out once,
    /// when somebody first asks.
    fn generator() -> Table<'static, Self>;

    /// Where its tables are kept.
    fn shelf(shelves: &Shelves) -> &RwLock<Shelf<Self>>;
}

/// 3.4 MB.
static K256_GENERATOR: LazyLock<Multiples<Secp256k1>> =
    LazyLock::new(|| Multiples::new(&k256::AffinePoint::GENERATOR, 13));

/// 3.1 MB.
static P256_GENERATOR: LazyLock<Multiples<NistP256>> =
    LazyLock::new(|| Multiples::new(&p256::AffinePoint::GENERATOR, 12));

impl Group for Secp256k1 {
    const CURVE: Curve = Curve::K256;
    const PARTS: usize = 2;
    const BITS: u32 = halves::BITS;
    const KEPT: u32 = 10;
    const PASSING: u32 = 6;
    const SOME: usize = 32;

    fn split(scalar: k256::Scalar) -> impl IntoIterator<Item = Number> {
        halves::split(&scalar)
    }

    fn join(sums: &[k256::ProjectivePoint]) -> k256::ProjectivePoint {
        halves::join(sums)
    }

    fn normal(points: &[k256::ProjectivePoint]) -> Vec<k256::AffinePoint> {
        normal(points)
    }

    fn generator() -> Table<'static, Self> {
        K256_GENERATOR.table()
    }

    fn shelf(shelves: &Shelves) -> &RwLock<Shelf<Self>> {
        &shelves.k256
    }
}

impl Group for NistP256 {
    const CURVE: Curve = Curve::P256;
    const PARTS: usize = 1;
    /// One less than the order has, since the sign of a number is apart.
    const BITS: u32 = 255;
    const KEPT: u32 = 9;
    const PASSING: u32 = 6;
    const SOME: usize = 96;

    fn split(scalar: p256::Scalar) -> impl IntoIterator<Item = Number> {
        [Number::of(scalar)]
    }

    fn join(sums: &[p256::ProjectivePoint]) -> p256::ProjectivePoint {
        sums.iter().sum()
    }

    fn normal(points: &[p256::ProjectivePoint]) -> Vec<p256::AffinePoint> {
        normal(points)
    }

    fn generator() -> Table<'static, Self> {
        P256_GENERATOR.table()
    }

    fn shelf(shelves: &Shelves) -> &RwLock<Shelf<Self>> {
        &shelves.p256
    }
}

fn normal<P: BatchNormalize<[P]>>(points: &[P]) -> P::Output {
    P::batch_normalize_vartime(points)
}
