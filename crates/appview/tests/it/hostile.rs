//! What labelers may say and a table cannot hold: it costs them a row, and nobody else anything.

use crate::rig::{CID, Rig, connect, post, row, said};
use label::Parts;

#[tokio::test(flavor = "multi_thread")]
async fn texts_that_postgres_cannot_hold_are_left_out() {
    let Some(rig) = Rig::new().await else { return };
    let sink = rig.sink();
    rig.say("ann", [said(&post(1), "first"), said(&post(2), "long")]).await;
    sink.in_step().await;
    // Hardly compressible, so that Postgres cannot make it fit by itself.
    let long: String = (0..8000u64)
        .map(|at| char::from(b'a' + (at.wrapping_mul(6_364_136_223_846_793_005) >> 59) as u8 % 26))
        .collect();
    let long = format!("at://did:plc:subject/app.bsky.feed.post/{long}");
    rig.say(
        "ann",
        [
            said("at://did:plc:subject/a\0b", "spam"),
            said(&post(3), "a\0b"),
            said(&long, "spam"),
            said(&"x".repeat(2600), "spam"),
            said(&post(4), "last"),
        ],
    )
    .await;
    sink.in_step().await;
    let kept = [(1, "first"), (2, "long"), (4, "last")];
    rig.becomes(kept.map(|(number, val)| row("ann", &post(number), val))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_longest_that_is_written_fits() {
    let Some(rig) = Rig::new().await else { return };
    let sink = rig.sink();
    let noise = |count: usize| -> String {
        let step = |at: &u64| Some(at.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
        let random = std::iter::successors(Some(7u64), step);
        random.map(|at| char::from(b'!' + (at >> 58) as u8)).take(count).collect()
    };
    let src = crate::rig::did("ann").as_str().len();
    let uri = noise(2600 - src - "spam".len() - CID.len());
    rig.say("ann", [Parts { cid: Some(CID.into()), ..said(&uri, "spam") }]).await;
    sink.in_step().await;
    let (src, uri, _, val, exp) = row("ann", &uri, "spam");
    rig.becomes([(src, uri, CID.to_owned(), val, exp)]).await;
}

/// A constraint of somebody's own stands for whatever we did not think of.
#[tokio::test(flavor = "multi_thread")]
async fn what_postgres_refuses_for_its_own_reasons_holds_up_nothing() {
    let Some(rig) = Rig::new().await else { return };
    let check = "ALTER TABLE label ADD CHECK (val <> 'nonsense' OR cid = '')";
    rig.db.batch_execute(check).await.unwrap();
    // What stood before does not any more, although its successor cannot be written.
    rig.say("ann", [said(&post(7), "nonsense")]).await;
    let sink = rig.sink();
    sink.in_step().await;
    rig.becomes([row("ann", &post(7), "nonsense")]).await;
    let refused = |number| Parts { cid: Some(CID.into()), ..said(&post(number), "nonsense") };
    let labels = (0..500)
        .map(|number| if number % 70 == 7 { refused(number) } else { said(&post(number), "spam") });
    rig.say("ann", labels).await;
    sink.in_step().await;
    let stand = (0..500).filter(|number| number % 70 != 7);
    rig.becomes(stand.map(|number| row("ann", &post(number), "spam"))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_another_encoding_gets_what_it_has_letters_for() {
    let Some(rig) = Rig::new().await else { return };
    rig.db
        .batch_execute("CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0 LOCALE 'C'")
        .await
        .unwrap();
    let url = format!("postgres://keeper@127.0.0.1:{}/latin", rig.postgres.port());
    let db = connect(&url).await;
    db.batch_execute(
        "CREATE TABLE label (src varchar NOT NULL, uri varchar NOT NULL, cid varchar NOT NULL,
            val varchar NOT NULL, neg boolean NOT NULL, cts varchar NOT NULL, exp varchar,
            PRIMARY KEY (src, uri, cid, val))",
    )
    .await
    .unwrap();
    rig.say(
        "ann",
        [
            said("https://x.test/é", "spam"),
            said("https://x.test/中", "spam"),
            said(&post(1), "spam"),
        ],
    )
    .await;
    let sink = rig.sink_at(&url);
    sink.in_step().await;
    let found = crate::rig::rows(&db, "label").await;
    let uris: Vec<String> = found.into_iter().map(|row| row.1).collect();
    assert_eq!(uris, [post(1), "https://x.test/é".to_owned()]);
}
