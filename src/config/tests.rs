use super::*;
use std::collections::HashSet;

const A: &str = "did:plc:ar7c4by46qjdydhdevvrndac";

fn call(args: &[&str], vars: &[(&str, &str)]) -> Result<Command, UsageError> {
    let args = std::iter::once("labeltap").chain(args.iter().copied()).map(OsString::from);
    let var = |name: &str| vars.iter().find(|(key, _)| *key == name).map(|(_, v)| (*v).into());
    parse(args, &var)
}

fn run(args: &[&str], vars: &[(&str, &str)]) -> Result<Run, UsageError> {
    let args: Vec<&str> = std::iter::once("run").chain(args.iter().copied()).collect();
    match call(&args, vars)? {
        Command::Run(run) => Ok(*run),
        other => panic!("{other:?}"),
    }
}

fn tail(args: &[&str], vars: &[(&str, &str)]) -> Result<Tail, UsageError> {
    let args: Vec<&str> = std::iter::once("tail").chain(args.iter().copied()).collect();
    match call(&args, vars)? {
        Command::Tail(tail) => Ok(tail),
        other => panic!("{other:?}"),
    }
}

/// One setting: how it shows in a [`Run`], its default, two right values with what becomes
/// of them, and a wrong one.
struct Row {
    name: &'static str,
    show: fn(&Run) -> String,
    default: &'static str,
    one: (&'static str, &'static str),
    two: (&'static str, &'static str),
    wrong: &'static str,
}

macro_rules! row {
    ($name:literal, $show:expr, $default:literal, $one:expr, $two:expr, $wrong:literal) => {
        Row { name: $name, show: $show, default: $default, one: $one, two: $two, wrong: $wrong }
    };
}

fn labelers(run: &Run) -> String {
    let name = |named: &Named| match named {
        Named::Did(did) => did.to_string(),
        Named::Handle(handle) => handle.clone(),
    };
    run.labelers.iter().map(name).collect::<Vec<_>>().join(" ")
}

const ROWS: &[Row] = &[
    row!(
        "database-url",
        |r| r.database.display().to_string(),
        "./labeltap.db",
        ("sqlite:///data/x.db", "/data/x.db"),
        ("sqlite://y.db", "y.db"),
        "y.db"
    ),
    row!(
        "bind",
        |r| r.bind.unwrap().to_string(),
        "127.0.0.1:2480",
        (":80", ":80"),
        ("localhost:1", "127.0.0.1:1"),
        "2480"
    ),
    row!(
        "plc-url",
        |r| r.plc_url.to_string(),
        "https://plc.directory/",
        ("http://127.0.0.1:1", "http://127.0.0.1:1/"),
        ("https://p.example", "https://p.example/"),
        "ws://p.example"
    ),
    row!(
        "relay-url",
        |r| r.relay_url.to_string(),
        "https://relay1.us-east.bsky.network/",
        ("wss://r.example", "wss://r.example/"),
        ("http://r.example:1", "http://r.example:1/"),
        "r.example"
    ),
    row!(
        "host",
        |r| r.browser_hosts.join(" "),
        "",
        ("A.example, b,", "a.example b"),
        ("c", "c"),
        "a.example:80"
    ),
    row!(
        "labelers",
        labelers,
        "",
        (
            "did:plc:ar7c4by46qjdydhdevvrndac,Mod.Example.com",
            "did:plc:ar7c4by46qjdydhdevvrndac mod.example.com"
        ),
        ("a.example.com", "a.example.com"),
        "did:plc:short"
    ),
    row!(
        "discover-labelers",
        |r| r.discover_labelers.to_string(),
        "false",
        ("true", "true"),
        ("no", "false"),
        "maybe"
    ),
    row!(
        "labeler-parallelism",
        |r| r.labeler_parallelism.to_string(),
        "1000",
        ("1", "1"),
        ("100000", "100000"),
        "0"
    ),
    row!(
        "key-tables",
        |r| r.key_tables.to_string(),
        "67108864",
        ("128MiB", "134217728"),
        ("0", "0"),
        "64"
    ),
    row!(
        "cursor-save-interval",
        |r| format!("{:?}", r.cursor_save_interval),
        "1s",
        ("2s", "2s"),
        ("500ms", "500ms"),
        "5"
    ),
    row!("firehose", |r| r.firehose.to_string(), "false", ("on", "true"), ("off", "false"), "yes"),
    row!("no-replay", |r| r.no_replay.to_string(), "false", ("true", "true"), ("0", "false"), "2"),
    row!(
        "webhook-url",
        |r| r.webhook_url.as_ref().map_or(String::new(), |url| url.reveal().to_string()),
        "",
        ("https://u:p@h.example", "https://u:p@h.example/"),
        ("http://h", "http://h/"),
        "ftp://h"
    ),
    row!(
        "disable-acks",
        |r| r.disable_acks.to_string(),
        "false",
        ("YES", "true"),
        ("0", "false"),
        "on"
    ),
    row!(
        "retry-timeout",
        |r| format!("{:?}", r.retry_timeout),
        "60s",
        ("500ms", "500ms"),
        ("2m", "120s"),
        "60"
    ),
    row!("window", |r| r.window.to_string(), "1000", ("1", "1"), ("7", "7"), "-7"),
    row!(
        "max-deliveries",
        |r| format!("{:?}", r.max_deliveries),
        "None",
        ("3", "Some(3)"),
        ("1", "Some(1)"),
        "0"
    ),
    row!(
        "webhook-secret",
        |r| r.webhook_secret.as_ref().map_or(String::new(), |s| s.reveal().into()),
        "",
        ("s", "s"),
        ("-t", "-t"),
        ""
    ),
    row!(
        "appview-database-url",
        |r| r.appview.as_ref().map_or(String::new(), ToString::to_string),
        "",
        ("postgres://u:p@h:1/d?schema=s", "h:1/d"),
        ("postgresql://h", "h:5432/"),
        "mysql://h"
    ),
    row!(
        "min-free-space",
        |r| r.min_free_space.to_string(),
        "1073741824",
        ("2GiB", "2147483648"),
        ("0", "0"),
        "1024"
    ),
    row!(
        "max-labels-per-labeler",
        |r| format!("{:?}", r.max_labels_per_labeler),
        "None",
        ("9", "Some(9)"),
        ("1", "Some(1)"),
        "1e6"
    ),
    row!(
        "retain-superseded",
        |r| format!("{:?}", r.retain_superseded),
        "None",
        ("12h", "Some(43200s)"),
        ("forever", "None"),
        "ever"
    ),
    row!(
        "admin-password",
        |r| r.admin_password.as_ref().map_or(String::new(), |p| p.reveal().into()),
        "",
        ("pa ss", "pa ss"),
        ("-dash", "-dash"),
        ""
    ),
    row!(
        "public-xrpc",
        |r| r.public_xrpc.to_string(),
        "false",
        ("1", "true"),
        ("False", "false"),
        "t"
    ),
    row!(
        "allow-private-hosts",
        |r| r.allow_private_hosts.to_string(),
        "false",
        ("true", "true"),
        ("no", "false"),
        "y"
    ),
    row!(
        "metrics-listen",
        |r| r.metrics_listen.map_or(String::new(), |b| b.to_string()),
        "",
        (":9", ":9"),
        ("off", ""),
        "9"
    ),
    row!(
        "otlp-endpoint",
        |r| r.otlp_endpoint.as_ref().map_or(String::new(), |url| url.reveal().to_string()),
        "",
        ("http://c:4318", "http://c:4318/"),
        ("https://c/otlp", "https://c/otlp"),
        "grpc://c"
    ),
    row!(
        "progress",
        |r| r.progress.map_or(String::new(), |shown| shown.to_string()),
        "",
        ("true", "true"),
        ("false", "false"),
        "auto"
    ),
    row!(
        "log-level",
        |r| r.log_level.as_str().into(),
        "info",
        ("DEBUG", "debug"),
        ("warning", "warn"),
        "loud"
    ),
    row!(
        "log-format",
        |r| format!("{:?}", r.log_format),
        "None",
        ("json", "Some(Json)"),
        ("text", "Some(Text)"),
        "xml"
    ),
];

fn variables(name: &str) -> &'static [&'static str] {
    table::RUN.iter().find(|setting| setting.name == name).unwrap().variables
}

fn flag(name: &str, value: &str) -> String {
    format!("--{name}={value}")
}

#[test]
fn every_setting_is_tested() {
    let rows: Vec<&str> = ROWS.iter().map(|row| row.name).collect();
    let settings: Vec<&str> = table::RUN.iter().map(|setting| setting.name).collect();
    assert_eq!(rows, settings);
}

#[test]
fn every_setting_has_its_own_variable_first() {
    let mut seen = HashSet::new();
    for setting in table::RUN {
        let name = format!("LABELTAP_{}", setting.name.to_uppercase().replace('-', "_"));
        assert_eq!(setting.variables[0], name);
        assert!(setting.variables.iter().all(|name| seen.insert(*name)), "{name}");
    }
}

#[test]
fn a_flag_wins_over_variables_and_an_earlier_variable_over_a_later() {
    for row in ROWS {
        let shown = |args: &[&str], vars: &[(&str, &str)]| (row.show)(&run(args, vars).unwrap());
        assert_eq!(shown(&[], &[]), row.default, "{}", row.name);
        let one = flag(row.name, row.one.0);
        assert_eq!(shown(&[&one], &[]), row.one.1, "{}", row.name);
        for variable in variables(row.name) {
            let given = (*variable, row.two.0);
            assert_eq!(shown(&[], &[given]), row.two.1, "{variable}");
            assert_eq!(shown(&[], &[(*variable, row.one.0)]), row.one.1, "{variable}");
            assert_eq!(shown(&[], &[(*variable, "")]), row.default, "{variable}");
            assert_eq!(shown(&[&one], &[given]), row.one.1, "{variable}");
            assert_eq!(shown(&[&one], &[(*variable, "\u{1}wrong")]), row.one.1, "{variable}");
        }
        for pair in variables(row.name).windows(2) {
            let both = [(pair[1], row.one.0), (pair[0], row.two.0)];
            assert_eq!(shown(&[], &both), row.two.1, "{pair:?}");
            let first_empty = [(pair[1], row.one.0), (pair[0], "")];
            assert_eq!(shown(&[], &first_empty), row.one.1, "{pair:?}");
        }
    }
}

#[test]
fn a_wrong_value_is_told_in_one_line_with_its_place_and_what_is_allowed() {
    for row in ROWS {
        let setting = table::RUN.iter().find(|setting| setting.name == row.name).unwrap();
        let check = |error: UsageError, place: &str| {
            let line = error.to_string();
            assert!(line.starts_with(place), "{line}");
            assert!(line.contains(setting.allowed), "{line}");
            assert!(!line.contains(char::is_control), "{line}");
            let hidden = matches!(setting.takes, table::Takes::Secret(_)) || row.wrong.is_empty();
            assert_eq!(line.contains(&format!("{:?}", row.wrong)), !hidden, "{line}");
        };
        let wrong = run(&[&flag(row.name, row.wrong)], &[]).unwrap_err();
        check(wrong, &format!("--{}: ", row.name));
        for variable in variables(row.name).iter().filter(|_| !row.wrong.is_empty()) {
            let wrong = run(&[], &[(variable, row.wrong)]).unwrap_err();
            check(wrong, &format!("{variable} (for --{}): ", row.name));
        }
    }
}

#[test]
fn what_is_wrong_with_a_database_is_said_without_its_password() {
    let secret = "postgres://u:hush@h/db?pool_size=3";
    let wrong = run(&[], &[("LABELTAP_APPVIEW_DATABASE_URL", secret)]).unwrap_err().to_string();
    assert!(wrong.contains("pool_size") && !wrong.contains("hush"), "{wrong}");
    let right = run(&["--appview-database-url=postgres://u:hush@h/db"], &[]).unwrap();
    assert!(!format!("{right:?}").contains("hush"));
}

#[test]
fn the_firehose_is_read_by_itself_only_to_find_labelers() {
    for (args, expected) in [
        (vec!["--discover-labelers"], true),
        (vec!["--discover-labelers", "--firehose=auto"], true),
        (vec!["--discover-labelers", "--firehose=off"], false),
        (vec!["--firehose=auto"], false),
        (vec!["--firehose=on"], true),
    ] {
        assert_eq!(run(&args, &[]).unwrap().firehose, expected, "{args:?}");
    }
}

#[test]
fn switches_need_no_value() {
    assert!(run(&["--disable-acks"], &[]).unwrap().disable_acks);
    assert!(run(&["--disable-acks", "--allow-private-hosts"], &[]).unwrap().allow_private_hosts);
    assert!(!run(&["--disable-acks=false"], &[("TAP_DISABLE_ACKS", "1")]).unwrap().disable_acks);
    assert!(run(&["--disable-acks", "false"], &[]).is_err());
}

#[test]
fn labelers_with_a_port_need_private_hosts() {
    let list = ["--labelers", "did:web:localhost%3A80,did:web:localhost%3A80"];
    assert!(run(&list, &[]).unwrap_err().to_string().contains("did:web:localhost%3A80"));
    let allowed = run(&[list[0], list[1], "--allow-private-hosts"], &[]).unwrap();
    assert_eq!(allowed.labelers.len(), 1);
    for wrong in ["nodots", "@mod.example.com", "did:key:z6Mk", "https://a.example.com", "a b.com"]
    {
        let list = format!("{A},{wrong}");
        let line = run(&["--labelers", &list], &[]).unwrap_err().to_string();
        assert!(line.contains(&format!("found {wrong:?}")), "{line}");
    }
}

#[test]
fn databases_that_are_no_plain_file_are_refused() {
    for url in [
        "postgres://u:hush@h/d",
        "postgresql://h/d",
        "mysql://u:hush@h/d",
        "sqlite:x.db",
        "sqlite://",
        "sqlite://:memory:",
        "sqlite://file:x",
        "sqlite://x.db?mode=ro",
        "sqlite://dir/",
        "sqlite",
    ] {
        let line = run(&["--database-url", url], &[]).unwrap_err().to_string();
        assert!(line.contains("sqlite://PATH") && !line.contains("hush"), "{line}");
    }
    let line = run(&[], &[("TAP_DATABASE_URL", "postgres://h/d")]).unwrap_err().to_string();
    assert!(line.starts_with("TAP_DATABASE_URL") && line.contains("Postgres"), "{line}");
}

#[test]
fn a_password_shows_nowhere() {
    let hush = "hush hush";
    let vars =
        [("TAP_ADMIN_PASSWORD", hush), ("LABELTAP_WEBHOOK_SECRET", hush), ("LABELTAP_URL", hush)];
    assert!(!format!("{:?}", run(&[], &vars).unwrap()).contains("hush"));
    assert!(!format!("{:?}", tail(&["--url", "http://h"], &vars).unwrap()).contains("hush"));
    for url in ["hush://u:hush@h", "ws://hush@h", "http://u:hush@hush:99999"] {
        let line = run(&["--plc-url", url], &[]).unwrap_err().to_string();
        assert!(!line.contains(":hush@"), "{line}");
    }
}

#[test]
fn every_mistake_of_form_is_one_line() {
    for (args, part) in [
        (vec![], "run, status, tail, check, export, stats, completions, man"),
        (vec!["walk"], "\"walk\""),
        (vec!["check"], "check: found no labeler"),
        (vec!["check", "nodots"], "check: found \"nodots\""),
        (vec!["check", "did:key:z6Mk"], "did:key:z6Mk"),
        (vec!["check", "a.example.com", "b.example.com"], "b.example.com"),
        (vec!["check", "a.example.com", "--sample=0"], "--sample"),
        (vec!["--bind", ":1"], "--bind"),
        (vec!["run", "--bnd", ":1"], "--bnd"),
        (vec!["run", "--bnd=x"], "--bind"),
        (vec!["run", "stray"], "stray"),
        (vec!["run", "-x"], "-x"),
        (vec!["run", "--bind"], "--bind: found no value"),
        (vec!["run", "--bind", "--window=1"], "--bind: found no value"),
        (vec!["run", "--bind=:1", "--bind=:2"], "--bind: found it more than once"),
        (vec!["run", "--bind", ":1\n:2"], r#"":1\n:2""#),
        (vec!["run", "--a\nb"], "--a"),
        (vec!["completions"], "completions: found no shell, allowed: bash, zsh"),
        (vec!["completions", "tcsh"], "completions: found \"tcsh\", allowed: bash, zsh"),
        (vec!["man", "--dir="], "--dir: found nothing, allowed: a folder"),
        (vec!["tail", "--count=0"], "--count"),
        (vec!["tail", "--bind=:1"], "--bind"),
        (vec!["tail", "--url=ws://h"], "--url"),
    ] {
        let line = call(&args, &[]).unwrap_err().to_string();
        assert!(line.contains(part), "{args:?}: {line}");
        assert!(!line.contains('\n') && !line.is_empty(), "{args:?}: {line}");
    }
}

#[test]
fn what_is_no_text_is_refused() {
    use std::os::unix::ffi::OsStringExt as _;
    let bad = || OsString::from_vec(vec![b'x', 0xff]);
    let args = ["labeltap", "run"].map(OsString::from);
    let line = parse(args.clone(), &|name| (name == "TAP_BIND").then(bad)).unwrap_err();
    assert!(line.to_string().starts_with("TAP_BIND"), "{line}");
    let line = parse(args.into_iter().chain([bad()]), &|_| None).unwrap_err().to_string();
    assert!(!line.contains('\n'), "{line}");
}

#[test]
fn help_names_every_flag_and_variable() {
    let shown = |args: &[&str]| match call(args, &[]).unwrap() {
        Command::Show(text) => text,
        other => panic!("{other:?}"),
    };
    let help = shown(&["run", "--help"]).split_whitespace().collect::<Vec<_>>().join(" ");
    for setting in table::RUN {
        assert!(help.contains(&format!("--{}", setting.name)), "{}", setting.name);
        assert!(setting.variables.iter().all(|name| help.contains(name)), "{}", setting.name);
    }
    assert!(shown(&["--help"]).contains("tail"));
    assert!(shown(&["tail", "-h"]).contains("--no-ack"));
    assert!(shown(&["--help"]).contains("check"));
    assert!(shown(&["check", "--help"]).contains("DID|HANDLE|URL"));
    assert_eq!(shown(&["--version"]).trim(), concat!("labeltap ", env!("CARGO_PKG_VERSION")));
}

#[test]
fn tail_asks_for_what_it_was_told() {
    let plain = tail(&[], &[]).unwrap();
    assert_eq!(plain.url.as_str(), "http://127.0.0.1:2480/");
    assert!(plain.query.is_empty() && plain.ack && plain.count.is_none());
    let args = ["--consumer=a", "--types", "label,labeler", "--raw", "--no-ack", "--count", "3"];
    let told = tail(&args, &[("LABELTAP_ADMIN_PASSWORD", "pw")]).unwrap();
    let query: Vec<String> = told.query.iter().map(|(k, v)| format!("{k}={v}")).collect();
    assert_eq!(query.join("&"), "consumer=a&types=label,labeler&raw=true");
    assert_eq!((told.ack, told.count), (false, Some(3)));
    assert_eq!(told.password.unwrap().reveal(), "pw");
    let flag = tail(&["--password", "flag"], &[("LABELTAP_ADMIN_PASSWORD", "pw")]).unwrap();
    assert_eq!(flag.password.unwrap().reveal(), "flag");
}

#[test]
fn tail_narrows_what_it_is_sent() {
    let args = ["--src", "did:plc:a, did:web:b", "--val=spam,porn*,spam", "--uri", "at://*"];
    let more = ["--subject=account,record", "--verdict", "verified,bad-signature"];
    let told = tail(&[args.as_slice(), &more].concat(), &[]).unwrap();
    let query: Vec<String> = told.query.iter().map(|(k, v)| format!("{k}={v}")).collect();
    assert_eq!(
        query.join("&"),
        "src=did:plc:a,did:web:b&val=spam,porn*&uri=at://*&subject=account,record\
         &verdict=verified,bad-signature"
    );
    for (arg, shown) in [
        ("--src=a.handle.test", r#"found "a.handle.test""#),
        ("--subject=account,post", r#"found "post""#),
        ("--verdict=good", r#"found "good""#),
        ("--val=,", r#"found ",""#),
        ("--uri=", "found nothing"),
    ] {
        let line = tail(&[arg], &[]).unwrap_err().to_string();
        assert!(line.contains(shown), "{arg}: {line}");
    }
}

#[test]
fn check_takes_three_kinds_of_names_and_a_few_limits() {
    let check = |args: &[&str]| match call(args, &[("ATP_PLC_HOST", "http://plc.example")]) {
        Ok(Command::Check(check)) => check,
        other => panic!("{other:?}"),
    };
    let plain = check(&["check", "@Mod.example.com"]);
    assert_eq!((plain.subject.to_string().as_str(), plain.sample), ("mod.example.com", 500));
    assert_eq!(plain.plc_url.as_str(), "http://plc.example/");
    assert!(!plain.json && !plain.allow_private_hosts);
    let told = check(&["check", "--json", "--sample", "7", "--timeout=3s", "https://l.example/"]);
    assert_eq!(told.subject.to_string(), "https://l.example");
    assert!(told.json);
    assert_eq!((told.sample, told.timeout), (7, std::time::Duration::from_secs(3)));
    let local = "did:web:localhost%3A80";
    assert!(call(&["check", local], &[]).is_err());
    assert_eq!(check(&["check", local, "--allow-private-hosts"]).subject.to_string(), local);
}
