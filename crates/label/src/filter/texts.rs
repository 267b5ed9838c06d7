//! Texts that are wanted: some exactly, some by how they begin.

use std::collections::{BTreeSet, HashSet};

/// Some texts and some beginnings of texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Texts {
    exact: HashSet<String>,
    /// Every beginning, as it was asked for.
    begin: BTreeSet<String>,
    /// Those that do not begin with another one, sorted. So at most one of them can be the
    /// beginning of a given text, and it is found by a binary search.
    roots: Vec<String>,
}

impl Texts {
    /// Takes the values apart: a `*` at the end stands for any rest. Answers the first one
    /// that has a `*` elsewhere.
    pub(super) fn read<'a>(values: &[&'a str]) -> Result<Self, &'a str> {
        let (mut exact, mut begin) = (HashSet::new(), BTreeSet::new());
        for value in values {
            let (text, is_beginning) = match value.strip_suffix('*') {
                Some(text) => (text, true),
                None => (*value, false),
            };
            if text.contains('*') {
                return Err(value);
            }
            if is_beginning {
                begin.insert(text.to_owned());
            } else {
                exact.insert(text.to_owned());
            }
        }
        let mut roots: Vec<String> = Vec::new();
        for text in &begin {
            // In this order, what begins with a root follows on it.
            if !roots.last().is_some_and(|root| text.starts_with(root.as_str())) {
                roots.push(text.clone());
            }
        }
        Ok(Self { exact, begin, roots })
    }

    /// Whether this text is wanted.
    pub(super) fn take(&self, text: &str) -> bool {
        self.begins_with_one(text) || (!self.exact.is_empty() && self.exact.contains(text))
    }

    fn begins_with_one(&self, text: &str) -> bool {
        let above = self.roots.partition_point(|root| root.as_str() <= text);
        let nearest = above.checked_sub(1).and_then(|place| self.roots.get(place));
        nearest.is_some_and(|root| text.starts_with(root.as_str()))
    }

    /// The values again, sorted.
    pub(super) fn values(&self) -> Vec<String> {
        let begin = self.begin.iter().map(|text| format!("{text}*"));
        let mut values: Vec<String> = self.exact.iter().cloned().chain(begin).collect();
        values.sort_unstable();
        values
    }
}
