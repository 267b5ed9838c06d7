//! What the labelers of a history said, in order, and under which ids it was stored.

use serde_json::Value;
use std::collections::BTreeMap;
use testkit::LabelSpec;

/// Few, so that lanes collide.
pub(super) const URIS: [&str; 4] = [
    "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa",
    "at://did:plc:aaaaaaaaaaaaaaaaaaaaaaaa/app.bsky.feed.post/1",
    "at://did:plc:aaaaaaaaaaaaaaaaaaaaaaaa/app.bsky.feed.post/2",
    "at://did:plc:aaaaaaaaaaaaaaaaaaaaaaaa",
];
pub(super) const VALS: [&str; 4] = ["spam", "spoof", "!hide", "rude"];

/// One label. Its place in the list is also its `cts`, so that it can be recognised.
#[derive(Debug, Clone)]
pub(super) struct Label {
    pub(super) did: String,
    pub(super) uri: &'static str,
    pub(super) val: &'static str,
    /// Whether it is signed by the labeler's key.
    pub(super) holds: bool,
    /// Once somebody has been told.
    pub(super) id: Option<i64>,
    /// The event as it was first sent.
    text: Option<String>,
}

impl Label {
    pub(super) fn new(did: &str, uri: &'static str, val: &'static str, holds: bool) -> Self {
        Self { did: did.to_owned(), uri, val, holds, id: None, text: None }
    }

    pub(super) fn verdict(&self) -> &'static str {
        if self.holds { "verified" } else { "bad-signature" }
    }

    pub(super) fn subject(&self) -> &'static str {
        match self.uri {
            uri if uri.starts_with("did:") => "account",
            uri if uri.contains("/app.bsky.feed.post/") => "record",
            _ => "other",
        }
    }

    pub(super) fn in_lane_of(&self, other: &Self) -> bool {
        self.did == other.did && self.uri == other.uri
    }
}

/// Everything that was said.
#[derive(Default)]
pub(super) struct Said {
    pub(super) labels: Vec<Label>,
    places: BTreeMap<String, usize>,
    ids: BTreeMap<i64, usize>,
}

impl Said {
    /// Notes a label, and answers how it is to be made.
    pub(super) fn say(&mut self, label: Label) -> LabelSpec {
        let place = self.labels.len();
        let cts = testkit::cts(place as u64);
        let spec = LabelSpec::new(label.uri, label.val).cts(cts.clone());
        self.places.insert(cts, place);
        self.labels.push(label);
        spec
    }

    /// Which label an event carries, after checking that it is that very label, and always
    /// under this id.
    pub(super) fn read(&mut self, text: &str) -> Result<usize, String> {
        let event: Value = serde_json::from_str(text).map_err(|why| format!("{why}: {text}"))?;
        let id = event["id"].as_i64().filter(|_| event["type"] == "label");
        let id = id.ok_or_else(|| format!("this is no label event: {text}"))?;
        let cts = event["label"]["cts"].as_str().unwrap_or_default();
        let place = *self.places.get(cts).ok_or_else(|| format!("nobody said this: {text}"))?;
        let said = &self.labels[place];
        let fields = [
            ("labelerDID", said.did.as_str()),
            ("src", said.did.as_str()),
            ("uri", said.uri),
            ("val", said.val),
            ("verdict", said.verdict()),
        ];
        if let Some((name, is)) = fields.iter().find(|(name, is)| event["label"][*name] != **is) {
            return Err(format!("{name} of {cts} was {is}: {text}"));
        }
        self.bind(id, place, text)?;
        Ok(place)
    }

    fn bind(&mut self, id: i64, place: usize, text: &str) -> Result<(), String> {
        let first = *self.ids.entry(id).or_insert(place);
        if first != place {
            return Err(format!("id {id} was that of #{first}: {text}"));
        }
        let label = &self.labels[place];
        if let Some(before) = label.text.as_ref().filter(|before| *before != text) {
            return Err(format!("an event has changed: {before}\nand now {text}"));
        }
        let same = |(_, other): &(usize, &Label)| other.did == label.did;
        for (other, known) in self.labels.iter().enumerate().filter(same) {
            if known.id.is_some_and(|known| (known < id) != (other < place) && other != place) {
                return Err(format!("#{other} has id {:?}, and #{place} has {id}", known.id));
            }
        }
        let label = &mut self.labels[place];
        label.id = Some(id);
        label.text = Some(text.to_owned());
        Ok(())
    }

    /// The last id that anybody was told.
    pub(super) fn head(&self) -> i64 {
        self.ids.keys().next_back().copied().unwrap_or_default()
    }

    pub(super) fn place_of(&self, id: i64) -> Option<usize> {
        self.ids.get(&id).copied()
    }

    /// Whether the id of each is known.
    pub(super) fn all_known(&self) -> bool {
        self.ids.len() == self.labels.len()
    }
}
