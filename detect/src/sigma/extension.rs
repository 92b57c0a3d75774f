//! Our own keys of a rule, under `sekisho:`. An unknown key is refused, so that a typing mistake never turns a page off.
//!
//! `docs/rules.md` says what each key means, `docs/rules.schema.json` is their JSON schema; a test holds the schema
//! against these structs. Durations: a number and s, m, h, d or w (`10m`); at most 366 days.

use std::collections::BTreeMap;

use rsigma_parser::Timespan;
use serde::{Deserialize, Deserializer};
use yaml_serde::Value;

/// What stands under `sekisho:`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Extension {
    #[serde(default)]
    pub(crate) title: String,
    #[serde(default)]
    pub(crate) usecase: Vec<String>,
    #[serde(default)]
    pub(crate) page: bool,
    #[serde(default)]
    pub(crate) what: String,
    #[serde(default)]
    pub(crate) why: String,
    #[serde(default)]
    pub(crate) first: String,
    #[serde(default)]
    pub(crate) clause: String,
    /// Only for tenants that ask for it (`rules_on_extra`).
    #[serde(default)]
    pub(crate) off: bool,
    #[serde(default, deserialize_with = "one_or_many")]
    pub(crate) ledger: Vec<LedgerKey>,
    pub(crate) ioc: Option<IocKey>,
    pub(crate) calendar: Option<CalendarKey>,
    pub(crate) first_seen: Option<FirstSeenKey>,
    pub(crate) baseline: Option<BaselineKey>,
    pub(crate) beacon: Option<BeaconKey>,
    pub(crate) suppress: Option<SuppressKey>,
    pub(crate) absence: Option<AbsenceKey>,
    /// The rule is set off by full tables of other rules, not by events.
    pub(crate) overflow: Option<Overflow>,
    /// How many groups a correlation or a suppression keeps.
    pub(crate) groups: Option<u32>,
}

/// `sekisho.overflow`: what went from a full table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Overflow {
    /// Groups below half their threshold, or whose alert was raised already.
    Evicted,
    /// Groups at half their threshold or more.
    Lost,
}

impl Extension {
    /// The first key it has that only detection rules take.
    pub(crate) fn of_detection_rules(&self) -> Option<&'static str> {
        let keys = [
            ("ledger", !self.ledger.is_empty()),
            ("ioc", self.ioc.is_some()),
            ("calendar", self.calendar.is_some()),
            ("first_seen", self.first_seen.is_some()),
            ("baseline", self.baseline.is_some()),
            ("beacon", self.beacon.is_some()),
            ("suppress", self.suppress.is_some()),
            ("absence", self.absence.is_some()),
            ("overflow", self.overflow.is_some()),
        ];
        keys.into_iter().find(|(_, has)| *has).map(|(key, _)| key)
    }
}

/// One entry of `sekisho.ledger`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LedgerKey {
    pub(crate) name: String,
    /// Column to field or fields.
    pub(crate) key: BTreeMap<String, Value>,
    pub(crate) is: String,
    /// What holds for a tenant that keeps no such register.
    #[serde(default)]
    pub(crate) if_empty: bool,
    /// Column to text or texts.
    #[serde(default, rename = "where")]
    pub(crate) wanted: BTreeMap<String, Value>,
    #[serde(default, rename = "where_not")]
    pub(crate) unwanted: BTreeMap<String, Value>,
    /// Column to `register.column` of an entry before this one, whose rows must say something else.
    #[serde(default)]
    pub(crate) other_than: BTreeMap<String, String>,
}

/// `sekisho.ioc`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct IocKey {
    #[serde(default)]
    pub(crate) fields: Vec<String>,
    #[serde(default)]
    pub(crate) types: Vec<String>,
    #[serde(default, rename = "where")]
    pub(crate) wanted: BTreeMap<String, Value>,
    #[serde(default, rename = "where_not")]
    pub(crate) unwanted: BTreeMap<String, Value>,
}

/// `sekisho.calendar`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CalendarKey {
    pub(crate) office: Option<String>,
    pub(crate) days: Option<String>,
    pub(crate) hours: Option<String>,
    pub(crate) is: Option<String>,
    #[serde(default)]
    pub(crate) modes: Vec<String>,
    #[serde(default)]
    pub(crate) not_modes: Vec<String>,
}

/// `sekisho.first_seen`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FirstSeenKey {
    pub(crate) by: Vec<String>,
    pub(crate) ttl: Option<Span>,
    pub(crate) learn: Option<Span>,
    pub(crate) again: Option<Span>,
}

/// `sekisho.baseline`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BaselineKey {
    pub(crate) by: Vec<String>,
    pub(crate) sum: Option<String>,
    pub(crate) factor: f64,
    pub(crate) over: Option<String>,
    pub(crate) min: f64,
    pub(crate) learn: Option<Span>,
}

/// `sekisho.beacon`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BeaconKey {
    pub(crate) by: Vec<String>,
    pub(crate) intervals: Option<usize>,
    pub(crate) jitter: Option<f64>,
    pub(crate) min: Option<Span>,
    pub(crate) max: Option<Span>,
    pub(crate) sources_max: Option<usize>,
}

/// `sekisho.suppress`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SuppressKey {
    #[serde(default)]
    pub(crate) by: Vec<String>,
    #[serde(rename = "for")]
    pub(crate) quiet: Span,
    /// So many alerts before the summary; without it the first alert takes all further matches.
    pub(crate) first: Option<u64>,
}

/// `sekisho.absence`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AbsenceKey {
    pub(crate) silence: Option<Silence>,
    /// The rule whose matches are missed.
    pub(crate) without: Option<String>,
    #[serde(default)]
    pub(crate) by: Vec<String>,
    #[serde(default)]
    pub(crate) by_without: Vec<String>,
    pub(crate) before: Option<Span>,
    pub(crate) after: Option<Span>,
}

/// How long a source may be silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) enum Silence {
    /// As long as the source itself declares (`silence_after`); sources that declare nothing are not judged.
    Declared,
    /// So many nanoseconds, unless the source declares its own.
    Nanos(i64),
}

/// A duration in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Span(pub(crate) i64);

const SPAN_SECONDS_MAX: u64 = 366 * 86_400;

impl TryFrom<String> for Span {
    type Error = String;

    fn try_from(text: String) -> Result<Span, String> {
        match Timespan::parse(&text) {
            Ok(span) if (1..=SPAN_SECONDS_MAX).contains(&span.seconds) => {
                Ok(Span(span.seconds as i64 * stream::NANOS_PER_SECOND))
            }
            _ => Err(format!("`{text}` is not a duration from 1s to 366d; write a number and s, m, h, d or w (10m)")),
        }
    }
}

impl TryFrom<String> for Silence {
    type Error = String;

    fn try_from(text: String) -> Result<Silence, String> {
        if text == "declared" { Ok(Silence::Declared) } else { Span::try_from(text).map(|span| Silence::Nanos(span.0)) }
    }
}

/// A list, or one entry of it by itself.
fn one_or_many<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<LedgerKey>, D::Error> {
    let entries = match Value::deserialize(from)? {
        Value::Sequence(entries) => entries,
        one => vec![one],
    };
    entries.into_iter().map(|entry| yaml_serde::from_value(entry).map_err(serde::de::Error::custom)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_key() {
        let text = "title: t\nusecase: [X01]\npage: true\nwhat: a\nwhy: b\nfirst: c\nclause: d\nsuppress: {by: [source.ip], \
                    for: 10m}\nabsence: {silence: 15m}\n";
        let extension: Extension = yaml_serde::from_str(text).unwrap();
        assert_eq!(extension.suppress.unwrap().quiet, Span(600 * stream::NANOS_PER_SECOND));
        assert_eq!(extension.absence.unwrap().silence, Some(Silence::Nanos(900 * stream::NANOS_PER_SECOND)));
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        for text in [
            "pages: true",
            "suppress: {for: soon}",
            "suppress: {by: [a], for: 10m, x: 1}",
            "absence: {silence: 0s}",
            "ledger: {name: accounts, key: {user: user.name}, is: in, on: x}",
            "beacon: {by: [a], jitters: 1}",
        ] {
            assert!(yaml_serde::from_str::<Extension>(text).is_err(), "{text}");
        }
    }

    /// The keys that a struct reads, from what it says of one that it does not know.
    fn keys<T: serde::de::DeserializeOwned + std::fmt::Debug>() -> Vec<String> {
        let message = yaml_serde::from_str::<T>("zzz: 1").unwrap_err().to_string();
        let mut keys: Vec<String> = message.split('`').skip(3).step_by(2).map(str::to_owned).collect();
        keys.sort_unstable();
        keys
    }

    #[test]
    fn the_schema_in_docs_has_the_same_keys() {
        let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/rules.schema.json");
        let schema: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        for (place, keys) in [
            ("", keys::<Extension>()),
            ("/$defs/ledger", keys::<LedgerKey>()),
            ("/properties/ioc", keys::<IocKey>()),
            ("/properties/calendar", keys::<CalendarKey>()),
            ("/properties/first_seen", keys::<FirstSeenKey>()),
            ("/properties/baseline", keys::<BaselineKey>()),
            ("/properties/beacon", keys::<BeaconKey>()),
            ("/properties/suppress", keys::<SuppressKey>()),
            ("/properties/absence", keys::<AbsenceKey>()),
        ] {
            let object = schema.pointer(place).unwrap();
            let mut named: Vec<String> = object["properties"].as_object().unwrap().keys().cloned().collect();
            named.sort_unstable();
            assert_eq!(named, keys, "{place}");
            assert_eq!(object["additionalProperties"], false, "{place}");
        }
    }
}
