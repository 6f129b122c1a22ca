//! The real programs, as processes.
//!
//! What always holds:
//! - They are those beside this one, in `target/PROFILE`: what was built is what is shown.
//! - Each runs in a process group of its own, so a Ctrl-C reaches this program alone, which ends the others in order: a
//!   [`Running`] that is dropped has ended.
//! - Nothing is waited for without an end, and every wait ends with a Ctrl-C.

use std::cell::Cell;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::signal::unix::{SignalKind, signal};

use crate::failure::Failure;

/// Longer than anything here takes on a slow machine. Only a failing demonstration waits so long.
const PATIENCE: Duration = Duration::from_secs(90);
/// How long a program that is told to end may take before it is killed.
const END_PATIENCE: Duration = Duration::from_secs(15);
/// How often something is looked at that cannot be waited for.
const POLL: Duration = Duration::from_millis(10);

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// From now on Ctrl-C and SIGTERM end every wait with [`Failure::Interrupted`].
pub(crate) fn catch_interrupts() -> Result<(), Failure> {
    let refused = || Failure::system("the signals");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().map_err(refused())?;
    let (mut interrupt, mut terminate) = {
        let _inside = runtime.enter();
        (signal(SignalKind::interrupt()).map_err(refused())?, signal(SignalKind::terminate()).map_err(refused())?)
    };
    let wait = move || {
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => (),
                _ = terminate.recv() => (),
            }
        });
        INTERRUPTED.store(true, Ordering::Relaxed);
    };
    thread::Builder::new().name("signals".to_owned()).spawn(wait).map(drop).map_err(refused())
}

fn not_interrupted() -> Result<(), Failure> {
    if INTERRUPTED.load(Ordering::Relaxed) { Err(Failure::Interrupted) } else { Ok(()) }
}

/// The answer of `ask`, as soon as it has one.
pub(crate) fn until<T>(what: &str, mut ask: impl FnMut() -> Result<Option<T>, Failure>) -> Result<T, Failure> {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        not_interrupted()?;
        if let Some(answer) = ask()? {
            return Ok(answer);
        }
        thread::sleep(POLL);
    }
    Err(late(what))
}

fn late(what: &str) -> Failure {
    Failure::Late { what: what.to_owned(), seconds: PATIENCE.as_secs() }
}

/// One of the three programs.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Program {
    /// The partner's.
    Terminal,
    /// The region's.
    Region,
    /// The card bureau's; here also the virtual card.
    Card,
}

impl Program {
    const ALL: [Self; 3] = [Self::Terminal, Self::Region, Self::Card];

    const fn name(self) -> &'static str {
        match self {
            Self::Terminal => "pass-terminal",
            Self::Region => "pass-region",
            Self::Card => "pass-card",
        }
    }
}

/// Where the programs are, and what they are given.
#[derive(Debug)]
pub(crate) struct Programs {
    directory: PathBuf,
    /// What each writes to standard error, for whoever looks into a failure.
    logs: PathBuf,
    started: Cell<u32>,
    /// The environment that leads them to their pcscd.
    readers: [(&'static str, PathBuf); 1],
}

impl Programs {
    /// Those beside this one.
    pub(crate) fn beside_this_one(logs: PathBuf, readers: [(&'static str, PathBuf); 1]) -> Result<Self, Failure> {
        let this = std::env::current_exe().map_err(Failure::system("this program's own place"))?;
        // target/PROFILE/examples/demo
        let directory = this.parent().and_then(Path::parent).unwrap_or(Path::new("/")).to_owned();
        for program in Program::ALL {
            let path = directory.join(program.name());
            if !path.is_file() {
                return Err(Failure::NotBuilt(path));
            }
        }
        fs::create_dir(&logs).map_err(Failure::system(format!("{}", logs.display())))?;
        Ok(Self { directory, logs, started: Cell::new(0), readers })
    }

    /// Starts a program and leaves it running.
    pub(crate) fn start<A: AsRef<OsStr>>(&self, program: Program, args: &[A]) -> Result<Running, Failure> {
        let mut command = Command::new(self.directory.join(program.name()));
        command
            .args(args)
            .envs(self.readers.clone())
            // What this machine's user has set for other regions and other lines is of no concern here.
            .env_remove("PASS_REGION_DATA")
            .env_remove("PASS_REGION_STORE")
            .envs([("NO_PROXY", "127.0.0.1"), ("no_proxy", "127.0.0.1")]);
        self.start_other(program.name(), command)
    }

    /// Starts a program of somebody else, and leaves it running.
    pub(crate) fn start_other(&self, name: &str, mut command: Command) -> Result<Running, Failure> {
        not_interrupted()?;
        self.started.set(self.started.get() + 1);
        let errors = self.logs.join(format!("{}-{name}.log", self.started.get()));
        let shown: Vec<_> = command.get_args().map(OsStr::to_string_lossy).collect();
        let shown = format!("{name} {}", shown.join(" "));
        let refused = || Failure::system(shown.clone());
        let begun = Instant::now();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&errors).map_err(refused())?)
            .process_group(0)
            .spawn()
            .map_err(refused())?;
        let (tell, lines) = mpsc::channel();
        let out = child.stdout.take();
        let running = Running { command: shown.clone(), child, lines, errors, begun };
        let read = move || {
            let lines = out.into_iter().flat_map(|out| BufReader::new(out).lines());
            // It ends with the program, with a line that is no text, or when nobody listens any more.
            lines.map_while(Result::ok).all(|line| tell.send(line).is_ok());
        };
        thread::Builder::new().name("lines".to_owned()).spawn(read).map_err(refused())?;
        Ok(running)
    }

    /// Runs a program to its end, which is to be `exit`.
    pub(crate) fn run<A: AsRef<OsStr>>(&self, program: Program, args: &[A], exit: i32) -> Result<Ran, Failure> {
        self.start(program, args)?.end(exit)
    }
}

/// What a program came to.
#[derive(Debug)]
pub(crate) struct Ran {
    /// Its standard output.
    pub(crate) out: String,
    /// Its standard error.
    pub(crate) errors: String,
    /// From its start to its last word.
    pub(crate) took: Duration,
}

impl Ran {
    /// The one JSON value that it wrote.
    pub(crate) fn json(&self) -> Result<Value, Failure> {
        serde_json::from_str(&self.out).map_err(|_| Failure::not_understood("JSON", &self.out))
    }

    /// The JSON values that it wrote, one a line.
    pub(crate) fn json_lines(&self) -> Result<Vec<Value>, Failure> {
        let value = |line| serde_json::from_str(line).map_err(|_| Failure::not_understood("a line of JSON", line));
        self.out.lines().map(value).collect()
    }
}

/// A program that runs. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Running {
    command: String,
    child: Child,
    lines: Receiver<String>,
    errors: PathBuf,
    begun: Instant,
}

impl Running {
    /// Its next line; `None` when it has said its last.
    pub(crate) fn line(&self) -> Result<Option<String>, Failure> {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            not_interrupted()?;
            match self.lines.recv_timeout(10 * POLL) {
                Ok(line) => return Ok(Some(line)),
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
                Err(RecvTimeoutError::Timeout) => (),
            }
        }
        Err(late(&self.command))
    }

    /// Waits for it to end by itself, with the exit code `exit`.
    pub(crate) fn end(mut self, exit: i32) -> Result<Ran, Failure> {
        let mut out = String::new();
        while let Some(line) = self.line()? {
            out.extend([&line, "\n"]);
        }
        let took = self.begun.elapsed();
        let status = self.wait()?;
        let errors = fs::read_to_string(&self.errors).map_err(Failure::system(&self.command))?;
        if status.code() == Some(exit) {
            return Ok(Ran { out, errors, took });
        }
        let said = out + &errors;
        Err(Failure::Ended { command: self.command.clone(), status: status.to_string(), expected: exit, said })
    }

    /// Tells it to end, and sees to it that it ends well.
    pub(crate) fn stop(self) -> Result<(), Failure> {
        self.signal(Signal::TERM);
        self.end(0).map(drop)
    }

    /// Pulls the plug.
    pub(crate) fn kill(mut self) -> Result<(), Failure> {
        self.signal(Signal::KILL);
        self.wait().map(drop)
    }

    fn wait(&mut self) -> Result<ExitStatus, Failure> {
        let command = self.command.clone();
        until(&command, || self.child.try_wait().map_err(Failure::system(&command)))
    }

    fn signal(&self, signal: Signal) {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            // It may have ended: it is not yet waited for, so the number is still its own.
            let _ended = kill_process(pid, signal);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let begun = Instant::now();
        let mut told = false;
        while let Ok(None) = self.child.try_wait() {
            if !told {
                self.signal(Signal::TERM);
                told = true;
            }
            if begun.elapsed() > END_PATIENCE {
                // Killed, it ends at once.
                let _ = self.child.kill();
                let _ = self.child.wait();
                return;
            }
            thread::sleep(POLL);
        }
    }
}
