//! The signature of a body: HMAC-SHA256 under a secret that the receiver knows too.

use aws_lc_rs::hmac;
use std::fmt::Write as _;

/// The value of `Labeltap-Signature`.
pub(super) fn signature(secret: &str, body: &[u8]) -> String {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), body);
    let mut text = "sha256=".to_owned();
    for byte in tag.as_ref() {
        let _a_string_takes_all = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::{Digest, Sha256};

    /// HMAC as RFC 2104 spells it out.
    fn by_hand(secret: &[u8], body: &[u8]) -> String {
        let mut key = [0; 64];
        if secret.len() > 64 {
            key[..32].copy_from_slice(&Sha256::digest(secret));
        } else {
            key[..secret.len()].copy_from_slice(secret);
        }
        let padded = |pad: u8| key.map(|byte| byte ^ pad);
        let inner = Sha256::new().chain_update(padded(0x36)).chain_update(body).finalize();
        let outer = Sha256::new().chain_update(padded(0x5c)).chain_update(inner).finalize();
        outer.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn a_signature_is_what_the_rfc_says() {
        // RFC 4231, test case 2.
        assert_eq!(
            signature("Jefe", b"what do ya want for nothing?"),
            "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        for secret in ["", "s3cret", "\u{e4}\u{f6}", &"long".repeat(40)] {
            for body in ["", "{\"id\":1}", &"x".repeat(1000)] {
                let expected = format!("sha256={}", by_hand(secret.as_bytes(), body.as_bytes()));
                assert_eq!(signature(secret, body.as_bytes()), expected);
            }
        }
    }
}
