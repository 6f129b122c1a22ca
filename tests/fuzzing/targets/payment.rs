//! What a bank terminal sends: read the same in whatever pieces it comes, and never taken for money that it does not name.

use pass::domain::payment::Way;
use pass::domain::{Cents, PaymentId};
use pass::payment::message::{MESSAGE_BYTES_MAX, Records, Tag, Writer};
use pass::payment::{Answer, Incoming, Outcome, Progress, Register, Request};

use super::Script;

/// The payment that the answers are about.
pub(crate) const PAYMENT: PaymentId = PaymentId::new([0x5A; 16]);

/// The first two bytes say where the answer is split.
pub(crate) fn answers(bytes: &[u8]) {
    let mut script = Script(bytes);
    let split = script.short();
    let answer = script.take(bytes.len());
    if let Ok(records) = Records::read(answer) {
        written_again(&records, answer);
    }
    let whole = fed(&[answer]);
    let (before, after) = answer.split_at(split.min(answer.len()));
    assert_eq!(fed(&[before, after]), whole, "split at {split}");
    let Some(whole) = whole else { return };
    assert!(answer.len() <= MESSAGE_BYTES_MAX);
    let request = Request::new(Register::FIRST, PAYMENT, Way::Charge, Cents::from_u32(100)).unwrap();
    if let Ok(Ok(amount)) = whole.about(&request) {
        assert_eq!((whole.outcome, whole.amount), (Outcome::Done, Some(amount)));
        assert!(!amount.is_zero());
    }
    // The other side: what is read as a request is written and read as the same.
    if let Ok(request) = Request::from_bytes(answer) {
        assert_eq!(Request::from_bytes(&request.to_bytes()), Ok(request));
    }
}

/// The answer in these pieces; `None` where it is none.
fn fed(pieces: &[&[u8]]) -> Option<Answer> {
    let mut incoming = Incoming::default();
    let mut progress = Progress::Partial;
    for piece in pieces {
        progress = incoming.feed(piece).ok()?;
    }
    let finished = incoming.finish();
    if progress == Progress::Partial {
        assert!(finished.is_err(), "an answer that is not whole is none");
    }
    finished.ok()
}

fn written_again(records: &Records<'_>, answer: &[u8]) {
    let write = |writer: Writer, record: pass::payment::message::Record<'_>| writer.record(record.tag, record.value);
    let written = records.iter().fold(Writer::default(), write).into_bytes();
    assert_eq!(answer.get(..written.len()), Some(written.as_slice()));
    assert_eq!(records.at_boundary(), written.len() == answer.len());
    assert!(records.iter().all(|record| records.get(record.tag) == Some(record.value)), "a tag stands once");
    assert!(records.iter().next().is_none_or(|first| first.tag == Tag::VERSION));
}
