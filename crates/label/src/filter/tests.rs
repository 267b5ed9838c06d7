use super::*;
use crate::Hosts;
use crate::syntax::{is_at_uri, is_did};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

fn read(fields: &[(&str, &[&str])]) -> Result<Filter, FilterError> {
    Filter::read(fields.iter().map(|(field, values)| (*field, values.to_vec())), Hosts::Public)
}

fn did(text: &str) -> Did {
    Did::parse(text).unwrap()
}

#[test]
fn the_default_takes_everything() {
    let (filter, labeler) = (Filter::default(), did("did:web:ann.test"));
    assert!(filter == Filter::default() && !filter.names_rejected());
    assert_eq!(read(&[]).unwrap(), filter);
    assert_eq!(filter.fields(), []);
    for verdict in Verdict::ALL {
        assert!(filter.takes(&Facts { labeler: &labeler, uri: None, val: None, verdict }));
        assert!(!filter.names(verdict));
    }
}

#[test]
fn a_field_is_written_in_order_and_each_value_once() {
    let filter = read(&[
        ("verdict", &["verified", "unsigned", "verified"]),
        ("val", &["spam", "a*", "ab*", "spam", "!hide", "a"]),
        ("src", &["did:web:b.test", "did:web:a.test", "did:web:b.test"]),
        ("subject", &["other", "account"]),
    ])
    .unwrap();
    let own = |values: &[&str]| values.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
    let expected = [
        ("src", own(&["did:web:a.test", "did:web:b.test"])),
        ("val", own(&["!hide", "a", "a*", "ab*", "spam"])),
        ("subject", own(&["account", "other"])),
        ("verdict", own(&["unsigned", "verified"])),
    ];
    assert_eq!(filter.fields(), expected);
    assert!(filter.names_rejected());
    assert!(filter.names(Verdict::Verified) && !filter.names(Verdict::Malformed));
}

#[test]
fn what_is_no_filter_is_refused_with_the_name_of_the_field_first() {
    let cases: [(&str, &[&str], &str); 12] = [
        (
            "vals",
            &["a"],
            "vals is not a field of a filter, which has src, val, uri, subject, verdict",
        ),
        ("val", &[], "val has no value; leave the field out to take everything"),
        ("uri", &["a", ""], "uri has an empty value"),
        ("val", &["a*b"], "val \"a*b\" has a * that is not at its end"),
        ("val", &["*a*"], "val \"*a*\" has a * that is not at its end"),
        ("uri", &["a", "b**"], "uri \"b**\" has a * that is not at its end"),
        ("src", &["ann"], "src: \"ann\" is not a DID"),
        ("src", &["did:plc:short"], "src: did:plc:short is not a did:plc"),
        ("src", &["did:web:localhost"], "src: did:web:localhost is not a did:web"),
        ("subject", &["Account"], "subject \"Account\" is none of account, record, other"),
        ("verdict", &["good"], "verdict \"good\" is none of malformed, unsupported-version,"),
        ("", &["a"], " is not a field"),
    ];
    for (field, values, expected) in cases {
        let error = read(&[(field, values)]).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
        assert!(!error.contains('\n'));
    }
    let twice = read(&[("val", &["a"]), ("val", &["b"])]).unwrap_err();
    assert_eq!(twice, FilterError::Twice("val"));
    let long = "x".repeat(10_000);
    assert!(read(&[("subject", &[&long])]).unwrap_err().to_string().len() < 200);
    assert!(read(&[(&long, &["a"])]).unwrap_err().to_string().len() < 200);
}

#[test]
fn a_field_that_cannot_be_read_is_taken_only_where_nothing_is_asked_of_it() {
    let labeler = did("did:web:ann.test");
    let facts = Facts { labeler: &labeler, uri: None, val: None, verdict: Verdict::Malformed };
    for (field, value, taken) in [
        ("src", "did:web:ann.test", true),
        ("verdict", "malformed", true),
        ("verdict", "verified", false),
        ("subject", "other", true),
        ("subject", "record", false),
        ("val", "*", false),
        ("uri", "*", false),
    ] {
        assert_eq!(read(&[(field, &[value])]).unwrap().takes(&facts), taken, "{field} {value}");
    }
}

#[test]
fn hosts_of_our_own_are_for_development() {
    let fields = || [("src", vec!["did:web:localhost%3A2000"])];
    assert!(Filter::read(fields(), Hosts::Public).is_err());
    assert!(Filter::read(fields(), Hosts::Private).is_ok());
}

/// The same question, answered from what was written, as plainly as can be.
fn oracle(fields: &[(&str, Vec<&str>)], facts: &Facts<'_>) -> bool {
    let matches = |value: &str, text: Option<&str>| {
        text.is_some_and(|text| match value.strip_suffix('*') {
            Some(begin) => text.starts_with(begin),
            None => text == value,
        })
    };
    let subject = |uri: &str| match uri.strip_prefix("at://") {
        _ if is_did(uri) => "account",
        Some(path) if is_at_uri(uri) && path.split('/').count() == 3 => "record",
        _ => "other",
    };
    fields.iter().all(|(field, values)| {
        values.iter().any(|value| match *field {
            "src" => *value == facts.labeler.as_str(),
            "val" => matches(value, facts.val),
            "uri" => matches(value, facts.uri),
            "subject" => *value == facts.uri.map_or("other", subject),
            _ => *value == facts.verdict.as_str(),
        })
    })
}

const LABELERS: [&str; 3] = ["did:web:a.test", "did:web:b.test", "did:web:c.test"];
const VALS: [&str; 6] = ["a", "ab", "abc", "b", "ba", "ü"];
const URIS: [&str; 6] = [
    "did:web:a.test",
    "did:web:a.test.b",
    "at://did:web:a.test",
    "at://did:web:a.test/app.bsky.feed.post/1",
    "at://did:web:a.test/app.bsky.feed.post/2",
    "at://did:web:b.test/app.bsky.feed.post/1",
];

/// Beginnings of some texts, and the texts.
fn texts(of: &'static [&'static str]) -> impl Strategy<Value = Vec<String>> {
    let text = (select(of), any::<bool>(), 0usize..40).prop_map(|(text, whole, length)| {
        let begin: String = text.chars().take(length).collect();
        if whole { text.to_owned() } else { begin + "*" }
    });
    vec(text, 1..6)
}

fn some(of: &'static [&'static str]) -> impl Strategy<Value = Vec<String>> {
    vec(select(of).prop_map(str::to_owned), 1..4)
}

prop_compose! {
    fn fields()(
        src in some(&LABELERS),
        val in texts(&VALS),
        uri in texts(&URIS),
        subject in some(&["account", "record", "other"]),
        verdict in some(&["verified", "verified-old-key", "malformed", "unsigned"]),
    )(
        kept in subsequence(
            vec![("src", src), ("val", val), ("uri", uri), ("subject", subject), ("verdict", verdict)],
            0..=5,
        ).prop_shuffle(),
    ) -> Vec<(&'static str, Vec<String>)> {
        kept
    }
}

proptest! {
    #[test]
    fn a_filter_takes_what_was_written(
        fields in fields(),
        labeler in select(&LABELERS),
        uri in proptest::option::of(select(&URIS)),
        val in proptest::option::of(select(&VALS)),
        verdict in select(&Verdict::ALL),
    ) {
        let fields: Vec<(&str, Vec<&str>)> = fields
            .iter()
            .map(|(field, values)| (*field, values.iter().map(String::as_str).collect()))
            .collect();
        let filter = Filter::read(fields.clone(), Hosts::Public).unwrap();
        let labeler = did(labeler);
        let facts = Facts { labeler: &labeler, uri, val, verdict };
        prop_assert_eq!(filter.takes(&facts), oracle(&fields, &facts));
        let of_lanes: Vec<_> = fields
            .iter()
            .filter(|(field, _)| ["src", "uri", "subject"].contains(field))
            .cloned()
            .collect();
        prop_assert_eq!(filter.takes_lane(&labeler, uri), oracle(&of_lanes, &facts));
    }

    #[test]
    fn a_filter_reads_back(fields in fields()) {
        let borrow = |fields: &[(&'static str, Vec<String>)]| {
            let lists = fields.iter().map(|(field, values)| {
                (*field, values.iter().map(String::as_str).collect::<Vec<_>>())
            });
            Filter::read(lists.collect::<Vec<_>>(), Hosts::Public).unwrap()
        };
        let filter = borrow(&fields);
        prop_assert_eq!(borrow(&filter.fields()), filter);
    }
}
