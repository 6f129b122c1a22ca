//! Holders and their cards' lives (R2 to R11): who orders, which establishment validates, what is declared, what is revalidated, who is told.
//!
//! From the inside out: [`life`] says which step leads where; [`orders`], [`declarations`], [`persons`], [`revalidation`] carry steps out, each in one
//! transaction with the mail that tells of it ([`mails`]); [`post`] sends the mails; [`balance`] shows what a holder has left; [`operators`] are who may do all that
//! over the network, where [`super::api`] serves it.
//!
//! What always holds: names and addresses stand in one table and are given to the one who asks, never to a log, a card, a terminal or the ledger; everything else
//! knows the holder's reference, and goes on when the person is erased. A season is granted once to a holder, by a key of the store (R3).

pub mod balance;
pub mod declarations;
pub mod error;
pub mod life;
pub mod mails;
pub mod operators;
pub mod orders;
pub mod persons;
pub mod post;
pub mod revalidation;

use std::fmt;

use crate::domain::HolderReference;

pub use error::HolderTrouble;
use life::codes;

/// An establishment: a lycée, a training centre...
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EstablishmentId(u32);

impl EstablishmentId {
    /// Wraps the number.
    pub const fn new(id: u32) -> Self {
        Self(id)
    }

    /// The number.
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl fmt::Display for EstablishmentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

codes! {
    /// What kind of establishment: where one can be in training and hold a PASS.
    EstablishmentKind {
        /// A lycée.
        Lycee "lycee",
        /// A training centre for apprentices.
        Cfa "cfa",
        /// A mission locale.
        MissionLocale "mission-locale",
        /// An IME or IMPRO.
        Ime "ime",
        /// A school of health or social work.
        HealthSocial "health-social",
    }
}

/// An order: the first, second... of a holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OrderId {
    /// Whose.
    pub holder: HolderReference,
    /// From 1 within the holder.
    pub number: u32,
}

impl OrderId {
    /// Reads what [`Display`](fmt::Display) writes.
    ///
    /// # Errors
    /// [`HolderTrouble::NotAnOrder`].
    pub fn parse(text: &str) -> Result<Self, HolderTrouble> {
        let read = || {
            let (holder, number) = text.split_once('-')?;
            Some(Self { holder: HolderReference::parse(holder)?, number: number.parse().ok()? })
        };
        read().ok_or_else(|| HolderTrouble::NotAnOrder(text.to_owned()))
    }
}

/// The holder's reference, a dash, the number.
impl fmt::Display for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.holder, self.number)
    }
}

/// The reference that somebody wrote.
///
/// # Errors
/// [`HolderTrouble::NotAHolder`].
pub fn holder_reference(text: &str) -> Result<HolderReference, HolderTrouble> {
    HolderReference::parse(text).ok_or_else(|| HolderTrouble::NotAHolder(text.to_owned()))
}

/// Who does something, and whose holders are seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acting {
    /// What is written beside the step: `desk`, or an operator's id.
    pub by: String,
    /// An operator of an establishment sees its holders alone.
    pub establishment: Option<EstablishmentId>,
}

impl Acting {
    /// Somebody at the region's own machine.
    pub fn desk() -> Self {
        Self { by: "desk".to_owned(), establishment: None }
    }

    /// Whether holders of `establishment` are seen.
    pub fn sees(&self, establishment: EstablishmentId) -> bool {
        self.establishment.is_none_or(|own| own == establishment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_reads_back_as_it_prints() {
        let order = OrderId { holder: HolderReference::new([7; 16]), number: 2 };
        assert_eq!(OrderId::parse(&order.to_string()), Ok(order));
        for bad in ["", "07-1", &format!("{}-", order.holder), &format!("{}-x", order.holder)] {
            assert!(OrderId::parse(bad).is_err(), "{bad}");
        }
    }
}
