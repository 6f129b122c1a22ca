//! The true time, which only grows, and the terminals' clocks, which do what clocks do.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
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

/// A terminal's clock: wrong by so much at some moment, and since then running too fast or too slowly.
#[derive(Debug)]
pub(crate) struct TerminalClock {
    time: Arc<TrueTime>,
    error: Mutex<ClockError>,
    /// How often it was set.
    settings: AtomicU32,
}

#[derive(Clone, Copy, Debug, Default)]
struct ClockError {
    seconds: i64,
    /// When it was wrong by so much, in seconds of the true time.
    at: i64,
    /// Gained since then in a million seconds.
    drift_ppm: i64,
}

impl ClockError {
    fn by(&self, now: i64) -> i64 {
        self.seconds + (now - self.at) * self.drift_ppm / 1_000_000
    }
}

impl TerminalClock {
    pub(crate) fn new(time: Arc<TrueTime>) -> Arc<Self> {
        Arc::new(Self { time, error: Mutex::default(), settings: AtomicU32::default() })
    }

    fn passed(&self) -> i64 {
        i64::try_from(self.time.since_beginning_ms() / 1000).unwrap()
    }

    /// Somebody sets it.
    pub(crate) fn step(&self, seconds: i64) {
        self.settings.fetch_add(1, Ordering::Relaxed);
        self.error.lock().unwrap().seconds += seconds;
    }

    pub(crate) fn settings(&self) -> u32 {
        self.settings.load(Ordering::Relaxed)
    }

    /// From now on it gains so much in a million seconds.
    pub(crate) fn drift(&self, drift_ppm: i64) {
        let (now, mut error) = (self.passed(), self.error.lock().unwrap());
        *error = ClockError { seconds: error.by(now), at: now, drift_ppm };
    }

    /// It shows the true time, and will.
    pub(crate) fn correct(&self) {
        self.settings.fetch_add(1, Ordering::Relaxed);
        *self.error.lock().unwrap() = ClockError::default();
    }
}

impl Clock for TerminalClock {
    fn now(&self) -> Timestamp {
        let shown = i64::from(self.time.now().get()) + self.error.lock().unwrap().by(self.passed());
        Timestamp::new(u32::try_from(shown).unwrap())
    }

    fn since_start(&self) -> Duration {
        Duration::from_millis(self.time.since_beginning_ms())
    }
}
