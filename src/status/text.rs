//! A snapshot in a few lines, for people. Pure.

use pulse::{Backfill, Consumer, Firehose, Snapshot, Troubled};
use std::time::Duration;

/// How many of a kind there is room for.
const BACKFILLS: usize = 5;
const TROUBLED: usize = 5;
const CONSUMERS: usize = 3;

/// One line.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Line {
    /// Words.
    Plain(String),
    /// Words, and how much of something is done: 0 to 1.
    Bar(String, f64),
}

/// What there is to say, the most important first.
pub(crate) fn lines(snapshot: &Snapshot) -> Vec<Line> {
    let mut lines =
        vec![plain("labels", &stored(snapshot)), plain("labelers", &labelers(snapshot))];
    if let Some(refusal) = &snapshot.store.refusal {
        lines.push(plain("STOPPED", &format!("nothing more is accepted: {refusal}")));
    }
    for backfill in snapshot.backfills.iter().take(BACKFILLS) {
        let text = headed("reading", &reading(backfill));
        let done = backfill.head.filter(|head| *head > 0);
        lines.push(match done {
            Some(head) => Line::Bar(text, backfill.cursor as f64 / head as f64),
            None => Line::Plain(text),
        });
    }
    lines.extend(more("reading", snapshot.backfilling, BACKFILLS));
    lines
        .extend(snapshot.troubled.iter().take(TROUBLED).map(|one| plain("trouble", &trouble(one))));
    lines.extend(more("trouble", snapshot.troubled_total, TROUBLED));
    if !snapshot.rejected.is_empty() {
        let counts =
            snapshot.rejected.iter().map(|(verdict, n)| format!("{} {verdict}", number(*n)));
        lines.push(plain("rejected", &counts.collect::<Vec<_>>().join(", ")));
    }
    lines.extend(snapshot.firehose.as_ref().map(|firehose| plain("firehose", &heard(firehose))));
    lines.extend(
        snapshot.consumers.iter().take(CONSUMERS).map(|one| plain("consumer", &reads(one))),
    );
    lines.extend(more("consumer", snapshot.consumers_total, CONSUMERS));
    lines
}

fn plain(head: &str, text: &str) -> Line {
    Line::Plain(headed(head, text))
}

fn headed(head: &str, text: &str) -> String {
    format!("{head:<9} {}", harmless(text))
}

/// What others have named shall not move somebody's cursor.
pub(crate) fn harmless(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn more(head: &str, all: u64, shown: usize) -> Option<Line> {
    let more = all.saturating_sub(shown as u64);
    (more > 0).then(|| plain(head, &format!("and {} more", number(more))))
}

fn stored(snapshot: &Snapshot) -> String {
    let (store, rates) = (&snapshot.store, &snapshot.rates);
    let mut text = format!(
        "{} stored, {}/s in, {}/s out, {} on disk",
        number(store.labels),
        rate(rates.labels),
        rate(rates.delivered),
        bytes(store.file_bytes)
    );
    if let Some(free) = store.free_bytes {
        text += &format!(", room for {} more", bytes(free.saturating_sub(store.min_free_bytes)));
    }
    text
}

fn labelers(snapshot: &Snapshot) -> String {
    let mut states: Vec<(&String, &u64)> =
        snapshot.labelers.by_state.iter().filter(|(_, count)| **count > 0).collect();
    states.sort_by(|(_, one), (_, other)| other.cmp(one));
    let states: Vec<String> =
        states.iter().map(|(s, count)| format!("{} {s}", number(**count))).collect();
    match states.is_empty() {
        true => "none yet: labeltap run --labelers, POST /labelers/add, or the page".to_owned(),
        false => format!("{}: {}", number(snapshot.labelers.total), states.join(", ")),
    }
}

fn name<'a>(handle: Option<&'a String>, did: &'a String) -> &'a str {
    handle.unwrap_or(did)
}

fn reading(one: &Backfill) -> String {
    let name = name(one.handle.as_ref(), &one.did);
    let left = one.seconds_left.map(|left| format!(", {} left", span(left as f64)));
    let (labels, speed) = (number(one.labels), rate(one.labels_per_second));
    format!("{name}: {labels} labels, {speed}/s{}", left.unwrap_or_default())
}

fn trouble(one: &Troubled) -> String {
    let mut text = format!("{}: {}", name(one.handle.as_ref(), &one.did), one.state);
    if one.rejected_per_minute > 0.0 {
        text += &format!(", {} labels rejected a minute", rate(one.rejected_per_minute));
    }
    if let Some(error) = &one.error {
        text += &format!(", {error}");
    }
    text
}

fn heard(firehose: &Firehose) -> String {
    let lag = firehose.lag_seconds.map(|lag| format!("{} behind", span(lag)));
    let silent = firehose.silent_seconds.filter(|silent| *silent >= 30.0);
    let silent = silent.map(|silent| format!("nothing for {}", span(silent)));
    match (firehose.connected, &firehose.error) {
        (true, _) => {
            let said: Vec<String> = lag.into_iter().chain(silent).collect();
            if said.is_empty() { "connected".to_owned() } else { said.join(", ") }
        }
        (false, Some(error)) => format!("not connected: {error}"),
        (false, None) => "not connected yet".to_owned(),
    }
}

fn reads(one: &Consumer) -> String {
    let mut text = format!("{}: {} not acked", one.name, number(one.lag));
    if one.in_flight > 0 {
        text += &format!(", {} in flight", number(one.in_flight));
    }
    if let Some(oldest) = one.oldest_unacked_seconds.filter(|oldest| *oldest >= 60.0) {
        text += &format!(", the oldest for {}", span(oldest));
    }
    text += &match (one.webhook, one.connections) {
        _ if one.reserved => ", by labeltap itself".to_owned(),
        (true, _) => ", by webhook".to_owned(),
        (false, 0) => ", nobody connected".to_owned(),
        (false, 1) => ", 1 connection".to_owned(),
        (false, many) => format!(", {many} connections"),
    };
    if let Some(error) = &one.last_error {
        text += &format!(": {error}");
    }
    text
}

/// `1,234,567`.
pub(crate) fn number(number: u64) -> String {
    let digits = number.to_string();
    let first = digits.len() % 3;
    let (head, tail) = digits.split_at(first);
    let rest = tail.as_bytes().chunks(3).map(String::from_utf8_lossy);
    let head = (!head.is_empty()).then(|| head.into());
    head.into_iter().chain(rest).collect::<Vec<_>>().join(",")
}

/// Small ones with a digit behind the point.
fn rate(rate: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "rates are not negative, and no machine comes near 2^53 a second"
    )]
    let whole = rate.round() as u64;
    if rate > 0.0 && rate < 9.95 { format!("{rate:.1}") } else { number(whole) }
}

fn bytes(bytes: u64) -> String {
    let units = ["B", "KB", "MB", "GB", "TB", "PB"];
    let (mut amount, mut unit) = (bytes as f64, 0);
    while amount >= 999.5 && unit + 1 < units.len() {
        (amount, unit) = (amount / 1000.0, unit + 1);
    }
    let digits = usize::from(unit > 0 && amount < 9.95);
    format!("{amount:.digits$} {}", units.get(unit).unwrap_or(&""))
}

/// `4.2 s`, `12 min`, `3 h 5 min`, `2 d 4 h`.
pub(crate) fn span(seconds: f64) -> String {
    let whole = Duration::try_from_secs_f64(seconds.max(0.0)).map_or(u64::MAX, |s| s.as_secs());
    match whole {
        0..10 => format!("{seconds:.1} s"),
        10..120 => format!("{whole} s"),
        120..7200 => format!("{} min", whole / 60),
        7200..172_800 => format!("{} h {} min", whole / 3600, whole / 60 % 60),
        _ => format!("{} d {} h", whole / 86_400, whole / 3600 % 24),
    }
}

#[cfg(test)]
#[path = "text_tests.rs"]
mod tests;
