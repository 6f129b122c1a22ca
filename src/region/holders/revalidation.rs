//! Revalidation in bulk (R2, R11): an establishment says of many cards at once that the studies go on, and each is granted the season.
//!
//! A list is read line by line and done by the thousand, each thousand in one transaction, so it takes the memory of a thousand lines however long it is. What
//! was done before is found done: a list that broke off is given again. A bad line is reported with its number, and hinders no other.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, Read as _};

use crate::domain::catalogue::{Catalogue, Code};
use crate::domain::ids::NotACardNumber;
use crate::domain::refusal::Language;
use crate::domain::{CardNumber, EntitlementSerial, HolderReference, Season, TerminalId, Timestamp};
use crate::wire::feed::Item;

use super::life::codes;
use super::mails::{MailData, Template, queued};
use super::{Acting, HolderTrouble};
use crate::region::Region;
use crate::region::desk::rights_of_profile;
use crate::region::error::RegionError;
use crate::region::signing::Signer;
use crate::region::store::{Audience, CardStanding, HolderRow, MailRow, Tx};

/// How many lines are done in one transaction.
pub const LINES_AT_ONCE: usize = 1000;
/// A line past this is no line of such a list.
const LINE_BYTES_MAX: u64 = 1024;

codes! {
    /// Why a line was not done.
    LineTrouble {
        /// It has not the columns of the first line, or it is too long.
        Shape "shape",
        /// Not 16 digits.
        Digits "digits",
        /// One of the digits is wrong.
        CheckDigit "check-digit",
        /// The region made no such card.
        NoCard "no-card",
        /// It is a card of another establishment's holder.
        NotYours "not-yours",
        /// The studies have ended.
        Ended "studies-ended",
        /// The catalogue has no such profile.
        Profile "profile",
        /// The card has rights for a later season.
        SeasonOver "season-over",
        /// The card has had every entitlement that it can have.
        NoSerialLeft "no-serial-left",
    }
}

impl LineTrouble {
    /// What is the matter.
    pub const fn sentence(self, language: Language) -> &'static str {
        match (self, language) {
            (Self::Shape, Language::French) => "la ligne n'a pas les colonnes de l'en-tête",
            (Self::Shape, Language::English) => "the line has not the columns of the first one",
            (Self::Digits, Language::French) => "le numéro de carte n'a pas 16 chiffres",
            (Self::Digits, Language::English) => "the card number has not 16 digits",
            (Self::CheckDigit, Language::French) => "le numéro de carte a un chiffre faux",
            (Self::CheckDigit, Language::English) => "the card number has a wrong digit",
            (Self::NoCard, Language::French) => "la région n'a pas fait cette carte",
            (Self::NoCard, Language::English) => "the region has made no such card",
            (Self::NotYours, Language::French) => "la carte est d'un autre établissement",
            (Self::NotYours, Language::English) => "the card is of another establishment",
            (Self::Ended, Language::French) => "les études de ce titulaire sont terminées",
            (Self::Ended, Language::English) => "the studies of this holder have ended",
            (Self::Profile, Language::French) => "le catalogue ne connaît pas ce profil",
            (Self::Profile, Language::English) => "the catalogue has no such profile",
            (Self::SeasonOver, Language::French) => "la carte a déjà des droits pour une saison plus tardive",
            (Self::SeasonOver, Language::English) => "the card has rights for a later season already",
            (Self::NoSerialLeft, Language::French) => "la carte a épuisé ses numéros de droits : remplacez-la",
            (Self::NoSerialLeft, Language::English) => "the card has used up its entitlement serials: replace it",
        }
    }
}

/// A line that asks for a card to be revalidated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// The line, from 1.
    pub line: u64,
    /// The card; one that was replaced stands for the newest in its line.
    pub card: CardNumber,
    /// What the holder is from now on; as before when it is not said.
    pub profile: Option<Code>,
}

/// What became of one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The season is granted.
    Done,
    /// It was granted before.
    Already,
    /// Nothing was done.
    Bad(LineTrouble),
}

/// What became of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Lines, the first one with the names not counted.
    pub lines: u64,
    /// Revalidated.
    pub done: u64,
    /// Revalidated before.
    pub already: u64,
    /// Not done.
    pub bad: u64,
}

impl Tally {
    fn count(&mut self, outcome: Outcome) {
        self.lines += 1;
        match outcome {
            Outcome::Done => self.done += 1,
            Outcome::Already => self.already += 1,
            Outcome::Bad(_) => self.bad += 1,
        }
    }
}

/// What stands in a column. Neither a number nor a code has a quote in it, so quotes are not obeyed: one too many would swallow the lines after it.
fn plain(text: &str) -> &str {
    text.trim().trim_matches('"').trim()
}

/// Where in a line what stands.
struct Columns {
    separator: char,
    card: usize,
    profile: Option<usize>,
    count: usize,
}

impl Columns {
    fn of(line: &str) -> Result<Self, HolderTrouble> {
        let separator = if line.contains(';') { ';' } else { ',' };
        let names: Vec<String> = line.split(separator).map(|name| plain(name).to_lowercase()).collect();
        if let Some(unknown) = names.iter().find(|name| !["card", "profile"].contains(&name.as_str())) {
            let unknown: String = unknown.chars().take(40).collect();
            return Err(HolderTrouble::List(format!("« {unknown} »: card, profile")));
        }
        let place = |of: &str| names.iter().position(|name| name == of);
        let card = place("card").ok_or_else(|| HolderTrouble::List("card ?".to_owned()))?;
        Ok(Self { separator, card, profile: place("profile"), count: names.len() })
    }

    fn wish(&self, number: u64, line: &str) -> Result<Wish, LineTrouble> {
        let columns: Vec<&str> = line.split(self.separator).map(plain).collect();
        let card = columns.get(self.card).filter(|_| columns.len() == self.count).ok_or(LineTrouble::Shape)?;
        let card = CardNumber::parse(card).map_err(|error| match error {
            NotACardNumber::Digits => LineTrouble::Digits,
            NotACardNumber::CheckDigit => LineTrouble::CheckDigit,
        })?;
        let profile = self.profile.and_then(|column| columns.get(column)).filter(|profile| !profile.is_empty());
        let profile = profile.map(|profile| Code::new(*profile)).transpose().map_err(|_| LineTrouble::Profile)?;
        Ok(Wish { line: number, card, profile })
    }
}

/// The number of a line, and what stands there when that can be read.
type NumberedLine = (u64, Result<String, LineTrouble>);

/// The lines of a list, with their numbers from 1; empty ones are left out.
struct Lines<R> {
    list: R,
    number: u64,
}

impl<R: BufRead> Lines<R> {
    /// The next line; one that is no text or too long is bad, and takes no more memory than a good one.
    fn next(&mut self) -> Result<Option<NumberedLine>, HolderTrouble> {
        let cannot = |error: std::io::Error| HolderTrouble::List(error.to_string());
        loop {
            let mut line = Vec::new();
            let read = self.list.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line).map_err(cannot)?;
            if read == 0 {
                return Ok(None);
            }
            self.number += 1;
            let whole = line.last() == Some(&b'\n') || (read as u64) < LINE_BYTES_MAX;
            if !whole {
                self.list.skip_until(b'\n').map_err(cannot)?;
            }
            let line = String::from_utf8(line).ok().filter(|_| whole);
            match line {
                Some(line) if line.trim().is_empty() => (),
                line => return Ok(Some((self.number, line.ok_or(LineTrouble::Shape)))),
            }
        }
    }
}

impl Region {
    /// Revalidates the cards of a list for `season`, the present or the next: CSV, UTF-8, `;` or `,` between the columns, the first line with
    /// their names, `card` and, where it changed, `profile`. `report` is told of every line that was not done.
    ///
    /// # Errors
    /// [`HolderTrouble::NotASeason`], [`RegionError::NoCatalogue`], [`HolderTrouble::List`] when the first line is none; the store's. What was done before is kept.
    pub fn revalidate_list(
        &self,
        list: impl BufRead,
        season: Season,
        acting: &Acting,
        now: impl Fn() -> Timestamp,
        mut report: impl FnMut(u64, LineTrouble) -> Result<(), RegionError>,
    ) -> Result<Tally, RegionError> {
        let mut lines = Lines { list, number: 0 };
        let names = lines.next()?.and_then(|(_, names)| names.ok()).unwrap_or_default();
        let columns = Columns::of(names.trim_start_matches('\u{feff}'))?;
        let mut tally = Tally::default();
        let mut wishes = Vec::with_capacity(LINES_AT_ONCE);
        loop {
            let line = lines.next()?;
            let more = line.is_some();
            if let Some((number, line)) = line {
                match line.and_then(|line| columns.wish(number, &line)) {
                    Ok(wish) => wishes.push(wish),
                    Err(trouble) => {
                        tally.count(Outcome::Bad(trouble));
                        report(number, trouble)?;
                    }
                }
            }
            if wishes.len() == LINES_AT_ONCE || !more {
                let outcomes = self.revalidate(&wishes, season, acting, now())?;
                for (wish, outcome) in wishes.drain(..).zip(outcomes) {
                    tally.count(outcome);
                    if let Outcome::Bad(trouble) = outcome {
                        report(wish.line, trouble)?;
                    }
                }
            }
            if !more {
                return Ok(tally);
            }
        }
    }

    /// Revalidates cards for `season`, the present or the next, in one transaction; what became of each. No more than [`LINES_AT_ONCE`] at once should
    /// be asked for.
    ///
    /// # Errors
    /// [`HolderTrouble::NotASeason`], [`RegionError::NoCatalogue`], the store's.
    pub fn revalidate(
        &self,
        wishes: &[Wish],
        season: Season,
        acting: &Acting,
        now: Timestamp,
    ) -> Result<Vec<Outcome>, RegionError> {
        let present = Season::at(now);
        if season != present && season != present.next() {
            return Err(HolderTrouble::NotASeason(season).into());
        }
        self.store().write(|tx| {
            let catalogue = tx.catalogue(season)?.ok_or(RegionError::NoCatalogue(season))?;
            let signer = self.signer(tx)?;
            Batch { tx, signer: &signer, catalogue: &catalogue, acting, now }.revalidate(wishes)
        })
    }
}

/// Some cards, in one transaction.
struct Batch<'a> {
    tx: &'a Tx<'a>,
    signer: &'a Signer,
    catalogue: &'a Catalogue,
    acting: &'a Acting,
    now: Timestamp,
}

/// What of a card is asked once for all cards together.
struct Facts {
    standing: Option<CardStanding>,
    /// Season and serial of the newest entitlement.
    newest: Option<(Season, EntitlementSerial)>,
    holder: Option<HolderRow>,
    granted: bool,
}

impl Batch<'_> {
    fn revalidate(&self, wishes: &[Wish]) -> Result<Vec<Outcome>, RegionError> {
        let season = self.catalogue.season;
        let cards = self.newest_in_line(wishes)?;
        self.tx.lock_cards(&cards.iter().copied().collect())?;
        let facts = self.facts(&cards)?;
        let profiles: BTreeSet<&Code> = self.catalogue.profiles().into_iter().collect();
        let mut taken = BTreeSet::new();
        let (mut grants, mut entitlements, mut changed) = (Vec::new(), Vec::new(), Vec::new());
        let mut mails: Vec<MailRow> = Vec::new();
        let mut outcomes = Vec::with_capacity(wishes.len());
        for ((wish, card), facts) in wishes.iter().zip(&cards).zip(facts) {
            let (standing, profile) = match self.verdict(wish, &facts, &profiles) {
                Ok(good) => good,
                Err(outcome) => {
                    outcomes.push(outcome);
                    continue;
                }
            };
            if !taken.insert(standing.holder) {
                outcomes.push(Outcome::Already);
                continue;
            }
            let serial = facts.newest.map_or(0, |(_, serial)| serial.get()).checked_add(1);
            let Some(serial) = serial.map(EntitlementSerial::new) else {
                outcomes.push(Outcome::Bad(LineTrouble::NoSerialLeft));
                continue;
            };
            let rights = rights_of_profile(self.catalogue, &profile);
            entitlements.push(self.signer.entitlement(*card, season, serial, rights.granted, rights.opening)?);
            grants.push((standing.holder, *card));
            if facts.holder.as_ref().is_some_and(|holder| holder.erased_at.is_none()) {
                let data = MailData::new().with("season", season);
                mails.push(queued(standing.holder, Template::Revalidated, &data)?);
            }
            if standing.profile != profile || facts.holder.is_some_and(|holder| holder.profile != profile) {
                changed.push((standing.holder, *card, profile));
            }
            outcomes.push(Outcome::Done);
        }
        self.tx.grant_seasons(&grants, season, self.now)?;
        self.tx.add_entitlements(&entitlements, self.now)?;
        self.tx.set_profiles(&changed)?;
        self.tx.queue_mails(&mails, self.now)?;
        self.tell(&entitlements)?;
        Ok(outcomes)
    }

    /// For each wish the card that counts: the newest in the line of the one that was named.
    fn newest_in_line(&self, wishes: &[Wish]) -> Result<Vec<CardNumber>, RegionError> {
        let mut cards: Vec<CardNumber> = wishes.iter().map(|wish| wish.card).collect();
        loop {
            let replaced = self.tx.replacements_of(&cards)?;
            if replaced.iter().all(Option::is_none) {
                return Ok(cards);
            }
            for (card, by) in cards.iter_mut().zip(replaced) {
                *card = by.unwrap_or(*card);
            }
        }
    }

    fn facts(&self, cards: &[CardNumber]) -> Result<Vec<Facts>, RegionError> {
        let standings = self.tx.card_standings(cards)?;
        let nobody = HolderReference::new([0; 16]);
        let holders: Vec<HolderReference> =
            standings.iter().map(|standing| standing.as_ref().map_or(nobody, |standing| standing.holder)).collect();
        let newest = self.tx.newest_entitlements(cards)?;
        let rows = self.tx.holders(&holders)?;
        let granted = self.tx.are_granted(&holders, self.catalogue.season)?;
        let all = standings.into_iter().zip(newest).zip(rows).zip(granted);
        let facts = all.map(|(((standing, newest), holder), granted)| Facts {
            standing,
            newest: newest.map(|newest| (newest.season, newest.serial)),
            holder,
            granted,
        });
        Ok(facts.collect())
    }

    /// Whether a wish is fulfilled: of which card and with which profile.
    fn verdict(&self, wish: &Wish, facts: &Facts, profiles: &BTreeSet<&Code>) -> Result<(CardStanding, Code), Outcome> {
        let bad = |trouble| Err(Outcome::Bad(trouble));
        let Some(standing) = facts.standing.clone().filter(|standing| standing.issued_at.is_some()) else {
            return bad(LineTrouble::NoCard);
        };
        let own = match (&facts.holder, self.acting.establishment) {
            (Some(holder), _) => self.acting.sees(holder.establishment),
            (None, establishment) => establishment.is_none(),
        };
        if !own {
            return bad(LineTrouble::NotYours);
        }
        let season = self.catalogue.season;
        if facts.granted || facts.newest.is_some_and(|(newest, _)| newest == season) {
            return Err(Outcome::Already);
        }
        if facts.newest.is_some_and(|(newest, _)| newest > season) {
            return bad(LineTrouble::SeasonOver);
        }
        if facts.holder.as_ref().is_some_and(|holder| holder.ended_at.is_some()) {
            return bad(LineTrouble::Ended);
        }
        let before = facts.holder.as_ref().map_or(&standing.profile, |holder| &holder.profile);
        let profile = wish.profile.as_ref().unwrap_or(before).clone();
        if profiles.contains(&profile) { Ok((standing, profile)) } else { bad(LineTrouble::Profile) }
    }

    /// The terminals that hold all entitlements are told, and those that have seen the card.
    fn tell(&self, entitlements: &[crate::domain::card::Entitlement]) -> Result<(), RegionError> {
        if entitlements.is_empty() {
            return Ok(());
        }
        let key = self.signer.serial().get();
        let items: Vec<Item> = entitlements.iter().copied().map(Item::Entitlement).collect();
        let cards: Vec<CardNumber> = entitlements.iter().map(|entitlement| entitlement.card).collect();
        let mut of_terminal: BTreeMap<TerminalId, Vec<Item>> = BTreeMap::new();
        for (item, terminals) in items.iter().zip(self.tx.terminals_that_saw_each(&cards)?) {
            for terminal in terminals {
                of_terminal.entry(terminal).or_default().push(item.clone());
            }
        }
        for (terminal, items) in of_terminal {
            self.tx.tell_all(Audience::One(terminal), &items, key)?;
        }
        // Whoever takes a position of the feed of all makes the others wait: that comes last.
        self.tx.tell_all(Audience::HoldersOfAll, &items, key)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(list: &str) -> Result<Vec<Result<Wish, LineTrouble>>, HolderTrouble> {
        let mut lines = Lines { list: list.as_bytes(), number: 0 };
        let names = lines.next()?.map(|(_, names)| names.unwrap()).unwrap_or_default();
        let columns = Columns::of(names.trim_start_matches('\u{feff}'))?;
        let mut read = Vec::new();
        while let Some((number, line)) = lines.next()? {
            read.push(line.and_then(|line| columns.wish(number, &line)));
        }
        Ok(read)
    }

    #[test]
    fn a_list_is_read_as_establishments_write_it() {
        let card = CardNumber::from_account(925_000_000_000_123).unwrap();
        let number = card.digits();
        let wish = |line, profile: Option<&str>| {
            Ok(Wish { line, card, profile: profile.map(|profile| Code::new(profile).unwrap()) })
        };
        let table = [
            (format!("card\n{number}\n"), vec![wish(2, None)]),
            (format!("card;profile\r\n{number};lycee\r\n{number};\r\n"), vec![wish(2, Some("lycee")), wish(3, None)]),
            (format!("\u{feff}Profile,Card\nlycee,\"{number}\"\n"), vec![wish(2, Some("lycee"))]),
            (format!("card;profile\n{number}\n"), vec![Err(LineTrouble::Shape)]),
            ("card\n1234\n".to_owned(), vec![Err(LineTrouble::Digits)]),
            ("card\n9250000000001230\n".to_owned(), vec![Err(LineTrouble::CheckDigit)]),
            (format!("card;profile\n{number};Lycée\n"), vec![Err(LineTrouble::Profile)]),
            (
                format!("card;profile\n\n{number};{}\n{number};\n", "x".repeat(2000)),
                vec![Err(LineTrouble::Shape), wish(4, None)],
            ),
        ];
        for (list, expected) in table {
            assert_eq!(lines(&list).unwrap(), expected, "{list}");
        }
        for bad in ["", "number\n1\n", "card;name\n1;2\n"] {
            assert!(matches!(lines(bad), Err(HolderTrouble::List(_))), "{bad}");
        }
    }
}
