//! What the command line says, in French and in English, case by case.

use super::*;
use crate::domain::entry::{Parts, TechnicalEvent, Tender, Tenders};
use crate::domain::refusal::{DenialReason, Refusal};
use crate::domain::spoken::Spoken;
use crate::domain::{RequestId, Sequence};
use crate::machine::sale::{self, Outcome, View};
use crate::till;
use crate::till::fake::{self, EVENING, card_view};
use crate::till::json::{Answered, Card, Closing, Journal, Labels, Status, Sync};

fn spoken(outcome: &Outcome, view: &View, language: Language) -> String {
    answer(&Answered::new(RequestId::new([0; 16]), outcome, Labels::new(view, language)).answer, language)
}

/// What each outcome is in French and in English, with the card still on the reader.
fn holds(table: &[(Outcome, &str, &str)]) {
    let view = View::Ready(card_view());
    for (outcome, french, english) in table {
        assert_eq!(spoken(outcome, &view, French), *french);
        assert_eq!(spoken(outcome, &view, English), *english);
    }
}

fn granted(change: impl Fn(&mut sale::Granted)) -> Outcome {
    let mut granted = fake::granted();
    change(&mut granted);
    Outcome::Granted(granted)
}

fn cents(cents: u32) -> crate::domain::Cents {
    crate::domain::Cents::from_u32(cents)
}

#[test]
fn what_is_granted() {
    let books = |granted: &mut sale::Granted| {
        granted.benefit = crate::domain::catalogue::Code::new("leisure-books").unwrap();
        granted.label = Some(Spoken::new("Livres loisirs", "Leisure books"));
        granted.unit = Some(crate::domain::catalogue::Unit::Cent);
        (granted.debited, granted.left) = (800, 0);
        (granted.due, granted.collected) = (cents(1550), cents(1550));
    };
    holds(&[
        (
            granted(|_| ()),
            "ACCORDÉ - Cinéma : 1 place · à encaisser 1,00 € · reste 4 places · écriture 12 · carte 9250 .... .... 0008",
            "GRANTED - Cinema: 1 seat · collect €1.00 · 4 seats left · entry 12 · card 9250 .... .... 0008",
        ),
        (
            granted(books),
            "ACCORDÉ - Livres loisirs : 8,00 € · à encaisser 15,50 € · il ne reste rien · écriture 12 · carte 9250 .... .... 0008",
            "GRANTED - Leisure books: €8.00 · collect €15.50 · nothing left · entry 12 · card 9250 .... .... 0008",
        ),
        (
            granted(|granted| {
                books(granted);
                (granted.debited, granted.left, granted.collected) = (750, 50, cents(0));
            }),
            "ACCORDÉ - Livres loisirs : 7,50 € · rien à encaisser · reste 0,50 € · écriture 12 · carte 9250 .... .... 0008",
            "GRANTED - Leisure books: €7.50 · nothing to collect · €0.50 left · entry 12 · card 9250 .... .... 0008",
        ),
        (
            granted(|granted| granted.tender = Tender::Tpe.into()),
            "ACCORDÉ - Cinéma : 1 place · encaissé 1,00 € (TPE) · reste 4 places · écriture 12 · carte 9250 .... .... 0008",
            "GRANTED - Cinema: 1 seat · collected €1.00 (bank terminal) · 4 seats left · entry 12 · card 9250 .... .... 0008",
        ),
        (
            granted(|granted| {
                books(granted);
                let parts = Parts::new([(Tender::Cash, cents(500)), (Tender::Tpe, cents(1050))]);
                granted.tender = Tenders::Parts(parts.unwrap());
            }),
            "ACCORDÉ - Livres loisirs : 8,00 € · encaissé 15,50 € (espèces 5,00 € + TPE 10,50 €) · il ne reste rien · écriture 12 · carte 9250 .... .... 0008",
            "GRANTED - Leisure books: €8.00 · collected €15.50 (cash €5.00 + bank terminal €10.50) · nothing left · entry 12 · card 9250 .... .... 0008",
        ),
        (
            granted(|granted| (granted.repeated, granted.left) = (true, 1)),
            "DÉJÀ ACCORDÉ - Cinéma : 1 place · à encaisser 1,00 € · reste 1 place · écriture 12 · carte 9250 .... .... 0008\n\
             C'est la vente faite le 22/11/2026 à 20:41 : rien n'a été débité de plus.",
            "ALREADY GRANTED - Cinema: 1 seat · collect €1.00 · 1 seat left · entry 12 · card 9250 .... .... 0008\n\
             This is the sale made on 2026-11-22 at 20:41: nothing more was debited.",
        ),
        (
            granted(|granted| {
                granted.served_before = Some((Sequence::new(11), EVENING.minus(300)));
                (granted.debited, granted.unit) = (2, None);
            }),
            "ACCORDÉ - Cinéma : 2 · à encaisser 1,00 € · reste 4 · écriture 12 · carte 9250 .... .... 0008\n\
             Attention : carte déjà servie aujourd'hui à 20:36 (écriture 11).",
            "GRANTED - Cinema: 2 · collect €1.00 · 4 left · entry 12 · card 9250 .... .... 0008\n\
             Mind: this card was already served today at 20:36 (entry 11).",
        ),
        (
            granted(|granted| granted.served_before = Some((Sequence::new(3), EVENING.minus(86_400)))),
            "ACCORDÉ - Cinéma : 1 place · à encaisser 1,00 € · reste 4 places · écriture 12 · carte 9250 .... .... 0008",
            "GRANTED - Cinema: 1 seat · collect €1.00 · 4 seats left · entry 12 · card 9250 .... .... 0008",
        ),
    ]);
    let of_a_season_past = spoken(&granted(|granted| granted.label = None), &View::Idle, French);
    assert!(of_a_season_past.starts_with("ACCORDÉ - cinema : 1 place"), "{of_a_season_past}");
}

#[test]
fn what_is_refused() {
    let refused = |refusal| sale::Refused::because(refusal);
    let code = |code: &str| crate::domain::catalogue::Code::new(code).unwrap();
    holds(&[
        (
            Outcome::Refused(sale::Refused {
                due: Some(cents(950)),
                card: Some(fake::card()),
                ..refused(Refusal::NothingLeft)
            }),
            "REFUSÉ - Il ne reste rien de cet avantage sur la carte.\nLe titulaire paie le plein tarif.\n\
             Sans le PASS, le titulaire paie 9,50 €.\nCarte 9250 .... .... 0008",
            "REFUSED - Nothing is left of this benefit on the card.\nThe holder pays the full price.\n\
             Without the PASS the holder pays €9.50.\nCard 9250 .... .... 0008",
        ),
        (
            Outcome::Refused(sale::Refused {
                choices: vec![code("cinema"), code("leisure-books")],
                ..refused(Refusal::ChooseBenefit)
            }),
            "REFUSÉ - Plusieurs avantages conviennent.\nChoisissez l'avantage à utiliser.\n\
             --benefit cinema ou --benefit leisure-books",
            "REFUSED - Several benefits match.\nChoose the benefit to use.\n--benefit cinema or --benefit leisure-books",
        ),
        (
            Outcome::Refused(sale::Refused { denial: Some(DenialReason::Lost), ..refused(Refusal::CardDenied) }),
            "REFUSÉ - Cette carte a été déclarée perdue, volée ou remplacée : elle ne sert plus.\n\
             Ne la servez pas. Une carte trouvée se renvoie à la région.\n\
             Carte trouvée : Région Auvergne Rhône-Alpes, DJSSH - Service Jeunesse, 1 esplanade François Mitterrand, \
             CS 20033, 69269 Lyon Cedex 02 - téléphone 0810 559 559.",
            "REFUSED - This card was declared lost, stolen or replaced: it no longer works.\n\
             Do not serve it. A found card goes back to the region.\n\
             Found card: Région Auvergne Rhône-Alpes, DJSSH - Service Jeunesse, 1 esplanade François Mitterrand, \
             CS 20033, 69269 Lyon Cedex 02 - telephone 0810 559 559.",
        ),
        (
            Outcome::Refused(refused(Refusal::Busy)),
            "À REFAIRE - Le terminal ou le lecteur est occupé.\nAttendez un instant, puis recommencez.",
            "TRY AGAIN - The terminal or the reader is busy.\nWait a moment, then try again.",
        ),
        (
            Outcome::Refused(sale::Refused { card: Some(fake::card()), ..refused(Refusal::SaleInDoubt) }),
            "EN DOUTE - On ne sait pas encore si la carte a été débitée.\n\
             Représentez la même carte : rien ne sera débité deux fois.\nCarte 9250 .... .... 0008",
            "IN DOUBT - It is not known yet whether the card was debited.\n\
             Present the same card again: nothing is debited twice.\nCard 9250 .... .... 0008",
        ),
    ]);
}

#[test]
fn what_is_undone_given_up_or_quoted() {
    let undone = |returned, tender: Tenders| sale::Undone {
        entry: Sequence::new(13),
        debit: Sequence::new(12),
        card: fake::card(),
        returned: cents(returned),
        tender,
    };
    let mixed = Tenders::Parts(Parts::new([(Tender::Cash, cents(500)), (Tender::Tpe, cents(1050))]).unwrap());
    holds(&[
        (
            Outcome::Undone(undone(100, Tender::Cash.into())),
            "ANNULÉ - à rendre 1,00 € en espèces · vente 12 annulée par l'écriture 13 · carte 9250 .... .... 0008",
            "UNDONE - give back €1.00 in cash · sale 12 undone by entry 13 · card 9250 .... .... 0008",
        ),
        (
            Outcome::Undone(undone(0, Tender::Cheque.into())),
            "ANNULÉ - rien à rendre · vente 12 annulée par l'écriture 13 · carte 9250 .... .... 0008",
            "UNDONE - nothing to give back · sale 12 undone by entry 13 · card 9250 .... .... 0008",
        ),
        (
            Outcome::Undone(undone(1550, mixed)),
            "ANNULÉ - à rendre 5,00 € en espèces et 10,50 € sur le TPE · vente 12 annulée par l'écriture 13 · carte 9250 .... .... 0008",
            "UNDONE - give back €5.00 in cash and €10.50 on the bank terminal · sale 12 undone by entry 13 · card 9250 .... .... 0008",
        ),
        (
            Outcome::Undone(undone(100, Tender::Tpe.into())),
            "ANNULÉ - à rendre 1,00 € sur le TPE · vente 12 annulée par l'écriture 13 · carte 9250 .... .... 0008",
            "UNDONE - give back €1.00 on the bank terminal · sale 12 undone by entry 13 · card 9250 .... .... 0008",
        ),
        (
            Outcome::Refused(sale::Refused {
                due: Some(cents(1050)),
                ..sale::Refused::because(Refusal::PaymentIncomplete)
            }),
            "REFUSÉ - Le TPE n'a pris qu'une partie de ce qui est dû.\n\
             Recommencez la même vente pour le reste, encaissez le reste autrement, ou rendez ce qui a été pris.\n\
             Reste à encaisser : 10,50 €.",
            "REFUSED - The bank terminal took a part of what is due.\n\
             Repeat the same sale for the rest, take the rest otherwise, or give back what was taken.\n\
             Still to collect: €10.50.",
        ),
        (
            Outcome::UndoRequested(undone(100, Tender::Card.into())),
            "ANNULATION DEMANDÉE - à rendre 1,00 € sur la carte bancaire · vente 12 · écriture 13 · carte 9250 .... .... 0008\n\
             La carte n'a pas été modifiée : la région rendra le droit.",
            "UNDO REQUESTED - give back €1.00 to the bank card · sale 12 · entry 13 · card 9250 .... .... 0008\n\
             The card was not changed: the region gives the right back.",
        ),
        (
            Outcome::Abandoned { entry: Sequence::new(14), card: fake::card() },
            "VENTE ABANDONNÉE - écriture 14 · carte 9250 .... .... 0008\n\
             L'argent est rendu au titulaire. Si la carte avait été débitée, son droit lui reviendra.",
            "SALE GIVEN UP - entry 14 · card 9250 .... .... 0008\n\
             The holder has the money back. If the card was debited, its right will be given back.",
        ),
        (
            fake::quoted(),
            "DEVIS - Cinéma : 1 place · à encaisser 1,00 € · resterait 4 places · carte 9250 .... .... 0008",
            "QUOTE - Cinema: 1 seat · collect €1.00 · would leave 4 seats · card 9250 .... .... 0008",
        ),
    ]);
}

#[test]
fn what_lies_on_the_reader() {
    let denied = sale::Refused {
        card: Some(fake::card()),
        denial: Some(DenialReason::Broken),
        ..sale::Refused::because(Refusal::CardDenied)
    };
    let used_up = sale::BalanceView { left: 0, ..card_view().balance[0].clone() };
    let bare = sale::CardView { season: None, balance: Vec::new(), served: None, ..card_view() };
    let table = [
        (View::Idle, "Aucune carte sur le lecteur.", "No card on the reader."),
        (View::Reading, "Lecture de la carte en cours.", "The card is being read."),
        (
            View::Ready(card_view()),
            "AUTHENTIQUE - carte 9250 .... .... 0008 · saison 2026-2027\n  \
               Cinéma : reste 4 places sur 5 · utilisable ici\n  \
               Livres loisirs : reste 8,00 € sur 8,00 €\n\
             Servie ici le 22/11/2026 à 20:41 (écriture 11).",
            "GENUINE - card 9250 .... .... 0008 · season 2026-2027\n  \
               Cinema: 4 seats left of 5 · can be used here\n  \
               Leisure books: €8.00 left of €8.00\n\
             Served here on 2026-11-22 at 20:41 (entry 11).",
        ),
        (
            View::TurnedAway(denied, Some(bare)),
            "REFUSÉ - Cette carte a été déclarée perdue, volée ou remplacée : elle ne sert plus.\n\
             Ne la servez pas. Une carte trouvée se renvoie à la région.\n\
             AUTHENTIQUE - carte 9250 .... .... 0008 · aucun droit ouvert",
            "REFUSED - This card was declared lost, stolen or replaced: it no longer works.\n\
             Do not serve it. A found card goes back to the region.\n\
             GENUINE - card 9250 .... .... 0008 · no rights open",
        ),
        (
            View::Ready(sale::CardView { served: None, balance: vec![used_up], ..card_view() }),
            "AUTHENTIQUE - carte 9250 .... .... 0008 · saison 2026-2027\n  \
               Cinéma : épuisé (sur 5 places) · utilisable ici",
            "GENUINE - card 9250 .... .... 0008 · season 2026-2027\n  Cinema: used up (of 5 seats) · can be used here",
        ),
        (
            View::TurnedAway(sale::Refused::because(Refusal::NotAPass), None),
            "REFUSÉ - Cette carte n'est pas un PASS'Région.\nDemandez la carte PASS'Région.",
            "REFUSED - This card is not a PASS'Région.\nAsk for the PASS'Région card.",
        ),
        (
            View::InDoubt {
                card: fake::card(),
                collected: cents(100),
                tender: crate::domain::entry::Tender::Cash.into(),
            },
            "EN DOUTE - La carte 9250 .... .... 0008 doit être représentée · encaissé 1,00 €",
            "IN DOUBT - Card 9250 .... .... 0008 must be presented again · collected €1.00",
        ),
    ];
    for (view, french, english) in table {
        assert_eq!(card(&Card::new(&view, French), French), french);
        assert_eq!(card(&Card::new(&view, English), English), english);
    }
}

#[test]
fn how_the_terminal_is() {
    let french = |status: &till::Status| status_lines(status, French);
    assert_eq!(
        french(&fake::status()),
        "PRÊT - terminal 17 · Cinéma Le Navire · saison 2026-2027 · version 0.1.0\n\
         Lecteur : Virtual PCD 00 00\n\
         Journal : 12 écritures · reçu par la région jusqu'à l'écriture 9 · 3 en attente (13,50 €)\n\
         Dernier échange avec la région le 21/11/2026 à 19:41\n\
         Prochain échange le 23/11/2026 à 02:41\n\
         Attention : sans échange avec la région depuis 25 h ; les ventes s'arrêtent à 72 h.\n\
         Autorisation valable jusqu'au 12/12/2026."
    );
    assert_eq!(
        status_lines(&fake::status(), English),
        "READY - terminal 17 · Cinéma Le Navire · season 2026-2027 · version 0.1.0\n\
         Reader: Virtual PCD 00 00\n\
         Ledger: 12 entries · received by the region up to entry 9 · 3 waiting (€13.50)\n\
         Last exchange with the region on 2026-11-21 at 19:41\n\
         Next exchange on 2026-11-23 at 02:41\n\
         Warning: without the region for 25 h; sales stop at 72 h.\n\
         Authorised until 2026-12-12."
    );

    let mut bad = till::Status {
        refusal: Some(Refusal::TerminalSuspended),
        in_doubt: 2,
        reader: till::ReaderState::Frozen { seconds: 12 },
        ..fake::status()
    };
    bad.exchange.exposure.waiting_entries = 2000;
    bad.exchange.standing = bad.exchange.policy.standing(&bad.exchange.exposure, EVENING);
    bad.exchange.last_error = Some(Spoken::new("la région ne répond pas", "the region does not answer"));
    let spoken = french(&bad);
    for line in [
        "PAS PRÊT - La région a suspendu ce terminal.",
        "Appelez le service PASS'Région avant toute autre vente.",
        "Le lecteur ne répond plus depuis 12 s.",
        "En doute : 2 ventes - représentez la carte.",
        "VENTES ARRÊTÉES - écritures en attente : 2000 (limite 2000). Lancez l'échange.",
        "Le dernier essai a échoué : la région ne répond pas.",
    ] {
        assert!(spoken.lines().any(|spoken| spoken == line), "{line}\n---\n{spoken}");
    }

    let over = till::Status { refusal: None, reader: fake::status().reader, ..bad };
    assert!(french(&over).starts_with("PAS PRÊT - terminal 17"));
    let mut new = fake::status();
    new.exchange.acknowledged = Sequence::new(0);
    assert!(french(&new).contains("Journal : 12 écritures · la région n'a encore rien reçu · 3 en attente"));

    let asleep = Status { running: false, ..Status::new(&fake::status(), French) };
    assert!(status(&asleep, French).starts_with("PAS PRÊT - terminal 17"));
    assert!(status(&asleep, French).contains("Le service ne tourne pas : ceci vient du journal du terminal."));
}

fn status_lines(state: &till::Status, language: Language) -> String {
    status(&Status::new(state, language), language)
}

#[test]
fn the_journal_is_one_line_an_entry() {
    let event = till::JournalLine {
        kind: "event".to_owned(),
        card: None,
        benefit: None,
        label: None,
        amount: None,
        unit: None,
        collected: cents(0),
        related: None,
        verdict: None,
        detail: Some(till::Detail::Event(TechnicalEvent::Started { version: "0.1.0".to_owned() })),
        ..fake::debit_line()
    };
    let lines = |language| Journal::new(&[fake::undo_line(), fake::debit_line(), event.clone()], language);
    assert_eq!(
        journal(&lines(French), French),
        "13 · 22/11/2026 20:42 · annulation · Cinéma · 1 place · rendu 1,00 € · carte 9250 .... .... 0008 · annule 12 · à envoyer\n\
         12 · 22/11/2026 20:41 · vente · Cinéma · 1 place · encaissé 1,00 € · carte 9250 .... .... 0008 · annulée par 13 · contestée (taken-back : Le débit a été annulé)\n\
         12 · 22/11/2026 20:41 · événement · démarrage, version 0.1.0 · reçue par la région"
    );
    assert!(
        journal(&lines(English), English)
            .starts_with("13 · 2026-11-22 20:42 · undo · Cinema · 1 seat · returned €1.00")
    );
    assert_eq!(journal(&Journal::new(&[], French), French), "Aucune écriture.");
}

#[test]
fn what_an_exchange_brought() {
    let report = |waiting, error: Option<&str>| Sync {
        exchanges: 2,
        acknowledged: 12,
        waiting,
        error: error.map(str::to_owned),
    };
    let table = [
        (
            report(0, None),
            "ÉCHANGE FAIT - 2 messages · reçu par la région jusqu'à l'écriture 12 · rien en attente",
            "EXCHANGED - 2 messages · received by the region up to entry 12 · nothing waiting",
        ),
        (
            report(3, Some("the line is down")),
            "ÉCHANGE INTERROMPU - 3 écritures en attente\nThe line is down.\n\
             Rien n'est perdu : le terminal réessaiera de lui-même.",
            "EXCHANGE BROKEN OFF - 3 entries waiting\nThe line is down.\n\
             Nothing is lost: the terminal tries again by itself.",
        ),
    ];
    for (report, french, english) in table {
        assert_eq!(sync(&report, French), french);
        assert_eq!(sync(&report, English), english);
    }
}

#[test]
fn amounts_as_people_write_them() {
    let table = [
        (0, "0,00 €", "€0.00"),
        (5, "0,05 €", "€0.05"),
        (1550, "15,50 €", "€15.50"),
        (1_234_567, "12345,67 €", "€12345.67"),
    ];
    for (cents, french, english) in table {
        assert_eq!((money(cents, French).as_str(), money(cents, English).as_str()), (french, english));
    }
    let counted = |number| (count(number, "place", "places", French), count(number, "seat", "seats", English));
    assert_eq!(counted(0), ("0 place".to_owned(), "0 seats".to_owned()));
    assert_eq!(counted(1), ("1 place".to_owned(), "1 seat".to_owned()));
    assert_eq!(counted(2), ("2 places".to_owned(), "2 seats".to_owned()));
}

#[test]
fn a_closing_as_the_partner_reads_it() {
    let mut closed = fake::closed();
    let said = |closed: &till::Closed, language| closing(&Closing::new(closed, language), language);
    assert_eq!(
        said(&closed, French),
        "CLÔTURE DE LA JOURNÉE 22/11/2026 - n° 7 · écriture 30\n\
         9 écritures, de 21 à 29 · ouverte 22/11/2026 20:41 · clôturée 22/11/2026 22:41\n  \
           Cinéma : 3 places en 3 débits\n  \
           espèces : encaissé 3,00 € (3 ventes), rendu 0,00 € (0 annulation)\n\
         Espèces : attendu 53,00 € (fonds 50,00 €), non comptées\n\
         Grand total perpétuel : 123,00 € en valeur absolue, 113,00 € net"
    );
    closed.closing.totals.benefits[0].undone = 1;
    closed.closing.totals.benefits[0].given_back = 1;
    assert!(said(&closed, French).contains("  Cinéma : 3 places en 3 débits, rendu 1 place par 1 annulation\n"));
    assert!(said(&closed, English).contains("  Cinema: 3 seats in 3 debits, 1 seat given back by 1 undo\n"));
    // A benefit of a catalogue that is no longer here.
    closed.names.clear();
    assert!(said(&closed, French).contains("  cinema : 3 en 3 débits, rendu 1 par 1 annulation\n"));
}

#[test]
fn every_kind_of_entry_has_words_here_and_on_the_page() {
    let page = include_str!("../../../till/assets/words.js");
    let kinds =
        ["debit", "reversal", "not-done", "abandoned", "undo-request", "refused", "card-read", "closing", "event"];
    let tables: Vec<_> = page.split("kinds: {").skip(1).filter_map(|after| after.split('}').next()).collect();
    assert_eq!(tables.len(), 2, "a table in French and one in English");
    for code in kinds {
        assert_ne!(state::kind(code, French), code);
        for table in &tables {
            assert!(table.contains(&format!(" {code}: '")) || table.contains(&format!(" '{code}': '")), "{code}");
        }
    }
}
