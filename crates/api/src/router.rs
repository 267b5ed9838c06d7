//! Which route leads where, and the gate in front of all of them.

use crate::error::{ApiError, no_route, normalise};
use crate::guard::{Guard, check};
use crate::kept::Kept;
use crate::label_stats;
use crate::metrics::{Render, page};
use crate::requests;
use crate::routes::{Route, Routes};
use crate::{
    consumers, document, handles, happenings, health, hydrate, keys, labelers, query_labels,
    rejected, resolve, stats, status, subjects, tail, values, verdicts,
};
use axum::Router;
use axum::extract::State;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::get;
use label::{Hosts, Millis};
use std::sync::Arc;
use tally::Tally;

/// What the API stands on.
pub struct Parts {
    /// What is kept.
    pub store: store::Store,
    /// What each labeler is doing.
    pub board: fleet::Board,
    /// Who looks up DID documents.
    pub resolver: identity::Resolver,
    /// Who serves `/channel`.
    pub deliver: deliver::Deliver,
    /// Who serves `subscribeLabels`.
    pub stream: stream::Stream,
    /// Who knows how the service is doing.
    pub pulse: pulse::Pulse,
    /// Which hosts a did:web may name.
    pub hosts: Hosts,
    /// The password of user `admin`; without one everybody is let in.
    pub password: Option<String>,
    /// Whether `/xrpc/` wants no password.
    pub public_xrpc: bool,
    /// Names under which browsers may reach the API (`--host`), without port.
    pub browser_hosts: Vec<String>,
    /// The text of `/metrics`; `None` when it is served elsewhere.
    pub metrics: Option<Render>,
    /// The name under which the store has the relay.
    pub relay: String,
    /// The clock.
    pub now: fn() -> Millis,
}

/// What handlers are given. The password is not in it: only the guard needs that.
#[derive(Clone)]
pub(crate) struct Shared(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) store: store::Store,
    pub(crate) board: fleet::Board,
    pub(crate) resolver: identity::Resolver,
    pub(crate) deliver: deliver::Deliver,
    pub(crate) pulse: pulse::Pulse,
    pub(crate) hosts: Hosts,
    pub(crate) metrics: Option<Render>,
    pub(crate) relay: String,
    pub(crate) tally: Kept<Tally>,
    pub(crate) values: values::Known,
    pub(crate) now: fn() -> Millis,
}

impl std::ops::Deref for Shared {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

/// Every route, `/channel` included, with password, origin and host checks, the body
/// limit and the one error shape.
pub fn router(parts: Parts) -> Router {
    requests::describe();
    let guard =
        Arc::new(Guard::new(parts.browser_hosts, parts.password.as_deref(), parts.public_xrpc));
    let channel = parts.deliver.routes();
    let stream = parts.stream.routes();
    let shared = Shared(Arc::new(Inner {
        store: parts.store,
        board: parts.board,
        resolver: parts.resolver,
        deliver: parts.deliver,
        pulse: parts.pulse,
        hosts: parts.hosts,
        metrics: parts.metrics,
        relay: parts.relay,
        tally: Kept::default(),
        values: values::Known::default(),
        now: parts.now,
    }));
    routes()
        .router()
        .with_state(shared)
        .merge(channel)
        .merge(stream)
        .merge(page::routes())
        .fallback(no_route)
        .layer(from_fn(normalise))
        .layer(from_fn_with_state(guard, check))
        .layer(from_fn(requests::observe))
}

/// Every route there is, those of `deliver`, `stream` and `page` included.
#[must_use]
pub fn served() -> Vec<Route> {
    let mut served = routes().listed();
    served.extend([("GET", deliver::CHANNEL), ("GET", stream::METHOD)]);
    served.extend([("GET", page::DOCUMENT), ("GET", page::FILE)]);
    served
}

fn routes() -> Routes<Shared> {
    Routes::new()
        .get("/health", health::show)
        .get("/labelers", labelers::list)
        .post("/labelers/add", labelers::add)
        .post("/labelers/remove", labelers::remove)
        .get("/labelers/{did}", labelers::show)
        .get("/labelers/{did}/rejected", rejected::list)
        .get("/labelers/{did}/verdicts", verdicts::show)
        .get("/labelers/{did}/events", happenings::list)
        .get("/labelers/{did}/keys", keys::list)
        .get("/labelers/{did}/values", values::show)
        .get("/consumers", consumers::list)
        .get("/consumers/{name}", consumers::show)
        .put("/consumers/{name}", consumers::put)
        .delete("/consumers/{name}", consumers::remove)
        .get("/consumers/{name}/dead", consumers::dead)
        .post("/consumers/{name}/dead/retry", consumers::retry)
        .get("/resolve/{did}", resolve::show)
        .get("/handles/{handle}", handles::show)
        .get("/status", status::show)
        .get("/tail", tail::show)
        .get("/stats/labeler-count", stats::labeler_count)
        .get("/stats/label-count", stats::label_count)
        .get("/stats/outbox-buffer", stats::outbox_buffer)
        .get("/stats/cursors", stats::cursors)
        .get("/stats/labels", label_stats::show)
        .post("/labels/hydrate", hydrate::hydrate)
        .get("/subjects/{*subject}", subjects::show)
        .get("/xrpc/com.atproto.label.queryLabels", query_labels::query)
        .xrpc("/xrpc/{method}", query_labels::not_implemented)
        .get("/metrics", metrics)
        .get("/openapi.json", document::show)
}

async fn metrics(State(state): State<Shared>) -> Result<Response, ApiError> {
    let elsewhere = || ApiError::not_found("metrics are served at the address of --metrics-listen");
    let render = state.metrics.as_ref().ok_or_else(elsewhere);
    render.map(page)
}

/// `/metrics` alone, for an address of its own: no password, since scrapers reach it by
/// whatever name the network gives it, and nothing here changes anything.
pub fn metrics_router(render: Render) -> Router {
    let show = move || std::future::ready(page(&render));
    Router::new().route("/metrics", get(show)).fallback(no_route).layer(from_fn(normalise))
}
