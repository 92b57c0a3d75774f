//! Making alerts: the facts of the event at hand, made once when the first rule needs them.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use stream::{
    Alert, AlertDetail, AlertFlow, AlertRule, Evidence, FieldId, Fingerprint, Timestamp, Value, alert_id, fields,
    fingerprint,
};

use super::correlate::instant;
use super::known::Known;
use super::{LINE_BYTES_MAX, Meta, print_of};
use crate::Tenants;
use crate::beyond::{put_dotted, put_part, put_value};
use crate::correlation::{Correlation, Entry, Mark, Measure, Status};
use crate::places::Placed;
use crate::rules::RuleInfo;
use crate::silence::Silent;

/// The fields of the anchoring event that an alert carries.
pub(super) const ANCHOR_FIELDS: [FieldId; 9] = [
    fields::SOURCE_IP,
    fields::SOURCE_PORT,
    fields::DESTINATION_IP,
    fields::DESTINATION_PORT,
    fields::USER_NAME,
    fields::HOST_NAME,
    fields::URL_DOMAIN,
    fields::SEKISHO_SOURCE_ZONE,
    fields::SEKISHO_DESTINATION_ZONE,
];

/// The event at hand.
pub(super) struct Facts<'r, 'e> {
    pub(super) meta: &'r Meta<'r>,
    event: Placed<'r, 'e>,
    known: &'r Known,
    time: Timestamp,
    /// The line as windows keep it, and its mark where that does not follow from it.
    kept: OnceCell<(Arc<str>, Mark)>,
    print: OnceCell<Fingerprint>,
    /// What the alert of the rule at hand tells beyond the event.
    pub(super) tells: Vec<(FieldId, Box<str>)>,
}

impl<'r, 'e> Facts<'r, 'e> {
    pub(super) fn new(meta: &'r Meta<'r>, event: Placed<'r, 'e>, time: Timestamp, known: &'r Known) -> Self {
        Facts { meta, event, known, time, kept: OnceCell::new(), print: OnceCell::new(), tells: Vec::new() }
    }

    pub(super) fn event(&self) -> Placed<'r, 'e> {
        self.event
    }

    /// What is known of the event's source.
    pub(super) fn known(&self) -> &'r Known {
        self.known
    }

    pub(super) fn time(&self) -> Timestamp {
        self.time
    }

    /// The event as an entry of a window, without measured values.
    pub(super) fn entry(&self, step: u16) -> Entry {
        let meta = self.meta;
        let (line, mark) = self.kept.get_or_init(|| {
            let (line, raw) = (line_of(meta, self.event.get_str(fields::EVENT_ORIGINAL)), meta.raw);
            let whole = line.len() == raw.len() && (line.as_ptr() == raw.as_ptr() || line.as_bytes() == raw);
            let mark = if whole { Mark::default() } else { Mark::of(meta.source, raw, meta.id) };
            (Arc::from(&*line), mark)
        });
        Entry {
            time: self.time,
            mark: mark.clone(),
            id: meta.id,
            step,
            hit: true,
            told: false,
            counted: false,
            status: Status::Nothing,
            value: None,
            number: 0.0,
            source: Arc::clone(&self.known.source),
            line: Arc::clone(line),
            onward: Box::default(),
        }
    }

    /// The event's line and source, as an alert shows them.
    pub(super) fn evidence(&self) -> Evidence {
        evidence_of(self.meta, self.event.get_str(fields::EVENT_ORIGINAL))
    }

    pub(super) fn print(&self) -> Fingerprint {
        let meta = self.meta;
        *self.print.get_or_init(|| print_of(meta.tenant, meta.source, meta.raw, meta.id))
    }

    /// Writes the key of the event's group, tenant included, into `key`; false when the event has none of the fields.
    pub(super) fn key<'n>(&self, names: impl Iterator<Item = &'n [FieldId]>, key: &mut String) -> bool {
        key.clear();
        put_part(self.meta.tenant, key);
        let mut any = false;
        for fields in names {
            key.push('\u{1}');
            any |= match self.event.first_of(fields) {
                None | Some(Value::Str("")) => {
                    put_part("", key);
                    false
                }
                Some(value) => {
                    put_value(value, key);
                    true
                }
            };
        }
        any
    }

    /// The group as people see it: absent fields are left out of it.
    pub(super) fn group<'n>(&self, names: impl Iterator<Item = (&'n str, &'n [FieldId])>) -> BTreeMap<String, String> {
        let value = |fields| self.event.first_of(fields).map(Value::text).filter(|value| !value.is_empty());
        names.filter_map(|(name, fields)| Some((name.to_owned(), value(fields)?.into_owned()))).collect()
    }

    /// Writes the key of the event's group in a correlation, as a match of this detection rule, and gives the number to
    /// add up; none when the event does not count there.
    pub(super) fn place(&self, rule: &Correlation, leaf: u32, key: &mut String) -> Option<f64> {
        let fields = rule.leaves.get(&leaf)?;
        let any = self.key(fields.group.iter().map(Vec::as_slice).take(rule.group_by.len()), key);
        if !any && !rule.group_by.is_empty() {
            return None;
        }
        match rule.measure {
            Measure::Sum | Measure::Average | Measure::Percentile(_) => {
                let value = self.event.first_of(fields.measured.first()?)?;
                value.number().filter(|number| number.is_finite())
            }
            Measure::Values => {
                let has = |fields: &Vec<FieldId>| fields.iter().any(|field| self.event.has(*field));
                fields.measured.iter().any(has).then_some(0.0)
            }
            Measure::Events | Measure::Steps { .. } => Some(0.0),
        }
    }

    /// A hash of the values that a correlation counts, for value_count.
    pub(super) fn value(&self, rule: &Correlation, leaf: u32) -> Option<Fingerprint> {
        if rule.measure != Measure::Values {
            return None;
        }
        let measured = &rule.leaves.get(&leaf)?.measured;
        // A short text stands for itself: most values are addresses, zones and names of people.
        if let [fields] = measured.as_slice()
            && let Some(short) = self.event.first_of(fields).and_then(short)
        {
            return Some(short);
        }
        let mut all = String::new();
        for fields in measured {
            let value = self.event.first_of(fields).map(Value::text).unwrap_or_default();
            all.push_str(&format!("{}:{value}", value.len()));
        }
        Some(fingerprint("", "", all.as_bytes()))
    }

    /// The alert of a group. What it says of addresses and people is the event at hand's, if that belongs to it.
    pub(super) fn raised(&self, info: &RuleInfo, raised: Raised) -> Alert {
        let Raised { id, time, tenant, group, entries, count, own } = raised;
        let verdict = self.event.get_str(fields::SEKISHO_FLOW_VERDICT).filter(|_| own);
        let (events, evidence) = Entry::evidence(entries);
        Alert {
            id,
            timestamp: time,
            tenant,
            rule: rule_of(info),
            level: info.level,
            sekisho: detail(info, verdict),
            group,
            events,
            evidence,
            event_count: count,
            anchor: if own { self.anchor() } else { BTreeMap::new() },
        }
    }

    fn anchor(&self) -> BTreeMap<String, serde_json::Value> {
        let field = |field: FieldId| Some((field.name().to_owned(), json(self.event.get(field)?)));
        let tells = self.tells.iter().map(|(field, text)| (field.name().to_owned(), text.as_ref().into()));
        ANCHOR_FIELDS.into_iter().filter_map(field).chain(tells).collect()
    }

    /// The alert of the event at hand alone.
    pub(super) fn alert(&self, info: &RuleInfo, group: BTreeMap<String, String>) -> Alert {
        let verdict = self.event.get_str(fields::SEKISHO_FLOW_VERDICT);
        Alert {
            id: alert_id(&info.id, self.meta.tenant, &group, &[self.print()]),
            timestamp: self.time(),
            tenant: self.meta.tenant.to_owned(),
            rule: rule_of(info),
            level: info.level,
            sekisho: detail(info, verdict),
            group,
            events: vec![self.meta.id],
            evidence: vec![self.evidence()],
            event_count: 1,
            anchor: self.anchor(),
        }
    }
}

/// An event's line, given what the event has of it, and its source, as an alert shows them.
pub(super) fn evidence_of(meta: &Meta<'_>, original: Option<&str>) -> Evidence {
    Evidence { source: meta.source.to_owned(), line: line_of(meta, original).into_owned() }
}

/// An event's line, cut to what is kept of one.
pub(super) fn line_of<'l>(meta: &Meta<'l>, original: Option<&'l str>) -> Cow<'l, str> {
    match original {
        Some(text) => Cow::Borrowed(cut(text)),
        None => match simdutf8::basic::from_utf8(meta.raw) {
            Ok(text) => Cow::Borrowed(cut(text)),
            Err(_) => Cow::Owned(cut(&String::from_utf8_lossy(meta.raw)).to_owned()),
        },
    }
}

/// A group's alert, before it is put into words.
pub(super) struct Raised {
    pub(super) id: String,
    pub(super) time: Timestamp,
    pub(super) tenant: String,
    pub(super) group: BTreeMap<String, String>,
    pub(super) entries: Vec<Entry>,
    pub(super) count: u64,
    /// Whether the event at hand is of this group.
    pub(super) own: bool,
}

/// The tenant and the group that a key stands for, by the names of the group's fields; absent fields are left out.
pub(super) fn group_of(names: &[String], key: &str) -> (String, BTreeMap<String, String>) {
    let mut rest = key;
    let mut part = || {
        let (length, after) = rest.split_once(':')?;
        let (value, after) = after.split_at_checked(length.parse().ok()?)?;
        rest = after.strip_prefix('\u{1}').unwrap_or(after);
        Some(value.to_owned())
    };
    let tenant = part().unwrap_or_default();
    let group = names.iter().map_while(|name| Some((name.clone(), part()?)));
    (tenant, group.filter(|(_, value)| !value.is_empty()).collect())
}

fn detail(info: &RuleInfo, verdict: Option<&str>) -> AlertDetail {
    AlertDetail {
        usecase: info.usecase.clone(),
        flow: verdict.map(|verdict| AlertFlow { verdict: verdict.to_owned() }),
        page: info.page,
    }
}

/// A value as text of at most 15 bytes, filled up, and its length; none for a longer one.
fn short(value: Value<'_>) -> Option<Fingerprint> {
    let mut dotted = String::new();
    let text = match value {
        Value::Ip(IpAddr::V4(ip)) => {
            put_dotted(ip, &mut dotted);
            Cow::Borrowed(dotted.as_str())
        }
        value => value.text(),
    };
    let mut packed = [0; 16];
    packed[..15].get_mut(..text.len())?.copy_from_slice(text.as_bytes());
    packed[15] = 0xf0 | text.len() as u8;
    Some(Fingerprint(packed))
}

pub(super) fn json(value: Value<'_>) -> serde_json::Value {
    match value {
        Value::Int(number) => number.into(),
        Value::Float(number) => number.into(),
        Value::Bool(flag) => flag.into(),
        other => other.text().into_owned().into(),
    }
}

pub(super) fn rule_of(info: &RuleInfo) -> AlertRule {
    AlertRule { id: info.id.clone(), name: info.title_ja.clone(), version: info.version.clone() }
}

/// The line, cut at a character boundary when it is too long.
fn cut(line: &str) -> &str {
    let mut end = line.len().min(LINE_BYTES_MAX);
    while !line.is_char_boundary(end) {
        end -= 1;
    }
    &line[..end]
}

/// The alert of a silent source.
pub(super) fn of_silence(info: &RuleInfo, silent: Silent) -> Alert {
    let Silent { tenant, source, time, life } = silent;
    let group = BTreeMap::from([(fields::SEKISHO_SOURCE_ID.name().to_owned(), source.clone())]);
    Alert {
        id: alert_id(&info.id, &tenant, &group, &[instant(life.last)]),
        timestamp: time,
        rule: rule_of(info),
        level: info.level,
        sekisho: AlertDetail { usecase: info.usecase.clone(), flow: None, page: info.page },
        group,
        events: vec![life.id],
        evidence: vec![Evidence { source, line: cut(&life.line()).to_owned() }],
        event_count: 1,
        anchor: BTreeMap::new(),
        tenant,
    }
}

/// A full table, before it is put into words.
pub(super) struct Overflowed {
    pub(super) id: String,
    pub(super) time: Timestamp,
    pub(super) tenant: String,
    pub(super) group: BTreeMap<String, String>,
    pub(super) count: u64,
}

/// The alert of a full table of the rule `full`. No event supports it; its count is that of the groups that went.
pub(super) fn of_overflow(info: &RuleInfo, full: &RuleInfo, overflowed: Overflowed) -> Alert {
    let Overflowed { id, time, tenant, group, count } = overflowed;
    Alert {
        id,
        timestamp: time,
        tenant,
        rule: rule_of(info),
        level: info.level,
        sekisho: detail(info, None),
        group,
        events: Vec::new(),
        evidence: Vec::new(),
        event_count: count,
        anchor: BTreeMap::from([(fields::RULE_NAME.name().to_owned(), full.title_ja.clone().into())]),
    }
}

/// The use cases that do not apply to a tenant.
pub(super) fn excluded(tenants: &Tenants, tenant: &str) -> Vec<String> {
    tenants.get(tenant).map_or_else(Vec::new, |tenant| tenant.profile().rules_not_applicable.clone())
}
