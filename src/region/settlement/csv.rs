//! Tables for spreadsheets (RFC 4180), as a French one opens them with a double click: UTF-8 with a byte order mark, semicolons between fields, a comma in
//! amounts, CRLF at the end of each line. The same rows are the same bytes.

use std::borrow::Cow;
use std::io::{self, Write};

use crate::domain::Balance;

/// A table that is being written.
#[derive(Debug)]
pub struct Csv<W> {
    out: W,
}

/// What stands in a field.
#[derive(Clone, Copy, Debug)]
pub enum Field<'a> {
    /// Words that somebody has typed.
    Text(&'a str),
    /// A code, a date, a hash: nothing that a spreadsheet could take for a formula.
    Plain(&'a str),
    /// A number.
    Number(i64),
    /// Euros with two decimals.
    Euros(Balance),
}

impl From<u32> for Field<'_> {
    fn from(number: u32) -> Self {
        Self::Number(number.into())
    }
}

impl From<Balance> for Field<'_> {
    fn from(balance: Balance) -> Self {
        Self::Number(balance.get())
    }
}

impl<W: Write> Csv<W> {
    /// A table with these columns.
    ///
    /// # Errors
    /// What writing says.
    pub fn begin(mut out: W, columns: &[&str]) -> io::Result<Self> {
        out.write_all("\u{feff}".as_bytes())?;
        let mut csv = Self { out };
        let columns: Vec<Field<'_>> = columns.iter().map(|column| Field::Plain(column)).collect();
        csv.row(&columns)?;
        Ok(csv)
    }

    /// Writes a row.
    ///
    /// # Errors
    /// What writing says.
    pub fn row(&mut self, fields: &[Field<'_>]) -> io::Result<()> {
        for (index, field) in fields.iter().enumerate() {
            if index > 0 {
                self.out.write_all(b";")?;
            }
            match field {
                Field::Text(text) => self.out.write_all(quoted(harmless(text)).as_bytes())?,
                Field::Plain(text) => self.out.write_all(quoted(Cow::Borrowed(text)).as_bytes())?,
                Field::Number(number) => write!(self.out, "{number}")?,
                Field::Euros(balance) => self.out.write_all(euros(*balance).as_bytes())?,
            }
        }
        self.out.write_all(b"\r\n")
    }

    /// The writer, once every row is written.
    pub fn end(self) -> W {
        self.out
    }
}

/// `-23,50`.
pub(super) fn euros(balance: Balance) -> String {
    balance.to_string().replace('.', ",")
}

/// A spreadsheet takes what begins like this for a formula; an apostrophe before it makes it text (OWASP, CSV injection).
fn harmless(text: &str) -> Cow<'_, str> {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        Cow::Owned(format!("'{text}"))
    } else {
        Cow::Borrowed(text)
    }
}

fn quoted(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.contains([';', '"', '\r', '\n']) { Cow::Owned(format!("\"{}\"", text.replace('"', "\"\""))) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_what_a_french_spreadsheet_expects() {
        let mut csv = Csv::begin(Vec::new(), &["nom", "euros"]).unwrap();
        csv.row(&[Field::Text("Ciné \"Le Phare\"; Lyon"), Field::Euros(Balance::new(-2350))]).unwrap();
        csv.row(&[Field::Text("=HYPERLINK(A1)"), Field::Number(-3)]).unwrap();
        csv.row(&[Field::Text("deux\nlignes"), Field::Plain("2026-11-30")]).unwrap();
        let text = String::from_utf8(csv.end()).unwrap();
        assert_eq!(
            text,
            "\u{feff}nom;euros\r\n\"Ciné \"\"Le Phare\"\"; Lyon\";-23,50\r\n'=HYPERLINK(A1);-3\r\n\"deux\nlignes\";2026-11-30\r\n"
        );
    }
}
