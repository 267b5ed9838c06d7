//! What a relay answers beside its stream: who has records of a collection, and proofs.

use crate::repo::{Account, LABELER_PATH};
use crate::stream::{Message, Page, Pages, Request};
use crate::{Answer, Trouble};
use percent_encoding::percent_decode_str;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

const LIST: &str = "/xrpc/com.atproto.sync.listReposByCollection";
const RECORD: &str = "/xrpc/com.atproto.sync.getRecord";
/// How many a page of the list has unless asked otherwise, and at most (lexicon).
const USUAL: usize = 500;
const MOST: usize = 2000;

/// One request for a page of `com.atproto.sync.listReposByCollection`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListAsked {
    /// The collection.
    pub collection: Option<String>,
    /// Where to go on.
    pub cursor: Option<String>,
    /// How many at most.
    pub limit: Option<String>,
}

/// One request for `com.atproto.sync.getRecord`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordAsked {
    /// Whose record.
    pub did: String,
    /// Collection, slash and record key.
    pub path: String,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) accounts: BTreeMap<String, Account>,
    /// Who is in the list; `None`: the accounts that have a declaration.
    pub(super) listed: Option<Vec<String>>,
    /// The relay's own limit for a page of the list.
    pub(super) page: Option<usize>,
    pub(super) list_trouble: Trouble,
    pub(super) record_trouble: Trouble,
    pub(super) lists: Vec<ListAsked>,
    pub(super) records: Vec<RecordAsked>,
}

#[derive(Debug, Default)]
pub(super) struct Own(Mutex<State>);

impl Own {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pages for Own {
    fn came(&self, request: &Request) {
        let asked = |name| parameter(request, name);
        let mut state = self.lock();
        match request.path.as_str() {
            LIST => {
                let (collection, cursor) = (asked("collection"), asked("cursor"));
                state.lists.push(ListAsked { collection, cursor, limit: asked("limit") });
            }
            RECORD => state.records.extend(record_asked(request)),
            _ => {}
        }
    }

    fn page(&self, request: &Request, _log: &[Message]) -> Option<Page> {
        let state = self.lock();
        let (trouble, truth): (_, fn(&State, &Request) -> Page) = match request.path.as_str() {
            LIST => (&state.list_trouble, list),
            RECORD => (&state.record_trouble, record),
            _ => return Some(error(404, "MethodNotImplemented")),
        };
        match trouble {
            Trouble::None => Some(truth(&state, request)),
            Trouble::Says(answer) => Some(page(answer)),
            Trouble::Hangs => None,
        }
    }
}

/// The value of a query parameter, decoded.
fn parameter(request: &Request, name: &str) -> Option<String> {
    let text = request.parameter(name)?;
    Some(percent_decode_str(text).decode_utf8_lossy().into_owned())
}

fn page(answer: &Answer) -> Page {
    let headers = answer.headers.clone();
    Page { headers, ..Page::new(answer.status, answer.body.as_str()) }
}

fn error(status: u16, error: &str) -> Page {
    let body = json!({ "error": error, "message": "no" }).to_string();
    Page::new(status, body).header("content-type", "application/json")
}

fn list(state: &State, request: &Request) -> Page {
    let of_labelers =
        parameter(request, "collection").is_some_and(|it| LABELER_PATH.starts_with(&it));
    let declared = || {
        let accounts = state.accounts.values();
        let declared = accounts.filter(|account| account.record(LABELER_PATH).is_some());
        declared.map(|account| account.did().to_owned()).collect()
    };
    let all = if of_labelers { state.listed.clone().unwrap_or_else(declared) } else { Vec::new() };
    let limit = parameter(request, "limit").map_or(Ok(USUAL), |limit| limit.parse());
    let from = parameter(request, "cursor").map_or(Ok(0), |cursor| cursor.parse());
    let (Ok(limit @ 1..=MOST), Ok(from)) = (limit, from) else {
        return error(400, "InvalidRequest");
    };
    let until = all.len().min(from + limit.min(state.page.unwrap_or(MOST)));
    let some = all.get(from..until).unwrap_or_default();
    let repos: Vec<_> = some.iter().map(|did| json!({ "did": did })).collect();
    let body = if until < all.len() {
        json!({ "repos": repos, "cursor": until.to_string() })
    } else {
        json!({ "repos": repos })
    };
    Page::new(200, body.to_string()).header("content-type", "application/json")
}

fn record_asked(request: &Request) -> Option<RecordAsked> {
    let (collection, rkey) = (parameter(request, "collection")?, parameter(request, "rkey")?);
    Some(RecordAsked { did: parameter(request, "did")?, path: format!("{collection}/{rkey}") })
}

fn record(state: &State, request: &Request) -> Page {
    let Some(asked) = record_asked(request) else { return error(400, "InvalidRequest") };
    let Some(account) = state.accounts.get(&asked.did) else { return error(400, "RepoNotFound") };
    Page::new(200, account.proof(&asked.path)).header("content-type", "application/vnd.ipld.car")
}
