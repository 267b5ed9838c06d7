//! What a labeler sent that does not hold.

use crate::house::{ANN, BOB, House};
use serde_json::json;

#[tokio::test]
async fn rejected_labels_come_newest_first_in_pages() {
    let house = House::plain();
    house.add(&[ANN, BOB]).await;
    house.reject(ANN, 5).await;
    house.reject(BOB, 2).await;

    let first = house.get(&format!("/labelers/{ANN}/rejected?limit=2")).await.json();
    assert_eq!(
        first["rejected"][0],
        json!({
            "seq": 5, "verdict": "unsigned", "reason": "no signature in frame 5",
            "received_at": "2024-10-07T12:00:00.050Z", "label": { "n": 5 },
        })
    );
    let mut seqs = Vec::new();
    let mut page = first;
    loop {
        seqs.extend(page["rejected"].as_array().unwrap().iter().map(|r| r["seq"].clone()));
        let Some(cursor) = page["cursor"].as_str() else { break };
        let path = format!("/labelers/{ANN}/rejected?limit=2&cursor={cursor}");
        page = house.get(&path).await.json();
    }
    assert_eq!(seqs, [5, 4, 3, 2, 1]);
    assert!(page.get("cursor").is_none());

    let whole = house.get(&format!("/labelers/{BOB}/rejected?limit=2")).await.json();
    assert_eq!(whole["rejected"].as_array().unwrap().len(), 2);
    assert!(whole.get("cursor").is_none());
}

#[tokio::test]
async fn only_tracked_labelers_and_right_questions_are_answered() {
    let house = House::plain();
    house.get(&format!("/labelers/{ANN}/rejected")).await.refusal(404, "NotFound");
    house.add(&[ANN]).await;
    let empty = house.get(&format!("/labelers/{ANN}/rejected")).await.json();
    assert_eq!(empty, json!({ "rejected": [] }));
    for query in ["limit=0", "limit=1001", "cursor=x", "cursor=", "cursor=bGFiZWxlcnMgMQ"] {
        let path = format!("/labelers/{ANN}/rejected?{query}");
        house.get(&path).await.refusal(400, "InvalidRequest");
    }
}
