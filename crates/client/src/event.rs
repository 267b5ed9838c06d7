//! Events with types (contract section 4).

use crate::label::LabelEvent;
use crate::words::{Change, Standing};
use crate::{EventError, Received};
use serde::Deserialize;

/// What an event says. Fields that this version does not know are ignored.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A labeler said something about a subject.
    Label(Box<LabelEvent>),
    /// Something happened to a labeler.
    Labeler(LabelerEvent),
    /// A label came to apply, or no longer does.
    LabelState(LabelState),
    /// A type that this version does not know.
    Other {
        /// Its `type`.
        kind: String,
        /// The whole event.
        json: serde_json::Value,
    },
}

/// Something happened to a labeler.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct LabelerEvent {
    /// Which one.
    pub did: String,
    /// What happened.
    pub change: Change,
    /// Its state after that, as `GET /labelers` has it.
    pub state: Option<String>,
    /// Where it is served.
    pub service_url: Option<String>,
    /// The last sequence number stored.
    pub cursor: Option<i64>,
    /// How often it started its numbering.
    pub epoch: Option<i64>,
}

/// A label came to apply, or no longer does.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct LabelState {
    /// Who said it.
    pub src: String,
    /// Of what.
    pub uri: String,
    /// And what.
    pub val: String,
    /// What has become of it.
    pub state: Standing,
    /// The id of the label's own event.
    pub label_id: i64,
}

#[derive(Deserialize)]
struct WithLabel {
    label: LabelEvent,
}

#[derive(Deserialize)]
struct WithLabeler {
    labeler: LabelerEvent,
}

#[derive(Deserialize)]
struct WithLabelState {
    label_state: LabelState,
}

impl Received {
    /// The event in it. A type nobody knows is [`Event::Other`], not an error.
    ///
    /// # Errors
    /// [`EventError`] when an event of a known type lacks what makes it one.
    pub fn event(&self) -> Result<Event, EventError> {
        let read = match self.kind.as_str() {
            "label" => parse(&self.text).map(|with: WithLabel| Event::Label(Box::new(with.label))),
            "labeler" => parse(&self.text).map(|with: WithLabeler| Event::Labeler(with.labeler)),
            "label-state" => {
                parse(&self.text).map(|with: WithLabelState| Event::LabelState(with.label_state))
            }
            kind => parse(&self.text).map(|json| Event::Other { kind: kind.to_owned(), json }),
        };
        read.map_err(|source| EventError { id: self.id, kind: self.kind.clone(), source })
    }
}

fn parse<'a, T: Deserialize<'a>>(text: &'a str) -> serde_json::Result<T> {
    serde_json::from_str(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(kind: &str, body: &str) -> Received {
        let text = format!(r#"{{"id":9,"type":"{kind}",{body},"of":"later"}}"#);
        Received { id: 9, kind: kind.to_owned(), text }
    }

    #[test]
    fn what_happens_to_labelers_is_read() {
        let full = r#""labeler":{"did":"did:plc:a","change":"caught-up","state":"live",
            "service_url":"https://l.test","cursor":991,"epoch":1,"mood":"good"}"#;
        let Event::Labeler(labeler) = received("labeler", full).event().unwrap() else { panic!() };
        assert_eq!((labeler.did.as_str(), &labeler.change), ("did:plc:a", &Change::CaughtUp));
        assert_eq!((labeler.state.as_deref(), labeler.cursor), (Some("live"), Some(991)));
        assert_eq!(
            (labeler.service_url.unwrap().as_str(), labeler.epoch),
            ("https://l.test", Some(1))
        );
        let short = r#""labeler":{"did":"did:plc:a","change":"adopted"}"#;
        let Event::Labeler(labeler) = received("labeler", short).event().unwrap() else { panic!() };
        assert_eq!(labeler.change, Change::Other("adopted".to_owned()));
    }

    #[test]
    fn what_becomes_of_labels_is_read() {
        let body = r#""label_state":{"src":"did:plc:a","uri":"at://b","val":"spam",
            "state":"negated","label_id":4}"#;
        let event = received("label-state", body).event().unwrap();
        let Event::LabelState(state) = event else { panic!() };
        assert_eq!((state.state, state.label_id), (Standing::Negated, 4));
        assert_eq!(
            (state.src, state.uri, state.val),
            ("did:plc:a".into(), "at://b".into(), "spam".into())
        );
    }

    #[test]
    fn an_unknown_type_keeps_its_json() {
        let event = received("record", r#""record":{"did":"did:plc:a"}"#).event().unwrap();
        let Event::Other { kind, json } = event else { panic!() };
        assert_eq!((kind.as_str(), json["record"]["did"].as_str()), ("record", Some("did:plc:a")));
    }

    #[test]
    fn what_lacks_its_heart_is_an_error_that_says_which() {
        for (kind, body) in [
            ("label", r#""label":{"labelerDID":"did:plc:a","seq":1}"#),
            ("label", r#""labels":[]"#),
            ("labeler", r#""labeler":{"did":"did:plc:a"}"#),
            ("label-state", r#""label_state":{}"#),
        ] {
            let error = received(kind, body).event().unwrap_err();
            assert_eq!((error.id, error.kind.as_str()), (9, kind));
            assert!(error.to_string().starts_with(&format!("cannot read event 9, a {kind}")));
        }
    }
}
