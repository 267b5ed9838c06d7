//! `docs/ops/metrics.md` lists every metric that the code has, with its type, and no other;
//! and of each the code says what it means.

use super::{read, root};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// A row of the page.
#[derive(Debug, Clone)]
pub(super) struct Metric {
    pub(super) kind: String,
    pub(super) labels: BTreeSet<String>,
    /// From when on it is there; empty: from the start.
    pub(super) when: String,
}

/// The page's rows, by name.
pub(super) fn metrics() -> BTreeMap<String, Metric> {
    let page = read("docs/ops/metrics.md");
    let mut found = BTreeMap::new();
    let mut section = "";
    for line in page.lines() {
        section = line.strip_prefix("## ").unwrap_or(section);
        let Some(row) = line.strip_prefix("| `labeltap_") else { continue };
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let [name, kind, labels, meaning, when, ""] = cells[..] else { panic!("{line}") };
        assert!(!meaning.is_empty(), "{line}");
        let labels = labels.split(", ").filter(|label| !label.is_empty());
        let labels = labels.map(|label| label.trim_matches('`').to_owned()).collect();
        // A whole section that is there only with a setting says so above its table.
        let when = if section.contains("AppView") && when.is_empty() { "set" } else { when };
        let name = format!("labeltap_{}", name.trim_end_matches('`'));
        let metric = Metric { kind: kind.to_owned(), labels, when: when.to_owned() };
        assert!(found.insert(name, metric).is_none(), "listed twice: {line}");
    }
    assert!(found.len() > 50, "{found:?}");
    found
}

/// What the sources say of metrics: names that are used, and types of those described.
#[derive(Debug, Default)]
struct Sources {
    used: BTreeSet<String>,
    described: BTreeMap<String, String>,
}

impl Sources {
    fn read(folder: &Path, sources: &mut Self) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir() && !["tests", "benches", "testkit", "target"].contains(&name) {
                Self::read(&path, sources);
            } else if name.ends_with(".rs") && !name.ends_with("tests.rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                sources.look(text.split("#[cfg(test)]\nmod tests {").next().unwrap());
            }
        }
    }

    fn look(&mut self, text: &str) {
        for (at, _) in text.match_indices("\"labeltap_") {
            let name = text[at + 1..].split('"').next().unwrap();
            // A prefix is none: what it is put before is a library's.
            if name == "labeltap_"
                || !name.bytes().all(|byte| byte == b'_' || byte.is_ascii_alphanumeric())
            {
                continue;
            }
            // Text that is written by hand: name, type, meaning.
            let after = text[at + 1 + name.len()..].trim_start_matches('"').trim_start();
            let kind =
                after.strip_prefix(',').and_then(|after| after.trim_start().strip_prefix('"'));
            let kind = kind.and_then(|kind| kind.split('"').next()).unwrap_or_default();
            if ["counter", "gauge", "histogram"].contains(&kind) {
                self.used.insert(name.to_owned());
                let twice = self.described.insert(name.to_owned(), kind.to_owned());
                assert_eq!(twice, None, "{name} is described twice");
                continue;
            }
            // `describe_gauge!(`, at once before it.
            let before = text[..at].trim_end();
            let macros = before.strip_suffix("!(").unwrap_or_default();
            let called = macros.rsplit(|c: char| c != '_' && !c.is_alphanumeric()).next();
            match called.and_then(|called| called.strip_prefix("describe_")) {
                Some(kind) => {
                    let twice = self.described.insert(name.to_owned(), kind.to_owned());
                    assert_eq!(twice, None, "{name} is described twice");
                }
                None => _ = self.used.insert(name.to_owned()),
            }
        }
    }
}

/// Names that are no metrics: tables that `appview` keeps in Postgres, for one.
const NO_METRICS: &[&str] = &["labeltap_sink", "labeltap_sources"];

#[test]
fn every_metric_of_the_code_is_described_there_and_listed_and_no_other_is() {
    let mut sources = Sources::default();
    for folder in ["src", "crates"] {
        Sources::read(&root().join(folder), &mut sources);
    }
    let listed = metrics();
    // These are made by a library that has its own list of them.
    let own = |name: &String| !name.starts_with("labeltap_process_");
    let names: BTreeSet<&String> = listed.keys().filter(|name| own(name)).collect();
    let used: BTreeSet<&String> =
        sources.used.iter().filter(|name| !NO_METRICS.contains(&name.as_str())).collect();
    let described: BTreeSet<&String> = sources.described.keys().collect();
    let lacks = |one: &BTreeSet<&String>, other: &BTreeSet<&String>| {
        one.difference(other).map(|name| (*name).clone()).collect::<Vec<_>>()
    };
    assert_eq!(lacks(&used, &described), Vec::<String>::new(), "used, and not described");
    assert_eq!(lacks(&described, &used), Vec::<String>::new(), "described, and not used");
    assert_eq!(lacks(&used, &names), Vec::<String>::new(), "not in docs/ops/metrics.md");
    assert_eq!(lacks(&names, &used), Vec::<String>::new(), "in docs/ops/metrics.md alone");
    for (name, kind) in &sources.described {
        assert_eq!(&listed[name].kind, kind, "{name}; left: docs/ops/metrics.md");
    }
}

#[test]
fn the_manual_names_no_metric_that_is_not_there() {
    let listed = metrics();
    let mut seen = 0;
    for entry in std::fs::read_dir(root().join("docs")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "md") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        for part in text.split("`labeltap_").skip(1) {
            let name = part.split(|c: char| c != '_' && !c.is_ascii_alphanumeric()).next();
            let name = format!("labeltap_{}", name.unwrap());
            if !NO_METRICS.contains(&name.as_str()) {
                assert!(listed.contains_key(&name), "{name} in {}", path.display());
                seen += 1;
            }
        }
    }
    assert!(seen > 20, "{seen}");
}
