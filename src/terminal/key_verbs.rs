//! `keys` and `keys change`: which keys the terminal has, and new ones in their place.
//!
//! New keys are files first, durably; the ledger goes over to them when it is opened next, at once where no daemon has it, with the daemon's next start otherwise
//! ([`Ledger::open_with`]). So there is one way to them, whatever breaks off.

use std::io::Write;
use std::os::unix::fs::MetadataExt as _;

use serde_json::json;

use crate::crypto::Ed25519PublicKey;
use crate::domain::Timestamp;
use crate::domain::refusal::Language;
use crate::ledger::{Ledger, OpenError, TerminalKeys, View};

use super::cli::{Exit, Failure, Setup};
use super::clock::{Clock as _, SystemClock};
use super::local_time::day;
use super::verbs::{keys_failure, open_failure, say};

/// Ledger and keys, as they are now.
struct Found {
    view: View,
    keys: TerminalKeys,
    now: Timestamp,
}

impl Found {
    fn read(setup: &Setup) -> Result<Self, Failure> {
        let data = &setup.settings.data;
        let view = View::open(data).map_err(|error| open_failure(&error, setup.language))?;
        let keys = TerminalKeys::load(data).map_err(|error| keys_failure(&error, setup.language))?;
        let now = SystemClock::default().now().max(view.floor());
        Ok(Self { view, keys, now })
    }

    /// The newest pair is there, and the ledger has not gone over to it.
    fn waits(&self) -> bool {
        self.keys.entry.public_key() != *self.view.succession().newest()
    }

    /// Until when the region's certificate for the newest card key holds, if there is one that holds now.
    fn certified_until(&self) -> Option<Timestamp> {
        let newest = self.keys.card.public_key();
        let good = self.view.certificates().iter().filter(|certificate| certificate.public_key == newest);
        good.filter(|certificate| certificate.covers(self.now)).map(|certificate| certificate.not_after).max()
    }
}

/// `keys`: the public halves, since when, and whether the region has certified the card key.
///
/// # Errors
/// [`Failure`], with its exit status.
pub fn show(setup: &Setup, out: &mut dyn Write) -> Result<Exit, Failure> {
    let found = Found::read(setup)?;
    let (succession, terminal) = (found.view.succession(), found.view.identity().terminal);
    let (certified, waits) = (found.certified_until(), found.waits());
    let named = |key: &Ed25519PublicKey| hex::encode(key.0);
    let changes: Vec<_> = succession.changes().map(|change| (change, succession.changed_by(change))).collect();
    if setup.json {
        let changes = changes.iter().map(|(change, key)| json!({ "entry": change.get(), "entry_key": key.map(named) }));
        let line = json!({
            "terminal": terminal.get(),
            "first_entry_key": named(succession.first()),
            "entry_key": named(succession.newest()),
            "changes": changes.collect::<Vec<_>>(),
            "card_key": hex::encode(found.keys.card.public_key().0),
            "card_key_certified_until": certified.map(Timestamp::get),
            "waits_for_start": waits,
        });
        writeln!(out, "{line}")?;
        return Ok(Exit::Done);
    }
    let (first, newest) = (named(succession.first()), named(succession.newest()));
    writeln!(
        out,
        "{}",
        say(
            setup.language,
            &format!("CLÉS DU TERMINAL {terminal}\nPremière clé du journal, que la Région connaît : {first}"),
            &format!("KEYS OF TERMINAL {terminal}\nThe ledger's first key, which the region knows: {first}"),
        )
    )?;
    for (change, key) in &changes {
        let key = key.map(named).unwrap_or_default();
        let french = format!("Changée par l'écriture {change} : {key}");
        writeln!(out, "{}", say(setup.language, &french, &format!("Changed by entry {change}: {key}")))?;
    }
    let french = format!("Clé qui signe : {newest}");
    writeln!(out, "{}", say(setup.language, &french, &format!("The key that signs: {newest}")))?;
    let (french, english) = match certified {
        Some(until) => (
            format!("Clé des cartes : certifiée par la Région jusqu'au {}.", day(until, Language::French)),
            format!("Card key: certified by the region until {}.", day(until, Language::English)),
        ),
        None => (
            "Clé des cartes : pas encore certifiée par la Région. Échangez avec elle : « pass-terminal sync »."
                .to_owned(),
            "Card key: not yet certified by the region. Exchange with it: “pass-terminal sync”.".to_owned(),
        ),
    };
    writeln!(out, "{}", say(setup.language, &french, &english))?;
    if waits {
        let (french, english) = at_the_next_start();
        writeln!(out, "{}", say(setup.language, french, english))?;
    }
    Ok(Exit::Done)
}

const fn at_the_next_start() -> (&'static str, &'static str) {
    (
        "De nouvelles clés sont prêtes ; elles servent dès le prochain démarrage : « systemctl restart pass-terminal ».",
        "New keys are ready; they are used from the next start on: “systemctl restart pass-terminal”.",
    )
}

/// `keys change`: new keys, at once or with the daemon's next start.
///
/// # Errors
/// [`Failure`], with its exit status.
pub fn change(setup: &Setup, out: &mut dyn Write) -> Result<Exit, Failure> {
    let data = &setup.settings.data;
    let found = Found::read(setup)?;
    // What root makes here the service could not read, and would not start.
    let owner = std::fs::metadata(data)?.uid();
    if owner != rustix::process::geteuid().as_raw() {
        let french = "Les clés appartiennent à l'utilisateur du terminal : lancez « runuser -u pass-terminal -- pass-terminal keys change ».";
        let english =
            "Keys belong to the terminal's user: run “runuser -u pass-terminal -- pass-terminal keys change”.";
        return Err(Failure::new(Exit::Refused, say(setup.language, french, english)));
    }
    let is_changed = found.view.succession().changes().len() > 0;
    if !found.waits() && is_changed && found.certified_until().is_none() {
        let french = "La Région n'a pas encore certifié les clés du dernier changement : échangez d'abord avec elle (« pass-terminal sync »).";
        let english = "The region has not certified the keys of the last change yet: exchange with it first (“pass-terminal sync”).";
        return Err(Failure::new(Exit::Refused, say(setup.language, french, english)));
    }
    if !found.waits() {
        TerminalKeys::make_next(data).map_err(|error| keys_failure(&error, setup.language))?;
    }
    let (keys, now) = (TerminalKeys::load(data).map_err(|error| keys_failure(&error, setup.language))?, found.now);
    drop(found);
    match Ledger::open_with(data, keys, now) {
        Ok(ledger) => changed(setup, &ledger, out),
        Err(OpenError::InUse(_)) => {
            let (french, english) = at_the_next_start();
            if setup.json {
                writeln!(out, "{}", json!({ "outcome": "ready", "waits_for_start": true }))?;
            } else {
                writeln!(out, "{}", say(setup.language, french, english))?;
            }
            Ok(Exit::Done)
        }
        Err(error) => Err(open_failure(&error, setup.language)),
    }
}

fn changed(setup: &Setup, ledger: &Ledger, out: &mut dyn Write) -> Result<Exit, Failure> {
    let view = ledger.view();
    let (entry, key) = (view.head().sequence, hex::encode(view.succession().newest().0));
    if setup.json {
        let line = json!({ "outcome": "changed", "entry": entry.get(), "entry_key": key, "waits_for_start": false });
        writeln!(out, "{line}")?;
        return Ok(Exit::Done);
    }
    let french = format!(
        "CLÉS CHANGÉES - écriture {entry}, signée par l'ancienne clé ; la nouvelle : {key}\n\
         La Région l'apprend au prochain échange et certifie alors la nouvelle clé des cartes ; d'ici là, l'ancienne sert encore."
    );
    let english = format!(
        "KEYS CHANGED - entry {entry}, signed by the old key; the new one: {key}\n\
         The region learns of it at the next exchange and certifies the new card key then; until then the old one is still used."
    );
    writeln!(out, "{}", say(setup.language, &french, &english))?;
    Ok(Exit::Done)
}
