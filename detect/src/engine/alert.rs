//! Making alerts: the facts of the event at hand, made once when the first rule needs them.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use stream::{
    Alert, AlertDetail, AlertFlow, AlertRule, Event, Evidence, FieldId, Fingerprint, Timestamp, Value, alert_id,
    fields, fingerprint,
};

use super::{LINE_BYTES_MAX, Meta, first_value, print_of};
use crate::Tenants;
use crate::correlation::Entry;
use crate::rules::RuleInfo;
use crate::silence::Silent;

/// The fields of the anchoring event that an alert carries.
const ANCHOR_FIELDS: [FieldId; 9] = [
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
    event: &'r Event<'e>,
    time: Timestamp,
    print: OnceCell<Fingerprint>,
}

impl<'r, 'e> Facts<'r, 'e> {
    pub(super) fn new(meta: &'r Meta<'r>, event: &'r Event<'e>) -> Self {
        Facts { meta, event, time: event.time(), print: OnceCell::new() }
    }

    pub(super) fn event(&self) -> &'r Event<'e> {
        self.event
    }

    pub(super) fn time(&self) -> Timestamp {
        self.time
    }

    /// The event as an entry of a window, without measured values.
    pub(super) fn entry(&self, step: u16) -> Entry {
        let meta = self.meta;
        Entry {
            time: self.time,
            print: self.print(),
            id: meta.id,
            step,
            value: None,
            number: 0.0,
            source: meta.source.into(),
            line: self.line().into(),
        }
    }

    /// The event's line and source, as an alert shows them.
    pub(super) fn evidence(&self) -> Evidence {
        Evidence { source: self.meta.source.to_owned(), line: self.line() }
    }

    fn line(&self) -> String {
        match self.event.get_str(fields::EVENT_ORIGINAL) {
            Some(text) => cut(text).to_owned(),
            None => cut(&String::from_utf8_lossy(self.meta.raw)).to_owned(),
        }
    }

    fn print(&self) -> Fingerprint {
        let meta = self.meta;
        *self.print.get_or_init(|| print_of(meta.tenant, meta.source, meta.raw, meta.id))
    }

    /// Writes the key of the event's group, tenant included, into `key`; false when the event has none of the fields.
    pub(super) fn key<'n>(&self, names: impl Iterator<Item = &'n [FieldId]>, key: &mut String) -> bool {
        key.clear();
        put_part(self.meta.tenant, key);
        let mut any = false;
        for fields in names {
            let value = first_value(self.event, fields).map(Value::text).unwrap_or_default();
            key.push('\u{1}');
            put_part(&value, key);
            any |= !value.is_empty();
        }
        any
    }

    /// The group as people see it: absent fields are left out of it.
    pub(super) fn group<'n>(&self, names: impl Iterator<Item = (&'n str, &'n [FieldId])>) -> BTreeMap<String, String> {
        let value = |fields| first_value(self.event, fields).map(Value::text).filter(|value| !value.is_empty());
        names.filter_map(|(name, fields)| Some((name.to_owned(), value(fields)?.into_owned()))).collect()
    }

    /// Whether the event has one of the measured values.
    pub(super) fn has_value(&self, measured: &[Vec<FieldId>]) -> bool {
        measured.iter().any(|fields| fields.iter().any(|field| self.event.has(*field)))
    }

    /// A hash of the values to count; none when the event has none of them.
    pub(super) fn values(&self, measured: &[Vec<FieldId>]) -> Option<Fingerprint> {
        let mut all = String::new();
        let mut found = false;
        for fields in measured {
            let value = first_value(self.event, fields);
            found |= value.is_some();
            let value = value.map(Value::text).unwrap_or_default();
            all.push_str(&format!("{}:{value}", value.len()));
        }
        found.then(|| fingerprint("", "", all.as_bytes()))
    }

    /// The number to add up.
    pub(super) fn number(&self, measured: &[Vec<FieldId>]) -> Option<f64> {
        let value = first_value(self.event, measured.first()?)?;
        value.number().filter(|number| number.is_finite())
    }

    /// An alert of these events, of which the event at hand is the anchor. `moment` is the time of a correlation and
    /// the fingerprint its id rests on; the event's own when there is none.
    pub(super) fn alert(
        &self,
        info: &RuleInfo,
        group: BTreeMap<String, String>,
        mut entries: Vec<Entry>,
        moment: Option<(Timestamp, Fingerprint)>,
    ) -> Alert {
        let (timestamp, anchor) =
            moment.unwrap_or_else(|| (self.time(), entries.first().map_or(Fingerprint([0; 16]), |entry| entry.print)));
        let event_count = entries.len() as u64;
        entries.truncate(Alert::EVIDENCE_MAX);
        let verdict = self.event.get_str(fields::SEKISHO_FLOW_VERDICT);
        Alert {
            id: alert_id(&info.id, self.meta.tenant, &group, &[anchor]),
            timestamp,
            tenant: self.meta.tenant.to_owned(),
            rule: rule_of(info),
            level: info.level,
            sekisho: AlertDetail {
                usecase: info.usecase.clone(),
                flow: verdict.map(|verdict| AlertFlow { verdict: verdict.to_owned() }),
                page: info.page,
            },
            group,
            events: entries.iter().map(|entry| entry.id).collect(),
            evidence: entries
                .into_iter()
                .map(|entry| Evidence { source: entry.source.into(), line: entry.line.into() })
                .collect(),
            event_count,
            anchor: ANCHOR_FIELDS
                .into_iter()
                .filter_map(|field| Some((field.name().to_owned(), json(self.event.get(field)?))))
                .collect(),
        }
    }
}

/// Writes a text after its length in bytes.
fn put_part(text: &str, out: &mut String) {
    let (mut digits, mut left, mut at) = ([0; 20], text.len(), 20);
    loop {
        at -= 1;
        digits[at] = b'0' + (left % 10) as u8;
        left /= 10;
        if left == 0 {
            break;
        }
    }
    digits[at..].iter().for_each(|digit| out.push(char::from(*digit)));
    out.push(':');
    out.push_str(text);
}

fn json(value: Value<'_>) -> serde_json::Value {
    match value {
        Value::Int(number) => number.into(),
        Value::Float(number) => number.into(),
        Value::Bool(flag) => flag.into(),
        other => other.text().into_owned().into(),
    }
}

fn rule_of(info: &RuleInfo) -> AlertRule {
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
    let print = print_of(&tenant, &source, &life.raw, life.id);
    Alert {
        id: alert_id(&info.id, &tenant, &group, &[print]),
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

/// The use cases that do not apply to a tenant.
pub(super) fn excluded(tenants: &Tenants, tenant: &str) -> Vec<String> {
    tenants.get(tenant).map_or_else(Vec::new, |tenant| tenant.profile().rules_not_applicable.clone())
}
