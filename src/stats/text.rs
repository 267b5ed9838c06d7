//! Tables for people to read.

use super::tables;
use crate::config::Stats;
use std::fmt::Write as _;
use tally::{By, Reaction, Row, Sums, Tally};

/// The widths of the columns behind the key.
const WIDTH: usize = 12;

/// Everything that was asked for.
pub(super) fn all(tally: &Tally, settings: &Stats) -> String {
    let mut text = totals(tally);
    for by in tables(settings) {
        table(&mut text, tally, by, settings.rows);
    }
    text
}

fn totals(tally: &Tally) -> String {
    let Sums { labels, negations, subjects, current, rescinded, expired } = tally.total;
    let several = tally.with_several_labelers;
    let (active, announced) = (tally.labelers.active, tally.labelers.announced);
    format!(
        "{labels} labels on {subjects} subjects; {negations} of the labels take others back, \
         {several} of the subjects have several labelers\n\
         {current} apply now, {rescinded} were rescinded, {expired} have expired\n\
         {active} of {announced} labelers have said something\n"
    )
}

fn table(text: &mut String, tally: &Tally, by: By, most: usize) {
    let table = tally.table(by);
    let shown = table.rows.iter().take(most);
    let keys = shown.clone().map(|row| printable(&row.key).chars().count());
    let wide = keys.max().unwrap_or(0).max(by.as_str().len());
    let names = ["labels", "negations", "subjects", "current", "rescinded", "expired"];
    let mut line = format!("\n{:<wide$}", by.as_str());
    names.iter().for_each(|name| put(&mut line, name));
    if matches!(by, By::Labeler | By::Value) {
        line += "  reaction: quartiles and median";
    }
    text.push_str(&line);
    text.push('\n');
    for Row { key, sums, reaction } in shown {
        row(text, &format!("{:<wide$}", printable(key)), sums, reaction.as_ref());
    }
    let left = table.rows.len().saturating_sub(most);
    if left > 0 {
        let _ = writeln!(text, "and {left} more; --rows shows more of them");
    }
    if let Some(rest) = &table.rest {
        row(text, &format!("{:<wide$}", "(others)"), rest, None);
    }
}

fn row(text: &mut String, key: &str, sums: &Sums, reaction: Option<&Reaction>) {
    let Sums { labels, negations, subjects, current, rescinded, expired } = *sums;
    text.push_str(key);
    for number in [labels, negations, subjects, current, rescinded, expired] {
        put(text, &number.to_string());
    }
    if let Some(Reaction { lower_quartile, median, upper_quartile, .. }) = reaction {
        let [low, middle, high] = [lower_quartile, median, upper_quartile].map(|it| span(*it));
        let _ = write!(text, "  {low} {middle} {high}");
    }
    text.push('\n');
}

fn put(text: &mut String, cell: &str) {
    let _ = write!(text, " {cell:>WIDTH$}");
}

/// A length of time in the unit that fits.
fn span(seconds: f64) -> String {
    match seconds {
        ..120.0 => format!("{seconds:.1}s"),
        ..7200.0 => format!("{:.1}m", seconds / 60.0),
        ..172_800.0 => format!("{:.1}h", seconds / 3600.0),
        _ => format!("{:.1}d", seconds / 86_400.0),
    }
}

/// What a labeler wrote, without what a terminal would take for orders.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_short() {
        for (seconds, shown) in
            [(0.0, "0.0s"), (0.35, "0.3s"), (119.9, "119.9s"), (150.0, "2.5m"), (9000.0, "2.5h")]
        {
            assert_eq!(span(seconds), shown);
        }
        assert_eq!(span(1e6), "11.6d");
    }

    #[test]
    fn values_give_no_orders_to_a_terminal() {
        assert_eq!(printable("spam\x1b[2J\n"), "spam\u{fffd}[2J\u{fffd}");
    }
}
