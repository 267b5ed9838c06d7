//! The real AppView shows what the real labelers say, because labeltap keeps its table.
//!
//! PLC directory, PDS, a Skyware and an Ozone labeler, an AppView that reads the PDS's firehose,
//! all of them as published; and the released program between the labelers and the AppView's
//! database, as `docs/appview.md` has it set up.

use crate::tap::{LIMIT, Tap, command};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::process::Command;
use std::time::{Duration, Instant};
use testkit::network::{Kind, Network};
use testkit::{AppView, Postgres};
use tokio_postgres::NoTls;

const MANUAL: &str = include_str!("../../docs/appview.md");

/// The first block of the manual in this language.
fn shown(language: &str) -> &'static str {
    let block = MANUAL.split(&format!("```{language}\n")).nth(1).expect("a block of the manual");
    block.split("```").next().unwrap()
}

/// The labeler of the manual's examples.
const EXAMPLE: &str = "did:plc:ar7c4by46qjdydhdevvrndac";

/// Runs the manual's command with this word in it, in other places. Answers what it prints.
fn run(word: &str, places: &[(&str, &str)]) -> String {
    let mut lines = MANUAL.lines().filter(|line| line.starts_with("curl ") && line.contains(word));
    let mut line = lines.next().expect("a command of the manual").to_owned();
    for (from, to) in places {
        assert!(line.contains(from), "{line}");
        line = line.replace(from, to);
    }
    let output = Command::new("sh").args(["-c", &line]).output().expect("a shell");
    assert!(output.status.success(), "{line}: {output:?}");
    String::from_utf8(output.stdout).expect("text")
}

/// What is shown of a view's labels: who says what.
fn labels(view: &Value) -> BTreeSet<(String, String)> {
    let text = |label: &Value, field: &str| label[field].as_str().unwrap().to_owned();
    let labels = view["labels"].as_array().cloned().unwrap_or_default();
    labels.iter().map(|label| (text(label, "src"), text(label, "val"))).collect()
}

struct Stage {
    appview: AppView,
    author: String,
    post: String,
}

impl Stage {
    async fn post(&self, labelers: Option<&str>) -> Option<BTreeSet<(String, String)>> {
        let asked = [("uris", &*self.post)];
        let answer = self.appview.ask("app.bsky.feed.getPosts", &asked, labelers);
        answer.await?["posts"].get(0).map(labels)
    }

    async fn profile(&self, labelers: Option<&str>) -> Option<BTreeSet<(String, String)>> {
        let asked = [("actor", &*self.author)];
        let answer = self.appview.ask("app.bsky.actor.getProfile", &asked, labelers);
        answer.await.as_ref().map(labels)
    }

    /// Waits until both are shown with these labels.
    async fn shows(&self, labelers: &str, post: &[(&str, &str)], profile: &[(&str, &str)]) {
        let set = |said: &[(&str, &str)]| -> BTreeSet<(String, String)> {
            said.iter().map(|(src, val)| ((*src).to_owned(), (*val).to_owned())).collect()
        };
        let expected = (Some(set(post)), Some(set(profile)));
        let begun = Instant::now();
        loop {
            let seen = (self.post(Some(labelers)).await, self.profile(Some(labelers)).await);
            if seen == expected {
                return;
            }
            assert!(begun.elapsed() < LIMIT, "{seen:#?} instead of {expected:#?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_real_appview_shows_labels_of_two_labelers_and_loses_them_on_negation() {
    if !AppView::wanted() {
        return;
    }
    let network = Network::start().await;
    let postgres = Postgres::start();
    let appview = AppView::start(&postgres.url(), "bsky", &network).await;
    let (db, connection) = tokio_postgres::connect(&postgres.url(), NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    db.batch_execute(shown("sql")).await.expect("the manual's SQL");

    let (skyware, ozone) =
        (network.labeler(Kind::Skyware).await, network.labeler(Kind::Ozone).await);
    let account = network.post("/accounts", &json!({})).await;
    let author = account["did"].as_str().unwrap().to_owned();
    let name = account["name"].as_str().unwrap();
    let profile = json!({ "collection": "app.bsky.actor.profile", "rkey": "self",
        "record": { "displayName": "somebody" } });
    network.post(&format!("/accounts/{name}/record"), &profile).await;
    let post = network.post(&format!("/accounts/{name}/record"), &json!({})).await;
    let (post, cid) = (post["uri"].as_str().unwrap().to_owned(), post["cid"].clone());
    let stage = Stage { appview, author: author.clone(), post: post.clone() };

    // Said before labeltap is there.
    network
        .emit(&skyware, &json!([{ "uri": post, "val": "spam" }, { "uri": author, "val": "rude" }]))
        .await;
    network.emit(&ozone, &json!([{ "uri": post, "val": "rude", "cid": cid }])).await;
    let profile_uri = format!("at://{author}/app.bsky.actor.profile/self");
    network.emit(&ozone, &json!([{ "uri": profile_uri, "val": "spam" }])).await;
    network
        .emit(&ozone, &json!([{ "uri": post, "val": "porn", "exp": "2020-01-01T00:00:00Z" }]))
        .await;
    let both = format!("{}, {}", skyware.did, ozone.did);
    stage.shows(&both, &[], &[]).await;

    let dir = tempfile::tempdir().unwrap();
    let tap = tap(&network, &dir.path().join("tap.db"), &postgres);
    for labeler in [&skyware.did, &ozone.did] {
        let places = [(EXAMPLE, &**labeler), ("http://127.0.0.1:2480", &tap.url)];
        run("/labelers/add", &places);
    }
    let (sky, ozo) = (&*skyware.did, &*ozone.did);
    let of_post = [(sky, "spam"), (ozo, "rude")];
    let of_profile = [(sky, "rude"), (ozo, "spam")];
    stage.shows(&both, &of_post, &of_profile).await;
    let places = [
        (EXAMPLE, sky),
        ("https://appview.example.com", stage.appview.url()),
        ("did:plc:abcabcabcabcabcabcabcabc", &author),
    ];
    let answer: Value = serde_json::from_str(&run("getProfile", &places)).unwrap();
    assert_eq!(labels(&answer), BTreeSet::from([(sky.to_owned(), "rude".to_owned())]));
    let consumers = run("/consumers", &[("http://127.0.0.1:2480", &tap.url)]);
    assert!(consumers.contains("\"appview\""), "{consumers}");
    // For the right header only.
    stage.shows(sky, &of_post[..1], &of_profile[..1]).await;
    stage.shows(ozo, &of_post[1..], &of_profile[1..]).await;
    assert_eq!(stage.post(None).await, Some(BTreeSet::new()));

    // Live, and taken back; the delay includes the labeler's and the AppView's own.
    tap.state(sky, "live").await;
    tap.state(ozo, "live").await;
    let begun = Instant::now();
    network.emit(&skyware, &json!([{ "uri": author, "val": "spam" }])).await;
    stage.shows(&both, &of_post, &[(sky, "rude"), (sky, "spam"), (ozo, "spam")]).await;
    println!("a label was shown after {:?}", begun.elapsed());
    network
        .negate(
            &skyware,
            &json!([{ "uri": post, "val": "spam" }, { "uri": author, "val": "rude" }]),
        )
        .await;
    network.negate(&ozone, &json!([{ "uri": post, "val": "rude", "cid": cid }])).await;
    stage.shows(&both, &[], &[(sky, "spam"), (ozo, "spam")]).await;

    let consumers = tap.get("/consumers").await;
    let consumer =
        consumers["consumers"].as_array().unwrap().iter().find(|one| one["name"] == "appview");
    assert_eq!(consumer.unwrap()["lag"], 0, "{consumers}");
    assert_eq!(tap.metric("labeltap_appview_up").await, 1.0);
    let delete = tap.ask(reqwest::Method::DELETE, "/consumers/appview", None).await;
    assert_eq!(delete.0, 400, "{delete:?}");

    // A purged labeler is gone from the AppView too.
    tap.remove(&[ozo], true).await;
    stage.shows(&both, &[], &[(sky, "spam")]).await;
    let stopped = tap.stop();
    assert!(stopped.status.success());
    let log = stopped.log.join("\n");
    assert!(log.contains("kept in step") && !log.contains("choose one"), "{log}");
    connection.abort();
}

/// As the manual starts it, but for where things are.
fn tap(network: &Network, database: &std::path::Path, postgres: &Postgres) -> Tap {
    let line = shown("sh")
        .lines()
        .find_map(|line| line.strip_prefix("export LABELTAP_APPVIEW_DATABASE_URL="));
    let url = line.expect("the manual sets the variable").trim_matches('\'');
    let url =
        url.replace("db.example.com:5432/bsky", &format!("127.0.0.1:{}/postgres", postgres.port()));
    assert!(url.ends_with("/postgres?schema=bsky"), "{url}");
    let database = format!("sqlite://{}", database.display());
    let mut command = command(&["run", "--bind", "127.0.0.1:0", "--allow-private-hosts"]);
    command.args(["--plc-url", network.plc_url(), "--database-url", &database]);
    command.env("LABELTAP_APPVIEW_DATABASE_URL", url);
    Tap::launch(command)
}
