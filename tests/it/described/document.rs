//! The OpenAPI document as a judge of answers: what a route may answer, and whether this is it.

use boon::{Compiler, Schemas};
use reqwest::header::HeaderMap;
use serde_json::{Map, Value, json};

/// Keys of a path that are methods.
const METHODS: [&str; 4] = ["get", "put", "post", "delete"];

/// An answer, read to its end.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) text: String,
}

impl Answer {
    /// The body, as JSON if it is that.
    pub(super) fn body(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| Value::String(self.text.clone()))
    }
}

/// One thing that can be asked.
#[derive(Debug, Clone)]
pub(super) struct Operation<'a> {
    /// With parameters in braces.
    pub(super) path: &'a str,
    /// In lower case.
    pub(super) method: &'a str,
    pub(super) said: &'a Value,
}

impl Operation<'_> {
    pub(super) fn takes_a_body(&self) -> bool {
        self.said.get("requestBody").is_some()
    }

    pub(super) fn statuses(&self) -> impl Iterator<Item = u16> {
        let responses = self.said["responses"].as_object().unwrap();
        responses.keys().map(|status| status.parse().unwrap())
    }
}

pub(super) struct Document(pub(super) Value);

impl Document {
    /// Every operation.
    pub(super) fn operations(&self) -> Vec<Operation<'_>> {
        let mut found = Vec::new();
        for (path, item) in object(&self.0["paths"]) {
            let named = METHODS.into_iter().filter_map(|method| Some((method, item.get(method)?)));
            found.extend(named.map(|(method, said)| Operation { path, method, said }));
        }
        found
    }

    /// The one that a request is for: of two paths that fit, the one with fewer parameters.
    fn operation(&self, method: &str, target: &str) -> Operation<'_> {
        let path = target.split('?').next().unwrap();
        let fits = |one: &Operation<'_>| one.method == method && fits(one.path, path);
        let found = self.operations().into_iter().filter(fits);
        let found = found.min_by_key(|one| one.path.matches('{').count());
        found.unwrap_or_else(|| panic!("{method} {path} is not described"))
    }

    /// Holds an answer against what is said of it. Answers the path, the method and the status.
    pub(super) fn check(
        &self,
        method: &str,
        target: &str,
        answer: &Answer,
    ) -> (String, String, u16) {
        let operation = self.operation(method, target);
        let what = format!("{method} {target}: {answer:?}");
        let response = operation.said["responses"].get(answer.status.to_string());
        let response = self.meant(response.unwrap_or_else(|| panic!("no such status: {what}")));
        for (name, header) in response.get("headers").map(object).into_iter().flatten() {
            let is_there = answer.headers.contains_key(name);
            assert!(is_there || header["required"] != true, "no {name}: {what}");
        }
        match response.get("content") {
            Some(content) => self.check_body(content, answer, &what),
            None => assert!(answer.text.is_empty(), "a body: {what}"),
        }
        (operation.path.to_owned(), operation.method.to_owned(), answer.status)
    }

    fn check_body(&self, content: &Value, answer: &Answer, what: &str) {
        let kind = answer.headers.get("content-type").expect(what).to_str().unwrap();
        let media = content.get(kind).unwrap_or_else(|| panic!("{kind} is not described: {what}"));
        let faults = self.faults(&media["schema"], &answer.body());
        assert!(faults.is_none(), "{}\n{what}", faults.unwrap_or_default());
    }

    /// The schema of an answer, if it has one.
    pub(super) fn schema(&self, said: &Value) -> Option<Value> {
        let (_, media) = object(self.meant(said).get("content")?).iter().next()?;
        Some(media["schema"].clone())
    }

    /// What is wrong with a value, by a schema of this document.
    pub(super) fn faults(&self, schema: &Value, value: &Value) -> Option<String> {
        let whole = json!({ "allOf": [schema], "components": self.0["components"] });
        faults(whole, value)
    }

    /// What is meant where something else is pointed to.
    pub(super) fn meant<'a>(&'a self, said: &'a Value) -> &'a Value {
        match said.get("$ref").and_then(Value::as_str) {
            Some(place) => self.0.pointer(place.trim_start_matches('#')).expect(place),
            None => said,
        }
    }
}

/// What is wrong with a value, by a schema that needs nothing else.
pub(super) fn faults(schema: Value, value: &Value) -> Option<String> {
    const HERE: &str = "test://schema/it.json";
    let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
    compiler.enable_format_assertions();
    compiler.add_resource(HERE, schema).unwrap();
    let index = compiler.compile(HERE, &mut schemas).unwrap_or_else(|error| panic!("{error:#}"));
    schemas.validate(value, index).err().map(|error| format!("{error:#}"))
}

fn fits(template: &str, path: &str) -> bool {
    let (parts, segments) = (template.split('/'), path.split('/'));
    template.split('/').count() == path.split('/').count()
        && parts.zip(segments).all(|(part, segment)| part.starts_with('{') || part == segment)
}

pub(super) fn object(value: &Value) -> &Map<String, Value> {
    value.as_object().unwrap()
}
