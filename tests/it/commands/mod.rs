//! The commands of the documentation, run as they stand there against a service with a labeler.
//! What a test cannot have is marked on the page (`# needs …`, see `docs/CONTRIBUTING.md`); no other
//! block is left out. What names something that only exists here, a flag, a variable, a test, is
//! looked up.

pub(crate) mod blocks;
mod links;
mod names;
mod place;

use crate::clients::wanted;
use blocks::Block;
use place::{EXAMPLE, Place};
use std::path::Path;
use testkit::{FakeLabeler, LabelSpec, Page, Plc, SigningKey};

/// What `labeltap check` asks an account's server for.
const GET_RECORD: &str = "/xrpc/com.atproto.repo.getRecord";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A labeler under the DID of the examples, with everything that one should have.
async fn labeler(plc: &Plc) -> FakeLabeler {
    let labeler = FakeLabeler::start_unlisted(EXAMPLE, SigningKey::k256(77)).await;
    let document = testkit::Document::labeler(EXAMPLE, &labeler.key(), &labeler.url());
    let server = serde_json::json!(labeler.url());
    let document = document.handle("moderation.test").service(
        "#atproto_pds",
        "AtprotoPersonalDataServer",
        &server,
    );
    plc.set(EXAMPLE, &document.json());
    labeler.serve_page(GET_RECORD, Page::declaration(EXAMPLE, &["spam"]));
    labeler.preload(50);
    labeler
}

/// It goes on saying something, so that whoever waits for a label gets one.
async fn talk(labeler: FakeLabeler) {
    for number in 1_u64.. {
        let uri = format!("at://did:plc:abcabcabcabcabcabcabcabc/app.bsky.feed.post/{number}");
        labeler.emit([LabelSpec::new(uri, "spam")]);
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_is_run_or_says_what_it_needs() {
    if !wanted() {
        return;
    }
    let plc = Plc::start().await;
    let talking = tokio::spawn(talk(labeler(&plc).await));
    let (mut ran, mut wrong) = (0, Vec::new());
    for page in blocks::pages() {
        let blocks: Vec<Block> = blocks::of(&page).into_iter().filter(Block::is_run).collect();
        if blocks.is_empty() {
            continue;
        }
        let place = Place::set_up(&plc).await;
        for block in blocks {
            ran += 1;
            if let Err(why) = place.run(&block).await {
                wrong.push(format!("{}: {why}", block.place()));
            }
        }
    }
    talking.abort();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(ran > 10, "only {ran} blocks were found");
}
