//! What is shared, what is not, and how much is kept.

use super::*;
use crate::packer::tests::body;
use label::LabelEvent;

/// One for two consumers.
fn rack(most: usize) -> Rack {
    Rack::new(Share::of(2), most)
}

/// The same event once more, changed.
fn changed(event: Event, change: impl FnOnce(&mut LabelEvent)) -> Event {
    let Event::Label(mut event) = event else { panic!("no label") };
    change(&mut event);
    Event::Label(event)
}

fn weight(rack: &Rack) -> usize {
    rack.lock().weight
}

/// What is there, counted anew.
fn counted(rack: &Rack) -> usize {
    let lately = rack.lock();
    assert_eq!(lately.sheets.len(), lately.order.len());
    lately.sheets.values().map(|held| held.sheet.weight() + held.sheet.texts()).sum()
}

#[test]
fn who_reads_the_same_has_the_same_sheet() {
    let rack = rack(MOST);
    let (one, other) = (rack.share(body(1)), rack.clone().share(body(1)));
    assert!(Arc::ptr_eq(&one, &other));
    assert_eq!(rack.text(&one, false).as_ptr(), rack.text(&other, false).as_ptr());
    assert!(!Arc::ptr_eq(&one, &rack.share(body(2))));
}

#[test]
fn a_label_that_moved_is_another_sheet() {
    let rack = rack(MOST);
    let before = rack.share(body(1));
    rack.text(&before, false);
    let moved =
        changed(body(1), |event| (event.epoch, event.seq) = (Epoch(2), Seq::new(9).unwrap()));
    let after = rack.share(moved.clone());
    assert_eq!(rack.text(&after, false).as_str(), wire::event_json(&moved, false));
    assert!(Arc::ptr_eq(&after, &rack.share(moved)), "and this is the one that is kept");
    let find = |epoch, seq| {
        let frame = (Epoch(epoch), Seq::new(seq).unwrap());
        rack.find(EventId::new(1).unwrap(), frame)
    };
    assert!(Arc::ptr_eq(&after, &find(2, 9).unwrap()));
    assert!(find(1, 1).is_none() && find(2, 1).is_none() && find(1, 9).is_none());
    assert_eq!(weight(&rack), counted(&rack));
    let resigned = changed(body(1), |event| {
        let mut parts = event.label.clone().into_parts();
        parts.sig = vec![8; 64];
        event.label = label::Label::vouched(parts);
    });
    assert!(!Arc::ptr_eq(&after, &rack.share(resigned)));
}

#[test]
fn it_is_bounded_in_bytes_with_its_texts() {
    let rack = rack(10_000);
    let mut sheets = Vec::new();
    for id in 1..=100 {
        sheets.push(rack.share(body(id)));
        assert!(weight(&rack) <= 10_000);
    }
    let without = rack.lock().sheets.len();
    for sheet in &sheets {
        for raw in [false, true] {
            rack.text(sheet, raw);
            assert!(weight(&rack) <= 10_000);
            assert_eq!(weight(&rack), counted(&rack), "what is gone does not count");
        }
    }
    let with = rack.lock().sheets.len();
    assert!(0 < with && with < without && without < 30, "{with} of {without}");
    assert!(Arc::ptr_eq(&rack.share(body(100)), &sheets[99]), "the last ones are there");
    assert!(!Arc::ptr_eq(&rack.share(body(1)), &sheets[0]), "the first ones went first");
}

#[test]
fn one_that_is_larger_than_all_is_made_and_not_kept() {
    let rack = rack(10);
    let sheet = rack.share(body(1));
    assert_eq!(rack.text(&sheet, true).as_str(), wire::event_json(&body(1), true));
    assert_eq!((weight(&rack), counted(&rack)), (0, 0));
}

#[test]
fn whoever_is_alone_keeps_nothing_for_others() {
    let rack = Rack::new(Share::of(1), MOST);
    let (one, other) = (rack.share(body(1)), rack.share(body(1)));
    assert!(!Arc::ptr_eq(&one, &other));
    rack.text(&one, false);
    assert_eq!((weight(&rack), counted(&rack)), (0, 0));
}

#[test]
fn where_nobody_asks_for_what_is_here_it_is_not_kept_for_a_while() {
    let rack = rack(MOST);
    let number = |count: usize| i64::try_from(count).unwrap();
    for id in 1..=number(UNASKED) {
        rack.share(body(id));
    }
    assert!(weight(&rack) > 0);
    rack.share(body(number(UNASKED) + 1));
    let sheet = rack.share(body(1));
    rack.text(&sheet, false);
    assert!(!Arc::ptr_eq(&sheet, &rack.share(body(1))));
    assert_eq!((weight(&rack), counted(&rack)), (0, 0));
    for _ in 2..PASSED {
        rack.share(body(2));
    }
    let sheet = rack.share(body(3));
    assert!(Arc::ptr_eq(&sheet, &rack.share(body(3))), "it is tried again");
}

#[test]
fn where_somebody_asks_now_and_then_all_is_kept() {
    let rack = rack(MOST);
    for id in 1..=i64::try_from(3 * UNASKED).unwrap() {
        let sheet = rack.share(body(id));
        if id % 1000 == 0 {
            assert!(Arc::ptr_eq(&sheet, &rack.share(body(id))));
        }
    }
    assert!(weight(&rack) > 0);
}
