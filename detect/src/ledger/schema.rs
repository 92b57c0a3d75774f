//! The columns of every register and how their cells are checked.

use std::fmt;

use stream::Timestamp;

use super::{indicators, plain};
use crate::Problems;
use crate::calendar::{DATE_ADVICE, Day, parse_instant};
use crate::csv::{Column, Record, list};
use crate::zones::prefix;

/// A 48-bit hardware address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mac(u64);

impl Mac {
    /// Reads 12 hex digits, with or without `:`, `-` or `.` between them.
    pub fn parse(text: &str) -> Option<Mac> {
        let (mut number, mut digits) = (0_u64, 0);
        for c in text.trim().chars() {
            match c {
                ':' | '-' | '.' => {}
                c => {
                    number = number << 4 | u64::from(c.to_digit(16)?);
                    digits += 1;
                    if digits > 12 {
                        return None;
                    }
                }
            }
        }
        (digits == 12).then_some(Mac(number))
    }
}

/// As ECS writes it: `00-00-5E-00-53-23` (RFC 7042).
impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for index in (0..6).rev() {
            let byte = self.0 >> (index * 8) & 0xff;
            write!(f, "{byte:02X}{}", if index > 0 { "-" } else { "" })?;
        }
        Ok(())
    }
}

/// What a cell may hold.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Text,
    Flag,
    Addresses,
    Mac,
    Domain,
    Choice(&'static [&'static str]),
    /// A date, or a date with a time.
    Instant,
    /// The value of an indicator, by the type beside it.
    Indicator,
}

/// A column of a register.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    required: bool,
    /// Whether rows are found by its text.
    pub(super) key: bool,
}

/// From when to when a row holds.
#[derive(Clone, Copy, Debug)]
enum Holds {
    /// `valid_from` and `valid_until` at these columns: dates, the last one included.
    Dates(usize, usize),
    /// `start` and `end` at these columns.
    Instants(usize, usize),
    /// On the date in this column.
    Day(usize),
}

/// One register.
#[derive(Debug)]
pub(super) struct Spec {
    pub(super) name: &'static str,
    pub(super) columns: &'static [Known],
    holds: Holds,
}

const fn text(name: &'static str) -> Known {
    Known { name, kind: Kind::Text, required: false, key: false }
}

const fn of(kind: Kind, name: &'static str) -> Known {
    Known { name, kind, required: false, key: false }
}

const fn key(known: Known) -> Known {
    Known { key: true, ..known }
}

const fn must(known: Known) -> Known {
    Known { required: true, ..known }
}

const FROM: Known = text("valid_from");
const UNTIL: Known = text("valid_until");

/// Every register.
pub(super) static LEDGERS: [Spec; 10] = [
    Spec {
        name: "accounts",
        columns: &[
            must(key(text("user"))),
            text("dept"),
            text("kind"),
            of(Kind::Flag, "privileged"),
            of(Kind::Flag, "shared"),
            text("home_terminal"),
            text("status"),
            FROM,
            UNTIL,
            of(Kind::Instant, "last_logon"),
        ],
        holds: Holds::Dates(7, 8),
    },
    Spec {
        name: "terminals",
        columns: &[
            must(key(text("host"))),
            key(of(Kind::Addresses, "ip")),
            key(of(Kind::Mac, "mac")),
            text("dept"),
            text("zone"),
            of(Kind::Choice(&["個人", "共用", "管理", "nat", "公共"]), "use"),
            FROM,
            UNTIL,
        ],
        holds: Holds::Dates(6, 7),
    },
    Spec {
        name: "sanitisers",
        columns: &[
            text("name"),
            must(key(of(Kind::Addresses, "ip"))),
            of(Kind::Choice(&["file", "mail", "screen", "browser"]), "method"),
            FROM,
            UNTIL,
        ],
        holds: Holds::Dates(3, 4),
    },
    Spec {
        name: "contractors",
        columns: &[
            must(key(text("account"))),
            text("company"),
            text("contract_no"),
            key(of(Kind::Addresses, "source")),
            FROM,
            UNTIL,
        ],
        holds: Holds::Dates(4, 5),
    },
    Spec {
        name: "work_orders",
        columns: &[
            must(key(text("id"))),
            key(text("account")),
            key(text("target")),
            of(Kind::Instant, "start"),
            of(Kind::Instant, "end"),
            text("purpose"),
        ],
        holds: Holds::Instants(3, 4),
    },
    Spec {
        name: "approved_clouds",
        columns: &[text("service"), must(key(of(Kind::Domain, "domain"))), text("owner"), FROM, UNTIL],
        holds: Holds::Dates(3, 4),
    },
    Spec {
        name: "removable_media",
        columns: &[must(key(text("serial"))), key(text("user")), text("terminal"), FROM, UNTIL],
        holds: Holds::Dates(3, 4),
    },
    Spec {
        name: "ioc",
        columns: &[
            must(of(Kind::Choice(&["ip", "cidr", "domain", "url", "hash"]), "type")),
            must(of(Kind::Indicator, "value")),
            text("category"),
            text("confidence"),
            FROM,
            UNTIL,
            text("source"),
        ],
        holds: Holds::Dates(4, 5),
    },
    Spec { name: "holidays", columns: &[must(key(text("date"))), text("name")], holds: Holds::Day(0) },
    Spec {
        name: "modes",
        columns: &[
            must(of(Kind::Choice(&["異動期", "災害"]), "mode")),
            must(of(Kind::Instant, "start")),
            of(Kind::Instant, "end"),
            text("reason"),
        ],
        holds: Holds::Instants(1, 2),
    },
];

impl Spec {
    pub(super) fn schema(&self) -> Vec<Column> {
        self.columns.iter().map(|known| Column { name: known.name, required: known.required }).collect()
    }

    /// Checks every cell of a row, and gives the instants between which the row holds.
    pub(super) fn check(&self, record: &Record<'_>, problems: &mut Problems) -> Option<(Timestamp, Timestamp)> {
        let mut good = true;
        for (index, known) in self.columns.iter().enumerate() {
            let cell = record.get(index);
            if cell.is_empty() {
                good &= !known.required || record.required(index, problems).is_some();
                continue;
            }
            let kind_word = if matches!(known.kind, Kind::Indicator) { record.get(0) } else { "" };
            if let Err((message, advice)) = check(known.kind, cell, kind_word) {
                problems.push(record.problem(index, message, advice));
                good = false;
            }
        }
        let held = self.holds(record, problems);
        held.filter(|_| good)
    }

    fn holds(&self, record: &Record<'_>, problems: &mut Problems) -> Option<(Timestamp, Timestamp)> {
        match self.holds {
            Holds::Dates(from, until) => {
                let validity = record.validity(from, until, problems)?;
                Some((validity.from.start(), after(validity.until)))
            }
            Holds::Day(place) if record.get(place).is_empty() => None,
            Holds::Day(place) => {
                let day = record.parse(place, DATE_ADVICE, problems, Day::parse)?;
                Some((day.start(), after(day)))
            }
            Holds::Instants(start, end) => {
                let read = |place: usize, open: Timestamp, is_end: bool| match record.get(place) {
                    "" => Some(open),
                    text => parse_instant(text, is_end).ok(),
                };
                let from = read(start, Timestamp::MIN, false)?;
                let until = read(end, Timestamp::MAX, true)?;
                if until <= from {
                    let message = format!("`{}` is not after `{}`", record.get(end), record.get(start));
                    problems.push(record.problem(end, message, "write an end after the start"));
                    return None;
                }
                Some((from, until))
            }
        }
    }
}

/// The end of a day; never for an open validity.
fn after(day: Day) -> Timestamp {
    if day == Day::MAX { Timestamp::MAX } else { Day(day.0 + 1).start() }
}

/// What is wrong with a filled cell, and what to write.
fn check(kind: Kind, cell: &str, indicator: &str) -> Result<(), (String, String)> {
    match kind {
        Kind::Text => Ok(()),
        Kind::Flag => match flag(cell) {
            Some(_) => Ok(()),
            None => Err((format!("`{cell}` is neither yes nor no"), "write yes or no".into())),
        },
        Kind::Addresses => list(cell).try_for_each(|item| match prefix::parse(item) {
            Ok(_) => Ok(()),
            Err(message) => Err((message, prefix::PREFIX_ADVICE.into())),
        }),
        Kind::Mac => list(cell).try_for_each(|item| match Mac::parse(item) {
            Some(_) => Ok(()),
            None => Err((format!("`{item}` is not a MAC address"), "write it like 02:00:5e:10:00:01".into())),
        }),
        Kind::Domain => match indicators::is_domain(cell) {
            true => Ok(()),
            false => Err((format!("`{cell}` is not a domain"), "write it like example.jp, without https://".into())),
        },
        Kind::Choice(choices) => match choices.contains(&&*plain(cell)) {
            true => Ok(()),
            false => Err((format!("`{cell}` is not known here"), format!("write one of {}", choices.join(", ")))),
        },
        Kind::Instant => match parse_instant(cell, false) {
            Ok(_) => Ok(()),
            Err(message) => Err((message, "write 2026-11-20 22:00 or 2026-11-20".into())),
        },
        Kind::Indicator => indicators::check(indicator, cell),
    }
}

/// Reads yes and no.
pub(super) fn flag(cell: &str) -> Option<bool> {
    Some(match &*plain(cell) {
        "yes" | "true" | "1" | "はい" | "○" | "◯" | "〇" | "有" | "あり" => true,
        "" | "no" | "false" | "0" | "いいえ" | "×" | "無" | "なし" => false,
        _ => return None,
    })
}
