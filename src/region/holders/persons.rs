//! Who a holder is: what may stand in a name, a mail address, a postal address; showing, moving, ending, erasing.
//!
//! Of the birth the year is kept, no more: the rule is an age in a school year, and the establishment, which knows the pupil, validates every order.

use crate::crypto::{random, sha256_of};
use crate::domain::{HolderReference, Season, Timestamp};

use super::mails::{MailData, Template, queue};
use super::orders::OrderView;
use super::{Acting, EstablishmentId, HolderTrouble};
use crate::region::Region;
use crate::region::error::RegionError;
use crate::region::holders::life::{Stage, Step};
use crate::region::store::{EstablishmentRow, HolderRow, Tx};

/// Who a holder is.
#[derive(Clone, PartialEq, Eq)]
pub struct Person {
    /// The given name.
    pub given_name: String,
    /// The family name.
    pub family_name: String,
    /// The year of birth.
    pub birth_year: u16,
    /// Where mails go.
    pub mail: String,
    /// Where the card goes.
    pub address: Address,
}

/// A postal address in France.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    /// Number and street.
    pub street: String,
    /// Five digits.
    pub postcode: String,
    /// The town.
    pub city: String,
}

/// Nothing of a person is printed by accident.
impl std::fmt::Debug for Person {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Person(..)")
    }
}

/// As [`Person`].
impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Address(..)")
    }
}

/// What people write, without the spaces around it: 1 to `max` characters on one line.
pub(super) fn line(text: &str, max: usize, field: &'static str) -> Result<String, HolderTrouble> {
    let text = text.trim();
    let fits = (1..=max).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    if fits { Ok(text.to_owned()) } else { Err(HolderTrouble::Field(field)) }
}

/// An address that can be written to. Whether somebody reads there a mail will show.
fn mail(text: &str) -> Result<String, HolderTrouble> {
    let text = line(text, 254, "mail")?;
    let good = text.is_ascii()
        && !text.contains(|c: char| c.is_whitespace() || "<>,;:\"()[]\\".contains(c))
        && text.split_once('@').is_some_and(|(name, domain)| {
            let labels = || domain.split('.');
            !name.is_empty()
                && labels().count() >= 2
                && labels().all(|label| !label.is_empty())
                && !domain.contains('@')
        });
    if good { Ok(text) } else { Err(HolderTrouble::Field("mail")) }
}

impl Address {
    /// The same, each line checked.
    ///
    /// # Errors
    /// [`HolderTrouble::Field`].
    pub fn checked(&self) -> Result<Self, HolderTrouble> {
        let postcode = line(&self.postcode, 5, "postcode")?;
        if postcode.len() != 5 || !postcode.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(HolderTrouble::Field("postcode"));
        }
        Ok(Self { street: line(&self.street, 200, "street")?, postcode, city: line(&self.city, 100, "city")? })
    }
}

impl Person {
    /// The same, each field checked for `season`: the PASS is for those who are 15 to 25 at some time of it, as far as a year can tell.
    ///
    /// # Errors
    /// [`HolderTrouble::Field`], [`HolderTrouble::Age`].
    pub fn checked(&self, season: Season) -> Result<Self, HolderTrouble> {
        let years = season.get().saturating_sub(26)..=season.next().get().saturating_sub(15);
        if !years.contains(&self.birth_year) {
            return Err(HolderTrouble::Age(season));
        }
        Ok(Self {
            given_name: line(&self.given_name, 100, "given-name")?,
            family_name: line(&self.family_name, 100, "family-name")?,
            birth_year: self.birth_year,
            mail: mail(&self.mail)?,
            address: self.address.checked()?,
        })
    }

    /// By what a person is known again: name and year of birth in one establishment, however the name is written.
    pub(super) fn known_by(&self, establishment: EstablishmentId) -> [u8; 32] {
        let plain = |name: &str| -> String { name.to_lowercase().chars().filter(|c| c.is_alphanumeric()).collect() };
        let (given, family) = (plain(&self.given_name), plain(&self.family_name));
        let (year, establishment) = (self.birth_year.to_be_bytes(), establishment.get().to_be_bytes());
        sha256_of([
            b"PASS-PERSON\0".as_slice(),
            given.as_bytes(),
            b"\0",
            family.as_bytes(),
            b"\0",
            &year,
            &establishment,
        ])
    }
}

/// With this and the card's number a holder looks the balance up. 80 bits that nobody chose: it cannot be tried out.
pub(super) struct Secret([u8; 10]);

impl Secret {
    pub(super) fn new() -> Result<Self, RegionError> {
        Ok(Self(random()?))
    }

    /// Reads what [`Display`](std::fmt::Display) writes, with or without the dashes.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let digits: String = text.chars().filter(|c| *c != '-' && !c.is_whitespace()).collect();
        let mut bytes = [0; 10];
        hex::decode_to_slice(digits, &mut bytes).ok()?;
        Some(Self(bytes))
    }

    pub(super) fn hash(&self) -> [u8; 32] {
        sha256_of([b"PASS-SECRET\0".as_slice(), &self.0])
    }
}

/// Five groups of four digits.
impl std::fmt::Display for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, pair) in self.0.chunks(2).enumerate() {
            f.write_str(if index == 0 { "" } else { "-" })?;
            pair.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        }
        Ok(())
    }
}

/// A change of address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Move {
    /// The new postal address.
    pub address: Option<Address>,
    /// The new mail address.
    pub mail: Option<String>,
    /// The new establishment: studies that had ended go on.
    pub establishment: Option<EstablishmentId>,
}

/// Everything that the desk can see of a holder.
#[derive(Clone, Debug)]
pub struct HolderFile {
    /// The holder.
    pub holder: HolderRow,
    /// Who it is; `None` once erased.
    pub person: Option<Person>,
    /// Where in training.
    pub establishment: EstablishmentRow,
    /// The orders, the newest last.
    pub orders: Vec<OrderView>,
}

/// The holder, if whoever acts may see it.
pub(super) fn seen_holder(tx: &Tx<'_>, holder: HolderReference, acting: &Acting) -> Result<HolderRow, RegionError> {
    let row = tx.holder(holder)?.filter(|row| acting.sees(row.establishment));
    Ok(row.ok_or(HolderTrouble::NoHolder(holder))?)
}

/// Gives up the orders of which no card was made yet.
fn withdraw(tx: &Tx<'_>, holder: HolderReference, acting: &Acting, now: Timestamp) -> Result<(), RegionError> {
    for mut order in tx.orders_of(holder)? {
        if let Some(stage) = order.stage.after(Step::Withdraw) {
            (order.stage, order.changed_at) = (stage, now);
            tx.update_order(&order, &acting.by)?;
        }
    }
    Ok(())
}

impl Region {
    /// What is known of a holder.
    ///
    /// # Errors
    /// [`HolderTrouble::NoHolder`], the store's.
    pub fn holder_file(
        &self,
        holder: HolderReference,
        acting: &Acting,
        now: Timestamp,
    ) -> Result<HolderFile, RegionError> {
        self.store().read(|tx| {
            let row = seen_holder(tx, holder, acting)?;
            let establishment = tx.establishment(row.establishment)?;
            let orders = tx.orders_of(holder)?.into_iter().map(|order| OrderView::of(tx, order, now));
            Ok(HolderFile {
                person: tx.person(holder)?,
                establishment: establishment.ok_or(HolderTrouble::NoEstablishment(row.establishment))?,
                orders: orders.collect::<Result<_, _>>()?,
                holder: row,
            })
        })
    }

    /// A holder has moved: mails and cards go to the new address from now on.
    ///
    /// # Errors
    /// [`HolderTrouble`], the store's.
    pub fn move_holder(
        &self,
        holder: HolderReference,
        to: &Move,
        acting: &Acting,
        now: Timestamp,
    ) -> Result<(), RegionError> {
        self.store().write(|tx| {
            tx.lock_holder(holder)?;
            let mut row = seen_holder(tx, holder, acting)?;
            let mut person = tx.person(holder)?.ok_or(HolderTrouble::Erased)?;
            let hash = tx.secret_hash(holder)?.ok_or(HolderTrouble::Erased)?;
            if let Some(establishment) = to.establishment {
                tx.establishment(establishment)?.ok_or(HolderTrouble::NoEstablishment(establishment))?;
                let (before, after) = (person.known_by(row.establishment), person.known_by(establishment));
                if before != after {
                    know_elsewhere(tx, &before, &after, holder, Season::at(now))?;
                }
                (row.establishment, row.ended_at) = (establishment, None);
                tx.update_holder(&row)?;
            }
            if let Some(address) = &to.address {
                person.address = address.checked()?;
            }
            if let Some(text) = &to.mail {
                person.mail = mail(text)?;
            }
            tx.set_person(holder, &person, &hash)?;
            queue(tx, holder, Template::Moved, MailData::new(), now)
        })
    }

    /// A new secret for a holder that has lost it; the mail brings it.
    ///
    /// # Errors
    /// [`HolderTrouble`], the store's.
    pub fn renew_secret(&self, holder: HolderReference, acting: &Acting, now: Timestamp) -> Result<(), RegionError> {
        let secret = Secret::new()?;
        self.store().write(|tx| {
            tx.lock_holder(holder)?;
            seen_holder(tx, holder, acting)?;
            let person = tx.person(holder)?.ok_or(HolderTrouble::Erased)?;
            tx.set_person(holder, &person, &secret.hash())?;
            queue(tx, holder, Template::Secret, MailData::new().with("secret", &secret), now)
        })
    }

    /// The studies have ended: what was granted may be used until the season is over, nothing is granted any more, and no card is made.
    ///
    /// # Errors
    /// [`HolderTrouble`], the store's.
    pub fn end_studies(&self, holder: HolderReference, acting: &Acting, now: Timestamp) -> Result<(), RegionError> {
        self.store().write(|tx| {
            tx.lock_holder(holder)?;
            let mut row = seen_holder(tx, holder, acting)?;
            if row.ended_at.is_some() {
                return Ok(());
            }
            row.ended_at = Some(now);
            tx.update_holder(&row)?;
            withdraw(tx, holder, acting, now)?;
            queue(tx, holder, Template::Ended, MailData::new(), now)
        })
    }

    /// Forgets who a holder is. Cards, rights, verdicts and what is owed to partners go on: they know the reference alone. Until the season
    /// is over it stays known that the person was granted it.
    ///
    /// # Errors
    /// [`HolderTrouble`], the store's.
    pub fn erase_holder(&self, holder: HolderReference, acting: &Acting, now: Timestamp) -> Result<(), RegionError> {
        let season = Season::at(now);
        self.store().write(|tx| {
            tx.lock_holder(holder)?;
            let mut row = seen_holder(tx, holder, acting)?;
            if let Some(person) = tx.person(holder)?
                && !tx.is_granted(holder, season)?
            {
                tx.forget_person(&person.known_by(row.establishment), holder)?;
            }
            tx.erase_person(holder)?;
            row.erased_at = row.erased_at.or(Some(now));
            tx.update_holder(&row)?;
            withdraw(tx, holder, acting, now)?;
            tx.forget_erased_persons(season)?;
            Ok(())
        })
    }
}

/// A person is known in another establishment from now on.
fn know_elsewhere(
    tx: &Tx<'_>,
    before: &[u8; 32],
    after: &[u8; 32],
    holder: HolderReference,
    season: Season,
) -> Result<(), RegionError> {
    let there = tx.known_persons(after)?;
    if there.iter().all(|known| known.holder != holder) {
        let number = there.last().map_or(0, |known| known.number).saturating_add(1);
        tx.know_person(after, &crate::region::store::KnownPerson { number, holder, season }, None)?;
    }
    Ok(tx.forget_person(before, holder)?)
}

/// Whether an order of this stage has come to nothing.
pub(super) const fn is_over(stage: Stage) -> bool {
    matches!(stage, Stage::Withdrawn)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(name: &str, year: u16, mail: &str, postcode: &str) -> Person {
        Person {
            given_name: name.to_owned(),
            family_name: "Essai".to_owned(),
            birth_year: year,
            mail: mail.to_owned(),
            address: Address {
                street: " 1 rue inventée ".to_owned(),
                postcode: postcode.to_owned(),
                city: "Lyon".to_owned(),
            },
        }
    }

    #[test]
    fn what_people_write_is_checked() {
        let good = ("Anaïs", 2009, "anais@exemple.test", "69002");
        let table = [
            (good, None),
            ((" Anaïs ", 2009, "anais@exemple.test", "69002"), None),
            (("", 2009, "anais@exemple.test", "69002"), Some(HolderTrouble::Field("given-name"))),
            (("A\nBcc: x", 2009, "anais@exemple.test", "69002"), Some(HolderTrouble::Field("given-name"))),
            (("Anaïs", 2012, "anais@exemple.test", "69002"), None),
            (("Anaïs", 2013, "anais@exemple.test", "69002"), Some(HolderTrouble::Age(Season::new(2026)))),
            (("Anaïs", 2000, "anais@exemple.test", "69002"), None),
            (("Anaïs", 1999, "anais@exemple.test", "69002"), Some(HolderTrouble::Age(Season::new(2026)))),
            (("Anaïs", 2009, "anais", "69002"), Some(HolderTrouble::Field("mail"))),
            (("Anaïs", 2009, "a@b", "69002"), Some(HolderTrouble::Field("mail"))),
            (("Anaïs", 2009, "a@b.test,c@d.test", "69002"), Some(HolderTrouble::Field("mail"))),
            (("Anaïs", 2009, "a@b@c.test", "69002"), Some(HolderTrouble::Field("mail"))),
            (("Anaïs", 2009, "anais@exemple.test", "6900"), Some(HolderTrouble::Field("postcode"))),
            (("Anaïs", 2009, "anais@exemple.test", "6900A"), Some(HolderTrouble::Field("postcode"))),
        ];
        for ((name, year, mail, postcode), wrong) in table {
            let checked = person(name, year, mail, postcode).checked(Season::new(2026));
            assert_eq!(checked.as_ref().err(), wrong.as_ref(), "{name} {year} {mail} {postcode}");
            assert!(checked.is_err() || checked.unwrap().given_name == "Anaïs");
        }
    }

    #[test]
    fn a_person_is_known_again_however_the_name_is_written() {
        let here = EstablishmentId::new(1);
        let known = |name: &str, year| person(name, year, "a@b.test", "69002").known_by(here);
        assert_eq!(known("Jean-Rémi", 2009), known("JEAN RÉMI", 2009));
        assert_ne!(known("Jean", 2009), known("Jean", 2010));
        assert_ne!(known("Jean", 2009), person("Jean", 2009, "a@b.test", "69002").known_by(EstablishmentId::new(2)));
    }

    #[test]
    fn a_secret_is_read_as_it_is_written_and_nothing_personal_is_printed() {
        let secret = Secret::new().unwrap();
        let written = secret.to_string();
        assert_eq!(written.len(), 24);
        assert_eq!(Secret::parse(&written.replace('-', " ").to_uppercase()).unwrap().hash(), secret.hash());
        assert!(Secret::parse("0123").is_none() && Secret::parse(&"é".repeat(10)).is_none());
        assert_eq!(format!("{:?}", person("Anaïs", 2009, "a@b.test", "69002")), "Person(..)");
    }
}
