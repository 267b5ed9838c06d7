//! What a desk decides, case by case.

use super::*;

const RULES: Rules =
    Rules { window: 3, unwritten: 2, retry_timeout: Duration::from_secs(10), held: 8, page: 4 };

fn desk() -> Desk {
    Desk::new(RULES, 0, Vec::new())
}

fn sent(desk: &mut Desk) -> Vec<(u64, i64)> {
    std::iter::from_fn(|| desk.next()).map(|sending| (sending.conn.0, sending.id)).collect()
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_lane_waits_for_its_ack_and_others_do_not() {
    let mut desk = desk();
    desk.opened(Conn(1), true);
    desk.page([(1, 7), (2, 7), (5, 8)], 5);
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
    desk.opened(Conn(1), true);
    desk.opened(Conn(2), true);
    desk.opened(Conn(3), false);
    desk.page([(1, 1), (2, 2), (3, 3), (4, 4)], 4);
    assert_eq!(sent(&mut desk), [(1, 1), (2, 2), (1, 3), (2, 4)]);
}

#[test]
fn what_a_lost_connection_had_goes_to_another_at_once() {
    let mut desk = desk();
    desk.opened(Conn(1), true);
    desk.page([(1, 1), (2, 2)], 2);
    assert_eq!(sent(&mut desk), [(1, 1), (1, 2)]);
    desk.closed(Conn(1));
    desk.opened(Conn(2), true);
    assert_eq!(sent(&mut desk), [(2, 1), (2, 2)]);
}

#[test]
fn until_it_is_sent_again_elsewhere_anybody_may_ack() {
    let mut desk = desk();
    desk.opened(Conn(1), true);
    desk.page([(1, 1), (2, 2), (3, 3)], 3);
    assert_eq!(sent(&mut desk), [(1, 1), (1, 2)]);
    desk.opened(Conn(2), false);
    assert_eq!(desk.ack(Conn(2), 1), Ok(()));
    desk.closed(Conn(1));
    assert_eq!(desk.ack(Conn(2), 2), Ok(()));
    assert_eq!(desk.ack(Conn(2), 3), Err(Ignored::NotSent));
}

#[test]
fn after_it_was_sent_again_elsewhere_only_the_new_owner_may() {
    let mut desk = desk();
    desk.opened(Conn(1), true);
    desk.page([(1, 1)], 1);
    assert_eq!(sent(&mut desk), [(1, 1)]);
    desk.wrote(SECOND, Conn(1), &[1]);
    desk.opened(Conn(2), true);
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
    desk.opened(Conn(1), true);
    desk.page([(1, 1)], 1);
    assert_eq!(sent(&mut desk), [(1, 1)]);
    desk.wrote(SECOND, Conn(1), &[1]);
    desk.closed(Conn(1));
    for hour in 1..10 {
        desk.expire(SECOND * 3600 * hour);
        assert_eq!((desk.next(), desk.expires_at()), (None, None));
    }
    desk.opened(Conn(2), true);
    assert_eq!(sent(&mut desk), [(2, 1)]);
}

#[test]
fn an_event_that_is_no_more_frees_its_lane() {
    let mut desk = desk();
    desk.opened(Conn(1), true);
    desk.page([(1, 1), (2, 1)], 2);
    assert_eq!(sent(&mut desk), [(1, 1)]);
    desk.withdrawn(Conn(1), 1);
    assert_eq!(sent(&mut desk), [(1, 2)]);
    assert_eq!(desk.position(), 1);
}

#[test]
fn a_new_desk_jumps_over_what_was_done() {
    let desk = Desk::new(RULES, 4, vec![5..=90, 95..=99]);
    assert_eq!((desk.read(), desk.position()), (90, 90));
    assert_eq!(desk.ahead(), [95..=99]);
}
