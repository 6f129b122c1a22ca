//! The verbs about holders, orders, establishments, operators and lists.

use std::fs::File;
use std::io::{self, BufReader};

use serde_json::{Value, json};

use super::super::error::RegionError;
use super::super::holders::life::{RefusalReason, Stage};
use super::super::holders::operators::Role;
use super::super::holders::orders::{ListedOrder, NewOrder, OrderView, PAGE_MAX};
use super::super::holders::persons::{Address, HolderFile, Move, Person};
use super::super::holders::{Acting, EstablishmentId, EstablishmentKind, HolderTrouble, OrderId, holder_reference};
use super::super::store::{OrderFilter, OrderRow};
use super::args::Data;
use super::cards::{amount_text, fee, grouped, operation_code};
use super::life_args::{
    Declare, EstablishmentVerb, HolderVerb, NewHolder, OneHolder, OneOrder, OperatorVerb, OrderVerb, Revalidate,
};
use super::now;
use super::print::Printer;
use crate::domain::catalogue::Code;
use crate::domain::refusal::{DenialReason, Language};
use crate::domain::{CardNumber, HolderReference, Season, Timestamp};
use crate::region::api::json::balance_json;
use crate::region::holders::balance::Balance;

type Done = Result<(), RegionError>;

/// The value with this code, or which there are.
fn one_of<T>(found: Option<T>, what: &'static str, known: Vec<&'static str>) -> Result<T, RegionError> {
    Ok(found.ok_or(HolderTrouble::NotACode { what, known })?)
}

pub(super) fn holder(verb: HolderVerb, printer: &Printer) -> Done {
    let desk = Acting::desk();
    match verb {
        HolderVerb::Order(new) => place(new, printer),
        HolderVerb::Show(one) => {
            let file = one.data.open()?.holder_file(reference(&one)?, &desk, now())?;
            show(&file, printer)
        }
        HolderVerb::Balance(one) => {
            let balance = one.data.open()?.balance(reference(&one)?, &desk)?;
            show_balance(&balance, printer)
        }
        HolderVerb::Move { one, street, postcode, city, mail, establishment } => {
            let address = street.zip(postcode).zip(city);
            let address = address.map(|((street, postcode), city)| Address { street, postcode, city });
            let to = Move { address, mail, establishment: establishment.map(EstablishmentId::new) };
            one.data.open()?.move_holder(reference(&one)?, &to, &desk, now())?;
            changed(&one, "Les coordonnées sont changées.", "The address is changed.", printer)
        }
        HolderVerb::End(one) => {
            one.data.open()?.end_studies(reference(&one)?, &desk, now())?;
            let french = "Fin des études enregistrée : plus rien ne sera revalidé.";
            changed(&one, french, "End of the studies recorded: nothing will be revalidated.", printer)
        }
        HolderVerb::Secret(one) => {
            one.data.open()?.renew_secret(reference(&one)?, &desk, now())?;
            changed(&one, "Un nouveau code secret part par courriel.", "A new secret goes out by mail.", printer)
        }
        HolderVerb::Erase(one) => {
            one.data.open()?.erase_holder(reference(&one)?, &desk, now())?;
            let french = "Nom, adresse et courriels sont effacés ; cartes et règlements continuent.";
            changed(&one, french, "Name, address and mails are erased; cards and settlements go on.", printer)
        }
    }
}

fn reference(one: &OneHolder) -> Result<HolderReference, RegionError> {
    Ok(holder_reference(&one.holder)?)
}

fn changed(one: &OneHolder, french: &str, english: &str, printer: &Printer) -> Done {
    printer.done(&json!({ "holder": one.holder }), french, english)
}

fn place(new: NewHolder, printer: &Printer) -> Done {
    let order = NewOrder {
        person: Person {
            given_name: new.given_name,
            family_name: new.family_name,
            birth_year: new.birth_year,
            mail: new.mail,
            address: Address { street: new.street, postcode: new.postcode, city: new.city },
        },
        profile: Code::new(&new.profile)?,
        establishment: EstablishmentId::new(new.establishment),
        namesake: new.namesake,
    };
    let id = new.data.open()?.place_order(&order, &Acting::desk(), now())?;
    printer.done(
        &json!({ "order": id.to_string(), "holder": id.holder.to_string() }),
        &format!("Commande {id} enregistrée ; l'établissement la valide ou la refuse."),
        &format!("Order {id} is recorded; the establishment validates or refuses it."),
    )
}

fn order_json(view: &OrderView) -> Value {
    let OrderView { order, stage } = view;
    json!({
        "order": order.id.to_string(),
        "stage": stage.code(),
        "season": order.season.get(),
        "ordered_at": order.ordered_at.to_string(),
        "changed_at": order.changed_at.to_string(),
        "reason": order.reason.map(RefusalReason::code),
        "replaces": order.remake.as_ref().map(|remake| remake.replaces.digits()),
        "card_number": order.card.map(CardNumber::digits),
    })
}

fn order_line(view: &OrderView) -> String {
    let card = view.order.card.map_or_else(|| "-".to_owned(), grouped);
    format!("{}\t{}\t{}\t{card}", view.order.id, view.stage, view.order.changed_at)
}

fn show(file: &HolderFile, printer: &Printer) -> Done {
    let HolderFile { holder, person, establishment, orders } = file;
    if printer.is_json() {
        let person = person.as_ref().map(|person| {
            json!({
                "given_name": person.given_name, "family_name": person.family_name, "birth_year": person.birth_year,
                "mail": person.mail, "street": person.address.street, "postcode": person.address.postcode,
                "city": person.address.city,
            })
        });
        let value = json!({
            "holder": holder.holder.to_string(),
            "establishment": establishment.id.get(),
            "profile": holder.profile.as_str(),
            "ended_at": holder.ended_at.map(|at| at.to_string()),
            "erased_at": holder.erased_at.map(|at| at.to_string()),
            "person": person,
            "orders": orders.iter().map(order_json).collect::<Vec<_>>(),
        });
        return printer.line(&value.to_string());
    }
    match person {
        Some(person) => {
            let Address { street, postcode, city } = &person.address;
            printer.line(&format!("{} {} ({})", person.given_name, person.family_name, person.birth_year))?;
            printer.line(&format!("{street}, {postcode} {city}"))?;
            printer.line(&person.mail)?;
        }
        None => printer.line(printer.text("Données effacées", "Data erased"))?,
    }
    printer.line(&format!("{}, {} ({})", establishment.name, establishment.city, holder.profile))?;
    orders.iter().try_for_each(|view| printer.line(&order_line(view)))
}

fn show_balance(balance: &Balance, printer: &Printer) -> Done {
    if printer.is_json() {
        return printer.line(&balance_json(balance).to_string());
    }
    printer.line(&format!("{} {}", printer.text("Carte", "Card"), grouped(balance.card)))?;
    for line in &balance.rights {
        let label = line.benefit.label(printer.language());
        let (left, granted) = (amount_text(&line.benefit, line.left), amount_text(&line.benefit, line.granted));
        let (french, english) =
            (format!("  {label} : reste {left} sur {granted}"), format!("  {label}: {left} left of {granted}"));
        printer.line(printer.text(&french, &english))?;
    }
    for movement in &balance.movements {
        let what = movement.benefit.as_ref().map_or("-", |benefit| benefit.code.as_str());
        let amount =
            movement.benefit.as_ref().map_or_else(String::new, |benefit| amount_text(benefit, movement.amount));
        let operation = operation_code(movement.operation);
        printer.line(&format!("  {}\t{operation}\t{what}\t{amount}\t{}", movement.time, movement.partner))?;
    }
    let known = balance.known_until.map_or_else(|| "-".to_owned(), |at| at.to_string());
    let (french, english) = (format!("Connu jusqu'au {known}"), format!("Known until {known}"));
    printer.line(printer.text(&french, &english))
}

pub(super) fn order(verb: OrderVerb, printer: &Printer) -> Done {
    let desk = Acting::desk();
    match verb {
        OrderVerb::List { data, stage, establishment } => {
            let known = || Stage::ALL.iter().map(|stage| stage.code()).collect();
            let stage = stage.map(|code| one_of(Stage::of_code(&code), "stage", known())).transpose()?;
            list(&data, stage, establishment.map(EstablishmentId::new), printer)
        }
        OrderVerb::Validate(one) => {
            let order = one.data.open()?.validate_order(id(&one)?, &desk, now())?;
            stepped(&order, "validée : la carte peut être faite", "is validated: the card can be made", printer)
        }
        OrderVerb::Refuse { one, reason } => {
            let known = RefusalReason::ALL.iter().map(|reason| reason.code()).collect();
            let reason = one_of(RefusalReason::of_code(&reason), "reason", known)?;
            let order = one.data.open()?.refuse_order(id(&one)?, reason, &desk, now())?;
            stepped(&order, "refusée : le titulaire peut la corriger", "is refused: the holder may correct it", printer)
        }
        OrderVerb::Sent(one) => {
            let order = one.data.open()?.order_sent(id(&one)?, &desk, now())?;
            stepped(&order, "partie par la poste", "was put in the post", printer)
        }
    }
}

fn id(one: &OneOrder) -> Result<OrderId, RegionError> {
    Ok(OrderId::parse(&one.order)?)
}

fn stepped(order: &OrderRow, french: &str, english: &str, printer: &Printer) -> Done {
    printer.done(
        &json!({ "order": order.id.to_string(), "stage": order.stage.code() }),
        &format!("Commande {} {french}.", order.id),
        &format!("Order {} {english}.", order.id),
    )
}

/// All of them, a page at a time.
fn list(data: &Data, stage: Option<Stage>, establishment: Option<EstablishmentId>, printer: &Printer) -> Done {
    let region = data.open()?;
    let mut filter = OrderFilter { stage, establishment, after: None, limit: PAGE_MAX };
    loop {
        let page = region.orders(&filter, &Acting::desk(), now())?;
        for ListedOrder { view, .. } in &page {
            if printer.is_json() {
                printer.line(&order_json(view).to_string())?
            } else {
                printer.line(&order_line(view))?
            }
        }
        match page.last() {
            Some(last) => filter.after = Some(last.view.order.id),
            None => return Ok(()),
        }
    }
}

pub(super) fn establishment(verb: EstablishmentVerb, printer: &Printer) -> Done {
    match verb {
        EstablishmentVerb::Add { data, name, kind, city } => {
            let known = EstablishmentKind::ALL.iter().map(|kind| kind.code()).collect();
            let kind = one_of(EstablishmentKind::of_code(&kind), "kind", known)?;
            let id = data.open()?.add_establishment(&name, kind, &city, now())?;
            printer.done(
                &json!({ "establishment": id.get() }),
                &format!("Établissement {id} ajouté."),
                &format!("Establishment {id} added."),
            )
        }
        EstablishmentVerb::List { data } => {
            let region = data.open()?;
            let mut after = EstablishmentId::new(0);
            loop {
                let page = region.establishments(after, PAGE_MAX)?;
                let Some(last) = page.last() else { return Ok(()) };
                after = last.id;
                for row in &page {
                    let (id, kind) = (row.id, row.kind.code());
                    let value = json!({ "establishment": id.get(), "name": row.name, "kind": kind, "city": row.city });
                    let line = format!("{id}\t{}\t{kind}\t{}", row.name, row.city);
                    printer.done(&value, &line, &line)?;
                }
            }
        }
    }
}

pub(super) fn operator(verb: OperatorVerb, printer: &Printer) -> Done {
    match verb {
        OperatorVerb::Add { data, name, role, establishment } => {
            let known = Role::ALL.iter().map(|role| role.code()).collect();
            let role = one_of(Role::of_code(&role), "role", known)?;
            let establishment = establishment.map(EstablishmentId::new);
            let (operator, token) = data.open()?.add_operator(&name, role, establishment, now())?;
            let (id, token) = (operator.id(), token.reveal());
            printer.done(
                &json!({ "operator": id, "token": token }),
                &format!("Opérateur {id}. Son jeton, montré cette seule fois : {token}"),
                &format!("Operator {id}. The token, shown this once: {token}"),
            )
        }
        OperatorVerb::List { data } => data.open()?.operators()?.iter().try_for_each(|operator| {
            let (id, role) = (operator.id(), operator.role.code());
            let revoked = operator.revoked_at.map(|at| at.to_string());
            let value = json!({
                "operator": id,
                "name": operator.name,
                "role": role,
                "establishment": operator.establishment.map(EstablishmentId::get),
                "added_at": operator.added_at.to_string(),
                "revoked_at": revoked,
            });
            let line = format!("{id}\t{role}\t{}\t{}", operator.name, revoked.as_deref().unwrap_or("-"));
            printer.done(&value, &line, &line)
        }),
        OperatorVerb::Revoke { data, id } => {
            data.open()?.revoke_operator(&id, now())?;
            let (french, english) =
                (format!("Le jeton de {id} ne vaut plus."), format!("The token of {id} is revoked."));
            printer.done(&json!({ "operator": id }), &french, &english)
        }
    }
}

/// One line a stage. What stays `sending` while nothing is sent belonged to a sender that ended: whether it arrived nobody knows.
pub(super) fn mails(data: &Data, printer: &Printer) -> Done {
    let region = data.open()?;
    region.store().read(|tx| tx.mail_counts())?.iter().try_for_each(|mails| {
        let (stage, count, oldest) = (mails.stage.code(), mails.count, mails.oldest.to_string());
        let line = format!("{stage}\t{count}\t{oldest}");
        printer.done(&json!({ "stage": stage, "count": count, "oldest": oldest }), &line, &line)
    })
}

pub(super) fn declare(declare: Declare, reason: DenialReason, printer: &Printer) -> Done {
    let card = CardNumber::parse(&declare.card)?;
    let fee = fee(declare.fee_from, declare.waive_fee);
    let declared = declare.data.open()?.declare_card(card, reason, &fee, &Acting::desk(), now())?;
    let (number, at) = (grouped(card), declared.denial.denied_at);
    let (order, french, english) = match declared.remake {
        Ok(Some(order)) => (
            Some(order.to_string()),
            format!("une autre est commandée : {order}"),
            format!("another is ordered: {order}"),
        ),
        Ok(None) => (
            None,
            "faites l'autre avec card issue --replaces".to_owned(),
            "make the other with card issue --replaces".to_owned(),
        ),
        Err(error) => (
            None,
            format!("pas encore d'autre carte. {}", error.sentence(Language::French)),
            format!("no other card yet. {}", error.sentence(Language::English)),
        ),
    };
    printer.done(
        &json!({ "card_number": card.digits(), "denied_at": at.to_string(), "order": order }),
        &format!("Carte {number} en opposition depuis {at} ; {}.", french.trim_end_matches('.')),
        &format!("Card {number} denied since {at}; {}.", english.trim_end_matches('.')),
    )
}

pub(super) fn found(data: &Data, card: &str, printer: &Printer) -> Done {
    let card = CardNumber::parse(card)?;
    let denied = data.open()?.found_card(card, now())?.denied;
    let number = grouped(card);
    let (french, english) = if denied {
        ("elle reste en opposition : détruisez-la", "it stays denied: destroy it")
    } else {
        ("elle vaut encore : rendez-la à son titulaire", "it is still good: give it back to its holder")
    };
    printer.done(
        &json!({ "card_number": card.digits(), "denied": denied }),
        &format!("Carte {number} retrouvée ; {french}."),
        &format!("Card {number} found; {english}."),
    )
}

pub(super) fn revalidate(arguments: &Revalidate, printer: &Printer) -> Done {
    let path = &arguments.list;
    let list = File::open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => RegionError::NoFile(path.clone()),
        _ => RegionError::Io { path: path.clone(), error },
    })?;
    let acting = Acting { establishment: arguments.establishment.map(EstablishmentId::new), ..Acting::desk() };
    let region = arguments.data.open()?;
    let clock: fn() -> Timestamp = now;
    let season = Season::new(arguments.season);
    let tally = region.revalidate_list(BufReader::new(list), season, &acting, clock, |line, trouble| {
        let value = json!({ "line": line, "reason": trouble.code() });
        let french = format!("Ligne {line} : {}.", trouble.sentence(Language::French));
        let english = format!("Line {line}: {}.", trouble.sentence(Language::English));
        printer.done(&value, &french, &english)
    })?;
    let (done, already, bad) = (tally.done, tally.already, tally.bad);
    printer.done(
        &json!({ "season": season.get(), "lines": tally.lines, "done": done, "already": already, "bad": bad }),
        &format!("{done} cartes revalidées pour {season}, {already} l'étaient déjà, {bad} lignes à corriger."),
        &format!("{done} cards revalidated for {season}, {already} were so before, {bad} lines to correct."),
    )?;
    if bad == 0 { Ok(()) } else { Err(HolderTrouble::BadLines(bad).into()) }
}
