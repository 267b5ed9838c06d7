//! Making, changing, listing and removing consumers, and their dead letters.

use crate::house::{ANN, House, NOW, OK};
use axum::body::Body;
use axum::http::Request;
use label::EventId;
use serde_json::{Value, json};
use store::DeadRow;

/// A house whose log has so many events, none of them a label that holds.
async fn house(events: i64) -> House {
    let house = House::with_consumers().await;
    house.add(&[ANN]).await;
    house.reject(ANN, events).await;
    house
}

fn plain(name: &str, position: i64) -> Value {
    json!({ "name": name, "position": position, "lag": 0, "in_flight": 0, "connections": 0 })
}

impl House {
    async fn put_ok(&self, name: &str, body: &Value) -> Value {
        let answer = self.put(&format!("/consumers/{name}"), &body.to_string()).await;
        assert_eq!(answer.status, OK, "{answer:?}");
        answer.json()
    }

    async fn put_refused(&self, name: &str, body: &str) -> String {
        let answer = self.put(&format!("/consumers/{name}"), body).await;
        answer.refusal(400, "InvalidRequest")
    }

    async fn names(&self) -> Vec<String> {
        let json = self.get("/consumers").await.json();
        let listed = json["consumers"].as_array().unwrap();
        listed.iter().map(|consumer| consumer["name"].as_str().unwrap().to_owned()).collect()
    }

    async fn set_aside(&self, name: &str, ids: &[i64]) {
        let row = |id: &i64| DeadRow {
            id: EventId::new(*id).unwrap(),
            deliveries: 3,
            last_error: (id % 2 == 0).then(|| "answered 500".to_owned()),
        };
        let rows = ids.iter().map(row).collect();
        self.store.set_aside(name.to_owned(), rows, NOW).await.unwrap();
    }

    /// The dead letters of one page, and its cursor.
    async fn dead(&self, name: &str, query: &str) -> (Vec<i64>, Option<String>) {
        let json = self.get(&format!("/consumers/{name}/dead{query}")).await.json();
        let listed = json["dead"].as_array().unwrap();
        let ids = listed.iter().map(|dead| dead["id"].as_i64().unwrap()).collect();
        (ids, json.get("cursor").map(|cursor| cursor.as_str().unwrap().to_owned()))
    }
}

#[tokio::test]
async fn the_default_consumer_is_always_there() {
    let house = house(0).await;
    assert_eq!(house.get("/consumers/default").await.json(), plain("default", 0));
    let listed = json!({ "consumers": [plain("default", 0)] });
    assert_eq!(house.get("/consumers").await.json(), listed);
    let message = house.delete("/consumers/default").await.refusal(400, "InvalidRequest");
    assert!(message.contains("default"), "{message}");
    assert_eq!(house.get("/consumers").await.json(), listed);
}

#[tokio::test]
async fn a_consumer_is_made_shown_changed_and_removed() {
    let house = house(3).await;
    house.get("/consumers/mod").await.refusal(404, "NotFound");
    assert_eq!(house.put_ok("mod", &json!({})).await, plain("mod", 0));
    assert_eq!(house.get("/consumers/mod").await.json(), plain("mod", 0));

    // Each field by itself, and what is not named stays.
    let filter = json!({ "val": ["!*", "spam"], "subject": ["account"] });
    let shown = house.put_ok("mod", &json!({ "filter": filter })).await;
    assert_eq!((&shown["filter"], &shown["position"]), (&filter, &json!(0)));
    let url = "http://127.0.0.1:1/hook";
    let shown = house.put_ok("mod", &json!({ "webhook": url })).await;
    assert_eq!((&shown["filter"], &shown["webhook"]), (&filter, &json!(url)));
    let shown = house.put_ok("mod", &json!({ "start": 2 })).await;
    assert_eq!((&shown["filter"], &shown["webhook"]), (&filter, &json!(url)));
    assert!(shown["position"].as_i64() >= Some(2), "{shown}");
    let shown = house.put_ok("mod", &json!({ "webhook": null })).await;
    assert_eq!((&shown["filter"], shown.get("webhook")), (&filter, None));
    let shown = house.put_ok("mod", &json!({ "filter": null })).await;
    assert_eq!(shown.get("filter"), None, "{shown}");
    assert_eq!(house.get("/consumers/mod").await.json(), shown);

    let answer = house.delete("/consumers/mod").await;
    assert_eq!((answer.status, answer.text.as_str()), (OK, ""));
    house.get("/consumers/mod").await.refusal(404, "NotFound");
    house.delete("/consumers/mod").await.refusal(404, "NotFound");
    assert_eq!(house.names().await, ["default"]);
    assert_eq!(house.put_ok("mod", &json!({})).await, plain("mod", 0), "a new one");
}

#[tokio::test]
async fn a_consumer_begins_where_it_is_told() {
    let house = house(5).await;
    for (start, position) in
        [(json!("now"), 5), (json!("beginning"), 0), (json!(3), 3), (json!(5), 5), (json!(0), 0)]
    {
        let body = json!({ "start": start });
        assert_eq!(house.put_ok("known", &body).await, plain("known", position));
        let new = format!("new-{position}");
        assert_eq!(house.put_ok(&new, &body).await, plain(&new, position));
    }
    house.put_ok("known", &json!({ "start": 3 })).await;
    for body in [json!({}), json!({ "start": null }), json!({ "filter": { "val": ["x"] } })] {
        assert_eq!(house.put_ok("known", &body).await["position"], 3, "{body}");
    }
}

#[tokio::test]
async fn a_start_that_cannot_be_is_refused_and_changes_nothing() {
    let house = house(5).await;
    house.put_ok("known", &json!({ "start": 2 })).await;
    for start in ["6", "9007199254740991", "-1", "1.5", "\"2\"", "\"end\"", "\"\"", "true", "[]"] {
        let body = format!(r#"{{"start":{start},"filter":{{"val":["x"]}}}}"#);
        for name in ["known", "new"] {
            let message = house.put_refused(name, &body).await;
            assert!(message.contains("start"), "{message}");
        }
        assert_eq!(house.get("/consumers/known").await.json(), plain("known", 2), "{start}");
        house.get("/consumers/new").await.refusal(404, "NotFound");
    }
}

#[tokio::test]
async fn a_filter_that_does_not_fit_is_refused_by_the_name_of_its_field() {
    let house = house(0).await;
    for (filter, part) in [
        (json!("val=spam"), "filter"),
        (json!([]), "filter"),
        (json!(true), "filter"),
        (json!({ "vals": ["spam"] }), "vals"),
        (json!({ "val": "spam" }), "val"),
        (json!({ "val": [] }), "val"),
        (json!({ "val": [""] }), "val"),
        (json!({ "val": [1] }), "val"),
        (json!({ "val": null }), "val"),
        (json!({ "val": ["a*b"] }), "val"),
        (json!({ "uri": ["at://*/x"] }), "uri"),
        (json!({ "src": ["did:plc:short"] }), "src"),
        (json!({ "src": ["*"] }), "src"),
        (json!({ "src": ["labeler.example.com"] }), "src"),
        (json!({ "subject": ["post"] }), "subject"),
        (json!({ "subject": ["Account"] }), "subject"),
        (json!({ "verdict": ["good"] }), "verdict"),
    ] {
        let message = house.put_refused("new", &json!({ "filter": filter }).to_string()).await;
        assert!(message.contains("filter") && message.contains(part), "{filter}: {message}");
        house.get("/consumers/new").await.refusal(404, "NotFound");
    }
    let whole = json!({
        "src": [ANN], "val": ["!*", "spam"], "uri": ["at://did:plc:*"],
        "subject": ["account", "record", "other"], "verdict": ["bad-signature", "verified"],
    });
    assert_eq!(house.put_ok("new", &json!({ "filter": whole })).await["filter"], whole);
    let everything = house.put_ok("new", &json!({ "filter": {} })).await;
    assert_eq!(everything["filter"], json!({}), "a filter without fields takes everything");
}

#[tokio::test]
async fn a_webhook_is_a_url_whose_password_is_not_shown() {
    let house = house(0).await;
    for webhook in [
        json!("nonsense"),
        json!(""),
        json!("ftp://example.com/"),
        json!("http://"),
        json!("/hook"),
        json!(5),
        json!(false),
        json!([]),
        json!({}),
    ] {
        let body = json!({ "webhook": webhook }).to_string();
        let message = house.put_refused("new", &body).await;
        assert!(message.contains("webhook"), "{message}");
        house.get("/consumers/new").await.refusal(404, "NotFound");
    }
    let body = json!({ "webhook": "http://user:hush@127.0.0.1:1/hook?x=1" });
    let shown = house.put_ok("new", &body).await;
    assert_eq!(shown["webhook"], "http://127.0.0.1:1/hook?x=1");
    assert!(!house.get("/consumers").await.text.contains("hush"));
}

#[tokio::test]
async fn a_body_that_does_not_fit_is_refused_with_a_sentence() {
    let house = house(0).await;
    for (body, part) in [
        ("", "missing"),
        ("[]", "object"),
        ("null", "object"),
        ("{", "JSON"),
        ("{}{}", "JSON"),
        (r#"{"filters":{}}"#, "filters"),
        (r#"{"name":"x"}"#, "name"),
        (r#"{"start":"now","Webhook":null}"#, "Webhook"),
    ] {
        let message = house.put_refused("new", body).await;
        assert!(message.contains(part), "{body}: {message}");
    }
    let padded = format!(r#"{{"filter":{{"val":["{}"]}}}}"#, "x".repeat(1024 * 1024));
    house.put("/consumers/new", &padded).await.refusal(413, "PayloadTooLarge");
    for kind in ["text/plain", ""] {
        for (method, path) in [("PUT", "/consumers/new"), ("POST", "/consumers/new/dead/retry")] {
            let request = Request::builder().method(method).uri(path).header("content-type", kind);
            let answer = house.ask(request.body(Body::from("{}")).unwrap()).await;
            answer.refusal(415, "UnsupportedMediaType");
        }
    }
    assert_eq!(house.names().await, ["default"]);
}

#[tokio::test]
async fn names_may_be_anything_that_can_be_written_in_a_line() {
    let house = house(0).await;
    let long = "x".repeat(128);
    for (path, name) in [
        ("a%2Fb", "a/b"),
        ("a%20b", "a b"),
        ("M%C3%BCll", "M\u{fc}ll"),
        ("%25", "%"),
        ("a%3Fb%23c", "a?b#c"),
        ("a+b", "a+b"),
        ("dead", "dead"),
        (&long, &long),
    ] {
        assert_eq!(house.put_ok(path, &json!({})).await["name"], name);
        assert_eq!(house.get(&format!("/consumers/{path}")).await.json()["name"], name);
        house.dead(path, "").await;
        assert!(house.names().await.contains(&name.to_owned()));
        assert_eq!(house.delete(&format!("/consumers/{path}")).await.status, OK);
        assert_eq!(house.names().await, ["default"]);
    }
    let longer = "x".repeat(129);
    // 64 letters of two bytes, and one more byte.
    let wide = "%C3%BC".repeat(64) + "x";
    for path in ["a%0Ab", "%00", "%7F", "%C2%85", &longer, &wide] {
        house.put_refused(path, "{}").await;
        house.get(&format!("/consumers/{path}")).await.refusal(404, "NotFound");
        house.delete(&format!("/consumers/{path}")).await.refusal(404, "NotFound");
    }
    for path in ["%ff", "a%C3"] {
        house.put_refused(path, "{}").await;
        house.get(&format!("/consumers/{path}")).await.refusal(400, "InvalidRequest");
    }
    for path in ["/consumers/", "/consumers/a/b", "/consumers/a/dead/"] {
        house.put(path, "{}").await.refusal(404, "NotFound");
    }
    assert_eq!(house.names().await, ["default"]);
}

#[tokio::test]
async fn pages_hold_every_consumer_once_and_end() {
    let house = house(0).await;
    let mut all = vec!["default".to_owned()];
    for name in ["a", "b%2Fc", "z", "%C3%BC", "B", "e"] {
        all.push(house.put_ok(name, &json!({})).await["name"].as_str().unwrap().to_owned());
    }
    all.sort_unstable();
    for (limit, pages) in [(7, 1), (3, 3), (1, 7), (1000, 1)] {
        let (mut found, mut cursor) = (Vec::new(), String::new());
        for page in 1..=pages {
            let path = format!("/consumers?limit={limit}{cursor}");
            let json = house.get(&path).await.json();
            let listed = json["consumers"].as_array().unwrap();
            assert!(listed.len() <= limit);
            found.extend(listed.iter().map(|one| one["name"].as_str().unwrap().to_owned()));
            assert_eq!(json.get("cursor").is_some(), page < pages, "{path}");
            cursor = format!("&cursor={}", json["cursor"].as_str().unwrap_or_default());
        }
        assert_eq!(found, all);
    }
    // A cursor stays right when the consumer it ends with is gone.
    let first = house.get("/consumers?limit=2").await.json();
    house.delete("/consumers/a").await;
    let cursor = first["cursor"].as_str().unwrap();
    let rest = house.get(&format!("/consumers?cursor={cursor}")).await.json();
    assert_eq!(rest["consumers"].as_array().unwrap().len(), 5);
}

#[tokio::test]
async fn questions_that_do_not_fit_are_refused() {
    let house = house(3).await;
    house.set_aside("default", &[1, 2]).await;
    let dead = house.dead("default", "?limit=1").await.1.unwrap();
    house.put_ok("other", &json!({})).await;
    let listed = house.get("/consumers?limit=1").await.json();
    let listed = listed["cursor"].as_str().unwrap();
    for query in
        ["limit=0", "limit=1001", "limit=-1", "limit=", "limit=1&limit=2", "cursor=", "cursor=x"]
    {
        for path in ["/consumers", "/consumers/default/dead"] {
            house.get(&format!("{path}?{query}")).await.refusal(400, "InvalidRequest");
        }
    }
    for path in
        [format!("/consumers?cursor={dead}"), format!("/consumers/default/dead?cursor={listed}")]
    {
        let message = house.get(&path).await.refusal(400, "InvalidRequest");
        assert!(message.contains("cursor"), "{message}");
    }
}

#[tokio::test]
async fn dead_letters_are_listed_in_pages_and_sent_again() {
    let house = house(9).await;
    assert_eq!(house.dead("default", "").await, (vec![], None));
    house.set_aside("default", &[2, 3, 5, 8]).await;
    let shown = house.get("/consumers/default/dead?limit=2").await.json();
    let expected = json!([
        { "id": 2, "deliveries": 3, "last_error": "answered 500" },
        { "id": 3, "deliveries": 3 },
    ]);
    assert_eq!(shown["dead"], expected);
    let cursor = shown["cursor"].as_str().unwrap();
    let (rest, end) = house.dead("default", &format!("?limit=2&cursor={cursor}")).await;
    assert_eq!((rest, end), (vec![5, 8], None));

    let retry = async |ids: Value| {
        let body = json!({ "ids": ids }).to_string();
        let answer = house.post("/consumers/default/dead/retry", &body).await;
        assert_eq!(answer.status, OK, "{answer:?}");
        answer.json()
    };
    assert_eq!(retry(json!([])).await, json!({ "retried": [] }));
    assert_eq!(retry(json!([1, 4, 9_007_199_254_740_991_i64])).await, json!({ "retried": [] }));
    assert_eq!(retry(json!([8, 3, 3, 4])).await, json!({ "retried": [3, 8] }));
    assert_eq!(house.dead("default", "").await.0, [2, 5]);
    assert_eq!(retry(json!([8, 3])).await, json!({ "retried": [] }));
}

#[tokio::test]
async fn a_retry_that_does_not_fit_is_refused_and_changes_nothing() {
    let house = house(3).await;
    house.set_aside("default", &[1, 2]).await;
    for body in [
        "",
        "{}",
        "[1]",
        r#"{"ids":null}"#,
        r#"{"ids":1}"#,
        r#"{"ids":["1"]}"#,
        r#"{"ids":[1,-2]}"#,
        r#"{"ids":[1,1.5]}"#,
        r#"{"ids":[1,99999999999999999999]}"#,
        r#"{"ids":[1,9007199254740992]}"#,
    ] {
        let answer = house.post("/consumers/default/dead/retry", body).await;
        answer.refusal(400, "InvalidRequest");
    }
    assert_eq!(house.dead("default", "").await.0, [1, 2]);
}

#[tokio::test]
async fn nothing_is_known_of_a_consumer_that_is_not_there() {
    let house = house(1).await;
    for path in ["/consumers/nobody", "/consumers/nobody/dead"] {
        let message = house.get(path).await.refusal(404, "NotFound");
        assert!(message.contains("nobody"), "{message}");
    }
    let retry = house.post("/consumers/nobody/dead/retry", r#"{"ids":[1]}"#).await;
    retry.refusal(404, "NotFound");
    house.delete("/consumers/nobody").await.refusal(404, "NotFound");
    assert_eq!(house.names().await, ["default"], "asking makes none");
}

#[tokio::test]
async fn other_methods_are_told_which_there_are() {
    let house = house(0).await;
    for (method, path, allow) in [
        ("POST", "/consumers", "GET,HEAD"),
        ("OPTIONS", "/consumers", "GET,HEAD"),
        ("POST", "/consumers/default", "GET,HEAD,PUT,DELETE"),
        ("OPTIONS", "/consumers/default", "GET,HEAD,PUT,DELETE"),
        ("DELETE", "/consumers/default/dead", "GET,HEAD"),
        ("GET", "/consumers/default/dead/retry", "POST"),
    ] {
        let request = Request::builder().method(method).uri(path);
        let answer = house.ask(request.body(Body::empty()).unwrap()).await;
        answer.refusal(405, "MethodNotAllowed");
        let mut told: Vec<_> = answer.headers["allow"].to_str().unwrap().split(',').collect();
        let mut expected: Vec<_> = allow.split(',').collect();
        told.sort_unstable();
        expected.sort_unstable();
        assert_eq!(told, expected, "{method} {path}");
    }
}
