//! Keys and signatures, held against the curves' own libraries.

use super::*;
use crate::shape::half_order;
use k256::ecdsa::signature::hazmat::PrehashSigner;
use proptest::prelude::*;

/// A curve's own library: makes keys and signatures, and gives a second opinion.
trait Stock {
    const CURVE: Curve;
    const LEGACY: &'static str;
    /// The order of the group.
    const ORDER: [u8; 32];
    fn point(secret: u8, compressed: bool) -> Vec<u8>;
    fn sign(secret: u8, message: &[u8]) -> [u8; 64];
    /// Whether the library takes it, `s` being low.
    fn holds(secret: u8, message: &[u8], sig: &[u8]) -> bool;
}

macro_rules! stock {
    ($name:ident, $library:ident, $curve:expr, $legacy:expr, $order:expr) => {
        struct $name;

        impl $name {
            fn signer(secret: u8) -> $library::ecdsa::SigningKey {
                $library::ecdsa::SigningKey::from_slice(&[secret; 32]).unwrap()
            }
        }

        impl Stock for $name {
            const CURVE: Curve = $curve;
            const LEGACY: &'static str = $legacy;
            const ORDER: [u8; 32] = *$order;

            fn point(secret: u8, compressed: bool) -> Vec<u8> {
                Self::signer(secret).verifying_key().to_sec1_point(compressed).as_bytes().into()
            }

            fn sign(secret: u8, message: &[u8]) -> [u8; 64] {
                let sig: $library::ecdsa::Signature =
                    Self::signer(secret).sign_prehash(&Sha256::digest(message)).unwrap();
                sig.normalize_s().to_bytes().into()
            }

            fn holds(secret: u8, message: &[u8], sig: &[u8]) -> bool {
                let digest = Sha256::digest(message);
                $library::ecdsa::Signature::from_slice(sig).is_ok_and(|sig| {
                    let key = *Self::signer(secret).verifying_key();
                    sig == sig.normalize_s() && key.verify_prehash(&digest, &sig).is_ok()
                })
            }
        }
    };
}

stock!(
    K,
    k256,
    Curve::K256,
    "EcdsaSecp256k1VerificationKey2019",
    b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe\
      \xba\xae\xdc\xe6\xaf\x48\xa0\x3b\xbf\xd2\x5e\x8c\xd0\x36\x41\x41"
);
stock!(
    P,
    p256,
    Curve::P256,
    "EcdsaSecp256r1VerificationKey2019",
    b"\xff\xff\xff\xff\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\
      \xbc\xe6\xfa\xad\xa7\x17\x9e\x84\xf3\xb9\xca\xc2\xfc\x63\x25\x51"
);

fn key_of<S: Stock>(secret: u8) -> Key {
    Key::from_point(S::CURVE, &S::point(secret, true)).unwrap()
}

fn z(bytes: &[u8]) -> String {
    format!("z{}", bs58::encode(bytes).into_string())
}

/// `minuend - subtrahend`, both of 32 bytes.
fn minus(minuend: [u8; 32], subtrahend: &[u8]) -> [u8; 32] {
    let mut difference = [0; 32];
    let mut borrow = 0;
    for at in (0..32).rev() {
        let digit = i16::from(minuend[at]) - i16::from(subtrahend[at]) - borrow;
        borrow = i16::from(digit < 0);
        difference[at] = u8::try_from(digit.rem_euclid(256)).unwrap();
    }
    difference
}

/// One plus a number of 32 bytes that does not end in 0xff.
fn one_more(mut number: [u8; 32]) -> [u8; 32] {
    number[31] += 1;
    number
}

fn every_form_of_a_key_is_the_same_key<S: Stock>() {
    let key = key_of::<S>(7);
    let (short, long) = (S::point(7, true), S::point(7, false));
    for point in [&short, &long] {
        assert_eq!(Key::from_method(S::LEGACY, &z(point)).as_ref(), Ok(&key));
    }
    let text = multikey::encode(S::CURVE, &key.point);
    assert_eq!(Key::from_method("Multikey", &text).as_ref(), Ok(&key));
    assert_eq!(key.did_key(), format!("did:key:{text}"));
    assert_eq!(Key::from_did_key(&key.did_key()).as_ref(), Ok(&key));
    assert_ne!(key_of::<S>(8), key);
}

#[test]
fn every_form_of_a_key_is_the_same_key_on_both_curves() {
    every_form_of_a_key_is_the_same_key::<K>();
    every_form_of_a_key_is_the_same_key::<P>();
    assert_ne!(key_of::<K>(7), key_of::<P>(7));
}

fn what_is_no_point_is_no_key<S: Stock>() {
    let (short, long) = (S::point(7, true), S::point(7, false));
    let mut off_curve = long.clone();
    off_curve[64] ^= 1;
    let other_tag = |tag: u8, point: &[u8]| [&[tag], &point[1..]].concat();
    let mut bad = vec![vec![], vec![0], short[..32].to_vec(), [&short[..], &[0]].concat()];
    bad.extend([long[..64].to_vec(), off_curve, [&long[..], &[0]].concat()]);
    // Infinity, the compact form, hybrid forms, and a coordinate beyond the field.
    bad.extend([vec![0; 33], other_tag(5, &short), other_tag(6, &long), other_tag(7, &long)]);
    bad.extend([[&[2][..], &[0xff; 32]].concat(), other_tag(4, &short), other_tag(2, &long)]);
    // What a Multikey holds, where the codec is left out.
    bad.push([&S::CURVE.codec()[..], &short].concat());
    for point in bad {
        assert_eq!(Key::from_method(S::LEGACY, &z(&point)), Err(KeyError::Point), "{point:x?}");
    }
    let long = [&S::CURVE.codec()[..], &long].concat();
    assert_eq!(Key::from_method("Multikey", &z(&long)), Err(KeyError::Point));
}

#[test]
fn what_is_no_point_is_no_key_on_either_curve() {
    what_is_no_point_is_no_key::<K>();
    what_is_no_point_is_no_key::<P>();
}

#[test]
fn other_types_of_keys_are_named() {
    let error = Key::from_method("Ed25519VerificationKey2020", "z6Mk").unwrap_err();
    assert_eq!(error, KeyError::Unsupported("Ed25519VerificationKey2020".into()));
    assert_eq!(Key::from_did_key("zQ3sh"), Err(KeyError::NotADidKey));
}

fn only_64_bytes_and_low_s_hold<S: Stock>() {
    let (key, message) = (key_of::<S>(7), b"a label");
    let sig = S::sign(7, message);
    assert_eq!(key.check(message, &sig), Ok(()));
    assert_eq!(key.check(b"another", &sig), Err(SignatureFault::Wrong));
    assert_eq!(key_of::<S>(8).check(message, &sig), Err(SignatureFault::Wrong));
    let high = [&sig[..32], &minus(S::ORDER, &sig[32..])].concat();
    assert_eq!(key.check(message, &high), Err(SignatureFault::HighS));
    for length in [0, 32, 63, 65, 96, 128] {
        let other: Vec<u8> = sig.iter().copied().cycle().take(length).collect();
        assert_eq!(key.check(message, &other), Err(SignatureFault::Length(length)));
    }
}

#[test]
fn only_64_bytes_and_low_s_hold_on_both_curves() {
    only_64_bytes_and_low_s_hold::<K>();
    only_64_bytes_and_low_s_hold::<P>();
}

fn low_ends_at_half_the_order<S: Stock>() {
    let (key, half) = (key_of::<S>(7), half_order(S::CURVE));
    assert_eq!(minus(S::ORDER, &half), one_more(half), "an odd order has two halves");
    let sig = |s: [u8; 32]| [[1; 32], s].concat();
    assert_eq!(key.check(b"", &sig(half)), Err(SignatureFault::Wrong));
    assert_eq!(key.check(b"", &sig(one_more(half))), Err(SignatureFault::HighS));
}

#[test]
fn low_ends_at_half_the_order_on_both_curves() {
    low_ends_at_half_the_order::<K>();
    low_ends_at_half_the_order::<P>();
}

/// One half of a signature: at and around the edges, or anything.
fn half<S: Stock>() -> impl Strategy<Value = Option<[u8; 32]>> {
    let one = one_more([0; 32]);
    let order = S::ORDER;
    let edges = [[0; 32], one, minus(order, &one), order, one_more(order), [0xff; 32]];
    prop_oneof![
        // Mostly left alone, so that enough of the signatures are good ones.
        6 => Just(None),
        1 => proptest::sample::select(edges.to_vec()).prop_map(Some),
        1 => any::<[u8; 32]>().prop_map(Some),
    ]
}

/// Alone, and among so many that there is a table for them, which must agree.
fn holds(key: &Key, message: &[u8], sig: &[u8]) -> bool {
    let checked = key.check(message, sig);
    let all = key.check_all(&[Signed { message, sig }; 100], &KeyTables::new(1));
    assert_eq!(all, [checked; 100]);
    checked.is_ok()
}

fn second_opinion<S: Stock>(
    signer: u8,
    (r, s): (Option<[u8; 32]>, Option<[u8; 32]>),
    flip: Option<usize>,
    high: bool,
) -> (bool, bool, bool) {
    let message = b"what was said";
    let mut sig = S::sign(signer, message);
    if let Some(r) = r {
        sig[..32].copy_from_slice(&r);
    }
    if let Some(s) = s {
        sig[32..].copy_from_slice(&s);
    }
    if let Some(bit) = flip {
        sig[bit / 8] ^= 1 << (bit % 8);
    }
    if high && s.is_none() {
        let other = minus(S::ORDER, &sig[32..]);
        sig[32..].copy_from_slice(&other);
    }
    let genuine = signer == 1 && sig == S::sign(1, message);
    (holds(&key_of::<S>(1), message, &sig), S::holds(1, message, &sig), genuine)
}

macro_rules! opinions {
    ($name:ident, $stock:ty) => {
        proptest! {
            #[test]
            fn $name(
                signer in 1u8..3,
                halves in (half::<$stock>(), half::<$stock>()),
                flip in proptest::option::weighted(0.3, 0usize..512),
                high in proptest::bool::weighted(0.3),
            ) {
                let (ours, theirs, genuine) =
                    second_opinion::<$stock>(signer, halves, flip, high);
                prop_assert_eq!(ours, theirs);
                prop_assert_eq!(ours, genuine, "nobody finds a second signature by chance");
            }
        }
    };
}

opinions!(k256_signatures_are_told_as_the_stock_library_does, K);
opinions!(p256_signatures_are_told_as_the_stock_library_does, P);

proptest! {
    #[test]
    fn der_never_holds(secret in 1u8..20, message: [u8; 8]) {
        let k = k256::ecdsa::Signature::from_slice(&K::sign(secret, &message)).unwrap();
        prop_assert!(!key_of::<K>(secret).holds(&message, k.to_der().as_bytes()));
        let p = p256::ecdsa::Signature::from_slice(&P::sign(secret, &message)).unwrap();
        prop_assert!(!key_of::<P>(secret).holds(&message, p.to_der().as_bytes()));
    }

    #[test]
    fn no_text_makes_reading_a_key_panic(text in "z?\\PC{0,100}", kind in 0usize..3) {
        let kind = ["Multikey", K::LEGACY, P::LEGACY][kind];
        let again = Key::from_method(kind, &text).map(|key| Key::from_did_key(&key.did_key()));
        prop_assert!(again.is_err() || again.is_ok_and(|again| again.is_ok()));
    }

    #[test]
    fn any_33_bytes_are_a_key_exactly_when_the_stock_library_says_so(
        tag in 1u8..7,
        x: [u8; 32],
    ) {
        let point = [&[tag][..], &x].concat();
        let compressed = matches!(tag, 2 | 3);
        let k = k256::ecdsa::VerifyingKey::from_sec1_bytes(&point).is_ok() && compressed;
        prop_assert_eq!(Key::from_point(Curve::K256, &point).is_ok(), k);
        let p = p256::ecdsa::VerifyingKey::from_sec1_bytes(&point).is_ok() && compressed;
        prop_assert_eq!(Key::from_point(Curve::P256, &point).is_ok(), p);
    }
}
