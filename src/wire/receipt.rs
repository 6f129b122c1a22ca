//! A signed entry as a code that fits into a QR symbol: `PASS1:` and base 32 (RFC 4648, without padding) over the version 1, the entry's
//! signature and its payload. The headers of the envelope follow from the payload, so the entry comes back whole, byte for byte. The
//! letters are those of the symbol's alphanumeric mode (ISO/IEC 18004).

use super::cose::{Algorithm, Brought, Content, Sign1};
use super::entry::{ENTRY_BYTES_MAX, decode_link};

const PREFIX: &str = "PASS1:";
const VERSION: u8 = 1;
const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// Why a text is no such code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAReceipt {
    /// It does not begin as one does.
    #[error("a receipt's code begins with PASS1:")]
    Prefix,
    /// A character that no code has, or too many or too few.
    #[error("the code is cut off or has a wrong character")]
    Characters,
    /// Of a version of later days.
    #[error("the code is of a later version")]
    Version,
    /// What it holds is no entry.
    #[error("the code holds no entry of a terminal")]
    Entry,
}

/// The code of the signed entry in `cose`; `None` for what is none.
pub fn encode(cose: &[u8]) -> Option<String> {
    let message = Sign1::decode(cose, Algorithm::EdDsa, Content::Entry).ok()?;
    let bytes = [&[VERSION], message.signature.as_slice(), &message.payload].concat();
    let mut code = String::from(PREFIX);
    let (mut bits, mut count) = (0_u32, 0);
    for byte in bytes {
        bits = bits << 8 | u32::from(byte);
        count += 8;
        while count >= 5 {
            count -= 5;
            code.push(char::from(ALPHABET[(bits >> count & 31) as usize]));
        }
    }
    if count > 0 {
        code.push(char::from(ALPHABET[(bits << (5 - count) & 31) as usize]));
    }
    Some(code)
}

/// The signed entry in `code`. White space and the case of letters do not matter; whose the signature is, is not known yet.
///
/// # Errors
/// [`NotAReceipt`].
pub fn decode(code: &str) -> Result<Sign1, NotAReceipt> {
    let plain: String = code.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_ascii_uppercase();
    let symbols = plain.strip_prefix(PREFIX).ok_or(NotAReceipt::Prefix)?;
    if symbols.len() > 2 * ENTRY_BYTES_MAX {
        return Err(NotAReceipt::Characters);
    }
    let (mut bits, mut count, mut bytes) = (0_u32, 0, Vec::new());
    for symbol in symbols.bytes() {
        let value = ALPHABET.iter().position(|known| *known == symbol).ok_or(NotAReceipt::Characters)?;
        bits = bits << 5 | u32::try_from(value).unwrap_or(0);
        count += 5;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count & 255) as u8);
        }
    }
    // One code for one entry: what is left over is nothing.
    if count >= 5 || bits & ((1 << count) - 1) != 0 {
        return Err(NotAReceipt::Characters);
    }
    let (version, rest) = bytes.split_first().ok_or(NotAReceipt::Characters)?;
    if *version != VERSION {
        return Err(NotAReceipt::Version);
    }
    let (signature, payload) = rest.split_first_chunk::<64>().ok_or(NotAReceipt::Characters)?;
    let link = decode_link(payload).map_err(|_| NotAReceipt::Entry)?;
    Ok(Sign1 {
        key: link.terminal.get(),
        brought: Brought::Nothing,
        payload: payload.to_vec(),
        signature: *signature,
        algorithm: Algorithm::EdDsa,
        content: Content::Entry,
    })
}
