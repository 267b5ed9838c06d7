//! Ten ways for a labeler to be dead.

use serde_json::json;
use testkit::{Answer, Deed, Document, Ending, FakeLabeler, Faults, Plc, SigningKey, When};

/// What keeps it dead.
pub(crate) struct Dead {
    _labeler: Option<FakeLabeler>,
}

impl Dead {
    /// A labeler that is dead in the way of this number, in the directory all the same.
    pub(crate) async fn new(did: &str, way: usize, plc: &Plc) -> Self {
        let key = SigningKey::k256(1);
        let running = |faults: Faults| async move {
            let labeler = FakeLabeler::start(did, SigningKey::k256(1), plc).await;
            labeler.faults(faults);
            Self { _labeler: Some(labeler) }
        };
        let document = Document::labeler(did, &key, "http://127.0.0.1:9").json();
        let listed = |document: serde_json::Value| {
            plc.set(did, &document);
            Self { _labeler: None }
        };
        match way % 10 {
            // Nobody listens there.
            0 => listed(document),
            // The name does not exist.
            1 => listed(Document::labeler(did, &key, "http://nobody.invalid").json()),
            2 => running(Faults::status(404)).await,
            3 => running(Faults::status(502)).await,
            4 => running(Faults::status(401)).await,
            5 => running(Faults::rule(When::Open, vec![Deed::End(Ending::Fin)])).await,
            6 => running(Faults::error_after(0, "InternalServerError")).await,
            7 => {
                let mut without = document;
                without["service"] = json!([]);
                listed(without)
            }
            8 => {
                let mut without = document;
                without["verificationMethod"] = json!([]);
                listed(without)
            }
            _ => {
                plc.set_answer(did, Answer::new(404, r#"{"message":"not registered"}"#));
                Self { _labeler: None }
            }
        }
    }
}
