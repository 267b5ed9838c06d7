//! `docs/ops/grafana.json`: every query names what is there, every metric is shown, and its
//! form is what Grafana imports.

use super::listed::metrics;
use super::queries::Query;
use super::{content, installed, read, wanted};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::process::Command;

fn board() -> Value {
    serde_json::from_str(&read("docs/ops/grafana.json")).expect("JSON")
}

/// Panels, those in rows too.
fn panels(board: &Value) -> Vec<&Value> {
    let all = |within: &Value| within["panels"].as_array().map(Vec::len).unwrap_or_default();
    assert!(all(board) > 30);
    let top = board["panels"].as_array().unwrap().iter();
    top.flat_map(|panel| {
        let inner = panel["panels"].as_array().into_iter().flatten();
        std::iter::once(panel).chain(inner)
    })
    .collect()
}

/// Every query, of panels and of marks.
fn queries(board: &Value) -> Vec<String> {
    let of_panels = panels(board).into_iter().flat_map(|panel| panel["targets"].as_array());
    let marks = board["annotations"]["list"].as_array();
    let all = of_panels.flatten().chain(marks.into_iter().flatten());
    all.map(|target| target["expr"].as_str().expect("a query").to_owned()).collect()
}

/// A position, where there is the lag too; addresses, where there is memory.
const TELL_NOTHING: &[&str] = &[
    "labeltap_appview_position",
    "labeltap_process_virtual_memory_bytes",
    "labeltap_process_virtual_memory_max_bytes",
];

#[test]
fn every_query_of_the_dashboard_names_what_there_is_and_every_metric_is_shown() {
    let (board, listed) = (board(), metrics());
    let mut shown = BTreeSet::new();
    for text in queries(&board) {
        let query = Query::read(&text);
        shown.extend(query.check(&text, &listed));
        for selector in &query.selectors {
            // What is chosen above the page holds for each.
            for label in ["job", "instance"] {
                let asked = (label.to_owned(), "=~".to_owned(), format!("${label}"));
                assert!(selector.matchers.contains(&asked), "{text}");
            }
        }
    }
    for variable in board["templating"]["list"].as_array().unwrap() {
        let Some(text) = variable["definition"].as_str() else { continue };
        let inside = text.strip_prefix("label_values(").and_then(|text| text.strip_suffix(')'));
        Query::read(inside.unwrap().rsplit_once(',').unwrap().0).check(text, &listed);
    }
    let hidden: Vec<_> = listed
        .keys()
        .filter(|name| !shown.contains(*name) && !TELL_NOTHING.contains(&name.as_str()))
        .collect();
    assert!(hidden.is_empty(), "on no panel: {hidden:?}");
}

#[test]
fn the_dashboard_is_of_a_form_that_can_be_imported() {
    let board = board();
    let text = |value: &Value, name: &str| value[name].as_str().unwrap_or_default().to_owned();
    assert_eq!(
        (text(&board, "uid"), text(&board, "title")),
        ("labeltap".into(), "labeltap".into())
    );
    // Grafana 10 and later take it as it is; an id would be that of another one.
    assert!(board["schemaVersion"].as_u64() >= Some(38) && board.get("id").is_none());
    let variables = board["templating"]["list"].as_array().unwrap();
    assert_eq!(text(&variables[0], "type"), "datasource");
    let panels = panels(&board);
    let (mut ids, mut titles, mut taken) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for panel in &panels {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{panel}");
        assert!(!text(panel, "title").is_empty() && titles.insert(text(panel, "title")), "{panel}");
        let side = |name: &str| panel["gridPos"][name].as_u64().unwrap();
        assert!(side("x") + side("w") <= 24 && side("w") > 0 && side("h") > 0, "{panel}");
        for (x, y) in (0..side("w")).flat_map(|x| (0..side("h")).map(move |y| (x, y))) {
            assert!(taken.insert((x + side("x"), y + side("y"))), "over another: {panel}");
        }
        if text(panel, "type") != "row" {
            assert_eq!(panel["datasource"]["uid"], "${datasource}", "{panel}");
            assert!(!text(&panel["fieldConfig"]["defaults"], "unit").is_empty(), "{panel}");
        }
    }
    let rows = panels.iter().filter(|panel| text(panel, "type") == "row");
    let rows: Vec<String> = rows.map(|row| text(row, "title").to_lowercase()).collect();
    for part in
        ["overview", "limits", "labelers", "delivery", "store", "firehose", "api", "process"]
    {
        assert!(rows.iter().any(|row| row.contains(part)), "no row for {part}: {rows:?}");
    }
}

/// As rules that record them, with values for what Grafana fills in.
#[test]
fn prometheus_understands_every_query_of_the_dashboard() {
    if !wanted() {
        return;
    }
    let mut rules = "groups:\n  - name: dashboard\n    rules:\n".to_owned();
    let queries = queries(&board());
    for (number, query) in queries.iter().enumerate() {
        let query = query.replace("$__rate_interval", "5m").replace('\'', "''");
        writeln!(rules, "      - {{ record: 'q{number}', expr: '{query}' }}").unwrap();
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("rules.yaml");
    std::fs::write(&path, &rules).unwrap();
    let output =
        content(Command::new(installed(".bin/promtool")).args(["check", "rules"]).arg(path));
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains(&format!("{} rules found", queries.len())), "{said}");
}
