//! The story, step by step. Each step does one thing, says why it matters, and checks what came of it by asking the programs.

mod accounts;
mod counter;
mod orders;
mod replacement;
mod setting_up;
mod settlement;

use std::path::Path;
use std::time::{Duration, Instant};

use crate::failure::Failure;
use crate::stage::{Card, Stage, Terminal};
use crate::tell::{Tell, ms};

/// The benefits that the story uses, by their codes in the catalogue.
const CINEMA: &str = "cinema";
const BOOKS: &str = "leisure-books";

/// Everybody, and what was measured. The terminals are dropped before the readers that they use.
#[derive(Debug)]
pub(crate) struct Story {
    cinema: Terminal,
    bookshop: Terminal,
    second: Terminal,
    ines: Card,
    theo: Card,
    /// Théo's second card, in the place of the lost one.
    remade: Card,
    /// What pupils of the lycée were born in.
    birth_year: String,
    /// With which Théo asks for his balance: a mail brought it.
    secret: String,
    /// How long each sale took that was granted with the card at rest on the reader.
    sales: Vec<Duration>,
    stage: Stage,
}

impl Story {
    /// Sets the stage.
    pub(crate) fn begin() -> Result<Self, Failure> {
        let stage = Stage::new()?;
        stage.tell.line(&format!(
            "PASS'Région, from the order of a card to the bank.\n\
             A region, a lycée, two cinemas, a bookshop and two holders, in {}: the three real programs, on virtual cards and readers.\n\
             A check mark is said only after a program's answer was compared; what stands after │ is a screen or a mail.\n\
             Everybody is invented.",
            stage.home()
        ));
        Ok(Self {
            cinema: stage.terminal("cinema", "cinema", 0),
            bookshop: stage.terminal("bookshop", "bookshop", 1),
            second: stage.terminal("2nd cinema", "second-cinema", 2),
            ines: stage.blank("Inès", "ines@exemple.test", "ines.card"),
            theo: stage.blank("Théo", "theo@exemple.test", "theo.card"),
            remade: stage.blank("Théo", "theo@exemple.test", "theo-2.card"),
            birth_year: String::new(),
            secret: String::new(),
            sales: Vec::new(),
            stage,
        })
    }

    /// Tells it from the beginning to the end.
    pub(crate) fn tell(&mut self) -> Result<(), Failure> {
        self.region_is_set_up()?;
        self.partners_are_enrolled()?;
        self.cards_are_ordered()?;
        self.lycee_validates()?;
        self.cards_are_made_and_sent()?;
        let first = self.seat_is_granted()?;
        self.book_is_paid_in_part()?;
        let fifth = self.line_goes_down(&first)?;
        self.card_is_pulled_out()?;
        self.seat_is_undone(&fifth)?;
        self.lost_card_is_blocked()?;
        self.everybody_exchanges()?;
        self.card_is_remade()?;
        self.balance_is_asked_for()?;
        self.books_agree()?;
        self.chains_are_verified()?;
        self.consumption_agrees()?;
        self.partners_are_paid()?;
        self.settlement_is_audited()
    }

    /// Lets everybody end, and says what was measured.
    pub(crate) fn end(mut self, told: Result<(), Failure>, begun: Instant) -> Result<(), Failure> {
        match told {
            Err(Failure::Interrupted) | Ok(()) => (),
            Err(_) => self.stage.tell.line(&format!("\nStep {} did not go as it should.", self.stage.tell.steps())),
        }
        told?;
        for terminal in [&mut self.cinema, &mut self.bookshop, &mut self.second] {
            self.stage.stop_terminal(terminal)?;
        }
        self.sales.sort_unstable();
        let median = self.sales.get(self.sales.len() / 2).copied().unwrap_or_default();
        let (tell, sales, home) = (&self.stage.tell, self.sales.len(), self.stage.home());
        let said = format!(
            "\nIt happened as told: {} steps, {} claims checked, {:.1} s.\n\
             From the cashier's command to the answer on the screen: {}, the median of {sales} sales.\n\
             Everything that was started has ended, and {home} is gone.",
            tell.steps(),
            tell.claims(),
            begun.elapsed().as_secs_f64(),
            ms(median),
        );
        drop(self);
        if Path::new(&home).exists() {
            let what = "what was made is removed at the end".to_owned();
            return Err(Failure::Claim { what, expected: format!("no {home}"), came: "it is still there".to_owned() });
        }
        Tell::default().line(&said);
        Ok(())
    }
}
