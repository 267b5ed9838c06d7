//! `GET …/com.atproto.label.subscribeLabels`: checks what is asked for, upgrades, and lets the
//! reader read.

use crate::Stream;
use crate::asked::Asked;
use crate::reader::Reader;
use axum::Json;
use axum::extract::ws::{WebSocketUpgrade, rejection::WebSocketUpgradeRejection};
use axum::extract::{Query, State, rejection::QueryRejection};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use std::sync::Arc;

/// Readers have nothing to say.
const READ_BUFFER: usize = 4 * 1024;
const LARGEST_MESSAGE: usize = 64 * 1024;
/// Written to the socket whenever so much has come together, or at the end of a batch.
const WRITE_BUFFER: usize = 64 * 1024;
/// Room for the largest frame, an error and pongs on top.
const MOST_UNSENT: usize = 512 * 1024;

pub(crate) async fn subscribe(
    State(stream): State<Stream>,
    query: Result<Query<Vec<(String, String)>>, QueryRejection>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let asked = match query.map_err(|rejection| rejection.body_text()) {
        Ok(Query(query)) => Asked::read(&query),
        Err(reason) => Err(reason),
    };
    let asked = match asked {
        Ok(asked) => asked,
        Err(reason) => return refuse(StatusCode::BAD_REQUEST, "InvalidRequest", &reason),
    };
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade,
        Err(rejection) => {
            let reason = format!("this is a WebSocket: {}", rejection.body_text());
            let error = match rejection.status() {
                StatusCode::UPGRADE_REQUIRED => "UpgradeRequired",
                _ => "InvalidRequest",
            };
            return refuse(rejection.status(), error, &reason);
        }
    };
    let unavailable =
        |reason| refuse(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable", reason);
    if stream.stop.is_cancelled() {
        return unavailable("the server is stopping");
    }
    let Ok(place) = Arc::clone(&stream.places).try_acquire_owned() else {
        return unavailable("too many connections");
    };
    let readers = stream.readers.clone();
    let reader = Reader::new(stream, asked, place);
    upgrade
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_BUFFER)
        .max_write_buffer_size(MOST_UNSENT)
        .max_message_size(LARGEST_MESSAGE)
        .max_frame_size(LARGEST_MESSAGE)
        .on_upgrade(move |socket| readers.track_future(reader.read(socket)))
}

fn refuse(status: StatusCode, error: &str, message: &str) -> Response {
    (status, Json(json!({ "error": error, "message": message }))).into_response()
}
