//! How values of the domain stand in columns, and back. What cannot be what was written is an error, never a default.

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};

use super::StoreError;
use crate::domain::catalogue::Code;
use crate::domain::{
    CardNumber, Cents, Counter, EntitlementSerial, EntryHash, HolderReference, IssueNumber, KeySerial, PartnerId,
    RequestId, Season, Sequence, Slot, TerminalId, Timestamp, TransactionId,
};
use crate::wire::cbor::{Cbor, decode};

/// A column whose value is one of ours.
pub(super) struct Column<T>(pub(super) T);

macro_rules! integer_columns {
    ($($name:ty: |$value:ident| $get:expr, |$number:ident| $new:expr;)*) => {
        $(
            impl ToSql for Column<$name> {
                fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                    let $value = &self.0;
                    let number = i64::try_from($get).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
                    Ok(ToSqlOutput::from(number))
                }
            }

            impl FromSql for Column<$name> {
                fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                    let number = value.as_i64()?;
                    let out_of_range = FromSqlError::OutOfRange(number);
                    let $number = number.try_into().map_err(|_| FromSqlError::OutOfRange(number))?;
                    let made: Option<$name> = $new;
                    made.map(Self).ok_or(out_of_range)
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
    CardNumber: |v| v.get(), |n| CardNumber::new(n).ok();
    u64: |v| *v, |n| Some(n);
}

macro_rules! blob_columns {
    ($($name:ty: $len:literal;)*) => {
        $(
            impl ToSql for Column<$name> {
                fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                    Ok(ToSqlOutput::Borrowed(ValueRef::Blob(self.0.as_bytes())))
                }
            }

            impl FromSql for Column<$name> {
                fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                    <[u8; $len]>::column_result(value).map(|bytes| Self(<$name>::new(bytes)))
                }
            }
        )*
    };
}

blob_columns! {
    EntryHash: 32;
    RequestId: 16;
    TransactionId: 16;
    HolderReference: 16;
}

impl ToSql for Column<&Code> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(self.0.as_str()))
    }
}

impl FromSql for Column<Code> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Code::new(value.as_str()?).map(Self).map_err(FromSqlError::other)
    }
}

/// Something of the wire, kept as its bytes.
pub(super) fn body<T: Cbor>(bytes: &[u8], what: &'static str) -> Result<T, StoreError> {
    decode(bytes).map_err(|_| StoreError::Inconsistent(what))
}
