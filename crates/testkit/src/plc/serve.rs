//! The routes of the directory: documents, the log of one DID, the log of all.

use super::{Answer, Directory, Trouble};
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use axum::routing::get;
use jiff::Timestamp;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The most lines that `/export` answers with, and as many as it does unless asked for less.
const MOST: usize = 1000;

/// How often a hanging request looks whether the directory was mended.
const GLANCE: Duration = Duration::from_millis(10);

/// One request for `/export`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportAsked {
    /// The parameter `after`, decoded.
    pub after: Option<String>,
    /// The parameter `count`.
    pub count: Option<String>,
}

type Shared = Arc<Mutex<Directory>>;

pub(super) fn router(directory: Shared) -> Router {
    Router::new()
        .route("/{did}", get(document))
        .route("/{did}/log/audit", get(audit))
        .route("/export", get(export))
        .with_state(directory)
}

fn lock(directory: &Shared) -> MutexGuard<'_, Directory> {
    directory.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn document(State(directory): State<Shared>, Path(did): Path<String>) -> Response {
    *lock(&directory).requests.entry(did.clone()).or_default() += 1;
    if let Some(answer) = ailing(&directory, trouble).await {
        return answer;
    }
    let answer = lock(&directory).answers.get(&did).cloned();
    answer.unwrap_or_else(|| unknown(&did)).response()
}

async fn audit(State(directory): State<Shared>, Path(did): Path<String>) -> Response {
    *lock(&directory).audits.entry(did.clone()).or_default() += 1;
    if let Some(answer) = ailing(&directory, trouble).await {
        return answer;
    }
    let directory = lock(&directory);
    let operations = directory.log.of(&did);
    if operations.is_empty() {
        return unknown(&did).response();
    }
    Answer::new(200, serde_json::to_string(&operations).unwrap_or_default()).response()
}

/// JSON lines in the format of old, which a time (or nothing) as `after` asks for. What
/// came at that very time is left out.
async fn export(
    State(directory): State<Shared>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let asked = |name: &str| query.get(name).cloned();
    let asked = ExportAsked { after: asked("after"), count: asked("count") };
    lock(&directory).exports.push(asked.clone());
    if let Some(answer) = ailing(&directory, export_trouble).await {
        return answer;
    }
    let after = asked.after.as_deref().map(str::parse::<Timestamp>).transpose();
    let count = asked.count.as_deref().map_or(Ok(MOST), str::parse);
    let (Ok(after), Ok(count @ 1..)) = (after, count) else {
        let message = r#"{"message":"Invalid parameter"}"#;
        return Answer::new(400, message).response();
    };
    let directory = lock(&directory);
    let later = directory.log.sorted().filter(|made| after.is_none_or(|after| made.at > after));
    let lines = later.take(count.min(MOST)).filter_map(|made| serde_json::to_string(made).ok());
    let body = lines.collect::<Vec<_>>().join("\n");
    Answer::new(200, body).header("content-type", "application/jsonlines").response()
}

fn unknown(did: &str) -> Answer {
    Answer::new(404, format!(r#"{{"message":"DID not registered: {did}"}}"#))
}

fn trouble(directory: &Directory) -> &Trouble {
    &directory.trouble
}

fn export_trouble(directory: &Directory) -> &Trouble {
    match &directory.trouble {
        Trouble::None => &directory.export_trouble,
        of_all => of_all,
    }
}

/// Waits as long as the test wants. What is to be answered instead of the truth, if so.
async fn ailing(directory: &Shared, trouble: fn(&Directory) -> &Trouble) -> Option<Response> {
    let delay = lock(directory).delay;
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    loop {
        match trouble(&lock(directory)) {
            Trouble::None => return None,
            Trouble::Says(answer) => return Some(answer.response()),
            Trouble::Hangs => {}
        }
        tokio::time::sleep(GLANCE).await;
    }
}
