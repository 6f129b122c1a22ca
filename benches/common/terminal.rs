//! A terminal that was enrolled, with its ledger in a directory, and cards as the ledger sees them.

use std::fs;
use std::path::{Path, PathBuf};

use pass::crypto::{self, Ed25519Key, P256Key, sha256};
use pass::domain::card::{CardCertificate, Operation, Record, Signature, SignedRecord};
use pass::domain::catalogue::{Benefit, Catalogue, Grant, Unit};
use pass::domain::entry::{Body, Debit, Intent, Learnt, Purpose, Sale, Tender};
use pass::domain::{
    CardNumber, Counter, EntitlementSerial, HolderReference, IssueNumber, KeySerial, RequestId, TerminalId, Timestamp,
    TransactionId,
};
use pass::ledger::{Ledger, TerminalKeys, verify_answer};
use pass::wire::exchange::Health;

use super::world::{CINEMA, EVENING, Region, SEASON, cents, code};

const TERMINAL: u32 = 7;
/// Seats: more than any measurement sells.
const GRANTED: u32 = 100_000_000;
const UNSIGNED: Signature = Signature([0; 64]);

/// A region whose cards are granted more seats than any measurement takes.
pub(crate) fn generous(root: P256Key, key: P256Key) -> Region {
    let benefit = Benefit {
        slot: CINEMA,
        code: code("cinema"),
        label_fr: "Cinéma".to_owned(),
        label_en: "Cinema".to_owned(),
        unit: Unit::Seat { contribution: cents(100), region_pays: cents(400) },
        activities: vec![code("cinema")],
        grants: vec![Grant { profile: code("lycee"), amount: GRANTED }],
        once: false,
        redemption_max: None,
        day_max: None,
    };
    Region::of(root, key, Catalogue::new(SEASON, 1, vec![benefit]).unwrap())
}

/// A terminal's directory: its ledger, and the keys of the whole world beside it.
pub(crate) struct Terminal {
    pub(crate) directory: PathBuf,
    pub(crate) region: Region,
}

impl Terminal {
    /// Enrols a terminal in `directory`, which exists and is empty.
    pub(crate) fn enrol(directory: &Path) -> Self {
        for name in ["root", "region", "card"] {
            fs::write(directory.join(name), P256Key::generate().unwrap().1).unwrap();
        }
        let (entry, pkcs8) = Ed25519Key::generate().unwrap();
        fs::write(directory.join("entry"), pkcs8).unwrap();
        let terminal = Self::at(directory);
        let answer = terminal.region.enrolment(TERMINAL, &terminal.keys().card, "cinema");
        let mut ledger = Ledger::create(directory, entry, &answer, EVENING).unwrap();
        let health = Health { version: "bench".to_owned(), disk_free_bytes: 0 };
        let request = ledger.view().next_request(RequestId::new([0; 16]), EVENING, &[], health).unwrap();
        let first = terminal.region.first_answer(&request);
        let verified = verify_answer(&first, ledger.view().trusted_keys(), &request).unwrap();
        ledger.apply_answer(&verified, EVENING).unwrap();
        terminal
    }

    /// The terminal that was enrolled in `directory`.
    pub(crate) fn at(directory: &Path) -> Self {
        let key = |name: &str| P256Key::from_pkcs8(&fs::read(directory.join(name)).unwrap()).unwrap();
        Self { directory: directory.to_owned(), region: generous(key("root"), key("region")) }
    }

    pub(crate) fn keys(&self) -> TerminalKeys {
        let card = P256Key::from_pkcs8(&fs::read(self.directory.join("card")).unwrap()).unwrap();
        TerminalKeys::new(self.entry_key(), card)
    }

    fn entry_key(&self) -> Ed25519Key {
        Ed25519Key::from_pkcs8(&fs::read(self.directory.join("entry")).unwrap()).unwrap()
    }

    pub(crate) fn ledger(&self) -> Ledger {
        Ledger::open(&self.directory, self.entry_key()).unwrap()
    }

    /// A new card of the region, with a number that no other has.
    pub(crate) fn card(&self) -> Card {
        let (key, _) = P256Key::generate().unwrap();
        let account = u64::from_be_bytes(crypto::random().unwrap()) % 1_000_000_000_000;
        let plain = CardCertificate {
            key_serial: KeySerial::new(1),
            card: CardNumber::from_account(925_000_000_000_000 + account).unwrap(),
            issue: IssueNumber::new(1),
            holder: HolderReference::new([7; 16]),
            issued_at: EVENING,
            public_key: key.public_key(),
            signature: UNSIGNED,
        };
        let signature = self.region.key.sign(&plain.signed_bytes()).unwrap();
        let certificate = CardCertificate { signature, ..plain };
        Card { key, hash: sha256(&certificate.encode()), certificate, debits: 0 }
    }

    /// As many cards.
    pub(crate) fn cards(&self, count: usize) -> Vec<Card> {
        (0..count).map(|_| self.card()).collect()
    }
}

/// A card as far as the ledger is concerned: it signs the records of its debits, of one seat each.
pub(crate) struct Card {
    key: P256Key,
    pub(crate) certificate: CardCertificate,
    hash: [u8; 32],
    debits: u32,
}

impl Card {
    pub(crate) fn number(&self) -> CardNumber {
        self.certificate.card
    }

    /// A sale of a seat to this card: what is stored before, and the entry after.
    pub(crate) fn sale(&mut self, time: Timestamp) -> (Intent, Body) {
        let transaction = TransactionId::new(crypto::random().unwrap());
        let sale = Sale {
            request: RequestId::new(crypto::random().unwrap()),
            benefit: code("cinema"),
            price: None,
            supplement: cents(0),
            due: cents(100),
            tender: Tender::Cash.into(),
        };
        let entitlement_serial = EntitlementSerial::new(1);
        let counter_before = Counter::new(self.debits);
        self.debits += 1;
        let left = GRANTED - self.debits;
        let purpose =
            Purpose::Sale { slot: CINEMA, season: SEASON, amount: 1, sale: sale.clone(), entitlement_serial, left };
        let intent = Intent {
            card: self.number(),
            certificate: self.hash,
            counter_before,
            transaction,
            time,
            purpose,
            cashier: None,
        };
        let record = Record {
            card: self.number(),
            operation: Operation::Debit,
            slot: CINEMA,
            season: SEASON,
            amount: 1,
            link: 0,
            consumed: self.debits,
            counter: Counter::new(self.debits),
            terminal: TerminalId::new(TERMINAL),
            transaction,
            time,
        };
        let proof = SignedRecord { record, signature: self.key.sign(&record.signed_bytes()).unwrap() };
        let debit = Debit {
            proof,
            certificate: self.hash,
            entitlement_serial,
            left,
            collected: sale.due,
            sale,
            learnt: Learnt::AtOnce,
            abandoned: false,
        };
        (intent, Body::Debit(debit))
    }
}

/// Both commits of a sale.
pub(crate) fn sell(ledger: &mut Ledger, certificate: &CardCertificate, intent: &Intent, body: Body) {
    ledger.store_intent(intent, certificate).unwrap();
    ledger.settle(intent.transaction, intent.time, body).unwrap();
}

/// A terminal whose ledger has at least `entries` entries, of some thousand cards. It is made once and kept.
///
/// It is made by the ledger itself, sale by sale, where a sync costs nothing.
pub(crate) fn grown(entries: u64) -> Terminal {
    // Made anew when the schema is another.
    let schema = sha256(include_bytes!("../../sql/terminal/V1__ledger.sql"));
    let schema = hex::encode(&schema[..4]);
    let kept = super::kept(&format!("{entries}-{schema}"));
    if !kept.exists() {
        let memory = Path::new("/dev/shm");
        let place =
            if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir_in(kept.parent().unwrap()) };
        let place = place.unwrap();
        grow(&Terminal::enrol(place.path()), entries);
        let unfinished = kept.with_extension("unfinished");
        fs::create_dir_all(&unfinished).unwrap();
        for file in fs::read_dir(place.path()).unwrap() {
            let file = file.unwrap();
            let copy = unfinished.join(file.file_name());
            fs::copy(file.path(), &copy).unwrap();
            fs::File::open(copy).unwrap().sync_all().unwrap();
        }
        fs::rename(unfinished, &kept).unwrap();
    }
    Terminal::at(&kept)
}

fn grow(terminal: &Terminal, entries: u64) {
    const CARDS: usize = 10_000;
    /// Between two sales, in seconds: a long day's worth of them in an hour.
    const PACE: u32 = 10;
    let mut ledger = terminal.ledger();
    let mut cards = terminal.cards(CARDS.min(entries as usize));
    let mut time = EVENING;
    while ledger.view().head().sequence.get() < entries {
        let done = ledger.view().head().sequence.get();
        if done.is_multiple_of(50_000) {
            eprintln!("making a ledger of {entries} entries: {done}");
        }
        time = time.plus(PACE);
        // Steps of a prime: a card comes back, and neighbours in the chain are not neighbours in number.
        let count = cards.len() as u64;
        let card = &mut cards[(done * 7_919 % count) as usize];
        let (intent, body) = card.sale(time);
        sell(&mut ledger, &card.certificate, &intent, body);
    }
}
