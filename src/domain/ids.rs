//! The names of things: cards, terminals, partners, keys, entries, transactions. None is a bare integer outside this
//! file, so a terminal can never be passed where a partner is meant.

use std::fmt;

macro_rules! integer_id {
    ($(#[$doc:meta])* $name:ident($int:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name($int);

        impl $name {
            /// Wraps the number.
            pub const fn new(value: $int) -> Self {
                Self(value)
            }

            /// The number.
            pub const fn get(self) -> $int {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

macro_rules! bytes_id {
    ($(#[$doc:meta])* $name:ident($len:literal)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; $len]);

        impl $name {
            /// Wraps the bytes.
            pub const fn new(bytes: [u8; $len]) -> Self {
                Self(bytes)
            }

            /// The bytes.
            pub const fn as_bytes(&self) -> &[u8; $len] {
                &self.0
            }

            /// Reads what [`Display`](fmt::Display) writes: two hexadecimal digits a byte.
            pub fn parse(text: &str) -> Option<Self> {
                if text.len() != 2 * $len || !text.is_ascii() {
                    return None;
                }
                let mut bytes = [0; $len];
                for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
                    let pair = std::str::from_utf8(pair).ok()?;
                    if pair.starts_with('+') {
                        return None;
                    }
                    *byte = u8::from_str_radix(pair, 16).ok()?;
                }
                Some(Self(bytes))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }
    };
}

integer_id! {
    /// A terminal of the network. A terminal that is enrolled again after a lost disk is another terminal.
    TerminalId(u32)
}
integer_id! {
    /// A partner of the network: whom the region pays.
    PartnerId(u32)
}
integer_id! {
    /// Which region key signed something. Serials grow; each key is certified by the root.
    KeySerial(u32)
}
integer_id! {
    /// Which entitlement of a card this is. Grows at each new entitlement of the card, across seasons.
    EntitlementSerial(u32)
}
integer_id! {
    /// 1 for the first card of a holder, one more at each replacement.
    IssueNumber(u8)
}
integer_id! {
    /// The card's counter of changes (ATC): grows by exactly one at each record and is never reset. The first record is 1.
    Counter(u32)
}
integer_id! {
    /// An entry's place in its terminal's chain, from 1, without gaps.
    Sequence(u64)
}

integer_id! {
    /// A cashier of one terminal, from 1. Never given to another person, so that an entry of long ago still says whose it is.
    CashierId(u16)
}

impl Counter {
    /// The counter of the next record, or `None` at the end of the card's life.
    pub const fn next(self) -> Option<Self> {
        match self.0.checked_add(1) {
            Some(next) => Some(Self(next)),
            None => None,
        }
    }
}

impl Sequence {
    /// The first entry of a chain.
    pub const FIRST: Self = Self(1);

    /// The entry after this one. A chain that adds a thousand entries a second needs 580 million years to overflow.
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

bytes_id! {
    /// The holder as cards and terminals know it: 16 random bytes without meaning outside the region.
    HolderReference(16)
}
bytes_id! {
    /// A change of a card's purse, named by the terminal before it asks for it.
    TransactionId(16)
}
bytes_id! {
    /// One payment asked of the bank terminal, named by this terminal before it asks. It is what the bank terminal is told (CF, 32 characters).
    PaymentId(16)
}
bytes_id! {
    /// A request of a client (a till, a script, the cashier's page), named by the client: a repeat of it is the same request.
    RequestId(16)
}
bytes_id! {
    /// SHA-256 of the whole COSE bytes of an entry, or of the chain's beginning.
    EntryHash(32)
}

/// The 16 decimal digits on the card, the last a Luhn check digit (ISO/IEC 7812-1, annex B).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CardNumber(u64);

/// Why a number is not a card's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotACardNumber {
    /// Not 16 decimal digits.
    Digits,
    /// The last digit does not fit the others: a digit is wrong, or two are exchanged.
    CheckDigit,
}

impl fmt::Display for NotACardNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Digits => "a card number has 16 digits, as printed on the card",
            Self::CheckDigit => "the card number's check digit is wrong: compare each digit with the card",
        })
    }
}

impl std::error::Error for NotACardNumber {}

impl CardNumber {
    const MAX: u64 = 9_999_999_999_999_999;
    /// The least number of 16 digits.
    const MIN: u64 = 1_000_000_000_000_000;

    /// Checks digits and Luhn digit.
    ///
    /// # Errors
    /// [`NotACardNumber`] when it does not have 16 digits or its check digit is wrong.
    pub const fn new(number: u64) -> Result<Self, NotACardNumber> {
        if number < Self::MIN || number > Self::MAX {
            return Err(NotACardNumber::Digits);
        }
        if luhn_sum(number).is_multiple_of(10) { Ok(Self(number)) } else { Err(NotACardNumber::CheckDigit) }
    }

    /// The card number whose first 15 digits are `account`, with its check digit; `None` when `account` does not have 15 digits.
    pub const fn from_account(account: u64) -> Option<Self> {
        let Some(shifted) = account.checked_mul(10) else { return None };
        if shifted < Self::MIN || shifted > Self::MAX {
            return None;
        }
        Some(Self(shifted + (10 - luhn_sum(shifted) % 10) % 10))
    }

    /// Reads 16 digits, with or without the spaces between the groups.
    ///
    /// # Errors
    /// [`NotACardNumber`], as [`CardNumber::new`].
    pub fn parse(text: &str) -> Result<Self, NotACardNumber> {
        let digits: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        if digits.len() != 16 || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(NotACardNumber::Digits);
        }
        Self::new(digits.parse().map_err(|_| NotACardNumber::Digits)?)
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// All 16 digits, for the region's desk and for files; screens and tickets show [`CardNumber::masked`].
    pub fn digits(self) -> String {
        format!("{:016}", self.0)
    }

    /// `9250 .... .... 0001`: what screens, tickets and logs may show.
    pub fn masked(self) -> String {
        format!("{:04} .... .... {:04}", self.0 / 1_000_000_000_000, self.0 % 10_000)
    }
}

/// Masked, so that a number printed without thought gives nothing away.
impl fmt::Display for CardNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

impl fmt::Debug for CardNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CardNumber({})", self.masked())
    }
}

const fn luhn_sum(mut number: u64) -> u64 {
    let mut sum = 0;
    let mut doubled = false;
    while number > 0 {
        let digit = number % 10;
        sum += if !doubled {
            digit
        } else if digit < 5 {
            digit * 2
        } else {
            digit * 2 - 9
        };
        doubled = !doubled;
        number /= 10;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_number_needs_its_check_digit() {
        // The example of ISO/IEC 7812-1 padded to 16 digits, and the numbers of payment test cards.
        for good in ["4992739871600006", "4111 1111 1111 1111", "5500005555555559"] {
            let digits: String = good.chars().filter(|c| *c != ' ').collect();
            let account: u64 = digits[..15].parse().unwrap();
            let number = CardNumber::from_account(account).unwrap();
            assert_eq!(CardNumber::parse(&number.digits()), Ok(number));
        }
        assert_eq!(CardNumber::parse("4111 1111 1111 1111").map(CardNumber::get), Ok(4_111_111_111_111_111));
        assert_eq!(CardNumber::parse("4111111111111112"), Err(NotACardNumber::CheckDigit));
        assert_eq!(CardNumber::parse("411111111111111"), Err(NotACardNumber::Digits));
        assert_eq!(CardNumber::parse("0000000000000000"), Err(NotACardNumber::Digits));
    }

    #[test]
    fn every_single_wrong_digit_is_caught() {
        let number = CardNumber::from_account(925_000_000_000_123).unwrap();
        let digits = number.digits();
        for place in 0..16 {
            for digit in b'0'..=b'9' {
                let mut wrong = digits.clone().into_bytes();
                if wrong[place] == digit || (place == 0 && digit == b'0') {
                    continue;
                }
                wrong[place] = digit;
                assert!(CardNumber::parse(std::str::from_utf8(&wrong).unwrap()).is_err());
            }
        }
    }

    #[test]
    fn nothing_prints_a_whole_number() {
        let number = CardNumber::from_account(925_000_000_000_123).unwrap();
        assert_eq!(format!("{number}"), "9250 .... .... 1239".replace("1239", &number.digits()[12..]));
        assert!(!format!("{number:?}").contains(&number.digits()));
    }

    #[test]
    fn bytes_read_back_what_they_print() {
        let id = TransactionId::new(*b"0123456789abcdef");
        assert_eq!(TransactionId::parse(&id.to_string()), Some(id));
        assert_eq!(TransactionId::parse("+0112233445566778899aabbccddeeff"), None);
        assert_eq!(TransactionId::parse("00"), None);
    }
}
