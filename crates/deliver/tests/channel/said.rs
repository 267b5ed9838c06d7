//! What a labeler says in these tests: labels that hold, and some that do not.

use crate::rig::LABELER;
use label::{Did, Label, Parts, Seq, Verdict};
use store::{Entry, Rejected};
use testkit::cbor::Item;

/// One label to be stored.
#[derive(Debug, Clone)]
pub(crate) struct Said {
    pub(crate) labeler: &'static str,
    uri: String,
    val: String,
    verdict: Verdict,
}

/// A label that holds.
pub(crate) fn said(uri: &str) -> Said {
    let (uri, val) = (uri.to_owned(), "spam".to_owned());
    Said { labeler: LABELER, uri, val, verdict: Verdict::Verified }
}

impl Said {
    pub(crate) fn val(self, val: &str) -> Self {
        Self { val: val.to_owned(), ..self }
    }

    pub(crate) fn by(self, labeler: &'static str) -> Self {
        Self { labeler, ..self }
    }

    pub(crate) fn verdict(self, verdict: Verdict) -> Self {
        Self { verdict, ..self }
    }

    pub(crate) fn entry(&self, seq: Seq) -> Entry {
        if self.verdict.holds() {
            let (label, verdict) = (Label::vouched(self.parts()), self.verdict);
            Entry::Label { seq, place: 0, label, verdict, raw: None }
        } else {
            let reason = format!("it is {}", self.verdict.as_str());
            let raw = self.cbor();
            Entry::Rejected(Rejected { seq, place: 0, verdict: self.verdict, reason, raw })
        }
    }

    fn parts(&self) -> Parts {
        Parts {
            src: Did::parse(self.labeler).unwrap(),
            uri: self.uri.clone(),
            cid: None,
            val: self.val.clone(),
            neg: None,
            cts: "2024-10-07T12:00:00.000Z".to_owned(),
            exp: None,
            sig: vec![7; 64],
        }
    }

    fn cbor(&self) -> Vec<u8> {
        let text = |name: &str, text: &str| (name.to_owned(), Item::Text(text.to_owned()));
        Item::Map(vec![text("uri", &self.uri), text("val", &self.val)]).encode()
    }
}
