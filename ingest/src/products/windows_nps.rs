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
const COLUMNS: [&str; 32] = [
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
];

static TABLE: &Table = &[
    ("Computer-Name", fields::HOST_NAME),
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
        if !text.starts_with("<Event>") && !text.starts_with('"') {
            let head = syslog::parse(text, context);
            put::observer(&head, event);
            text = head.message;
        }
        let row = if let Some(inner) = text.strip_prefix("<Event>") {
            elements(inner, arena)
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
        if let Some(stamp) = super::csv::instant(stamp.split('.').next().unwrap_or(""), context) {
            event.set(fields::TIMESTAMP, Value::Time(stamp));
        }
        put::constants(CONSTANT, event);
        row.put(TABLE, event);
        put::user(
            row.get(&["SAM-Account-Name", "Fully-Qualifed-User-Name", "Fully-Qualified-User-Name", "User-Name"]),
            event,
        );
        put::text(fields::USER_NAME, row.get(&["User-Name"]), event);
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
        ("1" | "11", _) => login(&["start"], ""),
        ("2", _) => login(&["start", "allowed"], "success"),
        ("3", _) => login(&["start", "denied"], "failure"),
        ("4", "2") => Class { category: &["session"], kind: &["end"], action: "accounting-stop", outcome: "" },
        ("4", "1") => Class { category: &["session"], kind: &["start"], action: "accounting-start", outcome: "" },
        _ => Class { category: &["session"], kind: &["info"], ..Class::default() },
    }
}
