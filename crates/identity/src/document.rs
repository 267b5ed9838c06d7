//! What a DID document says about a labeler, and about the account it is. Pure; who fetched it is the resolver's business.
//!
//! Documents in the wild carry null arrays, endpoints that are objects and entries without
//! an id. So each entry is read for itself, and an odd one never spoils the others: it just
//! is not the one we look for. Of several entries with the same id the first counts (atproto
//! DID spec), also when it is unusable; taking a later one would let the order of a document
//! decide differently for us than for everybody else.

use crate::address::is_public;
use label::{Did, Hosts};
use serde_json::Value;
use url::{Host, Url};
use verify::Key;

/// A service that we look for: its id without `#`, its type, and what we call it.
struct Service {
    id: &'static str,
    kind: &'static str,
    name: &'static str,
}

const LABELER: Service =
    Service { id: "atproto_labeler", kind: "AtprotoLabeler", name: "the labeler" };
const PDS: Service =
    Service { id: "atproto_pds", kind: "AtprotoPersonalDataServer", name: "the PDS" };

/// The keys that we look for: id without `#`, and what we call it.
const LABEL_KEY: (&str, &str) = ("atproto_label", "the label key");
const SIGNING_KEY: (&str, &str) = ("atproto", "the signing key");

/// PLC allows 512 characters; a did:web host may write more, but nobody has a use for it.
const MAX_ENDPOINT: usize = 2_048;
/// How much of a strange value goes into a message.
const EXCERPT: usize = 100;

/// A document, and what was found in it.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// The document as it was fetched.
    pub document: Value,
    /// The handle that the document claims, in lower case. Nobody has confirmed it yet.
    pub claimed_handle: Option<String>,
    /// Where the labeler serves: scheme, host and port, path `/`.
    pub service: Found<Url>,
    /// The key that labels are signed with (`#atproto_label`; never another one).
    pub label_key: Found<Key>,
    /// Where the account's repository is (`#atproto_pds`), in the form of `service`.
    pub pds: Found<Url>,
    /// The key that the account's repository is signed with (`#atproto`).
    pub signing_key: Found<Key>,
}

/// Something that a document may hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found<T> {
    /// There is no entry for it.
    Absent,
    /// There is one, but it cannot be used, and this is why.
    Unusable(String),
    /// There is a good one.
    Present(T),
}

impl<T> Found<T> {
    /// The value, if there is a good one.
    pub fn present(&self) -> Option<&T> {
        match self {
            Self::Present(value) => Some(value),
            Self::Absent | Self::Unusable(_) => None,
        }
    }
}

impl<T> From<Result<T, String>> for Found<T> {
    fn from(result: Result<T, String>) -> Self {
        match result {
            Ok(value) => Self::Present(value),
            Err(why) => Self::Unusable(why),
        }
    }
}

impl Resolved {
    /// Reads the document of `did`. `hosts` says whether the endpoint may be plain http or a
    /// private address.
    ///
    /// # Errors
    /// When it is no object, or about another DID. Anything else is for the single entries.
    pub fn read(did: &Did, document: Value, hosts: Hosts) -> Result<Self, String> {
        if !document.is_object() {
            return Err("the answer is not a DID document".into());
        }
        match document.get("id").and_then(Value::as_str) {
            Some(id) if id == did.as_str() => {}
            Some(id) => return Err(format!("the document is about {:?}", excerpt(id))),
            None => return Err("the document has no id".into()),
        }
        let endpoint = |wanted: &Service| {
            let entry = entry(&document, "service", did, wanted.id);
            entry.map_or(Found::Absent, |entry| endpoint(entry, wanted, hosts).into())
        };
        let key = |(id, name)| {
            let entry = entry(&document, "verificationMethod", did, id);
            entry.map_or(Found::Absent, |entry| key(entry, name).into())
        };
        Ok(Self {
            claimed_handle: claimed_handle(&document),
            service: endpoint(&LABELER),
            label_key: key(LABEL_KEY),
            pds: endpoint(&PDS),
            signing_key: key(SIGNING_KEY),
            document,
        })
    }
}

/// The first entry of a list whose id is `#name` or `did#name`.
fn entry<'a>(document: &'a Value, list: &str, did: &Did, name: &str) -> Option<&'a Value> {
    let is_it = |entry: &&Value| {
        let id = entry.get("id").and_then(Value::as_str).unwrap_or_default();
        let id = id.strip_prefix(did.as_str()).unwrap_or(id);
        id.strip_prefix('#') == Some(name)
    };
    document.get(list)?.as_array()?.iter().find(is_it)
}

/// The first entry of `alsoKnownAs` that is `at://` and a valid handle is *the* handle, even
/// if it turns out not to lead back (atproto handle spec).
fn claimed_handle(document: &Value) -> Option<String> {
    let names = document.get("alsoKnownAs")?.as_array()?.iter().filter_map(Value::as_str);
    let handle = |name: &str| {
        let handle = name.strip_prefix("at://")?;
        label::syntax::is_handle(handle).then(|| handle.to_ascii_lowercase())
    };
    names.filter_map(handle).next()
}

fn endpoint(entry: &Value, wanted: &Service, hosts: Hosts) -> Result<Url, String> {
    let name = wanted.name;
    match entry.get("type").and_then(Value::as_str) {
        Some(kind) if kind == wanted.kind => {}
        Some(kind) => return Err(format!("{name} service has type {:?}", excerpt(kind))),
        None => return Err(format!("{name} service has no type")),
    }
    match entry.get("serviceEndpoint") {
        Some(Value::String(text)) => endpoint_url(text, name, hosts),
        Some(_) => Err(format!("{name} service has an endpoint that is not a string")),
        None => Err(format!("{name} service has no endpoint")),
    }
}

/// Scheme, host, optional port, at most a slash after it (atproto DID spec, "Service").
fn endpoint_url(text: &str, name: &str, hosts: Hosts) -> Result<Url, String> {
    let refuse = |why: &str| Err(format!("{name} endpoint {:?} {why}", excerpt(text)));
    if text.len() > MAX_ENDPOINT {
        return refuse("is too long");
    }
    let Ok(url) = Url::parse(text) else { return refuse("is not a URL") };
    match (url.scheme(), hosts) {
        ("https", _) | ("http", Hosts::Private) => {}
        ("http", Hosts::Public) => return refuse("is plain http"),
        _ => return refuse("is not an https URL"),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return refuse("contains a user name or password");
    }
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return refuse("has something after the host name");
    }
    if hosts == Hosts::Public && is_reserved(url.host()) {
        return refuse("is not a public address");
    }
    Ok(url)
}

/// Names are judged when they are looked up; an address can be judged at once.
fn is_reserved(host: Option<Host<&str>>) -> bool {
    match host {
        Some(Host::Ipv4(ip)) => !is_public(ip.into()),
        Some(Host::Ipv6(ip)) => !is_public(ip.into()),
        Some(Host::Domain(_)) | None => false,
    }
}

fn key(entry: &Value, name: &str) -> Result<Key, String> {
    let text = |field: &str| match entry.get(field) {
        Some(Value::String(text)) => Ok(text.as_str()),
        Some(_) => Err(format!("{name} has a {field} that is not a string")),
        None => Err(format!("{name} has no {field}")),
    };
    let (kind, multibase) = (text("type")?, text("publicKeyMultibase")?);
    Key::from_method(kind, multibase).map_err(|error| format!("{name}: {error}"))
}

fn excerpt(text: &str) -> String {
    text.chars().take(EXCERPT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const DID: &str = "did:plc:ar7c4by46qjdydhdevvrndac";
    const MULTIKEY: &str = "zQ3shXjHeiBuRCKmM36cuYnm7YEMzhGnCmCyW92sRJ9pribSF";

    fn read(document: Value) -> Resolved {
        read_with(document, Hosts::Public)
    }

    fn read_with(document: Value, hosts: Hosts) -> Resolved {
        Resolved::read(&Did::parse(DID).unwrap(), document, hosts).unwrap()
    }

    fn service(endpoint: Value) -> Value {
        let entry = json!({"id": "#atproto_labeler", "type": "AtprotoLabeler", "serviceEndpoint": endpoint});
        json!({"id": DID, "service": [entry]})
    }

    fn method(id: &str, multibase: &str) -> Value {
        json!({"id": id, "type": "Multikey", "controller": DID, "publicKeyMultibase": multibase})
    }

    fn unusable<T: std::fmt::Debug>(found: &Found<T>) -> &str {
        match found {
            Found::Unusable(why) => why,
            other => panic!("expected an unusable entry, found {other:?}"),
        }
    }

    #[test]
    fn ids_count_with_and_without_the_did_in_front() {
        for id in ["#atproto_label".to_owned(), format!("{DID}#atproto_label")] {
            let found = read(json!({"id": DID, "verificationMethod": [method(&id, MULTIKEY)]}));
            let key = found.label_key.present().unwrap();
            assert_eq!(key.did_key(), format!("did:key:{MULTIKEY}"));
        }
        for id in ["did:plc:other#atproto_label", "atproto_label", "#atproto", "##atproto_label"] {
            let found = read(json!({"id": DID, "verificationMethod": [method(id, MULTIKEY)]}));
            assert_eq!(found.label_key.present().map(Key::did_key), None, "{id} was taken");
        }
    }

    #[test]
    fn the_account_has_its_own_key_and_server() {
        let mut document = service(json!("https://mod.example"));
        let other = "zQ3shULQPBZrbHpyf48oS68ZudUDQNdtWrhV8dafhaTFFUeGP";
        document["verificationMethod"] =
            json!([method("#atproto_label", MULTIKEY), method("#atproto", other)]);
        let pds = json!({"id": format!("{DID}#atproto_pds"), "type": "AtprotoPersonalDataServer",
            "serviceEndpoint": "https://pds.example"});
        document["service"].as_array_mut().unwrap().push(pds);
        let found = read(document.clone());
        let key = found.signing_key.present().unwrap().did_key();
        assert_eq!(key, format!("did:key:{other}"));
        assert_ne!(found.label_key.present().unwrap().did_key(), key);
        assert_eq!(found.pds.present().unwrap().as_str(), "https://pds.example/");
        assert_eq!(found.service.present().unwrap().as_str(), "https://mod.example/");

        document["service"][1]["type"] = json!("AtprotoLabeler");
        document["verificationMethod"][1]["type"] = json!("Ed25519VerificationKey2020");
        let found = read(document);
        assert!(unusable(&found.pds).starts_with("the PDS service has type"));
        assert!(unusable(&found.signing_key).starts_with("the signing key: "));
        let bare = read(json!({"id": DID}));
        assert_eq!((bare.pds, bare.signing_key), (Found::Absent, Found::Absent));
    }

    #[test]
    fn odd_entries_do_not_spoil_the_good_one() {
        let odd = json!([null, 7, "x", [], {}, {"id": null}, {"id": ["#atproto_labeler"]},
            {"id": "#atproto_pds", "type": "AtprotoPersonalDataServer", "serviceEndpoint": {"uri": "x"}},
            {"id": "#other", "serviceEndpoint": ["https://a.example"]}]);
        let mut document = service(json!("https://mod.example"));
        let good = document["service"][0].clone();
        document["service"] = odd;
        document["service"].as_array_mut().unwrap().push(good);
        document["authentication"] = Value::Null;
        document["verificationMethod"] =
            json!([null, {"id": 1}, {"id": "#atproto"}, method("#atproto_label", MULTIKEY)]);
        document["alsoKnownAs"] = json!([null, 1, "https://x.example", "at://Mod.Example"]);
        let found = read(document);
        assert_eq!(found.service.present().unwrap().as_str(), "https://mod.example/");
        assert!(found.label_key.present().is_some());
        assert_eq!(found.claimed_handle.as_deref(), Some("mod.example"));
    }

    #[test]
    fn lists_that_are_none_mean_absent() {
        for list in [Value::Null, json!({}), json!("x"), json!([])] {
            let found = read(
                json!({"id": DID, "service": list, "verificationMethod": list, "alsoKnownAs": list}),
            );
            assert_eq!(found.service, Found::Absent);
            assert!(matches!(found.label_key, Found::Absent));
            assert_eq!(found.claimed_handle, None);
        }
    }

    #[test]
    fn the_first_of_several_entries_counts_even_if_it_is_bad() {
        let mut document = service(json!("ftp://first.example"));
        let second = service(json!("https://second.example"))["service"][0].clone();
        document["service"].as_array_mut().unwrap().push(second);
        assert!(unusable(&read(document).service).contains("first.example"));
    }

    #[test]
    fn an_endpoint_of_another_type_is_not_a_labeler() {
        let mut document = service(json!("https://mod.example"));
        document["service"][0]["type"] = json!("AtprotoPersonalDataServer");
        assert!(unusable(&read(document.clone()).service).contains("AtprotoPersonalDataServer"));
        document["service"][0].as_object_mut().unwrap().remove("type");
        assert!(unusable(&read(document).service).contains("no type"));
    }

    #[test]
    fn endpoints_take_a_host_a_port_and_a_slash_and_nothing_more() {
        for (good, url) in [
            ("https://mod.example", "https://mod.example/"),
            ("https://mod.example/", "https://mod.example/"),
            ("https://mod.example:8443/", "https://mod.example:8443/"),
            ("HTTPS://Mod.Example", "https://mod.example/"),
        ] {
            let found = read(service(json!(good)));
            assert_eq!(found.service.present().map(Url::as_str), Some(url), "{good}");
        }
        let long = format!("https://{}.example", "a".repeat(MAX_ENDPOINT));
        for bad in [
            json!("https://mod.example/xrpc"),
            json!("https://mod.example?x=1"),
            json!("https://mod.example#x"),
            json!("https://me@mod.example"),
            json!("https://me:pw@mod.example"),
            json!("http://mod.example"),
            json!("wss://mod.example"),
            json!("mod.example"),
            json!("https://"),
            json!(""),
            json!(long),
            json!("https://127.0.0.1"),
            json!("https://0x7f.1"),
            json!("https://[::ffff:10.0.0.1]:8080"),
            json!({"uri": "https://mod.example"}),
            json!(["https://mod.example"]),
            json!(null),
        ] {
            unusable(&read(service(bad)).service);
        }
    }

    #[test]
    fn plain_http_and_private_addresses_are_for_development() {
        for text in ["http://localhost:2583", "http://127.0.0.1:1", "https://10.0.0.1"] {
            let document = service(json!(text));
            unusable(&read(document.clone()).service);
            assert!(read_with(document, Hosts::Private).service.present().is_some(), "{text}");
        }
    }

    #[test]
    fn a_key_that_cannot_be_used_says_why() {
        let ed25519 = "z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK";
        for entry in [
            method("#atproto_label", ed25519),
            method("#atproto_label", "z"),
            method("#atproto_label", "not multibase"),
            json!({"id": "#atproto_label", "type": "Multikey"}),
            json!({"id": "#atproto_label", "publicKeyMultibase": MULTIKEY}),
            json!({"id": "#atproto_label", "type": 1, "publicKeyMultibase": {}}),
            json!({"id": "#atproto_label", "type": "JsonWebKey2020", "publicKeyMultibase": MULTIKEY}),
        ] {
            let found = read(json!({"id": DID, "verificationMethod": [entry]}));
            assert!(unusable(&found.label_key).starts_with("the label key"));
        }
    }

    #[test]
    fn only_a_valid_handle_can_be_claimed_and_the_first_wins() {
        let claims = |names: Value| read(json!({"id": DID, "alsoKnownAs": names})).claimed_handle;
        let first = claims(json!(["at://not a handle", "at://one.example", "at://two.example"]));
        assert_eq!(first.as_deref(), Some("one.example"));
        assert_eq!(claims(json!(["one.example", "at://one.example/path", "at://"])), None);
    }

    #[test]
    fn a_document_about_somebody_else_is_refused() {
        let did = Did::parse(DID).unwrap();
        for document in [
            json!({"id": "did:plc:ewvi7nxzyoun6zhxrhs64oiz"}),
            json!({"id": format!("{DID}#atproto_label")}),
            json!({"id": null}),
            json!({}),
            json!([]),
            json!("x"),
            json!(null),
        ] {
            assert!(Resolved::read(&did, document, Hosts::Private).is_err());
        }
    }
}
