//! Lists in pages: `limit`, and the opaque `cursor` that says where the next page begins.
//!
//! A cursor is the last item's own key behind the list's name, so it stays right while
//! the list changes, and one list's cursor is refused by another.

use crate::error::ApiError;
use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

const USUAL: usize = 100;
const MOST: usize = 1000;

/// The query of a request. Names nobody asks for are ignored.
#[derive(Debug)]
pub(crate) struct Asked(Vec<(String, String)>);

impl<S: Sync> FromRequestParts<S> for Asked {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let query = Query::try_from_uri(&parts.uri);
        let Query(pairs) = query.map_err(|error| ApiError::invalid(error.to_string()))?;
        Ok(Self(pairs))
    }
}

impl Asked {
    /// The value of a field that may be given once.
    pub(crate) fn one(&self, name: &str) -> Result<Option<&str>, ApiError> {
        let mut values = self.0.iter().filter(|(key, _)| key == name).map(|(_, value)| value);
        let first = values.next().map(String::as_str);
        match values.next() {
            None => Ok(first),
            Some(_) => Err(ApiError::invalid(format!("{name} is given more than once"))),
        }
    }

    /// All of it, in order.
    pub(crate) fn pairs(&self) -> &[(String, String)] {
        &self.0
    }

    /// Every value of a field that may be given more than once, in order.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// True or false; false if not said.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, ApiError> {
        match self.one(name)? {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(ApiError::invalid(format!("{name} must be true or false"))),
        }
    }

    /// How many items are wanted: 1-1000, 100 if not said.
    pub(crate) fn limit(&self) -> Result<usize, ApiError> {
        self.limit_of(USUAL, MOST)
    }

    /// The same in a list with limits of its own.
    pub(crate) fn limit_of(&self, usual: usize, most: usize) -> Result<usize, ApiError> {
        let Some(text) = self.one("limit")? else { return Ok(usual) };
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let limit = text.parse().ok().filter(|n| digits && (1..=most).contains(n));
        limit.ok_or_else(|| {
            ApiError::invalid(format!("limit must be a number from 1 to {most}, not {text:?}"))
        })
    }

    /// The cursor after this key.
    pub(crate) fn cursor(list: &str, key: &str) -> String {
        URL_SAFE_NO_PAD.encode(format!("{list} {key}"))
    }

    /// The key after which this list is to go on; `None` from its beginning. `read` turns
    /// text into such a key.
    pub(crate) fn after<K>(
        &self,
        list: &str,
        read: impl FnOnce(&str) -> Option<K>,
    ) -> Result<Option<K>, ApiError> {
        let Some(text) = self.one("cursor")? else { return Ok(None) };
        let key = URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| {
            let text = String::from_utf8(bytes).ok()?;
            read(text.strip_prefix(list)?.strip_prefix(' ')?)
        });
        key.map(Some).ok_or_else(|| ApiError::invalid("cursor is not one that this list gave"))
    }
}

/// Cuts one page from a list of which one item more than `limit` was fetched, and makes
/// the cursor for the next page if there is one.
pub(crate) fn cut<T>(
    list: &str,
    mut items: Vec<T>,
    limit: usize,
    key: impl FnOnce(&T) -> String,
) -> (Vec<T>, Option<String>) {
    let more = items.len() > limit;
    items.truncate(limit);
    let last = items.last().filter(|_| more);
    let cursor = last.map(|item| Asked::cursor(list, &key(item)));
    (items, cursor)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(pairs: &[(&str, &str)]) -> Asked {
        Asked(pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect())
    }

    fn number(text: &str) -> Option<i64> {
        text.parse().ok()
    }

    #[test]
    fn limits_go_from_1_to_1000() {
        assert_eq!(asked(&[]).limit().unwrap(), 100);
        for (text, expected) in [("1", 1), ("1000", 1000), ("007", 7)] {
            assert_eq!(asked(&[("limit", text)]).limit().unwrap(), expected);
        }
        for text in ["0", "1001", "", "-1", "+5", "1.5", "ten", "99999999999999999999999"] {
            assert!(asked(&[("limit", text)]).limit().is_err(), "{text:?}");
        }
        assert!(asked(&[("limit", "1"), ("limit", "1")]).limit().is_err());
    }

    #[test]
    fn a_cursor_leads_on_from_the_last_item_and_is_absent_at_the_end() {
        let (page, cursor) = cut("n", vec![9, 8, 7], 2, i64::to_string);
        assert_eq!(page, [9, 8]);
        let cursor = cursor.unwrap();
        assert_eq!(asked(&[("cursor", &cursor)]).after("n", number).unwrap(), Some(8));
        let (page, cursor) = cut("n", vec![7, 6], 2, i64::to_string);
        assert_eq!((page, cursor), (vec![7, 6], None));
    }

    #[test]
    fn a_cursor_from_elsewhere_is_refused() {
        let (_, cursor) = cut("n", vec![9, 8], 1, i64::to_string);
        assert!(asked(&[("cursor", &cursor.unwrap())]).after("m", number).is_err());
        for text in ["", "x", "!!", "8", "bm8"] {
            assert!(asked(&[("cursor", text)]).after("n", number).is_err(), "{text:?}");
        }
    }
}
