use super::*;

fn ann() -> Did {
    Did::parse("did:plc:ar7c4by46qjdydhdevvrndac").unwrap()
}

const fn mark(stored: u64, rejected: u64, cursor: i64) -> Mark {
    Mark { came: Came { stored, rejected }, cursor }
}

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
        let mark = mark(count(second), 0, i64::try_from(second).unwrap() * 7);
        track.look(seconds(second), totals(count(second)), &[(ann(), mark)]);
    }
    let rates = track.rates(seconds(660), totals(count(660)));
    assert_eq!((rates.labels, rates.rejected, rates.delivered), (100.0, 10.0, 200.0));
    let pace = track.pace(seconds(660), &ann(), mark(count(660), 0, 4620));
    assert_eq!(pace, Pace { labels: 100.0, rejected: 0.0, cursor: 7.0 });
    let history = track.history();
    assert_eq!(history.labels.len(), 120, "ten minutes");
    assert_eq!((history.labels[0], history.labels[119]), (5, 500));
}

#[test]
fn a_late_look_is_spread_over_the_time_it_stands_for() {
    let mut track = Track::default();
    track.look(seconds(0), totals(0), &[]);
    track.look(seconds(5), totals(7), &[]);
    track.look(seconds(65), totals(127), &[]);
    let labels = track.history().labels;
    assert_eq!((labels.len(), labels[0], &labels[1..]), (13, 7, &[10; 12][..]));
    // As long as a night, of which ten minutes are kept.
    track.look(seconds(40_000), totals(127), &[]);
    assert_eq!(track.history().labels, [0; 120]);
}

#[test]
fn who_was_removed_and_is_back_has_not_said_everything_at_once() {
    let mut track = Track::default();
    track.look(seconds(0), totals(0), &[(ann(), mark(0, 900, 10))]);
    track.look(seconds(5), totals(0), &[]);
    assert_eq!(track.pace(seconds(5), &ann(), mark(10, 10, 10)), Pace::default(), "forgotten");
    track.look(seconds(10), totals(0), &[(ann(), mark(5, 900, 10))]);
    track.look(seconds(15), totals(0), &[(ann(), mark(0, 0, 0))]);
    assert_eq!(track.pace(seconds(15), &ann(), mark(0, 0, 0)), Pace::default());
}
