use super::*;
use label::{Epoch, Seq};
use store::Noted;

fn row(did: &str, labels: u64, rejected: u64, cursor: i64) -> LabelerRow {
    LabelerRow {
        did: Did::parse(did).unwrap(),
        row: 1,
        tracked: true,
        sources: Vec::new(),
        noted: Noted::default(),
        epoch: Epoch::FIRST,
        cursor: Seq::cursor(cursor).unwrap(),
        caught_up: false,
        labels,
        rejected,
        last_label_at: None,
        account_deleted: false,
        settled: Seq::START,
        rejudge: false,
        gathering: false,
    }
}

const ANN: &str = "did:plc:ar7c4by46qjdydhdevvrndac";

fn totals(labels: u64) -> Totals {
    Totals { labels, rejected: labels / 10, delivered: labels * 2 }
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn speed_is_that_of_the_last_minute() {
    let mut track = Track::default();
    assert_eq!(track.rates(seconds(3), totals(50)), Rates::default(), "nobody has looked yet");
    // Slow for ten minutes, then fast for one.
    let count = |second: u64| second.min(600) + second.saturating_sub(600) * 100;
    for second in (0..=660).step_by(5) {
        let ann = row(ANN, count(second), 0, i64::try_from(second).unwrap() * 7);
        track.look(seconds(second), totals(count(second)), &[ann]);
    }
    let rates = track.rates(seconds(660), totals(count(660)));
    assert_eq!((rates.labels, rates.rejected, rates.delivered), (100.0, 10.0, 200.0));
    let pace = track.pace(seconds(660), &row(ANN, count(660), 0, 4620));
    assert_eq!(pace, Pace { labels: 100.0, rejected: 0.0, cursor: 7.0 });
    let history = track.history();
    assert_eq!(history.labels.len(), 120, "ten minutes");
    assert_eq!((history.labels[0], history.labels[119]), (5, 500));
}

#[test]
fn what_gets_less_has_not_come() {
    let mut track = Track::default();
    track.look(seconds(0), totals(1000), &[row(ANN, 1000, 50, 1000)]);
    track.look(seconds(5), totals(10), &[row(ANN, 10, 0, 10)]);
    assert_eq!(track.history().labels, [0]);
    assert_eq!(track.rates(seconds(5), totals(10)), Rates::default());
    assert_eq!(track.pace(seconds(5), &row(ANN, 10, 0, 10)), Pace::default());
}

#[test]
fn who_is_no_longer_tracked_is_forgotten() {
    let mut track = Track::default();
    track.look(seconds(0), totals(0), &[row(ANN, 0, 0, 0)]);
    track.look(seconds(5), totals(0), &[]);
    assert_eq!(track.labelers.len(), 0);
    assert_eq!(track.pace(seconds(5), &row(ANN, 10, 0, 10)), Pace::default());
}
