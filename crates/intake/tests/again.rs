//! What is looked at again though all seems well: documents hourly, and frames that servers lose
//! on the way. With short hours.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use fleet::{Board, Rest, State};
use identity::Resolver;
use label::{Change, Did, Event, EventId, MAX_NUMBER};
use std::time::{Duration, Instant};
use store::{LabelerRow, Scan, Source, Store};
use testkit::{Cursors, FakeLabeler, Faults, LabelSpec, Plc, SigningKey, plc_did};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const LIMIT: Duration = Duration::from_secs(30);

/// Nobody is looked for.
fn nothing_to_find(plc: &Plc) -> intake::Discovery {
    let nowhere: url::Url = plc.url().parse().unwrap();
    intake::Discovery {
        relay: nowhere.clone(),
        directory: nowhere,
        discover: false,
        firehose: false,
        replay: true,
        save_every: LIMIT,
        times: intake::Times::CONTRACT,
    }
}

/// Intake, running.
struct House {
    _dir: tempfile::TempDir,
    plc: Plc,
    store: Store,
    board: Board,
    stop: CancellationToken,
    running: JoinHandle<()>,
}

impl House {
    async fn open(rest: Rest) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let plc = Plc::start().await;
        let store = Store::open(&dir.path().join("labeltap.db")).unwrap();
        let settings =
            identity::Settings { plc_url: plc.url().parse().unwrap(), allow_private_hosts: true };
        let (resolver, board) = (Resolver::new(settings).unwrap(), Board::default());
        let settings = intake::Settings {
            parallelism: 10,
            processors: 2,
            memory: intake::Settings::MEMORY,
            key_tables: 1 << 20,
            most_labels: None,
            rest,
            dids: Vec::new(),
            handles: Vec::new(),
            discovery: nothing_to_find(&plc),
        };
        let stop = CancellationToken::new();
        let run = intake::run(store.clone(), resolver, board.clone(), settings, stop.clone());
        let running = tokio::spawn(async move { run.await.unwrap() });
        Self { _dir: dir, plc, store, board, stop, running }
    }

    async fn follow(&self, did: &str) -> Did {
        let did = Did::parse(did).unwrap();
        let now = intake::wall_clock();
        self.store.add_labelers(vec![did.clone()], Source::Api, now).await.unwrap();
        did
    }

    async fn until(&self, did: &Did, wanted: impl Fn(&LabelerRow, State) -> bool) -> LabelerRow {
        let begun = Instant::now();
        loop {
            let row = self.store.labeler(did.clone()).await.unwrap().unwrap();
            let status = self.board.get(did);
            if wanted(&row, status.state) {
                return row;
            }
            assert!(begun.elapsed() < LIMIT, "still {row:?} {status:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn live(&self, did: &Did) {
        self.until(did, |row, state| row.caught_up && state == State::Live).await;
    }

    async fn events(&self) -> Vec<Event> {
        let (mut events, mut after) = (Vec::new(), EventId::START);
        let until = EventId::new(MAX_NUMBER).unwrap();
        loop {
            let scan = Scan {
                after,
                until,
                rows: 1000,
                events: 1000,
                rejected: false,
                labelers: true,
                states: false,
            };
            let scanned = self.store.scan(scan, (), |(), _| true).await.unwrap();
            if scanned.read <= after {
                return events;
            }
            events.extend(scanned.events);
            after = scanned.read;
            if after >= self.store.head().borrow().last {
                return events;
            }
        }
    }

    async fn changes(&self) -> Vec<Change> {
        let change = |event| match event {
            Event::Labeler(event) => Some(event.change),
            _ => None,
        };
        self.events().await.into_iter().filter_map(change).collect()
    }

    /// The numbers of the labels in the log, in order.
    async fn seqs(&self) -> Vec<i64> {
        let seq = |event| match event {
            Event::Label(event) => Some(event.seq.get()),
            _ => None,
        };
        self.events().await.into_iter().filter_map(seq).collect()
    }

    async fn close(self) {
        self.stop.cancel();
        self.running.await.unwrap();
        self.store.close().await;
    }
}

fn often() -> Rest {
    let soon = Duration::from_secs(1);
    Rest {
        look_again: soon,
        lacking_shortest: soon,
        reread_first: soon,
        reread_later: soon,
        ..Rest::CONTRACT
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn labels_lost_on_the_way_are_found_by_reading_again() {
    let house = House::open(Rest { look_again: LIMIT * 10, ..often() }).await;
    let name = plc_did("loses");
    let labeler = FakeLabeler::start(&name, SigningKey::k256(61), &house.plc).await;
    // Said in the moment between history and present, when nobody was listening yet.
    labeler.preload(5);
    labeler.faults(Faults::cursors(Cursors::LiveOnly));
    let did = house.follow(&name).await;
    labeler.wait_for_open(1).await;
    labeler.emit([LabelSpec::numbered(6)]);
    house.until(&did, |row, _| row.cursor.get() == 6).await;
    house.live(&did).await;
    labeler.faults(Faults::none());
    house.until(&did, |row, _| row.labels == 6).await;
    let row = house.until(&did, |row, _| row.settled.get() == 6).await;
    assert_eq!((row.cursor.get(), row.epoch.0), (6, 1));
    assert_eq!(house.seqs().await, [6, 1, 2, 3, 4, 5]);
    // From then on only what is new is read again, and one frame that is held.
    let before = labeler.upgrades().len();
    labeler.wait_for_upgrades(before + 2).await;
    assert_eq!(labeler.upgrades().last().unwrap().cursor.as_deref(), Some("5"));
    assert_eq!(house.seqs().await.len(), 6);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_labeler_that_has_lost_its_newest_frames_is_noticed_by_reading_again() {
    let house = House::open(Rest { look_again: LIMIT * 10, ..often() }).await;
    let name = plc_did("restored");
    let labeler = FakeLabeler::start(&name, SigningKey::k256(62), &house.plc).await;
    labeler.preload(9);
    let did = house.follow(&name).await;
    house.live(&did).await;
    // Restored from a backup, and silent: nothing but its lower head shows it.
    labeler.faults(Faults::cursors(Cursors::NoFuture));
    labeler.reset();
    labeler.emit_each((0..4).map(LabelSpec::numbered));
    let row = house.until(&did, |row, _| row.epoch.0 == 2 && row.caught_up).await;
    assert_eq!((row.cursor.get(), row.labels), (4, 9));
    assert_eq!(house.seqs().await.len(), 9);
    assert!(house.changes().await.contains(&Change::SequenceReset));
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_that_nobody_announced_is_found_by_the_hourly_look() {
    let house = House::open(Rest { reread_first: LIMIT * 10, ..often() }).await;
    let name = plc_did("moves");
    let (key, new_key) = (SigningKey::k256(63), SigningKey::k256(64));
    let before = FakeLabeler::start(&name, key, &house.plc).await;
    before.preload(3);
    let did = house.follow(&name).await;
    house.live(&did).await;
    // The old server goes on, with a directory that is down for a while.
    house.plc.outage(true);
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(before.open(), 1, "what is known stays while nobody can be asked");
    let after = FakeLabeler::start_unlisted(&name, new_key).await;
    after.skip_to(4);
    after.emit_each((4..6).map(LabelSpec::numbered));
    after.publish(&house.plc);
    house.plc.outage(false);
    let row = house.until(&did, |row, _| row.cursor.get() == 5).await;
    assert_eq!(row.noted.service_url, Some(after.url()));
    before.wait_for_open(0).await;
    assert_eq!(house.seqs().await, [1, 2, 3, 4, 5]);
    let changes = house.changes().await;
    for change in [Change::ServiceChanged, Change::KeyChanged] {
        assert!(changes.contains(&change), "{changes:?}");
    }
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_changes_decides_while_the_stream_is_open() {
    let house = House::open(Rest { reread_first: LIMIT * 10, ..often() }).await;
    let name = plc_did("decides");
    let labeler = FakeLabeler::start(&name, SigningKey::k256(65), &house.plc).await;
    labeler.preload(3);
    let did = house.follow(&name).await;
    house.live(&did).await;
    let mut document = testkit::Document::labeler(&name, &labeler.key(), &labeler.url()).json();
    document["service"] = serde_json::json!([]);
    house.plc.set(&name, &document);
    house.until(&did, |_, state| state == State::NoService).await;
    labeler.wait_for_open(0).await;
    let row = house.store.labeler(did.clone()).await.unwrap().unwrap();
    assert_eq!((row.labels, row.cursor.get()), (3, 3), "what is stored stays");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tombstone_ends_the_stream_and_is_told() {
    let house = House::open(Rest { reread_first: LIMIT * 10, ..often() }).await;
    let name = plc_did("tombstone");
    let labeler = FakeLabeler::start(&name, SigningKey::k256(66), &house.plc).await;
    labeler.preload(3);
    let did = house.follow(&name).await;
    house.live(&did).await;
    house.plc.tombstone(&name);
    house.until(&did, |_, state| state == State::Gone).await;
    labeler.wait_for_open(0).await;
    let begun = Instant::now();
    while !house.changes().await.ends_with(&[Change::Disconnected, Change::Gone]) {
        assert!(begun.elapsed() < LIMIT, "{:?}", house.changes().await);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    house.close().await;
}
