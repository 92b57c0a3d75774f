//! YAMAHA RTX, NVR, FWX and vRX routers: the syslog of every function, which comes with a priority but without time stamp
//! and host name (`<PRI>text`), as `show log` prints it (`2026/11/20 10:00:00: text`), and through relays that add a header.
//!
//! | Line | Function |
//! |---|---|
//! | `[INSPECT] LAN2[out][31] TCP a:p > b:p (2026/11/20 10:00:00)` | end of a dynamic filter's session; the time is its start |
//! | `LAN2 Rejected at IN(11) filter: TCP a:p > b:p` | static filter, IPv4 |
//! | `LAN2 Rejected at IN(11) filter: TCP v6.port > v6.port` | static filter, IPv6: the port stands behind a full stop |
//! | `LAN1(port1) Rejected at IN(9) filter: mac > mac IP` | Ethernet filter |
//! | `[DHCPD] LAN1(port2) Allocates 192.0.2.9: 00:00:5e:00:53:01` | DHCP server |
//! | `[IKE] ...`, `[L2TP] ...`, `IP Tunnel[1] Up`, `PP[01] PPP/IPCP up (Local: a, Remote: b)`, `PPPOE[01] ...` | VPN, PPP |
//! | `PP[01] IP Commencing: UDP a:p > b:p` | the packet that opened a line |
//! | `Login succeeded for TELNET: 192.0.2.9 user`, `'administrator' succeeded for HTTP: 192.0.2.9` | logins to the router |
//! | `[SWCTL] lan1:6(x): ...`, `LAN1: PORT2 link up` | switches and links |
//!
//! Source: YAMAHA RT series command reference, "syslog"; RT series FAQ, log messages.

use bumpalo::Bump;
use stream::{Event, FieldId, Value, fields};

use super::dhcpd::mac;
use super::router::{self, state};
use crate::parser::{Context, Names, Parser, Reason};
use crate::{community_id, device, flow_text, put, syslog, time};

/// Parser of YAMAHA routers' syslog.
#[derive(Default)]
pub struct YamahaRtx {
    names: Names,
}

static CONSTANT: &[(FieldId, &str)] = &[
    (fields::EVENT_KIND, "event"),
    (fields::EVENT_MODULE, "yamaha_rtx"),
    (fields::OBSERVER_VENDOR, "Yamaha"),
    (fields::OBSERVER_PRODUCT, "RTX"),
    (fields::OBSERVER_TYPE, "router"),
    (fields::SEKISHO_LOGSOURCE_PRODUCT, "yamaha"),
];

impl Parser for YamahaRtx {
    fn parse<'a>(
        &mut self,
        line: &'a str,
        context: &Context,
        arena: &'a Bump,
        event: &mut Event<'a>,
    ) -> Result<(), Reason> {
        let line = line.trim_matches([' ', '\r', '\n', '\0', '\u{feff}']);
        let text = header(line, context, event);
        if text.is_empty() {
            return Err(Reason("empty line"));
        }
        event.push_str(fields::MESSAGE, text);
        put::constants(CONSTANT, event);
        let (function, rest) = match text.strip_prefix('[').and_then(|inner| inner.split_once("] ")) {
            Some((name, rest)) if name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte)) => {
                (name, rest)
            }
            _ => ("", text),
        };
        self.own("function", function, event);
        let mut category = "";
        match function {
            "INSPECT" => {
                self.inspect(rest, context, event);
                category = "firewall";
            }
            "DHCPD" => dhcp(rest, arena, event),
            "SWCTL" => {
                put::words(fields::EVENT_CATEGORY, &["network"], event);
                // `lan1:6(SW1): lan1:2 link up (100-fdx)`: the switch, then its port.
                let (place, said) = rest.split_once(": ").unwrap_or(("", rest));
                self.own("switch", place, event);
                if !state::read("", said, arena, event) {
                    put::words(fields::EVENT_TYPE, &["info"], event);
                }
            }
            _ if filter(rest, arena, event) => category = "firewall",
            _ if access(rest, event) => {}
            _ if flow_text::packet(rest, event).is_some() => {
                router::packet_class(event);
                flow_text::place(rest, event);
                if function == "IDS" || rest.contains(" IDS: ") {
                    event.set(fields::EVENT_KIND, Value::Str("alert"));
                    put::words(fields::EVENT_CATEGORY, &["intrusion_detection"], event);
                    event.push(fields::EVENT_ACTION, Value::Str("attack-detected"));
                } else if rest.contains("IP Commencing") {
                    event.push(fields::EVENT_ACTION, Value::Str("ip-commencing"));
                }
            }
            _ if vpn(function, rest, event) => {}
            _ if flow_text::login(rest, event) || state::read(function, rest, arena, event) => {}
            _ => put::words(fields::EVENT_TYPE, &["info"], event),
        }
        if category == "firewall" {
            community_id::push(arena, event);
        }
        device::observer_address(event);
        event.push_str(fields::SEKISHO_LOGSOURCE_CATEGORY, category);
        Ok(())
    }
}

/// The priority and, where a relay or `show log` put one, a time and a host; the router's own text.
fn header<'a>(line: &'a str, context: &Context, event: &mut Event<'a>) -> &'a str {
    let (priority, rest) = syslog::without_priority(line);
    if let Some(number) = priority {
        super::fortinet_fortigate::push_priority(number, event);
    }
    let rest = rest.trim_start_matches(' ');
    if let Some((stamp, length)) = time::iso_prefix(rest, &context.zone)
        && let Some(text) = rest.get(length..).and_then(|text| text.strip_prefix(": "))
    {
        event.set(fields::TIMESTAMP, Value::Time(stamp));
        return text;
    }
    let dated = time::rfc3164_prefix(rest, context).is_some() || time::iso_prefix(rest, &context.zone).is_some();
    let versioned = rest.as_bytes().first().is_some_and(u8::is_ascii_digit) && priority.is_some();
    if !dated && !versioned {
        return rest;
    }
    let head = syslog::parse(line, context);
    if let Some(stamp) = head.timestamp {
        event.set(fields::TIMESTAMP, Value::Time(stamp));
    }
    if let Some(host) = head.hostname {
        event.push_str(fields::OBSERVER_NAME, host);
        event.push_str(fields::LOG_SYSLOG_HOSTNAME, host);
    }
    // `LAN1:` or `TUNNEL[1]` are no programs: what the header reader took for one is text.
    match head.appname.and_then(|name| line.find(name).map(|at| (name, at))) {
        Some((name, at)) if name.starts_with("LAN") || name.starts_with("PP") || name.starts_with("TUNNEL") => {
            &line[at..]
        }
        _ => head.message,
    }
}

/// Beyond this age a line without a time of its own is taken to come from a file.
const DAY_NANOS: i64 = 86_400_000_000_000;

impl YamahaRtx {
    fn own<'a>(&mut self, key: &str, value: &'a str, event: &mut Event<'a>) {
        if let Some(field) = self.names.field("yamaha.", key) {
            event.push_str(field, value);
        }
    }

    /// `LAN2[out][31] TCP a > b (2026/11/20 10:00:00)`, `PP[01][out][101099] UDP ...`.
    fn inspect<'a>(&mut self, text: &'a str, context: &Context, event: &mut Event<'a>) {
        put::words(fields::EVENT_CATEGORY, &["network", "session"], event);
        put::words(fields::EVENT_TYPE, &["connection", "allowed", "end"], event);
        event.set(fields::EVENT_ACTION, Value::Str("inspect"));
        flow_text::outcome(event);
        let (place, rest) = put::word(text);
        for (mark, direction) in [("[out]", "out"), ("[in]", "in")] {
            if let Some((interface, rule)) = place.split_once(mark) {
                way(interface, direction, event);
                push_rule(rule.trim_matches(['[', ']']), event);
            }
        }
        flow_text::packet(rest, event);
        service(put::word(rest).0, event);
        let stamp = rest.rsplit_once('(').and_then(|(_, stamp)| time::iso(stamp.trim_end_matches(')'), &context.zone));
        if let Some(stamp) = stamp {
            event.push(fields::EVENT_START, Value::Time(stamp));
            // In a file that is read later the session's start is nearer to the truth than the receipt.
            if !event.has(fields::TIMESTAMP) && (context.received.0 - stamp.0).abs() > DAY_NANOS {
                event.push(fields::TIMESTAMP, Value::Time(stamp));
            }
        }
    }
}

/// A filter has a number and no name.
fn push_rule<'a>(rule: &'a str, event: &mut Event<'a>) {
    event.push_str(fields::RULE_ID, rule);
    event.push_str(fields::RULE_NAME, rule);
}

/// The services that dynamic filters name in place of a protocol, and what they run over.
const SERVICES: [(&str, &str, &str); 12] = [
    ("FTP", "ftp", "tcp"),
    ("TFTP", "tftp", "udp"),
    ("DOMAIN", "dns", "udp"),
    ("WWW", "http", "tcp"),
    ("HTTP", "http", "tcp"),
    ("HTTPS", "https", "tcp"),
    ("SMTP", "smtp", "tcp"),
    ("POP3", "pop3", "tcp"),
    ("TELNET", "telnet", "tcp"),
    ("SUBMISSION", "submission", "tcp"),
    ("SSH", "ssh", "tcp"),
    ("NETMEETING", "h323", "tcp"),
];

fn service(word: &str, event: &mut Event<'_>) {
    if let Some((_, name, transport)) = SERVICES.iter().find(|(known, ..)| known.eq_ignore_ascii_case(word)) {
        event.push(fields::NETWORK_PROTOCOL, Value::Str(name));
        flow_text::transport(transport, event);
    }
}

/// The interface a packet came in or went out by.
fn way<'a>(interface: &'a str, direction: &str, event: &mut Event<'a>) {
    let (field, word) = if direction.eq_ignore_ascii_case("in") {
        (fields::OBSERVER_INGRESS_INTERFACE_NAME, "inbound")
    } else {
        (fields::OBSERVER_EGRESS_INTERFACE_NAME, "outbound")
    };
    event.push_str(field, interface);
    event.push(fields::NETWORK_DIRECTION, Value::Str(word));
}

/// `LAN2 Rejected at IN(11) filter: TCP a > b`; whether it is such a line.
fn filter<'a>(text: &'a str, arena: &'a Bump, event: &mut Event<'a>) -> bool {
    let found = ["Rejected", "Passed"]
        .iter()
        .find_map(|verb| text.split_once(&*format!(" {verb} at ")).map(|split| (*verb, split)));
    let Some((verb, (interface, rest))) = found else { return false };
    let Some((place, packet)) = rest.split_once(" filter: ").or_else(|| rest.split_once(": ")) else { return false };
    let (direction, rule) = place.split_once('(').unwrap_or((place, ""));
    way(interface.rsplit(' ').next().unwrap_or(""), direction, event);
    push_rule(rule.split(')').next().unwrap_or(""), event);
    event.set(fields::EVENT_ACTION, Value::Str(if verb == "Passed" { "passed" } else { "rejected" }));
    put::words(fields::EVENT_CATEGORY, &["network"], event);
    put::words(fields::EVENT_TYPE, &["connection", if verb == "Passed" { "allowed" } else { "denied" }], event);
    flow_text::outcome(event);
    if flow_text::packet(packet, event).is_some() || state::site(packet, event) {
        return true;
    }
    // A line that was cut behind the source.
    let (protocol, rest) = put::word(packet);
    if let Some((ip, port)) = flow_text::endpoint(put::word(rest).0) {
        flow_text::transport(protocol, event);
        event.push(fields::SOURCE_IP, Value::Ip(ip));
        if let Some(port) = port {
            event.push(fields::SOURCE_PORT, Value::Int(i64::from(port)));
        }
        return true;
    }
    // An Ethernet filter: `mac > mac IP`.
    let mut words = packet.split(' ');
    let (from, _arrow, to) = (words.next().unwrap_or(""), words.next(), words.next().unwrap_or(""));
    if let (Some(from), Some(to)) = (mac(from, arena), mac(to, arena)) {
        event.push(fields::SOURCE_MAC, Value::Str(from));
        event.push(fields::DESTINATION_MAC, Value::Str(to));
        match words.next() {
            Some("IP") => event.push(fields::NETWORK_TYPE, Value::Str("ipv4")),
            Some("IP6") => event.push(fields::NETWORK_TYPE, Value::Str("ipv6")),
            Some(other) => event.push_str(fields::NETWORK_TYPE, other),
            None => {}
        }
    }
    true
}

/// `LAN1(port2) Allocates 192.0.2.9: 00:00:5e:00:53:01`.
fn dhcp<'a>(text: &'a str, arena: &'a Bump, event: &mut Event<'a>) {
    put::words(fields::EVENT_CATEGORY, &["network"], event);
    event.push(fields::NETWORK_PROTOCOL, Value::Str("dhcp"));
    let (first, after) = put::word(text);
    let (verb, rest) = if first.starts_with("LAN") || first.starts_with("VLAN") || first.starts_with("BRIDGE") {
        event.push_str(fields::OBSERVER_INGRESS_INTERFACE_NAME, first);
        put::word(after)
    } else {
        (first, after)
    };
    event.push_str(fields::EVENT_ACTION, verb);
    let (address, hardware) = put::word(rest);
    let address = address.trim_end_matches(':');
    if put::ip(address).is_some() {
        put::end(&put::SOURCE, address, event);
    }
    // A client identifier may stand in place of the address: `(01 00 00 5e 00 53 01)`.
    let identifier = hardware.strip_prefix("(01 ").and_then(|inner| inner.strip_suffix(')'));
    let hardware = match identifier {
        Some(bytes) => arena.alloc_str(&bytes.replace(' ', ":")),
        None => put::word(hardware).0,
    };
    if let Some(mac) = mac(hardware, arena) {
        event.push(fields::SOURCE_MAC, Value::Str(mac));
    }
    let granted = matches!(verb, "Allocates" | "Extends" | "Reserves" | "Assigns");
    if granted {
        event.push(fields::EVENT_OUTCOME, Value::Str("success"));
    }
    let kind = match verb {
        _ if granted => "allowed",
        "Released" | "Releases" | "Expired" | "Expires" => "end",
        _ => "info",
    };
    put::words(fields::EVENT_TYPE, &["connection", kind], event);
}

/// `Login succeeded for TELNET: 192.0.2.9 user`, `'administrator' failed for HTTP: 192.0.2.9`, `Logout from SSH: 192.0.2.9`.
fn access<'a>(text: &'a str, event: &mut Event<'a>) -> bool {
    let administrator = text.starts_with("'administrator'");
    let Some((what, rest)) = text.split_once(" for ").or_else(|| text.split_once(" from ")) else { return false };
    let starts = |word: &str| what.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    let ended = starts("Logout");
    if !(administrator || ended || starts("Login ")) {
        return false;
    }
    // `TELNET: 192.0.2.9 user`, `Serial user`.
    let (service, rest) = rest.split_once(':').unwrap_or_else(|| put::word(rest));
    event.push_str(fields::NETWORK_APPLICATION, service.trim());
    let (address, user) = put::word(rest);
    let (address, user) = if put::ip(address).is_some() { (address, user) } else { ("", rest) };
    put::end(&put::SOURCE, address, event);
    // At the serial port `user` is no name.
    let user = user.trim().trim_matches(['\'', '(', ')']);
    let user = if address.is_empty() && user == "user" { "" } else { user };
    event.push_str(fields::USER_NAME, if user.is_empty() && administrator { "administrator" } else { user });
    if administrator {
        event.push(fields::USER_EFFECTIVE_NAME, Value::Str("administrator"));
    }
    put::words(fields::EVENT_CATEGORY, if ended { &["session", "authentication"] } else { &["authentication"] }, event);
    put::words(fields::EVENT_TYPE, &[if ended { "end" } else { "start" }], event);
    event.set(fields::EVENT_ACTION, Value::Str(if ended { "logout" } else { "login" }));
    if what.contains("succeeded") {
        event.set(fields::EVENT_OUTCOME, Value::Str("success"));
    } else if what.contains("failed") {
        event.set(fields::EVENT_OUTCOME, Value::Str("failure"));
    }
    true
}

/// IKE, L2TP, PPP and tunnels; whether it is such a line.
fn vpn<'a>(function: &str, text: &'a str, event: &mut Event<'a>) -> bool {
    let named = function.starts_with("IKE") || matches!(function, "L2TP" | "PPP" | "PPPoE" | "PPTP" | "IPSEC");
    let tunnel = text.starts_with("IP Tunnel[") || text.starts_with("TUNNEL[");
    let line = ["PP[", "PPPOE[", "PPPoE["].iter().any(|lead| text.starts_with(lead));
    if !(named || tunnel || line) {
        return false;
    }
    put::words(fields::EVENT_CATEGORY, &["network"], event);
    put::words(fields::EVENT_TYPE, &["connection"], event);
    if let Some(interface) = flow_text::words(text).find(|word| flow_text::is_interface(word)) {
        event.push_str(fields::OBSERVER_INGRESS_INTERFACE_NAME, interface);
    }
    vpn_ends(text, event);
    if let Some(user) = put::between(text, "user '", "'") {
        event.push_str(fields::USER_NAME, user);
    }
    let says = |words: &[&str]| {
        text.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| words.iter().any(|w| w.eq_ignore_ascii_case(word)))
    };
    let (down, up) = if tunnel && !named { ("tunnel-down", "tunnel-up") } else { ("down", "up") };
    let action = if says(&["down", "disconnect", "disconnected", "disconnecting", "deleted", "delete", "terminated"]) {
        down
    } else if says(&["up", "connect", "connected", "established"]) {
        up
    } else {
        ""
    };
    event.push_str(fields::EVENT_ACTION, action);
    if says(&["failure", "failed", "fail", "error", "timeout", "invalid", "mismatch", "unknown"])
        || text.contains("no response")
    {
        event.push(fields::EVENT_OUTCOME, Value::Str("failure"));
    } else if action == up {
        event.push(fields::EVENT_OUTCOME, Value::Str("success"));
    }
    put::words(
        fields::EVENT_TYPE,
        &[if action == down {
            "end"
        } else if action == up {
            "start"
        } else {
            "info"
        }],
        event,
    );
    true
}

/// The ends that a line about a VPN names: `(local address a)`, `(Local: a, Remote: b)`, or the peer alone.
fn vpn_ends<'a>(text: &'a str, event: &mut Event<'a>) {
    let address = |text: &'a str| {
        text.split([' ', '(', ')', ',', ':', '[', ']'])
            .map(|word| word.trim_end_matches('.'))
            .find(|word| put::ip(word).is_some())
    };
    if let Some((local, remote)) = put::between(text, "(Local: ", ")").and_then(|ends| ends.split_once(", Remote: ")) {
        for (end, text) in [(put::SOURCE, local), (put::DESTINATION, remote)] {
            if put::ip(text).is_some() {
                put::end(&end, text, event);
            }
        }
        return;
    }
    let local = put::between(text, "(local address ", ")").unwrap_or("");
    let peer = address(text.split("(local address").next().unwrap_or(""));
    let answered = text.contains("connected from") || text.contains("respond") || text.contains(" from ");
    let (from, to) = if answered { (put::SOURCE, put::DESTINATION) } else { (put::DESTINATION, put::SOURCE) };
    put::end(&from, peer.unwrap_or(""), event);
    put::end(&to, local, event);
}
