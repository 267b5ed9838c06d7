//! `GET /openapi.json`: the description of all of this, as it lies in `schema/openapi.json`.
//! That answers are as it says is shown by `tests/it/described.rs`.

use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;

const TEXT: &str = include_str!("../../../schema/openapi.json");

/// The same text for everybody.
pub(crate) async fn show() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], TEXT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::name;
    use axum::http::StatusCode;
    use serde_json::{Map, Value};
    use std::collections::BTreeSet;

    const METHODS: [&str; 5] = ["get", "put", "post", "delete", "patch"];

    fn document() -> Value {
        serde_json::from_str(TEXT).unwrap()
    }

    fn object(value: &Value) -> &Map<String, Value> {
        value.as_object().unwrap()
    }

    #[test]
    fn every_route_is_described_and_everything_described_is_a_route() {
        let document = document();
        let mut described = BTreeSet::new();
        for (path, item) in object(&document["paths"]) {
            let methods = object(item).keys().filter(|key| METHODS.contains(&key.as_str()));
            described.extend(methods.map(|method| (method.to_uppercase(), path.clone())));
        }
        // A parameter that takes the rest of the path is one like others there.
        let plain = |(method, path): crate::Route| (method.to_owned(), path.replace("{*", "{"));
        let served: BTreeSet<_> = crate::served().into_iter().map(plain).collect();
        let undescribed: Vec<_> = served.difference(&described).collect();
        let unserved: Vec<_> = described.difference(&served).collect();
        assert!(undescribed.is_empty() && unserved.is_empty(), "{undescribed:?}, {unserved:?}");
    }

    #[test]
    fn it_is_of_this_version() {
        assert_eq!(document()["info"]["version"], env!("CARGO_PKG_VERSION"));
    }

    #[test]
    fn each_parameter_of_a_path_is_described() {
        let document = document();
        for (path, item) in object(&document["paths"]) {
            let named =
                path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
            let named: BTreeSet<&str> = named.collect();
            for (_, operation) in
                object(item).iter().filter(|(key, _)| METHODS.contains(&key.as_str()))
            {
                let lists = [&item["parameters"], &operation["parameters"]];
                let all = lists.into_iter().filter_map(Value::as_array).flatten();
                let all = all.map(|found| match found["$ref"].as_str() {
                    Some(place) => document.pointer(place.trim_start_matches('#')).unwrap(),
                    None => found,
                });
                let in_path =
                    all.filter(|found| found["in"] == "path" && found["required"] == true);
                let described: BTreeSet<&str> =
                    in_path.map(|found| found["name"].as_str().unwrap()).collect();
                assert_eq!(described, named, "{path}");
            }
        }
    }

    #[test]
    fn every_error_has_the_name_of_its_status() {
        let document = document();
        let mut seen = 0;
        for (path, item) in object(&document["paths"]) {
            let operations = METHODS.iter().filter_map(|method| item.get(*method));
            for (status, response) in operations.flat_map(|one| object(&one["responses"])) {
                let status = StatusCode::from_bytes(status.as_bytes()).unwrap();
                if status.is_client_error() || status.is_server_error() {
                    let place = format!("#/components/responses/{}", name(status));
                    assert_eq!(response["$ref"], place, "{path}");
                    seen += 1;
                }
            }
        }
        assert!(seen > 100, "only {seen}");
        for (name, response) in object(&document["components"]["responses"]) {
            let schema = &response["content"]["application/json"]["schema"];
            assert_eq!(schema["allOf"][1]["properties"]["error"]["const"], *name);
        }
    }
}
