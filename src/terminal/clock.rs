//! The clock of the counter: Unix seconds, and the local day.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use jiff::tz::TimeZone;

use crate::domain::Timestamp;

/// Where the rules of the PASS count days (R2).
pub const PARIS: &str = "Europe/Paris";

/// Reads the time. Replaced in tests and in the simulation.
pub trait Clock: Send + Sync + 'static {
    /// The wall clock.
    fn now(&self) -> Timestamp;

    /// Since some fixed instant, never stepping.
    fn since_start(&self) -> Duration;
}

/// The machine's clocks.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    started: Instant,
}

impl Default for SystemClock {
    fn default() -> Self {
        Self { started: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        Timestamp::new(u32::try_from(seconds).unwrap_or(u32::MAX))
    }

    fn since_start(&self) -> Duration {
        self.started.elapsed()
    }
}

/// The local day at the counter, numbered without gaps, and the second in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalTime {
    /// Days since 1970-01-01.
    pub day: i64,
    /// Seconds since midnight by the clock on the wall: 7200 is 02:00, also on the days when an hour is missing or twice there.
    pub second: u32,
    /// The instant of that day's midnight.
    pub midnight: Timestamp,
}

/// `time` on the wall in Paris.
pub fn paris(time: Timestamp) -> LocalTime {
    let instant = jiff::Timestamp::from_second(i64::from(time.get())).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    // The zone is in the program; UTC would only move the night's exchange and the day's limit by two hours.
    let zone = TimeZone::get(PARIS).unwrap_or(TimeZone::UTC);
    let local = instant.to_zoned(zone);
    let second = i32::from(local.hour()) * 3600 + i32::from(local.minute()) * 60 + i32::from(local.second());
    let midnight = local.start_of_day().map_or(instant, |midnight| midnight.timestamp());
    let epoch = jiff::civil::date(1970, 1, 1);
    let day = local.date().since(epoch).map_or(0, |span| i64::from(span.get_days()));
    LocalTime {
        day,
        second: u32::try_from(second).unwrap_or(0),
        midnight: Timestamp::new(u32::try_from(midnight.as_second()).unwrap_or(0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_day_begins_at_midnight_in_paris_in_summer_and_in_winter() {
        let at = |text: &str| {
            let second = text.parse::<jiff::Timestamp>().unwrap().as_second();
            Timestamp::new(u32::try_from(second).unwrap())
        };
        let table = [
            // The instant, the second of the local day, the instant of its midnight.
            ("2026-07-14T21:59:59Z", 86_399, "2026-07-13T22:00:00Z"),
            ("2026-07-14T22:00:00Z", 0, "2026-07-14T22:00:00Z"),
            ("2026-12-24T23:00:00Z", 0, "2026-12-24T23:00:00Z"),
            // 29 March 2026: 02:00 becomes 03:00.
            ("2026-03-29T01:00:00Z", 3 * 3600, "2026-03-28T23:00:00Z"),
        ];
        for (instant, second, midnight) in table {
            let local = paris(at(instant));
            assert_eq!((local.second, local.midnight), (second, at(midnight)), "{instant}");
        }
        assert_eq!(paris(at("2026-07-14T22:00:00Z")).day, paris(at("2026-07-14T21:59:59Z")).day + 1);
    }
}
