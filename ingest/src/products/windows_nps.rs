//! Network Policy Server (and IAS): the accounting log as `DTS Compliant` XML in one line, or in the database-compatible CSV.
//!
//! `<Event><Timestamp data_type="4">11/20/2026 10:00:00.123</Timestamp><User-Name data_type="1">sato</User-Name>...</Event>`;
//! `"NPS01","IAS",11/20/2026,10:00:00,1,"sato","EXAMPLE\sato",...`. Packet types: 1 request, 2 accept, 3 reject, 4 accounting, 11
//! challenge. Attributes are kept as `radius.<name>`. Source: Microsoft, "Interpret NPS Database Format Log Files".

use bumpalo::Bump;
use stream::{Event, FieldId, Value, fields};

use super::dhcpd::mac;
use crate::parser::{Context, Names, Parser, Reason};
use crate::put::{self, Class};
use crate::row::{Row, Table};
use crate::{csv_cells, syslog};

/// Parser of NPS's log.
#[derive(Default)]
pub struct WindowsNps {
    names: Names,
}

static CONSTANT: &[(FieldId, &str)] = &[
    (fields::EVENT_KIND, "event"),
    (fields::EVENT_MODULE, "windows_nps"),
    (fields::OBSERVER_VENDOR, "Microsoft"),
    (fields::OBSERVER_PRODUCT, "Network Policy Server"),
    (fields::SEKISHO_LOGSOURCE_PRODUCT, "windows"),
    (fields::SEKISHO_LOGSOURCE_SERVICE, "nps"),
];

/// Columns of the database-compatible format, in order.
const COLUMNS: [&str; 41] = [
    "Computer-Name",
    "Event-Source",
    "Record-Date",
    "Record-Time",
    "Packet-Type",
    "User-Name",
    "Fully-Qualifed-User-Name",
    "Called-Station-Id",
    "Calling-Station-Id",
    "Callback-Number",
    "Framed-IP-Address",
    "NAS-Identifier",
    "NAS-IP-Address",
    "NAS-Port",
    "Client-Vendor",
    "Client-IP-Address",
    "Client-Friendly-Name",
    "Event-Timestamp",
    "Port-Limit",
    "NAS-Port-Type",
    "Connect-Info",
    "Framed-Protocol",
    "Service-Type",
    "Authentication-Type",
    "NP-Policy-Name",
    "Reason-Code",
    "Class",
    "Session-Timeout",
    "Idle-Timeout",
    "Termination-Action",
    "EAP-Friendly-Name",
    "Acct-Status-Type",
    "Acct-Delay-Time",
    "Acct-Input-Octets",
    "Acct-Output-Octets",
    "Acct-Session-Id",
    "Acct-Authentic",
    "Acct-Session-Time",
    "Acct-Input-Packets",
    "Acct-Output-Packets",
    "Acct-Terminate-Cause",
];
/// The first columns of the IAS format; pairs of an attribute's number and its value follow.
const IAS: [&str; 6] =
    ["Client-IP-Address", "User-Name", "Record-Date", "Record-Time", "Event-Source", "Computer-Name"];

/// An attribute by the number that the IAS format writes.
fn attribute(number: &str) -> Option<&'static str> {
    Some(match number {
        "4" => "NAS-IP-Address",
        "5" => "NAS-Port",
        "6" => "Service-Type",
        "7" => "Framed-Protocol",
        "8" => "Framed-IP-Address",
        "25" => "Class",
        "30" => "Called-Station-Id",
        "31" => "Calling-Station-Id",
        "32" => "NAS-Identifier",
        "40" => "Acct-Status-Type",
        "42" => "Acct-Input-Octets",
        "43" => "Acct-Output-Octets",
        "44" => "Acct-Session-Id",
        "46" => "Acct-Session-Time",
        "49" => "Acct-Terminate-Cause",
        "61" => "NAS-Port-Type",
        "77" => "Connect-Info",
        "4108" => "Client-IP-Address",
        "4116" => "Client-Vendor",
        "4127" => "Authentication-Type",
        "4128" => "Client-Friendly-Name",
        "4129" => "SAM-Account-Name",
        "4130" => "Fully-Qualifed-User-Name",
        "4132" => "EAP-Friendly-Name",
        "4136" => "Packet-Type",
        "4142" => "Reason-Code",
        "4149" => "NP-Policy-Name",
        "4154" => "Proxy-Policy-Name",
        "4155" => "Provider-Type",
        _ => return None,
    })
}

static TABLE: &Table = &[
    ("Computer-Name", fields::HOST_NAME),
    ("Computer-Name", fields::HOST_HOSTNAME),
    ("NAS-Identifier", fields::OBSERVER_NAME),
    ("Client-Friendly-Name", fields::OBSERVER_NAME),
    ("NAS-IP-Address", fields::OBSERVER_IP),
    ("Client-IP-Address", fields::CLIENT_IP),
    ("Framed-IP-Address", fields::SOURCE_IP),
    ("NP-Policy-Name", fields::RULE_NAME),
    ("Proxy-Policy-Name", fields::RULE_RULESET),
    ("Reason-Code", fields::EVENT_CODE),
    ("Acct-Session-Id", fields::EVENT_ID),
    ("Acct-Input-Octets", fields::SOURCE_BYTES),
    ("Acct-Output-Octets", fields::DESTINATION_BYTES),
];

impl Parser for WindowsNps {
    fn parse<'a>(
        &mut self,
        line: &'a str,
        context: &Context,
        arena: &'a Bump,
        event: &mut Event<'a>,
    ) -> Result<(), Reason> {
        let mut text = line.trim_matches([' ', '\r', '\n', '\0', '\u{feff}']);
        let ias = |text: &str| put::ip(text.split(',').next().unwrap_or("")).is_some();
        if !text.starts_with("<Event>") && !text.starts_with('"') && !ias(text) {
            let head = syslog::parse(text, context);
            put::observer(&head, event);
            text = head.message;
        }
        let row = if let Some(inner) = text.strip_prefix("<Event>") {
            elements(inner, arena)
        } else if ias(text) {
            numbered(text, arena)
        } else {
            Row::of_cells(&COLUMNS, csv_cells::cells(text, ',', arena), arena)
        };
        let source = row.get(&["Event-Source"]);
        if !row.has("Packet-Type") || !(source.is_empty() || source == "IAS" || source == "RAS") {
            return Err(Reason("neither an XML record nor a CSV record of NPS"));
        }
        let whole = row.get(&["Timestamp"]);
        let stamp = if whole.is_empty() {
            bumpalo::format!(in arena, "{} {}", row.get(&["Record-Date"]), row.get(&["Record-Time"])).into_bump_str()
        } else {
            whole
        };
        let (seconds, millis) = stamp.split_once('.').unwrap_or((stamp, ""));
        if let Some(stamp) = super::csv::instant(seconds, context) {
            let millis = millis.parse::<u16>().ok().filter(|_| millis.len() == 3).unwrap_or(0);
            event.set(fields::TIMESTAMP, Value::Time(stamp.plus_nanos(i64::from(millis) * 1_000_000)));
        }
        put::constants(CONSTANT, event);
        row.put(TABLE, event);
        let (user, path) = who(&row);
        put::user(user, event);
        event.push_str(fields::USER_FULL_NAME, path.rsplit('/').next().unwrap_or(""));
        let station = row.get(&["Calling-Station-Id"]);
        match mac(station, arena) {
            Some(mac) => event.push(fields::SOURCE_MAC, Value::Str(mac)),
            None => put::end(&put::SOURCE, station, event),
        }
        put::class(&class(row.get(&["Packet-Type"]), row.get(&["Acct-Status-Type"])), event);
        row.keep("radius.", &["Timestamp", "Record-Date", "Record-Time"], &mut self.names, event);
        Ok(())
    }
}

/// The user: as Windows knows it, else as asked for; and the path in the directory (`example.jp/Users/Sato Ichiro`), which
/// is no account's name.
fn who<'a>(row: &Row<'a>) -> (&'a str, &'a str) {
    let known = row.get(&["SAM-Account-Name", "Fully-Qualifed-User-Name", "Fully-Qualified-User-Name"]);
    let asked = row.get(&["User-Name"]);
    match (known.contains('\\'), known.contains('/')) {
        (true, _) => (known, ""),
        (false, true) => (asked, known),
        (false, false) => (if asked.is_empty() { known } else { asked }, ""),
    }
}

/// `192.0.2.3,EXAMPLE\sato,11/20/2026,10:00:00,IAS,NPS01,4,192.0.2.3,4136,1,...`.
fn numbered<'a>(text: &'a str, arena: &'a Bump) -> Row<'a> {
    let mut cells = csv_cells::cells(text, ',', arena);
    let mut row = Row::of_cells(&IAS, cells.by_ref().take(IAS.len()), arena);
    while let (Some(number), Some(value)) = (cells.next(), cells.next()) {
        row.push(attribute(number.trim()).unwrap_or(number), value);
    }
    row
}

/// `<Name data_type="1">value</Name>...`.
fn elements<'a>(text: &'a str, arena: &'a Bump) -> Row<'a> {
    let mut row = Row::new(arena);
    let mut rest = text;
    while let Some((_, after)) = rest.split_once('<') {
        let Some((tag, after)) = after.split_once('>') else { break };
        let name = tag.split(' ').next().unwrap_or("");
        if name.starts_with('/') {
            rest = after;
            continue;
        }
        let (value, next) = after.split_once("</").unwrap_or((after, ""));
        row.push(name, value.trim());
        rest = next.split_once('>').map_or("", |(_, rest)| rest);
    }
    row
}

fn class(packet: &str, accounting: &str) -> Class {
    let login = |kind: &'static [&'static str], outcome: &'static str| Class {
        category: &["authentication"],
        kind,
        action: match outcome {
            "success" => "access-accept",
            "failure" => "access-reject",
            _ => "access-request",
        },
        outcome,
    };
    match (packet, accounting) {
        ("11", _) => Class { action: "access-challenge", ..login(&["start", "info"], "") },
        ("1", _) => login(&["start", "info"], ""),
        ("2", _) => login(&["start", "info", "allowed"], "success"),
        ("3", _) => login(&["start", "info", "denied"], "failure"),
        ("4", "2") => Class { category: &["session"], kind: &["end"], action: "accounting-stop", outcome: "" },
        ("4", "1") => Class { category: &["session"], kind: &["start"], action: "accounting-start", outcome: "" },
        ("4", "3") => Class { category: &["session"], kind: &["info"], action: "accounting-update", outcome: "" },
        _ => Class { category: &["session"], kind: &["info"], ..Class::default() },
    }
}
