//! `docs/ops/alerts.yaml`: every alert asks for what is there, says what to do and where that
//! is written, and is shown to fire (`alerts.test.yaml`).

use super::listed::metrics;
use super::queries::Query;
use super::{content, installed, read, root, wanted};
use std::process::Command;
use yaml_rust2::{Yaml, YamlLoader};

struct Alert {
    name: String,
    expr: String,
    rule: Yaml,
}

impl Alert {
    fn annotation(&self, name: &str) -> &str {
        self.rule["annotations"][name].as_str().unwrap_or_default()
    }
}

fn alerts() -> Vec<Alert> {
    let page = YamlLoader::load_from_str(&read("docs/ops/alerts.yaml")).unwrap().remove(0);
    let groups = page["groups"].as_vec().unwrap().iter();
    let rules = groups.flat_map(|group| group["rules"].as_vec().unwrap());
    let text = |rule: &Yaml, name: &str| rule[name].as_str().expect("a text").to_owned();
    let alert = |rule: &Yaml| Alert {
        name: text(rule, "alert"),
        expr: text(rule, "expr"),
        rule: rule.clone(),
    };
    let alerts: Vec<Alert> = rules.map(alert).collect();
    assert!(alerts.len() >= 15);
    alerts
}

/// GitHub's name for a heading.
fn anchor(heading: &str) -> String {
    let plain = heading.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
    plain.chars().filter(|c| c.is_alphanumeric() || "-_".contains(*c)).collect()
}

#[test]
fn every_alert_asks_for_what_there_is_and_says_what_to_do() {
    let listed = metrics();
    for alert in alerts() {
        let name = &alert.name;
        Query::read(&alert.expr).check(&alert.expr, &listed);
        assert!(name.starts_with("Labeltap"), "{name}");
        assert!(alert.rule["for"].as_str().is_some(), "{name} needs a time");
        let severity = alert.rule["labels"]["severity"].as_str();
        assert!(["page", "ticket"].map(Some).contains(&severity), "{name}: {severity:?}");
        assert!(alert.annotation("summary").len() > 20, "{name}");
        assert!(alert.annotation("description").len() > 60, "{name}");
        let link = alert.annotation("runbook_url");
        let (page, heading) =
            link.split_once('#').map_or((link, None), |(page, heading)| (page, Some(heading)));
        let text = read(page);
        if let Some(heading) = heading {
            let mut headings = text.lines().filter(|line| line.starts_with('#')).map(anchor);
            assert!(headings.any(|found| found == heading), "{name}: no {heading} in {page}");
        }
    }
}

#[test]
fn every_flag_and_route_that_an_alert_names_is_there() {
    let settings = super::settings();
    let openapi: serde_json::Value = serde_json::from_str(&read("schema/openapi.json")).unwrap();
    let routes: Vec<&String> = openapi["paths"].as_object().unwrap().keys().collect();
    for alert in alerts() {
        let words = alert.annotation("description").split_whitespace();
        let words = words.map(|word| word.trim_matches(|c| ".,;:()".contains(c)));
        for word in words {
            if word.starts_with("--") {
                assert!(settings.contains_key(word), "{}: {word}", alert.name);
            }
            if word.starts_with("/") && word.len() > 1 {
                let first = word.trim_start_matches('/').split(['/', '?']).next().unwrap();
                let mut starts = routes.iter().filter_map(|route| route.split('/').nth(1));
                assert!(starts.any(|start| start == first), "{}: {word}", alert.name);
            }
        }
    }
}

#[test]
fn every_alert_is_shown_to_fire_and_there_is_a_time_when_none_does() {
    let tests = YamlLoader::load_from_str(&read("docs/ops/alerts.test.yaml")).unwrap().remove(0);
    let tests = tests["tests"].as_vec().unwrap();
    let checks = tests.iter().flat_map(|test| test["promql_expr_test"].as_vec().unwrap());
    let firing: Vec<&str> = checks
        .flat_map(|check| check["exp_samples"].as_vec().unwrap())
        .map(|sample| sample["labels"].as_str().unwrap())
        .collect();
    for alert in alerts() {
        let labels = format!("{{alertname=\"{}\"}}", alert.name);
        assert!(firing.contains(&labels.as_str()), "{} never fires there", alert.name);
    }
    let well = tests.iter().find(|test| test["name"].as_str() == Some("all is well")).unwrap();
    for alert in alerts() {
        let names = Query::read(&alert.expr).selectors.into_iter().map(|found| found.metric);
        for name in names.filter(|name| !["labeltap_process_start_time_seconds"].contains(&&**name))
        {
            let mut series = well["input_series"].as_vec().unwrap().iter();
            let there = series
                .any(|series| series["series"].as_str().unwrap().starts_with(&format!("{name}{{")));
            let only_trouble = name == "labeltap_labeler_troubled";
            assert!(there || only_trouble, "{name} is not in the test where all is well");
        }
    }
}

#[test]
fn prometheus_takes_the_alerts_and_they_fire_when_they_should() {
    if !wanted() {
        return;
    }
    let promtool = || {
        let mut command = Command::new(installed(".bin/promtool"));
        command.current_dir(root().join("docs/ops"));
        command
    };
    content(promtool().args(["check", "rules", "alerts.yaml"]));
    content(promtool().args(["test", "rules", "alerts.test.yaml"]));
}

#[test]
fn prometheus_takes_the_configuration_of_the_manual() {
    if !wanted() {
        return;
    }
    let config = super::manual("yaml", "scrape_configs");
    // By that name the alert that it is missing looks for it.
    assert!(config.contains("job_name: labeltap\n"));
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("prometheus.yml"), config).unwrap();
    std::fs::write(dir.path().join("labeltap-alerts.yaml"), read("docs/ops/alerts.yaml")).unwrap();
    std::fs::write(dir.path().join("labeltap.password"), "secret").unwrap();
    let mut promtool = Command::new(installed(".bin/promtool"));
    content(promtool.args(["check", "config", "prometheus.yml"]).current_dir(dir.path()));
}
