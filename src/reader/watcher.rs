//! The thread that says which readers there are, and which cards come and go.
//!
//! It never blocks longer than a tick of its own will, because nothing can wake it when pcscd is wedged, and because readers
//! that were plugged in between two calls, or that pcscd forgot to announce, are found at the next tick.

use std::convert::Infallible;
use std::io;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use pcsc::{PNP_NOTIFICATION, ReaderState, State};
use tracing::{debug, warn};

use super::changes::{Inside, Seen, changes, gone};
use super::fault::{Fault, Verdict, WhyUnavailable};
use super::name::{ReaderFilter, ReaderName};
use super::pulse::Pulse;
use super::service::Service;

/// How long one wait for events lasts at most: the readers are listed anew this often.
const TICK: Duration = Duration::from_secs(1);

/// The pauses before the service is tried again, doubled from the first to the last.
const PAUSE_MIN: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// The pause after a call that one reader made fail.
const STUMBLE: Duration = Duration::from_millis(100);

/// What happens at the readers. The first event is [`ReaderEvent::Readers`] or [`ReaderEvent::Unavailable`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReaderEvent {
    /// These readers are there and watched, at least one: said at the start, after each `Unavailable`, and at each change.
    Readers(Vec<ReaderName>),
    /// A card came into this reader. A card that was swapped, also for itself, is one that left and one that came.
    CardPresent {
        /// Where it is.
        reader: ReaderName,
        /// Its answer to reset (ISO/IEC 7816-3, 8.2).
        atr: Vec<u8>,
    },
    /// Something came into this reader that does not answer: upside down, broken, not a chip card.
    CardUnreadable {
        /// Where it is.
        reader: ReaderName,
    },
    /// What was in this reader, readable or not, left; also said when the reader or the service went away under it.
    CardGone {
        /// Where it was.
        reader: ReaderName,
    },
    /// No card can be seen, for this reason, until the next `Readers`. Said again when the reason changes.
    Unavailable(WhyUnavailable),
}

/// The handle of the watching thread. Dropping it lets the thread end, without waiting.
#[derive(Debug)]
pub struct Watcher {
    /// Nothing is ever sent: dropping it is the signal.
    stop: Sender<Infallible>,
    /// The other way: closed when the thread has ended.
    ended: Receiver<Infallible>,
    pulse: Pulse,
}

impl Watcher {
    /// Starts a thread that watches the readers that `filter` chooses and calls `tell` with each event. `tell` runs on that
    /// thread: it hands the event on and does not wait.
    ///
    /// # Errors
    /// When the system gives no thread. That pcscd is not there is an event, not an error.
    pub fn start(filter: ReaderFilter, tell: impl FnMut(ReaderEvent) + Send + 'static) -> io::Result<Self> {
        let (stop, stopped) = mpsc::channel();
        let (ending, ended) = mpsc::channel();
        let pulse = Pulse::new();
        let watch = Watch { filter, tell, stopped, pulse: pulse.clone(), seen: None, unavailable: None };
        std::thread::Builder::new().name("card-watcher".into()).spawn(move || {
            let _ending: Sender<Infallible> = ending;
            watch.run();
        })?;
        Ok(Self { stop, ended, pulse })
    }

    /// The thread's sign of life. It beats every few seconds whatever happens (5 s when pcscd is away): when it has been
    /// silent for 10 s the thread is frozen in pcscd, which [`Pulse::overdue`] tells sooner, or dead.
    pub fn pulse(&self) -> &Pulse {
        &self.pulse
    }

    /// Lets the thread end, and waits for that, but not longer than `patience`; about a second is enough when all is well.
    /// False: the thread is frozen in pcscd. It is left behind and ends by itself when pcscd comes back.
    pub fn stop(self, patience: Duration) -> bool {
        let Self { stop, ended, pulse: _ } = self;
        drop(stop);
        match ended.recv_timeout(patience) {
            Err(RecvTimeoutError::Disconnected) => true,
            Err(RecvTimeoutError::Timeout) => false,
            Ok(never) => match never {},
        }
    }
}

/// What the thread owns.
struct Watch<F> {
    filter: ReaderFilter,
    tell: F,
    stopped: Receiver<Infallible>,
    pulse: Pulse,
    /// The newest look at the readers; `None` while the service is away.
    seen: Option<Vec<Seen>>,
    /// Why the service was said to be away.
    unavailable: Option<WhyUnavailable>,
}

/// Why the watching of one context ended.
enum Ended {
    Stopped,
    Lost(WhyUnavailable),
}

impl<F: FnMut(ReaderEvent)> Watch<F> {
    fn run(mut self) {
        let mut pause = PAUSE_MIN;
        while let Ended::Lost(why) = self.watch_service() {
            if self.seen.is_some() {
                pause = PAUSE_MIN;
            }
            self.lose_service(why);
            if self.is_stopped_within(pause) {
                return;
            }
            pause = PAUSE_MAX.min(pause * 2);
        }
    }

    /// Establishes a context and watches until it is of no more use.
    fn watch_service(&mut self) -> Ended {
        let service = match Service::establish(&self.pulse) {
            Ok(service) => service,
            Err(why) => return Ended::Lost(why),
        };
        let mut states = vec![ReaderState::new(PNP_NOTIFICATION(), State::UNAWARE)];
        while !self.is_stopped_within(Duration::ZERO) {
            let stumbled = match self.look(&service, &mut states).map_err(Fault::verdict) {
                Ok(()) => continue,
                Err(Verdict::ContextLost(why)) => return Ended::Lost(why),
                Err(Verdict::CallFailed(fault)) => fault,
            };
            // Such as a reader that left between being listed and being asked for: the next list is right.
            debug!(fault = %stumbled, "a look at the readers failed");
            if self.is_stopped_within(STUMBLE) {
                break;
            }
        }
        Ended::Stopped
    }

    /// Lists the readers, waits for one tick or the next event, and tells what changed.
    fn look(&mut self, service: &Service, states: &mut Vec<ReaderState>) -> Result<(), Fault> {
        let chosen = self.filter.choose(service.readers()?);
        states.retain(|state| state.name() == PNP_NOTIFICATION() || chosen.iter().any(|name| name.is(state.name())));
        for name in &chosen {
            if !states.iter().any(|state| name.is(state.name())) {
                states.push(ReaderState::new(name.as_c_str(), State::UNAWARE));
            }
        }
        match service.wait(TICK, states) {
            Ok(()) => states.iter_mut().for_each(ReaderState::sync_current_state),
            // Nothing happened, as far as pcscd noticed.
            Err(fault) if fault.code() == pcsc::Error::Timeout => {}
            Err(fault) => return Err(fault),
        }
        let now: Vec<_> =
            chosen.iter().filter_map(|name| seen(name, states.iter().find(|state| name.is(state.name()))?)).collect();
        changes(self.seen.as_deref(), &now).into_iter().for_each(&mut self.tell);
        self.seen = Some(now);
        self.unavailable = None;
        Ok(())
    }

    /// Tells that everything is gone, and why, unless that was told already.
    fn lose_service(&mut self, why: WhyUnavailable) {
        let seen = self.seen.take().unwrap_or_default();
        gone(seen.iter()).into_iter().for_each(&mut self.tell);
        if self.unavailable != Some(why) {
            warn!(reason = %why, "card readers are unavailable");
            (self.tell)(ReaderEvent::Unavailable(why));
            self.unavailable = Some(why);
        }
    }

    /// Whether the thread is to end; waits so long for it.
    fn is_stopped_within(&self, pause: Duration) -> bool {
        self.pulse.beat();
        self.stopped.recv_timeout(pause) != Err(RecvTimeoutError::Timeout)
    }
}

/// What a state says of its reader; nothing when the reader left or pcscd has not said yet.
fn seen(name: &ReaderName, state: &ReaderState) -> Option<Seen> {
    let is = state.event_state();
    let inside = if is.intersects(State::UNKNOWN | State::IGNORE | State::UNAVAILABLE) {
        return None;
    } else if is.contains(State::PRESENT) {
        match state.atr() {
            [] => Inside::Mute,
            _ if is.contains(State::MUTE) => Inside::Mute,
            atr => Inside::Card(atr.to_vec()),
        }
    } else if is.contains(State::EMPTY) {
        Inside::Nothing
    } else {
        return None;
    };
    Some(Seen { reader: name.clone(), inside, count: state.event_count() })
}
