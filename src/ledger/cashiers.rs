//! The list of cashiers: beside the chain, in the same file, so that a lockout survives a restart.
//!
//! PINs come in as hashes and go out as hashes; how they are made and compared is not known here. What is changed of the list goes on
//! record, by number.

use rusqlite::{Connection, OptionalExtension as _};

use crate::domain::cashier::{Cashier, CashierName, Cashiers, Change, Lockout, Role};
use crate::domain::entry::{Body, TechnicalEvent};
use crate::domain::{CashierId, Timestamp};

use super::append::{Draft, Ledger};
use super::error::LedgerError;
use super::facts::has_table;
use super::view::View;

/// Why the list of cashiers was not changed, or an attempt to sign in was not looked at.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CashierError {
    /// There is no such cashier, or one who may not sign in any more.
    #[error("there is no cashier {0}, or one who may not sign in any more")]
    Unknown(CashierId),
    /// Wrong PINs keep them out.
    #[error("too many wrong PINs: no attempt is looked at for {0} s")]
    LockedOut(u32),
    /// The first one must be able to do everything, or nobody ever could.
    #[error("the first cashier must be a manager")]
    FirstIsManager,
    /// Without a manager nobody could close the day or change this list.
    #[error("the last manager cannot be disabled")]
    LastManager,
    /// All numbers are given.
    #[error("there are no more numbers for cashiers")]
    Full,
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl From<rusqlite::Error> for CashierError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Ledger(error.into())
    }
}

/// Whose change it is, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct By {
    /// Who, where somebody had signed in.
    pub cashier: Option<CashierId>,
    /// When.
    pub now: Timestamp,
}

impl View {
    /// The cashiers.
    pub fn cashiers(&self) -> &Cashiers {
        &self.facts.cashiers
    }
}

impl Ledger {
    /// Somebody new, with the hash of their PIN. From the first manager on, whoever sells signs in.
    ///
    /// # Errors
    /// [`CashierError::FirstIsManager`], [`CashierError::Full`], and the ledger's.
    pub fn add_cashier(
        &mut self,
        by: By,
        name: &CashierName,
        role: Role,
        pin: &str,
    ) -> Result<CashierId, CashierError> {
        self.write(|draft| {
            let cashiers = &draft.facts().cashiers;
            if !cashiers.are_on() && role != Role::Manager {
                return Err(CashierError::FirstIsManager);
            }
            let id = cashiers.next_id().ok_or(CashierError::Full)?;
            let sql = "INSERT INTO cashier (id, name, role, pin) VALUES (?1, ?2, ?3, ?4)";
            draft.connection.prepare_cached(sql)?.execute((id.get(), name.as_str(), role.code(), pin))?;
            draft.cashier_changed(by, id, Change::Added)?;
            Ok(id)
        })
    }

    /// Another PIN, by its hash. It ends a lockout.
    ///
    /// # Errors
    /// [`CashierError::Unknown`], and the ledger's.
    pub fn set_cashier_pin(&mut self, by: By, id: CashierId, pin: &str) -> Result<(), CashierError> {
        self.write(|draft| {
            draft.known_cashier(id)?;
            let sql = "UPDATE cashier SET pin = ?2, failures = 0, until = 0 WHERE id = ?1";
            draft.connection.prepare_cached(sql)?.execute((id.get(), pin))?;
            draft.cashier_changed(by, id, Change::Pin)
        })
    }

    /// They may not sign in any more, or again. A repeat changes nothing.
    ///
    /// # Errors
    /// [`CashierError::Unknown`], [`CashierError::LastManager`], and the ledger's.
    pub fn disable_cashier(&mut self, by: By, id: CashierId, change: Disabling) -> Result<(), CashierError> {
        let disabled = change == Disabling::Disable;
        self.write(|draft| {
            let cashiers = &draft.facts().cashiers;
            let cashier = cashiers.get(id).ok_or(CashierError::Unknown(id))?;
            if cashier.disabled == disabled {
                return Ok(());
            }
            if disabled && cashier.role == Role::Manager && cashiers.managers() == 1 {
                return Err(CashierError::LastManager);
            }
            let sql = "UPDATE cashier SET disabled = ?2 WHERE id = ?1";
            draft.connection.prepare_cached(sql)?.execute((id.get(), disabled))?;
            draft.cashier_changed(by, id, if disabled { Change::Disabled } else { Change::Enabled })
        })
    }

    /// Begins an attempt to sign in: it counts as wrong, durably, until [`Ledger::pin_was_right`]. Gives the hash to compare the PIN with.
    ///
    /// # Errors
    /// [`CashierError::Unknown`], [`CashierError::LockedOut`], and the ledger's.
    pub fn try_pin(&mut self, id: CashierId, now: Timestamp) -> Result<String, CashierError> {
        self.write(|draft| {
            let lockout = draft.known_cashier(id)?.lockout.attempt(now).map_err(CashierError::LockedOut)?;
            draft.set_lockout(id, lockout)?;
            let sql = "SELECT pin FROM cashier WHERE id = ?1";
            let pin = draft.connection.prepare_cached(sql)?.query_row([id.get()], |row| row.get(0)).optional()?;
            pin.ok_or(CashierError::Unknown(id))
        })
    }

    /// The PIN of the newest attempt was right.
    ///
    /// # Errors
    /// [`CashierError::Unknown`], when the cashier was disabled meanwhile, and the ledger's.
    pub fn pin_was_right(&mut self, id: CashierId) -> Result<Cashier, CashierError> {
        self.write(|draft| {
            let cashier = Cashier { lockout: Lockout::default(), ..draft.known_cashier(id)? };
            draft.set_lockout(id, cashier.lockout)?;
            Ok(cashier)
        })
    }

    /// The PIN of the newest attempt was wrong: puts it on record where that locks the cashier out. For how many seconds it does.
    ///
    /// # Errors
    /// [`CashierError::Unknown`], and the ledger's.
    pub fn pin_was_wrong(&mut self, id: CashierId, now: Timestamp) -> Result<u32, CashierError> {
        let lockout = self.view.cashiers().get(id).ok_or(CashierError::Unknown(id))?.lockout;
        if lockout.locks() {
            let locked = TechnicalEvent::CashierLocked { cashier: id, failures: lockout.failures };
            self.append(now, Body::Event(locked), None)?;
        }
        Ok(lockout.until.seconds_since(now))
    }
}

/// Whether a cashier may sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disabling {
    /// Not any more.
    Disable,
    /// Again.
    Enable,
}

impl Draft<'_> {
    /// A cashier who may sign in.
    fn known_cashier(&self, id: CashierId) -> Result<Cashier, CashierError> {
        let cashier = self.facts().cashiers.get(id).filter(|cashier| !cashier.disabled);
        cashier.cloned().ok_or(CashierError::Unknown(id))
    }

    fn set_lockout(&mut self, id: CashierId, lockout: Lockout) -> Result<(), CashierError> {
        let sql = "UPDATE cashier SET failures = ?2, until = ?3 WHERE id = ?1";
        self.connection.prepare_cached(sql)?.execute((id.get(), lockout.failures, lockout.until.get()))?;
        self.read_cashiers()
    }

    /// The change goes on record.
    fn cashier_changed(&mut self, by: By, id: CashierId, change: Change) -> Result<(), CashierError> {
        self.read_cashiers()?;
        let role = self.facts().cashiers.get(id).ok_or(CashierError::Unknown(id))?.role;
        let event = TechnicalEvent::CashierChanged { cashier: id, role, change };
        self.append(by.now, Body::Event(event), by.cashier)?;
        Ok(())
    }

    fn read_cashiers(&mut self) -> Result<(), CashierError> {
        let mut fresh = self.facts().clone();
        fresh.cashiers = load(self.connection)?;
        self.fresh = Some(fresh);
        Ok(())
    }
}

/// All of them. A ledger of an older schema, which is only read, has none.
pub(super) fn load(connection: &Connection) -> Result<Cashiers, LedgerError> {
    if !has_table(connection, "cashier")? {
        return Ok(Cashiers::default());
    }
    let mut statement = connection.prepare("SELECT id, name, role, disabled, failures, until FROM cashier")?;
    let rows = statement.query_map([], |row| {
        let lockout = Lockout { failures: row.get(4)?, until: Timestamp::new(row.get(5)?) };
        Ok((CashierId::new(row.get(0)?), row.get::<_, String>(1)?, row.get::<_, String>(2)?, row.get(3)?, lockout))
    })?;
    let list = rows.map(|row| {
        let (id, name, role, disabled, lockout) = row?;
        let damaged = || LedgerError::Damaged(format!("cashier {id} has no name or role"));
        let name = CashierName::new(&name).map_err(|_| damaged())?;
        let role = Role::from_code(&role).ok_or_else(damaged)?;
        Ok(Cashier { id, name, role, disabled, lockout })
    });
    list.collect::<Result<_, LedgerError>>().map(Cashiers::new)
}
