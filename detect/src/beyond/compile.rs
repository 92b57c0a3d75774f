//! From the keys of a rule to what judges events; what is wrong is named with its place and what to write instead.

use std::collections::BTreeMap;

use yaml_serde::Value;

use super::absence::Without;
use super::baseline::Baseline;
use super::beacon::{self, Beacon};
use super::calendar::Gate;
use super::first_seen::FirstSeen;
use super::ioc::{Fields, Ioc, USUAL};
use super::join::{Cells, Is, Join, Other};
use super::{Beyond, Names};
use crate::calendar::{Days, Hours};
use crate::csv::nearest;
use crate::ledger::{Column, ColumnKind, columns, names, plain};
use crate::sigma::extension::{
    AbsenceKey, BaselineKey, BeaconKey, CalendarKey, Extension, FirstSeenKey, IocKey, LedgerKey, Span,
};
use crate::sigma::{Reason, Resolver};

const DAY_NANOS: i64 = 86_400 * stream::NANOS_PER_SECOND;
const MODES: [&str; 2] = ["異動期", "災害"];
const TYPES: [&str; 5] = ["ip", "cidr", "domain", "url", "hash"];

/// Compiles the keys of a rule; none when it has none of them. `other` gives the index and the resolver of the rule
/// that an absence asks for.
pub(crate) fn compile<'p>(
    keys: &Extension,
    resolver: &Resolver<'_>,
    other: &dyn Fn(&str) -> Option<(u32, Resolver<'p>)>,
) -> Result<Option<Box<Beyond>>, Reason> {
    let beyond = Beyond {
        joins: joins(&keys.ledger, resolver)?.into(),
        ioc: keys.ioc.as_ref().map(|key| ioc(key, resolver)).transpose()?,
        calendar: keys.calendar.as_ref().map(calendar).transpose()?,
        first_seen: keys.first_seen.as_ref().map(|key| first_seen(key, resolver)).transpose()?,
        baseline: keys.baseline.as_ref().map(|key| baseline(key, resolver)).transpose()?,
        beacon: keys.beacon.as_ref().map(|key| beacon(key, resolver)).transpose()?,
        without: match &keys.absence {
            Some(key) => absence(key, resolver, other)?,
            None => None,
        },
    };
    let some = !beyond.joins.is_empty() || beyond.ioc.is_some() || beyond.calendar.is_some() || beyond.remembers();
    let watch = keys.absence.as_ref().is_some_and(|key| key.silence.is_some());
    if some && watch {
        return Err(Reason::new(
            "silence",
            "a rule of silence takes no other key that narrows it",
            "remove ledger, ioc, calendar, first_seen, baseline and beacon, or write another rule",
        ));
    }
    Ok(some.then(|| Box::new(beyond)))
}

fn fields(name: &str, resolver: &Resolver<'_>) -> Result<Names, Reason> {
    let full = || Reason::new(name, format!("no room for the field name `{name}`"), "use a shorter name");
    resolver.fields(name).ok_or_else(full)
}

fn all_fields(names: &[String], resolver: &Resolver<'_>) -> Result<Vec<Names>, Reason> {
    names.iter().map(|name| fields(name, resolver)).collect()
}

/// The fields of a key that must have at least one.
fn by(key: &str, names: &[String], resolver: &Resolver<'_>) -> Result<Vec<Names>, Reason> {
    if names.is_empty() {
        let message = format!("`{key}` names no field under `by`");
        return Err(Reason::new(key, message, "write the fields that make up a key, such as by: [source.ip]"));
    }
    all_fields(names, resolver)
}

fn one_of(token: &str, word: &str, known: &[&str]) -> Reason {
    Reason::new(token, format!("`{word}` is not known here"), format!("write one of {}", known.join(", ")))
}

/// The texts of a value: one, or a list.
fn texts(column: &str, value: &Value) -> Result<Vec<String>, Reason> {
    let text = |value: &Value| match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(flag) => Ok(if *flag { "yes" } else { "no" }.to_owned()),
        Value::Null => Ok(String::new()),
        _ => Err(Reason::new(column, format!("`{column}` holds neither a text nor a list"), "write a text or a list")),
    };
    match value {
        Value::Sequence(values) => values.iter().map(text).collect(),
        one => Ok(vec![text(one)?]),
    }
}

fn cells(
    ledger: &str,
    known: &[(&str, ColumnKind)],
    wanted: &BTreeMap<String, Value>,
    unwanted: &BTreeMap<String, Value>,
) -> Result<Cells, Reason> {
    let read = |(column, value): (&String, &Value)| {
        let kind = known.iter().find(|(name, _)| name == column).map(|(_, kind)| *kind);
        known_column(ledger, column)?;
        let mut texts: Vec<String> = texts(column, value)?.iter().map(|text| plain(text).into_owned()).collect();
        if kind == Some(ColumnKind::Flag) {
            texts = texts.iter().flat_map(|text| flag_words(text)).collect();
        }
        Ok((Column::new(ledger, column), texts))
    };
    Ok(Cells {
        wanted: wanted.iter().map(read).collect::<Result<_, _>>()?,
        unwanted: unwanted.iter().map(read).collect::<Result<_, _>>()?,
    })
}

/// Every way to write the same answer in a column of yes and no.
fn flag_words(text: &str) -> Vec<String> {
    const YES: [&str; 9] = ["yes", "true", "1", "はい", "○", "◯", "〇", "有", "あり"];
    const NO: [&str; 8] = ["", "no", "false", "0", "いいえ", "×", "無", "なし"];
    let words: &[&str] = if YES.contains(&text) { &YES } else { &NO };
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// All entries; each may be compared with those before it.
fn joins(keys: &[LedgerKey], resolver: &Resolver<'_>) -> Result<Vec<Join>, Reason> {
    let mut joins: Vec<Join> = Vec::new();
    for (at, key) in keys.iter().enumerate() {
        let mut compiled = join(key, resolver)?;
        for (column, theirs) in &key.other_than {
            let (name, theirs) = theirs.split_once('.').unwrap_or((theirs, ""));
            let before = keys[..at].iter().position(|before| before.name == name);
            let Some(before) = before.filter(|_| !theirs.is_empty()) else {
                let message = format!("`other_than` names `{name}`, which no entry before it asks");
                let advice = "write register.column of an entry above, such as dept: accounts.dept";
                return Err(Reason::new(column, message, advice));
            };
            known_column(&key.name, column)?;
            known_column(name, theirs)?;
            let (column, theirs) = (column.clone(), theirs.to_owned());
            compiled.others.push(Other { column, join: joins[before].clone(), theirs });
        }
        joins.push(compiled);
    }
    Ok(joins)
}

/// Refuses a column that is nearly one of the register's: others may be extra columns.
fn known_column(ledger: &str, column: &str) -> Result<(), Reason> {
    let Some(known) = columns(ledger) else {
        let all: Vec<&str> = names().collect();
        return Err(one_of(ledger, ledger, &all));
    };
    let near = nearest(column, known.iter().map(|(name, _)| *name));
    match near.filter(|_| !known.iter().any(|(name, _)| *name == column)) {
        None => Ok(()),
        Some(near) => {
            let message = format!("{ledger}.csv has no column `{column}`");
            Err(Reason::new(column, message, format!("write {near}")))
        }
    }
}

fn join(key: &LedgerKey, resolver: &Resolver<'_>) -> Result<Join, Reason> {
    let (Some(known), Some(ledger)) = (columns(&key.name), names().position(|name| name == key.name)) else {
        let all: Vec<&str> = names().collect();
        return Err(one_of(&key.name, &key.name, &all));
    };
    let is = match key.is.as_str() {
        "in" => Is::In,
        "not_in" => Is::NotIn,
        "valid" => Is::Valid,
        "not_valid" => Is::NotValid,
        "expired" => Is::Expired,
        word => return Err(one_of(word, word, &["in", "not_in", "valid", "not_valid", "expired"])),
    };
    let mut columns = Vec::new();
    for (column, value) in &key.key {
        if !known.iter().any(|(name, _)| name == column) {
            let all: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
            return Err(one_of(column, column, &all));
        }
        let mut all = Names::new();
        for name in texts(column, value)? {
            all.extend(fields(&name, resolver)?);
        }
        columns.push((column.clone(), all));
    }
    let is_key = |column: &str| known.iter().any(|(name, kind)| *name == column && *kind == ColumnKind::Key);
    let Some(first) = columns.iter().position(|(column, _)| is_key(column)) else {
        let keys: Vec<&str> =
            known.iter().filter(|(_, kind)| *kind == ColumnKind::Key).map(|(name, _)| *name).collect();
        let message = format!("`key` names no column by which rows of {}.csv are found", key.name);
        let advice = match keys.is_empty() {
            true => "use the key `ioc`, `calendar` or `modes` for this register".to_owned(),
            false => format!("name one of {}", keys.join(", ")),
        };
        return Err(Reason::new("key:", message, advice));
    };
    let (first, names) = columns.remove(first);
    let first = (Column::new(&key.name, &first), names);
    let cells = cells(&key.name, &known, &key.wanted, &key.unwanted)?;
    Ok(Join { ledger, first, more: columns, is, cells, others: Vec::new(), if_empty: key.if_empty })
}

fn ioc(key: &IocKey, resolver: &Resolver<'_>) -> Result<Ioc, Reason> {
    if let Some(kind) = key.types.iter().find(|kind| !TYPES.contains(&kind.as_str())) {
        return Err(one_of(kind, kind, &TYPES));
    }
    // Every build knows this register; one that did not could not judge the rule.
    let known = columns("ioc").ok_or_else(|| Reason::new("ioc", "there is no register ioc.csv", "remove `ioc`"))?;
    let fields = match key.fields.is_empty() {
        true => Fields::new(&USUAL),
        false => Fields::new(&all_fields(&key.fields, resolver)?.concat()),
    };
    Ok(Ioc { fields, types: key.types.clone(), cells: cells("ioc", &known, &key.wanted, &key.unwanted)? })
}

fn calendar(key: &CalendarKey) -> Result<Gate, Reason> {
    let wrong = |text: &str, message: String| {
        Reason::new(text, message, "write it as in flows.csv: `weekday`, `月;火`, `08:30-17:15`")
    };
    let open = match key.office.as_deref() {
        None => None,
        Some("open") => Some(true),
        Some("closed") => Some(false),
        Some(word) => return Err(one_of(word, word, &["open", "closed"])),
    };
    let inside = match key.is.as_deref() {
        None | Some("inside") => true,
        Some("outside") => false,
        Some(word) => return Err(one_of(word, word, &["inside", "outside"])),
    };
    if let Some(mode) = key.modes.iter().chain(&key.not_modes).find(|mode| !MODES.contains(&mode.as_str())) {
        return Err(one_of(mode, mode, &MODES));
    }
    let spans = key.days.is_some() || key.hours.is_some();
    if !spans && (key.is.is_some() || (open.is_none() && key.modes.is_empty() && key.not_modes.is_empty())) {
        let advice = "write office, days, hours, modes or not_modes; `is` goes with days and hours";
        return Err(Reason::new("calendar", "`calendar` says nothing about when", advice));
    }
    let days = key.days.as_deref().unwrap_or_default();
    let hours = key.hours.as_deref().unwrap_or_default();
    let days = Days::parse(days).map_err(|message| wrong(days, message))?;
    let hours = Hours::parse(hours).map_err(|message| wrong(hours, message))?;
    Ok(Gate {
        open,
        span: spans.then_some((days, hours, inside)),
        modes: key.modes.clone(),
        not_modes: key.not_modes.clone(),
    })
}

fn nanos(span: Option<Span>, days: i64) -> i64 {
    span.map_or(days * DAY_NANOS, |span| span.0)
}

fn first_seen(key: &FirstSeenKey, resolver: &Resolver<'_>) -> Result<FirstSeen, Reason> {
    let ttl_nanos = nanos(key.ttl, if key.again.is_some() { 366 } else { 90 });
    if key.again.is_some_and(|again| again.0 >= ttl_nanos) {
        let advice = "write a longer ttl: what is forgotten does not come back";
        return Err(Reason::new("again", "`again` is not shorter than `ttl`", advice));
    }
    Ok(FirstSeen {
        by: by("first_seen", &key.by, resolver)?,
        ttl_nanos,
        learn_nanos: nanos(key.learn, 14),
        again_nanos: key.again.map(|again| again.0),
    })
}

fn baseline(key: &BaselineKey, resolver: &Resolver<'_>) -> Result<Baseline, Reason> {
    let percentile = match key.over.as_deref() {
        None | Some("p99") => 99.0,
        Some("p95") => 95.0,
        Some("median") => 50.0,
        Some(word) => return Err(one_of(word, word, &["p99", "p95", "median"])),
    };
    for (name, value, least) in [("factor", key.factor, 1.0), ("min", key.min, 0.0)] {
        if !value.is_finite() || value < least {
            let message = format!("`{name}` is {value}");
            return Err(Reason::new(format!("{name}:"), message, format!("write a number of at least {least}")));
        }
    }
    let learn_nanos = nanos(key.learn, 14);
    if learn_nanos < 7 * DAY_NANOS {
        return Err(Reason::new("learn", "`learn` is shorter than a week", "hours are compared by week: write 14d"));
    }
    Ok(Baseline {
        by: by("baseline", &key.by, resolver)?,
        sum: key.sum.as_deref().map(|name| fields(name, resolver)).transpose()?,
        factor: key.factor,
        percentile,
        min: key.min,
        learn_nanos,
    })
}

fn beacon(key: &BeaconKey, resolver: &Resolver<'_>) -> Result<Beacon, Reason> {
    let intervals = key.intervals.unwrap_or(20);
    if !(4..=beacon::INTERVALS_MAX).contains(&intervals) {
        let advice = format!("write 4 to {}", beacon::INTERVALS_MAX);
        return Err(Reason::new("intervals", format!("`intervals` is {intervals}"), advice));
    }
    let jitter = key.jitter.unwrap_or(0.15);
    if !(0.0..1.0).contains(&jitter) {
        return Err(Reason::new("jitter", format!("`jitter` is {jitter}"), "write a number from 0 to below 1"));
    }
    let second = stream::NANOS_PER_SECOND;
    let (min_nanos, max_nanos) =
        (key.min.map_or(30 * second, |span| span.0), key.max.map_or(3600 * second, |span| span.0));
    if min_nanos >= max_nanos {
        return Err(Reason::new(
            if key.max.is_some() { "max:" } else { "min:" },
            "`max` is not longer than `min`",
            "write min: 30s and max: 1h",
        ));
    }
    if key.sources_max.is_some_and(|most| !(1..=beacon::SOURCES_MAX).contains(&most) || key.by.len() < 2) {
        let advice = format!("write 1 to {}, and source and destination under `by`", beacon::SOURCES_MAX);
        return Err(Reason::new("sources_max", "`sources_max` cannot be judged so", advice));
    }
    let by = by("beacon", &key.by, resolver)?;
    Ok(Beacon { by, intervals, jitter, min_nanos, max_nanos, sources_max: key.sources_max })
}

fn absence<'p>(
    key: &AbsenceKey,
    resolver: &Resolver<'_>,
    other: &dyn Fn(&str) -> Option<(u32, Resolver<'p>)>,
) -> Result<Option<Without>, Reason> {
    let more = !key.by.is_empty() || !key.by_without.is_empty() || key.before.is_some() || key.after.is_some();
    let name = match (&key.silence, &key.without) {
        (Some(_), None) if !more => return Ok(None),
        (None, Some(name)) => name,
        _ => {
            return Err(Reason::new(
                "absence",
                "`absence` asks either for silence or for another rule",
                "write {silence: 15m}, or without, by, before and after",
            ));
        }
    };
    let (index, other) = other(name).ok_or_else(|| {
        Reason::new(
            name,
            format!("`without` refers to `{name}`, which is no detection rule"),
            "refer to the id or the `name` of a detection rule",
        )
    })?;
    if key.before.is_none() && key.after.is_none() {
        let advice = "write how long before and after an event the other may be, such as before: 2m";
        return Err(Reason::new("without", "`absence` has neither `before` nor `after`", advice));
    }
    let names = if key.by_without.is_empty() { &key.by } else { &key.by_without };
    if names.len() != key.by.len() {
        return Err(Reason::new(
            "by_without",
            "`by_without` has another number of fields than `by`",
            "write one field for each of `by`, in its order",
        ));
    }
    Ok(Some(Without {
        other: index,
        by: by("absence", &key.by, resolver)?,
        by_other: all_fields(names, &other)?,
        before_nanos: key.before.map_or(0, |span| span.0),
        after_nanos: key.after.map_or(0, |span| span.0),
    }))
}
