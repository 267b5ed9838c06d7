//! What a commit says is believed exactly when the account signed it. The peer that signs,
//! and forges, is `testkit`, which is written without this crate.
#![expect(clippy::unwrap_used, reason = "a test may stop anywhere")]

use label::Did;
use proptest::prelude::*;
use repo::{Cid, Part, ProofError, Proven, Statement, prove};
use testkit::repo::{Account, Commit, Forgery, LABELER_PATH, Spoil, Write, declaration};
use testkit::{SigningKey, cid_of, plc_did};
use verify::{Key, SignatureFault};

fn account(posts: u64) -> Account {
    Account::new(&plc_did("ann"), SigningKey::k256(1)).with_posts(posts)
}

fn key(account: &Account) -> Key {
    Key::from_did_key(&account.key().did_key()).unwrap()
}

/// Proves the last op of a commit, as it was said on the wire.
fn check(commit: &Commit, key: &Key) -> Result<Proven, ProofError> {
    let did = Did::parse(&commit.did).unwrap();
    let op = commit.ops.last().unwrap();
    let said =
        Statement::about(&did, &op.path).in_commit(&commit.cid, &commit.rev).with(op.cid.as_ref());
    prove(&commit.car(), &said, key)
}

#[test]
fn what_an_account_does_to_its_declaration_is_proven() {
    for (posts, signing) in
        [(0, SigningKey::k256(1)), (1, SigningKey::p256(1)), (300, SigningKey::k256(2))]
    {
        let mut account = Account::new(&plc_did("ann"), signing).with_posts(posts);
        let key = key(&account);
        for values in [&["spam"], &["rude"]] {
            let commit = account.declare(values);
            let record = declaration(values);
            let cid = Some(cid_of(&record));
            let proven = Proven { rev: account.rev(), cid, record: Some(record) };
            assert_eq!(check(&commit, &key), Ok(proven));
        }
        let gone = Proven { rev: account.undeclare().rev, cid: None, record: None };
        let did = Did::parse(account.did()).unwrap();
        let asked = Statement::about(&did, LABELER_PATH);
        assert_eq!(prove(&account.proof(LABELER_PATH), &asked, &key), Ok(gone));
        let deleted = account.write(&[Write::Put(LABELER_PATH.to_owned(), declaration(&[]))]);
        assert!(check(&deleted, &key).is_ok());
        assert_eq!(check(&account.undeclare(), &key).unwrap().record, None);
    }
}

#[test]
fn the_whole_repository_is_a_proof_too() {
    let mut account = account(300);
    account.declare(&["spam"]);
    let did = Did::parse(account.did()).unwrap();
    let asked = Statement::about(&did, LABELER_PATH);
    let proven = prove(&account.export(), &asked, &key(&account)).unwrap();
    assert_eq!(proven.cid, account.record(LABELER_PATH));
}

#[test]
fn each_forgery_is_found_out_by_its_own_name() {
    for posts in [3, 200] {
        let account = account(posts);
        let (key, declared) = (key(&account), cid_of(&declaration(&["forged"])));
        for forgery in Forgery::ALL {
            if posts == 3 && matches!(forgery, Forgery::Tree(_)) {
                continue;
            }
            let commit = account.forge(forgery);
            // Said of the account itself, whoever signed.
            let error = check(&commit, &key).unwrap_err();
            let is_as_named = match forgery {
                Forgery::WrongSignature => {
                    assert!(error.wants_fresh_key());
                    error == ProofError::Signature(SignatureFault::Wrong)
                }
                Forgery::HighS => error == ProofError::Signature(SignatureFault::HighS),
                Forgery::NotInTree => error == ProofError::NotInTree,
                Forgery::SwappedRecord => error == ProofError::OtherRecord(declared),
                Forgery::WrongHash => error == ProofError::BlockHash(declared),
                Forgery::OtherDid => error == ProofError::OtherDid(plc_did("somebody else")),
                Forgery::OtherRev => matches!(error, ProofError::OtherRev(_)),
                Forgery::OtherCommit => error == ProofError::OtherCommit(commit.root),
                Forgery::MissingRecord => {
                    error == ProofError::MissingBlock { part: Part::Record, cid: declared }
                }
                Forgery::MissingNode => {
                    matches!(error, ProofError::MissingBlock { part: Part::Node, .. })
                }
                Forgery::MissingCommit => {
                    error == ProofError::MissingBlock { part: Part::Commit, cid: commit.cid }
                }
                Forgery::Cut | Forgery::NoCar => matches!(error, ProofError::Car(_)),
                Forgery::Tree(_) => matches!(error, ProofError::Node { .. }),
                Forgery::StillThere => error == ProofError::StillInTree(declared),
            };
            assert!(is_as_named, "{forgery:?}, {posts} posts: {error}");
            let is_signature = matches!(error, ProofError::Signature(SignatureFault::Wrong));
            assert_eq!(error.wants_fresh_key(), is_signature);
        }
    }
}

#[test]
fn trees_built_wrongly_say_what_is_wrong() {
    let account = account(200);
    for (spoil, wrong) in [
        (Spoil::Order, "has keys out of order"),
        (Spoil::Prefix, "repeats what two keys share"),
        (Spoil::Height, "has keys of different heights"),
        (Spoil::Field, "cannot be read"),
    ] {
        let error = check(&account.forge(Forgery::Tree(spoil)), &key(&account)).unwrap_err();
        assert!(
            matches!(error, ProofError::Node { what, .. } if what == wrong),
            "{spoil:?}: {error}"
        );
    }
}

#[test]
fn a_new_key_proves_what_the_old_one_did_not() {
    let mut account = account(5);
    let old = key(&account);
    account.rotate(SigningKey::p256(9));
    let commit = account.declare(&["spam"]);
    assert!(check(&commit, &old).unwrap_err().wants_fresh_key());
    assert!(check(&commit, &key(&account)).is_ok());
}

#[test]
fn blocks_may_come_in_any_order_and_more_than_once() {
    let mut account = account(50);
    let mut commit = account.declare(&["spam"]);
    commit.blocks.reverse();
    let again = commit.blocks.clone();
    commit.blocks.extend(again);
    let beside = declaration(&["beside"]);
    commit.blocks.push((cid_of(&beside), beside));
    assert!(check(&commit, &key(&account)).is_ok());
}

#[test]
fn blocks_of_another_kind_are_refused() {
    let mut account = account(5);
    let raw = Cid::new_v1(0x55, *cid_of(b"raw").hash());
    let old = Cid::new_v0(*cid_of(b"raw").hash()).unwrap();
    for cid in [raw, old] {
        let mut commit = account.declare(&["spam"]);
        commit.blocks.push((cid, b"raw".to_vec()));
        assert_eq!(check(&commit, &key(&account)), Err(ProofError::BlockKind(cid)));
    }
}

#[test]
fn what_is_too_long_is_refused() {
    let mut account = account(5);
    let big = [b"\x5a\x00\x0f\x42\x40".as_slice(), &vec![0; 1_000_000]].concat();
    let commit = account.write(&[Write::Put("x.y/z".to_owned(), big.clone())]);
    let error = ProofError::BlockTooLong { part: Part::Record, bytes: big.len() };
    assert_eq!(check(&commit, &key(&account)), Err(error));
    let twice = [&big[..], &big[..]].concat();
    let commit = account.write(&[Write::Put("x.y/z".to_owned(), twice)]);
    let length = commit.car().len();
    assert_eq!(check(&commit, &key(&account)), Err(ProofError::CarTooLong(length)));
    let key_too_long = format!("x.y/{}", "z".repeat(1_021));
    let commit = account.write(&[Write::Put(key_too_long, b"\xa0".to_vec())]);
    assert!(matches!(check(&commit, &key(&account)), Err(ProofError::Node { .. })));
}

proptest! {
    #[test]
    fn any_bytes_end_in_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let account = account(0);
        let did = Did::parse(account.did()).unwrap();
        let _answer = prove(&bytes, &Statement::about(&did, LABELER_PATH), &key(&account));
        let _shown = repo::record_json(&bytes);
    }

    #[test]
    fn a_changed_byte_never_proves_anything_else(at in any::<prop::sample::Index>(), by in 1..=255u8) {
        let mut account = account(20);
        let commit = account.declare(&["spam"]);
        let (did, key) = (Did::parse(account.did()).unwrap(), key(&account));
        let said = Statement::about(&did, LABELER_PATH);
        let mut car = commit.car();
        let good = prove(&car, &said, &key);
        let at = at.index(car.len());
        car[at] ^= by;
        let answer = prove(&car, &said, &key);
        prop_assert!(answer.is_err() || answer == good, "{answer:?}");
    }

    #[test]
    fn a_cut_car_never_proves_anything_else(at in any::<prop::sample::Index>()) {
        let mut account = account(20);
        let commit = account.declare(&["spam"]);
        let (did, key) = (Did::parse(account.did()).unwrap(), key(&account));
        let car = commit.car();
        let cut = &car[..at.index(car.len())];
        prop_assert!(prove(cut, &Statement::about(&did, LABELER_PATH), &key).is_err());
    }

}

proptest! {
    // Each case signs and checks some forty commits.
    #![proptest_config(ProptestConfig::with_cases(50))]

    #[test]
    fn every_record_is_found_and_no_other(
        names in proptest::collection::btree_set("[a-c]{1,3}/[a-f0-9]{1,6}", 0..60),
        others in proptest::collection::vec("[a-c]{1,3}/[a-f0-9]{1,6}", 0..10),
    ) {
        let mut account = account(0);
        let writes: Vec<_> = names.iter().map(|name| {
            Write::Put(name.clone(), declaration(&[name]))
        }).collect();
        account.write(&writes);
        let (did, key) = (Did::parse(account.did()).unwrap(), key(&account));
        for name in names.iter().chain(&others) {
            let proven = prove(&account.proof(name), &Statement::about(&did, name), &key);
            prop_assert_eq!(proven.unwrap().cid, account.record(name), "{}", name);
        }
    }
}
