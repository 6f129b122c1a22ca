//! What the things around the terminal fail on, for whoever reads `status` and `sync`. What only a technician can use stands in parentheses, as the system or the library says it.

use super::enrol::EnrolError;
use super::exchanger::ExchangeError;
use crate::domain::spoken::Spoken;
use crate::ledger::{AnswerError, ApplyError, KeysError};
use crate::reader::WhyUnavailable;
use crate::till::server::{BindError, ListenError};
use crate::uplink::UplinkError;

/// What an exchange failed on.
pub(super) fn exchange(error: &ExchangeError) -> Spoken {
    let english = error.to_string();
    let french = match error {
        ExchangeError::NoRegion => {
            "aucune région n'est indiquée ; inscrivez le terminal, ou nommez la région dans la configuration".to_owned()
        }
        ExchangeError::Uplink(error) => line_in_french(error),
        ExchangeError::Answer(error) => answer(error),
        ExchangeError::Apply(error) => applied(error),
        ExchangeError::Ledger(_) | ExchangeError::Gone(_) | ExchangeError::Unopened(_) => {
            format!("le journal n'a pas pu être lu ou écrit ({error})")
        }
        ExchangeError::Crypto(_) => format!("le système ne donne pas de nombres aléatoires ({error})"),
    };
    Spoken { french, english }
}

fn line_in_french(error: &UplinkError) -> String {
    match error {
        UplinkError::Address { url, .. } => {
            format!("« {url} » n'est pas l'adresse d'une région ; elle s'écrit https://nom/")
        }
        UplinkError::Certificates(path, why) => format!("{path} n'est pas un fichier de certificats PEM ({why})"),
        UplinkError::NoAnswer(why) => format!("la région ne répond pas ; vérifiez la ligne et l'adresse ({why})"),
        UplinkError::Refused { status, detail } => {
            // Whatever stands between terminal and region refuses with these too.
            let what = match status {
                403 => "la région ne reconnaît pas ce terminal, ou ses clés ; appelez le service PASS'Région",
                429 | 503 => "la région est trop occupée ; le terminal réessaie plus tard",
                500..600 => "la région a une panne ; le terminal réessaie plus tard",
                _ => "la région refuse ce message ; mettez le terminal à jour",
            };
            format!("{what} (HTTP {status} : {})", detail.trim_end_matches('.'))
        }
        UplinkError::NotTheRegion(status) => {
            format!("autre chose que la région répond (HTTP {status}) ; vérifiez la ligne et l'adresse")
        }
        UplinkError::TooLong(bytes) => format!("la réponse dépasse {bytes} octets ; vérifiez l'adresse"),
    }
}

fn answer(error: &AnswerError) -> String {
    match error {
        AnswerError::UntrustedKey(_) | AnswerError::Signature(_) => {
            format!("la réponse n'est pas signée par la région ({error})")
        }
        AnswerError::OtherTerminal(_) | AnswerError::OtherRequest(_) => {
            format!("la réponse n'est pas pour ce terminal ou pas à sa demande ({error})")
        }
        AnswerError::Version(_) => format!("la région parle une autre version ; mettez le terminal à jour ({error})"),
        AnswerError::TooLarge(_)
        | AnswerError::Unreadable(_)
        | AnswerError::TooManyPages(_)
        | AnswerError::Items(_)
        | AnswerError::PageTooLong(_)
        | AnswerError::PageOrder => format!("la réponse de la région ne se lit pas ({error})"),
    }
}

fn applied(error: &ApplyError) -> String {
    match error {
        ApplyError::UnknownHead(head) => {
            format!(
                "la région a reçu l'écriture {}, que ce journal n'a pas ; une ancienne copie a pris sa place",
                head.sequence
            )
        }
        ApplyError::Gap { .. } | ApplyError::DenyList(_) => {
            format!("les nouvelles de la région ne font pas suite à celles d'ici ; elles seront redemandées ({error})")
        }
        ApplyError::Ledger(_) => format!("le journal n'a pas pu être écrit ({error})"),
    }
}

/// What an enrolment failed on, in French, and what to do.
pub(super) fn enrolment_in_french(error: &EnrolError) -> String {
    match error {
        EnrolError::Enrolled(data) => {
            format!("il y en a déjà un dans {} ; un autre terminal prend un autre répertoire", data.display())
        }
        EnrolError::Directory { path, source } => format!("{} ne peut pas être créé ({source})", path.display()),
        EnrolError::RegionFile(error) => format!("l'adresse de la région ne peut pas être notée ({error})"),
        EnrolError::Keys(error) => format!("ses clés ne peuvent pas être lues ({error})"),
        EnrolError::Crypto(_) => "le système ne donne pas de nombres aléatoires".to_owned(),
        EnrolError::Uplink(UplinkError::Refused { status: 403, .. }) => {
            "la région ne reconnaît pas ce code ; comparez-le avec celui que vous avez reçu ou demandez-en un autre"
                .to_owned()
        }
        EnrolError::Uplink(UplinkError::Refused { status: 409, .. }) => {
            "ce code a déjà servi à une autre machine ; demandez-en un autre à la région".to_owned()
        }
        EnrolError::Uplink(UplinkError::Refused { status: 410, .. }) => {
            "ce code n'est plus valable ; demandez-en un autre à la région".to_owned()
        }
        EnrolError::Uplink(error) => line_in_french(error),
        EnrolError::Answer(_) | EnrolError::OtherTerminal => {
            "la réponse n'est pas celle d'une région ; vérifiez l'adresse".to_owned()
        }
        EnrolError::NotAuthentic => {
            "la réponse n'a pas été faite avec ce code ; vérifiez le code et l'adresse de la région".to_owned()
        }
        EnrolError::Ledger(error) => format!("son journal ne peut pas être créé ({error})"),
    }
}

/// Why there is no line to the region.
pub(super) fn line(error: &UplinkError) -> Spoken {
    Spoken { french: line_in_french(error), english: error.to_string() }
}

/// Why the terminal's keys cannot be used.
pub(super) fn keys(error: &KeysError) -> Spoken {
    let french = match error {
        KeysError::File { path, source } => {
            format!("La clé {} ne peut pas être lue ou écrite ({source}).", path.display())
        }
        KeysError::Exposed(path) => {
            let path = path.display();
            format!("D'autres utilisateurs peuvent lire la clé {path} : lancez « chmod 600 {path} ».")
        }
        KeysError::Key { path, source } => format!("Le fichier {} ne contient pas de clé ({source}).", path.display()),
        KeysError::Crypto(error) => format!("Aucune clé ne peut être faite ({error})."),
    };
    Spoken { french, english: error.to_string() }
}

/// Why the daemon does not serve the tills and the page.
pub(super) fn serving(error: &BindError) -> Spoken {
    let french = match error {
        BindError::InUse { path } => {
            format!("Un autre service répond sur {} : un terminal ne tourne qu'une fois.", path.display())
        }
        BindError::NotASocket { path } => {
            format!("{} n'est pas un socket : il a été laissé tel quel.", path.display())
        }
        BindError::Io { path, error } => {
            format!("Le socket {} ne peut pas être ouvert ({error}).", path.display())
        }
    };
    Spoken { french, english: error.to_string() }
}

/// Why the page is not served.
pub(super) fn listening(error: &ListenError) -> Spoken {
    let french = match error {
        ListenError::NotLoopback { address } => {
            format!("{address} n'est pas une adresse de cette seule machine : la page écoute sur 127.0.0.1 ou [::1].")
        }
        ListenError::Io { address, error } => format!("La page ne peut pas écouter sur {address} ({error})."),
    };
    Spoken { french, english: error.to_string() }
}

/// Why no card can be seen.
pub(super) fn reader(why: WhyUnavailable) -> Spoken {
    let french = match why {
        WhyUnavailable::NoService => "le service des lecteurs (pcscd) ne répond pas".to_owned(),
        WhyUnavailable::AccessRefused => {
            "le service des lecteurs refuse cet utilisateur (polkit, actions access_pcsc et access_card)".to_owned()
        }
        WhyUnavailable::NoReader => "aucun lecteur de cartes n'est branché".to_owned(),
        WhyUnavailable::Other(fault) => format!("le service des lecteurs est en panne ({fault})"),
    };
    Spoken { french, english: why.to_string() }
}

/// Nothing was heard of the readers yet.
pub(super) fn reader_unknown() -> Spoken {
    Spoken::new("les lecteurs sont recherchés", "the readers are being looked for")
}

/// Nothing looks at the readers.
pub(super) fn no_daemon() -> Spoken {
    Spoken::new("le service pass-terminal n'est pas démarré", "the daemon does not run")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::refusal::Language;
    use crate::domain::{EntryHash, Sequence};
    use crate::ledger::LedgerGone;
    use crate::wire::exchange::Head;

    #[test]
    fn what_an_exchange_fails_on_is_said_in_both_languages() {
        let refused = UplinkError::Refused { status: 403, detail: "the terminal is revoked".to_owned() };
        let head = Head { sequence: Sequence::new(7), hash: EntryHash::new([7; 32]) };
        let table: [(ExchangeError, &str, &str); 5] = [
            (
                UplinkError::NoAnswer("dns error".to_owned()).into(),
                "la région ne répond pas ; vérifiez la ligne et l'adresse (dns error)",
                "the region does not answer: dns error",
            ),
            (
                refused.into(),
                "la région ne reconnaît pas ce terminal, ou ses clés ; appelez le service PASS'Région (HTTP 403 : the terminal is revoked)",
                "the region refuses (HTTP 403): the terminal is revoked",
            ),
            (
                AnswerError::Version(9).into(),
                "la région parle une autre version ; mettez le terminal à jour (the answer has version 9 of the exchange)",
                "the region's answer is not to be believed: the answer has version 9 of the exchange",
            ),
            (
                ApplyError::UnknownHead(head).into(),
                "la région a reçu l'écriture 7, que ce journal n'a pas ; une ancienne copie a pris sa place",
                "the region acknowledges entry 7, which this ledger does not have",
            ),
            (
                LedgerGone.into(),
                "le journal n'a pas pu être lu ou écrit (the ledger's thread has ended)",
                "the ledger's thread has ended",
            ),
        ];
        for (error, french, english) in table {
            let said = exchange(&error);
            assert_eq!(said.in_language(Language::French), french);
            assert_eq!(said.in_language(Language::English), english);
        }
    }

    #[test]
    fn a_reader_that_is_not_there_is_said_in_both_languages() {
        let said = reader(WhyUnavailable::NoReader);
        assert_eq!(said, Spoken::new("aucun lecteur de cartes n'est branché", "no card reader is connected"));
    }
}
