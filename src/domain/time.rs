//! Instants and seasons. A season begins and ends on 1 June at 00:00 in Paris (R2).

use std::fmt;

/// Seconds since 1970-01-01 00:00 UTC, as cards and certificates carry them (`u32`: until February 2106).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u32);

impl Timestamp {
    /// 1970-01-01 00:00 UTC.
    pub const EPOCH: Self = Self(0);

    /// Wraps Unix seconds.
    pub const fn new(unix_seconds: u32) -> Self {
        Self(unix_seconds)
    }

    /// Unix seconds.
    pub const fn get(self) -> u32 {
        self.0
    }

    /// `seconds` later, at most the last instant that can be written.
    pub const fn plus(self, seconds: u32) -> Self {
        Self(self.0.saturating_add(seconds))
    }

    /// `seconds` earlier, at least the epoch.
    pub const fn minus(self, seconds: u32) -> Self {
        Self(self.0.saturating_sub(seconds))
    }

    /// Reads what [`Display`](fmt::Display) writes, and nothing else.
    pub fn parse(text: &str) -> Option<Self> {
        let number = |place: std::ops::Range<usize>| text.get(place)?.parse::<i64>().ok();
        let days = days_from_civil(number(0..4)?, number(5..7)?, number(8..10)?);
        let seconds = days * 86_400 + number(11..13)? * 3600 + number(14..16)? * 60 + number(17..19)?;
        let read = Self(u32::try_from(seconds).ok()?);
        // A 13th month, a sign, another separator: such a text is not what the instant that was read prints.
        (read.to_string() == text).then_some(read)
    }

    /// How many seconds `earlier` lies before this; 0 when it does not.
    pub const fn seconds_since(self, earlier: Self) -> u32 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, second) = (i64::from(self.0) / 86_400, self.0 % 86_400);
        let (year, month, day) = civil_from_days(days);
        let (h, m, s) = (second / 3600, second / 60 % 60, second % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{h:02}:{m:02}:{s:02}Z")
    }
}

/// The year of a season's 1 June: 2017 is 1 June 2017 00:00 to 1 June 2018 00:00 (excluded), Europe/Paris.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Season(u16);

impl Season {
    /// The season that begins in `year`.
    pub const fn new(year: u16) -> Self {
        Self(year)
    }

    /// The year of its 1 June.
    pub const fn get(self) -> u16 {
        self.0
    }

    /// The season after this one.
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The season that `now` lies in.
    pub fn at(now: Timestamp) -> Self {
        // The year of Paris and that of UTC differ only around New Year, far from 1 June.
        let (year, _, _) = civil_from_days(i64::from(now.0) / 86_400);
        let this = Self(u16::try_from(year).unwrap_or(u16::MAX));
        if now >= this.begins() { this } else { Self(this.0.saturating_sub(1)) }
    }

    /// Its first instant: 1 June 00:00 in Paris. Summer time is in force on every 1 June since 1976, two hours ahead of UTC,
    /// so this is 31 May 22:00 UTC. Should the law end summer time, this is the one line that changes; a test
    /// holds it against the time zone database for every year that a timestamp can express.
    pub fn begins(self) -> Timestamp {
        let seconds = days_from_civil(i64::from(self.0), 6, 1) * 86_400 - 2 * 3600;
        Timestamp(u32::try_from(seconds.max(0)).unwrap_or(u32::MAX))
    }

    /// The first instant after it.
    pub fn ends(self) -> Timestamp {
        self.next().begins()
    }

    /// Whether `now` lies in it.
    pub fn contains(self, now: Timestamp) -> bool {
        self.begins() <= now && now < self.ends()
    }
}

/// `2026-2027`, as people say it.
impl fmt::Display for Season {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.0, self.next().0)
    }
}

/// A date of the counter's calendar (Europe/Paris).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    year: u16,
    month: u8,
    day: u8,
}

impl Date {
    /// A date that exists.
    pub fn new(year: u16, month: u8, day: u8) -> Option<Self> {
        let date = Self { year, month, day };
        // A 31 November is another day when it is counted.
        let counted = civil_from_days(days_from_civil(year.into(), month.into(), day.into()));
        ((1..=12).contains(&month) && counted == (year.into(), month.into(), day.into())).then_some(date)
    }

    /// The date in Paris at `now`: an hour ahead of UTC, and two from the last Sunday of March to the last Sunday of October, each time from
    /// 01:00 UTC (directive 2000/84/EC). A test holds it against the time zone database.
    pub fn at(now: Timestamp) -> Self {
        Self::and_clock(now).0
    }

    /// The date in Paris at `now`, and hour and minute of the clock on the wall.
    pub fn and_clock(now: Timestamp) -> (Self, u8, u8) {
        let (year, _, _) = civil_from_days(i64::from(now.0) / 86_400);
        let change = |month| (last_sunday(year, month) * 86_400) + 3600;
        let second = i64::from(now.0);
        let hours = if (change(3)..change(10)).contains(&second) { 2 } else { 1 };
        let local = second + hours * 3600;
        let small = |number: i64| u8::try_from(number).unwrap_or(0);
        (Self::of_day(local / 86_400), small(local % 86_400 / 3600), small(local % 3600 / 60))
    }

    fn of_day(days: i64) -> Self {
        let (year, month, day) = civil_from_days(days);
        let small = |number: i64| u8::try_from(number).unwrap_or(u8::MAX);
        Self { year: u16::try_from(year).unwrap_or(u16::MAX), month: small(month), day: small(day) }
    }

    /// The day after.
    #[must_use]
    pub fn next(self) -> Self {
        Self::of_day(days_from_civil(self.year.into(), self.month.into(), self.day.into()) + 1)
    }

    /// The year.
    pub const fn year(self) -> u16 {
        self.year
    }

    /// The month, from 1.
    pub const fn month(self) -> u8 {
        self.month
    }

    /// The day, from 1.
    pub const fn day(self) -> u8 {
        self.day
    }
}

/// `2026-11-22`.
impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

/// The last Sunday of a month of 31 days, as days since 1970-01-01, which was a Thursday.
fn last_sunday(year: i64, month: i64) -> i64 {
    let last = days_from_civil(year, month, 31);
    last - (last + 4).rem_euclid(7)
}

/// Days since 1970-01-01 of a date in the Gregorian calendar, by counting 400-year eras from 1 March of year 0.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The inverse of [`days_from_civil`]: year, month, day.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_season_begins_on_1_june_in_paris_every_year() {
        for year in 1976..2105_u16 {
            let paris = jiff::civil::date(i16::try_from(year).unwrap(), 6, 1).in_tz("Europe/Paris").unwrap();
            let expected = u32::try_from(paris.timestamp().as_second()).unwrap();
            let season = Season::new(year);
            assert_eq!(season.begins().get(), expected, "{year}");
            assert_eq!(Season::at(Timestamp::new(expected)), season);
            assert_eq!(Season::at(Timestamp::new(expected - 1)), Season::new(year - 1));
        }
    }

    #[test]
    fn a_date_is_that_of_paris() {
        let zone = jiff::tz::TimeZone::get("Europe/Paris").unwrap();
        // Since 1996 summer time ends in October. Every 6 h 7 min, so that the changes are met from both sides.
        for second in (820_454_400..3_500_000_000_u32).step_by(22_020) {
            let zoned = jiff::Timestamp::from_second(i64::from(second)).unwrap().to_zoned(zone.clone());
            let (date, hour, minute) = Date::and_clock(Timestamp::new(second));
            let clock = zoned.strftime("%Y-%m-%d %H:%M").to_string();
            assert_eq!(format!("{date} {hour:02}:{minute:02}"), clock, "{second}");
        }
        for (wrong, good) in [
            ((2026, 11, 31), (2026, 11, 30)),
            ((2026, 2, 29), (2028, 2, 29)),
            ((2026, 13, 1), (2026, 12, 1)),
            ((2026, 1, 0), (2026, 1, 1)),
        ] {
            assert_eq!(Date::new(wrong.0, wrong.1, wrong.2), None);
            assert!(Date::new(good.0, good.1, good.2).is_some());
        }
        assert_eq!(Date::new(2026, 12, 31).unwrap().next(), Date::new(2027, 1, 1).unwrap());
    }

    #[test]
    fn an_instant_reads_as_rfc_3339() {
        for second in [0_u32, 951_782_400, 1_496_268_000, 1_709_164_799, u32::MAX] {
            let expected = jiff::Timestamp::from_second(i64::from(second)).unwrap();
            assert_eq!(Timestamp::new(second).to_string(), expected.to_string());
            assert_eq!(Timestamp::parse(&expected.to_string()), Some(Timestamp::new(second)));
        }
        for wrong in [
            "",
            "2026-11-22",
            "2026-11-22T10:00:00",
            "2026-11-22 10:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "2026-11-22T24:00:00Z",
            "+026-11-22T10:00:00Z",
            "1969-12-31T23:59:59Z",
            "2026-11-22T10:00:00Zé",
        ] {
            assert_eq!(Timestamp::parse(wrong), None, "{wrong}");
        }
    }
}
