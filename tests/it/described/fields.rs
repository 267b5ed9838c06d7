//! Which fields a schema names, and which of them a value has: so that none is described that
//! no answer ever had.

use super::document::{Document, object};
use serde_json::Value;
use std::collections::BTreeSet;

/// Where in the values of this schema fields are named, as `Component/field` or below.
pub(super) fn fields(document: &Document, schema: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    walk(document, schema, None, "", &mut found);
    found
}

/// Those of them that this value has.
pub(super) fn fields_of(document: &Document, schema: &Value, value: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    walk(document, schema, Some(value), "", &mut found);
    found
}

/// With a value, only along what it has.
fn walk(
    document: &Document,
    schema: &Value,
    value: Option<&Value>,
    place: &str,
    found: &mut BTreeSet<String>,
) {
    let place = match schema.get("$ref").and_then(Value::as_str) {
        Some(target) => target.rsplit('/').next().unwrap().to_owned(),
        None => place.to_owned(),
    };
    let schema = document.meant(schema);
    for key in ["allOf", "anyOf", "oneOf"] {
        for part in schema.get(key).and_then(Value::as_array).into_iter().flatten() {
            walk(document, part, value, &place, found);
        }
    }
    for (name, field) in schema.get("properties").map(object).into_iter().flatten() {
        let inner = value.map(|value| value.get(name));
        if inner != Some(None) {
            let place = format!("{place}/{name}");
            found.insert(place.clone());
            walk(document, field, inner.flatten(), &place, found);
        }
    }
    for key in ["items", "additionalProperties"] {
        let Some(part) = schema.get(key).filter(|part| part.is_object()) else { continue };
        match value {
            None => walk(document, part, None, &place, found),
            Some(Value::Array(all)) => {
                all.iter().for_each(|one| walk(document, part, Some(one), &place, found));
            }
            Some(Value::Object(all)) => {
                all.values().for_each(|one| walk(document, part, Some(one), &place, found));
            }
            Some(_) => {}
        }
    }
}
