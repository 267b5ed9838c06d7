//! Everything that labelers said, read again from us by programs that others wrote: the
//! `@atproto` packages of npm and the `atproto` package of PyPI, on `subscribeLabels` and
//! `queryLabels` (contract section 7). They check every message by the lexicon and every
//! signature by the labeler's DID document, and know no labeler but by its labels.

mod reader;
mod said;
mod speech;

use crate::clients::wanted;
use crate::tap::Tap;
use reader::{At, Pages, READERS, Read, Reader};
use said::{Asked, Said, current, page};
use serde_json::json;
use speech::{Spoken, speak};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use testkit::network::{Kind, Network};
use testkit::{Document, FakeLabeler, LabelSpec, Plc, SigningKey, bytes_of, cts, plc_did};

/// A service whose `/xrpc/` is open to everybody, unlike the rest.
fn start(plc: &str, dir: &Path) -> Tap {
    let more = ["--admin-password", "secret", "--public-xrpc"];
    Tap::start_at(plc, &dir.join("tap.db"), &more).with_password("secret")
}

/// Waits until so many labels of a labeler are stored.
async fn stored(tap: &Tap, did: &str, labels: usize) {
    tap.labeler_until(did, |labeler| labeler["labels"] == json!(labels)).await;
}

/// What was sent by one labeler of what a reader read, in order.
fn from<'a>(read: &'a [Read], said: &'a BTreeMap<&[u8], &Said>, src: &str) -> Vec<&'a [u8]> {
    let labels = read.iter().map(|read| read.label.as_slice());
    labels.filter(|label| said.get(label).is_some_and(|said| said.src == src)).collect()
}

/// Checks what was read of the stream, and answers what was said in the order of the stream:
/// each label of each labeler once, in its order and with its bytes, and nothing else.
fn whole(reader: Reader, read: &[Read], spoken: &[Vec<Said>]) -> Vec<Said> {
    let all = spoken.iter().flatten();
    let said: BTreeMap<&[u8], &Said> = all.map(|said| (said.sent.as_slice(), said)).collect();
    assert_eq!(said.len(), spoken.iter().map(Vec::len).sum::<usize>(), "no two are the same");
    let in_order = |read: &Read| {
        let Some(said) = said.get(read.label.as_slice()) else {
            panic!("{reader:?}: nobody said {}", wire::rejected_label_json(&read.label))
        };
        // A null is as good as nothing in Python.
        assert!(read.valid == (said.valid || reader == Reader::Python), "{reader:?}: {said:?}");
        (*said).clone()
    };
    let order = read.iter().map(in_order).collect();
    for labeler in spoken {
        let sent: Vec<&[u8]> = labeler.iter().map(|said| said.sent.as_slice()).collect();
        let src = &labeler[0].src;
        assert!(from(read, &said, src) == sent, "{reader:?}: not what {src} said");
    }
    order
}

/// Checks that a page has just these labels, and answers the place of the last one.
fn check(page: &[Read], all: &[Said], places: &[usize]) -> Option<usize> {
    let expected: Vec<&[u8]> = places.iter().map(|place| all[*place].bare.as_slice()).collect();
    let found: Vec<&[u8]> = page.iter().map(|read| read.label.as_slice()).collect();
    if let Some(at) =
        (0..found.len().max(expected.len())).find(|at| found.get(*at) != expected.get(*at))
    {
        let show = |labels: &[&[u8]]| labels.get(at).map(|label| wire::rejected_label_json(label));
        panic!("at {at} of {}: {:?}, not {:?}", expected.len(), show(&found), show(&expected));
    }
    places.last().copied()
}

/// Reads all pages of what does not change, and checks each.
fn all_pages(reader: Reader, at: At<'_>, all: &[Said], asked: Asked, limit: usize) {
    let mut pages = reader.pages(at, limit, asked);
    let (mut last, mut labels) = (None, 0);
    while let Some(found) = pages.next() {
        last = check(&found.labels, all, &page(all, asked, last, limit)).or(last);
        labels += found.labels.len();
    }
    assert_eq!(labels, current(all, asked).len(), "{reader:?} with {asked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn fake_labelers_are_reread_whole() {
    if !wanted() {
        return;
    }
    const EACH: u64 = 1200;
    let (dir, plc) = (tempfile::tempdir().unwrap(), Plc::start().await);
    let ann = FakeLabeler::start(&plc_did("ann"), SigningKey::k256(91), &plc).await;
    let bob = FakeLabeler::start(&plc_did("bob"), SigningKey::p256(92), &plc).await;
    let cyd = FakeLabeler::start(&plc_did("cyd"), SigningKey::p256(93), &plc).await;
    let dan = FakeLabeler::start(&plc_did("dan"), SigningKey::k256(94), &plc).await;
    // Documents of 2023 have keys in another form.
    let old = Document::new(dan.did()).legacy_label_key(&dan.key(), false);
    plc.set(dan.did(), &old.labeler_service(&dan.url()).json());

    let tap = start(&plc.url(), dir.path());
    let labelers = [&ann, &bob, &cyd, &dan];
    let mut spoken = labelers.map(|labeler| speak(labeler, 0..EACH / 2));
    tap.add(&labelers.map(FakeLabeler::did)).await;
    for (labeler, spoken) in labelers.iter().zip(&spoken) {
        stored(&tap, labeler.did(), spoken.len()).await;
    }
    // Two lose their databases and have an old backup. Nobody could tell once they had said as much
    // again as before, so they go on when it was noticed, one with what it has said already.
    for labeler in [&cyd, &dan] {
        labeler.reset();
        speak(labeler, 0..EACH / 8);
        tap.labeler_until(labeler.did(), |labeler| labeler["epoch"] == 2).await;
    }
    speak(&cyd, EACH / 8..EACH / 2);
    for (labeler, spoken) in labelers.iter().zip(&mut spoken) {
        spoken.extend(speak(labeler, EACH / 2..EACH));
    }
    for (labeler, spoken) in labelers.iter().zip(&spoken) {
        stored(&tap, labeler.did(), spoken.len()).await;
    }
    // What comes after everything that must not come.
    spoken[0].extend(speak(&ann, EACH..=EACH));
    stored(&tap, ann.did(), spoken[0].len()).await;

    let at = At { url: &tap.url, plc: &plc.url() };
    let count = spoken.iter().map(Vec::len).sum();
    let read = READERS.map(|reader| reader.stream(at, count, 0));
    let orders = [0, 1].map(|reader| whole(READERS[reader], &read[reader], &spoken));
    let sequence = |read: &[Read]| read.iter().map(|read| (read.seq, read.label.clone())).collect();
    let [one, other]: [Vec<_>; 2] = [sequence(&read[0]), sequence(&read[1])];
    assert!(one == other, "two readers, one order");
    assert_eq!(orders[0].last().unwrap().sent, spoken[0].last().unwrap().sent);
    // From the middle on it is the same.
    let (middle, rest) = (read[0][count / 2 - 1].seq, &one[count / 2..]);
    for reader in READERS {
        let again: Vec<_> = sequence(&reader.stream(at, rest.len(), middle));
        assert!(again == rest, "{reader:?}: another order after a cursor");
    }

    for (asked, limit) in [
        (Asked::APPLYING, 250),
        (Asked { negated: true, expired: false }, 100),
        (Asked { negated: false, expired: true }, 61),
        (Asked::EVERYTHING, 250),
    ] {
        assert!(current(&orders[0], asked).len() > 2 * limit, "some pages of {asked:?}");
        for reader in READERS {
            all_pages(reader, at, &orders[0], asked, limit);
        }
    }
}

/// Between two pages: says a label of the page again, takes back one that is still to come and
/// says another one of those again, and something new.
fn interrupt(ann: &FakeLabeler, all: &[Said], seen: &[usize], turn: u64) -> Vec<Said> {
    let of_ann = |place: &usize| all[*place].src == ann.did();
    let to_come =
        current(all, Asked::APPLYING).into_iter().filter(|place| Some(place) > seen.last());
    let to_come: Vec<usize> = to_come.filter(of_ann).collect();
    let before = seen.iter().copied().find(of_ann);
    let mut frame = Spoken::default();
    let made = cts(30 * 86_400_000 + 1000 * turn);
    let mut say = |spec: LabelSpec| {
        let spec = spec.cts(&made);
        frame.say(ann, spec.clone(), &spec, &made, false);
    };
    let again = |place: usize| LabelSpec::new(&all[place].uri, &all[place].val);
    before.into_iter().for_each(|place| say(again(place)));
    to_come.get(5).into_iter().for_each(|place| say(again(*place).neg(true)));
    to_come.get(9).into_iter().for_each(|place| say(again(*place).neg(false)));
    say(LabelSpec::new(plc_did(&format!("new {turn}")), "new"));
    frame.emit(ann)
}

/// Pages through everything while more is said after each page, up to a number of times.
async fn while_labels_arrive(
    tap: &Tap,
    (ann, all): (&FakeLabeler, &mut Vec<Said>),
    mut pages: Pages,
    (limit, turns): (usize, std::ops::Range<u64>),
) -> Vec<(String, usize)> {
    let at_the_start: Vec<Said> =
        current(all, Asked::APPLYING).into_iter().map(|place| all[place].clone()).collect();
    let (mut found, mut cursors, mut last) = (Vec::new(), Vec::new(), None);
    let mut turns = turns;
    while let Some(next) = pages.next() {
        let places = page(all, Asked::APPLYING, last, limit);
        last = check(&next.labels, all, &places).or(last);
        cursors.extend(next.cursor.zip(last));
        if let Some(turn) = turns.next() {
            all.extend(interrupt(ann, all, &places, turn));
            let of_ann = all.iter().filter(|said| said.src == ann.did()).count();
            stored(tap, ann.did(), of_ann).await;
        }
        found.extend(places);
    }
    assert!(turns.next().is_none(), "more pages than turns");

    let places: BTreeSet<usize> = found.iter().copied().collect();
    assert_eq!(places.len(), found.len(), "a label on two pages");
    let key = |said: &Said| (said.src.clone(), said.uri.clone(), said.val.clone());
    let keys: BTreeSet<_> = found.iter().map(|place| key(&all[*place])).collect();
    let now: BTreeSet<_> = current(all, Asked::APPLYING).into_iter().collect();
    assert!(now.is_subset(&places), "all that applies in the end was found");
    let taken_back: BTreeSet<_> = all.iter().filter(|said| said.negates).map(key).collect();
    let missing = at_the_start.iter().map(key).filter(|key| !keys.contains(key));
    assert_eq!(missing.filter(|key| !taken_back.contains(key)).count(), 0, "nothing is missing");
    cursors
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_disjoint_and_complete_while_labels_arrive() {
    if !wanted() {
        return;
    }
    const LIMIT: usize = 30;
    let (dir, plc) = (tempfile::tempdir().unwrap(), Plc::start().await);
    let bob = FakeLabeler::start(&plc_did("bob"), SigningKey::p256(95), &plc).await;
    let ann = FakeLabeler::start(&plc_did("ann"), SigningKey::k256(96), &plc).await;
    let tap = start(&plc.url(), dir.path());
    let mut all = Vec::new();
    // One after the other, so that their order is known.
    for labeler in [&bob, &ann] {
        let spoken = speak(labeler, 0..500);
        tap.add(&[labeler.did()]).await;
        stored(&tap, labeler.did(), spoken.len()).await;
        all.extend(spoken);
    }

    let at = At { url: &tap.url, plc: &plc.url() };
    let mut cursors = Vec::new();
    for (reader, turns) in READERS.into_iter().zip([0..8, 8..16]) {
        let pages = reader.pages(at, LIMIT, Asked::APPLYING);
        cursors.extend(while_labels_arrive(&tap, (&ann, &mut all), pages, (LIMIT, turns)).await);
    }
    // Every cursor that was ever given still leads on from the same place.
    assert!(cursors.len() > 16);
    for (cursor, last) in cursors {
        let path = "/xrpc/com.atproto.label.queryLabels?uriPatterns=*";
        let found = tap.get(&format!("{path}&limit={LIMIT}&cursor={cursor}")).await;
        let labels = found["labels"].as_array().unwrap();
        let places = page(&all, Asked::APPLYING, Some(last), LIMIT);
        assert_eq!(labels.len(), places.len());
        for (label, place) in labels.iter().zip(places) {
            let sig = bytes_of(&label["sig"]);
            assert!(all[place].bare.windows(64).any(|bytes| bytes == sig), "{label}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn real_labelers_are_reread_whole() {
    if !wanted() || !Network::wanted() {
        return;
    }
    const HISTORY: usize = 2000;
    let network = Network::start().await;
    let plc = network.plc_url();
    let uri = "at://did:plc:ar7c4by46qjdydhdevvrndac/app.bsky.feed.post/3l3qo2vuowo2b";
    let cid = "bafyreie5cvv4h45feadgeuwhbcutmh6t2ceseocckahdoe6uat64zmz454";
    let exp = "2040-01-01T00:00:00.000Z";
    let rich = json!([{ "uri": uri, "val": "rude", "cid": cid, "exp": exp }]);
    let plain = json!([{ "uri": plc_did("somebody"), "val": "!warn" }]);
    let mut labelers = Vec::new();
    for kind in [Kind::Skyware, Kind::Ozone] {
        let labeler = network.labeler(kind).await;
        let labeler = network.bulk(&labeler, HISTORY as u64, kind == Kind::Ozone).await;
        network.emit(&labeler, &rich).await;
        network.emit(&labeler, &plain).await;
        labelers.push(labeler);
    }
    let dir = tempfile::tempdir().unwrap();
    let tap = start(plc, dir.path());
    tap.add(&[&labelers[0].did, &labelers[1].did]).await;

    // What they say of themselves, and what we say.
    let at = At { url: &tap.url, plc };
    let mut spoken = Vec::new();
    for labeler in &labelers {
        let own = At { url: &labeler.url, plc };
        let read = Reader::JavaScript.stream(own, HISTORY + 2, 0);
        spoken.push(read.iter().map(|read| Said::usual(&read.label)).collect::<Vec<_>>());
        stored(&tap, &labeler.did, HISTORY + 2).await;
    }
    let (mut order, mut head) = (Vec::new(), 0);
    for reader in READERS {
        let read = reader.stream(at, 2 * (HISTORY + 2), 0);
        order = whole(reader, &read, &spoken);
        head = read.last().unwrap().seq;
    }

    // Live: one is taken back, one is said again.
    let mut live = Vec::new();
    for labeler in &labelers {
        live.extend(network.negate(labeler, &plain).await);
        stored(&tap, &labeler.did, HISTORY + 3).await;
        live.extend(network.emit(labeler, &rich).await);
        stored(&tap, &labeler.did, HISTORY + 4).await;
    }
    let said: Vec<Vec<u8>> = live.iter().map(|label| bytes_of(&label["sig"])).collect();
    let sig = |read: &Read| bytes_of(&wire::rejected_label_json(&read.label)["sig"]);
    let read = READERS.map(|reader| reader.stream(at, live.len(), head));
    for read in &read {
        assert_eq!(read.iter().map(sig).collect::<Vec<_>>(), said);
    }
    order.extend(read[0].iter().map(|read| Said::usual(&read.label)));
    for asked in [Asked::APPLYING, Asked::EVERYTHING] {
        READERS.into_iter().for_each(|reader| all_pages(reader, at, &order, asked, 250));
    }
}
