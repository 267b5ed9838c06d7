//! Signatures of every kind, good and bad.

use super::curves::Tried;
use super::rig::{Case, Random, Rig, bytes, joined, keys, low, number, power_of_two, sign};
use k256::U256;
use k256::elliptic_curve::{Field, Scalar};

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
pub(super) fn any<C: Tried>(rig: &Rig<C>, random: &mut Random) -> (Kind, Case) {
    let kind = random.of(&Kind::ALL);
    (kind, make(kind, rig, random))
}

/// One that takes no work with points: those kinds that are a good signature, changed.
pub(super) fn cheap<C: Tried>(rig: &Rig<C>, random: &mut Random) -> (Kind, Case) {
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

fn make<C: Tried>(kind: Kind, rig: &Rig<C>, random: &mut Random) -> Case {
    let (digest, sig) = rig.signed[random.below(rig.signed.len())];
    let (r, s) = halves(&sig);
    match kind {
        Kind::Genuine => (digest, sig),
        Kind::EdgeDigest => sign::<C>(rig.secret, random.of(&edges::<C>()), random.scalar::<C>()),
        Kind::Chosen => chosen(rig, random),
        Kind::ChosenAlmost => almost::<C>(chosen(rig, random), random),
        Kind::FlippedSig => (digest, flipped(sig, random)),
        Kind::FlippedDigest => (flipped(digest, random), sig),
        Kind::OtherDigest => (random.bytes(), sig),
        Kind::OtherKey => sign::<C>(random.scalar::<C>(), digest, random.scalar::<C>()),
        Kind::HighS => (digest, joined(r, bytes::<C>(-number::<C>(s)))),
        Kind::Swapped => (digest, low::<C>(number::<C>(s), number::<C>(r))),
        Kind::EdgeHalf => (digest, edge_half::<C>((r, s), random)),
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

fn edge_half<C: Tried>((r, s): ([u8; 32], [u8; 32]), random: &mut Random) -> [u8; 64] {
    let edge = random.of(&edges::<C>());
    match random.below(3) {
        0 => joined(edge, s),
        1 => joined(r, edge),
        _ => joined(edge, random.of(&edges::<C>())),
    }
}

/// Numbers at which something may tip over.
pub(super) fn edges<C: Tried>() -> Vec<[u8; 32]> {
    let (order, prime) = (C::N, C::P);
    let middles = [
        U256::ZERO,
        order >> 1_u32,
        order,
        prime,
        prime.wrapping_sub(&order),
        U256::ONE << 128_u32,
    ];
    let mut edges = vec![U256::MAX];
    for middle in middles {
        edges.extend([middle.wrapping_sub(&U256::ONE), middle, middle.wrapping_add(&U256::ONE)]);
    }
    edges.iter().map(|edge| edge.to_be_bytes().into()).collect()
}

/// Scalars with few digits, so that sums on the way meet what is added to them.
pub(super) fn sparse<C: Tried>(random: &mut Random) -> Scalar<C> {
    let places = [
        0, 1, 5, 6, 9, 10, 12, 13, 18, 20, 26, 60, 117, 120, 126, 127, 128, 234, 247, 252, 254, 255,
    ];
    let one = Scalar::<C>::ONE;
    let mut scalar = Scalar::<C>::ZERO;
    for _ in 0..=random.below(3) {
        let digit = Scalar::<C>::from(1 + random.below(3) as u64);
        let unit = random.of(&[one, C::lambda(), -one, -C::lambda()]);
        scalar += digit * power_of_two::<C>(random.of(&places)) * unit;
    }
    scalar
}

/// Scalars for both points. Often what one of them begins with, or all of it, is what the
/// other one comes to, or the opposite.
pub(super) fn scalars<C: Tried>(rig: &Rig<C>, random: &mut Random) -> (Scalar<C>, Scalar<C>) {
    let one = Scalar::<C>::ONE;
    let units = [one, C::lambda()];
    let begin = Scalar::<C>::from(1 + random.below(3) as u64) * random.of(&units);
    let rest = power_of_two::<C>(random.of(&[10, 20, 30, 110, 120])) * random.of(&units);
    match random.below(6) {
        0..3 => (begin * rig.secret * random.of(&[one, -one]), begin + rest),
        3 => (sparse::<C>(random), random.of(&keys::<C>())),
        4 => (Scalar::<C>::ZERO, sparse::<C>(random)),
        _ => (sparse::<C>(random), sparse::<C>(random)),
    }
}

fn chosen<C: Tried>(rig: &Rig<C>, random: &mut Random) -> Case {
    loop {
        let (u1, u2) = scalars(rig, random);
        if let Some(case) = rig.chosen(u1, u2) {
            return case;
        }
    }
}

fn almost<C: Tried>((digest, sig): Case, random: &mut Random) -> Case {
    let (r, s) = halves(&sig);
    let more = |number_of: [u8; 32]| number::<C>(number_of) + Scalar::<C>::ONE;
    match random.below(3) {
        0 => (bytes::<C>(more(digest)), sig),
        1 => (digest, joined(bytes::<C>(more(r)), s)),
        _ => (digest, low::<C>(number::<C>(r), more(s))),
    }
}
