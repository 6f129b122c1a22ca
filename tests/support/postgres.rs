//! A PostgreSQL server of the tests' own: its own directory, its own socket, no port. It ends with the last test that has it.

#![allow(dead_code, reason = "every suite uses another part of it")]

use std::fs;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

/// How long the server may take to come up on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(60);

static SHARED: Mutex<Weak<Server>> = Mutex::new(Weak::new());
static DATABASES: AtomicU32 = AtomicU32::new(0);

/// A server that runs.
pub(crate) struct Server {
    directory: tempfile::TempDir,
    programs: PathBuf,
    durability: &'static str,
    postmaster: Mutex<Option<Child>>,
}

/// A database, empty at first.
pub(crate) struct Database {
    /// As `--store` takes it.
    pub(crate) url: String,
    name: String,
    server: Arc<Server>,
}

impl Database {
    /// On the server that the tests of this process share.
    pub(crate) fn new() -> Self {
        let server = {
            let mut shared = SHARED.lock().unwrap();
            match shared.upgrade() {
                Some(server) => server,
                None => {
                    let server = Arc::new(Server::start());
                    *shared = Arc::downgrade(&server);
                    server
                }
            }
        };
        Self::on(&server)
    }

    /// On this server.
    pub(crate) fn on(server: &Arc<Server>) -> Self {
        Self::made(server, "template1")
    }

    /// Another one with everything that is in this one. Nobody may have this one open.
    pub(crate) fn copied(&self) -> Self {
        Self::made(&self.server, &self.name)
    }

    fn made(server: &Arc<Server>, template: &str) -> Self {
        let name = format!("region{}", DATABASES.fetch_add(1, Ordering::Relaxed));
        let arguments = ["-h", server.socket(), "-U", "pass", "-T", template, &name];
        let made = server.command("createdb").args(arguments).output().unwrap();
        assert!(made.status.success(), "createdb: {}", String::from_utf8_lossy(&made.stderr));
        let url = format!("postgres:///{name}?host={}&user=pass", server.socket());
        Self { url, name, server: Arc::clone(server) }
    }

    /// Runs a statement with psql, which gives it `input`.
    pub(crate) fn psql(&self, statement: &str, input: &str) {
        let mut psql = self
            .server
            .command("psql")
            .args(["-q", "-v", "ON_ERROR_STOP=1", "-h", self.server.socket(), "-U", "pass", "-d", &self.name])
            .args(["-c", statement])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        psql.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        assert!(psql.wait().unwrap().success(), "{statement}");
    }
}

impl Server {
    /// Makes a server and starts it. What it commits would not survive the machine, only itself: that is enough for a story, and quicker.
    pub(crate) fn start() -> Self {
        Self::start_with("fsync=off")
    }

    /// The same, and what it commits is on the disk.
    pub(crate) fn start_durable() -> Self {
        Self::start_with("fsync=on")
    }

    fn start_with(durability: &'static str) -> Self {
        let programs = programs();
        let directory = tempfile::Builder::new().prefix("pass-pg-").tempdir().unwrap();
        let server = Self { directory, programs, durability, postmaster: Mutex::new(None) };
        if let Some((user, group)) = stand_in() {
            std::os::unix::fs::chown(server.directory.path(), Some(user), Some(group)).unwrap();
        }
        let made = server
            .command("initdb")
            .args(["--username=pass", "--auth=trust", "--no-sync", "--locale=C", "--encoding=UTF8", "-D"])
            .arg(server.data())
            .output()
            .unwrap();
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        server.run();
        server
    }

    /// Starts it, or starts it again.
    pub(crate) fn run(&self) {
        let log = fs::File::create(self.directory.path().join("log")).unwrap();
        let child = self
            .command("postgres")
            .arg("-D")
            .arg(self.data())
            .args(["-k", self.socket()])
            .args(
                ["listen_addresses=", "max_connections=200", "autovacuum=off", self.durability]
                    .map(|set| format!("--{set}")),
            )
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        *self.postmaster.lock().unwrap() = Some(child);
        let began = Instant::now();
        while !self.answers() {
            let log = || fs::read_to_string(self.directory.path().join("log")).unwrap_or_default();
            assert!(began.elapsed() < PATIENCE, "PostgreSQL does not come up: {}", log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn answers(&self) -> bool {
        let asked = self.command("pg_isready").args(["-q", "-h", self.socket(), "-U", "pass"]).status();
        asked.is_ok_and(|status| status.success())
    }

    /// Ends it in the middle of whatever it does, as a machine that fails.
    pub(crate) fn crash(&self) {
        self.end("QUIT");
    }

    fn end(&self, signal: &str) {
        let Some(mut child) = self.postmaster.lock().unwrap().take() else { return };
        let sent = Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()]).status();
        if !sent.is_ok_and(|status| status.success()) {
            let _ = child.kill();
        }
        let _ = child.wait();
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// The directory of its socket.
    fn socket(&self) -> &str {
        self.directory.path().to_str().unwrap()
    }

    /// One of its programs. PostgreSQL does not run as root.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command.current_dir(self.directory.path()).env_remove("PGDATA");
        if let Some((user, group)) = stand_in() {
            command.uid(user).gid(group);
        }
        command
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end("INT");
    }
}

/// Where Debian has the programs of the newest PostgreSQL on this machine.
fn programs() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").expect("install postgresql (scripts/setup does)");
    let versions = versions.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    let newest = versions.max().expect("install postgresql (scripts/setup does)");
    Path::new("/usr/lib/postgresql").join(newest.to_string()).join("bin")
}

/// Whom root runs the server as: the user that the package made for it.
fn stand_in() -> Option<(u32, u32)> {
    let id = |what: &str, of: &[&str]| -> io::Result<u32> {
        let output = Command::new("id").arg(what).args(of).output()?;
        String::from_utf8_lossy(&output.stdout).trim().parse().map_err(io::Error::other)
    };
    if id("-u", &[]).unwrap() != 0 {
        return None;
    }
    Some((id("-u", &["postgres"]).unwrap(), id("-g", &["postgres"]).unwrap()))
}
