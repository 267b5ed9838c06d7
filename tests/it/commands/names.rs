//! What pages call by name is there: flags, variables, benches, steps of `./test`, tests. This
//! holds for commands too that are not run.

use super::{blocks, root};
use crate::tap::command;
use std::collections::{BTreeMap, BTreeSet};

/// Settings of Tap that have no use here; the page on leaving Tap says so.
const MIGRATING: &str = "docs/migrating-from-tap.md";

fn read(page: &str) -> String {
    std::fs::read_to_string(root().join(page)).unwrap()
}

/// What each command says of itself.
fn help() -> BTreeMap<&'static str, String> {
    let of = |name| {
        let output = command(&[name, "--help"]).output().expect("labeltap starts");
        assert!(output.status.success(), "{name} --help");
        (name, String::from_utf8(output.stdout).unwrap())
    };
    ["run", "tail", "status", "check", "export", "stats", "completions", "man"].map(of).into()
}

/// Words of letters, digits and these, that begin like that.
fn words<'a>(text: &'a str, begin: &'a str, more: &'static str) -> impl Iterator<Item = &'a str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && !more.contains(c))
        .filter(move |word| word.starts_with(begin) && word.len() > begin.len())
}

#[test]
fn every_flag_of_a_command_is_one() {
    let help = help();
    let mut seen = 0;
    for block in blocks::pages().iter().flat_map(|page| blocks::of(page)) {
        let text = block.text().replace("cargo run --release --", "labeltap").replace("\\\n", " ");
        // A command ends where another begins, or a comment.
        let calls = text.split(['\n', '|', ';']).map(|call| call.split('#').next().unwrap());
        for (name, call) in calls.filter_map(call) {
            let help = help.get(name);
            let help = help.unwrap_or_else(|| panic!("{}: labeltap {name}?", block.place()));
            for flag in words(call, "--", "-") {
                let known = words(help, "--", "-").any(|known| known == flag);
                assert!(known, "{}: labeltap {name} has no {flag}", block.place());
                seen += 1;
            }
        }
    }
    assert!(seen > 5, "only {seen} flags were found");
}

/// The name of the command of labeltap that is called, and what follows it. Other programs have
/// the word among their arguments: a package, an image, a unit, a role.
fn call(text: &str) -> Option<(&str, &str)> {
    let mut words = text.split_whitespace().map(|word| word.trim_matches(['\'', '"']));
    let mut first = true;
    while let Some(word) = words.next() {
        if word == "labeltap" {
            let next = words.clone().next().unwrap_or_default();
            let command = next != "labeltap"
                && !next.is_empty()
                && next.chars().all(|c| c.is_ascii_lowercase());
            if first || command {
                let rest =
                    text.split_once(&format!("labeltap {next}")).map_or("", |(_, rest)| rest);
                return Some((next, rest));
            }
        }
        // What may stand before a command, such as variables; not what takes the word for itself.
        first &= word.contains('=') || ["exec", "sh", "-c", "time"].contains(&word);
    }
    None
}

#[test]
fn a_call_is_told_from_the_word() {
    for (text, name) in [
        ("labeltap run --window 5", Some("run")),
        ("A=b sh -c 'exec labeltap walk'", Some("walk")),
        ("labeltap --walk", Some("--walk")),
        ("docker exec labeltap labeltap stats", Some("stats")),
        ("docker build --tag labeltap .", None),
        ("docker run --name labeltap --env A=b labeltap", None),
        ("install -m 0755 a/labeltap /usr/local/bin/labeltap", None),
        ("psql --command=\"CREATE ROLE labeltap LOGIN\"", None),
        ("cargo nextest run -p labeltap page::", None),
        ("systemctl enable --now labeltap", None),
    ] {
        assert_eq!(call(text).map(|(name, _)| name), name, "{text}");
    }
}

/// Flags of other programs that the pages speak of.
const OF_OTHERS: &[&str] = &["--bench", "--most", "--release", "--root", "--test-threads"];

/// In prose and tables: what stands between backquotes.
#[test]
fn every_flag_that_the_text_names_is_one() {
    let (help, script) = (help(), read("test"));
    let of_the_program = help.values().flat_map(|text| words(text, "--", "-"));
    let known: BTreeSet<&str> =
        of_the_program.chain(words(&script, "--", "-")).chain(OF_OTHERS.iter().copied()).collect();
    let mut seen = 0;
    for page in blocks::pages() {
        let text = read(&page);
        let prose = text.split("```").step_by(2);
        for name in prose.flat_map(|part| part.split('`').skip(1).step_by(2)) {
            for flag in words(name, "--", "-").filter(|flag| !flag.trim_matches('-').is_empty()) {
                assert!(known.contains(flag), "{page}: nothing has {flag} ({name})");
                seen += 1;
            }
        }
    }
    assert!(seen > 100, "only {seen} flags were found");
}

#[test]
fn every_variable_is_read() {
    let help = help();
    // Of the script: what says that something is set up. Of the compose file: what it asks for.
    let (script, compose) = (read("test"), read("docs/ops/compose.yaml"));
    let of_the_program = help.values().flat_map(|text| words(text, "", "_"));
    let others = words(&script, "", "_").chain(words(&compose, "", "_"));
    let known: BTreeSet<&str> = of_the_program.chain(others).collect();
    for page in blocks::pages() {
        let text = read(&page);
        for begin in ["LABELTAP_", "TAP_"] {
            for variable in words(&text, begin, "_").filter(|name| !name.ends_with('_')) {
                let tap = page == MIGRATING && begin == "TAP_";
                assert!(tap || known.contains(variable), "{page}: nothing reads {variable}");
            }
        }
    }
}

/// Of the page on leaving Tap: what stands under "read" is, and what stands under "not read" is not.
#[test]
fn variables_of_tap_are_read_or_not_as_is_said() {
    let help = help();
    let known: BTreeSet<&str> = words(&help["run"], "", "_").collect();
    let page = read(MIGRATING);
    let section = |title: &str| -> BTreeSet<String> {
        let begin = page.split(title).nth(1).unwrap_or_else(|| panic!("no section {title:?}"));
        let section = begin.split("\n#").next().unwrap();
        words(section, "TAP_", "_").map(str::to_owned).collect()
    };
    let (taken, left) = (section("\n### Read\n"), section("\n### Not read\n"));
    assert!(taken.iter().all(|name| known.contains(&**name)), "not read: {taken:?}");
    assert!(!left.iter().any(|name| known.contains(&**name)), "read: {left:?}");
    let ours: BTreeSet<String> = known
        .iter()
        .filter(|name| name.starts_with("TAP_"))
        .map(|name| (*name).to_owned())
        .collect();
    assert_eq!(taken, ours, "left: the page, right: the program");
    assert!(left.len() > 5, "{left:?}");
}

#[test]
fn benches_and_steps_of_the_test_script_exist() {
    let (manifest, script) = (read("Cargo.toml"), read("test"));
    let mut seen = 0;
    for block in blocks::pages().iter().flat_map(|page| blocks::of(page)) {
        for line in block.text().lines() {
            let name = line.split("cargo bench --bench ").nth(1);
            if let Some(name) = name.and_then(|rest| rest.split_whitespace().next()) {
                let there = manifest.contains(&format!("[[bench]]\nname = \"{name}\""));
                assert!(there, "{}: there is no bench {name}", block.place());
                seen += 1;
            }
            if let Some(rest) = line.strip_prefix("./test --") {
                let step = rest.split_whitespace().next().unwrap();
                let there = script.contains(&format!("\n    --{step}"));
                assert!(there, "{}: ./test has no --{step}", block.place());
                seen += 1;
            }
        }
    }
    assert!(seen > 2, "only {seen} were found");
}

/// `file.rs::test` in backquotes, from the root of the repository.
#[test]
fn tests_that_pages_name_by_their_file_exist() {
    let mut seen = 0;
    for page in blocks::pages() {
        let text = read(&page);
        for name in text.split('`').skip(1).step_by(2).filter(|name| name.contains(".rs::")) {
            let (file, test) = name.split_once("::").unwrap();
            let code = std::fs::read_to_string(root().join(file));
            let code = code.unwrap_or_else(|error| panic!("{page}: {file}: {error}"));
            let test = test.rsplit("::").next().unwrap();
            assert!(code.contains(&format!("fn {test}(")), "{page}: {file} has no test {test}");
            seen += 1;
        }
    }
    assert!(seen > 20, "only {seen} tests were found");
}

/// The last cell of each bound: where in the code it is.
#[test]
fn bounds_are_where_the_page_says() {
    let mut seen = 0;
    let page = read("docs/limits.md");
    let rows = page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| `--"));
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split('|').collect();
        let [_, _, _, place] = cells.as_slice() else { continue };
        for path in place.split('`').skip(1).step_by(2).filter(|path| !path.contains(' ')) {
            let (package, module) = path.split_once("::").unwrap_or((path, "lib"));
            let file = format!("crates/{package}/src/{}", module.replace("::", "/"));
            let there = root().join(&file).is_dir() || root().join(format!("{file}.rs")).exists();
            assert!(there, "{row}: there is no {file}");
            seen += 1;
        }
    }
    assert!(seen > 40, "only {seen} places were found");
}
