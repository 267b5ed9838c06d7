//! What the histories of one worker share: a directory, labelers, keys.

use testkit::{FakeLabeler, Plc, SigningKey, plc_did};

pub(super) struct House {
    pub(super) plc: Plc,
    pub(super) labelers: [FakeLabeler; 2],
    /// Of nobody the directory knows.
    pub(super) other_key: SigningKey,
}

impl House {
    pub(super) async fn build(number: u64) -> Self {
        let plc = Plc::start().await;
        let one = plc_did(&format!("histories {number} one"));
        let two = plc_did(&format!("histories {number} two"));
        let labelers = [
            FakeLabeler::start(&one, SigningKey::k256(500 + number), &plc).await,
            FakeLabeler::start(&two, SigningKey::p256(600 + number), &plc).await,
        ];
        Self { plc, labelers, other_key: SigningKey::k256(700) }
    }

    pub(super) fn dids(&self) -> Vec<String> {
        self.labelers.iter().map(|labeler| labeler.did().to_owned()).collect()
    }

    /// The labelers have said nothing.
    pub(super) fn clean(&self) {
        self.labelers.iter().for_each(FakeLabeler::reset);
    }
}
