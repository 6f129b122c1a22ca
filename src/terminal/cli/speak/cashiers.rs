//! Cashiers, as people read them.

use crate::domain::Timestamp;
use crate::domain::refusal::Language;
use crate::domain::refusal::Language::{English, French};
use crate::terminal::local_time::clock;
use crate::till::json::{CashierChange, CashierList, Signed};

fn role(code: &str, language: Language) -> &'static str {
    match (code, language) {
        ("manager", French) => "responsable",
        ("manager", English) => "manager",
        (_, French) => "caissier",
        (_, English) => "cashier",
    }
}

pub(in crate::terminal::cli) fn cashiers(list: &CashierList, language: Language) -> String {
    let mut lines = Vec::new();
    for cashier in &list.cashiers {
        let mut line = format!("{:>3}  {} · {}", cashier.cashier, cashier.name, role(&cashier.role, language));
        if cashier.disabled {
            line += match language {
                French => " · désactivé",
                English => " · disabled",
            };
        }
        if let Some(until) = cashier.locked_until.as_deref().and_then(Timestamp::parse) {
            line += &match language {
                French => format!(" · bloqué jusqu'à {}", clock(until)),
                English => format!(" · locked out until {}", clock(until)),
            };
        }
        if list.signed_in == Some(cashier.cashier) {
            line += match language {
                French => " · identifié",
                English => " · signed in",
            };
        }
        lines.push(line);
    }
    if !list.sign_in_needed {
        lines.push(
            match language {
                French => "Aucun responsable : ce terminal vend sans que l'on s'identifie.",
                English => "No manager: this terminal sells without anybody signing in.",
            }
            .to_owned(),
        );
    }
    lines.join("\n")
}

pub(in crate::terminal::cli) fn signed(signed: &Signed, language: Language) -> String {
    match (signed, language) {
        (Signed::Refused(refused), _) => refused.message.clone(),
        (Signed::SignedIn(session), French) => {
            format!("IDENTIFIÉ - {} ({}) · {}", session.name, session.cashier, role(&session.role, language))
        }
        (Signed::SignedIn(session), English) => {
            format!("SIGNED IN - {} ({}) · {}", session.name, session.cashier, role(&session.role, language))
        }
    }
}

pub(in crate::terminal::cli) fn signed_out(language: Language) -> String {
    match language {
        French => "Personne n'est plus identifié.".to_owned(),
        English => "Nobody is signed in any more.".to_owned(),
    }
}

pub(in crate::terminal::cli) fn cashier_changed(change: &CashierChange, language: Language) -> String {
    match (change, language) {
        (CashierChange::Refused(refused), _) => refused.message.clone(),
        (CashierChange::Changed(changed), French) => format!("C'est noté pour le caissier {}.", changed.cashier),
        (CashierChange::Changed(changed), English) => format!("Done for cashier {}.", changed.cashier),
    }
}

pub(in crate::terminal::cli) fn no_place_for_session(language: Language) -> String {
    match language {
        French => {
            "Il n'y a pas de dossier pour garder l'identification (XDG_RUNTIME_DIR) : relancez avec --json et donnez le champ session dans PASS_SESSION."
                .to_owned()
        }
        English => {
            "There is no directory to keep the session in (XDG_RUNTIME_DIR): run again with --json and give the field session in PASS_SESSION."
                .to_owned()
        }
    }
}
