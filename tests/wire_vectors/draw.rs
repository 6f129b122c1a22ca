//! Values of every message and entry, drawn from a seed: any value of each field, its edges more often than chance would have it.

use pass::domain::card::{
    CardState, CardStatus, Challenge, Entitlement, KeyCertificate, Operation, PublicKey, Record, Signature,
    SignedRecord, TerminalCertificate,
};
use pass::domain::cashier::{Change, Role};
use pass::domain::catalogue::{Benefit, Catalogue, Code, Grant, Unit};
use pass::domain::closing::{
    BenefitTotal, Cash, Closing, Doubt, Doubts, Period, Perpetual, TenderTotal, Totals, UnknownPayment, UnknownPayments,
};
use pass::domain::entry::{
    Abandoned, Body, CardRead, Context, Debit, Entry, Intent, KeysChanged, Learnt, NotDone, Parts, Purpose, ReadReason,
    RefusedCard, Reversal, Sale, TechnicalEvent, Tender, Tenders, UndoRequest,
};
use pass::domain::payment::{Doubt as PaymentDoubt, PaymentEnd, PaymentFact, Said, Way};
use pass::domain::policy::{Limit, Policy};
use pass::domain::purse::Slots;
use pass::domain::refusal::{DenialReason, Refusal};
use pass::domain::verdict::{Contest, Verdict};
use pass::domain::version::{RequiredVersion, Version};
use pass::domain::{
    Amounts, CardNumber, CashierId, Cents, Counter, Date, EntitlementSerial, EntryHash, KeySerial, PartnerId,
    PaymentId, RequestId, Season, Sequence, Slot, TerminalId, Timestamp, TransactionId,
};
use pass::packing::pack;
use pass::wire::cbor::Opaque;
use pass::wire::exchange::{
    EnrolmentAnswer, EnrolmentRequest, ExchangeAnswer, ExchangeRequest, Head, Health, Receipt, TerminalStanding,
};
use pass::wire::feed::{Denial, EntryVerdict, Item, KeyWithdrawn, PackedItems, PackedPage, Partner, RecordsWanted};

/// A row of numbers that looks like chance and is the same for the same seed (SplitMix64).
pub(crate) struct Draw(u64);

impl Draw {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to `max`: half of them where CBOR changes the length of a number.
    fn up_to(&mut self, max: u64) -> u64 {
        const EDGES: [u64; 12] =
            [0, 1, 23, 24, 255, 256, 65_535, 65_536, 0xFFFF_FFFF, 0x1_0000_0000, u64::MAX - 1, u64::MAX];
        let drawn = self.next();
        let value =
            if drawn.is_multiple_of(2) { EDGES[(drawn / 2 % 12) as usize] } else { self.next() >> (drawn / 2 % 64) };
        if value <= max { value } else { value % (max + 1) }
    }

    fn one_of<T: Clone>(&mut self, values: &[T]) -> T {
        values[self.next() as usize % values.len()].clone()
    }

    fn text(&mut self) -> String {
        self.one_of(&["", "0.1.0", "Cinéma « Le Rex »", "映画館 🎬", "a longer name than twenty-three bytes"])
            .to_owned()
    }
}

/// A value that can be drawn.
pub(crate) trait Drawn {
    fn drawn(from: &mut Draw) -> Self;
}

macro_rules! drawn {
    ($($name:ty: |$from:ident| $value:expr;)*) => {
        $(impl Drawn for $name {
            fn drawn($from: &mut Draw) -> Self {
                $value
            }
        })*
    };
}

/// Every field drawn; where `=>` names an amount, its tenders are those of so much.
macro_rules! drawn_structures {
    ($($name:ty { $($field:ident),* $(,)? } $(=> $amount:ident)?)*) => {
        $(impl Drawn for $name {
            fn drawn(from: &mut Draw) -> Self {
                #[allow(unused_mut, reason = "most have no tenders")]
                let mut drawn = Self { $($field: Drawn::drawn(from)),* };
                $(drawn.tender = tenders(from, drawn.$amount);)?
                drawn
            }
        })*
    };
}

/// One tender, or two or three parts of `amount` where it has as many cents.
fn tenders(from: &mut Draw, amount: Cents) -> Tenders {
    let one = Tenders::One(Drawn::drawn(from));
    if bool::drawn(from) {
        return one;
    }
    let first = Cents::new(from.up_to(amount.get() / 2)).unwrap();
    let second = Cents::new(from.up_to(amount.get() / 3)).unwrap();
    let third = amount.checked_sub(first).unwrap().checked_sub(second).unwrap();
    let parts = [
        (Tender::Cash, first),
        (from.one_of(&[Tender::Card, Tender::Cheque, Tender::Other]), second),
        (Tender::Tpe, third),
    ];
    Parts::new(parts.into_iter().filter(|(_, cents)| !cents.is_zero())).map_or(one, Tenders::Parts)
}

impl<const N: usize> Drawn for [u8; N] {
    fn drawn(from: &mut Draw) -> Self {
        std::array::from_fn(|_| from.next() as u8)
    }
}

impl<T: Drawn> Drawn for Option<T> {
    fn drawn(from: &mut Draw) -> Self {
        from.next().is_multiple_of(2).then(|| T::drawn(from))
    }
}

impl<T: Drawn> Drawn for Vec<T> {
    fn drawn(from: &mut Draw) -> Self {
        (0..from.next() % 4).map(|_| T::drawn(from)).collect()
    }
}

impl Drawn for PackedItems {
    fn drawn(from: &mut Draw) -> Self {
        pack(&Vec::drawn(from)).unwrap()
    }
}

impl<T: Drawn> Drawn for Limit<T> {
    fn drawn(from: &mut Draw) -> Self {
        Self { soft: T::drawn(from), hard: T::drawn(from) }
    }
}

drawn! {
    u8: |from| from.up_to(u8::MAX.into()) as u8;
    u32: |from| from.up_to(u32::MAX.into()) as u32;
    u64: |from| from.up_to(u64::MAX);
    bool: |from| from.next().is_multiple_of(2);
    String: |from| from.text();
    TerminalId: |from| Self::new(Drawn::drawn(from));
    PartnerId: |from| Self::new(Drawn::drawn(from));
    KeySerial: |from| Self::new(Drawn::drawn(from));
    EntitlementSerial: |from| Self::new(Drawn::drawn(from));
    CashierId: |from| Self::new((from.next() as u16).max(1));
    Counter: |from| Self::new(Drawn::drawn(from));
    Sequence: |from| Self::new(Drawn::drawn(from));
    Season: |from| Self::new(from.up_to(u16::MAX.into()) as u16);
    Timestamp: |from| Self::new(Drawn::drawn(from));
    Slot: |from| Self::new(from.up_to(15) as u8).unwrap();
    Slots: |from| Self::new(from.up_to(u16::MAX.into()) as u16);
    Cents: |from| Self::new(from.up_to(Self::MAX.get())).unwrap();
    CardNumber: |from| Self::from_account(100_000_000_000_000 + from.up_to(899_999_999_999_999)).unwrap();
    EntryHash: |from| Self::new(Drawn::drawn(from));
    RequestId: |from| Self::new(Drawn::drawn(from));
    PaymentId: |from| Self::new(Drawn::drawn(from));
    TransactionId: |from| Self::new(Drawn::drawn(from));
    Challenge: |from| Self(Drawn::drawn(from));
    Signature: |from| Self(Drawn::drawn(from));
    PublicKey: |from| Self(Drawn::drawn(from));
    Amounts: |from| Self::new(std::array::from_fn(|_| Drawn::drawn(from)));
    Code: |from| Self::new(from.one_of(&["a", "leisure-books", "abcdefghijklmnopqrstuvwxyz012345"])).unwrap();
    Opaque: |from| Self(Drawn::drawn(from));
    Role: |from| from.one_of(&Self::ALL);
    Change: |from| from.one_of(&[Self::Added, Self::Pin, Self::Disabled, Self::Enabled]);
    Tender: |from| from.one_of(&Self::ALL);
    Tenders: |from| Self::One(Drawn::drawn(from));
    Learnt: |from| from.one_of(&[Self::AtOnce, Self::FromRecords]);
    ReadReason: |from| from.one_of(&[Self::Wanted, Self::SeasonEnd, Self::Blocked]);
    DenialReason: |from| from.one_of(&[Self::Lost, Self::Stolen, Self::Broken]);
    TerminalStanding: |from| from.one_of(&[Self::Active, Self::Suspended, Self::Retired]);
    Operation: |from| from.one_of(&[Self::Debit, Self::Reversal]);
    CardStatus: |from| from.one_of(&[Self::InUse, Self::Blocked]);
    Refusal: |from| from.one_of(Self::ALL);
    Contest: |from| from.one_of(Self::ALL);
    Verdict: |from| match from.next() % 3 {
        0 => Self::Payable,
        1 => Self::Recorded,
        _ => Self::Contested(Drawn::drawn(from)),
    };
    Unit: |from| match from.next() % 2 {
        0 => Self::Cent,
        _ => Self::Seat { contribution: Drawn::drawn(from), region_pays: Drawn::drawn(from) },
    };
    Catalogue: |from| {
        // Slots grow, and no two benefits have one code.
        let benefit = |slot, code: &str, from: &mut Draw| Benefit {
            slot: Slot::new(slot).unwrap(),
            code: Code::new(code).unwrap(),
            label_fr: from.text() + ".",
            label_en: from.text() + ".",
            unit: Drawn::drawn(from),
            activities: Drawn::drawn(from),
            grants: Drawn::drawn(from),
            once: Drawn::drawn(from),
            redemption_max: Option::<u32>::drawn(from).filter(|max| *max > 0),
            day_max: Option::<u32>::drawn(from).filter(|max| *max > 0),
        };
        let benefits = vec![benefit(0, "cinema", from), benefit(15, "books", from)];
        Self::new(Drawn::drawn(from), Drawn::drawn(from), benefits).unwrap()
    };
    Version: |from| {
        let [major, minor, patch]: [u32; 3] = [Drawn::drawn(from), Drawn::drawn(from), Drawn::drawn(from)];
        Self::parse(&format!("{major}.{minor}.{patch}")).unwrap()
    };
    TechnicalEvent: |from| match from.next() % 10 {
        9 => Self::KeysChanged(Box::new(Drawn::drawn(from))),
        8 => Self::Payment(Drawn::drawn(from)),
        6 => Self::Duplicate { entry: Drawn::drawn(from), count: Drawn::drawn(from) },
        0 => Self::Enrolled { replaces: Drawn::drawn(from) },
        1 => Self::Started { version: Drawn::drawn(from) },
        2 => Self::Stopped,
        3 => Self::ClockStep { from: Drawn::drawn(from), to: Drawn::drawn(from) },
        4 => Self::CashierLocked { cashier: Drawn::drawn(from), failures: Drawn::drawn(from) },
        5 => Self::CashierChanged { cashier: Drawn::drawn(from), role: Drawn::drawn(from), change: Drawn::drawn(from) },
        _ => Self::Joined { other_sequence: Drawn::drawn(from), other_hash: Drawn::drawn(from) },
    };
    Way: |from| from.one_of(&Self::ALL);
    Said: |from| from.one_of(&[Self::ByTpe, Self::ByCashier]);
    PaymentDoubt: |from| from.one_of(&Self::ALL);
    PaymentEnd: |from| match from.next() % 3 {
        0 => Self::Paid { amount: Drawn::drawn(from), said: Drawn::drawn(from) },
        1 => Self::NotPaid,
        _ => Self::Unknown(Drawn::drawn(from)),
    };
    // A closing without unknown payments has no list of them.
    UnknownPayments: |from| Self::of(Drawn::drawn(from));
    Period: |from| match from.next() % 3 {
        0 => Self::Day(Date::new(2000 + (from.next() % 100) as u16, 1 + (from.next() % 12) as u8, 1 + (from.next() % 28) as u8).unwrap()),
        1 => Self::Month(from.next() as u16, 1 + (from.next() % 12) as u8),
        _ => Self::Year(from.next() as u16),
    };
    Body: |from| match from.next() % 9 {
        0 => Self::Debit(Drawn::drawn(from)),
        1 => Self::Reversal(Drawn::drawn(from)),
        2 => Self::NotDone(Drawn::drawn(from)),
        3 => Self::Abandoned(Drawn::drawn(from)),
        4 => Self::UndoRequest(Drawn::drawn(from)),
        5 => Self::Refused(Drawn::drawn(from)),
        6 => Self::CardRead(Drawn::drawn(from)),
        7 => Self::Closing(Drawn::drawn(from)),
        _ => Self::Event(Drawn::drawn(from)),
    };
    Purpose: |from| match from.next() % 2 {
        0 => Self::Sale {
            slot: Drawn::drawn(from),
            season: Drawn::drawn(from),
            amount: Drawn::drawn(from),
            sale: Drawn::drawn(from),
            entitlement_serial: Drawn::drawn(from),
            left: Drawn::drawn(from),
        },
        _ => {
            let returned = Drawn::drawn(from);
            Self::Undo {
                debit: Drawn::drawn(from),
                debit_counter: Drawn::drawn(from),
                returned,
                tender: tenders(from, returned),
                request: Drawn::drawn(from),
            }
        }
    };
    Item: |from| match from.next() % 12 {
        10 => Self::RequiredVersion(Drawn::drawn(from)),
        0 => Self::Catalogue(Drawn::drawn(from)),
        1 => Self::Policy(Drawn::drawn(from)),
        2 => Self::Denial(Drawn::drawn(from)),
        3 => Self::Entitlement(Drawn::drawn(from)),
        4 => Self::TerminalCertificate(Drawn::drawn(from)),
        5 => Self::KeyCertificate(Drawn::drawn(from)),
        6 => Self::RecordsWanted(Drawn::drawn(from)),
        7 => Self::Verdict(Drawn::drawn(from)),
        8 => Self::KeyWithdrawn(Drawn::drawn(from)),
        9 => Self::Partner(Drawn::drawn(from)),
        _ => Self::Record(Drawn::drawn(from)),
    };
}

drawn_structures! {
    KeyCertificate { serial, public_key, signature }
    TerminalCertificate {
        key_serial, terminal, partner, season, slots, issued_at, not_after, public_key, signature,
    }
    Entitlement { key_serial, card, season, serial, granted, opening, signature }
    Record {
        card, operation, slot, season, amount, link, consumed, counter, terminal, transaction, time,
    }
    SignedRecord { record, signature }
    CardState { status, next_challenge, counter, season, entitlement_serial, consumed, signature }
    Grant { profile, amount }
    Policy { version, offline_hours, waiting_entries, waiting_cents, deny_list_hours, all_entitlements }
    Context { catalogue_version, feed_position, policy_version, last_exchange }
    Entry { terminal, sequence, previous, time, context, body, cashier }
    BenefitTotal { benefit, debits, debited, undone, given_back }
    TenderTotal { tender, sales, collected, undone, returned, given_up }
    Totals { benefits, tenders }
    Perpetual { absolute, net }
    Cash { float, taken, given, counted }
    Doubt { card, transaction, collected, tender } => collected
    Doubts { count, cash, sales }
    UnknownPayment { payment, way, asked }
    PaymentFact { payment, request, way, asked, end }
    Closing { period, number, from, to, opened, totals, perpetual, cash, doubts, unknown_payments }
    Sale { request, benefit, price, supplement, due, tender } => due
    Debit { proof, certificate, entitlement_serial, left, sale, collected, learnt, abandoned }
    Reversal { proof, certificate, debit, returned, tender, request, learnt } => returned
    NotDone { card, transaction, counter_before, returned, tender, request } => returned
    Abandoned { card, transaction, counter_before, slot, season, amount, returned, tender, request } => returned
    UndoRequest { card, debit, debit_counter, returned, tender, request } => returned
    RefusedCard { card, refusal, certificate }
    CardRead { card, certificate, reason, challenge, state, records }
    Intent { card, certificate, counter_before, transaction, time, purpose, cashier }
    Denial { card, reason, denied_at, block }
    RecordsWanted { card, from, to }
    EntryVerdict { sequence, version, verdict }
    Partner { name, activities }
    KeyWithdrawn { serial }
    RequiredVersion { version, by }
    KeysChanged { entry_key, card_key, entry_proof, card_proof }
    PackedPage { terminal, from, to, made_at, denied_count, denied_digest, items }
    Head { sequence, hash }
    Health { version, disk_free_bytes }
    ExchangeRequest {
        protocol, terminal, request, time, feed_position, head, entries, in_doubt, cards, health,
    }
    Receipt { terminal, head, time, request }
    ExchangeAnswer {
        protocol, terminal, request, time, receipt, pages, more, standing, entitlements,
    }
    EnrolmentRequest { protocol, terminal, entry_key, card_key }
    EnrolmentAnswer {
        protocol, terminal, partner_id, partner, replaces, time, root_key, region_keys, certificates, catalogues,
        policy,
    }
}
