//! The line between a counter and the region: a relay of bytes that can be cut, and that can lose an answer on its way back.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

const PAUSE: Duration = Duration::from_millis(10);

#[derive(Debug)]
struct State {
    /// Where the region is.
    to: Arc<Mutex<SocketAddr>>,
    up: AtomicBool,
    /// Nothing comes through, and nobody is told.
    held: AtomicBool,
    /// How many answers are yet to be lost.
    losing: AtomicU32,
    /// How many answers were lost.
    lost: AtomicU32,
    ended: AtomicBool,
}

/// A line to the region. It is up.
#[derive(Debug)]
pub(crate) struct Line {
    address: SocketAddr,
    state: Arc<State>,
}

impl Line {
    pub(crate) fn to(region: Arc<Mutex<SocketAddr>>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            to: region,
            up: AtomicBool::new(true),
            held: AtomicBool::new(false),
            losing: AtomicU32::new(0),
            lost: AtomicU32::new(0),
            ended: AtomicBool::new(false),
        });
        let (ended, theirs) = (Arc::clone(&state), Arc::clone(&state));
        Self::accept_each(listener, move || ended.ended.load(Ordering::SeqCst), move |client| theirs.carry(&client));
        Self { address, state }
    }

    /// Serves each connection on a thread of its own until it has ended.
    pub(super) fn accept_each(
        listener: TcpListener,
        has_ended: impl Fn() -> bool + Send + 'static,
        serve: impl Fn(TcpStream) + Send + Sync + 'static,
    ) {
        listener.set_nonblocking(true).unwrap();
        let serve = Arc::new(serve);
        thread::spawn(move || {
            while !has_ended() {
                match listener.accept() {
                    Ok((client, _)) => {
                        let serve = Arc::clone(&serve);
                        thread::spawn(move || serve(client));
                    }
                    Err(_) => thread::sleep(PAUSE),
                }
            }
        });
    }

    /// The region's address, as the counter knows it.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Cuts the line, also under what is on its way.
    pub(crate) fn cut(&self) {
        self.state.up.store(false, Ordering::SeqCst);
    }

    /// Lets nothing through any more, and closes nothing.
    pub(crate) fn hold(&self) {
        self.state.held.store(true, Ordering::SeqCst);
    }

    /// Mends it.
    pub(crate) fn mend(&self) {
        self.state.held.store(false, Ordering::SeqCst);
        self.state.up.store(true, Ordering::SeqCst);
    }

    /// Loses the next answers of the region, after the region has given them.
    pub(crate) fn lose_answers(&self, number: u32) {
        self.state.losing.store(number, Ordering::SeqCst);
    }

    /// How many answers were lost.
    pub(crate) fn lost(&self) -> u32 {
        self.state.lost.load(Ordering::SeqCst)
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.state.ended.store(true, Ordering::SeqCst);
    }
}

impl State {
    fn is_open(&self) -> bool {
        self.up.load(Ordering::SeqCst) && !self.ended.load(Ordering::SeqCst)
    }

    /// Carries bytes both ways until one end closes or the line is cut. What fails is an end like any other.
    fn carry(&self, client: &TcpStream) {
        let to = *self.to.lock().unwrap();
        let connected = self.is_open().then(|| TcpStream::connect(to).ok()).flatten();
        if let Some(region) = connected {
            thread::scope(|both| {
                both.spawn(|| self.pour(client, &region, false));
                self.pour(&region, client, true);
            });
            let _ = region.shutdown(Shutdown::Both);
        }
        let _ = client.shutdown(Shutdown::Both);
    }

    fn pour(&self, mut from: &TcpStream, mut to: &TcpStream, answers: bool) {
        let _ = from.set_nonblocking(false);
        let _ = from.set_read_timeout(Some(PAUSE));
        let mut buffer = [0; 64 * 1024];
        while self.is_open() {
            if self.held.load(Ordering::SeqCst) {
                thread::sleep(PAUSE);
                continue;
            }
            let read = match from.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {
                    continue;
                }
                Err(_) => break,
            };
            if answers && self.loses_one() {
                break;
            }
            if to.write_all(&buffer[..read]).is_err() {
                break;
            }
        }
        let _ = from.shutdown(Shutdown::Both);
        let _ = to.shutdown(Shutdown::Both);
    }

    fn loses_one(&self) -> bool {
        let loses = self.losing.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
        self.lost.fetch_add(u32::from(loses), Ordering::SeqCst);
        loses
    }
}
