//! The map in `docs/ARCHITECTURE.md`, kept true. Its arrows are read from the document and
//! compared with the manifests, both ways: a new crate or a new arrow is drawn there in the
//! same change.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

type Arrows = BTreeMap<String, BTreeSet<String>>;

/// Crates that decide and never act, and what they therefore cannot have.
const PURE: &[&str] = &["label", "wire", "verify", "repo", "fleet"];
const ACTING: &[&str] = &[
    "axum",
    "hickory-resolver",
    "reqwest",
    "rusqlite",
    "tokio",
    "tokio-tungstenite",
    "tokio-util",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Our crates, by their folders.
fn crates() -> BTreeSet<String> {
    let folders = std::fs::read_dir(root().join("crates")).unwrap().map(|entry| entry.unwrap());
    let ours = folders.filter(|folder| folder.path().join("Cargo.toml").exists());
    ours.map(|folder| folder.file_name().into_string().unwrap()).collect()
}

/// What a manifest names under `[dependencies]`; for tests is another matter.
fn dependencies(manifest: &Path) -> BTreeSet<String> {
    named(manifest, "[dependencies]")
}

fn named(manifest: &Path, section: &str) -> BTreeSet<String> {
    let text = read(manifest);
    let lines = text.lines().skip_while(|line| *line != section).skip(1);
    let lines = lines.take_while(|line| !line.starts_with('['));
    let names = lines.filter_map(|line| line.split(['.', ' ', '=']).next());
    names.filter(|name| !name.is_empty() && !name.starts_with('#')).map(str::to_owned).collect()
}

/// The arrows as the manifests have them, `labeltap` being the root package.
fn drawn_in_manifests() -> Arrows {
    let ours = crates();
    let used = |manifest: PathBuf| dependencies(&manifest).intersection(&ours).cloned().collect();
    let manifest = |name: &String| root().join("crates").join(name).join("Cargo.toml");
    let mut arrows: Arrows = ours.iter().map(|name| (name.clone(), used(manifest(name)))).collect();
    arrows.insert("labeltap".to_owned(), used(root().join("Cargo.toml")));
    arrows
}

/// The arrows as the document draws them: `user → used used`, `–` for none.
fn drawn_in_the_document() -> Arrows {
    let text = read(&root().join("docs/ARCHITECTURE.md"));
    let section = text.split("## Arrows").nth(1).expect("a section called Arrows");
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter_map(|line| line.split_once('→'));
    let names = |used: &str| {
        used.split_whitespace().filter(|name| *name != "–").map(str::to_owned).collect()
    };
    rows.map(|(user, used)| (user.trim().to_owned(), names(used))).collect()
}

/// The Rust files below a folder that go into the product.
fn product_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() {
            if !["tests", "examples", "benches"].contains(&name) {
                product_files(&path, found);
            }
        } else if name.ends_with(".rs") && !name.ends_with("tests.rs") {
            found.push(path);
        }
    }
}

#[test]
fn the_map_shows_every_crate_and_every_arrow_and_no_other() {
    let (manifests, document) = (drawn_in_manifests(), drawn_in_the_document());
    let names = |arrows: &Arrows| arrows.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&document), names(&manifests), "left: the document, right: the folders");
    for (user, used) in &manifests {
        assert_eq!(&document[user], used, "{user}; left: the document, right: its manifest");
    }
}

#[test]
fn the_map_says_what_each_crate_is() {
    let text = read(&root().join("docs/ARCHITECTURE.md"));
    for name in crates() {
        let row = format!("| `{name}` |");
        assert!(text.lines().any(|line| line.starts_with(&row)), "no line begins with {row}");
    }
}

#[test]
fn crates_that_decide_have_nothing_to_act_with() {
    for name in PURE {
        let used = dependencies(&root().join("crates").join(name).join("Cargo.toml"));
        assert!(!used.is_empty(), "the manifest of {name} could not be read");
        for acting in ACTING {
            assert!(!used.contains(*acting), "{name} is to be pure and uses {acting}");
        }
    }
}

#[test]
fn the_way_in_and_the_way_out_meet_only_in_the_database() {
    let arrows = drawn_in_manifests();
    for (one, other) in [("intake", "deliver"), ("deliver", "intake"), ("intake", "api")] {
        let (mut reached, mut next) = (BTreeSet::new(), vec![one.to_owned()]);
        while let Some(user) = next.pop() {
            next.extend(
                arrows[&user].iter().filter(|used| reached.insert((*used).clone())).cloned(),
            );
        }
        assert!(!reached.contains(other), "{one} reaches {other}: {reached:?}");
    }
}

#[test]
fn peers_for_tests_are_in_no_product() {
    for (user, used) in drawn_in_manifests() {
        assert!(!used.contains("testkit"), "{user} uses testkit outside its tests");
    }
}

#[test]
fn every_dependency_has_its_reason() {
    let text = read(&root().join("docs/decisions/0001-dependencies.md"));
    let reasons = text.split("## Not chosen").next().unwrap();
    let ours = crates();
    let mut manifests = vec![root().join("Cargo.toml"), root().join("fuzz/Cargo.toml")];
    manifests.extend(ours.iter().map(|name| root().join("crates").join(name).join("Cargo.toml")));
    let mut seen = 0;
    for manifest in manifests {
        for section in ["[dependencies]", "[dev-dependencies]"] {
            for name in named(&manifest, section).difference(&ours) {
                let row = reasons.lines().find(|line| {
                    line.split('|').nth(1).is_some_and(|cell| cell.contains(&format!("`{name}`")))
                });
                assert!(row.is_some(), "{name} ({}) has no line there", manifest.display());
                seen += 1;
            }
        }
    }
    assert!(seen > 50, "only {seen} dependencies were found");
}

#[test]
fn labels_are_vouched_for_only_where_the_signature_was_checked_or_kept() {
    let mut files = Vec::new();
    ["src", "crates"].iter().for_each(|folder| product_files(&root().join(folder), &mut files));
    let mut callers = BTreeSet::new();
    for file in files {
        let text = read(&file);
        let tests = ["#[cfg(test)]\nmod tests {", "#[cfg(test)]\npub(crate) mod tests {"];
        let product = tests.iter().fold(&*text, |text, tests| text.split(tests).next().unwrap());
        if product.contains("vouched(") {
            let within = file.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
            callers.insert(within.split("/src/").next().unwrap().to_owned());
        }
    }
    // `label` is where it is defined.
    let allowed = ["crates/label", "crates/store", "crates/verify"].map(str::to_owned);
    assert_eq!(callers, BTreeSet::from(allowed));
}
