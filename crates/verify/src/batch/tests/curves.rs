//! The curves as the tests need them: their numbers, and those who have a say.

use super::rig::Case;
use crate::group::Group;
use crate::multikey::Curve;
use crate::shape::has_form;
use aws_lc_rs::digest::{self, Digest};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ParsedPublicKey};
use k256::ecdsa::signature::hazmat::PrehashVerifier;
use k256::elliptic_curve::ops::Reduce;
use k256::elliptic_curve::point::DecompressPoint;
use k256::elliptic_curve::subtle::Choice;
use k256::elliptic_curve::{AffinePoint, Scalar};
use k256::{Secp256k1, U256};
use p256::NistP256;
use secp256k1::{Message, PublicKey};

/// Says whether a case is a signature of one key.
pub(super) type Voice = Box<dyn Fn(&Case) -> bool + Send + Sync>;

/// A curve that is tried.
pub(super) trait Tried: Group<AffinePoint: DecompressPoint<Self>> {
    /// The order of the group.
    const N: U256;
    /// The order of the field.
    const P: U256;
    /// How many thousand cases of every kind, and of those that take no work with points.
    const THOUSANDS: (usize, usize);

    /// What the endomorphism multiplies by, where there is one.
    fn lambda() -> Scalar<Self>;

    /// The curve's own crate, and somebody else.
    fn voices(point: AffinePoint<Self>) -> [(&'static str, Voice); 2];

    /// A point with this x.
    fn lift(x: U256) -> Option<AffinePoint<Self>> {
        let bytes: [u8; 32] = x.to_be_bytes().into();
        AffinePoint::<Self>::decompress(&bytes.into(), Choice::from(0)).into()
    }
}

impl Tried for Secp256k1 {
    const N: U256 =
        U256::from_be_hex("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141");
    const P: U256 =
        U256::from_be_hex("fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f");
    const THOUSANDS: (usize, usize) = (200, 1_000);

    fn lambda() -> k256::Scalar {
        Reduce::reduce(&U256::from_be_hex(
            "5363ad4cc05c30e0a5261c028812645a122e22ea20816678df02967c1b23bd72",
        ))
    }

    fn voices(point: k256::AffinePoint) -> [(&'static str, Voice); 2] {
        let stock = k256::ecdsa::VerifyingKey::from_affine(point).unwrap();
        let other = PublicKey::from_slice(stock.to_sec1_point(true).as_bytes()).unwrap();
        let stock: Voice = Box::new(move |(digest, sig)| {
            let sig = k256::ecdsa::Signature::from_slice(sig);
            sig.is_ok_and(|sig| stock.verify_prehash(digest, &sig).is_ok())
        });
        let other: Voice = Box::new(move |(digest, sig)| {
            let sig = secp256k1::ecdsa::Signature::from_compact(sig);
            let message = Message::from_digest(*digest);
            sig.is_ok_and(|sig| secp256k1::ecdsa::verify(&sig, message, &other).is_ok())
        });
        [("k256", stock), ("libsecp256k1", other)]
    }
}

impl Tried for NistP256 {
    const N: U256 =
        U256::from_be_hex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
    const P: U256 =
        U256::from_be_hex("ffffffff00000001000000000000000000000000ffffffffffffffffffffffff");
    // Its own crate takes three times as long as that of k256.
    const THOUSANDS: (usize, usize) = (60, 400);

    fn lambda() -> p256::Scalar {
        p256::Scalar::ONE
    }

    /// Neither cares for low-S.
    fn voices(point: p256::AffinePoint) -> [(&'static str, Voice); 2] {
        let stock = p256::ecdsa::VerifyingKey::from_affine(point).unwrap();
        let bytes = stock.to_sec1_point(true);
        let other = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, bytes.as_bytes()).unwrap();
        let stock: Voice = Box::new(move |(digest, sig)| {
            let sig = p256::ecdsa::Signature::from_slice(sig);
            sig.is_ok_and(|sig| {
                sig == sig.normalize_s() && stock.verify_prehash(digest, &sig).is_ok()
            })
        });
        let other: Voice = Box::new(move |(digest, sig)| {
            let digest = Digest::import_less_safe(digest, &digest::SHA256).unwrap();
            has_form(Curve::P256, sig).is_ok() && other.verify_digest_sig(&digest, sig).is_ok()
        });
        [("p256", stock), ("aws-lc", other)]
    }
}
