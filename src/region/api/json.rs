//! What goes in and out of the desk's API, as JSON. An unknown field is refused.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::domain::card::Operation;
use crate::domain::{CardNumber, Timestamp};
use crate::region::error::RegionError;
use crate::region::holders::balance::Balance;
use crate::region::holders::declarations::Declared;
use crate::region::holders::life::RefusalReason;
use crate::region::holders::operators::Role;
use crate::region::holders::orders::{ListedOrder, OrderView};
use crate::region::holders::persons::{Address, HolderFile, Person};
use crate::region::holders::revalidation::Outcome;
use crate::region::partners::PartnerTrouble;
use crate::region::store::{EstablishmentRow, OrderRow};

/// A problem (RFC 9457).
#[derive(Serialize, ToSchema)]
pub(in crate::region) struct Problem {
    /// `urn:pass:problem:` and a stable code.
    #[serde(rename = "type")]
    kind: String,
    title: String,
    status: u16,
    /// One sentence for people.
    detail: String,
}

/// Which page of a list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct EstablishmentQuery {
    /// The last establishment of the page before.
    pub(super) after: Option<u32>,
    /// At most so many, up to 200.
    pub(super) limit: Option<u32>,
}

/// Which orders.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct OrderQuery {
    /// In this stage; `in-use` and `lapsed` follow from others and are not asked for.
    pub(super) stage: Option<String>,
    /// Of this establishment's holders.
    pub(super) establishment: Option<u32>,
    /// The last order of the page before.
    pub(super) after: Option<String>,
    /// At most so many, up to 200.
    pub(super) limit: Option<u32>,
}

/// An establishment that is to be added.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewEstablishment {
    pub(super) name: String,
    /// `lycee`, `cfa`, `mission-locale`, `ime`, `health-social`.
    pub(super) kind: String,
    pub(super) city: String,
}

/// An establishment.
#[derive(Serialize, ToSchema)]
pub(super) struct Establishment {
    establishment: u32,
    name: String,
    kind: String,
    city: String,
}

impl From<EstablishmentRow> for Establishment {
    fn from(row: EstablishmentRow) -> Self {
        Self { establishment: row.id.get(), name: row.name, kind: row.kind.code().to_owned(), city: row.city }
    }
}

/// A page of establishments.
#[derive(Serialize, ToSchema)]
pub(super) struct EstablishmentPage {
    pub(super) establishments: Vec<Establishment>,
    /// What to give as `after` for the next page; absent on the last.
    pub(super) next: Option<u32>,
}

/// The id of what was added.
#[derive(Serialize, ToSchema)]
pub(super) struct AddedEstablishment {
    pub(super) establishment: u32,
}

/// Who a holder is.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PersonJson {
    given_name: String,
    family_name: String,
    birth_year: u16,
    mail: String,
    address: AddressJson,
}

/// A postal address in France.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AddressJson {
    street: String,
    /// Five digits.
    postcode: String,
    city: String,
}

impl From<Person> for PersonJson {
    fn from(person: Person) -> Self {
        let Address { street, postcode, city } = person.address;
        Self {
            given_name: person.given_name,
            family_name: person.family_name,
            birth_year: person.birth_year,
            mail: person.mail,
            address: AddressJson { street, postcode, city },
        }
    }
}

impl From<PersonJson> for Person {
    fn from(json: PersonJson) -> Self {
        Self {
            given_name: json.given_name,
            family_name: json.family_name,
            birth_year: json.birth_year,
            mail: json.mail,
            address: json.address.into(),
        }
    }
}

impl From<AddressJson> for Address {
    fn from(json: AddressJson) -> Self {
        Self { street: json.street, postcode: json.postcode, city: json.city }
    }
}

/// A card is ordered.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewOrderJson {
    pub(super) person: PersonJson,
    /// A profile of the catalogue.
    pub(super) profile: String,
    pub(super) establishment: u32,
    /// It is known to be another person than the one of the same name and year.
    #[serde(default)]
    pub(super) namesake: bool,
}

/// An order that was placed.
#[derive(Serialize, ToSchema)]
pub(super) struct PlacedOrder {
    pub(super) order: String,
    pub(super) holder: String,
}

/// A new address, mail address or establishment.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MoveJson {
    pub(super) address: Option<AddressJson>,
    pub(super) mail: Option<String>,
    pub(super) establishment: Option<u32>,
}

/// Why an order is refused.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RefusalJson {
    /// `not-enrolled`, `wrong-profile`, `wrong-details`, `duplicate`.
    pub(super) reason: String,
}

/// An order.
#[derive(Serialize, ToSchema)]
pub(super) struct OrderJson {
    order: String,
    holder: String,
    stage: String,
    season: u16,
    ordered_at: String,
    changed_at: String,
    reason: Option<String>,
    /// Only for the desk.
    card_number: Option<String>,
    /// Only for the desk.
    replaces: Option<String>,
    profile: Option<String>,
    establishment: Option<u32>,
    /// Not for auditors, and nobody's once erased.
    person: Option<PersonJson>,
}

/// A page of orders.
#[derive(Serialize, ToSchema)]
pub(super) struct OrderPage {
    pub(super) orders: Vec<OrderJson>,
    /// What to give as `after` for the next page; absent on the last.
    pub(super) next: Option<String>,
}

fn time(at: Timestamp) -> String {
    at.to_string()
}

/// Whether a role is shown who somebody is.
const fn sees_names(role: Role) -> bool {
    match role {
        Role::Establishment | Role::Desk => true,
        Role::PartnerDesk | Role::Auditor => false,
    }
}

impl OrderJson {
    fn of(view: &OrderView, role: Role) -> Self {
        Self { stage: view.stage.code().to_owned(), ..Self::of_row(&view.order, role) }
    }

    pub(super) fn of_row(order: &OrderRow, role: Role) -> Self {
        let card = |card: CardNumber| (role == Role::Desk).then(|| card.digits());
        Self {
            order: order.id.to_string(),
            holder: order.id.holder.to_string(),
            stage: order.stage.code().to_owned(),
            season: order.season.get(),
            ordered_at: time(order.ordered_at),
            changed_at: time(order.changed_at),
            reason: order.reason.map(RefusalReason::code).map(str::to_owned),
            card_number: order.card.and_then(card),
            replaces: order.remake.as_ref().and_then(|remake| card(remake.replaces)),
            profile: None,
            establishment: None,
            person: None,
        }
    }

    pub(super) fn listed(listed: ListedOrder, role: Role) -> Self {
        Self {
            profile: Some(listed.holder.profile.as_str().to_owned()),
            establishment: Some(listed.holder.establishment.get()),
            person: listed.person.filter(|_| sees_names(role)).map(Into::into),
            ..Self::of(&listed.view, role)
        }
    }
}

/// A holder and the orders.
#[derive(Serialize, ToSchema)]
pub(super) struct HolderJson {
    holder: String,
    profile: String,
    establishment: Establishment,
    ended_at: Option<String>,
    erased_at: Option<String>,
    /// Not for auditors, and nobody's once erased.
    person: Option<PersonJson>,
    orders: Vec<OrderJson>,
}

impl HolderJson {
    pub(super) fn of(file: HolderFile, role: Role) -> Self {
        Self {
            holder: file.holder.holder.to_string(),
            profile: file.holder.profile.as_str().to_owned(),
            establishment: file.establishment.into(),
            ended_at: file.holder.ended_at.map(time),
            erased_at: file.holder.erased_at.map(time),
            person: file.person.filter(|_| sees_names(role)).map(Into::into),
            orders: file.orders.iter().map(|view| OrderJson::of(view, role)).collect(),
        }
    }
}

/// A card was lost, stolen, broken or found.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DeclarationJson {
    /// 16 digits.
    pub(super) card_number: String,
    /// `lost`, `stolen`, `broken`, `found`.
    pub(super) kind: String,
    /// The benefit that pays for the other card; that with the most left otherwise.
    pub(super) fee_from: Option<String>,
    /// The fee is waived.
    #[serde(default)]
    pub(super) waive_fee: bool,
}

/// What came of a declaration.
#[derive(Serialize, ToSchema)]
pub(super) struct DeclaredJson {
    /// Whether the card is denied.
    pub(super) denied: bool,
    /// The order of the card in its place.
    pub(super) order: Option<String>,
    /// Why there is none yet.
    pub(super) not_ordered: Option<String>,
}

impl From<Declared> for DeclaredJson {
    fn from(declared: Declared) -> Self {
        let (order, not_ordered) = match declared.remake {
            Ok(order) => (order.map(|order| order.to_string()), None),
            Err(error) => (None, Some(error.to_string())),
        };
        Self { denied: true, order, not_ordered }
    }
}

/// Cards that are revalidated, at most 1000.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RevalidationJson {
    /// The year of the season's 1 June.
    pub(super) season: u16,
    pub(super) cards: Vec<RevalidatedCard>,
}

/// One of them.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RevalidatedCard {
    /// 16 digits.
    pub(super) card_number: String,
    /// What the holder is from now on, when that has changed.
    pub(super) profile: Option<String>,
}

/// What became of each, in the order in which they were named.
#[derive(Serialize, ToSchema)]
pub(super) struct RevalidatedJson {
    /// `done`, `already`, or why not: `no-card`, `not-yours`...
    pub(super) outcomes: Vec<&'static str>,
}

pub(super) const fn outcome_code(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Done => "done",
        Outcome::Already => "already",
        Outcome::Bad(trouble) => trouble.code(),
    }
}

/// With what a holder looks the balance up.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BalanceQuery {
    /// 16 digits.
    pub(super) card_number: String,
    /// As the first mail brought it.
    pub(super) secret: String,
}

/// What a holder has left, as the region knows it.
#[derive(Serialize, ToSchema)]
pub(super) struct BalanceJson {
    /// Masked.
    card: String,
    denied: Option<String>,
    season: Option<u16>,
    rights: Vec<RightsJson>,
    movements: Vec<MovementJson>,
    terminals: Vec<ServedJson>,
    /// Everything until then is known; what terminals sold since is not.
    known_until: Option<String>,
}

/// What is left of a benefit.
#[derive(Serialize, ToSchema)]
struct RightsJson {
    benefit: String,
    label_fr: String,
    label_en: String,
    /// `seat` or `cent`.
    unit: String,
    granted: u32,
    opening: u32,
    consumed: u32,
    left: u32,
}

/// Something that was taken from a card, or given back.
#[derive(Serialize, ToSchema)]
struct MovementJson {
    time: String,
    /// `debit` or `reversal`.
    operation: String,
    season: u16,
    benefit: Option<String>,
    amount: u32,
    /// Masked.
    card: String,
    partner: String,
    terminal: u32,
}

/// A terminal that has served the holder.
#[derive(Serialize, ToSchema)]
struct ServedJson {
    terminal: u32,
    partner: String,
    last_exchange: Option<String>,
}

impl From<&Balance> for BalanceJson {
    fn from(balance: &Balance) -> Self {
        let rights = balance.rights.iter().map(|line| RightsJson {
            benefit: line.benefit.code.as_str().to_owned(),
            label_fr: line.benefit.label_fr.clone(),
            label_en: line.benefit.label_en.clone(),
            unit: line.benefit.unit.code().to_owned(),
            granted: line.granted,
            opening: line.opening,
            consumed: line.consumed,
            left: line.left,
        });
        let movements = balance.movements.iter().map(|movement| MovementJson {
            time: time(movement.time),
            operation: match movement.operation {
                Operation::Debit => "debit".to_owned(),
                Operation::Reversal => "reversal".to_owned(),
            },
            season: movement.season.get(),
            benefit: movement.benefit.as_ref().map(|benefit| benefit.code.as_str().to_owned()),
            amount: movement.amount,
            card: movement.card.masked(),
            partner: movement.partner.clone(),
            terminal: movement.terminal.get(),
        });
        let terminals = balance.terminals.iter().map(|served| ServedJson {
            terminal: served.terminal.get(),
            partner: served.partner.clone(),
            last_exchange: served.last_exchange.map(time),
        });
        Self {
            card: balance.card.masked(),
            denied: balance.denied.map(|reason| reason.code().to_owned()),
            season: balance.season.map(crate::domain::Season::get),
            rights: rights.collect(),
            movements: movements.collect(),
            terminals: terminals.collect(),
            known_until: balance.known_until.map(time),
        }
    }
}

/// The same, for a script at the desk.
pub(in crate::region) fn balance_json(balance: &Balance) -> Value {
    serde_json::to_value(BalanceJson::from(balance)).unwrap_or_default()
}

/// The HTTP status and the stable code of what went wrong. What is nobody's business is `failed`.
pub(super) const fn status_and_code(error: &RegionError) -> (u16, &'static str) {
    match error {
        RegionError::Holder(trouble) => (trouble.status(), trouble.code()),
        RegionError::NoCard(_) => (404, "no-card"),
        RegionError::NoPartner(_) => (404, "no-partner"),
        RegionError::PartnerName => (422, "partner-name"),
        RegionError::Partner(PartnerTrouble::City) => (422, "city"),
        RegionError::NoProfile { .. } => (422, "no-profile"),
        RegionError::NoBenefit { .. } => (422, "no-benefit"),
        RegionError::FeeInSeats(_) => (422, "fee-in-seats"),
        RegionError::NotACardNumber(_) => (422, "not-a-card-number"),
        RegionError::NotACode(_) => (422, "not-a-code"),
        RegionError::NoCatalogue(_) => (409, "no-catalogue"),
        RegionError::NotRevalidated { .. } => (409, "not-revalidated"),
        RegionError::ReplacedAlready { .. } => (409, "replaced-already"),
        RegionError::FeeNotLeft(_) => (409, "fee-not-left"),
        RegionError::SeasonOver { .. } => (409, "season-over"),
        RegionError::NotDenied(_) => (409, "not-denied"),
        RegionError::Store(crate::region::store::StoreError::Busy | crate::region::store::StoreError::Conflict) => {
            (503, "busy")
        }
        _ => (500, "failed"),
    }
}
