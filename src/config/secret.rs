//! A text that must not be printed by accident.

use std::fmt;
use url::Url;

/// A password. `Debug` hides it, and there is no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps it.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text itself, for the one place that needs it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// An address in which there may be a user, a password, or a path that only its receiver knows.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretUrl(Url);

impl SecretUrl {
    /// Wraps it.
    #[must_use]
    pub const fn new(url: Url) -> Self {
        Self(url)
    }

    /// The address itself, for the one place that needs it.
    #[must_use]
    pub const fn reveal(&self) -> &Url {
        &self.0
    }
}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}/(secret)", self.0.scheme(), self.0.host_str().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_secret_is_in_what_is_printed_for_programmers() {
        let url = SecretUrl::new("https://me:hush@hook.test/hush?token=hush".parse().unwrap());
        assert_eq!(format!("{url:?}"), "https://hook.test/(secret)");
        assert_eq!(format!("{:?}", Secret::new("hush".to_owned())), "(secret)");
    }
}
