//! Names of indices: a pure function of tenant and day of receipt, so that what is sent again lands where it was.
//!
//! `PREFIX-events-TENANT-YYYY.MM.DD-Nd`: the first day of the period and how many days it has. A tenant's name is written with a-z, 0-9 and `-`; every other
//! byte is `_` and two hexadecimal digits, and a name longer than [`TENANT_BYTES_MAX`] is `_h` and a digest. So no two tenants
//! share a name, and no name holds what the engine gives a meaning to (`*`, `,`, `/`).

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};
use stream::{NANOS_PER_SECOND, Timestamp};

/// The longest written tenant.
const TENANT_BYTES_MAX: usize = 150;
const DAY: i64 = 86_400 * NANOS_PER_SECOND;
/// Bytes of `YYYY.MM.DD`.
const DATE_BYTES: usize = 10;

/// How indices are named.
#[derive(Clone, Debug)]
pub(super) struct Names {
    prefix: String,
    days: i64,
}

impl Names {
    pub(super) fn new(prefix: &str, days: u32) -> Names {
        Names { prefix: prefix.to_owned(), days: i64::from(days.max(1)) }
    }

    /// The index of positions and of what retention removed.
    pub(super) fn state(&self) -> String {
        format!("{}-state", self.prefix)
    }

    /// The template, and what its pattern begins with.
    pub(super) fn events(&self) -> String {
        format!("{}-events", self.prefix)
    }

    /// The index of an event.
    pub(super) fn index(&self, tenant: &str, received: i64) -> String {
        let day = received.div_euclid(DAY);
        let first = day - day.rem_euclid(self.days);
        let date = Timestamp(first.saturating_mul(DAY)).to_string();
        let date = date.get(..DATE_BYTES).unwrap_or("1970-01-01").replace('-', ".");
        format!("{}{tenant}-{date}-{}d", self.start(), self.days)
    }

    /// The written tenant of an index, and the end of its period in nanoseconds; none when it is not one of ours.
    pub(super) fn parts<'a>(&self, index: &'a str) -> Option<(&'a str, i64)> {
        let (rest, days) = index.strip_prefix(&self.start())?.strip_suffix('d')?.rsplit_once('-')?;
        let days: i64 = days.parse().ok()?;
        let at = rest.len().checked_sub(DATE_BYTES)?;
        let (tenant, date) = (rest.get(..at)?, rest.get(at..)?);
        let tenant = tenant.strip_suffix('-')?;
        let date: jiff::civil::Date = date.replace('.', "-").parse().ok()?;
        let first =
            date.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second().saturating_mul(NANOS_PER_SECOND);
        Some((tenant, first.saturating_add(days.saturating_mul(DAY))))
    }

    fn start(&self) -> String {
        format!("{}-events-", self.prefix)
    }
}

/// A tenant as it stands in names and in filters.
pub(super) fn written(tenant: &str) -> String {
    let mut written = String::with_capacity(tenant.len());
    for byte in tenant.bytes() {
        if byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' {
            written.push(char::from(byte));
        } else {
            written.push('_');
            hexadecimal(byte, &mut written);
        }
    }
    if written.len() <= TENANT_BYTES_MAX {
        return written;
    }
    let mut digest = String::from("_h");
    Sha256::digest(tenant.as_bytes()).iter().for_each(|byte| hexadecimal(*byte, &mut digest));
    digest
}

fn hexadecimal(byte: u8, out: &mut String) {
    let wrote = write!(out, "{byte:02x}");
    debug_assert!(wrote.is_ok(), "writing to memory cannot fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_and_distinct() {
        let names = Names::new("sekisho", 7);
        let at = Timestamp::parse_rfc3339("2026-11-29T12:00:00Z").unwrap().0;
        let index = |tenant: &str| names.index(&written(tenant), at);
        assert_eq!(index("alpha-town"), "sekisho-events-alpha-town-2026.11.26-7d");
        assert_eq!(names.index("a", at), names.index("a", at + 3 * DAY));
        assert_ne!(names.index("a", at), names.index("a", at + 4 * DAY));
        let tenants =
            ["", "a", "A", "_41", "a-", "a-2026.11.26", "a*", "a,b", "../x", "甲府市", "a b", &"x".repeat(151)];
        let mut seen = std::collections::BTreeSet::new();
        for tenant in tenants {
            let index = index(tenant);
            assert!(
                index.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b)),
                "{index}"
            );
            assert!(index.len() < 240);
            let (found, end) = names.parts(&index).unwrap();
            assert_eq!((found, end > at), (written(tenant).as_str(), true), "{tenant}");
            assert!(seen.insert(index));
        }
        assert_eq!(names.parts("sekisho-events-a"), None);
        assert_eq!(names.parts("other-events-a-2026.11.26-7d"), None);
        // A period of another length keeps its own end.
        let (_, end) = Names::new("sekisho", 30).parts(&index("a")).unwrap();
        assert_eq!(end, names.parts(&index("a")).unwrap().1);
        assert_eq!(names.parts("sekisho-state"), None);
        for time in [i64::MIN, i64::MAX, -1] {
            assert!(names.parts(&names.index("a", time)).is_some(), "{time}");
        }
    }
}
