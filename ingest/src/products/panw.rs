//! Palo Alto Networks PAN-OS (6.0 to 11.2): the comma-separated syslog format of every log type.
//!
//! | Header before the cells | Where it is met |
//! |---|---|
//! | none, or `<PRI>` | files, custom profiles without a header |
//! | `<PRI>Nov 20 10:00:00 host `, without host, without PRI | BSD format, relays |
//! | `<PRI>1 2026-11-20T10:00:00Z host - - - - ` | IETF format |
//!
//! Types: TRAFFIC, THREAT (URL, DATA, FILE, WILDFIRE as subtypes or as types), SYSTEM, CONFIG, GLOBALPROTECT, USERID,
//! HIPMATCH, CORRELATION, AUTHENTICATION, DECRYPTION, SCTP, GTP, IPTAG, TUNNEL, AUDIT. Later versions add cells at the
//! end, so one table per type serves all of them (see `columns`); at most `CELLS_MAX` cells are read.
//!
//! `@timestamp` is the generated time; its zone is taken from the high-resolution time stamp where that shows the same
//! time of day (10.0 and later), else the source's. Source: PAN-OS Administrator's Guide, "Syslog Field Descriptions".

mod columns;

use bumpalo::Bump;
use bumpalo::collections::Vec as BumpVec;
use stream::{Event, FieldId, Timestamp, Value, fields as f};

use self::columns::{Set, Type};
use super::squid::url::Authority;
use crate::device::{self, add};
use crate::parser::{Context, Parser, Reason};
use crate::{community_id, csv_cells, protocols, time};

/// The most cells of one line.
const CELLS_MAX: usize = 192;

/// Parser of PAN-OS logs.
pub struct Panw {
    types: Vec<(Type, Vec<(usize, Set)>)>,
}

impl Default for Panw {
    fn default() -> Self {
        Panw { types: columns::all() }
    }
}

/// The cells of one line.
struct Cells<'a>(BumpVec<'a, &'a str>);

impl<'a> Cells<'a> {
    fn get(&self, at: usize) -> &'a str {
        self.0.get(at).copied().unwrap_or("").trim()
    }
}

impl Parser for Panw {
    fn parse<'a>(
        &mut self,
        line: &'a str,
        context: &Context,
        arena: &'a Bump,
        event: &mut Event<'a>,
    ) -> Result<(), Reason> {
        let body = body_start(line).ok_or(Reason("no comma: not a PAN-OS log"))?;
        let mut cells = Cells(BumpVec::with_capacity_in(128, arena));
        cells.0.extend(csv_cells::cells(line[body..].trim_end(), ',', arena).take(CELLS_MAX));
        let kind = Type::named(cells.get(3)).ok_or(Reason("the fourth cell is not a PAN-OS log type"))?;
        let table = self.types.iter().find(|(listed, _)| *listed == kind).map_or(&[][..], |(_, table)| table);
        for (at, to) in table {
            set(*to, cells.get(*at), arena, event);
        }
        set_time(kind, &cells, context, event);
        device::header(&line[..body], context, event);
        event.push_str(f::OBSERVER_SERIAL_NUMBER, cells.get(2));
        device::observer("Palo Alto Networks", "PAN-OS", "firewall", event);
        event.push(f::EVENT_MODULE, Value::Str("panw"));
        event.push(f::SEKISHO_LOGSOURCE_PRODUCT, Value::Str("paloalto"));
        meaning(kind, &cells, context, arena, event);
        community_id::push(arena, event);
        Ok(())
    }
}

/// Where the first cell starts: behind the last blank, or behind the priority, before the first comma.
fn body_start(line: &str) -> Option<usize> {
    let comma = memchr::memchr(b',', line.as_bytes())?;
    Some(line[..comma].rfind([' ', '>', '\t']).map_or(0, |at| at + 1))
}

fn set<'a>(to: Set, text: &'a str, arena: &'a Bump, event: &mut Event<'a>) {
    if text.is_empty() {
        return;
    }
    match to {
        Set::Text(field) if !event.has(field) => event.push_str(field, text),
        Set::Int(field) => device::push_int(field, text, event),
        Set::Ip(field) if !event.has(field) => {
            device::push_ip(field, text, event);
        }
        Set::RealIp(field) => {
            device::push_real_ip(field, text, event);
        }
        Set::User => device::push_user(text, event),
        Set::DestinationUser => device::push_destination_user(text, event),
        Set::Transport => {
            protocols::push(text, event);
        }
        Set::Mac(field) => device::push_mac(field, text, arena, event),
        Set::Own(field) if !matches!(text, "N/A" | "n/a") => event.push_str(field, text),
        _ => {}
    }
}

/// `@timestamp` from the generated time.
fn set_time(kind: Type, cells: &Cells<'_>, context: &Context, event: &mut Event<'_>) {
    let generated = cells.get(6);
    let generated = if generated.is_empty() { cells.get(1) } else { generated };
    let exact = columns::high_resolution(kind)
        .map(|at| cells.get(at))
        .filter(|text| same_time_of_day(text, generated))
        .and_then(|text| time::iso(text, &context.zone));
    device::push_time(f::TIMESTAMP, exact.or_else(|| time::iso(generated, &context.zone)), event);
}

/// Whether two texts show the same date and time, to the second, however it is punctuated.
fn same_time_of_day(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    one.len() > 19
        && other.len() >= 19
        && (0..19).all(|at| one[at] == other[at] || !one[at].is_ascii_digit() && !other[at].is_ascii_digit())
}

fn instant(text: &str, context: &Context) -> Option<Timestamp> {
    time::iso(text, &context.zone)
}

/// What the line means as a whole.
fn meaning<'a>(kind: Type, cells: &Cells<'a>, context: &Context, arena: &'a Bump, event: &mut Event<'a>) {
    let class = |event: &mut Event<'a>, category: &[&'static str], types: &[&'static str]| {
        add(f::EVENT_CATEGORY, category, event);
        add(f::EVENT_TYPE, types, event);
    };
    event.push(f::EVENT_KIND, Value::Str(if kind == Type::Threat { "alert" } else { "event" }));
    event.push(f::SEKISHO_LOGSOURCE_SERVICE, Value::Str(kind.service()));
    match kind {
        Type::Traffic => traffic(cells, context, event),
        Type::Threat => threat(cells, arena, event),
        Type::System => {
            class(event, &["configuration"], &["info"]);
            severity(cells.get(13), event);
            event.push_str(f::EVENT_ACTION, cells.get(8));
            sign_in(cells.get(8), cells.get(14), event);
        }
        Type::Config => config(cells, arena, event),
        Type::GlobalProtect => global_protect(cells, arena, event),
        Type::UserId => {
            class(event, &["network", "iam"], &["user", "info"]);
            event.push_str(f::EVENT_ACTION, cells.get(4));
        }
        Type::HipMatch => class(event, &["host"], &["info"]),
        Type::Correlation => {
            class(event, &["network", "intrusion_detection"], &["info"]);
            event.push(f::EVENT_OUTCOME, Value::Str("success"));
        }
        Type::Authentication => {
            class(event, &["authentication"], &["info"]);
            outcome(cells.get(20), event);
            event.push_str(f::EVENT_ACTION, cells.get(20));
        }
        Type::Decryption | Type::Sctp => {
            class(event, &["network"], &["connection"]);
            verdict(cells.get(30), event);
        }
        Type::Gtp => {
            class(event, &["network", "malware"], &["connection"]);
            span(instant(cells.get(76), context), cells.get(77), event);
        }
        Type::Tunnel => {
            class(event, &["network"], &["connection"]);
            verdict(cells.get(30), event);
            span(instant(cells.get(61), context), cells.get(62), event);
        }
        Type::IpTag => class(event, &["iam"], &["change"]),
        Type::Audit => {
            class(event, &["configuration"], &["info"]);
            severity(cells.get(10), event);
        }
    }
}

fn traffic<'a>(cells: &Cells<'a>, context: &Context, event: &mut Event<'a>) {
    add(f::EVENT_CATEGORY, &["network"], event);
    event.push(f::SEKISHO_LOGSOURCE_CATEGORY, Value::Str("firewall"));
    verdict(cells.get(30), event);
    let (action, types): (_, &[&'static str]) = match cells.get(4) {
        "start" => ("flow_started", &["start", "connection"]),
        "end" => ("flow_terminated", &["end", "connection"]),
        "drop" => ("flow_dropped", &["denied", "connection"]),
        "deny" => ("flow_denied", &["denied", "connection"]),
        _ => ("", &["connection"]),
    };
    event.push_str(f::EVENT_ACTION, action);
    add(f::EVENT_TYPE, types, event);
    span(instant(cells.get(35), context), cells.get(36), event);
    nat_ports(cells, event);
}

/// Ports are written as 0 where nothing is translated.
fn nat_ports(cells: &Cells<'_>, event: &mut Event<'_>) {
    for (at, field) in [(26, f::SOURCE_NAT_PORT), (27, f::DESTINATION_NAT_PORT)] {
        if !matches!(cells.get(at), "" | "0") {
            device::push_int(field, cells.get(at), event);
        }
    }
}

fn threat<'a>(cells: &Cells<'a>, arena: &'a Bump, event: &mut Event<'a>) {
    add(f::EVENT_CATEGORY, &["intrusion_detection", "threat", "network"], event);
    let kind = match cells.get(3) {
        "THREAT" | "Threat" | "threat" => cells.get(4),
        kind => device::lower(kind, arena),
    };
    let (action, category) = match kind {
        "url" => ("url_filtering", "proxy"),
        "file" => ("file_match", "firewall"),
        "data" | "dlp" => ("data_match", "firewall"),
        "spyware" => ("spyware_detected", "firewall"),
        "vulnerability" => ("exploit_detected", "firewall"),
        "virus" | "ml-virus" => ("virus_detected", "antivirus"),
        "wildfire" => ("wildfire_verdict", "antivirus"),
        "wildfire-virus" => ("wildfire_virus_detected", "antivirus"),
        "flood" => ("flood_detected", "firewall"),
        "scan" => ("scan_detected", "firewall"),
        "packet" => ("packet_attack", "firewall"),
        other => (other, "firewall"),
    };
    event.push_str(f::EVENT_ACTION, action);
    event.push(f::SEKISHO_LOGSOURCE_CATEGORY, Value::Str(category));
    verdict(cells.get(30), event);
    severity(cells.get(34), event);
    nat_ports(cells, event);
    match cells.get(35) {
        "client-to-server" | "client to server" | "0" => add(f::NETWORK_DIRECTION, &["inbound"], event),
        "server-to-client" | "server to client" | "1" => add(f::NETWORK_DIRECTION, &["outbound"], event),
        _ => {}
    }
    let (name, number) = threat_id(cells.get(32));
    event.push_str(f::RULE_DESCRIPTION, name);
    event.push_str(f::EVENT_CODE, number);
    target(kind, cells.get(31), event);
    digest(cells.get(43), event);
}

/// Splits `Name(number)`.
fn threat_id(text: &str) -> (&str, &str) {
    match text.strip_suffix(')').and_then(|text| text.rsplit_once('(')) {
        Some((name, number)) if number.bytes().all(|byte| byte.is_ascii_digit()) => (name, number),
        _ => (text, ""),
    }
}

/// The cell that holds a URL or a file's name, by subtype.
fn target<'a>(kind: &str, text: &'a str, event: &mut Event<'a>) {
    if text.is_empty() {
        return;
    }
    if kind != "url" {
        if matches!(kind, "file" | "virus" | "ml-virus" | "wildfire" | "wildfire-virus") {
            let name = text.rsplit(['/', '\\']).next().unwrap_or(text);
            event.push_str(f::FILE_NAME, name);
            if name.len() < text.len() {
                event.push_str(f::FILE_PATH, text);
            }
        } else if kind == "spyware" && !text.contains(['/', ' ']) && text.contains('.') {
            event.push_str(f::DNS_QUESTION_NAME, text);
        }
        return;
    }
    event.push_str(f::URL_ORIGINAL, text);
    if text.contains("://") {
        let authority = super::squid::url::push(text, event);
        event.push_str(f::DESTINATION_DOMAIN, authority.host);
        return;
    }
    let end = text.find(['/', '?']).unwrap_or(text.len());
    let authority = Authority::read(&text[..end]);
    event.push_str(f::URL_DOMAIN, authority.host);
    event.push_str(f::DESTINATION_DOMAIN, authority.host);
    if let Some(port) = authority.port {
        event.push(f::URL_PORT, Value::Int(i64::from(port)));
    }
    let (path, query) = text[end..].split_once('?').unwrap_or((&text[end..], ""));
    event.push_str(f::URL_PATH, path);
    event.push_str(f::URL_QUERY, query);
}

fn digest<'a>(text: &'a str, event: &mut Event<'a>) {
    if text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let field: FieldId = match text.len() {
            32 => f::FILE_HASH_MD5,
            40 => f::FILE_HASH_SHA1,
            64 => f::FILE_HASH_SHA256,
            _ => return,
        };
        event.push(field, Value::Str(text));
    }
}

fn config<'a>(cells: &Cells<'a>, arena: &'a Bump, event: &mut Event<'a>) {
    add(f::EVENT_CATEGORY, &["configuration"], event);
    let command = cells.get(9);
    let types: &[&'static str] = match command {
        "add" | "clone" | "create" => &["creation"],
        "delete" => &["deletion"],
        "edit" | "set" | "rename" | "move" | "commit" | "multi-edit" | "load" | "revert" => &["change"],
        _ => &["info"],
    };
    add(f::EVENT_TYPE, types, event);
    if !command.is_empty() {
        event.push(f::EVENT_ACTION, Value::Str(bumpalo::format!(in arena, "cmd-{}", command).into_bump_str()));
    }
    outcome(cells.get(12), event);
}

fn global_protect<'a>(cells: &Cells<'a>, arena: &'a Bump, event: &mut Event<'a>) {
    add(f::EVENT_CATEGORY, &["network"], event);
    event.push(f::SEKISHO_LOGSOURCE_CATEGORY, Value::Str("appliance"));
    outcome(cells.get(28), event);
    event.push_str(f::EVENT_ACTION, cells.get(8));
    event.push_str(f::HOST_NAME, device::lower(cells.get(14), arena));
    match cells.get(8) {
        id if id.contains("auth") => add(f::EVENT_CATEGORY, &["authentication"], event),
        id if id.contains("logout") => {
            add(f::EVENT_CATEGORY, &["session"], event);
            add(f::EVENT_TYPE, &["end"], event);
        }
        id if id.contains("login") || id.contains("connected") => {
            add(f::EVENT_CATEGORY, &["session"], event);
            add(f::EVENT_TYPE, &["start"], event);
        }
        _ => add(f::EVENT_TYPE, &["info"], event),
    }
    add(f::EVENT_TYPE, &["connection"], event);
    // The tunnel's address is the client's own; before there is one, the address it came from.
    for (own, public) in [(17, 15), (18, 16)] {
        device::push_real_ip(f::SOURCE_NAT_IP, cells.get(public), event);
        device::push_real_ip(f::SOURCE_IP, cells.get(own), event);
        device::push_real_ip(f::HOST_IP, cells.get(own), event);
    }
    for public in [15, 16] {
        device::push_real_ip(f::SOURCE_IP, cells.get(public), event);
    }
    if let Ok(seconds) = cells.get(30).parse() {
        device::push_duration(seconds, event);
    }
}

/// What a SYSTEM log says about signing in to the firewall itself.
fn sign_in<'a>(id: &str, text: &'a str, event: &mut Event<'a>) {
    let success = match id {
        "auth-success" | "globalprotectgateway-auth-succ" | "globalprotectportal-auth-succ" => true,
        "auth-fail" | "globalprotectgateway-auth-fail" | "globalprotectportal-auth-fail" => false,
        _ => return,
    };
    add(f::EVENT_CATEGORY, &["authentication"], event);
    event.push(f::EVENT_OUTCOME, Value::Str(if success { "success" } else { "failure" }));
    // `authenticated for user 'sato'. auth profile 'p', vsys 'shared', server 's', From: 192.0.2.1.`
    if let Some((user, _)) = text.split_once("user '").and_then(|(_, rest)| rest.split_once('\'')) {
        device::push_user(user, event);
    }
    if let Some((_, from)) = text.rsplit_once("From: ") {
        device::push_ip(f::SOURCE_IP, from.trim_end_matches('.'), event);
    }
}

/// Start, end and duration of a session.
fn span(start: Option<Timestamp>, elapsed: &str, event: &mut Event<'_>) {
    device::push_time(f::EVENT_START, start, event);
    if let Ok(seconds) = elapsed.parse() {
        device::push_duration(seconds, event);
    }
}

fn severity<'a>(word: &'a str, event: &mut Event<'a>) {
    let number = match word {
        "critical" => 1,
        "high" => 2,
        "medium" => 3,
        "low" => 4,
        "informational" => 5,
        _ => return,
    };
    event.push(f::EVENT_SEVERITY, Value::Int(number));
    event.push(f::LOG_LEVEL, Value::Str(word));
}

/// Action as outcome and type; `alert` lets pass.
fn verdict(action: &str, event: &mut Event<'_>) {
    let (outcome, verdict) = match action {
        "" => return,
        "allow" | "alert" | "continue" | "override" | "syncookie-sent" | "forward" | "wildfire-upload-success" => {
            ("success", device::Verdict::Allowed)
        }
        "reset client" | "reset server" | "reset both" | "reset-client" | "reset-server" | "reset-both" => {
            ("failure", device::Verdict::Denied)
        }
        text if ["deny", "drop", "block", "random-drop", "sinkhole"].iter().any(|word| text.starts_with(word)) => {
            ("failure", device::Verdict::Denied)
        }
        _ => return,
    };
    event.push(f::EVENT_OUTCOME, Value::Str(outcome));
    device::push_verdict(verdict, event);
}

fn outcome(word: &str, event: &mut Event<'_>) {
    let word = word.trim();
    let starts = |prefix: &str| word.get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix));
    if starts("succe") || starts("submitted") || word.ends_with("Success") {
        event.push(f::EVENT_OUTCOME, Value::Str("success"));
    } else if starts("fail") || starts("unauthorized") || starts("denied") || word.ends_with("Failure") {
        event.push(f::EVENT_OUTCOME, Value::Str("failure"));
    }
}

#[cfg(test)]
mod tests;
