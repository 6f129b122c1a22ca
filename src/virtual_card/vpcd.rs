//! Puts an [`Applet`] into a reader of vpcd, the virtual reader driver of pcscd (Debian: `vsmartcard-vpcd`).
//!
//! vpcd listens on a TCP port for each reader. While a connection to it is open a card is in the reader; closing it takes the
//! card out. Frames are a length (`u16`, big-endian) and that many bytes, both ways. One byte is a control code (power, reset,
//! the question for the ATR that doubles as the question whether the card is there), anything longer is a command APDU. There
//! is one card to a port: a second connection waits, unheard, until the first is closed. vpcd listens on all addresses of the
//! machine and asks nobody who they are.
//!
//! Which card it is, and what it answers, is the applet's business.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::applet::Applet;

/// The port of the first reader in the configuration that Debian's package installs.
pub const DEFAULT_PORT: u16 = 0x8C7B;

const POWER_OFF: u8 = 0;
const POWER_ON: u8 = 1;
const RESET: u8 = 2;
const GET_ATR: u8 = 4;

/// Why a card is no longer in its reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// Somebody pulled it with [`Remover::remove`].
    Removed,
    /// The applet itself left instead of answering.
    Itself,
    /// The reader went away: pcscd ended, or dropped the reader.
    ReaderClosed,
}

/// Why a card could not be put into a reader, or be kept there.
#[derive(Debug, thiserror::Error)]
pub enum VpcdError {
    /// Nothing listens there.
    #[error("the virtual reader cannot be reached: {0}")]
    Connect(#[source] io::Error),
    /// The connection failed.
    #[error("the connection to the virtual reader failed: {0}")]
    Connection(#[source] io::Error),
    /// Whatever listens there does not speak as vpcd does.
    #[error("the virtual reader sent the unknown control code {0}")]
    UnknownControl(u8),
    /// The applet answered with more bytes than a frame can hold.
    #[error("the card answered with {0} bytes, a frame holds 65535")]
    AnswerTooLong(usize),
}

/// A place in a virtual reader, with a card about to be in it.
#[derive(Debug)]
pub struct VpcdSlot {
    stream: TcpStream,
    removed: Arc<AtomicBool>,
}

/// Pulls a card out of its reader from another thread, also in the middle of a command.
#[derive(Debug)]
pub struct Remover {
    stream: TcpStream,
    removed: Arc<AtomicBool>,
}

impl Remover {
    /// Takes the card out: [`VpcdSlot::serve`] returns [`Left::Removed`]. Doing it again changes nothing.
    pub fn remove(&self) {
        self.removed.store(true, Ordering::SeqCst);
        // It fails only when the connection is closed already, which is what is wanted.
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}

impl VpcdSlot {
    /// Connects to the reader at `address` (host and port). The card counts as inserted from the moment vpcd looks, about
    /// every 0.4 s.
    ///
    /// # Errors
    /// [`VpcdError::Connect`] when nothing listens there.
    pub fn connect(address: impl ToSocketAddrs) -> Result<Self, VpcdError> {
        let stream = TcpStream::connect(address).map_err(VpcdError::Connect)?;
        stream.set_nodelay(true).map_err(VpcdError::Connect)?;
        Ok(Self { stream, removed: Arc::new(AtomicBool::new(false)) })
    }

    /// A handle that pulls this card.
    ///
    /// # Errors
    /// [`VpcdError::Connection`] when the system has no file descriptor left.
    pub fn remover(&self) -> Result<Remover, VpcdError> {
        let stream = self.stream.try_clone().map_err(VpcdError::Connection)?;
        Ok(Remover { stream, removed: Arc::clone(&self.removed) })
    }

    /// Answers the reader until the card leaves it, on the caller's thread. The applet has lost its power when this returns.
    ///
    /// # Errors
    /// [`VpcdError`] when the connection fails or the other end is not vpcd.
    pub fn serve(mut self, applet: &mut dyn Applet) -> Result<Left, VpcdError> {
        let left = self.converse(applet);
        applet.power_off();
        // A remover holds the connection open too, and the reader would wait for an answer for ever.
        let _ = self.stream.shutdown(Shutdown::Both);
        match left {
            // A connection that was shut down under us may end in any way.
            Ok(Left::ReaderClosed) | Err(_) if self.removed.load(Ordering::SeqCst) => Ok(Left::Removed),
            other => other,
        }
    }

    fn converse(&mut self, applet: &mut dyn Applet) -> Result<Left, VpcdError> {
        while let Some(frame) = self.read_frame().map_err(VpcdError::Connection)? {
            match frame.as_slice() {
                // Nothing was said. It needs no answer.
                [] => {}
                [POWER_OFF] => applet.power_off(),
                [POWER_ON] => applet.power_on(),
                [RESET] => applet.reset(),
                [GET_ATR] => self.write_frame(&applet.atr())?,
                [unknown] => return Err(VpcdError::UnknownControl(*unknown)),
                command => match applet.transmit(command) {
                    Some(answer) => self.write_frame(&answer)?,
                    None => return Ok(Left::Itself),
                },
            }
        }
        Ok(Left::ReaderClosed)
    }

    /// The next frame; `None` when the reader closed the connection.
    fn read_frame(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut length = [0; 2];
        if !self.fill(&mut length)? {
            return Ok(None);
        }
        let mut frame = vec![0; usize::from(u16::from_be_bytes(length))];
        Ok(self.fill(&mut frame)?.then_some(frame))
    }

    /// Reads until `buffer` is full; false when the reader closed the connection before that.
    fn fill(&mut self, buffer: &mut [u8]) -> io::Result<bool> {
        let mut filled = 0;
        while filled < buffer.len() {
            // vpcd writes a length and its body apart, with Nagle's algorithm on: without an acknowledgement at once
            // the body waits 40 ms for it. The kernel forgets the option, so it is set before each read.
            rustix::net::sockopt::set_tcp_quickack(&self.stream, true)?;
            match self.stream.read(&mut buffer[filled..]) {
                Ok(0) => return Ok(false),
                Ok(count) => filled += count,
                Err(error) => match error.kind() {
                    io::ErrorKind::Interrupted => {}
                    // pcscd was killed with our bytes unread.
                    io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => return Ok(false),
                    _ => return Err(error),
                },
            }
        }
        Ok(true)
    }

    /// Length and body in one segment.
    fn write_frame(&mut self, body: &[u8]) -> Result<(), VpcdError> {
        let length = u16::try_from(body.len()).map_err(|_| VpcdError::AnswerTooLong(body.len()))?;
        let frame = [&length.to_be_bytes(), body].concat();
        match self.stream.write_all(&frame) {
            // The next read sees the end of the connection and says so.
            Err(error) if matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe) => Ok(()),
            written => written.map_err(VpcdError::Connection),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::thread;

    /// Answers commands with themselves, up to the one that it leaves at, and keeps a diary.
    struct Diarist {
        diary: Vec<String>,
        leaves_at: &'static [u8],
    }

    impl Applet for Diarist {
        fn atr(&self) -> Vec<u8> {
            vec![0x3B, 0x80]
        }

        fn power_on(&mut self) {
            self.diary.push("on".into());
        }

        fn power_off(&mut self) {
            self.diary.push("off".into());
        }

        fn transmit(&mut self, command: &[u8]) -> Option<Vec<u8>> {
            self.diary.push(format!("{command:02X?}"));
            (command != self.leaves_at).then(|| command.to_vec())
        }
    }

    const FAREWELL: &[u8] = &[0xFF, 0xFF];

    /// Plays vpcd: sends `sent` and closes its half of the connection. What the card's side answered, made of it, and what the
    /// applet wrote.
    fn play(sent: &[u8]) -> (Vec<u8>, Result<Left, VpcdError>, Vec<String>) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let slot = VpcdSlot::connect(listener.local_addr().unwrap()).unwrap();
        let (mut reader, _) = listener.accept().unwrap();
        let card = thread::spawn(move || {
            let mut applet = Diarist { diary: Vec::new(), leaves_at: FAREWELL };
            (slot.serve(&mut applet), applet.diary)
        });
        reader.write_all(sent).unwrap();
        reader.shutdown(Shutdown::Write).unwrap();
        let mut answered = Vec::new();
        reader.read_to_end(&mut answered).unwrap();
        let (left, diary) = card.join().unwrap();
        (answered, left, diary)
    }

    #[test]
    fn a_conversation_with_a_reader() {
        let sent = [
            &[0, 1, GET_ATR, 0, 1, POWER_ON][..],
            &[0, 2, 0x0A, 0x0B],
            &[0, 1, RESET, 0, 0],
            &[0, 3, 1, 2, 3, 0, 1, POWER_OFF],
        ];
        let (answered, left, diary) = play(&sent.concat());
        assert_eq!(answered, [0, 2, 0x3B, 0x80, 0, 2, 0x0A, 0x0B, 0, 3, 1, 2, 3]);
        assert!(matches!(left, Ok(Left::ReaderClosed)));
        assert_eq!(diary, ["on", "[0A, 0B]", "off", "on", "[01, 02, 03]", "off", "off"]);
    }

    #[test]
    fn a_card_that_leaves_says_nothing_more() {
        let (answered, left, diary) = play(&[&[0, 2], FAREWELL].concat());
        assert!(answered.is_empty());
        assert!(matches!(left, Ok(Left::Itself)));
        assert_eq!(diary, ["[FF, FF]", "off"]);
    }

    #[test]
    fn a_frame_that_breaks_off_is_the_end() {
        for sent in [&[][..], &[0], &[0, 2], &[0, 2, 0x0A]] {
            let (answered, left, diary) = play(sent);
            assert!(answered.is_empty());
            assert!(matches!(left, Ok(Left::ReaderClosed)), "{sent:?}");
            assert_eq!(diary, ["off"], "{sent:?}");
        }
    }

    #[test]
    fn what_is_not_vpcd_is_not_answered() {
        let (answered, left, _) = play(&[0, 1, 0x2A]);
        assert!(answered.is_empty());
        assert!(matches!(left, Err(VpcdError::UnknownControl(0x2A))));
    }

    #[test]
    fn a_removed_card_ends_its_service_though_a_second_handle_is_kept() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let slot = VpcdSlot::connect(listener.local_addr().unwrap()).unwrap();
        let (mut reader, _) = listener.accept().unwrap();
        let (remover, kept) = (slot.remover().unwrap(), slot.remover().unwrap());
        let card = thread::spawn(move || slot.serve(&mut Diarist { diary: Vec::new(), leaves_at: FAREWELL }));
        remover.remove();
        assert!(matches!(card.join().unwrap(), Ok(Left::Removed)));
        assert_eq!(reader.read(&mut [0]).unwrap(), 0, "the reader sees the end");
        drop(kept);
    }
}
