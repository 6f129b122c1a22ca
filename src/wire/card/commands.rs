//! The commands, typed: the terminal encodes them, the card recognises and parses them.
//!
//! [`Instruction::recognise`] and [`Command::parse`] give the status words that need no memory, in the order of the profile:
//! class, instruction, length, P1 and P2, another application or file, data that can never be right. They are two steps because a
//! card spends its challenge on a DEBIT that it recognises, whatever is wrong with the rest.

use std::fmt;

use super::{CardBytesError, Reader};
use crate::domain::card::{
    CardCertificate, Challenge, DebitOrder, Entitlement, KeyCertificate, PublicKey, ReversalOrder, Signature,
    TerminalCertificate,
};
use crate::domain::ids::{Counter, TransactionId};
use crate::domain::purse::Slot;
use crate::wire::apdu::StatusWord;

/// The application's name: `F0`, a proprietary name without registration (ISO/IEC 7816-5), `PASSREG`, version 1.
pub const AID: [u8; 9] = [0xF0, b'P', b'A', b'S', b'S', b'R', b'E', b'G', 0x01];

/// The least and the most bytes that an application's name can have in a SELECT.
const AID_BYTES: std::ops::RangeInclusive<usize> = 1..=16;

/// What a card can be asked, class and instruction byte together.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Instruction {
    /// `00 A4`.
    Select,
    /// `00 B0`: READ CERTIFICATE, READ ENTITLEMENT, READ KEY.
    ReadBinary,
    /// `00 B2`.
    ReadRecord,
    /// `80 50`.
    Open,
    /// `80 54`.
    Debit,
    /// `80 56`.
    Reverse,
    /// `80 58`.
    Block,
    /// `80 5A`.
    PutEntitlement,
    /// `80 5C`.
    PutKey,
    /// `80 E0`, on a blank card.
    GenerateKey,
    /// `80 E2`, on a blank card.
    Store,
}

/// How far a card is, which decides what instructions it knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// Nothing was selected since the reset: SELECT alone.
    Unselected,
    /// Selected, profile version 0: SELECT, GENERATE KEY, STORE.
    Blank,
    /// Selected, profile version 1: everything but GENERATE KEY and STORE.
    Issued,
}

impl Instruction {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Select,
        Self::ReadBinary,
        Self::ReadRecord,
        Self::Open,
        Self::Debit,
        Self::Reverse,
        Self::Block,
        Self::PutEntitlement,
        Self::PutKey,
        Self::GenerateKey,
        Self::Store,
    ];

    /// Class and instruction byte.
    pub const fn bytes(self) -> [u8; 2] {
        match self {
            Self::Select => [0x00, 0xA4],
            Self::ReadBinary => [0x00, 0xB0],
            Self::ReadRecord => [0x00, 0xB2],
            Self::Open => [0x80, 0x50],
            Self::Debit => [0x80, 0x54],
            Self::Reverse => [0x80, 0x56],
            Self::Block => [0x80, 0x58],
            Self::PutEntitlement => [0x80, 0x5A],
            Self::PutKey => [0x80, 0x5C],
            Self::GenerateKey => [0x80, 0xE0],
            Self::Store => [0x80, 0xE2],
        }
    }

    /// As the profile writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Select => "SELECT",
            Self::ReadBinary => "READ BINARY",
            Self::ReadRecord => "READ RECORD",
            Self::Open => "OPEN",
            Self::Debit => "DEBIT",
            Self::Reverse => "REVERSE",
            Self::Block => "BLOCK",
            Self::PutEntitlement => "PUT ENTITLEMENT",
            Self::PutKey => "PUT KEY",
            Self::GenerateKey => "GENERATE KEY",
            Self::Store => "STORE",
        }
    }

    /// Which instruction `apdu` begins with, of those that a card knows in `phase`.
    ///
    /// # Errors
    /// `67 00` for fewer than the four bytes of a header, `6E 00`, `6D 00`.
    pub fn recognise(apdu: &[u8], phase: Phase) -> Result<Self, StatusWord> {
        let [class, instruction, _, _, ..] = *apdu else { return Err(StatusWord::WRONG_LENGTH) };
        if !matches!(class, 0x00 | 0x80) {
            return Err(StatusWord::CLASS_UNKNOWN);
        }
        let of_header = Self::of_header([class, instruction]);
        of_header.filter(|candidate| candidate.known_in(phase)).ok_or(StatusWord::INSTRUCTION_UNKNOWN)
    }

    /// The instruction with this class and instruction byte, known to a card at the moment or not.
    pub fn of_header(bytes: [u8; 2]) -> Option<Self> {
        Self::ALL.into_iter().find(|candidate| candidate.bytes() == bytes)
    }

    const fn known_in(self, phase: Phase) -> bool {
        match self {
            Self::Select => true,
            Self::GenerateKey | Self::Store => matches!(phase, Phase::Blank),
            Self::ReadBinary
            | Self::ReadRecord
            | Self::Open
            | Self::Debit
            | Self::Reverse
            | Self::Block
            | Self::PutEntitlement
            | Self::PutKey => matches!(phase, Phase::Issued),
        }
    }
}

impl fmt::Display for Instruction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What OPEN carries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OpenRequest {
    /// What the card's answer must sign.
    pub terminal_challenge: Challenge,
    /// Who asks.
    pub certificate: TerminalCertificate,
    /// By the terminal's card key, over [`authentication_bytes`](super::authentication_bytes).
    pub signature: Signature,
}

/// A whole command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Command {
    /// The application, by its name.
    Select,
    /// The card certificate.
    ReadCertificate,
    /// The entitlement.
    ReadEntitlement,
    /// The region key certificate that the card holds.
    ReadKey,
    /// The n-th newest record, from 1.
    ReadRecord(u8),
    /// Mutual authentication, and the card's state.
    Open(OpenRequest),
    /// Consume.
    Debit {
        /// What.
        order: DebitOrder,
        /// By the terminal's card key, over [`DebitOrder::signed_bytes`].
        signature: Signature,
    },
    /// Take a debit back.
    Reverse {
        /// Which.
        order: ReversalOrder,
        /// By the terminal's card key, over [`ReversalOrder::signed_bytes`].
        signature: Signature,
    },
    /// By the region key, over [`block_bytes`](super::block_bytes).
    Block(Signature),
    /// A new entitlement.
    PutEntitlement(Entitlement),
    /// A new region key.
    PutKey(KeyCertificate),
    /// Blank card: make the card key.
    GenerateKey,
    /// Blank card: whom to believe.
    StoreKey {
        /// The root, for the life of the card.
        root: PublicKey,
        /// The region key of the day.
        region_key: KeyCertificate,
    },
    /// Blank card: who it is. It is issued with this.
    StoreCertificate(CardCertificate),
}

/// Whether a case 4 command (data both ways) is sent with its Le.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Case4 {
    /// `00` at the end: T=1.
    WithLe,
    /// Nothing at the end: T=0, the answer is fetched with GET RESPONSE.
    WithoutLe,
}

impl Command {
    /// READ BINARY, P1: bit 8 and a short file identifier, in bits 5 to 1 (ISO/IEC 7816-4).
    const CERTIFICATE_FILE: u8 = 0x81;
    const ENTITLEMENT_FILE: u8 = 0x82;
    const KEY_FILE: u8 = 0x83;
    /// READ RECORD, P2: short file identifier 3 in bits 8 to 4, then "P1 is a record number" (ISO/IEC 7816-4).
    const RECORD_FILE: u8 = 0x1C;

    const DEBIT_BYTES: usize = 90;
    const REVERSE_BYTES: usize = 88;
    const OPEN_BYTES: usize = 16 + TerminalCertificate::BYTES + 64;
    const BLOCK_BYTES: usize = 64;
    const STORE_KEY_BYTES: usize = 65 + KeyCertificate::BYTES;

    /// Its instruction.
    pub const fn instruction(&self) -> Instruction {
        match self {
            Self::Select => Instruction::Select,
            Self::ReadCertificate | Self::ReadEntitlement | Self::ReadKey => Instruction::ReadBinary,
            Self::ReadRecord(_) => Instruction::ReadRecord,
            Self::Open(_) => Instruction::Open,
            Self::Debit { .. } => Instruction::Debit,
            Self::Reverse { .. } => Instruction::Reverse,
            Self::Block(_) => Instruction::Block,
            Self::PutEntitlement(_) => Instruction::PutEntitlement,
            Self::PutKey(_) => Instruction::PutKey,
            Self::GenerateKey => Instruction::GenerateKey,
            Self::StoreKey { .. } | Self::StoreCertificate(_) => Instruction::Store,
        }
    }

    /// The APDU that a terminal sends. `case4` matters to SELECT, OPEN, DEBIT and REVERSE, which carry data both ways; the READs always
    /// go with Le, and the others have no answer.
    pub fn encode(&self, case4: Case4) -> Vec<u8> {
        let [class, instruction] = self.instruction().bytes();
        let (p1, p2) = self.parameters();
        let mut apdu = vec![class, instruction, p1, p2];
        let data = self.data();
        if !data.is_empty() {
            apdu.push(data.len() as u8);
            apdu.extend_from_slice(&data);
        }
        let le = match self {
            Self::ReadCertificate | Self::ReadEntitlement | Self::ReadKey | Self::ReadRecord(_) | Self::GenerateKey => {
                true
            }
            Self::Select | Self::Open(_) | Self::Debit { .. } | Self::Reverse { .. } => case4 == Case4::WithLe,
            Self::Block(_)
            | Self::PutEntitlement(_)
            | Self::PutKey(_)
            | Self::StoreKey { .. }
            | Self::StoreCertificate(_) => false,
        };
        if le {
            apdu.push(0);
        }
        apdu
    }

    const fn parameters(&self) -> (u8, u8) {
        match self {
            Self::Select => (0x04, 0),
            Self::ReadCertificate => (Self::CERTIFICATE_FILE, 0),
            Self::ReadEntitlement => (Self::ENTITLEMENT_FILE, 0),
            Self::ReadKey => (Self::KEY_FILE, 0),
            Self::ReadRecord(number) => (*number, Self::RECORD_FILE),
            Self::Debit { order, .. } => (order.slot.get(), 0),
            Self::StoreCertificate(_) => (1, 0),
            Self::Open(_)
            | Self::Reverse { .. }
            | Self::Block(_)
            | Self::PutEntitlement(_)
            | Self::PutKey(_)
            | Self::GenerateKey
            | Self::StoreKey { .. } => (0, 0),
        }
    }

    /// At most 234 bytes, so that one byte tells how many.
    fn data(&self) -> Vec<u8> {
        match self {
            Self::Select => AID.to_vec(),
            Self::ReadCertificate | Self::ReadEntitlement | Self::ReadKey | Self::ReadRecord(_) | Self::GenerateKey => {
                Vec::new()
            }
            Self::Open(open) => {
                [open.terminal_challenge.0.as_slice(), &open.certificate.encode(), &open.signature.0].concat()
            }
            Self::Debit { order, signature } => [
                order.season.get().to_be_bytes().as_slice(),
                &order.amount.to_be_bytes(),
                order.transaction.as_bytes(),
                &order.time.get().to_be_bytes(),
                &signature.0,
            ]
            .concat(),
            Self::Reverse { order, signature } => [
                order.debit_counter.get().to_be_bytes().as_slice(),
                order.transaction.as_bytes(),
                &order.time.get().to_be_bytes(),
                &signature.0,
            ]
            .concat(),
            Self::Block(signature) => signature.0.to_vec(),
            Self::PutEntitlement(entitlement) => entitlement.encode().to_vec(),
            Self::PutKey(key) => key.encode().to_vec(),
            Self::StoreKey { root, region_key } => [root.0.as_slice(), &region_key.encode()].concat(),
            Self::StoreCertificate(certificate) => certificate.encode().to_vec(),
        }
    }

    /// Reads the APDU of an [`Instruction`] that was recognised in it.
    ///
    /// # Errors
    /// In this order: `67 00`; `6A 86`; `6A 82` for another application or file; `6A 80` for an amount of 0, another version or a
    /// number that is no card's (STORE: `69 82` for the number).
    pub fn parse(instruction: Instruction, apdu: &[u8]) -> Result<Self, StatusWord> {
        let [_, _, p1, p2, body @ ..] = apdu else { return Err(StatusWord::WRONG_LENGTH) };
        let parameters = (*p1, *p2);
        match instruction {
            Instruction::Select => parse_select(parameters, body),
            Instruction::ReadBinary => parse_read_binary(parameters, body),
            Instruction::ReadRecord => parse_read_record(parameters, body),
            Instruction::Open => plain(case4_data(body, Self::OPEN_BYTES), parameters, open),
            Instruction::Debit => parse_debit(parameters, body),
            Instruction::Reverse => plain(case4_data(body, Self::REVERSE_BYTES), parameters, reversal),
            Instruction::Block => {
                plain(case3_data(body, Self::BLOCK_BYTES), parameters, |data| Reader(data).signature().map(Self::Block))
            }
            Instruction::PutEntitlement => plain(case3_data(body, Entitlement::BYTES), parameters, |data| {
                Entitlement::decode(data).map(Self::PutEntitlement)
            }),
            Instruction::PutKey => plain(case3_data(body, KeyCertificate::BYTES), parameters, |data| {
                KeyCertificate::decode(data).map(Self::PutKey)
            }),
            Instruction::GenerateKey => plain(case2(body), parameters, |_| Ok(Self::GenerateKey)),
            Instruction::Store => parse_store(parameters, body),
        }
    }
}

/// A command whose P1 and P2 are 0: length, then these, then its data.
fn plain(
    data: Result<&[u8], StatusWord>,
    parameters: (u8, u8),
    decode: impl FnOnce(&[u8]) -> Result<Command, CardBytesError>,
) -> Result<Command, StatusWord> {
    let data = data?;
    if parameters == (0, 0) { wrong_data(decode(data)) } else { Err(StatusWord::WRONG_P1_P2) }
}

fn parse_select(parameters: (u8, u8), body: &[u8]) -> Result<Command, StatusWord> {
    // A name of another length is another application, not a wrong length.
    let name_len = body.first().map_or(0, |len| usize::from(*len));
    if !AID_BYTES.contains(&name_len) {
        return Err(StatusWord::WRONG_LENGTH);
    }
    let name = case4_data(body, name_len)?;
    match parameters {
        (0x04, 0x00) if name == AID => Ok(Command::Select),
        (0x04, 0x00) => Err(StatusWord::NOT_FOUND),
        _ => Err(StatusWord::WRONG_P1_P2),
    }
}

fn parse_read_binary((p1, p2): (u8, u8), body: &[u8]) -> Result<Command, StatusWord> {
    case2(body)?;
    // Anything but "short file identifier, offset 0" is a way to read that this card does not have.
    if p1 & 0xE0 != 0x80 || p2 != 0 {
        return Err(StatusWord::WRONG_P1_P2);
    }
    match p1 {
        Command::CERTIFICATE_FILE => Ok(Command::ReadCertificate),
        Command::ENTITLEMENT_FILE => Ok(Command::ReadEntitlement),
        Command::KEY_FILE => Ok(Command::ReadKey),
        _ => Err(StatusWord::NOT_FOUND),
    }
}

fn parse_read_record((number, p2): (u8, u8), body: &[u8]) -> Result<Command, StatusWord> {
    case2(body)?;
    match p2 {
        Command::RECORD_FILE => Ok(Command::ReadRecord(number)),
        other if other & 0x07 == Command::RECORD_FILE & 0x07 => Err(StatusWord::NOT_FOUND),
        _ => Err(StatusWord::WRONG_P1_P2),
    }
}

fn parse_debit((p1, p2): (u8, u8), body: &[u8]) -> Result<Command, StatusWord> {
    let data = case4_data(body, Command::DEBIT_BYTES)?;
    let slot = Slot::new(p1).filter(|_| p2 == 0).ok_or(StatusWord::WRONG_P1_P2)?;
    let mut reader = Reader(data);
    let mut order = || {
        Ok(DebitOrder {
            slot,
            season: reader.season()?,
            amount: reader.u32()?,
            transaction: TransactionId::new(reader.array()?),
            time: reader.time()?,
        })
    };
    let order = wrong_data(order())?;
    let signature = wrong_data(reader.signature())?;
    if order.amount == 0 { Err(StatusWord::WRONG_DATA) } else { Ok(Command::Debit { order, signature }) }
}

fn parse_store((p1, p2): (u8, u8), body: &[u8]) -> Result<Command, StatusWord> {
    // The two STOREs have two lengths; one that is neither is wrong before P1 is looked at.
    let data = match (case3_data(body, Command::STORE_KEY_BYTES), case3_data(body, CardCertificate::BYTES)) {
        (Ok(data), _) if p1 != 1 => data,
        (_, Ok(data)) if p1 != 0 => data,
        _ => return Err(StatusWord::WRONG_LENGTH),
    };
    let store = match (p1, p2) {
        (0, 0) => store_key(data),
        (1, 0) => CardCertificate::decode(data).map(Command::StoreCertificate),
        _ => return Err(StatusWord::WRONG_P1_P2),
    };
    store.map_err(|error| match error {
        CardBytesError::Version(_) => StatusWord::WRONG_DATA,
        CardBytesError::Length { .. }
        | CardBytesError::CardNumber(_)
        | CardBytesError::Operation(_)
        | CardBytesError::Slot(_)
        | CardBytesError::Status(_)
        | CardBytesError::SelectAnswer => StatusWord::NOT_AUTHENTICATED,
    })
}

fn open(data: &[u8]) -> Result<Command, CardBytesError> {
    let mut reader = Reader(data);
    Ok(Command::Open(OpenRequest {
        terminal_challenge: reader.challenge()?,
        certificate: TerminalCertificate::decode(&reader.array::<{ TerminalCertificate::BYTES }>()?)?,
        signature: reader.signature()?,
    }))
}

fn reversal(data: &[u8]) -> Result<Command, CardBytesError> {
    let mut reader = Reader(data);
    let order = ReversalOrder {
        debit_counter: Counter::new(reader.u32()?),
        transaction: TransactionId::new(reader.array()?),
        time: reader.time()?,
    };
    Ok(Command::Reverse { order, signature: reader.signature()? })
}

fn store_key(data: &[u8]) -> Result<Command, CardBytesError> {
    let mut reader = Reader(data);
    Ok(Command::StoreKey {
        root: reader.public_key()?,
        region_key: KeyCertificate::decode(&reader.array::<{ KeyCertificate::BYTES }>()?)?,
    })
}

/// The lengths were checked: what a decoder still finds wrong is the data's.
fn wrong_data<T>(decoded: Result<T, CardBytesError>) -> Result<T, StatusWord> {
    decoded.map_err(|_| StatusWord::WRONG_DATA)
}

/// After the header of a case 2 command: one byte, Le, and no data.
fn case2(body: &[u8]) -> Result<&[u8], StatusWord> {
    if body.len() == 1 { Ok(&[]) } else { Err(StatusWord::WRONG_LENGTH) }
}

/// After the header of a case 3 command: Lc and `len` bytes, and no Le.
fn case3_data(body: &[u8], len: usize) -> Result<&[u8], StatusWord> {
    match body.split_first() {
        Some((lc, data)) if usize::from(*lc) == len && data.len() == len => Ok(data),
        _ => Err(StatusWord::WRONG_LENGTH),
    }
}

/// After the header of a case 4 command: Lc, `len` bytes, and Le or not, whatever it says.
fn case4_data(body: &[u8], len: usize) -> Result<&[u8], StatusWord> {
    let without_le = if body.len() == len + 2 { &body[..=len] } else { body };
    case3_data(without_le, len)
}
