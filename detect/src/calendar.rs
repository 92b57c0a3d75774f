//! Days, hours and holidays in Japan: what the date, `days` and `hours` cells of ledgers mean, and open or closed.
//!
//! All of it is Japan Standard Time, UTC+9 without daylight saving. A day starts at 00:00 and ends at 24:00; a validity
//! includes its last day up to 24:00, so 3/31 23:59:59.999 is in and 4/1 00:00 is out.
//!
//! `holiday` means a closed day as the Local Autonomy Act (article 4-2) counts them: Saturday, Sunday, and every date of
//! `holidays.csv`, which holds the national holidays and the body's own days (29 December to 3 January). `weekday`
//! is every other day. Hours that cross midnight belong to the day on which they start: `金`, `22:00-05:00` lasts until
//! Saturday 05:00.
//!
//! Eras: 令和 from 2019-05-01, 平成 from 1989-01-08, 昭和 from 1926-12-25. A year after an era's end (平成34年) is read
//! as if the era had gone on, because approvals signed before the change say so; a day before its start is an error.

use std::collections::BTreeMap;

use stream::Timestamp;

mod parse;

pub(crate) use parse::{DATE_ADVICE, parse_instant};

/// Seconds by which Japan is ahead of UTC.
const JST_SECONDS: i64 = 9 * 3600;
const DAY_SECONDS: i64 = 86_400;

/// A calendar day in Japan, counted from 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub i32);

impl Day {
    /// Before every day; the start of an open validity.
    pub const MIN: Day = Day(i32::MIN);
    /// After every day; the end of an open validity.
    pub const MAX: Day = Day(i32::MAX);

    /// The day with this Gregorian date, if there is one in the years 1 to 9999.
    pub fn from_date(year: i32, month: u32, day: u32) -> Option<Day> {
        let year = i16::try_from(year).ok().filter(|year| (1..=9999).contains(year))?;
        let date = jiff::civil::Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()?;
        let epoch = jiff::civil::Date::constant(1970, 1, 1);
        date.since(epoch).ok().map(|span| Day(span.get_days()))
    }

    /// Reads any of the date forms that ledgers use.
    ///
    /// # Errors
    /// What is wrong with the text, as a sentence.
    pub fn parse(text: &str) -> Result<Day, String> {
        parse::date(text)
    }

    /// The day of an instant.
    pub fn of(time: Timestamp) -> Day {
        Moment::of(time).day
    }

    /// The instant at which the day begins; the ends of the range for [`Day::MIN`] and [`Day::MAX`].
    pub fn start(self) -> Timestamp {
        Timestamp::from_seconds(i64::from(self.0) * DAY_SECONDS - JST_SECONDS)
    }

    /// 0 for Monday to 6 for Sunday.
    pub fn weekday(self) -> u32 {
        // 1970-01-01 was a Thursday.
        (i64::from(self.0) + 3).rem_euclid(7) as u32
    }

    /// The day before.
    #[must_use]
    pub fn previous(self) -> Day {
        Day(self.0.saturating_sub(1))
    }
}

/// An instant as a clock on a wall in Japan shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The day.
    pub day: Day,
    /// Seconds since the day began, below 86,400.
    pub second: u32,
}

impl Moment {
    /// What the clock shows at an instant.
    pub fn of(time: Timestamp) -> Moment {
        let seconds = time.seconds() + JST_SECONDS;
        Moment { day: Day(seconds.div_euclid(DAY_SECONDS) as i32), second: seconds.rem_euclid(DAY_SECONDS) as u32 }
    }
}

/// From the first day's 00:00 to the last day's 24:00.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Validity {
    /// First day.
    pub from: Day,
    /// Last day, included.
    pub until: Day,
}

impl Validity {
    /// Without beginning or end.
    pub const ALWAYS: Validity = Validity { from: Day::MIN, until: Day::MAX };

    /// Whether the day is within.
    pub fn contains(self, day: Day) -> bool {
        self.from <= day && day <= self.until
    }

    /// Whether some day is within both.
    pub fn overlaps(self, other: Validity) -> bool {
        self.from <= other.until && other.from <= self.until
    }
}

/// The days of a `days` cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Days(u16);

impl Days {
    const WEEKDAY: u16 = 1 << 7;
    const HOLIDAY: u16 = 1 << 8;
    /// Every day: an empty cell.
    pub const ALL: Days = Days(u16::MAX);

    /// Reads a list of `weekday`, `holiday`, `月` to `日`, joined by `;`. Empty is every day.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn parse(text: &str) -> Result<Days, String> {
        parse::days(text)
    }

    /// Whether the day is one of them.
    pub fn contains(self, day: Day, calendar: &Calendar) -> bool {
        if self == Days::ALL || self.0 & (1 << day.weekday()) != 0 {
            return true;
        }
        let kind = if calendar.is_closed_day(day) { Days::HOLIDAY } else { Days::WEEKDAY };
        self.0 & kind != 0
    }
}

/// The hours of an `hours` cell: spans of minutes of a day, the end excluded; empty is all day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hours(Box<[(u16, u16)]>);

impl Hours {
    /// Reads a list of `22:00-05:00`, joined by `;`. Empty is all day.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn parse(text: &str) -> Result<Hours, String> {
        parse::hours(text)
    }

    /// Whether the moment is within a span that started on one of the days.
    pub fn contains(&self, moment: Moment, days: Days, calendar: &Calendar) -> bool {
        if self.0.is_empty() {
            return days.contains(moment.day, calendar);
        }
        self.0.iter().any(|&(start, end)| {
            let (start, end) = (u32::from(start) * 60, u32::from(end) * 60);
            if start < end {
                (start..end).contains(&moment.second) && days.contains(moment.day, calendar)
            } else {
                (moment.second >= start && days.contains(moment.day, calendar))
                    || (moment.second < end && days.contains(moment.day.previous(), calendar))
            }
        })
    }
}

/// A body's closed days and office hours.
#[derive(Clone, Debug)]
pub struct Calendar {
    holidays: BTreeMap<Day, Box<str>>,
    office_days: Days,
    office_hours: Hours,
}

impl Default for Calendar {
    /// 平日 8:30 to 17:15, without holidays.
    fn default() -> Self {
        Calendar {
            holidays: BTreeMap::new(),
            office_days: Days(Days::WEEKDAY),
            office_hours: Hours(Box::new([(8 * 60 + 30, 17 * 60 + 15)])),
        }
    }
}

impl Calendar {
    /// Reads the `calendar` key of tenant.toml: `weekday_0830_1715`, `all_0600_2200`, or `24h`.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn parse(text: &str) -> Result<Calendar, String> {
        parse::calendar(text)
    }

    /// The same office hours with these holidays.
    #[must_use]
    pub fn with_holidays(mut self, holidays: impl IntoIterator<Item = (Day, Box<str>)>) -> Calendar {
        self.holidays = holidays.into_iter().collect();
        self
    }

    /// The holiday's name, if the day is one of `holidays.csv`.
    pub fn holiday(&self, day: Day) -> Option<&str> {
        self.holidays.get(&day).map(AsRef::as_ref)
    }

    /// Whether the day is Saturday, Sunday or a holiday (閉庁日).
    pub fn is_closed_day(&self, day: Day) -> bool {
        day.weekday() >= 5 || self.holidays.contains_key(&day)
    }

    /// Whether the instant lies in office hours (開庁時間).
    pub fn is_open(&self, time: Timestamp) -> bool {
        self.office_hours.contains(Moment::of(time), self.office_days, self)
    }
}

#[cfg(test)]
mod tests;
