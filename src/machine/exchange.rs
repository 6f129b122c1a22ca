//! When to exchange with the region: soon after something waits, at the terminal's own moment of the night, when somebody asks, and ever less
//! often while it fails.
//!
//! What is exchanged is elsewhere; no sale waits for any of it.

use std::time::Duration;

use crate::domain::TerminalId;

/// The times that a decision needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Since the machine was started, never stepping.
    pub since_start: Duration,
    /// The day at the counter, numbered without gaps.
    pub local_day: i64,
    /// Seconds since midnight at the counter.
    pub local_second: u32,
}

/// How often to exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// The nightly window begins, in seconds since local midnight.
    pub window_from_seconds: u32,
    /// The nightly window ends, in seconds since local midnight; the next day where it is not later than the beginning.
    pub window_to_seconds: u32,
    /// From a sale to the exchange that takes it, so that a queue goes in one message.
    pub settle: Duration,
    /// At least so long from one exchange to the next that nobody asked for.
    pub interval_min: Duration,
    /// The first pause after a failure; doubled at each further one.
    pub backoff_min: Duration,
    /// The longest pause after failures.
    pub backoff_max: Duration,
}

impl Default for Schedule {
    fn default() -> Self {
        Self {
            window_from_seconds: 2 * 3600,
            window_to_seconds: 4 * 3600,
            settle: Duration::from_secs(5),
            interval_min: Duration::from_secs(60),
            backoff_min: Duration::from_secs(10),
            backoff_max: Duration::from_secs(15 * 60),
        }
    }
}

impl Schedule {
    /// The terminal's own moment in the window, in seconds since local midnight: thousands of terminals do not arrive together.
    pub fn moment(&self, terminal: TerminalId) -> u32 {
        // Fibonacci hashing spreads neighbouring numbers over the whole window.
        let into = terminal.get().wrapping_mul(2_654_435_769) % self.window_seconds();
        (self.window_from_seconds + into) % DAY_SECONDS
    }

    fn window_seconds(&self) -> u32 {
        after(self.window_from_seconds, self.window_to_seconds).max(1)
    }
}

const DAY_SECONDS: u32 = 86_400;

/// How many seconds `to` comes after `from` on the clock, over midnight if need be.
const fn after(from: u32, to: u32) -> u32 {
    (to % DAY_SECONDS + DAY_SECONDS - from % DAY_SECONDS) % DAY_SECONDS
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Entries wait: at the start, or because one was written.
    EntriesWait,
    /// Somebody asks for an exchange now.
    Asked,
    /// An exchange ended well.
    Succeeded {
        /// Whether another one at once would bring or take more.
        more: bool,
        /// Whether entries still wait.
        waiting: bool,
    },
    /// An exchange failed. `jitter` is random.
    Failed {
        /// Any number: spreads terminals that failed together.
        jitter: u16,
    },
    /// Time passed.
    Tick,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Exchange now. Ends in [`Event::Succeeded`] or [`Event::Failed`].
    Exchange,
}

/// The machine. At most one exchange is under way.
#[derive(Clone, Debug)]
pub struct ExchangeMachine {
    schedule: Schedule,
    moment: u32,
    under_way: bool,
    asked_meanwhile: bool,
    due: Option<Duration>,
    last: Option<Duration>,
    failures: u32,
    night_done: Option<i64>,
}

impl ExchangeMachine {
    /// A machine for `terminal`. The first exchange is due at once: after a start there is always something to tell or to learn.
    pub fn new(terminal: TerminalId, schedule: Schedule) -> Self {
        let moment = schedule.moment(terminal);
        Self {
            schedule,
            moment,
            under_way: false,
            asked_meanwhile: false,
            due: Some(Duration::ZERO),
            last: None,
            failures: 0,
            night_done: None,
        }
    }

    /// When the next exchange is due, since the start; none while nothing waits and the night is not there.
    pub const fn due(&self) -> Option<Duration> {
        self.due
    }

    /// Tells the machine what happened.
    pub fn on_event(&mut self, now: Now, event: Event) -> Option<Action> {
        match event {
            Event::EntriesWait => {
                let soonest = self.last.map_or(Duration::ZERO, |last| last + self.schedule.interval_min);
                // While the line fails, the backoff decides.
                if self.failures == 0 {
                    self.due_by((now.since_start + self.schedule.settle).max(soonest));
                }
            }
            Event::Asked if self.under_way => self.asked_meanwhile = true,
            Event::Asked => self.due = Some(now.since_start),
            Event::Succeeded { more, waiting } => self.succeeded(now, more, waiting),
            Event::Failed { jitter } => self.failed(now, jitter),
            Event::Tick => (),
        }
        self.start(now)
    }

    fn due_by(&mut self, time: Duration) {
        self.due = Some(self.due.map_or(time, |due| due.min(time)));
    }

    fn succeeded(&mut self, now: Now, more: bool, waiting: bool) {
        self.under_way = false;
        self.failures = 0;
        self.last = Some(now.since_start);
        self.night_done = Some(self.night(now));
        self.due = if more || std::mem::take(&mut self.asked_meanwhile) {
            Some(now.since_start)
        } else {
            waiting.then(|| now.since_start + self.schedule.interval_min)
        };
    }

    fn failed(&mut self, now: Now, jitter: u16) {
        self.under_way = false;
        self.asked_meanwhile = false;
        let pause = self.schedule.backoff_min.saturating_mul(1 << self.failures.min(16));
        let pause = pause.min(self.schedule.backoff_max);
        self.failures = self.failures.saturating_add(1);
        // From three quarters of the pause to all of it.
        let jitter = pause / 4 * u32::from(jitter) / u32::from(u16::MAX);
        self.due = Some(now.since_start + pause - jitter);
    }

    /// The day whose moment was the last to pass.
    const fn night(&self, now: Now) -> i64 {
        if now.local_second >= self.moment { now.local_day } else { now.local_day - 1 }
    }

    fn start(&mut self, now: Now) -> Option<Action> {
        let left_of_window = after(self.moment, self.schedule.window_to_seconds);
        let night = after(self.moment, now.local_second) < left_of_window
            && self.night_done != Some(self.night(now))
            && self.failures == 0;
        let due = self.due.is_some_and(|due| due <= now.since_start);
        if self.under_way || !(due || night) {
            return None;
        }
        self.under_way = true;
        self.due = None;
        Some(Action::Exchange)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUIET: Event = Event::Succeeded { more: false, waiting: false };

    fn at(seconds: u64, local_second: u32) -> Now {
        Now { since_start: Duration::from_secs(seconds), local_day: 20_000, local_second }
    }

    /// A machine whose first exchange, at noon, has ended well.
    fn settled() -> ExchangeMachine {
        let mut machine = ExchangeMachine::new(TerminalId::new(7), Schedule::default());
        assert_eq!(machine.on_event(at(0, 43_200), Event::Tick), Some(Action::Exchange));
        assert_eq!(machine.on_event(at(1, 43_201), QUIET), None);
        machine
    }

    #[test]
    fn a_sale_goes_soon_and_a_queue_goes_together() {
        let mut machine = settled();
        assert_eq!(machine.on_event(at(100, 43_300), Event::EntriesWait), None);
        assert_eq!(machine.on_event(at(102, 43_302), Event::EntriesWait), None);
        assert_eq!(machine.on_event(at(104, 43_304), Event::Tick), None);
        assert_eq!(machine.on_event(at(105, 43_305), Event::Tick), Some(Action::Exchange));
        assert_eq!(machine.on_event(at(106, 43_306), Event::EntriesWait), None, "one at a time");
        assert_eq!(machine.on_event(at(107, 43_307), Event::Succeeded { more: false, waiting: true }), None);
        assert_eq!(machine.on_event(at(166, 43_366), Event::Tick), None);
        assert_eq!(machine.on_event(at(167, 43_367), Event::Tick), Some(Action::Exchange));
    }

    #[test]
    fn more_goes_on_at_once() {
        let mut machine = settled();
        assert_eq!(machine.on_event(at(50, 0), Event::Asked), Some(Action::Exchange));
        let more = Event::Succeeded { more: true, waiting: true };
        assert_eq!(machine.on_event(at(51, 0), more), Some(Action::Exchange));
        assert_eq!(machine.on_event(at(52, 0), Event::Asked), None);
        assert_eq!(machine.on_event(at(53, 0), QUIET), Some(Action::Exchange), "asked for meanwhile");
    }

    #[test]
    fn failures_wait_ever_longer_and_a_sale_does_not_hurry_them() {
        let mut machine = settled();
        let mut time = 1000;
        assert_eq!(machine.on_event(at(time, 50_000), Event::Asked), Some(Action::Exchange));
        for expected in [10, 20, 40, 80, 160, 320, 640, 900, 900] {
            assert_eq!(machine.on_event(at(time, 50_000), Event::Failed { jitter: 0 }), None);
            assert_eq!(machine.on_event(at(time, 50_000), Event::EntriesWait), None);
            assert_eq!(machine.on_event(at(time + expected - 1, 50_000), Event::Tick), None);
            time += expected;
            assert_eq!(machine.on_event(at(time, 50_000), Event::Tick), Some(Action::Exchange), "{expected}");
        }
        assert_eq!(machine.on_event(at(time, 50_000), Event::Failed { jitter: u16::MAX }), None);
        assert_eq!(machine.due(), Some(Duration::from_secs(time + 675)), "three quarters of the longest pause");
        assert_eq!(machine.on_event(at(time + 1, 50_000), Event::Asked), Some(Action::Exchange), "a person may ask");
    }

    #[test]
    fn every_night_once_at_the_terminals_own_moment() {
        let mut machine = settled();
        let moment = Schedule::default().moment(TerminalId::new(7));
        let night = |day: i64, second: u32, since: u64| Now {
            since_start: Duration::from_secs(since),
            local_day: 20_000 + day,
            local_second: second,
        };
        assert_eq!(machine.on_event(night(1, moment - 1, 50_000), Event::Tick), None);
        assert_eq!(machine.on_event(night(1, moment, 50_001), Event::Tick), Some(Action::Exchange));
        assert_eq!(machine.on_event(night(1, moment + 2, 50_003), QUIET), None);
        assert_eq!(machine.on_event(night(1, moment + 60, 50_061), Event::Tick), None);
        assert_eq!(machine.on_event(night(2, moment, 136_401), Event::Tick), Some(Action::Exchange));
    }

    #[test]
    fn a_window_may_go_over_midnight() {
        let schedule = Schedule { window_from_seconds: 23 * 3600, window_to_seconds: 3600, ..Schedule::default() };
        let terminal = (0..).map(TerminalId::new).find(|id| schedule.moment(*id) < 1800).unwrap();
        let mut machine = ExchangeMachine::new(terminal, schedule);
        assert_eq!(machine.on_event(at(0, 43_200), Event::Tick), Some(Action::Exchange));
        assert_eq!(machine.on_event(at(1, 43_201), QUIET), None);
        assert_eq!(machine.on_event(at(40_000, 83_200), Event::Tick), None);
        let after_midnight = Now { local_day: 20_001, ..at(45_000, 1800) };
        assert_eq!(machine.on_event(after_midnight, Event::Tick), Some(Action::Exchange));
    }

    #[test]
    fn terminals_spread_over_the_window() {
        let schedule = Schedule::default();
        let mut minutes = [0_u32; 120];
        for terminal in 0..6000 {
            let moment = schedule.moment(TerminalId::new(terminal));
            assert!((schedule.window_from_seconds..schedule.window_to_seconds).contains(&moment));
            minutes[((moment - schedule.window_from_seconds) / 60) as usize] += 1;
        }
        assert!(minutes.iter().all(|count| (25..=75).contains(count)), "{minutes:?}");
    }
}
