//! The one-time code of an enrolment, as it is read over a telephone: `0000R-47J3N-...`, Crockford's base 32 in groups of five, a
//! check character last.
//!
//! The code is the terminal id and 17 random bytes (136 bits). It never travels: both ends derive a key from it, and the id says which code is meant. Letters
//! that look like digits are read as these (`O` as 0, `I` and `L` as 1), and the check character (Luhn's algorithm over 32 symbols) catches
//! every single wrong character.

use std::fmt;

use crate::domain::TerminalId;

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Terminal id and secret.
const BYTES: usize = 4 + EnrolmentCode::SECRET_BYTES;
/// 21 bytes are 168 bits: 33 characters of five bits and one of three.
const CHARACTERS: usize = 34;
const GROUP: usize = 5;

/// A one-time code.
#[derive(Clone, PartialEq, Eq)]
pub struct EnrolmentCode {
    /// The terminal that it enrols.
    pub terminal: TerminalId,
    /// What nobody can guess.
    pub secret: [u8; Self::SECRET_BYTES],
}

/// Why a text is not a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotACode {
    /// Not 35 letters and digits.
    Length,
    /// A character that no code has.
    Character(char),
    /// The check character does not fit.
    Check,
}

impl fmt::Display for NotACode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length => f.write_str("an enrolment code has seven groups of five letters and digits"),
            Self::Character(c) => {
                write!(f, "« {c} » does not occur in an enrolment code: compare it with what you were given")
            }
            Self::Check => f.write_str("the enrolment code has a wrong character: compare it with what you were given"),
        }
    }
}

impl std::error::Error for NotACode {}

impl EnrolmentCode {
    /// How many bytes of the code are random.
    pub const SECRET_BYTES: usize = 17;

    /// Reads a code in any case, with or without dashes and spaces.
    ///
    /// # Errors
    /// [`NotACode`].
    pub fn parse(text: &str) -> Result<Self, NotACode> {
        let mut symbols = Vec::with_capacity(CHARACTERS + 1);
        for character in text.chars().filter(|c| *c != '-' && !c.is_whitespace()) {
            symbols.push(symbol(character).ok_or(NotACode::Character(character))?);
        }
        let [body @ .., check] = symbols.as_slice() else { return Err(NotACode::Length) };
        if body.len() != CHARACTERS {
            return Err(NotACode::Length);
        }
        if *check != check_symbol(body) {
            return Err(NotACode::Check);
        }
        let mut bytes = [0_u8; BYTES];
        for (index, symbol) in body.iter().enumerate() {
            for bit in 0..5 {
                let place = index * 5 + bit;
                let set = symbol >> (4 - bit) & 1;
                match bytes.get_mut(place / 8) {
                    Some(byte) => *byte |= set << (7 - place % 8),
                    None if set == 0 => (),
                    None => return Err(NotACode::Check),
                }
            }
        }
        let [a, b, c, d, secret @ ..] = bytes;
        Ok(Self { terminal: TerminalId::new(u32::from_be_bytes([a, b, c, d])), secret })
    }
}

/// The code in full. It is a secret: it is printed once, for the person who asked for it, and never logged.
impl fmt::Display for EnrolmentCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [self.terminal.get().to_be_bytes().as_slice(), &self.secret].concat();
        let bit = |place: usize| bytes.get(place / 8).map_or(0, |byte| byte >> (7 - place % 8) & 1);
        let mut symbols: Vec<u8> =
            (0..CHARACTERS).map(|index| (0..5).fold(0, |symbol, i| symbol << 1 | bit(index * 5 + i))).collect();
        symbols.push(check_symbol(&symbols));
        for (index, symbol) in symbols.iter().enumerate() {
            if index > 0 && index % GROUP == 0 {
                f.write_str("-")?;
            }
            write!(f, "{}", char::from(ALPHABET[usize::from(*symbol)]))?;
        }
        Ok(())
    }
}

impl fmt::Debug for EnrolmentCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EnrolmentCode(terminal {}, secret)", self.terminal)
    }
}

fn symbol(character: char) -> Option<u8> {
    let plain = match character.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    };
    let place = ALPHABET.iter().position(|c| char::from(*c) == plain)?;
    u8::try_from(place).ok()
}

/// Luhn's algorithm over 32 symbols: every other symbol, from the last, is doubled and its two base-32 digits are added.
fn check_symbol(symbols: &[u8]) -> u8 {
    let mut sum = 0_u32;
    for (index, symbol) in symbols.iter().rev().enumerate() {
        let value = u32::from(*symbol) * if index % 2 == 0 { 2 } else { 1 };
        sum += value / 32 + value % 32;
    }
    // Less than 32.
    ((32 - sum % 32) % 32) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code() -> EnrolmentCode {
        EnrolmentCode { terminal: TerminalId::new(417), secret: *b"17 random bytes!!" }
    }

    #[test]
    fn a_code_reads_back_as_people_type_it() {
        let text = code().to_string();
        assert_eq!(text.len(), 35 + 6);
        assert_eq!(EnrolmentCode::parse(&text), Ok(code()));
        let sloppy = text.to_lowercase().replace('-', " ").replace('0', "o").replace('1', "l");
        assert_eq!(EnrolmentCode::parse(&sloppy), Ok(code()));
    }

    #[test]
    fn every_single_wrong_character_is_caught() {
        let text: Vec<u8> = code().to_string().replace('-', "").into_bytes();
        for place in 0..text.len() {
            for other in ALPHABET {
                let mut wrong = text.clone();
                wrong[place] = *other;
                if wrong != text {
                    let wrong = String::from_utf8(wrong).unwrap();
                    assert_eq!(EnrolmentCode::parse(&wrong), Err(NotACode::Check), "{wrong}");
                }
            }
        }
    }

    #[test]
    fn what_is_no_code_is_said() {
        assert_eq!(EnrolmentCode::parse(""), Err(NotACode::Length));
        assert_eq!(EnrolmentCode::parse("ABCDE"), Err(NotACode::Length));
        assert_eq!(EnrolmentCode::parse("ABCDU"), Err(NotACode::Character('U')));
    }

    #[test]
    fn a_code_is_not_logged_by_accident() {
        assert_eq!(format!("{:?}", code()), "EnrolmentCode(terminal 417, secret)");
    }
}
