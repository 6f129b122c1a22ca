//! A thread of its own for the ledger: a disk can block, and nobody else may wait with it.
//!
//! Callers hand over closures, which run one after the other. Whatever happens to the thread, every caller gets an
//! answer: a closure that panics takes the thread down, its transaction is rolled back, and everybody who waits or
//! comes later is told [`LedgerGone`].
//!
//! When nobody has asked for anything for a while, the thread copies the write-ahead log, so that no sale has to.

use std::io;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::append::Ledger;

/// After so long without work, nobody is being served.
const QUIET: Duration = Duration::from_secs(2);

/// The ledger's thread has ended: by a panic, or because it was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the ledger's thread has ended")]
pub struct LedgerGone;

/// How the ledger's thread is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pulse {
    /// It waits for work.
    Idle,
    /// One call has been under way for this long.
    Busy(Duration),
    /// It has ended.
    Gone,
}

type Job = Box<dyn FnOnce(&mut Ledger) + Send>;

enum Message {
    Run(Job),
    Stop,
}

/// The thread that owns a ledger.
#[derive(Debug)]
pub struct LedgerThread {
    handle: LedgerHandle,
    thread: JoinHandle<()>,
}

/// A way to the ledger, for any thread or task.
#[derive(Clone, Debug)]
pub struct LedgerHandle {
    jobs: Sender<Message>,
    heart: Arc<Heart>,
}

impl LedgerThread {
    /// Gives `ledger` a thread.
    ///
    /// # Errors
    /// When the operating system gives none.
    pub fn spawn(ledger: Ledger) -> io::Result<Self> {
        let (jobs, received) = mpsc::channel();
        let heart = Arc::new(Heart::new());
        let beating = Beating(Arc::clone(&heart));
        let thread =
            std::thread::Builder::new().name("ledger".to_owned()).spawn(move || work(ledger, &received, &beating))?;
        Ok(Self { handle: LedgerHandle { jobs, heart }, thread })
    }

    /// A way to the ledger.
    pub fn handle(&self) -> LedgerHandle {
        self.handle.clone()
    }

    /// Finishes what was asked before, closes the ledger and waits for that.
    ///
    /// # Errors
    /// [`LedgerGone`] when the thread had panicked.
    pub fn stop(self) -> Result<(), LedgerGone> {
        // A thread that is gone already shows below.
        let _gone = self.handle.jobs.send(Message::Stop);
        self.thread.join().map_err(|_panic| LedgerGone)
    }
}

impl LedgerHandle {
    /// Runs `work` on the ledger's thread and waits for its result. Blocks, for ever when `work` itself calls it: an
    /// async caller takes [`LedgerHandle::call_with`].
    ///
    /// # Errors
    /// [`LedgerGone`].
    pub fn call<R: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Ledger) -> R + Send + 'static,
    ) -> Result<R, LedgerGone> {
        let (reply, result) = mpsc::sync_channel(1);
        self.call_with(work, move |outcome| {
            // Nobody takes the reply away while `recv` below waits for it.
            let _heard = reply.send(outcome);
        });
        result.recv().unwrap_or(Err(LedgerGone))
    }

    /// Runs `work` on the ledger's thread and gives its result to `reply`, exactly once: on that thread, or on this one
    /// when the thread is gone. `reply` must not block.
    pub fn call_with<R: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Ledger) -> R + Send + 'static,
        reply: impl FnOnce(Result<R, LedgerGone>) + Send + 'static,
    ) {
        let mut reply = Reply(Some(reply), PhantomData);
        let job: Job = Box::new(move |ledger| {
            let result = work(ledger);
            reply.give(Ok(result));
        });
        // A job that is not taken is dropped, and its reply with it, which says so.
        let _gone = self.jobs.send(Message::Run(job));
    }

    /// How the thread is, for a watchdog.
    pub fn pulse(&self) -> Pulse {
        self.heart.pulse()
    }
}

/// A reply that is given exactly once: by hand, or `LedgerGone` when it is dropped.
struct Reply<R, F: FnOnce(Result<R, LedgerGone>)>(Option<F>, PhantomData<fn(R)>);

impl<R, F: FnOnce(Result<R, LedgerGone>)> Reply<R, F> {
    fn give(&mut self, result: Result<R, LedgerGone>) {
        if let Some(reply) = self.0.take() {
            reply(result);
        }
    }
}

impl<R, F: FnOnce(Result<R, LedgerGone>)> Drop for Reply<R, F> {
    fn drop(&mut self) {
        self.give(Err(LedgerGone));
    }
}

fn work(mut ledger: Ledger, jobs: &Receiver<Message>, beating: &Beating) {
    loop {
        let job: Job = match jobs.recv_timeout(QUIET) {
            Ok(Message::Run(job)) => job,
            Err(RecvTimeoutError::Timeout) => Box::new(Ledger::copy_log),
            Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => return,
        };
        beating.0.begin();
        job(&mut ledger);
        beating.0.end();
    }
}

/// Since when a call has been under way, as others see it.
#[derive(Debug)]
struct Heart {
    born: Instant,
    /// Milliseconds from `born` to the beginning of the call under way, or one of the two below.
    since: AtomicU64,
}

impl Heart {
    const IDLE: u64 = u64::MAX;
    const GONE: u64 = u64::MAX - 1;

    fn new() -> Self {
        Self { born: Instant::now(), since: AtomicU64::new(Self::IDLE) }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.born.elapsed().as_millis()).unwrap_or(Self::GONE - 1)
    }

    fn begin(&self) {
        self.since.store(self.now(), Ordering::Relaxed);
    }

    fn end(&self) {
        self.since.store(Self::IDLE, Ordering::Relaxed);
    }

    fn pulse(&self) -> Pulse {
        match self.since.load(Ordering::Relaxed) {
            Self::IDLE => Pulse::Idle,
            Self::GONE => Pulse::Gone,
            since => Pulse::Busy(Duration::from_millis(self.now().saturating_sub(since))),
        }
    }
}

/// Held by the thread: however it ends, the heart is seen to stop.
struct Beating(Arc<Heart>);

impl Drop for Beating {
    fn drop(&mut self) {
        self.0.since.store(Heart::GONE, Ordering::Relaxed);
    }
}
