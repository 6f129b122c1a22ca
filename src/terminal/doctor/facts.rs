//! The facts that the checks look at: read from the machine, without changing or holding anything of it.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::domain::Timestamp;
use crate::ledger::{KeysError, TerminalKeys};
use crate::till::client::{Client, ClientError};
use crate::till::json::Status;

use super::finding::Finding;

/// How long the daemon may take to say how it is.
const DAEMON_TIMEOUT: Duration = Duration::from_secs(10);

/// What statfs(2) and statvfs(3) say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DiskFacts {
    /// Bytes that the terminal may still write.
    pub(super) free_bytes: u64,
    /// Files that it may still make, where the file system counts them.
    pub(super) free_files: Option<u64>,
    /// The file system's number.
    pub(super) kind: u32,
}

impl DiskFacts {
    /// Of the file system that `path` is on.
    ///
    /// # Errors
    /// When `path` is not there, or may not be looked at.
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let (room, system) = (rustix::fs::statvfs(path)?, rustix::fs::statfs(path)?);
        let kind = u32::try_from(system.f_type & 0xffff_ffff).unwrap_or(0);
        Ok(Self {
            free_bytes: room.f_bavail.saturating_mul(room.f_frsize),
            free_files: (room.f_files > 0).then_some(room.f_favail),
            kind,
        })
    }
}

/// What is wrong with the directory and the files in it: who may change them, and whose they are.
pub(super) fn directory(data: &Path) -> Vec<Finding> {
    let found = fs::metadata(data);
    let directory = match found {
        Ok(directory) => directory,
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            return vec![Finding::NotReadable(data.to_owned())];
        }
        Err(_) => return vec![Finding::DirectoryMissing(data.to_owned())],
    };
    let mut findings = Vec::new();
    if directory.mode() & 0o022 != 0 {
        findings.push(Finding::WritableByOthers(data.to_owned()));
    }
    for path in files(data) {
        match fs::symlink_metadata(&path) {
            Ok(file) => {
                if file.is_file() && file.mode() & 0o022 != 0 {
                    findings.push(Finding::WritableByOthers(path.clone()));
                }
                if file.uid() != directory.uid() {
                    findings.push(Finding::OtherOwner(path));
                }
            }
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                findings.push(Finding::NotReadable(path));
            }
            // Gone since it was listed.
            Err(_) => {}
        }
    }
    findings
}

/// What a terminal has in its directory, and in that of its keys.
fn files(data: &Path) -> Vec<PathBuf> {
    let inside = |directory: &Path| {
        let entries = fs::read_dir(directory).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).collect::<Vec<_>>()
    };
    let mut files = inside(data);
    files.extend(inside(&data.join("keys")));
    files.sort();
    files
}

/// What is wrong with the keys. They are read, as the daemon reads them, and forgotten.
pub(super) fn keys(data: &Path) -> Vec<Finding> {
    match TerminalKeys::load(data) {
        Ok(_) => Vec::new(),
        Err(KeysError::Exposed(path)) => vec![Finding::KeyExposed(path)],
        Err(KeysError::File { path, source }) if source.kind() == io::ErrorKind::PermissionDenied => {
            vec![Finding::NotReadable(path)]
        }
        Err(error @ (KeysError::File { .. } | KeysError::Key { .. } | KeysError::Crypto(_))) => {
            vec![Finding::KeyUnusable(error.to_string())]
        }
    }
}

/// What the kernel has of a reader that it takes for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kernel {
    /// Its driver for such readers is not loaded.
    Away,
    /// The driver is loaded: it takes the next such reader that is plugged in.
    Loaded,
    /// It has one.
    Holds,
}

impl Kernel {
    /// As `/proc` and `/sys` below `root` say.
    pub(super) fn of(root: &Path) -> Self {
        let modules = fs::read_to_string(root.join("proc/modules")).unwrap_or_default();
        let bound = fs::read_dir(root.join("sys/bus/usb/drivers/pn533_usb")).into_iter().flatten().flatten();
        // An interface that is bound is a link named as `1-2:1.0`.
        if bound.into_iter().any(|entry| entry.file_name().to_string_lossy().contains(':')) {
            return Self::Holds;
        }
        let loaded = modules.lines().any(|line| line.split(' ').next() == Some("pn533_usb"));
        if loaded { Self::Loaded } else { Self::Away }
    }
}

/// Whether the clock is synchronised, where the machine below `root` says so.
pub(super) fn synchronised(root: &Path) -> Option<bool> {
    if root.join("run/systemd/timesync/synchronized").exists() {
        return Some(true);
    }
    if !root.join("run/systemd/system").is_dir() {
        return None;
    }
    // Of whoever sets it, systemd-timesyncd or another.
    let asked = Command::new("timedatectl").args(["show", "--property=NTPSynchronized", "--value"]).output().ok()?;
    match String::from_utf8_lossy(&asked.stdout).trim() {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    }
}

/// How the daemon is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum DaemonFacts {
    /// Nobody listens.
    Absent,
    /// Whoever asks may not.
    Refused(PathBuf),
    /// Somebody listens, and gives no answer.
    Silent(String),
    /// It answers.
    Answers(Box<Status>),
}

impl DaemonFacts {
    /// Of the daemon on this socket.
    pub(super) async fn of(socket: &Path) -> Self {
        match Client::new(socket).get("/v1/status", DAEMON_TIMEOUT).await {
            Ok(status) => Self::Answers(Box::new(status)),
            Err(ClientError::NoDaemon { error, .. }) if error.kind() == io::ErrorKind::PermissionDenied => {
                Self::Refused(socket.to_owned())
            }
            Err(ClientError::NoDaemon { .. }) => Self::Absent,
            Err(error) => Self::Silent(error.to_string()),
        }
    }
}

/// An HTTP date (RFC 9110, 5.6.7).
pub(super) fn http_date(text: &str) -> Option<Timestamp> {
    let time = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    u32::try_from(time.as_second()).ok().map(Timestamp::new)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_date_of_http_is_an_instant() {
        assert_eq!(http_date("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Timestamp::new(784_111_777)));
        assert_eq!(http_date("soon"), None);
    }

    #[test]
    fn the_kernel_that_holds_a_reader_is_seen() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(Kernel::of(root.path()), Kernel::Away);
        fs::create_dir_all(root.path().join("proc")).unwrap();
        let modules = "nfc 131072 1 pn533, Live 0x0\npn533_usb 20480 0 - Live 0x0\npn533 57344 1 pn533_usb, Live 0x0\n";
        fs::write(root.path().join("proc/modules"), modules).unwrap();
        assert_eq!(Kernel::of(root.path()), Kernel::Loaded);
        let driver = root.path().join("sys/bus/usb/drivers/pn533_usb");
        fs::create_dir_all(&driver).unwrap();
        fs::write(driver.join("bind"), "").unwrap();
        assert_eq!(Kernel::of(root.path()), Kernel::Loaded);
        std::os::unix::fs::symlink("/nonexistent", driver.join("1-2:1.0")).unwrap();
        assert_eq!(Kernel::of(root.path()), Kernel::Holds);
    }

    #[test]
    fn whether_the_clock_is_set_is_known_or_not() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(synchronised(root.path()), None, "no systemd, nobody to ask");
        fs::create_dir_all(root.path().join("run/systemd/timesync")).unwrap();
        fs::write(root.path().join("run/systemd/timesync/synchronized"), "").unwrap();
        assert_eq!(synchronised(root.path()), Some(true));
    }

    #[test]
    fn what_others_may_change_is_found() {
        let data = tempfile::tempdir().unwrap();
        TerminalKeys::load_or_generate(data.path()).unwrap();
        assert_eq!(directory(data.path()), []);
        assert_eq!(keys(data.path()), []);
        let ledger = data.path().join("ledger.db");
        fs::write(&ledger, "").unwrap();
        fs::set_permissions(&ledger, fs::Permissions::from_mode(0o666)).unwrap();
        fs::set_permissions(data.path(), fs::Permissions::from_mode(0o777)).unwrap();
        assert_eq!(
            directory(data.path()),
            [Finding::WritableByOthers(data.path().to_owned()), Finding::WritableByOthers(ledger)]
        );
        let key = data.path().join("keys/card.pk8");
        fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
        assert_eq!(keys(data.path()), [Finding::KeyExposed(key.clone())]);
        fs::remove_file(&key).unwrap();
        assert!(matches!(keys(data.path())[..], [Finding::KeyUnusable(_)]));
        let nowhere = data.path().join("nowhere");
        assert_eq!(directory(&nowhere), [Finding::DirectoryMissing(nowhere)]);
    }

    #[test]
    fn a_file_system_without_room_and_one_in_memory_say_so() {
        // A real one that takes nothing at all.
        assert_eq!(DiskFacts::of(Path::new("/proc")).unwrap().free_bytes, 0);
        let memory = DiskFacts::of(Path::new("/dev/shm")).unwrap();
        assert_eq!(memory.kind, 0x0102_1994);
        assert!(DiskFacts::of(Path::new("/nonexistent")).is_err());
    }

    #[tokio::test]
    async fn a_daemon_that_is_away_or_silent_is_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("socket");
        assert_eq!(DaemonFacts::of(&socket).await, DaemonFacts::Absent);
        let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        let taken = std::thread::spawn(move || drop(listener.accept().unwrap()));
        assert!(matches!(DaemonFacts::of(&socket).await, DaemonFacts::Silent(_)));
        taken.join().unwrap();
    }
}
