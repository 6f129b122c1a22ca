//! Why the demonstration ends before its end.

use std::io;
use std::path::PathBuf;

/// Why the demonstration does not go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// Something that is claimed did not happen.
    #[error("not so: {what}\n  expected: {expected}\n  came:     {came}")]
    Claim {
        /// What was claimed.
        what: String,
        /// As it should be.
        expected: String,
        /// As it is.
        came: String,
    },
    /// A program ended otherwise than it should.
    #[error("{command}\n  ended with {status} where {expected} was expected; it said:\n{said}")]
    Ended {
        /// Its command line.
        command: String,
        /// How it ended.
        status: String,
        /// The exit code that was expected.
        expected: i32,
        /// Its output, both kinds.
        said: String,
    },
    /// Something was waited for longer than it can take.
    #[error("{what}: this did not come within {seconds} s")]
    Late {
        /// What was waited for.
        what: String,
        /// How long.
        seconds: u64,
    },
    /// A program is not there.
    #[error("{} is not there: build the programs first, as `make demo` does", .0.display())]
    NotBuilt(PathBuf),
    /// Files, processes, pcscd.
    #[error("{what}: {error}")]
    System {
        /// What was tried.
        what: String,
        /// Why it is refused.
        #[source]
        error: io::Error,
    },
    /// A program wrote something else than it promises.
    #[error("{what} is not understood: {text}")]
    NotUnderstood {
        /// What it should have been.
        what: String,
        /// What it is.
        text: String,
    },
    /// The desk's API gave no answer.
    #[error("{what}: {error}")]
    Desk {
        /// What was asked.
        what: String,
        /// Why there is no answer.
        #[source]
        error: reqwest::Error,
    },
    /// The region did not do what is asked of it here without a verb.
    #[error("{0}")]
    Region(#[from] pass::region::RegionError),
    /// Ctrl-C, or told to end.
    #[error("interrupted")]
    Interrupted,
}

impl Failure {
    /// For `map_err`: the system refused `what`.
    pub(crate) fn system(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |error| Self::System { what, error }
    }

    /// `text` should have been `what`.
    pub(crate) fn not_understood(what: impl Into<String>, text: impl ToString) -> Self {
        Self::NotUnderstood { what: what.into(), text: text.to_string() }
    }
}
