//! Signatures of every kind, good and bad.

use super::rig::{Case, ORDER, Random, Rig, joined, keys, lambda, low, number, power_of_two, sign};
use k256::{Scalar, U256};

/// What a case is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Genuine,
    /// Over a digest that is zero, the order, or the like.
    EdgeDigest,
    /// The scalars that the points are multiplied by were chosen.
    Chosen,
    /// As above, and then something is one more.
    ChosenAlmost,
    FlippedSig,
    FlippedDigest,
    OtherDigest,
    OtherKey,
    HighS,
    Swapped,
    /// r or s or both lie at an edge.
    EdgeHalf,
    Noise,
}

impl Kind {
    pub(super) const ALL: [Self; 12] = [
        Self::Genuine,
        Self::EdgeDigest,
        Self::Chosen,
        Self::ChosenAlmost,
        Self::FlippedSig,
        Self::FlippedDigest,
        Self::OtherDigest,
        Self::OtherKey,
        Self::HighS,
        Self::Swapped,
        Self::EdgeHalf,
        Self::Noise,
    ];

    /// Whether such a case is a signature. Nobody finds a second one by chance.
    pub(super) const fn holds(self) -> bool {
        matches!(self, Self::Genuine | Self::EdgeDigest | Self::Chosen)
    }
}

/// A case of any kind.
pub(super) fn any(rig: &Rig, random: &mut Random) -> (Kind, Case) {
    let kind = random.of(&Kind::ALL);
    (kind, make(kind, rig, random))
}

/// One that takes no work with points: those kinds that are a good signature, changed.
pub(super) fn cheap(rig: &Rig, random: &mut Random) -> (Kind, Case) {
    let kind = random.of(&[
        Kind::Genuine,
        Kind::FlippedSig,
        Kind::FlippedDigest,
        Kind::OtherDigest,
        Kind::HighS,
        Kind::Swapped,
        Kind::EdgeHalf,
        Kind::Noise,
    ]);
    (kind, make(kind, rig, random))
}

fn make(kind: Kind, rig: &Rig, random: &mut Random) -> Case {
    let (digest, sig) = rig.signed[random.below(rig.signed.len())];
    let (r, s) = halves(&sig);
    match kind {
        Kind::Genuine => (digest, sig),
        Kind::EdgeDigest => sign(rig.secret, random.of(&edges()), random.scalar()),
        Kind::Chosen => chosen(rig, random),
        Kind::ChosenAlmost => almost(chosen(rig, random), random),
        Kind::FlippedSig => (digest, flipped(sig, random)),
        Kind::FlippedDigest => (flipped(digest, random), sig),
        Kind::OtherDigest => (random.bytes(), sig),
        Kind::OtherKey => sign(random.scalar(), digest, random.scalar()),
        Kind::HighS => (digest, joined(r, (-number(s)).to_bytes().into())),
        Kind::Swapped => (digest, low(number(s), number(r))),
        Kind::EdgeHalf => (digest, edge_half((r, s), random)),
        Kind::Noise => (random.bytes(), joined(random.bytes(), random.bytes())),
    }
}

fn halves(sig: &[u8; 64]) -> ([u8; 32], [u8; 32]) {
    (sig[..32].try_into().unwrap(), sig[32..].try_into().unwrap())
}

fn flipped<const N: usize>(mut bytes: [u8; N], random: &mut Random) -> [u8; N] {
    let bit = random.below(N * 8);
    bytes[bit / 8] ^= 1 << (bit % 8);
    bytes
}

fn edge_half((r, s): ([u8; 32], [u8; 32]), random: &mut Random) -> [u8; 64] {
    let edge = random.of(&edges());
    match random.below(3) {
        0 => joined(edge, s),
        1 => joined(r, edge),
        _ => joined(edge, random.of(&edges())),
    }
}

/// Numbers at which something may tip over.
pub(super) fn edges() -> Vec<[u8; 32]> {
    let order = U256::from_be_slice(&ORDER);
    let half = order >> 1_u32;
    let prime = U256::MAX.wrapping_sub(&U256::from_u64(0x1_0000_03d0));
    let mut edges = vec![U256::MAX];
    for middle in [U256::ZERO, half, order, prime, prime.wrapping_sub(&order), U256::ONE << 128_u32]
    {
        edges.extend([middle.wrapping_sub(&U256::ONE), middle, middle.wrapping_add(&U256::ONE)]);
    }
    edges.iter().map(|edge| edge.to_be_bytes().into()).collect()
}

/// Scalars with few digits, so that sums on the way meet what is added to them.
pub(super) fn sparse(random: &mut Random) -> Scalar {
    let mut scalar = Scalar::ZERO;
    for _ in 0..=random.below(3) {
        let digit = Scalar::from(1 + random.below(3) as u64);
        let place = random.of(&[0, 1, 6, 10, 12, 13, 20, 26, 60, 117, 120, 126, 127, 128, 255]);
        let unit = random.of(&[Scalar::ONE, lambda(), -Scalar::ONE, -lambda()]);
        scalar += digit * power_of_two(place) * unit;
    }
    scalar
}

/// Scalars for both points. Often what one of them begins with, or all of it, is what the
/// other one comes to, or the opposite.
pub(super) fn scalars(rig: &Rig, random: &mut Random) -> (Scalar, Scalar) {
    let begin = Scalar::from(1 + random.below(3) as u64) * random.of(&[Scalar::ONE, lambda()]);
    let rest =
        power_of_two(random.of(&[10, 20, 30, 110, 120])) * random.of(&[Scalar::ONE, lambda()]);
    let sign = random.of(&[Scalar::ONE, -Scalar::ONE]);
    match random.below(6) {
        0..3 => (begin * rig.secret * sign, begin + rest),
        3 => (sparse(random), random.of(&keys())),
        4 => (Scalar::ZERO, sparse(random)),
        _ => (sparse(random), sparse(random)),
    }
}

fn chosen(rig: &Rig, random: &mut Random) -> Case {
    loop {
        let (u1, u2) = scalars(rig, random);
        if let Some(case) = rig.chosen(u1, u2) {
            return case;
        }
    }
}

fn almost((digest, sig): Case, random: &mut Random) -> Case {
    let (r, s) = halves(&sig);
    let more = |bytes: [u8; 32]| (number(bytes) + Scalar::ONE).to_bytes().into();
    match random.below(3) {
        0 => (more(digest), sig),
        1 => (digest, joined(more(r), s)),
        _ => (digest, low(number(r), number(s) + Scalar::ONE)),
    }
}
