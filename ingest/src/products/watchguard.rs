//! WatchGuard Firebox (Fireware 11 and 12): traffic, proxy, sign-in and other messages with a `msg_id`.
//!
//! `<140>Nov 20 10:00:00 FB01 801001AAAAAAA firewall: msg_id="3000-0148" Deny 1-Trusted 0-External 52 tcp 20 64
//! 10.1.2.3 198.51.100.20 50123 445 ... (Policy-00)`. The host may be followed by a serial number and a time in
//! parentheses. A proxy's line has no lengths: `Allow 1-Trusted 0-External tcp 10.1.2.3 198.51.100.20 50123 80
//! msg="..." ...`. Keys without a field of their own are kept as `watchguard.<key>`. Source: WatchGuard Fireware Log
//! Catalog. The other format of the same logs, IBM LEEF, is read in `leef`.

mod leef;

use bumpalo::Bump;
use stream::{Event, Value, fields as f};

use super::dhcpd::Dhcpd;
use crate::device::{self, Verdict, add};
use crate::keyed::{Keys, Pairs, To};
use crate::parser::{Context, Parser, Reason};
use crate::template;
use crate::{community_id, kv, protocols, syslog, time};

/// Parser of Firebox logs.
pub struct Watchguard {
    keys: Keys,
    dhcp: Dhcpd,
}

impl Default for Watchguard {
    fn default() -> Self {
        Watchguard { keys: Keys::new("watchguard.", &[KEYS, leef::KEYS]), dhcp: Dhcpd::default() }
    }
}

static KEYS: &[(&str, To)] = &[
    ("msg_id", To::Text(f::EVENT_CODE)),
    ("msg", To::Text(f::MESSAGE)),
    ("policy_name", To::Held),
    ("proxy_act", To::Both),
    ("rule_name", To::Text(f::RULE_NAME)),
    ("op", To::Text(f::HTTP_REQUEST_METHOD)),
    ("dstname", To::Held),
    ("arg", To::Held),
    ("host", To::Held),
    ("path", To::Held),
    ("method", To::Text(f::HTTP_REQUEST_METHOD)),
    ("severity", To::Int(f::EVENT_SEVERITY)),
    ("sent_bytes", To::Int(f::SOURCE_BYTES)),
    ("rcvd_bytes", To::Int(f::DESTINATION_BYTES)),
    ("duration", To::Held),
    ("elapsed_time", To::Both),
    ("src_user", To::Held),
    ("dst_user", To::Held),
    ("app_name", To::Text(f::NETWORK_APPLICATION)),
    ("app_cat_name", To::Both),
    ("signature_name", To::Text(f::RULE_DESCRIPTION)),
    ("signature_id", To::Text(f::RULE_ID)),
    ("signature_cat", To::Text(f::RULE_CATEGORY)),
    ("virus", To::Both),
    ("file_name", To::Text(f::FILE_NAME)),
    ("filename", To::Text(f::FILE_NAME)),
    ("md5", To::Text(f::FILE_HASH_MD5)),
    ("sha256", To::Text(f::FILE_HASH_SHA256)),
    ("sender", To::Each(f::EMAIL_FROM_ADDRESS)),
    ("recipients", To::Each(f::EMAIL_TO_ADDRESS)),
    ("query_type", To::Text(f::DNS_QUESTION_TYPE)),
    ("question", To::Text(f::DNS_QUESTION_NAME)),
    ("sni", To::Text(f::TLS_CLIENT_SERVER_NAME)),
    ("src_ip", To::Ip(f::SOURCE_IP)),
    ("dst_ip", To::Ip(f::DESTINATION_IP)),
    ("tls_version", To::Text(f::TLS_VERSION)),
    ("src_ip_nat", To::Ip(f::SOURCE_NAT_IP)),
    ("src_port_nat", To::Int(f::SOURCE_NAT_PORT)),
    ("dst_ip_nat", To::Ip(f::DESTINATION_NAT_IP)),
    ("dst_port_nat", To::Int(f::DESTINATION_NAT_PORT)),
    ("geo_src", To::Text(f::SOURCE_GEO_COUNTRY_ISO_CODE)),
    ("geo_dst", To::Text(f::DESTINATION_GEO_COUNTRY_ISO_CODE)),
    ("reason", To::Text(f::EVENT_REASON)),
];

impl Parser for Watchguard {
    fn parse<'a>(
        &mut self,
        line: &'a str,
        context: &Context,
        arena: &'a Bump,
        event: &mut Event<'a>,
    ) -> Result<(), Reason> {
        const NOT: Reason = Reason("no msg_id= and no traffic: not a Firebox log");
        if leef::read(self, line, context, arena, event) {
            device::push_totals(event);
            community_id::push(arena, event);
            return Ok(());
        }
        let body = line.find("msg_id=").or_else(|| without_id(line)).ok_or(NOT)?;
        header(line[..body].trim_end(), context, event);
        device::observer("WatchGuard", "Firebox", "firewall", event);
        event.push(f::EVENT_MODULE, Value::Str("watchguard"));
        event.push(f::EVENT_KIND, Value::Str("event"));
        let mut pairs = Pairs::new_in(arena);
        let mut scan = kv::pairs(&line[body..]);
        // The words of a traffic log stand between the id and the next key.
        let mut words = &line[body..];
        if words.starts_with("msg_id=")
            && let Some(first) = scan.next()
        {
            self.keys.put(first.key, Value::Str(first.value), &mut pairs, arena, event);
            words = scan.rest();
        }
        for pair in scan {
            self.keys.put(pair.key, Value::Str(pair.value), &mut pairs, arena, event);
        }
        let text = words.trim();
        if !traffic(text, &pairs, arena, event) {
            self.other(text, arena, event);
        }
        device::push_totals(event);
        community_id::push(arena, event);
        Ok(())
    }
}

/// Where the text of a line begins that carries no message id: behind the program, with a verdict.
fn without_id(line: &str) -> Option<usize> {
    const VERDICTS: [&str; 4] = ["Allow ", "Deny ", "Proxy", "blocked "];
    let at = line.match_indices(": ").map(|(at, _)| at + 2).take(8);
    at.into_iter().find(|at| VERDICTS.iter().any(|word| line[*at..].starts_with(word)))
}

/// Time, host, serial number and program.
fn header<'a>(prefix: &'a str, context: &Context, event: &mut Event<'a>) {
    let header = syslog::parse(prefix, context);
    device::apply(&syslog::Header { appname: None, ..header }, event);
    event.push_str(f::PROCESS_NAME, header.appname.unwrap_or(""));
    for word in header.message.split(' ').filter(|word| !word.is_empty()) {
        if let Some(text) = word.strip_prefix('(').and_then(|word| word.strip_suffix(')')) {
            // The device's own clock, in UTC.
            if let Some(found) = time::iso(text, &time::Zone::utc()) {
                event.set(f::TIMESTAMP, Value::Time(found));
            }
        } else if let Some(program) = word.strip_suffix(':') {
            event.push_str(f::PROCESS_NAME, program.split('[').next().unwrap_or(program));
        } else if !event.has(f::OBSERVER_SERIAL_NUMBER) && word.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            event.push_str(f::OBSERVER_SERIAL_NUMBER, word);
        }
    }
}

/// Reads `Deny 1-Trusted 0-External 52 tcp 20 64 10.1.2.3 198.51.100.20 50123 445`; whether it is such a line.
fn traffic<'a>(text: &'a str, pairs: &Pairs<'a>, arena: &'a Bump, event: &mut Event<'a>) -> bool {
    let mut words = text.split(' ').filter(|word| !word.is_empty());
    let action = words.next().unwrap_or("");
    let verdict = match action {
        "Allow" | "ProxyAllow:" | "ProxyAllow" | "ProxyAvScan:" | "ProxyInspect:" => Verdict::Allowed,
        "Deny" | "ProxyDeny:" | "ProxyDeny" | "ProxyDrop:" | "ProxyBlock:" | "ProxyStrip:" | "ProxyReplace:"
        | "blocked" => Verdict::Denied,
        _ => return false,
    };
    let (ingress, egress) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
    // A length, the protocol, and two numbers more, or the protocol alone.
    let mut word = words.next().unwrap_or("");
    let numbered = word.bytes().all(|byte| byte.is_ascii_digit());
    if numbered {
        word = words.next().unwrap_or("");
    }
    let protocol = word;
    if numbered {
        words.next();
        words.next();
    }
    let (source, destination) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
    if !device::push_ip(f::SOURCE_IP, source, event) {
        return false;
    }
    device::push_ip(f::DESTINATION_IP, destination, event);
    if !protocols::push(protocol, event) {
        let (name, service) = protocol.split_once('/').unwrap_or(("", protocol));
        event.push_str(f::NETWORK_PROTOCOL, device::lower(service.split('/').next().unwrap_or(""), arena));
        protocols::push(name, event);
    }
    if !event.get_str(f::NETWORK_TRANSPORT).is_some_and(|name| name.contains("icmp")) {
        device::push_int(f::SOURCE_PORT, words.next().unwrap_or(""), event);
        device::push_int(f::DESTINATION_PORT, words.next().unwrap_or(""), event);
    }
    event.push_str(f::OBSERVER_INGRESS_INTERFACE_NAME, ingress);
    event.push_str(f::OBSERVER_EGRESS_INTERFACE_NAME, egress);
    event.push_str(f::EVENT_ACTION, device::lower(action.trim_end_matches(':'), arena));
    judged(verdict, event);
    // The policy stands in parentheses at the end, with a number of its own; a proxy's rule has a name besides.
    if let Some((_, policy)) = text.strip_suffix(')').and_then(|text| text.rsplit_once('(')) {
        event.push_str(f::RULE_NAME, policy.trim());
    }
    proxied(pairs, event);
    true
}

/// Sets what was done with a connection.
fn judged(verdict: Verdict, event: &mut Event<'_>) {
    let outcome = if verdict == Verdict::Denied { "failure" } else { "success" };
    event.push(f::EVENT_OUTCOME, Value::Str(outcome));
    add(f::EVENT_CATEGORY, &["network"], event);
    add(f::EVENT_TYPE, &["connection"], event);
    device::push_verdict(verdict, event);
}

fn proxied<'a>(pairs: &Pairs<'a>, event: &mut Event<'a>) {
    let program = event.get_str(f::PROCESS_NAME).unwrap_or("");
    let category = if program.starts_with("http") { "proxy" } else { "firewall" };
    const PROXIES: [(&str, &str); 8] = [
        ("https-", "https"),
        ("http-", "http"),
        ("dns-", "dns"),
        ("smtp-", "smtp"),
        ("pop3-", "pop3"),
        ("imap-", "imap"),
        ("ftp-", "ftp"),
        ("sip-", "sip"),
    ];
    if let Some((_, name)) = PROXIES.iter().find(|(start, _)| program.starts_with(start))
        && !event.has(f::NETWORK_PROTOCOL)
    {
        event.push(f::NETWORK_PROTOCOL, Value::Str(name));
    }
    if program.starts_with("http") {
        add(f::EVENT_CATEGORY, &["web"], event);
    }
    for (key, found) in [("virus", "malware"), ("signature_name", "intrusion_detection")] {
        if !pairs.get(key).is_empty() {
            add(f::EVENT_CATEGORY, &[found], event);
            event.set(f::EVENT_KIND, Value::Str("alert"));
        }
    }
    device::logsource("watchguard", category, "", event);
    let (host, path) = (pairs.any(&["dstname", "host"]), pairs.any(&["arg", "path"]));
    event.push_str(f::URL_DOMAIN, host);
    event.push_str(f::DESTINATION_DOMAIN, host);
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    event.push_str(f::URL_PATH, path);
    event.push_str(f::URL_QUERY, query);
    let user = pairs.get("src_user");
    device::push_user(user, event);
    if user.rsplit_once('@').is_some_and(|(_, domain)| domain.contains('.')) {
        event.push_str(f::USER_EMAIL, user);
    }
    device::push_destination_user(pairs.get("dst_user"), event);
    if let Some(seconds) = pairs.int("duration") {
        device::push_duration(seconds, event);
    }
}

impl Watchguard {
    /// Sign-ins, leases, and whatever else.
    fn other<'a>(&mut self, text: &'a str, arena: &'a Bump, event: &mut Event<'a>) {
        const TEMPLATES: &[(&str, &str, &str)] = &[
            ("Authentication of {} user [{user}] from {source} was {result}", "login", ""),
            ("Authentication of {} user [{user}] from {source} {result}", "login", ""),
            ("{} user {user} from {source} logged in", "login", "success"),
            ("{} user {user} from {source} logged out", "logout", "success"),
            ("{} user {user} from {source} log in attempt was rejected", "login", "failure"),
            ("{} User {user} from {source} logged in", "login", "success"),
            ("{} User {user} from {source} logged out", "logout", "success"),
            ("{} User {user} from {source} log in attempt was rejected", "login", "failure"),
            ("Mobile VPN with {} user {user} logged in. {}Real IP address is {source}.", "login", "success"),
            ("Mobile VPN with {} user {user} logged in", "login", "success"),
            ("Mobile VPN with {} user {user} logged out", "logout", "success"),
        ];
        device::logsource("watchguard", "", "", event);
        for (pattern, action, outcome) in TEMPLATES {
            let Some(taken) = template::take(pattern, text) else { continue };
            device::push_user(taken.get("user"), event);
            device::push_ip(f::SOURCE_IP, taken.get("source"), event);
            let result = taken.get("result");
            let outcome = match *outcome {
                "" if result.starts_with("accepted") => "success",
                "" if result.starts_with("rejected") => "failure",
                known => known,
            };
            event.push_str(f::MESSAGE, text);
            event.push_str(f::EVENT_OUTCOME, outcome);
            event.push(f::EVENT_ACTION, Value::Str(action));
            add(f::EVENT_CATEGORY, &["authentication"], event);
            return add(f::EVENT_TYPE, &[if *action == "logout" { "end" } else { "start" }], event);
        }
        if let Some(address) = text.strip_prefix("Temporarily blocking host ") {
            event.push_str(f::MESSAGE, text);
            device::push_ip(f::SOURCE_IP, address.split(' ').next().unwrap_or(""), event);
            event.push(f::EVENT_ACTION, Value::Str("host-blocked"));
            add(f::EVENT_CATEGORY, &["network", "intrusion_detection"], event);
            return add(f::EVENT_TYPE, &["denied", "info"], event);
        }
        if (text.starts_with("DHCP") || text.starts_with("BOOT")) && self.dhcp.message(text, arena, event) {
            event.push_str(f::MESSAGE, text);
            return add(f::EVENT_CATEGORY, &["network"], event);
        }
        let program: &'a str = event.get_str(f::PROCESS_NAME).unwrap_or("");
        super::router::text(program, text, arena, event);
        if !event.has(f::EVENT_CATEGORY) {
            add(f::EVENT_CATEGORY, &["network"], event);
        }
    }
}
