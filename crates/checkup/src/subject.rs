//! What somebody wants to have examined.

use label::{Did, Hosts, syntax};
use std::fmt;
use url::Url;

/// A labeler, as a person names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// By DID.
    Did(Did),
    /// By handle, in lower case.
    Handle(String),
    /// By where it serves. Only scheme, host and port count.
    Url(Url),
}

impl Subject {
    /// Reads a DID that can be looked up, a handle with or without `@`, or an http or https
    /// URL. `None`: it is none of these.
    #[must_use]
    pub fn parse(text: &str, hosts: Hosts) -> Option<Self> {
        if text.starts_with("did:") {
            return Did::parse_followable(text, hosts).ok().map(Self::Did);
        }
        if text.contains("://") {
            let mut url = Url::parse(text).ok()?;
            let plain = url.username().is_empty() && url.password().is_none();
            let web = matches!(url.scheme(), "http" | "https") && url.has_host() && plain;
            url.set_path("/");
            url.set_query(None);
            url.set_fragment(None);
            return web.then_some(Self::Url(url));
        }
        let handle = text.strip_prefix('@').unwrap_or(text);
        syntax::is_handle(handle).then(|| Self::Handle(handle.to_ascii_lowercase()))
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Did(did) => did.fmt(f),
            Self::Handle(handle) => f.write_str(handle),
            Self::Url(url) => f.write_str(url.as_str().trim_end_matches('/')),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_kinds_are_read_and_others_are_not() {
        let shown = |text: &str| Subject::parse(text, Hosts::Public).map(|read| read.to_string());
        for (text, expected) in [
            ("did:plc:ar7c4by46qjdydhdevvrndac", "did:plc:ar7c4by46qjdydhdevvrndac"),
            ("did:web:mod.example.com", "did:web:mod.example.com"),
            ("@Mod.Example.com", "mod.example.com"),
            ("https://Mod.example.com/xrpc/x?y#z", "https://mod.example.com"),
            ("http://mod.example.com:81", "http://mod.example.com:81"),
        ] {
            assert_eq!(shown(text).as_deref(), Some(expected), "{text}");
        }
        for text in ["", "did:key:z6Mk", "did:plc:short", "nodot", "ftp://a.b", "https://", "a b.c"]
        {
            assert_eq!(shown(text), None, "{text:?}");
        }
        assert_eq!(shown("https://me:pw@mod.example.com"), None);
    }
}
