//! What labelers said, and which of it is current: the rule of contract section 7, applied as
//! plainly as it can be written.

use serde_json::Value;
use std::collections::BTreeMap;

/// A label that is to be read again.
#[derive(Debug, Clone)]
pub(super) struct Said {
    /// As its labeler sent it.
    pub(super) sent: Vec<u8>,
    /// With the fields that the lexicon knows and no others, as `queryLabels` gives it.
    pub(super) bare: Vec<u8>,
    pub(super) src: String,
    pub(super) uri: String,
    pub(super) val: String,
    /// When it was made, as text that sorts like the instants.
    pub(super) made: String,
    pub(super) negates: bool,
    pub(super) has_run_out: bool,
    /// Whether the lexicon allows it as it was sent.
    pub(super) valid: bool,
}

impl Said {
    /// Of a label that runs out late or never, and whose `cts` is of the usual form.
    pub(super) fn usual(sent: &[u8]) -> Self {
        let label = wire::rejected_label_json(sent);
        let text = |name: &str| label[name].as_str().unwrap_or_default().to_owned();
        let made = text("cts");
        assert!(made.len() == 24 && made.ends_with('Z'), "{label}");
        Self {
            sent: sent.to_vec(),
            bare: sent.to_vec(),
            src: text("src"),
            uri: text("uri"),
            val: text("val"),
            made,
            negates: label["neg"] == Value::Bool(true),
            has_run_out: false,
            valid: true,
        }
    }

    fn key(&self) -> (&str, &str, &str) {
        (&self.src, &self.uri, &self.val)
    }
}

/// What `queryLabels` is asked for besides what applies.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    pub(super) negated: bool,
    pub(super) expired: bool,
}

impl Asked {
    pub(super) const APPLYING: Self = Self { negated: false, expired: false };
    pub(super) const EVERYTHING: Self = Self { negated: true, expired: true };

    /// As fields of the query.
    pub(super) fn flags(self) -> impl Iterator<Item = &'static str> {
        let flags = [(self.negated, "includeNegated"), (self.expired, "includeExpired")];
        flags.into_iter().filter(|(on, _)| *on).map(|(_, flag)| flag)
    }

    fn wants(self, said: &Said) -> bool {
        (self.negated || !said.negates) && (self.expired || !said.has_run_out)
    }
}

/// The places of the current labels in everything that was said, in order.
pub(super) fn current(all: &[Said], asked: Asked) -> Vec<usize> {
    let mut newest = BTreeMap::new();
    for (place, said) in all.iter().enumerate() {
        let best = newest.entry(said.key()).or_insert(place);
        if said.made >= all[*best].made {
            *best = place;
        }
    }
    let mut places: Vec<usize> = newest.into_values().collect();
    places.retain(|place| asked.wants(&all[*place]));
    places.sort_unstable();
    places
}

/// The places of the labels of one page, which begins after one of them.
pub(super) fn page(all: &[Said], asked: Asked, after: Option<usize>, limit: usize) -> Vec<usize> {
    let places = current(all, asked).into_iter();
    places.filter(|place| after.is_none_or(|after| *place > after)).take(limit).collect()
}
