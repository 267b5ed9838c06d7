//! Basic authentication of user `admin` (RFC 7617).

use axum::http::HeaderValue;
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// Clients differ in whether they pad.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The hash of `admin:` and the password. Comparing hashes takes the same time whatever
/// was sent, and however long it or the password is.
pub(super) struct Password([u8; 32]);

impl Password {
    pub(super) fn new(password: &str) -> Self {
        Self(Sha256::digest(format!("admin:{password}")).into())
    }

    /// Whether an `Authorization` header names `admin` and this password.
    pub(super) fn opens(&self, header: &HeaderValue) -> bool {
        let Some(sent) = credentials(header) else { return false };
        let sent: [u8; 32] = Sha256::digest(sent).into();
        sent.ct_eq(&self.0).into()
    }
}

/// `user:password`, as bytes.
fn credentials(header: &HeaderValue) -> Option<Vec<u8>> {
    let (scheme, token) = header.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    BASE64.decode(token.trim()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_admin_with_the_password_is_let_in() {
        let password = Password::new("secret: ü");
        let encode = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
        let right = encode("admin:secret: ü");
        for (header, opens) in [
            (format!("Basic {right}"), true),
            (format!("basic  {right}"), true),
            (format!("Basic {}", right.trim_end_matches('=')), true),
            (format!("Bearer {right}"), false),
            (format!("Basic {}", encode("admin:secret")), false),
            (format!("Basic {}", encode("admin:secret: ü ")), false),
            (format!("Basic {}", encode("root:secret: ü")), false),
            (format!("Basic {}", encode("admin:")), false),
            (format!("Basic {}", encode("admin")), false),
            (format!("Basic {}", encode("")), false),
            ("Basic".to_owned(), false),
            ("Basic !!!".to_owned(), false),
            (right, false),
        ] {
            let value = HeaderValue::from_str(&header).unwrap();
            assert_eq!(password.opens(&value), opens, "{header}");
        }
    }
}
