//! A region in a directory of its own, terminals as small as can be, and virtual cards made at the region's bureau.

use super::stores::Stores;
use pass::card::{Opened, Opener, TerminalKey, Trust};
use pass::crypto::{
    Ed25519Key, P256Key, TrustedKeys, chain_beginning_hash, enrolment_key, entry_hash, mac0, random, sign1_ed25519,
    verify_mac0,
};
use pass::domain::card::{DebitOrder, Entitlement, ReversalOrder, SignedRecord, TerminalCertificate};
use pass::domain::catalogue::Code;
use pass::domain::entry::{
    Body, CardRead, Context, Debit, Entry, Intent, KeysChanged, Learnt, ReadReason, Reversal, Sale, TechnicalEvent,
    Tender,
};
use pass::domain::verdict::Verdict;
use pass::domain::{
    CardNumber, Cents, Counter, RequestId, Season, Sequence, Slot, TerminalId, Timestamp, TransactionId,
};
use pass::ledger::{VerifiedAnswer, verify_answer};
use pass::packing::unpack_page;
use pass::region::config::{CatalogueFile, SHIPPED_CATALOGUE};
use pass::region::desk::CODE_HOURS;
use pass::region::replacement::{Fee, Replacement};
use pass::region::store::Location;
use pass::region::{Refused, Region, RegionError};
use pass::succession::prove;
use pass::virtual_card::{CardInReader, CardMemory, InProcess, MemoryStorage, VirtualCard};
use pass::wire::apdu::Protocol;
use pass::wire::cbor::{Opaque, decode, encode};
use pass::wire::code::EnrolmentCode;
use pass::wire::cose::{Algorithm, Brought, Content, Mac0, Sign1};
use pass::wire::entry::encode_entry;
use pass::wire::exchange::{
    EnrolmentAnswer, EnrolmentRequest, ExchangeRequest, Head, Health, PROTOCOL_VERSION, TerminalStanding,
};
use pass::wire::feed::{FeedPage, Item};

/// A Saturday evening in the season 2026.
pub(crate) const EVENING: Timestamp = Timestamp::new(1_795_891_200);
pub(crate) const SEASON: Season = Season::new(2026);
pub(crate) const CINEMA: Slot = Slot::new(0).unwrap();
pub(crate) const BOOKS: Slot = Slot::new(1).unwrap();
pub(crate) const SPORT: Slot = Slot::new(2).unwrap();
pub(crate) const SCHOOL_BOOKS: Slot = Slot::new(3).unwrap();

pub(crate) fn code(code: &str) -> Code {
    Code::new(code).unwrap()
}

pub(crate) fn hours(hours: u32) -> Timestamp {
    EVENING.plus(hours * 3600)
}

/// A region with the shipped catalogue for the season 2026.
pub(crate) struct World {
    pub(crate) region: Region,
    pub(crate) directory: tempfile::TempDir,
    stores: Stores,
}

impl World {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let catalogue = CatalogueFile::parse(SHIPPED_CATALOGUE).unwrap();
        let (data, stores) = (directory.path().join("region"), Stores::new(directory.path()));
        let region = Region::create_on(&data, &stores.location(), &catalogue, SEASON, EVENING).unwrap();
        Self { region, directory, stores }
    }

    /// What names it to the program.
    pub(crate) fn arguments(&self) -> [String; 4] {
        let store = match self.stores.location() {
            Location::Sqlite(path) => format!("sqlite:{}", path.display()),
            Location::Postgres(url) => url,
        };
        let data = self.directory.path().join("region").display().to_string();
        ["--data".to_owned(), data, "--store".to_owned(), store]
    }

    /// The same region as another program has it open.
    pub(crate) fn opened_again(&self) -> Region {
        Region::open_on(&self.directory.path().join("region"), &self.stores.location()).unwrap()
    }

    /// A terminal of a new partner with this activity, enrolled.
    pub(crate) fn terminal(&self, activity: &str) -> Terminal {
        let partner = self.region.add_partner("Le Phare (inventé)", vec![code(activity)], EVENING).unwrap();
        let code = self.region.add_terminal(partner, None, false, CODE_HOURS, EVENING).unwrap();
        Terminal::enrol(&self.region, &code, EVENING).unwrap()
    }

    /// A card of the profile `lycee`.
    pub(crate) fn card(&self) -> Card {
        let mut card = Card::blank();
        card.number = Some(self.region.issue_card(&mut card.reader, &code("lycee"), EVENING).unwrap());
        card
    }

    /// A card in the place of `old`, and what was charged for it.
    pub(crate) fn replace(
        &self,
        old: CardNumber,
        fee: &Fee,
        now: Timestamp,
    ) -> Result<(Card, Replacement), RegionError> {
        let mut card = Card::blank();
        let made = self.region.replace_card(&mut card.reader, old, fee, now)?;
        card.number = Some(made.card);
        Ok((card, made))
    }

    /// The card's newest entitlement.
    pub(crate) fn rights(&self, card: CardNumber) -> Entitlement {
        *self.region.card_file(card).unwrap().entitlements.last().unwrap()
    }

    /// What the region says of each entry of a terminal: sequence, verdict, payable cents.
    pub(crate) fn verdicts(&self, terminal: &Terminal) -> Vec<(u64, Verdict, u64)> {
        let mut verdicts = Vec::new();
        let listed: Result<(), RegionError> = self.region.store().read(|tx| {
            tx.list_entries(Some(terminal.id), |listing| {
                let judged = listing.judged.unwrap();
                verdicts.push((listing.entry.key.place.sequence.get(), judged.verdict, judged.payable.get()));
                Ok(())
            })
        });
        listed.unwrap();
        verdicts
    }

    /// The verdict on the newest entry.
    pub(crate) fn last_verdict(&self, terminal: &Terminal) -> Verdict {
        self.verdicts(terminal).pop().unwrap().1
    }
}

/// A virtual card in a reader.
pub(crate) struct Card {
    pub(crate) reader: InProcess<CardInReader>,
    storage: MemoryStorage,
    pub(crate) number: Option<CardNumber>,
}

impl Card {
    pub(crate) fn blank() -> Self {
        Self::with_memory(CardMemory::BLANK, Protocol::T1)
    }

    pub(crate) fn with_memory(memory: CardMemory, protocol: Protocol) -> Self {
        let storage = MemoryStorage::new(memory.clone());
        let card = VirtualCard::new(memory, storage.clone()).unwrap();
        Self { reader: InProcess::of(card, protocol), storage, number: None }
    }

    /// A second card with everything that this one has, its private key too.
    pub(crate) fn cloned(&self) -> Self {
        Self { number: self.number, ..Self::with_memory(self.storage.load(), Protocol::T1) }
    }

    /// It was made, with this number.
    pub(crate) fn is(&mut self, number: CardNumber) {
        self.number = Some(number);
    }

    pub(crate) fn number(&self) -> CardNumber {
        self.number.unwrap()
    }
}

/// A terminal: its keys, its chain, and what it last heard.
pub(crate) struct Terminal {
    pub(crate) id: TerminalId,
    entry_key: Vec<u8>,
    card_keys: Vec<Vec<u8>>,
    /// The entries with which its keys were changed.
    changes: Vec<Vec<u8>>,
    pub(crate) enrolment: EnrolmentAnswer,
    pub(crate) keys: TrustedKeys,
    pub(crate) certificates: Vec<TerminalCertificate>,
    pub(crate) chain: Vec<Vec<u8>>,
    pub(crate) position: u64,
    pub(crate) acknowledged: Head,
    pub(crate) standing: TerminalStanding,
    pub(crate) doubts: Vec<Intent>,
    pub(crate) asks_for: Vec<CardNumber>,
}

impl Clone for Terminal {
    /// A copy of its disk.
    fn clone(&self) -> Self {
        Self {
            id: self.id,
            entry_key: self.entry_key.clone(),
            card_keys: self.card_keys.clone(),
            changes: self.changes.clone(),
            enrolment: self.enrolment.clone(),
            keys: self.keys.clone(),
            certificates: self.certificates.clone(),
            chain: self.chain.clone(),
            position: self.position,
            acknowledged: self.acknowledged,
            standing: self.standing,
            doubts: self.doubts.clone(),
            asks_for: self.asks_for.clone(),
        }
    }
}

/// The keys that a machine makes before it asks to be enrolled.
pub(crate) struct Machine {
    pub(crate) entry: (Ed25519Key, Vec<u8>),
    pub(crate) card: (P256Key, Vec<u8>),
}

impl Machine {
    pub(crate) fn new() -> Self {
        Self { entry: Ed25519Key::generate().unwrap(), card: P256Key::generate().unwrap() }
    }

    /// The request with which this machine uses `code`.
    pub(crate) fn request(&self, code: &EnrolmentCode) -> Vec<u8> {
        let request = EnrolmentRequest {
            protocol: PROTOCOL_VERSION,
            terminal: code.terminal,
            entry_key: self.entry.0.public_key().0,
            card_key: self.card.0.public_key(),
        };
        let key = enrolment_key(code).unwrap();
        mac0(&key, Content::EnrolmentRequest, code.terminal, encode(&request)).encode()
    }
}

/// What the region answered, checked with the code.
pub(crate) fn enrolment_answer(bytes: &[u8], code: &EnrolmentCode) -> EnrolmentAnswer {
    let envelope = Mac0::decode(bytes, Content::EnrolmentAnswer).unwrap();
    assert!(verify_mac0(&envelope, &enrolment_key(code).unwrap()));
    decode(&envelope.payload).unwrap()
}

impl Terminal {
    pub(crate) fn enrol(region: &Region, code: &EnrolmentCode, now: Timestamp) -> Result<Self, Refused> {
        let machine = Machine::new();
        let enrolment = enrolment_answer(&region.enrol(&machine.request(code), now)?, code);
        let mut keys = TrustedKeys::new(enrolment.root_key);
        assert!(enrolment.region_keys.iter().all(|key| keys.learn(*key)));
        let beginning = chain_beginning_hash(code.terminal, &machine.entry.0.public_key());
        Ok(Self {
            id: code.terminal,
            entry_key: machine.entry.1,
            card_keys: vec![machine.card.1],
            changes: Vec::new(),
            keys,
            certificates: enrolment.certificates.clone(),
            enrolment,
            chain: Vec::new(),
            position: 0,
            acknowledged: Head { sequence: Sequence::new(0), hash: beginning },
            standing: TerminalStanding::Active,
            doubts: Vec::new(),
            asks_for: Vec::new(),
        })
    }

    fn signing_key(&self) -> Ed25519Key {
        Ed25519Key::from_pkcs8(&self.entry_key).unwrap()
    }

    pub(crate) fn head(&self) -> Head {
        match self.chain.last() {
            Some(cose) => Head { sequence: Sequence::new(self.chain.len() as u64), hash: entry_hash(cose) },
            None => Head {
                sequence: Sequence::new(0),
                hash: chain_beginning_hash(self.id, &self.signing_key().public_key()),
            },
        }
    }

    /// An entry that would follow the chain's head, not written.
    pub(crate) fn draft(&self, body: Body, time: Timestamp) -> Entry {
        let head = self.head();
        let context =
            Context { catalogue_version: 1, feed_position: self.position, policy_version: 1, last_exchange: EVENING };
        Entry {
            terminal: self.id,
            sequence: head.sequence.next(),
            previous: head.hash,
            time,
            context,
            body,
            cashier: None,
        }
    }

    /// Signs any payload as an entry.
    pub(crate) fn sign(&self, payload: Vec<u8>) -> Vec<u8> {
        sign1_ed25519(&self.signing_key(), Content::Entry, self.id, payload).encode()
    }

    /// Writes an entry; its sequence.
    pub(crate) fn write(&mut self, body: Body, time: Timestamp) -> Sequence {
        let cose = self.sign(encode_entry(&self.draft(body, time)));
        self.chain.push(cose);
        self.head().sequence
    }

    /// Something without consequence.
    pub(crate) fn write_start(&mut self, time: Timestamp) -> Sequence {
        self.write(Body::Event(TechnicalEvent::Started { version: "0.1.0".to_owned() }), time)
    }

    fn certificate(&self, now: Timestamp) -> TerminalCertificate {
        *self.certificates.iter().rfind(|of| of.season == Season::at(now)).unwrap()
    }

    /// The private half of the key that a certificate names.
    fn card_key(&self, certificate: &TerminalCertificate) -> P256Key {
        let keys = self.card_keys.iter().map(|key| P256Key::from_pkcs8(key).unwrap());
        keys.rev().find(|key| key.public_key() == certificate.public_key).unwrap()
    }

    /// Puts the keys of `machine` in the place of its own.
    pub(crate) fn change_keys(&mut self, machine: &Machine, now: Timestamp) -> Sequence {
        let head = self.head();
        let keys = prove(self.id, head.sequence.next(), head.hash, &machine.entry.0, &machine.card.0).unwrap();
        self.change_keys_to(keys, machine, now)
    }

    /// The same with these proofs.
    pub(crate) fn change_keys_to(&mut self, keys: KeysChanged, machine: &Machine, now: Timestamp) -> Sequence {
        let sequence = self.write(Body::Event(TechnicalEvent::KeysChanged(Box::new(keys))), now);
        self.changes.extend(self.chain.last().cloned());
        self.entry_key.clone_from(&machine.entry.1);
        self.card_keys.push(machine.card.1.clone());
        sequence
    }

    pub(crate) fn open(&self, card: &mut Card, now: Timestamp) -> Opened {
        let certificate = self.certificate(now);
        let key = self.card_key(&certificate);
        let mut trust = Trust::new(self.keys.clone());
        let mut opener = Opener { trust: &mut trust, terminal: TerminalKey { key: &key, certificate } };
        opener.open(&mut card.reader).unwrap()
    }

    /// Debits a card; nothing is written.
    pub(crate) fn debit(&self, card: &mut Card, slot: Slot, amount: u32, now: Timestamp) -> Debit {
        let mut opened = self.open(card, now);
        let key = self.card_key(&self.certificate(now));
        let transaction = TransactionId::new(random().unwrap());
        let order = DebitOrder { slot, season: Season::at(now), amount, transaction, time: now };
        let proof = opened.session.debit(&mut card.reader, &key, self.id, order).unwrap();
        let sale = Sale {
            request: RequestId::new(random().unwrap()),
            benefit: code("cinema"),
            price: None,
            supplement: Cents::ZERO,
            due: Cents::from_u32(100),
            tender: Tender::Cash.into(),
        };
        Debit {
            proof,
            certificate: opened.certificate_hash,
            entitlement_serial: opened.entitlement.unwrap().serial,
            left: 0,
            sale,
            collected: Cents::from_u32(100),
            learnt: Learnt::AtOnce,
            abandoned: false,
        }
    }

    /// Debits a card and writes the entry.
    pub(crate) fn sell(
        &mut self,
        card: &mut Card,
        slot: Slot,
        amount: u32,
        now: Timestamp,
    ) -> (Sequence, SignedRecord) {
        let debit = self.debit(card, slot, amount, now);
        let record = debit.proof;
        (self.write(Body::Debit(debit), now), record)
    }

    /// Takes a debit back on the card; nothing is written.
    pub(crate) fn reverse(&self, card: &mut Card, debit: (Sequence, SignedRecord), now: Timestamp) -> Reversal {
        let mut opened = self.open(card, now);
        let key = self.card_key(&self.certificate(now));
        let (sequence, SignedRecord { record, .. }) = debit;
        let transaction = TransactionId::new(random().unwrap());
        let order = ReversalOrder { debit_counter: record.counter, transaction, time: now };
        let proof = opened.session.reverse(&mut card.reader, &key, &record, order).unwrap();
        Reversal {
            proof,
            certificate: opened.certificate_hash,
            debit: sequence,
            returned: Cents::from_u32(100),
            tender: Tender::Cash.into(),
            request: RequestId::new(random().unwrap()),
            learnt: Learnt::AtOnce,
        }
    }

    /// Reads a card's records from `from` on.
    pub(crate) fn read(&self, card: &mut Card, from: u32, now: Timestamp) -> CardRead {
        let opened = self.open(card, now);
        let records = opened.session.read_records(&mut card.reader, Counter::new(from)).unwrap();
        CardRead {
            card: card.number(),
            certificate: opened.certificate_hash,
            reason: ReadReason::Wanted,
            challenge: opened.session.terminal_challenge(),
            state: *opened.session.state(),
            records,
        }
    }

    /// Gives a card an entitlement.
    pub(crate) fn put(&self, card: &mut Card, entitlement: Entitlement, now: Timestamp) {
        self.open(card, now).session.put_entitlement(&mut card.reader, entitlement);
    }

    /// The request for everything after the acknowledged head.
    pub(crate) fn request(&self, now: Timestamp) -> ExchangeRequest {
        let known = usize::try_from(self.acknowledged.sequence.get()).unwrap().min(self.chain.len());
        self.request_with(self.chain[known..].to_vec(), now)
    }

    pub(crate) fn request_with(&self, entries: Vec<Vec<u8>>, now: Timestamp) -> ExchangeRequest {
        ExchangeRequest {
            protocol: PROTOCOL_VERSION,
            terminal: self.id,
            request: RequestId::new(random().unwrap()),
            time: now,
            feed_position: self.position,
            head: self.head(),
            entries: entries.into_iter().map(Opaque).collect(),
            in_doubt: self.doubts.clone(),
            cards: self.asks_for.clone(),
            health: Health { version: "0.1.0".to_owned(), disk_free_bytes: 1 << 30 },
        }
    }

    pub(crate) fn message(&self, request: &ExchangeRequest) -> Vec<u8> {
        self.message_of(encode(request))
    }

    /// Any payload, signed as a request.
    pub(crate) fn message_of(&self, payload: Vec<u8>) -> Vec<u8> {
        let message = sign1_ed25519(&self.signing_key(), Content::ExchangeRequest, self.id, payload);
        let brought =
            if self.changes.is_empty() { Brought::Nothing } else { Brought::KeyChanges(self.changes.clone()) };
        Sign1 { brought, ..message }.encode()
    }

    /// One exchange of everything, as a terminal does it: the answer is checked with the terminal's own code.
    pub(crate) fn exchange(&mut self, region: &Region, now: Timestamp) -> Heard {
        let request = self.request(now);
        self.exchange_request(region, &request, now)
    }

    /// One exchange of this request; what the answer says is taken.
    pub(crate) fn exchange_request(&mut self, region: &Region, request: &ExchangeRequest, now: Timestamp) -> Heard {
        let answer = region.exchange(&self.message(request), now).unwrap();
        self.hear(&answer, request)
    }

    pub(crate) fn hear(&mut self, answer: &[u8], request: &ExchangeRequest) -> Heard {
        let heard = Heard::of(verify_answer(answer, &self.keys, request).unwrap());
        for item in &heard.items {
            match item {
                Item::KeyCertificate(key) => assert!(self.keys.learn(*key)),
                Item::TerminalCertificate(certificate) => self.certificates.push(*certificate),
                _ => (),
            }
        }
        self.position = heard.pages.last().unwrap().to;
        self.standing = heard.answer.answer().standing;
        let head = heard.head();
        if head.sequence.get() as usize <= self.chain.len() {
            self.acknowledged = head;
        }
        heard
    }
}

/// An answer whose signatures hold, opened.
pub(crate) struct Heard {
    pub(crate) answer: VerifiedAnswer,
    pub(crate) pages: Vec<FeedPage>,
    pub(crate) items: Vec<Item>,
}

impl Heard {
    fn of(answer: VerifiedAnswer) -> Self {
        let open = |bytes: &Opaque| -> FeedPage {
            let message = Sign1::decode(&bytes.0, Algorithm::Es256, Content::FeedPage).unwrap();
            unpack_page(&decode(&message.payload).unwrap()).unwrap()
        };
        let pages: Vec<FeedPage> = answer.answer().pages.iter().map(open).collect();
        let items = pages.iter().flat_map(|page| page.items.clone()).collect();
        Self { answer, pages, items }
    }

    pub(crate) fn head(&self) -> Head {
        self.answer.receipt().head
    }

    /// The verdicts that it brings, by sequence.
    pub(crate) fn verdicts(&self) -> Vec<(u64, u32, Verdict)> {
        let verdict = |item: &Item| match item {
            Item::Verdict(verdict) => Some((verdict.sequence.get(), verdict.version, verdict.verdict)),
            _ => None,
        };
        self.items.iter().filter_map(verdict).collect()
    }

    /// The entitlements that it brings.
    pub(crate) fn entitlements(&self) -> Vec<Entitlement> {
        let entitlement = |item: &Item| match item {
            Item::Entitlement(entitlement) => Some(*entitlement),
            _ => None,
        };
        self.items.iter().filter_map(entitlement).collect()
    }
}
