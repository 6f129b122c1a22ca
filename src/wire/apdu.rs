//! Commands and answers of ISO/IEC 7816-4, short form, and the one thing a card conversation needs from below: a
//! [`Transport`] that carries them.

use std::fmt;

/// The two bytes that end every answer (ISO/IEC 7816-4, 5.6). They are not signed: nothing that matters is concluded from them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct StatusWord(pub u16);

impl StatusWord {
    /// `90 00`: done.
    pub const DONE: Self = Self(0x9000);
    /// `6E 00`: class unknown.
    pub const CLASS_UNKNOWN: Self = Self(0x6E00);
    /// `6D 00`: instruction unknown, or anything but SELECT before a SELECT.
    pub const INSTRUCTION_UNKNOWN: Self = Self(0x6D00);
    /// `67 00`: wrong length.
    pub const WRONG_LENGTH: Self = Self(0x6700);
    /// `6A 86`: wrong P1 or P2.
    pub const WRONG_P1_P2: Self = Self(0x6A86);
    /// `6A 82`: another application or file, or one that the card does not have yet.
    pub const NOT_FOUND: Self = Self(0x6A82);
    /// `6A 80`: data that can never be right: amount 0, another version, another card's number.
    pub const WRONG_DATA: Self = Self(0x6A80);
    /// `69 83`: the card is blocked.
    pub const BLOCKED: Self = Self(0x6983);
    /// `69 87`: signed by another region key than the card's.
    pub const OTHER_REGION_KEY: Self = Self(0x6987);
    /// `69 82`: no challenge, no session, a signature that does not verify, or a certificate out of its time.
    pub const NOT_AUTHENTICATED: Self = Self(0x6982);
    /// `6A 83`: no such record.
    pub const NO_SUCH_RECORD: Self = Self(0x6A83);
    /// `69 84`: another season than the card's, no entitlement, or a serial that is not newer.
    pub const OUT_OF_SEASON: Self = Self(0x6984);
    /// `69 86`: not for this terminal: its certificate's season or slots, or another terminal's debit.
    pub const NOT_THIS_TERMINAL: Self = Self(0x6986);
    /// `69 85`: more than what is left, reversed already, or a repeat that differs.
    pub const CONDITIONS_NOT_MET: Self = Self(0x6985);

    /// `61 xx`: `length` bytes wait for GET RESPONSE (ISO/IEC 7816-3, 12.2).
    pub const fn more_data(length: u8) -> Self {
        Self(0x6100 | length as u16)
    }

    /// `6C xx`: the command again with Le = `length`, please.
    pub const fn wrong_le(length: u8) -> Self {
        Self(0x6C00 | length as u16)
    }

    /// The two bytes, as they stand on the wire.
    pub const fn bytes(self) -> [u8; 2] {
        self.0.to_be_bytes()
    }

    /// `61 xx`: how many bytes GET RESPONSE will give (0 means 256 or more).
    pub const fn bytes_available(self) -> Option<u8> {
        if self.0 >> 8 == 0x61 { Some(self.0 as u8) } else { None }
    }

    /// `6C xx`: the Le that the card wants instead.
    pub const fn exact_length(self) -> Option<u8> {
        if self.0 >> 8 == 0x6C { Some(self.0 as u8) } else { None }
    }
}

impl fmt::Display for StatusWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02X} {:02X}", self.0 >> 8, self.0 & 0xFF)
    }
}

impl fmt::Debug for StatusWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SW({self})")
    }
}

/// What a card answered: data and status word.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// Everything before the status word.
    pub data: Vec<u8>,
    /// The last two bytes.
    pub status: StatusWord,
}

impl Answer {
    /// Splits the bytes of an answer; `None` when there are fewer than two.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let (data, status) = bytes.split_last_chunk::<2>()?;
        Some(Self { data: data.to_vec(), status: StatusWord(u16::from_be_bytes(*status)) })
    }

    /// The bytes of an answer: data, then status word.
    pub fn encode(&self) -> Vec<u8> {
        [self.data.as_slice(), &self.status.bytes()].concat()
    }
}

/// Which transmission protocol the reader and the card agreed on (ISO/IEC 7816-3). Contactless readers say T=1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Protocol {
    /// T=0: a case 4 command goes without Le, and the answer is fetched with GET RESPONSE.
    T0,
    /// T=1: a case 4 command goes whole.
    T1,
}

/// Why an APDU did not come back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TransportError {
    /// The card left the reader, or was reset under us.
    CardGone,
    /// The reader, the driver or pcscd did not carry the command; the card may still be there.
    Reader,
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CardGone => "the card left the reader",
            Self::Reader => "the reader did not carry the command",
        })
    }
}

impl std::error::Error for TransportError {}

/// A card that can be spoken to: one in a reader, or a virtual one in the same process.
pub trait Transport {
    /// The protocol that was agreed on.
    fn protocol(&self) -> Protocol;

    /// Sends one command APDU and returns the whole answer, status word included.
    ///
    /// # Errors
    /// [`TransportError`] when no answer came. The card may have executed the command all the same.
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, TransportError>;
}
