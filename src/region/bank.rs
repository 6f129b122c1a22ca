//! Bank accounts: the IBAN with its check digits (ISO 13616), the BIC (ISO 9362), the holder's name. Numbers of accounts are shown in files for
//! the bank and the accountant, and masked everywhere else: [`Debug`](fmt::Debug) masks them too, so they cannot get into a log by accident.

use std::fmt;

/// The countries that a SEPA credit transfer reaches, with the length of their IBAN (EPC 409-09, SWIFT IBAN registry).
const SEPA: &[(&str, usize)] = &[
    ("AD", 24),
    ("AL", 28),
    ("AT", 20),
    ("BE", 16),
    ("BG", 22),
    ("CH", 21),
    ("CY", 28),
    ("CZ", 24),
    ("DE", 22),
    ("DK", 18),
    ("EE", 20),
    ("ES", 24),
    ("FI", 18),
    ("FR", 27),
    ("GB", 22),
    ("GI", 23),
    ("GR", 27),
    ("HR", 21),
    ("HU", 28),
    ("IE", 22),
    ("IS", 26),
    ("IT", 27),
    ("LI", 21),
    ("LT", 20),
    ("LU", 20),
    ("LV", 21),
    ("MC", 27),
    ("MD", 24),
    ("ME", 22),
    ("MK", 19),
    ("MT", 31),
    ("NL", 18),
    ("NO", 15),
    ("PL", 28),
    ("PT", 25),
    ("RO", 24),
    ("RS", 22),
    ("SE", 24),
    ("SI", 19),
    ("SK", 24),
    ("SM", 27),
    ("VA", 22),
];

/// The longest name of an account's holder in a SEPA credit transfer (EPC 132-08).
pub const HOLDER_CHARS_MAX: usize = 70;

/// An account in a SEPA country.
#[derive(Clone, PartialEq, Eq)]
pub struct Iban(String);

/// Why a text is no IBAN. It does not repeat the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAnIban {
    /// Not the letters and digits that one has, or too many, or too few for its country.
    Form,
    /// A country that a SEPA credit transfer does not reach.
    Country,
    /// The check digits say that something is mistyped.
    CheckDigits,
}

impl Iban {
    /// Reads an IBAN, with or without spaces, in either case.
    ///
    /// # Errors
    /// [`NotAnIban`].
    pub fn parse(text: &str) -> Result<Self, NotAnIban> {
        let plain: String = text.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_ascii_uppercase()).collect();
        let letters = plain.bytes().take(2).all(|b| b.is_ascii_uppercase());
        let digits = plain.bytes().skip(2).take(2).all(|b| b.is_ascii_digit());
        if plain.len() < 15 || !letters || !digits || !plain.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err(NotAnIban::Form);
        }
        let country = SEPA.iter().find(|(country, _)| plain.starts_with(country)).ok_or(NotAnIban::Country)?;
        if plain.len() != country.1 {
            return Err(NotAnIban::Form);
        }
        if remainder(&plain) == 1 { Ok(Self(plain)) } else { Err(NotAnIban::CheckDigits) }
    }

    /// The IBAN without spaces.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `FR76 **** 0189`: enough to tell two accounts apart.
    pub fn masked(&self) -> String {
        let (first, last) = (self.0.get(..4).unwrap_or_default(), self.0.get(self.0.len() - 4..).unwrap_or_default());
        format!("{first} **** {last}")
    }
}

/// The number that an IBAN stands for, its first four characters at its end and A to Z as 10 to 35, modulo 97 (ISO 7064).
fn remainder(iban: &str) -> u32 {
    let turned = iban.bytes().skip(4).chain(iban.bytes().take(4));
    turned.fold(0, |remainder, byte| match byte {
        b'0'..=b'9' => (remainder * 10 + u32::from(byte - b'0')) % 97,
        _ => (remainder * 100 + u32::from(byte.saturating_sub(b'A')) + 10) % 97,
    })
}

impl fmt::Debug for Iban {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Iban({})", self.masked())
    }
}

/// A bank (ISO 9362): 8 or 11 letters and digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bic(String);

impl Bic {
    /// Reads a BIC; `None` when it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let plain = text.trim().to_ascii_uppercase();
        let good = matches!(plain.len(), 8 | 11)
            && plain.bytes().all(|b| b.is_ascii_alphanumeric())
            && plain.bytes().skip(4).take(2).all(|b| b.is_ascii_uppercase());
        good.then_some(Self(plain))
    }

    /// The BIC.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An account that money is paid to, or from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// In whose name it is: 1 to [`HOLDER_CHARS_MAX`] characters.
    pub holder: String,
    /// Its number.
    pub iban: Iban,
    /// Its bank; SEPA does without.
    pub bic: Option<Bic>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_iban_is_held_to_its_check_digits_length_and_country() {
        let table = [
            ("FR14 2004 1010 0505 0001 3M02 606", Ok("FR1420041010050500013M02606")),
            ("fr7630006000011234567890189", Ok("FR7630006000011234567890189")),
            ("DE89 3704 0044 0532 0130 00", Ok("DE89370400440532013000")),
            ("BE68 5390 0754 7034", Ok("BE68539007547034")),
            ("FR7630006000011234567890188", Err(NotAnIban::CheckDigits)),
            ("FR6730006000011234567890189", Err(NotAnIban::CheckDigits)),
            ("FR763000600001123456789018", Err(NotAnIban::Form)),
            ("FR76-3000600001123456789018", Err(NotAnIban::Form)),
            ("BR1800360305000010009795493C1", Err(NotAnIban::Country)),
            ("7630006000011234567890189", Err(NotAnIban::Form)),
            ("", Err(NotAnIban::Form)),
            ("FRÉ630006000011234567890189", Err(NotAnIban::Form)),
        ];
        for (text, expected) in table {
            assert_eq!(Iban::parse(text).as_ref().map(Iban::as_str).map_err(|error| *error), expected, "{text}");
        }
    }

    #[test]
    fn any_two_neighbours_exchanged_are_noticed() {
        let good = "FR7630006000011234567890189";
        for at in 4..good.len() - 1 {
            let mut bytes = good.as_bytes().to_vec();
            bytes.swap(at, at + 1);
            let text = String::from_utf8(bytes).unwrap();
            assert_eq!(Iban::parse(&text).is_ok(), text == good, "{text}");
        }
    }

    #[test]
    fn an_account_is_never_shown_whole_by_accident() {
        let iban = Iban::parse("FR7630006000011234567890189").unwrap();
        assert_eq!(format!("{iban:?}"), "Iban(FR76 **** 0189)");
    }

    #[test]
    fn a_bic_has_eight_or_eleven() {
        let table = [("BDFEFRPP", true), ("bdfefrppcct", true), ("BDFEFRPPX", false), ("BDFE12PP", false), ("", false)];
        for (text, good) in table {
            assert_eq!(Bic::parse(text).is_some(), good, "{text}");
        }
    }
}
