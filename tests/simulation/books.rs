//! What the cashiers were told: the memory of the world outside, against which the terminals are held in the end.

use pass::domain::quote::{Quote, QuoteRequest, QuotedCard};
use pass::domain::refusal::Refusal;
use pass::domain::{RequestId, Sequence};
use pass::machine::sale::{Command, Outcome};

/// A request of a till, and every answer to it.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) id: RequestId,
    pub(crate) command: Command,
    pub(crate) told: Vec<Outcome>,
    /// It was asked again since, or for the first time, and nobody has heard what came of that.
    pub(crate) unheard: bool,
}

/// One till.
#[derive(Clone, Debug, Default)]
pub(crate) struct Till {
    pub(crate) asked: Vec<Asked>,
    /// The request that waits for its answer.
    pub(crate) waiting: Option<usize>,
    /// How often the terminal's clock had been set when it asked.
    pub(crate) clock_settings: u32,
    /// The sale that was refused last for what became of its payment, and why.
    pub(crate) unpaid: Option<(usize, Refusal)>,
    /// The newest quote that was not confirmed yet.
    pub(crate) quote: Option<(QuoteRequest, QuotedCard, Quote)>,
}

impl Till {
    /// Whether the newest answer was that nobody knows.
    pub(crate) fn was_told_of_doubt(&self) -> bool {
        let newest = self.asked.last().and_then(|asked| asked.told.last());
        matches!(newest, Some(Outcome::Refused(refused)) if refused.refusal == Refusal::SaleInDoubt)
    }

    /// The debits that it was told of.
    pub(crate) fn granted(&self) -> Vec<Sequence> {
        let told = self.asked.iter().flat_map(|asked| &asked.told);
        let entries = told.filter_map(|outcome| match outcome {
            Outcome::Granted(granted) => Some(granted.entry),
            _ => None,
        });
        entries.collect()
    }
}
