//! Texts to values: what each kind of setting takes.

mod amount;
mod bind;
mod names;

pub use bind::Bind;
pub use names::Named;

pub(super) use amount::{number, retention, size, span};
pub(super) use bind::{bind, metrics_listen};
pub(super) use names::{labelers, list, names};

use appview::Target;
use std::path::PathBuf;
use url::Url;

/// A text that is not what a setting takes.
#[derive(Debug, Default)]
pub(super) struct Wrong {
    /// What to call it, if quoting all of it would not help.
    pub(super) found: Option<String>,
}

impl Wrong {
    pub(super) fn value() -> Self {
        Self::default()
    }

    pub(super) fn called(found: impl Into<String>) -> Self {
        Self { found: Some(found.into()) }
    }
}

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    /// Everything.
    Trace,
    /// What a developer wants.
    Debug,
    /// What an operator wants.
    Info,
    /// Only what may need a look.
    Warn,
    /// Only what needs one.
    Error,
}

impl LogLevel {
    const ALL: [Self; 5] = [Self::Trace, Self::Debug, Self::Info, Self::Warn, Self::Error];

    /// Its name, which `tracing` reads too.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// How it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object per line.
    Json,
    /// For people.
    Text,
}

/// Names as others write them too: `INFO`, `warning`.
pub(super) fn log_level(text: &str) -> Result<LogLevel, Wrong> {
    let name = text.to_ascii_lowercase();
    let name = if name == "warning" { "warn" } else { &name };
    LogLevel::ALL.into_iter().find(|level| level.as_str() == name).ok_or_else(Wrong::value)
}

pub(super) fn log_format(text: &str) -> Result<LogFormat, Wrong> {
    match text {
        "json" => Ok(LogFormat::Json),
        "text" => Ok(LogFormat::Text),
        _ => Err(Wrong::value()),
    }
}

pub(super) fn yes_no(text: &str) -> Result<bool, Wrong> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "1" => Ok(true),
        "false" | "no" | "0" => Ok(false),
        _ => Err(Wrong::value()),
    }
}

/// `sqlite://` and a path. Refused is what SQLite would not take as a plain file.
pub(super) fn sqlite(text: &str) -> Result<PathBuf, Wrong> {
    if text.starts_with("postgres://") || text.starts_with("postgresql://") {
        return Err(Wrong::called("a Postgres URL, which this version cannot use yet"));
    }
    let path = text.strip_prefix("sqlite://").ok_or_else(Wrong::value)?;
    let in_memory = path.contains(":memory:") || path.starts_with("file:");
    if path.is_empty() || path.ends_with('/') || path.contains(['?', '\0']) || in_memory {
        return Err(Wrong::value());
    }
    Ok(PathBuf::from(path))
}

/// An http or https URL of a host.
pub(super) fn web(text: &str) -> Result<Url, Wrong> {
    url(text, &["http", "https"])
}

/// Where a collector of traces listens. User, password and query would get lost on the way there.
pub(super) fn collector(text: &str) -> Result<Url, Wrong> {
    let url = web(text)?;
    let plain = url.username().is_empty() && url.password().is_none() && url.query().is_none();
    plain.then_some(url).ok_or_else(Wrong::value)
}

/// http, https, ws or wss.
pub(super) fn web_or_socket(text: &str) -> Result<Url, Wrong> {
    url(text, &["http", "https", "ws", "wss"])
}

/// The URL of an AppView's database. What is wrong with one is said without its password.
pub(super) fn postgres(text: &str) -> Result<Target, Wrong> {
    Target::read(text).map_err(|why| Wrong::called(format!("a URL of which {why}")))
}

fn url(text: &str, schemes: &[&str]) -> Result<Url, Wrong> {
    let url = Url::parse(text).map_err(|_| Wrong::value())?;
    let right = schemes.contains(&url.scheme()) && url.has_host();
    if right { Ok(url) } else { Err(Wrong::value()) }
}

/// The name of a format that labels are exported in.
pub(super) fn export_format(text: &str) -> Result<export::Format, Wrong> {
    export::Format::from_name(text).ok_or_else(Wrong::value)
}

/// A path; `-`, which is `None`, stands for standard output.
pub(super) fn output(text: &str) -> Result<Option<PathBuf>, Wrong> {
    match text {
        "" => Err(Wrong::value()),
        "-" => Ok(None),
        path => Ok(Some(PathBuf::from(path))),
    }
}

/// The name of a table.
pub(super) fn by(text: &str) -> Result<tally::By, Wrong> {
    tally::By::from_name(text).ok_or_else(Wrong::value)
}

/// A text that is not empty.
pub(super) fn text(text: &str) -> Result<String, Wrong> {
    if text.is_empty() { Err(Wrong::value()) } else { Ok(text.to_owned()) }
}

/// `auto` (none), `on` or `off`.
pub(super) fn firehose(text: &str) -> Result<Option<bool>, Wrong> {
    match text {
        "auto" => Ok(None),
        "on" => Ok(Some(true)),
        "off" => Ok(Some(false)),
        _ => Err(Wrong::value()),
    }
}
