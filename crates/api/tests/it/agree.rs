//! Every way to ask what applies, against the plain rules over the log: hydration, subjects,
//! `queryLabels` page by page (contract section 7).

use crate::house::{ANN, Answer, BOB, CAT, House, NOW, did};
use axum::body::Body;
use axum::http::Request;
use label::{Event, EventId, Label, LabelEvent, Millis, Parts, Seq, Verdict, syntax};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use store::{Batch, Choice, Entry, Scan};

const LABELERS: [&str; 3] = [ANN, BOB, CAT];
const NOBODY: &str = "did:plc:zzzzzzzzzzzzzzzzzzzzzzzz";
const URIS: [&str; 5] = [
    "did:plc:cccccccccccccccccccccccc",
    "at://did:plc:cccccccccccccccccccccccc",
    "at://did:plc:cccccccccccccccccccccccc/app.bsky.feed.post/1",
    "at://did:plc:cccccccccccccccccccccccc/app.bsky.actor.profile/self",
    "at://did:plc:dddddddddddddddddddddddd/app.bsky.feed.post/1",
];
const VALS: [&str; 3] = ["spam", "!takedown", "!suspend"];
/// Around the time at which all is received and asked, which is 12:00:00.050.
const TIMES: [&str; 5] = [
    "2024-10-07T11:59:58.000Z",
    "2024-10-07T11:59:58.0001Z",
    "2024-10-07T13:59:59.000+02:00",
    "2024-10-07T12:00:00.050Z",
    "2033-01-01T00:00:00.000Z",
];
const ENDS: [Option<&str>; 4] =
    [None, None, Some("2024-10-07T12:00:00.050Z"), Some("2024-10-07T12:00:00.0501Z")];
const CID: &str = "bafyreiclp443lavogvhj3d2ob2cxbfuscni2k5jk7bebjzg7khl3esabwq";

#[derive(Debug, Clone)]
enum Step {
    /// These, by their dice, in one frame or in one each.
    Say(usize, Vec<u32>, bool),
    /// The labeler begins anew, and says all of it again, and this.
    Again(usize, u32),
    Purge(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let who = 0..LABELERS.len();
    let dice = proptest::collection::vec(any::<u32>(), 1..20);
    let step = prop_oneof![
        8 => (who.clone(), dice, any::<bool>()).prop_map(|(who, dice, one)| Step::Say(who, dice, one)),
        1 => (who.clone(), any::<u32>()).prop_map(|(who, dice)| Step::Again(who, dice)),
        1 => who.prop_map(Step::Purge),
    ];
    proptest::collection::vec(step, 1..12)
}

/// Takes one of these, and as much from the dice.
fn pick<T: Copy>(from: &[T], dice: &mut u32) -> T {
    let length = u32::try_from(from.len()).unwrap();
    let picked = from[(*dice % length) as usize];
    *dice /= length;
    picked
}

fn parts(labeler: &str, mut dice: u32) -> Parts {
    Parts {
        src: did(labeler),
        uri: pick(&URIS, &mut dice).to_owned(),
        val: pick(&VALS, &mut dice).to_owned(),
        cts: pick(&TIMES, &mut dice).to_owned(),
        neg: pick(&[None, Some(false), Some(true)], &mut dice),
        exp: pick(&ENDS, &mut dice).map(str::to_owned),
        cid: pick(&[None, Some(CID)], &mut dice).map(str::to_owned),
        sig: vec![7; 64],
    }
}

/// Has a labeler say these in frames of so many.
async fn say(house: &House, labeler: &str, labels: Vec<Parts>, together: usize) {
    let row = house.store.labeler(did(labeler)).await.unwrap().unwrap();
    let (epoch, after) = (row.epoch, row.cursor);
    let mut cursor = after.get();
    let mut entries = Vec::new();
    for frame in labels.chunks(together.max(1)) {
        cursor += 1;
        for (place, parts) in (0..).zip(frame) {
            let (label, verdict) = (Label::vouched(parts.clone()), Verdict::Verified);
            let seq = Seq::new(cursor).unwrap();
            entries.push(Entry::Label { seq, place, label, verdict, raw: None });
        }
    }
    let (labeler, cursor) = (did(labeler), Seq::new(cursor).unwrap());
    let batch = Batch { labeler, epoch, after, cursor, received_at: NOW, entries };
    house.store.commit(batch).await.unwrap();
}

async fn log(house: &House) -> Vec<LabelEvent> {
    let until = house.store.head().borrow().last;
    let (mut labels, mut after) = (Vec::new(), EventId::START);
    while after < until {
        let scan = Scan {
            after,
            until,
            rows: 10_000,
            events: 10_000,
            rejected: false,
            labelers: false,
            states: false,
        };
        let scanned = house.store.scan(scan, (), |(), _| Choice::Take).await.unwrap();
        after = scanned.read;
        labels.extend(scanned.events.into_iter().filter_map(|event| match event {
            Event::Label(label) => Some(label),
            _ => None,
        }));
    }
    labels
}

/// The newest of each key (contract section 7), in the order of the log.
fn current(log: &[LabelEvent]) -> Vec<&LabelEvent> {
    let mut newest: BTreeMap<_, &LabelEvent> = BTreeMap::new();
    let order = |event: &LabelEvent| {
        let made = syntax::instant(&event.label.cts).unwrap().min(event.received_at.0 * 1000);
        (made, event.epoch, event.seq, event.place, event.id)
    };
    for event in log {
        let key = (&event.label.src, &event.label.uri, &event.label.val);
        let known = newest.entry(key).or_insert(event);
        if order(event) > order(known) {
            *known = event;
        }
    }
    let mut current: Vec<&LabelEvent> = newest.into_values().collect();
    current.sort_by_key(|event| event.id);
    current
}

fn has_run_out(event: &LabelEvent) -> bool {
    let ends = event.label.exp.as_deref().map(|exp| syntax::instant(exp).unwrap());
    ends.is_some_and(|ends| ends <= NOW.0 * 1000)
}

fn takes_back(event: &LabelEvent) -> bool {
    event.label.neg == Some(true)
}

/// A label as the lexicon has it, `neg: false` as it came.
fn written(event: &LabelEvent) -> Value {
    let label = &event.label;
    let mut json = json!({
        "ver": 1, "src": label.src.as_str(), "uri": label.uri, "val": label.val, "cts": label.cts,
        "sig": { "$bytes": "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBw" },
    });
    let optional = [
        ("cid", label.cid.as_ref().map(|cid| json!(cid))),
        ("neg", label.neg.map(|neg| json!(neg))),
        ("exp", label.exp.as_ref().map(|exp| json!(exp))),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            json[name] = value;
        }
    }
    json
}

async fn hydrate(house: &House, header: Option<&str>, uris: &[&str]) -> Answer {
    let mut request = Request::post("/labels/hydrate").header("content-type", "application/json");
    if let Some(header) = header {
        request = request.header("atproto-accept-labelers", header);
    }
    house.ask(request.body(Body::from(json!({ "uris": uris }).to_string())).unwrap()).await
}

/// Hydration by some labelers, of whom some may redact.
async fn hydration_agrees(house: &House, log: &[LabelEvent], mut dice: u32) {
    let known: BTreeSet<String> = house.tracked().await.into_iter().collect();
    let mut wanted: BTreeMap<&str, bool> = BTreeMap::new();
    for did in [ANN, BOB, CAT, NOBODY] {
        match pick(&[0, 1, 2], &mut dice) {
            0 => {}
            way => drop(wanted.insert(did, way == 2)),
        }
    }
    let all = pick(&[true, false, false], &mut dice);
    let list: Vec<String> = wanted
        .iter()
        .map(|(did, redact)| format!("{did}{}", if *redact { ";redact" } else { "" }))
        .collect();
    let header = list.join(", ");
    if all {
        wanted = LABELERS.iter().map(|did| (*did, false)).collect();
    }
    wanted.retain(|did, _| known.contains(*did));
    let uris = &URIS[..1 + pick(&[0, 1, 2, 3, 4], &mut dice)];
    let answer = hydrate(house, (!all).then_some(header.as_str()), uris).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let mut expected = json!({});
    for uri in uris {
        let applies = |event: &&&LabelEvent| {
            event.label.uri == *uri
                && wanted.contains_key(event.labeler.as_str())
                && !takes_back(event)
                && !has_run_out(event)
        };
        let current = current(log);
        let labels: Vec<&&LabelEvent> = current.iter().filter(applies).collect();
        let redacts = |event: &&&LabelEvent| {
            wanted[event.labeler.as_str()] && event.label.val.starts_with('!')
        };
        let redacted = labels.iter().any(redacts);
        let labels: Vec<Value> = labels.into_iter().map(|event| written(event)).collect();
        expected[*uri] = json!({ "labels": labels, "redacted": redacted });
    }
    assert_eq!(answer.json(), json!({ "subjects": expected }), "{header}");
    let told = answer.headers["atproto-content-labelers"].to_str().unwrap();
    let told: BTreeSet<&str> = told.split(", ").filter(|one| !one.is_empty()).collect();
    let heard: BTreeSet<String> = wanted
        .iter()
        .map(|(did, redact)| format!("{did}{}", if *redact { ";redact" } else { "" }))
        .collect();
    assert_eq!(told, heard.iter().map(String::as_str).collect());
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

async fn subjects_agree(house: &House, log: &[LabelEvent], uri: &str) {
    let (mut history, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/subjects/{}?limit=7{cursor}", encoded(uri));
        let answer = house.get(&path).await.json();
        let about = |event: &&LabelEvent| event.label.uri == uri;
        let current = current(log);
        let applies = current.into_iter().filter(about);
        let applies = applies.filter(|event| !takes_back(event) && !has_run_out(event));
        assert_eq!(answer["labels"], applies.map(written).collect::<Value>());
        let page = answer["history"].as_array().unwrap();
        assert!(page.len() <= 7);
        history.extend(page.iter().cloned());
        let Some(next) = answer["cursor"].as_str() else { break };
        cursor = format!("&cursor={}", encoded(next));
    }
    let all = log.iter().filter(|event| event.label.uri == uri);
    let all = all.map(|event| (json!(event.id.get()), json!(event.seq.get()), written(event)));
    let history = history
        .into_iter()
        .map(|said| (said["id"].clone(), said["seq"].clone(), said["label"].clone()));
    assert_eq!(history.collect::<Vec<_>>(), all.collect::<Vec<_>>());
}

async fn queries_agree(house: &House, log: &[LabelEvent], mut dice: u32) {
    let patterns: [&[&str]; 5] = [
        &[URIS[0]],
        &[URIS[2], URIS[4], URIS[2]],
        &["at://did:plc:cccccccccccccccccccccccc/*"],
        &["*"],
        &["at://did:plc:cccccccccccccccccccccccc/app.bsky.f*", URIS[1]],
    ];
    let patterns = pick(&patterns, &mut dice);
    let sources: &[&str] = pick(&[&[][..], &[ANN], &[BOB, CAT, NOBODY]], &mut dice);
    let (negated, expired) = (pick(&[true, false], &mut dice), pick(&[true, false], &mut dice));
    let limit = pick(&[1, 3, 250], &mut dice);
    let mut query = format!("limit={limit}&includeNegated={negated}&includeExpired={expired}");
    patterns.iter().for_each(|text| query += &format!("&uriPatterns={}", encoded(text)));
    sources.iter().for_each(|did| query += &format!("&sources={}", encoded(did)));
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/xrpc/com.atproto.label.queryLabels?{query}{cursor}");
        let answer = house.get(&path).await.json();
        let page = answer["labels"].as_array().unwrap();
        assert!(page.len() <= limit);
        found.extend(page.iter().cloned());
        let Some(next) = answer["cursor"].as_str() else { break };
        cursor = format!("&cursor={}", encoded(next));
    }
    let takes = |uri: &str| {
        patterns.iter().any(|text| match text.strip_suffix('*') {
            Some(with) => uri.starts_with(with),
            None => uri == *text,
        })
    };
    let wanted = current(log).into_iter().filter(|event| {
        takes(&event.label.uri)
            && (sources.is_empty() || sources.contains(&event.labeler.as_str()))
            && (negated || !takes_back(event))
            && (expired || !has_run_out(event))
    });
    assert_eq!(found, wanted.map(written).collect::<Vec<_>>(), "{query}");
}

async fn play(steps: &[Step], dice: &[u32]) {
    let house = House::plain();
    house.add(&LABELERS).await;
    let mut said: BTreeMap<usize, Vec<Parts>> = BTreeMap::new();
    for step in steps {
        match step {
            Step::Say(who, dice, one) => {
                let labels: Vec<Parts> =
                    dice.iter().map(|dice| parts(LABELERS[*who], *dice)).collect();
                said.entry(*who).or_default().extend(labels.iter().cloned());
                let together = if *one { labels.len() } else { 1 };
                say(&house, LABELERS[*who], labels, together).await;
            }
            Step::Again(who, dice) => {
                let labeler = did(LABELERS[*who]);
                let epoch = house.store.labeler(labeler.clone()).await.unwrap().unwrap().epoch;
                house.store.reset(labeler.clone(), epoch, "backfilling", NOW).await.unwrap();
                let mut after = None;
                while let Some(more) = house.store.gather(labeler.clone(), after).await.unwrap() {
                    after = Some(more);
                }
                let all = said.entry(*who).or_default();
                all.push(parts(LABELERS[*who], *dice));
                say(&house, LABELERS[*who], all.clone(), 3).await;
            }
            Step::Purge(who) => {
                let labeler = vec![did(LABELERS[*who])];
                house.store.remove_labelers(labeler, true).await.unwrap();
                house.add(&[LABELERS[*who]]).await;
                said.remove(who);
            }
        }
        let log = log(&house).await;
        for dice in dice {
            hydration_agrees(&house, &log, *dice).await;
            queries_agree(&house, &log, *dice).await;
        }
        for uri in URIS {
            subjects_agree(&house, &log, uri).await;
        }
    }
    assert_eq!(NOW, Millis(1_728_302_400_050), "what the times are around");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn every_way_to_ask_agrees_with_the_rules(
        steps in steps(),
        dice in proptest::collection::vec(any::<u32>(), 6),
    ) {
        tokio::runtime::Runtime::new().unwrap().block_on(play(&steps, &dice));
    }
}
