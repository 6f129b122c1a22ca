//! The printer's thread: sheets wait in a queue of bounded length, and nobody waits for them.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use super::port::{Connection, send};

/// How many sheets wait at most: a busy evening without paper. The oldest gives way, and is printed again by hand.
const WAITING_MAX: usize = 50;

/// How the printer is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PrinterState {
    /// How many sheets wait.
    pub waiting: usize,
    /// How many were printed since the start.
    pub printed: u64,
    /// How many were given up since the start: the printer did not take them, or too many waited.
    pub lost: u64,
    /// What the newest failed on, until one is printed again: a sentence for a technician, in English.
    pub error: Option<String>,
}

#[derive(Default)]
struct Shared {
    sheets: VecDeque<Vec<u8>>,
    state: PrinterState,
    stopping: bool,
}

/// A printer with its thread.
pub struct Printer {
    shared: Arc<(Mutex<Shared>, Condvar)>,
    _thread: JoinHandle<()>,
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Printer {
    /// A printer at `connection`, which is not asked for anything yet.
    ///
    /// # Errors
    /// When the operating system gives no thread.
    pub fn start(connection: Connection) -> std::io::Result<Self> {
        let shared: Arc<(Mutex<Shared>, Condvar)> = Arc::default();
        let worker = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("printer".to_owned());
        let thread = thread.spawn(move || work(&connection, &worker))?;
        Ok(Self { shared, _thread: thread })
    }

    /// Puts a sheet into the queue. Returns at once, whatever the printer does.
    pub fn print(&self, sheet: Vec<u8>) {
        let (shared, wake) = &*self.shared;
        let mut shared = lock(shared);
        if shared.sheets.len() >= WAITING_MAX {
            shared.sheets.pop_front();
            shared.state.lost += 1;
        }
        shared.sheets.push_back(sheet);
        wake.notify_one();
    }

    /// How it is.
    pub fn state(&self) -> PrinterState {
        let shared = lock(&self.shared.0);
        PrinterState { waiting: shared.sheets.len(), ..shared.state.clone() }
    }
}

/// The thread ends by itself, after the sheet that it is at: a printer that hangs holds nobody up.
impl Drop for Printer {
    fn drop(&mut self) {
        let (shared, wake) = &*self.shared;
        lock(shared).stopping = true;
        wake.notify_one();
    }
}

fn work(connection: &Connection, (shared, wake): &(Mutex<Shared>, Condvar)) {
    loop {
        let mut held = lock(shared);
        while held.sheets.is_empty() && !held.stopping {
            held = wake.wait(held).unwrap_or_else(PoisonError::into_inner);
        }
        if held.stopping {
            return;
        }
        let Some(sheet) = held.sheets.pop_front() else { continue };
        drop(held);
        // A sheet that was not taken is not tried again by itself: a part of it may be on paper, and a queue of old receipts that comes out
        // with the next roll is of use to nobody. It is printed again by hand, as a duplicate.
        let sent = send(connection, &sheet);
        let mut held = lock(shared);
        match sent {
            Ok(()) => {
                held.state.printed += 1;
                held.state.error = None;
            }
            Err(error) => {
                tracing::warn!(%error, "a receipt was not printed");
                held.state.lost += 1;
                held.state.error = Some(error.to_string());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::net::TcpListener;
    use std::time::{Duration, Instant};

    use super::*;

    const DEADLINE: Duration = Duration::from_secs(30);

    fn until(printer: &Printer, good: impl Fn(&PrinterState) -> bool) -> PrinterState {
        let start = Instant::now();
        loop {
            let state = printer.state();
            if good(&state) {
                return state;
            }
            assert!(start.elapsed() < DEADLINE, "{state:?}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn at(listener: &TcpListener) -> Connection {
        Connection::Network(listener.local_addr().unwrap().to_string())
    }

    #[test]
    fn sheets_come_out_in_order_and_whole() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let printer = Printer::start(at(&listener)).unwrap();
        for name in [b"one", b"two"] {
            printer.print(name.to_vec());
        }
        for name in ["one", "two"] {
            let mut printed = String::new();
            listener.accept().unwrap().0.read_to_string(&mut printed).unwrap();
            assert_eq!(printed, name);
        }
        let state = until(&printer, |state| state.printed == 2);
        assert_eq!((state.waiting, state.lost, state.error), (0, 0, None));
    }

    #[test]
    fn a_printer_that_refuses_is_said_and_the_next_sheet_is_tried() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let connection = at(&listener);
        drop(listener);
        let printer = Printer::start(connection).unwrap();
        printer.print(b"lost".to_vec());
        let state = until(&printer, |state| state.lost == 1);
        assert!(state.error.unwrap().contains("does not answer"));
    }

    #[test]
    fn a_printer_that_hangs_holds_nobody_up() {
        // It accepts and never takes a byte; the sheet is larger than what the system buffers.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let printer = Printer::start(at(&listener)).unwrap();
        printer.print(vec![b'x'; 32 << 20]);
        let (stream, _) = listener.accept().unwrap();
        let begun = Instant::now();
        for _ in 0..2 * WAITING_MAX {
            printer.print(b"waits".to_vec());
        }
        assert!(begun.elapsed() < Duration::from_secs(2), "to print is not to wait");
        assert_eq!(printer.state().waiting, WAITING_MAX);
        // Those that found no room, and the one that was not taken.
        until(&printer, |state| state.lost == WAITING_MAX as u64 + 1);
        drop(stream);
        drop(printer);
    }

    #[test]
    fn a_device_is_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lp0");
        std::fs::write(&path, "").unwrap();
        let printer = Printer::start(Connection::Device(path.clone())).unwrap();
        printer.print(b"a sheet".to_vec());
        until(&printer, |state| state.printed == 1);
        assert_eq!(std::fs::read(&path).unwrap(), b"a sheet");
        let absent = Printer::start(Connection::Device(dir.path().join("lp1"))).unwrap();
        absent.print(b"a sheet".to_vec());
        until(&absent, |state| state.lost == 1);
    }
}
