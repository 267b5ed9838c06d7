//! A key with everything that has a say about its signatures.

use super::curves::{Tried, Voice};
use crate::batch::check;
use crate::multiples::Multiples;
use k256::U256;
use k256::elliptic_curve::ops::Reduce;
use k256::elliptic_curve::point::AffineCoordinates;
use k256::elliptic_curve::scalar::IsHigh;
use k256::elliptic_curve::{Field, Group as _, PrimeField, ProjectivePoint, Scalar};
use sha2::{Digest, Sha256};
use std::hash::{BuildHasher, RandomState};

/// A digest, and what is said to be a signature over it.
pub(super) type Case = ([u8; 32], [u8; 64]);

/// How many cases make so many thousand; few where nothing is optimised.
pub(super) fn thousands(count: usize) -> usize {
    let times = std::env::var_os("LABELTAP_CASES").map_or(1, |text| {
        text.to_str().and_then(|text| text.parse().ok()).expect("LABELTAP_CASES is a number")
    });
    count * times * if cfg!(debug_assertions) { 10 } else { 1_000 }
}

/// What the numbers of this run come from.
pub(super) fn seed() -> u64 {
    let given = std::env::var_os("LABELTAP_SEED").map(|text| {
        text.to_str().and_then(|text| text.parse().ok()).expect("LABELTAP_SEED is a number")
    });
    given.unwrap_or_else(|| RandomState::new().hash_one(0))
}

/// Numbers that look random. Shown with an outcome that should not be, it says which.
#[derive(Debug)]
pub(super) struct Random {
    seed: u64,
    thread: usize,
    drawn: u64,
}

impl Random {
    pub(super) fn new(seed: u64, thread: usize) -> Self {
        Self { seed, thread, drawn: 0 }
    }

    pub(super) fn bytes(&mut self) -> [u8; 32] {
        self.drawn += 1;
        let text = format!("{} {} {}", self.seed, self.thread, self.drawn);
        Sha256::digest(text).into()
    }

    pub(super) fn scalar<C: Tried>(&mut self) -> Scalar<C> {
        number::<C>(self.bytes())
    }

    pub(super) fn below(&mut self, limit: usize) -> usize {
        let [a, b, c, d, ..] = self.bytes();
        u32::from_be_bytes([a, b, c, d]) as usize % limit
    }

    pub(super) fn of<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.below(values.len())]
    }
}

pub(super) fn number<C: Tried>(bytes: [u8; 32]) -> Scalar<C> {
    Reduce::reduce(&U256::from_be_slice(&bytes))
}

pub(super) fn power_of_two<C: Tried>(exponent: u32) -> Scalar<C> {
    Reduce::reduce(&(U256::ONE << exponent))
}

/// Secret keys: those whose public keys meet multiples of the generator, and some others.
pub(super) fn keys<C: Tried>() -> Vec<Scalar<C>> {
    let mut keys = vec![Scalar::<C>::ONE, C::lambda(), Scalar::<C>::TWO_INV];
    keys.extend([2, 3].map(Scalar::<C>::from));
    keys.extend([6, 9, 13, 117, 126, 127, 128, 255].map(power_of_two::<C>));
    keys.extend(keys.clone().into_iter().map(|key| -key));
    keys.extend((0..8).map(|n| number::<C>(Sha256::digest([n]).into())));
    keys
}

/// r and s as a signature's bytes, with the lower of the two s.
pub(super) fn low<C: Tried>(r: Scalar<C>, s: Scalar<C>) -> [u8; 64] {
    let s = if bool::from(s.is_high()) { -s } else { s };
    joined(bytes::<C>(r), bytes::<C>(s))
}

pub(super) fn bytes<C: Tried>(scalar: Scalar<C>) -> [u8; 32] {
    scalar.to_repr().into()
}

pub(super) fn joined(r: [u8; 32], s: [u8; 32]) -> [u8; 64] {
    [r, s].concat().try_into().unwrap()
}

/// The x of a point, modulo the order.
pub(super) fn x<C: Tried>(point: ProjectivePoint<C>) -> Scalar<C> {
    let point: C::AffinePoint = point.into();
    Reduce::reduce(&point.x())
}

/// A good signature.
pub(super) fn sign<C: Tried>(secret: Scalar<C>, digest: [u8; 32], nonce: Scalar<C>) -> Case {
    let r = x::<C>(ProjectivePoint::<C>::generator() * nonce);
    let s = nonce.invert().unwrap() * (number::<C>(digest) + r * secret);
    (digest, low::<C>(r, s))
}

/// A public key.
pub(super) struct Rig<C: Tried> {
    pub(super) secret: Scalar<C>,
    pub(super) point: ProjectivePoint<C>,
    /// Good signatures.
    pub(super) signed: Vec<Case>,
    pub(super) kept: Multiples<C>,
    passing: Multiples<C>,
    voices: [(&'static str, Voice); 2],
}

impl<C: Tried> Rig<C> {
    pub(super) fn new(secret: Scalar<C>) -> Self {
        let mut rig = Self::of(ProjectivePoint::<C>::generator() * secret);
        rig.secret = secret;
        let mut random = Random::new(0, 0);
        let mut sign = |_| sign::<C>(secret, random.bytes(), random.scalar::<C>());
        rig.signed = (0..50).map(&mut sign).collect();
        rig
    }

    /// Whose secret nobody knows.
    pub(super) fn of(point: ProjectivePoint<C>) -> Self {
        let affine = point.into();
        Self {
            secret: Scalar::<C>::ZERO,
            point,
            signed: Vec::new(),
            kept: Multiples::new(&affine, C::KEPT),
            passing: Multiples::new(&affine, C::PASSING),
            voices: C::voices(affine),
        }
    }

    /// The signature that holds because `u1 G + u2 Q` has the right x, whatever these are;
    /// `None` where that is the identity.
    pub(super) fn chosen(&self, u1: Scalar<C>, u2: Scalar<C>) -> Option<Case> {
        let sum = ProjectivePoint::<C>::generator() * u1 + self.point * u2;
        let r = x::<C>(sum);
        if bool::from(sum.is_identity()) || bool::from(u2.is_zero()) {
            return None;
        }
        // The other s is minus this one, and so are u1 and u2 and the sum; x is the same.
        let s = r * u2.invert().unwrap();
        Some((bytes::<C>(u1 * s), low::<C>(r, s)))
    }

    /// What everybody says of these, who must agree.
    pub(super) fn agreed(&self, cases: &[Case], random: &Random) -> Vec<bool> {
        let ours = self.by_tables(cases, random);
        for (case, ours) in cases.iter().zip(&ours) {
            for (name, voice) in &self.voices {
                assert_eq!(*ours, voice(case), "{name}: {case:x?}, {self:?}, {random:?}");
            }
        }
        ours
    }

    /// What comes of both tables, which must agree.
    pub(super) fn by_tables(&self, cases: &[Case], random: &Random) -> Vec<bool> {
        let [kept, passing] = [&self.kept, &self.passing].map(|table| by_table(cases, table));
        assert_eq!(kept, passing, "{cases:x?}, {self:?}, {random:?}");
        kept
    }

    /// What comes of one of them, for tests that are long.
    pub(super) fn by_a_table(&self, cases: &[Case], random: &mut Random) -> Vec<bool> {
        by_table(cases, random.of(&[&self.kept, &self.passing]))
    }
}

fn by_table<C: Tried>(cases: &[Case], table: &Multiples<C>) -> Vec<bool> {
    let asked: Vec<([u8; 32], &[u8])> =
        cases.iter().map(|(digest, sig)| (*digest, sig.as_slice())).collect();
    check(&asked, table.table()).into_iter().map(|holds| holds.is_ok()).collect()
}

impl<C: Tried> std::fmt::Debug for Rig<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let point: C::AffinePoint = self.point.into();
        write!(f, "{:?} key {point:?}", C::CURVE)
    }
}
