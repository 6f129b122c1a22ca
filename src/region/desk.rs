//! The region's desk: partners, terminals, cards' rights and denials, catalogues, policies, keys. Each is one transaction, and takes
//! effect at the terminals with their next exchange.

use std::path::Path;

use crate::crypto::{Ed25519PublicKey, random};
use crate::domain::card::{Entitlement, KeyCertificate};
use crate::domain::catalogue::{Benefit, Catalogue, Code, Unit};
use crate::domain::policy::Policy;
use crate::domain::refusal::DenialReason;
use crate::domain::version::RequiredVersion;
use crate::domain::{CardNumber, Cents, PartnerId, Season, Slot, TerminalId, Timestamp};
use crate::wire::code::EnrolmentCode;
use crate::wire::exchange::TerminalStanding;
use crate::wire::feed::{Denial, Item, Partner};

use super::bench::{Bench, load_chain};
use super::config::{CatalogueFile, parse_policy};
use super::enrolment::retire;
use super::error::RegionError;
use super::keys;
use super::partners::not_suspended;
use super::rights::{self, Rights, entitle};
use super::signing::{Signer, certify};
use super::store::{
    Audience, CardRow, Cause, DenialRow, NewTerminal, PartnerRow, Standing, StoreError, TerminalRow, Tx, UndoneRow,
};
use super::succession::BranchKeys;
use super::{Judging, Region};

/// How long an enrolment code is good when nothing else is said.
pub const CODE_HOURS: u32 = 48;
/// How long it can be good at most.
pub const CODE_HOURS_MAX: u32 = 720;

/// What is granted or charged otherwise than before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Corrections {
    /// Granted.
    pub granted: Vec<Correction>,
    /// Opening: consumed before the card took part, or charged to it.
    pub opening: Vec<Correction>,
}

/// One benefit's amount, as somebody wrote it: `cinema=5`, `leisure-books=800`, `leisure-books=8,00`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Correction {
    benefit: String,
    amount: Amount,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Amount {
    /// Seats or cents, whatever the benefit counts.
    Units(u32),
    /// Written with decimals: only euros can be.
    Euros(u32),
}

impl Correction {
    /// Reads `BENEFIT=AMOUNT`.
    ///
    /// # Errors
    /// [`RegionError::NotAnAmount`].
    pub fn parse(text: &str) -> Result<Self, RegionError> {
        let bad = || RegionError::NotAnAmount(text.to_owned());
        let (benefit, amount) = text.split_once('=').ok_or_else(bad)?;
        let amount = if amount.contains(['.', ',', '€']) {
            let cents = Cents::parse(amount).map_err(|_| bad())?;
            Amount::Euros(u32::try_from(cents.get()).map_err(|_| bad())?)
        } else {
            Amount::Units(amount.parse().map_err(|_| bad())?)
        };
        Ok(Self { benefit: benefit.to_owned(), amount })
    }

    /// The slot and the amount in its unit.
    fn resolve(&self, catalogue: &Catalogue) -> Result<(Slot, u32), RegionError> {
        let benefit = benefit_called(catalogue, &self.benefit)?;
        match (self.amount, benefit.unit) {
            (Amount::Units(amount), _) | (Amount::Euros(amount), Unit::Cent) => Ok((benefit.slot, amount)),
            (Amount::Euros(_), Unit::Seat { .. }) => Err(RegionError::NotAnAmount(self.benefit.clone())),
        }
    }
}

/// The benefit that somebody named.
pub(super) fn benefit_called<'c>(catalogue: &'c Catalogue, named: &str) -> Result<&'c Benefit, RegionError> {
    catalogue.benefit_called(named).ok_or_else(|| RegionError::NoBenefit {
        benefit: named.to_owned(),
        known: catalogue.benefits.iter().map(|benefit| benefit.code.clone()).collect(),
    })
}

/// Everything that the desk can see of a card.
#[derive(Clone, Debug)]
pub struct CardFile {
    /// The card.
    pub card: CardRow,
    /// Its entitlements, the newest last.
    pub entitlements: Vec<Entitlement>,
    /// The catalogue of the newest entitlement's season.
    pub catalogue: Option<Catalogue>,
    /// What it has signed, by counter.
    pub records: Vec<crate::domain::card::SignedRecord>,
    /// Its denial.
    pub denial: Option<DenialRow>,
    /// Debits that the region took back.
    pub undone: Vec<UndoneRow>,
    /// The card in whose place it is.
    pub replaces: Option<CardNumber>,
    /// The card in its place.
    pub replaced_by: Option<CardNumber>,
}

impl CardFile {
    /// Everything that is known of `card`; `None` when it was never given a certificate.
    pub(super) fn read(tx: &Tx<'_>, card: CardNumber) -> Result<Option<Self>, StoreError> {
        let Some(row) = tx.card(card)?.filter(|row| row.certificate.is_some()) else { return Ok(None) };
        let entitlements = tx.entitlements(card)?;
        let catalogue = entitlements.last().map(|newest| tx.catalogue(newest.season)).transpose()?.flatten();
        Ok(Some(Self {
            card: row,
            entitlements,
            catalogue,
            records: tx.records(card)?.into_iter().map(|(signed, _)| signed).collect(),
            denial: tx.denial(card)?,
            undone: tx.undone(card)?,
            replaces: tx.replaces(card)?,
            replaced_by: tx.replacement_of(card)?.map(|replacement| replacement.card),
        }))
    }

    /// What the card has consumed of `slot` in `season`, as far as the region knows: debits less reversals.
    pub fn consumed(&self, season: Season, slot: Slot) -> u32 {
        use crate::domain::card::Operation;
        let here = self.records.iter().map(|signed| &signed.record);
        here.filter(|record| record.season == season && record.slot == slot).fold(0, |consumed, record| {
            match record.operation {
                Operation::Debit => consumed.saturating_add(record.amount),
                Operation::Reversal => consumed.saturating_sub(record.amount),
            }
        })
    }
}

/// A terminal and what the desk wants to know of it.
#[derive(Clone, Debug)]
pub struct TerminalFile {
    /// The terminal.
    pub terminal: TerminalRow,
    /// Its standing; none was ever set for one that just works.
    pub standing: Option<Standing>,
    /// When the region last heard of it.
    pub last_heard: Option<Timestamp>,
    /// The version of its program then, as it says itself.
    pub version: Option<String>,
    /// Whether that is older than what terminals are told to have. A version that is none counts as older.
    pub is_behind: bool,
    /// The key that its chain begins with, by which anybody verifies it, and the one that signs now.
    pub entry_keys: Option<[Ed25519PublicKey; 2]>,
}

impl TerminalFile {
    fn of(tx: &Tx<'_>, terminal: TerminalRow, required: Option<RequiredVersion>) -> Result<Self, RegionError> {
        let (last_heard, version) = tx.last_heard(terminal.id)?.unzip();
        let entry_keys = terminal.keys.map(|first| {
            let now = BranchKeys::load(tx, terminal.id, first)?.at_head(tx, terminal.id)?;
            Ok::<_, StoreError>([first.entry, now.entry])
        });
        Ok(Self {
            standing: tx.standing(terminal.id)?,
            last_heard,
            is_behind: required.zip(version.as_deref()).is_some_and(|(required, own)| required.is_ahead_of(own)),
            version,
            entry_keys: entry_keys.transpose()?,
            terminal,
        })
    }
}

/// The terminal with this id.
fn terminal(tx: &Tx<'_>, id: TerminalId) -> Result<TerminalRow, RegionError> {
    tx.terminal(id)?.ok_or(RegionError::NoTerminal(id))
}

/// The card with this number, of those that were given a certificate.
pub(super) fn made_card(tx: &Tx<'_>, card: CardNumber) -> Result<CardRow, RegionError> {
    tx.card(card)?.filter(|row| row.certificate.is_some()).ok_or(RegionError::NoCard(card))
}

impl Region {
    /// Adds a partner.
    ///
    /// # Errors
    /// [`RegionError::PartnerName`], the store's.
    pub fn add_partner(&self, name: &str, activities: Vec<Code>, now: Timestamp) -> Result<PartnerId, RegionError> {
        let name = name.trim();
        if !(1..=200).contains(&name.chars().count()) {
            return Err(RegionError::PartnerName);
        }
        let partner = Partner { name: name.to_owned(), activities };
        Ok(self.store().write(|tx| tx.add_partner(&partner, now))?)
    }

    /// The activities among `activities` that no benefit of the present and coming catalogues is for.
    ///
    /// # Errors
    /// The store's.
    pub fn activities_without_benefit(&self, activities: &[Code], now: Timestamp) -> Result<Vec<Code>, RegionError> {
        let catalogues = self.store().read(|tx| tx.catalogues_from(Season::at(now)))?;
        let useless = |activity: &&Code| {
            catalogues.iter().all(|catalogue| catalogue.slots_for(std::slice::from_ref(*activity)).get() == 0)
        };
        Ok(activities.iter().filter(useless).cloned().collect())
    }

    /// Up to `limit` partners after `after`, in the order of their ids.
    ///
    /// # Errors
    /// The store's.
    pub fn partners(&self, after: PartnerId, limit: u32) -> Result<Vec<PartnerRow>, RegionError> {
        Ok(self.store().read(|tx| tx.partners(after, limit))?)
    }

    /// Adds a terminal of `partner`; the code with which it enrols within `hours`.
    ///
    /// # Errors
    /// [`RegionError::NoPartner`], [`RegionError::NoTerminal`] and [`RegionError::OtherPartner`] for what it replaces,
    /// [`RegionError::CodeLife`], the store's.
    pub fn add_terminal(
        &self,
        partner: PartnerId,
        replaces: Option<TerminalId>,
        all_entitlements: bool,
        hours: u32,
        now: Timestamp,
    ) -> Result<EnrolmentCode, RegionError> {
        if !(1..=CODE_HOURS_MAX).contains(&hours) {
            return Err(RegionError::CodeLife);
        }
        let secret = random()?;
        self.store().write(|tx| {
            tx.partner(partner)?.ok_or(RegionError::NoPartner(partner))?;
            not_suspended(tx, partner)?;
            if let Some(old) = replaces
                && terminal(tx, old)?.partner != partner
            {
                return Err(RegionError::OtherPartner(old));
            }
            // What was never used is good for nothing a month after its time; what it would tell then is not worth a secret.
            tx.forget_expired_codes(now.minus(CODE_HOURS_MAX * 3600))?;
            let code_expires_at = now.plus(hours * 3600);
            let new = NewTerminal { partner, replaces, all_entitlements, secret, code_expires_at };
            let id = tx.add_terminal(&new, now)?;
            Ok(EnrolmentCode { terminal: id, secret })
        })
    }

    /// Suspends a terminal: it is told with its next exchange.
    ///
    /// # Errors
    /// [`RegionError::NoTerminal`], [`RegionError::Retired`], [`RegionError::Partner`] for one whose partner is suspended, the store's.
    pub fn suspend_terminal(&self, id: TerminalId, now: Timestamp) -> Result<(), RegionError> {
        self.change_standing(id, TerminalStanding::Suspended, now)
    }

    /// Lets a terminal sell again. The desk has looked at its chain: where it forked, every branch is judged by what it says.
    ///
    /// # Errors
    /// As [`Region::suspend_terminal`].
    pub fn resume_terminal(&self, id: TerminalId, now: Timestamp) -> Result<(), RegionError> {
        self.change_standing(id, TerminalStanding::Active, now)
    }

    /// Revokes the keys of a terminal whose disk is in strange hands, for good. It is given no certificate any more: a card
    /// refuses it once it has met a terminal that was certified after those that it has ran out, which is 45 days later at the most. Whatever the region receives of it from now on is kept and not paid, whenever it says that it was written; and it learns nothing of the
    /// feed.
    ///
    /// # Errors
    /// [`RegionError::NoTerminal`], the store's.
    pub fn revoke_terminal(&self, id: TerminalId, now: Timestamp) -> Result<(), RegionError> {
        self.store().write(|tx| {
            terminal(tx, id)?;
            let signer = self.signer(tx)?;
            retire(tx, &signer, id, Cause::Revoked, now)
        })
    }

    fn change_standing(&self, id: TerminalId, to: TerminalStanding, now: Timestamp) -> Result<(), RegionError> {
        self.store().write(|tx| {
            let row = terminal(tx, id)?;
            let standing = tx.standing(id)?;
            let is = standing.map_or(TerminalStanding::Active, |standing| standing.standing);
            if is == TerminalStanding::Retired {
                return Err(RegionError::Retired(id));
            }
            if to == TerminalStanding::Active {
                not_suspended(tx, row.partner)?;
            }
            // One that is suspended with its partner stays so when the partner may sell again.
            if is != to || standing.is_some_and(|standing| standing.cause == Cause::Partner) {
                tx.set_standing(id, to, Cause::Desk, now)?;
            }
            if to == TerminalStanding::Active && row.keys.is_some() {
                settle_chain(tx, id)?;
            }
            Ok(())
        })?;
        if self.judging == Judging::AtOnce {
            self.settle_accounts(Some(id), now)?;
        }
        Ok(())
    }

    /// Every terminal.
    ///
    /// # Errors
    /// The store's.
    pub fn terminals(&self) -> Result<Vec<TerminalFile>, RegionError> {
        self.store().read(|tx| {
            let required = tx.required_version()?;
            tx.terminals()?.into_iter().map(|terminal| TerminalFile::of(tx, terminal, required)).collect()
        })
    }

    /// One terminal.
    ///
    /// # Errors
    /// [`RegionError::NoTerminal`], the store's.
    pub fn terminal(&self, id: TerminalId) -> Result<TerminalFile, RegionError> {
        self.store().read(|tx| TerminalFile::of(tx, terminal(tx, id)?, tx.required_version()?))
    }

    /// Denies a card for good, with the region key's block signature. One that is denied already stays so.
    ///
    /// # Errors
    /// [`RegionError::NoCard`], the store's.
    pub fn deny_card(&self, card: CardNumber, reason: DenialReason, now: Timestamp) -> Result<DenialRow, RegionError> {
        self.store().write(|tx| {
            made_card(tx, card)?;
            deny(tx, &*self.signer(tx)?, card, reason, now)
        })
    }

    /// A new entitlement for `card`: what it has for `season`, or what its profile is granted then, with `corrections`.
    ///
    /// # Errors
    /// [`RegionError::NoCard`], [`RegionError::NoCatalogue`], [`RegionError::NoBenefit`], [`RegionError::SeasonOver`], the store's.
    pub fn entitle_card(
        &self,
        card: CardNumber,
        season: Option<Season>,
        corrections: &Corrections,
        now: Timestamp,
    ) -> Result<Entitlement, RegionError> {
        let season = season.unwrap_or(Season::at(now));
        self.store().write(|tx| {
            let row = made_card(tx, card)?;
            let catalogue = tx.catalogue(season)?.ok_or(RegionError::NoCatalogue(season))?;
            let mut rights = match tx.newest_entitlement_of(card, season)? {
                Some(present) => Rights::of(&present),
                None => rights_of_profile(&catalogue, &row.profile),
            };
            for correction in &corrections.granted {
                let (slot, amount) = correction.resolve(&catalogue)?;
                rights.granted = rights.granted.with(slot, amount);
            }
            for correction in &corrections.opening {
                let (slot, amount) = correction.resolve(&catalogue)?;
                rights.opening = rights.opening.with(slot, amount);
            }
            let signer = self.signer(tx)?;
            let made = entitle(tx, &signer, card, &rights, now)?;
            // What is granted decides what is payable.
            Bench::new(tx, &signer, now).judge_card(card)?;
            Ok(made)
        })
    }

    /// Everything that is known of `card`.
    ///
    /// # Errors
    /// [`RegionError::NoCard`], the store's.
    pub fn card_file(&self, card: CardNumber) -> Result<CardFile, RegionError> {
        self.store().read(|tx| CardFile::read(tx, card)?.ok_or(RegionError::NoCard(card)))
    }

    /// The newest catalogue of `season`.
    ///
    /// # Errors
    /// The store's.
    pub fn catalogue(&self, season: Season) -> Result<Option<Catalogue>, RegionError> {
        Ok(self.store().read(|tx| tx.catalogue(season))?)
    }

    /// Publishes a catalogue: the next version of its season's. Certificates follow with each terminal's next exchange.
    ///
    /// # Errors
    /// [`RegionError::Config`] with the name `file`, the store's.
    pub fn publish_catalogue(
        &self,
        file: &str,
        catalogue: &CatalogueFile,
        season: Season,
        now: Timestamp,
    ) -> Result<Catalogue, RegionError> {
        self.store().write(|tx| {
            let made = catalogue.catalogue(season, tx.next_catalogue_version(season)?);
            let made = made.map_err(|error| RegionError::Config { file: file.to_owned(), error })?;
            tx.add_catalogue(&made, now)?;
            tx.tell(Audience::Everyone, &Item::Catalogue(made.clone()), self.signer(tx)?.serial().get())?;
            Ok(made)
        })
    }

    /// Tells all terminals which version of the program they must have, and from when on. The latest word counts.
    ///
    /// # Errors
    /// The store's.
    pub fn require_version(&self, required: RequiredVersion) -> Result<(), RegionError> {
        self.store().write(|tx| {
            let serial = self.signer(tx)?.serial().get();
            tx.tell(Audience::Everyone, &Item::RequiredVersion(required), serial)?;
            Ok(())
        })
    }

    /// Publishes an offline policy, as the next version.
    ///
    /// # Errors
    /// [`RegionError::Config`] with the name `file`, the store's.
    pub fn publish_policy(&self, file: &str, text: &str, now: Timestamp) -> Result<Policy, RegionError> {
        self.store().write(|tx| {
            let version = tx.policies()?.last().map_or(0, |row| row.policy.version).saturating_add(1);
            let version = version.max(tx.number_floor()?);
            let policy = parse_policy(text, version);
            let policy = policy.map_err(|error| RegionError::Config { file: file.to_owned(), error })?;
            let serial = self.signer(tx)?.serial().get();
            let position = tx.tell(Audience::Everyone, &Item::Policy(policy), serial)?;
            tx.add_policy(&policy, position, now)?;
            Ok(policy)
        })
    }

    /// Makes a new region key and has it certified by the root, in its file at `root_key` or where `init` left it. From now on everything is
    /// signed with it; denials, and entitlements that are still under way, are told again, because a card that holds the new key takes no other.
    ///
    /// # Errors
    /// [`RegionError::OtherRoot`], what keys and store say.
    pub fn rotate_key(&self, root_key: Option<&Path>, now: Timestamp) -> Result<KeyCertificate, RegionError> {
        let root_path = root_key.map_or_else(|| self.keys.root_path(), Path::to_path_buf);
        let root = keys::read(&root_path)?;
        self.store().write(|tx| {
            if tx.root_key()? != Some(root.public_key()) {
                return Err(RegionError::OtherRoot(root_path.clone()));
            }
            let newest = tx.region_keys()?.pop().ok_or(StoreError::Inconsistent("no region key"))?;
            let serial = newest.serial.get().checked_add(1).ok_or(StoreError::Inconsistent("no serial left"))?;
            let serial = crate::domain::KeySerial::new(serial);
            let key = self.keys.make_region_key(serial)?;
            let certificate = certify(&root, serial, &key)?;
            tx.add_region_key(&certificate, now)?;
            tx.tell(Audience::Everyone, &Item::KeyCertificate(certificate), serial.get())?;
            let signer = Signer::new(key, certificate);
            for denial in tx.denials()? {
                tell_denial(tx, &signer, denial.card, denial.reason, denial.denied_at)?;
            }
            for card in tx.cards_with_entitlement_under_way()? {
                rights::newest(tx, &signer, card, now)?;
            }
            Ok(certificate)
        })
    }
}

/// Denies `card`; one that is denied already stays so.
pub(super) fn deny(
    tx: &Tx<'_>,
    signer: &Signer,
    card: CardNumber,
    reason: DenialReason,
    now: Timestamp,
) -> Result<DenialRow, RegionError> {
    if let Some(denial) = tx.denial(card)? {
        return Ok(denial);
    }
    let position = tell_denial(tx, signer, card, reason, now)?;
    let denial = DenialRow { card, reason, denied_at: now, position };
    tx.add_denial(&denial)?;
    Ok(denial)
}

fn tell_denial(
    tx: &Tx<'_>,
    signer: &Signer,
    card: CardNumber,
    reason: DenialReason,
    denied_at: Timestamp,
) -> Result<u64, RegionError> {
    let denial = Denial { card, reason, denied_at, block: Some(signer.block(card)?) };
    Ok(tx.tell(Audience::Everyone, &Item::Denial(denial), signer.serial().get())?)
}

/// Every branch of the chain is judged by what it says from now on.
fn settle_chain(tx: &Tx<'_>, id: TerminalId) -> Result<(), RegionError> {
    let mut chain = load_chain(tx, id)?;
    for branch in chain.settle() {
        tx.update_branch(id, &branch)?;
        tx.set_noted(id, branch.number, branch.fork_sequence)?;
    }
    Ok(())
}

/// Refuses a profile that the catalogue of `season` does not know.
pub(super) fn check_profile(tx: &Tx<'_>, profile: &Code, season: Season) -> Result<(), RegionError> {
    let catalogue = tx.catalogue(season)?.ok_or(RegionError::NoCatalogue(season))?;
    let known = catalogue.profiles();
    if known.contains(&profile) {
        return Ok(());
    }
    Err(RegionError::NoProfile { profile: profile.clone(), known: known.into_iter().cloned().collect() })
}

/// What `profile` is granted by `catalogue`.
pub fn rights_of_profile(catalogue: &Catalogue, profile: &Code) -> Rights {
    Rights { season: catalogue.season, granted: catalogue.granted_to(profile), opening: crate::domain::Amounts::ZERO }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_as_people_write_them() {
        let read = |text| Correction::parse(text).map(|correction| correction.amount).ok();
        let table = [
            ("cinema=5", Some(Amount::Units(5))),
            ("leisure-books=800", Some(Amount::Units(800))),
            ("leisure-books=8,00", Some(Amount::Euros(800))),
            ("leisure-books=8.5", Some(Amount::Euros(850))),
            ("cinema", None),
            ("cinema=", None),
            ("cinema=-1", None),
            ("cinema=4294967296", None),
        ];
        for (text, expected) in table {
            assert_eq!(read(text), expected, "{text}");
        }
    }
}
