//! A key with everything that has a say about its signatures.

use crate::batch::check;
use crate::multiples::Multiples;
use k256::ecdsa::signature::hazmat::PrehashVerifier;
use k256::ecdsa::{Signature, VerifyingKey};
use k256::elliptic_curve::ops::Reduce;
use k256::elliptic_curve::point::AffineCoordinates;
use k256::elliptic_curve::scalar::IsHigh;
use k256::{AffinePoint, FieldBytes, ProjectivePoint, Scalar, U256};
use secp256k1::{Message, PublicKey};
use sha2::{Digest, Sha256};
use std::hash::{BuildHasher, RandomState};

/// A digest, and what is said to be a signature over it.
pub(super) type Case = ([u8; 32], [u8; 64]);

/// Of the group.
pub(super) const ORDER: [u8; 32] = *b"\
    \xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe\
    \xba\xae\xdc\xe6\xaf\x48\xa0\x3b\xbf\xd2\x5e\x8c\xd0\x36\x41\x41";

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

    pub(super) fn scalar(&mut self) -> Scalar {
        number(self.bytes())
    }

    pub(super) fn below(&mut self, limit: usize) -> usize {
        let [a, b, c, d, ..] = self.bytes();
        u32::from_be_bytes([a, b, c, d]) as usize % limit
    }

    pub(super) fn of<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.below(values.len())]
    }
}

pub(super) fn number(bytes: [u8; 32]) -> Scalar {
    Scalar::reduce(&FieldBytes::from(bytes))
}

pub(super) fn power_of_two(exponent: u32) -> Scalar {
    Scalar::reduce(&(U256::ONE << exponent))
}

/// What the endomorphism multiplies by.
pub(super) fn lambda() -> Scalar {
    Scalar::reduce(&U256::from_be_hex(
        "5363ad4cc05c30e0a5261c028812645a122e22ea20816678df02967c1b23bd72",
    ))
}

/// Secret keys: those whose public keys meet multiples of the generator, and some others.
pub(super) fn keys() -> Vec<Scalar> {
    let mut keys = vec![Scalar::ONE, Scalar::from(2_u64), Scalar::from(3_u64), lambda()];
    keys.push(Scalar::from(2_u64).invert().unwrap());
    keys.extend([6, 9, 13, 117, 126, 127, 128, 255].map(power_of_two));
    keys.extend(keys.clone().into_iter().map(|key| -key));
    keys.extend((0..8).map(|n| number(Sha256::digest([n]).into())));
    keys
}

/// r and s as a signature's bytes, with the lower of the two s.
pub(super) fn low(r: Scalar, s: Scalar) -> [u8; 64] {
    joined(r.to_bytes().into(), if bool::from(s.is_high()) { -s } else { s }.to_bytes().into())
}

pub(super) fn joined(r: [u8; 32], s: [u8; 32]) -> [u8; 64] {
    [r, s].concat().try_into().unwrap()
}

/// The x of a point, modulo the order.
pub(super) fn x(point: ProjectivePoint) -> Scalar {
    Scalar::reduce(&point.to_affine().x())
}

/// A good signature.
pub(super) fn sign(secret: Scalar, digest: [u8; 32], nonce: Scalar) -> Case {
    let r = x(ProjectivePoint::GENERATOR * nonce);
    let s = nonce.invert().unwrap() * (number(digest) + r * secret);
    (digest, low(r, s))
}

/// A public key.
pub(super) struct Rig {
    pub(super) secret: Scalar,
    pub(super) point: ProjectivePoint,
    /// Good signatures.
    pub(super) signed: Vec<Case>,
    pub(super) kept: Multiples,
    passing: Multiples,
    stock: VerifyingKey,
    other: PublicKey,
}

impl Rig {
    pub(super) fn new(secret: Scalar) -> Self {
        let mut rig = Self::of(ProjectivePoint::GENERATOR * secret);
        rig.secret = secret;
        let mut random = Random::new(0, 0);
        rig.signed = (0..50).map(|_| sign(secret, random.bytes(), random.scalar())).collect();
        rig
    }

    /// Whose secret nobody knows.
    pub(super) fn of(point: ProjectivePoint) -> Self {
        let affine = point.to_affine();
        let stock = VerifyingKey::from_affine(affine).unwrap();
        Self {
            secret: Scalar::ZERO,
            point,
            signed: Vec::new(),
            kept: Multiples::new(&affine, 10),
            passing: Multiples::new(&affine, 6),
            stock,
            other: PublicKey::from_slice(stock.to_sec1_point(true).as_bytes()).unwrap(),
        }
    }

    /// The signature that holds because `u1 G + u2 Q` has the right x, whatever these are;
    /// `None` where that is the identity.
    pub(super) fn chosen(&self, u1: Scalar, u2: Scalar) -> Option<Case> {
        let sum = ProjectivePoint::GENERATOR * u1 + self.point * u2;
        let r = x(sum);
        if sum.to_affine() == AffinePoint::IDENTITY || bool::from(u2.is_zero()) {
            return None;
        }
        // The other s is minus this one, and so are u1 and u2 and the sum; x is the same.
        let s = r * u2.invert().unwrap();
        Some(((u1 * s).to_bytes().into(), low(r, s)))
    }

    /// What everybody says of these, who must agree.
    pub(super) fn agreed(&self, cases: &[Case], random: &Random) -> Vec<bool> {
        let ours = self.by_tables(cases, random);
        for (case, ours) in cases.iter().zip(&ours) {
            assert_eq!(*ours, self.stock(case), "k256: {case:x?}, {self:?}, {random:?}");
            assert_eq!(*ours, self.other(case), "libsecp256k1: {case:x?}, {self:?}, {random:?}");
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

    fn stock(&self, (digest, sig): &Case) -> bool {
        let sig = Signature::from_slice(sig);
        sig.is_ok_and(|sig| self.stock.verify_prehash(digest, &sig).is_ok())
    }

    fn other(&self, (digest, sig): &Case) -> bool {
        let sig = secp256k1::ecdsa::Signature::from_compact(sig);
        let message = Message::from_digest(*digest);
        sig.is_ok_and(|sig| secp256k1::ecdsa::verify(&sig, message, &self.other).is_ok())
    }
}

fn by_table(cases: &[Case], table: &Multiples) -> Vec<bool> {
    let asked: Vec<([u8; 32], &[u8])> =
        cases.iter().map(|(digest, sig)| (*digest, sig.as_slice())).collect();
    check(&asked, table.table()).into_iter().map(|holds| holds.is_ok()).collect()
}

impl std::fmt::Debug for Rig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "key {}", self.other)
    }
}
