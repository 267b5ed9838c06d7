//! What nobody meets by chance, made on purpose, and seen to have been met.

use super::cases::{edges, scalars};
use super::curves::Tried;
use super::rig::{Case, Random, Rig, bytes, joined, keys, low, number, x};
use crate::batch::check;
use k256::U256;
use k256::elliptic_curve::{Field, Group as _, ProjectivePoint, Scalar};

fn quiet() -> Random {
    Random::new(1, 0)
}

pub(super) fn r_s_and_digest_at_every_edge<C: Tried>() {
    for key in keys::<C>().into_iter().step_by(5) {
        let rig = Rig::<C>::new(key);
        for digest in edges::<C>().into_iter().step_by(2) {
            let with = |r| edges::<C>().into_iter().map(move |s| (digest, joined(r, s)));
            let cases: Vec<Case> = edges::<C>().into_iter().flat_map(with).collect();
            rig.agreed(&cases, &quiet());
        }
    }
}

/// Points whose x is this number or a little more, with that x.
fn points_from<C: Tried>(start: U256) -> impl Iterator<Item = (ProjectivePoint<C>, U256)> {
    let numbers = std::iter::successors(Some(start), |x| Some(x.wrapping_add(&U256::ONE)));
    numbers.filter_map(|x| Some((C::lift(x)?.into(), x)))
}

/// The key under which r and s are a signature over z whose point is R: (s R - z G) / r.
fn key_for<C: Tried>(
    point: ProjectivePoint<C>,
    (r, s, z): (Scalar<C>, Scalar<C>, [u8; 32]),
) -> Rig<C> {
    let of_generator = ProjectivePoint::<C>::generator() * number::<C>(z);
    Rig::of((point * s - of_generator) * r.invert().unwrap())
}

/// A signature with this r whose point is R, and its key.
fn with_point<C: Tried>(
    point: ProjectivePoint<C>,
    r: U256,
    random: &mut Random,
) -> (Rig<C>, [u8; 32], [u8; 64]) {
    let (r, z) = (number::<C>(r.to_be_bytes().into()), random.bytes());
    let sig = low::<C>(r, random.scalar::<C>());
    let s = number::<C>(sig[32..].try_into().unwrap());
    (key_for::<C>(point, (r, s, z)), z, sig)
}

/// Signatures that are good but for that.
pub(super) fn an_s_is_low_up_to_half_the_order<C: Tried>() {
    let mut random = quiet();
    let half = C::N >> 1_u32;
    let less = |number: U256| number.wrapping_sub(&U256::ONE);
    let more = |number: U256| number.wrapping_add(&U256::ONE);
    let low = [U256::ONE, half >> 1_u32, less(half), half];
    let high =
        [more(half), more(more(half)), more(half).wrapping_add(&(half >> 40_u32)), less(C::N)];
    for (s, holds) in low.map(|s| (s, true)).into_iter().chain(high.map(|s| (s, false))) {
        let (nonce, z) = (random.scalar::<C>(), random.bytes());
        let point = ProjectivePoint::<C>::generator() * nonce;
        let (r, bytes_of_s) = (x::<C>(point), s.to_be_bytes().into());
        let rig = key_for::<C>(point, (r, number::<C>(bytes_of_s), z));
        let case = (z, joined(bytes::<C>(r), bytes_of_s));
        assert_eq!(rig.agreed(&[case], &random), [holds], "{s}");
    }
}

pub(super) fn an_r_that_wrapped_around_the_order_holds<C: Tried>() {
    let (order, prime) = (C::N, C::P);
    let middle = order.wrapping_add(&(prime.wrapping_sub(&order) >> 1_u32));
    let last = prime.wrapping_sub(&U256::from_u64(1_000));
    let mut random = quiet();
    for start in [order.wrapping_add(&U256::ONE), middle, last] {
        for (point, x) in points_from::<C>(start).take(10) {
            assert!(x > order && x < prime, "it has to be taken modulo the order");
            let r = x.wrapping_sub(&order);
            let (rig, z, sig) = with_point::<C>(point, r, &mut random);
            let s = sig[32..].try_into().unwrap();
            let other = |r: U256| (z, joined(r.to_be_bytes().into(), s));
            let cases = [(z, sig), other(x), other(r.wrapping_add(&U256::ONE))];
            assert_eq!(rig.agreed(&cases, &random), [true, false, false], "{x}");
        }
    }
}

pub(super) fn an_r_that_could_have_wrapped_and_did_not_holds_too<C: Tried>() {
    let mut random = quiet();
    for (point, x) in points_from::<C>(U256::ONE).take(20) {
        let (rig, z, sig) = with_point::<C>(point, x, &mut random);
        assert_eq!(rig.agreed(&[(z, sig)], &random), [true], "{x}");
    }
}

pub(super) fn what_adds_up_to_the_identity_holds_for_no_r<C: Tried>() {
    let mut random = quiet();
    for n in 0..50 {
        let (r, s) = (random.scalar::<C>(), random.scalar::<C>());
        let z = if n == 0 { Scalar::<C>::ONE } else { random.scalar::<C>() };
        let rig = Rig::<C>::new(-(z * r.invert().unwrap()));
        let w = s.invert().unwrap();
        let sum = ProjectivePoint::<C>::generator() * (z * w) + rig.point * (r * w);
        assert_eq!(sum, ProjectivePoint::<C>::identity());
        let cases = [(bytes::<C>(z), low::<C>(r, s)), rig.signed[0]];
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
    fn count<P: k256::elliptic_curve::Group>(&mut self, sum: &P, added: &P) {
        let something = *added != P::identity();
        self.same += usize::from(something && sum == added);
        self.opposite += usize::from(something && *sum == -*added);
    }
}

/// `u1 G + u2 Q` as the tables add it up.
fn added_up<C: Tried>(
    rig: &Rig<C>,
    (u1, u2): (Scalar<C>, Scalar<C>),
    met: &mut Met,
) -> ProjectivePoint<C> {
    let identity = ProjectivePoint::<C>::identity();
    let mut sums = vec![identity; C::PARTS];
    for (table, scalar) in [(C::generator(), u1), (rig.kept.table(), u2)] {
        let mut numbers: Vec<_> = C::split(scalar).into_iter().collect();
        table.walk(&mut numbers, &mut sums, &mut |sum, added| met.count(sum, added));
    }
    if let [first, second] = sums[..] {
        met.count(&first, &C::join(&[identity, second]));
    }
    C::join(&sums)
}

pub(super) fn sums_that_meet_themselves_or_their_opposite_on_the_way_are_right<C: Tried>() {
    let mut random = quiet();
    let mut met = Met::default();
    for key in keys::<C>() {
        let rig = Rig::<C>::new(key);
        let chosen: Vec<_> = (0..100).map(|_| scalars(&rig, &mut random)).collect();
        for (u1, u2) in chosen.iter().copied() {
            let expected = ProjectivePoint::<C>::generator() * u1 + rig.point * u2;
            assert_eq!(added_up(&rig, (u1, u2), &mut met), expected);
        }
        let cases: Vec<Case> = chosen.iter().filter_map(|(u1, u2)| rig.chosen(*u1, *u2)).collect();
        assert!(cases.len() > 50);
        assert!(rig.agreed(&cases, &random).into_iter().all(|holds| holds));
    }
    assert!(met.same > 200 && met.opposite > 200, "{met:?}");
}

pub(super) fn a_batch_of_any_size_answers_in_order<C: Tried>() {
    let rig = Rig::<C>::new(Scalar::<C>::from(12_345));
    for size in [0, 1, 2, 3, 63, 64, 255, 256, 257, 1000] {
        let mut random = quiet();
        let made: Vec<_> = (0..size).map(|_| super::cases::cheap(&rig, &mut random)).collect();
        let cases: Vec<Case> = made.iter().map(|(_, case)| *case).collect();
        let expected: Vec<bool> = made.iter().map(|(kind, _)| kind.holds()).collect();
        assert_eq!(rig.by_tables(&cases, &random), expected, "{size}");
    }
}

pub(super) fn what_is_no_signature_does_not_disturb_its_neighbours<C: Tried>() {
    let rig = Rig::<C>::new(Scalar::<C>::from(77));
    let (digest, sig) = rig.signed[0];
    let nothing = [0; 64];
    let lengths = [&sig[..], &[], &sig[..63], &nothing, &sig, &[sig.as_slice(), &[0]].concat()];
    let asked: Vec<([u8; 32], &[u8])> = lengths.map(|sig| (digest, sig)).to_vec();
    use crate::SignatureFault::{Length, Wrong};
    let expected = [Ok(()), Err(Length(0)), Err(Length(63)), Err(Wrong), Ok(()), Err(Length(65))];
    assert_eq!(check(&asked, rig.kept.table()), expected);
}
