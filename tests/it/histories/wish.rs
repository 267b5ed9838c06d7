//! Filters as contract section 5 describes them, written without the product's own.

use super::dice::Dice;
use super::said::{Label, URIS, VALS};
use serde_json::{Map, Value};

/// What a consumer or a connection wants. A field that is absent takes everything.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Wish(Vec<(&'static str, Vec<String>)>);

impl Wish {
    /// That of whoever is to hear of everything.
    pub(super) fn all_verdicts() -> Self {
        Self(vec![("verdict", vec!["verified".into(), "bad-signature".into()])])
    }

    /// Some wish with a field or two.
    pub(super) fn any(dice: &mut Dice, dids: &[String]) -> Self {
        let mut fields: Vec<(&'static str, Vec<String>)> = Vec::new();
        for _ in 0..dice.between(1, 2) {
            let (name, from): (_, Vec<String>) = match dice.below(6) {
                0 => ("src", dids.to_vec()),
                1 => ("uri", URIS.iter().map(|uri| (*uri).to_owned()).collect()),
                2 => ("uri", vec!["at://*".into(), "did:*".into(), format!("{}*", URIS[1])]),
                3 => ("subject", vec!["account".into(), "record".into(), "other".into()]),
                4 => ("verdict", vec!["verified".into(), "bad-signature".into()]),
                _ => {
                    let exact = VALS.iter().map(|val| (*val).to_owned());
                    ("val", exact.chain(["sp*".to_owned(), "!*".to_owned()]).collect())
                }
            };
            if fields.iter().any(|(known, _)| *known == name) {
                continue;
            }
            let mut values: Vec<String> = Vec::new();
            for _ in 0..dice.between(1, 2) {
                let value = dice.pick(&from).expect("some");
                if !values.contains(&value) {
                    values.push(value);
                }
            }
            fields.push((name, values));
        }
        Self(fields)
    }

    /// Whether these fields take the label.
    pub(super) fn takes(&self, label: &Label) -> bool {
        let text = |wanted: &str, is: &str| match wanted.strip_suffix('*') {
            Some(beginning) => is.starts_with(beginning),
            None => wanted == is,
        };
        self.0.iter().all(|(name, values)| {
            values.iter().any(|value| match *name {
                "src" => *value == label.did,
                "val" => text(value, label.val),
                "uri" => text(value, label.uri),
                "subject" => value == label.subject(),
                _ => value == label.verdict(),
            })
        })
    }

    /// The same for a consumer's filter, which is owed a label that does not hold only when
    /// it names the verdict.
    pub(super) fn owes(&self, label: &Label) -> bool {
        let named = self.0.iter().any(|(name, _)| *name == "verdict");
        (label.holds || named) && self.takes(label)
    }

    pub(super) fn is_everything(&self) -> bool {
        self.0.is_empty()
    }

    /// As `PUT /consumers/:name` reads it.
    pub(super) fn json(&self) -> Value {
        if self.is_everything() {
            return Value::Null;
        }
        let fields = self.0.iter().map(|(name, values)| ((*name).into(), values.clone().into()));
        Value::Object(fields.collect::<Map<_, _>>())
    }

    /// As `/channel` reads it.
    pub(super) fn query(&self) -> String {
        let field = |(name, values): &(&str, Vec<String>)| format!("&{name}={}", values.join(","));
        self.0.iter().map(field).collect()
    }
}
