//! What the demonstration says: steps, facts, what the cashier sees, and claims.
//!
//! A claim is said only when it holds, so every line with a check mark was checked. Where nobody reads any more, the exit status
//! still tells.

use std::cell::Cell;
use std::io::{self, Write as _};
use std::time::Duration;

use serde_json::Value;

use crate::failure::Failure;

/// Says what happens.
#[derive(Debug, Default)]
pub(crate) struct Tell {
    steps: Cell<u32>,
    claims: Cell<u32>,
}

impl Tell {
    /// A line as it is.
    pub(crate) fn line(&self, line: &str) {
        // Nobody may be reading.
        let _ = writeln!(io::stdout().lock(), "{line}");
    }

    /// The next step: what is done, and why it matters.
    pub(crate) fn step(&self, title: &str, why: &str) {
        self.steps.set(self.steps.get() + 1);
        self.line(&format!("\n{:>2}  {title}\n    {why}", self.steps.get()));
    }

    /// Something that happened.
    pub(crate) fn fact(&self, text: &str) {
        self.line(&format!("    - {text}"));
    }

    /// What stands on the cashier's screen.
    pub(crate) fn screen(&self, who: &str, text: &str) {
        for (index, line) in text.lines().enumerate() {
            let who = if index == 0 { who } else { "" };
            self.line(&format!("    {who:>10} │ {line}"));
        }
    }

    /// Claims that `came` is `expected`.
    pub(crate) fn claim(&self, what: &str, expected: impl Into<Value>, came: &Value) -> Result<(), Failure> {
        self.check(what, &expected.into(), came, plain)
    }

    /// The same of an amount in cents, said in euros.
    pub(crate) fn claim_cents(&self, what: &str, expected: u64, came: &Value) -> Result<(), Failure> {
        self.check(what, &expected.into(), came, |value| value.as_u64().map_or_else(|| plain(value), euros))
    }

    /// The same where the value says no more than the words do.
    pub(crate) fn claim_that(&self, what: &str, expected: impl Into<Value>, came: &Value) -> Result<(), Failure> {
        let expected = expected.into();
        if expected != *came {
            return Err(Failure::Claim { what: what.to_owned(), expected: plain(&expected), came: plain(came) });
        }
        self.checked(what);
        Ok(())
    }

    /// A claim that was just seen to hold.
    pub(crate) fn checked(&self, what: &str) {
        self.claims.set(self.claims.get() + 1);
        self.line(&format!("    ✓ {what}"));
    }

    fn check(&self, what: &str, expected: &Value, came: &Value, say: impl Fn(&Value) -> String) -> Result<(), Failure> {
        if expected != came {
            return Err(Failure::Claim { what: what.to_owned(), expected: say(expected), came: say(came) });
        }
        self.checked(&format!("{what}: {}", say(came)));
        Ok(())
    }

    /// The number of the present step.
    pub(crate) fn steps(&self) -> u32 {
        self.steps.get()
    }

    /// How many claims held.
    pub(crate) fn claims(&self) -> u32 {
        self.claims.get()
    }
}

/// A value without quotes.
pub(crate) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "nothing".to_owned(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Array(values) => values.iter().map(plain).collect::<Vec<_>>().join(", "),
        Value::Number(_) | Value::Object(_) => value.to_string(),
    }
}

/// `15.50 EUR`.
pub(crate) fn euros(cents: u64) -> String {
    format!("{}.{:02} EUR", cents / 100, cents % 100)
}

/// `41 ms`.
pub(crate) fn ms(took: Duration) -> String {
    format!("{} ms", took.as_millis())
}
