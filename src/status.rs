//! `labeltap status`: how a running service is doing, once or for as long as somebody looks.

mod painter;
mod text;

pub use painter::Painter;
pub(crate) use text::lines;

use crate::config::Status;
use pulse::Snapshot;
use std::io::{self, ErrorKind, IsTerminal as _, Write as _};
use std::time::Duration;
use text::{Line, harmless, span};
use url::Url;

/// How often it is looked at.
const EVERY: Duration = Duration::from_secs(2);

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// The most of an answer that is read, in bytes: there are bounds for what is in it.
const LARGEST: usize = 4 << 20;

/// Why it cannot be shown.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StatusError {
    /// It does not answer.
    #[error("{url} cannot be reached: {reason}")]
    Unreachable {
        /// Where it was looked for.
        url: Url,
        /// What went wrong.
        reason: String,
    },
    /// It answers, and refuses.
    #[error("{url} answers {status}: {message}")]
    Refused {
        /// Where it is.
        url: Url,
        /// The status.
        status: u16,
        /// What it said.
        message: String,
    },
    /// It cannot be printed.
    #[error("cannot print: {0}")]
    Print(#[from] io::Error),
}

/// Prints how the service is doing. Answers whether it accepts what comes.
///
/// # Errors
/// See [`StatusError`]. A reader that has gone (`| head`) is no error. With `watch` a service
/// that cannot be reached is waited for.
pub async fn status(settings: Status) -> Result<bool, StatusError> {
    let client = client().map_err(|reason| unreachable(&settings.url, reason))?;
    let looked = look(&client, &settings).await;
    if !settings.watch {
        let seen = looked?;
        print(&seen.text(&settings))?;
        return Ok(seen.snapshot.store.accepts_writes);
    }
    let painter = (is_watched() && !settings.json).then(Painter::new);
    let mut looked = looked;
    loop {
        match (&looked, &painter) {
            (Ok(seen), Some(painter)) => painter.paint(&seen.lines(&settings.url)),
            (Ok(seen), None) => match print(&seen.text(&settings)) {
                Ok(true) => {}
                Ok(false) => return Ok(true),
                Err(error) => return Err(error.into()),
            },
            // Nothing is mended by waiting for another password.
            (Err(StatusError::Refused { status: 401 | 403, .. }), _) => {
                return looked.map(|_| true);
            }
            (Err(error), Some(painter)) => painter.paint(&[Line::Plain(error.to_string())]),
            (Err(error), None) => eprintln!("labeltap: {error}; trying on"),
        }
        tokio::time::sleep(EVERY).await;
        looked = look(&client, &settings).await;
    }
}

/// Whether somebody looks at what is printed in place: where the output goes elsewhere, that is
/// what they look at.
pub(crate) fn is_watched() -> bool {
    io::stderr().is_terminal() && io::stdout().is_terminal()
}

/// What was answered.
struct Seen {
    /// As it came.
    json: String,
    snapshot: Snapshot,
}

impl Seen {
    fn lines(&self, url: &Url) -> Vec<Line> {
        let Snapshot { version, .. } = &self.snapshot;
        let up = up(&self.snapshot).map(|up| format!(", up {}", span(up))).unwrap_or_default();
        let head = Line::Plain(harmless(&format!("labeltap {version} at {url}{up}")));
        std::iter::once(head).chain(lines(&self.snapshot)).collect()
    }

    fn text(&self, settings: &Status) -> String {
        if settings.json {
            return format!("{}\n", self.json);
        }
        let lines = self.lines(&settings.url).into_iter().map(|line| match line {
            Line::Plain(text) => text + "\n",
            Line::Bar(text, done) => format!("{text}, {:.0} % read\n", done * 100.0),
        });
        lines.collect()
    }
}

/// Seconds since its start, by its own clock.
fn up(snapshot: &Snapshot) -> Option<f64> {
    let now = label::syntax::instant(&snapshot.now)?;
    let started = label::syntax::instant(&snapshot.started_at)?;
    Some(now.saturating_sub(started) as f64 / 1e6)
}

fn client() -> Result<reqwest::Client, String> {
    // Proxy variables are ignored (contract section 2).
    let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build();
    client.map_err(|error| error.to_string())
}

async fn look(client: &reqwest::Client, settings: &Status) -> Result<Seen, StatusError> {
    let url = &settings.url;
    let at = url.join("status").map_err(|error| unreachable(url, error.to_string()))?;
    let mut request = client.get(at);
    if let Some(password) = &settings.password {
        request = request.basic_auth("admin", Some(password.reveal()));
    }
    let failed = |error: reqwest::Error| unreachable(url, innermost(&error));
    let mut answer = request.send().await.map_err(failed)?;
    let status = answer.status();
    let mut body = Vec::new();
    while let Some(part) = answer.chunk().await.map_err(failed)? {
        if body.len() + part.len() > LARGEST {
            return Err(unreachable(url, "its answer has no end".to_owned()));
        }
        body.extend_from_slice(&part);
    }
    let json = String::from_utf8_lossy(&body).into_owned();
    if !status.is_success() {
        let said = serde_json::from_str::<serde_json::Value>(&json).ok();
        let said = said.and_then(|said| Some(said.get("message")?.as_str()?.to_owned()));
        let message = harmless(&said.unwrap_or_else(|| "this is no labeltap".to_owned()));
        return Err(StatusError::Refused { url: url.clone(), status: status.as_u16(), message });
    }
    let snapshot = serde_json::from_str(&json);
    let snapshot =
        snapshot.map_err(|error| unreachable(url, format!("this is no labeltap: {error}")))?;
    Ok(Seen { json, snapshot })
}

fn unreachable(url: &Url, reason: String) -> StatusError {
    StatusError::Unreachable { url: url.clone(), reason }
}

/// What is at the bottom says it best: `Connection refused`.
fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    if error.is_timeout() { "it takes too long".to_owned() } else { cause.to_string() }
}

/// False when nobody reads what is printed.
fn print(text: &str) -> io::Result<bool> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        written => written.map(|()| true),
    }
}
