//! A sign of life from a thread that makes blocking calls, readable from any other thread.
//!
//! A wedged pcscd or driver blocks a call for ever and there is no way to take the call back. What can be done is to notice:
//! each call is announced with the time that it may take, and whoever looks can tell since when it is overdue.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A PC/SC call, as far as it matters for what to tell the cashier when it does not come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// Reaching pcscd, or letting go of it.
    Service,
    /// Waiting for readers and cards to come and go.
    Watch,
    /// Getting hold of a card. pcscd lets it wait without end while another program is in a transaction with the card: when this
    /// is overdue and the watcher is well, the card is held by another program; when both are overdue, pcscd is frozen.
    Take,
    /// A command to the card.
    Transmit,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Service => "reaching the PC/SC service",
            Self::Watch => "watching the readers",
            Self::Take => "taking hold of the card",
            Self::Transmit => "a command to the card",
        })
    }
}

/// A call that has not come back in its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overdue {
    /// Which call.
    pub call: Call,
    /// How long it has been under way.
    pub since: Duration,
}

/// The sign of life. Clones look at the same thread.
#[derive(Clone, Debug)]
pub struct Pulse(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    /// When the thread last entered or left a call, or said that it is idle.
    beat: Instant,
    /// The call under way, and what it may take.
    under_way: Option<(Call, Duration)>,
}

impl Pulse {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(State { beat: Instant::now(), under_way: None })))
    }

    /// How long ago the thread was last heard of. A thread that makes calls all the time, as the watcher does, is frozen or dead
    /// when this is more than some seconds; one that waits for work is not.
    pub fn last_beat(&self) -> Duration {
        self.state().beat.elapsed()
    }

    /// The call under way, when it has taken longer than it may: the reader is frozen, or another program holds the card
    /// ([`Call::Take`]).
    pub fn overdue(&self) -> Option<Overdue> {
        let state = self.state();
        let (call, allowed) = state.under_way?;
        let since = state.beat.elapsed();
        (since > allowed).then_some(Overdue { call, since })
    }

    /// Says that the thread lives, outside of any call.
    pub(super) fn beat(&self) {
        self.state().beat = Instant::now();
    }

    /// Makes a blocking call that may take as long as `allowed`.
    pub(super) fn during<R>(&self, call: Call, allowed: Duration, make: impl FnOnce() -> R) -> R {
        *self.state() = State { beat: Instant::now(), under_way: Some((call, allowed)) };
        // Also when `make` unwinds: a thread that died is silent, not in a call.
        let _left = Left(self);
        make()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // The state is whole after each statement that holds the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Left<'a>(&'a Pulse);

impl Drop for Left<'_> {
    fn drop(&mut self) {
        *self.0.state() = State { beat: Instant::now(), under_way: None };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_overdue_only_while_it_lasts_and_after_its_time() {
        let pulse = Pulse::new();
        assert_eq!(pulse.overdue(), None);
        pulse.during(Call::Transmit, Duration::from_secs(3600), || assert_eq!(pulse.overdue(), None));
        pulse.during(Call::Take, Duration::ZERO, || {
            while pulse.overdue().is_none() {
                std::thread::yield_now();
            }
            assert_eq!(pulse.overdue().map(|overdue| overdue.call), Some(Call::Take));
        });
        assert_eq!(pulse.overdue(), None);
        assert!(pulse.last_beat() < Duration::from_secs(3600));
    }

    #[test]
    fn a_thread_that_dies_in_a_call_is_silent_not_frozen() {
        let pulse = Pulse::new();
        let theirs = pulse.clone();
        let thread =
            std::thread::spawn(move || theirs.during(Call::Watch, Duration::ZERO, || panic!("a test's panic")));
        assert!(thread.join().is_err());
        assert_eq!(pulse.overdue(), None);
    }
}
