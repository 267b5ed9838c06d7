//! What a desk decides, case by case.

use super::*;

const RULES: Rules = Rules {
    unwritten: 2,
    retry_timeout: Duration::from_secs(10),
    held: 8,
    page: 4,
    parked: 100,
    ranges: 100,
    max_deliveries: None,
};

fn desk() -> Desk {
    Desk::new(RULES, 0, Vec::new())
}

/// A socket that takes everything, or nothing.
fn open(desk: &mut Desk, conn: u64, takes: bool) {
    let filter = takes.then_some(0);
    desk.opened(Conn(conn), Chair { filter, window: 3, expires: true });
}

/// These events were read, each with its lane, for whoever takes everything.
fn page(desk: &mut Desk, events: impl IntoIterator<Item = (i64, Lane)>, end: i64) {
    let takers = Takers::one(0);
    let seen = |(id, lane)| Seen { id, lane, takers, taken: true };
    let seen = events.into_iter().map(seen).collect();
    let generation = desk.generation();
    desk.page(&Page { generation, seen, end, all: true, ..Page::default() });
}

fn sent(desk: &mut Desk) -> Vec<(u64, i64)> {
    let next = || {
        let Sending { conn, id, .. } = desk.next()?;
        desk.handed(conn, id);
        Some((conn.0, id))
    };
    std::iter::from_fn(next).collect()
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_lane_waits_for_its_ack_and_others_do_not() {
    let mut desk = desk();
    open(&mut desk, 1, true);
    page(&mut desk, [(1, 7), (2, 7), (5, 8)], 5);
    assert_eq!(sent(&mut desk), [(1, 1), (1, 5)]);
    assert_eq!(desk.ack(Conn(1), 2), Err(Ignored::NotSent));
    assert_eq!(desk.ack(Conn(1), 9), Err(Ignored::Unknown));
    assert_eq!(desk.ack(Conn(1), 1), Ok(()));
    assert_eq!(desk.ack(Conn(1), 1), Err(Ignored::Repeated));
    desk.wrote(SECOND, Conn(1), &[1, 5]);
    assert_eq!(sent(&mut desk), [(1, 2)]);
    assert_eq!((desk.position(), desk.ahead()), (1, vec![3..=4]));
}

#[test]
fn whoever_has_less_in_flight_is_next() {
    let mut desk = desk();
    open(&mut desk, 1, true);
    open(&mut desk, 2, true);
    open(&mut desk, 3, false);
    page(&mut desk, [(1, 1), (2, 2), (3, 3), (4, 4)], 4);
    assert_eq!(sent(&mut desk), [(1, 1), (2, 2), (1, 3), (2, 4)]);
}

#[test]
fn what_a_lost_connection_had_goes_to_another_at_once() {
    let mut desk = desk();
    open(&mut desk, 1, true);
    page(&mut desk, [(1, 1), (2, 2)], 2);
    assert_eq!(sent(&mut desk), [(1, 1), (1, 2)]);
    desk.closed(Conn(1));
    open(&mut desk, 2, true);
    assert_eq!(sent(&mut desk), [(2, 1), (2, 2)]);
}

#[test]
fn until_it_is_sent_again_elsewhere_anybody_may_ack() {
    let mut desk = desk();
    open(&mut desk, 1, true);
    page(&mut desk, [(1, 1), (2, 2), (3, 3)], 3);
    assert_eq!(sent(&mut desk), [(1, 1), (1, 2)]);
    open(&mut desk, 2, false);
    desk.wrote(SECOND, Conn(1), &[1, 2]);
    assert_eq!(desk.ack(Conn(2), 1), Ok(()));
    desk.closed(Conn(1));
    assert_eq!(desk.ack(Conn(2), 2), Ok(()));
    assert_eq!(desk.ack(Conn(2), 3), Err(Ignored::NotSent));
}

#[test]
fn an_ack_that_is_quicker_than_word_of_its_writing_counts_with_that_word() {
    let mut desk = desk();
    open(&mut desk, 1, true);
    page(&mut desk, [(1, 1), (2, 1), (3, 3)], 3);
    assert_eq!(sent(&mut desk), [(1, 1), (1, 3)]);
    open(&mut desk, 2, false);
    assert_eq!(desk.ack(Conn(2), 1), Err(Ignored::NotSent), "not yet");
    assert_eq!(desk.ack(Conn(2), 3), Err(Ignored::NotSent), "not yet");
    desk.wrote(SECOND, Conn(1), &[1]);
    assert_eq!(sent(&mut desk), [(1, 2)], "the next of its lane");
    // What was never written was never delivered.
    desk.closed(Conn(1));
    open(&mut desk, 4, true);
    assert_eq!(sent(&mut desk), [(4, 2), (4, 3)]);
    desk.wrote(SECOND, Conn(4), &[2, 3]);
    assert_eq!((desk.ack(Conn(4), 3), desk.ack(Conn(4), 2)), (Ok(()), Ok(())));
}

#[test]
fn after_it_was_sent_again_elsewhere_only_the_new_owner_may() {
    let mut desk = desk();
    open(&mut desk, 1, true);
    page(&mut desk, [(1, 1)], 1);
    assert_eq!(sent(&mut desk), [(1, 1)]);
    desk.wrote(SECOND, Conn(1), &[1]);
    open(&mut desk, 2, true);
    desk.expire(SECOND * 10);
    assert_eq!(sent(&mut desk), []);
    assert_eq!(desk.expires_at(), Some(SECOND * 11));
    desk.expire(SECOND * 11);
    assert_eq!(sent(&mut desk), [(2, 1)], "the one that did not ack is avoided");
    assert_eq!(desk.ack(Conn(1), 1), Err(Ignored::NotOwner));
    desk.closed(Conn(2));
    assert_eq!(desk.ack(Conn(1), 1), Err(Ignored::NotOwner));
    assert_eq!(sent(&mut desk), [(1, 1)]);
    assert_eq!(desk.ack(Conn(1), 1), Ok(()));
}

#[test]
fn nothing_piles_up_while_nobody_is_connected() {
    let mut desk = desk();
    open(&mut desk, 1, true);
    page(&mut desk, [(1, 1)], 1);
    assert_eq!(sent(&mut desk), [(1, 1)]);
    desk.wrote(SECOND, Conn(1), &[1]);
    desk.closed(Conn(1));
    for hour in 1..10 {
        desk.expire(SECOND * 3600 * hour);
        assert_eq!((desk.next(), desk.expires_at()), (None, None));
    }
    open(&mut desk, 2, true);
    assert_eq!(sent(&mut desk), [(2, 1)]);
}

#[test]
fn an_event_that_is_no_more_frees_its_lane() {
    let mut desk = desk();
    open(&mut desk, 1, true);
    page(&mut desk, [(1, 1), (2, 1)], 2);
    assert_eq!(desk.next().map(|sending| sending.id), Some(1), "its body is looked for");
    desk.withdrawn(Conn(1), 1);
    assert_eq!(sent(&mut desk), [(1, 2)]);
    assert_eq!(desk.position(), 1);
}

#[test]
fn a_new_desk_jumps_over_what_was_done() {
    let mut desk = Desk::new(RULES, 4, vec![5..=90, 95..=99]);
    assert_eq!((desk.position(), desk.ahead()), (90, vec![95..=99]));
    open(&mut desk, 1, true);
    let wanted = desk.wants().unwrap();
    assert_eq!((wanted.after, wanted.until), (90, 99), "first what is owed from before");
    page(&mut desk, [(92, 1), (96, 2)], 99);
    assert_eq!(sent(&mut desk), [(1, 92)], "96 was done");
    assert_eq!(desk.position(), 91);
    assert_eq!(desk.wants().unwrap().until, i64::MAX);
}

#[test]
fn a_deep_lane_leaves_room_for_others() {
    let mut desk = desk();
    open(&mut desk, 1, true);
    let lane = (1..=100).map(|id| (id, 1));
    for some in lane.collect::<Vec<_>>().chunks(4) {
        let end = some.last().unwrap().0;
        page(&mut desk, some.iter().copied(), end);
    }
    assert_eq!(sent(&mut desk), [(1, 1)]);
    assert!(desk.held.len() < RULES.held, "{}", desk.held.len());
    page(&mut desk, [(101, 2)], 101);
    assert_eq!(sent(&mut desk), [(1, 101)]);
    assert_eq!(desk.owed(), 101);
}

#[test]
fn an_event_that_is_delivered_too_often_is_set_aside_and_its_lane_goes_on() {
    let mut desk = Desk::new(Rules { max_deliveries: Some(2), ..RULES }, 0, Vec::new());
    open(&mut desk, 1, true);
    page(&mut desk, [(1, 1), (2, 1)], 2);
    for time in [1, 2] {
        assert_eq!(sent(&mut desk), [(1, 1)], "{time}");
        desk.wrote(SECOND * 20 * time, Conn(1), &[1]);
        desk.expire(SECOND * 20 * time + SECOND * 10);
    }
    assert_eq!(sent(&mut desk), [], "not before it is kept");
    let aside = desk.take_aside();
    let error = "it was not acked in time".to_owned();
    assert_eq!(aside, [Aside { id: 1, deliveries: 2, error }]);
    assert_eq!(desk.ack(Conn(1), 1), Err(Ignored::SetAside));
    desk.set_aside([1]);
    assert_eq!(sent(&mut desk), [(1, 2)]);
    assert_eq!(desk.ack(Conn(1), 2), Ok(()));
    assert_eq!(desk.position(), 2);
    desk.owe_again([1, 7]);
    assert_eq!((desk.position(), desk.ahead()), (0, vec![2..=2]));
    page(&mut desk, [(1, 1), (2, 1)], 2);
    assert_eq!(sent(&mut desk), [(1, 1)]);
}

#[test]
fn who_is_tried_with_care_gets_what_failed_least() {
    let mut desk = desk();
    desk.opened(Conn(1), Chair { filter: Some(0), window: 2, expires: false });
    page(&mut desk, [(1, 1), (2, 2), (3, 3)], 3);
    assert_eq!(sent(&mut desk), [(1, 1), (1, 2)]);
    desk.wrote(SECOND, Conn(1), &[1, 2]);
    desk.expire(SECOND * 100);
    assert_eq!(desk.in_flight(), 2, "a webhook has a limit of its own");
    desk.failed(Conn(1), 1, SECOND * 200, "no");
    desk.failed(Conn(1), 2, SECOND * 200, "no");
    desk.set_window(Conn(1), 1);
    desk.set_careful(true);
    desk.expire(SECOND * 200);
    assert_eq!(sent(&mut desk), [(1, 3)]);
    desk.ack(Conn(1), 3).unwrap();
    desk.set_window(Conn(1), 2);
    desk.set_careful(false);
    desk.wrote(SECOND, Conn(1), &[3]);
    assert_eq!(sent(&mut desk), [(1, 1), (1, 2)]);
}
