//! One command and its whole answer, on T=1 and on T=0 (ISO/IEC 7816-3 and 7816-4).

use crate::wire::apdu::{Answer, Protocol, StatusWord, Transport, TransportError};
use crate::wire::card::{Case4, Command};

/// Why a command has no answer to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExchangeError {
    /// No answer came. The card may have executed the command.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// Fewer than two bytes, or an answer in pieces that does not end.
    #[error("the card's answer is no answer of ISO/IEC 7816-4")]
    Malformed,
}

/// How this reader wants a command that carries data both ways, found out on SELECT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Le(Case4);

impl Le {
    /// T=1 sends the command whole, T=0 without Le.
    pub const fn of(protocol: Protocol) -> Self {
        match protocol {
            Protocol::T0 => Self(Case4::WithoutLe),
            Protocol::T1 => Self(Case4::WithLe),
        }
    }

    /// The other way, for a reader that does not do what its protocol says.
    #[must_use]
    pub const fn other(self) -> Self {
        match self.0 {
            Case4::WithLe => Self(Case4::WithoutLe),
            Case4::WithoutLe => Self(Case4::WithLe),
        }
    }
}

/// `00 C0 00 00 xx`.
const fn get_response(length: u8) -> [u8; 5] {
    [0x00, 0xC0, 0x00, 0x00, length]
}

/// The longest answer that is put together from pieces: no object of the profile is half as long.
const ANSWER_BYTES_MAX: usize = 512;
/// In so many pieces an answer may come: a reader that splits at 32 bytes needs half as many.
const PIECES_MAX: usize = 16;

/// Sends `command` and collects its answer. `61 xx` is followed with GET RESPONSE; `6C xx` is followed for READ commands only, because it
/// sends the command a second time.
///
/// # Errors
/// [`ExchangeError`].
pub fn exchange(transport: &mut dyn Transport, command: &Command, le: Le) -> Result<Answer, ExchangeError> {
    let mut apdu = command.encode(le.0);
    let mut answer = send(transport, &apdu)?;
    if let (Some(length), true) = (answer.status.exact_length(), is_read(command)) {
        if let Some(last) = apdu.last_mut() {
            *last = length;
        }
        answer = send(transport, &apdu)?;
    }
    let mut data = std::mem::take(&mut answer.data);
    let mut pieces = 0;
    while let Some(length) = answer.status.bytes_available() {
        pieces += 1;
        if pieces > PIECES_MAX {
            return Err(ExchangeError::Malformed);
        }
        answer = send(transport, &get_response(length))?;
        if let Some(exact) = answer.status.exact_length() {
            answer = send(transport, &get_response(exact))?;
        }
        if answer.data.is_empty() && answer.status.bytes_available().is_some() {
            return Err(ExchangeError::Malformed);
        }
        data.append(&mut answer.data);
        if data.len() > ANSWER_BYTES_MAX {
            return Err(ExchangeError::Malformed);
        }
    }
    Ok(Answer { data, status: answer.status })
}

fn send(transport: &mut dyn Transport, apdu: &[u8]) -> Result<Answer, ExchangeError> {
    Answer::parse(&transport.transmit(apdu)?).ok_or(ExchangeError::Malformed)
}

const fn is_read(command: &Command) -> bool {
    match command {
        Command::ReadCertificate | Command::ReadEntitlement | Command::ReadKey | Command::ReadRecord(_) => true,
        Command::Select
        | Command::Open(_)
        | Command::Debit { .. }
        | Command::Reverse { .. }
        | Command::Block(_)
        | Command::PutEntitlement(_)
        | Command::PutKey(_)
        | Command::GenerateKey
        | Command::StoreKey { .. }
        | Command::StoreCertificate(_) => false,
    }
}

/// SELECT, trying the other form of the command when the first is refused for its length: this is where the terminal finds out what the
/// reader wants, never on a command that changes the purse.
pub(super) fn select(transport: &mut dyn Transport) -> Result<(Answer, Le), ExchangeError> {
    let le = Le::of(transport.protocol());
    let answer = exchange(transport, &Command::Select, le)?;
    let of_length = answer.status == StatusWord::WRONG_LENGTH || answer.status.exact_length().is_some();
    let no_data = answer.status == StatusWord::DONE && answer.data.is_empty();
    if !of_length && !no_data {
        return Ok((answer, le));
    }
    Ok((exchange(transport, &Command::Select, le.other())?, le.other()))
}
