//! The region's side: it enrols terminals, takes their entries, judges and acknowledges them, tells them what is new, and makes cards.
//!
//! From the inside out: [`store`] keeps everything; [`judge`] says what an entry is worth, [`chain`] where it belongs, both without any
//! input or output; [`intake`], [`mod@bench`], [`feed`], [`rights`], [`certificates`] carry this out within one transaction; [`Region`] answers
//! messages ([`enrolment`], [`exchange`]), serves the desk ([`desk`], [`orphans`]) and makes cards ([`issue`], and [`replacement`] what one in another's place
//! begins with). [`holders`] is the life of a card around that: orders, declarations, revalidation, mails. [`server`] puts it on the network, [`api`] its desk
//! too, [`cli`] under the fingers of people.
//!
//! What always holds: time is an argument, only the program's shell has a clock; every request is one transaction; nothing is acknowledged
//! before it is committed; no private key but the region key in use is needed while it serves; no card number and no name goes to a log.
//!
//! Partners are in [`partners`], what they are paid in [`settlement`]. What a terminal decides is elsewhere.

pub mod accounts;
pub mod api;
pub mod bank;
pub mod bench;
pub mod certificates;
pub mod chain;
pub mod cli;
pub mod config;
pub mod desk;
pub mod enrolment;
pub mod error;
pub mod exchange;
pub mod feed;
pub mod holders;
pub mod intake;
pub mod issue;
pub mod judge;
pub mod keys;
mod limits;
pub mod message;
pub mod metrics;
pub mod orphans;
pub mod partners;
pub mod public;
pub mod replacement;
pub mod rights;
pub mod server;
pub mod settings;
pub mod settlement;
pub mod shared_pages;
pub mod signing;
pub mod store;
pub mod succession;
mod worker;

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use crate::domain::{KeySerial, Season, Timestamp};
use crate::wire::feed::Item;

use config::{CatalogueFile, SHIPPED_POLICY, parse_policy};
pub use error::RegionError;
use keys::{KeyDirectory, make_private_directory};
pub use message::Refused;
use metrics::Metrics;
use shared_pages::SharedPages;
use signing::{Signer, certify};
use store::{Audience, Contents, Location, Store, StoreError, Tx};

/// When what terminals bring is settled for the cards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judging {
    /// With the exchange that brings it: its answer has the verdicts.
    AtOnce,
    /// When somebody calls [`Region::settle_accounts`]: an exchange waits for no other terminal, and verdicts come with the next one.
    Apart,
}

/// The region in one directory: its store and its keys. Any number of programs may have it open.
#[derive(Debug)]
pub struct Region {
    store: Store,
    keys: KeyDirectory,
    judging: Judging,
    metrics: Metrics,
    /// The key in use; another program may have made a newer one meanwhile.
    signer: Mutex<Option<Arc<Signer>>>,
    /// What is packed already of the feed of all.
    shared_pages: SharedPages,
}

/// Where the store of the region in `data` is when nothing else is said: in a file beside the keys.
pub fn embedded(data: &Path) -> Location {
    Location::Sqlite(data.join("region.db"))
}

impl Region {
    /// Makes a region in `data`: root key, region key 1, store, the catalogue of `season` and the shipped offline policy. What an
    /// interrupted run has left is taken up.
    ///
    /// # Errors
    /// [`RegionError::AlreadyThere`], [`RegionError::CannotCreate`], and what keys and store say.
    pub fn create(data: &Path, catalogue: &CatalogueFile, season: Season, now: Timestamp) -> Result<Self, RegionError> {
        Self::create_on(data, &embedded(data), catalogue, season, now)
    }

    /// As [`Region::create`], with its store at `location`.
    ///
    /// # Errors
    /// As [`Region::create`].
    pub fn create_on(
        data: &Path,
        location: &Location,
        catalogue: &CatalogueFile,
        season: Season,
        now: Timestamp,
    ) -> Result<Self, RegionError> {
        let in_catalogue = |error| RegionError::Config { file: "catalogue".to_owned(), error };
        let catalogue = catalogue.catalogue(season, 1).map_err(in_catalogue)?;
        let policy = parse_policy(SHIPPED_POLICY, 1)
            .map_err(|error| RegionError::Config { file: "policy".to_owned(), error })?;
        make_private_directory(data).map_err(|error| RegionError::CannotCreate { path: data.to_owned(), error })?;
        let store = Store::create(location)?;
        if store.read(|tx| tx.root_key())?.is_some() {
            return Err(RegionError::AlreadyThere(data.to_owned()));
        }
        let keys = KeyDirectory::of(data);
        keys.create()?;
        let (root, first) = (keys.make_root()?, KeySerial::new(1));
        let key = keys.make_region_key(first)?;
        let certificate = certify(&root, first, &key)?;
        store.write(|tx| {
            tx.found(&root.public_key(), now)?;
            tx.add_region_key(&certificate, now)?;
            tx.tell(Audience::Everyone, &Item::KeyCertificate(certificate), first.get())?;
            tx.add_catalogue(&catalogue, now)?;
            tx.tell(Audience::Everyone, &Item::Catalogue(catalogue.clone()), first.get())?;
            let position = tx.tell(Audience::Everyone, &Item::Policy(policy), first.get())?;
            tx.add_policy(&policy, position, now)
        })?;
        Ok(Self::of(store, keys, Some(Arc::new(Signer::new(key, certificate)))))
    }

    /// Opens the region in `data`.
    ///
    /// # Errors
    /// [`RegionError::NotARegion`], and what the store says.
    pub fn open(data: &Path) -> Result<Self, RegionError> {
        Self::open_on(data, &embedded(data))
    }

    /// As [`Region::open`], with its store at `location`.
    ///
    /// # Errors
    /// As [`Region::open`].
    pub fn open_on(data: &Path, location: &Location) -> Result<Self, RegionError> {
        let store = match Store::open(location) {
            Err(StoreError::Missing(_)) => return Err(RegionError::NotARegion(data.to_owned())),
            store => store?,
        };
        if store.read(|tx| tx.root_key())?.is_none() {
            return Err(RegionError::NotARegion(data.to_owned()));
        }
        Ok(Self::of(store, KeyDirectory::of(data), None))
    }

    fn of(store: Store, keys: KeyDirectory, signer: Option<Arc<Signer>>) -> Self {
        let (metrics, shared_pages) = (Metrics::default(), SharedPages::default());
        Self { store, keys, judging: Judging::AtOnce, metrics, signer: Mutex::new(signer), shared_pages }
    }

    /// From now on what terminals bring is settled when `judging` says.
    pub fn set_judging(&mut self, judging: Judging) {
        self.judging = judging;
    }

    /// Puts the backup at `file` in the place of the lost store at `location`; the keys are in `data`.
    ///
    /// # Errors
    /// [`RegionError::AlreadyThere`] when there is a store, what keys and store say.
    pub fn restore(data: &Path, location: &Location, file: &Path, now: Timestamp) -> Result<Contents, RegionError> {
        let Location::Sqlite(store) = location else { return Err(StoreError::OnServer.into()) };
        if fs::exists(store).unwrap_or(true) {
            return Err(RegionError::AlreadyThere(data.to_owned()));
        }
        // Without its key it could answer nobody.
        KeyDirectory::of(data).region_key(KeySerial::new(1))?;
        Ok(Store::restore(file, store, now)?)
    }

    /// Copies the store to `file`, while others use it. The keys are not in it.
    ///
    /// # Errors
    /// The store's.
    pub fn back_up(&self, file: &Path) -> Result<Contents, RegionError> {
        Ok(self.store.back_up(file)?)
    }

    /// Its store.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// What this process has counted.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Everything that [`Metrics`] tells.
    ///
    /// # Errors
    /// The store's.
    pub fn metrics_text(&self, now: Timestamp) -> Result<String, RegionError> {
        let (unjudged, mails) =
            self.store.read(|tx| Ok::<_, StoreError>((tx.unjudged_entries()?, tx.mail_counts()?)))?;
        Ok(self.metrics.text(unjudged, &mails, now))
    }

    /// Whether it could answer a terminal now: the store does, and the key in use is here.
    ///
    /// # Errors
    /// Why it could not.
    pub fn ready(&self) -> Result<(), RegionError> {
        self.store.read(|tx| self.signer(tx).map(|_| ()))
    }

    /// The region key in use, read from its file when this program has not seen it yet.
    fn signer(&self, tx: &Tx<'_>) -> Result<Arc<Signer>, RegionError> {
        let newest = tx.region_keys()?.pop().ok_or(StoreError::Inconsistent("no region key"))?;
        let mut known = self.signer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(signer) = known.as_ref().filter(|signer| signer.serial() == newest.serial) {
            return Ok(Arc::clone(signer));
        }
        let signer = Arc::new(Signer::new(self.keys.region_key(newest.serial)?, newest));
        *known = Some(Arc::clone(&signer));
        Ok(signer)
    }
}
