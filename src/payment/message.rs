//! The protocol's records: a tag of two capital letters, a length of three digits, and so many bytes. Nothing stands between two
//! records or around them, and a message does not say how long it is.

use std::fmt;

/// The longest message that is read, in bytes: an answer with two tickets is a tenth of it.
pub const MESSAGE_BYTES_MAX: usize = 16 * 1024;
/// The longest value of a record, in bytes.
pub const VALUE_BYTES_MAX: usize = 999;
/// Tag and length.
const HEAD_BYTES: usize = 5;

/// The name of a record.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag([u8; 2]);

impl Tag {
    /// The version of the protocol, always first.
    pub const VERSION: Self = Self(*b"CZ");
    /// The protocol's identifier, which is echoed and has no other use.
    pub const IDENTIFIER: Self = Self(*b"CJ");
    /// The register.
    pub const REGISTER: Self = Self(*b"CA");
    /// The amount in cents.
    pub const AMOUNT: Self = Self(*b"CB");
    /// The action: 0 debit, 1 credit.
    pub const ACTION: Self = Self(*b"CD");
    /// The currency (ISO 4217 number).
    pub const CURRENCY: Self = Self(*b"CE");
    /// Private data, echoed.
    pub const PRIVATE: Self = Self(*b"CF");
    /// When to answer: 0 at the end.
    pub const ANSWER_AT: Self = Self(*b"BA");
    /// Whether the holder may pay a part: 0 no.
    pub const PARTIAL: Self = Self(*b"BF");
    /// What became of it.
    pub const RESULT: Self = Self(*b"AE");
    /// Why it was not done.
    pub const REASON: Self = Self(*b"AF");
    /// The bank's authorisation. Never read.
    pub const AUTHORISATION: Self = Self(*b"AC");
    /// The number of the holder's bank card, which may be in clear. Never read.
    pub const CARD_NUMBER: Self = Self(*b"AA");
    /// Its expiry date. Never read.
    pub const EXPIRY: Self = Self(*b"AB");
    /// The tickets. Never read.
    pub const TICKET: Self = Self(*b"ZT");

    /// The tag of these two letters, as they stand in a message.
    pub const fn new(letters: [u8; 2]) -> Option<Self> {
        if letters[0].is_ascii_uppercase() && letters[1].is_ascii_uppercase() { Some(Self(letters)) } else { None }
    }

    const fn bit(self) -> usize {
        (self.0[0] - b'A') as usize * 26 + (self.0[1] - b'A') as usize
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|letter| write!(f, "{}", char::from(*letter)))
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why bytes are no message. None of these quotes a value: it may be a card number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Something else stands where a tag begins.
    #[error("byte {0} begins no record: a tag is two capital letters")]
    NoTag(usize),
    /// What follows a tag is no length.
    #[error("the length of {0} is not three digits")]
    NoLength(Tag),
    /// No value is empty.
    #[error("{0} is empty")]
    Empty(Tag),
    /// A tag stands once in a message.
    #[error("{0} stands twice")]
    Twice(Tag),
    /// The message does not begin with its version.
    #[error("the message begins with {0}, not with its version (CZ)")]
    NoVersion(Tag),
    /// A value has another form than its tag.
    #[error("the value of {0} has not its form")]
    Value(Tag),
    /// A record that the message cannot be without.
    #[error("{0} is missing")]
    Missing(Tag),
    /// The message ends in a record.
    #[error("the message ends within a record")]
    Cut,
    /// It is longer than any message.
    #[error("the message is longer than {MESSAGE_BYTES_MAX} bytes")]
    TooLong,
}

/// One record of a message.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// Its name.
    pub tag: Tag,
    /// Its value, never empty.
    pub value: &'a [u8],
}

/// The records of what has come of a message.
#[derive(Clone, PartialEq, Eq)]
pub struct Records<'a> {
    records: Vec<Record<'a>>,
    /// Whether what has come ends between two records.
    at_boundary: bool,
}

impl<'a> Records<'a> {
    /// Reads the records of a message, of which the end may be still to come.
    ///
    /// # Errors
    /// [`Malformed`] when no continuation can make it a message.
    pub fn read(bytes: &'a [u8]) -> Result<Self, Malformed> {
        if bytes.len() > MESSAGE_BYTES_MAX {
            return Err(Malformed::TooLong);
        }
        let (mut records, mut seen, mut rest) = (Vec::new(), [false; 26 * 26], bytes);
        while let Some((record, after)) = next(rest, bytes.len() - rest.len())? {
            if records.is_empty() && record.tag != Tag::VERSION {
                return Err(Malformed::NoVersion(record.tag));
            }
            if std::mem::replace(&mut seen[record.tag.bit()], true) {
                return Err(Malformed::Twice(record.tag));
            }
            records.push(record);
            rest = after;
        }
        Ok(Self { records, at_boundary: rest.is_empty() })
    }

    /// Whether nothing of a record has come without the rest of it.
    pub const fn at_boundary(&self) -> bool {
        self.at_boundary
    }

    /// The value of a tag, where it has come.
    pub fn get(&self, tag: Tag) -> Option<&'a [u8]> {
        self.records.iter().find(|record| record.tag == tag).map(|record| record.value)
    }

    /// The value of a tag that the message cannot be without.
    ///
    /// # Errors
    /// [`Malformed::Missing`].
    pub fn require(&self, tag: Tag) -> Result<&'a [u8], Malformed> {
        self.get(tag).ok_or(Malformed::Missing(tag))
    }

    /// The value of a tag as a whole number in decimal digits, however many zeros it begins with.
    ///
    /// # Errors
    /// [`Malformed::Value`] for anything but one to twelve digits.
    pub fn number(&self, tag: Tag) -> Result<Option<u64>, Malformed> {
        let Some(value) = self.get(tag) else { return Ok(None) };
        digits(value).filter(|_| value.len() <= 12).map(Some).ok_or(Malformed::Value(tag))
    }

    /// Every record, in the order of the message.
    pub fn iter(&self) -> impl Iterator<Item = Record<'a>> + '_ {
        self.records.iter().copied()
    }
}

/// The first record of `bytes` and what follows it; `None` when it has not come whole. `at` is where in the message they begin.
fn next(bytes: &[u8], at: usize) -> Result<Option<(Record<'_>, &[u8])>, Malformed> {
    let head = &bytes[..bytes.len().min(HEAD_BYTES)];
    let (letters, length) = head.split_at(head.len().min(2));
    if !letters.iter().all(u8::is_ascii_uppercase) {
        return Err(Malformed::NoTag(at));
    }
    let &[first, second] = letters else { return Ok(None) };
    let tag = Tag([first, second]);
    if !length.iter().all(u8::is_ascii_digit) {
        return Err(Malformed::NoLength(tag));
    }
    if length.len() < 3 {
        return Ok(None);
    }
    let length = length.iter().fold(0, |length, digit| length * 10 + usize::from(digit - b'0'));
    if length == 0 {
        return Err(Malformed::Empty(tag));
    }
    Ok(bytes.get(HEAD_BYTES..HEAD_BYTES + length).map(|value| (Record { tag, value }, &bytes[HEAD_BYTES + length..])))
}

/// A whole number in decimal digits; `None` when there is anything else, or too much.
pub(super) fn digits(value: &[u8]) -> Option<u64> {
    if value.is_empty() || value.len() > 18 || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(value.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0')))
}

/// Writes a message, record after record. A tag that was written, and a value that is empty or too long, are passed over: the
/// callers' values are neither.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// Adds a record.
    #[must_use]
    pub fn record(mut self, tag: Tag, value: impl AsRef<[u8]>) -> Self {
        let value = value.as_ref();
        let value = &value[..value.len().min(VALUE_BYTES_MAX)];
        self.bytes.extend_from_slice(&tag.0);
        self.bytes.extend_from_slice(format!("{:03}", value.len()).as_bytes());
        self.bytes.extend_from_slice(value);
        self
    }

    /// The message.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the protocol's users: a debit of one euro.
    const DEBIT: &[u8] = b"CZ0040300CJ012012345678901CA00201CB003100CD0010CE003978BA0010";

    fn listed(bytes: &[u8]) -> Result<Vec<(String, String)>, Malformed> {
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        Ok(Records::read(bytes)?.iter().map(|record| (record.tag.to_string(), text(record.value))).collect())
    }

    #[test]
    fn a_message_is_its_records() {
        let read = listed(DEBIT).unwrap();
        let names: Vec<_> = read.iter().map(|(tag, value)| format!("{tag}={value}")).collect();
        assert_eq!(names.join(" "), "CZ=0300 CJ=012345678901 CA=01 CB=100 CD=0 CE=978 BA=0");
        let written = read.iter().fold(Writer::default(), |writer, (tag, value)| {
            writer.record(Tag::new(tag.as_bytes().try_into().unwrap()).unwrap(), value)
        });
        assert_eq!(written.into_bytes(), DEBIT);
    }

    #[test]
    fn a_message_that_is_cut_is_one_that_goes_on() {
        for length in 0..DEBIT.len() {
            let records = Records::read(&DEBIT[..length]).unwrap();
            assert_eq!(records.at_boundary(), [0, 9, 26, 33, 41, 47, 55].contains(&length), "cut at {length}");
        }
    }

    #[test]
    fn what_no_continuation_makes_a_message() {
        let table: &[(&[u8], Malformed)] = &[
            (b"\r\nCZ0040300", Malformed::NoTag(0)),
            (b"\x02", Malformed::NoTag(0)),
            (b"CZ0040300\n", Malformed::NoTag(9)),
            (b"Cz0040300", Malformed::NoTag(0)),
            (b"CZ+040300", Malformed::NoLength(Tag::VERSION)),
            (b"CZ4", Malformed::Cut),
            (b"CZ000", Malformed::Empty(Tag::VERSION)),
            (b"CZ0040300CA00201CA00201", Malformed::Twice(Tag::REGISTER)),
            (b"CA00201", Malformed::NoVersion(Tag::REGISTER)),
        ];
        for (bytes, wrong) in table {
            let read = Records::read(bytes);
            match wrong {
                Malformed::Cut => assert!(read.is_ok_and(|records| !records.at_boundary())),
                wrong => assert_eq!(read.err(), Some(*wrong), "{}", String::from_utf8_lossy(bytes)),
            }
        }
        let long = [DEBIT, b"ZZ999", &[b'x'; 999], &vec![b'Q'; MESSAGE_BYTES_MAX]].concat();
        assert_eq!(listed(&long), Err(Malformed::TooLong));
    }

    #[test]
    fn numbers_may_begin_with_zeros() {
        let amount = |value: &str| {
            let bytes = Writer::default().record(Tag::VERSION, "0300").record(Tag::AMOUNT, value).into_bytes();
            Records::read(&bytes).and_then(|records| records.number(Tag::AMOUNT))
        };
        assert_eq!(amount("05"), Ok(Some(5)));
        assert_eq!(amount("000000000100"), Ok(Some(100)));
        for wrong in ["1 0", "-10", "1.00", "0000000000100"] {
            assert_eq!(amount(wrong), Err(Malformed::Value(Tag::AMOUNT)), "{wrong}");
        }
    }
}
