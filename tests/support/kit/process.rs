//! Processes: a verb that runs to its end, one that waits for something, a program that serves.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
use serde_json::Value;

use super::{IGNORING, Stage, file};
use crate::support::{DEADLINE, poll};

/// What a verb said, and how it ended.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    /// The command line, for messages.
    pub(crate) command: String,
    /// The exit code.
    pub(crate) code: Option<i32>,
    /// Standard output.
    pub(crate) out: String,
    /// Standard error.
    pub(crate) err: String,
}

impl Said {
    /// The same, which must have ended so.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{} said:\n{}{}", self.command, self.out, self.err);
        self
    }

    /// Its answer.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        let read = serde_json::from_str(&self.out);
        read.unwrap_or_else(|error| panic!("{}: {error}: {}{}", self.command, self.out, self.err))
    }

    /// Its answers, one a line.
    #[track_caller]
    pub(crate) fn lines(&self) -> Vec<Value> {
        self.out.lines().map(|line| serde_json::from_str(line).expect("JSON on each line")).collect()
    }

    /// A text field of its answer; empty without it.
    #[track_caller]
    pub(crate) fn text(&self, field: &str) -> String {
        self.json()[field].as_str().unwrap_or_default().to_owned()
    }
}

/// Whether a word of a command line stands before the program that is meant.
fn is_prefix(word: &str) -> bool {
    IGNORING.contains(&word)
}

/// Runs `command` to its end.
#[track_caller]
pub(crate) fn run(stage: &Stage, command: &mut Command) -> Said {
    begin(stage, command).said()
}

/// Runs `command` to its end, with `typed` on its standard input.
#[track_caller]
pub(crate) fn run_typing(stage: &Stage, command: &mut Command, typed: &str) -> Said {
    let path = stage.place("typed");
    fs::write(&path, typed).unwrap();
    Running::start_reading(stage, command, fs::File::open(&path).unwrap().into()).said()
}

/// Starts `command`, whose answer is asked for later.
pub(crate) fn begin(stage: &Stage, command: &mut Command) -> Running {
    Running::start(stage, command)
}

/// A process. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Running {
    command: String,
    child: Child,
    out: PathBuf,
    err: PathBuf,
}

impl Running {
    pub(crate) fn start(stage: &Stage, command: &mut Command) -> Self {
        Self::start_reading(stage, command, Stdio::null())
    }

    fn start_reading(stage: &Stage, command: &mut Command, input: Stdio) -> Self {
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        let mut words = words.map(|word| word.to_string_lossy().into_owned()).skip_while(|word| is_prefix(word));
        let program = PathBuf::from(words.next().unwrap());
        let arguments: Vec<_> = words.collect();
        let program = program.file_name().unwrap().to_string_lossy().into_owned();
        let verb = arguments.iter().find(|argument| !argument.starts_with('-')).cloned().unwrap_or_default();
        let (out, err) = stage.outputs(&format!("{program}-{}", verb.replace('/', "_")));
        let child = command
            .stdin(input)
            .stdout(file(&out))
            .stderr(file(&err))
            .spawn()
            .unwrap_or_else(|error| panic!("{program} starts: {error}"));
        Self { command: format!("{program} {}", arguments.join(" ")), child, out, err }
    }

    /// What it has written to standard output so far.
    pub(crate) fn out(&self) -> String {
        fs::read_to_string(&self.out).unwrap_or_default()
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child")
    }

    /// Waits for the first line of its output that `read` understands.
    #[track_caller]
    pub(crate) fn await_line<R>(&mut self, read: impl Fn(&str) -> Option<R>) -> R {
        let found = poll(DEADLINE, || {
            let out = self.out();
            out.lines().find_map(&read).map(Some).or_else(|| self.ended().map(|_| None))
        });
        let found = found.flatten();
        found.unwrap_or_else(|| panic!("{} does not say it: {}{}", self.command, self.out(), self.err()))
    }

    /// Its number.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has written to standard error so far.
    pub(crate) fn err(&self) -> String {
        fs::read_to_string(&self.err).unwrap_or_default()
    }

    /// From now on no file of the process grows past so many bytes: for it the disk is full. `None`: there is room again.
    #[track_caller]
    pub(crate) fn limit_files(&self, bytes: Option<u64>) {
        let process = Pid::from_child(&self.child);
        let maximum = getrlimit(Resource::Fsize).maximum;
        let current = bytes.or(maximum);
        prlimit(Some(process), Resource::Fsize, Rlimit { current, maximum }).expect("a process of one's own");
    }

    /// Its end, as the kernel ends a process whose power is cut.
    pub(crate) fn kill(&mut self) {
        // It fails only when the process has ended before.
        let _ = self.child.kill();
        self.child.wait().expect("a child");
    }

    /// Its end in good order, by SIGTERM.
    #[track_caller]
    pub(crate) fn stop(mut self) -> Said {
        let pid = self.child.id().to_string();
        let sent = Command::new("sh").args(["-c", "kill -s TERM $0", &pid]).status().expect("a shell");
        assert!(sent.success(), "{} is told to end", self.command);
        self.wait(DEADLINE)
    }

    /// Waits for its end, and says what it said.
    #[track_caller]
    pub(crate) fn said(mut self) -> Said {
        self.wait(DEADLINE * 2)
    }

    /// Waits so long for its end, and says what it said.
    #[track_caller]
    pub(crate) fn said_within(mut self, patience: Duration) -> Said {
        self.wait(patience)
    }

    #[track_caller]
    fn wait(&mut self, patience: Duration) -> Said {
        let ended = poll(patience, || self.ended());
        let said = Said {
            command: self.command.clone(),
            code: ended.and_then(|status| status.code()),
            out: self.out(),
            err: self.err(),
        };
        assert!(ended.is_some(), "{} ends within {patience:?}; it said: {}{}", said.command, said.out, said.err);
        said
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}
