//! The region at the end of the line: its program, its directory, its backup, and what its desk wrote down on paper.

use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use pass::domain::entry::Body;
use pass::domain::verdict::Verdict;
use pass::domain::{TerminalId, Timestamp};
use pass::region::bench::read_entry;
use pass::region::{Region, RegionError};
use pass::wire::cbor::decode;
use pass::wire::cose::{Algorithm, Content, Sign1};
use pass::wire::exchange::{ExchangeAnswer, Receipt};

use crate::Fault;
use crate::chance::Chance;
use crate::directory::copy;
use crate::dishonest::{Lie, Loot};
use crate::disk;
use crate::shared::Shared;

/// A backup is of the night before, at the oldest.
const BACKUP_HOURS_MAX: u32 = 24;

/// The region and its directory.
pub(crate) struct Bureau {
    home: PathBuf,
    lives: u32,
    region: Option<Region>,
    /// Every receipt that was ever signed.
    pub(crate) receipts: Vec<(TerminalId, Receipt)>,
    backup: Option<Backup>,
    shared: Rc<Shared>,
}

struct Backup {
    file: PathBuf,
    at: Timestamp,
    /// How much of the desk's paper is in it.
    deeds: usize,
}

impl Bureau {
    pub(crate) fn new(template: &Path, home: PathBuf, shared: &Rc<Shared>) -> Self {
        let shared = Rc::clone(shared);
        let mut bureau = Self { home, lives: 0, region: None, receipts: Vec::new(), backup: None, shared };
        copy(template, &bureau.directory());
        bureau.start();
        bureau
    }

    fn directory(&self) -> PathBuf {
        self.home.join(format!("life-{}", self.lives))
    }

    pub(crate) fn start(&mut self) {
        self.region = Some(Region::open(&self.directory()).unwrap());
    }

    /// Kills the program; the next life has the files as they are.
    pub(crate) fn crash(&mut self) {
        self.die(|_| ());
        self.shared.say(|| "region dies".to_owned());
    }

    /// The next life has the files as they are, but for what `change` does.
    fn die(&mut self, change: impl FnOnce(&Path)) {
        let before = self.directory();
        self.lives += 1;
        copy(&before, &self.directory());
        self.region = None;
        fs::remove_dir_all(before).unwrap();
        change(&self.directory());
    }

    pub(crate) fn is_running(&self) -> bool {
        self.region.is_some()
    }

    pub(crate) fn region(&self) -> &Region {
        self.region.as_ref().unwrap()
    }

    /// The answer to a request, if there is one.
    pub(crate) fn answer(&mut self, request: &[u8]) -> Option<Vec<u8>> {
        let (file, log) = (self.directory().join("region.db"), self.directory().join("region.db-wal"));
        let cut = self.region.is_some() && self.shared.strikes(Fault::RegionPowerCut);
        let before = cut.then(|| (disk::read(&file), disk::read(&log)));
        let answer = self.region.as_ref()?.exchange(request, self.shared.time.now()).ok();
        if let Some((file_before, log_before)) = before {
            self.cut(&log_before, disk::read(&file) == file_before);
            return None;
        }
        let message = Sign1::decode(answer.as_ref()?, Algorithm::Es256, Content::ExchangeAnswer).unwrap();
        let plain: ExchangeAnswer = decode(&message.payload).unwrap();
        let receipt = Sign1::decode(&plain.receipt.0, Algorithm::Es256, Content::Receipt).unwrap();
        self.receipts.push((plain.terminal, decode(&receipt.payload).unwrap()));
        answer
    }

    /// The power is cut before the commit was synced: of what the log had got since `before`, some sectors are not there. Where the log was being copied into the
    /// file meanwhile, the commit was durable before that.
    fn cut(&mut self, before: &[u8], file_is_the_same: bool) {
        let after = disk::read(&self.directory().join("region.db-wal"));
        let torn = (file_is_the_same && after != before)
            .then(|| self.shared.draw(|chance| disk::torn(before, &after, &mut Chance::seeded(chance.next()))));
        self.die(|directory| {
            if let Some(torn) = torn {
                fs::write(directory.join("region.db-wal"), torn).unwrap();
            }
        });
        self.shared.say(|| "region loses its power while it answers".to_owned());
    }

    /// Copies the store, when the desk has done so much.
    pub(crate) fn back_up(&mut self, deeds: usize) {
        let (file, at) = (self.home.join("backup.db"), self.shared.time.now());
        self.region().back_up(&file).unwrap();
        self.backup = Some(Backup { file, at, deeds });
        self.shared.say(|| "region is backed up".to_owned());
    }

    /// A new key comes with a new backup: without the key there is none.
    pub(crate) fn forget_backup(&mut self) {
        self.backup = None;
    }

    /// The store is lost, and its backup put in its place, where there is one; how much of the desk's paper is in that.
    pub(crate) fn restore(&mut self) -> Option<usize> {
        let now = self.shared.time.now();
        let recent = |backup: &Backup| now.seconds_since(backup.at) <= BACKUP_HOURS_MAX * 3600;
        let Backup { file, deeds, .. } = self.backup.take().filter(recent)?;
        self.die(|directory| {
            for name in ["region.db", "region.db-wal"] {
                let path = directory.join(name);
                if path.exists() {
                    fs::remove_file(path).unwrap();
                }
            }
            Region::restore(directory, &file, now).unwrap();
        });
        self.start();
        self.shared.say(|| "region has its backup again".to_owned());
        Some(deeds)
    }

    /// What the terminal `of` may have from others.
    pub(crate) fn loot(&self, lie: Lie, of: TerminalId) -> Loot {
        let mut loot = Loot::default();
        let Some(region) = self.region.as_ref().filter(|_| matches!(lie, Lie::Steals | Lie::Submits)) else {
            return loot;
        };
        let read: Result<(), RegionError> = region.store().read(|tx| {
            tx.list_entries(None, |listing| {
                if listing.entry.terminal != of {
                    if let Some(Body::Debit(debit)) = read_entry(&listing.entry.cose).map(|entry| entry.body)
                        && listing.judged.is_some_and(|judged| judged.verdict == Verdict::Payable)
                    {
                        loot.debits.push(debit);
                    }
                    loot.entries.push(listing.entry.cose);
                }
                Ok(())
            })
        });
        read.unwrap();
        loot
    }
}
