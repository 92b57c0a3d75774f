//! One indicator of compromise: what kind it is, and the query that finds it.

use std::net::IpAddr;

use anyhow::{Context, Result};
use stream::{FieldId, fields};

/// The longest pattern that the search language takes, with room for `*.`.
const PATTERN_MAX: usize = 118;

const DOMAINS: [FieldId; 4] =
    [fields::URL_DOMAIN, fields::DESTINATION_DOMAIN, fields::DNS_QUESTION_NAME, fields::TLS_CLIENT_SERVER_NAME];
const URLS: [FieldId; 2] = [fields::URL_ORIGINAL, fields::URL_FULL];
const HASHES: [FieldId; 6] = [
    fields::FILE_HASH_MD5,
    fields::FILE_HASH_SHA1,
    fields::FILE_HASH_SHA256,
    fields::PROCESS_HASH_MD5,
    fields::PROCESS_HASH_SHA1,
    fields::PROCESS_HASH_SHA256,
];

/// What an indicator is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Ip,
    Cidr,
    Domain,
    Url,
    Hash,
}

impl Kind {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Kind::Ip => "ip",
            Kind::Cidr => "cidr",
            Kind::Domain => "domain",
            Kind::Url => "url",
            Kind::Hash => "hash",
        }
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Indicator {
    pub(super) value: String,
    pub(super) kind: Kind,
    pub(super) query: String,
    /// Conditions of the query.
    pub(super) leaves: usize,
}

impl Indicator {
    /// By what the text looks like; none when it looks like nothing of the kind.
    pub(super) fn of(text: &str) -> Option<Indicator> {
        let value = refang(text.trim());
        let kind = kind(&value)?;
        let whole = |fields: &[FieldId]| {
            let conditions = fields.iter().map(|field| format!("{}:{}", field.name(), quoted(&value)));
            conditions.collect::<Vec<_>>()
        };
        let conditions = match kind {
            Kind::Ip | Kind::Cidr => {
                let of = |field: &FieldId| format!("{}:{value}", field.name());
                [fields::SOURCE_IP, fields::DESTINATION_IP, fields::DNS_RESOLVED_IP].iter().map(of).collect()
            }
            Kind::Url => whole(&URLS),
            Kind::Hash => whole(&HASHES),
            Kind::Domain => {
                let mut conditions = whole(&DOMAINS);
                if value.len() <= PATTERN_MAX {
                    conditions.extend(DOMAINS.iter().map(|field| format!("{}:*.{value}", field.name())));
                }
                conditions
            }
        };
        Some(Indicator { leaves: conditions.len(), query: format!("({})", conditions.join(" OR ")), value, kind })
    }
}

fn kind(value: &str) -> Option<Kind> {
    if value.parse::<IpAddr>().is_ok() {
        return Some(Kind::Ip);
    }
    if let Some((address, bits)) = value.split_once('/')
        && let (Ok(address), Ok(bits)) = (address.parse::<IpAddr>(), bits.parse::<u8>())
    {
        return (bits <= if address.is_ipv4() { 32 } else { 128 }).then_some(Kind::Cidr);
    }
    if value.contains("://") {
        return Some(Kind::Url);
    }
    if matches!(value.len(), 32 | 40 | 64) && value.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Some(Kind::Hash);
    }
    let label = |label: &str| {
        (1..=63).contains(&label.len()) && label.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_'))
    };
    (value.contains('.') && value.len() <= 253 && value.split('.').all(label)).then_some(Kind::Domain)
}

/// A text in quotes, as the search language reads it.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Takes back the spellings that keep an indicator from being clicked, and what stands around a domain.
fn refang(text: &str) -> String {
    let mut text = text.replace("[.]", ".").replace("(.)", ".").replace("[:]", ":");
    if text.get(..4).is_some_and(|head| head.eq_ignore_ascii_case("hxxp")) {
        text.replace_range(..4, "http");
    }
    let text = text.strip_prefix("*.").unwrap_or(&text);
    text.trim_start_matches('.').trim_end_matches('.').to_owned()
}

/// The values of a file with their lines: the column `value` of a CSV that has one, else the first cell of each line.
///
/// # Errors
/// The text is no CSV.
pub(super) fn values(text: &str) -> Result<Vec<(u64, String)>> {
    let text = text.trim_start_matches('\u{feff}');
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).comment(Some(b'#')).from_reader(text.as_bytes());
    let (mut column, mut values) = (0, Vec::new());
    for (number, row) in reader.records().enumerate() {
        let row = row.context("read the indicators as CSV")?;
        if number == 0
            && let Some(found) = row.iter().position(|cell| cell.trim().eq_ignore_ascii_case("value"))
        {
            column = found;
            continue;
        }
        let value = row.get(column).unwrap_or("").trim();
        if !value.is_empty() {
            values.push((row.position().map_or(0, |position| position.line()), value.to_owned()));
        }
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_and_queries() {
        let of = |text: &str| Indicator::of(text).map(|one| (one.kind, one.value));
        assert_eq!(of("192[.]0[.]2[.]1"), Some((Kind::Ip, "192.0.2.1".into())));
        assert_eq!(of("198.51.100.0/24"), Some((Kind::Cidr, "198.51.100.0/24".into())));
        assert_eq!(of("198.51.100.0/33"), None);
        assert_eq!(of("*.bad[.]example."), Some((Kind::Domain, "bad.example".into())));
        assert_eq!(of("hxxp://bad.example/a"), Some((Kind::Url, "http://bad.example/a".into())));
        assert_eq!(of(&"a".repeat(64)).map(|(kind, _)| kind), Some(Kind::Hash));
        for none in ["", "word", "a b.example", "x".repeat(300).as_str()] {
            assert!(of(none).is_none(), "{none}");
        }
        let query = Indicator::of("http://bad.example/\"x\\").unwrap().query;
        assert!(query.contains(r#""http://bad.example/\"x\\""#), "{query}");
    }

    #[test]
    fn queries_are_understood() {
        for text in ["192.0.2.1", "2001:db8::/32", "bad.example", "http://bad.example/?a=\"b\"", &"0f".repeat(16)] {
            let query = Indicator::of(text).unwrap().query;
            store::Query::parse(&query).unwrap_or_else(|error| panic!("{query}: {error}"));
        }
    }

    #[test]
    fn lists_and_ledgers() {
        let ledger = "type,value,category\nip,192.0.2.1,c2\ndomain,bad.example,\n";
        assert_eq!(values(ledger).unwrap(), [(2, "192.0.2.1".to_owned()), (3, "bad.example".to_owned())]);
        assert_eq!(values("# list\nbad.example\n\n192.0.2.1,note\n").unwrap().len(), 2);
    }
}
