//! The settings of a service within another program. Each is turned into the text that an
//! operator would write and read by the same rules, so that defaults, limits and what is said
//! of a wrong value are in one place. Neither arguments nor environment are read.

use super::given::{Given, Texts};
use super::run::Run;
use super::table;
use super::usage::UsageError;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

/// Settings of a service that is about to be started, made by
/// [`Service::builder`](crate::Service::builder). What is not set is as `labeltap run --help`
/// says. A wrong value is reported by [`start`](Builder::start).
#[derive(Clone, Default)]
#[must_use = "nothing runs before `start`"]
pub struct Builder {
    texts: Texts,
    without_http: bool,
    /// What cannot be written as a text.
    wrong: Option<UsageError>,
}

impl Builder {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// The SQLite file, made when it is not there. One service at a time may have it.
    pub fn database(mut self, path: impl AsRef<Path>) -> Self {
        match path.as_ref().to_str() {
            Some(path) => return self.with("database-url", format!("sqlite://{path}")),
            None => {
                let wrong = UsageError::wrong("database-url", "a path that is no text", "UTF-8");
                self.wrong.get_or_insert(wrong);
            }
        }
        self
    }

    /// Where the HTTP API listens; port 0 takes a free one, which
    /// [`Running::address`](crate::Running::address) tells.
    pub fn bind(mut self, address: SocketAddr) -> Self {
        self.without_http = false;
        self.with("bind", address)
    }

    /// No HTTP API at all: neither `/channel`, nor `/metrics`, nor anything else listens, unless
    /// [`metrics_listen`](Self::metrics_listen) says so.
    pub fn without_http(mut self) -> Self {
        self.without_http = true;
        self
    }

    /// Another address for `/metrics`.
    pub fn metrics_listen(self, address: SocketAddr) -> Self {
        self.with("metrics-listen", address)
    }

    /// Names, besides addresses and `localhost`, under which the API may be reached.
    pub fn hosts(self, names: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        self.with_list("host", names)
    }

    /// The password of user `admin`, without which the API lets everybody in who reaches it.
    pub fn password(self, password: impl Into<String>) -> Self {
        self.with("admin-password", password.into())
    }

    /// Whether `/xrpc/` wants no password.
    pub fn public_xrpc(self, yes: bool) -> Self {
        self.with("public-xrpc", yes)
    }

    /// The PLC directory: an `http://` or `https://` URL.
    pub fn plc_url(self, url: impl AsRef<str>) -> Self {
        self.with("plc-url", url.as_ref())
    }

    /// The relay: an `http(s)://` or `ws(s)://` URL.
    pub fn relay_url(self, url: impl AsRef<str>) -> Self {
        self.with("relay-url", url.as_ref())
    }

    /// DIDs and handles to follow from the start. One that was removed stays removed.
    pub fn labelers(self, names: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        self.with_list("labelers", names)
    }

    /// Whether labelers are found by themselves.
    pub fn discover(self, yes: bool) -> Self {
        self.with("discover-labelers", yes)
    }

    /// Whether the relay's firehose is read; if this is not said: only with
    /// [`discover`](Self::discover).
    pub fn firehose(self, yes: bool) -> Self {
        self.with("firehose", if yes { "on" } else { "off" })
    }

    /// How often the firehose's cursor is saved.
    pub fn cursor_save_interval(self, every: Duration) -> Self {
        self.with_span("cursor-save-interval", every)
    }

    /// Whether the firehose begins at its present, whatever was saved.
    pub fn no_replay(self, yes: bool) -> Self {
        self.with("no-replay", yes)
    }

    /// Whether private and loopback addresses and plain http are allowed, for development.
    pub fn allow_private_hosts(self, yes: bool) -> Self {
        self.with("allow-private-hosts", yes)
    }

    /// Most connections to labelers at once.
    pub fn labeler_parallelism(self, most: usize) -> Self {
        self.with("labeler-parallelism", most)
    }

    /// How many labels of one labeler may be stored.
    pub fn max_labels_per_labeler(self, most: u64) -> Self {
        self.with("max-labels-per-labeler", most)
    }

    /// Bytes that tables of labelers' keys may take; 0: there are none.
    pub fn key_tables(self, bytes: u64) -> Self {
        self.with_size("key-tables", bytes)
    }

    /// Whether an event counts as acked once it was written to a socket or taken from a stream.
    pub fn disable_acks(self, yes: bool) -> Self {
        self.with("disable-acks", yes)
    }

    /// After how long an unacked event is sent again.
    pub fn retry_timeout(self, after: Duration) -> Self {
        self.with_span("retry-timeout", after)
    }

    /// Most events that one connection or stream may have without having acked them.
    pub fn window(self, most: usize) -> Self {
        self.with("window", most)
    }

    /// After how many deliveries an event is set aside.
    pub fn max_deliveries(self, most: u32) -> Self {
        self.with("max-deliveries", most)
    }

    /// Where the default consumer's events are posted. Nobody else can read as that consumer
    /// then.
    pub fn webhook_url(self, url: impl AsRef<str>) -> Self {
        self.with("webhook-url", url.as_ref())
    }

    /// What the bodies of webhooks are signed with.
    pub fn webhook_secret(self, secret: impl Into<String>) -> Self {
        self.with("webhook-secret", secret.into())
    }

    /// The Postgres of an AppView whose `label` table is kept in step, see `docs/appview.md`.
    pub fn appview_database_url(self, url: impl AsRef<str>) -> Self {
        self.with("appview-database-url", url.as_ref())
    }

    /// Free bytes on the disk below which nothing more is read or accepted; 0: no such limit.
    pub fn min_free_space(self, bytes: u64) -> Self {
        self.with_size("min-free-space", bytes)
    }

    /// How long labels that no longer apply are kept. If this is not said: for ever.
    pub fn retain_superseded(self, kept: Duration) -> Self {
        self.with_span("retain-superseded", kept)
    }

    /// All of them, read.
    ///
    /// # Errors
    /// The first that is wrong.
    pub(crate) fn read(self) -> Result<Run, UsageError> {
        if let Some(wrong) = self.wrong {
            return Err(wrong);
        }
        let mut run = Run::read(&Given::by_program(table::RUN, &self.texts))?;
        run.bind = run.bind.filter(|_| !self.without_http);
        Ok(run)
    }

    fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.texts.insert(name, value.to_string());
        self
    }

    fn with_list(
        self,
        name: &'static str,
        items: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Self {
        let items: Vec<String> = items.into_iter().map(|item| item.as_ref().to_owned()).collect();
        // They are separated by commas from here on.
        if let Some(wrong) = items.iter().find(|item| item.is_empty() || item.contains(',')) {
            let found = format!("{wrong:?}");
            let wrong = UsageError::wrong(name, &found, "items that are not empty, without commas");
            let mut settings = self;
            settings.wrong.get_or_insert(wrong);
            return settings;
        }
        self.with(name, items.join(","))
    }

    /// To the nanosecond, as the durations of settings are read.
    fn with_span(self, name: &'static str, span: Duration) -> Self {
        self.with(name, format!("{}.{:09}s", span.as_secs(), span.subsec_nanos()))
    }

    fn with_size(self, name: &'static str, bytes: u64) -> Self {
        self.with(name, if bytes == 0 { "0".to_owned() } else { format!("{bytes}b") })
    }
}

impl std::fmt::Debug for Builder {
    /// Without what is secret: which settings were given.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder")
            .field("given", &self.texts.keys().collect::<Vec<_>>())
            .field("without_http", &self.without_http)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_set_is_as_the_table_says() {
        let run = Builder::new().read().unwrap();
        let flags = super::super::parse(["labeltap", "run"].map(Into::into), &|_| None).unwrap();
        let super::super::Command::Run(same) = flags else { panic!("{flags:?}") };
        assert_eq!(format!("{run:?}"), format!("{same:?}"));
    }

    #[test]
    fn values_arrive_as_they_were_given() {
        let run = Builder::new()
            .database("/tmp/with space/x.db")
            .without_http()
            .retry_timeout(Duration::from_nanos(1_500_000_001))
            .retain_superseded(Duration::from_millis(2))
            .window(7)
            .min_free_space(12_345)
            .key_tables(0)
            .labelers(["did:plc:ar7c4by46qjdydhdevvrndac", "Mod.Test"])
            .password("-p,w ")
            .firehose(true)
            .read()
            .unwrap();
        assert_eq!(run.database, Path::new("/tmp/with space/x.db"));
        assert_eq!(run.bind, None);
        assert_eq!(run.retry_timeout, Duration::from_nanos(1_500_000_001));
        assert_eq!(run.retain_superseded, Some(Duration::from_millis(2)));
        assert_eq!((run.window, run.min_free_space, run.key_tables), (7, 12_345, 0));
        assert_eq!(run.labelers.len(), 2);
        assert_eq!(run.admin_password.unwrap().reveal(), "-p,w ");
        assert!(run.firehose && !run.discover_labelers);
    }

    #[test]
    fn what_no_operator_may_set_nobody_may() {
        for (builder, name) in [
            (Builder::new().window(0), "window: "),
            (Builder::new().retry_timeout(Duration::ZERO), "retry-timeout: "),
            (Builder::new().plc_url("ftp://plc.test"), "plc-url: "),
            (Builder::new().labelers(["did:plc:short"]), "labelers: "),
            (Builder::new().password(""), "admin-password: "),
            (Builder::new().database("a?mode=memory"), "database-url: "),
        ] {
            let wrong = builder.read().unwrap_err().to_string();
            assert!(wrong.starts_with(name), "{wrong}");
        }
    }

    #[test]
    fn secrets_are_not_printed() {
        let builder = Builder::new().password("hush-hush").webhook_secret("hush-hush");
        assert!(!format!("{builder:?}").contains("hush"));
    }
}
