//! ESET PROTECT: events exported by syslog as JSON. Exports as CEF and LEEF are read by `cef` and `leef`.
//!
//! `event_type` says which of the forms below a record is of; times (`occured`, `28-Mar-2026 13:02:23`) are UTC. Every value is
//! kept as `eset.<key>`. Source: ESET PROTECT online help, "Events exported to JSON format".
//!
//! | `event_type` | Class |
//! |---|---|
//! | `Threat_Event`, `BlockedFiles_Event` | malware; file, hash, process, user, what was done |
//! | `FirewallAggregated_Event` | intrusion or connection; both ends, rule |
//! | `FilteredWebsites_Event` | web; URL, rule |
//! | `HipsAggregated_Event` | host intrusion; process, target, rule |
//! | `Audit_Event` | who did what in the console |
//! | `EnterpriseInspectorAlert_Event` | alert of ESET Inspect |

use bumpalo::Bump;
use stream::{Event, FieldId, Value, fields};

use crate::json::Walker;
use crate::parser::{Context, Names, Parser, Reason};
use crate::row::{Row, Table};
use crate::{device, json_keys, put, time};

/// Parser of ESET PROTECT's export.
#[derive(Default)]
pub struct Eset {
    walker: Walker,
    names: Names,
}

static CONSTANT: &[(FieldId, &str)] = &[
    (fields::EVENT_MODULE, "eset"),
    (fields::OBSERVER_VENDOR, "ESET"),
    (fields::OBSERVER_PRODUCT, "ESET PROTECT"),
    (fields::SEKISHO_LOGSOURCE_PRODUCT, "eset"),
    (fields::SEKISHO_LOGSOURCE_CATEGORY, "antivirus"),
];

static TABLE: &Table = &[
    ("hostname", fields::HOST_NAME),
    ("hostname", fields::HOST_HOSTNAME),
    ("ipv4", fields::HOST_IP),
    ("ipv6", fields::HOST_IP),
    ("source_uuid", fields::HOST_ID),
    ("os_name", fields::HOST_OS_NAME),
    ("severity", fields::LOG_LEVEL),
    ("threat_name", fields::RULE_NAME),
    ("rule_name", fields::RULE_NAME),
    ("rulename", fields::RULE_NAME),
    ("command_line", fields::PROCESS_COMMAND_LINE),
    ("rule_id", fields::RULE_ID),
    ("threat_type", fields::RULE_CATEGORY),
    ("source_port", fields::SOURCE_PORT),
    ("target_port", fields::DESTINATION_PORT),
    ("circumstances", fields::EVENT_REASON),
    ("cause", fields::EVENT_REASON),
    ("detail", fields::MESSAGE),
];

impl Parser for Eset {
    fn parse<'a>(
        &mut self,
        line: &'a str,
        context: &Context,
        arena: &'a Bump,
        event: &mut Event<'a>,
    ) -> Result<(), Reason> {
        let object = json_keys::object(line, context, event)?;
        let row = Row::of_json(object, &mut self.walker, arena)?;
        let kind = row.find(&["event_type"]).ok_or(Reason("no event_type of ESET PROTECT"))?;
        if let Some(stamp) = occurred(row.get(&["occured", "occurred"]), context, arena) {
            event.set(fields::TIMESTAMP, Value::Time(stamp));
        }
        row.put(TABLE, event);
        if let Some(ip) = event.get_ip(fields::HOST_IP) {
            event.push_unique(fields::RELATED_IP, Value::Ip(ip));
        }
        put::user(row.get(&["username", "account", "user"]), event);
        process(row.get(&["processname", "process_name", "application"]), event);
        event.push_str(fields::EVENT_ACTION, row.get(&["action_taken", "action"]));
        if row.get(&["hash"]).len() == 40 {
            event.push_str(fields::FILE_HASH_SHA1, row.get(&["hash"]));
        }
        object_of(row.get(&["object_uri"]), event);
        put::end(&put::SOURCE, row.get(&["source_address"]), event);
        put::end(&put::DESTINATION, row.get(&["target_address"]), event);
        crate::flow_text::transport(row.get(&["protocol"]), event);
        if let Some(inbound) = row.find(&["inbound"]) {
            let way = if inbound == "true" { "inbound" } else { "outbound" };
            event.push(fields::NETWORK_DIRECTION, Value::Str(way));
        }
        class(kind, &row, event);
        event.push_str(fields::EVENT_PROVIDER, kind);
        put::constants(CONSTANT, event);
        row.keep("eset.", &[], &mut self.names, event);
        Ok(())
    }
}

/// `28-Mar-2026 13:02:23`, UTC.
fn occurred(text: &str, context: &Context, arena: &Bump) -> Option<stream::Timestamp> {
    if let Some(stamp) = time::iso(text, &time::Zone::utc()) {
        return Some(stamp);
    }
    let (date, clock) = text.split_once(' ')?;
    let mut parts = date.split('-');
    let (day, month, year) = (parts.next()?, parts.next()?, parts.next()?);
    let plain = bumpalo::format!(in arena, "{} {} {} {}", year, month, day, clock);
    let utc = Context { received: context.received, zone: time::Zone::utc() };
    time::rfc3164_prefix(&plain, &utc).map(|(stamp, _)| stamp)
}

fn process<'a>(text: &'a str, event: &mut Event<'a>) {
    let name = text.rsplit(['\\', '/']).next().unwrap_or("");
    if name.len() < text.len() {
        event.push_str(fields::PROCESS_EXECUTABLE, text);
    }
    event.push_str(fields::PROCESS_NAME, name);
}

/// `file:///C:/a/b.exe`, or a URL.
fn object_of<'a>(uri: &'a str, event: &mut Event<'a>) {
    if let Some(path) = uri.strip_prefix("file:///") {
        event.push_str(fields::FILE_PATH, path);
        event.push_str(fields::FILE_NAME, path.rsplit(['/', '\\']).next().unwrap_or(""));
    } else if uri.contains("://") {
        event.push_str(fields::URL_ORIGINAL, uri);
        event.push_str(fields::URL_FULL, uri);
        super::squid::url::push(uri, event);
    } else {
        event.push_str(fields::FILE_PATH, uri);
    }
}

fn class<'a>(kind: &str, row: &Row<'a>, event: &mut Event<'a>) {
    let (alert, category, of_type): (bool, &'static [&'static str], &'static str) = match kind {
        "Threat_Event" | "BlockedFiles_Event" => (true, &["malware"], "info"),
        "FirewallAggregated_Event" => (true, &["network", "intrusion_detection"], "connection"),
        "FilteredWebsites_Event" => (true, &["web", "network"], "access"),
        "HipsAggregated_Event" => (true, &["intrusion_detection"], "info"),
        "EnterpriseInspectorAlert_Event" | "ESET Inspect Alert" | "InspectAlert_Event" => {
            (true, &["intrusion_detection"], "info")
        }
        "Audit_Event" => (false, &["configuration"], "info"),
        _ => (false, &[], "info"),
    };
    event.push(fields::EVENT_KIND, Value::Str(if alert { "alert" } else { "event" }));
    put::words(fields::EVENT_CATEGORY, category, event);
    put::words(fields::EVENT_TYPE, &[of_type], event);
    if kind == "Audit_Event" {
        if matches!(event.get_str(fields::EVENT_ACTION), Some("Login attempt" | "Login" | "Logout")) {
            event.set(fields::EVENT_CATEGORY, Value::Str("authentication"));
            put::words(fields::EVENT_TYPE, &["start"], event);
        }
        event.push_str(fields::USER_TARGET_NAME, row.get(&["target"]));
        match row.get(&["result"]) {
            "Success" => event.push(fields::EVENT_OUTCOME, Value::Str("success")),
            "Failure" => event.push(fields::EVENT_OUTCOME, Value::Str("failure")),
            _ => {}
        }
    }
    let action = event.get_str(fields::EVENT_ACTION).unwrap_or("").to_ascii_lowercase();
    if ["block", "delet", "clean", "denied", "quarantin", "terminat"].iter().any(|word| action.contains(word)) {
        device::add(fields::EVENT_TYPE, &["denied"], event);
    } else if action.contains("allow") {
        device::add(fields::EVENT_TYPE, &["allowed"], event);
    }
}
