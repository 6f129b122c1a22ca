//! How a reader speaks to the card: T=1, or T=0 with its `61 xx`, GET RESPONSE and `6C xx` (ISO/IEC 7816-3, 12;
//! 7816-4); and the shortest way to it, without any reader.

use super::applet::Applet;
use super::card::{CardFailure, VirtualCard};
use crate::wire::apdu::{Answer, Protocol, StatusWord, Transport, TransportError};
use crate::wire::card::Instruction;

/// The answer to reset of a T=1 card: what a contactless reader shows for an ISO/IEC 14443-4 card (PC/SC part 3, 3.1.3.2.3.1).
///
/// `3B` direct convention; `84` TD1 follows, four historical bytes; `80` T=0, TD2 follows; `01` T=1, the last; the historical
/// bytes `PASS`; `14` check byte: all bytes from the second on, exclusive or, give 0.
pub const ATR_T1: [u8; 9] = [0x3B, 0x84, 0x80, 0x01, b'P', b'A', b'S', b'S', 0x14];

/// The answer to reset of a T=0 card.
///
/// `3B` direct convention; `04` no interface bytes, so T=0, and four historical bytes: `PASS`. Without another protocol than T=0
/// there is no check byte (ISO/IEC 7816-3, 8.2.5).
pub const ATR_T0: [u8; 6] = [0x3B, 0x04, b'P', b'A', b'S', b'S'];

/// A header and one byte more is a case 2 command: the byte is Le.
const CASE_2_BYTES: usize = 5;

/// A card, and the protocol that it speaks.
pub struct CardInReader {
    card: VirtualCard,
    protocol: Protocol,
    /// T=0: what GET RESPONSE will fetch.
    waiting: Vec<u8>,
    failure: Option<CardFailure>,
}

impl CardInReader {
    /// Puts `card` behind `protocol`.
    pub const fn new(card: VirtualCard, protocol: Protocol) -> Self {
        Self { card, protocol, waiting: Vec::new(), failure: None }
    }

    /// The card.
    pub const fn card(&self) -> &VirtualCard {
        &self.card
    }

    /// Why the card left the reader, when it did so because it could not answer.
    pub fn take_failure(&mut self) -> Option<CardFailure> {
        self.failure.take()
    }

    fn answer(&mut self, command: &[u8]) -> Result<Answer, CardFailure> {
        match self.protocol {
            Protocol::T1 => self.card.execute(command).map(|answer| fit(command, answer, Exactness::AtMost)),
            Protocol::T0 => self.answer_t0(command),
        }
    }

    fn answer_t0(&mut self, command: &[u8]) -> Result<Answer, CardFailure> {
        if let [0x00, 0xC0, p1, p2, rest @ ..] = command {
            return Ok(self.get_response((*p1, *p2), rest));
        }
        // Anything but GET RESPONSE gives up what was waiting.
        self.waiting.clear();
        let answer = self.card.execute(command)?;
        if answer.data.is_empty() {
            return Ok(answer);
        }
        if command.len() == CASE_2_BYTES {
            return Ok(fit(command, answer, Exactness::Exactly));
        }
        self.waiting = answer.data;
        Ok(status_alone(StatusWord::more_data(short_len(&self.waiting))))
    }

    fn get_response(&mut self, parameters: (u8, u8), rest: &[u8]) -> Answer {
        let [le] = rest else { return status_alone(StatusWord::WRONG_LENGTH) };
        if parameters != (0, 0) {
            return status_alone(StatusWord::WRONG_P1_P2);
        }
        if self.waiting.is_empty() {
            return status_alone(StatusWord::CONDITIONS_NOT_MET);
        }
        let asked = expected_len(*le);
        if asked > self.waiting.len() {
            return status_alone(StatusWord::wrong_le(short_len(&self.waiting)));
        }
        let rest = self.waiting.split_off(asked);
        let data = std::mem::replace(&mut self.waiting, rest);
        let status =
            if self.waiting.is_empty() { StatusWord::DONE } else { StatusWord::more_data(short_len(&self.waiting)) };
        Answer { data, status }
    }
}

impl Applet for CardInReader {
    fn atr(&self) -> Vec<u8> {
        match self.protocol {
            Protocol::T0 => ATR_T0.to_vec(),
            Protocol::T1 => ATR_T1.to_vec(),
        }
    }

    fn power_on(&mut self) {
        self.power_off();
    }

    fn power_off(&mut self) {
        self.card.reset();
        self.waiting.clear();
    }

    fn transmit(&mut self, command: &[u8]) -> Option<Vec<u8>> {
        match self.answer(command) {
            Ok(answer) => Some(answer.encode()),
            Err(failure) => {
                self.failure = Some(failure);
                None
            }
        }
    }
}

/// How a case 2 command's Le is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Exactness {
    /// T=0: so many bytes will be moved.
    Exactly,
    /// T=1: so many at most.
    AtMost,
}

/// Holds a READ's answer against its Le. GENERATE KEY has changed the card by now, and nobody should have to ask for that again:
/// its Le is not looked at. No other command is of case 2.
fn fit(command: &[u8], answer: Answer, exactness: Exactness) -> Answer {
    let [class, instruction, _, _, le] = *command else { return answer };
    let reads =
        matches!(Instruction::of_header([class, instruction]), Some(Instruction::ReadBinary | Instruction::ReadRecord));
    let asked = expected_len(le);
    let fits = match exactness {
        Exactness::Exactly => answer.data.len() == asked,
        Exactness::AtMost => answer.data.len() <= asked,
    };
    if !reads || answer.data.is_empty() || fits {
        answer
    } else {
        status_alone(StatusWord::wrong_le(short_len(&answer.data)))
    }
}

/// An Le of 0 stands for 256.
fn expected_len(le: u8) -> usize {
    if le == 0 { 256 } else { usize::from(le) }
}

/// No answer of the profile has more than 211 bytes.
fn short_len(data: &[u8]) -> u8 {
    u8::try_from(data.len()).unwrap_or(0)
}

const fn status_alone(status: StatusWord) -> Answer {
    Answer { data: Vec::new(), status }
}

/// A card at the end of a function call: what a terminal is tested with, without reader, driver or pcscd.
pub struct InProcess<A> {
    applet: A,
    protocol: Protocol,
    present: bool,
}

impl<A: Applet> InProcess<A> {
    /// Puts `applet`, which speaks `protocol`, into the reader and powers it.
    pub fn new(mut applet: A, protocol: Protocol) -> Self {
        applet.power_on();
        Self { applet, protocol, present: true }
    }

    /// What is, or was, in the reader.
    pub const fn applet(&self) -> &A {
        &self.applet
    }

    /// Pulls the card.
    pub fn remove(&mut self) {
        self.applet.power_off();
        self.present = false;
    }

    /// Puts it back.
    pub fn insert(&mut self) {
        self.applet.reset();
        self.present = true;
    }

    /// Takes the card out for another reader.
    pub fn into_applet(mut self) -> A {
        self.applet.power_off();
        self.applet
    }
}

impl InProcess<CardInReader> {
    /// A card in a reader of its own.
    pub fn of(card: VirtualCard, protocol: Protocol) -> Self {
        Self::new(CardInReader::new(card, protocol), protocol)
    }
}

impl<A: Applet> Transport for InProcess<A> {
    fn protocol(&self) -> Protocol {
        self.protocol
    }

    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, TransportError> {
        if !self.present {
            return Err(TransportError::CardGone);
        }
        self.applet.transmit(command).ok_or_else(|| {
            self.remove();
            TransportError::CardGone
        })
    }
}
