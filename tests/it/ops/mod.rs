//! What those who run it are given (`docs/ops`, the Dockerfile, completions, man pages), held
//! against the program, so that a name that changes in one place turns a test red.
//!
//! Tools that were not written here (`tests/ops`) look at it as well, where
//! `LABELTAP_OPS=1` says that they are there.

mod board;
mod compose;
mod image;
mod listed;
mod paper;
mod queries;
mod rules;
mod served;
mod unit;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Whether the tools of `tests/ops` are to be used.
fn wanted() -> bool {
    let is = |name, value: &str| std::env::var_os(name).is_some_and(|found| found == value);
    let wanted = is("LABELTAP_OPS", "1") || is("CI", "true");
    if !wanted {
        eprintln!("not run: LABELTAP_OPS=1 runs the tools of tests/ops");
    }
    wanted
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The block of the manual, in this language, that has these words in it.
fn manual(language: &str, words: &str) -> String {
    let page = read("docs/ops/README.md");
    let blocks = page.split("\n```").skip(1).step_by(2);
    let mut blocks = blocks.filter_map(|block| block.strip_prefix(language)?.strip_prefix('\n'));
    blocks.find(|block| block.contains(words)).expect("a block of the manual").to_owned()
}

/// A tool of `tests/ops`.
fn installed(path: &str) -> PathBuf {
    root().join("tests/ops").join(path)
}

/// Runs it and expects that it finds nothing.
#[track_caller]
fn content(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (said(&output.stdout), said(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{out}\n{err}", output.status);
    output
}

/// What `labeltap run --help` lists: each flag, and the variables it is read from as well.
fn settings() -> BTreeMap<String, BTreeSet<String>> {
    let output = content(crate::tap::command(&["run", "--help"]).env("COLUMNS", "1000"));
    let help = String::from_utf8(output.stdout).unwrap();
    let mut settings = BTreeMap::new();
    for part in help.split("\n      --").skip(1) {
        let flag = part.split([' ', '[', '\n']).next().unwrap();
        let part = part.split_whitespace().collect::<Vec<_>>().join(" ");
        let listed = part.split("[env: ").nth(1).and_then(|rest| rest.split(']').next());
        let variables = listed.unwrap_or_default().split(", ").filter(|name| !name.is_empty());
        settings.insert(format!("--{flag}"), variables.map(str::to_owned).collect());
    }
    assert!(settings.len() > 25 && settings.contains_key("--bind"), "{settings:?}");
    settings
}

/// Every variable that `labeltap run` reads.
fn variables() -> BTreeSet<String> {
    settings().into_values().flatten().collect()
}
