//! Links from one page to another, or to a file of the repository, lead somewhere, and to a heading that
//! is there.

use super::blocks;
use super::root;
use std::path::{Path, PathBuf};

/// What stands between `](` and `)`, outside of blocks.
fn links(text: &str) -> Vec<&str> {
    let prose = text.split("```").step_by(2);
    prose
        .flat_map(|part| part.split("](").skip(1))
        .filter_map(|rest| rest.split(')').next())
        .collect()
}

/// A heading as links name it: in lower case, without marks, spaces as dashes.
fn anchor(heading: &str) -> String {
    let kept = |c: char| c.is_alphanumeric() || "-_ ".contains(c);
    heading.chars().filter(|c| kept(*c)).collect::<String>().to_lowercase().replace(' ', "-")
}

fn has(page: &Path, wanted: &str) -> bool {
    let text = std::fs::read_to_string(page).unwrap();
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings.map(|line| anchor(line.trim_start_matches('#').trim())).any(|there| there == wanted)
}

#[test]
fn every_link_within_the_repository_leads_somewhere() {
    let (mut seen, mut lost) = (0, Vec::new());
    for page in blocks::pages().into_iter().chain(["CHANGELOG.md".to_owned()]) {
        let file = root().join(&page);
        let text = std::fs::read_to_string(&file).unwrap();
        for link in links(&text).into_iter().filter(|link| !link.contains("://")) {
            let (path, heading) = link.split_once('#').unwrap_or((link, ""));
            let target: PathBuf =
                if path.is_empty() { file.clone() } else { file.parent().unwrap().join(path) };
            let there = target.exists() && (heading.is_empty() || has(&target, heading));
            if !there {
                lost.push(format!("{page}: {link}"));
            }
            seen += 1;
        }
    }
    assert!(lost.is_empty(), "{}", lost.join("\n"));
    assert!(seen > 50, "only {seen} links were found");
}
