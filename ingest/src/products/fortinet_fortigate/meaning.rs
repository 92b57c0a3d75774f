//! What a FortiGate line means as a whole: fields that need several keys, and ECS's vocabulary.

use bumpalo::Bump;
use stream::{Event, FieldId, Value, fields as f};

use super::Slots;
use super::keys::Slot;
use super::values::{Verdict, address, integer, lower, traffic_verdict, transport, utm_verdict};

/// Slots whose value is kept under the product's own name too, because rules and people ask for it by that name.
static OWN: &[(Slot, &str)] = &[
    (Slot::Type, "fortigate.type"),
    (Slot::Subtype, "fortigate.subtype"),
    (Slot::Action, "fortigate.action"),
    (Slot::UtmAction, "fortigate.utmaction"),
    (Slot::EventType, "fortigate.eventtype"),
    (Slot::Status, "fortigate.status"),
    (Slot::Result, "fortigate.result"),
    (Slot::Ui, "fortigate.ui"),
    (Slot::ConfigPath, "fortigate.cfgpath"),
    (Slot::ConfigObject, "fortigate.cfgobj"),
    (Slot::Attack, "fortigate.attack"),
    (Slot::Virus, "fortigate.virus"),
    (Slot::UnauthUser, "fortigate.unauthuser"),
    (Slot::XauthUser, "fortigate.xauthuser"),
    (Slot::PolicyType, "fortigate.policytype"),
    (Slot::Ip, "fortigate.ip"),
    (Slot::DhcpMessage, "fortigate.dhcp_msg"),
];

/// Slots kept so only where they became no field of ECS.
static ASIDE: &[(Slot, &str)] = &[
    (Slot::Hostname, "fortigate.hostname"),
    (Slot::From, "fortigate.from"),
    (Slot::To, "fortigate.to"),
    (Slot::Direction, "fortigate.direction"),
];

/// The field numbers of [`OWN`] and [`ASIDE`].
pub(super) struct Own {
    always: Vec<(Slot, FieldId)>,
    aside: Vec<(Slot, FieldId)>,
}

impl Default for Own {
    fn default() -> Self {
        let intern = |table: &[(Slot, &str)]| {
            table.iter().filter_map(|(slot, name)| Some((*slot, stream::intern(name)?))).collect()
        };
        Own { always: intern(OWN), aside: intern(ASIDE) }
    }
}

impl Own {
    fn push_aside<'a>(&self, slot: Slot, slots: &Slots<'a>, event: &mut Event<'a>) {
        if let (Some(value), Some((_, field))) = (slots.find(slot), self.aside.iter().find(|(own, _)| *own == slot)) {
            event.push(*field, Value::Str(value));
        }
    }
}

/// Sets everything that follows from the slots.
pub(super) fn set<'a>(own: &Own, slots: &Slots<'a>, arena: &'a Bump, event: &mut Event<'a>) {
    for (slot, field) in &own.always {
        if let Some(value) = slots.find(*slot) {
            event.push(*field, Value::Str(value));
        }
    }
    event.push(f::EVENT_KIND, Value::Str("event"));
    event.push(f::SEKISHO_LOGSOURCE_PRODUCT, Value::Str("fortigate"));
    event.push_str(f::LOG_LEVEL, lower(slots.get(Slot::Level), arena));
    set_endpoints(slots, event);
    set_volume(slots, event);
    set_rule(slots, arena, event);
    set_people(slots, event);
    set_url(own, slots, arena, event);
    set_direction(own, slots, event);
    match slots.get(Slot::Type) {
        "traffic" => set_traffic(slots, event),
        "event" => set_event(slots, event),
        "utm" => set_utm(own, slots.get(Slot::Subtype), slots, arena, event),
        // FortiOS 4.x and 5.0 have no type above the UTM ones.
        kind => set_utm(own, kind, slots, arena, event),
    }
}

fn push_verdict(verdict: Verdict, event: &mut Event<'_>) {
    match verdict {
        Verdict::Allowed => event.push(f::EVENT_TYPE, Value::Str("allowed")),
        Verdict::Denied => event.push(f::EVENT_TYPE, Value::Str("denied")),
        Verdict::Unsaid => {}
    }
}

fn push_all(event: &mut Event<'_>, field: FieldId, values: &[&'static str]) {
    for value in values {
        event.push(field, Value::Str(value));
    }
}

fn set_traffic<'a>(slots: &Slots<'a>, event: &mut Event<'a>) {
    let action = slots.get(Slot::Action);
    push_all(event, f::SEKISHO_LOGSOURCE_SERVICE, &["traffic"]);
    push_all(event, f::SEKISHO_LOGSOURCE_CATEGORY, &["firewall"]);
    push_all(event, f::EVENT_CATEGORY, &["network"]);
    push_all(event, f::EVENT_TYPE, &["connection"]);
    // FortiOS 5.0 to 5.4 wrote the verdict as `status`.
    let action = if action.is_empty() { slots.get(Slot::Status) } else { action };
    if action.is_empty() {
        return;
    }
    event.push(f::EVENT_ACTION, Value::Str(action));
    push_all(event, f::EVENT_OUTCOME, &["success"]);
    push_all(event, f::EVENT_TYPE, &[if action == "start" { "start" } else { "end" }]);
    if event.has(f::NETWORK_APPLICATION) && action != "deny" {
        push_all(event, f::EVENT_TYPE, &["protocol"]);
    }
    push_verdict(traffic_verdict(action, slots.get(Slot::UtmAction)), event);
}

fn set_utm<'a>(own: &Own, kind: &'a str, slots: &Slots<'a>, arena: &'a Bump, event: &mut Event<'a>) {
    push_all(event, f::SEKISHO_LOGSOURCE_SERVICE, &["utm"]);
    let (logsource, category) = match kind {
        "webfilter" => ("proxy", "web"),
        "ips" | "anomaly" | "attack" => ("firewall", "intrusion_detection"),
        "virus" => ("antivirus", "malware"),
        "emailfilter" | "spam" => ("firewall", "email"),
        "dlp" | "file-filter" => ("firewall", "file"),
        "dns" => ("dns", ""),
        "waf" => ("firewall", "web"),
        _ => ("firewall", ""),
    };
    event.push(f::SEKISHO_LOGSOURCE_CATEGORY, Value::Str(logsource));
    push_all(event, f::EVENT_CATEGORY, &["network"]);
    event.push_str(f::EVENT_CATEGORY, category);
    let action = slots.find(Slot::Action).or(slots.find(Slot::Status)).unwrap_or("");
    event.push_str(f::EVENT_ACTION, slots.find(Slot::EventType).unwrap_or(action));
    if !action.is_empty() {
        push_all(event, f::EVENT_OUTCOME, &["success"]);
    }
    if kind == "dns" || matches!(kind, "ips" | "anomaly" | "virus") {
        push_all(event, f::EVENT_TYPE, &["info"]);
    }
    push_verdict(utm_verdict(lower(action, arena)), event);
    if kind == "dns" {
        push_all(event, f::NETWORK_PROTOCOL, if event.has(f::NETWORK_PROTOCOL) { &[] } else { &["dns"] });
        for part in slots.get(Slot::QueryAddress).split([',', ' ', ';']).filter(|part| !part.is_empty()).take(32) {
            if let Some(ip) = address(part) {
                event.push(f::DNS_RESOLVED_IP, Value::Ip(ip));
            }
        }
    }
    if matches!(kind, "emailfilter" | "spam" | "dlp" | "virus") {
        for (slot, field) in [(Slot::From, f::EMAIL_FROM_ADDRESS), (Slot::To, f::EMAIL_TO_ADDRESS)] {
            if let Some(address) = slots.find(slot) {
                event.push_unique(field, Value::Str(address));
            }
        }
    } else {
        own.push_aside(Slot::From, slots, event);
        own.push_aside(Slot::To, slots, event);
    }
    set_checksum(slots, event);
}

/// The file's hash, by its length.
fn set_checksum<'a>(slots: &Slots<'a>, event: &mut Event<'a>) {
    let checksum = slots.get(Slot::Checksum);
    if checksum.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        match checksum.len() {
            64 => event.push(f::FILE_HASH_SHA256, Value::Str(checksum)),
            40 => event.push(f::FILE_HASH_SHA1, Value::Str(checksum)),
            32 => event.push(f::FILE_HASH_MD5, Value::Str(checksum)),
            _ => {}
        }
    }
}

fn set_event<'a>(slots: &Slots<'a>, event: &mut Event<'a>) {
    let (subtype, action) = (slots.get(Slot::Subtype), slots.get(Slot::Action));
    push_all(event, f::SEKISHO_LOGSOURCE_SERVICE, &["event"]);
    event.push_str(f::EVENT_ACTION, action);
    if let Some(outcome) = event_outcome(slots) {
        push_all(event, f::EVENT_OUTCOME, &[outcome]);
    }
    let authentication = is_authentication(subtype, action, slots);
    if subtype == "vpn" {
        push_all(event, f::EVENT_CATEGORY, &["network"]);
        push_all(event, f::EVENT_TYPE, &["connection"]);
    }
    if authentication {
        push_all(event, f::EVENT_CATEGORY, &["authentication"]);
    }
    match action {
        "perf-stats" => {
            push_all(event, f::EVENT_CATEGORY, &["host"]);
            push_all(event, f::EVENT_TYPE, &["info"]);
        }
        "FSSO-logoff" | "auth-logout" | "logout" | "tunnel-down" => push_all(event, f::EVENT_TYPE, &["end"]),
        "tunnel-up" => push_all(event, f::EVENT_TYPE, &["start"]),
        _ if authentication => push_all(event, f::EVENT_TYPE, &["start"]),
        _ => {}
    }
    set_lease(slots.get(Slot::DhcpMessage), event);
    if let Some(path) = slots.find(Slot::ConfigPath) {
        let account = matches!(path, "system.admin" | "user.local" | "user.group" | "system.accprofile");
        push_all(event, f::EVENT_CATEGORY, if account { &["configuration", "iam"] } else { &["configuration"] });
        push_all(
            event,
            f::EVENT_TYPE,
            match action {
                "Add" => &["creation"],
                "Delete" => &["deletion"],
                _ => &["change"],
            },
        );
        if matches!(path, "system.admin" | "user.local") {
            event.push_str(f::USER_TARGET_NAME, slots.get(Slot::ConfigObject));
        }
    }
}

/// What the box did as a DHCP server.
fn set_lease(message: &str, event: &mut Event<'_>) {
    if message.is_empty() {
        return;
    }
    push_all(event, f::NETWORK_PROTOCOL, if event.has(f::NETWORK_PROTOCOL) { &[] } else { &["dhcp"] });
    push_all(event, f::EVENT_CATEGORY, &["network"]);
    push_all(event, f::EVENT_TYPE, &["connection"]);
    match message {
        "Ack" => {
            push_all(event, f::EVENT_TYPE, &["allowed"]);
            push_all(event, f::EVENT_OUTCOME, if event.has(f::EVENT_OUTCOME) { &[] } else { &["success"] });
        }
        "Nak" | "NAK" => push_all(event, f::EVENT_TYPE, &["denied"]),
        "Release" => push_all(event, f::EVENT_TYPE, &["end"]),
        _ => push_all(event, f::EVENT_TYPE, &["protocol"]),
    }
}

fn is_authentication(subtype: &str, action: &str, slots: &Slots<'_>) -> bool {
    match action {
        "FSSO-logon" | "FSSO-logoff" | "auth-logon" | "auth-logout" | "authentication" | "login" | "logout"
        | "ssl-login-fail" | "ssl-login" => true,
        "tunnel-up" | "tunnel-down" => !slots.get(Slot::User).is_empty() || !slots.get(Slot::XauthUser).is_empty(),
        _ => subtype == "user",
    }
}

fn event_outcome(slots: &Slots<'_>) -> Option<&'static str> {
    let action = slots.get(Slot::Action);
    match slots.get(Slot::Status) {
        "success" | "succeeded" | "ok" | "OK" | "established" | "esp_success" | "passed" => return Some("success"),
        "failure" | "failed" | "fail" | "error" | "negotiate_error" | "esp_error" | "dpd_failure" | "timed_out"
        | "denied" | "rejected" | "blocked" => return Some("failure"),
        _ => {}
    }
    match slots.get(Slot::Result) {
        "OK" | "DONE" => return Some("success"),
        "ERROR" => return Some("failure"),
        _ => {}
    }
    match action {
        "FSSO-logon" | "FSSO-logoff" | "auth-logon" | "auth-logout" | "tunnel-up" | "Add" | "Edit" | "Delete" => {
            Some("success")
        }
        "ssl-login-fail" | "ssl-exit-fail" => Some("failure"),
        _ => None,
    }
}

/// Source and destination. A VPN log names the ends `loc` and `rem`; without `locip` the remote end is the client that
/// came in (SSL VPN), so it is the source.
fn set_endpoints<'a>(slots: &Slots<'a>, event: &mut Event<'a>) {
    let local = slots.find(Slot::LocalIp).and_then(address);
    let remote = slots.find(Slot::RemoteIp).and_then(address);
    let source = slots.find(Slot::SourceIp).filter(|ip| *ip != "0.0.0.0" || slots.get(Slot::Type) != "event");
    if let Some(text) = source {
        super::push_address(event, f::SOURCE_IP, f::SOURCE_DOMAIN, text);
    }
    let port = |slot| slots.find(slot).and_then(integer).map(Value::Int);
    match (local, remote) {
        (Some(local), remote) if source.is_none() => {
            event.push(f::SOURCE_IP, Value::Ip(local));
            push_some(event, f::SOURCE_PORT, port(Slot::LocalPort));
            push_some(event, f::DESTINATION_IP, remote.map(Value::Ip));
            push_some(event, f::DESTINATION_PORT, port(Slot::RemotePort));
        }
        (None, Some(remote)) if source.is_none() => {
            event.push(f::SOURCE_IP, Value::Ip(remote));
            push_some(event, f::SOURCE_PORT, port(Slot::RemotePort));
        }
        _ => {}
    }
    // `ui="https(192.0.2.1)"`: where an administrator works from.
    if source.is_none()
        && let Some((_, rest)) = slots.get(Slot::Ui).split_once('(')
        && !event.has(f::SOURCE_IP)
    {
        push_some(event, f::SOURCE_IP, rest.split(')').next().and_then(address).map(Value::Ip));
    }
    // A lease or a FortiClient: the client's own address.
    if !event.has(f::SOURCE_IP) && (event.has(f::SOURCE_MAC) || slots.get(Slot::Subtype) == "endpoint") {
        push_some(event, f::SOURCE_IP, slots.find(Slot::Ip).and_then(address).map(Value::Ip));
    }
    for (slot, field) in
        [(Slot::SourceCountry, f::SOURCE_GEO_COUNTRY_NAME), (Slot::DestinationCountry, f::DESTINATION_GEO_COUNTRY_NAME)]
    {
        if let Some(country) = slots.find(slot).filter(|country| *country != "Reserved") {
            event.push(field, Value::Str(country));
        }
    }
}

fn push_some<'a>(event: &mut Event<'a>, field: FieldId, value: Option<Value<'a>>) {
    if let Some(value) = value {
        event.push(field, value);
    }
}

/// Bytes, packets and duration.
fn set_volume(slots: &Slots<'_>, event: &mut Event<'_>) {
    let number = |slot| slots.find(slot).and_then(integer);
    let sums = [
        (Slot::SentBytes, Slot::ReceivedBytes, f::SOURCE_BYTES, f::DESTINATION_BYTES, f::NETWORK_BYTES),
        (Slot::SentPackets, Slot::ReceivedPackets, f::SOURCE_PACKETS, f::DESTINATION_PACKETS, f::NETWORK_PACKETS),
    ];
    for (sent, received, source, destination, both) in sums {
        let (sent, received) = (number(sent), number(received));
        push_some(event, source, sent.map(Value::Int));
        push_some(event, destination, received.map(Value::Int));
        if let (Some(sent), Some(received)) = (sent, received) {
            event.push(both, Value::Int(sent.saturating_add(received)));
        }
    }
    if let Some(seconds) = number(Slot::Duration) {
        event.push(f::EVENT_DURATION, Value::Int(seconds.saturating_mul(stream::NANOS_PER_SECOND)));
    }
}

/// The policy or profile that spoke, and the protocols.
fn set_rule<'a>(slots: &Slots<'a>, arena: &'a Bump, event: &mut Event<'a>) {
    let protocol = slots.get(Slot::Proto);
    if integer(protocol).is_some() {
        event.push(f::NETWORK_IANA_NUMBER, Value::Str(protocol));
        push_some(event, f::NETWORK_TRANSPORT, transport(protocol).map(Value::Str));
    } else {
        event.push_str(f::NETWORK_TRANSPORT, lower(protocol, arena));
    }
    event.push_str(f::NETWORK_PROTOCOL, lower(slots.get(Slot::Service), arena));
    event.push_str(f::RULE_ID, slots.get(Slot::PolicyId));
    let traffic = slots.get(Slot::Type) == "traffic";
    let profile = slots.find(Slot::Profile).or(slots.find(Slot::AppList)).filter(|_| !traffic);
    event.push_str(f::RULE_RULESET, profile.unwrap_or(slots.get(Slot::PolicyType)));
    let name = slots.find(Slot::PolicyName).or(slots.find(Slot::Attack)).or(slots.find(Slot::Virus));
    event.push_str(f::RULE_NAME, name.unwrap_or(""));
    match (slots.find(Slot::Category), slots.find(Slot::AppCategory)) {
        (Some(category), _) => event.push(f::RULE_CATEGORY, Value::Str(category)),
        (None, Some(category)) if category.contains('.') => {
            let dashed = bumpalo::collections::String::from_iter_in(
                category.chars().map(|letter| if letter == '.' { '-' } else { letter }),
                arena,
            );
            event.push(f::RULE_CATEGORY, Value::Str(dashed.into_bump_str()));
        }
        (None, Some(category)) => event.push(f::RULE_CATEGORY, Value::Str(category)),
        (None, None) => {}
    }
    let version = slots.get(Slot::TlsVersion);
    event.push_str(f::TLS_VERSION, version.trim_start_matches(|letter: char| letter.is_ascii_alphabetic()));
}

fn set_direction<'a>(own: &Own, slots: &Slots<'a>, event: &mut Event<'a>) {
    match slots.get(Slot::Direction) {
        "outgoing" | "outbound" => event.push(f::NETWORK_DIRECTION, Value::Str("outbound")),
        "incoming" | "inbound" => event.push(f::NETWORK_DIRECTION, Value::Str("inbound")),
        _ => own.push_aside(Slot::Direction, slots, event),
    }
}

fn set_people<'a>(slots: &Slots<'a>, event: &mut Event<'a>) {
    if let Some(user) = slots.find(Slot::User).or(slots.find(Slot::XauthUser)) {
        event.push(f::SOURCE_USER_NAME, Value::Str(user));
        event.push(f::USER_NAME, Value::Str(user));
    }
}

/// `url` is a whole URL or, with `hostname` beside it, only its path; the scheme is then that of the service.
fn set_url<'a>(own: &Own, slots: &Slots<'a>, arena: &'a Bump, event: &mut Event<'a>) {
    let (host, url) = (slots.get(Slot::Hostname), slots.get(Slot::Url));
    if slots.get(Slot::Type) == "event" {
        // A DHCP or wireless client's own name; elsewhere it may be the box's.
        if event.has(f::SOURCE_MAC) {
            event.push_str(f::SOURCE_DOMAIN, host);
        } else {
            own.push_aside(Slot::Hostname, slots, event);
        }
    }
    if url.contains("://") {
        event.push(f::URL_FULL, Value::Str(url));
        crate::products::squid::url::push(url, event);
        return;
    }
    if slots.get(Slot::Type) != "event" {
        event.push_str(f::URL_DOMAIN, host);
    }
    if url.is_empty() {
        return;
    }
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    event.push_str(f::URL_PATH, path);
    event.push_str(f::URL_QUERY, query);
    let scheme = match slots.get(Slot::Service) {
        "HTTPS" | "SSL" | "https" => "https",
        "HTTP" | "http" => "http",
        _ => "",
    };
    if scheme.is_empty() || host.is_empty() || !url.starts_with('/') {
        event.push(f::URL_ORIGINAL, Value::Str(url));
        return;
    }
    let mut full = bumpalo::collections::String::with_capacity_in(scheme.len() + 3 + host.len() + url.len(), arena);
    for part in [scheme, "://", host, url] {
        full.push_str(part);
    }
    event.push(f::URL_SCHEME, Value::Str(scheme));
    event.push(f::URL_FULL, Value::Str(full.into_bump_str()));
}
