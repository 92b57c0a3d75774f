//! `ioc`: a value that the tenant's ioc.csv lists, on a day on which the row is valid.
//!
//! Each value of the fields is looked up as what it looks like: an address (in `ip` and `cidr` rows), a URL, a hash in
//! hex, else a domain (itself and whatever encloses it). A match when a row is found that holds at the event's time,
//! is of one of `types` and fits `where`. A tenant without ioc.csv has no matches.

use stream::{FieldId, Value, fields};

use super::join::Cells;
use super::{Case, all_values};
use crate::ledger::{Indicators, LedgerRow};

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

/// `sekisho.ioc`, compiled.
#[derive(Clone, Debug)]
pub(crate) struct Ioc {
    pub(crate) fields: Vec<FieldId>,
    /// Types of rows; empty is every type.
    pub(crate) types: Vec<String>,
    pub(crate) cells: Cells,
}

impl Ioc {
    pub(super) fn holds(&self, case: &Case<'_, '_>) -> bool {
        let Some(body) = case.body else { return false };
        let ledgers = body.ledgers();
        let (indicators, Some(ledger)) = (ledgers.indicators(), ledgers.get("ioc")) else { return false };
        if indicators.is_empty() {
            return false;
        }
        all_values(case.event, &self.fields).any(|value| {
            look_up(indicators, value, case).is_some_and(|row| {
                let kind = ledger.cell(row, "type").to_lowercase();
                (self.types.is_empty() || self.types.contains(&kind)) && self.cells.fit(ledger, row)
            })
        })
    }
}

fn look_up<'i>(indicators: &'i Indicators, value: Value<'_>, case: &Case<'_, '_>) -> Option<&'i LedgerRow> {
    if let Some(ip) = value.ip() {
        return indicators.ip(ip, case.time);
    }
    let Value::Str(text) = value else { return None };
    if text.contains("://") {
        indicators.url(text, case.time)
    } else if matches!(text.len(), 32 | 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        indicators.hash(text, case.time)
    } else {
        indicators.domain(text, case.time)
    }
}
