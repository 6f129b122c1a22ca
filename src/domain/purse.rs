//! The purse of a card: sixteen slots, what was granted, what is consumed, what is left.

use std::fmt;

/// How many slots a card has.
pub const SLOTS: usize = 16;

/// One benefit's place on the card: 0 to 15. What it means is in the season's [`Catalogue`](super::catalogue::Catalogue).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(u8);

impl Slot {
    /// The slot, or `None` over 15.
    pub const fn new(slot: u8) -> Option<Self> {
        if (slot as usize) < SLOTS { Some(Self(slot)) } else { None }
    }

    /// 0 to 15.
    pub const fn get(self) -> u8 {
        self.0
    }

    /// All sixteen, in order.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..SLOTS as u8).map(Self)
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Which slots a terminal may debit: bit *i* for slot *i*, as its certificate has them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Slots(u16);

impl Slots {
    /// The slots whose bits are set.
    pub const fn new(bits: u16) -> Self {
        Self(bits)
    }

    /// The bits.
    pub const fn get(self) -> u16 {
        self.0
    }

    /// Whether `slot` is among them.
    pub const fn contains(self, slot: Slot) -> bool {
        self.0 >> slot.0 & 1 == 1
    }

    /// These and `slot`.
    #[must_use]
    pub const fn with(self, slot: Slot) -> Self {
        Self(self.0 | 1 << slot.0)
    }
}

/// One amount per slot, in the unit that the catalogue gives the slot: euro cents or seats.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amounts([u32; SLOTS]);

impl Amounts {
    /// Nothing in any slot.
    pub const ZERO: Self = Self([0; SLOTS]);

    /// Wraps one amount per slot.
    pub const fn new(amounts: [u32; SLOTS]) -> Self {
        Self(amounts)
    }

    /// All of them, slot 0 first.
    pub const fn as_array(&self) -> &[u32; SLOTS] {
        &self.0
    }

    /// The amount in `slot`.
    pub const fn get(&self, slot: Slot) -> u32 {
        self.0[slot.0 as usize]
    }

    /// The same with `amount` in `slot`.
    #[must_use]
    pub const fn with(mut self, slot: Slot, amount: u32) -> Self {
        self.0[slot.0 as usize] = amount;
        self
    }
}

/// What is left in a slot: `max(0, granted - opening - consumed)`, in signed 64 bits (card profile, *Entitlement*).
pub fn left(granted: u32, opening: u32, consumed: u32) -> u32 {
    let left = i64::from(granted) - i64::from(opening) - i64::from(consumed);
    // At most `granted`, which fits.
    u32::try_from(left.max(0)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_never_negative_and_never_wraps() {
        let table = [
            (5, 0, 0, 5),
            (5, 1, 4, 0),
            (5, 3, 4, 0),
            (0, u32::MAX, u32::MAX, 0),
            (u32::MAX, 0, 0, u32::MAX),
            (u32::MAX, u32::MAX, 1, 0),
        ];
        for (granted, opening, consumed, expected) in table {
            assert_eq!(left(granted, opening, consumed), expected);
        }
    }
}
