//! `pass-card tpe`: a bank terminal that takes no real money, for trainers and tests.

use std::io::{self, Write as _};
use std::net::TcpListener;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use super::ToolError;
use crate::virtual_tpe::{Behaviour, Money, Served, VirtualTpe};
use crate::whole_file;

/// Simule un TPE qui parle Caisse-AP sur IP ; aucun argent réel / A bank terminal that speaks Caisse-AP over IP; no real money
///
/// Writes the line "ready HOST:PORT" when it listens, and a line for each payment. Ends by SIGINT or SIGTERM.
#[derive(Args)]
pub(super) struct Tpe {
    /// Où écouter / Where to listen
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8888")]
    listen: String,
    /// Ce qu'il fait, paiement après paiement ; le dernier reste / What it does, payment after payment; the last stays
    #[arg(long, value_name = "BEHAVIOUR,...", value_delimiter = ',', value_parser = behaviours(), default_value = "approve")]
    behaviour: Vec<Behaviour>,
    /// Combien de secondes prend une personne / How many seconds a person takes
    #[arg(long, value_name = "SECONDS", default_value_t = 12)]
    person: u32,
    /// Un fichier où compter l'argent pris et rendu, en centimes / A file to count the money taken and given back in, in cents
    #[arg(long, value_name = "FILE")]
    count: Option<PathBuf>,
}

/// `--help` lists them all, and completions too.
fn behaviours() -> impl TypedValueParser<Value = Behaviour> {
    PossibleValuesParser::new(Behaviour::ALL.map(Behaviour::name))
        .map(|name| Behaviour::from_name(&name).unwrap_or_default())
}

impl Tpe {
    pub(super) fn run(self) -> Result<(), ToolError> {
        let failed = |error| ToolError::Tpe { address: self.listen.clone(), error };
        let listener = TcpListener::bind(&self.listen).map_err(failed)?;
        let person = Duration::from_secs(self.person.into());
        let mut tpe = VirtualTpe::new(listener, self.behaviour.clone(), person, Money::default());
        self.counted(tpe.money()).map_err(failed)?;
        say(&format!("ready {}", tpe.address().map_err(failed)?));
        loop {
            match tpe.serve_one(|money| self.counted(money)).map_err(failed)? {
                Served::Asked { way, asked, moved, behaviour } => {
                    let moved = moved.map_or_else(|| "-".to_owned(), |moved| moved.to_string());
                    say(&format!("{} {asked} {} {moved}", way.code(), behaviour.name()));
                }
                Served::NotUnderstood => say("not-understood"),
                Served::Nothing => (),
            }
        }
    }

    fn counted(&self, money: Money) -> io::Result<()> {
        let Some(path) = &self.count else { return Ok(()) };
        let counted = serde_json::json!({
            "charged_cents": money.charged.get(),
            "refunded_cents": money.refunded.get(),
        });
        whole_file::write(path, whole_file::PUBLIC, counted.to_string().as_bytes())
    }
}

/// One line to whoever waits for it, or to nobody.
fn say(line: &str) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
