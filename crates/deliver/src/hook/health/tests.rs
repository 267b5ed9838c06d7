//! What a receiver has to bear, in numbers, and a clock that is moved by hand.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

fn secs(secs: u64) -> Moment {
    Duration::from_secs(secs)
}

/// A receiver that has failed so often in a row that it is down.
fn down_at(now: Moment) -> Health {
    let mut health = Health::new(7);
    (0..TRUST).for_each(|_| health.failed(now, None));
    health
}

#[test]
fn a_receiver_that_answers_gets_as_many_as_are_allowed() {
    let mut health = Health::new(7);
    assert_eq!((health.room(secs(0), 0), health.opens_at(secs(0))), (MOST, None));
    for _ in 0..100 {
        (1..TRUST).for_each(|_| health.failed(secs(1), None));
        assert_eq!(health.room(secs(1), 60), MOST - 60, "not all of them fail");
        health.succeeded();
    }
    assert_eq!((health.room(secs(1), MOST), health.room(secs(1), MOST + 1)), (0, 0));
}

#[test]
fn one_that_is_down_gets_nothing_and_then_one_at_a_time() {
    let mut health = down_at(secs(10));
    let opens = health.opens_at(secs(10)).unwrap();
    assert!(opens > secs(10) && opens <= secs(11), "{opens:?}");
    assert_eq!(health.room(secs(10), 0), 0);
    assert_eq!((health.room(opens, 0), health.room(opens, 1)), (1, 0));
    assert_eq!(health.opens_at(opens), None, "time alone brings no more");
    health.succeeded();
    assert_eq!((health.room(opens, 0), health.room(opens, 1)), (MOST, MOST - 1));
}

#[test]
fn each_probe_that_fails_makes_a_longer_pause_and_a_success_starts_over() {
    let mut health = down_at(secs(10));
    let mut now = health.opens_at(secs(10)).unwrap();
    for about in [2u64, 4, 8, 16, 32, 60, 60, 60] {
        health.failed(now, None);
        let opens = health.opens_at(now).unwrap();
        let pause = opens - now;
        assert!(pause <= secs(about) && pause >= secs(about).mul_f64(0.8), "{about}: {pause:?}");
        now = opens;
    }
    health.succeeded();
    (0..TRUST).for_each(|_| health.failed(now, None));
    assert!(health.opens_at(now).unwrap() - now <= secs(1));
}

#[test]
fn one_that_answers_is_tried_again_soon() {
    let mut health = Health::new(7);
    let mut now = secs(10);
    for _ in 0..100 {
        (0..TRUST).for_each(|_| health.refused(now));
        let opens = health.opens_at(now).unwrap();
        assert!(opens - now <= LONGEST_REFUSED);
        now = opens;
    }
}

#[test]
fn what_was_under_way_when_it_went_down_does_not_prolong_the_pause() {
    let mut health = down_at(secs(10));
    let opens = health.opens_at(secs(10));
    (0..MOST).for_each(|_| health.failed(secs(10), None));
    assert_eq!(health.opens_at(secs(10)), opens);
    assert_eq!(health.room(opens.unwrap(), 3), 0, "and is waited for");
}

#[test]
fn retry_after_is_honoured_up_to_an_hour() {
    for (asked, least, most) in
        [(0, 0.8, 1), (1, 1.0, 1), (300, 300.0, 300), (999_999, 3600.0, 3600)]
    {
        let mut health = Health::new(7);
        health.failed(secs(10), Some(secs(asked)));
        let pause = health.opens_at(secs(10)).unwrap() - secs(10);
        assert!(pause <= secs(most) && pause.as_secs_f64() >= least, "{asked}: {pause:?}");
        assert_eq!((health.room(secs(10) + pause, 0), health.room(secs(10), 0)), (1, 0));
    }
    // A shorter one does not take back a longer one, nor does somebody who got through.
    let mut health = Health::new(7);
    health.failed(secs(0), Some(secs(300)));
    health.failed(secs(0), Some(secs(10)));
    health.succeeded();
    assert_eq!((health.opens_at(secs(0)), health.room(secs(299), 0)), (Some(secs(300)), 0));
    assert_eq!(health.room(secs(300), 0), MOST);
}

#[test]
fn a_million_attempts_wait_as_long_as_ten() {
    for attempt in (10..1_000_000).chain([u32::MAX - 1, u32::MAX]) {
        let wait = wait(attempt, 3);
        assert!(wait <= LONGEST && wait >= LONGEST.mul_f64(0.8), "{attempt}: {wait:?}");
    }
    assert!(wait(0, 3) <= SHORTEST);
    let mut health = Health::new(3);
    let mut now = Moment::ZERO;
    for _ in 0..1_000_000 {
        health.failed(now, None);
        let opens = health.opens_at(now).unwrap_or(now);
        assert!(opens - now <= LONGEST);
        now = opens;
    }
    health.failed(Moment::MAX, Some(secs(1)));
    assert_eq!(health.room(Moment::MAX, 0), 1, "the end of time is no end of us");
}

/// How a receiver deals with a request: how long it takes, and what it says.
type Deals = fn(Moment) -> (Duration, Result<(), Option<Duration>>);

/// Delivers 10,000 events that were all waiting to a receiver for an hour, and says when
/// each request was made and how many events were not taken.
fn an_hour(deals: Deals) -> (Vec<Moment>, usize) {
    let mut health = Health::new(11);
    let mut now = Moment::ZERO;
    let mut due: BTreeSet<(Moment, u64)> = (0..10_000).map(|event| (now, event)).collect();
    let mut failures = vec![0; 10_000];
    let mut flying: BTreeSet<(Moment, u64)> = BTreeSet::new();
    let mut requests = Vec::new();
    while now < secs(3600) {
        while let Some((_, event)) = flying.first().copied().filter(|(end, _)| *end <= now) {
            flying.pop_first();
            match deals(now).1 {
                Ok(()) => health.succeeded(),
                Err(rest) => {
                    health.failed(now, rest);
                    failures[event as usize] += 1;
                    let again = now + wait(failures[event as usize], event);
                    due.insert((again, event));
                }
            }
        }
        while health.room(now, flying.len()) > 0
            && let Some((_, event)) = due.first().copied().filter(|(at, _)| *at <= now)
        {
            due.pop_first();
            requests.push(now);
            flying.insert((now + deals(now).0, event));
            assert!(flying.len() <= MOST);
        }
        let next_due = due.first().map(|(at, _)| *at).filter(|at| *at > now);
        let next = [flying.first().map(|(end, _)| *end), health.opens_at(now), next_due];
        let Some(next) = next.into_iter().flatten().min() else { break };
        now = next;
    }
    (requests, due.len() + flying.len())
}

#[test]
fn an_hour_of_a_dead_receiver_costs_little() {
    let refuses: Deals = |_| (Duration::from_millis(1), Err(None));
    let hangs: Deals = |_| (secs(30), Err(None));
    let busy: Deals = |_| (Duration::from_millis(5), Err(Some(secs(600))));
    for (deals, most) in [(refuses, 200), (hangs, 150), (busy, MOST + 6)] {
        let (requests, left) = an_hour(deals);
        assert_eq!(left, 10_000);
        assert!(requests.len() <= most, "{} requests", requests.len());
        assert!(requests.len() > MOST, "it is never given up");
        let late = requests.iter().filter(|at| **at > secs(60)).count();
        assert!(late <= 80, "{late} requests after the first minute");
    }
}

#[test]
fn a_receiver_that_comes_back_is_found_within_a_minute_and_gets_everything() {
    let back: Deals = |now| {
        let up = now > secs(1800);
        (Duration::from_millis(1), if up { Ok(()) } else { Err(None) })
    };
    let (requests, left) = an_hour(back);
    assert_eq!(left, 0);
    let found = requests.iter().position(|at| *at > secs(1800)).unwrap();
    assert!(requests[found] <= secs(1860) && found <= 200, "{found} requests before");
    let last = *requests.last().unwrap();
    assert!(last <= secs(1930), "the last one at {last:?}");
}

#[derive(Debug, Clone)]
enum Heard {
    Succeeded,
    Failed(Option<u64>),
}

fn heard() -> impl Strategy<Value = (u64, Heard)> {
    let heard = prop_oneof![
        1 => Just(Heard::Succeeded),
        6 => Just(Heard::Failed(None)),
        1 => (0u64..10_000).prop_map(|rest| Heard::Failed(Some(rest))),
    ];
    (0u64..120, heard)
}

proptest! {
    #[test]
    fn a_wait_grows_and_stays_within_its_bounds(attempt in any::<u32>(), seed in any::<u64>()) {
        let bounds = |about: Duration| about.mul_f64(0.8)..=about;
        prop_assert!(bounds(LONGEST).contains(&wait(attempt.max(7), seed)));
        for (attempt, about) in (1..).zip([1, 2, 4, 8, 16, 32, 60]) {
            prop_assert!(bounds(secs(about)).contains(&wait(attempt, seed)));
            prop_assert!(attempt == 1 || wait(attempt, seed) > wait(attempt - 1, seed));
        }
    }

    #[test]
    fn there_is_never_more_room_than_allowed_and_always_some_in_the_end(
        script in prop::collection::vec(heard(), 0..200),
        seed in any::<u64>(),
        in_flight in 0usize..100,
    ) {
        let mut health = Health::new(seed);
        let mut now = Moment::ZERO;
        let mut rests = Moment::ZERO;
        for (pause, heard) in script {
            now += secs(pause);
            match heard {
                Heard::Succeeded => health.succeeded(),
                Heard::Failed(rest) => {
                    let rest = rest.map(secs);
                    rests = rests.max(now + rest.unwrap_or_default().min(LONGEST_REST));
                    health.failed(now, rest);
                }
            }
            let room = health.room(now, in_flight);
            prop_assert!(room + in_flight <= MOST.max(in_flight));
            prop_assert!(room == 0 || now >= rests, "it asked for a rest");
            match health.opens_at(now) {
                Some(opens) => {
                    prop_assert!(room == 0 && now < opens && opens <= rests.max(now + LONGEST));
                    prop_assert!(health.room(opens, 0) >= 1);
                }
                None => prop_assert!(health.room(now, 0) >= 1),
            }
        }
    }
}
