//! What a holder declares of a card (R6, R9): lost, stolen, broken, and what somebody brings back. And the making of a card for an order.
//!
//! What always holds: a declaration denies the card, whatever else is wrong; a denial is final, also for a card that is found. The card in its place is
//! an order of its own, as soon as somebody pays the fee or waives it.

use crate::domain::catalogue::Code;
use crate::domain::refusal::DenialReason;
use crate::domain::{CardNumber, Cents, Season, Timestamp};
use crate::wire::apdu::Transport;

use super::life::{DeclarationKind, Stage, Step};
use super::mails::{MailData, Template, queue};
use super::orders::{personalised, take};
use super::{Acting, HolderTrouble, OrderId};
use crate::region::Region;
use crate::region::desk::{benefit_called, check_profile, deny, made_card, rights_of_profile};
use crate::region::error::RegionError;
use crate::region::issue::{CardTrouble, is_blank};
use crate::region::replacement::{Fee, REPLACEMENT_FEE_CENTS, beginning, due, to_replace};
use crate::region::rights::entitle;
use crate::region::signing::Signer;
use crate::region::store::{CardRow, DenialRow, HolderRow, OrderRow, RemakeRow, StoreError, Tx};

/// What came of a declaration.
#[derive(Debug)]
pub struct Declared {
    /// The denial.
    pub denial: DenialRow,
    /// The order of the card in its place; `None` when the card was made without an order and is replaced at the desk; or why there is none yet.
    pub remake: Result<Option<OrderId>, RegionError>,
}

/// What was brought back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FoundCard {
    /// Whether it is denied, and stays so.
    pub denied: bool,
}

/// What the mail about a declaration says of the card to come.
fn remake_sentence(remake: &Result<Option<OrderId>, RegionError>, waived: bool) -> String {
    match remake {
        Ok(Some(_)) if waived => "Une nouvelle carte est fabriquée, sans frais.".to_owned(),
        Ok(Some(_)) => format!(
            "Une nouvelle carte est fabriquée ; {} EUR sont pris sur l'un de vos avantages.",
            Cents::from_u32(REPLACEMENT_FEE_CENTS)
        ),
        Ok(None) | Err(_) => "Pour une nouvelle carte, adressez-vous à la Région au 0810 559 559.".to_owned(),
    }
}

const fn french(reason: DenialReason) -> &'static str {
    match reason {
        DenialReason::Lost => "perdue",
        DenialReason::Stolen => "volée",
        DenialReason::Broken => "cassée",
    }
}

const fn kind_of(reason: DenialReason) -> DeclarationKind {
    match reason {
        DenialReason::Lost => DeclarationKind::Lost,
        DenialReason::Stolen => DeclarationKind::Stolen,
        DenialReason::Broken => DeclarationKind::Broken,
    }
}

/// Orders the card in the place of `old`, when everything that it needs is there.
fn order_remake(
    tx: &Tx<'_>,
    signer: &Signer,
    old: &CardRow,
    fee: &Fee,
    by: &Acting,
    now: Timestamp,
) -> Result<Option<OrderId>, RegionError> {
    let before = to_replace(tx, old.card)?;
    let Some(holder) = tx.holder(old.holder)? else { return Ok(None) };
    ready(&holder)?;
    beginning(tx, signer, before.card, due(fee, before.card, old.card), now)?;
    let season = Season::at(now);
    let catalogue = tx.catalogue(season)?.ok_or(RegionError::NoCatalogue(season))?;
    let fee_from: Option<Code> = match fee {
        Fee::From(named) => Some(benefit_called(&catalogue, named)?.code.clone()),
        Fee::MostLeft | Fee::Waived => None,
    };
    let remake = Some(RemakeRow { replaces: old.card, fee_from, fee_waived: *fee == Fee::Waived });
    let orders = tx.orders_of(old.holder)?;
    let is_for = |order: &&OrderRow| order.remake.as_ref().is_some_and(|remake| remake.replaces == old.card);
    let pending = orders.iter().find(|order| order.stage == Stage::Validated && is_for(order));
    if let Some(pending) = pending {
        let order = OrderRow { remake, changed_at: now, ..pending.clone() };
        tx.update_order(&order, &by.by)?;
        return Ok(Some(order.id));
    }
    let number = orders.last().map_or(0, |order| order.id.number).saturating_add(1);
    let id = OrderId { holder: old.holder, number };
    let (stage, reason, card) = (Stage::Validated, None, None);
    tx.add_order(&OrderRow { id, season, stage, reason, ordered_at: now, changed_at: now, remake, card }, &by.by)?;
    Ok(Some(id))
}

/// Whether a card can be made for a holder.
fn ready(holder: &HolderRow) -> Result<(), HolderTrouble> {
    match (holder.erased_at, holder.ended_at) {
        (Some(_), _) => Err(HolderTrouble::Erased),
        (None, Some(_)) => Err(HolderTrouble::Ended),
        (None, None) => Ok(()),
    }
}

impl Region {
    /// A card is declared lost, stolen or broken: it is denied, for good, and another is ordered in its place, with the fee from where `fee` says. To
    /// declare it again, with another fee, changes the order as long as no card was made for it.
    ///
    /// # Errors
    /// [`RegionError::NoCard`], the store's; what keeps the other card from being ordered is in [`Declared`].
    pub fn declare_card(
        &self,
        card: CardNumber,
        reason: DenialReason,
        fee: &Fee,
        acting: &Acting,
        now: Timestamp,
    ) -> Result<Declared, RegionError> {
        self.store().write(|tx| {
            let row = made_card(tx, card)?;
            tx.lock_holder(row.holder)?;
            let signer = self.signer(tx)?;
            let news = tx.denial(card)?.is_none();
            let denial = deny(tx, &signer, card, reason, now)?;
            if news {
                tx.add_declaration(card, kind_of(reason), now)?;
                if let Some(mut order) = tx.order_of_card(row.holder, card)? {
                    take(&mut order, Step::Declare, now)?;
                    tx.update_order(&order, &acting.by)?;
                }
            }
            let had = tx.orders_of(row.holder)?.len();
            let remake = match order_remake(tx, &signer, &row, fee, acting, now) {
                // What the store says ends the transaction; all else is said of the order alone.
                Err(RegionError::Store(error)) => return Err(error.into()),
                remake => remake,
            };
            if news || tx.orders_of(row.holder)?.len() > had {
                let data = MailData::new()
                    .with("card", card)
                    .with("kind", french(denial.reason))
                    .with("remake", remake_sentence(&remake, *fee == Fee::Waived));
                queue(tx, row.holder, Template::Declared, data, now)?;
            }
            Ok(Declared { denial, remake })
        })
    }

    /// Somebody brought a card back (R9). One that is denied stays so.
    ///
    /// # Errors
    /// [`RegionError::NoCard`], the store's.
    pub fn found_card(&self, card: CardNumber, now: Timestamp) -> Result<FoundCard, RegionError> {
        self.store().write(|tx| {
            let row = made_card(tx, card)?;
            tx.lock_holder(row.holder)?;
            let denied = tx.denial(card)?.is_some();
            if tx.declarations(card)?.last().is_some_and(|(kind, _)| *kind == DeclarationKind::Found) {
                return Ok(FoundCard { denied });
            }
            tx.add_declaration(card, DeclarationKind::Found, now)?;
            let state = if denied {
                "Elle reste en opposition et sera détruite."
            } else {
                "Elle fonctionne encore : appelez-nous pour la recevoir."
            };
            queue(tx, row.holder, Template::Found, MailData::new().with("card", card).with("state", state), now)?;
            Ok(FoundCard { denied })
        })
    }

    /// Makes the blank card at the other end of `card` for an order: the first one with the rights of the present season, which are granted
    /// once; one in another's place with what is left of them. A card that was pulled out is finished; when another blank one is put in its place, the
    /// unfinished one is denied and replaced, without a fee.
    ///
    /// # Errors
    /// [`HolderTrouble`], and as [`Region::issue_card`] and [`Region::replace_card`].
    pub fn issue_ordered(
        &self,
        card: &mut dyn Transport,
        id: OrderId,
        now: Timestamp,
    ) -> Result<CardNumber, RegionError> {
        let (order, holder, begun) = self.store().read(|tx| {
            let order = tx.order(id)?.ok_or(HolderTrouble::NoOrder(id))?;
            let holder = tx.holder(id.holder)?.ok_or(HolderTrouble::NoHolder(id.holder))?;
            check_profile(tx, &holder.profile, Season::at(now))?;
            Ok::<_, RegionError>((order, holder, tx.cards_of(id.holder)?.into_iter().next()))
        })?;
        ready(&holder)?;
        order
            .stage
            .after(Step::Personalise)
            .ok_or(HolderTrouble::NotNow { stage: order.stage, step: Step::Personalise })?;
        if let Some(remake) = &order.remake {
            let fee = match (&remake.fee_from, remake.fee_waived) {
                (_, true) => Fee::Waived,
                (Some(benefit), false) => Fee::From(benefit.as_str().to_owned()),
                (None, false) => Fee::MostLeft,
            };
            return self.replace_for(card, id, remake.replaces, &fee, now);
        }
        let begun =
            begun.map(|number| self.store().read(|tx| Ok::<_, StoreError>((tx.card(number)?, tx.denial(number)?))));
        if let Some((Some(row), denial)) = begun.transpose()?
            && row.certificate.is_some()
            && (denial.is_some() || is_blank(card)?)
        {
            self.deny_card(row.card, DenialReason::Broken, now)?;
            return self.replace_for(card, id, row.card, &Fee::Waived, now);
        }
        let first = self.make_first(card, holder.holder, &holder.profile, now, |tx, signer, number| {
            let season = Season::at(now);
            if !tx.grant_season(holder.holder, season, number, now)? {
                return Err(HolderTrouble::GrantedAlready(season).into());
            }
            let catalogue = tx.catalogue(season)?.ok_or(RegionError::NoCatalogue(season))?;
            entitle(tx, signer, number, &rights_of_profile(&catalogue, &holder.profile), now).map(drop)
        })?;
        if first.holder != holder.holder {
            return Err(CardTrouble::NotBlank(Some(first.card)).into());
        }
        self.finish(card, &first, now, |tx| personalised(tx, id, first.card, now))?;
        Ok(first.card)
    }

    fn replace_for(
        &self,
        card: &mut dyn Transport,
        id: OrderId,
        old: CardNumber,
        fee: &Fee,
        now: Timestamp,
    ) -> Result<CardNumber, RegionError> {
        let made = self.replace_card_and(card, old, fee, now, |tx, number| personalised(tx, id, number, now))?;
        Ok(made.card)
    }
}
