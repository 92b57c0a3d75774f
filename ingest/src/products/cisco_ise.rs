//! Cisco ISE: `CISE_*` syslog messages of every category (passed and failed authentications, RADIUS and TACACS accounting,
//! administrative audit, posture, profiler, system), each segment by itself.
//!
//! `<PRI>time host CISE_Category id segments segment [time offset sequence code SEVERITY class: text, key=value, ...]`.
//! Values escape commas with a backslash; `cisco-av-pair=key=value` are pairs of their own. A continued segment (number 1
//! and above) holds pairs only. Source: Cisco ISE Syslogs, Administrator Guide.

use bumpalo::Bump;
use stream::{Event, FieldId, Value, fields};

use super::dhcpd::mac;
use crate::parser::{Context, Names, Parser, Reason};
use crate::row::{Row, Table};
use crate::{json_keys, put, syslog, time};

/// Parser of ISE's syslog.
#[derive(Default)]
pub struct CiscoIse {
    names: Names,
}

static CONSTANT: &[(FieldId, &str)] = &[
    (fields::EVENT_KIND, "event"),
    (fields::EVENT_MODULE, "cisco_ise"),
    (fields::EVENT_DATASET, "cisco_ise.log"),
    (fields::OBSERVER_VENDOR, "Cisco"),
    (fields::OBSERVER_PRODUCT, "ISE"),
    (fields::SEKISHO_LOGSOURCE_PRODUCT, "cisco"),
    (fields::SEKISHO_LOGSOURCE_SERVICE, "ise"),
];

static TABLE: &Table = &[
    ("Device IP Address", fields::CLIENT_IP),
    ("Device Port", fields::CLIENT_PORT),
    ("DestinationIPAddress", fields::DESTINATION_IP),
    ("DestinationPort", fields::DESTINATION_PORT),
    ("Framed-IP-Address", fields::SOURCE_IP),
    ("FramedIPAddress", fields::SOURCE_IP),
    ("AdminIPAddress", fields::SOURCE_IP),
    ("Remote-Address", fields::SOURCE_IP),
    ("FailureReason", fields::EVENT_REASON),
    ("Failure Reason", fields::EVENT_REASON),
    ("ObjectName", fields::USER_TARGET_NAME),
    ("CmdSet", fields::PROCESS_COMMAND_LINE),
    ("Acct-Input-Octets", fields::SOURCE_BYTES),
    ("Acct-Output-Octets", fields::DESTINATION_BYTES),
    ("Acct-Input-Packets", fields::SOURCE_PACKETS),
    ("Acct-Output-Packets", fields::DESTINATION_PACKETS),
    ("AuthorizationPolicyMatchedRule", fields::RULE_NAME),
    ("NetworkDeviceName", fields::HOST_NAME),
];

impl Parser for CiscoIse {
    fn parse<'a>(
        &mut self,
        line: &'a str,
        context: &Context,
        arena: &'a Bump,
        event: &mut Event<'a>,
    ) -> Result<(), Reason> {
        const NOT: Reason = Reason("no CISE_ category: not an ISE message");
        let line = line.trim_matches([' ', '\r', '\n', '\0', '\u{feff}']);
        let at = line.find("CISE_").or_else(|| bare(line)).ok_or(NOT)?;
        let head = syslog::parse(line[..at].trim_end(), context);
        if let Some(number) = head.priority {
            super::fortinet_fortigate::push_priority(number, event);
        }
        if let Some(stamp) = head.timestamp {
            event.set(fields::TIMESTAMP, Value::Time(stamp));
        }
        // The header ends at the host, which the header reader may take for text.
        let host = head.hostname.unwrap_or(put::word(head.message).0);
        event.push_str(fields::HOST_HOSTNAME, host);
        event.push_str(fields::OBSERVER_NAME, host);
        // A relay may have taken the category for the program and left it out.
        let named = line[at..].starts_with("CISE_");
        let (category, rest) = if named { put::word(&line[at..]) } else { ("", &line[at..]) };
        if category == "CISE_Alarm" {
            self.alarm(rest, arena, event);
            return Ok(());
        }
        let (id, rest) = put::word(rest);
        let (total, rest) = put::word(rest);
        let (segment, rest) = put::word(rest);
        if total.parse::<u32>().is_err() || segment.parse::<u32>().is_err() {
            return Err(NOT);
        }
        put::constants(CONSTANT, event);
        let mut row = Row::new(arena);
        row.push("category", category);
        row.push("message_id", id);
        row.push("segment_total", total);
        row.push("segment", segment);
        let pairs = message(rest, context, arena, event);
        read(pairs, arena, &mut row);
        row.put(TABLE, event);
        // The network device's name stands first, where the message has one.
        put::text(fields::HOST_NAME, host, event);
        people(&row, arena, event);
        json_keys::lower(fields::NETWORK_PROTOCOL, row.get(&["Protocol"]), arena, event);
        // Where no reason is given, what happened is one.
        put::text(fields::EVENT_REASON, event.get_str(fields::MESSAGE).unwrap_or(""), event);
        classify(category, &row, event);
        let taken = ["UserName", "User-Name"];
        row.keep("cisco_ise.", &taken, &mut self.names, event);
        Ok(())
    }
}

/// Where the three numbers and the time of a message without its category stand.
fn bare(line: &str) -> Option<usize> {
    let mut at = 0;
    // Behind a header, or at the start.
    for _ in 0..8 {
        let mut rest = &line[at..];
        let mut numbers = 0;
        while numbers < 3 && !rest.is_empty() {
            let (word, after) = put::word(rest);
            if word.is_empty() || !word.bytes().all(|byte| byte.is_ascii_digit()) {
                break;
            }
            (numbers, rest) = (numbers + 1, after);
        }
        if numbers == 3 && time::civil_date(rest.as_bytes()).is_some() {
            return Some(at);
        }
        at += line[at..].find(' ')? + 1;
    }
    None
}

impl CiscoIse {
    /// `WARN: RADIUS Request dropped : Server=ise1; NAS IP Address=192.0.2.2`.
    fn alarm<'a>(&mut self, text: &'a str, arena: &'a Bump, event: &mut Event<'a>) {
        put::constants(CONSTANT, event);
        let (level, rest) = text.split_once(": ").unwrap_or(("", text));
        json_keys::lower(fields::LOG_LEVEL, level.trim(), arena, event);
        let (name, pairs) = rest.split_once(" : ").or_else(|| rest.split_once(": ")).unwrap_or((rest, ""));
        event.push_str(fields::EVENT_REASON, name.trim());
        event.push_str(fields::MESSAGE, text);
        let mut row = Row::new(arena);
        row.push("category", "CISE_Alarm");
        for (key, value) in pairs.split(';').filter_map(|part| part.split_once('=')) {
            row.push(key.trim(), value.trim());
        }
        row.put(TABLE, event);
        people(&row, arena, event);
        event.set(fields::EVENT_KIND, Value::Str("alert"));
        put::words(fields::EVENT_TYPE, &["info"], event);
        row.keep("cisco_ise.", &["UserName", "User-Name"], &mut self.names, event);
    }
}

/// `2026-11-20 10:00:00.123 +09:00 0000000001 5200 NOTICE Passed-Authentication: Authentication succeeded, `: the pairs.
fn message<'a>(text: &'a str, context: &Context, arena: &'a Bump, event: &mut Event<'a>) -> &'a str {
    let Some((stamp, length)) = time::iso_prefix(text, &context.zone) else { return text };
    event.set(fields::TIMESTAMP, Value::Time(stamp));
    let (sequence, rest) = put::word(text.get(length..).unwrap_or(""));
    put::count(fields::EVENT_SEQUENCE, sequence, event);
    let (code, rest) = put::word(rest);
    let (severity, rest) = put::word(rest);
    event.push_str(fields::EVENT_CODE, code);
    json_keys::lower(fields::LOG_LEVEL, severity, arena, event);
    let (lead, pairs) = rest.split_once(", ").unwrap_or((rest, ""));
    let (class, text) = lead.split_once(": ").unwrap_or(("", lead));
    json_keys::lower(fields::EVENT_ACTION, class, arena, event);
    event.push_str(fields::MESSAGE, text.trim_end_matches(','));
    pairs
}

/// `key=value, key=value`; a backslash guards a comma.
fn read<'a>(text: &'a str, arena: &'a Bump, row: &mut Row<'a>) {
    let mut rest = text;
    while !rest.is_empty() {
        let mut end = 0;
        let end = loop {
            match rest[end..].find(',') {
                None => break rest.len(),
                Some(found) if found > 0 && rest.as_bytes()[end + found - 1] == b'\\' => end += found + 1,
                Some(found) => break end + found,
            }
        };
        let part = rest[..end].trim();
        rest = rest.get(end + 1..).unwrap_or("");
        let part = part.strip_prefix("cisco-av-pair=").filter(|inner| inner.contains('=')).unwrap_or(part);
        if let Some((key, value)) = part.split_once('=') {
            let value = value.trim().trim_end_matches(';');
            row.push(
                key.trim(),
                if value.contains("\\,") { arena.alloc_str(&value.replace("\\,", ",")) } else { value },
            );
        }
    }
}

fn people<'a>(row: &Row<'a>, arena: &'a Bump, event: &mut Event<'a>) {
    put::user(row.get(&["UserName", "User-Name", "User", "AdminName"]), event);
    let station = row.get(&["Calling-Station-ID", "CallingStationID", "EndpointMacAddress"]);
    if let Some(mac) = mac(station, arena) {
        event.push(fields::SOURCE_MAC, Value::Str(mac));
    } else if put::ip(station).is_some() {
        put::end(&put::SOURCE, station, event);
    }
    if let Ok(seconds @ 0..) = row.get(&["Acct-Session-Time"]).parse::<i64>() {
        event.push(fields::EVENT_DURATION, Value::Int(seconds.saturating_mul(1_000_000_000)));
    }
}

fn classify(category: &str, row: &Row<'_>, event: &mut Event<'_>) {
    let accounting = category.contains("Accounting");
    let (words, kind, outcome): (&[&'static str], &[&'static str], &'static str) = match category {
        "CISE_Passed_Authentications" => (&["authentication"], &["start", "allowed"], "success"),
        "CISE_Failed_Attempts" => (&["authentication"], &["start", "denied"], "failure"),
        // 51000 and on are sign-ins of administrators.
        "CISE_Administrative_and_Operational_Audit"
            if event.get_str(fields::EVENT_ACTION) == Some("administrator-login") =>
        {
            let failed = matches!(
                event.get_str(fields::EVENT_CODE),
                Some("51000" | "51003" | "51004" | "51005" | "51008" | "51009")
            );
            (&["authentication"], &["start", "admin"], if failed { "failure" } else { "success" })
        }
        "CISE_Administrative_and_Operational_Audit" => (&["configuration"], &["admin", "change"], ""),
        // TACACS+ names its sign-ins after their class.
        _ if event.get_str(fields::EVENT_ACTION) == Some("passed-authentication") => {
            (&["authentication"], &["start", "allowed"], "success")
        }
        _ if event.get_str(fields::EVENT_ACTION) == Some("failed-attempt") => {
            (&["authentication"], &["start", "denied"], "failure")
        }
        "CISE_TACACS_Authorization" => (&["authentication", "configuration"], &["access", "info"], ""),
        _ if event.get_str(fields::EVENT_ACTION) == Some("device-administration") => {
            (&["authentication", "configuration"], &["access", "info"], "")
        }
        "CISE_TACACS_Accounting" => (&["configuration", "session"], &["info"], ""),
        _ if accounting => {
            let kind: &[&'static str] = match row.get(&["Acct-Status-Type"]) {
                "Start" => &["start"],
                "Stop" => &["end"],
                _ => &["info"],
            };
            (&["session"], kind, "")
        }
        "CISE_Authentication_Flow_Diagnostics" | "CISE_Identity_Stores_Diagnostics" => {
            (&["authentication"], &["info"], "")
        }
        _ => (&["host"], &["info"], ""),
    };
    put::words(fields::EVENT_CATEGORY, words, event);
    put::words(fields::EVENT_TYPE, kind, event);
    put::words(fields::EVENT_TYPE, &["info"], event);
    if !outcome.is_empty() {
        event.set(fields::EVENT_OUTCOME, Value::Str(outcome));
    }
}
