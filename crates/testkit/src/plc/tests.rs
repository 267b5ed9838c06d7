use super::*;
use crate::{SigningKey, plc_did};
use serde_json::json;

async fn get(plc: &Plc, path: &str) -> (u16, String) {
    let answer = reqwest::get(format!("{}{path}", plc.url())).await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

async fn export(plc: &Plc, query: &str) -> Vec<Value> {
    let (status, body) = get(plc, &format!("/export{query}")).await;
    assert_eq!(status, 200, "{body}");
    body.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn every_document_becomes_an_operation() {
    let plc = Plc::start().await;
    let (did, first, second) = (plc_did("ann"), SigningKey::k256(1), SigningKey::p256(2));
    plc.set_time(Some(1_700_000_000_123));
    plc.set(&did, &Document::labeler(&did, &first, "https://a.example").handle("a.example").json());
    plc.set_at(
        &did,
        &Document::account(&did, &second, "https://pds.example").json(),
        1_700_000_060_000,
    );

    let (status, body) = get(&plc, &format!("/{did}/log/audit")).await;
    let log: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, log.as_array().unwrap().len()), (200, 2));
    let operation = &log[0]["operation"];
    assert_eq!(log[0]["did"], did);
    assert_eq!(log[0]["createdAt"], "2023-11-14T22:13:20.123Z");
    assert_eq!(operation["type"], "plc_operation");
    assert_eq!(operation["verificationMethods"], json!({"atproto_label": first.did_key()}));
    let service = json!({"type": "AtprotoLabeler", "endpoint": "https://a.example"});
    assert_eq!(operation["services"], json!({"atproto_labeler": service}));
    assert_eq!(operation["alsoKnownAs"], json!(["at://a.example"]));
    assert_eq!(operation["prev"], Value::Null);
    assert_eq!(log[1]["operation"]["prev"], log[0]["cid"]);
    assert_eq!(log[1]["createdAt"], "2023-11-14T22:14:20.000Z");
    assert_eq!(log[1]["operation"]["verificationMethods"]["atproto"], second.did_key());
    assert_eq!((plc.audits(&did), plc.requests(&did)), (1, 0));
    assert_eq!(get(&plc, "/did:plc:nobody/log/audit").await.0, 404);
}

#[tokio::test]
async fn the_export_pages_by_time() {
    let plc = Plc::start().await;
    for (number, ms) in [(1, 3_000), (2, 1_000), (3, 2_000), (4, 2_000)] {
        let did = plc_did(&number.to_string());
        plc.set_at(&did, &Document::new(&did).json(), ms);
    }
    let times = |lines: &[Value]| -> Vec<String> {
        lines.iter().map(|line| line["createdAt"].as_str().unwrap()[17..23].to_owned()).collect()
    };
    let all = export(&plc, "").await;
    assert_eq!(times(&all), ["01.000", "02.000", "02.000", "03.000"]);
    assert_eq!(all[0]["nullified"], false);
    let page = export(&plc, "?count=2&after=1970-01-01T00:00:01.000Z").await;
    assert_eq!(times(&page), ["02.000", "02.000"]);
    let last = export(&plc, "?after=1970-01-01T00%3A00%3A02.000Z").await;
    assert_eq!(times(&last), ["03.000"]);
    assert!(export(&plc, "?after=1970-01-01T00:00:03.000Z").await.is_empty());
    for bad in ["?count=0", "?count=x", "?after=yesterday"] {
        assert_eq!(get(&plc, &format!("/export{bad}")).await.0, 400, "{bad}");
    }
    assert_eq!(plc.exports()[1].count.as_deref(), Some("2"));
}

#[tokio::test]
async fn tombstones_and_recoveries_are_in_the_log() {
    let plc = Plc::start().await;
    let did = plc_did("ann");
    plc.set(&did, &Document::new(&did).json());
    plc.tombstone(&did);
    plc.nullify(&did);
    let log = plc.operations();
    assert_eq!(log[1].operation["type"], "plc_tombstone");
    assert_eq!((log[0].nullified, log[1].nullified), (false, true));
    plc.set(&did, &Document::new(&did).json());
    assert_eq!(plc.operations()[2].operation["prev"], log[0].cid);
}

#[tokio::test]
async fn the_export_can_fail_alone() {
    let plc = Plc::start().await;
    let did = plc_did("ann");
    plc.set(&did, &Document::new(&did).json());
    plc.export_trouble(Trouble::Says(Answer::new(500, "")));
    assert_eq!(get(&plc, "/export").await.0, 500);
    assert_eq!(get(&plc, &format!("/{did}")).await.0, 200);
    plc.outage(true);
    assert_eq!(get(&plc, "/export").await.0, 503);
}
