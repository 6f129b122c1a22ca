//! `pass-card serve`: a card in a virtual reader, until it is told to leave or leaves by its plan.

use std::cell::Cell;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use super::{ToolError, plan};
use crate::virtual_card::applet::Applet;
use crate::virtual_card::vpcd::{DEFAULT_PORT, Left, Remover, VpcdSlot};
use crate::virtual_card::{CardFailure, CardInReader, Fault, Faulty, FileStorage, VirtualCard};
use crate::wire::apdu::Protocol;

/// How often a reader that is not there is looked for.
const CONNECT_INTERVAL: Duration = Duration::from_millis(100);

/// Garde la carte dans le lecteur jusqu'à SIGINT ou SIGTERM / Keeps the card in the reader until SIGINT or SIGTERM
///
/// Writes the line "ready" each time the reader has seen the card.
#[derive(Args)]
pub(super) struct Serve {
    /// Le fichier de la carte ; vierge s'il n'existe pas / The card's file; a blank card when there is none
    file: PathBuf,
    /// Où vpcd écoute / Where vpcd listens
    #[arg(long, value_name = "HOST:PORT", default_value_t = format!("127.0.0.1:{DEFAULT_PORT}"))]
    vpcd: String,
    /// Parle T=0 au lieu de T=1 / Speaks T=0 instead of T=1
    #[arg(long)]
    t0: bool,
    /// Sort du lecteur avant ou après cette commande, et termine / Leaves the reader before or after this command, and ends
    ///
    /// before:COMMAND or after:COMMAND, where COMMAND is a name (DEBIT, PUT-ENTITLEMENT) or the number of an APDU.
    #[arg(long, value_name = "before|after:COMMAND", value_parser = plan::pull)]
    pull: Option<Fault>,
    /// Exécute cette commande mais répond ce mot d'état, une fois / Executes this command but answers this status word, once
    #[arg(long, value_name = "COMMAND:SW", value_parser = plan::lie)]
    lie: Option<Fault>,
    /// Combien de secondes attendre le lecteur / How many seconds to wait for the reader
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    wait: u32,
}

impl Serve {
    pub(super) fn run(self) -> Result<(), ToolError> {
        let protocol = if self.t0 { Protocol::T0 } else { Protocol::T1 };
        let (storage, memory) = FileStorage::open(&self.file)?;
        let card = VirtualCard::new(memory, storage).map_err(|error| ToolError::Card(CardFailure::Crypto(error)))?;
        let plan = self.pull.into_iter().chain(self.lie).collect();
        let mut card = Faulty::new(CardInReader::new(card, protocol), plan);
        let stop = Stop::on_signal().map_err(ToolError::System)?;
        // pcscd may be restarted: the card is put back into the reader when it is there again.
        while let Some(slot) = self.connect(&stop)? {
            stop.arm(slot.remover().map_err(|error| self.reader_error(&error))?);
            let mut announced = Announced { card: &mut card, said: Cell::new(false) };
            match slot.serve(&mut announced).map_err(|error| self.reader_error(&error))? {
                Left::Removed => return Ok(()),
                Left::ReaderClosed => {}
                Left::Itself => return left_by_itself(&mut card),
            }
        }
        Ok(())
    }

    /// Waits for the reader; `None` when told to stop meanwhile.
    fn connect(&self, stop: &Stop) -> Result<Option<VpcdSlot>, ToolError> {
        let deadline = Instant::now() + Duration::from_secs(self.wait.into());
        loop {
            if stop.is_asked() {
                return Ok(None);
            }
            match VpcdSlot::connect(&self.vpcd) {
                Ok(slot) => return Ok(Some(slot)),
                Err(_) if Instant::now() < deadline => thread::sleep(CONNECT_INTERVAL),
                Err(_) => return Err(ToolError::NoReader { address: self.vpcd.clone(), waited_s: self.wait }),
            }
        }
    }

    fn reader_error(&self, error: &dyn std::error::Error) -> ToolError {
        ToolError::Reader { address: self.vpcd.clone(), why: error.to_string() }
    }
}

fn left_by_itself(card: &mut Faulty<CardInReader>) -> Result<(), ToolError> {
    if let Some(failure) = card.applet_mut().take_failure() {
        return Err(ToolError::Card(failure));
    }
    if let Some(fault) = card.happened().last() {
        say(&fault.to_string());
    }
    Ok(())
}

/// One line to whoever waits for it. A reader of these lines that is gone is no reason to take the card out.
fn say(line: &str) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// Says "ready" when the reader first looks at the card: a connection alone may still wait behind another card.
struct Announced<'a> {
    card: &'a mut Faulty<CardInReader>,
    said: Cell<bool>,
}

impl Applet for Announced<'_> {
    fn atr(&self) -> Vec<u8> {
        if !self.said.replace(true) {
            say("ready");
        }
        self.card.atr()
    }

    fn power_on(&mut self) {
        self.card.power_on();
    }

    fn power_off(&mut self) {
        self.card.power_off();
    }

    fn transmit(&mut self, command: &[u8]) -> Option<Vec<u8>> {
        self.card.transmit(command)
    }
}

/// The wish to leave the reader, and the means.
#[derive(Clone, Default)]
struct Stop(Arc<Mutex<StopState>>);

#[derive(Default)]
struct StopState {
    asked: bool,
    remover: Option<Remover>,
}

impl Stop {
    /// Asked by SIGINT or SIGTERM, from now on.
    fn on_signal() -> io::Result<Self> {
        let stop = Self::default();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let (mut interrupt, mut terminate) = {
            let _inside = runtime.enter();
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
        };
        let asked = stop.clone();
        thread::Builder::new().name("signals".to_owned()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
            });
            asked.ask();
        })?;
        Ok(stop)
    }

    fn ask(&self) {
        let mut state = self.state();
        state.asked = true;
        if let Some(remover) = &state.remover {
            remover.remove();
        }
    }

    /// From now on a stop pulls this card; at once, when it was asked for already.
    fn arm(&self, remover: Remover) {
        let mut state = self.state();
        if state.asked {
            remover.remove();
        }
        state.remover = Some(remover);
    }

    fn is_asked(&self) -> bool {
        self.state().asked
    }

    fn state(&self) -> std::sync::MutexGuard<'_, StopState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
