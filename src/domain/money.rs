//! Money: whole euro cents, never negative, never more than [`Cents::MAX`], and arithmetic that says when it cannot.

use std::fmt;

use super::refusal::Language;

/// An amount of euro cents, from 0 to [`Cents::MAX`].
///
/// There are no fractions of a cent anywhere in the project, and no negative amounts: what is owed the other way round
/// has a name of its own (a refund, a fee).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cents(u64);

/// Why a text is not an amount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotAnAmount(String);

impl fmt::Display for NotAnAmount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "« {} » is not an amount: write euros and cents as 23.50 or 23,50, from 0 to 99999.99", self.0)
    }
}

impl std::error::Error for NotAnAmount {}

impl Cents {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// Ten thousand million euros: far above any total, far below where a sum of two could overflow.
    pub const MAX: Self = Self(1_000_000_000_000);

    /// `cents` as money, or `None` above [`Cents::MAX`].
    pub const fn new(cents: u64) -> Option<Self> {
        if cents <= Self::MAX.0 { Some(Self(cents)) } else { None }
    }

    /// The largest amount a cashier can type: 99,999.99 EUR.
    pub const PRICE_MAX: Self = Self(9_999_999);

    /// A slot's 32-bit amount, which always fits.
    pub const fn from_u32(cents: u32) -> Self {
        Self(cents as u64)
    }

    /// The number of cents.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The sum, or `None` above [`Cents::MAX`].
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        Self::new(self.0 + other.0)
    }

    /// The difference, or `None` when `other` is more.
    pub const fn checked_sub(self, other: Self) -> Option<Self> {
        match self.0.checked_sub(other.0) {
            Some(cents) => Some(Self(cents)),
            None => None,
        }
    }

    /// The sum, and at most [`Cents::MAX`].
    #[must_use]
    pub const fn saturating_add(self, other: Self) -> Self {
        match self.checked_add(other) {
            Some(sum) => sum,
            None => Self::MAX,
        }
    }

    /// The difference, and at least nothing.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// `times` this amount, or `None` above [`Cents::MAX`].
    pub const fn checked_mul(self, times: u32) -> Option<Self> {
        match self.0.checked_mul(times as u64) {
            Some(cents) => Self::new(cents),
            None => None,
        }
    }

    /// Whether this is nothing.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// Reads what a person types: `23`, `23.5`, `23.50`, `23,50`, with or without `€`.
    ///
    /// # Errors
    /// [`NotAnAmount`] for a sign, more than two decimals, anything that is no digit, or more than [`Cents::PRICE_MAX`].
    pub fn parse(text: &str) -> Result<Self, NotAnAmount> {
        let bad = || NotAnAmount(text.to_owned());
        let plain = text.trim().trim_end_matches('€').trim_end();
        let (euros, decimals) = match plain.split_once(['.', ',']) {
            Some((_, "")) => return Err(bad()),
            Some(parts) => parts,
            None => (plain, ""),
        };
        let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        if euros.is_empty() || euros.len() > 5 || decimals.len() > 2 || !digits(euros) || !digits(decimals) {
            return Err(bad());
        }
        let euros: u64 = euros.parse().map_err(|_| bad())?;
        let cents: u64 = format!("{decimals:0<2}").parse().map_err(|_| bad())?;
        Ok(Self(euros * 100 + cents))
    }
}

/// An amount as people say it: `6,00 €`, `€6.00`.
pub fn euros(cents: u64, language: Language) -> String {
    let (euros, rest) = (cents / 100, cents % 100);
    match language {
        Language::French => format!("{euros},{rest:02} €"),
        Language::English => format!("€{euros}.{rest:02}"),
    }
}

/// `23.50`: the form of logs and of JSON for people; [`Cents::parse`] reads it back.
impl fmt::Display for Cents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02}", self.0 / 100, self.0 % 100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_cashier_types() {
        let table = [
            ("0", Some(0)),
            ("1", Some(100)),
            ("23.5", Some(2350)),
            ("23,50", Some(2350)),
            (" 8,00 € ", Some(800)),
            ("99999.99", Some(9_999_999)),
            ("100000", None),
            ("", None),
            (",50", None),
            ("5,", None),
            ("-1", None),
            ("+1", None),
            ("1.234", None),
            ("1.2.3", None),
            ("1e3", None),
            ("٣", None),
        ];
        for (text, cents) in table {
            assert_eq!(Cents::parse(text).ok().map(Cents::get), cents, "{text:?}");
        }
    }

    #[test]
    fn arithmetic_says_when_it_cannot() {
        let five = Cents::from_u32(5);
        assert_eq!(five.checked_sub(Cents::from_u32(6)), None);
        assert_eq!(Cents::MAX.checked_add(Cents::from_u32(1)), None);
        assert_eq!(Cents::MAX.checked_mul(2), None);
        assert_eq!(five.checked_mul(3), Cents::new(15));
    }
}
