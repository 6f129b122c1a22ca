//! `pass-card inspect`: what any reader may see of the card in it; with an enrolled terminal's directory also its rights, its consumption, its records, and
//! whether it is genuine.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::{Value, json};

use super::ToolError;
use crate::card::{CannotOpen, Le, Opened, Opener, TerminalKey, Trust, exchange};
use crate::domain::Season;
use crate::domain::card::{CardCertificate, KeyCertificate, Operation, SignedRecord, TerminalCertificate};
use crate::domain::purse::Slot;
use crate::ledger::{TerminalKeys, View};
use crate::reader::{CardWorker, ReaderEvent, ReaderFilter, ReaderName, Watcher};
use crate::wire::apdu::{Answer, StatusWord, Transport};
use crate::wire::card::{Command, SelectAnswer};

/// Montre ce que la carte dans le lecteur laisse voir / Shows what the card in the reader lets one see
#[derive(Args)]
pub(super) struct Inspect {
    /// Le lecteur, ou une partie de son nom / The reader, or a part of its name
    #[arg(long, value_name = "NAME")]
    reader: Option<String>,
    /// Le répertoire d'un terminal inscrit, pour voir aussi droits et écritures / An enrolled terminal's directory, to see rights and records too
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Écrit du JSON / Writes JSON
    #[arg(long)]
    json: bool,
    /// Combien de secondes attendre une carte / How many seconds to wait for a card
    #[arg(long, value_name = "SECONDS", default_value_t = 5)]
    wait: u64,
}

/// What an enrolled terminal brings to see more.
struct Insider {
    keys: TerminalKeys,
    view: View,
}

impl Insider {
    fn load(data: &Path) -> Result<Self, ToolError> {
        let bad = |why: String| ToolError::Terminal { data: data.to_owned(), why };
        let view = View::open(data).map_err(|error| bad(error.to_string()))?;
        Ok(Self { keys: TerminalKeys::load(data).map_err(|error| bad(error.to_string()))?, view })
    }

    fn certificate(&self) -> Option<TerminalCertificate> {
        let newest = |certificate: &&TerminalCertificate| (certificate.key_serial, certificate.issued_at);
        self.view.certificates().iter().max_by_key(newest).copied()
    }
}

impl Inspect {
    pub(super) fn run(self) -> Result<(), ToolError> {
        let insider = self.data.as_deref().map(Insider::load).transpose()?;
        let reader = self.find_card()?;
        let unreadable = |why: String| ToolError::Unreadable { reader: reader.to_string(), why };
        let mut connection = CardWorker::new().connect(&reader).map_err(|error| unreadable(error.to_string()))?;
        let seen = connection
            .burst(|transport| look(transport, insider.as_ref()))
            .map_err(|error| unreadable(error.to_string()))?
            .map_err(unreadable)?;
        let mut seen = seen;
        if let Value::Object(fields) = &mut seen {
            fields.insert("reader".to_owned(), json!(reader.to_string()));
        }
        if self.json {
            println!("{seen}");
        } else {
            print!("{}", in_words(&seen));
        }
        Ok(())
    }

    /// The first card that is, or comes, in a reader that is asked for.
    fn find_card(&self) -> Result<ReaderName, ToolError> {
        let filter = self.reader.clone().map_or(ReaderFilter::Any, ReaderFilter::Named);
        let (tell, events) = mpsc::channel();
        let watcher = Watcher::start(filter, move |event| {
            // Nobody listens once a card is found.
            let _found = tell.send(event);
        })
        .map_err(ToolError::System)?;
        let until = Instant::now() + Duration::from_secs(self.wait);
        let mut why = "il n'y a pas de carte / there is no card".to_owned();
        let found = loop {
            match events.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(ReaderEvent::CardPresent { reader, .. }) => break Ok(reader),
                Ok(ReaderEvent::CardUnreadable { reader }) => why = format!("{reader}: carte muette / mute card"),
                Ok(ReaderEvent::Unavailable(unavailable)) => why = unavailable.to_string(),
                Ok(ReaderEvent::Readers(_) | ReaderEvent::CardGone { .. }) => (),
                Err(_) => break Err(ToolError::NoCard { why }),
            }
        };
        watcher.stop(Duration::from_secs(2));
        found
    }
}

fn data_of(transport: &mut dyn Transport, command: &Command) -> Result<Vec<u8>, String> {
    let le = Le::of(transport.protocol());
    match exchange(transport, command, le) {
        Ok(Answer { data, status: StatusWord::DONE }) => Ok(data),
        Ok(Answer { status, .. }) => Err(format!("{status}")),
        Err(error) => Err(error.to_string()),
    }
}

/// What the card shows, as JSON.
fn look(transport: &mut dyn Transport, insider: Option<&Insider>) -> Result<Value, String> {
    // Any card answers SELECT with something: one that is silent was pulled, or is none.
    let le = Le::of(transport.protocol());
    let answer = exchange(transport, &Command::Select, le).map_err(|error| error.to_string())?;
    let Answer { data: selected, status: StatusWord::DONE } = answer else { return Ok(json!({ "pass": false })) };
    match SelectAnswer::decode(&selected) {
        Ok(SelectAnswer::Blank) => return Ok(json!({ "pass": true, "profile": 0, "blank": true })),
        Ok(SelectAnswer::Issued(_)) => (),
        Err(_) => return Ok(json!({ "pass": false })),
    }
    let certificate = data_of(transport, &Command::ReadCertificate)?;
    let certificate = CardCertificate::decode(&certificate).map_err(|error| error.to_string())?;
    let key = data_of(transport, &Command::ReadKey)?;
    let key = KeyCertificate::decode(&key).map_err(|error| error.to_string())?;
    let mut seen = json!({
        "pass": true,
        "profile": 1,
        "blank": false,
        "card": certificate.card.masked(),
        "card_number": certificate.card.digits(),
        "issue": certificate.issue.get(),
        "issued_at": certificate.issued_at.to_string(),
        "certificate_key_serial": certificate.key_serial.get(),
        "region_key_serial": key.serial.get(),
    });
    if let (Some(insider), Value::Object(fields)) = (insider, &mut seen)
        && let Value::Object(more) = look_inside(transport, insider)?
    {
        fields.extend(more);
    }
    Ok(seen)
}

fn look_inside(transport: &mut dyn Transport, insider: &Insider) -> Result<Value, String> {
    let certificate = insider.certificate().ok_or("the terminal has no certificate")?;
    let mut trust = Trust::new(insider.view.trusted_keys().clone());
    let key =
        insider.keys.card_for(&certificate.public_key).ok_or("the terminal's key of its certificate is missing")?;
    let terminal = TerminalKey { key, certificate };
    let opened = match (Opener { trust: &mut trust, terminal }).open(transport) {
        Ok(opened) => opened,
        Err(error @ CannotOpen::NotGenuine(..)) => return Ok(json!({ "genuine": false, "why": error.to_string() })),
        Err(error) => return Ok(json!({ "genuine": null, "why": error.to_string() })),
    };
    let state = opened.session.state();
    let from = crate::domain::Counter::new(1);
    let records = opened.session.read_records(transport, from).map_err(|error| error.to_string())?;
    Ok(json!({
        "genuine": true,
        "status": if state.status == crate::domain::card::CardStatus::InUse { "in-use" } else { "blocked" },
        "season": (state.season != Season::new(0)).then_some(state.season.get()),
        "entitlement_serial": state.entitlement_serial.get(),
        "counter": state.counter.get(),
        "slots": slots(&opened, &insider.view),
        "records": records.iter().map(record).collect::<Vec<_>>(),
    }))
}

fn slots(opened: &Opened, view: &View) -> Vec<Value> {
    let state = opened.session.state();
    let Some(entitlement) = &opened.entitlement else { return Vec::new() };
    let catalogue = view.catalogue(entitlement.season);
    let line = |slot: Slot| {
        let benefit = catalogue.as_ref().and_then(|catalogue| catalogue.benefit(slot));
        let (granted, consumed) = (entitlement.granted.get(slot), state.consumed.get(slot));
        (granted > 0 || consumed > 0).then(|| {
            json!({
                "slot": slot.get(),
                "benefit": benefit.map(|benefit| benefit.code.as_str()),
                "unit": benefit.map(|benefit| benefit.unit.code()),
                "granted": granted,
                "opening": entitlement.opening.get(slot),
                "consumed": consumed,
                "left": entitlement.left(slot, &state.consumed),
            })
        })
    };
    Slot::all().filter_map(line).collect()
}

fn record(signed: &SignedRecord) -> Value {
    let record = &signed.record;
    json!({
        "counter": record.counter.get(),
        "operation": match record.operation { Operation::Debit => "debit", Operation::Reversal => "reversal" },
        "slot": record.slot.get(),
        "season": record.season.get(),
        "amount": record.amount,
        "link": record.link,
        "consumed": record.consumed,
        "terminal": record.terminal.get(),
        "transaction": record.transaction.to_string(),
        "time": record.time.to_string(),
    })
}

/// A line a field, nested ones indented: the same facts as the JSON, for a technician's eyes.
fn in_words(value: &Value) -> String {
    let mut text = String::new();
    write_fields(&mut text, value, 0);
    text
}

fn write_fields(text: &mut String, value: &Value, indent: usize) {
    let Value::Object(fields) = value else { return };
    for (name, field) in fields {
        // Writing to a string cannot fail.
        let _ = match field {
            Value::Array(rows) => {
                let _ = writeln!(text, "{:indent$}{name}:", "");
                rows.iter().try_for_each(|row| writeln!(text, "{:1$}{2}", "", indent + 2, one_line(row)))
            }
            Value::Object(_) => {
                let _ = writeln!(text, "{:indent$}{name}:", "");
                write_fields(text, field, indent + 2);
                Ok(())
            }
            Value::String(string) => writeln!(text, "{:indent$}{name}: {string}", ""),
            Value::Null => Ok(()),
            Value::Bool(_) | Value::Number(_) => writeln!(text, "{:indent$}{name}: {field}", ""),
        };
    }
}

fn one_line(row: &Value) -> String {
    let Value::Object(fields) = row else { return row.to_string() };
    let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    fields.iter().map(|(name, value)| format!("{name} {}", plain(value))).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_technician_reads_a_line_a_fact() {
        let seen =
            json!({ "pass": true, "card": "9250 .... .... 0001", "why": null, "slots": [{ "slot": 0, "left": 4 }] });
        let text = in_words(&seen);
        assert!(text.contains("card: 9250 .... .... 0001\n") && !text.contains("why"), "{text}");
        assert!(text.contains("slots:\n  ") && text.contains("left 4"), "{text}");
    }
}
