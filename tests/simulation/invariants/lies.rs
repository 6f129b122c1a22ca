//! What dishonest terminals told, against what the region makes of it.

use pass::domain::verdict::{Contest, Verdict};
use pass::region::store::Cause;
use pass::wire::exchange::TerminalStanding;

use super::Records;
use crate::dishonest::{Found, Lie, Told};
use crate::run::World;

/// What a contested lie is called. A card of which there are two chips may be noticed first.
fn reasons(lie: Lie) -> &'static [Contest] {
    match lie {
        Lie::AltersAmount | Lie::Invents => &[Contest::CardProof],
        Lie::InventsCard => &[Contest::UnknownCard],
        Lie::Repeats => &[Contest::AlreadyPaid, Contest::ClonedCounter],
        Lie::Steals => &[Contest::OtherTerminal],
        Lie::SellsToDenied => &[Contest::CardDenied, Contest::ClonedCounter],
        Lie::Deaf => &[Contest::OfflinePolicy, Contest::ClonedCounter],
        Lie::AltersMoney
        | Lie::Drops
        | Lie::HidesReversal
        | Lie::Submits
        | Lie::Tampers
        | Lie::Rewrites
        | Lie::Backdates => &[],
    }
}

impl World {
    /// Each lie is found as the list of lies says. What cannot be found costs nobody anything: what is paid is held against the cards elsewhere.
    pub(super) fn lies_are_found(&mut self, records: &Records) {
        for t in 0..self.terminals.len() {
            let Some(disguise) = &self.terminals[t].disguise else { continue };
            let (lie, told) = (disguise.lie, disguise.told.clone());
            let histories = disguise.histories().filter(|end| records.listed.contains_key(end)).count();
            for told in &told {
                match self.what_became_of(t, told, records) {
                    Ok(found) => self.shared.count_lie(lie, found),
                    Err(why) => self.wrong(format!("T{t} lies ({lie:?}), and {why}")),
                }
            }
            if histories > 2 {
                let id = self.terminals[t].id;
                let standing = self.bureau.borrow().region().store().read(|tx| tx.standing(id)).unwrap();
                let found = standing.is_some_and(|standing| {
                    standing.standing == TerminalStanding::Suspended && standing.cause == Cause::Fork
                });
                self.shared.count_lie(Lie::Rewrites, found);
                if !found {
                    self.wrong(format!("T{t} has told three histories, and its standing is {standing:?}"));
                }
            }
        }
    }

    /// Whether a lie was found; why it is wrong that it was not.
    fn what_became_of(&self, t: usize, told: &Told, records: &Records) -> Result<bool, String> {
        // The entry of another may be there as the other's.
        let listing = records.listed.get(&told.entry);
        let listing = listing.filter(|listing| listing.entry.key.terminal == self.terminals[t].id);
        let verdict = listing.and_then(|listing| listing.judged).map(|judged| judged.verdict);
        match told.found {
            Found::Contested => {
                let expected = reasons(told.lie);
                let found = verdict.and_then(Verdict::contest).is_some_and(|reason| expected.contains(&reason));
                // A region that was restored has forgotten who had heard of what.
                let forgotten = told.lie == Lie::SellsToDenied && self.bureau.borrow().was_restored();
                if found || forgotten { Ok(found) } else { Err(format!("it is {verdict:?}, not {expected:?}")) }
            }
            Found::Halted if listing.is_some() => Err("the region has it".to_owned()),
            Found::Halted => Ok(true),
            Found::AtTheCard => {
                let Some(record) = told.record.map(|signed| signed.record) else { return Ok(false) };
                // Asked for when something new is heard of the card; until then nothing is paid for it, which is held elsewhere.
                let is_known = records.known[&record.card].iter().any(|signed| signed.record == record);
                Ok(is_known)
            }
            Found::Elsewhere => Ok(false),
        }
    }
}
