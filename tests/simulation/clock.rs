//! The true time, which only grows, and the terminals' clocks, which do what clocks do.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use pass::domain::Timestamp;
use pass::terminal::clock::Clock;

/// The true time of a run.
#[derive(Debug)]
pub(crate) struct TrueTime {
    beginning: Timestamp,
    passed_ms: AtomicU64,
}

impl TrueTime {
    pub(crate) fn from(beginning: Timestamp) -> Arc<Self> {
        Arc::new(Self { beginning, passed_ms: AtomicU64::new(0) })
    }

    pub(crate) fn pass(&self, milliseconds: u64) {
        self.passed_ms.fetch_add(milliseconds, Ordering::Relaxed);
    }

    pub(crate) fn since_beginning_ms(&self) -> u64 {
        self.passed_ms.load(Ordering::Relaxed)
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.beginning.plus(u32::try_from(self.since_beginning_ms() / 1000).unwrap())
    }
}

/// A terminal's clock: set wrong by some seconds, and running too fast or too slowly.
#[derive(Debug)]
pub(crate) struct TerminalClock {
    time: Arc<TrueTime>,
    offset_seconds: AtomicI64,
    /// Gained in a million seconds.
    drift_ppm: AtomicI64,
}

impl TerminalClock {
    pub(crate) fn new(time: Arc<TrueTime>, drift_ppm: i64) -> Arc<Self> {
        Arc::new(Self { time, offset_seconds: AtomicI64::new(0), drift_ppm: AtomicI64::new(drift_ppm) })
    }

    /// Somebody sets it.
    pub(crate) fn step(&self, seconds: i64) {
        self.offset_seconds.fetch_add(seconds, Ordering::Relaxed);
    }

    /// It shows the true time, and will.
    pub(crate) fn correct(&self) {
        self.offset_seconds.store(0, Ordering::Relaxed);
        self.drift_ppm.store(0, Ordering::Relaxed);
    }
}

impl Clock for TerminalClock {
    fn now(&self) -> Timestamp {
        let passed = i64::try_from(self.time.since_beginning_ms() / 1000).unwrap();
        let drifted = passed * self.drift_ppm.load(Ordering::Relaxed) / 1_000_000;
        let shown = i64::from(self.time.now().get()) + drifted + self.offset_seconds.load(Ordering::Relaxed);
        Timestamp::new(u32::try_from(shown).unwrap())
    }

    fn since_start(&self) -> Duration {
        Duration::from_millis(self.time.since_beginning_ms())
    }
}
