//! What is served is what `schema/` says: every route is asked rightly and wrongly, and each
//! answer and event is held against the document (contract section 3, `GET /openapi.json`).

mod answers;
mod document;
mod events;
mod fields;
mod scene;
mod status;
mod words;
