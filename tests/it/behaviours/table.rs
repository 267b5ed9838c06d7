//! The table of `docs/tap-behaviours.md`, kept true: every number is there once, every test
//! it names exists, and every numbered test is named where its number is.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Behaviours that Tap's own tests pin.
const BEHAVIOURS: u32 = 42;
/// Those nobody tested there.
const EXTRA: u32 = 22;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The cells of each row, by the number in the first.
fn rows() -> BTreeMap<String, Vec<String>> {
    let page = std::fs::read_to_string(root().join("docs/tap-behaviours.md")).unwrap();
    let mut rows = BTreeMap::new();
    for line in page.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<String> =
            line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
        if cells[0].trim_start_matches('E').parse::<u32>().is_err() {
            continue;
        }
        assert_eq!(cells.len(), 4, "{line}");
        let twice = rows.insert(cells[0].clone(), cells);
        assert!(twice.is_none(), "two rows: {line}");
    }
    rows
}

/// The names in this cell: `file::test`, in backquotes.
fn tests(cell: &str) -> Vec<&str> {
    let quoted = cell.split('`').skip(1).step_by(2);
    quoted.filter_map(|text| text.split_once("::")).map(|(_, test)| test).collect()
}

/// Every test there is, by its name and the file or folder it is in.
fn found_below(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() {
            if name != "node_modules" && name != "target" && !name.starts_with('.') {
                found_below(&path, found);
            }
        } else if name.ends_with(".rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let marked =
                text.split("test]\n").chain(text.split("test(flavor = \"multi_thread\")]\n"));
            let names = marked.skip(1).filter_map(|after| {
                let after = after.trim_start().trim_start_matches("async ");
                after.strip_prefix("fn ")?.split('(').next().map(str::to_owned)
            });
            found.extend(names);
        }
    }
}

fn all_tests() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for folder in ["tests/it", "src", "crates"] {
        found_below(&root().join(folder), &mut found);
    }
    assert!(found.len() > 200, "only {} tests were found", found.len());
    found
}

#[test]
fn every_number_is_in_the_table_once() {
    let rows = rows();
    let numbers = (1..=BEHAVIOURS).map(|n| n.to_string());
    let expected: BTreeSet<String> = numbers.chain((1..=EXTRA).map(|n| format!("E{n}"))).collect();
    assert_eq!(rows.keys().cloned().collect::<BTreeSet<_>>(), expected);
}

#[test]
fn what_applies_is_tested_and_what_does_not_has_its_reason() {
    for (number, row) in rows() {
        let (applies, shown) = (&row[2], &row[3]);
        match applies.as_str() {
            "yes" => assert!(!tests(shown).is_empty(), "{number} names no test"),
            "no" | "later" => assert!(!shown.is_empty(), "{number} gives no reason"),
            other => panic!("{number}: {other:?} is none of yes, no and later"),
        }
    }
}

#[test]
fn every_test_in_the_table_exists() {
    let found = all_tests();
    let mut named = 0;
    for (number, row) in rows() {
        for test in tests(&row[3]) {
            assert!(found.contains(test), "{number}: there is no test {test}");
            named += 1;
        }
    }
    assert!(named > 40, "only {named} tests are named");
}

#[test]
fn every_numbered_test_is_in_the_table_where_its_number_is() {
    let rows = rows();
    let mut seen = 0;
    for test in all_tests() {
        let (prefix, rest) = match (test.strip_prefix("behaviour_"), test.strip_prefix("extra_")) {
            (Some(rest), _) => ("", rest),
            (_, Some(rest)) => ("E", rest),
            _ => continue,
        };
        for number in rest.split('_').map_while(|part| part.parse::<u32>().ok()) {
            let row = rows.get(&format!("{prefix}{number}")).expect("a row for its number");
            assert!(tests(&row[3]).contains(&test.as_str()), "{prefix}{number} leaves out {test}");
            seen += 1;
        }
    }
    assert!(seen > 20, "only {seen} numbers were found");
}
