//! The payments of one sale together: what the holder has paid on the bank terminal, and what may be asked of it next.

use crate::domain::Cents;
use crate::domain::payment::{PaymentState, Way};

/// Why no payment may begin now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotNow {
    /// One of this sale is in flight.
    InFlight,
    /// One of this sale is unknown: the cashier's word comes first.
    Unknown,
    /// There is nothing to pay, or to give back.
    Nothing,
    /// The sums are past any amount.
    Overflow,
}

/// What the payments of one sale come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Account {
    charged: Cents,
    refunded: Cents,
    in_flight: bool,
    unknown: bool,
    overflow: bool,
}

impl Account {
    /// The account of these payments.
    pub fn of(payments: impl IntoIterator<Item = (Way, PaymentState)>) -> Self {
        payments.into_iter().fold(Self::default(), |account, (way, state)| account.with(way, state))
    }

    /// With one more payment.
    #[must_use]
    pub fn with(mut self, way: Way, state: PaymentState) -> Self {
        match state {
            PaymentState::Asked | PaymentState::Sent => self.in_flight = true,
            PaymentState::Unknown(_) => self.unknown = true,
            PaymentState::Refused(_) => (),
            PaymentState::Approved { amount, .. } => {
                let sum = match way {
                    Way::Charge => &mut self.charged,
                    Way::Refund => &mut self.refunded,
                };
                match sum.checked_add(amount) {
                    Some(more) => *sum = more,
                    None => self.overflow = true,
                }
            }
        }
        self
    }

    /// What the partner has of the holder's money, for sure: what was charged and not given back.
    pub fn held(&self) -> Cents {
        self.charged.checked_sub(self.refunded).unwrap_or(Cents::ZERO)
    }

    /// What is still to be charged of `due`.
    ///
    /// # Errors
    /// [`NotNow`]: a second payment could be one too many.
    pub fn to_charge(&self, due: Cents) -> Result<Cents, NotNow> {
        self.is_settled()?;
        due.checked_sub(self.held()).filter(|rest| !rest.is_zero()).ok_or(NotNow::Nothing)
    }

    /// What is to be given back, where `kept` of it was earned.
    ///
    /// # Errors
    /// [`NotNow`]: a second refund could be one too many.
    pub fn to_refund(&self, kept: Cents) -> Result<Cents, NotNow> {
        self.is_settled()?;
        self.held().checked_sub(kept).filter(|rest| !rest.is_zero()).ok_or(NotNow::Nothing)
    }

    /// Whether what the holder has paid is known.
    ///
    /// # Errors
    /// Why not: a payment in flight, an unknown one.
    pub const fn is_settled(&self) -> Result<(), NotNow> {
        match self {
            Self { overflow: true, .. } => Err(NotNow::Overflow),
            Self { in_flight: true, .. } => Err(NotNow::InFlight),
            Self { unknown: true, .. } => Err(NotNow::Unknown),
            Self { .. } => Ok(()),
        }
    }
}
