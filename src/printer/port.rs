//! The way to the printer: a TCP port (9100 by custom) or a file of the system (`/dev/usb/lp0`, a serial line). It may refuse, hang or
//! vanish; every step has an end.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;

/// How long a printer may take to answer a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a printer may take nothing while it is written to: one that is out of paper stops taking.
const WRITE_TIMEOUT: Duration = Duration::from_secs(5);

/// Where the printer is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Connection {
    /// On the network: host and port.
    Network(String),
    /// A file: a USB printer's, or a serial line that was set up.
    Device(PathBuf),
}

impl Connection {
    /// Reads `tcp:HOST:PORT` or the path of a device.
    pub fn parse(text: &str) -> Option<Self> {
        match text.strip_prefix("tcp:") {
            Some(address) => {
                let (host, port) = address.rsplit_once(':')?;
                (!host.is_empty() && port.parse::<u16>().is_ok()).then(|| Self::Network(address.to_owned()))
            }
            None => text.starts_with('/').then(|| Self::Device(PathBuf::from(text))),
        }
    }
}

/// Why a sheet was not printed, or not known to be.
#[derive(Debug, thiserror::Error)]
pub enum PortError {
    /// Nobody answers there: nothing was printed.
    #[error("the printer does not answer: {0}")]
    Absent(io::Error),
    /// It stopped taking in the middle: a part may be on paper.
    #[error("the printer takes nothing more (out of paper, cover open, switched off?): {0}")]
    Stopped(io::Error),
}

/// Sends `bytes` to the printer.
pub(super) fn send(connection: &Connection, bytes: &[u8]) -> Result<(), PortError> {
    match connection {
        Connection::Network(address) => {
            let mut stream = connect(address).map_err(PortError::Absent)?;
            stream.set_write_timeout(Some(WRITE_TIMEOUT)).map_err(PortError::Absent)?;
            stream.write_all(bytes).and_then(|()| stream.flush()).map_err(PortError::Stopped)?;
            // What was sent is on its way; a printer says nothing back.
            stream.shutdown(std::net::Shutdown::Write).map_err(PortError::Stopped)
        }
        Connection::Device(path) => {
            let flags = i32::try_from((OFlags::NONBLOCK | OFlags::NOCTTY).bits()).unwrap_or(0);
            let file = OpenOptions::new().write(true).custom_flags(flags).open(path).map_err(PortError::Absent)?;
            write_slowly(file, bytes).map_err(PortError::Stopped)
        }
    }
}

fn connect(address: &str) -> io::Result<TcpStream> {
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, CONNECT_TIMEOUT) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Writes as fast as the device takes it, and gives up when it takes nothing for a while.
fn write_slowly(mut file: std::fs::File, mut bytes: &[u8]) -> io::Result<()> {
    let mut since = Instant::now();
    while !bytes.is_empty() {
        match file.write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => {
                bytes = &bytes[count..];
                since = Instant::now();
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let left = WRITE_TIMEOUT.saturating_sub(since.elapsed());
                if left.is_zero() {
                    return Err(io::ErrorKind::TimedOut.into());
                }
                let timeout = Timespec { tv_sec: 1, tv_nsec: 0 };
                poll(&mut [PollFd::new(&file, PollFlags::OUT)], Some(&timeout))?;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_an_address_or_a_device() {
        let network = |address: &str| Some(Connection::Network(address.to_owned()));
        assert_eq!(Connection::parse("tcp:192.168.1.50:9100"), network("192.168.1.50:9100"));
        assert_eq!(Connection::parse("tcp:[::1]:9100"), network("[::1]:9100"));
        assert_eq!(Connection::parse("/dev/usb/lp0"), Some(Connection::Device(PathBuf::from("/dev/usb/lp0"))));
        for wrong in ["", "tcp:", "tcp:host", "tcp::9100", "tcp:host:99999", "lp0", "http://x"] {
            assert_eq!(Connection::parse(wrong), None, "{wrong}");
        }
    }
}
