//! What a terminal counts and measures. Names begin with `pass_terminal_`.
//!
//! What always holds: labels are codes from short lists of this program; no card, no person and no address becomes one. Counters are of this process;
//! gauges are read when they are asked for.

use std::fmt;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::domain::Cents;
use crate::domain::payment::PaymentState;
use crate::domain::policy::Level;
use crate::machine::sale::Outcome;
use crate::metrics::{Coded, signed, spans, text};
use crate::till::{ReaderState, Status};
use crate::wire::exchange::Health;

use super::exchanger::ExchangeError;

/// Counters and measures of one daemon.
pub struct Metrics {
    registry: Registry,
    sales: Family<Coded, Counter>,
    refusals: Family<Coded, Counter>,
    undone: Counter,
    card: Histogram,
    commit: Histogram,
    exchanges: Family<Coded, Counter>,
    exchange: Histogram,
    reader_restarts: Counter,
    gauges: Gauges,
}

/// How the terminal is.
#[derive(Default)]
struct Gauges {
    selling: Gauge,
    readers: Gauge,
    in_doubt: Gauge,
    waiting_entries: Gauge,
    waiting_cents: Gauge,
    exchange_age: Gauge,
    deny_list_age: Gauge,
    limits: Family<Coded, Gauge>,
    certificate: Gauge,
    behind: Gauge,
    overdue: Gauge,
    day_open: Gauge,
    receipts_lost: Gauge,
    payments_unknown: Gauge,
    held_cents: Gauge,
    disk_free: Gauge,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Metrics")
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("pass_terminal");
        let mut metrics = Self {
            sales: Family::default(),
            refusals: Family::default(),
            undone: Counter::default(),
            card: spans(),
            commit: spans(),
            exchanges: Family::default(),
            exchange: spans(),
            reader_restarts: Counter::default(),
            gauges: Gauges::default(),
            registry: Registry::default(),
        };
        let m = &metrics;
        registry.register("sales", "Sales that were granted, by benefit", m.sales.clone());
        registry.register("refusals", "Requests that were refused, by reason", m.refusals.clone());
        registry.register("undone", "Sales that were undone", m.undone.clone());
        let seconds = |registry: &mut Registry, name: &str, help: &str, spans: &Histogram| {
            registry.register_with_unit(name, help, Unit::Seconds, spans.clone());
        };
        seconds(&mut registry, "card", "How long one conversation with a card took", &m.card);
        seconds(&mut registry, "ledger_commit", "How long a change of the ledger took to be durable", &m.commit);
        registry.register("exchanges", "Exchanges with the region, by how they ended", m.exchanges.clone());
        seconds(&mut registry, "exchange", "How long an exchange took, there and back", &m.exchange);
        let restarts = m.reader_restarts.clone();
        registry.register("reader_restarts", "Times that readers came back after they were away", restarts);
        m.gauges.register(&mut registry);
        metrics.registry = registry;
        metrics
    }
}

impl Gauges {
    fn register(&self, registry: &mut Registry) {
        let plain = [
            ("selling", "Whether nothing keeps the terminal from selling", &self.selling),
            ("readers", "Readers that can be used", &self.readers),
            ("in_doubt", "Sales and undos whose end is not known", &self.in_doubt),
            ("waiting_entries", "Entries that the region has not acknowledged", &self.waiting_entries),
            ("waiting_cents", "What they are worth to the partner", &self.waiting_cents),
            ("update_due", "Whether the region wants a newer version", &self.behind),
            ("update_overdue", "Whether the date is over by which it wanted that", &self.overdue),
            ("receipts_lost", "Receipts that were not printed since the start", &self.receipts_lost),
            ("payments_unknown", "Payments on the bank terminal whose end nobody knows", &self.payments_unknown),
            ("held_cents", "What the bank terminal took for sales that did not earn it", &self.held_cents),
        ];
        for (name, help, gauge) in plain {
            registry.register(name, help, gauge.clone());
        }
        let limits = "Where each part of the exposure stands: 0 within, 1 past the soft limit, 2 at the hard one";
        registry.register("limit", limits, self.limits.clone());
        let seconds = [
            ("exchange_age", "Since the region's newest answer", &self.exchange_age),
            ("deny_list_age", "Since the region made the newest deny list", &self.deny_list_age),
            ("certificate_left", "Until the terminal's certificate ends; 0 without one", &self.certificate),
            ("day_open", "Since the day was opened; 0 when it is closed", &self.day_open),
        ];
        for (name, help, gauge) in seconds {
            registry.register_with_unit(name, help, Unit::Seconds, gauge.clone());
        }
        registry.register_with_unit("disk_free", "Room for the ledger", Unit::Bytes, self.disk_free.clone());
    }

    fn set(&self, status: &Status, health: &Health) {
        let (exposure, standing) = (&status.exchange.exposure, &status.exchange.standing);
        let readers = match &status.reader {
            ReaderState::Ready(names) => names.len(),
            ReaderState::Unavailable(_) | ReaderState::Frozen { .. } => 0,
        };
        let now = status.time;
        self.selling.set(i64::from(status.refusal.is_none() && readers > 0));
        self.readers.set(signed(readers as u64));
        self.in_doubt.set(signed(status.in_doubt));
        self.waiting_entries.set(signed(exposure.waiting_entries));
        self.waiting_cents.set(signed(exposure.waiting_cents.get()));
        self.receipts_lost.set(signed(status.printer.as_ref().map_or(0, |printer| printer.lost)));
        let unknown = status.payments.iter().filter(|payment| matches!(payment.state, PaymentState::Unknown(_)));
        self.payments_unknown.set(signed(unknown.count() as u64));
        let held = status.held.iter().map(|held| held.amount).fold(Cents::ZERO, Cents::saturating_add);
        self.held_cents.set(signed(held.get()));
        self.exchange_age.set(now.seconds_since(exposure.last_exchange).into());
        self.deny_list_age.set(now.seconds_since(exposure.deny_list_made).into());
        let left = status.certificate_not_after.map_or(0, |end| end.seconds_since(now));
        self.certificate.set(left.into());
        self.behind.set(i64::from(status.update.is_some()));
        self.overdue.set(i64::from(status.update.is_some_and(|update| update.by <= now)));
        self.day_open.set(status.day_opened.map_or(0, |opened| now.seconds_since(opened)).into());
        self.disk_free.set(signed(health.disk_free_bytes));
        let levels = [
            ("offline", standing.offline),
            ("entries", standing.entries),
            ("cents", standing.cents),
            ("deny-list", standing.deny_list),
        ];
        for (code, level) in levels {
            let level = match level {
                Level::Within => 0,
                Level::Soft => 1,
                Level::Hard => 2,
            };
            self.limits.get_or_create(&Coded::new(code)).set(level);
        }
    }
}

impl Metrics {
    /// A client was answered. What was answered before is not counted again.
    pub(super) fn answered(&self, outcome: &Outcome) {
        match outcome {
            Outcome::Granted(granted) if !granted.repeated => {
                self.sales.get_or_create(&Coded::new(granted.benefit.as_str())).inc();
            }
            Outcome::Refused(refused) => {
                self.refusals.get_or_create(&Coded::new(refused.refusal.code())).inc();
            }
            Outcome::Undone(_) | Outcome::UndoRequested(_) => {
                self.undone.inc();
            }
            Outcome::Granted(_) | Outcome::Quoted(..) | Outcome::Abandoned { .. } => {}
        }
    }

    /// One conversation with a card took so long.
    pub(super) fn spoke_to_card(&self, took: Duration) {
        self.card.observe(took.as_secs_f64());
    }

    /// A change of the ledger was durable after so long.
    pub(super) fn committed(&self, took: Duration) {
        self.commit.observe(took.as_secs_f64());
    }

    /// An exchange ended so, after so long.
    pub(super) fn exchanged<T>(&self, outcome: &Result<T, ExchangeError>, took: Duration) {
        let code = match outcome {
            Ok(_) => "done",
            Err(ExchangeError::NoRegion) => "no-region",
            Err(ExchangeError::Uplink(error)) if error.is_final() => "refused",
            Err(ExchangeError::Uplink(_)) => "line",
            Err(ExchangeError::Answer(_) | ExchangeError::Apply(_)) => "answer",
            Err(
                ExchangeError::Ledger(_)
                | ExchangeError::Gone(_)
                | ExchangeError::Unopened(_)
                | ExchangeError::Crypto(_),
            ) => "ledger",
        };
        self.exchanges.get_or_create(&Coded::new(code)).inc();
        self.exchange.observe(took.as_secs_f64());
    }

    /// Readers can be used again.
    pub(super) fn readers_are_back(&self) {
        self.reader_restarts.inc();
    }

    /// Everything, with how the terminal is now.
    pub fn text(&self, status: &Status, health: &Health) -> String {
        self.gauges.set(status, health);
        text(&self.registry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::catalogue::Code;
    use crate::domain::entry::Tender;
    use crate::domain::policy::Exposure;
    use crate::domain::policy::tests::POLICY;
    use crate::domain::refusal::Refusal;
    use crate::domain::{CardNumber, EntryHash, PartnerId, RequestId, Season, Sequence, TerminalId, Timestamp};
    use crate::machine::sale::{Granted, Refused, View};
    use crate::till::ExchangeState;

    const NOW: Timestamp = Timestamp::new(1_795_891_200);

    fn granted(repeated: bool) -> Outcome {
        Outcome::Granted(Granted {
            entry: Sequence::new(3),
            card: CardNumber::parse("9250000000001238").unwrap(),
            benefit: Code::new("cinema").unwrap(),
            label: None,
            debited: 1,
            unit: None,
            due: Cents::ZERO,
            collected: Cents::ZERO,
            tender: Tender::Cash.into(),
            left: 4,
            time: NOW,
            repeated,
            served_before: None,
        })
    }

    fn status(reader: ReaderState) -> Status {
        let exposure = Exposure {
            last_exchange: NOW.minus(25 * 3600),
            deny_list_made: NOW,
            waiting_entries: 12,
            waiting_cents: Cents::from_u32(3400),
        };
        Status {
            version: "1".to_owned(),
            terminal: TerminalId::new(7),
            partner: PartnerId::new(1),
            partner_name: "Le Phare".to_owned(),
            season: Season::at(NOW),
            refusal: None,
            head: (Sequence::new(3), EntryHash::new([0; 32])),
            certificate_not_after: Some(NOW.plus(100)),
            update: None,
            in_doubt: 1,
            reader,
            printer: None,
            bank_terminal: None,
            payments: Vec::new(),
            held: vec![crate::till::HeldMoney { request: RequestId::new([5; 16]), amount: Cents::from_u32(250) }],
            day_opened: None,
            exchange: ExchangeState {
                acknowledged: Sequence::new(0),
                exposure,
                standing: POLICY.standing(&exposure, NOW),
                policy: POLICY,
                last_error: None,
                next_attempt: None,
            },
            view: View::Idle,
            time: NOW,
        }
    }

    #[test]
    fn what_happens_is_counted_and_what_is_shipped_names_it() {
        let metrics = Metrics::default();
        metrics.answered(&granted(false));
        metrics.answered(&granted(true));
        metrics.answered(&Outcome::Refused(Refused::because(Refusal::CardNotGenuine)));
        metrics.spoke_to_card(Duration::from_millis(30));
        metrics.committed(Duration::from_millis(3));
        metrics.exchanged::<()>(&Err(ExchangeError::NoRegion), Duration::from_millis(100));
        metrics.readers_are_back();
        let health = Health { version: "1".to_owned(), disk_free_bytes: 1 << 40 };
        let text = metrics.text(&status(ReaderState::Ready(vec!["ACR1252".to_owned()])), &health);
        for line in [
            "pass_terminal_sales_total{code=\"cinema\"} 1",
            "pass_terminal_refusals_total{code=\"card-not-genuine\"} 1",
            "pass_terminal_exchanges_total{code=\"no-region\"} 1",
            "pass_terminal_reader_restarts_total 1",
            "pass_terminal_selling 1",
            "pass_terminal_waiting_entries 12",
            "pass_terminal_waiting_cents 3400",
            "pass_terminal_payments_unknown 0",
            "pass_terminal_held_cents 250",
            "pass_terminal_exchange_age_seconds 90000",
            "pass_terminal_limit{code=\"offline\"} 1",
            "pass_terminal_limit{code=\"cents\"} 0",
            "pass_terminal_certificate_left_seconds 100",
            "pass_terminal_card_seconds_count 1",
            "pass_terminal_ledger_commit_seconds_count 1",
        ] {
            assert!(text.lines().any(|told| told == line), "{line}: {text}");
        }
        assert!(!text.contains("9250") && !text.contains("Phare"), "nobody is named");
        crate::metrics::tests::names_are_those_of(&text, "pass_terminal_");
        let frozen = metrics.text(&status(ReaderState::Frozen { seconds: 9 }), &health);
        assert!(frozen.contains("pass_terminal_selling 0\n") && frozen.contains("pass_terminal_readers 0\n"));
    }
}
