//! Terminals that are not what they seem: the counter is real, the keys are real, and what the region is told of it is a lie.
//!
//! A dishonest terminal keeps a second chain, under its own key, and it is that one which the region gets. What its counter does goes into it, changed as the
//! lie has it; some lies go to the card by themselves, past the counter. The real ledger never hears of the region again.

use std::collections::BTreeMap;

use pass::card::{Opener, TerminalKey, Trust};
use pass::crypto::{Ed25519Key, P256Key, entry_hash, sign1_ed25519};
use pass::domain::card::{DebitOrder, Operation, SignedRecord, TerminalCertificate};
use pass::domain::entry::{Body, Debit, Entry, Learnt, Sale, TechnicalEvent, Tender};
use pass::domain::purse::Slot;
use pass::domain::{Cents, EntryHash, RequestId, Sequence, TerminalId, Timestamp, TransactionId};
use pass::ledger::{StoredEntry, TerminalKeys, View};
use pass::wire::apdu::Transport;
use pass::wire::cbor::{Opaque, decode, encode};
use pass::wire::cose::{Algorithm, Content, Sign1};
use pass::wire::entry::encode_entry;
use pass::wire::exchange::{ExchangeAnswer, ExchangeRequest, Head, Health, PROTOCOL_VERSION, Receipt};
use pass::wire::feed::PackedPage;

use crate::chance::Chance;
use crate::shared::Shared;

macro_rules! lies {
    ($($name:ident $meaning:literal, $found:literal;)*) => {
        /// What a dishonest terminal does.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum Lie {
            $(#[doc = $meaning] $name,)*
        }

        impl Lie {
            pub(crate) const ALL: &'static [Self] = &[$(Self::$name),*];

            /// What it does, and how it is found; or that it is not, and why nothing is lost by it.
            pub(crate) const fn meaning(self) -> (&'static str, &'static str) {
                match self { $(Self::$name => ($meaning, $found),)* }
            }
        }
    };
}

lies! {
    AltersAmount "enters a debit with more than the card was debited",
        "card-proof: the card has signed another amount";
    AltersMoney "enters a debit with another price, and more collected",
        "not found, no signature knows a price; the region pays for what the card has signed, so nothing is lost but to its own books";
    Drops "leaves a debit out",
        "the card's counter has a gap, its record is asked for; it is paid to nobody, and what is lost is the terminal's";
    HidesReversal "leaves a reversal out, to be paid for a debit that was taken back",
        "missing-reversal as soon as the card was debited elsewhere, since a debit counts the reversals before it; taken-back once its records are read";
    Invents "enters a debit that never was, of a card that was there",
        "card-proof: no card has signed it";
    InventsCard "enters a debit of a card that the region never made",
        "unknown-card";
    Repeats "enters a debit twice",
        "already-paid: a counter of a card is paid once";
    Steals "enters a debit that another terminal made, as its own",
        "other-terminal: the card's record names who made it";
    Submits "puts an entry that another terminal signed into its own chain",
        "the intake halts before it (foreign): nothing from there on is acknowledged, and it has no receipt";
    Tampers "changes an entry after it was signed",
        "the intake halts before it (signature): nothing from there on is acknowledged, and it has no receipt";
    Rewrites "takes back what was acknowledged, twice, and tells another history",
        "the chain forks; the first time looks like a restored disk, and is not settled without a join; the second time it is suspended (fork)";
    Backdates "gives a card a time of days ago",
        "not found: nobody else was there. The card refuses a time outside the certificate, which lasts 45 days; what is paid is what the card had, once, so nothing beyond the grant is lost";
    SellsToDenied "debits a card of which it has heard that it is denied",
        "card-denied: the region knows what it has confirmed to have heard";
    Deaf "says that it has never heard of a denial, for days, and debits the card",
        "offline-policy: who has not heard of what was told days ago has not exchanged since, whatever it sends";
}

/// How a lie must be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// The entry is at the region, contested as the lie is.
    Contested,
    /// The entry never gets into the region's chain.
    Halted,
    /// The card's record is with the region, once some other terminal has read it, and is paid to nobody.
    AtTheCard,
    /// By the region's verdicts on other entries, or by its standing.
    Elsewhere,
}

/// A lie that was told.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) lie: Lie,
    pub(crate) found: Found,
    /// The entry that tells it.
    pub(crate) entry: EntryHash,
    /// The record that it is about, where it is about one.
    pub(crate) record: Option<SignedRecord>,
}

/// The second chain of a dishonest terminal.
pub(crate) struct Disguise {
    pub(crate) lie: Lie,
    terminal: TerminalId,
    key: Ed25519Key,
    /// With its hash, and as it travels.
    pub(crate) chain: Vec<(StoredEntry, Vec<u8>)>,
    /// How many entries of the real ledger are in it, changed or left out.
    seen: u64,
    acknowledged: Head,
    position: u64,
    /// What the region has certainly heard of the position.
    pub(crate) confirmed: u64,
    requests: BTreeMap<u64, u64>,
    pub(crate) told: Vec<Told>,
    /// What it did to cards past its counter.
    pub(crate) past_counter: Vec<StoredEntry>,
    rewritten: u32,
    /// What it does not stand by any more.
    taken_back: Vec<EntryHash>,
    /// An answer was heard since it last rewrote.
    heard: bool,
}

/// What a lie needs of the world around.
#[derive(Default)]
pub(crate) struct Loot {
    /// Debits of other terminals.
    pub(crate) debits: Vec<Debit>,
    /// Whole entries of other terminals.
    pub(crate) entries: Vec<Vec<u8>>,
}

impl Disguise {
    /// The chain so far is the ledger's.
    pub(crate) fn new(lie: Lie, key: &[u8], view: &View, whole: &[(Sequence, Vec<u8>)]) -> Self {
        let all = Sequence::new(1)..=Sequence::new(u64::from(u32::MAX));
        let journal = view.journal(all, u32::MAX).unwrap();
        let chain: Vec<_> = journal.into_iter().zip(whole).map(|(stored, (_, cose))| (stored, cose.clone())).collect();
        Self {
            lie,
            terminal: view.identity().terminal,
            key: Ed25519Key::from_pkcs8(key).unwrap(),
            seen: chain.len() as u64,
            chain,
            acknowledged: view.acknowledged(),
            position: view.feed_position(),
            confirmed: 0,
            requests: BTreeMap::new(),
            told: Vec::new(),
            past_counter: Vec::new(),
            rewritten: 0,
            taken_back: Vec::new(),
            heard: true,
        }
    }

    fn head(&self) -> Head {
        self.chain.last().unwrap().0.head
    }

    /// Whether it ever told this.
    pub(crate) fn ever_told(&self, hash: EntryHash) -> bool {
        self.has(hash) || self.taken_back.contains(&hash)
    }

    /// Whether it stands by this entry.
    pub(crate) fn has(&self, hash: EntryHash) -> bool {
        self.chain.iter().any(|(stored, _)| stored.head.hash == hash)
    }

    fn append(&mut self, time: Timestamp, like: &Entry, body: Body) -> EntryHash {
        let head = self.head();
        let entry = Entry {
            terminal: self.terminal,
            sequence: head.sequence.next(),
            previous: head.hash,
            time,
            context: like.context,
            body,
            cashier: None,
        };
        let cose = sign1_ed25519(&self.key, Content::Entry, self.terminal, encode_entry(&entry)).encode();
        let head = Head { sequence: entry.sequence, hash: entry_hash(&cose) };
        self.chain.push((StoredEntry { head, entry }, cose));
        head.hash
    }

    fn tell(&mut self, found: Found, entry: EntryHash, record: Option<SignedRecord>) {
        self.told.push(Told { lie: self.lie, found, entry, record });
    }

    /// Takes in what the counter has done since, as the lie has it.
    pub(crate) fn take_in(&mut self, journal: &[StoredEntry], loot: &Loot, shared: &Shared) {
        let new: Vec<StoredEntry> = journal.iter().skip(self.seen as usize).cloned().collect();
        self.seen = journal.len() as u64;
        for stored in new {
            self.take_in_one(&stored.entry, loot, shared);
        }
    }

    fn take_in_one(&mut self, entry: &Entry, loot: &Loot, shared: &Shared) {
        let (time, body) = (entry.time, entry.body.clone());
        match (self.lie, &body) {
            (Lie::AltersAmount, Body::Debit(debit)) => {
                let mut altered = debit.clone();
                altered.proof.record.amount += 1;
                let hash = self.append(time, entry, Body::Debit(altered));
                self.tell(Found::Contested, hash, None);
            }
            (Lie::AltersMoney, Body::Debit(debit)) if !debit.abandoned => {
                let mut altered = debit.clone();
                altered.sale.price = Some(Cents::from_u32(5_000));
                altered.collected = Cents::from_u32(4_000);
                altered.sale.due = altered.collected;
                let hash = self.append(time, entry, Body::Debit(altered));
                self.tell(Found::Elsewhere, hash, Some(debit.proof));
            }
            (Lie::Drops, Body::Debit(debit)) if shared.draw(|chance| chance.one_in(2)) => {
                self.tell(Found::AtTheCard, self.head().hash, Some(debit.proof));
            }
            (Lie::HidesReversal, Body::Reversal(reversal)) => {
                self.tell(Found::AtTheCard, self.head().hash, Some(reversal.proof));
            }
            // It would tell the same.
            (Lie::HidesReversal, Body::UndoRequest(_)) => (),
            (Lie::Tampers, Body::Debit(_)) => {
                let hash = self.append(time, entry, body);
                let (stored, cose) = self.chain.last_mut().unwrap();
                let last = cose.len() - 1;
                cose[last] ^= 1;
                stored.head.hash = entry_hash(cose);
                let tampered = stored.head.hash;
                debug_assert_ne!(hash, tampered);
                self.tell(Found::Halted, tampered, None);
            }
            _ => {
                self.append(time, entry, body.clone());
                if let Body::Debit(debit) = &body {
                    self.add_to(debit, entry, loot, shared);
                }
            }
        }
    }

    /// What is told besides a debit.
    fn add_to(&mut self, debit: &Debit, entry: &Entry, loot: &Loot, shared: &Shared) {
        let mut invented = debit.clone();
        invented.sale.request = RequestId::new(shared.draw(Chance::bytes16));
        match self.lie {
            Lie::Invents => {
                invented.proof.record.counter = invented.proof.record.counter.next().unwrap();
                invented.proof.record.transaction = TransactionId::new(shared.draw(Chance::bytes16));
            }
            Lie::InventsCard => invented.certificate[0] ^= 1,
            Lie::Repeats => (),
            Lie::Steals => match loot.debits.get(shared.draw(|chance| chance.index(loot.debits.len()))) {
                Some(stolen) => invented = stolen.clone(),
                None => return,
            },
            Lie::Submits => {
                if let Some(cose) = loot.entries.get(shared.draw(|chance| chance.index(loot.entries.len()))) {
                    let (stored, _) = self.chain.last().unwrap().clone();
                    let head = Head { sequence: stored.head.sequence.next(), hash: entry_hash(cose) };
                    self.chain.push((StoredEntry { head, ..stored }, cose.clone()));
                    self.tell(Found::Halted, head.hash, None);
                }
                return;
            }
            Lie::AltersAmount
            | Lie::AltersMoney
            | Lie::Drops
            | Lie::HidesReversal
            | Lie::Tampers
            | Lie::Rewrites
            | Lie::Backdates
            | Lie::SellsToDenied
            | Lie::Deaf => return,
        }
        let hash = self.append(entry.time, entry, Body::Debit(invented));
        self.tell(Found::Contested, hash, None);
    }

    /// The next request.
    pub(crate) fn request(&mut self, name: u64, now: Timestamp, shared: &Shared) -> Vec<u8> {
        let may_rewrite = if self.rewritten == 0 { self.head() == self.acknowledged } else { self.heard };
        if self.lie == Lie::Rewrites && self.rewritten < 2 && may_rewrite && self.chain.len() > 3 {
            self.rewrite(now);
        }
        let acknowledged = self.chain.iter().position(|(stored, _)| stored.head == self.acknowledged);
        let waiting = self.chain.iter().skip(acknowledged.map_or(0, |last| last + 1));
        let request = ExchangeRequest {
            protocol: PROTOCOL_VERSION,
            terminal: self.terminal,
            request: RequestId::new(shared.draw(Chance::bytes16)),
            time: now,
            feed_position: self.position,
            head: self.head(),
            entries: waiting.map(|(_, cose)| Opaque(cose.clone())).collect(),
            in_doubt: Vec::new(),
            cards: Vec::new(),
            health: Health { version: "simulation".to_owned(), disk_free_bytes: 0 },
        };
        self.requests.insert(name, self.position);
        sign1_ed25519(&self.key, Content::ExchangeRequest, self.terminal, encode(&request)).encode()
    }

    /// The newest entry was never written; this was.
    fn rewrite(&mut self, now: Timestamp) {
        let (stored, _) = self.chain.pop().unwrap();
        self.taken_back.push(stored.head.hash);
        (self.rewritten, self.heard) = (self.rewritten + 1, false);
        let version = format!("rewritten {}", self.rewritten);
        self.append(now, &stored.entry, Body::Event(TechnicalEvent::Started { version }));
    }

    /// An entry of each history that it has told that is in no other.
    pub(crate) fn histories(&self) -> impl Iterator<Item = &EntryHash> {
        self.taken_back.iter().chain([&self.chain.last().unwrap().0.head.hash])
    }

    /// The answer to the request `name`, as far as it cares; whether it is one.
    pub(crate) fn hear(&mut self, name: u64, answer: &[u8]) -> bool {
        let Ok(message) = Sign1::decode(answer, Algorithm::Es256, Content::ExchangeAnswer) else { return false };
        let Ok(plain) = decode::<ExchangeAnswer>(&message.payload) else { return false };
        let Ok(receipt) = Sign1::decode(&plain.receipt.0, Algorithm::Es256, Content::Receipt) else { return false };
        let Ok(receipt) = decode::<Receipt>(&receipt.payload) else { return false };
        let Some(position) = self.requests.remove(&name) else { return false };
        self.confirmed = self.confirmed.max(position);
        self.heard = true;
        if self.has(receipt.head.hash) {
            self.acknowledged = receipt.head;
        }
        if self.lie != Lie::Deaf
            && let Some(page) = plain.pages.last()
            && let Ok(page) = Sign1::decode(&page.0, Algorithm::Es256, Content::FeedPage)
            && let Ok(page) = decode::<PackedPage>(&page.payload)
        {
            self.position = self.position.max(page.to);
        }
        true
    }

    /// Debits the card in the reader past the counter, and enters it. Whether the card did it.
    pub(crate) fn debit_past_counter(
        &mut self,
        transport: &mut dyn Transport,
        crook: &Crook<'_>,
        time: Timestamp,
        shared: &Shared,
    ) -> bool {
        let mut trust = Trust::new(crook.trusted.clone());
        let terminal = TerminalKey { key: crook.key, certificate: crook.certificate };
        let Ok(mut opened) = (Opener { trust: &mut trust, terminal }).open(transport) else { return false };
        let (Some(entitlement), state) = (opened.entitlement, *opened.session.state()) else { return false };
        let left = |slot: Slot| {
            let gone = entitlement.opening.get(slot).saturating_add(state.consumed.get(slot));
            entitlement.granted.get(slot).saturating_sub(gone)
        };
        let mut slots = (0..2).filter_map(Slot::new);
        let Some(slot) = slots.find(|slot| crook.certificate.slots.contains(*slot) && left(*slot) > 0) else {
            return false;
        };
        let transaction = TransactionId::new(shared.draw(Chance::bytes16));
        let order = DebitOrder { slot, season: state.season, amount: 1, transaction, time };
        let Ok(proof) = opened.session.debit(transport, crook.key, self.terminal, order) else { return false };
        let sale = Sale {
            request: RequestId::new(shared.draw(Chance::bytes16)),
            benefit: pass::domain::catalogue::Code::new("cinema").unwrap(),
            price: None,
            supplement: Cents::ZERO,
            due: Cents::ZERO,
            tender: Tender::Cash.into(),
        };
        let debit = Debit {
            proof,
            certificate: opened.certificate_hash,
            entitlement_serial: state.entitlement_serial,
            left: left(slot) - 1,
            sale,
            collected: Cents::ZERO,
            learnt: Learnt::AtOnce,
            abandoned: false,
        };
        let like = self.chain.last().unwrap().0.entry.clone();
        let hash = self.append(time, &like, Body::Debit(debit));
        self.past_counter.push(self.chain.last().unwrap().0.clone());
        let found = if self.lie == Lie::Backdates { Found::Elsewhere } else { Found::Contested };
        self.tell(found, hash, Some(proof));
        debug_assert_eq!(proof.record.operation, Operation::Debit);
        true
    }
}

/// What whoever has a terminal's disk has.
pub(crate) struct Crook<'a> {
    pub(crate) key: &'a P256Key,
    pub(crate) certificate: TerminalCertificate,
    pub(crate) trusted: pass::crypto::TrustedKeys,
}

impl<'a> Crook<'a> {
    pub(crate) fn new(
        keys: &'a TerminalKeys,
        view: (Vec<TerminalCertificate>, pass::crypto::TrustedKeys),
    ) -> Option<Self> {
        let certificate = view.0.into_iter().max_by_key(|certificate| (certificate.season, certificate.issued_at))?;
        Some(Self { key: &keys.card, certificate, trusted: view.1 })
    }
}
