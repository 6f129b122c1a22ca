//! A small world: a region's keys, an enrolled terminal with a real ledger in a directory, and cards in memory.

use std::cell::RefCell;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pass::crypto::{P256Key, sha256, sign1_es256};
use pass::domain::card::{CardCertificate, Entitlement, KeyCertificate, Signature, TerminalCertificate};
use pass::domain::catalogue::{Benefit, Catalogue, Code, Grant, Unit};
use pass::domain::policy::{Limit, Policy};
use pass::domain::purse::{Amounts, Slot};
use pass::domain::refusal::DenialReason;
use pass::domain::time::{Season, Timestamp};
use pass::domain::{
    CardNumber, Cents, EntitlementSerial, HolderReference, IssueNumber, KeySerial, PartnerId, TerminalId,
};
use pass::packing::pack_page;
use pass::terminal::clock::Clock;
use pass::virtual_card::{Authority, CardMemory, IssuedMemory, MemoryStorage, PrivateKey};
use pass::wire::card::block_bytes;
use pass::wire::cbor::{Opaque, encode};
use pass::wire::cose::Content;
use pass::wire::exchange::{
    EnrolmentAnswer, ExchangeAnswer, ExchangeRequest, PROTOCOL_VERSION, Receipt, TerminalStanding,
};
use pass::wire::feed::{Denial, FeedPage, Item, Partner, denied_bytes};

/// A Saturday evening in the season 2026.
pub(crate) const EVENING: Timestamp = Timestamp::new(1_795_891_200);
pub(crate) const SEASON: Season = Season::new(2026);
pub(crate) const CINEMA: Slot = Slot::new(0).unwrap();
pub(crate) const BOOKS: Slot = Slot::new(1).unwrap();
const UNSIGNED: Signature = Signature([0; 64]);

pub(crate) fn code(code: &str) -> Code {
    Code::new(code).unwrap()
}

pub(crate) fn cents(cents: u32) -> Cents {
    Cents::from_u32(cents)
}

/// A clock that stands still until it is told.
#[derive(Debug)]
pub(crate) struct TestClock(Mutex<(Timestamp, Duration)>);

impl TestClock {
    pub(crate) fn at(time: Timestamp) -> Arc<Self> {
        Arc::new(Self(Mutex::new((time, Duration::ZERO))))
    }

    pub(crate) fn pass(&self, duration: Duration) {
        let mut now = self.0.lock().unwrap();
        *now = (now.0.plus(u32::try_from(duration.as_secs()).unwrap()), now.1 + duration);
    }

    pub(crate) fn set(&self, time: Timestamp) {
        self.0.lock().unwrap().0 = time;
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        self.0.lock().unwrap().0
    }

    fn since_start(&self) -> Duration {
        self.0.lock().unwrap().1
    }
}

/// A region's keys and rules.
pub(crate) struct Region {
    pub(crate) root: P256Key,
    pub(crate) key: P256Key,
    pub(crate) catalogue: Catalogue,
    /// Told to the one terminal that a test tells denials.
    denied: RefCell<Vec<CardNumber>>,
}

impl Region {
    pub(crate) fn new() -> Self {
        let key = || P256Key::generate().unwrap().0;
        Self::of(key(), key(), Catalogue::new(SEASON, 1, benefits()).unwrap())
    }

    /// A region with these keys and this catalogue.
    pub(crate) fn of(root: P256Key, key: P256Key, catalogue: Catalogue) -> Self {
        Self { root, key, catalogue, denied: RefCell::default() }
    }

    pub(crate) fn key_certificate(&self) -> KeyCertificate {
        let plain =
            KeyCertificate { serial: KeySerial::new(1), public_key: self.key.public_key(), signature: UNSIGNED };
        KeyCertificate { signature: self.root.sign(&plain.signed_bytes()).unwrap(), ..plain }
    }

    pub(crate) fn terminal_certificate(
        &self,
        terminal: u32,
        card_key: &P256Key,
        activity: &str,
        now: Timestamp,
    ) -> TerminalCertificate {
        let plain = TerminalCertificate {
            key_serial: KeySerial::new(1),
            terminal: TerminalId::new(terminal),
            partner: PartnerId::new(12),
            season: Season::at(now),
            slots: self.catalogue.slots_for(&[code(activity)]),
            issued_at: now.minus(600),
            not_after: now.minus(600).plus(TerminalCertificate::LIFE_SECONDS_MAX),
            public_key: card_key.public_key(),
            signature: UNSIGNED,
        };
        TerminalCertificate { signature: self.key.sign(&plain.signed_bytes()).unwrap(), ..plain }
    }

    /// What a terminal is enrolled with.
    pub(crate) fn enrolment(&self, terminal: u32, card_key: &P256Key, activity: &str) -> EnrolmentAnswer {
        EnrolmentAnswer {
            protocol: PROTOCOL_VERSION,
            terminal: TerminalId::new(terminal),
            partner_id: PartnerId::new(12),
            partner: Partner { name: "Cinéma Le Phare (inventé)".to_owned(), activities: vec![code(activity)] },
            replaces: None,
            time: EVENING,
            root_key: self.root.public_key(),
            region_keys: vec![self.key_certificate()],
            certificates: vec![self.terminal_certificate(terminal, card_key, activity, EVENING)],
            catalogues: vec![self.catalogue.clone()],
            policy: Policy {
                version: 1,
                offline_hours: Limit { soft: 24, hard: 72 },
                waiting_entries: Limit { soft: 500_000, hard: 2_000_000 },
                waiting_cents: Limit { soft: cents(100_000_000), hard: cents(1_000_000_000) },
                deny_list_hours: Limit { soft: 24, hard: 96 },
                all_entitlements: false,
            },
        }
    }

    /// The answer to a terminal's first request: nothing is denied, nothing is new.
    pub(crate) fn first_answer(&self, request: &ExchangeRequest) -> Vec<u8> {
        self.answer(request, Vec::new())
    }

    /// A final denial.
    pub(crate) fn denial(&self, card: CardNumber) -> Denial {
        let block = Some(self.key.sign(&block_bytes(card)).unwrap());
        Denial { card, reason: DenialReason::Lost, denied_at: EVENING, block }
    }

    /// An answer that acknowledges everything and tells `items`.
    pub(crate) fn answer(&self, request: &ExchangeRequest, items: Vec<Item>) -> Vec<u8> {
        let mut denied: Vec<CardNumber> = self.denied.borrow().clone();
        denied.extend(
            items.iter().filter_map(|item| if let Item::Denial(denial) = item { Some(denial.card) } else { None }),
        );
        denied.sort();
        denied.dedup();
        self.denied.replace(denied.clone());
        let sign = |content, payload| sign1_es256(&self.key, content, 1, None, payload).unwrap().encode();
        let (terminal, time) = (request.terminal, request.time);
        let receipt = Receipt { terminal, head: request.head, time, request: request.request };
        let page = FeedPage {
            terminal,
            from: request.feed_position,
            to: request.feed_position + 1,
            made_at: time,
            denied_count: denied.len() as u64,
            denied_digest: sha256(&denied_bytes(denied.into_iter())),
            items,
        };
        let answer = ExchangeAnswer {
            protocol: PROTOCOL_VERSION,
            terminal,
            request: request.request,
            time,
            receipt: Opaque(sign(Content::Receipt, encode(&receipt))),
            pages: vec![Opaque(sign(Content::FeedPage, encode(&pack_page(&page).unwrap())))],
            more: false,
            standing: TerminalStanding::Active,
            entitlements: Vec::new(),
        };
        sign(Content::ExchangeAnswer, encode(&answer))
    }

    pub(crate) fn entitlement(&self, card: CardNumber, season: Season, serial: u32) -> Entitlement {
        let plain = Entitlement {
            key_serial: KeySerial::new(1),
            card,
            season,
            serial: EntitlementSerial::new(serial),
            granted: self.catalogue.granted_to(&code("lycee")),
            opening: Amounts::ZERO,
            signature: UNSIGNED,
        };
        Entitlement { signature: self.key.sign(&plain.signed_bytes()).unwrap(), ..plain }
    }

    /// An issued card of the profile `lycee`: five seats, 8.00 EUR of books.
    pub(crate) fn card(&self, account: u64) -> MemoryStorage {
        let (key, pkcs8) = P256Key::generate().unwrap();
        let card = CardNumber::from_account(925_000_000_000_000 + account).unwrap();
        let plain = CardCertificate {
            key_serial: KeySerial::new(1),
            card,
            issue: IssueNumber::new(1),
            holder: HolderReference::new(*b"holder reference"),
            issued_at: EVENING.minus(86_400),
            public_key: key.public_key(),
            signature: UNSIGNED,
        };
        let certificate = CardCertificate { signature: self.key.sign(&plain.signed_bytes()).unwrap(), ..plain };
        let authority = Authority { root: self.root.public_key(), region_key: self.key_certificate() };
        let memory = IssuedMemory::new(PrivateKey::new(pkcs8), authority, certificate);
        let entitlement = Some(self.entitlement(card, SEASON, 1));
        MemoryStorage::new(CardMemory::Issued(Box::new(IssuedMemory { entitlement, ..memory })))
    }
}

fn benefits() -> Vec<Benefit> {
    let benefit = |slot, name: &str, unit, activity: &str, amount| Benefit {
        slot,
        code: code(name),
        label_fr: name.to_owned(),
        label_en: name.to_owned(),
        unit,
        activities: vec![code(activity)],
        grants: vec![Grant { profile: code("lycee"), amount }],
        once: false,
        redemption_max: None,
        day_max: None,
    };
    let seat = Unit::Seat { contribution: cents(100), region_pays: cents(400) };
    vec![benefit(CINEMA, "cinema", seat, "cinema", 5), benefit(BOOKS, "leisure-books", Unit::Cent, "bookshop", 800)]
}

/// What a card in memory is now.
pub(crate) fn issued(card: &MemoryStorage) -> IssuedMemory {
    match card.load() {
        CardMemory::Issued(issued) => *issued,
        CardMemory::Blank(_) => panic!("a blank card"),
    }
}
