//! A region, a terminal's ledger and cards, small enough to hold in the head.

use std::path::PathBuf;

use tempfile::TempDir;

use crate::crypto::{Ed25519Key, P256Key, sha256, sign1_es256};
use crate::domain::card::{
    CardCertificate, CardState, CardStatus, Challenge, Entitlement, KeyCertificate, Operation, Record, Signature,
    SignedRecord, TerminalCertificate,
};
use crate::domain::catalogue::tests::{catalogue, code};
use crate::domain::entry::{Body, Debit, Intent, Learnt, NotDone, Purpose, Reversal, Sale, Tender};
use crate::domain::policy::tests::POLICY;
use crate::domain::purse::Slots;
use crate::domain::*;
use crate::ledger::*;
use crate::packing::pack_page;
use crate::wire::cbor::{self, Opaque};
use crate::wire::cose::Content;
use crate::wire::exchange::*;
use crate::wire::feed::{FeedPage, Item, Partner, denied_bytes};

/// An evening in the season 2026.
pub(super) const NOW: Timestamp = Timestamp::new(1_800_000_000);
pub(super) const TERMINAL: TerminalId = TerminalId::new(417);
pub(super) const CINEMA: Slot = match Slot::new(0) {
    Some(slot) => slot,
    None => unreachable!(),
};

pub(super) fn cents(cents: u32) -> Cents {
    Cents::from_u32(cents)
}

/// The region's keys: the root, and one region key a serial.
pub(super) struct Region {
    root: P256Key,
    keys: Vec<P256Key>,
}

impl Region {
    pub(super) fn new() -> Self {
        Self { root: P256Key::generate().unwrap().0, keys: (0..2).map(|_| P256Key::generate().unwrap().0).collect() }
    }

    fn key(&self, serial: u32) -> &P256Key {
        &self.keys[serial as usize - 1]
    }

    pub(super) fn key_certificate(&self, serial: u32) -> KeyCertificate {
        let public_key = self.key(serial).public_key();
        let mut certificate =
            KeyCertificate { serial: KeySerial::new(serial), public_key, signature: Signature([0; 64]) };
        certificate.signature = self.root.sign(&certificate.signed_bytes()).unwrap();
        certificate
    }

    pub(super) fn enrolment(&self) -> EnrolmentAnswer {
        let mut certificate = TerminalCertificate {
            key_serial: KeySerial::new(1),
            terminal: TERMINAL,
            partner: PartnerId::new(12),
            season: Season::new(2026),
            slots: Slots::new(0b001),
            issued_at: NOW,
            not_after: NOW.plus(TerminalCertificate::LIFE_SECONDS_MAX),
            public_key: P256Key::generate().unwrap().0.public_key(),
            signature: Signature([0; 64]),
        };
        certificate.signature = self.key(1).sign(&certificate.signed_bytes()).unwrap();
        EnrolmentAnswer {
            protocol: PROTOCOL_VERSION,
            terminal: TERMINAL,
            partner_id: PartnerId::new(12),
            partner: Partner { name: "Le Rex".to_owned(), activities: vec![code("cinema")] },
            replaces: None,
            time: NOW,
            root_key: self.root.public_key(),
            region_keys: vec![self.key_certificate(1)],
            certificates: vec![certificate],
            catalogues: vec![catalogue()],
            policy: POLICY,
        }
    }

    pub(super) fn sign(&self, serial: u32, content: Content, payload: Vec<u8>) -> Vec<u8> {
        sign1_es256(self.key(serial), content, serial, None, payload).unwrap().encode()
    }

    pub(super) fn sign_with_certificate(
        &self,
        serial: u32,
        content: Content,
        certificate: Vec<u8>,
        payload: Vec<u8>,
    ) -> Vec<u8> {
        sign1_es256(self.key(serial), content, serial, Some(certificate), payload).unwrap().encode()
    }

    pub(super) fn entitlement(&self, card: CardNumber, serial: u32) -> Entitlement {
        let mut entitlement = Entitlement {
            key_serial: KeySerial::new(1),
            card,
            season: Season::new(2026),
            serial: EntitlementSerial::new(serial),
            granted: Amounts::ZERO.with(CINEMA, 5),
            opening: Amounts::ZERO,
            signature: Signature([0; 64]),
        };
        entitlement.signature = self.key(1).sign(&entitlement.signed_bytes()).unwrap();
        entitlement
    }

    /// An empty page of the feed for a deny list of these cards.
    pub(super) fn page(&self, from: u64, to: u64, made_at: Timestamp, denied: &[CardNumber]) -> FeedPage {
        let mut denied = denied.to_vec();
        denied.sort();
        FeedPage {
            terminal: TERMINAL,
            from,
            to,
            made_at,
            denied_count: denied.len() as u64,
            denied_digest: sha256(&denied_bytes(denied.into_iter())),
            items: Vec::new(),
        }
    }

    /// The signed answer to `request`, acknowledging `head`, with these pages, each signed with the key of the serial
    /// before it.
    pub(super) fn answer(
        &self,
        request: &ExchangeRequest,
        time: Timestamp,
        head: Head,
        pages: &[(u32, FeedPage)],
    ) -> Vec<u8> {
        self.answer_with(request, time, head, pages, |_| ())
    }

    pub(super) fn answer_with(
        &self,
        request: &ExchangeRequest,
        time: Timestamp,
        head: Head,
        pages: &[(u32, FeedPage)],
        change: impl FnOnce(&mut ExchangeAnswer),
    ) -> Vec<u8> {
        let receipt = Receipt { terminal: TERMINAL, head, time, request: request.request };
        let pages = pages
            .iter()
            .map(|(key, page)| Opaque(self.sign(*key, Content::FeedPage, cbor::encode(&pack_page(page).unwrap()))))
            .collect();
        let mut answer = ExchangeAnswer {
            protocol: PROTOCOL_VERSION,
            terminal: TERMINAL,
            request: request.request,
            time,
            receipt: Opaque(self.sign(1, Content::Receipt, cbor::encode(&receipt))),
            pages,
            more: false,
            standing: TerminalStanding::Active,
            entitlements: Vec::new(),
        };
        change(&mut answer);
        self.sign(1, Content::ExchangeAnswer, cbor::encode(&answer))
    }
}

pub(super) fn with_items(page: FeedPage, items: Vec<Item>) -> FeedPage {
    FeedPage { items, ..page }
}

/// A card with its key, its counter and what it has consumed at the cinema.
pub(super) struct Card {
    key: P256Key,
    pub(super) certificate: CardCertificate,
    pub(super) counter: u32,
    consumed: u32,
    reversals: u32,
}

impl Card {
    /// A card that was used before.
    pub(super) fn used(key: &[u8], certificate: CardCertificate, [counter, consumed, reversals]: [u32; 3]) -> Self {
        Self { key: P256Key::from_pkcs8(key).unwrap(), certificate, counter, consumed, reversals }
    }

    pub(super) fn number(&self) -> CardNumber {
        self.certificate.card
    }

    /// The intent to debit a seat, named by `name`.
    pub(super) fn intent(&self, name: u8) -> Intent {
        let sale = Sale {
            request: RequestId::new([name; 16]),
            benefit: code("cinema"),
            price: None,
            supplement: Cents::ZERO,
            due: cents(100),
            tender: Tender::Cash.into(),
        };
        self.intent_to(
            name,
            Purpose::Sale {
                slot: CINEMA,
                season: Season::new(2026),
                amount: 1,
                sale,
                entitlement_serial: EntitlementSerial::new(1),
                left: 4 - self.consumed.min(4),
            },
        )
    }

    pub(super) fn undo(&self, name: u8, debit: Sequence, debit_counter: u32) -> Intent {
        self.intent_to(
            name,
            Purpose::Undo {
                debit,
                debit_counter: Counter::new(debit_counter),
                returned: cents(100),
                tender: Tender::Cash.into(),
                request: RequestId::new([name; 16]),
            },
        )
    }

    fn intent_to(&self, name: u8, purpose: Purpose) -> Intent {
        Intent {
            card: self.number(),
            certificate: sha256(&self.certificate.encode()),
            counter_before: Counter::new(self.counter),
            transaction: TransactionId::new([name; 16]),
            time: NOW,
            purpose,
            cashier: None,
        }
    }

    /// As [`Card::used`] takes them.
    pub(super) fn counters(&self) -> [u32; 3] {
        [self.counter, self.consumed, self.reversals]
    }

    /// Seats left of five.
    pub(super) fn left(&self) -> u32 {
        5 - self.consumed
    }

    /// A fault that no card should have.
    pub(super) fn forget_consumption(&mut self) {
        self.consumed = 0;
    }

    /// What the card answers to OPEN, and the challenge that it answers.
    pub(super) fn state(&self) -> (Challenge, CardState) {
        let challenge = Challenge([5; 16]);
        let mut state = CardState {
            status: CardStatus::InUse,
            next_challenge: Challenge([6; 16]),
            counter: Counter::new(self.counter),
            season: Season::new(2026),
            entitlement_serial: EntitlementSerial::new(1),
            consumed: Amounts::ZERO.with(CINEMA, self.consumed),
            signature: Signature([0; 64]),
        };
        state.signature = self.key.sign(&state.signed_bytes(self.number(), &challenge)).unwrap();
        (challenge, state)
    }

    /// What the card does with an intent: its signed record.
    pub(super) fn does(&mut self, intent: &Intent) -> SignedRecord {
        self.counter += 1;
        let (operation, link) = match &intent.purpose {
            Purpose::Sale { .. } => {
                self.consumed += 1;
                (Operation::Debit, self.reversals)
            }
            Purpose::Undo { debit_counter, .. } => {
                self.consumed -= 1;
                self.reversals += 1;
                (Operation::Reversal, debit_counter.get())
            }
        };
        let record = Record {
            card: self.number(),
            operation,
            slot: CINEMA,
            season: Season::new(2026),
            amount: 1,
            link,
            consumed: self.consumed,
            counter: Counter::new(self.counter),
            terminal: TERMINAL,
            transaction: intent.transaction,
            time: intent.time,
        };
        SignedRecord { record, signature: self.key.sign(&record.signed_bytes()).unwrap() }
    }
}

/// The entry that a card's record makes of an intent.
pub(super) fn done(intent: &Intent, proof: SignedRecord, learnt: Learnt, abandoned: bool) -> Body {
    let certificate = intent.certificate;
    match &intent.purpose {
        Purpose::Sale { sale, entitlement_serial, left, .. } => Body::Debit(Debit {
            proof,
            certificate,
            entitlement_serial: *entitlement_serial,
            left: *left,
            collected: if abandoned { Cents::ZERO } else { sale.due },
            sale: sale.clone(),
            learnt,
            abandoned,
        }),
        Purpose::Undo { debit, returned, tender, request, .. } => Body::Reversal(Reversal {
            proof,
            certificate,
            debit: *debit,
            returned: *returned,
            tender: *tender,
            request: *request,
            learnt,
        }),
    }
}

/// The entry of an intent that the card did not carry out.
pub(super) fn not_done(intent: &Intent, abandoned: bool) -> Body {
    let (returned, tender, request) = match &intent.purpose {
        Purpose::Sale { sale, .. } if !abandoned => (sale.due, sale.tender, sale.request),
        Purpose::Sale { sale, .. } => (Cents::ZERO, sale.tender, sale.request),
        Purpose::Undo { tender, request, .. } => (Cents::ZERO, *tender, *request),
    };
    let Intent { card, transaction, counter_before, .. } = *intent;
    Body::NotDone(NotDone { card, transaction, counter_before, returned, tender, request })
}

/// A terminal's directory, its key, and its region.
pub(super) struct World {
    pub(super) dir: TempDir,
    pub(super) region: Region,
    pub(super) key: Vec<u8>,
    cards: u64,
}

impl World {
    /// A terminal that was just enrolled.
    pub(super) fn new() -> (Self, Ledger) {
        let (key, pkcs8) = Ed25519Key::generate().unwrap();
        let world =
            Self { dir: tempfile::tempdir().unwrap(), region: Region::new(), key: pkcs8, cards: 925_000_000_000_000 };
        let ledger = Ledger::create(world.dir.path(), key, &world.region.enrolment(), NOW).unwrap();
        (world, ledger)
    }

    /// The terminal of a ledger that was made elsewhere, with the key that signs its entries.
    pub(super) fn of(database: &[u8], key: Vec<u8>) -> Self {
        let world = Self { dir: tempfile::tempdir().unwrap(), region: Region::new(), key, cards: 925_000_000_000_000 };
        std::fs::write(world.database(), database).unwrap();
        world
    }

    pub(super) fn key(&self) -> Ed25519Key {
        Ed25519Key::from_pkcs8(&self.key).unwrap()
    }

    pub(super) fn database(&self) -> PathBuf {
        self.dir.path().join("ledger.db")
    }

    pub(super) fn open(&self) -> Ledger {
        self.try_open().unwrap()
    }

    pub(super) fn try_open(&self) -> Result<Ledger, OpenError> {
        Ledger::open(self.dir.path(), self.key())
    }

    /// A new card of the region.
    pub(super) fn card(&mut self) -> Card {
        self.card_of(P256Key::generate().unwrap().0)
    }

    /// The same with this key.
    pub(super) fn card_of(&mut self, key: P256Key) -> Card {
        self.cards += 1;
        let mut certificate = CardCertificate {
            key_serial: KeySerial::new(1),
            card: CardNumber::from_account(self.cards).unwrap(),
            issue: IssueNumber::new(1),
            holder: HolderReference::new([7; 16]),
            issued_at: NOW,
            public_key: key.public_key(),
            signature: Signature([0; 64]),
        };
        certificate.signature = self.region.key(1).sign(&certificate.signed_bytes()).unwrap();
        Card { key, certificate, counter: 0, consumed: 0, reversals: 0 }
    }

    /// SQL from outside, as a careless hand would type it.
    pub(super) fn sql(&self, sql: &str) -> rusqlite::Result<()> {
        rusqlite::Connection::open(self.database()).unwrap().execute_batch(sql)
    }
}

/// A sale from intent to entry, at once.
pub(super) fn sell(ledger: &mut Ledger, card: &mut Card, name: u8) -> Head {
    let intent = card.intent(name);
    ledger.store_intent(&intent, &card.certificate).unwrap();
    let proof = card.does(&intent);
    ledger.settle(intent.transaction, NOW, done(&intent, proof, Learnt::AtOnce, false)).unwrap()
}

/// An undo from intent to entry, at once.
pub(super) fn undo(ledger: &mut Ledger, card: &mut Card, name: u8, debit: Head) -> Head {
    let Body::Debit(sale) = ledger.view().entry(debit.sequence).unwrap().unwrap().entry.body else {
        panic!("no debit")
    };
    let intent = card.undo(name, debit.sequence, sale.proof.record.counter.get());
    ledger.store_intent(&intent, &card.certificate).unwrap();
    let proof = card.does(&intent);
    ledger.settle(intent.transaction, NOW, done(&intent, proof, Learnt::AtOnce, false)).unwrap()
}

pub(super) fn request(ledger: &Ledger, name: u8) -> ExchangeRequest {
    let health = Health { version: "1".to_owned(), disk_free_bytes: 1 << 30 };
    ledger.view().next_request(RequestId::new([name; 16]), NOW, &[], health).unwrap()
}

pub(super) fn started() -> Body {
    Body::Event(entry::TechnicalEvent::Started { version: "1".to_owned() })
}

/// The answer in `bytes`, applied at `now`.
pub(super) fn apply(
    ledger: &mut Ledger,
    bytes: &[u8],
    request: &ExchangeRequest,
    now: Timestamp,
) -> Result<Applied, ApplyError> {
    let verified = verify_answer(bytes, ledger.view().trusted_keys(), request).unwrap();
    ledger.apply_answer(&verified, now)
}

/// An exchange with these pages, two seconds after `NOW`.
pub(super) fn exchange(
    world: &World,
    ledger: &mut Ledger,
    name: u8,
    pages: &[(u32, FeedPage)],
) -> Result<Applied, ApplyError> {
    let request = request(ledger, name);
    let bytes = world.region.answer(&request, NOW.plus(2), ledger.view().head(), pages);
    apply(ledger, &bytes, &request, NOW.plus(3))
}
