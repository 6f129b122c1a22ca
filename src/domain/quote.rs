//! What a redemption takes from the card and what the holder pays (decisions 1 and 2): a pure function of the catalogue, the
//! terminal's slots, the card and what the cashier typed.

use super::card::{CardState, Entitlement};
use super::catalogue::{Benefit, Catalogue, Code, Unit};
use super::ids::{CardNumber, Counter, EntitlementSerial};
use super::money::Cents;
use super::purse::{Slot, Slots};
use super::refusal::Refusal;
use super::time::Season;

/// What the cashier, or a till, asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QuoteRequest {
    /// The benefit, when it was chosen. Without it the one that matches is taken.
    pub benefit: Option<Code>,
    /// The price of the purchase. A benefit in euros needs it.
    pub price: Option<Cents>,
    /// How many seats; one when it is not said.
    pub seats: Option<u32>,
    /// 3D glasses, a festival's surcharge: wholly the holder's.
    pub supplement: Cents,
}

/// The card and the state of the card that a quote was made for: the debit goes to no other (decision 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuotedCard {
    /// The card.
    pub card: CardNumber,
    /// Its counter: no change happened since.
    pub counter: Counter,
    /// Its season.
    pub season: Season,
    /// Its entitlement.
    pub entitlement_serial: EntitlementSerial,
}

impl QuotedCard {
    /// What `state` of `card` would have to be again.
    pub fn of(card: CardNumber, state: &CardState) -> Self {
        Self { card, counter: state.counter, season: state.season, entitlement_serial: state.entitlement_serial }
    }
}

/// What will be taken and what will be collected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quote {
    /// The benefit's slot.
    pub slot: Slot,
    /// The benefit's code.
    pub benefit: Code,
    /// Seats or cents.
    pub unit: Unit,
    /// What the card is debited, in the unit.
    pub amount: u32,
    /// The price, where one was given.
    pub price: Option<Cents>,
    /// The supplement.
    pub supplement: Cents,
    /// What the holder pays.
    pub due: Cents,
    /// What is left on the card after the debit, in the unit.
    pub left_after: u32,
}

/// What stands on one line of the card's balance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BalanceLine<'a> {
    /// The benefit.
    pub benefit: &'a Benefit,
    /// What was granted for the season, in the unit.
    pub granted: u32,
    /// What is left, in the unit.
    pub left: u32,
    /// Whether this terminal may debit it.
    pub here: bool,
}

/// What the rules are applied to.
#[derive(Clone, Copy, Debug)]
pub struct QuoteContext<'a> {
    /// The season's catalogue.
    pub catalogue: &'a Catalogue,
    /// The slots of the terminal's certificate that the catalogue gives to the partner's activities.
    pub slots: Slots,
    /// What the card is granted.
    pub entitlement: &'a Entitlement,
    /// What the card has consumed.
    pub state: &'a CardState,
}

impl<'a> QuoteContext<'a> {
    /// What is left of `benefit`. Of a benefit that is debited `once`, nothing is left after the first debit: the rest lapsed.
    pub fn left(&self, benefit: &Benefit) -> u32 {
        if benefit.once && self.state.consumed.get(benefit.slot) > 0 {
            return 0;
        }
        self.entitlement.left(benefit.slot, &self.state.consumed)
    }

    /// Every benefit that the card was granted, in the catalogue's order (R8).
    pub fn balance(&self) -> impl Iterator<Item = BalanceLine<'a>> {
        self.catalogue.benefits.iter().filter_map(move |benefit| {
            let granted = self.entitlement.granted.get(benefit.slot);
            let line =
                || BalanceLine { benefit, granted, left: self.left(benefit), here: self.slots.contains(benefit.slot) };
            (granted > 0).then(line)
        })
    }

    /// The one benefit that matches (decision 2): the one asked for, else the only one of this partner with something left.
    ///
    /// # Errors
    /// [`Refusal::NoBenefitHere`], [`Refusal::NothingLeft`] or [`Refusal::ChooseBenefit`].
    pub fn matching(&self, wanted: Option<&Code>) -> Result<&'a Benefit, Refusal> {
        let mut granted_here = false;
        let mut found = None;
        for line in self.balance().filter(|line| line.here) {
            if wanted.is_some_and(|code| *code != line.benefit.code) {
                continue;
            }
            granted_here = true;
            if line.left == 0 {
                continue;
            }
            if found.is_some() {
                return Err(Refusal::ChooseBenefit);
            }
            found = Some(line.benefit);
        }
        match (found, granted_here) {
            (Some(benefit), _) => Ok(benefit),
            (None, true) => Err(Refusal::NothingLeft),
            (None, false) => Err(Refusal::NoBenefitHere),
        }
    }

    /// What `request` takes and costs. `debited_today` is what this terminal has debited from the card in a slot since
    /// midnight, less what was taken back.
    ///
    /// # Errors
    /// The refusals of [`QuoteContext::matching`], [`Refusal::PriceNeeded`], [`Refusal::AmountRefused`].
    pub fn quote(&self, request: &QuoteRequest, debited_today: impl Fn(Slot) -> u32) -> Result<Quote, Refusal> {
        let benefit = self.matching(request.benefit.as_ref())?;
        let left = self.left(benefit);
        let today = benefit.day_max.map(|max| max.saturating_sub(debited_today(benefit.slot)));
        if request.price.is_some_and(Cents::is_zero) {
            return Err(Refusal::AmountRefused);
        }
        let at_most =
            |amount: u32| amount.min(benefit.redemption_max.unwrap_or(u32::MAX)).min(today.unwrap_or(u32::MAX));
        let (amount, of_the_holder) = match benefit.unit {
            Unit::Seat { contribution, .. } => {
                let seats = request.seats.unwrap_or(1);
                if seats == 0 || seats != at_most(seats) || seats > left {
                    return Err(Refusal::AmountRefused);
                }
                (seats, contribution.checked_mul(seats))
            }
            Unit::Cent => {
                let price = request.price.ok_or(Refusal::PriceNeeded)?;
                let whole = u32::try_from(price.get()).map_err(|_| Refusal::AmountRefused)?;
                let applied = at_most(whole.min(left));
                if applied == 0 || request.seats.is_some() {
                    return Err(Refusal::AmountRefused);
                }
                (applied, price.checked_sub(Cents::from_u32(applied)))
            }
        };
        let due = of_the_holder.and_then(|cents| cents.checked_add(request.supplement));
        Ok(Quote {
            slot: benefit.slot,
            benefit: benefit.code.clone(),
            unit: benefit.unit,
            amount,
            price: request.price,
            supplement: request.supplement,
            due: due.ok_or(Refusal::AmountRefused)?,
            // Of a benefit that is debited once, the rest lapses with the debit.
            left_after: if benefit.once { 0 } else { left - amount },
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::card::{CardStatus, Challenge, Signature};
    use super::super::catalogue::tests::{catalogue, code};
    use super::super::ids::KeySerial;
    use super::super::purse::Amounts;
    use super::*;

    fn entitlement(granted: Amounts, opening: Amounts) -> Entitlement {
        Entitlement {
            key_serial: KeySerial::new(1),
            card: CardNumber::from_account(925_000_000_000_000).unwrap(),
            season: Season::new(2026),
            serial: EntitlementSerial::new(1),
            granted,
            opening,
            signature: Signature([0; 64]),
        }
    }

    fn state(consumed: Amounts) -> CardState {
        CardState {
            status: CardStatus::InUse,
            next_challenge: Challenge([0; 16]),
            counter: Counter::new(0),
            season: Season::new(2026),
            entitlement_serial: EntitlementSerial::new(1),
            consumed,
            signature: Signature([0; 64]),
        }
    }

    fn amounts(first: [u32; 3]) -> Amounts {
        let mut all = [0; 16];
        all[..3].copy_from_slice(&first);
        Amounts::new(all)
    }

    const CINEMA: u16 = 0b001;
    const BOOKS: u16 = 0b010;
    const SPORT: u16 = 0b100;

    /// One row: slots of the terminal, granted, consumed, benefit, price, seats, supplement -> amount, due, left, or refusal.
    type Row = (
        u16,
        [u32; 3],
        [u32; 3],
        Option<&'static str>,
        Option<u32>,
        Option<u32>,
        u32,
        Result<(u32, u64, u32), Refusal>,
    );

    fn run(row: Row) {
        let (slots, granted, consumed, benefit, price, seats, supplement, expected) = row;
        let catalogue = catalogue();
        let entitlement = entitlement(amounts(granted), Amounts::ZERO);
        let state = state(amounts(consumed));
        let context =
            QuoteContext { catalogue: &catalogue, slots: Slots::new(slots), entitlement: &entitlement, state: &state };
        let request = QuoteRequest {
            benefit: benefit.map(code),
            price: price.map(Cents::from_u32),
            seats,
            supplement: Cents::from_u32(supplement),
        };
        let quoted = context.quote(&request, |_| 0).map(|quote| (quote.amount, quote.due.get(), quote.left_after));
        assert_eq!(quoted, expected, "{row:?}");
    }

    #[test]
    fn a_seat_costs_one_euro_and_a_book_what_is_not_covered() {
        use Refusal::{AmountRefused, ChooseBenefit, NoBenefitHere, NothingLeft, PriceNeeded};
        let all = [5, 800, 3000];
        let table: &[Row] = &[
            // Cinema: one seat, one euro, the supplement on top.
            (CINEMA, all, [0, 0, 0], None, None, None, 0, Ok((1, 100, 4))),
            (CINEMA, all, [4, 0, 0], None, None, None, 200, Ok((1, 300, 0))),
            (CINEMA, all, [5, 0, 0], None, None, None, 0, Err(NothingLeft)),
            (CINEMA, all, [0, 0, 0], None, Some(950), None, 0, Ok((1, 100, 4))),
            (CINEMA, all, [0, 0, 0], None, Some(0), None, 0, Err(AmountRefused)),
            (CINEMA, all, [0, 0, 0], None, None, Some(2), 0, Ok((2, 200, 3))),
            (CINEMA, all, [4, 0, 0], None, None, Some(2), 0, Err(AmountRefused)),
            (CINEMA, all, [0, 0, 0], None, None, Some(0), 0, Err(AmountRefused)),
            // Books: up to what is left, the difference is the holder's (R5).
            (BOOKS, all, [0, 0, 0], None, Some(2350), None, 0, Ok((800, 1550, 0))),
            (BOOKS, all, [0, 500, 0], None, Some(2350), None, 0, Ok((300, 2050, 0))),
            (BOOKS, all, [0, 0, 0], None, Some(750), None, 0, Ok((750, 0, 50))),
            (BOOKS, all, [0, 0, 0], None, Some(750), None, 100, Ok((750, 100, 50))),
            (BOOKS, all, [0, 0, 0], None, None, None, 0, Err(PriceNeeded)),
            (BOOKS, all, [0, 0, 0], None, Some(0), None, 0, Err(AmountRefused)),
            (BOOKS, all, [0, 0, 0], None, Some(750), Some(1), 0, Err(AmountRefused)),
            (BOOKS, all, [0, 800, 0], None, Some(750), None, 0, Err(NothingLeft)),
            // A licence is debited once; the rest lapses.
            (SPORT, all, [0, 0, 0], None, Some(1000), None, 0, Ok((1000, 0, 0))),
            (SPORT, all, [0, 0, 1000], None, Some(1000), None, 0, Err(NothingLeft)),
            // None for this partner, or nothing left, or several.
            (CINEMA, [0, 800, 0], [0, 0, 0], None, None, None, 0, Err(NoBenefitHere)),
            (0, all, [0, 0, 0], None, None, None, 0, Err(NoBenefitHere)),
            (CINEMA | BOOKS, all, [0, 0, 0], None, Some(500), None, 0, Err(ChooseBenefit)),
            (CINEMA | BOOKS, all, [5, 0, 0], None, Some(500), None, 0, Ok((500, 0, 300))),
            (CINEMA | BOOKS, all, [0, 0, 0], Some("cinema"), None, None, 0, Ok((1, 100, 4))),
            (CINEMA | BOOKS, all, [5, 0, 0], Some("cinema"), None, None, 0, Err(NothingLeft)),
            (CINEMA, all, [0, 0, 0], Some("leisure-books"), Some(500), None, 0, Err(NoBenefitHere)),
            (CINEMA, all, [0, 0, 0], Some("unheard-of"), None, None, 0, Err(NoBenefitHere)),
        ];
        table.iter().copied().for_each(run);
    }

    #[test]
    fn a_limit_for_one_redemption_and_one_for_the_day() {
        let mut catalogue = catalogue();
        catalogue.benefits[0].redemption_max = Some(2);
        catalogue.benefits[0].day_max = Some(3);
        catalogue.benefits[1].redemption_max = Some(300);
        let (entitlement, state) = (entitlement(amounts([5, 800, 0]), Amounts::ZERO), state(Amounts::ZERO));
        let quote = |slots, seats, price: Option<u32>, today| {
            let slots = Slots::new(slots);
            let context = QuoteContext { catalogue: &catalogue, slots, entitlement: &entitlement, state: &state };
            let request = QuoteRequest { seats, price: price.map(Cents::from_u32), ..QuoteRequest::default() };
            context.quote(&request, |_| today).map(|quote| (quote.amount, quote.due.get()))
        };
        assert_eq!(quote(CINEMA, Some(2), None, 0), Ok((2, 200)));
        assert_eq!(quote(CINEMA, Some(3), None, 0), Err(Refusal::AmountRefused));
        assert_eq!(quote(CINEMA, Some(2), None, 2), Err(Refusal::AmountRefused));
        assert_eq!(quote(CINEMA, None, None, 2), Ok((1, 100)));
        assert_eq!(quote(CINEMA, None, None, 3), Err(Refusal::AmountRefused));
        assert_eq!(quote(BOOKS, None, Some(500), 0), Ok((300, 200)));
    }

    proptest! {
        #[test]
        fn what_is_debited_and_what_is_collected_is_the_price(
            granted in 0..100_000_u32, opening in 0..100_000_u32, consumed in 0..100_000_u32,
            price in 0..10_000_000_u32, supplement in 0..100_000_u32,
        ) {
            let catalogue = catalogue();
            let entitlement = entitlement(amounts([0, granted, 0]), amounts([0, opening, 0]));
            let state = state(amounts([0, consumed, 0]));
            let slots = Slots::new(BOOKS);
            let context = QuoteContext { catalogue: &catalogue, slots, entitlement: &entitlement, state: &state };
            let request = QuoteRequest {
                price: Some(Cents::from_u32(price)),
                supplement: Cents::from_u32(supplement),
                ..QuoteRequest::default()
            };
            if let Ok(quote) = context.quote(&request, |_| 0) {
                prop_assert_eq!(quote.due.get() + u64::from(quote.amount), u64::from(price) + u64::from(supplement));
                prop_assert!(quote.amount > 0);
                prop_assert!(u64::from(quote.amount) + u64::from(consumed) + u64::from(opening) <= u64::from(granted));
            }
        }
    }
}
