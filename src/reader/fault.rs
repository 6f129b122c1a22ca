//! What the many error codes of PC/SC come down to.

use std::fmt;

/// An error of PC/SC, for a log or a technician.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fault(pcsc::Error);

/// Why no card can be seen at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WhyUnavailable {
    /// pcscd is not installed, not running, or went away.
    #[error("the PC/SC service (pcscd) does not answer")]
    NoService,
    /// pcscd runs and refuses this user: its polkit rule is missing.
    #[error("the PC/SC service refuses this user (polkit actions access_pcsc and access_card)")]
    AccessRefused,
    /// pcscd runs, and no reader is connected that the terminal is to use.
    #[error("no card reader is connected")]
    NoReader,
    /// Anything else.
    #[error("the PC/SC service fails: {0}")]
    Other(Fault),
}

/// What an error means for the context it came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The context is of no more use; this is why.
    ContextLost(WhyUnavailable),
    /// The context is good, the call was not.
    CallFailed(Fault),
}

impl Fault {
    /// Whether the established context that this came from must be thrown away. One that has seen pcscd end answers `CommError` or
    /// `SecurityViolation` once and `NoService` for ever after, and still calls itself valid.
    pub(super) fn verdict(self) -> Verdict {
        use pcsc::Error as E;
        match self.0 {
            E::NoService | E::ServiceStopped | E::CommError | E::InvalidHandle | E::Shutdown | E::SystemCancelled => {
                Verdict::ContextLost(WhyUnavailable::NoService)
            }
            // A service that ends closes the connection, and so does one that refuses a client: libpcsclite cannot tell
            // them apart. A client that was let in before is not refused now.
            E::SecurityViolation | E::NoAccess => Verdict::ContextLost(WhyUnavailable::NoService),
            E::InternalError | E::NoMemory | E::UnknownError | E::ServerTooBusy => {
                Verdict::ContextLost(WhyUnavailable::Other(self))
            }
            // The codes are PC/SC's and more than sixty; the rest are about one reader, one card or one argument.
            _ => Verdict::CallFailed(self),
        }
    }

    /// Whether pcscd refused this user, as its polkit rules have it, when that is what it was just asked: to let the client in, or to
    /// give it a card.
    pub(super) fn is_refusal(self) -> bool {
        matches!(self.0, pcsc::Error::SecurityViolation | pcsc::Error::NoAccess)
    }

    /// The code itself, for the few places that act on a particular one.
    pub(super) fn code(self) -> pcsc::Error {
        self.0
    }
}

impl From<pcsc::Error> for Fault {
    fn from(error: pcsc::Error) -> Self {
        Self(error)
    }
}

/// The sentence of PC/SC and its code.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({:#010X})", self.0, self.0 as u32)
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl std::error::Error for Fault {}

#[cfg(test)]
mod tests {
    use super::*;
    use pcsc::Error as E;

    #[test]
    fn an_error_says_whether_the_context_can_go_on() {
        let lost = |why| Verdict::ContextLost(why);
        for (error, verdict) in [
            (E::CommError, lost(WhyUnavailable::NoService)),
            (E::NoService, lost(WhyUnavailable::NoService)),
            (E::ServiceStopped, lost(WhyUnavailable::NoService)),
            (E::InvalidHandle, lost(WhyUnavailable::NoService)),
            (E::SecurityViolation, lost(WhyUnavailable::NoService)),
            (E::InternalError, lost(WhyUnavailable::Other(Fault(E::InternalError)))),
            (E::Timeout, Verdict::CallFailed(Fault(E::Timeout))),
            (E::RemovedCard, Verdict::CallFailed(Fault(E::RemovedCard))),
            (E::SharingViolation, Verdict::CallFailed(Fault(E::SharingViolation))),
        ] {
            assert_eq!(Fault(error).verdict(), verdict, "{error:?}");
        }
    }

    #[test]
    fn a_fault_is_shown_with_its_code() {
        let shown = Fault(E::NoService).to_string();
        assert_eq!(shown, "The Smart card resource manager is not running (0x8010001D)");
    }
}
