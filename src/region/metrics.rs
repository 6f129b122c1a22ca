//! What a server counts and measures, in the text format of OpenMetrics 1.0, which Prometheus reads. Names begin with `pass_region_`.
//!
//! What always holds: labels are route, status and codes, all of them from short lists of this program; no card, no terminal, no person and no address
//! becomes one. Counters are of this process; gauges that tell how the store is are read from it when they are asked for, so every process tells the same.

use std::fmt;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::holders::mails::MailStage;
use super::intake::Taken;
use super::store::MailCount;
use crate::domain::Timestamp;
use crate::metrics::{Coded, signed, spans, text};

/// A request that was answered. The route is the pattern that it matched, `other` for none.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    method: String,
    route: String,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    route: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Stage {
    stage: String,
}

/// Counters and measures of one process.
pub struct Metrics {
    registry: Registry,
    answered: Family<Answered, Counter>,
    seconds: Family<Route, Histogram>,
    under_way: Gauge,
    entries: Family<Coded, Counter>,
    forks: Counter,
    settled: Counter,
    settlement_failures: Counter,
    unsettled: Gauge,
    mails: Family<Stage, Gauge>,
    mail_age: Gauge,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Metrics")
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("pass_region");
        let mut metrics = Self {
            answered: Family::default(),
            seconds: Family::new_with_constructor(spans),
            under_way: Gauge::default(),
            entries: Family::default(),
            forks: Counter::default(),
            settled: Counter::default(),
            settlement_failures: Counter::default(),
            unsettled: Gauge::default(),
            mails: Family::default(),
            mail_age: Gauge::default(),
            registry: Registry::default(),
        };
        registry.register("requests", "Requests that were answered", metrics.answered.clone());
        registry.register_with_unit(
            "request",
            "How long a request took, from its header to its answer",
            Unit::Seconds,
            metrics.seconds.clone(),
        );
        registry.register("requests_under_way", "Requests that are being answered", metrics.under_way.clone());
        registry.register(
            "entries",
            "Entries that terminals sent: new, known already, or not taken for this reason",
            metrics.entries.clone(),
        );
        registry.register("forks", "Exchanges that brought a second line of a chain", metrics.forks.clone());
        registry.register("entries_judged", "Entries whose cards were judged here", metrics.settled.clone());
        registry.register(
            "judging_failures",
            "Times that judging was given up for a while, because of the store",
            metrics.settlement_failures.clone(),
        );
        registry.register("entries_unjudged", "Entries whose cards nobody has judged yet", metrics.unsettled.clone());
        registry.register("mails", "Mails in the store", metrics.mails.clone());
        registry.register_with_unit(
            "mail_oldest_waiting",
            "How long the oldest mail waits that was not sent",
            Unit::Seconds,
            metrics.mail_age.clone(),
        );
        metrics.registry = registry;
        metrics
    }
}

impl Metrics {
    /// A request has come.
    pub(super) fn asked(&self) {
        self.under_way.inc();
    }

    /// A request was answered, or its client has left.
    pub(super) fn left(&self) {
        self.under_way.dec();
    }

    pub(super) fn answered(&self, method: &str, route: Option<&str>, status: u16, took: Duration) {
        let route = route.unwrap_or("other").to_owned();
        self.seconds.get_or_create(&Route { route: route.clone() }).observe(took.as_secs_f64());
        // What is no method of ours is one line, whatever people invent.
        let known = ["GET", "HEAD", "POST", "PUT", "DELETE"].contains(&method);
        let method = if known { method } else { "other" }.to_owned();
        self.answered.get_or_create(&Answered { method, route, status }).inc();
    }

    /// An exchange brought so many entries, of which these were taken.
    pub(super) fn took(&self, sent: usize, taken: &Taken) {
        let count = |code: &str, entries: usize| {
            if entries > 0 {
                self.entries.get_or_create(&Coded::new(code)).inc_by(entries as u64);
            }
        };
        count("new", taken.new);
        match taken.halt {
            // Of what follows a halt nothing is known.
            Some(halt) => count(halt.code(), 1),
            None => count("known", sent.saturating_sub(taken.new)),
        }
        if taken.forked {
            self.forks.inc();
        }
    }

    /// The cards of so many entries were judged.
    pub(super) fn judged(&self, entries: usize) {
        self.settled.inc_by(entries as u64);
    }

    pub(super) fn judging_failed(&self) {
        self.settlement_failures.inc();
    }

    /// Everything, with how the store is `now`: how many entries wait to be judged, and its mails.
    pub fn text(&self, unjudged: u64, mails: &[MailCount], now: Timestamp) -> String {
        self.unsettled.set(signed(unjudged));
        for stage in MailStage::ALL.iter().copied() {
            let count = mails.iter().find(|mails| mails.stage == stage).map_or(0, |mails| mails.count);
            self.mails.get_or_create(&Stage { stage: stage.code().to_owned() }).set(signed(count));
        }
        let waiting = mails.iter().filter(|mails| matches!(mails.stage, MailStage::Queued | MailStage::Sending));
        let age = waiting.map(|mails| now.seconds_since(mails.oldest)).max().unwrap_or(0);
        self.mail_age.set(i64::from(age));
        text(&self.registry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::card::PublicKey;
    use crate::domain::{EntryHash, Sequence};
    use crate::wire::exchange::Head;

    #[test]
    fn what_is_shipped_names_what_is_told() {
        let metrics = Metrics::default();
        metrics.answered("GET", None, 404, Duration::from_millis(1));
        let head = Head { sequence: Sequence::new(1), hash: EntryHash::new([0; 32]) };
        metrics.took(1, &Taken { head, card_key: PublicKey([4; 65]), new: 1, halt: None, forked: false });
        crate::metrics::tests::names_are_those_of(&metrics.text(0, &[], Timestamp::new(0)), "pass_region_");
    }
}
