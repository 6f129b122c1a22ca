//! A connection to pcscd that announces each of its calls, so that a wedged pcscd is noticed.

use std::ffi::CStr;
use std::time::Duration;

use pcsc::{Card, Context, Protocols, ReaderState, Scope, ShareMode};

use super::fault::{Fault, Verdict, WhyUnavailable};
use super::name::ReaderName;
use super::pulse::{Call, Pulse};

/// What a call that waits for nothing may take.
pub(super) const PROMPT: Duration = Duration::from_secs(2);

/// Both protocols that PC/SC knows for cards; the reader and the card agree on one.
pub(super) const PROTOCOLS: Protocols = Protocols::T0.union(Protocols::T1);

/// A PC/SC context and the pulse of the thread that owns it. Letting go of it can block as everything else.
pub(super) struct Service {
    /// `None` only while it is dropped.
    context: Option<Context>,
    pulse: Pulse,
}

impl Service {
    pub(super) fn establish(pulse: &Pulse) -> Result<Self, WhyUnavailable> {
        let context = pulse.during(Call::Service, PROMPT, || Context::establish(Scope::System));
        match context.map_err(Fault::from) {
            Ok(context) => Ok(Self { context: Some(context), pulse: pulse.clone() }),
            Err(fault) if fault.is_refusal() => Err(WhyUnavailable::AccessRefused),
            Err(fault) => Err(match fault.verdict() {
                Verdict::ContextLost(why) => why,
                Verdict::CallFailed(fault) => WhyUnavailable::Other(fault),
            }),
        }
    }

    /// The readers that are connected, also when there are none.
    pub(super) fn readers(&self) -> Result<Vec<ReaderName>, Fault> {
        match self.during(Call::Service, PROMPT, Context::list_readers_owned) {
            Ok(names) => Ok(names.iter().map(|name| ReaderName::from(name.as_c_str())).collect()),
            Err(fault) if fault.code() == pcsc::Error::NoReadersAvailable => Ok(Vec::new()),
            Err(fault) => Err(fault),
        }
    }

    /// Waits until one of `states` is another than it says, at most as long as `patience`.
    pub(super) fn wait(&self, patience: Duration, states: &mut [ReaderState]) -> Result<(), Fault> {
        self.during(Call::Watch, patience + PROMPT, |context| context.get_status_change(patience, states))
    }

    /// Connects to the card in `reader`, shared with others.
    pub(super) fn connect(&self, reader: &CStr) -> Result<Card, Fault> {
        self.during(Call::Take, PROMPT, |context| context.connect(reader, ShareMode::Shared, PROTOCOLS))
    }

    fn during<R>(
        &self,
        call: Call,
        allowed: Duration,
        make: impl FnOnce(&Context) -> Result<R, pcsc::Error>,
    ) -> Result<R, Fault> {
        let context = self.context.as_ref().ok_or(Fault::from(pcsc::Error::InvalidHandle))?;
        self.pulse.during(call, allowed, || make(context)).map_err(Fault::from)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let context = self.context.take();
        self.pulse.during(Call::Service, PROMPT, || drop(context));
    }
}
