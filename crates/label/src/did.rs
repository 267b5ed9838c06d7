//! Decentralized identifiers, as far as atproto uses them.

use std::fmt;
use std::sync::Arc;

/// A syntactically valid DID (atproto DID spec, "Syntax"; at most 2048 bytes).
///
/// Being valid does not mean that we can look it up: see [`Did::check_followable`].
/// Cloning is cheap.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Did(Arc<str>);

/// Which hosts a did:web may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hosts {
    /// Host names with a dot, on the usual port.
    Public,
    /// Also `localhost`, and a port (`%3A8080`), for development.
    Private,
}

/// Why a text is not a DID that can be followed. The message names the DID.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DidError {
    /// Not a DID at all.
    #[error("{0:?} is not a DID")]
    Syntax(String),
    /// did:plc that is not 24 characters of base32.
    #[error("{0} is not a did:plc: it takes 24 characters of a-z and 2-7")]
    Plc(Did),
    /// did:web that is not a plain host name.
    #[error("{0} is not a did:web that can be looked up: it takes a host name and no path")]
    Web(Did),
    /// A DID method that atproto does not use.
    #[error("{0} is neither did:plc nor did:web")]
    Method(Did),
}

impl Did {
    /// Reads a DID.
    ///
    /// # Errors
    /// [`DidError::Syntax`] when it is none.
    pub fn parse(text: &str) -> Result<Self, DidError> {
        if crate::syntax::is_did(text) {
            Ok(Self(text.into()))
        } else {
            Err(DidError::Syntax(text.chars().take(100).collect()))
        }
    }

    /// Reads a DID that can be looked up: `did:plc`, or `did:web` with a host only.
    ///
    /// # Errors
    /// Any [`DidError`].
    pub fn parse_followable(text: &str, hosts: Hosts) -> Result<Self, DidError> {
        let did = Self::parse(text)?;
        did.check_followable(hosts)?;
        Ok(did)
    }

    /// Whether a document can be asked for: did:plc of 24 base32 characters, or did:web
    /// with a host name and nothing else (atproto DID spec, "Blessed DID Methods").
    ///
    /// # Errors
    /// Which rule it breaks.
    pub fn check_followable(&self, hosts: Hosts) -> Result<(), DidError> {
        if let Some(id) = self.0.strip_prefix("did:plc:") {
            let base32 = |byte: u8| byte.is_ascii_lowercase() || (b'2'..=b'7').contains(&byte);
            let ok = id.len() == 24 && id.bytes().all(base32);
            return if ok { Ok(()) } else { Err(DidError::Plc(self.clone())) };
        }
        match self.0.strip_prefix("did:web:") {
            Some(host) if is_web_host(host, hosts) => Ok(()),
            Some(_) => Err(DidError::Web(self.clone())),
            None => Err(DidError::Method(self.clone())),
        }
    }

    /// The host (and `:port`) of a did:web; `None` for other methods.
    #[must_use]
    pub fn web_host(&self) -> Option<String> {
        let host = self.0.strip_prefix("did:web:")?;
        Some(host.replace("%3A", ":").replace("%3a", ":"))
    }

    /// The DID as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_web_host(text: &str, hosts: Hosts) -> bool {
    let (host, port) = match text.split_once("%3A").or_else(|| text.split_once("%3a")) {
        Some((host, port)) => (host, Some(port)),
        None => (text, None),
    };
    if let Some(port) = port {
        let number = port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok();
        if hosts == Hosts::Public || !number {
            return false;
        }
    }
    crate::syntax::is_handle(host) || (hosts == Hosts::Private && host == "localhost")
}

impl fmt::Display for Did {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Did {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for Did {
    fn as_ref(&self) -> &str {
        &self.0
    }
}
