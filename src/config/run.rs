//! The settings of `labeltap run`.

use super::given::Given;
use super::secret::{Secret, SecretUrl};
use super::usage::UsageError;
use super::values::{self, Bind, LogFormat, LogLevel, Named};
use appview::Target;
use label::Hosts;
use std::path::PathBuf;
use std::time::Duration;
use url::Url;

/// Connections and events that one process could still hold in memory.
const MANY: u64 = 100_000;

/// What the service was asked to do.
#[derive(Debug, Clone)]
pub struct Run {
    /// The SQLite file.
    pub database: PathBuf,
    /// Where the API listens; nowhere only in a program that embeds the service.
    pub bind: Option<Bind>,
    /// Where `/metrics` listens, if apart.
    pub metrics_listen: Option<Bind>,
    /// Names under which the API may be reached, in lower case, without port.
    pub browser_hosts: Vec<String>,
    /// Whether `/xrpc/` wants no password.
    pub public_xrpc: bool,
    /// The password of user `admin`.
    pub admin_password: Option<Secret>,
    /// The PLC directory.
    pub plc_url: Url,
    /// The relay, `http(s)` or `ws(s)`.
    pub relay_url: Url,
    /// Whether labelers that are found are tracked.
    pub discover_labelers: bool,
    /// Whether the firehose is read.
    pub firehose: bool,
    /// How often its cursor is saved.
    pub cursor_save_interval: Duration,
    /// Whether it begins at its present, whatever was saved.
    pub no_replay: bool,
    /// Whether private addresses and plain http are allowed.
    pub allow_private_hosts: bool,
    /// Whom to track from the start.
    pub labelers: Vec<Named>,
    /// Most connections to labelers at once.
    pub labeler_parallelism: usize,
    /// How many labels of one labeler may be stored.
    pub max_labels_per_labeler: Option<u64>,
    /// Bytes that tables of labelers' keys may take; 0: there are none.
    pub key_tables: u64,
    /// Whether writing an event acks it.
    pub disable_acks: bool,
    /// When an unacked event is sent again.
    pub retry_timeout: Duration,
    /// Most events in flight per connection.
    pub window: usize,
    /// After so many deliveries an event is set aside.
    pub max_deliveries: Option<u32>,
    /// Where the default consumer's events are posted.
    pub webhook_url: Option<SecretUrl>,
    /// Signs the bodies of webhooks.
    pub webhook_secret: Option<Secret>,
    /// The database of an AppView whose table is kept in step.
    pub appview: Option<Target>,
    /// Free bytes below which nothing is read or accepted; 0: there is no such limit.
    pub min_free_space: u64,
    /// How long labels that no longer apply are kept; `None`: for ever.
    pub retain_superseded: Option<Duration>,
    /// The collector that gets traces.
    pub otlp_endpoint: Option<SecretUrl>,
    /// How much is logged.
    pub log_level: LogLevel,
    /// How; `None`: text on a terminal, else JSON.
    pub log_format: Option<LogFormat>,
    /// Whether to show a summary that updates in place; `None`: on a terminal.
    pub progress: Option<bool>,
}

impl Run {
    /// Whether to show a summary that updates in place: as asked, or on a terminal.
    #[must_use]
    pub fn shows_progress(&self) -> bool {
        self.progress.unwrap_or_else(crate::status::is_watched)
    }

    pub(super) fn read(given: &Given<'_>) -> Result<Self, UsageError> {
        let allow_private_hosts = given.value("allow-private-hosts", values::yes_no)?;
        let hosts = if allow_private_hosts { Hosts::Private } else { Hosts::Public };
        let discover_labelers = given.value("discover-labelers", values::yes_no)?;
        let firehose = given.value("firehose", values::firehose)?;
        Ok(Self {
            database: given.value("database-url", values::sqlite)?,
            bind: Some(given.value("bind", values::bind)?),
            metrics_listen: given.value("metrics-listen", values::metrics_listen)?,
            public_xrpc: given.value("public-xrpc", values::yes_no)?,
            browser_hosts: given.optional("host", values::names)?.unwrap_or_default(),
            admin_password: given.secret("admin-password")?,
            plc_url: given.value("plc-url", values::web)?,
            relay_url: given.value("relay-url", values::web_or_socket)?,
            discover_labelers,
            firehose: firehose.unwrap_or(discover_labelers),
            cursor_save_interval: given.value("cursor-save-interval", values::span)?,
            no_replay: given.value("no-replay", values::yes_no)?,
            allow_private_hosts,
            labelers: given.optional("labelers", values::labelers(hosts))?.unwrap_or_default(),
            labeler_parallelism: count(given, "labeler-parallelism")?,
            max_labels_per_labeler: given
                .optional("max-labels-per-labeler", values::number(1..=u64::MAX))?,
            key_tables: given.value("key-tables", values::size)?,
            disable_acks: given.value("disable-acks", values::yes_no)?,
            retry_timeout: given.value("retry-timeout", values::span)?,
            window: count(given, "window")?,
            max_deliveries: deliveries(given)?,
            webhook_url: given.optional("webhook-url", values::web)?.map(SecretUrl::new),
            webhook_secret: given.secret("webhook-secret")?,
            appview: given.optional("appview-database-url", values::postgres)?,
            min_free_space: given.value("min-free-space", values::size)?,
            retain_superseded: given.value("retain-superseded", values::retention)?,
            otlp_endpoint: given.optional("otlp-endpoint", values::collector)?.map(SecretUrl::new),
            log_level: given.value("log-level", values::log_level)?,
            log_format: given.optional("log-format", values::log_format)?,
            progress: given.optional("progress", values::yes_no)?,
        })
    }
}

fn count(given: &Given<'_>, name: &str) -> Result<usize, UsageError> {
    let count = given.value(name, values::number(1..=MANY))?;
    Ok(usize::try_from(count).unwrap_or(usize::MAX))
}

fn deliveries(given: &Given<'_>) -> Result<Option<u32>, UsageError> {
    let most = given.optional("max-deliveries", values::number(1..=u32::MAX.into()))?;
    Ok(most.map(|most| u32::try_from(most).unwrap_or(u32::MAX)))
}
