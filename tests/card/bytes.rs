//! Objects, signed bytes, commands and answers against `tests/vectors/card.json`, which was made from the text of the profile by
//! another program; and that decoders take exactly what encoders give.

use pass::crypto::verify_p256;
use pass::domain::card::{
    CardCertificate, CardState, CardStatus, Challenge, DebitOrder, Entitlement, KeyCertificate, PublicKey, Record,
    ReversalOrder, Signature, SignedRecord, TerminalCertificate,
};
use pass::domain::ids::{
    CardNumber, Counter, EntitlementSerial, HolderReference, IssueNumber, KeySerial, NotACardNumber, PartnerId,
    TerminalId, TransactionId,
};
use pass::domain::purse::{Amounts, Slot, Slots};
use pass::domain::time::{Season, Timestamp};
use pass::wire::apdu::StatusWord;
use pass::wire::card::{
    CardBytesError, Case4, ChangeAnswer, Command, Instruction, OpenRequest, Phase, SelectAnswer, authentication_bytes,
    block_bytes,
};
use proptest::prelude::*;
use serde_json::Value;

use crate::kit::{VECTORS, unhex};

/// The fields of a vector.
struct Fields<'a>(&'a Value);

impl Fields<'_> {
    fn int(&self, name: &str) -> u32 {
        u32::try_from(self.0[name].as_u64().unwrap_or_else(|| panic!("{name}"))).unwrap()
    }

    fn short(&self, name: &str) -> u16 {
        u16::try_from(self.int(name)).unwrap()
    }

    fn byte(&self, name: &str) -> u8 {
        u8::try_from(self.int(name)).unwrap()
    }

    fn card(&self) -> CardNumber {
        CardNumber::parse(self.0["card"].as_str().unwrap()).unwrap()
    }

    fn sixteen(&self, name: &str) -> [u8; 16] {
        unhex(self.0[name].as_str().unwrap()).try_into().unwrap()
    }

    fn amounts(&self, name: &str) -> Amounts {
        let amounts: Vec<u32> = serde_json::from_value(self.0[name].clone()).unwrap();
        Amounts::new(amounts.try_into().unwrap())
    }

    fn key(&self) -> PublicKey {
        public_key(self.0["public_key"].as_str().unwrap())
    }

    fn key_serial(&self) -> KeySerial {
        KeySerial::new(self.int("key_serial"))
    }

    fn season(&self) -> Season {
        Season::new(self.short("season"))
    }

    fn slot(&self) -> Slot {
        Slot::new(self.byte("slot")).unwrap()
    }

    fn time(&self, name: &str) -> Timestamp {
        Timestamp::new(self.int(name))
    }

    fn transaction(&self) -> TransactionId {
        TransactionId::new(self.sixteen("transaction"))
    }
}

fn public_key(name: &str) -> PublicKey {
    PublicKey(unhex(VECTORS["keys"][name]["public"].as_str().unwrap()).try_into().unwrap())
}

fn text<'a>(vector: &'a Value, name: &str) -> &'a str {
    vector[name].as_str().unwrap_or_else(|| panic!("{name}"))
}

fn signature(vector: &Value) -> Signature {
    Signature(unhex(text(vector, "signature")).try_into().unwrap())
}

/// Encodes, decodes, signs over the same bytes as the vector; refuses every other length.
macro_rules! holds {
    ($vector:expr, $type:ty, $value:expr, $signed:expr) => {{
        let (vector, value): (&Value, $type) = ($vector, $value);
        assert_eq!(hex::encode(value.encode()), text(vector, "bytes"));
        assert_eq!(<$type>::decode(&unhex(text(vector, "bytes"))), Ok(value));
        assert_eq!(hex::encode(&$signed), text(vector, "signed"));
        assert!(verify_p256(&public_key(text(vector, "signer")), &$signed, &signature(vector)));
        let bytes = value.encode();
        for len in 0..bytes.len() {
            let error = CardBytesError::Length { expected: bytes.len(), found: len };
            assert_eq!(<$type>::decode(&bytes[..len]), Err(error));
        }
        let longer = [bytes.as_slice(), &[0]].concat();
        let error = CardBytesError::Length { expected: bytes.len(), found: longer.len() };
        assert_eq!(<$type>::decode(&longer), Err(error));
    }};
}

fn key_certificate() -> KeyCertificate {
    let vector = &VECTORS["objects"]["region key certificate"];
    let fields = Fields(&vector["fields"]);
    KeyCertificate {
        serial: KeySerial::new(fields.int("serial")),
        public_key: fields.key(),
        signature: signature(vector),
    }
}

fn card_certificate() -> CardCertificate {
    let vector = &VECTORS["objects"]["card certificate"];
    let fields = Fields(&vector["fields"]);
    CardCertificate {
        key_serial: fields.key_serial(),
        card: fields.card(),
        issue: IssueNumber::new(fields.byte("issue")),
        holder: HolderReference::new(fields.sixteen("holder")),
        issued_at: fields.time("issued_at"),
        public_key: fields.key(),
        signature: signature(vector),
    }
}

fn entitlement() -> Entitlement {
    let vector = &VECTORS["objects"]["entitlement"];
    let fields = Fields(&vector["fields"]);
    Entitlement {
        key_serial: fields.key_serial(),
        card: fields.card(),
        season: fields.season(),
        serial: EntitlementSerial::new(fields.int("serial")),
        granted: fields.amounts("granted"),
        opening: fields.amounts("opening"),
        signature: signature(vector),
    }
}

fn terminal_certificate() -> TerminalCertificate {
    let vector = &VECTORS["objects"]["terminal certificate"];
    let fields = Fields(&vector["fields"]);
    TerminalCertificate {
        key_serial: fields.key_serial(),
        terminal: TerminalId::new(fields.int("terminal")),
        partner: PartnerId::new(fields.int("partner")),
        season: fields.season(),
        slots: Slots::new(fields.short("slots")),
        issued_at: fields.time("issued_at"),
        not_after: fields.time("not_after"),
        public_key: fields.key(),
        signature: signature(vector),
    }
}

fn record(name: &str) -> SignedRecord {
    let vector = &VECTORS["objects"][name];
    let fields = Fields(&vector["fields"]);
    let record = Record {
        card: fields.card(),
        operation: pass::domain::card::Operation::from_code(fields.byte("operation")).unwrap(),
        slot: fields.slot(),
        season: fields.season(),
        amount: fields.int("amount"),
        link: fields.int("link"),
        consumed: fields.int("consumed"),
        counter: Counter::new(fields.int("counter")),
        terminal: TerminalId::new(fields.int("terminal")),
        transaction: fields.transaction(),
        time: fields.time("time"),
    };
    SignedRecord { record, signature: signature(vector) }
}

#[test]
fn certificates_and_entitlements_are_pinned() {
    let objects = &VECTORS["objects"];
    let key = key_certificate();
    holds!(&objects["region key certificate"], KeyCertificate, key, key.signed_bytes());
    let card = card_certificate();
    holds!(&objects["card certificate"], CardCertificate, card, card.signed_bytes());
    let granted = entitlement();
    holds!(&objects["entitlement"], Entitlement, granted, granted.signed_bytes());
    let terminal = terminal_certificate();
    holds!(&objects["terminal certificate"], TerminalCertificate, terminal, terminal.signed_bytes());
}

#[test]
fn records_are_pinned() {
    for name in ["debit record", "reversal record"] {
        let signed = record(name);
        holds!(&VECTORS["objects"][name], SignedRecord, signed, signed.record.signed_bytes());
        assert_eq!(Record::decode(&signed.record.encode()), Ok(signed.record));
    }
}

#[test]
fn states_are_pinned() {
    for name in ["state in use", "state blocked, without entitlement"] {
        let vector = &VECTORS["objects"][name];
        let fields = Fields(&vector["fields"]);
        let state = CardState {
            status: if fields.byte("status") == 0 { CardStatus::InUse } else { CardStatus::Blocked },
            next_challenge: Challenge(fields.sixteen("next_challenge")),
            counter: Counter::new(fields.int("counter")),
            season: fields.season(),
            entitlement_serial: EntitlementSerial::new(fields.int("entitlement_serial")),
            consumed: fields.amounts("consumed"),
            signature: signature(vector),
        };
        let with = Fields(&vector["fields"]["signed_with"]);
        let signed = state.signed_bytes(with.card(), &Challenge(with.sixteen("terminal_challenge")));
        holds!(vector, CardState, state, signed);
    }
}

fn debit_order() -> DebitOrder {
    let fields = Fields(&VECTORS["messages"]["debit"]["fields"]);
    DebitOrder {
        slot: fields.slot(),
        season: fields.season(),
        amount: fields.int("amount"),
        transaction: fields.transaction(),
        time: fields.time("time"),
    }
}

fn reversal_order() -> ReversalOrder {
    let fields = Fields(&VECTORS["messages"]["reversal"]["fields"]);
    ReversalOrder {
        debit_counter: Counter::new(fields.int("debit_counter")),
        transaction: fields.transaction(),
        time: fields.time("time"),
    }
}

#[test]
fn what_terminals_and_the_region_sign_is_pinned() {
    let of = |name: &str| Fields(&VECTORS["messages"][name]["fields"]);
    let challenge = |name: &str| Challenge(of(name).sixteen("challenge"));
    let terminal_challenge = Challenge(of("authentication").sixteen("terminal_challenge"));
    let card = of("block").card();
    for (name, signed) in [
        ("authentication", authentication_bytes(card, &challenge("authentication"), &terminal_challenge)),
        ("debit", debit_order().signed_bytes(card, &challenge("debit"))),
        ("reversal", reversal_order().signed_bytes(card, &challenge("reversal"))),
        ("block", block_bytes(card)),
    ] {
        let vector = &VECTORS["messages"][name];
        assert_eq!(hex::encode(&signed), text(vector, "signed"), "{name}");
        assert!(verify_p256(&public_key(text(vector, "signer")), &signed, &signature(vector)), "{name}");
    }
}

fn commands() -> Vec<(&'static str, Command)> {
    let signed = |name: &str| signature(&VECTORS["messages"][name]);
    let terminal_challenge =
        Challenge(Fields(&VECTORS["messages"]["authentication"]["fields"]).sixteen("terminal_challenge"));
    vec![
        ("SELECT", Command::Select),
        ("READ CERTIFICATE", Command::ReadCertificate),
        ("READ KEY", Command::ReadKey),
        ("READ ENTITLEMENT", Command::ReadEntitlement),
        ("READ RECORD", Command::ReadRecord(5)),
        (
            "OPEN",
            Command::Open(OpenRequest {
                terminal_challenge,
                certificate: terminal_certificate(),
                signature: signed("authentication"),
            }),
        ),
        ("DEBIT", Command::Debit { order: debit_order(), signature: signed("debit") }),
        ("REVERSE", Command::Reverse { order: reversal_order(), signature: signed("reversal") }),
        ("PUT ENTITLEMENT", Command::PutEntitlement(entitlement())),
        ("PUT KEY", Command::PutKey(key_certificate())),
        ("BLOCK", Command::Block(signed("block"))),
        ("GENERATE KEY", Command::GenerateKey),
        ("STORE key", Command::StoreKey { root: public_key("root"), region_key: key_certificate() }),
        ("STORE certificate", Command::StoreCertificate(card_certificate())),
    ]
}

/// Recognises and parses, in the phase where the instruction is known.
fn parse(apdu: &[u8]) -> Result<Command, StatusWord> {
    let phase = match apdu {
        [0x80, 0xE0 | 0xE2, ..] => Phase::Blank,
        _ => Phase::Issued,
    };
    Command::parse(Instruction::recognise(apdu, phase)?, apdu)
}

#[test]
fn commands_are_pinned() {
    let commands = commands();
    assert_eq!(commands.len(), VECTORS["commands"].as_object().unwrap().len());
    for (name, command) in commands {
        let vector = &VECTORS["commands"][name];
        for (case4, form) in [(Case4::WithLe, "with_le"), (Case4::WithoutLe, "without_le")] {
            let apdu = command.encode(case4);
            assert_eq!(hex::encode(&apdu), text(vector, form), "{name}");
            assert_eq!(parse(&apdu), Ok(command), "{name}");
        }
    }
}

#[test]
fn a_command_has_its_length_and_no_other() {
    for (name, command) in commands() {
        let apdu = command.encode(Case4::WithoutLe);
        // SELECT takes names of other lengths, so that the length says that it is another application.
        let takes_le =
            matches!(command, Command::Select | Command::Open(_) | Command::Debit { .. } | Command::Reverse { .. });
        for len in 0..apdu.len() {
            assert_eq!(parse(&apdu[..len]), Err(StatusWord::WRONG_LENGTH), "{name}, {len} bytes");
        }
        let longer = [apdu.as_slice(), &[0xFF]].concat();
        assert_eq!(parse(&longer), if takes_le { Ok(command) } else { Err(StatusWord::WRONG_LENGTH) }, "{name}");
        assert_eq!(parse(&[longer.as_slice(), &[0]].concat()), Err(StatusWord::WRONG_LENGTH), "{name}");
    }
}

#[test]
fn answers_are_pinned() {
    let pinned = |name: &str| unhex(text(&VECTORS["answers"], name));
    let challenge = Challenge(Fields(&VECTORS["messages"]["authentication"]["fields"]).sixteen("challenge"));
    for (name, answer) in [("SELECT", SelectAnswer::Issued(challenge)), ("SELECT blank", SelectAnswer::Blank)] {
        let bytes = pinned(name);
        assert_eq!(answer.encode(), bytes, "{name}");
        assert_eq!(SelectAnswer::decode(&bytes), Ok(answer), "{name}");
        for len in 0..bytes.len() {
            assert_eq!(SelectAnswer::decode(&bytes[..len]), Err(CardBytesError::SelectAnswer), "{name}, {len} bytes");
        }
        assert_eq!(SelectAnswer::decode(&[bytes.as_slice(), &[0]].concat()), Err(CardBytesError::SelectAnswer));
    }
    let change = ChangeAnswer::of(&record("debit record"));
    assert_eq!(change.encode().as_slice(), pinned("DEBIT"));
    assert_eq!(ChangeAnswer::decode(&pinned("DEBIT")), Ok(change));
    let short = CardBytesError::Length { expected: 72, found: 71 };
    assert_eq!(ChangeAnswer::decode(&pinned("DEBIT")[..71]), Err(short));
}

#[test]
fn another_profile_version_is_told_from_another_card() {
    let mut newer = SelectAnswer::Issued(Challenge([7; 16])).encode();
    newer[15] = 2;
    assert_eq!(SelectAnswer::decode(&newer), Err(CardBytesError::Version(2)));
    newer[15] = 1;
    newer[4] = 0xA0;
    assert_eq!(SelectAnswer::decode(&newer), Err(CardBytesError::SelectAnswer));
}

#[test]
fn a_decoder_says_what_is_wrong() {
    let with = |bytes: &[u8], at: usize, value: u8| {
        let mut bytes = bytes.to_vec();
        bytes[at] = value;
        bytes
    };
    let record = record("debit record").record.encode();
    let digit = |byte: u8| byte ^ 1;
    let card = card_certificate().encode();
    let bad_number = Err(CardBytesError::CardNumber(NotACardNumber::CheckDigit));
    assert_eq!(CardCertificate::decode(&with(&card, 12, digit(card[12]))), bad_number);
    assert_eq!(Record::decode(&with(&record, 7, digit(record[7]))).map(|_| ()), bad_number.map(|_| ()));
    assert_eq!(Record::decode(&with(&record, 8, 3)), Err(CardBytesError::Operation(3)));
    assert_eq!(Record::decode(&with(&record, 8, 0)), Err(CardBytesError::Operation(0)));
    assert_eq!(Record::decode(&with(&record, 9, 16)), Err(CardBytesError::Slot(16)));
    let state = unhex(text(&VECTORS["objects"]["state in use"], "bytes"));
    assert_eq!(CardState::decode(&with(&state, 0, 2)), Err(CardBytesError::Status(2)));
    for version in [0, 2] {
        let wrong = CardBytesError::Version(version);
        assert_eq!(CardCertificate::decode(&with(&card, 0, version)), Err(wrong));
        assert_eq!(KeyCertificate::decode(&with(&key_certificate().encode(), 0, version)), Err(wrong));
        assert_eq!(Entitlement::decode(&with(&entitlement().encode(), 0, version)), Err(wrong));
        assert_eq!(TerminalCertificate::decode(&with(&terminal_certificate().encode(), 0, version)), Err(wrong));
    }
}

proptest! {
    /// Whatever bytes an object is decoded from are the bytes it encodes to: there is one form, and nothing is dropped.
    #[test]
    fn whatever_is_decoded_encodes_to_the_same_bytes(bytes in prop::collection::vec(any::<u8>(), 211), version in 0..3_u8) {
        let number = 9_250_170_000_000_017_u64.to_be_bytes();
        let of = |len: usize, number_at: usize| {
            let mut object = bytes[..len].to_vec();
            object[0] = version;
            object[number_at..number_at + 8].copy_from_slice(&number);
            object
        };
        let key = of(134, 5);
        if let Ok(value) = KeyCertificate::decode(&key) { prop_assert_eq!(value.encode().to_vec(), key); }
        let terminal = of(154, 5);
        if let Ok(value) = TerminalCertificate::decode(&terminal) { prop_assert_eq!(value.encode().to_vec(), terminal); }
        let card = of(163, 5);
        if let Ok(value) = CardCertificate::decode(&card) { prop_assert_eq!(value.encode().to_vec(), card); }
        let granted = of(211, 5);
        if let Ok(value) = Entitlement::decode(&granted) { prop_assert_eq!(value.encode().to_vec(), granted); }
        let state = of(155, 1);
        if let Ok(value) = CardState::decode(&state) { prop_assert_eq!(value.encode().to_vec(), state); }
        let mut record = of(116, 1);
        record[..8].copy_from_slice(&number);
        (record[8], record[9]) = (version, record[9] % 17);
        if let Ok(value) = SignedRecord::decode(&record) { prop_assert_eq!(value.encode().to_vec(), record); }
    }
}
