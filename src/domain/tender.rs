//! How a holder pays: by one tender, or in parts, each by its own.
//!
//! What always holds: the parts of a sale are two or more, none is nothing, and together they are what was paid. What is asked of a bank terminal,
//! and when, is in [`crate::machine::payment`].

use super::money::Cents;

/// How the holder paid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tender {
    /// Coins and notes.
    #[default]
    Cash,
    /// A bank card.
    Card,
    /// A cheque.
    Cheque,
    /// Something else: a voucher, the partner's own account.
    Other,
    /// A bank card, on the bank terminal that is connected to this one: each payment is on record by itself.
    Tpe,
}

impl Tender {
    /// Every tender.
    pub const ALL: [Self; 5] = [Self::Cash, Self::Card, Self::Cheque, Self::Other, Self::Tpe];

    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Cash => "cash",
            Self::Card => "card",
            Self::Cheque => "cheque",
            Self::Other => "other",
            Self::Tpe => "tpe",
        }
    }

    /// The tender with this code.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tender| tender.code() == code)
    }
}

/// What each tender has, in the order of [`Tender::ALL`].
type Shares = [Cents; Tender::ALL.len()];

/// The shares of `parts`; `None` for a part of nothing, a tender that comes twice, or a sum past any amount.
fn shares(parts: impl IntoIterator<Item = (Tender, Cents)>) -> Option<Shares> {
    let mut shares = Shares::default();
    for (tender, cents) in parts {
        let share =
            Tender::ALL.into_iter().zip(&mut shares).find(|(there, _)| *there == tender).map(|(_, share)| share)?;
        if cents.is_zero() || !share.is_zero() {
            return None;
        }
        *share = cents;
    }
    sum(&shares).map(|_| shares)
}

fn sum(shares: &Shares) -> Option<Cents> {
    shares.iter().try_fold(Cents::ZERO, |sum, share| sum.checked_add(*share))
}

fn there(shares: &Shares) -> impl Iterator<Item = (Tender, Cents)> + use<> {
    Tender::ALL.into_iter().zip(*shares).filter(|(_, share)| !share.is_zero())
}

/// Money that was paid in parts: two tenders or more, none with nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts(Shares);

impl Parts {
    /// These parts; `None` for fewer than two, a part of nothing, a tender that comes twice, or a sum past any amount.
    pub fn new(parts: impl IntoIterator<Item = (Tender, Cents)>) -> Option<Self> {
        shares(parts).map(Self).filter(|parts| parts.iter().count() > 1)
    }

    /// Each part, by tender.
    pub fn iter(&self) -> impl Iterator<Item = (Tender, Cents)> + use<> {
        there(&self.0)
    }

    /// All of it.
    pub fn sum(&self) -> Cents {
        sum(&self.0).unwrap_or(Cents::MAX)
    }
}

/// How money was paid, or is given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tenders {
    /// All of it by one tender.
    One(Tender),
    /// In parts.
    Parts(Parts),
}

impl Default for Tenders {
    fn default() -> Self {
        Self::One(Tender::default())
    }
}

impl From<Tender> for Tenders {
    fn from(tender: Tender) -> Self {
        Self::One(tender)
    }
}

impl Tenders {
    /// The stable code: the tender's, or `mixed`.
    pub const fn code(self) -> &'static str {
        match self {
            Self::One(tender) => tender.code(),
            Self::Parts(_) => "mixed",
        }
    }

    /// Whether `amount` can have been paid so: parts are parts of all of it.
    pub fn fits(self, amount: Cents) -> bool {
        match self {
            Self::One(_) => true,
            Self::Parts(parts) => parts.sum() == amount,
        }
    }

    /// What stands for this where `amount` moves: of nothing there are no parts, so the first tender alone is named.
    #[must_use]
    pub fn moving(self, amount: Cents) -> Self {
        match self {
            Self::Parts(parts) if amount.is_zero() => {
                Self::One(parts.iter().next().map(|(first, _)| first).unwrap_or_default())
            }
            Self::One(_) | Self::Parts(_) => self,
        }
    }

    /// Each tender, and what it has of `amount`: nothing where nothing moved.
    pub fn of(self, amount: Cents) -> Vec<(Tender, Cents)> {
        match self {
            Self::One(tender) => vec![(tender, amount)],
            Self::Parts(parts) if amount.is_zero() => parts.iter().map(|(tender, _)| (tender, Cents::ZERO)).collect(),
            Self::Parts(parts) => parts.iter().collect(),
        }
    }

    /// What `tender` has of `amount`.
    pub fn share(self, tender: Tender, amount: Cents) -> Cents {
        self.of(amount).into_iter().find(|(there, _)| *there == tender).map_or(Cents::ZERO, |(_, share)| share)
    }

    /// The parts, where there are any.
    pub fn parts(self) -> Vec<(Tender, Cents)> {
        match self {
            Self::One(_) => Vec::new(),
            Self::Parts(parts) => parts.iter().collect(),
        }
    }

    /// Whether `tender` is among them.
    pub fn uses(self, tender: Tender) -> bool {
        match self {
            Self::One(one) => one == tender,
            Self::Parts(parts) => parts.iter().any(|(there, _)| there == tender),
        }
    }
}

/// How a holder is going to pay, said before what is due is known: parts of so much each, and the rest by one tender.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Paying {
    parts: Shares,
    rest: Tender,
}

impl From<Tender> for Paying {
    fn from(rest: Tender) -> Self {
        Self { rest, ..Self::default() }
    }
}

impl Paying {
    /// These parts, and the rest by `rest`. `None` for a part of nothing, a tender that comes twice, or a part on the bank terminal: what that takes
    /// is what is left to take.
    pub fn new(parts: impl IntoIterator<Item = (Tender, Cents)>, rest: Tender) -> Option<Self> {
        let paying = Self { parts: shares(parts)?, rest };
        there(&paying.parts).all(|(tender, _)| tender != rest && tender != Tender::Tpe).then_some(paying)
    }

    /// By which tender the rest is paid.
    pub const fn rest(&self) -> Tender {
        self.rest
    }

    /// How `due` is paid; `None` where the parts leave nothing of it.
    pub fn split(&self, due: Cents) -> Option<Tenders> {
        if there(&self.parts).next().is_none() {
            return Some(Tenders::One(self.rest));
        }
        let rest = due.checked_sub(sum(&self.parts)?).filter(|rest| !rest.is_zero())?;
        Parts::new(there(&self.parts).chain([(self.rest, rest)])).map(Tenders::Parts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn cents(cents: u32) -> Cents {
        Cents::from_u32(cents)
    }

    #[test]
    fn tenders_have_stable_codes() {
        for tender in Tender::ALL {
            assert_eq!(Tender::from_code(tender.code()), Some(tender));
        }
        assert_eq!(Tender::from_code("euros"), None);
        // No tender has the code of many.
        assert_eq!(Tender::from_code("mixed"), None);
    }

    #[test]
    fn parts_are_two_or_more_and_none_is_nothing() {
        use Tender::{Card, Cash, Tpe};
        let good = Parts::new([(Tpe, cents(1050)), (Cash, cents(500))]).unwrap();
        assert_eq!(good.iter().collect::<Vec<_>>(), [(Cash, cents(500)), (Tpe, cents(1050))]);
        assert_eq!(good.sum(), cents(1550));
        let bad: [&[(Tender, Cents)]; 6] = [
            &[],
            &[(Cash, cents(1))],
            &[(Cash, cents(1)), (Tpe, Cents::ZERO)],
            &[(Cash, cents(1)), (Cash, cents(2)), (Tpe, cents(1))],
            &[(Cash, Cents::MAX), (Card, cents(1))],
            &[(Cash, cents(1)), (Cash, cents(1))],
        ];
        for parts in bad {
            assert_eq!(Parts::new(parts.iter().copied()), None, "{parts:?}");
        }
    }

    #[test]
    fn what_each_tender_has_adds_up_to_what_moved() {
        let mixed = Tenders::Parts(Parts::new([(Tender::Cash, cents(500)), (Tender::Tpe, cents(1050))]).unwrap());
        for (tenders, amount) in [(mixed, cents(1550)), (mixed, Cents::ZERO), (Tender::Card.into(), cents(100))] {
            let shares = tenders.of(amount);
            let sum = shares.iter().fold(Cents::ZERO, |sum, (_, share)| sum.saturating_add(*share));
            assert_eq!(sum, amount);
            assert!(
                shares.iter().all(|(tender, share)| tenders.uses(*tender) && tenders.share(*tender, amount) == *share)
            );
        }
        assert_eq!((mixed.fits(cents(1550)), mixed.fits(cents(1549)), mixed.fits(Cents::ZERO)), (true, false, false));
        // Of nothing there are no parts.
        assert_eq!(mixed.moving(Cents::ZERO), Tenders::One(Tender::Cash));
        assert_eq!(mixed.moving(cents(1550)), mixed);
        assert_eq!(mixed.share(Tender::Cheque, cents(1550)), Cents::ZERO);
    }

    #[test]
    fn the_rest_is_what_the_parts_leave() {
        let paying = Paying::new([(Tender::Cash, cents(500))], Tender::Tpe).unwrap();
        let split = paying.split(cents(1550)).unwrap();
        assert_eq!(split.parts(), [(Tender::Cash, cents(500)), (Tender::Tpe, cents(1050))]);
        // Nothing is left to pay, or less.
        assert_eq!((paying.split(cents(500)), paying.split(cents(100)), paying.split(Cents::ZERO)), (None, None, None));
        // One tender pays all, and also nothing.
        assert_eq!(Paying::from(Tender::Tpe).split(Cents::ZERO), Some(Tenders::One(Tender::Tpe)));
        let bad: [&[(Tender, Cents)]; 3] =
            [&[(Tender::Tpe, cents(1))], &[(Tender::Cash, cents(1))], &[(Tender::Card, Cents::ZERO)]];
        for parts in bad {
            assert_eq!(Paying::new(parts.iter().copied(), Tender::Cash), None, "{parts:?}");
        }
    }
}
