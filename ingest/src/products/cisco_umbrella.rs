//! Cisco Umbrella (Secure Access): the CSV exports of DNS, proxy, IP, cloud firewall and admin audit logs, of every version
//! of the schema, with or without a syslog header. Which export a line is of is told from its cells.
//!
//! The internal address is `source.ip`, the external `source.nat.ip`. Columns without an ECS name are kept as
//! `cisco.umbrella.<name>`. Times are UTC. Source: Cisco Umbrella, "Log Formats and Versioning".

use bumpalo::Bump;
use bumpalo::collections::Vec as BumpVec;
use stream::{Event, FieldId, Value, fields};

use crate::parser::{Context, Names, Parser, Reason};
use crate::row::{Row, Table};
use crate::time::Zone;
use crate::{csv_cells, put, syslog, time};

/// Parser of Umbrella's exports.
#[derive(Default)]
pub struct CiscoUmbrella {
    names: Names,
}

const DNS: &[&str] = &[
    "timestamp",
    "policy_identity",
    "identities",
    "internal_ip",
    "external_ip",
    "action",
    "query_type",
    "response_code",
    "domain",
    "categories",
    "policy_identity_type",
    "identity_types",
    "blocked_categories",
    "rule_id",
    "destination_countries",
    "organization_id",
];
const PROXY: &[&str] = &[
    "timestamp",
    "policy_identity",
    "internal_ip",
    "external_ip",
    "destination_ip",
    "content_type",
    "action",
    "url",
    "referer",
    "user_agent",
    "status_code",
    "request_size",
    "response_size",
    "response_body_size",
    "sha_sha256",
    "categories",
    "av_detections",
    "puas",
    "amp_disposition",
    "amp_malware_name",
    "amp_score",
    "policy_identity_type",
    "blocked_categories",
    "identities",
    "identity_types",
    "request_method",
    "dlp_status",
    "certificate_errors",
    "file_name",
    "ruleset_id",
    "rule_id",
    "destination_list_ids",
    "isolate_action",
    "file_action",
    "warn_status",
    "forwarding_method",
    "producer",
    "msp_organization_id",
    "organization_id",
];
const IP: &[&str] = &[
    "timestamp",
    "identities",
    "source_ip",
    "source_port",
    "destination_ip",
    "destination_port",
    "categories",
    "identity_types",
    "organization_id",
];
const FIREWALL: &[&str] = &[
    "timestamp",
    "origin_id",
    "identities",
    "identity_types",
    "direction",
    "ip_protocol",
    "packet_size",
    "source_ip",
    "source_port",
    "destination_ip",
    "destination_port",
    "data_center",
    "rule_id",
    "verdict",
    "fqdns",
    "destination_list_ids",
    "organization_id",
];
const INTRUSION: &[&str] = &[
    "timestamp",
    "identities",
    "identity_types",
    "generator_id",
    "signature_id",
    "signature_message",
    "signature_list_id",
    "severity",
    "attack_classification",
    "cves",
    "ip_protocol",
    "session_id",
    "source_ip",
    "source_port",
    "destination_ip",
    "destination_port",
    "verdict",
    "organization_id",
];
const AUDIT: &[&str] =
    &["id", "timestamp", "email", "user", "type", "action", "logged_in_from", "before", "after", "organization_id"];

static TABLE: &Table = &[
    ("internal_ip", fields::SOURCE_IP),
    ("external_ip", fields::SOURCE_NAT_IP),
    ("source_ip", fields::SOURCE_IP),
    ("source_port", fields::SOURCE_PORT),
    ("destination_ip", fields::DESTINATION_IP),
    ("destination_port", fields::DESTINATION_PORT),
    ("packet_size", fields::SOURCE_BYTES),
    ("ip_protocol", fields::NETWORK_IANA_NUMBER),
    ("response_code", fields::DNS_RESPONSE_CODE),
    ("content_type", fields::HTTP_RESPONSE_MIME_TYPE),
    ("referer", fields::HTTP_REQUEST_REFERRER),
    ("user_agent", fields::USER_AGENT_ORIGINAL),
    ("request_size", fields::HTTP_REQUEST_BYTES),
    ("response_size", fields::HTTP_RESPONSE_BYTES),
    ("response_body_size", fields::HTTP_RESPONSE_BODY_BYTES),
    ("sha_sha256", fields::FILE_HASH_SHA256),
    ("file_name", fields::FILE_NAME),
    ("request_method", fields::HTTP_REQUEST_METHOD),
    ("rule_id", fields::RULE_ID),
    ("ruleset_id", fields::RULE_RULESET),
    ("amp_malware_name", fields::RULE_NAME),
    ("signature_message", fields::RULE_NAME),
    ("signature_id", fields::RULE_ID),
    ("signature_list_id", fields::RULE_RULESET),
    ("attack_classification", fields::RULE_CATEGORY),
    ("severity", fields::LOG_LEVEL),
    ("id", fields::EVENT_ID),
    ("logged_in_from", fields::SOURCE_IP),
    ("email", fields::USER_EMAIL),
    ("user", fields::USER_NAME),
    ("organization_id", fields::ORGANIZATION_ID),
];

static CONSTANT: &[(FieldId, &str)] = &[
    (fields::EVENT_MODULE, "cisco_umbrella"),
    (fields::OBSERVER_VENDOR, "Cisco"),
    (fields::OBSERVER_PRODUCT, "Umbrella"),
    (fields::SEKISHO_LOGSOURCE_PRODUCT, "cisco"),
    (fields::SEKISHO_LOGSOURCE_SERVICE, "umbrella"),
];

impl Parser for CiscoUmbrella {
    fn parse<'a>(
        &mut self,
        line: &'a str,
        context: &Context,
        arena: &'a Bump,
        event: &mut Event<'a>,
    ) -> Result<(), Reason> {
        let line = line.trim_matches([' ', '\r', '\n', '\0', '\u{feff}']);
        let start = line.find('"').unwrap_or(0);
        if start > 0 {
            put::observer(&syslog::parse(&line[..start], context), event);
        }
        let cells = BumpVec::from_iter_in(csv_cells::cells(&line[start..], ',', arena), arena);
        let (names, kind) = kind_of(&cells).ok_or(Reason("columns of no known Umbrella log"))?;
        let (mut cells, mut identities) = (cells, "");
        if kind == "proxy" {
            (cells, identities) = in_order(&cells, arena);
        }
        let mut row = match method_at(&cells).filter(|at| kind == "proxy" && *at != METHOD) {
            Some(at) => aligned(&cells, at, arena),
            None => Row::of_cells(names, cells.iter().copied(), arena),
        };
        row.push("identities", identities);
        if let Some(stamp) = time::iso(row.get(&["timestamp"]), &Zone::utc()) {
            event.set(fields::TIMESTAMP, Value::Time(stamp));
        }
        row.put(TABLE, event);
        for (end, name) in [
            (fields::SOURCE_ADDRESS, "internal_ip"),
            (fields::SOURCE_ADDRESS, "source_ip"),
            (fields::DESTINATION_ADDRESS, "destination_ip"),
        ] {
            event.push_str(end, row.get(&[name]));
        }
        match kind {
            "dns" => dns(&row, event),
            "proxy" => proxy(&row, event),
            "audit" => {
                put::words(fields::EVENT_CATEGORY, &["configuration"], event);
                let kind = match row.get(&["action"]) {
                    "create" => "creation",
                    "delete" => "deletion",
                    _ => "change",
                };
                put::words(fields::EVENT_TYPE, &["change", kind], event);
                event.push_str(fields::EVENT_ACTION, row.get(&["action"]));
            }
            _ => network(&row, kind, event),
        }
        person(&row, event);
        put::text(fields::EVENT_KIND, "event", event);
        put::constants(CONSTANT, event);
        let (dataset, observer, category) = match kind {
            "dns" => ("cisco_umbrella.dns", "dns", "dns"),
            "proxy" => ("cisco_umbrella.proxy", "proxy", "proxy"),
            "audit" => ("cisco_umbrella.audit", "", ""),
            "ips" => ("cisco_umbrella.intrusion", "ids", ""),
            _ => ("cisco_umbrella.firewall", "firewall", "firewall"),
        };
        event.push(fields::EVENT_DATASET, Value::Str(dataset));
        event.push_str(fields::OBSERVER_TYPE, observer);
        event.push_str(fields::SEKISHO_LOGSOURCE_CATEGORY, category);
        let taken = [
            "timestamp",
            "internal_ip",
            "external_ip",
            "source_ip",
            "source_port",
            "destination_ip",
            "destination_port",
            "domain",
            "url",
            "user_agent",
        ];
        row.keep("cisco.umbrella.", &taken, &mut self.names, event);
        Ok(())
    }
}

/// Who asked, where the identity that the policy took is a user of the directory: `sato` or `Sato Taro (sato@example.jp)`.
fn person<'a>(row: &Row<'a>, event: &mut Event<'a>) {
    if !matches!(row.get(&["policy_identity_type"]), "AD Users" | "AD User" | "DirSync Users") {
        return;
    }
    let identity = row.get(&["policy_identity"]);
    match identity.strip_suffix(')').and_then(|identity| identity.rsplit_once(" (")) {
        Some((name, email)) if email.contains('@') => {
            put::text(fields::USER_FULL_NAME, name, event);
            put::text(fields::USER_EMAIL, email, event);
            put::text(fields::USER_NAME, email, event);
        }
        _ => put::text(fields::USER_NAME, identity, event),
    }
}

/// The cells of a proxy log in the order of [`PROXY`], and the list of identities that the first versions gave before the
/// addresses. They had no server's address, and some no type of content: what stands before the verdict tells.
fn in_order<'a>(cells: &[&'a str], arena: &'a Bump) -> (BumpVec<'a, &'a str>, &'a str) {
    let at = |index: usize| cells.get(index).copied().unwrap_or("");
    let Some(verdict) = (4..=8).find(|index| is_verdict(at(*index))) else {
        return (BumpVec::from_iter_in(cells.iter().copied(), arena), "");
    };
    let listed = !at(2).is_empty() && put::ip(at(2)).is_none();
    let first = if listed { 3 } else { 2 };
    let (mut server, mut content) = ("", "");
    match verdict.saturating_sub(first + 2) {
        0 => {}
        1 if put::ip(at(first + 2)).is_some() => server = at(first + 2),
        1 => content = at(first + 2),
        _ => (server, content) = (at(first + 2), at(first + 3)),
    }
    let mut ordered = BumpVec::with_capacity_in(PROXY.len(), arena);
    ordered.extend([at(0), at(1), at(first), at(first + 1), server, content]);
    ordered.extend(cells.iter().skip(verdict).copied());
    (ordered, if listed { at(2) } else { "" })
}

/// Where the request's method stands in proxy logs of the newer versions.
const METHOD: usize = 25;

/// Where a method stands.
fn method_at(cells: &[&str]) -> Option<usize> {
    const METHODS: [&str; 8] = ["GET", "POST", "PUT", "HEAD", "DELETE", "CONNECT", "OPTIONS", "PATCH"];
    (20..cells.len().min(32)).find(|at| METHODS.contains(&cells[*at]))
}

/// A version that has columns more or fewer before the method: what stands behind it is counted from it.
fn aligned<'a>(cells: &[&'a str], at: usize, arena: &'a bumpalo::Bump) -> Row<'a> {
    let mut row = Row::of_cells(&PROXY[..METHOD.min(at)], cells.iter().copied(), arena);
    for (name, cell) in PROXY[METHOD..].iter().zip(&cells[at..]) {
        row.push(name, cell);
    }
    row
}

/// The columns of a line, told from its cells.
fn kind_of(cells: &[&str]) -> Option<(&'static [&'static str], &'static str)> {
    let at = |index: usize| cells.get(index).copied().unwrap_or("");
    let is_ip = |index: usize| put::ip(at(index)).is_some();
    let is_port = |index: usize| at(index).parse::<u16>().is_ok();
    let stamped = |index: usize| time::civil_date(at(index).as_bytes()).is_some();
    if stamped(1) && at(0).bytes().all(|byte| byte.is_ascii_digit()) {
        return Some((AUDIT, "audit"));
    }
    if !stamped(0) {
        return None;
    }
    let judged = (5..=8).any(|index| is_verdict(at(index)) && at(index + 1).contains("://"))
        || is_verdict(at(6)) && (is_ip(2) || is_ip(3));
    if (at(7).contains("://") || judged) && cells.len() >= 10 {
        Some((PROXY, "proxy"))
    } else if is_ip(7) && is_ip(9) && at(5).parse::<u8>().is_ok() {
        Some((FIREWALL, "firewall"))
    } else if is_ip(12) && is_ip(14) {
        Some((INTRUSION, "ips"))
    } else if is_ip(2) && is_port(3) && is_ip(4) && is_port(5) {
        Some((IP, "ip"))
    } else if cells.len() >= 9 && at(6).contains('(') && (is_ip(3) || is_ip(4)) {
        Some((DNS, "dns"))
    } else {
        None
    }
}

/// Whether a cell is what the proxy did.
fn is_verdict(cell: &str) -> bool {
    matches!(cell, "ALLOWED" | "BLOCKED" | "PROXIED" | "WARNED")
}

/// `Allowed`, `ALLOWED`, `Blocked`: what it means.
fn verdict<'a>(action: &'a str, event: &mut Event<'a>) {
    let upper = action.to_ascii_uppercase();
    if upper.starts_with("ALLOW") || upper == "WOULD_BLOCK" || upper == "LOGGED" {
        put::words(fields::EVENT_TYPE, &["allowed"], event);
    } else if upper.starts_with("BLOCK") {
        put::words(fields::EVENT_TYPE, &["denied"], event);
    }
}

fn dns<'a>(row: &Row<'a>, event: &mut Event<'a>) {
    put::words(fields::EVENT_CATEGORY, &["network"], event);
    put::words(fields::EVENT_TYPE, &["connection"], event);
    let action = row.get(&["action"]);
    verdict(action, event);
    event.push(
        fields::EVENT_ACTION,
        Value::Str(match action {
            "Allowed" => "dns-request-Allowed",
            "Blocked" => "dns-request-Blocked",
            other => other,
        }),
    );
    event.push_str(fields::DNS_QUESTION_NAME, row.get(&["domain"]).trim_end_matches('.'));
    event.push_str(fields::DNS_QUESTION_TYPE, put::between(row.get(&["query_type"]), "(", ")").unwrap_or(""));
    event.push(fields::DNS_TYPE, Value::Str("query"));
    event.push(fields::NETWORK_PROTOCOL, Value::Str("dns"));
}

fn proxy<'a>(row: &Row<'a>, event: &mut Event<'a>) {
    put::words(fields::EVENT_CATEGORY, &["web", "network"], event);
    put::words(fields::EVENT_TYPE, &["access"], event);
    let action = row.get(&["action"]);
    verdict(action, event);
    event.push(
        fields::EVENT_ACTION,
        Value::Str(match action {
            "ALLOWED" => "proxy-request-ALLOWED",
            "BLOCKED" => "proxy-request-BLOCKED",
            other => other,
        }),
    );
    // Versions whose columns are not known as exactly may have another word there.
    if !row.get(&["request_method"]).bytes().all(|byte| byte.is_ascii_uppercase()) {
        event.remove(fields::HTTP_REQUEST_METHOD);
    }
    put::status(row.get(&["status_code"]), event);
    let url = row.get(&["url"]);
    event.push_str(fields::URL_ORIGINAL, url);
    event.push_str(fields::URL_FULL, url);
    super::squid::url::push(url, event);
}

fn network<'a>(row: &Row<'a>, kind: &str, event: &mut Event<'a>) {
    put::words(fields::EVENT_CATEGORY, &["network"], event);
    put::words(fields::EVENT_TYPE, &["connection"], event);
    let verdict_word = row.get(&["verdict"]);
    event.push_str(fields::EVENT_ACTION, verdict_word);
    verdict(verdict_word, event);
    match row.get(&["ip_protocol"]) {
        "1" => event.push(fields::NETWORK_TRANSPORT, Value::Str("icmp")),
        "6" => event.push(fields::NETWORK_TRANSPORT, Value::Str("tcp")),
        "17" => event.push(fields::NETWORK_TRANSPORT, Value::Str("udp")),
        _ => {}
    }
    match row.get(&["direction"]) {
        "FROM_OFFICE" | "OUTBOUND" | "outbound" | "toInternet" => {
            event.push(fields::NETWORK_DIRECTION, Value::Str("outbound"))
        }
        "TO_OFFICE" | "INBOUND" | "inbound" | "fromInternet" => {
            event.push(fields::NETWORK_DIRECTION, Value::Str("inbound"))
        }
        _ => {}
    }
    if kind == "ips" {
        put::words(fields::EVENT_CATEGORY, &["intrusion_detection"], event);
        event.set(fields::EVENT_KIND, Value::Str("alert"));
        crate::flow_text::transport(row.get(&["ip_protocol"]), event);
    }
    if kind == "ip" {
        // The IP log holds blocked connections only.
        put::words(fields::EVENT_TYPE, &["denied"], event);
    }
}
