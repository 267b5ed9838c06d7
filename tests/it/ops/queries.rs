//! Reads what a PromQL query asks for: its metrics, with their matchers, and the labels it
//! sorts by. Whether it is PromQL at all is left to promtool.

use super::listed::Metric;
use std::collections::{BTreeMap, BTreeSet};

/// A query, as far as its names go.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Query {
    pub(super) selectors: Vec<Selector>,
    /// Of `by (…)`, `on (…)` and their like.
    pub(super) grouping: BTreeSet<String>,
}

/// `name{label="value"}`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Selector {
    pub(super) metric: String,
    /// Label, operator, value.
    pub(super) matchers: Vec<(String, String, String)>,
}

const GROUPING: &[&str] = &["by", "without", "on", "ignoring", "group_left", "group_right"];
const OPERATORS: &[&str] = &["and", "or", "unless", "bool", "offset", "inf", "nan"];
const AGGREGATORS: &[&str] =
    &["sum", "min", "max", "avg", "count", "topk", "bottomk", "quantile", "stddev", "group"];

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Word(String),
    Text(String),
    Sign(char),
}

/// Numbers, durations and what is between square brackets have no names in them.
fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let word = |c: char| c == '_' || c == ':' || c.is_ascii_alphanumeric();
        let length = match first {
            '"' | '\'' => {
                let end = rest[1..].find(first).expect("a string ends");
                tokens.push(Token::Text(rest[1..=end].to_owned()));
                end + 2
            }
            '[' => rest.find(']').expect("a bracket closes") + 1,
            '0'..='9' => rest.find(|c| c != '.' && !word(c)).unwrap_or(rest.len()),
            first if word(first) => {
                let end = rest.find(|c| !word(c)).unwrap_or(rest.len());
                tokens.push(Token::Word(rest[..end].to_owned()));
                end
            }
            sign => {
                tokens.push(Token::Sign(sign));
                sign.len_utf8()
            }
        };
        rest = rest[length..].trim_start();
    }
    tokens
}

impl Query {
    pub(super) fn read(text: &str) -> Self {
        let mut query = Self::default();
        let mut tokens = tokens(text).into_iter().peekable();
        while let Some(token) = tokens.next() {
            assert_ne!(token, Token::Sign('{'), "a selector without a name: {text}");
            let Token::Word(word) = token else { continue };
            let next = tokens.peek().cloned();
            if GROUPING.contains(&word.as_str()) {
                let inside = tokens.by_ref().skip(1).take_while(|token| *token != Token::Sign(')'));
                query.grouping.extend(inside.filter_map(|token| match token {
                    Token::Word(label) => Some(label),
                    _ => None,
                }));
            } else if next == Some(Token::Sign('{')) {
                let inside: Vec<Token> = tokens
                    .by_ref()
                    .skip(1)
                    .take_while(|token| *token != Token::Sign('}'))
                    .collect();
                let matchers = inside.split(|token| *token == Token::Sign(','));
                let matchers = matchers.filter(|matcher| !matcher.is_empty()).map(matcher);
                query.selectors.push(Selector { metric: word, matchers: matchers.collect() });
            } else if next != Some(Token::Sign('('))
                && !OPERATORS.contains(&word.as_str())
                && !AGGREGATORS.contains(&word.as_str())
            {
                query.selectors.push(Selector { metric: word, matchers: Vec::new() });
            }
        }
        assert!(!query.selectors.is_empty(), "it asks for nothing: {text}");
        query
    }

    /// Every metric is listed and has the labels that are asked for. Answers the metrics'
    /// names as they are listed.
    #[track_caller]
    pub(super) fn check(&self, text: &str, listed: &BTreeMap<String, Metric>) -> BTreeSet<String> {
        let (mut names, mut labels) = (BTreeSet::new(), common());
        for selector in &self.selectors {
            // What Prometheus itself knows.
            let (name, own) = match selector.metric.as_str() {
                "up" | "ALERTS" => continue,
                name => base(name, listed).unwrap_or_else(|| panic!("{name} in {text}")),
            };
            let metric = &listed[&name];
            let all: BTreeSet<String> = metric.labels.iter().cloned().chain(own).collect();
            for (label, _, _) in &selector.matchers {
                let known = all.contains(label) || common().contains(label);
                assert!(known, "{name} has no {label} in {text}");
            }
            labels.extend(all);
            names.insert(name);
        }
        let unknown: Vec<_> = self.grouping.difference(&labels).collect();
        assert!(unknown.is_empty(), "{unknown:?} in {text}");
        names
    }
}

/// What Prometheus adds to each series.
fn common() -> BTreeSet<String> {
    ["job", "instance"].map(str::to_owned).into()
}

/// The listed name of a series, and the label that only its form has.
fn base(name: &str, listed: &BTreeMap<String, Metric>) -> Option<(String, Option<String>)> {
    let histogram = |name: &str| listed.get(name).is_some_and(|metric| metric.kind == "histogram");
    if let Some(base) = name.strip_suffix("_bucket").filter(|name| histogram(name)) {
        return Some((base.to_owned(), Some("le".to_owned())));
    }
    let part = name.strip_suffix("_sum").or(name.strip_suffix("_count"));
    if let Some(base) = part.filter(|name| histogram(name)) {
        return Some((base.to_owned(), None));
    }
    let plain = listed.get(name).is_some_and(|metric| metric.kind != "histogram");
    plain.then(|| (name.to_owned(), None))
}

fn matcher(tokens: &[Token]) -> (String, String, String) {
    let (Some(Token::Word(label)), Some(Token::Text(value))) = (tokens.first(), tokens.last())
    else {
        panic!("no matcher: {tokens:?}");
    };
    let signs = tokens[1..tokens.len() - 1].iter().map(|token| match token {
        Token::Sign(sign) => *sign,
        other => panic!("{other:?} in {tokens:?}"),
    });
    (label.clone(), signs.collect(), value.clone())
}

#[test]
fn names_are_found_wherever_they_stand_in_a_query() {
    let text = r#"sum by (job, le) (rate(a_bucket{x="p{q}",y=~"$z"}[5m])) > 0.5 * 3e4
        unless on (k) max_over_time(b[1d]) == 0 or topk(3, c) / clamp_max(d{}, 1) offset 5m"#;
    let query = Query::read(text);
    let names: Vec<&str> = query.selectors.iter().map(|found| found.metric.as_str()).collect();
    assert_eq!(names, ["a_bucket", "b", "c", "d"]);
    let matcher = |label: &str, sign: &str, value: &str| {
        (label.to_owned(), sign.to_owned(), value.to_owned())
    };
    assert_eq!(query.selectors[0].matchers, [matcher("x", "=", "p{q}"), matcher("y", "=~", "$z")]);
    assert_eq!(query.grouping, ["job", "k", "le"].map(str::to_owned).into());
}
