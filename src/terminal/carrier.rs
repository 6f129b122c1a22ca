//! The exchange by file, for a counter without a line: the same request and answer as on line, carried by hand.
//!
//! Works on the ledger alone, for whoever owns it: the daemon, or a verb beside no daemon. Where the file is, is the verb's concern.

use std::path::Path;

use crate::crypto;
use crate::domain::{RequestId, Timestamp};
use crate::ledger::{AnswerError, ApplyError, ImportError, Ledger, LedgerError, TakenBefore};
use crate::till::{ExportReport, ImportReport, News, NotCarried};

use super::exchanger::{apply, health};

impl From<LedgerError> for NotCarried {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error.to_string())
    }
}

impl From<ImportError> for NotCarried {
    fn from(error: ImportError) -> Self {
        match error {
            ImportError::StillTheRequest => Self::StillTheRequest,
            ImportError::NotExported(_) => Self::NotExported,
            ImportError::Ledger(error) => error.into(),
            ImportError::Answer(AnswerError::OtherTerminal(_)) => Self::OtherTerminal,
            ImportError::Answer(AnswerError::UntrustedKey(_) | AnswerError::Signature(_)) => Self::NotTrusted,
            ImportError::Answer(
                AnswerError::TooLarge(_)
                | AnswerError::Unreadable(_)
                | AnswerError::Version(_)
                | AnswerError::OtherRequest(_)
                | AnswerError::TooManyPages(_)
                | AnswerError::Items(_)
                | AnswerError::PageTooLong(_)
                | AnswerError::PageOrder,
            ) => Self::NotAnAnswer,
        }
    }
}

impl From<ApplyError> for NotCarried {
    fn from(error: ApplyError) -> Self {
        match error {
            ApplyError::UnknownHead(_) => Self::LostEntries,
            ApplyError::Gap { .. } | ApplyError::DenyList(_) => Self::FeedBroken,
            ApplyError::Ledger(error) => error.into(),
        }
    }
}

/// The next request, to be carried by hand. `data` is where the ledger is.
///
/// # Errors
/// [`NotCarried`].
pub fn export(ledger: &mut Ledger, data: &Path, now: Timestamp) -> Result<ExportReport, NotCarried> {
    let id = crypto::random().map_err(|error| NotCarried::Ledger(error.to_string()))?;
    let exported = ledger.export(RequestId::new(id), now, health(data))?;
    Ok(ExportReport {
        message: exported.message,
        entries: exported.entries,
        owed: exported.cents,
        in_doubt: exported.in_doubt,
        left: exported.left,
    })
}

/// Takes an answer that was carried by hand.
///
/// # Errors
/// [`NotCarried`]. Nothing of the answer was taken then; of [`NotCarried::LostEntries`] and [`NotCarried::FeedBroken`] the next request tells.
pub fn import(ledger: &mut Ledger, answer: &[u8], now: Timestamp) -> Result<ImportReport, NotCarried> {
    let (verified, before) = ledger.verify_import(answer)?;
    let applied = apply(ledger, &verified, now)?;
    let newest = ledger.view().exposure().last_exchange == verified.answer().time;
    let news = match (before, newest) {
        (TakenBefore::Yes, _) => News::Again,
        (TakenBefore::No, true) => News::Newest,
        (TakenBefore::No, false) => News::Overtaken,
    };
    let waiting = ledger.view().exposure().waiting_entries;
    let more = news == News::Newest && applied.more;
    Ok(ImportReport { news, acknowledged: ledger.view().acknowledged().sequence, waiting, more })
}
