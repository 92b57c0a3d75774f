//! Information elements: what a field of a flow is called, and how its bytes read as JSON.
//!
//! Numbers of any length up to eight bytes are numbers (reduced-size encoding, RFC 7011 §6.2), times are RFC 3339 in UTC,
//! addresses and texts are texts; bytes, and whatever does not fit its kind, are hexadecimal digits. An element of another
//! enterprise is called `enterprise<number>element<number>`, and one of the other direction of a flow (RFC 5103) `reverse...`.
//! Source: IANA, IP Flow Information Export (IPFIX) Entities; RFC 7011 §6.1; RFC 7012.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::LazyLock;

use netflow_parser::variable_versions::ipfix::lookup::{
    CiscoIPFixField, IANAIPFixField, IPFixField, NatIPFixField, NetscalerIPFixField, ReverseInformationElement,
    VMWareIPFixField, YafIPFixField,
};
use netflow_parser::{DataNumber, FieldValue};
use stream::Timestamp;

/// The enterprise whose elements are those of the other direction (RFC 5103 §6.1).
const REVERSE: u32 = 29_305;
/// Enterprises whose elements the reader has names of its own for.
const ENTERPRISES: [u32; 6] = [9, 637, 5_951, 6_871, 6_876, REVERSE];
/// Seconds from 1900, where NTP counts from, to 1970.
const NTP_TO_UNIX: i64 = 2_208_988_800;

/// An element's number, and its enterprise; 0 is IANA.
pub(super) type Id = (u16, u32);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Number,
    Signed,
    Float,
    Text,
    Ip,
    Mac,
    Bytes,
    Application,
    Seconds,
    Milliseconds,
    Fraction,
}

static ELEMENTS: LazyLock<HashMap<u16, (&'static str, Kind)>> = LazyLock::new(|| {
    let lines = include_str!("elements.txt").lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(element).collect()
});

fn element(line: &'static str) -> Option<(u16, (&'static str, Kind))> {
    let mut words = line.split(' ');
    let (number, name) = (words.next()?.parse().ok()?, words.next()?);
    let kind = match words.next()? {
        "number" => Kind::Number,
        "signed" => Kind::Signed,
        "float" => Kind::Float,
        "text" => Kind::Text,
        "ip" => Kind::Ip,
        "mac" => Kind::Mac,
        "bytes" => Kind::Bytes,
        "application" => Kind::Application,
        "seconds" => Kind::Seconds,
        "milliseconds" => Kind::Milliseconds,
        "fraction" => Kind::Fraction,
        _ => return None,
    };
    Some((number, (name, kind)))
}

/// The reader names elements where we want their numbers.
static NUMBERS: LazyLock<HashMap<IPFixField, Id>> = LazyLock::new(|| {
    let mut numbers = HashMap::new();
    for number in 0..=0x7fff {
        let all = std::iter::once(None).chain(ENTERPRISES.map(Some));
        for enterprise in all {
            let field = IPFixField::new(number, enterprise);
            if unnamed(field).is_none() {
                numbers.insert(field, (number, enterprise.unwrap_or(0)));
            }
        }
    }
    numbers
});

/// The number of an element that the reader has no name for.
fn unnamed(field: IPFixField) -> Option<Id> {
    match field {
        IPFixField::IANA(IANAIPFixField::Unknown(number)) => Some((number, 0)),
        IPFixField::Cisco(CiscoIPFixField::Unknown(number)) => Some((number, 9)),
        IPFixField::Nat(NatIPFixField::Unknown(number)) => Some((number, 637)),
        IPFixField::Netscaler(NetscalerIPFixField::Unknown(number)) => Some((number, 5_951)),
        IPFixField::Yaf(YafIPFixField::Unknown(number)) => Some((number, 6_871)),
        IPFixField::VMWare(VMWareIPFixField::Unknown(number)) => Some((number, 6_876)),
        IPFixField::ReverseInformationElement(ReverseInformationElement::Unknown(number)) => Some((number, REVERSE)),
        IPFixField::Enterprise { enterprise_number, field_number } => Some((field_number, enterprise_number)),
        _ => None,
    }
}

/// The number of an element of IPFIX.
pub(super) fn id_of(field: IPFixField) -> Id {
    unnamed(field).or_else(|| NUMBERS.get(&field).copied()).unwrap_or((0, 0))
}

/// Appends the element's name.
pub(super) fn name((number, enterprise): Id, out: &mut String) {
    let known = ELEMENTS.get(&number).filter(|_| matches!(enterprise, 0 | REVERSE)).map(|(name, _)| *name);
    let written = match (enterprise, known) {
        (0, Some(name)) => write!(out, "{name}"),
        (0, None) => write!(out, "element{number}"),
        (REVERSE, Some(name)) => write!(out, "reverse{}{}", name[..1].to_ascii_uppercase(), &name[1..]),
        _ => write!(out, "enterprise{enterprise}element{number}"),
    };
    written.expect("a string takes text");
}

/// Appends a value as JSON.
pub(super) fn value((number, enterprise): Id, value: &FieldValue, scratch: &mut Vec<u8>, out: &mut String) {
    let kind = match ELEMENTS.get(&number) {
        Some((_, kind)) if matches!(enterprise, 0 | REVERSE) => *kind,
        _ => match value {
            FieldValue::String(_) => Kind::Text,
            FieldValue::DataNumber(DataNumber::Vec(_)) => Kind::Bytes,
            FieldValue::DataNumber(_) => Kind::Number,
            FieldValue::Ip4Addr(_) | FieldValue::Ip6Addr(_) => Kind::Ip,
            FieldValue::MacAddr(_) => Kind::Mac,
            _ => Kind::Bytes,
        },
    };
    scratch.clear();
    value.write_be_bytes(scratch).expect("what was read from bytes becomes bytes again");
    bytes(kind, scratch, out);
}

fn bytes(kind: Kind, bytes: &[u8], out: &mut String) {
    let written = match (kind, bytes.len()) {
        (Kind::Number, 1..=8) => write!(out, "{}", number(bytes)),
        (Kind::Signed, 1..=8) => {
            let unused = 64 - 8 * bytes.len() as u32;
            write!(out, "{}", (number(bytes) << unused) as i64 >> unused)
        }
        (Kind::Float, 4) => return float(f32::from_bits(number(bytes) as u32).into(), bytes, out),
        (Kind::Float, 8) => return float(f64::from_bits(number(bytes)), bytes, out),
        (Kind::Text, _) => return text(String::from_utf8_lossy(bytes).trim_end_matches('\0'), out),
        (Kind::Ip, 4) => write!(out, "\"{}\"", Ipv4Addr::from_bits(number(bytes) as u32)),
        (Kind::Ip, 16) => {
            let address = bytes.iter().fold(0_u128, |address, byte| address << 8 | u128::from(*byte));
            write!(out, "\"{}\"", Ipv6Addr::from_bits(address))
        }
        (Kind::Mac, 6) => {
            let parts: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            write!(out, "\"{}\"", parts.join(":"))
        }
        // The engine that classified, and its number for what it found (RFC 6759).
        (Kind::Application, 2..=9) => write!(out, "\"{}:{}\"", bytes[0], number(&bytes[1..])),
        (Kind::Seconds, 1..=8) => return time(i64::try_from(number(bytes)).ok(), 1_000_000_000, bytes, out),
        (Kind::Milliseconds, 1..=8) => return time(i64::try_from(number(bytes)).ok(), 1_000_000, bytes, out),
        (Kind::Fraction, 8) => {
            let (seconds, fraction) = (number(&bytes[..4]) as i64, number(&bytes[4..]));
            let nanos = ((u128::from(fraction) * 1_000_000_000) >> 32) as i64;
            let all = (seconds - NTP_TO_UNIX).checked_mul(1_000_000_000).and_then(|all| all.checked_add(nanos));
            return time(all.filter(|_| seconds >= NTP_TO_UNIX), 1, bytes, out);
        }
        _ => return hexadecimal(bytes, out),
    };
    written.expect("a string takes text");
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn float(number: f64, bytes: &[u8], out: &mut String) {
    if number.is_finite() {
        write!(out, "{number:?}").expect("a string takes text");
    } else {
        hexadecimal(bytes, out);
    }
}

/// A time of so many units of so many nanoseconds.
fn time(units: Option<i64>, nanos: i64, bytes: &[u8], out: &mut String) {
    match units.and_then(|units| units.checked_mul(nanos)) {
        Some(nanos) => write!(out, "\"{}\"", Timestamp(nanos)).expect("a string takes text"),
        None => hexadecimal(bytes, out),
    }
}

fn hexadecimal(bytes: &[u8], out: &mut String) {
    out.push('"');
    for byte in bytes {
        write!(out, "{byte:02x}").expect("a string takes text");
    }
    out.push('"');
}

/// Appends a text as JSON.
pub(super) fn text(text: &str, out: &mut String) {
    out.push_str(&serde_json::Value::from(text).to_string());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(kind: Kind, value: &[u8]) -> String {
        let mut out = String::new();
        bytes(kind, value, &mut out);
        serde_json::from_str::<serde_json::Value>(&out).unwrap();
        out
    }

    #[test]
    fn every_line_of_the_table_is_an_element() {
        let lines = include_str!("elements.txt").lines().filter(|line| !line.starts_with('#'));
        assert!(lines.clone().all(|line| element(line).is_some()));
        assert_eq!(lines.count(), ELEMENTS.len(), "each number once");
        for (number, name) in [(8, "sourceIPv4Address"), (89, "forwardingStatus"), (227, "postNAPTSourceTransportPort")]
        {
            assert_eq!(ELEMENTS[&number].0, name);
        }
    }

    #[test]
    fn values_read_by_their_kind() {
        assert_eq!(json(Kind::Number, &[0x01, 0x00, 0x00]), "65536");
        assert_eq!(json(Kind::Number, &[0xff; 8]), "18446744073709551615");
        assert_eq!(json(Kind::Number, &[0xff; 9]), format!("\"{}\"", "ff".repeat(9)));
        assert_eq!(json(Kind::Signed, &[0xff, 0xfe]), "-2");
        assert_eq!(json(Kind::Float, &0.5_f32.to_be_bytes()), "0.5");
        assert_eq!(json(Kind::Float, &f64::NAN.to_be_bytes()), "\"7ff8000000000000\"");
        assert_eq!(json(Kind::Text, b"Gi0/1\0\0"), "\"Gi0/1\"");
        assert_eq!(json(Kind::Text, b"a\"\n\xff"), "\"a\\\"\\n\u{fffd}\"");
        assert_eq!(json(Kind::Ip, &[192, 0, 2, 1]), "\"192.0.2.1\"");
        assert_eq!(json(Kind::Ip, &Ipv6Addr::LOCALHOST.octets()), "\"::1\"");
        assert_eq!(json(Kind::Mac, &[0, 0, 0x5e, 0, 0x53, 1]), "\"00:00:5e:00:53:01\"");
        assert_eq!(json(Kind::Mac, &[1, 2]), "\"0102\"");
        assert_eq!(json(Kind::Application, &[3, 0, 0, 80]), "\"3:80\"");
        assert_eq!(json(Kind::Seconds, &1_795_000_000_u32.to_be_bytes()), "\"2026-11-18T11:06:40Z\"");
        assert_eq!(json(Kind::Milliseconds, &1_795_000_000_250_u64.to_be_bytes()), "\"2026-11-18T11:06:40.25Z\"");
        assert_eq!(json(Kind::Milliseconds, &[0xff; 8]), format!("\"{}\"", "ff".repeat(8)));
        let ntp = [(1_795_000_000_i64 + NTP_TO_UNIX) as u32, 1 << 31].map(u32::to_be_bytes).concat();
        assert_eq!(json(Kind::Fraction, &ntp), "\"2026-11-18T11:06:40.5Z\"");
    }

    #[test]
    fn elements_of_all_enterprises_have_names_of_their_own() {
        let named = |number, enterprise| {
            let mut out = String::new();
            name(id_of(IPFixField::new(number, enterprise)), &mut out);
            out
        };
        assert_eq!(named(8, None), "sourceIPv4Address");
        assert_eq!(named(32_000, None), "element32000");
        assert_eq!(named(1, Some(REVERSE)), "reverseOctetDeltaCount");
        assert_eq!(named(86, Some(REVERSE)), "reversePacketTotalCount");
        assert_eq!(named(14, Some(6_871)), "enterprise6871element14");
        assert_eq!(named(7, Some(12_356)), "enterprise12356element7");
        assert_eq!(named(12_232, Some(9)), "enterprise9element12232");
    }
}
