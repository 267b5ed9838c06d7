use super::*;
use crate::{SigningKey, plc_did};
use std::collections::BTreeMap;

#[test]
fn a_tid_is_written_as_everybody_writes_it() {
    // The first is in the TID spec's terms the least; the second is of a real post.
    assert_eq!(tid(0), "2222222222222");
    let micros = 1_744_839_026_697_000;
    assert!(tid(micros).starts_with("3lmxjz"), "{}", tid(micros));
    assert!(tid(micros) < tid(micros + 1));
}

#[test]
fn keys_stand_where_the_specification_says() {
    for (key, height) in [("", 0), ("blue", 1), ("2a92d355", 4), ("884976f5", 6)] {
        assert_eq!(key_height(key), height, "{key}");
    }
    for (one, other, length) in [("", "abc", 0), ("abc", "ab", 2), ("abc", "abc", 3)] {
        assert_eq!(common_prefix(one, other), length);
    }
}

#[test]
fn an_empty_tree_is_one_empty_node() {
    // The root of every empty repository.
    let root = "bafyreie5737gdxlw5i64vzichcalba3z2v5n6icifvx5xytvske7mr3hpm";
    assert_eq!(Tree::new(&BTreeMap::new()).root().to_string(), root);
}

#[test]
fn a_tree_is_the_same_whatever_was_there_before() {
    let mut one = Account::new(&plc_did("ann"), SigningKey::k256(1)).with_posts(200);
    let before = one.tree().root();
    one.declare(&["spam"]);
    assert_ne!(one.tree().root(), before);
    one.undeclare();
    assert_eq!(one.tree().root(), before);
}

#[test]
fn commits_follow_each_other() {
    let mut account = Account::new(&plc_did("ann"), SigningKey::k256(1));
    let first = account.declare(&["spam"]);
    let second = account.declare(&["rude"]);
    assert_eq!((first.since, first.prev_data), (None, None));
    assert_eq!(second.since, Some(first.rev));
    assert_eq!(second.ops[0].action, "update");
    assert_eq!(second.ops[0].prev, first.ops[0].cid);
    assert_eq!(account.undeclare().ops[0].action, "delete");
}
