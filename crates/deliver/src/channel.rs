//! `GET /channel`: checks what is asked for, upgrades, and hands the socket to the hall.

use crate::hall::{Arrival, Refusal};
use crate::handle::Deliver;
use crate::query::Wish;
use axum::Json;
use axum::extract::ws::{WebSocketUpgrade, rejection::WebSocketUpgradeRejection};
use axum::extract::{Query, State, rejection::QueryRejection};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// Where it is.
pub const CHANNEL: &str = "/channel";

/// Larger than any ack of a whole window; a larger message drops the connection.
const LARGEST_MESSAGE: usize = 1024 * 1024;
/// Clients say little; the default of 128 KiB would be most of a connection's memory.
const READ_BUFFER: usize = 8 * 1024;
/// Written to the socket whenever so much has come together, or at the end of a batch.
const WRITE_BUFFER: usize = 64 * 1024;
/// Room for what comes on top: an event, of some 160 KiB if it is the largest and asked for
/// with its bytes, and pongs of a peer that pings and does not read. When it is full only
/// its newest ping will be answered, and a write fails and so ends the connection.
const MOST_UNSENT: usize = 512 * 1024;

/// The route's handler.
pub(crate) async fn channel(
    State(deliver): State<Deliver>,
    query: Result<Query<Vec<(String, String)>>, QueryRejection>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let wish = match query.map_err(|rejection| rejection.body_text()) {
        Ok(Query(query)) => Wish::read(&query, deliver.hosts()),
        Err(reason) => Err(reason),
    };
    let wish = match wish {
        Ok(wish) => wish,
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
    deliver.ready().await;
    let place = match deliver.place(&wish.consumer, wish.takes.as_ref()) {
        Ok(place) => place,
        Err(refusal) => return refused(refusal),
    };
    // Whoever has connected can be found by that name.
    if let Err(refusal) = deliver.ensure(place.consumer()).await {
        return refused(refusal);
    }
    upgrade
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_BUFFER)
        .max_write_buffer_size(MOST_UNSENT)
        .max_message_size(LARGEST_MESSAGE)
        .max_frame_size(LARGEST_MESSAGE)
        .on_upgrade(move |socket| async move {
            deliver.arrive(Arrival { socket, wish, place }).await;
        })
}

fn refused(refusal: Refusal) -> Response {
    let (status, error) = if refusal.is_final() {
        (StatusCode::BAD_REQUEST, "InvalidRequest")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable")
    };
    refuse(status, error, refusal.reason())
}

fn refuse(status: StatusCode, error: &str, message: &str) -> Response {
    (status, Json(json!({ "error": error, "message": message }))).into_response()
}
