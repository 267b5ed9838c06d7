//! What bytes must look like to be a signature at all, which is the same on both curves but
//! for the order (atproto cryptography spec, "ECDSA Signature Malleability").

use crate::SignatureFault;
use crate::multikey::Curve;

/// Whether it has 64 bytes and low-S.
///
/// # Errors
/// [`SignatureFault::Length`] or [`SignatureFault::HighS`].
pub(crate) fn has_form(curve: Curve, sig: &[u8]) -> Result<(), SignatureFault> {
    let (_, s) = sig
        .split_at_checked(32)
        .filter(|(_, s)| s.len() == 32)
        .ok_or(SignatureFault::Length(sig.len()))?;
    if s > half_order(curve).as_slice() { Err(SignatureFault::HighS) } else { Ok(()) }
}

/// The largest `s` that is low: half the order of the curve's group, rounded down.
pub(crate) const fn half_order(curve: Curve) -> [u8; 32] {
    match curve {
        Curve::K256 => {
            *b"\
            \x7f\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\
            \x5d\x57\x6e\x73\x57\xa4\x50\x1d\xdf\xe9\x2f\x46\x68\x1b\x20\xa0"
        }
        Curve::P256 => {
            *b"\
            \x7f\xff\xff\xff\x80\x00\x00\x00\x7f\xff\xff\xff\xff\xff\xff\xff\
            \xde\x73\x7d\x56\xd3\x8b\xcf\x42\x79\xdc\xe5\x61\x7e\x31\x92\xa8"
        }
    }
}
