//! The catalogue and the offline policy as people write them: TOML, every key known, every value checked, errors with line and key.
//!
//! The shipped files are part of the program: `init` without `--catalogue` takes them. What a catalogue must fulfil is in
//! [`crate::domain::catalogue`].

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use toml::Spanned;

use crate::domain::catalogue::{Benefit, Catalogue, Code, Grant, NotACode, Unit};
use crate::domain::policy::{Limit, Policy};
use crate::domain::{Cents, Season, Slot};

/// The catalogue that is taken when no other is given.
pub const SHIPPED_CATALOGUE: &str = include_str!("../../config/catalogue.toml");
/// The policy that `init` publishes.
pub const SHIPPED_POLICY: &str = include_str!("../../config/policy.toml");

/// What is wrong with a file, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The line, from 1, where it can be told.
    pub line: Option<usize>,
    /// What is wrong there.
    pub what: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.what),
            None => f.write_str(&self.what),
        }
    }
}

impl std::error::Error for ConfigError {}

fn line_of(text: &str, at: usize) -> usize {
    1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count()
}

pub(super) fn parse<'de, T: Deserialize<'de>>(text: &'de str) -> Result<T, ConfigError> {
    toml::from_str(text).map_err(|error| {
        let line = error.span().map(|span| line_of(text, span.start));
        let shown = line.and_then(|line| text.lines().nth(line - 1)).unwrap_or_default().trim();
        // A message of several lines would not be a sentence.
        let what = error.message().replace('\n', " ");
        ConfigError { line, what: if shown.is_empty() { what } else { format!("« {shown} »: {what}") } }
    })
}

/// A code that is checked where it stands, so that the error has its line.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
struct CodeText(Code);

impl TryFrom<String> for CodeText {
    type Error = NotACode;

    fn try_from(text: String) -> Result<Self, NotACode> {
        Code::new(text).map(Self)
    }
}

/// A slot that is checked where it stands.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "u8")]
struct SlotNumber(Slot);

impl TryFrom<u8> for SlotNumber {
    type Error = String;

    fn try_from(number: u8) -> Result<Self, String> {
        Slot::new(number).map(Self).ok_or_else(|| format!("slot {number}: a card has the slots 0 to 15"))
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum UnitText {
    Seat,
    Cent,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct CatalogueText {
    season: Option<u16>,
    benefit: Vec<Spanned<BenefitText>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct BenefitText {
    slot: SlotNumber,
    code: CodeText,
    label_fr: String,
    label_en: String,
    unit: UnitText,
    contribution_cents: Option<u32>,
    region_pays_cents: Option<u32>,
    activities: Vec<CodeText>,
    grants: BTreeMap<CodeText, u32>,
    #[serde(default)]
    once: bool,
    redemption_max: Option<u32>,
    day_max: Option<u32>,
}

impl BenefitText {
    fn unit(&self) -> Result<Unit, &'static str> {
        match (self.unit, self.contribution_cents, self.region_pays_cents) {
            (UnitText::Seat, Some(contribution), Some(region_pays)) => Ok(Unit::Seat {
                contribution: Cents::from_u32(contribution),
                region_pays: Cents::from_u32(region_pays),
            }),
            (UnitText::Seat, ..) => Err("unit = \"seat\" needs contribution-cents and region-pays-cents"),
            (UnitText::Cent, None, None) => Ok(Unit::Cent),
            (UnitText::Cent, ..) => Err("contribution-cents and region-pays-cents are for unit = \"seat\" alone"),
        }
    }

    fn benefit(self) -> Result<Benefit, &'static str> {
        let unit = self.unit()?;
        if self.activities.is_empty() {
            return Err("activities is empty: nobody could debit this benefit");
        }
        Ok(Benefit {
            slot: self.slot.0,
            code: self.code.0,
            label_fr: self.label_fr,
            label_en: self.label_en,
            unit,
            activities: self.activities.into_iter().map(|code| code.0).collect(),
            grants: self.grants.into_iter().map(|(profile, amount)| Grant { profile: profile.0, amount }).collect(),
            once: self.once,
            redemption_max: self.redemption_max,
            day_max: self.day_max,
        })
    }
}

/// A catalogue as it was written: the season may be left to whoever reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogueFile {
    /// The season, where the file names one.
    pub season: Option<Season>,
    benefits: Vec<Benefit>,
}

impl CatalogueFile {
    /// Reads a catalogue.
    ///
    /// # Errors
    /// [`ConfigError`], the first thing that is wrong.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let file: CatalogueText = parse(text)?;
        let mut benefits: Vec<Benefit> = Vec::with_capacity(file.benefit.len());
        for spanned in file.benefit {
            let line = line_of(text, spanned.span().start);
            let at = |what: String| ConfigError { line: Some(line), what };
            let code = spanned.get_ref().code.0.clone();
            benefits.push(spanned.into_inner().benefit().map_err(|what| at(format!("benefit {code}: {what}")))?);
            // The rules between benefits, with each one that comes: so the error has the line of the one that breaks them.
            Catalogue::new(Season::new(0), 1, benefits.clone()).map_err(|error| at(error.to_string()))?;
        }
        if benefits.is_empty() {
            return Err(ConfigError { line: None, what: "there is no [[benefit]]".to_owned() });
        }
        Ok(Self { season: file.season.map(Season::new), benefits })
    }

    /// The catalogue of `season` in this version.
    ///
    /// # Errors
    /// [`ConfigError`] when the file is for another season.
    pub fn catalogue(&self, season: Season, version: u32) -> Result<Catalogue, ConfigError> {
        if let Some(named) = self.season.filter(|named| *named != season) {
            let what = format!("season = {} in the file, but {} was asked for", named.get(), season.get());
            return Err(ConfigError { line: None, what });
        }
        Catalogue::new(season, version, self.benefits.clone())
            .map_err(|error| ConfigError { line: None, what: error.to_string() })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct PolicyText {
    offline_hours: Spanned<LimitText<u32>>,
    waiting_entries: Spanned<LimitText<u32>>,
    waiting_cents: Spanned<LimitText<u32>>,
    deny_list_hours: Spanned<LimitText<u32>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct LimitText<T> {
    soft: T,
    hard: T,
}

/// Reads an offline policy, to be published in this version.
///
/// # Errors
/// [`ConfigError`], the first thing that is wrong.
pub fn parse_policy(text: &str, version: u32) -> Result<Policy, ConfigError> {
    let file: PolicyText = parse(text)?;
    let limit = |name: &str, spanned: Spanned<LimitText<u32>>| {
        let line = Some(line_of(text, spanned.span().start));
        let LimitText { soft, hard } = spanned.into_inner();
        if soft == 0 || soft > hard {
            let what = format!("{name}: soft must be at least 1 and at most hard, or the terminal never warns");
            return Err(ConfigError { line, what });
        }
        Ok(Limit { soft, hard })
    };
    let entries = limit("waiting-entries", file.waiting_entries)?;
    let cents = limit("waiting-cents", file.waiting_cents)?;
    Ok(Policy {
        version,
        offline_hours: limit("offline-hours", file.offline_hours)?,
        waiting_entries: Limit { soft: u64::from(entries.soft), hard: u64::from(entries.hard) },
        waiting_cents: Limit { soft: Cents::from_u32(cents.soft), hard: Cents::from_u32(cents.hard) },
        deny_list_hours: limit("deny-list-hours", file.deny_list_hours)?,
        all_entitlements: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(code: &str) -> Code {
        Code::new(code).unwrap()
    }

    #[test]
    fn the_shipped_files_hold_the_published_amounts_of_2017() {
        let catalogue = CatalogueFile::parse(SHIPPED_CATALOGUE).unwrap().catalogue(Season::new(2026), 1).unwrap();
        let granted = |profile| catalogue.granted_to(&code(profile)).as_array()[..5].to_vec();
        assert_eq!(granted("lycee"), [5, 800, 3000, 10_000, 0]);
        assert_eq!(granted("apprenti"), [5, 800, 3000, 0, 40_000]);
        assert_eq!(granted("sport-adapte"), [5, 800, 6000, 10_000, 0]);
        assert_eq!(catalogue.slots_for(&[code("bookshop")]).get(), 0b10, "a bookshop finds one benefit");
        assert_eq!(catalogue.slots_for(&[code("cinema")]).get(), 0b1);
        let policy = parse_policy(SHIPPED_POLICY, 1).unwrap();
        assert_eq!((policy.offline_hours.soft, policy.offline_hours.hard), (24, 72));
        assert_eq!(policy.waiting_cents.hard, Cents::from_u32(1_000_000));
    }

    #[test]
    fn every_activity_of_the_shipped_catalogue_matches_one_benefit() {
        let catalogue = CatalogueFile::parse(SHIPPED_CATALOGUE).unwrap().catalogue(Season::new(2026), 1).unwrap();
        for activity in catalogue.activities() {
            assert_eq!(catalogue.slots_for(std::slice::from_ref(activity)).get().count_ones(), 1, "{activity}");
        }
    }

    /// A line of the shipped catalogue replaced by another, and what is said of it.
    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        let table = [
            ("once = true", "onse = true", "unknown field `onse`"),
            ("code = \"cinema\"", "code = \"Cinéma\"", "is not a code"),
            ("slot = 2", "slot = 16", "0 to 15"),
            ("slot = 2", "slot = 1", "out of order"),
            ("code = \"sport-licence\"", "code = \"cinema\"", "two benefits are called cinema"),
            ("region-pays-cents = 400", "", "needs contribution-cents and region-pays-cents"),
            ("redemption-max = 1", "redemption-max = 0", "a maximum of 0"),
            ("activities = [\"cinema\"]", "activities = []", "activities is empty"),
            ("unit = \"seat\"", "unit = \"place\"", "unknown variant `place`"),
            ("contribution-cents = 100", "contribution-cents = -1", "invalid value"),
        ];
        for (good, bad, what) in table {
            assert!(SHIPPED_CATALOGUE.contains(good), "{good}");
            let error = CatalogueFile::parse(&SHIPPED_CATALOGUE.replacen(good, bad, 1)).unwrap_err();
            assert!(error.what.contains(what) && error.line.is_some(), "{bad}: {error:?}");
        }
        assert!(CatalogueFile::parse("benefit = []").is_err());
    }

    #[test]
    fn a_file_for_another_season_is_refused() {
        let file = CatalogueFile::parse(&format!("season = 2017\n{SHIPPED_CATALOGUE}")).unwrap();
        assert!(file.catalogue(Season::new(2017), 1).is_ok());
        assert!(file.catalogue(Season::new(2018), 1).is_err());
    }

    #[test]
    fn a_policy_warns_before_it_refuses() {
        for (good, bad) in [("soft = 24", "soft = 73"), ("soft = 24", "soft = 0"), ("hard = 72", "hart = 72")] {
            assert!(parse_policy(&SHIPPED_POLICY.replacen(good, bad, 1), 1).is_err(), "{bad}");
        }
    }
}
