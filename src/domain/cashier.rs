//! Cashiers: who stands at the counter, what each may do, and how long wrong PINs keep somebody out.
//!
//! A terminal without a manager works without cashiers. From the first manager on, whoever sells has signed in, and every entry of theirs
//! says so. How a PIN is hashed is not here, and neither is where all this is kept: rules alone.

use std::fmt;

use super::ids::CashierId;
use super::refusal::Refusal;
use super::time::Timestamp;

/// How long after a sale its own cashier may still take it back: the customer is at the counter.
pub const OWN_UNDO_SECONDS: u32 = 10 * 60;
/// How many wrong PINs in a row lock nobody out.
pub const FREE_FAILURES: u32 = 2;
/// How long the first lockout lasts, in seconds; each further wrong PIN doubles it.
pub const LOCKOUT_SECONDS: u32 = 30;
/// The longest lockout, in seconds: an hour.
pub const LOCKOUT_SECONDS_MAX: u32 = 3600;

/// What somebody may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Sells, and takes an own sale back while the customer is there.
    Cashier,
    /// Everything: also later undos, closings, settings.
    Manager,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 2] = [Self::Cashier, Self::Manager];

    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Cashier => "cashier",
            Self::Manager => "manager",
        }
    }

    /// The role with this code.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.code() == code)
    }
}

/// What was changed in the list of cashiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Somebody new.
    Added,
    /// Another PIN.
    Pin,
    /// May not sign in any more.
    Disabled,
    /// May sign in again.
    Enabled,
}

impl Change {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Pin => "pin",
            Self::Disabled => "disabled",
            Self::Enabled => "enabled",
        }
    }
}

/// A name as screens and receipts show it: 1 to 40 characters on one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CashierName(String);

/// Why a text is no name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAName;

impl fmt::Display for NotAName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a name has 1 to {} characters, on one line", CashierName::CHARS_MAX)
    }
}

impl std::error::Error for NotAName {}

impl CashierName {
    /// The longest name, in characters: what stands on a receipt beside the word for it.
    pub const CHARS_MAX: usize = 40;

    /// Checks it; the white space around it is not part of it.
    ///
    /// # Errors
    /// [`NotAName`].
    pub fn new(name: &str) -> Result<Self, NotAName> {
        let name = name.trim();
        let fits = (1..=Self::CHARS_MAX).contains(&name.chars().count());
        if fits && !name.chars().any(char::is_control) { Ok(Self(name.to_owned())) } else { Err(NotAName) }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CashierName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A PIN: 4 to 8 digits. It prints as nothing, and is compared by its hash alone.
#[derive(Clone)]
pub struct Pin(String);

/// Why a text is no PIN. The text is not in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAPin;

impl fmt::Display for NotAPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a PIN has 4 to 8 digits")
    }
}

impl std::error::Error for NotAPin {}

impl Pin {
    /// Checks the digits.
    ///
    /// # Errors
    /// [`NotAPin`].
    pub fn new(digits: &str) -> Result<Self, NotAPin> {
        let good = (4..=8).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        if good { Ok(Self(digits.to_owned())) } else { Err(NotAPin) }
    }

    /// The digits, to be hashed.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pin(secret)")
    }
}

/// Wrong PINs since the last right one. An attempt counts before it is looked at, so that nothing is won by many at once or by
/// cutting the power.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lockout {
    /// How many.
    pub failures: u32,
    /// Until when no attempt is looked at.
    pub until: Timestamp,
}

impl Lockout {
    /// Begins an attempt at `now`: how the lockout stands while it is looked at, and after it if it is wrong.
    ///
    /// # Errors
    /// For how many seconds no attempt is looked at.
    pub fn attempt(self, now: Timestamp) -> Result<Self, u32> {
        let left = self.until.seconds_since(now);
        if left > 0 {
            // A clock that was set back does not lock anybody out for longer than a lockout lasts.
            return Err(left.min(LOCKOUT_SECONDS_MAX));
        }
        let failures = self.failures.saturating_add(1);
        Ok(Self { failures, until: now.plus(seconds_after(failures)) })
    }

    /// Whether the newest attempt, if it was wrong, has locked somebody out.
    pub const fn locks(self) -> bool {
        self.failures > FREE_FAILURES
    }
}

/// How long so many wrong PINs keep somebody out.
const fn seconds_after(failures: u32) -> u32 {
    match failures.checked_sub(FREE_FAILURES + 1) {
        None => 0,
        Some(doublings) if doublings < 8 => {
            let seconds = LOCKOUT_SECONDS << doublings;
            if seconds < LOCKOUT_SECONDS_MAX { seconds } else { LOCKOUT_SECONDS_MAX }
        }
        Some(_) => LOCKOUT_SECONDS_MAX,
    }
}

/// Somebody of the counter, as the list has them; never with a PIN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cashier {
    /// Who, in entries.
    pub id: CashierId,
    /// As screens and receipts show it.
    pub name: CashierName,
    /// What they may do.
    pub role: Role,
    /// May not sign in any more.
    pub disabled: bool,
    /// Wrong PINs.
    pub lockout: Lockout,
}

/// The cashiers of a terminal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cashiers {
    /// By number.
    list: Vec<Cashier>,
}

/// What somebody wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Sell, or give up a sale in doubt.
    Sell,
    /// Take back a sale that `seller` made so long ago.
    Undo {
        /// Who sold it.
        seller: Option<CashierId>,
        /// Seconds since the sale.
        age: u32,
    },
    /// Close a period.
    Close,
    /// Change a setting, the list of cashiers among them.
    Settings,
}

impl Cashiers {
    /// The list, by number.
    pub fn new(mut list: Vec<Cashier>) -> Self {
        list.sort_by_key(|cashier| cashier.id);
        Self { list }
    }

    /// All of them, by number.
    pub fn iter(&self) -> impl Iterator<Item = &Cashier> {
        self.list.iter()
    }

    /// One of them.
    pub fn get(&self, id: CashierId) -> Option<&Cashier> {
        self.list.iter().find(|cashier| cashier.id == id)
    }

    /// The number of the next one.
    pub fn next_id(&self) -> Option<CashierId> {
        self.list.last().map_or(0, |last| last.id.get()).checked_add(1).map(CashierId::new)
    }

    /// Whether somebody has to sign in: from the first manager on.
    pub fn are_on(&self) -> bool {
        self.managers() > 0
    }

    /// How many managers can sign in.
    pub fn managers(&self) -> usize {
        self.list.iter().filter(|cashier| cashier.role == Role::Manager && !cashier.disabled).count()
    }

    /// Whether `who` may do `deed`; where nobody has to sign in, everybody may.
    ///
    /// # Errors
    /// [`Refusal::SignInNeeded`] without somebody who may sign in, [`Refusal::ManagerNeeded`].
    pub fn may(&self, who: Option<CashierId>, deed: Deed) -> Result<(), Refusal> {
        if !self.are_on() {
            return Ok(());
        }
        let known = who.and_then(|id| self.get(id)).filter(|cashier| !cashier.disabled);
        let cashier = known.ok_or(Refusal::SignInNeeded)?;
        let enough = match (cashier.role, deed) {
            (Role::Manager, _) | (Role::Cashier, Deed::Sell) => true,
            (Role::Cashier, Deed::Undo { seller, age }) => seller == Some(cashier.id) && age <= OWN_UNDO_SECONDS,
            (Role::Cashier, Deed::Close | Deed::Settings) => false,
        };
        if enough { Ok(()) } else { Err(Refusal::ManagerNeeded) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::new(1_800_000_000);

    fn cashier(id: u16, role: Role, disabled: bool) -> Cashier {
        let name = CashierName::new("Inès").unwrap();
        Cashier { id: CashierId::new(id), name, role, disabled, lockout: Lockout::default() }
    }

    #[test]
    fn who_may_do_what() {
        use Refusal::{ManagerNeeded, SignInNeeded};
        let list = Cashiers::new(vec![
            cashier(1, Role::Manager, false),
            cashier(2, Role::Cashier, false),
            cashier(3, Role::Manager, true),
        ]);
        let undo = |seller, age| Deed::Undo { seller: Some(CashierId::new(seller)), age };
        let table = [
            (None, Deed::Sell, Err(SignInNeeded)),
            (Some(9), Deed::Sell, Err(SignInNeeded)),
            (Some(3), Deed::Sell, Err(SignInNeeded)),
            (Some(2), Deed::Sell, Ok(())),
            (Some(2), undo(2, OWN_UNDO_SECONDS), Ok(())),
            (Some(2), undo(2, OWN_UNDO_SECONDS + 1), Err(ManagerNeeded)),
            (Some(2), undo(1, 0), Err(ManagerNeeded)),
            (Some(2), Deed::Undo { seller: None, age: 0 }, Err(ManagerNeeded)),
            (Some(2), Deed::Close, Err(ManagerNeeded)),
            (Some(2), Deed::Settings, Err(ManagerNeeded)),
            (Some(1), undo(2, u32::MAX), Ok(())),
            (Some(1), Deed::Close, Ok(())),
            (Some(1), Deed::Settings, Ok(())),
        ];
        for (who, deed, expected) in table {
            assert_eq!(list.may(who.map(CashierId::new), deed), expected, "{who:?} {deed:?}");
        }
        let without = Cashiers::new(vec![cashier(2, Role::Cashier, false), cashier(3, Role::Manager, true)]);
        assert!(!without.are_on());
        assert_eq!(without.may(None, Deed::Close), Ok(()));
        assert_eq!(list.next_id(), Some(CashierId::new(4)));
        assert_eq!(Cashiers::default().next_id(), Some(CashierId::new(1)));
    }

    #[test]
    fn wrong_pins_keep_out_for_longer_and_longer() {
        let (mut lockout, mut now) = (Lockout::default(), NOW);
        let mut seconds = Vec::new();
        for _ in 0..12 {
            lockout = lockout.attempt(now).unwrap();
            let left = lockout.until.seconds_since(now);
            if left > 0 {
                assert_eq!(lockout.attempt(now.plus(left - 1)), Err(1));
            }
            assert_eq!(lockout.locks(), left > 0);
            seconds.push(left);
            now = now.plus(left);
        }
        assert_eq!(seconds, [0, 0, 30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]);
        // A clock that goes back.
        assert_eq!(lockout.attempt(Timestamp::EPOCH), Err(LOCKOUT_SECONDS_MAX));
    }

    #[test]
    fn a_pin_is_digits_and_prints_as_nothing() {
        for good in ["0000", "1234", "12345678"] {
            let pin = Pin::new(good).unwrap();
            assert_eq!(pin.as_bytes(), good.as_bytes());
            assert!(!format!("{pin:?}").contains(good));
        }
        for wrong in ["", "123", "123456789", "12a4", "١٢٣٤", "1234 ", "-123"] {
            assert!(Pin::new(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_name_fits_on_a_line() {
        assert_eq!(CashierName::new("  Inès B. ").map(|name| name.to_string()), Ok("Inès B.".to_owned()));
        let long = "é".repeat(CashierName::CHARS_MAX);
        assert!(CashierName::new(&long).is_ok());
        for wrong in ["", "   ", "a\nb", "a\u{1b}b", &format!("{long}é")] {
            assert_eq!(CashierName::new(wrong), Err(NotAName), "{wrong:?}");
        }
    }

    #[test]
    fn roles_have_stable_codes() {
        for role in Role::ALL {
            assert_eq!(Role::from_code(role.code()), Some(role));
        }
        assert_eq!(Role::from_code("boss"), None);
    }
}
