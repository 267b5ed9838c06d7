//! `/labelers…`: whom to follow, and how that goes. Following is left to `intake`, which
//! hears of a change from the store.

use crate::body::Fields;
use crate::error::ApiError;
use crate::page::{Asked, cut};
use crate::path::PathDid;
use crate::router::Shared;
use crate::time::rfc3339;
use axum::Json;
use axum::extract::State;
use fleet::{State as Doing, Status};
use label::{Did, Hosts};
use serde::Serialize;
use serde_json::value::RawValue;
use std::collections::HashSet;
use store::{DeclarationRow, LabelerRow, Source};

/// A labeler object. What is not known is absent, never null.
#[derive(Debug, Serialize)]
pub(crate) struct Labeler {
    did: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    handle: Option<String>,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    cursor: i64,
    epoch: u32,
    caught_up: bool,
    labels: u64,
    rejected: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_label_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connected_since: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    retry_count: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<String>,
    sources: Vec<&'static str>,
    /// Its `app.bsky.labeler.service` record, where one labeler is shown: it may be large.
    #[serde(skip_serializing_if = "Option::is_none")]
    declaration: Option<Box<RawValue>>,
}

impl Labeler {
    /// What is stored, and what is going on, as one object.
    fn new(row: LabelerRow, status: Status) -> Self {
        Self {
            did: row.did.as_str().to_owned(),
            handle: row.noted.handle,
            state: status.state.as_str(),
            service_url: row.noted.service_url,
            key: row.noted.key,
            cursor: row.cursor.get(),
            epoch: row.epoch.0,
            caught_up: row.caught_up,
            labels: row.labels,
            rejected: row.rejected,
            last_label_at: row.last_label_at.map(rfc3339),
            connected_since: status.connected_since.map(rfc3339),
            error: status.error,
            retry_count: status.retry_count,
            retry_after: status.retry_after.map(rfc3339),
            sources: row.sources.iter().map(|source| source.as_str()).collect(),
            declaration: None,
        }
    }

    /// With what it declares, if that is known.
    fn declaring(mut self, declaration: Option<DeclarationRow>) -> Self {
        let record = declaration.and_then(|row| row.record);
        self.declaration = record.and_then(|record| RawValue::from_string(record).ok());
        self
    }
}

/// One page of labelers, ordered by DID.
#[derive(Debug, Serialize)]
pub(crate) struct Listed {
    labelers: Vec<Labeler>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

/// `GET /labelers`
pub(crate) async fn list(
    State(state): State<Shared>,
    asked: Asked,
) -> Result<Json<Listed>, ApiError> {
    let limit = asked.limit()?;
    let wanted = asked.one("state")?.map(doing).transpose()?;
    let after = asked.after("labelers", |text| Did::parse(text).ok())?;
    let labelers = state
        .store
        .labelers()
        .await?
        .into_iter()
        .filter(|row| after.as_ref().is_none_or(|after| row.did > *after))
        .map(|row| (state.board.get(&row.did), row))
        .filter(|(status, _)| wanted.is_none_or(|wanted| status.state == wanted))
        .map(|(status, row)| Labeler::new(row, status))
        .take(limit + 1)
        .collect();
    let (labelers, cursor) = cut("labelers", labelers, limit, |last| last.did.clone());
    Ok(Json(Listed { labelers, cursor }))
}

fn doing(name: &str) -> Result<Doing, ApiError> {
    Doing::from_name(name).ok_or_else(|| {
        let known: Vec<&str> = Doing::ALL.iter().map(|state| state.as_str()).collect();
        ApiError::invalid(format!("state must be one of {}, not {name:?}", known.join(", ")))
    })
}

/// `GET /labelers/:did`
pub(crate) async fn show(
    State(state): State<Shared>,
    PathDid(did): PathDid,
) -> Result<Json<Labeler>, ApiError> {
    let row = tracked(&state, did).await?;
    let status = state.board.get(&row.did);
    let declaration = state.store.declaration(row.did.clone()).await?;
    Ok(Json(Labeler::new(row, status).declaring(declaration)))
}

/// The labeler, if it is tracked; else 404.
pub(crate) async fn tracked(state: &Shared, did: Did) -> Result<LabelerRow, ApiError> {
    let row = state.store.labeler(did.clone()).await?.filter(|row| row.tracked);
    row.ok_or_else(|| ApiError::not_found(format!("{did} is not tracked")))
}

/// `POST /labelers/add`
pub(crate) async fn add(State(state): State<Shared>, body: Fields) -> Result<(), ApiError> {
    let dids = dids(&body, state.hosts)?;
    if !dids.is_empty() {
        let added = state.store.add_labelers(dids, Source::Api, (state.now)()).await?;
        tracing::info!(added = added.len(), "labelers added by the API");
    }
    Ok(())
}

/// `POST /labelers/remove`
pub(crate) async fn remove(State(state): State<Shared>, body: Fields) -> Result<(), ApiError> {
    let dids = dids(&body, state.hosts)?;
    let purge = body.flag("purge")?;
    if !dids.is_empty() {
        let asked = dids.len();
        state.store.remove_labelers(dids, purge).await?;
        tracing::info!(asked, purge, "labelers removed by the API");
    }
    Ok(())
}

/// The body's DIDs, each once, in their order. One that is none spoils them all.
fn dids(body: &Fields, hosts: Hosts) -> Result<Vec<Did>, ApiError> {
    let mut seen = HashSet::new();
    let mut dids = Vec::new();
    for text in body.texts("dids")? {
        let did = Did::parse_followable(text, hosts);
        let did = did.map_err(|error| ApiError::invalid(error.to_string()))?;
        if seen.insert(did.clone()) {
            dids.push(did);
        }
    }
    Ok(dids)
}
