//! Every setting, once: its name, where else it is read, what it takes, what it means
//! (contract section 2). A new setting is a new row here and a line in the
//! file of its command.

/// One setting.
#[derive(Debug)]
pub(super) struct Setting {
    /// `bind`: the flag `--bind`.
    pub(super) name: &'static str,
    /// The environment variables, strongest first.
    pub(super) variables: &'static [&'static str],
    /// Takes a value, or is a switch.
    pub(super) takes: Takes,
    /// The text that is read when nothing was given.
    pub(super) default: Option<&'static str>,
    /// What a right value looks like.
    pub(super) allowed: &'static str,
    /// What it does.
    pub(super) help: &'static str,
}

/// The form of a flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    /// `--name VALUE`, shown in the help under this word.
    Value(&'static str),
    /// The same, and its value is shown to nobody.
    Secret(&'static str),
    /// `--name` or `--name=true|false`.
    Switch,
}

const YES_NO: &str = "true, false, yes, no, 1, 0";
const NUMBER: &str = "a whole number from 1";
const SPAN: &str = "a duration above 0 like 500ms, 1s or 2m, at most 30d";

macro_rules! setting {
    ($name:literal $vars:tt $takes:expr, $default:expr, $allowed:expr, $help:literal) => {
        Setting {
            name: $name,
            variables: &$vars,
            takes: $takes,
            default: $default,
            allowed: $allowed,
            help: $help,
        }
    };
}

use Takes::{Secret, Switch, Value};

/// Where a running service is, for whoever asks it.
const URL: Setting = setting!("url" ["LABELTAP_URL"] Value("URL"),
    None, "an http:// or https:// URL",
    "Where the service listens [default: where LABELTAP_BIND says, else http://127.0.0.1:2480]");

/// What it may want to hear.
const PASSWORD: Setting = setting!("password" ["LABELTAP_ADMIN_PASSWORD", "TAP_ADMIN_PASSWORD"] Secret("PASSWORD"),
    None, "a text that is not empty",
    "The password of user admin");

/// The settings of `labeltap run`.
pub(super) const RUN: &[Setting] = &[
    setting!("database-url" ["LABELTAP_DATABASE_URL", "TAP_DATABASE_URL"] Value("URL"),
        Some("sqlite://./labeltap.db"), "sqlite://PATH",
        "Where everything is kept"),
    setting!("bind" ["LABELTAP_BIND", "TAP_BIND"] Value("ADDRESS"),
        Some("127.0.0.1:2480"), "an address and port like 127.0.0.1:2480, [::1]:2480, localhost:2480, or :2480 for every interface",
        "API address; :2480 means every interface"),
    setting!("plc-url" ["LABELTAP_PLC_URL", "TAP_PLC_URL", "ATP_PLC_HOST"] Value("URL"),
        Some("https://plc.directory"), "an http:// or https:// URL",
        "DID PLC directory"),
    setting!("relay-url" ["LABELTAP_RELAY_URL", "TAP_RELAY_URL"] Value("URL"),
        Some("https://relay1.us-east.bsky.network"), "an http://, https://, ws:// or wss:// URL",
        "Firehose host, and where its list of labelers is"),
    setting!("host" ["LABELTAP_HOST"] Value("NAMES"),
        None, "host names without port, separated by commas",
        "Names, separated by commas, under which the API may be reached, besides addresses and localhost"),
    setting!("labelers" ["LABELTAP_LABELERS"] Value("LIST"),
        None, "did:plc or did:web DIDs and handles, separated by commas",
        "DIDs or handles, separated by commas, to track from the start; one removed by the API stays removed"),
    setting!("discover-labelers" ["LABELTAP_DISCOVER_LABELERS", "TAP_DISCOVER_LABELERS"] Switch,
        Some("false"), YES_NO,
        "Find labelers by themselves: on the firehose, the relay's list and the directory's export"),
    setting!("labeler-parallelism" ["LABELTAP_LABELER_PARALLELISM", "TAP_LABELER_PARALLELISM"] Value("N"),
        Some("1000"), "a whole number from 1 to 100000",
        "Most connections to labelers open at once"),
    setting!("key-tables" ["LABELTAP_KEY_TABLES"] Value("SIZE"),
        Some("64MiB"), "a size like 500MiB or 1GiB, or 0",
        "Memory for what makes checking many labels of a labeler cheap; 0 turns it off"),
    setting!("cursor-save-interval" ["LABELTAP_CURSOR_SAVE_INTERVAL", "TAP_CURSOR_SAVE_INTERVAL"] Value("DURATION"),
        Some("1s"), SPAN,
        "How often the cursor of the firehose is saved"),
    setting!("firehose" ["LABELTAP_FIREHOSE"] Value("WHEN"),
        Some("auto"), "auto, on, off",
        "Connect to the relay: auto (only with --discover-labelers), on or off"),
    setting!("no-replay" ["LABELTAP_NO_REPLAY", "TAP_NO_REPLAY"] Switch,
        Some("false"), YES_NO,
        "Start at the firehose head; after that, reconnects resume"),
    setting!("webhook-url" ["LABELTAP_WEBHOOK_URL", "TAP_WEBHOOK_URL"] Secret("URL"),
        None, "an http:// or https:// URL",
        "Deliver the default consumer by POST"),
    setting!("disable-acks" ["LABELTAP_DISABLE_ACKS", "TAP_DISABLE_ACKS"] Switch,
        Some("false"), YES_NO,
        "An event counts as acked once it was written to the socket"),
    setting!("retry-timeout" ["LABELTAP_RETRY_TIMEOUT", "TAP_RETRY_TIMEOUT"] Value("DURATION"),
        Some("60s"), SPAN,
        "An unacked event is sent again after this"),
    setting!("window" ["LABELTAP_WINDOW"] Value("N"),
        Some("1000"), "a whole number from 1 to 100000",
        "Most events in flight per connection"),
    setting!("max-deliveries" ["LABELTAP_MAX_DELIVERIES"] Value("N"),
        None, "a whole number from 1 to 4294967295",
        "After so many, an event is set aside and its lane goes on"),
    setting!("webhook-secret" ["LABELTAP_WEBHOOK_SECRET"] Secret("SECRET"),
        None, "a text that is not empty",
        "Signs webhook bodies"),
    setting!("appview-database-url" ["LABELTAP_APPVIEW_DATABASE_URL"] Secret("URL"),
        None, "postgres://USER:PASSWORD@HOST/DATABASE?schema=SCHEMA, see docs/appview.md",
        "Postgres of an AppView whose label table is kept in step"),
    setting!("min-free-space" ["LABELTAP_MIN_FREE_SPACE"] Value("SIZE"),
        Some("1GiB"), "a size like 500MiB or 1GiB, or 0",
        "Free space below which nothing more is read or accepted; 0 turns it off"),
    setting!("max-labels-per-labeler" ["LABELTAP_MAX_LABELS_PER_LABELER"] Value("N"),
        None, NUMBER,
        "A labeler that has stored so many waits in state over-limit"),
    setting!("retain-superseded" ["LABELTAP_RETAIN_SUPERSEDED"] Value("DURATION"),
        Some("forever"), "forever, or a duration like 12h or 30d",
        "How long labels that no longer apply stay in the log"),
    setting!("admin-password" ["LABELTAP_ADMIN_PASSWORD", "TAP_ADMIN_PASSWORD"] Secret("PASSWORD"),
        None, "a text that is not empty",
        "Basic auth, user admin"),
    setting!("public-xrpc" ["LABELTAP_PUBLIC_XRPC"] Switch,
        Some("false"), YES_NO,
        "/xrpc/ needs no password"),
    setting!("allow-private-hosts" ["LABELTAP_ALLOW_PRIVATE_HOSTS"] Switch,
        Some("false"), YES_NO,
        "Allow private and loopback addresses and plain http, for development"),
    setting!("metrics-listen" ["LABELTAP_METRICS_LISTEN", "TAP_METRICS_LISTEN"] Value("ADDRESS"),
        Some("off"), "off, or an address and port like 127.0.0.1:2490, localhost:2490 or :2490",
        "Separate address for /metrics; without it /metrics is on the API address"),
    setting!("otlp-endpoint" ["LABELTAP_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"] Value("URL"),
        None, "an http:// or https:// URL without user, password and query",
        "Export traces to the OpenTelemetry collector there, by OTLP over HTTP"),
    setting!("progress" ["LABELTAP_PROGRESS"] Switch,
        None, YES_NO,
        "A summary that updates in place [default: on a terminal]"),
    setting!("log-level" ["LABELTAP_LOG_LEVEL", "TAP_LOG_LEVEL", "LOG_LEVEL"] Value("LEVEL"),
        Some("info"), "trace, debug, info, warn, error",
        "How much is logged"),
    setting!("log-format" ["LABELTAP_LOG_FORMAT"] Value("FORMAT"),
        None, "json, text",
        "json, or text, which is the default on a terminal"),
];

/// The settings of `labeltap tail`. Those of one call have no variable: one left over in
/// the environment would only surprise.
pub(super) const TAIL: &[Setting] = &[
    URL,
    PASSWORD,
    setting!("consumer" [] Value("NAME"),
        None, "a name",
        "Read as this consumer instead of the default one"),
    setting!("types" [] Value("LIST"),
        None, "event types, separated by commas",
        "Event types to ask for, separated by commas"),
    setting!("src" [] Value("DIDS"),
        None, "DIDs, separated by commas",
        "Only labels of these labelers, DIDs separated by commas"),
    setting!("val" [] Value("LIST"),
        None, "label values like spam or porn*, separated by commas",
        "Only these values, separated by commas; * at the end stands for anything"),
    setting!("uri" [] Value("LIST"),
        None, "at-uris, DIDs or prefixes ending in *, separated by commas",
        "Only these subjects, separated by commas; * at the end stands for anything"),
    setting!("subject" [] Value("KINDS"),
        None, "account, record, other, separated by commas",
        "Only labels on these kinds of subject: account, record, other"),
    setting!("verdict" [] Value("LIST"),
        None, "verified, verified-old-key, unsigned, bad-signature, foreign-src, unsupported-version, malformed, separated by commas",
        "Only these verdicts, separated by commas"),
    setting!("raw" [] Switch,
        Some("false"), YES_NO,
        "Ask for each label's CBOR as received"),
    setting!("no-ack" [] Switch,
        Some("false"), YES_NO,
        "Print without acking: everything stays owed to the consumer"),
    setting!("count" [] Value("N"),
        None, NUMBER,
        "End after so many events"),
];

/// The settings of `labeltap status`.
pub(super) const STATUS: &[Setting] = &[
    URL,
    PASSWORD,
    setting!("watch" [] Switch,
        Some("false"), YES_NO,
        "Go on, every two seconds, in place on a terminal"),
    setting!("json" [] Switch,
        Some("false"), YES_NO,
        "Print JSON, as GET /status answers it"),
];

/// The settings of `labeltap check`. Those that say what the world looks like are shared
/// with `run`, variables included.
pub(super) const CHECK: &[Setting] = &[
    setting!("json" [] Switch,
        Some("false"), YES_NO,
        "Print one JSON object instead of lines"),
    setting!("plc-url" ["LABELTAP_PLC_URL", "TAP_PLC_URL", "ATP_PLC_HOST"] Value("URL"),
        Some("https://plc.directory"), "an http:// or https:// URL",
        "DID PLC directory"),
    setting!("allow-private-hosts" ["LABELTAP_ALLOW_PRIVATE_HOSTS"] Switch,
        Some("false"), YES_NO,
        "Allow private and loopback addresses and plain http, for development"),
    setting!("sample" [] Value("N"),
        Some("500"), "a whole number from 1 to 100000",
        "How many labels are looked at"),
    setting!("timeout" [] Value("DURATION"),
        Some("15s"), SPAN,
        "How long one step may take: a connection, an answer, reading the sample"),
];

/// The settings of `labeltap export`. The database is that of `run`.
pub(super) const EXPORT: &[Setting] = &[
    setting!("database-url" ["LABELTAP_DATABASE_URL", "TAP_DATABASE_URL"] Value("URL"),
        Some("sqlite://./labeltap.db"), "sqlite://PATH",
        "Where everything is kept; a service may have it open"),
    setting!("format" [] Value("FORMAT"),
        Some("jsonl"), "jsonl, csv, parquet",
        "jsonl (a JSON object per line), csv or parquet"),
    setting!("output" [] Value("PATH"),
        None, "a path, or - for standard output",
        "The file to write, complete or not at all; without it, standard output"),
    setting!("history" [] Switch,
        Some("false"), YES_NO,
        "Everything that was ever said and is still held, not only the labels that apply now"),
    setting!("src" [] Value("DIDS"),
        None, "DIDs, separated by commas",
        "Only labels of these labelers, DIDs separated by commas"),
    setting!("val" [] Value("LIST"),
        None, "label values like spam or porn*, separated by commas",
        "Only these values, separated by commas; * at the end stands for anything"),
    setting!("uri" [] Value("LIST"),
        None, "at-uris, DIDs or prefixes ending in *, separated by commas",
        "Only these subjects, separated by commas; * at the end stands for anything"),
    setting!("subject" [] Value("KINDS"),
        None, "account, record, other, separated by commas",
        "Only labels on these kinds of subject: account, record, other"),
    setting!("verdict" [] Value("LIST"),
        None, "verified, verified-old-key, separated by commas",
        "Only these verdicts: verified, verified-old-key"),
];

/// The settings of `labeltap man`.
pub(super) const MAN: &[Setting] = &[setting!("dir" [] Value("PATH"),
        None, "a folder",
        "Write the page of every command into this folder instead")];

/// The settings of `labeltap stats`. The database is that of `run`.
pub(super) const STATS: &[Setting] = &[
    setting!("database-url" ["LABELTAP_DATABASE_URL", "TAP_DATABASE_URL"] Value("URL"),
        Some("sqlite://./labeltap.db"), "sqlite://PATH",
        "Where everything is kept; a service may have it open"),
    setting!("by" [] Value("HEADING"),
        None, "labeler, value, target, month",
        "Only this table: labeler, value, target or month"),
    setting!("rows" [] Value("N"),
        Some("20"), NUMBER,
        "Print so many rows of a table"),
    setting!("json" [] Switch,
        Some("false"), YES_NO,
        "Print one JSON object for each table, with all rows"),
];
