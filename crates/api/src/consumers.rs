//! `/consumers`: who reads the log, how far each one is, and what each one wants.

use crate::body::Fields;
use crate::error::ApiError;
use crate::page::{Asked, cut};
use crate::path::PathName;
use crate::router::Shared;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use deliver::{AskError, Change, Start, Told};
use label::{EventId, Filter, Hosts};
use serde::Serialize;
use serde_json::{Value, json};
use store::DeadRow;
use url::Url;

/// A consumer as clients see it (contract section 3).
#[derive(Debug, Serialize)]
pub(crate) struct Consumer {
    name: String,
    position: i64,
    lag: u64,
    in_flight: usize,
    connections: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    filter: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    webhook: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<String>,
}

impl From<Told> for Consumer {
    fn from(told: Told) -> Self {
        Self {
            name: told.name,
            position: told.position,
            lag: told.lag,
            in_flight: told.in_flight,
            connections: told.connections,
            filter: told.filter.as_ref().map(deliver::filter::json),
            webhook: told.webhook,
            last_error: told.last_error,
        }
    }
}

impl From<AskError> for ApiError {
    fn from(error: AskError) -> Self {
        let status = match error {
            AskError::NotFound(_) => StatusCode::NOT_FOUND,
            AskError::Invalid(_) => StatusCode::BAD_REQUEST,
            AskError::Store(error) => return error.into(),
            _ => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self::new(status, error.to_string())
    }
}

/// One page of consumers, ordered by name.
#[derive(Debug, Serialize)]
pub(crate) struct Listed {
    consumers: Vec<Consumer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

/// `GET /consumers`
pub(crate) async fn list(
    State(state): State<Shared>,
    asked: Asked,
) -> Result<Json<Listed>, ApiError> {
    let limit = asked.limit()?;
    let after = asked.after("consumers", |text| Some(text.to_owned()))?;
    state.deliver.ready().await;
    state.deliver.all_counted().await;
    let all = state.deliver.consumers().into_iter();
    let rest = all.filter(|told| after.as_ref().is_none_or(|after| told.name > *after));
    let consumers = rest.take(limit + 1).map(Consumer::from).collect();
    let (consumers, cursor) = cut("consumers", consumers, limit, |last| last.name.clone());
    Ok(Json(Listed { consumers, cursor }))
}

/// `GET /consumers/:name`
pub(crate) async fn show(
    State(state): State<Shared>,
    PathName(name): PathName,
) -> Result<Json<Consumer>, ApiError> {
    state.deliver.ready().await;
    let told = state.deliver.consumer(&name).ok_or(AskError::NotFound(name))?;
    Ok(Json(told.into()))
}

/// `PUT /consumers/:name`
pub(crate) async fn put(
    State(state): State<Shared>,
    PathName(name): PathName,
    body: Fields,
) -> Result<Json<Consumer>, ApiError> {
    let change = change(&body, state.hosts)?;
    state.deliver.ready().await;
    Ok(Json(state.deliver.put(&name, change).await?.into()))
}

/// `DELETE /consumers/:name`
pub(crate) async fn remove(
    State(state): State<Shared>,
    PathName(name): PathName,
) -> Result<(), ApiError> {
    state.deliver.ready().await;
    Ok(state.deliver.remove(&name).await?)
}

/// What a body wants to be changed. Whoever misspells a field is told, since what they
/// meant would not happen.
fn change(body: &Fields, hosts: Hosts) -> Result<Change, ApiError> {
    body.only(&["filter", "start", "webhook"])?;
    let filter = body.get("filter").map(|value| filter(value, hosts)).transpose()?;
    let start = match body.get("start") {
        None | Some(Value::Null) => None,
        Some(value) => Some(start(value)?),
    };
    let webhook = body.get("webhook").map(webhook).transpose()?;
    Ok(Change { filter, start, webhook })
}

fn filter(value: &Value, hosts: Hosts) -> Result<Option<Filter>, ApiError> {
    match value {
        Value::Null => Ok(None),
        Value::Object(fields) => {
            let filter = deliver::filter::read(fields, hosts);
            filter.map(Some).map_err(|why| ApiError::invalid(format!("filter: {why}")))
        }
        _ => Err(ApiError::invalid("filter must be an object, or null for none")),
    }
}

fn start(value: &Value) -> Result<Start, ApiError> {
    let id = value.as_i64().and_then(EventId::new);
    match (value.as_str(), id) {
        (Some("beginning"), _) => Ok(Start::Beginning),
        (Some("now"), _) => Ok(Start::Now),
        (None, Some(id)) => Ok(Start::After(id)),
        _ => Err(ApiError::invalid(r#"start must be "beginning", "now" or an event id"#)),
    }
}

/// As a text, or as an object with a `url`.
fn webhook(value: &Value) -> Result<Option<Url>, ApiError> {
    if value.is_null() {
        return Ok(None);
    }
    let text = value.as_str().or_else(|| value.get("url")?.as_str());
    let url = text.and_then(|text| Url::parse(text).ok());
    let fits = |url: &Url| matches!(url.scheme(), "http" | "https") && url.has_host();
    let wrong = "webhook must be an http:// or https:// URL, or null for none";
    url.filter(fits).map(Some).ok_or_else(|| ApiError::invalid(wrong))
}

#[derive(Debug, Serialize)]
struct Dead {
    id: i64,
    deliveries: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<String>,
}

impl From<DeadRow> for Dead {
    fn from(row: DeadRow) -> Self {
        Self { id: row.id.get(), deliveries: row.deliveries, last_error: row.last_error }
    }
}

/// One page of dead letters, ascending.
#[derive(Debug, Serialize)]
pub(crate) struct DeadListed {
    dead: Vec<Dead>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

/// `GET /consumers/:name/dead`
pub(crate) async fn dead(
    State(state): State<Shared>,
    PathName(name): PathName,
    asked: Asked,
) -> Result<Json<DeadListed>, ApiError> {
    let limit = asked.limit()?;
    let after = asked.after("dead", |text| text.parse().ok().and_then(EventId::new))?;
    state.deliver.ready().await;
    let rows = state.deliver.dead(&name, after, limit + 1).await?;
    let rows: Vec<Dead> = rows.into_iter().map(Dead::from).collect();
    let (dead, cursor) = cut("dead", rows, limit, |last| last.id.to_string());
    Ok(Json(DeadListed { dead, cursor }))
}

/// `POST /consumers/:name/dead/retry`: answers those that were set aside and are sent again.
pub(crate) async fn retry(
    State(state): State<Shared>,
    PathName(name): PathName,
    body: Fields,
) -> Result<Json<Value>, ApiError> {
    let wrong = || ApiError::invalid("ids must be a list of event ids");
    let listed = body.get("ids").and_then(Value::as_array).ok_or_else(wrong)?;
    let ids: Option<Vec<EventId>> =
        listed.iter().map(|id| id.as_i64().and_then(EventId::new)).collect();
    state.deliver.ready().await;
    let retried = state.deliver.retry(&name, ids.ok_or_else(wrong)?).await?;
    let retried: Vec<i64> = retried.into_iter().map(EventId::get).collect();
    Ok(Json(json!({ "retried": retried })))
}
