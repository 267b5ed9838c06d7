//! What a reader asks for: where to begin, and whose labels.

use label::{Did, EventId};
use std::collections::HashSet;

/// Labelers that may be named in one request.
const MOST: usize = 1000;

/// A request, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) from: From,
    /// Whose labels; `None`: everybody's.
    pub(crate) src: Option<HashSet<Did>>,
}

/// Where to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum From {
    /// With what comes from now on.
    Now,
    /// After this one; the whole log if that is its beginning.
    After(EventId),
    /// After something that cannot be there yet.
    Beyond,
}

impl Asked {
    /// Reads the query. Names that nobody asks for are ignored.
    pub(crate) fn read(query: &[(String, String)]) -> Result<Self, String> {
        let all = |name: &'static str| {
            query.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
        };
        let mut cursors = all("cursor");
        let from = cursors.next().map_or(Ok(From::Now), from)?;
        if cursors.next().is_some() {
            return Err("cursor is given more than once".into());
        }
        let src = all("src").map(|text| Did::parse(text).map_err(|error| error.to_string()));
        let src = src.collect::<Result<HashSet<Did>, String>>()?;
        if src.len() > MOST {
            return Err(format!("src is given more than {MOST} times"));
        }
        Ok(Self { from, src: (!src.is_empty()).then_some(src) })
    }
}

/// A cursor below 0 asks for everything, as it does at the servers of labelers.
fn from(text: &str) -> Result<From, String> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        let text: String = text.chars().take(50).collect();
        return Err(format!("cursor must be a whole number, not {text:?}"));
    }
    if text.starts_with('-') {
        return Ok(From::After(EventId::START));
    }
    let number = text.parse().ok().and_then(EventId::new);
    Ok(number.map_or(From::Beyond, From::After))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &[(&str, &str)]) -> Result<Asked, String> {
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        Asked::read(&query.iter().map(owned).collect::<Vec<_>>())
    }

    #[test]
    fn a_cursor_says_where_to_begin() {
        let after = |id| From::After(EventId::new(id).unwrap());
        for (text, expected) in [
            ("0", after(0)),
            ("-1", after(0)),
            ("007", after(7)),
            ("9007199254740991", after(label::MAX_NUMBER)),
            ("9007199254740992", From::Beyond),
            ("99999999999999999999999", From::Beyond),
        ] {
            assert_eq!(read(&[("cursor", text)]).unwrap().from, expected, "{text}");
        }
        assert_eq!(read(&[("other", "x")]).unwrap(), Asked { from: From::Now, src: None });
        for text in ["", "-", "abc", "1.5", "+1", " 1", "0x1"] {
            assert!(read(&[("cursor", text)]).is_err(), "{text:?}");
        }
        assert!(read(&[("cursor", "1"), ("cursor", "1")]).is_err());
    }

    #[test]
    fn sources_can_be_chosen() {
        let (ann, bob) = ("did:web:ann.test", "did:web:bob.test");
        let src = read(&[("src", ann), ("src", bob), ("src", ann)]).unwrap().src.unwrap();
        assert_eq!(src.len(), 2);
        assert!(read(&[("src", ann), ("src", "nobody")]).is_err());
    }
}
