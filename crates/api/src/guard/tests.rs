use super::*;

const HERE: &str = "127.0.0.1:2480";

fn guard(password: Option<&str>) -> Guard {
    Guard::new(vec!["Labels.Example".into()], password, false)
}

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let pair = |(name, value): &(&'static str, &str)| {
        (axum::http::HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
    };
    pairs.iter().map(pair).collect()
}

fn status(guard: &Guard, call: (&str, &str), pairs: &[(&'static str, &str)]) -> u16 {
    let method = Method::from_bytes(call.0.as_bytes()).unwrap();
    let uri: Uri = call.1.parse().unwrap();
    match guard.judge(&method, &uri, &headers(pairs)) {
        Ok(()) => 200,
        Err(refusal) => refusal.status().as_u16(),
    }
}

#[test]
fn a_request_must_name_us_by_address_localhost_or_a_given_name() {
    for (host, expected) in [
        (HERE, 200),
        ("127.0.0.1", 200),
        ("192.168.7.7:80", 200),
        ("[::1]:2480", 200),
        ("[2001:db8::1]", 200),
        ("localhost:1", 200),
        ("LocalHost", 200),
        ("labels.example", 200),
        ("LABELS.example:8080", 200),
        ("evil.example", 403),
        ("labels.example.evil.example", 403),
        ("xlabels.example", 403),
        ("localhost.", 403),
        ("localhost.evil.example", 403),
        ("127.0.0.1.evil.example:2480", 403),
        ("127.0.0.1:2480@evil.example", 403),
        ("127.0.0.1:", 403),
        ("127.0.0.1:x", 403),
        ("127.0.0.1:99999", 403),
        ("[::1", 403),
        ("[evil.example]", 403),
        ("::1", 403),
        ("", 403),
    ] {
        assert_eq!(
            status(&guard(None), ("GET", "/labelers"), &[("host", host)]),
            expected,
            "{host:?}"
        );
    }
}

#[test]
fn every_name_a_request_gives_counts() {
    let guard = guard(None);
    let get = ("GET", "/labelers");
    assert_eq!(status(&guard, get, &[("host", HERE), ("host", "evil.example")]), 403);
    assert_eq!(status(&guard, ("GET", "http://evil.example/"), &[("host", HERE)]), 403);
    assert_eq!(status(&guard, ("GET", "http://localhost/"), &[("host", "localhost")]), 200);
    assert_eq!(status(&guard, get, &[]), 200, "HTTP/1.0 has no Host");
}

#[test]
fn an_origin_must_be_the_place_the_request_went_to() {
    for (origin, host, expected) in [
        ("http://127.0.0.1:2480", HERE, 200),
        ("http://localhost:2480", "localhost:2480", 200),
        ("http://[::1]:2480", "[0:0::1]:2480", 200),
        ("https://labels.example", "labels.example", 200),
        ("https://labels.example", "labels.example:443", 200),
        ("http://labels.example:80", "Labels.example", 200),
        ("http://localhost:2480", HERE, 403),
        ("http://127.0.0.1:3000", HERE, 403),
        ("http://127.0.0.1", HERE, 403),
        ("https://labels.example", "labels.example:80", 403),
        ("https://labels.example", HERE, 403),
        ("https://evil.example", HERE, 403),
        ("http://evil.example:2480", "evil.example:2480", 403),
        ("null", HERE, 403),
        ("", HERE, 403),
        ("file://", HERE, 403),
        ("chrome-extension://127.0.0.1:2480", HERE, 403),
        ("http://127.0.0.1:2480/", HERE, 403),
        ("127.0.0.1:2480", HERE, 403),
    ] {
        for call in
            [("GET", "/channel"), ("POST", "/labelers/add"), ("OPTIONS", "/"), ("GET", "/health")]
        {
            let sent = [("host", host), ("origin", origin)];
            assert_eq!(status(&guard(None), call, &sent), expected, "{origin:?} to {host:?}");
        }
    }
    let twice =
        [("host", HERE), ("origin", "http://127.0.0.1:2480"), ("origin", "http://evil.example")];
    assert_eq!(status(&guard(None), ("GET", "/"), &twice), 403);
    assert_eq!(status(&guard(None), ("GET", "/"), &[("origin", "http://127.0.0.1:2480")]), 403);
}

#[test]
fn a_browser_that_says_elsewhere_without_an_origin_is_believed() {
    for (site, mode, dest, expected) in [
        ("cross-site", "no-cors", "image", 403),
        ("same-site", "no-cors", "script", 403),
        ("cross-site", "navigate", "iframe", 403),
        ("cross-site", "navigate", "document", 200),
        ("same-origin", "cors", "empty", 200),
        ("none", "navigate", "document", 200),
    ] {
        let sent = [
            ("host", HERE),
            ("sec-fetch-site", site),
            ("sec-fetch-mode", mode),
            ("sec-fetch-dest", dest),
        ];
        assert_eq!(status(&guard(None), ("GET", "/labelers"), &sent), expected, "{site} {dest}");
    }
    // Node's fetch sends this one, and is a program.
    let node = [("host", HERE), ("sec-fetch-mode", "cors")];
    assert_eq!(status(&guard(None), ("GET", "/labelers"), &node), 200);
}

#[test]
fn with_a_password_only_a_look_at_health_is_free() {
    let guard = guard(Some("secret"));
    let right = ("authorization", "Basic YWRtaW46c2VjcmV0");
    let wrong = ("authorization", "Basic YWRtaW46c2VjcmV1");
    for (method, path, free) in [
        ("GET", "/health", true),
        ("HEAD", "/health", true),
        ("GET", "/health?x=1", true),
        ("POST", "/health", false),
        ("GET", "/health/", false),
        ("GET", "/labelers", false),
        ("GET", "/channel", false),
        ("GET", "/metrics", false),
        ("GET", "/nothing", false),
        ("POST", "/labelers/add", false),
    ] {
        let expected = if free { 200 } else { 401 };
        let call = (method, path);
        assert_eq!(status(&guard, call, &[("host", HERE)]), expected, "{call:?}");
        assert_eq!(status(&guard, call, &[("host", HERE), wrong]), expected, "{call:?}");
        assert_eq!(status(&guard, call, &[("host", HERE), right]), 200, "{call:?}");
        assert_eq!(status(&guard, call, &[("host", "evil.example"), right]), 403, "{call:?}");
    }
}
