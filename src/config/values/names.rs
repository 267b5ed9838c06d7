//! Lists: of labelers, of host names, of what a filter takes. Spaces around an item and empty items are dropped, as
//! lists folded over several lines have them.

use super::Wrong;
use label::{Did, Hosts, syntax};

/// A labeler as an operator names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Named {
    /// By DID.
    Did(Did),
    /// By handle, in lower case.
    Handle(String),
}

/// DIDs that can be followed, and handles; each once.
pub(in crate::config) fn labelers(hosts: Hosts) -> impl Fn(&str) -> Result<Vec<Named>, Wrong> {
    move |text| distinct(text, |item| labeler(item, hosts))
}

fn labeler(item: &str, hosts: Hosts) -> Option<Named> {
    if item.starts_with("did:") {
        return Did::parse_followable(item, hosts).ok().map(Named::Did);
    }
    syntax::is_handle(item).then(|| Named::Handle(item.to_ascii_lowercase()))
}

/// Host names without port, in lower case; each once.
pub(in crate::config) fn names(text: &str) -> Result<Vec<String>, Wrong> {
    distinct(text, |item| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        let right = item.len() <= 253 && item.bytes().all(plain);
        right.then(|| item.to_ascii_lowercase())
    })
}

/// Texts that fit, as they were written; each once, and at least one.
pub(in crate::config) fn list(
    fits: impl Fn(&str) -> bool,
) -> impl Fn(&str) -> Result<Vec<String>, Wrong> {
    move |text| {
        let items = distinct(text, |item| fits(item).then(|| item.to_owned()))?;
        if items.is_empty() { Err(Wrong::value()) } else { Ok(items) }
    }
}

fn distinct<T: PartialEq>(text: &str, read: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, Wrong> {
    let mut list = Vec::new();
    for item in text.split(',').map(str::trim).filter(|item| !item.is_empty()) {
        let shown = || Wrong::called(format!("{:?}", item.chars().take(100).collect::<String>()));
        let value = read(item).ok_or_else(shown)?;
        if !list.contains(&value) {
            list.push(value);
        }
    }
    Ok(list)
}
