//! Many seeds on all cores, up to the first that fails.
//!
//! `PASS_SIM_SEEDS=n` says how many, `PASS_SIM_FROM=n` which is the first, `PASS_SIM_THREADS=n` on how many threads. With `PASS_SIM_SECONDS=n` there are
//! fresh ones for so many seconds, 0 being for ever, from a number that the clock gives. `PASS_SIM_ALL=1` goes on after a failure. `PASS_SIM_SEED=n` is for
//! `one_seed`, which plays one again and tells what happened as it happens.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::num::NonZero;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::dishonest::Lie;
use crate::run::{Story, play};
use crate::template::Templates;
use crate::{Fault, setting};

/// How many seeds are tried when nothing else is said.
const SEEDS: u64 = 2_000;
/// How often it is said how far it is.
const SAY_EVERY: Duration = Duration::from_secs(10);

/// Which seeds, and how.
pub(crate) struct Plan {
    from: u64,
    /// The first that is not played any more.
    to: u64,
    until: Option<Instant>,
    threads: usize,
    after_failures: bool,
}

impl Plan {
    pub(crate) fn of_environment() -> Self {
        let seconds = setting("PASS_SIM_SECONDS");
        let from = setting("PASS_SIM_FROM").unwrap_or_else(|| seconds.map_or(0, |_| seed_of_the_clock()));
        let count = setting("PASS_SIM_SEEDS").or(seconds.map(|_| u64::MAX)).unwrap_or(SEEDS);
        let cores = || std::thread::available_parallelism().map_or(1, NonZero::get);
        Self {
            from,
            to: from.saturating_add(count),
            until: seconds.filter(|seconds| *seconds > 0).map(|seconds| Instant::now() + Duration::from_secs(seconds)),
            threads: setting("PASS_SIM_THREADS").map_or_else(cores, |threads| threads as usize),
            after_failures: setting("PASS_SIM_ALL").is_some(),
        }
    }
}

/// Milliseconds since 1970: no two nights have the same seeds.
fn seed_of_the_clock() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(since.as_millis()).unwrap()
}

/// What many runs came to.
#[derive(Default)]
struct Tally {
    seeds: u64,
    sales: u64,
    entries: u64,
    exchanges: u64,
    faults: BTreeMap<Fault, u64>,
    lies: BTreeMap<Lie, (u64, u64)>,
    /// Of the shortest failure, its story.
    failure: Option<Story>,
    failures: u64,
}

impl Tally {
    fn add(&mut self, story: Story) {
        self.seeds += 1;
        self.sales += story.sales;
        self.entries += story.entries;
        self.exchanges += story.exchanges;
        for (fault, times) in Fault::ALL.iter().zip(&story.faults) {
            *self.faults.entry(*fault).or_default() += times;
        }
        for (lie, (told, found)) in &story.lies {
            let sum = self.lies.entry(*lie).or_default();
            *sum = (sum.0 + told, sum.1 + found);
        }
        if story.wrong.is_empty() {
            return;
        }
        self.failures += 1;
        println!("seed {}: {}", story.seed, story.wrong.join("; "));
        if self.failure.as_ref().is_none_or(|shortest| story.trace.len() < shortest.trace.len()) {
            self.failure = Some(story);
        }
    }

    fn say(&self, plan: &Plan, since: Instant) {
        let (Self { seeds, sales, entries, exchanges, failures, .. }, from) = (self, plan.from);
        let seconds = since.elapsed().as_secs_f64();
        println!(
            "{seconds:.0} s: {seeds} seeds from {from}, {sales} sales, {entries} entries, {exchanges} exchanges, {failures} failures, {:.1} seeds a second",
            *seeds as f64 / seconds
        );
        // A log that is looked at has it now.
        std::io::stdout().flush().unwrap();
    }

    fn say_all(&self, plan: &Plan, since: Instant) {
        println!("faults:");
        for fault in Fault::ALL {
            println!("  {:>9} {fault:?}: {}", self.faults.get(fault).unwrap_or(&0), fault.meaning());
        }
        println!("lies, and how many of them were found:");
        for lie in Lie::ALL {
            let (told, found) = self.lies.get(lie).copied().unwrap_or_default();
            let (what, how) = lie.meaning();
            println!("  {told:>9} {found:>9} {lie:?}: {what}. {how}");
        }
        self.say(plan, since);
    }
}

/// A failure, so that it can be played again.
fn tell(story: &Story) -> String {
    let (trace, seed, wrong) = (story.trace.join("\n"), story.seed, story.wrong.join("; "));
    format!("{trace}\nseed {seed}: {wrong}\nagain: PASS_SIM_SEED={seed} scripts/simulate one_seed -- --nocapture\n")
}

/// Plays every seed of `plan`.
pub(crate) fn play_many(plan: &Plan) {
    let templates = Templates::make();
    let next = AtomicU64::new(plan.from);
    let tally = Mutex::new((Tally::default(), Instant::now()));
    let began = Instant::now();
    println!("seeds from {}, {} threads", plan.from, plan.threads);
    let over = || plan.until.is_some_and(|until| Instant::now() >= until);
    std::thread::scope(|scope| {
        for _ in 0..plan.threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= plan.to || over() {
                        return;
                    }
                    let story = play(&templates, seed, false);
                    let (tally, said) = &mut *tally.lock().unwrap();
                    tally.add(story);
                    if tally.failures > 0 && !plan.after_failures {
                        next.store(plan.to, Ordering::Relaxed);
                    }
                    if said.elapsed() >= SAY_EVERY {
                        *said = Instant::now();
                        tally.say(plan, began);
                    }
                }
            });
        }
    });
    let (tally, _) = tally.into_inner().unwrap();
    tally.say_all(plan, began);
    if let Some(shortest) = &tally.failure {
        panic!("{} of {} seeds failed; the shortest:\n{}", tally.failures, tally.seeds, tell(shortest));
    }
}
