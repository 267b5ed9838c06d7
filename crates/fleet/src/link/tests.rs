//! What a link promises, played through.

use super::*;
use proptest::prelude::*;

const LOST: Heard = Heard::Lost { retry_after: None };

fn secs(secs: u64) -> Moment {
    Duration::from_secs(secs)
}

/// Plays a script from the start and returns every order given.
fn play(script: &[(u64, Heard)]) -> Vec<Order> {
    let (mut link, first) = Link::start(7, Rest::CONTRACT);
    let later = script.iter().map(|(at, heard)| link.hear(secs(*at), *heard));
    std::iter::once(first).chain(later).collect()
}

/// How long the last order of a script rests, in the script's last moment.
fn last_rest(script: &[(u64, Heard)]) -> Duration {
    let now = secs(script.last().unwrap().0);
    match play(script).last().unwrap() {
        Order::RestUntil(until) => *until - now,
        other => panic!("no rest but {other:?}"),
    }
}

#[test]
fn a_good_day() {
    use Heard::{Found, Opened, Progressed};
    let orders = play(&[(0, Found), (1, Opened), (2, Progressed)]);
    let expected =
        [Order::Look { fresh: false }, Order::Dial { beyond: 0 }, Order::Read, Order::Read];
    assert_eq!(orders, expected);
}

#[test]
fn each_failure_rests_about_twice_as_long_and_looks_afresh() {
    let mut script = vec![];
    for (round, about) in [1u64, 2, 4, 8, 16].into_iter().enumerate() {
        script.extend([(100, Heard::Found), (100, LOST)]);
        let rest = last_rest(&script);
        assert!(rest <= secs(about) && rest >= secs(about).mul_f64(0.8), "{round}: {rest:?}");
        script.push((100, Heard::Rested));
        assert_eq!(play(&script).last(), Some(&Order::Look { fresh: true }));
    }
}

#[test]
fn progress_or_a_minute_forgives() {
    let failed = [(0, Heard::Found), (0, LOST), (2, Heard::Rested), (2, Heard::Found)];
    let open = [failed.as_slice(), &[(2, Heard::Opened)]].concat();
    let early = [open.as_slice(), &[(3, LOST)]].concat();
    assert!(last_rest(&early) > secs(1));
    let late = [open.as_slice(), &[(62, LOST)]].concat();
    assert!(last_rest(&late) <= secs(1));
    let moved = [open.as_slice(), &[(3, Heard::Progressed), (3, LOST)]].concat();
    assert!(last_rest(&moved) <= secs(1));
}

#[test]
fn a_labeler_that_keeps_hanging_up_is_looked_up_once_a_minute() {
    let (mut link, _) = Link::start(7, Rest::CONTRACT);
    let mut fresh = 0;
    for second in 0..120 {
        let now = secs(second);
        for heard in [Heard::Found, Heard::Opened, Heard::Progressed, LOST] {
            link.hear(now, heard);
        }
        fresh += usize::from(link.hear(now, Heard::Rested) == Order::Look { fresh: true });
    }
    assert_eq!(fresh, 2);
}

#[test]
fn too_slow_is_no_failure_while_the_sequence_moves() {
    let open = [(0, Heard::Found), (0, Heard::Opened)];
    let moved = [open.as_slice(), &[(1, Heard::Progressed), (1, Heard::TooSlow)]].concat();
    assert_eq!(last_rest(&moved), BREATH);
    let again = [moved.as_slice(), &[(2, Heard::Rested)]].concat();
    assert_eq!(play(&again).last(), Some(&Order::Dial { beyond: 0 }));
    let stuck = [open.as_slice(), &[(1, Heard::TooSlow)]].concat();
    assert!(last_rest(&stuck) >= secs(1).mul_f64(0.8));
}

#[test]
fn retry_after_is_honoured_within_a_day() {
    let asked = |after| [(0, Heard::Found), (0, Heard::Lost { retry_after: Some(after) })];
    assert_eq!(last_rest(&asked(secs(120))), secs(120));
    assert_eq!(last_rest(&asked(secs(999_999))), secs(24 * 3600));
    assert!(last_rest(&asked(Duration::ZERO)) >= secs(1).mul_f64(0.8));
}

#[test]
fn a_document_that_lacks_something_is_read_again_after_a_minute_then_hourly() {
    for heard in [Heard::Lacking, Heard::Gone] {
        let first = last_rest(&[(0, heard)]);
        assert!(first <= secs(60) && first >= secs(48));
        let mut script = vec![];
        for _ in 0..12 {
            script.extend([(0, heard), (0, Heard::Rested)]);
        }
        script.push((0, heard));
        let last = last_rest(&script);
        assert!(last <= secs(3600) && last >= secs(2880));
    }
}

#[test]
fn a_directory_out_of_reach_while_open_closes_and_waits() {
    let script = [(0, Heard::Found), (0, Heard::Opened), (1, Heard::Unasked { retry_after: None })];
    assert!(last_rest(&script) >= secs(1).mul_f64(0.8));
}

/// A stream that opens and breaks off at once, at this cursor, until something else is asked.
fn break_off(link: &mut Link, at: i64, said: bool) -> (u32, Order) {
    for times in 1..20 {
        for heard in [Heard::Found, Heard::Opened, Heard::BrokeOff { at, said }] {
            link.hear(secs(0), heard);
        }
        match link.hear(secs(0), Heard::Rested) {
            Order::Look { .. } => {}
            other => return (times, other),
        }
    }
    panic!("nothing else is ever asked")
}

#[test]
fn a_stream_that_breaks_off_at_one_frame_is_asked_whether_it_started_over() {
    let (mut link, _) = Link::start(7, Rest::CONTRACT);
    assert_eq!(break_off(&mut link, 5, false), (STUCK, Order::Confirm));
    assert_eq!(link.hear(secs(0), Heard::Reset), Order::Dial { beyond: 0 });
}

#[test]
fn if_it_did_not_the_first_frame_behind_is_looked_for_and_read_from() {
    let (mut link, _) = Link::start(7, Rest::CONTRACT);
    break_off(&mut link, 5, true);
    let next = |link: &mut Link, heard| {
        link.hear(secs(0), heard);
        link.hear(secs(0), Heard::Rested)
    };
    assert_eq!(next(&mut link, Heard::NotReset), Order::Try { beyond: 1 });
    assert_eq!(next(&mut link, Heard::Fails), Order::Try { beyond: 2 });
    assert_eq!(next(&mut link, Heard::Fails), Order::Try { beyond: 3 });
    assert_eq!(link.hear(secs(0), Heard::GoesOn), Order::Dial { beyond: 3 });
    // Behind it there may be the next such frame.
    for _ in 0..STUCK {
        link.hear(secs(0), Heard::Rested);
        link.hear(secs(0), Heard::Found);
        assert_eq!(link.hear(secs(0), Heard::Opened), Order::Read);
        link.hear(secs(0), Heard::BrokeOff { at: 5, said: true });
    }
    assert_eq!(link.hear(secs(0), Heard::Rested), Order::Try { beyond: 4 });
    assert_eq!(link.hear(secs(0), Heard::GoesOn), Order::Dial { beyond: 4 });
    link.hear(secs(0), Heard::Opened);
    link.hear(secs(0), Heard::Progressed);
    assert_eq!(link.hear(secs(0), Heard::Anew), Order::Dial { beyond: 0 });
}

#[test]
fn who_hangs_up_without_a_word_before_the_first_frame_is_left_alone() {
    let (mut link, _) = Link::start(7, Rest::CONTRACT);
    for _ in 0..10 {
        for heard in [Heard::Found, Heard::Opened, Heard::BrokeOff { at: 0, said: false }] {
            link.hear(secs(0), heard);
        }
        assert!(matches!(link.hear(secs(0), Heard::Rested), Order::Look { .. }));
    }
    assert_eq!(break_off(&mut link, 0, true), (STUCK, Order::Try { beyond: 1 }));
}

#[test]
fn a_labeler_that_starts_over_all_the_time_has_to_wait() {
    let (mut link, _) = Link::start(7, Rest::CONTRACT);
    let reset = |link: &mut Link, at| {
        for heard in [Heard::Found, Heard::Opened, Heard::Doubt] {
            link.hear(secs(at), heard);
        }
        link.hear(secs(at), Heard::Reset)
    };
    assert_eq!(reset(&mut link, 0), Order::Dial { beyond: 0 });
    assert!(matches!(reset(&mut link, 10), Order::RestUntil(until) if until > secs(50)));
    link.hear(secs(100), Heard::Rested);
    assert_eq!(reset(&mut link, 9000), Order::Dial { beyond: 0 });
}

#[test]
fn a_call_does_not_undercut_what_the_labeler_asked_for() {
    let asked = Heard::Lost { retry_after: Some(secs(100)) };
    let script = [(0, Heard::Found), (0, asked), (10, Heard::Called), (10, Heard::Found)];
    assert_eq!(play(&script).last(), Some(&Order::RestUntil(secs(100))));
    let later = [script.as_slice(), &[(100, Heard::Rested)]].concat();
    assert_eq!(play(&later).last(), Some(&Order::Dial { beyond: 0 }));
}

#[test]
fn a_call_ends_a_rest_and_nothing_else() {
    assert_eq!(play(&[(0, Heard::Called)]).last(), Some(&Order::Look { fresh: false }));
    let script = [(0, Heard::Found), (0, LOST), (0, Heard::Called)];
    assert_eq!(play(&script).last(), Some(&Order::Look { fresh: true }));
    let open = [(0, Heard::Found), (0, Heard::Opened), (0, Heard::Called)];
    assert_eq!(play(&open).last(), Some(&Order::Read));
}

fn heard() -> impl Strategy<Value = Heard> {
    let after = proptest::option::of((0u64..10_000).prop_map(Duration::from_secs));
    prop_oneof![
        Just(Heard::Found),
        Just(Heard::Lacking),
        Just(Heard::Gone),
        after.clone().prop_map(|retry_after| Heard::Unasked { retry_after }),
        Just(Heard::Opened),
        Just(Heard::Progressed),
        after.prop_map(|retry_after| Heard::Lost { retry_after }),
        Just(Heard::TooSlow),
        Just(Heard::Anew),
        (0i64..3, any::<bool>()).prop_map(|(at, said)| Heard::BrokeOff { at, said }),
        Just(Heard::Doubt),
        Just(Heard::Reset),
        Just(Heard::NotReset),
        Just(Heard::Undecided { retry_after: None }),
        Just(Heard::GoesOn),
        Just(Heard::Fails),
        Just(Heard::Full),
        Just(Heard::Called),
        Just(Heard::Rested),
    ]
}

proptest! {
    #[test]
    fn no_rest_is_longer_than_the_longest(
        script in proptest::collection::vec((0u64..9, heard()), 0..200),
        salt in any::<u64>(),
    ) {
        let (mut link, _) = Link::start(salt, Rest::CONTRACT);
        let mut now = Duration::ZERO;
        for (step, heard) in script {
            now += Duration::from_secs(step);
            let failures = link.failures();
            if let Order::RestUntil(until) = link.hear(now, heard) {
                prop_assert!(until <= now + LONGEST_ASKED);
            }
            prop_assert!(link.failures() <= failures + 1);
        }
    }
}
