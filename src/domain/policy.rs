//! How long and how far a terminal may sell without the region (decision 11: signed by the region, soft limits warn,
//! hard limits refuse).

use super::money::Cents;
use super::refusal::Refusal;
use super::time::Timestamp;

/// A limit that warns and one that refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit<T> {
    /// From here on the terminal warns.
    pub soft: T,
    /// From here on the terminal refuses.
    pub hard: T,
}

impl<T: PartialOrd> Limit<T> {
    fn level(&self, value: &T) -> Level {
        if *value >= self.hard {
            Level::Hard
        } else if *value >= self.soft {
            Level::Soft
        } else {
            Level::Within
        }
    }
}

/// Where a value stands against its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Below both limits.
    Within,
    /// At or past the soft limit.
    Soft,
    /// At or past the hard limit.
    Hard,
}

/// What the region allows a terminal to do without it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Grows with each change.
    pub version: u32,
    /// Hours since the last exchange.
    pub offline_hours: Limit<u32>,
    /// Entries that the region has not acknowledged.
    pub waiting_entries: Limit<u64>,
    /// What these entries are worth to the partner.
    pub waiting_cents: Limit<Cents>,
    /// Hours since the region made the newest deny list that the terminal has.
    pub deny_list_hours: Limit<u32>,
    /// Whether the terminal holds the entitlements of all cards, or of those that it has seen.
    pub all_entitlements: bool,
}

/// How far a terminal is from the region, now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exposure {
    /// The region's time in its newest answer.
    pub last_exchange: Timestamp,
    /// When the region made the newest feed page that the terminal has applied.
    pub deny_list_made: Timestamp,
    /// Entries that the region has not acknowledged.
    pub waiting_entries: u64,
    /// What these entries are worth to the partner.
    pub waiting_cents: Cents,
}

/// Where each part of an exposure stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Hours since the last exchange.
    pub offline: Level,
    /// Entries waiting.
    pub entries: Level,
    /// Cents waiting.
    pub cents: Level,
    /// Age of the deny list.
    pub deny_list: Level,
}

impl Policy {
    /// Where `exposure` stands at `now`.
    pub fn standing(&self, exposure: &Exposure, now: Timestamp) -> Standing {
        let hours_since = |then| now.seconds_since(then) / 3600;
        Standing {
            offline: self.offline_hours.level(&hours_since(exposure.last_exchange)),
            entries: self.waiting_entries.level(&exposure.waiting_entries),
            cents: self.waiting_cents.level(&exposure.waiting_cents),
            deny_list: self.deny_list_hours.level(&hours_since(exposure.deny_list_made)),
        }
    }
}

impl Standing {
    /// The refusal that a hard limit gives: too long before too much, as the list of refusals has it.
    pub fn refusal(&self) -> Option<Refusal> {
        if self.offline.max(self.deny_list) == Level::Hard {
            Some(Refusal::OfflineTooLong)
        } else if self.entries.max(self.cents) == Level::Hard {
            Some(Refusal::OfflineTooMuch)
        } else {
            None
        }
    }

    /// The worst of the four.
    pub fn worst(&self) -> Level {
        self.offline.max(self.entries).max(self.cents).max(self.deny_list)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) const POLICY: Policy = Policy {
        version: 1,
        offline_hours: Limit { soft: 24, hard: 72 },
        waiting_entries: Limit { soft: 500, hard: 2000 },
        waiting_cents: Limit { soft: Cents::from_u32(200_000), hard: Cents::from_u32(1_000_000) },
        deny_list_hours: Limit { soft: 24, hard: 96 },
        all_entitlements: false,
    };

    #[test]
    fn soft_warns_and_hard_refuses() {
        let now = Timestamp::new(2_000_000_000);
        let hours = |h: u32| now.minus(h * 3600);
        let cents = Cents::from_u32;
        let table = [
            (hours(0), hours(0), 0, cents(0), Level::Within, None),
            (hours(24), hours(0), 0, cents(0), Level::Soft, None),
            (hours(72), hours(0), 0, cents(0), Level::Hard, Some(Refusal::OfflineTooLong)),
            (hours(0), hours(95), 0, cents(0), Level::Soft, None),
            (hours(0), hours(96), 0, cents(0), Level::Hard, Some(Refusal::OfflineTooLong)),
            (hours(0), hours(0), 1999, cents(0), Level::Soft, None),
            (hours(0), hours(0), 2000, cents(0), Level::Hard, Some(Refusal::OfflineTooMuch)),
            (hours(0), hours(0), 0, cents(1_000_000), Level::Hard, Some(Refusal::OfflineTooMuch)),
            (hours(73), hours(0), 2000, cents(0), Level::Hard, Some(Refusal::OfflineTooLong)),
        ];
        for (last_exchange, deny_list_made, waiting_entries, waiting_cents, worst, refusal) in table {
            let exposure = Exposure { last_exchange, deny_list_made, waiting_entries, waiting_cents };
            let standing = POLICY.standing(&exposure, now);
            assert_eq!((standing.worst(), standing.refusal()), (worst, refusal), "{exposure:?}");
        }
    }
}
