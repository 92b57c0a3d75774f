//! Messages without structured data: sessions by their order of words, others by templates.

use bumpalo::Bump;
use stream::{Event, Value};

use crate::keyed::{Keys, Pairs};
use crate::template::{self, Taken};

/// Reads the text of a plain message into the names that structured data has.
pub(super) fn read<'a>(
    tag: &str,
    text: &'a str,
    keys: &mut Keys,
    pairs: &mut Pairs<'a>,
    arena: &'a Bump,
    event: &mut Event<'a>,
) {
    let mut put = |key: &'static str, value: &'a str| {
        if !matches!(value, "N/A" | "UNKNOWN" | "None" | "") {
            keys.put(key, Value::Str(value), pairs, arena, event);
        }
    };
    match tag {
        "RT_FLOW_SESSION_CREATE" | "APPTRACK_SESSION_CREATE" => created(text, &mut put),
        "RT_FLOW_SESSION_CLOSE" | "APPTRACK_SESSION_CLOSE" => closed(text, &mut put),
        "RT_FLOW_SESSION_DENY" => denied(text, &mut put),
        _ => {
            if let Some(taken) = template::first(TEMPLATES, text) {
                let whole = taken.iter().filter(|(name, _)| !matches!(*name, "source" | "destination" | "ssh"));
                for (name, value) in whole {
                    put(name, value.trim_matches(['\'', '"', ' ']));
                }
                ends(&taken, &mut put);
            }
        }
    }
}

static TEMPLATES: &[&str] = &[
    "User '{username}' login, class '{class}' [{}], ssh-connection '{ssh}', client-mode",
    "User '{username}' login, class '{class}' [{}], ssh-connection '{ssh}'",
    "User '{username}' login, class '{class}' [{}]",
    "User '{username}' logout",
    "Authenticated user '{username}' at permission level '{class}'",
    "Authenticated user '{username}' assigned to class '{class}'",
    "Login failed for user '{username}' from host '{source-address}'",
    "Login failed for user {username} from host {source-address}",
    "Login attempt for user {username} from host {source-address}",
    "User {username} logged in from host {source-address} on device",
    "User {username} logged in from host {source-address}",
    "User {username} logged in as root from host {source-address} on device",
    "VPN {vpn-name} from {source-address} is up. Local-ip: {destination-address},",
    "VPN {vpn-name} from {source-address} is down. Local-ip: {destination-address},",
    "VPN {vpn-name} from {source-address} is up",
    "VPN {vpn-name} from {source-address} is down",
    "ifIndex {}, ifAdminStatus {}, ifOperStatus {state}, ifName {ifName}",
    "IKE negotiation failed with error: {reason}. IKE Version: {}, VPN: {vpn-name} Gateway: {gateway}, Local: {destination-address}/{}, Remote: {source-address}/{source-port},",
    "IPSec negotiation failed with error: {reason}. IKE Version: {}, VPN: {vpn-name} Gateway: {gateway}, Local: {destination-address}/{}, Remote: {source-address}/{source-port},",
    "IKE negotiation successfully completed. IKE Version: {}, VPN: {vpn-name} Gateway: {gateway}, Local: {destination-address}/{}, Remote: {source-address}/{source-port},",
    "IKE negotiation failed with error: {reason}. IKE Version: {}, Local: {destination-address}/{},",
    // What a firewall filter with `log` or `syslog` let through (A), discarded (D) or rejected (R).
    "FW: {interface-name} {filter-action} {protocol} {source-address} {destination-address} {source-port} {destination-port} ",
    "FW: {interface-name} {filter-action} {protocol} {source-address} {destination-address} {source-port} {destination-port}",
    "User '{username}', command '{command}'",
    "User '{username}' requested '{command}' operation",
    "User '{username}' set: [{command}]",
    "User '{username}' delete: [{command}]",
    "User '{username}' {} [{command}]",
    "{attack-name} source: {source}, destination: {destination}, protocol-id: {protocol-id}, zone name: {source-zone-name}, interface name: {interface-name}, action: {action}",
    "{attack-name} source: {source}, destination: {destination}, zone name: {source-zone-name}, interface name: {interface-name}, action: {action}",
    "{attack-name} source: {source-address}, zone name: {source-zone-name}, interface name: {interface-name}, action: {action}",
    "{attack-name} destination: {destination-address}, zone name: {source-zone-name}, interface name: {interface-name}, action: {action}",
];

/// `192.0.2.1:5` or an address alone, for both ends.
fn ends<'a>(taken: &Taken<'a>, put: &mut impl FnMut(&'static str, &'a str)) {
    let mut end = |name: &str, address: &'static str, port: &'static str| {
        let text = taken.get(name);
        match text.rsplit_once(':').filter(|(host, _)| host.parse::<std::net::IpAddr>().is_ok()) {
            Some((host, number)) => {
                put(address, host);
                put(port, number);
            }
            None => put(address, text),
        }
    };
    end("source", "source-address", "source-port");
    end("destination", "destination-address", "destination-port");
    // `10.0.0.5 51000 10.0.0.1 22`
    let mut words = taken.get("ssh").split(' ');
    put("source-address", words.next().unwrap_or(""));
    put("source-port", words.next().unwrap_or(""));
}

/// The words of a text; `0x0` between them says nothing.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(' ').filter(|word| !word.is_empty() && *word != "0x0")
}

/// `192.0.2.1/5->198.51.100.1/80`.
fn arrow<'a>(word: &'a str, names: [&'static str; 4], put: &mut impl FnMut(&'static str, &'a str)) -> bool {
    let Some((one, other)) = word.split_once("->") else { return false };
    for (end, address, port) in [(one, names[0], names[1]), (other, names[2], names[3])] {
        let (host, number) = end.rsplit_once('/').unwrap_or((end, ""));
        put(address, host);
        put(port, number);
    }
    true
}

const REAL: [&str; 4] = ["source-address", "source-port", "destination-address", "destination-port"];
const MAPPED: [&str; 4] = ["nat-source-address", "nat-source-port", "nat-destination-address", "nat-destination-port"];

/// Reads from the words behind the second arrow: NAT rules, protocol, policy, zones, session.
fn tail<'a>(words: &[&'a str], put: &mut impl FnMut(&'static str, &'a str)) -> usize {
    // `source rule r1` and `destination rule N/A` of later versions, one word each of earlier ones.
    let is_number = |word: &&str| !word.is_empty() && word.len() <= 3 && word.bytes().all(|b| b.is_ascii_digit());
    let Some(at) = words.iter().position(is_number).filter(|at| *at <= 10) else { return words.len() };
    put("protocol-id", words[at]);
    for (offset, name) in [(1, "policy-name"), (2, "source-zone-name"), (3, "destination-zone-name"), (4, "session-id")]
    {
        put(name, words.get(at + offset).copied().unwrap_or("").trim_end_matches(','));
    }
    at + 5
}

/// `session created A->B [flags] service A'->B' ... protocol policy zone zone session user(roles) interface app nested`.
fn created<'a>(text: &'a str, put: &mut impl FnMut(&'static str, &'a str)) {
    let rest = text.split_once("created ").map_or(text, |(_, rest)| rest);
    session(rest, put);
}

fn session<'a>(text: &'a str, put: &mut impl FnMut(&'static str, &'a str)) {
    let all: Vec<&str> = words(text).take(64).collect();
    let Some((first, after)) = all.split_first() else { return };
    if !arrow(first, REAL, put) {
        return;
    }
    let Some(second) = after.iter().position(|word| word.contains("->")) else {
        return;
    };
    if second > 0 {
        put("service-name", after[0]);
    }
    arrow(after[second], MAPPED, put);
    let rest = &after[second + 1..];
    let at = tail(rest, put);
    rest_of_session(rest.get(at..).unwrap_or(&[]), put);
}

/// `N/A(N/A) ge-0/0/1.0 HTTP UNKNOWN`, and in between the counters of a closed session.
fn rest_of_session<'a>(words: &[&'a str], put: &mut impl FnMut(&'static str, &'a str)) {
    let counters = words.iter().take(3).filter(|word| counter(word).is_some()).count();
    let mut words = words;
    if counters >= 2 {
        for (word, names) in words
            .iter()
            .zip([("packets-from-client", "bytes-from-client"), ("packets-from-server", "bytes-from-server")])
        {
            if let Some((packets, bytes)) = counter(word) {
                put(names.0, packets);
                put(names.1, bytes);
            }
        }
        put("elapsed-time", words.get(2).copied().unwrap_or(""));
        words = words.get(3..).unwrap_or(&[]);
        // Application and nested application stand before the user here.
        for name in ["application", "nested-application"] {
            if let Some((word, rest)) = words.split_first()
                && !word.contains('(')
            {
                put(name, word);
                words = rest;
            }
        }
    }
    let Some(at) = words.iter().position(|word| word.ends_with(')') && word.contains('(')) else { return };
    put("username", words[at].split('(').next().unwrap_or(""));
    put("packet-incoming-interface", words.get(at + 1).copied().unwrap_or(""));
    if counters < 2 {
        put("application", words.get(at + 2).copied().unwrap_or(""));
        put("nested-application", words.get(at + 3).copied().unwrap_or(""));
    }
}

/// `10(1200)`: packets and bytes.
fn counter(word: &str) -> Option<(&str, &str)> {
    let (packets, bytes) = word.strip_suffix(')')?.split_once('(')?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (digits(packets) && digits(bytes)).then_some((packets, bytes))
}

/// `session closed REASON: ...` as a created one, with counters.
fn closed<'a>(text: &'a str, put: &mut impl FnMut(&'static str, &'a str)) {
    let rest = text.split_once("closed ").map_or(text, |(_, rest)| rest);
    match rest.split_once(": ") {
        Some((reason, rest)) => {
            put("reason", reason);
            session(rest, put);
        }
        None => session(rest, put),
    }
}

/// `session denied A->B [flags] service protocol(type) policy zone zone app nested user(roles) interface encrypted reason`.
fn denied<'a>(text: &'a str, put: &mut impl FnMut(&'static str, &'a str)) {
    let rest = text.split_once("denied ").map_or(text, |(_, rest)| rest);
    let all: Vec<&str> = words(rest).take(64).collect();
    if !all.first().is_some_and(|word| arrow(word, REAL, put)) {
        return;
    }
    let Some(at) = all.iter().position(|word| {
        let (number, kind) = word.split_once('(').unwrap_or((word, ")"));
        !number.is_empty() && number.len() <= 3 && number.bytes().all(|b| b.is_ascii_digit()) && kind.ends_with(')')
    }) else {
        return;
    };
    if at > 1 {
        put("service-name", all[1]);
    }
    put("protocol-id", all[at].split('(').next().unwrap_or(""));
    let names = ["policy-name", "source-zone-name", "destination-zone-name", "application", "nested-application"];
    for (name, word) in names.into_iter().zip(all.iter().skip(at + 1)) {
        put(name, word);
    }
    if let Some(user) = all.iter().skip(at + 1).position(|word| word.ends_with(')') && word.contains('(')) {
        put("username", all[at + 1 + user].split('(').next().unwrap_or(""));
        put("packet-incoming-interface", all.get(at + 2 + user).copied().unwrap_or(""));
    }
}
