//! An event and its JSON: read once and written once, however many are sent it.
//!
//! The text belongs to the event as it was read, and goes with it. So no text can be out of
//! date: what is sent is what a row of the log says, and a row that says something else by
//! now (a label that moved to another frame) is another sheet.

use axum::extract::ws::Utf8Bytes;
use label::{Epoch, Event, Seq};
use std::sync::OnceLock;

/// One event, and the texts made of it so far. Shared by all who are to have it.
#[derive(Debug)]
pub(crate) struct Sheet {
    event: Event,
    plain: OnceLock<Utf8Bytes>,
    /// With the label's CBOR.
    raw: OnceLock<Utf8Bytes>,
}

/// A sheet's text, and whether it was made just now.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) text: Utf8Bytes,
    pub(crate) is_new: bool,
}

impl Sheet {
    pub(crate) const fn new(event: Event) -> Self {
        Self { event, plain: OnceLock::new(), raw: OnceLock::new() }
    }

    /// The place of its event in the log.
    pub(crate) const fn id(&self) -> i64 {
        self.event.id().get()
    }

    /// The frame in which it stood when it was read, if it is a label that holds.
    pub(crate) const fn frame(&self) -> Option<(Epoch, Seq)> {
        match &self.event {
            Event::Label(event) => Some((event.epoch, event.seq)),
            Event::Rejected(_) | Event::Labeler(_) | Event::State(_) => None,
        }
    }

    /// What was read.
    pub(crate) const fn event(&self) -> &Event {
        &self.event
    }

    /// About how many bytes the event takes in memory, its texts not counted.
    pub(crate) fn weight(&self) -> usize {
        self.event.weight()
    }

    /// Its text, with the label's CBOR or without. Whoever comes while another one makes it
    /// waits for that: a microsecond.
    pub(crate) fn text(&self, raw: bool) -> Written {
        let text = if raw { &self.raw } else { &self.plain };
        let mut is_new = false;
        let text = text.get_or_init(|| {
            is_new = true;
            wire::event_json(&self.event, raw).into()
        });
        Written { text: text.clone(), is_new }
    }

    /// How many bytes of text there are.
    #[cfg(test)]
    pub(crate) fn texts(&self) -> usize {
        [&self.plain, &self.raw].into_iter().flat_map(OnceLock::get).map(|text| text.len()).sum()
    }
}

#[cfg(test)]
impl PartialEq for Sheet {
    fn eq(&self, other: &Self) -> bool {
        self.event == other.event
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packer::tests::body;

    #[test]
    fn each_text_is_made_once() {
        let sheet = Sheet::new(body(7));
        for raw in [false, true] {
            let first = sheet.text(raw);
            let second = sheet.text(raw);
            assert_eq!((first.is_new, second.is_new), (true, false));
            assert_eq!(first.text.as_str(), wire::event_json(&body(7), raw));
            assert_eq!(first.text.as_ptr(), second.text.as_ptr(), "the same bytes");
        }
    }
}
