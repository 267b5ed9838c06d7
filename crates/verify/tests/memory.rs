//! What tables took is given back when they go, whatever was made between them. A binary of
//! its own, since it looks at the memory of the whole process.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may stop anywhere")]

use verify::{Key, KeyTables, Signed};

const MOST: usize = 64 << 20;

fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.unwrap().trim().strip_suffix("kB").unwrap().trim();
    kibibytes.parse::<usize>().unwrap() << 10
}

/// Keys of both curves in turn.
fn key(number: u8) -> Key {
    let (curve, point) = if number.is_multiple_of(2) {
        let secret = k256::ecdsa::SigningKey::from_slice(&[number; 32]).expect("a secret key");
        ("k1", secret.verifying_key().to_sec1_point(true).to_bytes())
    } else {
        let secret = p256::ecdsa::SigningKey::from_slice(&[number; 32]).expect("a secret key");
        ("r1", secret.verifying_key().to_sec1_point(true).to_bytes())
    };
    let text = format!("z{}", bs58::encode(point).into_string());
    Key::from_method(&format!("EcdsaSecp256{curve}VerificationKey2019"), &text).unwrap()
}

/// Has as many labels checked as bring a key a table. None of them holds.
fn ask(number: u8, tables: &KeyTables) {
    let asked = [Signed { message: b"", sig: &[7; 64] }; 512];
    assert!(key(number).check_all(&asked, tables).iter().all(Result::is_err));
}

#[test]
fn the_memory_of_tables_that_go_is_given_back() {
    let tables = KeyTables::new(MOST);
    // What all keys share, and what allocators keep for later.
    (1..20).for_each(|number| ask(number, &tables));
    tables.end_period();
    tables.end_period();
    let before = resident();
    let mut things: Vec<Vec<u8>> = Vec::new();
    for round in 0..2 {
        for number in 1..=150 {
            ask(number, &tables);
            things.extend((0..50).map(|more| vec![round; 200 + more]));
        }
        let held = tables.held();
        assert!(held.bytes > MOST / 10 * 9 && held.bytes <= MOST, "{held:?}");
        assert!(resident() > before + held.bytes / 10 * 9, "the tables are really there");
        assert!(resident() < before + held.bytes + (16 << 20), "and little else");
        tables.end_period();
        tables.end_period();
        let after = resident();
        assert!(after < before + (16 << 20), "{before} bytes before, {after} after");
    }
    assert_eq!(things.len(), 2 * 150 * 50);
}
