//! Filters as JSON: `{"val":["spam","!*"],"src":["did:…"]}` (contract section 5). How they
//! come in a request, and how they are kept.

use label::{Filter, Hosts};
use serde_json::{Map, Value};

/// Reads a filter. Every field is a list of texts.
///
/// # Errors
/// One sentence that begins with the field's name.
pub fn read(fields: &Map<String, Value>, hosts: Hosts) -> Result<Filter, String> {
    let mut read = Vec::new();
    for (name, value) in fields {
        let wrong = || format!("{name} must be a list of texts");
        let values = value.as_array().ok_or_else(wrong)?;
        let texts: Option<Vec<&str>> = values.iter().map(Value::as_str).collect();
        read.push((name.as_str(), texts.ok_or_else(wrong)?));
    }
    Filter::read(read, hosts).map_err(|error| error.to_string())
}

/// The other way round.
#[must_use]
pub fn json(filter: &Filter) -> Value {
    let fields = filter.fields().into_iter();
    Value::Object(fields.map(|(name, values)| (name.to_owned(), Value::from(values))).collect())
}

/// Reads one that was kept.
pub(crate) fn kept(text: &str) -> Option<Filter> {
    let fields: Map<String, Value> = serde_json::from_str(text).ok()?;
    read(&fields, Hosts::Private).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_kept_reads_back() {
        let fields = json!({ "val": ["spam", "!*"], "subject": ["account"] });
        let filter = read(fields.as_object().unwrap(), Hosts::Public).unwrap();
        assert_eq!(kept(&json(&filter).to_string()), Some(filter));
        assert_eq!(kept("{}"), Some(Filter::default()));
    }

    #[test]
    fn what_is_no_filter_is_refused_by_the_name_of_the_field() {
        for (name, value) in [
            ("val", json!("spam")),
            ("val", json!([])),
            ("val", json!([1])),
            ("src", json!(["did:plc:x"])),
            ("subject", json!(["post"])),
            ("verdict", json!(["fine"])),
            ("labels", json!(["x"])),
        ] {
            let fields = Map::from_iter([(name.to_owned(), value)]);
            let refusal = read(&fields, Hosts::Public).unwrap_err();
            assert!(refusal.starts_with(name), "{refusal}");
        }
    }
}
