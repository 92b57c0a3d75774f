//! One exporter's observation domain: its templates, and the sets that wait for them.

use std::collections::HashMap;
use std::time::Instant;

use netflow_parser::variable_versions::v9::OptionsDataFields;
use netflow_parser::variable_versions::{ipfix, v9};
use netflow_parser::{FieldValue, NetflowError, NetflowPacket, NetflowParser};

use super::lines::{Head, Records};
use super::{FIELDS_MAX, Held, TEMPLATES_MAX, VALUES_MAX, elements, sets};

pub(super) struct Session {
    parser: NetflowParser,
    /// Which fields of IPFIX's templates tell their length themselves; only templates that have such.
    variable: HashMap<u16, Vec<bool>>,
    pub(super) held: Vec<Held>,
    pub(super) used_at: Instant,
}

/// What a set held.
pub(super) enum Decoded {
    /// Records, or nothing.
    Data,
    /// Templates of these numbers.
    Templates(Vec<u16>),
    /// Records of a template that has not come.
    NoTemplate,
}

impl Session {
    pub(super) fn new(now: Instant) -> Session {
        let builder = NetflowParser::builder()
            .with_allowed_versions(&[9, 10])
            .with_cache_size(TEMPLATES_MAX)
            .with_max_field_count(FIELDS_MAX)
            .with_max_error_sample_size(1)
            // Bounded by the values alone: beyond this number records would be left out unsaid.
            .with_max_records_per_flowset(usize::from(u16::MAX))
            .with_max_decoded_field_values_per_message(VALUES_MAX);
        let parser = builder.build().expect("the limits are above zero");
        Session { parser, variable: HashMap::new(), held: Vec::new(), used_at: now }
    }

    /// Decodes a datagram of one set.
    pub(super) fn decode(
        &mut self,
        head: &Head,
        datagram: &[u8],
        mut line: impl FnMut(String),
    ) -> Result<Decoded, String> {
        let result = self.parser.parse_bytes(datagram);
        if let Some(error) = result.error {
            return Err(short(&error));
        }
        let mut packets = result.packets.into_iter();
        let body = sets::body_of(datagram);
        match packets.next() {
            Some(NetflowPacket::V9(packet)) => match packet.flowsets.into_iter().next() {
                Some(set) => v9_set(head, set, body, &mut line),
                None => Err("a set that does not decode".into()),
            },
            Some(NetflowPacket::IPFix(packet)) => match packet.flowsets.into_iter().next() {
                Some(set) => self.ipfix_set(head, set, body, &mut line),
                None => Err("a set that does not decode".into()),
            },
            _ => Err("a set that does not decode".into()),
        }
    }

    fn ipfix_set(
        &mut self,
        head: &Head,
        set: ipfix::FlowSet,
        body: &[u8],
        line: &mut impl FnMut(String),
    ) -> Result<Decoded, String> {
        use ipfix::FlowSetBody as Body;
        let template = set.header.header_id;
        Ok(match set.body {
            Body::Template(one) => Decoded::Templates(vec![self.learn(one.template_id, &one.fields)]),
            Body::Templates(all) => {
                Decoded::Templates(all.iter().map(|one| self.learn(one.template_id, &one.fields)).collect())
            }
            Body::OptionsTemplate(one) => Decoded::Templates(vec![self.learn(one.template_id, &one.fields)]),
            Body::OptionsTemplates(all) => {
                Decoded::Templates(all.iter().map(|one| self.learn(one.template_id, &one.fields)).collect())
            }
            Body::V9Template(one) => Decoded::Templates(vec![one.template_id]),
            Body::V9Templates(all) => Decoded::Templates(all.iter().map(|one| one.template_id).collect()),
            Body::V9OptionsTemplate(one) => Decoded::Templates(vec![one.template_id]),
            Body::V9OptionsTemplates(all) => Decoded::Templates(all.iter().map(|one| one.template_id).collect()),
            Body::Data(data) => {
                let records = Records::flows(head, template);
                return self.ipfix_records(records, &data.fields, template, body, line);
            }
            Body::OptionsData(data) => {
                let records = Records::options(head, template);
                return self.ipfix_records(records, &data.fields, template, body, line);
            }
            Body::V9Data(data) => return v9_records(head, template, &data.fields, body, line),
            Body::V9OptionsData(data) => return v9_options(head, template, &data.fields, body, line),
            Body::NoTemplate(_) => Decoded::NoTemplate,
            // Templates taken back, or a reserved number.
            Body::Empty => return reserved(template, body),
        })
    }

    fn learn(&mut self, template: u16, fields: &[ipfix::TemplateField]) -> u16 {
        let variable: Vec<bool> = fields.iter().map(|field| field.field_length == u16::MAX).collect();
        if !variable.contains(&true) {
            self.variable.remove(&template);
        } else {
            if self.variable.len() >= TEMPLATES_MAX && !self.variable.contains_key(&template) {
                // What is forgotten is how long lengths are: then the last bytes of a set are not accounted for.
                self.variable.clear();
            }
            self.variable.insert(template, variable);
        }
        template
    }

    fn ipfix_records(
        &self,
        mut lines: Records<'_>,
        records: &[Vec<ipfix::IPFixFieldPair>],
        template: u16,
        body: &[u8],
        line: &mut impl FnMut(String),
    ) -> Result<Decoded, String> {
        let variable = self.variable.get(&template);
        let mut used = 0;
        for record in records {
            line(lines.line(&[], record, elements::id_of));
            used += length(record);
            if let Some(variable) = variable {
                let prefixes = record.iter().zip(variable).filter(|(_, is_variable)| **is_variable);
                used += prefixes.map(|((_, value), _)| prefix_bytes(value.byte_len())).sum::<usize>();
            }
        }
        rest(body, used, records.len())
    }
}

/// How long the length before a value of variable length is (RFC 7011 §7): a short value may have a long one too, but no
/// exporter is known to write it, and then bytes are told of that were decoded.
fn prefix_bytes(value_bytes: usize) -> usize {
    if value_bytes < 255 { 1 } else { 3 }
}

fn v9_set(head: &Head, set: v9::FlowSet, body: &[u8], line: &mut impl FnMut(String)) -> Result<Decoded, String> {
    use v9::FlowSetBody as Body;
    let template = set.header.flowset_id;
    Ok(match set.body {
        Body::Template(all) => Decoded::Templates(all.templates.iter().map(|one| one.template_id).collect()),
        Body::OptionsTemplate(all) => Decoded::Templates(all.templates.iter().map(|one| one.template_id).collect()),
        Body::Data(data) => return v9_records(head, template, &data.fields, body, line),
        Body::OptionsData(data) => return v9_options(head, template, &data.fields, body, line),
        Body::NoTemplate(_) => Decoded::NoTemplate,
        Body::Empty => return reserved(template, body),
    })
}

fn v9_records(
    head: &Head,
    template: u16,
    records: &[Vec<v9::V9FieldPair>],
    body: &[u8],
    line: &mut impl FnMut(String),
) -> Result<Decoded, String> {
    let mut lines = Records::flows(head, template);
    let mut used = 0;
    for record in records {
        line(lines.line(&[], record, |field| (field.into(), 0)));
        used += length(record);
    }
    rest(body, used, records.len())
}

fn v9_options(
    head: &Head,
    template: u16,
    records: &[OptionsDataFields],
    body: &[u8],
    line: &mut impl FnMut(String),
) -> Result<Decoded, String> {
    let mut lines = Records::options(head, template);
    let mut used = 0;
    for record in records {
        line(lines.line(&record.scope_fields, &record.options_fields, |field| (field.into(), 0)));
        used += length(&record.options_fields) + record.scope_fields.iter().map(scope_length).sum::<usize>();
    }
    rest(body, used, records.len())
}

fn length<T>(record: &[(T, FieldValue)]) -> usize {
    record.iter().map(|(_, value)| value.byte_len()).sum()
}

fn scope_length(field: &v9::ScopeDataField) -> usize {
    use v9::ScopeDataField as Scope;
    match field {
        Scope::System(bytes)
        | Scope::Interface(bytes)
        | Scope::LineCard(bytes)
        | Scope::NetFlowCache(bytes)
        | Scope::Template(bytes)
        | Scope::Unknown(_, bytes) => bytes.len(),
    }
}

/// Behind the last record is nothing but padding.
fn rest(body: &[u8], used: usize, records: usize) -> Result<Decoded, String> {
    match body.get(used..) {
        Some(rest) if rest.iter().all(|byte| *byte == 0) => Ok(Decoded::Data),
        _ if records == 0 => Err("records that do not decode by their template".into()),
        _ => Err(format!("bytes behind {records} records that do not decode by their template")),
    }
}

/// A set whose number is reserved says nothing that anybody knows.
fn reserved(id: u16, body: &[u8]) -> Result<Decoded, String> {
    match id {
        0..=3 => Ok(Decoded::Data),
        _ if body.iter().all(|byte| *byte == 0) => Ok(Decoded::Data),
        _ => Err("a set of a reserved number".into()),
    }
}

/// An error in a few words; the bytes stand beside it.
pub(super) fn short(error: &NetflowError) -> String {
    match error {
        NetflowError::DecodedOutputLimitExceeded { .. } => "too many values in one set".into(),
        NetflowError::UnsupportedVersion { .. } | NetflowError::FilteredVersion { .. } => {
            "bytes behind the message".into()
        }
        _ => "does not decode".into(),
    }
}
