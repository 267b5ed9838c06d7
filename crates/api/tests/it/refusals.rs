//! What is refused before a handler is asked, and that every refusal has the one shape.

use crate::house::{ANN, Answer, House, OK, Wishes};
use axum::body::Body;
use axum::http::Request;

/// Every route, with something in the place of its parameters.
fn routes() -> impl Iterator<Item = (&'static str, String)> {
    let filled = |path: &str| {
        let path = path.replace("{did}", ANN).replace("{name}", "default");
        path.replace("{*subject}", ANN).replace("{method}", "com.example.other")
    };
    api::served().into_iter().map(move |(method, path)| (method, filled(path)))
}

fn and(method: &'static str, path: &str) -> [(&'static str, String); 2] {
    [("GET", "/nothing".to_owned()), (method, path.to_owned())]
}

async fn call(house: &House, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    house.ask(request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn with_a_password_every_route_but_health_wants_it() {
    let house = House::with(Wishes { password: Some("secret"), ..Wishes::default() });
    for (method, path) in routes().chain(and("PATCH", "/labelers")) {
        let without = call(&house, method, &path, &[]).await;
        if path == "/health" {
            assert_eq!(without.status, OK);
            continue;
        }
        without.refusal(401, "AuthRequired");
        let wanted = without.headers["www-authenticate"].to_str().unwrap();
        assert_eq!(wanted, r#"Basic realm="admin", charset="UTF-8""#);
        let right = [("authorization", "Basic YWRtaW46c2VjcmV0")];
        assert_ne!(call(&house, method, &path, &right).await.status, 401, "{path}");
    }
    assert_eq!(call(&house, "HEAD", "/health", &[]).await.status, OK);
}

#[tokio::test]
async fn no_route_is_open_to_foreign_pages_or_names() {
    let house = House::plain();
    for (method, path) in routes().chain(and("OPTIONS", "/labelers")) {
        for foreign in [
            vec![("host", "127.0.0.1:2480"), ("origin", "https://evil.example")],
            vec![("host", "127.0.0.1:2480"), ("origin", "null")],
            vec![("host", "evil.example:2480")],
        ] {
            call(&house, method, &path, &foreign).await.refusal(403, "Forbidden");
        }
        for own in [
            vec![("host", "127.0.0.1:2480"), ("origin", "http://127.0.0.1:2480")],
            vec![("host", "labels.example"), ("origin", "https://labels.example")],
        ] {
            assert_ne!(call(&house, method, &path, &own).await.status, 403, "{path}");
        }
    }
}

#[tokio::test]
async fn what_axum_refuses_has_our_shape() {
    let house = House::plain();
    call(&house, "GET", "/nothing", &[]).await.refusal(404, "NotFound");
    call(&house, "POST", "/", &[]).await.refusal(405, "MethodNotAllowed");
    call(&house, "GET", "/labelers/", &[]).await.refusal(404, "NotFound");
    call(&house, "GET", "/subject/x", &[]).await.refusal(404, "NotFound");
    call(&house, "POST", "/stats/nothing", &[]).await.refusal(404, "NotFound");
    let answer = call(&house, "POST", "/health", &[]).await;
    answer.refusal(405, "MethodNotAllowed");
    assert_eq!(answer.headers["allow"], "GET,HEAD");
    call(&house, "GET", "/labelers/add", &[]).await.refusal(405, "MethodNotAllowed");
    call(&house, "DELETE", "/channel", &[]).await.refusal(405, "MethodNotAllowed");
    // Not an upgrade: which status it is is not ours to say.
    let answer = call(&house, "GET", "/channel", &[]).await;
    assert!((400..500).contains(&answer.status), "{answer:?}");
    assert!(answer.json()["message"].is_string());
}

#[tokio::test]
async fn head_works_where_get_does() {
    let house = House::with_consumers().await;
    let upgrades = [deliver::CHANNEL, stream::METHOD];
    for (_, path) in
        routes().filter(|(method, path)| *method == "GET" && !upgrades.contains(&path.as_str()))
    {
        let get = call(&house, "GET", &path, &[]).await;
        let head = call(&house, "HEAD", &path, &[]).await;
        assert_eq!(head.status, get.status, "{path}");
        assert_eq!(head.headers.get("content-type"), get.headers.get("content-type"), "{path}");
    }
}

#[tokio::test]
async fn bodies_must_be_json_and_say_so() {
    let house = House::plain();
    let body = format!(r#"{{"dids":["{ANN}"]}}"#);
    for (kind, expected) in [
        (Some("application/json"), OK),
        (Some("application/json; charset=utf-8"), OK),
        (Some("Application/JSON;charset=\"UTF-8\""), OK),
        (Some("text/plain"), 415),
        (Some("text/plain; application/json"), 415),
        (Some("application/x-www-form-urlencoded"), 415),
        (Some("application/jsonp"), 415),
        (Some("application/ld+json"), 415),
        (Some(""), 415),
        (None, 415),
    ] {
        let mut request = Request::post("/labelers/remove");
        if let Some(kind) = kind {
            request = request.header("content-type", kind);
        }
        let answer = house.ask(request.body(Body::from(body.clone())).unwrap()).await;
        assert_eq!(answer.status, expected, "{kind:?}");
        if expected == 415 {
            answer.refusal(415, "UnsupportedMediaType");
        }
    }
}

#[tokio::test]
async fn bodies_over_one_mebibyte_are_refused_however_they_come() {
    let house = House::plain();
    let padded = |length: usize| {
        let body = r#"{"dids":[],"x":""#.to_owned();
        let fill = length - body.len() - 2;
        body + &"x".repeat(fill) + "\"}"
    };
    let most = 1024 * 1024;
    assert_eq!(house.post("/labelers/add", &padded(most)).await.status, OK);
    house.post("/labelers/add", &padded(most + 1)).await.refusal(413, "PayloadTooLarge");

    let request = || Request::post("/labelers/add").header("content-type", "application/json");
    let told = request().header("content-length", most + 1).body(Body::from("{")).unwrap();
    house.ask(told).await.refusal(413, "PayloadTooLarge");

    // Without end, and without a told length.
    let endless = futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>(vec![b' '; 65536]));
    let endless = request().body(Body::from_stream(endless)).unwrap();
    house.ask(endless).await.refusal(413, "PayloadTooLarge");
}
