//! `verify --receipt`: what the code of a receipt proves, off line, with nothing but the terminal's public key.

use std::io::Write;

use serde_json::json;

use crate::crypto::{entry_hash, verify_sign1_ed25519};
use crate::domain::entry::{Body, Entry};
use crate::domain::receipt::short_code;
use crate::succession::Succession;
use crate::wire::entry::{decode_entry, decode_link};
use crate::wire::receipt::{self, NotAReceipt};

use super::cli::{Exit, Failure, Setup};
use super::verbs::say;

/// What is wrong with a code.
enum Wrong {
    Code(NotAReceipt),
    Signature,
    Later,
}

/// The entry that `code` is, signed with the one of these keys that signs where it stands.
fn proven(code: &str, keys: &Succession) -> Result<(Entry, String), Wrong> {
    let message = receipt::decode(code).map_err(Wrong::Code)?;
    let place = decode_link(&message.payload).map_err(|_| Wrong::Later)?.sequence;
    if !verify_sign1_ed25519(&message, keys.at(place)) {
        return Err(Wrong::Signature);
    }
    let entry = decode_entry(&message.payload).map_err(|_| Wrong::Later)?;
    Ok((entry, short_code(&entry_hash(&message.encode()))))
}

/// Says whether the code is of an entry that the terminal of these keys has signed, and what it says.
///
/// # Errors
/// [`Failure`], with its exit status.
pub fn verify_receipt(setup: &Setup, code: &str, keys: &Succession, out: &mut dyn Write) -> Result<Exit, Failure> {
    let (entry, short) = match proven(code, keys) {
        Ok(proven) => proven,
        Err(wrong) => return not_proven(setup, &wrong, out),
    };
    let (collected, returned) = match &entry.body {
        Body::Debit(debit) => (debit.collected.get(), 0),
        Body::Reversal(undo) => (0, undo.returned.get()),
        Body::UndoRequest(undo) => (0, undo.returned.get()),
        Body::NotDone(_)
        | Body::Abandoned(_)
        | Body::Refused(_)
        | Body::CardRead(_)
        | Body::Closing(_)
        | Body::Event(_) => (0, 0),
    };
    let card = entry.body.card().map(|card| card.masked());
    if setup.json {
        let line = json!({
            "authentic": true,
            "terminal": entry.terminal.get(),
            "entry": entry.sequence.get(),
            "time": entry.time.to_string(),
            "kind": entry.body.kind(),
            "card": card,
            "collected_cents": collected,
            "returned_cents": returned,
            "cashier": entry.cashier.map(|cashier| cashier.get()),
            "signature": short,
        });
        writeln!(out, "{line}")?;
        return Ok(Exit::Done);
    }
    let (terminal, number, time, kind) = (entry.terminal, entry.sequence, entry.time, entry.body.kind());
    let card = card.unwrap_or_default();
    let euros = |cents: u64| format!("{}.{:02}", cents / 100, cents % 100);
    let (collected, returned) = (euros(collected), euros(returned));
    let french = format!(
        "REÇU AUTHENTIQUE - terminal {terminal} · écriture {number} ({kind}) · {time} · carte {card}\n\
         Encaissé {collected} EUR, rendu {returned} EUR. Signature {short}."
    );
    let english = format!(
        "AUTHENTIC RECEIPT - terminal {terminal} · entry {number} ({kind}) · {time} · card {card}\n\
         Collected EUR {collected}, returned EUR {returned}. Signature {short}."
    );
    writeln!(out, "{}", say(setup.language, &french, &english))?;
    Ok(Exit::Done)
}

fn not_proven(setup: &Setup, wrong: &Wrong, out: &mut dyn Write) -> Result<Exit, Failure> {
    let (french, english) = match wrong {
        Wrong::Code(error) => (
            format!("Ce n'est pas le code d'un reçu, ou il est mal lu : relisez-le ({error})."),
            format!("This is no receipt's code, or it was misread: read it again ({error})."),
        ),
        Wrong::Signature => (
            "CE REÇU N'EST PAS AUTHENTIQUE, ou il est d'un autre terminal : la signature ne tient pas.".to_owned(),
            "THIS RECEIPT IS NOT AUTHENTIC, or it is another terminal's: the signature does not hold.".to_owned(),
        ),
        Wrong::Later => (
            "Ce reçu est signé par ce terminal, dans une version que ce programme ne sait pas lire.".to_owned(),
            "This receipt is signed by this terminal, in a version that this program cannot read.".to_owned(),
        ),
    };
    if setup.json {
        writeln!(out, "{}", json!({ "authentic": false, "wrong": english }))?;
        return Ok(Exit::Data);
    }
    Err(Failure::new(Exit::Data, say(setup.language, &french, &english)))
}
