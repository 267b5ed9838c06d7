//! How labelers are found while hours pass: with short ones.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use fleet::{Board, Rest};
use intake::{Discovery, Settings, Times};
use label::Did;
use std::time::{Duration, Instant};
use store::{Source, Store};
use tempfile::TempDir;
use testkit::{Answer, Document, FakeRelay, Faults, Plc, SigningKey, plc_did};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const LIMIT: Duration = Duration::from_secs(60);

/// Intake that runs, and its peers.
struct House {
    plc: Plc,
    relay: FakeRelay,
    store: Store,
    running: JoinHandle<()>,
    stop: CancellationToken,
    _dir: TempDir,
}

impl House {
    async fn open(times: Times, faults: Faults) -> Self {
        let (plc, relay) = (Plc::start().await, FakeRelay::start().await);
        relay.faults(faults);
        let (stop, dir) = (CancellationToken::new(), tempfile::tempdir().unwrap());
        let store = Store::open(&dir.path().join("labeltap.db")).unwrap();
        let directory: url::Url = plc.url().parse().unwrap();
        let settings = identity::Settings { plc_url: directory.clone(), allow_private_hosts: true };
        let resolver = identity::Resolver::new(settings).unwrap();
        let discovery = Discovery {
            relay: relay.url().replacen("http", "ws", 1).parse().unwrap(),
            directory,
            discover: true,
            firehose: true,
            replay: true,
            save_every: Duration::from_millis(100),
            times,
        };
        let settings = Settings {
            parallelism: 10,
            processors: 1,
            memory: Settings::MEMORY,
            key_tables: 1 << 20,
            most_labels: None,
            rest: Rest::CONTRACT,
            dids: Vec::new(),
            handles: Vec::new(),
            discovery,
        };
        let run = intake::run(store.clone(), resolver, Board::default(), settings, stop.clone());
        let running = tokio::spawn(async move { run.await.unwrap() });
        Self { plc, relay, store, running, stop, _dir: dir }
    }

    /// Says that somebody is a labeler, where nobody has to listen.
    fn labeler(&self, name: &str) -> (String, Document) {
        let did = plc_did(name);
        let document = Document::labeler(&did, &SigningKey::k256(7), "http://127.0.0.1:9");
        (did, document)
    }

    /// Waits until somebody is tracked, and says why.
    async fn tracked(&self, did: &str) -> Vec<Source> {
        let did = Did::parse(did).unwrap();
        let begun = Instant::now();
        loop {
            if let Some(row) = self.store.labeler(did.clone()).await.unwrap() {
                return row.sources;
            }
            assert!(begun.elapsed() < LIMIT, "{did} was not found");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn close(self) {
        self.stop.cancel();
        tokio::time::timeout(LIMIT, self.running).await.unwrap().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lists_are_read_again_and_again() {
    let often = Duration::from_millis(500);
    let times = Times { list_every: often, export_every: often, ..Times::CONTRACT };
    let house = House::open(times, Faults::none()).await;
    let begun = Instant::now();
    while house.plc.exports().len() < 2 || house.relay.lists().len() < 2 {
        assert!(begun.elapsed() < LIMIT);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (did, document) = house.labeler("shown by the log");
    house.plc.set(&did, &document.json());
    assert_eq!(house.tracked(&did).await, [Source::Plc]);
    // Of this one the log knows nothing, and no event tells.
    let (did, document) = house.labeler("shown by the list");
    house.plc.set_answer(&did, Answer::new(200, document.json().to_string()));
    house.relay.list(vec![plc_did("nobody"), did.clone()]);
    assert_eq!(house.tracked(&did).await, [Source::RelayList]);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_directory_lags_there_is_a_second_look_and_no_third() {
    let second_look = Duration::from_secs(2);
    let house = House::open(Times { second_look, ..Times::CONTRACT }, Faults::none()).await;
    house.relay.wait_for_open(1).await;
    let (did, document) = house.labeler("late");
    let stranger = plc_did("a stranger");
    house.relay.identity(&did);
    house.relay.identity(&stranger);
    let begun = Instant::now();
    while house.plc.requests(&did) == 0 {
        assert!(begun.elapsed() < LIMIT);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // Not by an operation: the log would show it.
    house.plc.set_answer(&did, Answer::new(200, document.json().to_string()));
    assert_eq!(house.tracked(&did).await, [Source::Identity]);
    tokio::time::sleep(2 * second_look).await;
    assert_eq!(house.plc.requests(&stranger), 2);
    assert_eq!(house.store.count_lookups().await.unwrap(), 0);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_is_dead_without_saying_so_is_left() {
    let times = Times { silence: Duration::from_secs(3), ..Times::CONTRACT };
    let house = House::open(times, Faults::zombie().only_first(1)).await;
    house.relay.wait_for_upgrades(1).await;
    let (did, document) = house.labeler("unheard of");
    house.plc.set_answer(&did, Answer::new(200, document.json().to_string()));
    house.relay.identity(&did);
    house.relay.wait_for_upgrades(2).await;
    // Nothing was heard, so nothing could be resumed.
    house.relay.wait_for_open(1).await;
    house.relay.identity(&did);
    assert_eq!(house.tracked(&did).await, [Source::Identity]);
    // A relay that has nothing to say, but answers, is not dead.
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(house.relay.upgrades().len(), 2);
    house.close().await;
}
