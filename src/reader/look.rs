//! One look at the readers, for whoever wants to know what is wrong: nothing is held afterwards, and nothing is waited for without an end.

use std::io;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::connection::{CardWorker, ConnectError};
use super::fault::WhyUnavailable;
use super::name::{ReaderFilter, ReaderName};
use super::watcher::{ReaderEvent, Watcher};

/// How long pcscd may take to say which readers there are.
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// How long after the readers their cards are said, at most.
const CARDS_MAX: Duration = Duration::from_millis(300);
/// How long getting hold of a card may take: longer than a sale, which takes it as a whole.
const TAKE_MAX: Duration = Duration::from_secs(3);

/// What one look saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Look {
    /// pcscd takes the question and does not answer.
    Frozen,
    /// No reader can be used.
    Unavailable(WhyUnavailable),
    /// These readers are there.
    Readers(Vec<LookedAt>),
}

/// A reader, as one look saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookedAt {
    /// Its name.
    pub reader: ReaderName,
    /// Whether another program keeps its card to itself.
    pub held: bool,
}

/// Looks at the readers that `filter` chooses, and tries whether their cards can be had. The cards are left as they are.
///
/// # Errors
/// When the system gives no thread.
pub fn look(filter: ReaderFilter) -> io::Result<Look> {
    let (tell, told) = mpsc::channel();
    let _watching = Watcher::start(filter, move |event| {
        // Whoever looks may have lost its patience.
        let _heard = tell.send(event);
    })?;
    let seen = match told.recv_timeout(ANSWER_MAX) {
        Err(_) => return Ok(Look::Frozen),
        Ok(ReaderEvent::Unavailable(why)) => Look::Unavailable(why),
        Ok(first) => {
            let mut readers = Vec::new();
            let mut event = Some(first);
            while let Some(seen) = event {
                match seen {
                    ReaderEvent::Readers(names) => {
                        readers = names.into_iter().map(|reader| LookedAt { reader, held: false }).collect();
                    }
                    ReaderEvent::CardPresent { reader: with_card, .. } => {
                        for one in readers.iter_mut().filter(|one| one.reader == with_card) {
                            one.held = is_held(&with_card)?;
                        }
                    }
                    ReaderEvent::CardUnreadable { .. } | ReaderEvent::CardGone { .. } | ReaderEvent::Unavailable(_) => {
                    }
                }
                event = told.recv_timeout(CARDS_MAX).ok();
            }
            Look::Readers(readers)
        }
    };
    Ok(seen)
}

/// Whether another program has the card in `reader` to itself, or is in a transaction with it that does not end.
fn is_held(reader: &ReaderName) -> io::Result<bool> {
    let (tell, told) = mpsc::channel();
    let reader = reader.clone();
    // pcscd lets this wait without end: the thread is then left behind, and ends with the program.
    thread::Builder::new().name("card-look".into()).spawn(move || {
        let connected = CardWorker::new().connect(&reader);
        // As above.
        let _heard = tell.send(matches!(connected, Err(ConnectError::HeldByAnother)));
    })?;
    Ok(told.recv_timeout(TAKE_MAX).unwrap_or(true))
}
