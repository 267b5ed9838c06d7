//! Keys that sign labels, on both curves, and every form in which a DID document may show
//! them.
//!
//! [`SigningKey::sign_many`] is for large backlogs. It is quick because its nonces are
//! consecutive: a signature costs a point addition and a share of an inversion. Anybody
//! can compute the secret from two such signatures, so these keys are good for tests and
//! for nothing else.

use k256::ecdsa::signature::hazmat::PrehashSigner;
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// The two curves of AT Protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Curve {
    /// secp256k1, which nearly every labeler uses.
    K256,
    /// NIST P-256.
    P256,
}

/// A key that signs labels. Cloning it is cheap.
#[derive(Debug, Clone)]
pub struct SigningKey(Arc<Secret>);

#[derive(Debug)]
enum Secret {
    K256(k256::ecdsa::SigningKey),
    P256(p256::ecdsa::SigningKey),
}

impl SigningKey {
    /// The secp256k1 key of a seed.
    #[must_use]
    pub fn k256(seed: u64) -> Self {
        Self::of(Curve::K256, seed)
    }

    /// The P-256 key of a seed.
    #[must_use]
    pub fn p256(seed: u64) -> Self {
        Self::of(Curve::P256, seed)
    }

    /// The key of a seed on a curve.
    #[must_use]
    #[expect(
        clippy::expect_used,
        reason = "one digest in 2^32 (P-256) is no key; take another seed"
    )]
    pub fn of(curve: Curve, seed: u64) -> Self {
        let bytes = Sha256::digest(format!("labeltap test key {curve:?} {seed}"));
        Self(Arc::new(match curve {
            Curve::K256 => Secret::K256(
                k256::ecdsa::SigningKey::from_slice(&bytes).expect("a seed that gives a key"),
            ),
            Curve::P256 => Secret::P256(
                p256::ecdsa::SigningKey::from_slice(&bytes).expect("a seed that gives a key"),
            ),
        }))
    }

    /// Its curve.
    #[must_use]
    pub fn curve(&self) -> Curve {
        match *self.0 {
            Secret::K256(_) => Curve::K256,
            Secret::P256(_) => Curve::P256,
        }
    }

    /// The public key as a SEC1 point: 33 bytes compressed, 65 not.
    #[must_use]
    pub fn point(&self, compressed: bool) -> Vec<u8> {
        match &*self.0 {
            Secret::K256(key) => key.verifying_key().to_sec1_point(compressed).as_bytes().to_vec(),
            Secret::P256(key) => key.verifying_key().to_sec1_point(compressed).as_bytes().to_vec(),
        }
    }

    /// The public key as `publicKeyMultibase` of a Multikey: `zQ3s…` or `zDn…`.
    #[must_use]
    pub fn multikey(&self) -> String {
        let prefix: [u8; 2] = match self.curve() {
            Curve::K256 => [0xe7, 0x01],
            Curve::P256 => [0x80, 0x24],
        };
        multibase(&[prefix.as_slice(), &self.point(true)].concat())
    }

    /// The public key as `did:key:z…`.
    #[must_use]
    pub fn did_key(&self) -> String {
        format!("did:key:{}", self.multikey())
    }

    /// The type and `publicKeyMultibase` of the key in the form that directories wrote
    /// until 2023: the bare point, of 65 bytes by the specification, of 33 in the wild.
    #[must_use]
    pub fn legacy(&self, compressed: bool) -> (&'static str, String) {
        let kind = match self.curve() {
            Curve::K256 => "EcdsaSecp256k1VerificationKey2019",
            Curve::P256 => "EcdsaSecp256r1VerificationKey2019",
        };
        (kind, multibase(&self.point(compressed)))
    }

    /// Signs a message as the specification wants it: SHA-256, 64 bytes, low S.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.sign_digest(&Sha256::digest(message).into())
    }

    /// Signs a SHA-256 digest.
    #[must_use]
    #[expect(clippy::expect_used, reason = "signing 32 bytes with a valid key does not fail")]
    pub fn sign_digest(&self, digest: &[u8; 32]) -> [u8; 64] {
        match &*self.0 {
            Secret::K256(key) => {
                let signature: k256::ecdsa::Signature =
                    key.sign_prehash(digest).expect("a digest of 32 bytes");
                signature.normalize_s().to_bytes().into()
            }
            Secret::P256(key) => {
                let signature: p256::ecdsa::Signature =
                    key.sign_prehash(digest).expect("a digest of 32 bytes");
                signature.normalize_s().to_bytes().into()
            }
        }
    }

    /// The same signature with `n - s` for `s`. It verifies where nobody checks for low S.
    #[must_use]
    pub fn sign_high_s(&self, message: &[u8]) -> [u8; 64] {
        let low = self.sign(message);
        match self.curve() {
            Curve::K256 => k256_high_s(&low),
            Curve::P256 => p256_high_s(&low),
        }
    }

    /// The same signature as ASN.1 DER.
    #[must_use]
    #[expect(clippy::expect_used, reason = "it was made a line before")]
    pub fn sign_der(&self, message: &[u8]) -> Vec<u8> {
        let compact = self.sign(message);
        match self.curve() {
            Curve::K256 => k256::ecdsa::Signature::from_slice(&compact)
                .expect("a signature")
                .to_der()
                .as_bytes()
                .to_vec(),
            Curve::P256 => p256::ecdsa::Signature::from_slice(&compact)
                .expect("a signature")
                .to_der()
                .as_bytes()
                .to_vec(),
        }
    }

    /// Signs many digests at once, some thirty times as fast as one by one.
    #[must_use]
    pub fn sign_many(&self, digests: &[[u8; 32]]) -> Vec<[u8; 64]> {
        match &*self.0 {
            Secret::K256(key) => k256_many(key, digests),
            Secret::P256(key) => p256_many(key, digests),
        }
    }
}

fn multibase(bytes: &[u8]) -> String {
    format!("z{}", bs58::encode(bytes).into_string())
}

/// Both curve crates offer the same arithmetic under the same names.
macro_rules! arithmetic {
    ($curve:ident, $many:ident, $high_s:ident) => {
        fn $many(key: &$curve::ecdsa::SigningKey, digests: &[[u8; 32]]) -> Vec<[u8; 64]> {
            use $curve::elliptic_curve::{BatchNormalize, ops::Reduce, point::AffineCoordinates};
            use $curve::{AffinePoint, FieldBytes, ProjectivePoint, Scalar};
            let Some(some) = digests.first() else { return Vec::new() };
            let secret: &Scalar = key.as_nonzero_scalar();
            // Anything that differs between calls will do, and that the seed decides.
            let mut hash = Sha256::new_with_prefix(secret.to_bytes());
            hash.update(some);
            let first = Scalar::reduce(&FieldBytes::from(<[u8; 32]>::from(hash.finalize())));

            let (mut nonce, mut point) = (first, ProjectivePoint::GENERATOR * first);
            let mut nonces = Vec::with_capacity(digests.len());
            let mut points = Vec::with_capacity(digests.len());
            for _ in digests {
                nonces.push(nonce);
                points.push(point);
                nonce += Scalar::ONE;
                point += AffinePoint::GENERATOR;
            }

            // Inverts all nonces by one inversion: products forward, then back.
            let mut product = Scalar::ONE;
            let before: Vec<Scalar> = nonces
                .iter()
                .map(|nonce| {
                    let so_far = product;
                    product *= nonce;
                    so_far
                })
                .collect();
            let mut rest = product.invert().expect("no nonce is zero");
            for (nonce, before) in nonces.iter_mut().zip(&before).rev() {
                let inverse = rest * before;
                rest *= &*nonce;
                *nonce = inverse;
            }

            let points: Vec<AffinePoint> = ProjectivePoint::batch_normalize(points.as_slice());
            let parts = points.iter().zip(&nonces).zip(digests);
            parts
                .map(|((point, inverse), digest)| {
                    let r = Scalar::reduce(&point.x());
                    let s = *inverse * (Scalar::reduce(&FieldBytes::from(*digest)) + r * secret);
                    let signature = $curve::ecdsa::Signature::from_scalars(r, s).expect("not zero");
                    signature.normalize_s().to_bytes().into()
                })
                .collect()
        }

        fn $high_s(low: &[u8; 64]) -> [u8; 64] {
            let signature = $curve::ecdsa::Signature::from_slice(low).expect("a signature");
            let (r, s) = signature.split_scalars();
            let high = $curve::ecdsa::Signature::from_scalars(*r, -*s).expect("not zero");
            high.to_bytes().into()
        }
    };
}

arithmetic!(k256, k256_many, k256_high_s);
arithmetic!(p256, p256_many, p256_high_s);

#[cfg(test)]
mod tests {
    use super::*;
    use k256::ecdsa::signature::hazmat::PrehashVerifier;

    /// What the stock crates say, asked through the public key only. `None`: no signature.
    fn holds(key: &SigningKey, message: &[u8], signature: &[u8]) -> Option<bool> {
        let digest = Sha256::digest(message);
        let point = key.point(true);
        match key.curve() {
            Curve::K256 => {
                let key = k256::ecdsa::VerifyingKey::from_sec1_bytes(&point).unwrap();
                let signature = k256::ecdsa::Signature::from_slice(signature).ok()?;
                Some(key.verify_prehash(&digest, &signature).is_ok())
            }
            Curve::P256 => {
                let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(&point).unwrap();
                let signature = p256::ecdsa::Signature::from_slice(signature).ok()?;
                Some(key.verify_prehash(&digest, &signature).is_ok())
            }
        }
    }

    fn is_low(curve: Curve, signature: &[u8; 64]) -> bool {
        match curve {
            Curve::K256 => {
                let signature = k256::ecdsa::Signature::from_slice(signature).unwrap();
                signature.normalize_s() == signature
            }
            Curve::P256 => {
                let signature = p256::ecdsa::Signature::from_slice(signature).unwrap();
                signature.normalize_s() == signature
            }
        }
    }

    const CURVES: [Curve; 2] = [Curve::K256, Curve::P256];

    #[test]
    fn a_signature_holds_under_the_stock_crates_and_is_low() {
        for curve in CURVES {
            let key = SigningKey::of(curve, 7);
            for message in [b"one".as_slice(), b"two", b"three", b""] {
                let signature = key.sign(message);
                assert_eq!(holds(&key, message, &signature), Some(true));
                assert_eq!(holds(&key, b"other", &signature), Some(false));
                assert!(is_low(curve, &signature));
            }
        }
    }

    #[test]
    fn many_signatures_at_once_hold_are_low_and_differ() {
        for curve in CURVES {
            let key = SigningKey::of(curve, 1);
            let messages: Vec<_> = (0..100_u32).map(u32::to_be_bytes).collect();
            let digests: Vec<[u8; 32]> =
                messages.iter().map(|message| Sha256::digest(message).into()).collect();
            let signatures = key.sign_many(&digests);
            for (message, signature) in messages.iter().zip(&signatures) {
                assert_eq!(holds(&key, message, signature), Some(true));
                assert!(is_low(curve, signature));
            }
            let different: std::collections::BTreeSet<_> = signatures.iter().collect();
            assert_eq!(different.len(), 100);
            assert!(key.sign_many(&[]).is_empty());
        }
    }

    #[test]
    fn the_faulty_forms_are_the_same_signature_written_differently() {
        for curve in CURVES {
            let key = SigningKey::of(curve, 3);
            let (low, high) = (key.sign(b"m"), key.sign_high_s(b"m"));
            assert!(!is_low(curve, &high));
            assert_eq!(low[..32], high[..32]);
            let der = key.sign_der(b"m");
            assert_eq!(der[0], 0x30);
            assert_ne!(der.len(), 64);
        }
    }

    #[test]
    fn keys_are_written_in_the_forms_of_the_specification() {
        assert!(SigningKey::k256(1).did_key().starts_with("did:key:zQ3s"));
        assert!(SigningKey::p256(1).did_key().starts_with("did:key:zDn"));
        let (kind, long) = SigningKey::p256(1).legacy(false);
        assert_eq!(kind, "EcdsaSecp256r1VerificationKey2019");
        let point = bs58::decode(&long[1..]).into_vec().unwrap();
        assert_eq!((point.len(), point[0]), (65, 4));
        let (_, short) = SigningKey::k256(1).legacy(true);
        assert_eq!(bs58::decode(&short[1..]).into_vec().unwrap().len(), 33);
    }

    #[test]
    fn a_seed_always_gives_the_same_key() {
        assert_eq!(SigningKey::k256(5).did_key(), SigningKey::k256(5).did_key());
        assert_ne!(SigningKey::k256(5).did_key(), SigningKey::k256(6).did_key());
    }
}
