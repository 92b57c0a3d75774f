//! The CEF and JSON formats that a FortiGate can be told to write (`set format cef`, `set format json`).
//!
//! Both carry the keys of the default format: CEF under `FTNTFGT<key>`, with the usual ones under CEF's names, JSON as
//! the members of one object. So they are read as those keys. Source: FortiOS Administration Guide, "Logging to a
//! syslog server in CEF"; Log Message Reference, "CEF support".

use bumpalo::Bump;

use super::scan::hash;
use super::{FortinetFortigate, Line};
use crate::json::Scalar;
use crate::parser::{Context, Reason};
use crate::products::generic::cef_pairs;
use crate::syslog;

/// CEF's names of FortiGate's keys.
static CEF_KEYS: &[(&str, &str)] = &[
    ("deviceExternalId", "devid"),
    ("dvchost", "devname"),
    ("src", "srcip"),
    ("spt", "srcport"),
    ("dst", "dstip"),
    ("dpt", "dstport"),
    ("shost", "srcname"),
    ("dhost", "hostname"),
    ("smac", "srcmac"),
    ("dmac", "dstmac"),
    ("suser", "user"),
    ("duser", "user"),
    ("deviceInboundInterface", "srcintf"),
    ("deviceOutboundInterface", "dstintf"),
    ("sourceTranslatedAddress", "transip"),
    ("sourceTranslatedPort", "transport"),
    ("destinationTranslatedAddress", "tranip"),
    ("destinationTranslatedPort", "tranport"),
    ("act", "action"),
    ("app", "service"),
    ("in", "rcvdbyte"),
    ("out", "sentbyte"),
    ("externalId", "sessionid"),
    ("request", "url"),
    ("requestContext", "referralurl"),
    ("requestClientApplication", "agent"),
    ("fname", "filename"),
    ("fsize", "filesize"),
    ("deviceDirection", ""),
    ("start", ""),
];

/// Whether the body, perhaps behind a header, is CEF.
pub(super) fn is_cef(line: &str, body: usize) -> bool {
    line.get(body..).is_some_and(|text| text.contains("CEF:") && text.contains("|Fortinet|"))
}

/// Reads a CEF line.
pub(super) fn parse_cef<'a>(
    parser: &mut FortinetFortigate,
    text: &'a str,
    body: usize,
    context: &Context,
    mut line: Line<'_, 'a>,
) -> Result<(), Reason> {
    let at = text.find("CEF:").unwrap_or(body);
    let header = syslog::parse(text.get(..at).unwrap_or(""), context);
    let pairs = cef_pairs(text.get(at..).unwrap_or(""), line.arena).ok_or(Reason("a CEF header has seven columns"))?;
    for (key, value) in pairs {
        let own = key.strip_prefix("FTNTFGT");
        let listed = || CEF_KEYS.iter().find(|(cef, _)| *cef == key).map(|(_, key)| *key);
        if key == "cat" {
            let (kind, subtype) = value.split_once(':').unwrap_or((value, ""));
            parser.put("type", hash(b"type"), kind, &mut line);
            parser.put("subtype", hash(b"subtype"), subtype, &mut line);
            continue;
        }
        let name = own.or_else(listed).unwrap_or(key);
        if !name.is_empty() {
            parser.put(name, hash(name.as_bytes()), value, &mut line);
        }
    }
    parser.finish(line, &header, context)
}

/// Reads a JSON line; anything else is not a FortiGate log.
pub(super) fn parse_json<'a>(
    parser: &mut FortinetFortigate,
    text: &'a str,
    body: usize,
    context: &Context,
    mut line: Line<'_, 'a>,
) -> Result<(), Reason> {
    const NOT: Reason = Reason("no key=value pair: not a FortiGate log");
    let at = text.get(body..).and_then(|rest| rest.find('{')).ok_or(NOT)? + body;
    let header = syslog::parse(text.get(..at).unwrap_or(""), context);
    let arena = line.arena;
    let mut walker = std::mem::take(&mut parser.walker);
    let walked = walker.walk(text.get(at..).unwrap_or(""), arena, |key, scalar| {
        if let Some(value) = scalar_text(scalar, arena) {
            parser.put(key, hash(key.as_bytes()), value, &mut line);
        }
    });
    parser.walker = walker;
    walked?;
    parser.finish(line, &header, context)
}

fn scalar_text<'a>(scalar: Scalar<'a>, arena: &'a Bump) -> Option<&'a str> {
    match scalar {
        Scalar::Str(text) | Scalar::Float(_, text) => Some(text),
        Scalar::Int(number) => Some(bumpalo::format!(in arena, "{}", number).into_bump_str()),
        Scalar::Bool(flag) => Some(if flag { "true" } else { "false" }),
        Scalar::Null => None,
    }
}
