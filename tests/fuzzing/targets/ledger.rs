//! A region that is not the region, or is and has lost its mind, against a terminal's real ledger.
//!
//! Without the region's key nothing changes. With it, no entry is lost or altered, the chain stays whole, a doubt ends by a card's signature
//! alone, and a terminal that was retired stays so.

use std::sync::LazyLock;

use pass::crypto::{Ed25519Key, P256Key, sign1_es256};
use pass::domain::catalogue::Catalogue;
use pass::domain::entry::{Body, Intent, Purpose, Sale, TechnicalEvent, Tender};
use pass::domain::{Cents, Counter, EntitlementSerial, RequestId, Sequence, TransactionId};
use pass::ledger::{Fault, Ledger, VerifyError, Wrong, verify, verify_answer};
use pass::packing::pack_page;
use pass::virtual_card::MemoryStorage;
use pass::wire::cbor::{Opaque, decode, encode};
use pass::wire::cose::{Algorithm, Content, Sign1};
use pass::wire::exchange::{ExchangeAnswer, ExchangeRequest, Head, Health, Receipt, TerminalStanding};
use pass::wire::feed::{FeedPage, Item};
use tempfile::TempDir;

use super::Script;
use super::card_kit::{KEYS, VECTORS, unhex};
use super::directory::{copy, directory};
use super::world::{CINEMA, EVENING, Region, SEASON, cents, code, issued};

const TERMINAL: u32 = 417;

/// A ledger with a few entries and a sale in doubt, its next request, and what the region would answer.
struct Template {
    directory: TempDir,
    entry_key: Vec<u8>,
    request: ExchangeRequest,
    honest: Vec<u8>,
    entries: Vec<Vec<u8>>,
    key: P256Key,
}

static TEMPLATE: LazyLock<Template> = LazyLock::new(Template::make);

fn p256(name: &str) -> P256Key {
    P256Key::from_pkcs8(&unhex(VECTORS["keys"][name]["pkcs8"].as_str().unwrap())).unwrap()
}

fn in_doubt(card: &MemoryStorage) -> Intent {
    let sale = Sale {
        request: RequestId::new([9; 16]),
        benefit: code("cinema"),
        price: None,
        supplement: Cents::ZERO,
        due: cents(100),
        tender: Tender::Cash.into(),
    };
    let certificate = issued(card).certificate;
    Intent {
        card: certificate.card,
        certificate: pass::crypto::sha256(&certificate.encode()),
        counter_before: Counter::new(0),
        transaction: TransactionId::new([9; 16]),
        time: EVENING,
        purpose: Purpose::Sale {
            slot: CINEMA,
            season: SEASON,
            amount: 1,
            sale,
            entitlement_serial: EntitlementSerial::new(1),
            left: 4,
        },
        cashier: None,
    }
}

impl Template {
    fn make() -> Self {
        // The benefits and grants are the world's; the keys are those that everybody knows.
        let catalogue = Catalogue::new(SEASON, 1, Region::new().catalogue.benefits.clone()).unwrap();
        let region = Region::of(p256("root"), p256("region"), catalogue);
        let directory = directory();
        let (key, entry_key) = Ed25519Key::generate().unwrap();
        let card = region.card(1);
        let enrolment = region.enrolment(TERMINAL, &KEYS.terminal, "cinema");
        let mut ledger = Ledger::create(directory.path(), key, &enrolment, EVENING).unwrap();
        for _ in 0..3 {
            let started = Body::Event(TechnicalEvent::Started { version: "0.1.0".to_owned() });
            ledger.append(EVENING, started, None).unwrap();
        }
        ledger.store_intent(&in_doubt(&card), &issued(&card).certificate).unwrap();
        let health = Health { version: "0.1.0".to_owned(), disk_free_bytes: 0 };
        let request = ledger.view().next_request(RequestId::new([1; 16]), EVENING, &[], health).unwrap();
        let honest = region.answer(&request, vec![Item::Denial(region.denial(issued(&card).certificate.card))]);
        let entries = request.entries.iter().map(|entry| entry.0.clone()).collect();
        Self { directory, entry_key, request, honest, entries, key: p256("region") }
    }

    fn sign(&self, content: Content, payload: Vec<u8>) -> Vec<u8> {
        sign1_es256(&self.key, content, 1, None, payload).unwrap().encode()
    }

    /// An answer as the script wants it, signed with the region's own key.
    fn signed(&self, script: &mut Script<'_>) -> Vec<u8> {
        let honest = Sign1::decode(&self.honest, Algorithm::Es256, Content::ExchangeAnswer).unwrap();
        let what = script.byte();
        if what & 3 == 0 {
            let mut payload = honest.payload;
            script.damage(&mut payload);
            return self.sign(Content::ExchangeAnswer, payload);
        }
        let mut answer: ExchangeAnswer = decode(&honest.payload).unwrap();
        if what & 4 != 0 {
            answer.receipt = Opaque(self.sign(Content::Receipt, encode(&self.receipt(script))));
        }
        if what & 8 != 0 {
            answer.standing = match script.byte() % 3 {
                0 => TerminalStanding::Active,
                1 => TerminalStanding::Suspended,
                _ => TerminalStanding::Retired,
            };
            answer.time = EVENING.plus(script.word());
        }
        if what & 16 != 0 {
            answer.pages = self.pages(script, answer.time);
        }
        self.sign(Content::ExchangeAnswer, encode(&answer))
    }

    /// A receipt for any head, or for one of the chain's.
    fn receipt(&self, script: &mut Script<'_>) -> Receipt {
        let (terminal, request) = (self.request.terminal, self.request.request);
        let sequence = script.byte();
        let hash = match self.entries.get(usize::from(sequence % 8)) {
            Some(cose) => pass::crypto::entry_hash(cose),
            None => self.request.head.hash,
        };
        Receipt { terminal, head: Head { sequence: Sequence::new(sequence.into()), hash }, time: EVENING, request }
    }

    /// Pages with items of the script's.
    fn pages(&self, script: &mut Script<'_>, made_at: pass::domain::Timestamp) -> Vec<Opaque> {
        let mut pages = Vec::new();
        let mut from = u64::from(script.byte() & 1);
        for _ in 0..script.byte() % 3 {
            let to = from + u64::from(script.byte());
            let items = (0..script.byte() % 4).filter_map(|_| decode::<Item>(script.string()).ok()).collect::<Vec<_>>();
            let none = pass::crypto::sha256(&[]);
            let terminal = self.request.terminal;
            let page = FeedPage { terminal, from, to, made_at, denied_count: 0, denied_digest: none, items };
            pages.push(Opaque(self.sign(Content::FeedPage, encode(&pack_page(&page).unwrap()))));
            from = to;
        }
        pages
    }
}

/// Everything that a terminal must not lose.
fn entries(ledger: &Ledger) -> Vec<Vec<u8>> {
    let after = ledger.view().entries_after(Sequence::new(0), usize::MAX, usize::MAX).unwrap();
    after.into_iter().map(|(_, cose)| cose).collect()
}

/// Answers to a terminal's request, from somebody who has the region's key and from somebody who has not.
pub(crate) fn hostile_region(bytes: &[u8]) {
    let template = &*TEMPLATE;
    let mut script = Script(bytes);
    let with_key = script.byte() & 1 == 1;
    let answer = if with_key {
        template.signed(&mut script)
    } else {
        let mut answer = template.honest.clone();
        if script.byte() & 1 == 0 {
            answer = script.0.to_vec();
        } else {
            script.damage(&mut answer);
        }
        answer
    };
    let mut keys = pass::crypto::TrustedKeys::new(KEYS.root.public_key());
    assert!(keys.learn(
        Region::of(p256("root"), p256("region"), Catalogue::new(SEASON, 1, Vec::new()).unwrap()).key_certificate()
    ));
    let Ok(verified) = verify_answer(&answer, &keys, &template.request) else { return };
    assert!(with_key || answer == template.honest, "an answer was believed that the region never signed");

    let place = directory();
    copy(template.directory.path(), place.path());
    let key = Ed25519Key::from_pkcs8(&template.entry_key).unwrap();
    let mut ledger = Ledger::open(place.path(), key).unwrap();
    let (before, doubts) = (entries(&ledger), ledger.view().open_intents().unwrap().len());
    for _ in 0..2 {
        let retired = ledger.view().standing() == TerminalStanding::Retired;
        let (acknowledged, position) = (ledger.view().acknowledged(), ledger.view().feed_position());
        let applied = ledger.apply_answer(&verified, EVENING.plus(5));
        let after = entries(&ledger);
        assert_eq!(after[..before.len()], before, "no entry is lost or altered");
        assert!(ledger.view().feed_position() >= position);
        assert!(!retired || ledger.view().standing() == TerminalStanding::Retired);
        assert_eq!(ledger.view().open_intents().unwrap().len(), doubts, "only a card's signature ends a doubt");
        match applied {
            Ok(applied) => assert!(applied.acknowledged.sequence.get() <= after.len() as u64),
            Err(_) => assert_eq!((ledger.view().acknowledged(), after.len()), (acknowledged, after.len())),
        }
    }
    let behind = ledger.view().behind().is_some();
    drop(ledger);
    match verify(place.path(), None, |_, _| ()) {
        Ok(_) => (),
        // The region acknowledges what the terminal never wrote: it stops selling, and the file beside the ledger remembers.
        Err(VerifyError::Wrong(Fault { wrong: Wrong::HeadFile, .. })) if behind => (),
        Err(error) => panic!("the chain is not whole: {error}"),
    }
}
