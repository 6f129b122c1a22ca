//! What is owed to somebody, in whole euro cents; less than nothing when it is owed by them.

use std::fmt;
use std::iter::Sum;

use super::money::Cents;

/// A sum of amounts that were added and taken off. Sums stop at the greatest and the least 64-bit number, a thousand times what
/// [`Cents::MAX`] allows for one amount.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Balance(i64);

impl Balance {
    /// Nothing is owed.
    pub const ZERO: Self = Self(0);

    /// Cents, less than 0 when they are owed the other way round.
    pub const fn new(cents: i64) -> Self {
        Self(cents)
    }

    /// The cents.
    pub const fn get(self) -> i64 {
        self.0
    }

    /// What `after` is more than `before`. Both fit 63 bits by far.
    pub const fn change(before: Cents, after: Cents) -> Self {
        Self(after.get() as i64 - before.get() as i64)
    }

    /// Both together.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// Without `other`.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// What can be paid out of it: nothing of what is owed the other way round.
    pub fn payable(self) -> Cents {
        u64::try_from(self.0).ok().and_then(Cents::new).unwrap_or(if self.0 < 0 { Cents::ZERO } else { Cents::MAX })
    }
}

impl From<Cents> for Balance {
    fn from(cents: Cents) -> Self {
        Self::change(Cents::ZERO, cents)
    }
}

impl Sum for Balance {
    fn sum<I: Iterator<Item = Self>>(balances: I) -> Self {
        balances.fold(Self::ZERO, Self::plus)
    }
}

/// `-23.50`.
impl fmt::Display for Balance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, cents) = (if self.0 < 0 { "-" } else { "" }, self.0.unsigned_abs());
        write!(f, "{sign}{}.{:02}", cents / 100, cents % 100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_owed_either_way() {
        let (four, five) = (Cents::from_u32(400), Cents::from_u32(500));
        let table = [(four, five, 100, "1.00", 100), (five, four, -100, "-1.00", 0), (five, five, 0, "0.00", 0)];
        for (before, after, cents, text, payable) in table {
            let change = Balance::change(before, after);
            assert_eq!((change.get(), change.to_string().as_str()), (cents, text));
            assert_eq!(change.payable().get(), payable);
        }
        assert_eq!(Balance::new(-5).to_string(), "-0.05");
        assert_eq!(Balance::new(i64::MAX).plus(Balance::new(1)).payable(), Cents::MAX);
        assert_eq!(Balance::new(i64::MIN).minus(Balance::new(1)).get(), i64::MIN);
    }
}
