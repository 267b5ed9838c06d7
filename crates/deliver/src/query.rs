//! What a connection asks for: the query of `GET /channel`.

/// One connection's wishes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wish {
    /// Whose reader it is.
    pub(crate) consumer: String,
    /// Whether it takes labels. One that does not stays connected and gets nothing.
    pub(crate) labels: bool,
    /// Whether labels carry their CBOR as received.
    pub(crate) raw: bool,
}

/// Event types that a client may ask for. Only labels exist so far.
const TYPES: [&str; 5] = ["label", "labeler", "label-state", "record", "identity"];
/// Contract section 5. Whoever sends one means to get less than everything, so ignoring
/// it would be worse than refusing.
const FILTERS: [&str; 5] = ["src", "val", "uri", "subject", "verdict"];
/// A name is a key in the database and a word in logs.
const LONGEST_NAME: usize = 128;

impl Wish {
    /// Reads the query. Parameters nobody knows are ignored, as Tap does.
    ///
    /// # Errors
    /// One sentence for the client.
    pub(crate) fn read(query: &[(String, String)]) -> Result<Self, String> {
        let mut wish = Self { consumer: "default".to_owned(), labels: true, raw: false };
        let mut seen = Vec::new();
        for (name, value) in query {
            match name.as_str() {
                "consumer" => wish.consumer = consumer(value)?,
                "types" => wish.labels = takes_labels(value)?,
                "raw" => wish.raw = flag(value)?,
                name if FILTERS.contains(&name) => {
                    return Err(format!("{name}: filters are not supported yet"));
                }
                _ => continue,
            }
            if seen.contains(name) {
                return Err(format!("{name} is given more than once"));
            }
            seen.push(name.clone());
        }
        Ok(wish)
    }
}

fn consumer(value: &str) -> Result<String, String> {
    let fits = !value.is_empty() && value.len() <= LONGEST_NAME;
    if !fits || value.chars().any(char::is_control) {
        return Err(format!("consumer takes a name of 1 to {LONGEST_NAME} bytes"));
    }
    Ok(value.to_owned())
}

fn takes_labels(value: &str) -> Result<bool, String> {
    if let Some(unknown) = value.split(',').find(|name| !TYPES.contains(name)) {
        let unknown: String = unknown.chars().take(50).collect();
        return Err(format!("types: {unknown:?} is none of {}", TYPES.join(", ")));
    }
    Ok(value.split(',').any(|name| name == "label"))
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
        Wish::read(&query)
    }

    #[test]
    fn nothing_asked_means_labels_for_the_default_consumer() {
        let wish = read(&[("unheard-of", "x")]).unwrap();
        assert_eq!(wish, Wish { consumer: "default".into(), labels: true, raw: false });
    }

    #[test]
    fn each_parameter_is_heard() {
        let wish = read(&[("consumer", "b"), ("types", "labeler,label"), ("raw", "true")]).unwrap();
        assert_eq!(wish, Wish { consumer: "b".into(), labels: true, raw: true });
        assert!(!read(&[("types", "record,identity")]).unwrap().labels);
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
            ("val", "spam"),
            ("src", ""),
        ] {
            let refusal = read(&[(name, value)]).unwrap_err();
            assert!(refusal.starts_with(name), "{refusal}");
        }
        assert!(read(&[("raw", "true"), ("raw", "false")]).is_err());
    }
}
