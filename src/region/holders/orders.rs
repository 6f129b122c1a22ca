//! Orders: from the holder's wish to the card in the post (R7). What is made in the place of another card is an order too, which nobody has to validate.

use crate::crypto::random;
use crate::domain::catalogue::Code;
use crate::domain::{CardNumber, HolderReference, Season, Timestamp};

use super::life::{RefusalReason, Signs, Stage, Step};
use super::mails::{MailData, Template, queue};
use super::persons::{Person, Secret, is_over, line, seen_holder};
use super::{Acting, EstablishmentId, EstablishmentKind, HolderTrouble, OrderId};
use crate::region::Region;
use crate::region::desk::check_profile;
use crate::region::error::RegionError;
use crate::region::store::{EstablishmentRow, HolderRow, KnownPerson, OrderFilter, OrderRow, Tx};

/// The most orders in one page of a list.
pub const PAGE_MAX: u32 = 200;

/// What somebody orders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewOrder {
    /// Who.
    pub person: Person,
    /// As what.
    pub profile: Code,
    /// Where in training.
    pub establishment: EstablishmentId,
    /// Whether it is known that this is another person than the one of the same name and year.
    pub namesake: bool,
}

/// An order, with what it is at present.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderView {
    /// The order.
    pub order: OrderRow,
    /// Where the card is in its life, also where nobody wrote that down.
    pub stage: Stage,
}

impl OrderView {
    /// What `order` is at `now`.
    pub(super) fn of(tx: &Tx<'_>, order: OrderRow, now: Timestamp) -> Result<Self, RegionError> {
        let season = Season::at(now);
        let signs = match order.card {
            Some(card) => Signs {
                used: tx.was_used(card)?,
                seasons_over: order.season < season,
                granted: tx.is_granted(order.id.holder, season)?,
            },
            None => Signs { used: false, seasons_over: false, granted: false },
        };
        Ok(Self { stage: order.stage.at_present(signs), order })
    }
}

/// An order in a list, with whose it is.
#[derive(Clone, Debug)]
pub struct ListedOrder {
    /// The order.
    pub view: OrderView,
    /// Whose.
    pub holder: HolderRow,
    /// Who that is; `None` once erased.
    pub person: Option<Person>,
}

/// The order, if whoever acts may see it. No other changes it meanwhile.
fn seen_order(tx: &Tx<'_>, id: OrderId, acting: &Acting) -> Result<OrderRow, RegionError> {
    let none = || HolderTrouble::NoOrder(id);
    seen_holder(tx, id.holder, acting).map_err(|error| match error {
        RegionError::Holder(HolderTrouble::NoHolder(_)) => none().into(),
        other => other,
    })?;
    tx.lock_holder(id.holder)?;
    Ok(tx.order(id)?.ok_or_else(none)?)
}

/// Takes `order` a step further.
pub(super) fn take(order: &mut OrderRow, step: Step, now: Timestamp) -> Result<(), HolderTrouble> {
    let stage = order.stage.after(step).ok_or(HolderTrouble::NotNow { stage: order.stage, step })?;
    (order.stage, order.changed_at) = (stage, now);
    Ok(())
}

/// What is known of somebody who orders.
enum Known {
    /// Nothing: the reference is new; where an erased one had the place, which.
    New { number: u32, before: Option<HolderReference> },
    /// The order was refused: it is corrected.
    Refused(OrderRow),
    /// The holder has neither an order nor a card.
    Free(HolderRow, u32),
}

fn known(tx: &Tx<'_>, person: &[u8; 32], namesake: bool, season: Season) -> Result<Known, RegionError> {
    let known = tx.known_persons(person)?;
    let next = known.last().map_or(0, |known| known.number).saturating_add(1);
    let Some(same) = known.last().filter(|_| !namesake) else { return Ok(Known::New { number: next, before: None }) };
    let holder = tx.holder(same.holder)?.ok_or(HolderTrouble::NoHolder(same.holder))?;
    if holder.erased_at.is_some() {
        if tx.is_granted(same.holder, season)? {
            return Err(HolderTrouble::GrantedAlready(season).into());
        }
        return Ok(Known::New { number: same.number, before: Some(same.holder) });
    }
    tx.lock_holder(same.holder)?;
    let orders = tx.orders_of(same.holder)?;
    let number = orders.last().map_or(0, |order| order.id.number).saturating_add(1);
    match orders.into_iter().rfind(|order| !is_over(order.stage)) {
        Some(order) if order.stage == Stage::Refused => Ok(Known::Refused(order)),
        Some(order) => Err(HolderTrouble::OrderedAlready(order.id).into()),
        None => Ok(Known::Free(holder, number)),
    }
}

impl Region {
    /// Adds an establishment.
    ///
    /// # Errors
    /// [`HolderTrouble::Field`], the store's.
    pub fn add_establishment(
        &self,
        name: &str,
        kind: EstablishmentKind,
        city: &str,
        now: Timestamp,
    ) -> Result<EstablishmentId, RegionError> {
        let (name, city) = (line(name, 200, "name")?, line(city, 100, "city")?);
        Ok(self.store().write(|tx| tx.add_establishment(&name, kind, &city, now))?)
    }

    /// The establishments after `after`, at most [`PAGE_MAX`].
    ///
    /// # Errors
    /// The store's.
    pub fn establishments(&self, after: EstablishmentId, limit: u32) -> Result<Vec<EstablishmentRow>, RegionError> {
        Ok(self.store().read(|tx| tx.establishments(after, limit.min(PAGE_MAX)))?)
    }

    /// Somebody orders a card. Whoever was refused corrects the same order.
    ///
    /// # Errors
    /// [`HolderTrouble`], [`RegionError::NoProfile`], [`RegionError::NoCatalogue`], the store's.
    pub fn place_order(&self, new: &NewOrder, acting: &Acting, now: Timestamp) -> Result<OrderId, RegionError> {
        let season = Season::at(now);
        let person = new.person.checked(season)?;
        let (reference, secret) = (HolderReference::new(random()?), Secret::new()?);
        let name = person.known_by(new.establishment);
        self.store().write(|tx| {
            if !acting.sees(new.establishment) || tx.establishment(new.establishment)?.is_none() {
                return Err(HolderTrouble::NoEstablishment(new.establishment).into());
            }
            check_profile(tx, &new.profile, season)?;
            let row = |holder| HolderRow {
                holder,
                establishment: new.establishment,
                profile: new.profile.clone(),
                ended_at: None,
                erased_at: None,
            };
            let fresh = |holder, number| OrderRow {
                id: OrderId { holder, number },
                season,
                stage: Stage::Ordered,
                reason: None,
                ordered_at: now,
                changed_at: now,
                remake: None,
                card: None,
            };
            let order = match known(tx, &name, new.namesake, season)? {
                Known::New { number, before } => {
                    tx.add_holder(&row(reference), now)?;
                    tx.know_person(&name, &KnownPerson { number, holder: reference, season }, before)?;
                    let order = fresh(reference, 1);
                    tx.add_order(&order, &acting.by)?;
                    order
                }
                Known::Refused(mut order) => {
                    take(&mut order, Step::Correct, now)?;
                    order.reason = None;
                    tx.update_holder(&row(order.id.holder))?;
                    tx.update_order(&order, &acting.by)?;
                    order
                }
                Known::Free(holder, number) => {
                    tx.update_holder(&row(holder.holder))?;
                    let order = fresh(holder.holder, number);
                    tx.add_order(&order, &acting.by)?;
                    order
                }
            };
            tx.set_person(order.id.holder, &person, &secret.hash())?;
            let data = MailData::new().with("order", order.id).with("secret", &secret);
            queue(tx, order.id.holder, Template::Ordered, data, now)?;
            Ok(order.id)
        })
    }

    /// The establishment validates an order.
    ///
    /// # Errors
    /// [`HolderTrouble`], the store's.
    pub fn validate_order(&self, id: OrderId, acting: &Acting, now: Timestamp) -> Result<OrderRow, RegionError> {
        self.step_order(id, Step::Validate, None, Template::Validated, acting, now)
    }

    /// The establishment refuses an order.
    ///
    /// # Errors
    /// [`HolderTrouble`], the store's.
    pub fn refuse_order(
        &self,
        id: OrderId,
        reason: RefusalReason,
        acting: &Acting,
        now: Timestamp,
    ) -> Result<OrderRow, RegionError> {
        self.step_order(id, Step::Refuse, Some(reason), Template::Refused, acting, now)
    }

    /// The card of an order was put in the post.
    ///
    /// # Errors
    /// [`HolderTrouble`], the store's.
    pub fn order_sent(&self, id: OrderId, acting: &Acting, now: Timestamp) -> Result<OrderRow, RegionError> {
        self.step_order(id, Step::Send, None, Template::Sent, acting, now)
    }

    /// A step that is repeated changes nothing and sends no mail.
    fn step_order(
        &self,
        id: OrderId,
        step: Step,
        reason: Option<RefusalReason>,
        template: Template,
        acting: &Acting,
        now: Timestamp,
    ) -> Result<OrderRow, RegionError> {
        self.store().write(|tx| {
            let mut order = seen_order(tx, id, acting)?;
            let done = match step {
                Step::Validate => order.stage == Stage::Validated,
                Step::Refuse => order.stage == Stage::Refused && order.reason == reason,
                Step::Send => order.stage == Stage::Sent,
                Step::Correct
                | Step::Withdraw
                | Step::Personalise
                | Step::Use
                | Step::SeasonEnds
                | Step::Revalidate
                | Step::Declare
                | Step::Remake => false,
            };
            if done {
                return Ok(order);
            }
            take(&mut order, step, now)?;
            order.reason = reason;
            tx.update_order(&order, &acting.by)?;
            let because = reason.map_or("", RefusalReason::french);
            queue(tx, id.holder, template, MailData::new().with("order", id).with("reason", because), now)?;
            Ok(order)
        })
    }

    /// The orders that pass `filter` and that whoever acts may see, at most [`PAGE_MAX`].
    ///
    /// # Errors
    /// The store's.
    pub fn orders(
        &self,
        filter: &OrderFilter,
        acting: &Acting,
        now: Timestamp,
    ) -> Result<Vec<ListedOrder>, RegionError> {
        let establishment = acting.establishment.or(filter.establishment);
        let filter = OrderFilter { establishment, limit: filter.limit.clamp(1, PAGE_MAX), ..*filter };
        self.store().read(|tx| tx.orders(&filter)?.into_iter().map(|order| listed(tx, order, now)).collect())
    }

    /// One order.
    ///
    /// # Errors
    /// [`HolderTrouble::NoOrder`], the store's.
    pub fn order(&self, id: OrderId, acting: &Acting, now: Timestamp) -> Result<ListedOrder, RegionError> {
        self.store().read(|tx| {
            let order = tx.order(id)?.map(|order| listed(tx, order, now)).transpose()?;
            let seen = order.filter(|listed| acting.sees(listed.holder.establishment));
            Ok(seen.ok_or(HolderTrouble::NoOrder(id))?)
        })
    }
}

fn listed(tx: &Tx<'_>, order: OrderRow, now: Timestamp) -> Result<ListedOrder, RegionError> {
    let id = order.id;
    Ok(ListedOrder {
        holder: tx.holder(id.holder)?.ok_or(HolderTrouble::NoHolder(id.holder))?,
        person: tx.person(id.holder)?,
        view: OrderView::of(tx, order, now)?,
    })
}

/// The chip of an order has everything: in the transaction that says so of the card.
pub(super) fn personalised(tx: &Tx<'_>, id: OrderId, card: CardNumber, now: Timestamp) -> Result<(), RegionError> {
    let desk = Acting::desk();
    let mut order = seen_order(tx, id, &desk)?;
    take(&mut order, Step::Personalise, now)?;
    order.card = Some(card);
    tx.update_order(&order, &desk.by)?;
    let replaced = order.remake.as_ref().map(|remake| remake.replaces);
    let replaced = replaced.map(|replaced| tx.order_of_card(id.holder, replaced)).transpose()?.flatten();
    if let Some(mut replaced) = replaced {
        take(&mut replaced, Step::Remake, now)?;
        tx.update_order(&replaced, &desk.by)?;
    }
    queue(tx, id.holder, Template::Personalised, MailData::new().with("card", card), now)
}
