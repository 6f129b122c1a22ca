//! Receipts: what a holder takes away of an entry. Made from the entry alone and from what the terminal knows of itself; no name, no whole
//! card number.

use super::card::Record;
use super::cashier::CashierName;
use super::catalogue::{BenefitName, Code, Unit};
use super::entry::{Body, Entry, Tenders};
use super::ids::{CashierId, EntryHash, Sequence, TerminalId};
use super::money::Cents;
use super::spoken::Spoken;
use super::time::Timestamp;

/// What a receipt is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// A right was debited.
    Sale,
    /// A debit was taken back on the card.
    Undo,
    /// The region is asked to take a debit back.
    UndoRequest,
}

/// Which one is handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Copy {
    /// The first.
    Original,
    /// So many after it (*duplicata*).
    Duplicate(u32),
}

/// What was debited, or taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Debited {
    /// The benefit's code.
    pub benefit: Code,
    /// Its label, where the catalogue of that season is there.
    pub label: Option<Spoken>,
    /// In the unit.
    pub amount: u32,
    /// Seats or cents, where the catalogue is there.
    pub unit: Option<Unit>,
    /// What is left afterwards, of a sale.
    pub left: Option<u32>,
}

/// A receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// What of.
    pub deed: Deed,
    /// Which one.
    pub copy: Copy,
    /// The entry.
    pub entry: Sequence,
    /// When.
    pub time: Timestamp,
    /// The partner's name.
    pub partner: String,
    /// The terminal.
    pub terminal: TerminalId,
    /// Who served, where cashiers sign in: number, and name where the list still has it.
    pub cashier: Option<(CashierId, Option<CashierName>)>,
    /// The card, masked.
    pub card: String,
    /// What was debited or taken back; nothing where the debit cannot be read any more.
    pub debited: Option<Debited>,
    /// The price, where one was given.
    pub price: Option<Cents>,
    /// The supplement.
    pub supplement: Cents,
    /// Collected from the holder (a sale), or given back.
    pub money: Cents,
    /// How.
    pub tender: Tenders,
    /// The debit that is taken back.
    pub related: Option<Sequence>,
    /// Of the entry, for [`short_code`].
    pub hash: EntryHash,
    /// The entry itself, signed, as a code that is checked off line.
    pub code: String,
}

/// A receipt's code as a QR symbol, without the quiet zone of four modules that belongs around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Symbol {
    /// How many modules a side has.
    pub side: u16,
    /// Which modules are dark: row by row, each from the left.
    pub dark: Vec<bool>,
}

/// What a terminal adds to an entry to make its receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heading {
    /// The partner's name.
    pub partner: String,
    /// Whose number the entry has.
    pub cashier: Option<CashierName>,
    /// What is handed out.
    pub copy: Copy,
    /// The entry's hash.
    pub hash: EntryHash,
    /// The entry as a code.
    pub code: String,
}

impl Receipt {
    /// The receipt of `entry`; `debit` is the entry that it takes back, `of` what the catalogue says of a debit. `None` for an entry that
    /// nobody takes a receipt of.
    pub fn of(
        entry: &Entry,
        debit: Option<&Entry>,
        heading: Heading,
        of: impl Fn(&Code, &Record) -> Option<BenefitName>,
    ) -> Option<Self> {
        let debited = |entry: &Entry| match &entry.body {
            Body::Debit(debit) => {
                let found = of(&debit.sale.benefit, &debit.proof.record);
                Some(Debited {
                    benefit: debit.sale.benefit.clone(),
                    amount: debit.proof.record.amount,
                    unit: found.as_ref().map(|name| name.unit),
                    label: found.map(|name| name.label),
                    left: None,
                })
            }
            Body::Reversal(_)
            | Body::NotDone(_)
            | Body::Abandoned(_)
            | Body::UndoRequest(_)
            | Body::Refused(_)
            | Body::CardRead(_)
            | Body::Closing(_)
            | Body::Event(_) => None,
        };
        let plain = |deed, money, tender| Self {
            deed,
            copy: heading.copy,
            entry: entry.sequence,
            time: entry.time,
            partner: heading.partner.clone(),
            terminal: entry.terminal,
            cashier: entry.cashier.map(|cashier| (cashier, heading.cashier.clone())),
            card: entry.body.card().map(|card| card.masked()).unwrap_or_default(),
            debited: debit.and_then(debited),
            price: None,
            supplement: Cents::ZERO,
            money,
            tender,
            related: None,
            hash: heading.hash,
            code: heading.code.clone(),
        };
        match &entry.body {
            Body::Debit(sold) => Some(Self {
                debited: debited(entry).map(|debited| Debited { left: Some(sold.left), ..debited }),
                price: sold.sale.price,
                supplement: sold.sale.supplement,
                ..plain(Deed::Sale, sold.collected, sold.sale.tender)
            }),
            Body::Reversal(undo) => {
                Some(Self { related: Some(undo.debit), ..plain(Deed::Undo, undo.returned, undo.tender) })
            }
            Body::UndoRequest(undo) => {
                Some(Self { related: Some(undo.debit), ..plain(Deed::UndoRequest, undo.returned, undo.tender) })
            }
            Body::NotDone(_)
            | Body::Abandoned(_)
            | Body::Refused(_)
            | Body::CardRead(_)
            | Body::Closing(_)
            | Body::Event(_) => None,
        }
    }
}

/// Eight characters of an entry's hash, to compare by eye or by telephone: `K3F7-Q2ZD`. The letters are those of Crockford's base 32,
/// without I, L, O and U.
pub fn short_code(hash: &EntryHash) -> String {
    const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let bits = hash.as_bytes().iter().take(5).fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
    let symbols = (0..8).rev().map(|place| {
        let symbol = ALPHABET[(bits >> (5 * place) & 31) as usize];
        char::from(symbol)
    });
    let mut code: String = symbols.collect();
    code.insert(4, '-');
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_code_is_the_beginning_of_the_hash() {
        let mut hash = [0xff; 32];
        hash[..5].copy_from_slice(&[0, 0, 0, 0, 1]);
        assert_eq!(short_code(&EntryHash::new(hash)), "0000-0001");
        hash[..5].copy_from_slice(&[0xff; 5]);
        assert_eq!(short_code(&EntryHash::new(hash)), "ZZZZ-ZZZZ");
    }
}
