//! One file of the page, and how it is answered: always asked for again, and sent only when it is another one.

use crate::policy;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::sync::OnceLock;

/// So much of the hash is enough to tell two builds apart.
const TAG_BYTES: usize = 16;

/// A file, with what it is.
pub(crate) struct Asset {
    name: &'static str,
    kind: &'static str,
    bytes: &'static [u8],
    tag: OnceLock<String>,
}

pub(crate) static DOCUMENT: Asset =
    Asset::new("index.html", "text/html; charset=utf-8", include_bytes!("../dist/index.html"));

pub(crate) static FILES: [Asset; 3] = [
    Asset::new("app.js", "text/javascript; charset=utf-8", include_bytes!("../dist/page/app.js")),
    Asset::new("app.css", "text/css; charset=utf-8", include_bytes!("../dist/page/app.css")),
    Asset::new("icon.svg", "image/svg+xml", include_bytes!("../dist/page/icon.svg")),
];

impl Asset {
    const fn new(name: &'static str, kind: &'static str, bytes: &'static [u8]) -> Self {
        Self { name, kind, bytes, tag: OnceLock::new() }
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// A strong tag: the same for the same bytes, whatever the version.
    fn tag(&self) -> &str {
        self.tag.get_or_init(|| {
            let hash = Sha256::digest(self.bytes);
            let mut tag = String::from('"');
            for byte in hash.iter().take(TAG_BYTES) {
                // Writing into a text cannot fail.
                let _written = write!(tag, "{byte:02x}");
            }
            tag.push('"');
            tag
        })
    }

    /// The file, or that the asker has it.
    pub(crate) fn answer(&self, asked: &HeaderMap) -> Response {
        let tag = self.tag();
        let mut response = if has(asked, tag) {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            ([(CONTENT_TYPE, self.kind)], self.bytes).into_response()
        };
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        if let Ok(tag) = HeaderValue::from_str(tag) {
            headers.insert(ETAG, tag);
        }
        policy::put(headers);
        response
    }
}

/// Whether one of the tags that the asker holds is this one; proxies may have weakened it (RFC 9110, 13.1.2).
fn has(asked: &HeaderMap, tag: &str) -> bool {
    let texts = asked.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut held = texts.flat_map(|text| text.split(',')).map(str::trim);
    held.any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == tag)
}
