//! Signatures of one k256 key, checked together.
//!
//! A signature (r, s) over z holds when the x of `z/s G + r/s Q` is r, both taken modulo the
//! order (SEC 1, 4.1.4). Three things make that cheap for many labels of one labeler: both
//! points have their [`Multiples`] ready; every s is inverted with a single inversion
//! (products forward and back, Montgomery's trick), and so are the results brought to
//! coordinates of their own.
//!
//! Only the group and scalar arithmetic of the `k256` crate is used, and the outcome is the
//! one of its own verifier in every case, which `tests` compares.
//!
//! All of it handles public data only, so time may depend on everything.

use crate::SignatureFault;
use crate::halves::split;
use crate::multikey::Curve;
use crate::multiples::{Multiples, Table, normal};
use crate::shape::has_form;
use k256::ecdsa::Signature;
use k256::elliptic_curve::ops::Reduce;
use k256::elliptic_curve::point::AffineCoordinates;
use k256::{AffinePoint, FieldBytes, ProjectivePoint, Scalar};
use std::sync::LazyLock;

/// Of the generator, which is in every signature of every key: 3.4 MB, worked out once.
static GENERATOR: LazyLock<Multiples> =
    LazyLock::new(|| Multiples::new(&AffinePoint::GENERATOR, 13));

/// Checks signatures, each with the digest that it is to be over, under the key whose
/// table this is. Answers in their order.
pub(crate) fn check(
    asked: &[([u8; 32], &[u8])],
    key: Table<'_>,
) -> Vec<Result<(), SignatureFault>> {
    let read: Vec<Result<Asked, SignatureFault>> = asked.iter().map(Asked::read).collect();
    let sound: Vec<Asked> = read.iter().flatten().copied().collect();
    let mut hold = hold(&sound, key).into_iter();
    let mut holds = |_| match hold.next() {
        Some(true) => Ok(()),
        _ => Err(SignatureFault::Wrong),
    };
    read.into_iter().map(|read| read.and_then(&mut holds)).collect()
}

/// A signature as numbers: `r` and `s` lie above zero and below the order, `s` is low.
#[derive(Debug, Clone, Copy)]
struct Asked {
    z: Scalar,
    r: Scalar,
    s: Scalar,
}

impl Asked {
    fn read((digest, sig): &([u8; 32], &[u8])) -> Result<Self, SignatureFault> {
        has_form(Curve::K256, sig)?;
        let sig = Signature::from_slice(sig).map_err(|_| SignatureFault::Wrong)?;
        let (r, s) = sig.split_scalars();
        Ok(Self { z: Scalar::reduce(&FieldBytes::from(*digest)), r: *r, s: *s })
    }
}

/// Whether each of them holds.
fn hold(asked: &[Asked], key: Table<'_>) -> Vec<bool> {
    let mut of_generator = Vec::with_capacity(asked.len());
    let mut of_key = Vec::with_capacity(asked.len());
    for (Asked { z, r, .. }, inverse) in asked.iter().zip(inverses(asked)) {
        of_generator.push(split(&(z * &inverse)));
        of_key.push(split(&(r * &inverse)));
    }
    let mut sums = GENERATOR.table().times(&mut of_generator);
    key.add(&mut of_key, &mut sums);
    let ends: Vec<ProjectivePoint> =
        sums.iter().map(|[first, second]| first + &second.endomorphism()).collect();
    normal(&ends).iter().zip(asked).map(|(end, asked)| is_at(end, &asked.r)).collect()
}

/// Whether a point's x is r modulo the order. The identity has no x.
fn is_at(point: &AffinePoint, r: &Scalar) -> bool {
    *point != AffinePoint::IDENTITY && Scalar::reduce(&point.x()) == *r
}

/// One over each s, in their order. None of them is zero, by the type of a signature.
fn inverses(asked: &[Asked]) -> Vec<Scalar> {
    let mut product = Scalar::ONE;
    let mut inverses: Vec<Scalar> = Vec::with_capacity(asked.len());
    for Asked { s, .. } in asked {
        inverses.push(product);
        product *= s;
    }
    // Were one of them zero after all, all would be zero then and nothing would hold.
    let mut left = product.invert_vartime().unwrap_or(Scalar::ZERO);
    for (inverse, Asked { s, .. }) in inverses.iter_mut().zip(asked).rev() {
        *inverse *= left;
        left *= s;
    }
    inverses
}

#[cfg(test)]
mod tests;
