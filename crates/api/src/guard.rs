//! Who may ask: the right name, the right origin, the right password, in this order.
//!
//! The API usually listens on a loopback address, where the operator's own browser can
//! reach it, and with it every page that browser has open. Three ways in are closed:
//!
//! * **A page of another origin sends a request.** Browsers say so in `Origin`, always
//!   for WebSocket upgrades (which no same-origin policy holds back: a page could read
//!   `/channel` and ack events away) and for every `POST`. An origin is *foreign* unless
//!   it is the very place the request went to: an address, `localhost` or a `--host`
//!   name, equal to `Host` in name and port. Another port of the same machine is
//!   foreign: another program serves it. `null` (sandboxed frames, files) is foreign, and
//!   so is any scheme but http and https. `GET`s of images and scripts carry no
//!   `Origin`; newer browsers mark them in `Sec-Fetch-Site`, which counts the same,
//!   except for the user following a link to here.
//! * **A page's own name is pointed at our address** (DNS rebinding). To the browser all
//!   is then same-origin, `Origin` agrees with `Host` or is absent, and nothing else
//!   tells it from a program. But the name stays in `Host`. So *every* request must
//!   name us by an address (which no name server can turn elsewhere), as `localhost`, or
//!   as one of the names in `--host`; programs that reach us by a name on a network of
//!   containers need that name in `--host` too. A request without `Host` (HTTP/1.0)
//!   comes from no browser and passes.
//! * **A form is posted as text.** Bodies must be JSON (`body`), which a page can send
//!   to another origin only after a preflight; that has an `Origin`, so it ends here.
//!
//! Programs send no `Origin`, or their own idea of the address they dial (some WebSocket
//! clients do), and are not held up. No CORS header is ever sent. Behind a reverse proxy
//! the browser's `Host` has to be passed on.

mod auth;
mod place;

use crate::body::drain;
use crate::error::ApiError;
use auth::Password;
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use place::{Place, origin};
use std::sync::Arc;

/// The rules for one API address.
pub(crate) struct Guard {
    names: Vec<String>,
    password: Option<Password>,
    /// Whether `/xrpc/` wants none.
    public_xrpc: bool,
}

/// Middleware in front of every route and of those that do not exist.
pub(crate) async fn check(
    State(guard): State<Arc<Guard>>,
    request: Request,
    next: Next,
) -> Response {
    match guard.judge(request.method(), request.uri(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refusal) => {
            drain(request.into_body()).await;
            refusal.into_response()
        }
    }
}

impl Guard {
    /// `names`: what `--host` gave; `password`: that of user `admin`, if there is one;
    /// `public_xrpc`: whether everybody may ask what the lexicons have.
    pub(crate) fn new(names: Vec<String>, password: Option<&str>, public_xrpc: bool) -> Self {
        let names = names.into_iter().map(|name| name.to_ascii_lowercase()).collect();
        Self { names, password: password.map(Password::new), public_xrpc }
    }

    /// Decides from what the request says of itself.
    fn judge(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<(), ApiError> {
        let hosts = self.check_hosts(uri, headers)?;
        self.check_origin(&hosts, headers)?;
        let public = self.public_xrpc && uri.path().starts_with("/xrpc/");
        if public || open_to_all(method, uri) { Ok(()) } else { self.check_password(headers) }
    }

    /// Every name the request gives us must be one of ours.
    fn check_hosts(&self, uri: &Uri, headers: &HeaderMap) -> Result<Vec<Place>, ApiError> {
        let in_uri = uri.authority().map(|authority| authority.as_str());
        let in_headers = headers.get_all(HOST).iter().map(|value| value.to_str().unwrap_or(""));
        let mut places = Vec::new();
        for text in in_uri.into_iter().chain(in_headers) {
            let place = Place::parse(text).filter(|place| place.is_ours(&self.names));
            places.push(place.ok_or_else(|| {
                ApiError::forbidden(format!(
                    "{text:?} is not a name of this service; --host makes it one"
                ))
            })?);
        }
        Ok(places)
    }

    fn check_origin(&self, hosts: &[Place], headers: &HeaderMap) -> Result<(), ApiError> {
        let own = |value: &HeaderValue| {
            let origin = value.to_str().ok().and_then(origin);
            origin.is_some_and(|origin| !hosts.is_empty() && hosts.iter().all(|h| origin.is(h)))
        };
        if headers.get_all(ORIGIN).iter().all(own) && !sent_from_elsewhere(headers) {
            return Ok(());
        }
        Err(ApiError::forbidden("web pages of other origins may not use this service"))
    }

    fn check_password(&self, headers: &HeaderMap) -> Result<(), ApiError> {
        let Some(password) = &self.password else { return Ok(()) };
        if headers.get(AUTHORIZATION).is_some_and(|value| password.opens(value)) {
            return Ok(());
        }
        let message = "this service wants user admin and its password";
        Err(ApiError::new(StatusCode::UNAUTHORIZED, message))
    }
}

fn open_to_all(method: &Method, uri: &Uri) -> bool {
    uri.path() == "/health" && (method == Method::GET || method == Method::HEAD)
}

/// What a browser says of a request that has no `Origin`. Following a link is the user's
/// own doing, and the page it came from cannot see the answer.
fn sent_from_elsewhere(headers: &HeaderMap) -> bool {
    let says = |name: &str, value: &str| headers.get(name).is_some_and(|found| found == value);
    let elsewhere = says("sec-fetch-site", "cross-site") || says("sec-fetch-site", "same-site");
    let followed = says("sec-fetch-mode", "navigate") && says("sec-fetch-dest", "document");
    elsewhere && !followed
}

#[cfg(test)]
mod tests;
