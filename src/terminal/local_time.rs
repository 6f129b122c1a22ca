//! Local time, as people at the counter say it: Europe/Paris, whatever the machine is set to (R2).

use jiff::Zoned;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::domain::Timestamp;
use crate::domain::refusal::Language;

/// The time zone of every counter. The time zone database is built in, so the name is always found.
fn paris() -> TimeZone {
    TimeZone::get("Europe/Paris").unwrap_or(TimeZone::UTC)
}

fn zoned(time: Timestamp) -> Zoned {
    // Every u32 of seconds is an instant that can be written.
    jiff::Timestamp::from_second(time.get().into()).unwrap_or_default().to_zoned(paris())
}

/// Reads `2026-11-22` and `2026-11-22T20:00` as local time, `2026-11-22T19:00:00Z` as it stands.
pub(super) fn parse(text: &str) -> Result<Timestamp, String> {
    let refused = || "write 2026-11-22, 2026-11-22T20:00 or 2026-11-22T19:00:00Z".to_owned();
    let instant = match text.parse::<jiff::Timestamp>() {
        Ok(instant) => instant,
        Err(_) => {
            let local: DateTime = text.parse().map_err(|_| refused())?;
            local.to_zoned(paris()).map_err(|_| refused())?.timestamp()
        }
    };
    u32::try_from(instant.as_second()).map(Timestamp::new).map_err(|_| refused())
}

/// `20:41`.
pub(super) fn clock(time: Timestamp) -> String {
    zoned(time).strftime("%H:%M").to_string()
}

/// `22/11/2026` in French, `2026-11-22` in English, where day and month could be exchanged.
pub(super) fn day(time: Timestamp, language: Language) -> String {
    let format = match language {
        Language::French => "%d/%m/%Y",
        Language::English => "%Y-%m-%d",
    };
    zoned(time).strftime(format).to_string()
}

/// Whether both lie in one day of the counter.
pub(super) fn same_day(one: Timestamp, other: Timestamp) -> bool {
    zoned(one).date() == zoned(other).date()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_midnight_in_paris() {
        let table = [
            ("2026-11-22", "2026-11-21T23:00:00Z"),
            ("2026-07-14", "2026-07-13T22:00:00Z"),
            ("2026-11-22T20:00", "2026-11-22T19:00:00Z"),
            ("2026-11-22T20:00:30", "2026-11-22T19:00:30Z"),
            ("2026-11-22T19:00:00Z", "2026-11-22T19:00:00Z"),
            ("2026-11-22T20:00:00+01:00", "2026-11-22T19:00:00Z"),
        ];
        for (text, expected) in table {
            assert_eq!(parse(text).map(|time| time.to_string()), Ok(expected.to_owned()), "{text}");
        }
        for wrong in ["", "hier", "22/11/2026", "2026-13-01", "1969-01-01", "2026-11-22T25:00"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_instant_is_said_in_local_time() {
        let summer = Timestamp::parse("2026-06-30T22:30:00Z").unwrap();
        assert_eq!((clock(summer), day(summer, Language::French)), ("00:30".to_owned(), "01/07/2026".to_owned()));
        assert_eq!(day(summer, Language::English), "2026-07-01");
        assert!(same_day(summer, summer.plus(23 * 3600)) && !same_day(summer, summer.minus(3600)));
    }
}
