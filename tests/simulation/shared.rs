//! What every part of a run has a hand on: chance, the true time, what happened.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use crate::Fault;
use crate::chance::Chance;
use crate::clock::TrueTime;
use crate::dishonest::Lie;

/// One run's chance, time and trace.
pub(crate) struct Shared {
    chance: RefCell<Chance>,
    pub(crate) time: Arc<TrueTime>,
    rates: RefCell<Vec<u64>>,
    counts: RefCell<Vec<u64>>,
    /// Lies that were told, by their kind, and how many of these were found.
    lies: RefCell<BTreeMap<Lie, (u64, u64)>>,
    trace: RefCell<Vec<String>>,
    live: bool,
}

impl Shared {
    /// `live`: the trace is printed as it is written.
    pub(crate) fn new(seed: u64, time: Arc<TrueTime>, live: bool) -> Rc<Self> {
        let mut chance = Chance::seeded(seed);
        // Off, usual, usual, frequent.
        let mut drawn = |fault: &Fault| fault.rate() * chance.weighted(&[(2, 0), (4, 1), (1, 4)]);
        let rates = Fault::ALL.iter().map(&mut drawn).collect();
        Rc::new(Self {
            chance: RefCell::new(chance),
            time,
            rates: RefCell::new(rates),
            counts: RefCell::new(vec![0; Fault::ALL.len()]),
            lies: RefCell::default(),
            trace: RefCell::default(),
            live,
        })
    }

    /// Draws.
    pub(crate) fn draw<R>(&self, with: impl FnOnce(&mut Chance) -> R) -> R {
        with(&mut self.chance.borrow_mut())
    }

    /// Whether `fault` happens now.
    pub(crate) fn strikes(&self, fault: Fault) -> bool {
        self.strikes_here(fault, 1)
    }

    /// Whether `fault` happens now, where it is so many times as likely.
    pub(crate) fn strikes_here(&self, fault: Fault, times: u64) -> bool {
        let rate = self.rates.borrow()[fault as usize] * times;
        let strikes = self.draw(|chance| chance.below(10_000)) < rate;
        self.counts.borrow_mut()[fault as usize] += u64::from(strikes);
        strikes
    }

    /// From now on nothing goes wrong.
    pub(crate) fn calm(&self) {
        self.rates.borrow_mut().fill(0);
    }

    /// Writes into the trace.
    pub(crate) fn say(&self, text: impl FnOnce() -> String) {
        let line = format!("{:>10.3}  {}", self.time.since_beginning_ms() as f64 / 1000.0, text());
        if self.live {
            println!("{line}");
        }
        self.trace.borrow_mut().push(line);
    }

    /// Says what nobody needs who is not looking at it now.
    pub(crate) fn whisper(&self, text: impl FnOnce() -> String) {
        if self.live {
            println!("{:>10.3}      {}", self.time.since_beginning_ms() as f64 / 1000.0, text());
        }
    }

    pub(crate) fn trace(&self) -> Vec<String> {
        self.trace.borrow().clone()
    }

    /// A lie was found, or not.
    pub(crate) fn count_lie(&self, lie: Lie, found: bool) {
        let mut lies = self.lies.borrow_mut();
        let counted = lies.entry(lie).or_default();
        *counted = (counted.0 + 1, counted.1 + u64::from(found));
    }

    pub(crate) fn lies(&self) -> BTreeMap<Lie, (u64, u64)> {
        self.lies.borrow().clone()
    }

    /// How often each fault happened.
    pub(crate) fn counts(&self) -> Vec<u64> {
        self.counts.borrow().clone()
    }
}
