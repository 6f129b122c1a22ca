//! Cashiers in JSON: signing in and out, the list and its changes. A PIN comes in and never goes out.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::CashierId;
use crate::domain::Timestamp;
use crate::domain::cashier::{Cashier, CashierName, Cashiers, Pin, Role};
use crate::domain::refusal::Language;
use crate::till::{CashierOrder, CashierRefused, SignedIn};

use super::requests::BadValue;

/// `POST /v1/sessions`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// The cashier's number.
    #[schema(minimum = 1)]
    pub cashier: u16,
    /// 4 to 8 digits.
    #[schema(pattern = "^[0-9]{4,8}$")]
    pub pin: String,
}

/// `POST /v1/cashiers`: somebody new. The first must be a manager, and switches the cashiers on.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCashier {
    /// As screens and receipts show it: 1 to 40 characters.
    pub name: String,
    /// `cashier` or `manager`.
    #[schema(pattern = "^(cashier|manager)$")]
    pub role: String,
    /// 4 to 8 digits.
    #[schema(pattern = "^[0-9]{4,8}$")]
    pub pin: String,
}

/// `POST /v1/cashiers/{cashier}/pin`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPin {
    /// 4 to 8 digits.
    #[schema(pattern = "^[0-9]{4,8}$")]
    pub pin: String,
}

macro_rules! without_pin {
    ($($name:ident)*) => {
        $(impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(secret)"))
            }
        })*
    };
}

without_pin!(SignIn NewCashier NewPin);

fn pin(digits: &str) -> Result<Pin, BadValue> {
    Pin::new(digits).map_err(|error| BadValue::new("pin", error))
}

/// A cashier's number.
///
/// # Errors
/// [`BadValue`] for 0.
pub fn cashier_id(number: u16) -> Result<CashierId, BadValue> {
    if number > 0 { Ok(CashierId::new(number)) } else { Err(BadValue::new("cashier", "1 to 65535")) }
}

impl SignIn {
    /// Who, with what.
    ///
    /// # Errors
    /// [`BadValue`].
    pub fn who(&self) -> Result<(CashierId, Pin), BadValue> {
        Ok((cashier_id(self.cashier)?, pin(&self.pin)?))
    }
}

impl NewCashier {
    /// The order.
    ///
    /// # Errors
    /// [`BadValue`].
    pub fn order(&self) -> Result<CashierOrder, BadValue> {
        let role = Role::from_code(&self.role);
        Ok(CashierOrder::Add {
            name: CashierName::new(&self.name).map_err(|error| BadValue::new("name", error))?,
            role: role.ok_or_else(|| BadValue::new("role", Role::ALL.map(Role::code).join(", ")))?,
            pin: pin(&self.pin)?,
        })
    }
}

impl NewPin {
    /// The order for `cashier`.
    ///
    /// # Errors
    /// [`BadValue`].
    pub fn order(&self, cashier: CashierId) -> Result<CashierOrder, BadValue> {
        Ok(CashierOrder::SetPin { cashier, pin: pin(&self.pin)? })
    }
}

/// What is asked was not done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NotDone {
    /// The reason's code.
    pub refusal: String,
    /// What is the matter and what to do, for people.
    pub message: String,
    /// For how many seconds no PIN of this cashier is looked at.
    pub locked_seconds: u32,
}

impl NotDone {
    fn new(refused: &CashierRefused, language: Language) -> Self {
        Self {
            refusal: refused.code().to_owned(),
            message: refused.sentence(language),
            locked_seconds: refused.locked_seconds(),
        }
    }
}

/// What came of a sign-in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Signed {
    /// Somebody has signed in.
    SignedIn(Session),
    /// Nobody has.
    Refused(NotDone),
}

/// A session.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Session {
    /// What later requests carry in the header `Pass-Session`.
    pub session: String,
    /// The cashier's number.
    pub cashier: u16,
    /// Their name.
    pub name: String,
    /// Their role.
    pub role: String,
}

without_pin!(Session);

impl Signed {
    /// The outcome, spoken.
    pub fn new(outcome: &Result<SignedIn, CashierRefused>, language: Language) -> Self {
        match outcome {
            Ok(SignedIn { session, cashier }) => Self::SignedIn(Session {
                session: session.text(),
                cashier: cashier.id.get(),
                name: cashier.name.to_string(),
                role: cashier.role.code().to_owned(),
            }),
            Err(refused) => Self::Refused(NotDone::new(refused, language)),
        }
    }
}

/// What came of a change of the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum CashierChange {
    /// Done.
    Changed(CashierChanged),
    /// Not done.
    Refused(NotDone),
}

/// Who it was about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CashierChanged {
    /// The cashier's number.
    pub cashier: u16,
}

impl CashierChange {
    /// The outcome, spoken.
    pub fn new(outcome: &Result<CashierId, CashierRefused>, language: Language) -> Self {
        match outcome {
            Ok(cashier) => Self::Changed(CashierChanged { cashier: cashier.get() }),
            Err(refused) => Self::Refused(NotDone::new(refused, language)),
        }
    }
}

/// `GET /v1/cashiers`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CashierList {
    /// Whether one has to sign in to sell: from the first manager on.
    pub sign_in_needed: bool,
    /// Whose session the request carries, if it goes on.
    pub signed_in: Option<u16>,
    /// All of them, by number.
    pub cashiers: Vec<CashierLine>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CashierLine {
    /// Their number.
    pub cashier: u16,
    /// Their name.
    pub name: String,
    /// `cashier` or `manager`.
    pub role: String,
    /// May not sign in any more.
    pub disabled: bool,
    /// Until when no PIN of theirs is looked at, after wrong ones; may be past.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locked_until: Option<String>,
}

impl CashierLine {
    fn new(cashier: &Cashier) -> Self {
        let until = Some(cashier.lockout.until).filter(|until| cashier.lockout.locks() && *until > Timestamp::EPOCH);
        Self {
            cashier: cashier.id.get(),
            name: cashier.name.to_string(),
            role: cashier.role.code().to_owned(),
            disabled: cashier.disabled,
            locked_until: until.map(|until| until.to_string()),
        }
    }
}

impl CashierList {
    /// The list, as JSON.
    pub fn new(cashiers: &Cashiers, signed_in: Option<CashierId>) -> Self {
        Self {
            sign_in_needed: cashiers.are_on(),
            signed_in: signed_in.map(CashierId::get),
            cashiers: cashiers.iter().map(CashierLine::new).collect(),
        }
    }
}
