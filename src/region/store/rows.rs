//! How values of the domain stand in columns, and back. What cannot be what was written is an error, never a default.

use super::StoreError;
use super::engine::{FromColumn, Value};
use crate::domain::catalogue::Code;
use crate::domain::{
    Balance, CardNumber, Cents, Counter, EntitlementSerial, EntryHash, HolderReference, IssueNumber, KeySerial,
    PartnerId, RequestId, Season, Sequence, Slot, TerminalId, Timestamp, TransactionId,
};
use crate::region::holders::EstablishmentId;
use crate::wire::cbor::{Cbor, decode};

macro_rules! integer_columns {
    ($($name:ty: |$value:ident| $get:expr, |$number:ident| $new:expr;)*) => {
        $(
            impl From<$name> for Value {
                fn from($value: $name) -> Self {
                    // What is past the range of a column is refused where it comes in; here it would be the greatest there is.
                    Self::Integer(i64::try_from($get).unwrap_or(i64::MAX))
                }
            }

            impl FromColumn for $name {
                fn from_column(value: &Value) -> Option<Self> {
                    let Value::Integer(number) = value else { return None };
                    let $number = (*number).try_into().ok()?;
                    $new
                }
            }
        )*
    };
}

integer_columns! {
    TerminalId: |v| v.get(), |n| Some(TerminalId::new(n));
    PartnerId: |v| v.get(), |n| Some(PartnerId::new(n));
    KeySerial: |v| v.get(), |n| Some(KeySerial::new(n));
    EntitlementSerial: |v| v.get(), |n| Some(EntitlementSerial::new(n));
    IssueNumber: |v| v.get(), |n| Some(IssueNumber::new(n));
    Counter: |v| v.get(), |n| Some(Counter::new(n));
    Sequence: |v| v.get(), |n| Some(Sequence::new(n));
    Season: |v| v.get(), |n| Some(Season::new(n));
    Slot: |v| v.get(), |n| Slot::new(n);
    Timestamp: |v| v.get(), |n| Some(Timestamp::new(n));
    Cents: |v| v.get(), |n| Cents::new(n);
    Balance: |v| v.get(), |n| Some(Balance::new(n));
    CardNumber: |v| v.get(), |n| CardNumber::new(n).ok();
    EstablishmentId: |v| v.get(), |n| Some(EstablishmentId::new(n));
    u64: |v| v, |n| Some(n);
    i64: |v| v, |n| Some(n);
    u32: |v| v, |n| Some(n);
    u8: |v| v, |n| Some(n);
}

macro_rules! blob_columns {
    ($($name:ty;)*) => {
        $(
            impl From<$name> for Value {
                fn from(value: $name) -> Self {
                    Self::Blob(value.as_bytes().to_vec())
                }
            }

            impl FromColumn for $name {
                fn from_column(value: &Value) -> Option<Self> {
                    FromColumn::from_column(value).map(<$name>::new)
                }
            }
        )*
    };
}

blob_columns! {
    EntryHash;
    RequestId;
    TransactionId;
    HolderReference;
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Integer(value.into())
    }
}

impl FromColumn for bool {
    fn from_column(value: &Value) -> Option<Self> {
        match value {
            Value::Integer(0) => Some(false),
            Value::Integer(1) => Some(true),
            _ => None,
        }
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl FromColumn for String {
    fn from_column(value: &Value) -> Option<Self> {
        match value {
            Value::Text(text) => Some(text.clone()),
            _ => None,
        }
    }
}

impl From<&Code> for Value {
    fn from(value: &Code) -> Self {
        Self::from(value.as_str())
    }
}

impl FromColumn for Code {
    fn from_column(value: &Value) -> Option<Self> {
        match value {
            Value::Text(text) => Self::new(text).ok(),
            _ => None,
        }
    }
}

impl From<&[u8]> for Value {
    fn from(value: &[u8]) -> Self {
        Self::Blob(value.to_vec())
    }
}

impl From<Vec<u8>> for Value {
    fn from(value: Vec<u8>) -> Self {
        Self::Blob(value)
    }
}

impl FromColumn for Vec<u8> {
    fn from_column(value: &Value) -> Option<Self> {
        match value {
            Value::Blob(bytes) => Some(bytes.clone()),
            _ => None,
        }
    }
}

impl<const N: usize> From<[u8; N]> for Value {
    fn from(value: [u8; N]) -> Self {
        Self::Blob(value.to_vec())
    }
}

impl<const N: usize> FromColumn for [u8; N] {
    fn from_column(value: &Value) -> Option<Self> {
        match value {
            Value::Blob(bytes) => bytes.as_slice().try_into().ok(),
            _ => None,
        }
    }
}

impl<T> From<Option<T>> for Value
where
    Value: From<T>,
{
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Self::from)
    }
}

impl<T: FromColumn> FromColumn for Option<T> {
    fn from_column(value: &Value) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            value => T::from_column(value).map(Some),
        }
    }
}

/// Something of the wire, kept as its bytes.
pub(super) fn body<T: Cbor>(bytes: &[u8], what: &'static str) -> Result<T, StoreError> {
    decode(bytes).map_err(|_| StoreError::Inconsistent(what))
}
