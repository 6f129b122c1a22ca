//! What happens around the counters: to clocks, disks, cards, and at the region.

use std::path::PathBuf;

use pass::domain::refusal::DenialReason;
use pass::domain::{CardNumber, TerminalId, Timestamp};
use pass::region::Region;
use pass::region::desk::{Correction, Corrections};
use pass::region::store::FeedPoint;

use crate::Fault;
use crate::dishonest::Lie;
use crate::reader::Nature;
use crate::run::World;

/// What the desk does to a card.
#[derive(Clone, Copy)]
enum DeskDeed {
    Deny(CardNumber),
    /// One seat more.
    Correct(CardNumber),
}

/// What has happened that the end has to know of.
#[derive(Default)]
pub(crate) struct Misfortunes {
    region_down_until: u64,
    disk_full_until: Vec<(usize, u64)>,
    pub(crate) denied: Vec<CardNumber>,
    /// What the desk did, as it wrote it down.
    paper: Vec<DeskDeed>,
    /// The terminals that the desk let go on after a fork.
    pub(crate) looked_at: Vec<TerminalId>,
    /// How many new keys the region has.
    pub(crate) keys: u32,
}

impl DeskDeed {
    fn carry_out(self, region: &Region, now: Timestamp) {
        match self {
            Self::Deny(card) => {
                region.deny_card(card, DenialReason::Lost, now).unwrap();
            }
            Self::Correct(card) => {
                let file = region.card_file(card).unwrap();
                let newest = file.entitlements.last().unwrap();
                let cinema = pass::domain::Slot::new(0).unwrap();
                let seats = |amounts: pass::domain::Amounts, more: u32| {
                    vec![Correction::parse(&format!("cinema={}", amounts.get(cinema) + more)).unwrap()]
                };
                let corrections = Corrections { granted: seats(newest.granted, 2), opening: seats(newest.opening, 1) };
                region.entitle_card(card, Some(newest.season), &corrections, now).unwrap();
            }
        }
    }
}

/// After so long whoever has not heard of a denial is past every policy.
const DEAF_SECONDS: u32 = 97 * 3600;

impl World {
    pub(crate) fn now(&self) -> Timestamp {
        self.shared.time.now()
    }

    fn any_terminal(&self) -> usize {
        self.shared.draw(|chance| chance.index(self.terminals.len()))
    }

    /// What happens around the counters.
    pub(crate) fn around(&mut self) {
        self.time_and_clocks();
        self.region_itself();
        self.disks();
        self.cards_of_others();
        self.past_counters();
        if self.bureau.borrow().is_running() {
            self.desk();
        }
    }

    fn time_and_clocks(&mut self) {
        if self.shared.strikes(Fault::LongPause) {
            let most = self.shared.draw(|chance| chance.weighted(&[(5, 6 * 3600), (3, 30 * 3600), (1, 80 * 3600)]));
            let seconds = self.shared.draw(|chance| chance.between(60, most));
            self.shared.say(|| format!("{seconds} s pass"));
            self.shared.time.pass(seconds * 1000);
        }
        if self.shared.strikes(Fault::ClockStep) {
            let t = self.any_terminal();
            let most = self.shared.draw(|chance| chance.weighted(&[(3, 600), (3, 40_000), (1, 1_000_000)]));
            let seconds = self.shared.draw(|chance| chance.between(0, 2 * most)) as i64 - most as i64;
            self.shared.say(|| format!("{} clock is moved by {seconds} s", self.terminals[t].name));
            self.terminals[t].clock.step(seconds);
        }
        if self.shared.strikes(Fault::ClockDrift) {
            let t = self.any_terminal();
            let ppm = self
                .shared
                .draw(|chance| chance.weighted(&[(2, 100), (2, -100), (2, 5_000), (2, -5_000), (1, 50_000)]));
            self.shared.say(|| format!("{} clock gains {ppm} s in a million", self.terminals[t].name));
            self.terminals[t].clock.drift(ppm);
        }
    }

    fn region_itself(&mut self) {
        let mut bureau = self.bureau.borrow_mut();
        if self.shared.strikes(Fault::RegionRestarts) && bureau.is_running() {
            bureau.crash();
            bureau.start();
        }
        if self.shared.strikes(Fault::RegionBackedUp) && bureau.is_running() {
            bureau.back_up(self.misfortunes.paper.len());
        }
        let restored =
            if self.shared.strikes(Fault::RegionRestored) && bureau.is_running() { bureau.restore() } else { None };
        for deed in restored.map_or(&[][..], |deeds| &self.misfortunes.paper[deeds..]) {
            deed.carry_out(bureau.region(), self.shared.time.now());
        }
        if self.shared.strikes(Fault::RegionDown) && bureau.is_running() {
            bureau.crash();
            let seconds = self.shared.draw(|chance| chance.between(1, 100));
            self.misfortunes.region_down_until = self.shared.time.since_beginning_ms() + seconds * 1000;
        }
        if !bureau.is_running() && self.shared.time.since_beginning_ms() >= self.misfortunes.region_down_until {
            bureau.start();
        }
    }

    fn disks(&mut self) {
        let now = self.shared.time.since_beginning_ms();
        let (over, still): (Vec<_>, Vec<_>) =
            self.misfortunes.disk_full_until.iter().copied().partition(|(_, until)| *until <= now);
        self.misfortunes.disk_full_until = still;
        for (t, _) in over {
            self.terminals[t].disk_is_full(false);
        }
        if self.shared.strikes(Fault::DiskFull) {
            let t = self.any_terminal();
            if self.misfortunes.disk_full_until.iter().all(|(full, _)| *full != t) {
                let seconds = self.shared.draw(|chance| chance.between(1, 60));
                self.misfortunes.disk_full_until.push((t, now + seconds * 1000));
                self.terminals[t].disk_is_full(true);
            }
        }
    }

    /// The disks have room again.
    pub(crate) fn clear_disks(&mut self) {
        for terminal in &self.terminals {
            terminal.disk_is_full(false);
        }
    }

    fn cards_of_others(&mut self) {
        let genuine: Vec<usize> = (0..self.cards.len()).filter(|c| self.cards[*c].nature == Nature::Genuine).collect();
        let of = genuine[self.shared.draw(|chance| chance.index(genuine.len()))];
        if self.shared.strikes(Fault::Forged) {
            let card = self.cards[of].forged(of, self.shared.draw(|chance| chance.one_in(2)));
            self.shared.say(|| format!("there is a {}", card.name));
            self.cards.push(card);
        }
        if self.shared.strikes(Fault::ChipCopied) {
            let card = self.cards[of].copied(of);
            self.shared.say(|| format!("there is a {}", card.name));
            self.cards.push(card);
        }
    }

    fn desk(&mut self) {
        let mut bureau = self.bureau.borrow_mut();
        let now = self.shared.time.now();
        let c = self.shared.draw(|chance| chance.index(self.cards.len()));
        let (card, name) = (self.cards[c].number, self.cards[c].name.clone());
        let mut deeds = Vec::new();
        if self.shared.strikes(Fault::Denied) && !self.misfortunes.denied.contains(&card) {
            self.misfortunes.denied.push(card);
            deeds.push(DeskDeed::Deny(card));
            self.shared.say(|| format!("region denies {name}"));
        }
        if self.shared.strikes(Fault::Corrected) {
            deeds.push(DeskDeed::Correct(card));
            self.shared.say(|| format!("region corrects {name}"));
        }
        deeds.iter().for_each(|deed| deed.carry_out(bureau.region(), now));
        self.misfortunes.paper.extend(deeds);
        if self.shared.strikes(Fault::KeyRotated) && self.misfortunes.keys < 3 {
            self.misfortunes.keys += 1;
            bureau.region().rotate_key(None, now).unwrap();
            bureau.forget_backup();
            self.shared.say(|| "region has a new key".to_owned());
        }
    }

    /// What a dishonest terminal does to a card in its reader.
    fn past_counters(&mut self) {
        for t in 0..self.terminals.len() {
            let Some(disguise) = &self.terminals[t].disguise else { continue };
            let (lie, confirmed) = (disguise.lie, disguise.confirmed);
            let card = self.cards.iter().find(|card| card.at == Some(t) && card.nature == Nature::Genuine);
            let Some(card) = card.filter(|_| self.terminals[t].is_running() && self.terminals[t].has_card()) else {
                continue;
            };
            let number = card.number;
            let bureau = self.bureau.borrow();
            let denial =
                || bureau.is_running().then(|| bureau.region().store().read(|tx| tx.denial(number)).unwrap()).flatten();
            let willing = match lie {
                Lie::Backdates => true,
                Lie::SellsToDenied => denial().is_some_and(|denial| denial.position <= FeedPoint::of(confirmed).all),
                Lie::Deaf => denial().is_some_and(|denial| self.now().seconds_since(denial.denied_at) > DEAF_SECONDS),
                _ => false,
            };
            drop(bureau);
            if willing && self.shared.draw(|chance| chance.one_in(4)) {
                let back =
                    if lie == Lie::Backdates { self.shared.draw(|chance| chance.between(3_600, 500_000)) } else { 0 };
                let time = self.now().minus(u32::try_from(back).unwrap());
                self.terminals[t].debit_past_counter(time);
            }
        }
    }

    /// What people do with a terminal that does not run.
    pub(crate) fn while_stopped(&mut self, t: usize) {
        if !self.terminals[t].is_honest() {
            return;
        }
        if self.shared.strikes(Fault::BackedUp) {
            self.terminals[t].back_up();
        }
        if self.terminals[t].has_backup() && self.terminals[t].past.len() < 2 && self.shared.strikes(Fault::Restored) {
            let head_file_stays = self.shared.draw(|chance| chance.one_in(2));
            self.terminals[t].restore(head_file_stays);
        }
        // Whoever has a twin changes nothing any more: the other would be no terminal from then on, and what it then sells is for its cards to tell.
        if self.terminals[t].twin.is_none() && self.shared.strikes(Fault::KeysChanged) {
            self.terminals[t].change_keys();
        }
        if self.terminals[t].twin.is_none() && self.shared.strikes(Fault::Cloned) {
            let place: PathBuf = self.home.path().join(format!("terminal-{}", self.terminals.len()));
            let mut clone = self.terminals[t].cloned(place);
            clone.twin = Some(t);
            self.terminals[t].twin = Some(self.terminals.len());
            self.terminals.push(clone);
            self.tills.push(self.tills[t].clone());
            let waiting = self.tills.len() - 1;
            self.tills[waiting].waiting = None;
            self.tills[waiting].unpaid = None;
        }
    }
}
