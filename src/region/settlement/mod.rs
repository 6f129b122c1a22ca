//! Settlements: what the region owes each partner for a period, from payable entries alone, and what it pays.
//!
//! A settlement is closed in steps, each one transaction: it is begun; every terminal is settled, which adds a line for each entry that is worth
//! otherwise than was settled of it; then it is sealed with its totals, what each partner is paid, and the hash of the file of all lines. A
//! step that was interrupted is taken up by the next call, and any number of programs may try. Nothing of it is ever changed.
//!
//! What always holds: the lines of an entry follow each other without a gap, from 0 to what its verdict said when it was settled last, so over all
//! settlements a partner's lines come to what its entries are worth; each line names the entry's hash and the verdict's version, and is
//! checked against both whenever it is read; a closed settlement gives the same bytes at any later time.
//!
//! Which day is whose is in [`days`], files for people in [`sheets`] and [`statement`], the file for the bank in [`credit_transfer`], why an entry was paid
//! in [`why`]; whether it is payable the judge says.

pub mod credit_transfer;
mod csv;
pub mod days;
mod lines;
pub mod sheets;
pub mod statement;
pub mod trouble;
pub mod why;

use std::collections::{BTreeMap, BTreeSet};

use crate::crypto::Sha256;
use crate::domain::{Balance, Cents, PartnerId, Season, Sequence, Slot, TerminalId, Timestamp};

use super::Region;
use super::error::RegionError;
use super::store::{
    NewLine, PartnerSettlement, Place, SealRow, SettledTerminal, SettlementRow, StoreError, TotalRow, Tx,
};
pub use csv::{Csv, Field};
use days::Day;
pub use lines::Line;
use trouble::SettlementTrouble;

/// How many entries or lines are read at once.
const ROWS_AT_ONCE: u32 = 500;

/// The most that one SEPA credit transfer may bring: 999,999,999.99 EUR (EPC 132-08). The rest is carried over.
const PAYMENT_CENTS_MAX: u64 = 99_999_999_999;

/// How many seasons back benefits are named in a settlement: what comes later than that has a slot for a name.
const SEASONS_NAMED: u16 = 10;

/// Before every entry of a terminal.
const BEFORE_ALL: Place = Place { branch: 0, sequence: Sequence::new(0) };

/// How a benefit was called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BenefitName {
    /// For programs.
    pub code: String,
    /// For people, in French.
    pub french: String,
    /// For people, in English.
    pub english: String,
    /// `seat` or `cent`.
    pub unit: String,
}

/// Everything about a settlement but its lines.
#[derive(Clone, Debug)]
pub struct SettlementFile {
    /// Which.
    pub settlement: SettlementRow,
    /// The end of the one before: what came earlier is corrected, what came later is new.
    pub begins_at: Timestamp,
    /// What it comes to, once it is closed.
    pub seal: Option<SealRow>,
    /// By partner, season, slot.
    pub totals: Vec<TotalRow>,
    /// By partner.
    pub partners: Vec<PartnerSettlement>,
    names: BTreeMap<(Season, Slot), BenefitName>,
}

impl SettlementFile {
    /// How the benefit in `slot` of `season` was called.
    pub fn name(&self, season: Season, slot: Slot) -> BenefitName {
        self.names.get(&(season, slot)).cloned().unwrap_or_else(|| BenefitName {
            code: format!("slot-{slot}"),
            french: format!("Avantage {slot}"),
            english: format!("Benefit {slot}"),
            unit: String::new(),
        })
    }

    /// The seal of a closed settlement.
    ///
    /// # Errors
    /// [`SettlementTrouble::Unfinished`].
    pub fn sealed(&self) -> Result<&SealRow, RegionError> {
        self.seal.as_ref().ok_or_else(|| unfinished(&self.settlement))
    }

    /// The last day before the period; `None` for the first settlement.
    pub fn begins_after(&self) -> Option<Day> {
        (self.begins_at > Timestamp::EPOCH).then(|| Day::of(self.begins_at.minus(1)))
    }
}

fn unfinished(settlement: &SettlementRow) -> RegionError {
    SettlementTrouble::Unfinished { number: settlement.number, until: settlement.until.clone() }.into()
}

/// What the lines of a settlement come to.
struct Tally {
    totals: Vec<TotalRow>,
    lines: u64,
    entries_sha256: [u8; 32],
}

impl Region {
    /// Closes the settlement whose last day is `until`: what has come is judged first, then every terminal is settled. One that was interrupted is
    /// taken up.
    ///
    /// # Errors
    /// [`SettlementTrouble::NotOver`], [`SettlementTrouble::NotLater`], [`SettlementTrouble::Unfinished`] for another one, the store's.
    pub fn close_settlement(&self, until: Day, now: Timestamp) -> Result<SettlementFile, RegionError> {
        self.settle_accounts(None, now)?;
        let settlement = self.store().write(|tx| begin(tx, until, now))?;
        for (terminal, partner) in self.store().read(|tx| tx.terminals_to_settle(settlement.number))? {
            self.store().write(|tx| settle_terminal(tx, &settlement, terminal, partner))?;
        }
        // Every line is there now, and none changes: they are added up without holding up anybody.
        let tally = self.store().read(|tx| tally(tx, &file(tx, settlement.number)?))?;
        self.store().write(|tx| seal(tx, &settlement, &tally, now))?;
        self.settlement(settlement.number)
    }

    /// Every settlement, with what it comes to once it is closed.
    ///
    /// # Errors
    /// The store's.
    pub fn settlements(&self) -> Result<Vec<(SettlementRow, Option<SealRow>)>, RegionError> {
        self.store().read(|tx| {
            let all = tx.settlements()?.into_iter().map(|row| {
                let seal = tx.sealed(row.number)?;
                Ok((row, seal))
            });
            all.collect()
        })
    }

    /// The settlement with this number.
    ///
    /// # Errors
    /// [`SettlementTrouble::None`], the store's.
    pub fn settlement(&self, number: u32) -> Result<SettlementFile, RegionError> {
        self.store().read(|tx| file(tx, number))
    }

    /// Makes a closed settlement again from its evidence: signed entries, verdicts, the settlements before. It must be the same to the byte.
    ///
    /// # Errors
    /// [`SettlementTrouble::Differs`], [`SettlementTrouble::Unfinished`], [`SettlementTrouble::None`], the store's.
    pub fn verify_settlement(&self, number: u32) -> Result<SettlementFile, RegionError> {
        self.store().read(|tx| {
            let file = file(tx, number)?;
            let seal = *file.sealed()?;
            let tally = tally(tx, &file).map_err(|error| match error {
                // A line that does not stand on its evidence.
                RegionError::Store(StoreError::Inconsistent(_)) => SettlementTrouble::Differs(number).into(),
                other => other,
            })?;
            let partners = partners(tx, &file.settlement, &tally.totals, |of| {
                Ok(file.partners.iter().find(|frozen| frozen.partner == of).and_then(|frozen| frozen.bank_version))
            })?;
            let made = SealRow {
                sealed_at: seal.sealed_at,
                lines: tally.lines,
                cents: partners.iter().map(|of| of.lines).sum(),
                paid: all_paid(&partners)?,
                entries_sha256: tally.entries_sha256,
            };
            let named = partners
                .iter()
                .zip(&file.partners)
                .map(|(made, frozen)| PartnerSettlement { name: frozen.name.clone(), ..made.clone() });
            let same_partners = partners.len() == file.partners.len() && named.eq(file.partners.iter().cloned());
            if made == seal && tally.totals == file.totals && same_partners {
                Ok(file)
            } else {
                Err(SettlementTrouble::Differs(number).into())
            }
        })
    }

    /// Gives every line of a settlement, or those of one partner, to `show`, by terminal and sequence. Each was checked against its evidence.
    ///
    /// # Errors
    /// What `show` says, and the store's.
    pub fn settlement_lines(
        &self,
        file: &SettlementFile,
        partner: Option<PartnerId>,
        mut show: impl FnMut(&Line) -> Result<(), RegionError>,
    ) -> Result<(), RegionError> {
        self.store().read(|tx| lines::each(tx, file, partner, &mut show))
    }
}

/// Begins the settlement until `until`, or finds it begun.
fn begin(tx: &Tx<'_>, until: Day, now: Timestamp) -> Result<SettlementRow, RegionError> {
    tx.lock_settlements()?;
    let newest = tx.settlement_up_to(u32::MAX)?;
    let text = until.to_string();
    if let Some(newest) = &newest {
        match tx.sealed(newest.number)? {
            None if newest.until == text => return Ok(newest.clone()),
            None => return Err(unfinished(newest)),
            Some(_) if newest.until >= text => {
                return Err(SettlementTrouble::NotLater { until: text, newest: newest.until.clone() }.into());
            }
            Some(_) => (),
        }
    }
    let ends_at = until.ends_at();
    if ends_at > now {
        return Err(SettlementTrouble::NotOver(text).into());
    }
    let number = newest.map_or(0, |newest| newest.number).checked_add(1);
    let number = number.ok_or(StoreError::Inconsistent("no settlement's number left"))?;
    let settlement = SettlementRow { number, until: text, ends_at, begun_at: now };
    tx.begin_settlement(&settlement)?;
    let oldest = Season::new(Season::at(ends_at).get().saturating_sub(SEASONS_NAMED));
    for catalogue in tx.catalogues_from(oldest)? {
        for benefit in &catalogue.benefits {
            tx.name_benefit(number, catalogue.season, benefit)?;
        }
    }
    Ok(settlement)
}

/// Adds the lines of a terminal, once.
fn settle_terminal(
    tx: &Tx<'_>,
    settlement: &SettlementRow,
    terminal: TerminalId,
    partner: PartnerId,
) -> Result<(), RegionError> {
    tx.lock_settlements()?;
    let number = settlement.number;
    if tx.is_terminal_settled(terminal, number)? {
        return Ok(());
    }
    let (newest, mut from, mut lines) = (tx.newest_judged(terminal)?, BEFORE_ALL.sequence, 0);
    while from < newest {
        // By ranges of the chain, so that no more is looked at than is taken into memory, on whatever engine.
        let to = Sequence::new(from.get().saturating_add(ROWS_AT_ONCE.into()));
        let changed = tx.unsettled(terminal, from, to, settlement.ends_at)?;
        lines += changed.len() as u64;
        let added: Vec<_> = changed.iter().map(|change| NewLine { terminal, number, change: *change }).collect();
        tx.add_lines(&added)?;
        from = to;
    }
    Ok(tx.add_settled_terminal(number, &SettledTerminal { terminal, partner, lines })?)
}

fn file(tx: &Tx<'_>, number: u32) -> Result<SettlementFile, RegionError> {
    let settlement = tx.settlement_up_to(number)?.filter(|found| found.number == number);
    let settlement = settlement.ok_or(SettlementTrouble::None(number))?;
    let before = tx.settlement_up_to(number.saturating_sub(1))?;
    let names = tx.benefit_names(number)?.into_iter().map(|(season, slot, [code, french, english, unit])| {
        ((season, slot), BenefitName { code, french, english, unit })
    });
    Ok(SettlementFile {
        begins_at: before.map_or(Timestamp::EPOCH, |before| before.ends_at),
        seal: tx.sealed(number)?,
        totals: tx.totals(number)?,
        partners: tx.partner_settlements(number)?,
        names: names.collect(),
        settlement,
    })
}

/// Adds up every line.
fn tally(tx: &Tx<'_>, file: &SettlementFile) -> Result<Tally, RegionError> {
    let mut sheet = sheets::EntrySheet::begin(file, Digest(Sha256::new()))?;
    let mut totals: BTreeMap<(PartnerId, Season, Slot), TotalRow> = BTreeMap::new();
    let mut lines = 0;
    lines::each(tx, file, None, &mut |line| {
        sheet.line(line)?;
        lines += 1;
        let Line { partner, season, slot, .. } = *line;
        let none =
            TotalRow { partner, season, slot, sales: 0, amount: 0, cents: Balance::ZERO, corrected: Balance::ZERO };
        let total = totals.entry((partner, season, slot)).or_insert(none);
        total.sales = total.sales.saturating_add(line.sales());
        total.amount = total.amount.saturating_add(line.amount());
        total.cents = total.cents.plus(line.cents());
        if line.correction {
            total.corrected = total.corrected.plus(line.cents());
        }
        Ok(())
    })?;
    Ok(Tally { totals: totals.into_values().collect(), lines, entries_sha256: sheet.end().0.finish() })
}

/// Takes what is written for a file, and keeps its hash.
struct Digest(Sha256);

impl std::io::Write for Digest {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What each partner is paid: what was left over and its lines, when that is more than nothing and `bank` names an account. What is not paid is left over.
fn partners(
    tx: &Tx<'_>,
    settlement: &SettlementRow,
    totals: &[TotalRow],
    bank: impl Fn(PartnerId) -> Result<Option<u32>, StoreError>,
) -> Result<Vec<PartnerSettlement>, StoreError> {
    let before = tx.partner_settlements(settlement.number.saturating_sub(1))?;
    let left: BTreeMap<PartnerId, Balance> = before.iter().map(|of| (of.partner, of.rest())).collect();
    let mut lines: BTreeMap<PartnerId, Balance> = BTreeMap::new();
    for total in totals {
        let sum = lines.entry(total.partner).or_default();
        *sum = sum.plus(total.cents);
    }
    let carrying = left.iter().filter(|(_, rest)| **rest != Balance::ZERO).map(|(partner, _)| *partner);
    let concerned: BTreeSet<PartnerId> = carrying.chain(lines.keys().copied()).collect();
    let of = concerned.into_iter().map(|partner| {
        let carried = left.get(&partner).copied().unwrap_or_default();
        let lines = lines.get(&partner).copied().unwrap_or_default();
        let due = carried.plus(lines).payable().min(Cents::new(PAYMENT_CENTS_MAX).unwrap_or(Cents::MAX));
        let bank_version = if due.is_zero() { None } else { bank(partner)? };
        let paid = if bank_version.is_some() { due } else { Cents::ZERO };
        Ok(PartnerSettlement { partner, name: String::new(), carried, lines, paid, bank_version })
    });
    of.collect()
}

fn all_paid(partners: &[PartnerSettlement]) -> Result<Cents, StoreError> {
    let sum = partners.iter().try_fold(Cents::ZERO, |sum, of| sum.checked_add(of.paid));
    sum.ok_or(StoreError::Inconsistent("a settlement of more money than there is"))
}

/// Keeps totals and payments, once.
fn seal(tx: &Tx<'_>, settlement: &SettlementRow, tally: &Tally, now: Timestamp) -> Result<(), RegionError> {
    tx.lock_settlements()?;
    let number = settlement.number;
    if tx.sealed(number)?.is_some() {
        return Ok(());
    }
    let newest_account = |partner| Ok(tx.bank(partner, None)?.map(|row| row.version));
    let mut partners = partners(tx, settlement, &tally.totals, newest_account)?;
    for of in &mut partners {
        of.name = tx.partner(of.partner)?.ok_or(RegionError::NoPartner(of.partner))?.name;
    }
    tx.add_totals(number, &tally.totals)?;
    tx.add_partner_settlements(number, &partners)?;
    let seal = SealRow {
        sealed_at: now,
        lines: tally.lines,
        cents: partners.iter().map(|of| of.lines).sum(),
        paid: all_paid(&partners)?,
        entries_sha256: tally.entries_sha256,
    };
    Ok(tx.seal(number, &seal)?)
}
