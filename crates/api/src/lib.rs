//! The HTTP API of contract section 3: asking and telling the service what to do.
//!
//! [`router()`] is every route, `/channel` of `deliver` included, behind one gate: the
//! [guard] (who may ask) and the [error] shape (what a refusal looks like), and around both
//! the [requests] as they are counted and logged. Handlers
//! only translate between HTTP and the crates that know: `store` for what is kept,
//! `fleet::Board` for what is going on, `identity` for documents, `deliver` for the
//! channel. Listening and stopping are left to the caller.

mod accept;
mod body;
mod consumers;
mod document;
mod error;
mod guard;
mod handles;
mod happenings;
mod health;
mod hydrate;
mod kept;
mod keys;
mod label_stats;
mod labelers;
mod metrics;
mod page;
mod path;
mod query_labels;
mod rejected;
mod requests;
mod resolve;
mod router;
mod routes;
mod stats;
mod status;
mod subjects;
mod tail;
mod time;
mod values;
mod verdicts;

pub use metrics::Render;
pub use router::{Parts, metrics_router, router, served};
pub use routes::Route;
