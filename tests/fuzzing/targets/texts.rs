//! What people type and other programs write as text: what is read is written back, and read again as the same.

use std::fmt::{Debug, Display};

use pass::domain::catalogue::Code;
use pass::domain::{CardNumber, Cents, RequestId, Season, Timestamp};
use pass::region::desk::Correction;
use pass::till::json::request_id;
use pass::wire::code::EnrolmentCode;

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

fn read_again<T: PartialEq + Debug>(value: T, written: &str, read: impl Fn(&str) -> Option<T>) {
    assert_eq!(read(written), Some(value), "{written}");
}

fn displayed<T: Display + PartialEq + Debug>(text: &str, read: impl Fn(&str) -> Option<T>) {
    if let Some(value) = read(text) {
        let written = value.to_string();
        read_again(value, &written, read);
    }
}

/// The one-time code of an enrolment.
pub(crate) fn activation_code(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    if let Ok(code) = EnrolmentCode::parse(text) {
        let written = code.to_string();
        let plain = |text: &str| {
            let kept = text.chars().filter(|c| *c != '-' && !c.is_whitespace());
            let digits = kept.map(|c| match c.to_ascii_uppercase() {
                'O' => '0',
                'I' | 'L' => '1',
                other => other,
            });
            digits.collect::<String>()
        };
        assert_eq!(plain(&written), plain(text), "a code has one spelling");
        assert_eq!(EnrolmentCode::parse(&written), Ok(code));
    }
}

/// Card numbers, amounts, instants, codes, the names of requests, the desk's corrections.
pub(crate) fn texts(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    if let Ok(card) = CardNumber::parse(text) {
        read_again(card, &card.digits(), |digits| CardNumber::parse(digits).ok());
        assert!(!card.masked().contains(&card.digits()[4..12]), "a masked number hides its middle");
    }
    if let Some(time) = Timestamp::parse(text) {
        displayed(text, Timestamp::parse);
        let season = Season::at(time);
        assert!(season.contains(time), "{time} is in {season:?}");
    }
    if let Ok(amount) = Cents::parse(text) {
        assert!(amount <= Cents::MAX);
        displayed(text, |text| Cents::parse(text).ok());
    }
    if let Ok(code) = Code::new(text) {
        assert_eq!(code.as_str(), text);
    }
    if let Ok(id) = request_id(text) {
        displayed(&id.to_string(), RequestId::parse);
    }
    // Total, and no more is said of it: it has no way back.
    let _ = Correction::parse(text);
}
