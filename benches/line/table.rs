//! What is printed: one line for each candidate, the same columns in every stage.

use crate::rounds::Measured;

/// The middle of some values, and how far they lie apart.
struct Spread {
    median: f64,
    least: f64,
    most: f64,
}

impl Spread {
    fn of(values: &[f64]) -> Option<Self> {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (least, most) = (*sorted.first()?, *sorted.last()?);
        let half = sorted.len() / 2;
        let upper = *sorted.get(half)?;
        let even = sorted.len().is_multiple_of(2);
        let lower = if even { *sorted.get(half - 1)? } else { upper };
        Some(Self { median: f64::midpoint(lower, upper), least, most })
    }

    fn show(&self) -> String {
        let digits = if self.median < 10.0 { 2 } else { usize::from(self.median < 100.0) };
        let show = |value: f64| number(value, digits);
        format!("{:>9} ({} … {})", show(self.median), show(self.least), show(self.most))
    }
}

/// With commas between thousands.
fn number(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$}");
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut grouped = String::new();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + rest
}

/// The column heads.
pub(crate) fn head() {
    head_of("labels/s", "CPU µs a label");
}

/// The column heads where something else than labels is counted.
pub(crate) fn head_of(rate: &str, cost: &str) {
    println!("  {:<42} {rate:<36} {cost}", "");
}

/// Labels per second, and what each costs.
pub(crate) fn rates(measured: &Measured) {
    let cost = Spread::of(&measured.costs());
    let cost = cost.map_or_else(|| "–".to_owned(), |cost| cost.show().trim_start().to_owned());
    if let Some(rate) = Spread::of(&measured.rates()) {
        println!("  {:<42} {:<36} {cost}", measured.name, rate.show());
    }
}

/// Values of another kind; the name says which.
pub(crate) fn values(name: &str, values: &[f64]) {
    if let Some(spread) = Spread::of(values) {
        println!("  {name:<42} {}", spread.show());
    }
}
