//! `run`: the daemon. Start order, signals, and an end that leaves nothing half done.
//!
//! Three threads of its own besides tokio's: the ledger, because a disk can block; the desk, because a reader can; the watcher of readers. The ledger is
//! opened first and closed last.

use std::future::Future;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{oneshot, watch};

use crate::domain::entry::{Body, TechnicalEvent};
use crate::ledger::{
    KeysError, Ledger, LedgerError, LedgerGone, LedgerHandle, LedgerThread, OpenError, Pulse, TerminalKeys,
};
use crate::machine::exchange::{ExchangeMachine, Schedule};
use crate::metrics::{self, Telling};
use crate::payment::client::Tpe;
use crate::reader::{CardWorker, ReaderFilter, Watcher};
use crate::till::Desk as _;
use crate::till::server::{Api, BindError, ListenError, LocalServer, LoopbackServer};
use crate::till::web::{Access, AccessError};
use crate::uplink::{Uplink, UplinkError};

use super::cashiers::Sessions;
use super::clock::{Clock, SystemClock};
use super::closings::ClosingSettings;
use super::desk::{Desk, DeskHandle, STOP_PATIENCE};
use super::exchanger::{Exchange, Exchanger, health};
use super::metrics::Metrics;
use super::payments::{Payments, take_up};
use super::receipts::{PrinterSettings, Receipts};
use super::region_file::RegionFile;
use super::service::Service;

/// How long the ledger's thread may be in one call before the watchdog is no longer fed.
const LEDGER_BUSY_MAX: Duration = Duration::from_secs(30);
/// How long the desk may be silent before the watchdog is no longer fed: a frozen reader, for which a restart is the last remedy.
const DESK_SILENT_MAX: Duration = Duration::from_secs(60);
/// How long the watcher of readers is waited for at the end.
const WATCHER_PATIENCE: Duration = Duration::from_secs(2);

/// What the daemon is told.
#[derive(Clone, Debug)]
pub struct DaemonSettings {
    /// Ledger and keys.
    pub data: PathBuf,
    /// Where the local API listens.
    pub socket: PathBuf,
    /// Where page and API listen over loopback; nowhere without it.
    pub listen: Option<SocketAddr>,
    /// Where metrics are told over loopback; nowhere without it.
    pub metrics: Option<SocketAddr>,
    /// Which readers.
    pub reader: ReaderFilter,
    /// When to exchange.
    pub schedule: Schedule,
    /// Where the region is; without it the terminal sells until its policy stops it.
    pub region: Option<RegionFile>,
    /// After so long without a request a cashier has to sign in again.
    pub session_idle: Duration,
    /// How the terminal closes.
    pub closing: ClosingSettings,
    /// The printer.
    pub printer: PrinterSettings,
    /// The bank terminal, where there is one.
    pub bank_terminal: Option<Tpe>,
}

/// Why the daemon did not run, or ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The terminal is not enrolled.
    #[error("{}: this terminal is not enrolled; run « pass-terminal enrol » first", .0.display())]
    NotEnrolled(PathBuf),
    /// The keys.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The ledger cannot be opened.
    #[error(transparent)]
    Open(#[from] Box<OpenError>),
    /// The ledger cannot be written.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A thread ended that should not have.
    #[error("the {0} ended unexpectedly")]
    ThreadEnded(&'static str),
    /// The line.
    #[error(transparent)]
    Uplink(#[from] UplinkError),
    /// The local API.
    #[error(transparent)]
    Serve(#[from] BindError),
    /// The page.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The metrics.
    #[error("the metrics cannot be told at {address}: {error}")]
    Metrics {
        /// Where.
        address: SocketAddr,
        /// Why not.
        error: std::io::Error,
    },
    /// The list of tills.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// Threads or signals.
    #[error("the operating system refuses: {0}")]
    System(#[from] std::io::Error),
}

impl From<LedgerGone> for RunError {
    fn from(LedgerGone: LedgerGone) -> Self {
        Self::ThreadEnded("ledger's thread")
    }
}

/// Runs until SIGTERM or SIGINT.
///
/// # Errors
/// [`RunError`].
pub async fn run(settings: DaemonSettings) -> Result<(), RunError> {
    let until = ask_to_stop()?;
    run_until(settings, Arc::new(SystemClock::default()), until).await
}

/// Resolves at SIGTERM or SIGINT.
fn ask_to_stop() -> std::io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => (),
            _ = interrupt.recv() => (),
        }
    })
}

async fn run_until(
    settings: DaemonSettings,
    clock: Arc<dyn Clock>,
    until: impl Future<Output = ()>,
) -> Result<(), RunError> {
    let data = settings.data.clone();
    if !Ledger::exists(&data) {
        return Err(RunError::NotEnrolled(data));
    }
    let keys = Arc::new(TerminalKeys::load(&data)?);
    let uplink = settings.region.as_ref().map(|region| Uplink::new(&region.url, region.authorities.as_deref()));
    let uplink = uplink.transpose()?;
    // The ledger signs with a copy of the key of its own; new keys are taken up here.
    let mut ledger = Ledger::open_with(&data, TerminalKeys::load(&data)?, clock.now()).map_err(Box::new)?;
    let started = TechnicalEvent::Started { version: env!("CARGO_PKG_VERSION").to_owned() };
    ledger.append(clock.now(), Body::Event(started), None)?;
    take_up(&mut ledger, clock.now())?;
    let terminal = ledger.view().identity().terminal;
    let measured: Arc<Metrics> = Arc::default();
    let commits = Arc::clone(&measured);
    ledger.tell_commits(move |took| commits.committed(took));
    let thread = LedgerThread::spawn(ledger)?;

    let generation = Arc::new(AtomicU64::new(0));
    let exchange = Exchange { ledger: thread.handle(), uplink, clock: Arc::clone(&clock), data: data.clone() };
    let machine = ExchangeMachine::new(terminal, settings.schedule);
    let (exchanger, exchanger_handle) =
        Exchanger::new(exchange, machine, Arc::clone(&generation), Arc::clone(&measured));
    let exchanging = tokio::spawn(exchanger.run());

    let worker = CardWorker::new();
    let worker_pulse = worker.pulse().clone();
    let (desk, desk_handle) = Desk::new(
        thread.handle(),
        worker,
        exchanger_handle.clone(),
        keys,
        Arc::clone(&clock),
        Arc::clone(&generation),
        Arc::clone(&measured),
    )?;
    let desk_ended = spawn_desk(desk)?;
    let to_desk = desk_handle.clone();
    let watcher = Watcher::start(settings.reader, move |event| to_desk.reader_event(event))?;

    let service = Arc::new(Service {
        desk: desk_handle.clone(),
        ledger: thread.handle(),
        payments: Payments::new(
            settings.bank_terminal.map(|tpe| Arc::new(tpe) as _),
            Arc::new(|task| drop(tokio::spawn(task))),
            thread.handle(),
            Arc::clone(&clock),
            exchanger_handle.clone(),
        ),
        exchanger: exchanger_handle,
        clock: Arc::clone(&clock),
        data,
        generation,
        sessions: Sessions::new(settings.session_idle),
        closing: settings.closing,
        receipts: Arc::new(Receipts::start(settings.printer)?),
        pulses: [watcher.pulse().clone(), worker_pulse],
    });
    let (stop_serving, stop) = watch::channel(());
    let servers = Servers::bind(&settings.socket, settings.listen, &settings.data).await?;
    let _telling = settings.metrics.map(|address| tell(address, Arc::clone(&service), measured)).transpose()?;
    let mut closing = pin!(service.close_at_the_set_hour());
    let mut serving = pin!(servers.serve(Arc::clone(&service), stop));
    notify(&[sd_notify::NotifyState::Ready]);
    tracing::info!(%terminal, "ready");
    let watchdog = tokio::spawn(feed_watchdog(thread.handle(), desk_handle.clone()));

    let mut desk_ended = desk_ended;
    let ended = tokio::select! {
        () = until => Ok(()),
        _ = &mut desk_ended => Err(RunError::ThreadEnded("desk's thread")),
        () = &mut serving => Err(RunError::ThreadEnded("local API")),
        () = &mut closing => Err(RunError::ThreadEnded("ledger's thread")),
    };

    notify(&[sd_notify::NotifyState::Stopping]);
    watchdog.abort();
    if ended.is_ok() {
        drop(stop_serving);
        desk_handle.stop();
        let patience = tokio::time::timeout(STOP_PATIENCE, async {
            serving.await;
            let _ended = desk_ended.await;
        });
        if patience.await.is_err() {
            tracing::warn!("the desk is held up by the reader and is left behind");
        }
    }
    exchanging.abort();
    watcher.stop(WATCHER_PATIENCE);
    close(thread, clock.as_ref());
    ended
}

/// The local API, wherever it can be reached.
struct Servers {
    local: LocalServer,
    loopback: Option<LoopbackServer>,
    access: Access,
}

impl Servers {
    async fn bind(socket: &Path, listen: Option<SocketAddr>, data: &Path) -> Result<Self, RunError> {
        let local = LocalServer::bind(socket)?;
        let loopback = match listen {
            Some(address) => Some(LoopbackServer::bind(address).await?),
            None => None,
        };
        let page = loopback.as_ref().map(LoopbackServer::address);
        Ok(Self { local, loopback, access: Access::open(tills_file(data), page)? })
    }

    /// Answers until `stop` is dropped.
    async fn serve(self, service: Arc<Service>, stop: watch::Receiver<()>) {
        let until = |mut stop: watch::Receiver<()>| async move {
            // Told to stop, or left alone: both are the end.
            let _told = stop.changed().await;
        };
        let api = Api::new(service, self.access);
        let local = self.local.serve(Arc::clone(&api), until(stop.clone()));
        match self.loopback {
            Some(loopback) => {
                tracing::info!(address = %loopback.address(), "the page listens: « pass-terminal page » opens it");
                tokio::join!(local, loopback.serve(api, until(stop)));
            }
            None => local.await,
        }
    }
}

/// The tills that may use the API over loopback.
fn tills_file(data: &Path) -> PathBuf {
    data.join("tills.json")
}

/// Tells the metrics at `address` until it is dropped.
fn tell(address: SocketAddr, service: Arc<Service>, measured: Arc<Metrics>) -> Result<Telling, RunError> {
    let cannot = |error| RunError::Metrics { address, error };
    let listener = std::net::TcpListener::bind(address).map_err(cannot)?;
    let text = move || {
        let (service, measured) = (Arc::clone(&service), Arc::clone(&measured));
        async move {
            let status = service.status().await.ok()?;
            Some(measured.text(&status, &health(&service.data)))
        }
    };
    let telling = metrics::tell(listener, text).map_err(cannot)?;
    tracing::info!(address = %telling.address(), "the metrics are told");
    Ok(telling)
}

/// The desk's thread; the receiver ends with it, however it ends.
fn spawn_desk(desk: Desk) -> std::io::Result<oneshot::Receiver<()>> {
    let (alive, ended) = oneshot::channel::<()>();
    std::thread::Builder::new().name("desk".to_owned()).spawn(move || {
        let _dropped_at_the_end = alive;
        desk.run();
    })?;
    Ok(ended)
}

fn close(thread: LedgerThread, clock: &dyn Clock) {
    let now = clock.now();
    let stopped = thread
        .handle()
        .call(move |ledger| ledger.append(now, Body::Event(TechnicalEvent::Stopped), None).map(|_head| ()));
    match stopped {
        Ok(Ok(())) => (),
        Ok(Err(error)) => tracing::error!(%error, "the stop could not be written"),
        Err(error) => tracing::error!(%error, "the stop could not be written"),
    }
    if let Err(error) = thread.stop() {
        tracing::error!(%error, "the ledger did not close well");
    }
}

/// Without systemd there is nobody to tell.
fn notify(states: &[sd_notify::NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "systemd was not told");
    }
}

/// Feeds systemd's watchdog as long as ledger and desk answer.
async fn feed_watchdog(ledger: LedgerHandle, desk: DeskHandle) {
    let Some(period) = sd_notify::watchdog_enabled() else { return };
    let mut tick = tokio::time::interval(period / 3);
    loop {
        tick.tick().await;
        let ledger_well = match ledger.pulse() {
            Pulse::Idle => true,
            Pulse::Busy(since) => since < LEDGER_BUSY_MAX,
            Pulse::Gone => false,
        };
        if ledger_well && desk.last_beat() < DESK_SILENT_MAX {
            notify(&[sd_notify::NotifyState::Watchdog]);
        } else {
            tracing::error!(ledger_well, "a part of the terminal does not answer");
        }
    }
}
