//! What a connection asks for: the query of `/channel` (contract sections 4 and 5).

/// Built step by step, then given to [`Settings`](crate::Settings) as its `query`:
///
/// ```
/// use client::{Query, Settings};
///
/// let query = Query::default().consumer("feeds").val(["spam", "porn*"]).subject(["account"]);
/// let settings = Settings {
///     url: "http://127.0.0.1:2480".parse().unwrap(),
///     password: None,
///     query: query.into(),
/// };
/// # assert_eq!(settings.query.len(), 3);
/// ```
///
/// The filter fields narrow this connection only; what it does not take stays owed to its
/// consumer. Fields are ANDed, the values of one are ORed. A field without values is left
/// out, a field given twice counts as given last. Values are separated by commas on the way, so a
/// value cannot have one in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    pairs: Vec<(String, String)>,
}

impl Query {
    /// Reads as this consumer instead of `default`.
    #[must_use]
    pub fn consumer(self, name: &str) -> Self {
        self.list("consumer", [name])
    }

    /// The event types to take, `label` alone if none are named.
    #[must_use]
    pub fn types<S: AsRef<str>>(self, types: impl IntoIterator<Item = S>) -> Self {
        self.list("types", types)
    }

    /// Asks for each label's CBOR as received.
    #[must_use]
    pub fn raw(self) -> Self {
        self.list("raw", ["true"])
    }

    /// Only labels of these labelers, by DID.
    #[must_use]
    pub fn src<S: AsRef<str>>(self, dids: impl IntoIterator<Item = S>) -> Self {
        self.list("src", dids)
    }

    /// Only these values; `abc*` takes all that begin with `abc`.
    #[must_use]
    pub fn val<S: AsRef<str>>(self, values: impl IntoIterator<Item = S>) -> Self {
        self.list("val", values)
    }

    /// Only these subjects; `at://did:plc:abc/*` takes all that begin so.
    #[must_use]
    pub fn uri<S: AsRef<str>>(self, uris: impl IntoIterator<Item = S>) -> Self {
        self.list("uri", uris)
    }

    /// Only this kind of subject: `account`, `record`, `other`.
    #[must_use]
    pub fn subject<S: AsRef<str>>(self, kinds: impl IntoIterator<Item = S>) -> Self {
        self.list("subject", kinds)
    }

    /// Only these verdicts.
    #[must_use]
    pub fn verdict<S: AsRef<str>>(self, verdicts: impl IntoIterator<Item = S>) -> Self {
        self.list("verdict", verdicts)
    }

    fn list<S: AsRef<str>>(mut self, name: &str, values: impl IntoIterator<Item = S>) -> Self {
        self.pairs.retain(|(given, _)| given != name);
        let values: Vec<S> = values.into_iter().collect();
        if !values.is_empty() {
            let values: Vec<&str> = values.iter().map(AsRef::as_ref).collect();
            self.pairs.push((name.to_owned(), values.join(",")));
        }
        self
    }
}

impl From<Query> for Vec<(String, String)> {
    fn from(query: Query) -> Self {
        query.pairs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_of_the_contract_can_be_asked_for() {
        let query = Query::default()
            .consumer("feeds")
            .types(["label", "labeler"])
            .raw()
            .src(["did:plc:a", "did:web:b"])
            .val(vec!["spam".to_owned(), "porn*".to_owned()])
            .uri(["at://*"])
            .subject(["account", "record"])
            .verdict([crate::Verdict::Verified.as_str()]);
        let pairs: Vec<(String, String)> = query.into();
        let shown: Vec<String> = pairs.iter().map(|(k, v)| format!("{k}={v}")).collect();
        assert_eq!(
            shown.join("&"),
            "consumer=feeds&types=label,labeler&raw=true&src=did:plc:a,did:web:b&val=spam,porn*\
             &uri=at://*&subject=account,record&verdict=verified"
        );
    }

    #[test]
    fn a_field_stands_there_once_or_not_at_all() {
        let query = Query::default().val(["a"]).val(["b"]).src::<&str>([]);
        let pairs: Vec<(String, String)> = query.into();
        assert_eq!(pairs, [("val".to_owned(), "b".to_owned())]);
    }
}
