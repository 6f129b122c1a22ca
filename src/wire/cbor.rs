//! Deterministic CBOR (RFC 8949, 4.2.1), of which the project uses little: unsigned integers, byte and text strings, arrays of
//! known length, `null`, `true`, `false`; maps and negative integers only in COSE headers.
//!
//! A structure is an array of its fields in the order of `cbor_array!`; an absent field is `null`. There is exactly one
//! encoding of a value, and [`decode`] refuses every other: what was decoded and encodes to other bytes was not written by these rules.

use minicbor::data::Type;

/// Why bytes are not the structure that was expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CborError {
    /// Not well-formed, of another type, or cut short.
    #[error("not the CBOR that was expected at byte {0}")]
    Malformed(usize),
    /// More bytes follow the structure.
    #[error("{0} bytes too many")]
    Trailing(usize),
    /// A number, length or code that has no meaning here.
    #[error("{0} has a value without meaning")]
    Meaningless(&'static str),
    /// The value has another encoding, which deterministic CBOR forbids.
    #[error("not deterministic CBOR (RFC 8949, 4.2.1)")]
    NotDeterministic,
}

/// The most items of an array, and the most pairs of a map: twice over what the longest list of any message may have. An item that takes one byte
/// in a message takes many in memory.
pub const ITEMS_MAX: usize = 2048;

/// Writes CBOR to memory.
pub struct Writer(minicbor::Encoder<Vec<u8>>);

impl Writer {
    /// An empty one.
    pub fn new() -> Self {
        Self(minicbor::Encoder::new(Vec::new()))
    }

    /// The bytes.
    pub fn finish(self) -> Vec<u8> {
        self.0.into_writer()
    }

    /// An unsigned integer.
    pub fn uint(&mut self, value: u64) {
        Self::done(self.0.u64(value));
    }

    /// An integer of either sign.
    pub fn int(&mut self, value: i64) {
        Self::done(self.0.i64(value));
    }

    /// A byte string.
    pub fn bytes(&mut self, value: &[u8]) {
        Self::done(self.0.bytes(value));
    }

    /// A text string.
    pub fn text(&mut self, value: &str) {
        Self::done(self.0.str(value));
    }

    /// `true` or `false`.
    pub fn bool(&mut self, value: bool) {
        Self::done(self.0.bool(value));
    }

    /// `null`.
    pub fn null(&mut self) {
        Self::done(self.0.null());
    }

    /// The head of an array.
    pub fn array(&mut self, length: usize) {
        Self::done(self.0.array(length as u64));
    }

    /// The head of a map.
    pub fn map(&mut self, length: usize) {
        Self::done(self.0.map(length as u64));
    }

    /// A tag.
    pub fn tag(&mut self, tag: u64) {
        Self::done(self.0.tag(minicbor::data::Tag::new(tag)));
    }

    /// Writing to memory cannot fail: the error type has no value that `minicbor` would make here.
    fn done<T>(result: Result<T, minicbor::encode::Error<std::convert::Infallible>>) {
        debug_assert!(result.is_ok(), "writing to memory cannot fail");
    }
}

impl Default for Writer {
    fn default() -> Self {
        Self::new()
    }
}

/// Reads CBOR from memory.
pub struct Reader<'b>(minicbor::Decoder<'b>);

impl<'b> Reader<'b> {
    /// Reads `bytes` from the first.
    pub fn new(bytes: &'b [u8]) -> Self {
        Self(minicbor::Decoder::new(bytes))
    }

    fn or_malformed<T>(&self, result: Result<T, minicbor::decode::Error>) -> Result<T, CborError> {
        result.map_err(|_| CborError::Malformed(self.0.position()))
    }

    /// An unsigned integer.
    ///
    /// # Errors
    /// [`CborError::Malformed`], as all of these.
    pub fn uint(&mut self) -> Result<u64, CborError> {
        let value = self.0.u64();
        self.or_malformed(value)
    }

    /// An integer of either sign.
    ///
    /// # Errors
    /// [`CborError::Malformed`].
    pub fn int(&mut self) -> Result<i64, CborError> {
        let value = self.0.i64();
        self.or_malformed(value)
    }

    /// A byte string of definite length.
    ///
    /// # Errors
    /// [`CborError::Malformed`].
    pub fn bytes(&mut self) -> Result<&'b [u8], CborError> {
        let value = self.0.bytes();
        self.or_malformed(value)
    }

    /// A text string of definite length.
    ///
    /// # Errors
    /// [`CborError::Malformed`].
    pub fn text(&mut self) -> Result<&'b str, CborError> {
        let value = self.0.str();
        self.or_malformed(value)
    }

    /// `true` or `false`.
    ///
    /// # Errors
    /// [`CborError::Malformed`].
    pub fn bool(&mut self) -> Result<bool, CborError> {
        let value = self.0.bool();
        self.or_malformed(value)
    }

    /// Whether `null` comes next; it is then read.
    ///
    /// # Errors
    /// [`CborError::Malformed`] at the end of the bytes.
    pub fn null(&mut self) -> Result<bool, CborError> {
        let next = self.0.datatype();
        if self.or_malformed(next)? != Type::Null {
            return Ok(false);
        }
        let null = self.0.null();
        self.or_malformed(null).map(|()| true)
    }

    /// Whether an unsigned integer comes next; it is not read.
    ///
    /// # Errors
    /// [`CborError::Malformed`] at the end of the bytes.
    pub fn uint_follows(&self) -> Result<bool, CborError> {
        let next = self.0.datatype();
        Ok(matches!(self.or_malformed(next)?, Type::U8 | Type::U16 | Type::U32 | Type::U64))
    }

    /// The head of an array of definite length; the length.
    ///
    /// # Errors
    /// [`CborError::Malformed`].
    pub fn array(&mut self) -> Result<usize, CborError> {
        let length = self.0.array();
        self.definite(length)
    }

    /// The head of an array of exactly `length` items.
    ///
    /// # Errors
    /// [`CborError::Malformed`].
    pub fn array_of(&mut self, length: usize) -> Result<(), CborError> {
        if self.array()? == length { Ok(()) } else { Err(CborError::Malformed(self.0.position())) }
    }

    /// The head of a map of definite length; how many pairs.
    ///
    /// # Errors
    /// [`CborError::Malformed`].
    pub fn map(&mut self) -> Result<usize, CborError> {
        let length = self.0.map();
        self.definite(length)
    }

    /// A tag.
    ///
    /// # Errors
    /// [`CborError::Malformed`].
    pub fn tag(&mut self) -> Result<u64, CborError> {
        let tag = self.0.tag();
        self.or_malformed(tag).map(|tag| tag.as_u64())
    }

    /// Nothing may follow.
    ///
    /// # Errors
    /// [`CborError::Trailing`].
    pub fn end(&self) -> Result<(), CborError> {
        match self.0.input().len().saturating_sub(self.0.position()) {
            0 => Ok(()),
            more => Err(CborError::Trailing(more)),
        }
    }

    /// A length that no list exceeds and that the remaining bytes can hold: every item has at least one byte, so a short message cannot announce a long
    /// array.
    fn definite(&self, length: Result<Option<u64>, minicbor::decode::Error>) -> Result<usize, CborError> {
        let here = CborError::Malformed(self.0.position());
        let length = self.or_malformed(length)?.and_then(|length| usize::try_from(length).ok()).ok_or(here.clone())?;
        let remaining = self.0.input().len().saturating_sub(self.0.position());
        if length <= remaining.min(ITEMS_MAX) { Ok(length) } else { Err(here) }
    }
}

/// A value with exactly one encoding.
pub trait Cbor: Sized {
    /// Writes it.
    fn write(&self, to: &mut Writer);

    /// Reads it.
    ///
    /// # Errors
    /// [`CborError`].
    fn read(from: &mut Reader<'_>) -> Result<Self, CborError>;
}

/// The encoding of `value`.
pub fn encode<T: Cbor>(value: &T) -> Vec<u8> {
    let mut writer = Writer::new();
    value.write(&mut writer);
    writer.finish()
}

/// The value that `bytes`, all of them, encode.
///
/// # Errors
/// [`CborError`], also for a value whose encoding is another.
pub fn decode<T: Cbor>(bytes: &[u8]) -> Result<T, CborError> {
    let mut reader = Reader::new(bytes);
    let value = T::read(&mut reader)?;
    reader.end()?;
    if encode(&value) == bytes { Ok(value) } else { Err(CborError::NotDeterministic) }
}

/// How many bytes the first value in `bytes` has, whatever it is: for values that stand one after the other (RFC 8742).
///
/// # Errors
/// [`CborError::Malformed`] where no whole value begins.
pub fn item_length(bytes: &[u8]) -> Result<usize, CborError> {
    let mut decoder = minicbor::Decoder::new(bytes);
    decoder.skip().map_err(|_| CborError::Malformed(decoder.position()))?;
    Ok(decoder.position())
}

impl<T: Cbor> Cbor for Option<T> {
    fn write(&self, to: &mut Writer) {
        match self {
            Some(value) => value.write(to),
            None => to.null(),
        }
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, CborError> {
        if from.null()? { Ok(None) } else { T::read(from).map(Some) }
    }
}

/// An array of values of one kind.
impl<T: Cbor> Cbor for Vec<T> {
    fn write(&self, to: &mut Writer) {
        to.array(self.len());
        self.iter().for_each(|value| value.write(to));
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, CborError> {
        (0..from.array()?).map(|_| T::read(from)).collect()
    }
}

/// Opaque bytes: something that is signed or hashed as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opaque(pub Vec<u8>);

impl Cbor for Opaque {
    fn write(&self, to: &mut Writer) {
        to.bytes(&self.0);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, CborError> {
        from.bytes().map(|bytes| Self(bytes.to_vec()))
    }
}

impl<const N: usize> Cbor for [u8; N] {
    fn write(&self, to: &mut Writer) {
        to.bytes(self);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, CborError> {
        from.bytes()?.try_into().map_err(|_| CborError::Meaningless("a byte string's length"))
    }
}

impl Cbor for String {
    fn write(&self, to: &mut Writer) {
        to.text(self);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, CborError> {
        from.text().map(str::to_owned)
    }
}

impl Cbor for bool {
    fn write(&self, to: &mut Writer) {
        to.bool(*self);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, CborError> {
        from.bool()
    }
}

macro_rules! cbor_unsigned {
    ($($int:ty),*) => {
        $(impl Cbor for $int {
            fn write(&self, to: &mut Writer) {
                to.uint(u64::from(*self));
            }

            fn read(from: &mut Reader<'_>) -> Result<Self, CborError> {
                <$int>::try_from(from.uint()?).map_err(|_| CborError::Meaningless(stringify!($int)))
            }
        })*
    };
}

cbor_unsigned!(u8, u16, u32, u64);

/// A type that is another one with a name: its encoding is the inner one's.
macro_rules! cbor_newtype {
    ($($name:ty: $inner:ty, |$value:ident| $get:expr, $new:expr;)*) => {
        $(impl $crate::wire::cbor::Cbor for $name {
            fn write(&self, to: &mut $crate::wire::cbor::Writer) {
                let $value = self;
                let inner: $inner = $get;
                inner.write(to);
            }

            fn read(
                from: &mut $crate::wire::cbor::Reader<'_>,
            ) -> Result<Self, $crate::wire::cbor::CborError> {
                let inner = <$inner as $crate::wire::cbor::Cbor>::read(from)?;
                let new: fn($inner) -> Option<Self> = $new;
                new(inner).ok_or($crate::wire::cbor::CborError::Meaningless(stringify!($name)))
            }
        })*
    };
}

/// A structure: an array of its fields, in this order; with `if`, what must hold of what is read.
macro_rules! cbor_array {
    ($($name:ty [$($field:ident),* $(,)?] $(if |$value:ident| $holds:expr;)?)*) => {
        $(impl $crate::wire::cbor::Cbor for $name {
            fn write(&self, to: &mut $crate::wire::cbor::Writer) {
                to.array([$(stringify!($field)),*].len());
                $($crate::wire::cbor::Cbor::write(&self.$field, to);)*
            }

            fn read(
                from: &mut $crate::wire::cbor::Reader<'_>,
            ) -> Result<Self, $crate::wire::cbor::CborError> {
                from.array_of([$(stringify!($field)),*].len())?;
                let read = Self { $($field: $crate::wire::cbor::Cbor::read(from)?),* };
                $({
                    let $value = &read;
                    if !$holds {
                        return Err($crate::wire::cbor::CborError::Meaningless(stringify!($name)));
                    }
                })?
                Ok(read)
            }
        })*
    };
}

/// An enumeration without data: its code.
macro_rules! cbor_code {
    ($($name:ty { $($code:literal => $variant:path),* $(,)? })*) => {
        $(impl $crate::wire::cbor::Cbor for $name {
            fn write(&self, to: &mut $crate::wire::cbor::Writer) {
                to.uint(match self { $($variant => $code),* });
            }

            fn read(
                from: &mut $crate::wire::cbor::Reader<'_>,
            ) -> Result<Self, $crate::wire::cbor::CborError> {
                match from.uint()? {
                    $($code => Ok($variant),)*
                    _ => Err($crate::wire::cbor::CborError::Meaningless(stringify!($name))),
                }
            }
        })*
    };
}

/// An enumeration with data: an array of its code and the data.
macro_rules! cbor_choice {
    ($($name:ident { $($code:literal => $variant:ident($inner:ty)),* $(,)? })*) => {
        $(impl $crate::wire::cbor::Cbor for $name {
            fn write(&self, to: &mut $crate::wire::cbor::Writer) {
                to.array(2);
                match self {
                    $(Self::$variant(inner) => {
                        to.uint($code);
                        $crate::wire::cbor::Cbor::write(inner, to);
                    })*
                }
            }

            fn read(
                from: &mut $crate::wire::cbor::Reader<'_>,
            ) -> Result<Self, $crate::wire::cbor::CborError> {
                from.array_of(2)?;
                match from.uint()? {
                    $($code => <$inner as $crate::wire::cbor::Cbor>::read(from).map(Self::$variant),)*
                    _ => Err($crate::wire::cbor::CborError::Meaningless(stringify!($name))),
                }
            }
        })*
    };
}

pub(crate) use {cbor_array, cbor_choice, cbor_code, cbor_newtype};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_of_nothing_is_refused_before_it_is_read() {
        let list = |length: usize| encode(&vec![Opaque(Vec::new()); length]);
        assert_eq!(decode::<Vec<Opaque>>(&list(ITEMS_MAX)).map(|list| list.len()), Ok(ITEMS_MAX));
        assert_eq!(decode::<Vec<Opaque>>(&list(ITEMS_MAX + 1)), Err(CborError::Malformed(3)));
    }

    #[test]
    fn a_value_has_one_encoding() {
        let good = encode(&vec![Some(5_u32), None]);
        assert_eq!(good, [0x82, 0x05, 0xf6]);
        assert_eq!(decode::<Vec<Option<u32>>>(&good), Ok(vec![Some(5), None]));
        let table: &[(&[u8], CborError)] = &[
            (&[0x82, 0x18, 0x05, 0xf6], CborError::NotDeterministic),
            (&[0x9f, 0x05, 0xf6, 0xff], CborError::Malformed(1)),
            (&[0x82, 0x05, 0xf6, 0x00], CborError::Trailing(1)),
            (&[0x82, 0x05], CborError::Malformed(1)),
            (&[0x82, 0x05, 0x61, 0x61], CborError::Malformed(3)),
            (&[0x81, 0x1b, 0, 0, 0, 1, 0, 0, 0, 0], CborError::Meaningless("u32")),
            (&[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], CborError::Malformed(9)),
        ];
        for (bytes, error) in table {
            assert_eq!(decode::<Vec<Option<u32>>>(bytes).as_ref(), Err(error), "{bytes:02x?}");
        }
    }
}
