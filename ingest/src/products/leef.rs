//! LEEF 1.0 and 2.0 (Log Event Extended Format), with or without a syslog header.
//!
//! `LEEF:1.0|Vendor|Product|Version|EventID|key=value<TAB>...`, `LEEF:2.0|...|EventID|^|key=value^...`, where the delimiter is
//! a character or its number (`x5E`, `0x09`). Predefined attributes become ECS fields, everything else is `leef.<key>`.
//! Source: IBM QRadar, LEEF 2.0 specification and predefined attributes.

use bumpalo::Bump;
use stream::{Event, Value, fields};

use crate::parser::{Context, Names, Parser, Reason};
use crate::row::{Row, Table};
use crate::{flow_text, json_keys, put, syslog, time};

/// Parser of LEEF.
#[derive(Default)]
pub struct Leef {
    names: Names,
}

static TABLE: &Table = &[
    ("cat", fields::RULE_CATEGORY),
    ("src", fields::SOURCE_IP),
    ("dst", fields::DESTINATION_IP),
    ("srcPort", fields::SOURCE_PORT),
    ("dstPort", fields::DESTINATION_PORT),
    ("srcPreNAT", fields::SOURCE_IP),
    ("srcPostNAT", fields::SOURCE_NAT_IP),
    ("dstPostNAT", fields::DESTINATION_NAT_IP),
    ("srcPostNATPort", fields::SOURCE_NAT_PORT),
    ("dstPostNATPort", fields::DESTINATION_NAT_PORT),
    ("srcMAC", fields::SOURCE_MAC),
    ("dstMAC", fields::DESTINATION_MAC),
    ("srcBytes", fields::SOURCE_BYTES),
    ("dstBytes", fields::DESTINATION_BYTES),
    ("totalBytes", fields::NETWORK_BYTES),
    ("srcPackets", fields::SOURCE_PACKETS),
    ("dstPackets", fields::DESTINATION_PACKETS),
    ("totalPackets", fields::NETWORK_PACKETS),
    ("identSrc", fields::SOURCE_IP),
    ("identHostName", fields::HOST_NAME),
    ("identMAC", fields::SOURCE_MAC),
    ("domain", fields::USER_DOMAIN),
    ("groupName", fields::USER_GROUP_NAME),
    ("groupID", fields::USER_GROUP_ID),
    ("resource", fields::HOST_NAME),
    ("policy", fields::RULE_NAME),
    ("url", fields::URL_ORIGINAL),
    ("action", fields::EVENT_ACTION),
    ("reason", fields::EVENT_REASON),
    ("fileName", fields::FILE_NAME),
    ("filePath", fields::FILE_PATH),
    ("msg", fields::MESSAGE),
    ("deviceName", fields::HOST_NAME),
    ("hostName", fields::HOST_NAME),
    ("threatName", fields::RULE_NAME),
    ("sha1", fields::FILE_HASH_SHA1),
    ("sha256", fields::FILE_HASH_SHA256),
    ("md5", fields::FILE_HASH_MD5),
];

/// Attributes read beside the table.
const TAKEN: [&str; 6] = ["proto", "devTime", "devTimeFormat", "sev", "usrName", "accountName"];

impl Parser for Leef {
    fn parse<'a>(
        &mut self,
        line: &'a str,
        context: &Context,
        arena: &'a Bump,
        event: &mut Event<'a>,
    ) -> Result<(), Reason> {
        const NOT: Reason = Reason("no LEEF:1.0 or LEEF:2.0 header");
        let line = line.trim_end_matches(['\r', '\n', '\0']);
        let at = line.find("LEEF:").ok_or(NOT)?;
        put::observer(&syslog::parse(line[..at].trim_end(), context), event);
        let mut parts = line[at + 5..].splitn(6, '|');
        let version = parts.next().unwrap_or("");
        let (vendor, product, release, id) =
            (parts.next().ok_or(NOT)?, parts.next().ok_or(NOT)?, parts.next().ok_or(NOT)?, parts.next().ok_or(NOT)?);
        let rest = parts.next().unwrap_or("");
        event.push_str(fields::OBSERVER_VENDOR, vendor);
        event.push_str(fields::OBSERVER_PRODUCT, product);
        event.push_str(fields::OBSERVER_VERSION, release);
        event.push_str(fields::EVENT_CODE, id);
        event.push(fields::EVENT_KIND, Value::Str("event"));
        event.push(fields::EVENT_MODULE, Value::Str("leef"));
        let (delimiter, text) = delimiter(version, rest);
        let mut row = Row::new(arena);
        if delimiter == '\t' && !text.contains('\t') {
            // A relay wrote blanks for the tabs: a value runs to the next ` key=`.
            for (key, value) in super::generic::extension(text) {
                row.push(key, value);
            }
        } else {
            for (key, value) in text.split(delimiter).filter_map(|part| part.split_once('=')) {
                row.push(key.trim(), value.trim());
            }
        }
        fill(&row, context, arena, event);
        let taken = bumpalo::collections::Vec::from_iter_in(
            TABLE.iter().map(|(key, _)| *key).chain(TAKEN.iter().copied()),
            arena,
        );
        row.keep("leef.", &taken, &mut self.names, event);
        Ok(())
    }
}

/// The character between attributes, and the attributes.
fn delimiter<'a>(version: &str, text: &'a str) -> (char, &'a str) {
    if !version.starts_with('2') {
        return ('\t', text);
    }
    let Some((mark, rest)) = text.split_once('|') else { return ('\t', text) };
    let number = mark.strip_prefix("0x").or_else(|| mark.strip_prefix('x')).or_else(|| mark.strip_prefix('X'));
    let coded = number.and_then(|number| u32::from_str_radix(number, 16).ok()).and_then(char::from_u32);
    let mut characters = mark.chars();
    match (coded, characters.next(), characters.next()) {
        (Some(coded), ..) => (coded, rest),
        (None, Some(one), None) => (one, rest),
        (None, None, _) => ('\t', rest),
        // No delimiter field: the text begins at once.
        _ => ('\t', text),
    }
}

fn fill<'a>(row: &Row<'a>, context: &Context, arena: &'a Bump, event: &mut Event<'a>) {
    let stamp = row.get(&["devTime"]);
    let found = time::epoch(stamp)
        .filter(|_| stamp.len() >= 9)
        .or_else(|| time::iso(stamp, &context.zone))
        .or_else(|| time::rfc3164_prefix(stamp, context).map(|(stamp, _)| stamp))
        .or_else(|| time::common_log(stamp, &context.zone));
    if let Some(stamp) = found {
        event.set(fields::TIMESTAMP, Value::Time(stamp));
    }
    row.put(TABLE, event);
    let user = row.get(&["usrName", "accountName"]);
    let (domain, name) = user.rsplit_once('\\').unwrap_or(("", user));
    event.push_str(fields::USER_NAME, name);
    put::text(fields::USER_DOMAIN, domain.trim_end_matches('\\'), event);
    put::int(fields::EVENT_SEVERITY, row.get(&["sev"]), event);
    let protocol = row.get(&["proto"]);
    flow_text::transport(protocol, event);
    if !event.has(fields::NETWORK_TRANSPORT) {
        json_keys::lower(fields::NETWORK_PROTOCOL, protocol, arena, event);
    }
    if let Some(url) = event.get_str(fields::URL_ORIGINAL) {
        super::squid::url::push(url, event);
    }
    if event.has(fields::SOURCE_IP) && event.has(fields::DESTINATION_IP) {
        put::words(fields::EVENT_CATEGORY, &["network"], event);
        put::words(fields::EVENT_TYPE, &["connection"], event);
    }
    if let Some(action) = event.get_str(fields::EVENT_ACTION) {
        flow_text::verdict(action, event);
        event.set(fields::EVENT_ACTION, Value::Str(action));
    }
}
