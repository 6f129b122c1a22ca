//! Days in Europe/Paris, as settlements count them, whatever the machine is set to.

use std::fmt;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{ToSpan as _, Zoned};

use crate::domain::Timestamp;

/// A day of the calendar. Written as `2026-11-30`, which sorts as days do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(Date);

/// The time zone database is built in, so the name is always found.
fn paris() -> TimeZone {
    TimeZone::get("Europe/Paris").unwrap_or(TimeZone::UTC)
}

fn zoned(time: Timestamp) -> Zoned {
    // Every u32 of seconds is an instant that can be written.
    jiff::Timestamp::from_second(time.get().into()).unwrap_or_default().to_zoned(paris())
}

impl Day {
    /// Reads `2026-11-30`, of the years that a timestamp can express.
    pub fn parse(text: &str) -> Option<Self> {
        let date: Date = text.parse().ok()?;
        let day = Self(date);
        ((1970..2106).contains(&date.year()) && day.to_string() == text).then_some(day)
    }

    /// The day that `time` lies in.
    pub fn of(time: Timestamp) -> Self {
        Self(zoned(time).date())
    }

    /// The first instant after it.
    pub fn ends_at(self) -> Timestamp {
        let next = self.0.saturating_add(1.day()).to_zoned(paris());
        let second = next.map_or(i64::from(u32::MAX), |midnight| midnight.timestamp().as_second());
        Timestamp::new(u32::try_from(second.max(0)).unwrap_or(u32::MAX))
    }

    /// The first day after it that is neither a Saturday nor a Sunday. Banks move what falls on a holiday themselves.
    #[must_use]
    pub fn next_weekday(self) -> Self {
        let mut date = self.0.saturating_add(1.day());
        while date.weekday().to_monday_one_offset() > 5 {
            date = date.saturating_add(1.day());
        }
        Self(date)
    }

    /// `30/11/2026`.
    pub fn french(self) -> String {
        self.0.strftime("%d/%m/%Y").to_string()
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// The instant as local time with its offset, `2026-11-30T00:00:00+01:00`.
pub fn local_time(time: Timestamp) -> String {
    zoned(time).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_ends_at_midnight_in_paris() {
        let table = [
            ("2026-11-30", "2026-11-30T23:00:00Z"),
            ("2026-07-14", "2026-07-14T22:00:00Z"),
            ("2026-03-28", "2026-03-28T23:00:00Z"),
            ("2026-03-29", "2026-03-29T22:00:00Z"),
            ("2026-10-25", "2026-10-25T23:00:00Z"),
        ];
        for (day, ends_at) in table {
            let day = Day::parse(day).unwrap();
            assert_eq!(day.ends_at().to_string(), ends_at);
            assert_eq!(Day::of(day.ends_at().minus(1)), day);
            assert!(Day::of(day.ends_at()) > day);
        }
        for wrong in ["", "30/11/2026", "2026-11-31", "2026-11-30T00:00", "20261130", "2200-01-01"] {
            assert_eq!(Day::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn money_moves_on_weekdays() {
        for (day, next) in [("2026-11-26", "2026-11-27"), ("2026-11-27", "2026-11-30"), ("2026-11-28", "2026-11-30")] {
            assert_eq!(Day::parse(day).unwrap().next_weekday().to_string(), next);
        }
        assert_eq!(Day::parse("2026-11-30").unwrap().french(), "30/11/2026");
        assert_eq!(local_time(Timestamp::parse("2026-11-30T23:00:00Z").unwrap()), "2026-12-01T00:00:00+01:00");
    }
}
