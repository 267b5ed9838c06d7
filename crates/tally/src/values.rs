//! What one labeler says, counted by value and time: for people who want to see what it does.

use crate::count::month_name;
use label::{Did, syntax};
use std::collections::{BTreeMap, HashMap};
use store::{Archive, Said, StoreError};

/// Values of one labeler that are counted one by one; the rest together. Nobody needs so many in
/// earnest.
const VALUES: usize = 2000;

/// Values that are shown one by one, those said most often.
const SHOWN: usize = 20;

/// Days are shown if there are no more of them than this; else months.
const DAYS: i64 = 62;

/// Whatever was made before this many months is counted with the first of them.
const MONTHS: usize = 120;

const DAY: i64 = 24 * 60 * 60 * 1_000_000;

/// What one labeler says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Values {
    /// Whether a period is a day; else it is a month.
    pub by_day: bool,
    /// Every period from the first to the last of which something is there: `2026-11-26` or
    /// `2026-11`.
    pub periods: Vec<String>,
    /// Values, those said most often first.
    pub values: Vec<Value>,
    /// How many more values there are: at least so many.
    pub other_values: u64,
    /// Those together; its name is empty.
    pub others: Value,
    /// Labels in all.
    pub labels: u64,
}

/// How often a value was said.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Value {
    /// The value.
    pub val: String,
    /// Labels, negations included.
    pub labels: u64,
    /// Those that take back.
    pub negations: u64,
    /// Labels in each period.
    pub counts: Vec<u64>,
}

/// Counts what this labeler has said. By when it was made, as far as the labeler is believed.
///
/// # Errors
/// The general ones.
pub fn values(archive: &mut Archive, labeler: &Did) -> Result<Values, StoreError> {
    let mut counting = Counting::default();
    let mut behind = None;
    loop {
        behind = archive.said(labeler, behind, |said| counting.see(said))?;
        if behind.is_none() {
            return Ok(counting.values());
        }
    }
}

#[derive(Debug, Default, Clone)]
struct Counting {
    places: HashMap<String, usize>,
    rows: Vec<Row>,
    others: Row,
    unnamed: u64,
    /// Set once there are too many days.
    by_month: bool,
    /// The first and the last day, since 1970.
    days: Option<(i64, i64)>,
}

#[derive(Debug, Default, Clone)]
struct Row {
    labels: u64,
    negations: u64,
    /// By day or by month, since 1970.
    cells: BTreeMap<i64, u64>,
}

impl Counting {
    fn see(&mut self, said: Said<'_>) {
        let day = said.made.max(0).div_euclid(DAY);
        let (first, last) = self.days.map_or((day, day), |(f, l)| (f.min(day), l.max(day)));
        self.days = Some((first, last));
        if !self.by_month && last - first >= DAYS {
            self.turn_to_months();
        }
        let by_month = self.by_month;
        let row = self.row(said.val);
        row.labels += 1;
        row.negations += u64::from(said.negates);
        let cell = if by_month { month(day) } else { day };
        *row.cells.entry(cell).or_default() += 1;
        // Whoever dates their labels all over the ages does not fill our memory.
        if row.cells.len() > MONTHS {
            fold(&mut row.cells);
        }
    }

    fn row(&mut self, val: &str) -> &mut Row {
        let place = match self.places.get(val) {
            Some(place) => *place,
            None if self.rows.len() < VALUES => {
                self.places.insert(val.to_owned(), self.rows.len());
                self.rows.push(Row::default());
                self.rows.len() - 1
            }
            None => usize::MAX,
        };
        match self.rows.get_mut(place) {
            Some(row) => row,
            None => {
                self.unnamed = 1;
                &mut self.others
            }
        }
    }

    fn turn_to_months(&mut self) {
        self.by_month = true;
        for row in self.rows.iter_mut().chain([&mut self.others]) {
            let mut months = BTreeMap::new();
            for (day, count) in &row.cells {
                *months.entry(month(*day)).or_default() += count;
            }
            row.cells = months;
        }
    }

    fn values(mut self) -> Values {
        let mut named: Vec<(String, Row)> = self
            .places
            .drain()
            .filter_map(|(val, place)| Some((val, self.rows.get(place)?.clone())))
            .collect();
        named.sort_by(|(one, a), (other, b)| b.labels.cmp(&a.labels).then(one.cmp(other)));
        let rest = named.split_off(named.len().min(SHOWN));
        let other_values = rest.len() as u64 + self.unnamed;
        let mut others = self.others;
        for (_, row) in rest {
            others.labels += row.labels;
            others.negations += row.negations;
            for (cell, count) in row.cells {
                *others.cells.entry(cell).or_default() += count;
            }
        }
        let all = || named.iter().map(|(_, row)| row).chain([&others]);
        let last = all().filter_map(|row| row.cells.last_key_value()).map(|(cell, _)| *cell).max();
        let first = all().filter_map(|row| row.cells.first_key_value()).map(|(c, _)| *c).min();
        let (first, last) = (first.unwrap_or(0), last.unwrap_or(-1));
        let first = first.max(last - MONTHS as i64 + 1);
        let labels = all().map(|row| row.labels).sum();
        let spread = |val, row: Row| spread(val, &row, first, last);
        let others = spread(String::new(), others);
        let name: fn(&i64) -> String = if self.by_month { month_name } else { day_name };
        Values {
            by_day: !self.by_month,
            periods: (first..=last).map(|cell| name(&cell)).collect(),
            values: named.into_iter().map(|(val, row)| spread(val, row)).collect(),
            other_values,
            others,
            labels,
        }
    }
}

/// What came before the first period is counted with it.
fn spread(val: String, row: &Row, first: i64, last: i64) -> Value {
    let mut counts = vec![0; usize::try_from(last - first + 1).unwrap_or_default()];
    for (cell, count) in &row.cells {
        let place = usize::try_from((cell - first).max(0)).unwrap_or_default();
        if let Some(sum) = counts.get_mut(place) {
            *sum += count;
        }
    }
    Value { val, labels: row.labels, negations: row.negations, counts }
}

/// Counts the two oldest cells as one.
fn fold(cells: &mut BTreeMap<i64, u64>) {
    if let Some((_, oldest)) = cells.pop_first()
        && let Some(mut next) = cells.first_entry()
    {
        *next.get_mut() += oldest;
    }
}

/// The month of a day, both since 1970.
fn month(day: i64) -> i64 {
    syntax::month(day.saturating_mul(DAY / 1_000_000))
}

fn day_name(day: &i64) -> String {
    let date = syntax::written(day.saturating_mul(DAY / 1000)).unwrap_or_default();
    date.get(..10).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(day: i64, val: &str, negates: bool) -> Said<'_> {
        Said { val, made: day * DAY + 5, negates }
    }

    #[test]
    fn a_few_weeks_are_shown_by_day_and_more_by_month() {
        let mut counting = Counting::default();
        assert_eq!(Counting::default().values().periods, Vec::<String>::new());
        for said in [at(0, "spam", false), at(0, "spam", true), at(2, "rude", false)] {
            counting.see(said);
        }
        let days = counting.clone().values();
        assert_eq!(days.periods, ["1970-01-01", "1970-01-02", "1970-01-03"]);
        assert_eq!((days.values[0].counts.clone(), days.values[0].negations), (vec![2, 0, 0], 1));
        assert_eq!((days.by_day, days.labels), (true, 3));
        counting.see(at(62, "spam", false));
        let months = counting.values();
        assert_eq!(months.periods, ["1970-01", "1970-02", "1970-03"]);
        assert_eq!(months.values[0].counts, [2, 0, 1]);
        assert!(!months.by_day);
    }

    #[test]
    fn whoever_makes_up_values_and_times_does_not_fill_the_memory() {
        let mut counting = Counting::default();
        for number in 0..5000 {
            let val = number.to_string();
            counting.see(at(number * 31, &val, false));
            counting.see(at(number * 31, "always", false));
        }
        assert!(counting.rows.len() <= VALUES);
        assert!(counting.rows.iter().all(|row| row.cells.len() <= MONTHS));
        assert!(counting.others.cells.len() <= MONTHS);
        let values = counting.values();
        assert_eq!((values.labels, values.values.len()), (10_000, SHOWN));
        assert_eq!(values.values[0].counts.iter().sum::<u64>(), 5000);
        assert!(values.periods.len() <= MONTHS);
        assert_eq!(
            values.others.labels,
            10_000 - values.values.iter().map(|v| v.labels).sum::<u64>()
        );
    }
}
