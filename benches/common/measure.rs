//! Two sides, measured in turns in one run, and the ratio between them.
//!
//! A time says something about the machine; a ratio of two times that were taken side by side says something about the
//! program. So nothing here is held against a clock. The sides take turns (A B, B A, A B ...), each turn is a few
//! operations, and every pair of turns gives one ratio: the figure is the median of the ratios, its spread the middle half
//! of them. A mean within a turn, not a median: what happens once in a hundred operations, such as a checkpoint, counts.

use std::fmt;
use std::time::{Duration, Instant};

/// What a ratio should be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Aim {
    /// Time against time: the product takes at most so many times what the limit takes.
    AtMost(f64),
    /// Work against work in the same time: the product does at least this part of what the limit does.
    AtLeast(f64),
}

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// Turns of each side.
    pub(crate) turns: usize,
    /// Operations in a turn.
    pub(crate) operations: usize,
}

/// Two sides that were measured.
#[derive(Debug)]
pub(crate) struct Comparison {
    name: &'static str,
    aim: Aim,
    /// Seconds an operation, turn by turn.
    product: Vec<f64>,
    limit: Vec<f64>,
}

/// How long `work` takes.
pub(crate) fn timed<R>(work: impl FnOnce() -> R) -> (R, Duration) {
    let begun = Instant::now();
    let result = work();
    (result, begun.elapsed())
}

/// Measures `product` against `limit`. Each does one operation and says how long the part of it took that counts.
pub(crate) fn compare(
    name: &'static str,
    aim: Aim,
    plan: Plan,
    mut product: impl FnMut() -> Duration,
    mut limit: impl FnMut() -> Duration,
) -> Comparison {
    fn turn(plan: Plan, side: &mut dyn FnMut() -> Duration) -> f64 {
        let total: Duration = (0..plan.operations).map(|_| side()).sum();
        total.as_secs_f64() / plan.operations as f64
    }
    // The first turn of each finds caches cold and files empty.
    turn(plan, &mut product);
    turn(plan, &mut limit);
    let mut comparison = Comparison { name, aim, product: Vec::new(), limit: Vec::new() };
    for number in 0..plan.turns {
        if number % 2 == 0 {
            comparison.product.push(turn(plan, &mut product));
            comparison.limit.push(turn(plan, &mut limit));
        } else {
            comparison.limit.push(turn(plan, &mut limit));
            comparison.product.push(turn(plan, &mut product));
        }
    }
    comparison
}

/// The value below which `part` of the others lie.
fn quantile(values: &[f64], part: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[((sorted.len() - 1) as f64 * part).round() as usize]
}

impl Comparison {
    /// Of figures that are not times of an operation: each side once.
    pub(crate) fn of(name: &'static str, aim: Aim, product: f64, limit: f64) -> Self {
        Self { name, aim, product: vec![product], limit: vec![limit] }
    }

    /// The median of the ratios, and the middle half of them.
    pub(crate) fn ratio(&self) -> [f64; 3] {
        let ratios: Vec<f64> = self
            .product
            .iter()
            .zip(&self.limit)
            .map(|(product, limit)| match self.aim {
                Aim::AtMost(_) => product / limit,
                Aim::AtLeast(_) => limit / product,
            })
            .collect();
        [0.5, 0.25, 0.75].map(|part| quantile(&ratios, part))
    }

    fn met(&self) -> bool {
        match self.aim {
            Aim::AtMost(most) => self.ratio()[0] <= most,
            Aim::AtLeast(least) => self.ratio()[0] >= least,
        }
    }
}

/// A time or a size, in the unit that fits.
fn scaled(value: f64) -> String {
    let (divisor, unit) = match value {
        // Sizes in bytes are far above any time.
        v if v >= 1e6 => (1048576.0, "MiB"),
        v if v >= 1e3 => (1024.0, "KiB"),
        v if v >= 1.0 => (1.0, "s"),
        v if v >= 1e-3 => (1e-3, "ms"),
        _ => (1e-6, "us"),
    };
    format!("{:.2} {unit}", value / divisor)
}

impl fmt::Display for Aim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtMost(most) => write!(f, "at most {most}"),
            Self::AtLeast(least) => write!(f, "at least {least}"),
        }
    }
}

/// Prints what was measured, under `title`.
pub(crate) fn report(title: &str, comparisons: &[Comparison]) {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load: Vec<_> = load.split(' ').take(3).collect();
    println!("\n{title} (load {})", load.join(" "));
    println!("  {:<46} {:>11} {:>11} {:>6}  {:<13} {:<14}", "", "product", "limit", "ratio", "middle half", "aim");
    for comparison in comparisons {
        let Comparison { name, aim, product, limit } = comparison;
        let [ratio, low, high] = comparison.ratio();
        let verdict = if comparison.met() { "met" } else { "MISSED" };
        let (product, limit) = (scaled(quantile(product, 0.5)), scaled(quantile(limit, 0.5)));
        let spread = format!("{low:.2} to {high:.2}");
        println!("  {name:<46} {product:>11} {limit:>11} {ratio:>6.2}  {spread:<13} {:<14} {verdict}", aim.to_string());
    }
}
