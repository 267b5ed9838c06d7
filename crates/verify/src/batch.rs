//! Signatures of one key, checked together.
//!
//! A signature (r, s) over z holds when the x of `z/s G + r/s Q` is r, both taken modulo the
//! order (SEC 1, 4.1.4). Three things make that cheap for many labels of one labeler: both
//! points have their [`Multiples`](crate::multiples::Multiples) ready; every s is inverted with a single inversion
//! (products forward and back, Montgomery's trick), and so are the results brought to
//! coordinates of their own.
//!
//! Only the group and scalar arithmetic of the crates `k256` and `p256` is used, and the
//! outcome is the one of their own verifiers in every case, which `tests` compares.
//!
//! All of it handles public data only, so time may depend on everything.

use crate::SignatureFault;
use crate::group::Group;
use crate::multiples::Table;
use crate::shape::has_form;
use k256::U256;
use k256::elliptic_curve::group::CurveAffine;
use k256::elliptic_curve::ops::{Invert, Reduce};
use k256::elliptic_curve::point::AffineCoordinates;
use k256::elliptic_curve::{AffinePoint, Field, NonZeroScalar, ProjectivePoint, Scalar};

/// Checks signatures, each with the digest that it is to be over, under the key whose
/// table this is. Answers in their order.
pub(crate) fn check<C: Group>(
    asked: &[([u8; 32], &[u8])],
    key: Table<'_, C>,
) -> Vec<Result<(), SignatureFault>> {
    let read: Vec<Result<Asked<C>, SignatureFault>> = asked.iter().map(Asked::read).collect();
    let sound: Vec<Asked<C>> = read.iter().flatten().copied().collect();
    let mut hold = hold(&sound, key).into_iter();
    let mut holds = |_| match hold.next() {
        Some(true) => Ok(()),
        _ => Err(SignatureFault::Wrong),
    };
    read.into_iter().map(|read| read.and_then(&mut holds)).collect()
}

/// A signature as numbers: `r` and `s` lie above zero and below the order, `s` is low.
#[derive(Debug, Clone, Copy)]
struct Asked<C: Group> {
    z: Scalar<C>,
    r: Scalar<C>,
    s: Scalar<C>,
}

impl<C: Group> Asked<C> {
    fn read((digest, sig): &([u8; 32], &[u8])) -> Result<Self, SignatureFault> {
        has_form(C::CURVE, sig)?;
        let (r, s) = sig.split_at(sig.len() / 2);
        let [r, s] = [r, s].map(|half| scalar::<C>(half).ok_or(SignatureFault::Wrong));
        Ok(Self { z: Reduce::reduce(&U256::from_be_slice(digest)), r: r?, s: s? })
    }
}

/// The scalar above zero and below the order that these 32 bytes are.
fn scalar<C: Group>(bytes: &[u8]) -> Option<Scalar<C>> {
    let bytes: [u8; 32] = bytes.try_into().ok()?;
    Option::from(NonZeroScalar::<C>::from_repr(bytes.into()))
        .map(|scalar: NonZeroScalar<C>| *scalar)
}

/// Whether each of them holds.
fn hold<C: Group>(asked: &[Asked<C>], key: Table<'_, C>) -> Vec<bool> {
    let mut of_generator = Vec::with_capacity(asked.len() * C::PARTS);
    let mut of_key = Vec::with_capacity(asked.len() * C::PARTS);
    for (Asked { z, r, .. }, inverse) in asked.iter().zip(inverses(asked)) {
        of_generator.extend(C::split(inverse * z));
        of_key.extend(C::split(inverse * r));
    }
    let mut sums = C::generator().times(&mut of_generator);
    key.add(&mut of_key, &mut sums);
    let ends: Vec<ProjectivePoint<C>> = sums.chunks(C::PARTS).map(C::join).collect();
    C::normal(&ends).iter().zip(asked).map(|(end, asked)| is_at::<C>(end, &asked.r)).collect()
}

/// Whether a point's x is r modulo the order. The identity has no x.
fn is_at<C: Group>(point: &AffinePoint<C>, r: &Scalar<C>) -> bool {
    !bool::from(point.is_identity()) && Scalar::<C>::reduce(&point.x()) == *r
}

/// One over each s, in their order. None of them is zero, see [`scalar`].
fn inverses<C: Group>(asked: &[Asked<C>]) -> Vec<Scalar<C>> {
    let mut product = Scalar::<C>::ONE;
    let mut inverses: Vec<Scalar<C>> = Vec::with_capacity(asked.len());
    for Asked { s, .. } in asked {
        inverses.push(product);
        product *= s;
    }
    // Were one of them zero after all, all would be zero then and nothing would hold.
    let mut left = product.invert_vartime().unwrap_or(Scalar::<C>::ZERO);
    for (inverse, Asked { s, .. }) in inverses.iter_mut().zip(asked).rev() {
        *inverse *= left;
        left *= s;
    }
    inverses
}

#[cfg(test)]
mod tests;
