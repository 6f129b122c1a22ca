//! A real pcscd of one's own, with virtual readers, beside whatever other pcscd the machine has.
//!
//! Needs the Debian packages `pcscd` and `vsmartcard-vpcd`, and nothing of systemd: pcscd is given its socket as systemd would give
//! it (`sd_listen_fds(3)`), by a shell that puts it in place. Clients find it by the environment variable [`SOCKET_VARIABLE`],
//! which libpcsclite reads once, at the first PC/SC call of a process.
//!
//! What always holds:
//! - Ports and directories are disjoint between all instances of all processes; a port is reserved by a name that the
//!   kernel frees with the process.
//! - Dropping it ends its pcscd and nothing else, also a frozen one. It is killed, not asked to end, because a pcscd that ends in
//!   good order removes `/run/pcscd/pcscd.pid`, which may be that of the machine's own.
//!
//! pcscd writes its number into that file when it may, so an instance run by root overwrites it; only `pcscd --hotplug` and a
//! pcscd started by hand read it. Run by somebody else it needs the directory `/run/pcscd` to exist, as it does where
//! `pcscd.socket` is active. The virtual readers listen on all addresses of the machine.
//!
//! Only the standard library is used, so that a demonstration can include this file as the tests do.

use std::fs::{self, File};
use std::io::{self, Write};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Where libpcsclite looks for the socket of pcscd.
pub(crate) const SOCKET_VARIABLE: &str = "PCSCLITE_CSOCK_NAME";

/// vpcd makes two readers of each device, on two ports in a row.
const SLOTS: usize = 2;

const DRIVER: &str = "/usr/lib/pcsc/drivers/serial/libifdvpcd.so";

/// Ports below those that the kernel gives to outgoing connections.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

const START_MAX: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(10);

/// A pcscd with virtual readers.
#[derive(Debug)]
pub(crate) struct Pcscd {
    directory: PathBuf,
    devices: Vec<Device>,
    group: Group,
    child: Child,
}

/// Which signals of a terminal reach a pcscd.
#[derive(Clone, Copy, Debug)]
enum Group {
    /// Those of whoever starts it, who ends the group as a whole.
    Callers,
    /// None.
    Own,
}

/// Two virtual readers.
#[derive(Debug)]
struct Device {
    port: u16,
    /// What tells its name from those of others.
    letter: char,
    plugged_in: bool,
    /// Holds the ports against other instances.
    _reservation: UnixListener,
}

impl Pcscd {
    /// Starts pcscd in `directory`, which exists, is empty and has a path of less than 90 bytes, with at least `readers` readers;
    /// an odd number is rounded up, as vpcd makes two at a time. When this returns cards can be put in.
    pub(crate) fn start(directory: &Path, readers: usize) -> io::Result<Self> {
        Self::start_in(Group::Callers, directory, readers)
    }

    /// The same out of reach of a Ctrl-C at the terminal, which would let it end in good order; it ends when it is dropped.
    pub(crate) fn start_apart(directory: &Path, readers: usize) -> io::Result<Self> {
        Self::start_in(Group::Own, directory, readers)
    }

    fn start_in(group: Group, directory: &Path, readers: usize) -> io::Result<Self> {
        let letters = ('A'..).take(readers.div_ceil(SLOTS));
        let devices = letters.map(Device::reserve).collect::<io::Result<Vec<_>>>()?;
        fs::create_dir(directory.join("readers"))?;
        for index in 0..devices.len() {
            // The driver knows two readers and takes a second device for the first: each device gets a driver of its own.
            fs::copy(DRIVER, driver(directory, index))?;
        }
        let child = launch(directory, &devices, group)?;
        Ok(Self { directory: directory.to_owned(), devices, group, child })
    }

    /// The socket of a pcscd that runs, or will run, in `directory`.
    pub(crate) fn socket(directory: &Path) -> PathBuf {
        directory.join("pcscd.comm")
    }

    /// What a client's environment needs, as `Command::envs` takes it.
    pub(crate) fn env(&self) -> [(&'static str, PathBuf); 1] {
        [(SOCKET_VARIABLE, Self::socket(&self.directory))]
    }

    /// The name of reader `index`, from 0, as PC/SC lists it.
    pub(crate) fn reader_name(&self, index: usize) -> String {
        format!("{} 00 {:02}", device_name(self.devices[index / SLOTS].letter), index % SLOTS)
    }

    /// The port on the loopback address where a card is put into reader `index`.
    pub(crate) fn vpcd_port(&self, index: usize) -> u16 {
        let first = self.devices[index / SLOTS].port;
        if index.is_multiple_of(SLOTS) { first } else { first + 1 }
    }

    /// Stops pcscd as a wedged driver would: it takes what is sent to it and says nothing. It has stopped when this returns.
    pub(crate) fn freeze(&self) -> io::Result<()> {
        self.signal("STOP")?;
        let begun = Instant::now();
        while !self.is_stopped()? {
            if begun.elapsed() > START_MAX {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "pcscd did not stop"));
            }
            thread::sleep(PAUSE);
        }
        Ok(())
    }

    /// Whether all its threads are stopped; each stops a little after the signal.
    fn is_stopped(&self) -> io::Result<bool> {
        for thread in fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            // One that just ended has none.
            let stat = fs::read_to_string(thread?.path().join("stat")).unwrap_or_default();
            // The state follows the name, which is in parentheses (proc_pid_stat(5)).
            if !stat.rsplit(')').next().is_some_and(|rest| rest.starts_with(" T")) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Lets a frozen pcscd go on.
    pub(crate) fn thaw(&self) -> io::Result<()> {
        self.signal("CONT")
    }

    /// Ends pcscd at once, without a word to its clients. Nothing listens on its socket any more.
    pub(crate) fn kill(&mut self) -> io::Result<()> {
        self.child.kill()?;
        self.child.wait().map(drop)
    }

    /// Starts pcscd anew, with the same socket, readers and ports, after ending it if need be.
    pub(crate) fn restart(&mut self) -> io::Result<()> {
        self.kill()?;
        self.child = launch(&self.directory, &self.devices, self.group)?;
        Ok(())
    }

    /// Reader `index`, and the one that shares its device, have a name with this letter from the next [`restart`](Self::restart) on,
    /// or are not there.
    pub(crate) fn plug(&mut self, index: usize, letter: Option<char>) {
        let device = &mut self.devices[index / SLOTS];
        device.plugged_in = letter.is_some();
        device.letter = letter.unwrap_or(device.letter);
    }

    fn signal(&self, name: &str) -> io::Result<()> {
        let sent = Command::new("sh").args(["-c", "kill -s $0 $1", name, &self.child.id().to_string()]).status()?;
        if sent.success() { Ok(()) } else { Err(io::Error::other(format!("SIG{name} was not sent"))) }
    }
}

impl Drop for Pcscd {
    fn drop(&mut self) {
        // It fails only when pcscd ended before.
        let _ = self.kill();
    }
}

impl Device {
    /// Finds two ports in a row that nobody uses and no other instance has reserved.
    fn reserve(letter: char) -> io::Result<Self> {
        static NEXT: AtomicU16 = AtomicU16::new(0);
        let pairs = PORTS.len() / SLOTS;
        // Processes begin at different places, so that they seldom meet.
        let begin = std::process::id() as usize * 97;
        for _ in 0..pairs {
            let pair = (begin + usize::from(NEXT.fetch_add(1, Ordering::Relaxed))) % pairs;
            let port = PORTS.start + u16::try_from(pair * SLOTS).map_err(io::Error::other)?;
            let name = SocketAddr::from_abstract_name(format!("pass-vpcd-{port}"))?;
            let Ok(reservation) = UnixListener::bind_addr(&name) else { continue };
            if (port..).take(SLOTS).all(|port| TcpListener::bind(("0.0.0.0", port)).is_ok()) {
                return Ok(Self { port, letter, plugged_in: true, _reservation: reservation });
            }
        }
        Err(io::Error::new(io::ErrorKind::AddrInUse, "no two free ports in a row"))
    }
}

/// A name that tells the devices apart; pcscd appends two numbers to it.
fn device_name(letter: char) -> String {
    format!("PASS reader {letter}")
}

/// The driver of device `index`.
fn driver(directory: &Path, index: usize) -> PathBuf {
    directory.join(format!("vpcd-{index}.so"))
}

/// Tells pcscd which devices are plugged in.
fn configure(directory: &Path, devices: &[Device]) -> io::Result<()> {
    let mut file = File::create(directory.join("readers").join("vpcd"))?;
    for (index, Device { port, letter, .. }) in devices.iter().enumerate().filter(|(_, device)| device.plugged_in) {
        writeln!(file, "FRIENDLYNAME \"{}\"", device_name(*letter))?;
        let driver = driver(directory, index);
        writeln!(file, "DEVICENAME /dev/null:{port}\nLIBPATH {}\nCHANNELID {port}", driver.display())?;
    }
    Ok(())
}

/// Starts pcscd and waits until its readers listen for cards.
fn launch(directory: &Path, devices: &[Device], group: Group) -> io::Result<Child> {
    configure(directory, devices)?;
    let socket = Pcscd::socket(directory);
    match fs::remove_file(&socket) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let log = directory.join("pcscd.log");
    let log_file = File::options().create(true).append(true).open(&log)?;
    // The protocol of sd_listen_fds(3): the socket is descriptor 3, and LISTEN_PID is the process that it is meant for, which only
    // that process knows.
    let script = "exec 3<&0 </dev/null; export LISTEN_FDS=1 LISTEN_PID=$$; exec pcscd --foreground --config \"$0\"";
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default());
    let mut command = Command::new("sh");
    if let Group::Own = group {
        command.process_group(0);
    }
    let mut child = command
        .args(["-c", script])
        .arg(directory.join("readers"))
        .env("PATH", path)
        .env_remove(SOCKET_VARIABLE)
        .stdin(Stdio::from(OwnedFd::from(UnixListener::bind(&socket)?)))
        .stdout(log_file.try_clone()?)
        .stderr(log_file)
        .spawn()?;

    let begun = Instant::now();
    while !devices.iter().filter(|device| device.plugged_in).all(Device::is_listening) {
        let ended = child.try_wait()?;
        if ended.is_some() || begun.elapsed() > START_MAX {
            let _ = child.kill();
            let said = fs::read_to_string(&log).unwrap_or_default();
            return Err(io::Error::other(format!("pcscd did not start ({ended:?}); it said: {said}")));
        }
        thread::sleep(PAUSE);
    }
    Ok(child)
}

impl Device {
    /// Whether somebody listens on both ports. To connect would put a card in, so the kernel's list is read.
    fn is_listening(&self) -> bool {
        let sockets = fs::read_to_string("/proc/net/tcp").unwrap_or_default();
        (self.port..).take(SLOTS).all(|port| {
            let wanted = format!(":{port:04X}");
            sockets.lines().any(|line| {
                let mut fields = line.split_whitespace().skip(1);
                let (local, state) = (fields.next(), fields.nth(1));
                local.is_some_and(|local| local.ends_with(&wanted)) && state == Some("0A")
            })
        })
    }
}
