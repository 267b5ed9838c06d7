//! What nobody meets by chance, made on purpose, and seen to have been met.

use super::cases::{edges, scalars};
use super::rig::{Case, Random, Rig, joined, keys, low, number};
use crate::batch::{GENERATOR, check};
use crate::halves::split;
use k256::elliptic_curve::point::DecompressPoint;
use k256::elliptic_curve::subtle::Choice;
use k256::{AffinePoint, FieldBytes, ProjectivePoint, Scalar, U256};

fn quiet() -> Random {
    Random::new(1, 0)
}

#[test]
fn r_s_and_digest_at_every_edge() {
    for key in keys().into_iter().step_by(5) {
        let rig = Rig::new(key);
        for digest in edges().into_iter().step_by(2) {
            let pairs = edges().into_iter().flat_map(|r| edges().into_iter().map(move |s| (r, s)));
            let cases: Vec<Case> = pairs.map(|(r, s)| (digest, joined(r, s))).collect();
            rig.agreed(&cases, &quiet());
        }
    }
}

/// Points whose x is this number or a little more, with that x.
fn points_from(start: U256) -> impl Iterator<Item = (ProjectivePoint, U256)> {
    let numbers = std::iter::successors(Some(start), |x| Some(x.wrapping_add(&U256::ONE)));
    numbers.filter_map(|x| {
        let bytes: [u8; 32] = x.to_be_bytes().into();
        let point = AffinePoint::decompress(&FieldBytes::from(bytes), Choice::from(0));
        Some((ProjectivePoint::from(Option::<AffinePoint>::from(point)?), x))
    })
}

/// The key under which these are a signature whose point is R: (s R - z G) / r.
fn key_for(point: ProjectivePoint, (r, s, z): (Scalar, Scalar, Scalar)) -> Rig {
    Rig::of((point * s - ProjectivePoint::GENERATOR * z) * r.invert().unwrap())
}

#[test]
fn an_r_that_wrapped_around_the_order_holds() {
    let order = U256::from_be_slice(&super::rig::ORDER);
    let mut random = quiet();
    for (point, x) in points_from(order.wrapping_add(&U256::ONE)).take(20) {
        assert!(x > order, "it has to be taken modulo the order");
        let r = x.wrapping_sub(&order);
        let wrapped: [u8; 32] = r.to_be_bytes().into();
        let unwrapped: [u8; 32] = x.to_be_bytes().into();
        let (r, z) = (number(wrapped), random.bytes());
        let sig = low(r, random.scalar());
        let s = number(sig[32..].try_into().unwrap());
        let rig = key_for(point, (r, s, number(z)));
        let more = (r + Scalar::ONE).to_bytes().into();
        let cases = [
            (z, sig),
            (z, joined(unwrapped, s.to_bytes().into())),
            (z, joined(more, s.to_bytes().into())),
        ];
        assert_eq!(rig.agreed(&cases, &random), [true, false, false], "{x}");
    }
}

#[test]
fn an_r_that_could_have_wrapped_and_did_not_holds_too() {
    let mut random = quiet();
    for (point, x) in points_from(U256::ONE).take(20) {
        let r: [u8; 32] = x.to_be_bytes().into();
        let z = random.bytes();
        let sig = low(number(r), random.scalar());
        let s = number(sig[32..].try_into().unwrap());
        let rig = key_for(point, (number(r), s, number(z)));
        assert_eq!(rig.agreed(&[(z, sig)], &random), [true], "{x}");
    }
}

#[test]
fn what_adds_up_to_the_identity_holds_for_no_r() {
    let mut random = quiet();
    for n in 0..50 {
        let (r, z) = (random.scalar(), if n == 0 { Scalar::ONE } else { random.scalar() });
        let secret = -(z * r.invert().unwrap());
        let rig = Rig::new(secret);
        let s = random.scalar();
        let w = s.invert().unwrap();
        let sum = ProjectivePoint::GENERATOR * (z * w) + rig.point * (r * w);
        assert_eq!(sum, ProjectivePoint::IDENTITY);
        let cases = [(z.to_bytes().into(), low(r, s)), rig.signed[0]];
        assert_eq!(rig.agreed(&cases, &random), [false, true]);
    }
}

/// What the sums on the way meet.
#[derive(Debug, Default)]
struct Met {
    same: usize,
    opposite: usize,
}

impl Met {
    fn count(&mut self, sum: &ProjectivePoint, added: &ProjectivePoint) {
        let something = *added != ProjectivePoint::IDENTITY;
        self.same += usize::from(something && sum == added);
        self.opposite += usize::from(something && *sum == -added);
    }
}

#[test]
fn sums_that_meet_themselves_or_their_opposite_on_the_way_are_right() {
    let mut random = quiet();
    let mut met = Met::default();
    for key in keys() {
        let rig = Rig::new(key);
        let chosen: Vec<(Scalar, Scalar)> = (0..100).map(|_| scalars(&rig, &mut random)).collect();
        for (u1, u2) in &chosen {
            let mut sums = [ProjectivePoint::IDENTITY; 2];
            let mut count = |sum: &ProjectivePoint, added: &ProjectivePoint| met.count(sum, added);
            GENERATOR.table().walk(&mut split(u1), &mut sums, &mut count);
            rig.kept.table().walk(&mut split(u2), &mut sums, &mut count);
            let [first, second] = sums;
            met.count(&first, &second.endomorphism());
            let sum = first + second.endomorphism();
            assert_eq!(sum, ProjectivePoint::GENERATOR * u1 + rig.point * u2);
        }
        let cases: Vec<Case> = chosen.iter().filter_map(|(u1, u2)| rig.chosen(*u1, *u2)).collect();
        assert!(cases.len() > 50);
        assert!(rig.agreed(&cases, &random).into_iter().all(|holds| holds));
    }
    assert!(met.same > 200 && met.opposite > 200, "{met:?}");
}

#[test]
fn a_batch_of_any_size_answers_in_order() {
    let rig = Rig::new(Scalar::from(12_345_u64));
    for size in [0, 1, 2, 3, 63, 64, 255, 256, 257, 1000] {
        let mut random = quiet();
        let made: Vec<_> = (0..size).map(|_| super::cases::cheap(&rig, &mut random)).collect();
        let cases: Vec<Case> = made.iter().map(|(_, case)| *case).collect();
        let expected: Vec<bool> = made.iter().map(|(kind, _)| kind.holds()).collect();
        assert_eq!(rig.by_tables(&cases, &random), expected, "{size}");
    }
}

#[test]
fn what_is_no_signature_does_not_disturb_its_neighbours() {
    let rig = Rig::new(Scalar::from(77_u64));
    let (digest, sig) = rig.signed[0];
    let nothing = [0; 64];
    let lengths = [&sig[..], &[], &sig[..63], &nothing, &sig, &[sig.as_slice(), &[0]].concat()];
    let asked: Vec<([u8; 32], &[u8])> = lengths.map(|sig| (digest, sig)).to_vec();
    use crate::SignatureFault::{Length, Wrong};
    let expected = [Ok(()), Err(Length(0)), Err(Length(63)), Err(Wrong), Ok(()), Err(Length(65))];
    assert_eq!(check(&asked, rig.kept.table()), expected);
}
