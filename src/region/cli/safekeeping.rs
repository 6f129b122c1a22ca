//! The verbs that copy the store, check a copy and put it back.

use std::path::Path;

use serde_json::json;

use super::super::Region;
use super::super::error::RegionError;
use super::super::store::{Contents, check_backup};
use super::args::{Backup, Data, Restore};
use super::now;
use super::print::Printer;

pub(super) fn backup(arguments: &Backup, printer: &Printer) -> Result<(), RegionError> {
    let file = &arguments.file;
    // The command line sees to it that there is a directory where something is written.
    match arguments.data.as_ref().filter(|_| !arguments.check) {
        Some(data) => {
            let place = Data { data: data.clone(), store: arguments.store.clone() };
            let contents = place.open()?.back_up(file)?;
            say(printer, file, &contents, "backup", ["Sauvegarde écrite", "Backup written"])?;
            let french = "Les clés n'y sont pas : gardez le dossier keys à part, sous clé.";
            if !printer.is_json() {
                printer
                    .line(printer.text(french, "The keys are not in it: keep the directory keys apart, locked up."))?;
            }
            Ok(())
        }
        None => say(printer, file, &check_backup(file)?, "checked", ["Sauvegarde intacte", "Backup intact"]),
    }
}

pub(super) fn restore(arguments: &Restore, printer: &Printer) -> Result<(), RegionError> {
    let place = &arguments.data;
    match &arguments.file {
        Some(file) => {
            let contents = Region::restore(&place.data, &place.location()?, file, now())?;
            say(printer, file, &contents, "restored", ["Sauvegarde remise en place", "Backup put in place"])?;
        }
        None => {
            place.open()?.store().note_restored(now())?;
            printer.done(
                &json!({ "outcome": "restored" }),
                "La base remise en place est notée : ses numéros repartent au-dessus de tout ce qui a pu être donné.",
                "The store that was put back is noted: its numbers go on above anything that can have been given.",
            )?;
        }
    }
    if printer.is_json() {
        return Ok(());
    }
    printer.line(printer.text(
        "Refaites ce que le guichet a fait depuis : oppositions, droits, cartes, terminaux. Les terminaux renvoient leurs écritures d'eux-mêmes.",
        "Do again what the desk did since: denials, rights, cards, terminals. The terminals send their entries again by themselves.",
    ))
}

fn say(
    printer: &Printer,
    file: &Path,
    contents: &Contents,
    outcome: &str,
    [french, english]: [&str; 2],
) -> Result<(), RegionError> {
    let Contents { terminals, cards, entries, last_exchange } = contents;
    let last = last_exchange.map(|at| at.to_string());
    let value = json!({
        "outcome": outcome,
        "file": file.display().to_string(),
        "terminals": terminals,
        "cards": cards,
        "entries": entries,
        "last_exchange": last,
    });
    let (file, last) = (file.display(), last.as_deref().unwrap_or("-"));
    printer.done(
        &value,
        &format!(
            "{french} : {file}, {terminals} terminaux, {cards} cartes, {entries} écritures, dernier échange {last}."
        ),
        &format!("{english}: {file}, {terminals} terminals, {cards} cards, {entries} entries, last exchange {last}."),
    )
}
