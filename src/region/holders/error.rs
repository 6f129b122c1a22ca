//! What can be wrong with an order, a holder, a declaration or an operator: one flat list, a stable code, the HTTP status, a sentence in two languages. Nothing
//! personal is in any of them.

use super::life::{Stage, Step};
use super::{EstablishmentId, OrderId};
use crate::domain::refusal::Language;
use crate::domain::{HolderReference, Season};

/// Why something about a holder was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HolderTrouble {
    /// Not an order's id.
    NotAnOrder(String),
    /// No such order, or none that whoever asks may see.
    NoOrder(OrderId),
    /// Not a holder's reference.
    NotAHolder(String),
    /// No such holder, or none that whoever asks may see.
    NoHolder(HolderReference),
    /// No such establishment.
    NoEstablishment(EstablishmentId),
    /// Something about a person or an establishment that cannot be: which field.
    Field(&'static str),
    /// Nobody of this year of birth is 15 to 25 in the season.
    Age(Season),
    /// The person has an order or a card already.
    OrderedAlready(OrderId),
    /// The holder was granted this season already (R3).
    GrantedAlready(Season),
    /// The step cannot be taken from where the order is.
    NotNow {
        /// Where it is.
        stage: Stage,
        /// What was asked for.
        step: Step,
    },
    /// The chip that was begun for this order must be finished, or declared broken.
    Unfinished,
    /// The holder was erased: there is nobody to send anything to.
    Erased,
    /// The holder's studies have ended.
    Ended,
    /// A season that is over, or further away than the next, is not revalidated.
    NotASeason(Season),
    /// The list of cards cannot be read: its first line, or a line that is none.
    List(String),
    /// Lines of a list were not done.
    BadLines(u64),
    /// A code that is none of these.
    NotACode {
        /// What it is not.
        what: &'static str,
        /// Those that there are.
        known: Vec<&'static str>,
    },
    /// An operator of an establishment needs one, the others have none.
    OperatorEstablishment,
    /// No operator has this id.
    NoOperator(String),
}

impl HolderTrouble {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotAnOrder(_) => "not-an-order",
            Self::NoOrder(_) => "no-order",
            Self::NotAHolder(_) => "not-a-holder",
            Self::NoHolder(_) => "no-holder",
            Self::NoEstablishment(_) => "no-establishment",
            Self::Field(_) => "field",
            Self::Age(_) => "age",
            Self::OrderedAlready(_) => "ordered-already",
            Self::GrantedAlready(_) => "granted-already",
            Self::NotNow { .. } => "not-now",
            Self::Unfinished => "unfinished",
            Self::Erased => "erased",
            Self::Ended => "studies-ended",
            Self::NotASeason(_) => "not-a-season",
            Self::List(_) => "list",
            Self::BadLines(_) => "bad-lines",
            Self::NotACode { .. } => "not-a-code",
            Self::OperatorEstablishment => "operator-establishment",
            Self::NoOperator(_) => "no-operator",
        }
    }

    /// The HTTP status.
    pub const fn status(&self) -> u16 {
        match self {
            Self::NoOrder(_) | Self::NoHolder(_) | Self::NoEstablishment(_) | Self::NoOperator(_) => 404,
            Self::OrderedAlready(_)
            | Self::GrantedAlready(_)
            | Self::NotNow { .. }
            | Self::Unfinished
            | Self::Erased
            | Self::Ended => 409,
            Self::NotAnOrder(_)
            | Self::NotAHolder(_)
            | Self::Field(_)
            | Self::Age(_)
            | Self::NotASeason(_)
            | Self::List(_)
            | Self::BadLines(_)
            | Self::NotACode { .. }
            | Self::OperatorEstablishment => 422,
        }
    }

    /// What is the matter and what to do, in one sentence.
    pub fn sentence(&self, language: Language) -> String {
        match language {
            Language::French => self.french(),
            Language::English => self.english(),
        }
    }

    fn french(&self) -> String {
        match self {
            Self::NotAnOrder(text) => format!("« {text} » n'est pas un numéro de commande : recopiez-le de la liste."),
            Self::NoOrder(order) => format!("Il n'y a pas de commande {order} : voyez « pass-region order list »."),
            Self::NotAHolder(text) => {
                format!("« {text} » n'est pas une référence de titulaire : 32 chiffres hexadécimaux.")
            }
            Self::NoHolder(holder) => format!("Il n'y a pas de titulaire {holder} : vérifiez la référence."),
            Self::NoEstablishment(id) => {
                format!("Il n'y a pas d'établissement {id} : voyez « pass-region establishment list ».")
            }
            Self::Field(field) => format!("Le champ {field} manque, est trop long ou n'a pas la bonne forme."),
            Self::Age(season) => {
                format!("Le PASS est pour les 15-25 ans : cette année de naissance n'en est pas pour {season}.")
            }
            Self::OrderedAlready(order) => {
                format!(
                    "Cette personne a déjà la commande {order} : une carte sert toutes les études, il n'en faut pas d'autre."
                )
            }
            Self::GrantedAlready(season) => format!("Les avantages de {season} ont déjà été accordés à ce titulaire."),
            Self::NotNow { stage, step } => format!("Une commande « {stage} » ne permet pas « {step} »."),
            Self::Unfinished => {
                "Une carte a été commencée pour cette commande : reposez-la, ou déclarez-la cassée.".to_owned()
            }
            Self::Erased => "Les données de ce titulaire ont été effacées : il peut commander de nouveau.".to_owned(),
            Self::Ended => {
                "Les études de ce titulaire sont terminées : rattachez-le d'abord à un établissement (holder move)."
                    .to_owned()
            }
            Self::NotASeason(season) => {
                format!("On ne revalide que la saison présente et la suivante, pas {season}.")
            }
            Self::List(why) => format!("La liste ne peut pas être lue : {why}."),
            Self::BadLines(count) => format!("{count} lignes n'ont pas été faites : corrigez-les et recommencez."),
            Self::NotACode { what, known } => format!("Ce n'est pas {what} : choisissez parmi {}.", known.join(", ")),
            Self::OperatorEstablishment => {
                "Un opérateur d'établissement a un établissement (--establishment), les autres n'en ont pas.".to_owned()
            }
            Self::NoOperator(id) => format!("Il n'y a pas d'opérateur {id} : voyez « pass-region operator list »."),
        }
    }

    fn english(&self) -> String {
        match self {
            Self::NotAnOrder(text) => format!("\"{text}\" is no order's id: copy it from the list."),
            Self::NoOrder(order) => format!("There is no order {order}: see \"pass-region order list\"."),
            Self::NotAHolder(text) => format!("\"{text}\" is no holder's reference: 32 hexadecimal digits."),
            Self::NoHolder(holder) => format!("There is no holder {holder}: check the reference."),
            Self::NoEstablishment(id) => {
                format!("There is no establishment {id}: see \"pass-region establishment list\".")
            }
            Self::Field(field) => format!("The field {field} is missing, too long or not of the right form."),
            Self::Age(season) => {
                format!("The PASS is for those of 15 to 25: nobody of this year of birth is in {season}.")
            }
            Self::OrderedAlready(order) => {
                format!(
                    "This person has order {order} already: one card is for all of the studies, no other is needed."
                )
            }
            Self::GrantedAlready(season) => format!("This holder was granted the benefits of {season} already."),
            Self::NotNow { stage, step } => format!("An order that is \"{stage}\" does not take the step \"{step}\"."),
            Self::Unfinished => "A card was begun for this order: put that one back, or declare it broken.".to_owned(),
            Self::Erased => "The data of this holder were erased: the person may order anew.".to_owned(),
            Self::Ended => {
                "The studies of this holder have ended: give the holder an establishment first (holder move)."
                    .to_owned()
            }
            Self::NotASeason(season) => {
                format!("Only the present season and the next are revalidated, not {season}.")
            }
            Self::List(why) => format!("The list cannot be read: {why}."),
            Self::BadLines(count) => format!("{count} lines were not done: correct them and start again."),
            Self::NotACode { what, known } => format!("That is not {what}: choose one of {}.", known.join(", ")),
            Self::OperatorEstablishment => {
                "An operator of an establishment has one (--establishment), the others have none.".to_owned()
            }
            Self::NoOperator(id) => format!("There is no operator {id}: see \"pass-region operator list\"."),
        }
    }
}
