//! The catalogue of a season: which benefits there are, what they cost the holder, who may debit them, what the region
//! pays. It is data that the region sends, because the amounts change every year; no amount of it stands in code.

use std::fmt;

use super::money::Cents;
use super::purse::{Amounts, Slot, Slots};
use super::refusal::Language;
use super::spoken::Spoken;
use super::time::Season;

/// Why a code (of a benefit, an activity, a profile) is not one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotACode(String);

impl fmt::Display for NotACode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "« {} » is not a code: 1 to 32 of a-z, 0-9 and -, beginning with a letter", self.0)
    }
}

impl std::error::Error for NotACode {}

impl NotACode {
    /// The beginning of what it was.
    pub fn text(&self) -> String {
        self.0.chars().take(40).collect()
    }
}

/// A stable name for programs: `cinema`, `leisure-books`, `sports-club`, `lycee`. 1 to 32 of `a-z 0-9 -`, a letter first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(String);

impl Code {
    /// Checks the characters.
    ///
    /// # Errors
    /// [`NotACode`].
    pub fn new(code: impl Into<String>) -> Result<Self, NotACode> {
        let code = code.into();
        let good = (1..=32).contains(&code.len())
            && code.starts_with(|c: char| c.is_ascii_lowercase())
            && code.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if good { Ok(Self(code)) } else { Err(NotACode(code)) }
    }

    /// The code.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a slot counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Seats: each costs the holder `contribution` (R4, 1 EUR), and the region pays the partner `region_pays` for it.
    Seat {
        /// What the holder pays for each seat.
        contribution: Cents,
        /// What the region pays the partner for each seat.
        region_pays: Cents,
    },
    /// Euro cents: the benefit covers the price up to what is left, and the region pays the partner what was debited.
    Cent,
}

impl Unit {
    /// `seat` or `cent`.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Seat { .. } => "seat",
            Self::Cent => "cent",
        }
    }

    /// What the region owes the partner for a debit of `amount`; `None` when it is more than can be written.
    pub const fn payable(self, amount: u32) -> Option<Cents> {
        match self {
            Self::Seat { region_pays, .. } => region_pays.checked_mul(amount),
            Self::Cent => Some(Cents::from_u32(amount)),
        }
    }
}

/// What a holder's profile (track, diploma, establishment) is granted of a benefit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The profile.
    pub profile: Code,
    /// In the unit of the benefit.
    pub amount: u32,
}

/// One benefit (*avantage*) of a season.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Benefit {
    /// Its place on the card.
    pub slot: Slot,
    /// Its name for programs.
    pub code: Code,
    /// Its name for people, in French.
    pub label_fr: String,
    /// Its name for people, in English.
    pub label_en: String,
    /// What it counts.
    pub unit: Unit,
    /// The activities whose partners may debit it (R1).
    pub activities: Vec<Code>,
    /// What each profile is granted. A profile that is not named is granted nothing.
    pub grants: Vec<Grant>,
    /// One debit, and the rest lapses: a sport licence.
    pub once: bool,
    /// At most this much in one redemption, in the unit of the benefit.
    pub redemption_max: Option<u32>,
    /// At most this much a day (Europe/Paris) from one card at one terminal, in the unit of the benefit.
    pub day_max: Option<u32>,
}

/// What people are told of a benefit: it outlives the catalogue that it is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BenefitName {
    /// Its label.
    pub label: Spoken,
    /// What it counts.
    pub unit: Unit,
}

impl Benefit {
    /// Its label in `language`.
    pub fn label(&self, language: Language) -> &str {
        match language {
            Language::French => &self.label_fr,
            Language::English => &self.label_en,
        }
    }

    /// What people are told of it.
    pub fn name(&self) -> BenefitName {
        BenefitName { label: Spoken::new(self.label_fr.as_str(), self.label_en.as_str()), unit: self.unit }
    }
}

/// Every benefit of one season, in one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Catalogue {
    /// The season it is for.
    pub season: Season,
    /// Grows with each correction in the season.
    pub version: u32,
    /// In the order of their slots, one per slot.
    pub benefits: Vec<Benefit>,
}

/// Why a catalogue cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadCatalogue {
    /// Slots must grow from one benefit to the next.
    SlotOrder(Slot),
    /// Two benefits have this code.
    DuplicateCode(Code),
    /// A label is empty, or longer than [`Catalogue::LABEL_BYTES_MAX`].
    Label(Code),
    /// A limit of 0 would refuse everything.
    ZeroLimit(Code),
}

impl fmt::Display for BadCatalogue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SlotOrder(slot) => {
                write!(f, "slot {slot} stands twice or out of order: list benefits by growing slot")
            }
            Self::DuplicateCode(code) => write!(f, "two benefits are called {code}: each needs a code of its own"),
            Self::Label(code) => {
                write!(f, "{code}: a label has 1 to {} bytes, in French and in English", Catalogue::LABEL_BYTES_MAX)
            }
            Self::ZeroLimit(code) => write!(f, "{code}: a maximum of 0 would refuse everything; leave the maximum out"),
        }
    }
}

impl std::error::Error for BadCatalogue {}

impl Catalogue {
    /// The longest label, in UTF-8 bytes: it must fit a receipt's line.
    pub const LABEL_BYTES_MAX: usize = 80;

    /// Checks what holds between benefits.
    ///
    /// # Errors
    /// [`BadCatalogue`], the first thing that is wrong.
    pub fn new(season: Season, version: u32, benefits: Vec<Benefit>) -> Result<Self, BadCatalogue> {
        let mut above: Option<Slot> = None;
        for (index, benefit) in benefits.iter().enumerate() {
            if above.is_some_and(|above| benefit.slot <= above) {
                return Err(BadCatalogue::SlotOrder(benefit.slot));
            }
            above = Some(benefit.slot);
            if benefits[..index].iter().any(|other| other.code == benefit.code) {
                return Err(BadCatalogue::DuplicateCode(benefit.code.clone()));
            }
            let good = |label: &str| (1..=Self::LABEL_BYTES_MAX).contains(&label.len());
            if !good(&benefit.label_fr) || !good(&benefit.label_en) {
                return Err(BadCatalogue::Label(benefit.code.clone()));
            }
            if benefit.redemption_max == Some(0) || benefit.day_max == Some(0) {
                return Err(BadCatalogue::ZeroLimit(benefit.code.clone()));
            }
        }
        Ok(Self { season, version, benefits })
    }

    /// The benefit in `slot`.
    pub fn benefit(&self, slot: Slot) -> Option<&Benefit> {
        self.benefits.iter().find(|benefit| benefit.slot == slot)
    }

    /// The benefit called `code`.
    pub fn benefit_called(&self, code: &str) -> Option<&Benefit> {
        self.benefits.iter().find(|benefit| benefit.code.as_str() == code)
    }

    /// The slots that a partner of these `activities` may debit: what goes into its terminals' certificates.
    pub fn slots_for(&self, activities: &[Code]) -> Slots {
        self.benefits
            .iter()
            .filter(|benefit| benefit.activities.iter().any(|activity| activities.contains(activity)))
            .fold(Slots::default(), |slots, benefit| slots.with(benefit.slot))
    }

    /// What `profile` is granted in each slot.
    pub fn granted_to(&self, profile: &Code) -> Amounts {
        let mut granted = Amounts::ZERO;
        for benefit in &self.benefits {
            if let Some(grant) = benefit.grants.iter().find(|grant| grant.profile == *profile) {
                granted = granted.with(benefit.slot, grant.amount);
            }
        }
        granted
    }

    /// Every profile that is granted something, in alphabetical order.
    pub fn profiles(&self) -> Vec<&Code> {
        let mut profiles: Vec<_> = self.benefits.iter().flat_map(|b| &b.grants).map(|g| &g.profile).collect();
        profiles.sort();
        profiles.dedup();
        profiles
    }

    /// Every activity that may debit something, in alphabetical order.
    pub fn activities(&self) -> Vec<&Code> {
        let mut activities: Vec<_> = self.benefits.iter().flat_map(|b| &b.activities).collect();
        activities.sort();
        activities.dedup();
        activities
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn code(code: &str) -> Code {
        Code::new(code).unwrap()
    }

    /// Cinema in slot 0, leisure books in 1, sport licence in 2, for the profile `lycee`.
    pub(crate) fn catalogue() -> Catalogue {
        let benefit = |slot, name: &str, unit, activity, amount, once| Benefit {
            slot: Slot::new(slot).unwrap(),
            code: code(name),
            label_fr: name.to_uppercase(),
            label_en: name.to_uppercase(),
            unit,
            activities: vec![code(activity)],
            grants: vec![Grant { profile: code("lycee"), amount }],
            once,
            redemption_max: None,
            day_max: None,
        };
        let seat = Unit::Seat { contribution: Cents::from_u32(100), region_pays: Cents::from_u32(450) };
        let benefits = vec![
            benefit(0, "cinema", seat, "cinema", 5, false),
            benefit(1, "leisure-books", Unit::Cent, "bookshop", 800, false),
            benefit(2, "sport-licence", Unit::Cent, "sports-club", 3000, true),
        ];
        Catalogue::new(Season::new(2026), 1, benefits).unwrap()
    }

    #[test]
    fn activities_decide_the_slots() {
        let catalogue = catalogue();
        assert_eq!(catalogue.slots_for(&[code("cinema")]).get(), 0b001);
        assert_eq!(catalogue.slots_for(&[code("bookshop"), code("sports-club")]).get(), 0b110);
        assert_eq!(catalogue.slots_for(&[code("theatre")]).get(), 0);
    }

    #[test]
    fn an_unknown_profile_is_granted_nothing() {
        assert_eq!(catalogue().granted_to(&code("lycee")).as_array()[..4], [5, 800, 3000, 0]);
        assert_eq!(catalogue().granted_to(&code("other")), Amounts::ZERO);
    }

    #[test]
    fn a_catalogue_that_contradicts_itself_is_refused() {
        let good = catalogue();
        let with = |change: &dyn Fn(&mut Vec<Benefit>)| {
            let mut benefits = good.benefits.clone();
            change(&mut benefits);
            Catalogue::new(good.season, 1, benefits)
        };
        assert!(with(&|_| ()).is_ok());
        assert_eq!(with(&|b| b.swap(0, 1)), Err(BadCatalogue::SlotOrder(Slot::new(0).unwrap())));
        assert_eq!(with(&|b| b[1].slot = b[0].slot), Err(BadCatalogue::SlotOrder(Slot::new(0).unwrap())));
        assert_eq!(with(&|b| b[2].code = code("cinema")), Err(BadCatalogue::DuplicateCode(code("cinema"))));
        assert_eq!(with(&|b| b[0].label_en.clear()), Err(BadCatalogue::Label(code("cinema"))));
        assert_eq!(with(&|b| b[0].day_max = Some(0)), Err(BadCatalogue::ZeroLimit(code("cinema"))));
    }

    #[test]
    fn codes_are_plain() {
        for bad in ["", "Cinema", "-a", "1a", "a b", "é", "abcdefghijklmnopqrstuvwxyz0123456"] {
            assert!(Code::new(bad).is_err(), "{bad:?}");
        }
    }
}
