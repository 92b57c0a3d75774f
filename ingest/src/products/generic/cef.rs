//! ArcSight's Common Event Format, versions 0 and 1: `CEF:0|vendor|product|version|class|name|severity|key=value ...`.
//!
//! In the header `\|` and `\\` are escapes; in the extension `\=`, `\\`, `\n` and `\r`, and a value runs until the next
//! ` key=`. Keys of the extension dictionary become ECS fields; `cs1` ... with their `cs1Label` become `cef.<label>`;
//! the rest is `cef.<key>`. Source: Micro Focus ArcSight CEF Implementation Standard, version 26 (CEF 1.2).

use bumpalo::Bump;
use stream::{Event, FieldId, Value, fields as f};

use super::{Lookup, To};
use crate::parser::{Context, Parser, Reason};
use crate::syslog;

/// Parser of CEF lines.
#[derive(Default)]
pub struct Cef {
    lookup: Lookup,
}

/// The dictionary: short names, and the long ones that some devices write.
static TABLE: &[(&str, To)] = &[
    ("rt", To::Time),
    ("deviceReceiptTime", To::Time),
    ("start", To::Field(f::EVENT_START)),
    ("end", To::Field(f::EVENT_END)),
    ("TrendMicroDsFileSHA1", To::Field(f::FILE_HASH_SHA1)),
    ("TrendMicroDsFileSHA256", To::Field(f::FILE_HASH_SHA256)),
    ("TrendMicroDsFileMD5", To::Field(f::FILE_HASH_MD5)),
    ("src", To::Field(f::SOURCE_IP)),
    ("sourceAddress", To::Field(f::SOURCE_IP)),
    ("c6a2", To::Field(f::SOURCE_IP)),
    ("spt", To::Field(f::SOURCE_PORT)),
    ("sourcePort", To::Field(f::SOURCE_PORT)),
    ("shost", To::Field(f::SOURCE_DOMAIN)),
    ("sourceHostName", To::Field(f::SOURCE_DOMAIN)),
    ("smac", To::Field(f::SOURCE_MAC)),
    ("sntdom", To::Field(f::SOURCE_USER_DOMAIN)),
    ("suser", To::User),
    ("suid", To::Field(f::SOURCE_USER_ID)),
    ("sourceTranslatedAddress", To::Field(f::SOURCE_NAT_IP)),
    ("sourceTranslatedPort", To::Field(f::SOURCE_NAT_PORT)),
    ("dst", To::Field(f::DESTINATION_IP)),
    ("destinationAddress", To::Field(f::DESTINATION_IP)),
    ("c6a3", To::Field(f::DESTINATION_IP)),
    ("dpt", To::Field(f::DESTINATION_PORT)),
    ("destinationPort", To::Field(f::DESTINATION_PORT)),
    ("dhost", To::Field(f::DESTINATION_DOMAIN)),
    ("destinationHostName", To::Field(f::DESTINATION_DOMAIN)),
    ("destinationDnsDomain", To::Field(f::DESTINATION_REGISTERED_DOMAIN)),
    ("dmac", To::Field(f::DESTINATION_MAC)),
    ("dntdom", To::Field(f::DESTINATION_USER_DOMAIN)),
    ("duser", To::Field(f::DESTINATION_USER_NAME)),
    ("duid", To::Field(f::DESTINATION_USER_ID)),
    ("destinationTranslatedAddress", To::Field(f::DESTINATION_NAT_IP)),
    ("destinationTranslatedPort", To::Field(f::DESTINATION_NAT_PORT)),
    ("proto", To::Transport),
    ("transportProtocol", To::Transport),
    ("app", To::Field(f::NETWORK_PROTOCOL)),
    ("applicationProtocol", To::Field(f::NETWORK_PROTOCOL)),
    // "Inbound" is from the source's side: what it sent.
    ("in", To::Field(f::SOURCE_BYTES)),
    ("bytesIn", To::Field(f::SOURCE_BYTES)),
    ("out", To::Field(f::DESTINATION_BYTES)),
    ("bytesOut", To::Field(f::DESTINATION_BYTES)),
    ("deviceDirection", To::Direction),
    ("act", To::Field(f::EVENT_ACTION)),
    ("deviceAction", To::Field(f::EVENT_ACTION)),
    ("outcome", To::Field(f::EVENT_OUTCOME)),
    ("reason", To::Field(f::EVENT_REASON)),
    ("externalId", To::Field(f::EVENT_ID)),
    ("msg", To::Field(f::MESSAGE)),
    ("message", To::Field(f::MESSAGE)),
    ("dvc", To::Field(f::OBSERVER_IP)),
    ("deviceAddress", To::Field(f::OBSERVER_IP)),
    ("dvchost", To::Field(f::OBSERVER_NAME)),
    ("deviceHostName", To::Field(f::OBSERVER_NAME)),
    ("dvcmac", To::Field(f::OBSERVER_MAC)),
    ("deviceExternalId", To::Field(f::OBSERVER_SERIAL_NUMBER)),
    ("deviceInboundInterface", To::Field(f::OBSERVER_INGRESS_INTERFACE_NAME)),
    ("deviceOutboundInterface", To::Field(f::OBSERVER_EGRESS_INTERFACE_NAME)),
    ("deviceProcessName", To::Field(f::PROCESS_NAME)),
    ("dvcpid", To::Field(f::PROCESS_PID)),
    ("request", To::Field(f::URL_ORIGINAL)),
    ("requestUrl", To::Field(f::URL_ORIGINAL)),
    ("requestMethod", To::Field(f::HTTP_REQUEST_METHOD)),
    ("requestContext", To::Field(f::HTTP_REQUEST_REFERRER)),
    ("requestClientApplication", To::Field(f::USER_AGENT_ORIGINAL)),
    ("fname", To::Field(f::FILE_NAME)),
    ("fileName", To::Field(f::FILE_NAME)),
    ("filePath", To::Field(f::FILE_PATH)),
    ("fsize", To::Field(f::FILE_SIZE)),
    ("fileType", To::Field(f::FILE_TYPE)),
];

/// Keys whose name is in a `...Label` beside them.
const LABELLED_MAX: usize = 24;

impl Parser for Cef {
    fn parse<'a>(
        &mut self,
        line: &'a str,
        context: &Context,
        arena: &'a Bump,
        event: &mut Event<'a>,
    ) -> Result<(), Reason> {
        let line = line.trim_end();
        let start = line.find("CEF:").ok_or(Reason("no CEF: in the line"))?;
        let header = syslog::parse(line.get(..start).unwrap_or(""), context);
        let mut rest = line.get(start + 4..).unwrap_or("");
        let mut columns = [""; 7];
        for column in &mut columns {
            let (text, after) = header_column(rest).ok_or(Reason("a CEF header has seven columns"))?;
            *column = unescape(text, arena);
            rest = after;
        }
        let [version, vendor, product, product_version, class, name, severity] = columns;
        event.push_str(f::OBSERVER_VENDOR, vendor);
        event.push_str(f::OBSERVER_PRODUCT, product);
        event.push_str(f::OBSERVER_VERSION, product_version);
        event.push_str(f::EVENT_CODE, class);
        self.lookup.own("cef.", "version", Value::Str(version), event);
        self.lookup.own("cef.", "name", Value::Str(name), event);
        self.lookup.own("cef.", "severity", Value::Str(severity), event);
        if let Some(number) = severity_number(severity) {
            event.push(f::EVENT_SEVERITY, Value::Int(number));
        }
        self.extension(rest, context, arena, event);
        if !event.has(f::MESSAGE) {
            event.push_str(f::MESSAGE, name);
        }
        super::push_header(&header, event);
        if let Some(time) = event.get(f::EVENT_END).or(event.get(f::EVENT_START)).filter(|_| !event.has(f::TIMESTAMP)) {
            event.push(f::TIMESTAMP, time);
        }
        if !event.has(f::OBSERVER_NAME) {
            event.push_str(f::OBSERVER_NAME, header.hostname.unwrap_or(""));
        }
        if let Some(url) = event.get_str(f::URL_ORIGINAL).filter(|url| url.contains("://")) {
            crate::products::squid::url::push(url, event);
        }
        if vendor.starts_with("Trend") {
            super::trend_micro::settle(product, class, name, event);
        }
        super::push_kind(event);
        super::tidy_outcome(event);
        super::push_verdict(event);
        Ok(())
    }
}

/// The extension's pairs of a text that starts with `CEF:`, unescaped; `None` when its header is not one.
pub(crate) fn pairs<'a>(text: &'a str, arena: &'a Bump) -> Option<impl Iterator<Item = (&'a str, &'a str)>> {
    let mut rest = text.strip_prefix("CEF:")?;
    for _ in 0..7 {
        rest = header_column(rest)?.1;
    }
    Some(Extension(rest).map(move |(key, value)| (key, unescape(value, arena))))
}

/// Pairs of a text where a value runs until the next ` key=`, as they are written.
pub(crate) fn extension(text: &str) -> impl Iterator<Item = (&str, &str)> {
    Extension(text)
}

/// 0 to 10, or the words that version 0 allowed.
fn severity_number(text: &str) -> Option<i64> {
    match text {
        "Low" | "low" => Some(3),
        "Medium" | "medium" => Some(6),
        "High" | "high" => Some(8),
        "Very-High" | "very-high" => Some(10),
        "Unknown" | "unknown" => Some(0),
        _ => text.parse().ok().filter(|number| (0..=10).contains(number)),
    }
}

/// The text up to the next `|` that no backslash guards, and what follows it.
fn header_column(text: &str) -> Option<(&str, &str)> {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'|' => return Some((text.get(..at)?, text.get(at + 1..)?)),
            _ => at += 1,
        }
    }
    None
}

impl Cef {
    fn extension<'a>(&mut self, text: &'a str, context: &Context, arena: &'a Bump, event: &mut Event<'a>) {
        let mut labelled: [(&str, &str); LABELLED_MAX] = [("", ""); LABELLED_MAX];
        let mut labelled_count = 0;
        for (key, value) in Extension(text) {
            if value.is_empty() {
                continue;
            }
            let is_label = key.strip_suffix("Label").is_some_and(is_custom);
            if (is_label || is_custom(key)) && labelled_count < LABELLED_MAX {
                labelled[labelled_count] = (key, unescape(value, arena));
                labelled_count += 1;
                continue;
            }
            self.push(key, unescape(value, arena), context, event);
        }
        let labelled = &labelled[..labelled_count];
        for (key, value) in labelled.iter().filter(|(key, _)| is_custom(key)) {
            let label = labelled.iter().find(|(name, _)| name.strip_suffix("Label") == Some(key));
            self.push_labelled(key, label.map(|(_, label)| *label), value, arena, event);
        }
    }

    fn push_labelled<'a>(
        &mut self,
        key: &str,
        label: Option<&str>,
        value: &'a str,
        arena: &'a Bump,
        event: &mut Event<'a>,
    ) {
        // `c6a2` and `c6a3` are the IPv6 addresses of the two ends.
        let end = match key {
            "c6a2" => Some(f::SOURCE_IP),
            "c6a3" => Some(f::DESTINATION_IP),
            _ => None,
        };
        if let (Some(field), Ok(ip)) = (end, value.parse())
            && !event.has(field)
        {
            event.push(field, Value::Ip(ip));
            return;
        }
        let name = match label {
            Some(label) if !label.is_empty() && label.len() <= 64 => {
                let plain = label.chars().map(|c| if c.is_alphanumeric() { c } else { '_' });
                bumpalo::collections::String::from_iter_in(plain, arena).into_bump_str()
            }
            _ => key,
        };
        self.lookup.own("cef.", name, Value::Str(value), event);
    }

    fn push<'a>(&mut self, key: &str, value: &'a str, context: &Context, event: &mut Event<'a>) {
        let done = match self.lookup.to(key, TABLE) {
            To::Field(field) => !event.has(field) && super::push_fitting(field, value, context, event),
            To::Time | To::Date if !event.has(f::TIMESTAMP) => match super::instant(value, context) {
                Some(time) => {
                    event.push(f::TIMESTAMP, Value::Time(time));
                    true
                }
                None => false,
            },
            To::Transport => super::push_transport(value, event),
            To::User => push_source_user(value, event),
            To::Direction => push_direction(value, event),
            _ => false,
        };
        if !done {
            self.lookup.own("cef.", key, Value::Str(value), event);
        }
    }
}

fn push_source_user<'a>(value: &'a str, event: &mut Event<'a>) -> bool {
    let free = !event.has(f::USER_NAME);
    if free {
        super::push_user(value, event);
        let user: Option<&'a str> = event.get_str(f::USER_NAME);
        event.push_str(f::SOURCE_USER_NAME, user.unwrap_or(""));
    }
    free
}

fn push_direction(value: &str, event: &mut Event<'_>) -> bool {
    let direction: (FieldId, &'static str) = match value {
        "0" | "inbound" => (f::NETWORK_DIRECTION, "inbound"),
        "1" | "outbound" => (f::NETWORK_DIRECTION, "outbound"),
        _ => return false,
    };
    event.push(direction.0, Value::Str(direction.1));
    true
}

/// `cs1`, `cn2`, `cfp3`, `c6a2`, `deviceCustomDate1`, `flexString1`...
fn is_custom(key: &str) -> bool {
    let name = key.trim_end_matches(|letter: char| letter.is_ascii_digit());
    name.len() < key.len()
        && matches!(name, "cs" | "cn" | "cfp" | "c6a" | "deviceCustomDate" | "flexString" | "flexNumber" | "flexDate")
}

/// The extension's pairs: a value runs until the last blank before the next unguarded `=`.
struct Extension<'a>(&'a str);

impl<'a> Iterator for Extension<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<(&'a str, &'a str)> {
        let text = self.0.trim_start();
        let equals = text.find('=')?;
        let key = text.get(..equals)?.rsplit(' ').next()?;
        let value = text.get(equals + 1..)?;
        let bytes = value.as_bytes();
        let (mut at, mut blank) = (0, None);
        while at < bytes.len() {
            match bytes[at] {
                b'\\' => at += 1,
                b' ' => blank = Some(at),
                b'=' => {
                    if let Some(end) = blank.filter(|blank| is_key(&bytes[blank + 1..at])) {
                        self.0 = value.get(end + 1..)?;
                        return Some((key, value.get(..end)?.trim_end()));
                    }
                }
                _ => {}
            }
            at += 1;
        }
        self.0 = "";
        Some((key, value.trim_end()))
    }
}

fn is_key(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"_.-[]".contains(byte))
}

/// Takes the escapes of header and extension back; borrows when there are none.
fn unescape<'a>(text: &'a str, arena: &'a Bump) -> &'a str {
    if memchr::memchr(b'\\', text.as_bytes()).is_none() {
        return text;
    }
    let mut plain = bumpalo::collections::String::with_capacity_in(text.len(), arena);
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        let guarded = if letter == '\\' { letters.peek().copied() } else { None };
        let replaced = match guarded {
            Some(kept @ ('\\' | '|' | '=')) => kept,
            Some('n') => '\n',
            Some('r') => '\r',
            _ => {
                plain.push(letter);
                continue;
            }
        };
        plain.push(replaced);
        letters.next();
    }
    plain.into_bump_str()
}
