//! Signing in at this counter: PINs are looked at one after the other, off the threads that others wait for; who has signed in is kept in
//! memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::crypto;
use crate::domain::cashier::{Cashiers, Deed, Pin};
use crate::domain::{CashierId, Timestamp};
use crate::ledger::{By, CashierError, Disabling, Ledger, LedgerGone, LedgerHandle};
use crate::till::{
    BoxFuture, CashierAnswer, CashierDesk, CashierOrder, CashierRefused, DeskGone, SessionToken, SignedIn,
};

use super::clock::Clock;
use super::exchanger::ask_ledger;
use super::pin::{self, PinError};
use super::service::Service;

/// How many sessions there are at most; the one that was longest without a request makes room.
const SESSIONS_MAX: usize = 64;

/// Who has signed in.
#[derive(Debug)]
pub struct Sessions {
    open: Mutex<HashMap<SessionToken, Session>>,
    /// After so long without a request a session has ended.
    idle_max: Duration,
    /// One PIN at a time: a hash costs memory, and nothing is won by many attempts at once.
    looking: Semaphore,
}

#[derive(Clone, Copy, Debug)]
struct Session {
    cashier: CashierId,
    /// By the clock that never steps.
    last_seen: Duration,
}

impl Sessions {
    /// Nobody has signed in.
    pub fn new(idle_max: Duration) -> Self {
        Self { open: Mutex::default(), idle_max, looking: Semaphore::new(1) }
    }

    fn open(&self) -> std::sync::MutexGuard<'_, HashMap<SessionToken, Session>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, token: SessionToken, cashier: CashierId, now: Duration) {
        let mut open = self.open();
        open.retain(|_, session| now.saturating_sub(session.last_seen) <= self.idle_max);
        if open.len() >= SESSIONS_MAX {
            let oldest = open.iter().min_by_key(|(_, session)| session.last_seen).map(|(token, _)| *token);
            oldest.and_then(|token| open.remove(&token));
        }
        open.insert(token, Session { cashier, last_seen: now });
    }

    fn who(&self, token: SessionToken, now: Duration) -> Option<CashierId> {
        let mut open = self.open();
        let session = open.get_mut(&token)?;
        if now.saturating_sub(session.last_seen) > self.idle_max {
            open.remove(&token);
            return None;
        }
        session.last_seen = now;
        Some(session.cashier)
    }

    fn end(&self, token: SessionToken) {
        self.open().remove(&token);
    }

    /// Ends what `cashier` has open.
    fn end_all(&self, cashier: CashierId) {
        self.open().retain(|_, session| session.cashier != cashier);
    }
}

impl From<CashierError> for CashierRefused {
    fn from(error: CashierError) -> Self {
        match error {
            CashierError::Unknown(_) => Self::Unknown,
            CashierError::LockedOut(seconds) => Self::LockedOut { seconds },
            CashierError::FirstIsManager => Self::FirstIsManager,
            CashierError::LastManager => Self::LastManager,
            CashierError::Full => Self::Full,
            CashierError::Ledger(error) => Self::Unavailable(error.to_string()),
        }
    }
}

impl From<PinError> for CashierRefused {
    fn from(error: PinError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

/// Why there is no answer: it is refused, or the daemon is ending.
enum Failed {
    Refused(CashierRefused),
    Gone,
}

impl<T: Into<CashierRefused>> From<T> for Failed {
    fn from(why: T) -> Self {
        Self::Refused(why.into())
    }
}

fn answered<T>(outcome: Result<T, Failed>) -> Result<Result<T, CashierRefused>, DeskGone> {
    match outcome {
        Ok(value) => Ok(Ok(value)),
        Err(Failed::Refused(refused)) => Ok(Err(refused)),
        Err(Failed::Gone) => Err(DeskGone),
    }
}

async fn in_ledger<R: Send + 'static>(
    ledger: &LedgerHandle,
    work: impl FnOnce(&mut Ledger) -> Result<R, CashierError> + Send + 'static,
) -> Result<R, Failed> {
    match ask_ledger(ledger, work).await {
        Ok(outcome) => Ok(outcome?),
        Err(LedgerGone) => Err(Failed::Gone),
    }
}

/// Hashes off the threads that others wait for.
async fn off_thread<R: Send + 'static>(
    work: impl FnOnce() -> Result<R, PinError> + Send + 'static,
) -> Result<R, Failed> {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => Ok(outcome?),
        Err(_) => Err(Failed::Gone),
    }
}

impl Service {
    /// The clock, or the newest instant that is known to have passed.
    fn trusted(clock: &Arc<dyn Clock>, ledger: &Ledger) -> Timestamp {
        clock.now().max(ledger.view().floor())
    }

    async fn check_pin(&self, cashier: CashierId, pin: Pin) -> Result<SignedIn, Failed> {
        let _alone = self.sessions.looking.acquire().await.map_err(|_closed| Failed::Gone)?;
        let clock = Arc::clone(&self.clock);
        let hash = in_ledger(&self.ledger, move |ledger| {
            let now = Self::trusted(&clock, ledger);
            ledger.try_pin(cashier, now)
        });
        let hash = hash.await?;
        if off_thread(move || pin::is_right(&pin, &hash)).await? {
            let known = in_ledger(&self.ledger, move |ledger| ledger.pin_was_right(cashier)).await?;
            return self.begin_session(known);
        }
        let clock = Arc::clone(&self.clock);
        let locked = in_ledger(&self.ledger, move |ledger| {
            let now = Self::trusted(&clock, ledger);
            ledger.pin_was_wrong(cashier, now)
        });
        let locked_seconds = locked.await?;
        tracing::warn!(%cashier, locked_seconds, "a wrong PIN");
        Err(CashierRefused::WrongPin { locked_seconds }.into())
    }

    fn begin_session(&self, cashier: crate::domain::cashier::Cashier) -> Result<SignedIn, Failed> {
        let bytes = crypto::random().map_err(|error| CashierRefused::Unavailable(error.to_string()))?;
        let session = SessionToken::new(bytes);
        self.sessions.begin(session, cashier.id, self.clock.since_start());
        Ok(SignedIn { session, cashier })
    }

    async fn change_list(&self, by: Option<CashierId>, order: CashierOrder) -> Result<CashierId, Failed> {
        // Asked before the PIN is hashed, which costs, and again where it is written.
        let asked = order.clone();
        in_ledger(&self.ledger, move |ledger| Ok(allowed(ledger.view().cashiers(), by, &asked))).await??;
        let hash = match &order {
            CashierOrder::Add { pin, .. } | CashierOrder::SetPin { pin, .. } => {
                let pin = pin.clone();
                off_thread(move || pin::hash(&pin)).await?
            }
            CashierOrder::Disable(_) | CashierOrder::Enable(_) => String::new(),
        };
        let (clock, asked) = (Arc::clone(&self.clock), order.clone());
        let whom = in_ledger(&self.ledger, move |ledger| {
            if let Err(refused) = allowed(ledger.view().cashiers(), by, &asked) {
                return Ok(Err(refused));
            }
            let by = By { cashier: by, now: Self::trusted(&clock, ledger) };
            carry_out(ledger, by, &asked, &hash).map(Ok)
        });
        let whom = whom.await??;
        match order {
            // Whoever knew the old PIN signs in again.
            CashierOrder::Disable(_) | CashierOrder::SetPin { .. } => self.sessions.end_all(whom),
            CashierOrder::Add { .. } | CashierOrder::Enable(_) => (),
        }
        Ok(whom)
    }
}

/// Whether `by` may do this: a manager, and everybody for their own PIN.
pub fn allowed(cashiers: &Cashiers, by: Option<CashierId>, order: &CashierOrder) -> Result<(), CashierRefused> {
    let deed = match order {
        // To sell needs a sign-in, and so does one's own PIN.
        CashierOrder::SetPin { cashier, .. } if by == Some(*cashier) => Deed::Sell,
        CashierOrder::SetPin { .. } | CashierOrder::Add { .. } | CashierOrder::Disable(_) | CashierOrder::Enable(_) => {
            Deed::Settings
        }
    };
    cashiers.may(by, deed).map_err(CashierRefused::NotAllowed)
}

/// Changes the list; `hash` is of the order's PIN.
///
/// # Errors
/// [`CashierError`].
pub fn carry_out(ledger: &mut Ledger, by: By, order: &CashierOrder, hash: &str) -> Result<CashierId, CashierError> {
    match order {
        CashierOrder::Add { name, role, .. } => ledger.add_cashier(by, name, *role, hash),
        CashierOrder::SetPin { cashier, .. } => ledger.set_cashier_pin(by, *cashier, hash).map(|()| *cashier),
        CashierOrder::Disable(cashier) => ledger.disable_cashier(by, *cashier, Disabling::Disable).map(|()| *cashier),
        CashierOrder::Enable(cashier) => ledger.disable_cashier(by, *cashier, Disabling::Enable).map(|()| *cashier),
    }
}

impl CashierDesk for Service {
    fn sign_in(&self, cashier: CashierId, pin: Pin) -> CashierAnswer<'_, SignedIn> {
        Box::pin(async move { answered(self.check_pin(cashier, pin).await) })
    }

    fn vouch(&self, cashier: CashierId) -> CashierAnswer<'_, SignedIn> {
        Box::pin(async move {
            let known = in_ledger(&self.ledger, move |ledger| {
                let known = ledger.view().cashiers().get(cashier).filter(|known| !known.disabled);
                known.cloned().ok_or(CashierError::Unknown(cashier))
            });
            answered(known.await.and_then(|known| self.begin_session(known)))
        })
    }

    fn sign_out(&self, session: SessionToken) {
        self.sessions.end(session);
    }

    fn who(&self, session: SessionToken) -> Option<CashierId> {
        self.sessions.who(session, self.clock.since_start())
    }

    fn cashiers(&self) -> BoxFuture<'_, Result<Cashiers, DeskGone>> {
        Box::pin(async move {
            let list = ask_ledger(&self.ledger, |ledger| ledger.view().cashiers().clone()).await;
            list.map_err(|LedgerGone| DeskGone)
        })
    }

    fn change_cashiers(&self, by: Option<CashierId>, order: CashierOrder) -> CashierAnswer<'_, CashierId> {
        Box::pin(async move { answered(self.change_list(by, order).await) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDLE: Duration = Duration::from_secs(60);

    fn token(name: u8) -> SessionToken {
        SessionToken::new([name; 16])
    }

    fn at(second: u64) -> Duration {
        Duration::from_secs(second)
    }

    #[test]
    fn a_session_lives_as_long_as_it_is_used() {
        let sessions = Sessions::new(IDLE);
        let ines = CashierId::new(1);
        sessions.begin(token(1), ines, at(0));
        assert_eq!(sessions.who(token(1), at(60)), Some(ines));
        assert_eq!(sessions.who(token(1), at(120)), Some(ines));
        assert_eq!(sessions.who(token(2), at(120)), None);
        assert_eq!(sessions.who(token(1), at(181)), None);
        assert_eq!(sessions.who(token(1), at(120)), None, "what has ended does not come back");
        sessions.begin(token(3), ines, at(200));
        sessions.begin(token(4), CashierId::new(2), at(200));
        sessions.end_all(ines);
        assert_eq!((sessions.who(token(3), at(200)), sessions.who(token(4), at(200))), (None, Some(CashierId::new(2))));
        sessions.end(token(4));
        assert_eq!(sessions.who(token(4), at(200)), None);
    }

    #[test]
    fn a_flood_of_sessions_is_bounded() {
        let sessions = Sessions::new(IDLE);
        for name in 0..=u8::try_from(SESSIONS_MAX).unwrap() {
            sessions.begin(token(name), CashierId::new(1), at(u64::from(name) / 4));
        }
        assert_eq!(sessions.open().len(), SESSIONS_MAX);
        assert_eq!(sessions.who(token(u8::try_from(SESSIONS_MAX).unwrap()), at(20)), Some(CashierId::new(1)));
    }
}
