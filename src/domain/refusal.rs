//! Why a redemption is refused: one flat list in order of precedence, a stable code for programs, a sentence and the next
//! step for people, in French and in English.

use std::fmt;

/// Where a found card goes (R9).
pub const FOUND_CARDS_ADDRESS: &str = "Région Auvergne Rhône-Alpes, DJSSH - Service Jeunesse, 1 esplanade François Mitterrand, CS 20033, 69269 Lyon Cedex 02";
/// Whom to call about a found card (R9).
pub const FOUND_CARDS_PHONE: &str = "0810 559 559";

/// The language of a sentence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// French, the language of the counter.
    #[default]
    French,
    /// English.
    English,
}

impl Language {
    /// Every language.
    pub const ALL: [Self; 2] = [Self::French, Self::English];
}

macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident $code:literal $transient:literal {
        $fr:literal; $fr_next:literal; $en:literal; $en_next:literal;
    })*) => {
        /// Why nothing was debited. The order is the precedence: of two reasons the first is given.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Refusal {
            $($(#[$doc])* $name,)*
        }

        impl Refusal {
            /// Every refusal, in order of precedence.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The stable code.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// Whether the same request may succeed by itself in a moment: "again". The others never loop.
            pub const fn transient(self) -> bool {
                match self { $(Self::$name => $transient,)* }
            }

            /// What is the matter, in one sentence.
            pub const fn sentence(self, language: Language) -> &'static str {
                match (self, language) {
                    $((Self::$name, Language::French) => $fr, (Self::$name, Language::English) => $en,)*
                }
            }

            /// What to do next, in one sentence.
            pub const fn next_step(self, language: Language) -> &'static str {
                match (self, language) {
                    $((Self::$name, Language::French) => $fr_next, (Self::$name, Language::English) => $en_next,)*
                }
            }
        }
    };
}

refusals! {
    /// The terminal has no identity yet.
    TerminalNotEnrolled "terminal-not-enrolled" false {
        "Ce terminal n'est pas encore inscrit auprès de la région.";
        "Appelez la personne qui l'installe : il faut un code d'inscription.";
        "This terminal is not enrolled with the region yet.";
        "Call whoever installs it: an enrolment code is needed.";
    }
    /// The ledger cannot be written, or cannot be trusted: nothing is sold that cannot be written.
    LedgerUnavailable "ledger-unavailable" false {
        "Le journal du terminal ne peut pas être écrit : aucune vente n'est possible.";
        "Ne prenez pas d'argent pour cette vente et appelez le support : le disque est plein ou abîmé.";
        "The terminal's ledger cannot be written: nothing can be sold.";
        "Take no money for this sale and call support: the disk is full or failing.";
    }
    /// An old copy of the ledger was restored.
    LedgerBehind "ledger-behind" false {
        "Le journal de ce terminal est une copie ancienne : il doit d'abord échanger avec la région.";
        "Branchez la ligne et lancez l'échange, ou appelez le support.";
        "This terminal's ledger is an old copy: it must first exchange with the region.";
        "Connect the line and start the exchange, or call support.";
    }
    /// The region has suspended the terminal.
    TerminalSuspended "terminal-suspended" false {
        "La région a suspendu ce terminal.";
        "Appelez le service PASS'Région avant toute autre vente.";
        "The region has suspended this terminal.";
        "Call the PASS'Région service before any other sale.";
    }
    /// The terminal has no certificate for this season that is still good.
    TerminalExpired "terminal-expired" false {
        "L'autorisation de ce terminal n'est plus valable.";
        "Branchez la ligne et lancez l'échange avec la région pour la renouveler.";
        "This terminal's authorisation is no longer valid.";
        "Connect the line and exchange with the region to renew it.";
    }
    /// The clock stands before something that is known to have happened.
    ClockUntrusted "clock-untrusted" false {
        "L'horloge du terminal est fausse : elle retarde sur des faits déjà enregistrés.";
        "Mettez l'appareil à l'heure, ou lancez l'échange avec la région.";
        "The terminal's clock is wrong: it is behind facts already recorded.";
        "Set the clock, or exchange with the region.";
    }
    /// The day has been open for too long.
    ClosingNeeded "closing-needed" false {
        "La journée est ouverte depuis plus de 24 heures : rien n'est vendu avant sa clôture.";
        "Faites clôturer la journée, puis recommencez.";
        "The day has been open for more than 24 hours: nothing is sold before it is closed.";
        "Have the day closed, then start again.";
    }
    /// Cashiers sign in on this terminal, and nobody has.
    SignInNeeded "sign-in-needed" false {
        "Personne ne s'est identifié à la caisse.";
        "Identifiez-vous avec votre code, puis recommencez.";
        "Nobody has signed in at this counter.";
        "Sign in with your PIN, then start again.";
    }
    /// What is asked is for a manager to do.
    ManagerNeeded "manager-needed" false {
        "Cette opération est réservée à un responsable.";
        "Demandez à un responsable de s'identifier.";
        "This is for a manager to do.";
        "Ask a manager to sign in.";
    }
    /// Some other card.
    NotAPass "not-a-pass" false {
        "Cette carte n'est pas un PASS'Région.";
        "Demandez la carte PASS'Région.";
        "This card is not a PASS'Région.";
        "Ask for the PASS'Région card.";
    }
    /// The card does not answer as it should.
    CardUnreadable "card-unreadable" false {
        "La carte ne répond pas correctement.";
        "Représentez-la bien à plat ; si cela se répète, la carte est à faire remplacer.";
        "The card does not answer properly.";
        "Present it again, flat; if that happens again the card needs replacing.";
    }
    /// The card left the reader too early.
    CardRemoved "card-removed" true {
        "La carte n'est pas, ou n'est plus, sur le lecteur.";
        "Présentez la carte et laissez-la jusqu'au résultat.";
        "The card is not, or no longer, on the reader.";
        "Present the card and leave it until the result.";
    }
    /// Another card, or the same card in another state, than the one that was quoted.
    CardChanged "card-changed" true {
        "Ce n'est plus la carte, ou plus l'état de la carte, pour lequel le montant a été annoncé.";
        "Recommencez la vente avec la carte présente.";
        "This is no longer the card, or the state of the card, that the amount was quoted for.";
        "Start the sale again with the card that is present.";
    }
    /// A signature does not hold, or the card's counter went back.
    CardNotGenuine "card-not-genuine" false {
        "Cette carte n'est pas authentique.";
        "Ne la servez pas : le refus est enregistré et signalé à la région.";
        "This card is not genuine.";
        "Do not serve it. The refusal is recorded and reported to the region.";
    }
    /// It is not known yet whether the card was debited.
    SaleInDoubt "sale-in-doubt" false {
        "On ne sait pas encore si la carte a été débitée.";
        "Représentez la même carte : rien ne sera débité deux fois.";
        "It is not known yet whether the card was debited.";
        "Present the same card again: nothing is debited twice.";
    }
    /// On the deny list.
    CardDenied "card-denied" false {
        "Cette carte a été déclarée perdue, volée ou remplacée : elle ne sert plus.";
        "Ne la servez pas. Une carte trouvée se renvoie à la région.";
        "This card was declared lost, stolen or replaced: it no longer works.";
        "Do not serve it. A found card goes back to the region.";
    }
    /// Blocked on its chip.
    CardBlocked "card-blocked" false {
        "Cette carte est bloquée définitivement.";
        "Ne la servez pas. Le titulaire utilise sa nouvelle carte ou appelle la région.";
        "This card is blocked for good.";
        "Do not serve it. The holder uses the new card or calls the region.";
    }
    /// The card's season is over (R2).
    NotRevalidated "not-revalidated" false {
        "Cette carte n'a pas été revalidée pour la saison en cours.";
        "Le titulaire demande la revalidation à son établissement.";
        "This card was not revalidated for the present season.";
        "The holder asks the school or training centre to revalidate it.";
    }
    /// The card's season has not begun, or nothing was granted yet.
    NotYetValid "not-yet-valid" false {
        "Les droits de cette carte ne sont pas encore ouverts.";
        "Le titulaire vérifie son compte sur le site de la région.";
        "This card's rights are not open yet.";
        "The holder checks the account on the region's site.";
    }
    /// The partner's activities have no benefit with this name, or none at all.
    NoBenefitHere "no-benefit-here" false {
        "Aucun avantage de cette carte ne s'utilise chez ce partenaire.";
        "L'avantage s'utilise chez un autre partenaire du réseau.";
        "None of this card's benefits is used at this partner.";
        "The benefit is used at another partner of the network.";
    }
    /// There is a benefit for this partner, and nothing is left of it.
    NothingLeft "nothing-left" false {
        "Il ne reste rien de cet avantage sur la carte.";
        "Le titulaire paie le plein tarif.";
        "Nothing is left of this benefit on the card.";
        "The holder pays the full price.";
    }
    /// Several benefits match: the cashier chooses.
    ChooseBenefit "choose-benefit" false {
        "Plusieurs avantages conviennent.";
        "Choisissez l'avantage à utiliser.";
        "Several benefits match.";
        "Choose the benefit to use.";
    }
    /// A benefit in euros needs the price.
    PriceNeeded "price-needed" false {
        "Il manque le prix.";
        "Tapez le prix de l'achat.";
        "The price is missing.";
        "Type the price of the purchase.";
    }
    /// The amount is 0, above what is allowed, or makes no sense for this benefit.
    AmountRefused "amount-refused" false {
        "Ce montant ou ce nombre n'est pas possible pour cet avantage.";
        "Corrigez le montant ou le nombre de places.";
        "This amount or number is not possible for this benefit.";
        "Correct the amount or the number of seats.";
    }
    /// What is said to be paid otherwise leaves nothing for the rest.
    PartsTooMuch "parts-too-much" false {
        "Les parts indiquées couvrent déjà tout ce qui est dû.";
        "Corrigez les parts, ou encaissez le tout d'une seule façon.";
        "The parts that were given cover all that is due.";
        "Correct the parts, or collect all of it in one way.";
    }
    /// Without the region for longer than it allows.
    OfflineTooLong "offline-too-long" false {
        "Ce terminal est resté trop longtemps sans échange avec la région.";
        "Branchez la ligne et lancez l'échange.";
        "This terminal has been without the region for too long.";
        "Connect the line and exchange with the region.";
    }
    /// More is waiting to be sent than the region allows.
    OfflineTooMuch "offline-too-much" false {
        "Trop de ventes attendent d'être envoyées à la région.";
        "Branchez la ligne et lancez l'échange.";
        "Too many sales wait to be sent to the region.";
        "Connect the line and exchange with the region.";
    }
    /// There is no such debit of this terminal, or it was taken back already, or no doubt to give up.
    NothingToUndo "nothing-to-undo" false {
        "Il n'y a rien à annuler : cette vente n'existe pas sur ce terminal ou est déjà annulée.";
        "Vérifiez le numéro de l'écriture dans le journal.";
        "There is nothing to undo: no such sale on this terminal, or it was undone already.";
        "Check the entry's number in the journal.";
    }
    /// A card lies in more than one reader: nobody can know whose sale it is.
    SeveralCards "several-cards" true {
        "Il y a une carte sur plus d'un lecteur : rien n'est débité.";
        "Ne laissez que la carte de la personne que vous servez.";
        "There is a card in more than one reader: nothing is debited.";
        "Leave only the card of the person you are serving.";
    }
    /// Nobody knows whether the bank terminal took the holder's money.
    PaymentUnknown "payment-unknown" false {
        "On ne sait pas si le TPE a pris l'argent.";
        "Regardez le TPE ou son ticket, et répondez : payé ou non payé. Rien n'est redemandé avant.";
        "Nobody knows whether the bank terminal took the money.";
        "Look at the bank terminal or its ticket, and say: paid or not paid. Nothing is asked again before.";
    }
    /// The bank terminal took a part of what is due.
    PaymentIncomplete "payment-incomplete" false {
        "Le TPE n'a pris qu'une partie de ce qui est dû.";
        "Recommencez la même vente pour le reste, encaissez le reste autrement, ou rendez ce qui a été pris.";
        "The bank terminal took a part of what is due.";
        "Repeat the same sale for the rest, take the rest otherwise, or give back what was taken.";
    }
    /// The bank terminal surely took no money.
    PaymentNotMade "payment-not-made" false {
        "Le TPE n'a pas pris d'argent pour cette vente.";
        "Recommencez, ou encaissez en espèces.";
        "The bank terminal took no money for this sale.";
        "Try again, or take cash.";
    }
    /// The terminal is in the middle of another sale, or the reader is not answering.
    Busy "busy" true {
        "Le terminal ou le lecteur est occupé.";
        "Attendez un instant, puis recommencez.";
        "The terminal or the reader is busy.";
        "Wait a moment, then try again.";
    }
}

impl Refusal {
    /// The refusal with this code.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|refusal| refusal.code() == code)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// Why a card is denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DenialReason {
    /// Lost by its holder.
    Lost,
    /// Stolen from its holder.
    Stolen,
    /// Broken, and replaced.
    Broken,
}

impl DenialReason {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::Stolen => "stolen",
            Self::Broken => "broken",
        }
    }

    /// Whether whoever presents the card may have found it, so that the address of R9 is shown.
    pub const fn maybe_found(self) -> bool {
        match self {
            Self::Lost | Self::Stolen => true,
            Self::Broken => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_the_published_one_in_its_order() {
        let codes: Vec<_> = Refusal::ALL.iter().map(|refusal| refusal.code()).collect();
        let published = "terminal-not-enrolled ledger-unavailable ledger-behind terminal-suspended terminal-expired \
            clock-untrusted closing-needed sign-in-needed manager-needed not-a-pass card-unreadable card-removed card-changed card-not-genuine sale-in-doubt \
            card-denied card-blocked not-revalidated not-yet-valid no-benefit-here nothing-left choose-benefit \
            price-needed amount-refused parts-too-much offline-too-long offline-too-much nothing-to-undo several-cards \
            payment-unknown payment-incomplete payment-not-made busy";
        assert_eq!(codes, published.split_whitespace().collect::<Vec<_>>());
    }

    #[test]
    fn every_refusal_says_what_and_what_to_do_in_both_languages() {
        for refusal in Refusal::ALL {
            for language in [Language::French, Language::English] {
                for sentence in [refusal.sentence(language), refusal.next_step(language)] {
                    assert!(sentence.len() > 10 && sentence.ends_with('.'), "{refusal}: {sentence}");
                }
            }
            assert_eq!(Refusal::from_code(refusal.code()), Some(*refusal));
        }
    }
}
