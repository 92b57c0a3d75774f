//! `ioc`: a value that the tenant's ioc.csv lists, on a day on which the row is valid.
//!
//! Each value of the fields is looked up as what it looks like: an address (in `ip` and `cidr` rows), a URL, a hash in
//! hex, else a domain (itself and whatever encloses it). A match when a row is found that holds at the event's time,
//! is of one of `types` and fits `where`; the row found first is what the alert tells of it. A tenant without ioc.csv has no matches.

use stream::{FieldId, Value, fields};

use super::Case;
use super::join::Cells;
use crate::ledger::{Indicators, Ledger, LedgerRow};

/// Where indicators show, when a rule names no fields.
pub(crate) const USUAL: [FieldId; 16] = [
    fields::SOURCE_IP,
    fields::DESTINATION_IP,
    fields::DESTINATION_DOMAIN,
    fields::URL_DOMAIN,
    fields::URL_ORIGINAL,
    fields::URL_FULL,
    fields::DNS_QUESTION_NAME,
    fields::DNS_RESOLVED_IP,
    fields::TLS_CLIENT_SERVER_NAME,
    fields::FILE_HASH_MD5,
    fields::FILE_HASH_SHA1,
    fields::FILE_HASH_SHA256,
    fields::PROCESS_HASH_MD5,
    fields::PROCESS_HASH_SHA1,
    fields::PROCESS_HASH_SHA256,
    fields::EVENT_HASH,
];

/// The cells of a row that its alert shows, and where.
const SHOWN: [(FieldId, &str); 5] = [
    (fields::THREAT_INDICATOR_TYPE, "type"),
    (fields::THREAT_INDICATOR_NAME, "value"),
    (fields::THREAT_INDICATOR_DESCRIPTION, "category"),
    (fields::THREAT_INDICATOR_CONFIDENCE, "confidence"),
    (fields::THREAT_INDICATOR_PROVIDER, "source"),
];

/// A set of fields.
#[derive(Clone, Debug)]
pub(crate) struct Fields {
    list: Box<[FieldId]>,
    /// Bit n: the nth of [`USUAL`]; none when there are others.
    usual: Option<u16>,
}

impl Fields {
    pub(crate) fn new(fields: &[FieldId]) -> Fields {
        let bit = |field: &FieldId| USUAL.iter().position(|usual| usual == field).map(|number| 1_u16 << number);
        let usual = fields.iter().try_fold(0, |bits, field| Some(bits | bit(field)?));
        Fields { list: fields.into(), usual }
    }

    pub(super) fn list(&self) -> &[FieldId] {
        &self.list
    }
}

/// `sekisho.ioc`, compiled.
#[derive(Clone, Debug)]
pub(crate) struct Ioc {
    pub(crate) fields: Fields,
    /// Types of rows; empty is every type.
    pub(crate) types: Vec<String>,
    pub(crate) cells: Cells,
}

impl Ioc {
    pub(super) fn holds(&self, case: &Case<'_, '_>) -> bool {
        self.row(case).is_some()
    }

    /// What the row says that makes the event a match, for its alert: type, value, category, confidence and source.
    pub(super) fn indicator(&self, case: &Case<'_, '_>) -> Vec<(FieldId, Box<str>)> {
        let Some((ledger, row)) = self.row(case) else { return Vec::new() };
        let cell = |(field, column): (FieldId, &str)| (field, ledger.cell(row, column).trim().into());
        SHOWN.into_iter().map(cell).filter(|(_, text): &(FieldId, Box<str>)| !text.is_empty()).collect()
    }

    fn row<'c>(&self, case: &Case<'c, '_>) -> Option<(&'c Ledger, &'c LedgerRow)> {
        let body = case.body?;
        let (ledgers, event) = (body.ledgers(), case.event);
        let indicators = ledgers.indicators();
        if indicators.is_empty() {
            return None;
        }
        let found = |at: usize| {
            if case.is_no_indicator(at) {
                return None;
            }
            let Some(row) = look_up(indicators, event.value(at), case) else {
                case.note_no_indicator(at);
                return None;
            };
            let ledger = ledgers.get("ioc")?;
            let kind = ledger.cell(row, "type").to_lowercase();
            let meant = self.types.is_empty() || self.types.contains(&kind);
            (meant && self.cells.fit(ledger, row)).then_some((ledger, row))
        };
        if let Some(usual) = self.fields.usual {
            let meant = event.usual().iter().filter(|(_, number)| usual >> number & 1 == 1);
            return meant.map(|(at, _)| usize::from(*at)).find_map(found);
        }
        let mut places: Vec<usize> = self.fields.list().iter().flat_map(|field| event.places(*field)).collect();
        places.sort_unstable();
        places.into_iter().find_map(found)
    }
}

fn look_up<'i>(indicators: &'i Indicators, value: Value<'_>, case: &Case<'_, '_>) -> Option<&'i LedgerRow> {
    let text = match value {
        Value::Ip(ip) => return indicators.ip(ip, case.time),
        Value::Str(text) => text,
        _ => return None,
    };
    let colon = text.contains(':');
    if (colon || text.as_bytes().first().is_some_and(u8::is_ascii_digit))
        && let Some(ip) = value.ip()
    {
        return indicators.ip(ip, case.time);
    }
    if colon && text.contains("://") {
        indicators.url(text, case.time)
    } else if matches!(text.len(), 32 | 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        indicators.hash(text, case.time)
    } else {
        indicators.domain(text, case.time)
    }
}
