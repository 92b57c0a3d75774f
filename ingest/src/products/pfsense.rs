//! pfSense and OPNsense: the packet filter's `filterlog` lines, sign-ins to the web pages, OpenVPN, Unbound; what packages
//! write (dhcpd, Kea, nginx, HAProxy, Snort, Suricata, Squid, FreeRADIUS) is read by their own parsers, what other programs
//! write (sshd, sudo, cron...) as that of any Unix host.
//!
//! `filterlog[123]: rule,sub-rule,anchor,tracker,interface,reason,action,direction,version,...`; the rest depends on IP
//! version and protocol. Source: Netgate documentation, "Raw Filter Log Format"; OPNsense, filterlog's description.txt.

use std::collections::HashMap;

use bumpalo::Bump;
use bumpalo::collections::Vec as BumpVec;
use stream::{Event, FieldId, Value, fields as f};

use super::system::System;
use crate::device::{self, Verdict, add};
use crate::parser::{Context, Parser, Reason};
use crate::template;
use crate::{community_id, csv_cells, protocols, syslog};

/// Parser of pfSense and OPNsense logs.
pub struct Pfsense {
    system: System,
    guests: HashMap<&'static str, Box<dyn Parser>>,
    own: Own,
}

/// Programs of packages, and the products that read them.
const GUESTS: [(&str, &str); 10] = [
    ("dhcpd", "dhcpd"),
    ("kea-dhcp4", "dhcpd"),
    ("kea-dhcp6", "dhcpd"),
    ("nginx", "nginx"),
    ("haproxy", "haproxy"),
    ("snort", "snort"),
    ("suricata", "snort"),
    ("squid", "squid"),
    ("radiusd", "freeradius"),
    ("(squid-1)", "squid"),
];

/// The numbers of the product's own names.
struct Own {
    fields: Vec<(usize, Option<FieldId>)>,
    flags: Option<FieldId>,
    ttl: Option<FieldId>,
    length: Option<FieldId>,
}

impl Default for Pfsense {
    fn default() -> Self {
        let intern = |name: &str| stream::intern(&format!("pfsense.{name}"));
        let fields = vec![(0, intern("rule_number")), (1, intern("sub_rule_number")), (2, intern("anchor"))];
        let own = Own { fields, flags: intern("tcp.flags"), ttl: intern("ip.ttl"), length: intern("ip.length") };
        Pfsense { system: System::default(), guests: HashMap::new(), own }
    }
}

/// Most cells of a filterlog line.
const CELLS_MAX: usize = 64;

/// The VLAN that the name of the interface ends with: `igb1.12`.
fn vlan(event: &mut Event<'_>) {
    let interface = event.get_str(f::OBSERVER_INGRESS_INTERFACE_NAME).unwrap_or("");
    if let Some((_, vlan)) = interface.rsplit_once('.').filter(|(_, vlan)| vlan.parse::<u16>().is_ok()) {
        event.push_str(f::OBSERVER_INGRESS_VLAN_ID, vlan);
        event.push_str(f::NETWORK_VLAN_ID, vlan);
    }
}

impl Parser for Pfsense {
    fn parse<'a>(
        &mut self,
        line: &'a str,
        context: &Context,
        arena: &'a Bump,
        event: &mut Event<'a>,
    ) -> Result<(), Reason> {
        let header = read_header(line, context);
        let name = header.appname.unwrap_or("").rsplit('/').next().unwrap_or("");
        let known =
            matches!(name, "filterlog" | "php-fpm" | "unbound" | "charon" | "sshguard" | "hostapd" | "ppp" | "dpinger")
                || name.starts_with("openvpn");
        if let Some((_, product)) = GUESTS.iter().find(|(program, _)| *program == name)
            && self.guest(product, line, context, arena, event)
        {
            if *product == "dhcpd" {
                event.push_str(f::EVENT_PROVIDER, name);
                vlan(event);
            }
            return Ok(());
        }
        if !known {
            self.system.parse(line, context, arena, event)?;
            // The DHCP clients, and what keeps the names of leases.
            if name.starts_with("dhc") && !event.has(f::EVENT_CATEGORY) {
                add(f::EVENT_CATEGORY, &["network"], event);
                add(f::EVENT_TYPE, &["connection", "protocol", "info"], event);
                event.push_str(f::EVENT_PROVIDER, name);
                let version = if name.starts_with("dhcp6") { "dhcpv6" } else { "dhcp" };
                event.push(f::NETWORK_PROTOCOL, Value::Str(version));
                event.push(f::NETWORK_TRANSPORT, Value::Str("udp"));
            }
            device::observer("netgate", "", "firewall", event);
            return Ok(());
        }
        device::apply(&syslog::Header { appname: None, ..header }, event);
        device::observer_address(event);
        event.push_str(f::PROCESS_NAME, name);
        device::push_int(f::PROCESS_PID, header.procid.unwrap_or(""), event);
        device::observer("netgate", "", "firewall", event);
        event.push(f::EVENT_MODULE, Value::Str("pfsense"));
        event.push_str(f::EVENT_PROVIDER, name);
        event.push(f::EVENT_KIND, Value::Str("event"));
        match name {
            "filterlog" => self.filter(header.message, arena, event)?,
            "php-fpm" => web(header.message, event),
            "unbound" => resolver(header.message, event),
            "sshguard" if header.message.starts_with("Blocking ") => {
                event.push_str(f::MESSAGE, header.message);
                let network = template::take("Blocking \"{network}\" for", header.message);
                let network = network.as_ref().map_or("", |taken| taken.get("network"));
                device::push_ip(f::SOURCE_IP, network.split('/').next().unwrap_or(""), event);
                event.push(f::EVENT_ACTION, Value::Str("host-blocked"));
                add(f::EVENT_CATEGORY, &["network", "intrusion_detection"], event);
                add(f::EVENT_TYPE, &["denied", "info"], event);
            }
            "charon" | "sshguard" | "hostapd" | "ppp" | "dpinger" => {
                // `10[IKE] <con1|12> IKE_SA con1[12] established between ...`.
                super::router::text(name, header.message, arena, event);
                add(f::EVENT_CATEGORY, &["network"], event);
            }
            _ => vpn(header.message, event),
        }
        Ok(())
    }
}

/// A header; some boxes write no host name, and `filterlog:` without a number.
fn read_header<'a>(line: &'a str, context: &Context) -> syslog::Header<'a> {
    let mut header = syslog::parse(line, context);
    if header.appname.is_none()
        && let Some((before, text)) = header.message.split_once("filterlog: ")
        && before.len() <= 64
    {
        (header.appname, header.message) = (Some("filterlog"), text);
    }
    header
}

impl Pfsense {
    /// Reads the line of a package; whether its parser knew it.
    fn guest<'a>(
        &mut self,
        product: &'static str,
        line: &'a str,
        context: &Context,
        arena: &'a Bump,
        event: &mut Event<'a>,
    ) -> bool {
        if !self.guests.contains_key(product)
            && let Some(parser) = super::parser(product)
        {
            self.guests.insert(product, parser);
        }
        let Some(parser) = self.guests.get_mut(product) else { return false };
        let mut own = Event::new_in(arena);
        if parser.parse(line, context, arena, &mut own).is_err() {
            return false;
        }
        *event = own;
        if let Some(host) = event.get_str(f::HOST_HOSTNAME)
            && !event.has(f::OBSERVER_NAME)
        {
            event.push(f::OBSERVER_NAME, Value::Str(host));
        }
        event.set(f::EVENT_MODULE, Value::Str("pfsense"));
        device::observer("netgate", "", "firewall", event);
        true
    }

    fn filter<'a>(&self, text: &'a str, arena: &'a Bump, event: &mut Event<'a>) -> Result<(), Reason> {
        let mut cells = BumpVec::with_capacity_in(32, arena);
        cells.extend(csv_cells::cells(text, ',', arena).take(CELLS_MAX));
        let cell = |at: usize| -> &'a str { cells.get(at).copied().unwrap_or("") };
        let put = |field: Option<FieldId>, at: usize, event: &mut Event<'a>| {
            if let Some(field) = field {
                event.push_str(field, cell(at));
            }
        };
        if cells.len() < 9 {
            return Err(Reason("a filterlog line has nine cells and more"));
        }
        for (at, field) in &self.own.fields {
            put(*field, *at, event);
        }
        event.push_str(f::RULE_ID, cell(3));
        event.push_str(f::EVENT_REASON, cell(5));
        add(f::EVENT_CATEGORY, &["network"], event);
        add(f::EVENT_TYPE, &["connection"], event);
        event.push(f::SEKISHO_LOGSOURCE_PRODUCT, Value::Str("pfsense"));
        event.push(f::SEKISHO_LOGSOURCE_CATEGORY, Value::Str("firewall"));
        action(cell(6), event);
        let interface = match cell(7) {
            "out" => f::OBSERVER_EGRESS_INTERFACE_NAME,
            _ => f::OBSERVER_INGRESS_INTERFACE_NAME,
        };
        event.push_str(interface, cell(4));
        if let Some((_, vlan)) = cell(4).rsplit_once('.').filter(|(_, vlan)| vlan.parse::<u16>().is_ok()) {
            let own = if cell(7) == "out" { f::OBSERVER_EGRESS_VLAN_ID } else { f::OBSERVER_INGRESS_VLAN_ID };
            event.push_str(own, vlan);
            event.push_str(f::NETWORK_VLAN_ID, vlan);
        }
        let direction = match cell(7) {
            "in" => "inbound",
            "out" => "outbound",
            _ => "",
        };
        event.push_str(f::NETWORK_DIRECTION, direction);
        // Where protocol name, its number, the length and the addresses stand.
        let (kind, name, number, length, ends) = match cell(8) {
            "4" => ("ipv4", 16, 15, 17, 18),
            "6" => ("ipv6", 12, 13, 14, 15),
            _ => return Ok(()),
        };
        event.push(f::NETWORK_TYPE, Value::Str(kind));
        put(self.own.ttl, 11, event);
        put(self.own.length, length, event);
        if !protocols::push(cell(number), event) {
            event.push_str(f::NETWORK_TRANSPORT, device::lower(cell(name), arena));
        }
        if let Ok(bytes @ 0..) = cell(length).parse::<i64>() {
            event.push(f::NETWORK_BYTES, Value::Int(bytes));
        }
        device::push_ip(f::SOURCE_IP, cell(ends), event);
        device::push_ip(f::DESTINATION_IP, cell(ends + 1), event);
        if matches!(event.get_str(f::NETWORK_TRANSPORT), Some("tcp" | "udp" | "sctp")) {
            device::push_int(f::SOURCE_PORT, cell(ends + 2), event);
            device::push_int(f::DESTINATION_PORT, cell(ends + 3), event);
            if event.get_str(f::NETWORK_TRANSPORT) == Some("tcp") {
                put(self.own.flags, ends + 5, event);
            }
        }
        community_id::push(arena, event);
        Ok(())
    }
}

fn action<'a>(word: &'a str, event: &mut Event<'a>) {
    event.push_str(f::EVENT_ACTION, word);
    let verdict = device::verdict(word);
    device::push_verdict(verdict, event);
    match verdict {
        Verdict::Allowed => event.push(f::EVENT_OUTCOME, Value::Str("success")),
        Verdict::Denied => event.push(f::EVENT_OUTCOME, Value::Str("failure")),
        Verdict::Unsaid => {}
    }
}

/// Sets category, type, action and outcome of a sign-in.
fn sign_in(action: &'static str, outcome: &'static str, types: &[&'static str], event: &mut Event<'_>) {
    add(f::EVENT_CATEGORY, &["authentication"], event);
    add(f::EVENT_TYPE, types, event);
    event.push(f::EVENT_ACTION, Value::Str(action));
    event.push(f::EVENT_OUTCOME, Value::Str(outcome));
}

/// Sign-ins to the web pages.
fn web<'a>(text: &'a str, event: &mut Event<'a>) {
    event.push_str(f::MESSAGE, text);
    const GOOD: &[&str] =
        &["{}uccessful login for user '{user}' from: {source} (", "{}uccessful login for user '{user}' from: {source}"];
    const BAD: &[&str] = &[
        "{}uthentication error for user '{user}' from: {source}",
        "{}uthentication error for '{user}' from: {source}",
    ];
    const OUT: &[&str] =
        &["{}ser logged out for user '{user}' from: {source} (", "{}ser logged out for user '{user}' from: {source}"];
    let taken = if let Some(taken) = template::first(GOOD, text) {
        sign_in("login", "success", &["start", "info"], event);
        taken
    } else if let Some(taken) = template::first(BAD, text) {
        sign_in("login", "failure", &["start", "info"], event);
        taken
    } else if let Some(taken) = template::first(OUT, text) {
        sign_in("logout", "success", &["end", "info"], event);
        taken
    } else {
        add(f::EVENT_CATEGORY, &["configuration"], event);
        return add(f::EVENT_TYPE, &["info"], event);
    };
    device::push_user(taken.get("user"), event);
    device::push_ip(f::SOURCE_IP, taken.get("source"), event);
}

/// Unbound's queries: `[123:0] info: 10.1.2.3 www.example.jp. A IN`.
fn resolver<'a>(text: &'a str, event: &mut Event<'a>) {
    event.push_str(f::MESSAGE, text);
    event.push(f::NETWORK_PROTOCOL, Value::Str("dns"));
    add(f::EVENT_CATEGORY, &["network"], event);
    add(f::EVENT_TYPE, &["info"], event);
    event.push(f::SEKISHO_LOGSOURCE_CATEGORY, Value::Str("dns"));
    let mut words = text.split_once("info: ").map_or("", |(_, rest)| rest).split(' ');
    let (client, name, kind) = (words.next(), words.next(), words.next());
    if let (Some(client), Some(name), Some(kind), Some("IN")) = (client, name, kind, words.next())
        && device::push_ip(f::SOURCE_IP, client, event)
    {
        event.push_str(f::DNS_QUESTION_NAME, name.trim_end_matches('.'));
        event.push_str(f::DNS_QUESTION_TYPE, kind);
        event.push(f::DNS_QUESTION_CLASS, Value::Str("IN"));
    }
}

/// OpenVPN's connections.
fn vpn<'a>(text: &'a str, event: &mut Event<'a>) {
    event.push_str(f::MESSAGE, text);
    if let Some(taken) = template::take("user '{user}' authenticated", text) {
        sign_in("authenticated", "success", &["info"], event);
        return device::push_user(taken.get("user"), event);
    }
    if let Some(taken) = template::take("user '{user}' could not authenticate", text) {
        sign_in("authenticated", "failure", &["info"], event);
        return device::push_user(taken.get("user"), event);
    }
    add(f::EVENT_CATEGORY, &["network"], event);
    if let Some(taken) = template::take("openvpn server '{server}' user '{user}' address '{source}' - {state}", text) {
        let ended = taken.get("state").starts_with("disconnected");
        add(f::EVENT_CATEGORY, &["session"], event);
        add(f::EVENT_TYPE, &["connection", if ended { "end" } else { "start" }], event);
        let action = if ended { "client-vpn-disconnected" } else { "client-vpn-connected" };
        event.push(f::EVENT_ACTION, Value::Str(action));
        device::push_user(taken.get("user"), event);
        device::push_ip(f::SOURCE_IP, taken.get("source"), event);
        return;
    }
    let Some(taken) = template::take("{source}[{user}] Peer Connection Initiated", text) else {
        client(text, event);
        return add(f::EVENT_TYPE, &["info"], event);
    };
    add(f::EVENT_CATEGORY, &["session"], event);
    add(f::EVENT_TYPE, &["connection", "start"], event);
    event.push(f::EVENT_ACTION, Value::Str("client-vpn-connected"));
    device::push_user(taken.get("user"), event);
    let (ip, port) = taken.get("source").rsplit_once(':').unwrap_or((taken.get("source"), ""));
    device::push_ip(f::SOURCE_IP, ip, event);
    device::push_int(f::SOURCE_PORT, port, event);
}

/// The client before what OpenVPN says of it: `sato/198.51.100.7:1194 MULTI: ...`, `198.51.100.7:1194 TLS Error: ...`.
fn client<'a>(text: &'a str, event: &mut Event<'a>) {
    let word = text.split(' ').next().unwrap_or("");
    let (user, end) = word.rsplit_once('/').unwrap_or(("", word));
    // `TLS Error: ... from [AF_INET]198.51.100.7:1194`.
    let from = || text.split_once("[AF_INET").and_then(|(_, rest)| rest.split_once(']')).map(|(_, end)| end);
    let found = crate::flow_text::endpoint(end)
        .or_else(|| from().and_then(|end| crate::flow_text::endpoint(end.split(' ').next().unwrap_or(""))));
    let Some((ip, port)) = found else { return };
    device::push_user(user, event);
    event.push(f::SOURCE_IP, Value::Ip(ip));
    if let Some(port) = port {
        event.push(f::SOURCE_PORT, Value::Int(i64::from(port)));
    }
    if ["Error", "failed", "AUTH_FAILED"].iter().any(|word| text.contains(word)) {
        event.push(f::EVENT_OUTCOME, Value::Str("failure"));
    }
}
