//! What a connection asks for: the query of `GET /channel`, and what a reader in this process
//! wants.

use crate::taste::Taste;
use label::{Filter, Hosts};

/// One connection's wishes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wish {
    /// Whose reader it is.
    pub(crate) consumer: String,
    /// What it takes. One that takes nothing stays connected and gets nothing.
    pub(crate) takes: Option<Taste>,
    /// The types it asked for.
    pub(crate) types: String,
    /// Whether labels carry their CBOR as received.
    pub(crate) raw: bool,
}

/// What a [`Reader`](crate::Reader) is to be handed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wants {
    /// Whose reader it is. An unknown one is made, and begins at the beginning.
    pub consumer: String,
    /// Which types of events.
    pub kinds: Vec<Kind>,
    /// Which of them; narrows this reader only, as the query of `/channel` does.
    pub filter: Filter,
}

/// A type of events (contract section 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// Labels.
    Label,
    /// What happens to labelers.
    Labeler,
    /// What becomes of labels.
    LabelState,
}

impl Wants {
    /// What to take, if there is anything.
    pub(crate) fn taste(&self) -> Option<Taste> {
        let asked = |kind| self.kinds.contains(&kind);
        let taste = Taste {
            labels: asked(Kind::Label),
            labelers: asked(Kind::Labeler),
            states: asked(Kind::LabelState),
            filter: self.filter.clone(),
        };
        Some(taste).filter(Taste::is_any)
    }
}

/// Event types that a client may ask for. There are no `record` and `identity` so far.
const TYPES: [&str; 5] = ["label", "labeler", "label-state", "record", "identity"];
/// Contract section 5; values are separated by commas.
const FILTERS: [&str; 5] = ["src", "val", "uri", "subject", "verdict"];
/// A name is a key in the database and a word in logs.
const LONGEST_NAME: usize = 128;

impl Wish {
    /// Reads the query. Parameters nobody knows are ignored, as Tap does.
    ///
    /// # Errors
    /// One sentence for the client.
    pub(crate) fn read(query: &[(String, String)], hosts: Hosts) -> Result<Self, String> {
        let mut wish = Self {
            consumer: "default".to_owned(),
            takes: None,
            types: "label".to_owned(),
            raw: false,
        };
        let mut seen = Vec::new();
        let mut fields = Vec::new();
        for (name, value) in query {
            match name.as_str() {
                "consumer" => wish.consumer = consumer(value)?,
                "types" => wish.types = types(value)?,
                "raw" => wish.raw = flag(value)?,
                name if FILTERS.contains(&name) => {
                    fields.push((name, value.split(',').collect::<Vec<_>>()));
                }
                _ => continue,
            }
            if seen.contains(name) {
                return Err(format!("{name} is given more than once"));
            }
            seen.push(name.clone());
        }
        let filter = Filter::read(fields, hosts).map_err(|error| error.to_string())?;
        let asked = |kind| wish.types.split(',').any(|name| name == kind);
        let taste = Taste {
            labels: asked("label"),
            labelers: asked("labeler"),
            states: asked("label-state"),
            filter,
        };
        wish.takes = Some(taste).filter(Taste::is_any);
        Ok(wish)
    }
}

/// Whether this can be a consumer's name.
///
/// # Errors
/// One sentence.
pub(crate) fn consumer(value: &str) -> Result<String, String> {
    let fits = !value.is_empty() && value.len() <= LONGEST_NAME;
    if !fits || value.chars().any(char::is_control) {
        return Err(format!("consumer takes a name of 1 to {LONGEST_NAME} bytes"));
    }
    Ok(value.to_owned())
}

fn types(value: &str) -> Result<String, String> {
    if let Some(unknown) = value.split(',').find(|name| !TYPES.contains(name)) {
        let unknown: String = unknown.chars().take(50).collect();
        return Err(format!("types: {unknown:?} is none of {}", TYPES.join(", ")));
    }
    Ok(value.to_owned())
}

fn flag(value: &str) -> Result<bool, String> {
    match value {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err("raw is true or false".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &[(&str, &str)]) -> Result<Wish, String> {
        let query: Vec<_> =
            query.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        Wish::read(&query, Hosts::Public)
    }

    #[test]
    fn nothing_asked_means_all_labels_for_the_default_consumer() {
        let wish = read(&[("unheard-of", "x")]).unwrap();
        let takes = Some(Taste::labels(Filter::default()));
        let types = "label".into();
        assert_eq!(wish, Wish { consumer: "default".into(), takes, types, raw: false });
    }

    #[test]
    fn each_parameter_is_heard() {
        let asked = [("consumer", "b"), ("types", "labeler,label"), ("raw", "true")];
        let wish = read(&asked).unwrap();
        let labels = Taste::labels(Filter::default());
        let takes = Some(Taste { labelers: true, ..labels.clone() });
        let types = "labeler,label".into();
        assert_eq!(wish, Wish { consumer: "b".into(), takes, types, raw: true });
        assert_eq!(read(&[("types", "record,identity")]).unwrap().takes, None);
        let states = read(&[("types", "label-state")]).unwrap().takes;
        assert_eq!(states, Some(Taste { labels: false, states: true, ..labels }));
    }

    #[test]
    fn filters_are_lists_with_commas() {
        let wish = read(&[("val", "spam,!*"), ("subject", "account")]).unwrap();
        let fields = wish.takes.unwrap().filter.fields();
        assert_eq!(fields.len(), 2, "{fields:?}");
        assert!(fields.contains(&("subject", vec!["account".to_owned()])), "{fields:?}");
    }

    #[test]
    fn what_cannot_be_done_is_refused() {
        let long = "x".repeat(129);
        for (name, value) in [
            ("types", ""),
            ("types", "label,"),
            ("types", "labels"),
            ("types", "Label"),
            ("raw", "1"),
            ("raw", ""),
            ("consumer", ""),
            ("consumer", "a\nb"),
            ("consumer", &long),
            ("val", ""),
            ("val", "a*b"),
            ("src", ""),
            ("src", "did:plc:short"),
            ("subject", "post"),
            ("verdict", "good"),
        ] {
            let refusal = read(&[(name, value)]).unwrap_err();
            assert!(refusal.starts_with(name), "{refusal}");
        }
        assert!(read(&[("raw", "true"), ("raw", "false")]).is_err());
    }
}
