//! A labeler's public key: read once, asked many times.
//!
//! Each curve is checked by whoever does it fastest among what we have anyway: many signatures
//! at once by [`batch`]; one of k256 by the `k256` crate; one of P-256 by aws-lc, which TLS
//! brings along and which takes a quarter of the time of `p256`. Low-S is checked by
//! [`has_form`] for all of them, since aws-lc does not.

use crate::batch;
use crate::group::Group;
use crate::multikey::{self, Curve};
use crate::multiples::Table;
use crate::shape::has_form;
use crate::{KeyError, KeyTables, SignatureFault};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ParsedPublicKey};
use k256::Secp256k1;
use k256::ecdsa::signature::hazmat::PrehashVerifier;
use k256::elliptic_curve::AffinePoint;
use p256::NistP256;
use sha2::{Digest, Sha256};
use std::fmt;
use std::sync::Arc;

/// Bytes, and what is said to be the signature over their SHA-256.
#[derive(Debug, Clone, Copy)]
pub struct Signed<'a> {
    /// What was signed.
    pub message: &'a [u8],
    /// `r` then `s`, if it is a signature.
    pub sig: &'a [u8],
}

/// A public key that labels can be checked against. Cloning is cheap.
#[derive(Clone)]
pub struct Key {
    verifier: Verifier,
    /// The compressed point, which is the key's identity.
    point: [u8; 33],
}

#[derive(Clone)]
enum Verifier {
    K256(k256::ecdsa::VerifyingKey),
    P256(Arc<P256>),
}

/// A P-256 key as aws-lc has it, and its point.
struct P256 {
    alone: ParsedPublicKey,
    affine: p256::AffinePoint,
}

impl P256 {
    fn read(bytes: &[u8]) -> Option<Self> {
        let alone = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, bytes).ok()?;
        let affine = *p256::PublicKey::from_sec1_bytes(bytes).ok()?.as_affine();
        Some(Self { alone, affine })
    }
}

impl Key {
    /// Reads a verification method of a DID document: its `type` and `publicKeyMultibase`.
    ///
    /// Takes `Multikey`, and the two older types with a point of 33 or 65 bytes and no
    /// codec before it (atproto DID spec, "Legacy Representation"; official fixtures have
    /// both lengths).
    ///
    /// # Errors
    /// [`KeyError::Unsupported`] when it is another type of key, else what is wrong with it.
    pub fn from_method(kind: &str, multibase: &str) -> Result<Self, KeyError> {
        match kind {
            "Multikey" => Self::from_multikey(multibase),
            "EcdsaSecp256k1VerificationKey2019" => {
                Self::from_point(Curve::K256, &multikey::base58(multibase)?)
            }
            "EcdsaSecp256r1VerificationKey2019" => {
                Self::from_point(Curve::P256, &multikey::base58(multibase)?)
            }
            other => Err(KeyError::Unsupported(other.chars().take(100).collect())),
        }
    }

    /// Reads a `did:key:z…`.
    ///
    /// # Errors
    /// As [`Key::from_method`], and [`KeyError::NotADidKey`].
    pub fn from_did_key(text: &str) -> Result<Self, KeyError> {
        Self::from_multikey(text.strip_prefix("did:key:").ok_or(KeyError::NotADidKey)?)
    }

    fn from_multikey(text: &str) -> Result<Self, KeyError> {
        let (curve, point) = multikey::decode(text)?;
        if point.len() == 33 { Self::from_point(curve, &point) } else { Err(KeyError::Point) }
    }

    /// Reads a point in SEC 1 form, compressed or not. The libraries know more forms, down
    /// to DER, so the form is looked at before they are asked.
    fn from_point(curve: Curve, bytes: &[u8]) -> Result<Self, KeyError> {
        let point = match *bytes {
            [2 | 3, ..] => bytes.try_into().map_err(|_| KeyError::Point)?,
            [4, ..] => compress(bytes).ok_or(KeyError::Point)?,
            _ => return Err(KeyError::Point),
        };
        let verifier = match curve {
            Curve::K256 => k256::ecdsa::VerifyingKey::from_sec1_bytes(bytes)
                .map(Verifier::K256)
                .map_err(|_| KeyError::Point)?,
            Curve::P256 => {
                P256::read(bytes).map(|key| Verifier::P256(Arc::new(key))).ok_or(KeyError::Point)?
            }
        };
        Ok(Self { verifier, point })
    }

    /// The key as `did:key:z…`, whatever form it was read from.
    #[must_use]
    pub fn did_key(&self) -> String {
        format!("did:key:{}", multikey::encode(self.curve(), &self.point))
    }

    /// Whether `sig` is this key's signature over the SHA-256 of `message`.
    #[must_use]
    pub fn holds(&self, message: &[u8], sig: &[u8]) -> bool {
        self.check(message, sig).is_ok()
    }

    /// The same as [`Key::holds`], with the reason (atproto cryptography spec, "ECDSA
    /// Signature Malleability": `r` and `s` of 32 bytes each, low-S on both curves).
    ///
    /// # Errors
    /// The first thing that is wrong with the signature.
    pub fn check(&self, message: &[u8], sig: &[u8]) -> Result<(), SignatureFault> {
        has_form(self.curve(), sig)?;
        let holds = match &self.verifier {
            Verifier::K256(key) => k256::ecdsa::Signature::from_slice(sig)
                .and_then(|sig| key.verify_prehash(&Sha256::digest(message), &sig))
                .is_ok(),
            Verifier::P256(key) => key.alone.verify_sig(message, sig).is_ok(),
        };
        if holds { Ok(()) } else { Err(SignatureFault::Wrong) }
    }

    /// [`Key::check`] of each, in their order. Where the key has a table, or there are enough
    /// of them for one, they share the work and are done several times as fast.
    #[must_use]
    pub fn check_all(
        &self,
        asked: &[Signed<'_>],
        tables: &KeyTables,
    ) -> Vec<Result<(), SignatureFault>> {
        let together = match &self.verifier {
            Verifier::K256(key) => self.together::<Secp256k1>(key.as_affine(), asked, tables),
            Verifier::P256(key) => self.together::<NistP256>(&key.affine, asked, tables),
        };
        let one_by_one = || asked.iter().map(|one| self.check(one.message, one.sig)).collect();
        together.unwrap_or_else(one_by_one)
    }

    /// The same with a table of the key's point, where it has one or gets one.
    fn together<C: Group>(
        &self,
        affine: &AffinePoint<C>,
        asked: &[Signed<'_>],
        tables: &KeyTables,
    ) -> Option<Vec<Result<(), SignatureFault>>> {
        tables.with(&self.point, affine, asked.len(), |table: Table<'_, C>| {
            let digests = asked.iter().map(|one| (Sha256::digest(one.message).into(), one.sig));
            batch::check(&digests.collect::<Vec<_>>(), table)
        })
    }

    const fn curve(&self) -> Curve {
        match self.verifier {
            Verifier::K256(_) => Curve::K256,
            Verifier::P256(_) => Curve::P256,
        }
    }
}

/// The compressed form of an uncompressed point: `x`, and whether `y` is odd.
fn compress(bytes: &[u8]) -> Option<[u8; 33]> {
    let bytes: &[u8; 65] = bytes.try_into().ok()?;
    let (x, y) = bytes.get(1..)?.split_first_chunk::<32>()?;
    let odd = y.last()? & 1;
    let mut point = [2 + odd; 33];
    point.get_mut(1..)?.copy_from_slice(x);
    Some(point)
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.curve() == other.curve() && self.point == other.point
    }
}

impl Eq for Key {}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.did_key())
    }
}

#[cfg(test)]
mod tests;
