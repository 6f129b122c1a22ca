//! From the order of a card to the letter box: the holder, the lycée, the card bureau, and a mail for each step (R2, R3, R7).

use serde_json::json;

use super::{BOOKS, CINEMA, Story};
use crate::failure::Failure;
use crate::stage::{Card, Stage, Terminal, benefit};
use crate::tell::ms;

impl Story {
    pub(super) fn cards_are_ordered(&mut self) -> Result<(), Failure> {
        self.stage.tell.step(
            "A lycée joins, and two of its pupils order their cards",
            "Names and addresses stay with the region, apart from the ledger; cards, terminals and logs know nobody.",
        );
        let stage = &mut self.stage;
        let lycee = ["--name", "Lycée inventé du Parc", "--kind", "lycee", "--city", "Lyon"];
        let added = stage.region(&["establishment", "add"], &lycee)?.json()?;
        stage.tell.claim("the lycée is establishment", 1, &added["establishment"])?;
        let mut typed = Vec::new();
        for card in [&mut self.ines, &mut self.theo] {
            let born = &self.birth_year;
            let who = ["--given-name", card.holder, "--family-name", "Exemple", "--birth-year", born];
            let home = ["--mail", card.mail, "--street", "1 rue inventée", "--postcode", "69000", "--city", "Lyon"];
            typed = [&who[..], &home, &["--profile", "lycee", "--establishment", "1"]].concat();
            let placed = stage.region(&["holder", "order"], &typed)?.json()?;
            placed["order"].as_str().unwrap_or_default().clone_into(&mut card.order);
        }
        // EX_DATAERR
        let twice = stage.region_ends(&["--lang", "en", "holder", "order"], &typed, 65)?;
        let said = json!(twice.errors.contains(&self.theo.order));
        stage.tell.claim_that("Théo's order a second time is refused: nobody is granted twice", true, &said)?;
        for card in [&self.ines, &self.theo] {
            let mail = told(stage, card, "Votre commande de PASS’Région est enregistrée")?;
            let secret = mail.lines().find_map(|line| line.rsplit_once("code secret : ")).map(|(_, secret)| secret);
            let secret = secret.ok_or_else(|| Failure::not_understood("the mail with the secret", &mail))?;
            let what = format!("it names {}'s order, and brings a secret for the balance", card.holder);
            stage.tell.claim_that(&what, true, &json!(mail.contains(&card.order) && secret.len() == 24))?;
            // The last is Théo's, who will ask for his balance.
            secret.clone_into(&mut self.secret);
        }
        Ok(())
    }

    pub(super) fn lycee_validates(&mut self) -> Result<(), Failure> {
        self.stage.tell.step(
            "The lycée says that they are its pupils",
            "It does so over the desk's API, with a token of its own: it sees its own orders alone, and may do no more than this.",
        );
        let stage = &mut self.stage;
        let operator = ["--name", "Secrétariat", "--role", "establishment", "--establishment", "1"];
        let operator = stage.region(&["operator", "add"], &operator)?.json()?;
        let token = operator["token"].as_str();
        let path = |card: &Card, step: &str| format!("/v1/desk/orders/{}/{step}", card.order);
        let (status, _) = stage.post(&path(&self.theo, "validation"), None, &json!({}))?;
        stage.tell.claim("without a token, HTTP says", 401, &json!(status))?;
        let (status, _) = stage.post(&path(&self.theo, "sending"), token, &json!({}))?;
        stage.tell.claim("of the desk's own work, HTTP says", 403, &json!(status))?;
        for card in [&self.ines, &self.theo] {
            let (_, order) = stage.post(&path(card, "validation"), token, &json!({}))?;
            stage.tell.claim(&format!("{}'s order", card.holder), "validated", &order["stage"])?;
        }
        for card in [&self.ines, &self.theo] {
            told(stage, card, "Votre établissement a validé votre commande")?;
        }
        Ok(())
    }

    pub(super) fn cards_are_made_and_sent(&mut self) -> Result<(), Failure> {
        self.stage.tell.step(
            "Two blank chips become the cards of Inès and Théo, and are sent",
            "Each chip makes its own key, which never leaves it: from now on it signs every change of its purse.",
        );
        for card in [&mut self.ines, &mut self.theo] {
            make(&self.stage, card, &self.cinema)?;
            let seen = self.stage.inspect(card, &self.cinema)?;
            let granted = json!([benefit(&seen["slots"], CINEMA)["left"], benefit(&seen["slots"], BOOKS)["left"]]);
            let what = format!("{}'s card has 5 seats, and 8.00 EUR for books", card.holder);
            self.stage.tell.claim_that(&what, json!([5, 800]), &granted)?;
        }
        send(&mut self.stage, &[&self.ines, &self.theo])
    }
}

/// Makes the card that was ordered, and has it looked at.
pub(super) fn make(stage: &Stage, card: &mut Card, terminal: &Terminal) -> Result<(), Failure> {
    let took = stage.issue(card)?;
    let seen = stage.inspect(card, terminal)?;
    seen["card"].as_str().unwrap_or_default().clone_into(&mut card.masked);
    let holder = card.holder;
    stage.tell.fact(&format!("{holder}'s card: {}, made in {}", card.masked, ms(took)));
    stage.tell.claim_that(&format!("{holder}'s card proves to a terminal that it is genuine"), true, &seen["genuine"])
}

/// Puts cards into the post; their holders are told that they are made, and that they are under way.
pub(super) fn send(stage: &mut Stage, cards: &[&Card]) -> Result<(), Failure> {
    for card in cards {
        let order = stage.region(&["order", "sent"], &[&card.order])?.json()?;
        stage.tell.claim(&format!("{}'s order", card.holder), "sent", &order["stage"])?;
    }
    for card in cards {
        told(stage, card, "Votre carte PASS’Région est fabriquée")?;
        told(stage, card, "Votre carte PASS’Région est en route")?;
    }
    Ok(())
}

/// Waits for a mail to a holder, and shows what it is about; its text.
pub(super) fn told(stage: &mut Stage, card: &Card, subject: &str) -> Result<String, Failure> {
    let mail = stage.mails.wait_for(card.mail, subject)?;
    stage.tell.screen("mail", &format!("à {} : {subject}", card.mail));
    Ok(mail)
}
