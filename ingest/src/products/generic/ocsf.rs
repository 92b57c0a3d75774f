//! OCSF in JSON: what its names mean in ECS, set beside them. An object with `class_uid` is one.
//!
//! Every value is kept under OCSF's own name too. Source: Open Cybersecurity Schema Framework 1.3, classes and dictionary.

use bumpalo::Bump;
use stream::{Event, FieldId, Kind, Value, fields as f};

use crate::{flow_text, put};

/// OCSF's names and the fields they mean; where two mean one, the first that has a value counts. Names that are the same
/// in both set their field without help.
const NAMES: &[(&str, FieldId)] = &[
    ("src_endpoint.ip", f::SOURCE_IP),
    ("src_endpoint.port", f::SOURCE_PORT),
    ("src_endpoint.hostname", f::SOURCE_DOMAIN),
    ("src_endpoint.mac", f::SOURCE_MAC),
    ("dst_endpoint.ip", f::DESTINATION_IP),
    ("dst_endpoint.port", f::DESTINATION_PORT),
    ("dst_endpoint.hostname", f::DESTINATION_DOMAIN),
    ("dst_endpoint.mac", f::DESTINATION_MAC),
    ("traffic.bytes", f::NETWORK_BYTES),
    ("traffic.packets", f::NETWORK_PACKETS),
    ("traffic.bytes_out", f::SOURCE_BYTES),
    ("traffic.bytes_in", f::DESTINATION_BYTES),
    ("actor.user.name", f::USER_NAME),
    ("actor.user.domain", f::USER_DOMAIN),
    ("actor.user.uid", f::USER_ID),
    ("user.uid", f::USER_ID),
    ("user.email_addr", f::USER_EMAIL),
    ("actor.user.email_addr", f::USER_EMAIL),
    ("metadata.product.name", f::OBSERVER_PRODUCT),
    ("metadata.product.vendor_name", f::OBSERVER_VENDOR),
    ("metadata.product.version", f::OBSERVER_VERSION),
    ("metadata.uid", f::EVENT_ID),
    ("metadata.event_code", f::EVENT_CODE),
    ("activity_name", f::EVENT_ACTION),
    ("severity_id", f::EVENT_SEVERITY),
    ("severity", f::LOG_LEVEL),
    ("status_detail", f::EVENT_REASON),
    ("device.hostname", f::HOST_NAME),
    ("device.ip", f::HOST_IP),
    ("device.uid", f::HOST_ID),
    ("process.cmd_line", f::PROCESS_COMMAND_LINE),
    ("process.file.path", f::PROCESS_EXECUTABLE),
    ("actor.process.name", f::PROCESS_PARENT_NAME),
    ("actor.process.pid", f::PROCESS_PARENT_PID),
    ("actor.process.cmd_line", f::PROCESS_PARENT_COMMAND_LINE),
    ("query.hostname", f::DNS_QUESTION_NAME),
    ("query.type", f::DNS_QUESTION_TYPE),
    ("rcode", f::DNS_RESPONSE_CODE),
    ("http_request.http_method", f::HTTP_REQUEST_METHOD),
    ("http_request.user_agent", f::USER_AGENT_ORIGINAL),
    ("http_request.url.url_string", f::URL_ORIGINAL),
    ("http_request.url.hostname", f::URL_DOMAIN),
    ("http_request.url.path", f::URL_PATH),
    ("http_response.code", f::HTTP_RESPONSE_STATUS_CODE),
    ("firewall_rule.name", f::RULE_NAME),
    ("firewall_rule.uid", f::RULE_ID),
    ("finding_info.title", f::RULE_NAME),
    ("finding_info.uid", f::RULE_ID),
];

/// `class_uid`, and the class of event it means.
const CLASSES: &[(i64, &str, &[&str], &[&str])] = &[
    (1001, "event", &["file"], &["info"]),
    (1007, "event", &["process"], &["start"]),
    (2001, "alert", &["threat"], &["indicator"]),
    (2002, "event", &["vulnerability"], &["info"]),
    (2004, "alert", &["intrusion_detection"], &["info"]),
    (3001, "event", &["iam"], &["change"]),
    (3002, "event", &["authentication"], &["start"]),
    (3003, "event", &["session"], &["info"]),
    (3005, "event", &["iam"], &["change"]),
    (3006, "event", &["iam"], &["change"]),
    (4001, "event", &["network"], &["connection"]),
    (4002, "event", &["web", "network"], &["access"]),
    (4003, "event", &["network"], &["protocol"]),
    (4004, "event", &["network"], &["protocol"]),
    (4009, "event", &["email"], &["info"]),
];

/// OCSF's names as fields, made when the first such object comes.
#[derive(Default)]
pub(super) struct Ocsf {
    names: Vec<(FieldId, FieldId)>,
    class: Option<FieldId>,
}

impl Ocsf {
    /// Sets what an object of OCSF says, if the event is one.
    pub(super) fn settle<'a>(&mut self, arena: &'a Bump, event: &mut Event<'a>) {
        if self.class.is_none() {
            self.class = stream::intern("class_uid");
        }
        let Some(Value::Int(class)) = self.class.and_then(|field| event.get(field)) else { return };
        if self.names.is_empty() {
            self.names = NAMES.iter().filter_map(|(name, field)| Some((stream::intern(name)?, *field))).collect();
        }
        for (from, to) in &self.names {
            if event.has(*to) || from == to {
                continue;
            }
            match (event.get(*from), to.kind()) {
                (Some(Value::Str(text)), _) => _ = put::fit(*to, text, event),
                (Some(value @ Value::Int(_)), Kind::Int | Kind::Keyword) => event.push(*to, value),
                (Some(value @ Value::Ip(_)), Kind::Ip) => event.push(*to, value),
                _ => {}
            }
        }
        words(arena, event);
        if let Some((_, kind, category, of_type)) = CLASSES.iter().find(|(number, ..)| *number == class) {
            if !event.has(f::EVENT_KIND) {
                event.push(f::EVENT_KIND, Value::Str(kind));
            }
            put::words(f::EVENT_CATEGORY, category, event);
            put::words(f::EVENT_TYPE, of_type, event);
        }
    }
}

/// Status, disposition, protocol and direction in ECS's words.
fn words<'a>(arena: &'a Bump, event: &mut Event<'a>) {
    let said = |name: &str, event: &Event<'a>| {
        stream::fields::lookup(name).and_then(|field| event.get_str(field)).unwrap_or("")
    };
    match said("status", event) {
        "Success" => event.set(f::EVENT_OUTCOME, Value::Str("success")),
        "Failure" => event.set(f::EVENT_OUTCOME, Value::Str("failure")),
        _ => {}
    }
    match said("disposition", event) {
        "Allowed" => put::words(f::EVENT_TYPE, &["allowed"], event),
        "Blocked" | "Dropped" | "Rejected" | "Deleted" | "Quarantined" => put::words(f::EVENT_TYPE, &["denied"], event),
        _ => {}
    }
    flow_text::transport(said("connection_info.protocol_name", event), event);
    let direction = said("connection_info.direction", event);
    crate::json_keys::lower(f::NETWORK_DIRECTION, direction, arena, event);
}
