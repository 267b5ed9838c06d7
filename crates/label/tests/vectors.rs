//! The official syntax lists, read where they lie. Where they are absent this says so and
//! passes, except in CI.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use label::syntax::{
    instant, is_at_uri, is_cid, is_datetime, is_did, is_handle, is_nsid, is_record_key, is_uri,
};
use std::path::{Path, PathBuf};

fn folder() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors");
    if folder.is_dir() {
        return Some(folder.join("atproto-interop-tests/syntax"));
    }
    #[expect(clippy::disallowed_methods, reason = "how strict a test is depends on where it runs")]
    let ci = std::env::var("CI").is_ok_and(|value| value == "true");
    assert!(!ci, "../shared/vectors is absent");
    eprintln!("not run: ../shared/vectors is absent");
    None
}

/// The lines of a list that are not comments, exactly as they stand there: a blank may be
/// what makes one invalid.
fn lines(name: &str) -> Option<Vec<String>> {
    let text = std::fs::read_to_string(folder()?.join(name)).unwrap();
    let is_comment = |line: &str| line == "#" || line.starts_with("# ");
    Some(text.lines().filter(|line| !is_comment(line)).map(str::to_owned).collect())
}

/// Holds `check` against `<name>_syntax_valid.txt` and `<name>_syntax_invalid.txt`, which
/// have at least so many cases.
fn agrees(name: &str, check: fn(&str) -> bool, (valid, invalid): (usize, usize)) {
    let Some(good) = lines(&format!("{name}_syntax_valid.txt")) else { return };
    // Between valid ones, an empty line is only there for the eye.
    let good: Vec<_> = good.iter().filter(|line| !line.is_empty()).collect();
    let Some(bad) = lines(&format!("{name}_syntax_invalid.txt")) else { return };
    assert!(good.len() >= valid && bad.len() >= invalid, "{} and {}", good.len(), bad.len());
    let refused: Vec<_> = good.iter().filter(|line| !check(line)).collect();
    assert!(refused.is_empty(), "valid ones refused: {refused:#?}");
    let taken: Vec<_> = bad.iter().filter(|line| check(line)).collect();
    assert!(taken.is_empty(), "invalid ones taken: {taken:#?}");
}

#[test]
fn dids_are_told_as_the_official_list_does() {
    agrees("did", is_did, (24, 18));
}

#[test]
fn handles_are_told_as_the_official_list_does() {
    agrees("handle", is_handle, (71, 48));
}

#[test]
fn identifiers_of_accounts_are_told_as_the_official_list_does() {
    agrees("atidentifier", |text| is_did(text) || is_handle(text), (11, 22));
}

#[test]
fn nsids_are_told_as_the_official_list_does() {
    agrees("nsid", is_nsid, (25, 27));
}

#[test]
fn record_keys_are_told_as_the_official_list_does() {
    agrees("recordkey", is_record_key, (16, 11));
}

#[test]
fn at_uris_are_told_as_the_official_list_does() {
    agrees("aturi", is_at_uri, (23, 72));
}

#[test]
fn uris_are_told_as_the_official_list_does() {
    agrees("uri", is_uri, (9, 12));
}

#[test]
fn cids_are_told_as_the_official_list_does() {
    agrees("cid", is_cid, (8, 10));
}

#[test]
fn datetimes_are_told_as_the_official_list_does() {
    agrees("datetime", is_datetime, (35, 45));
}

#[test]
fn every_valid_datetime_of_the_list_has_an_instant_and_no_other() {
    agrees("datetime", |text| instant(text).is_some(), (35, 45));
}

#[test]
fn what_only_looks_like_a_datetime_has_no_instant() {
    let Some(cases) = lines("datetime_parse_invalid.txt") else { return };
    assert!(cases.len() >= 7);
    let taken: Vec<_> = cases.iter().filter(|line| instant(line).is_some()).collect();
    assert!(taken.is_empty(), "{taken:#?}");
}
