//! The thread that settles accounts where exchanges do not: on a store that many programs share, an exchange is answered as soon as its entries are committed,
//! and the cards' side follows here, a moment later.
//!
//! Any number of these may run, in any number of programs: what one has taken in hand the others leave out. One that is killed leaves its work to
//! the others. Nothing is lost when it fails: it tries again, ever more slowly, until the store answers.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::Region;
use super::error::RegionError;
use super::server::Clock;

/// How often it looks for what other programs left, when nobody wakes it.
const LOOKS_EVERY: Duration = Duration::from_secs(2);
/// The longest that it waits after a failure.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// Settles accounts until it is dropped; what is under way then is finished.
pub(super) struct Worker {
    wake: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    /// Starts the thread.
    ///
    /// # Errors
    /// [`RegionError::System`].
    pub(super) fn start(region: Arc<Region>, clock: Clock) -> Result<Self, RegionError> {
        // One waking that is not heard yet is enough.
        let (wake, woken) = sync_channel(1);
        let thread = thread::Builder::new().name("accounts".to_owned()).spawn(move || run(&region, &clock, &woken));
        Ok(Self { wake: Some(wake), thread: Some(thread.map_err(RegionError::System)?) })
    }

    /// There is something to settle.
    pub(super) fn wake(&self) {
        if let Some(wake) = &self.wake {
            // Full: it will look anyway.
            let _ = wake.try_send(());
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.wake = None;
        if let Some(thread) = self.thread.take() {
            // It has said in the log what went wrong.
            let _ = thread.join();
        }
    }
}

fn run(region: &Region, clock: &Clock, woken: &Receiver<()>) {
    let mut pause = LOOKS_EVERY;
    loop {
        match region.settle_accounts(None, clock()) {
            Ok(entries) => {
                pause = LOOKS_EVERY;
                if entries > 0 {
                    tracing::debug!(entries, "accounts settled");
                }
            }
            Err(error) => {
                region.metrics().judging_failed();
                pause = (pause * 2).min(PAUSE_MAX);
                tracing::error!(%error, retry_seconds = pause.as_secs(), "accounts could not be settled");
            }
        }
        match woken.recv_timeout(pause) {
            Ok(()) | Err(RecvTimeoutError::Timeout) => (),
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}
