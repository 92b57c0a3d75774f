//! What routers write about a packet in free text: `TCP 192.0.2.1:1024 > 198.51.100.1:80`, with the variants that
//! Japanese vendors use, and the logins to the device.
//!
//! An endpoint is `v4:port`, `v4(port)`, `address,port` (SEIL), `[v6]:port`, `v6.port` (YAMAHA) or an address alone; the
//! arrow is `>`, `->`, `=>` or `to` behind `from`. Nothing is set that does not stand around such an arrow.

use std::net::{IpAddr, Ipv6Addr};

use stream::{Event, Value, fields};

use crate::put;

/// Reads one endpoint: its address and port.
pub(crate) fn endpoint(text: &str) -> Option<(IpAddr, Option<u16>)> {
    let text = text.trim_end_matches([',', ';', '.']);
    if let Ok(ip) = text.parse::<IpAddr>() {
        return Some((ip, None));
    }
    if let Some((address, rest)) = text.split_once('(') {
        let port = rest.split(')').next().and_then(|port| port.parse().ok());
        return Some((put::ip(address)?, port));
    }
    if let Some((address, port)) = text.split_once(',') {
        return Some((put::ip(address)?, Some(port.parse().ok()?)));
    }
    // A port behind the last colon of `v4:port` and `[v6]:port`, behind the last full stop of `v6.port`.
    if let Some((address, port)) = text.rsplit_once('.')
        && let (Ok(ip), Ok(port)) = (address.parse::<Ipv6Addr>(), port.parse())
    {
        return Some((IpAddr::V6(ip), Some(port)));
    }
    let (address, port) = text.rsplit_once(':')?;
    let bare = address.strip_prefix('[').and_then(|inner| inner.strip_suffix(']'));
    let ip = match bare {
        Some(bare) => bare.parse().ok()?,
        None => IpAddr::V4(address.parse().ok()?),
    };
    Some((ip, Some(port.parse().ok()?)))
}

/// Sets both ends, the ports and the transport of the first arrow between two endpoints: what follows them.
pub(crate) fn packet<'a>(text: &'a str, event: &mut Event<'a>) -> Option<&'a str> {
    for arrow in [" > ", " -> ", " => ", " to "] {
        let mut from = 0;
        while let Some(found) = text[from..].find(arrow) {
            let at = from + found;
            let before = text[..at].trim_end();
            let (lead, left) = before.rsplit_once(' ').unwrap_or(("", before));
            let (right, rest) = put::word(&text[at + arrow.len()..]);
            if let (Some(source), Some(destination)) = (endpoint(left), endpoint(right)) {
                event.set(fields::SOURCE_IP, Value::Ip(source.0));
                event.set(fields::DESTINATION_IP, Value::Ip(destination.0));
                for (field, port) in [(fields::SOURCE_PORT, source.1), (fields::DESTINATION_PORT, destination.1)] {
                    if let Some(port) = port {
                        event.set(field, Value::Int(i64::from(port)));
                    }
                }
                let lead = lead.strip_suffix(" from").unwrap_or(lead);
                transport(lead.rsplit(' ').next().unwrap_or(""), event);
                return Some(rest);
            }
            from = at + 1;
        }
    }
    None
}

/// Sets `network.transport` of a protocol's name or number.
pub(crate) fn transport(word: &str, event: &mut Event<'_>) {
    let word = word.trim_matches(['[', ']', '(', ')', ':', ',']).rsplit([':', ')', '(', '=']).next().unwrap_or("");
    const NAMES: [(&str, &str, &str); 9] = [
        ("tcp", "6", "tcp"),
        ("udp", "17", "udp"),
        ("icmp", "1", "icmp"),
        ("icmpv6", "58", "ipv6-icmp"),
        ("icmp6", "58", "ipv6-icmp"),
        ("gre", "47", "gre"),
        ("esp", "50", "esp"),
        ("ah", "51", "ah"),
        ("igmp", "2", "igmp"),
    ];
    if let Some((_, number, name)) =
        NAMES.iter().find(|(name, number, _)| name.eq_ignore_ascii_case(word) || *number == word)
    {
        event.set(fields::NETWORK_TRANSPORT, Value::Str(name));
        event.set(fields::NETWORK_IANA_NUMBER, Value::Str(number));
    }
}

/// Words by which a line says what was done with a packet, and what they mean.
const VERDICTS: [(&str, &str); 18] = [
    ("rejected", "denied"),
    ("reject", "denied"),
    ("blocked", "denied"),
    ("block", "denied"),
    ("denied", "denied"),
    ("deny", "denied"),
    ("dropped", "denied"),
    ("drop", "denied"),
    ("discarded", "denied"),
    ("discard", "denied"),
    ("passed", "allowed"),
    ("pass", "allowed"),
    ("permitted", "allowed"),
    ("permit", "allowed"),
    ("accept", "allowed"),
    ("accepted", "allowed"),
    ("allow", "allowed"),
    ("allowed", "allowed"),
];

/// Sets `event.type` and `event.action` by the first such word of a line about a packet; whether it has one.
pub(crate) fn verdict<'a>(text: &'a str, event: &mut Event<'a>) -> bool {
    for word in text.split([' ', ':', ',', '(', ')', '[', ']', '=']) {
        if let Some((_, meaning)) = VERDICTS.iter().find(|(name, _)| name.eq_ignore_ascii_case(word)) {
            put::words(fields::EVENT_TYPE, &[meaning], event);
            event.set(fields::EVENT_ACTION, Value::Str(word));
            return true;
        }
    }
    false
}

/// Sets `event.outcome` of a packet that was let through (success) or not (failure), as routers' verdicts say.
pub(crate) fn outcome(event: &mut Event<'_>) {
    let says = |word: &str| event.all(fields::EVENT_TYPE).any(|held| held == Value::Str(word));
    if says("denied") {
        event.set(fields::EVENT_OUTCOME, Value::Str("failure"));
    } else if says("allowed") {
        event.set(fields::EVENT_OUTCOME, Value::Str("success"));
    }
}

/// The words of a text, without the marks around them.
pub(crate) fn words(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split([' ', '\t', ',', '(', ')', '"', '\'', '=']);
    words.map(|word| word.trim_matches([':', ';', '.'])).filter(|word| !word.is_empty())
}

/// What the names of interfaces begin with, on routers and switches.
const INTERFACES: [&str; 46] = [
    "gigabitethernet",
    "gigaethernet",
    "tengigabitethernet",
    "fastethernet",
    "ethernet",
    "geth",
    "gi",
    "te",
    "fa",
    "eth",
    "ge",
    "fe",
    "xe",
    "lan",
    "lanc",
    "wan",
    "ewan",
    "pppoe",
    "ppp",
    "pp",
    "tunnel",
    "vlan",
    "port",
    "loopback",
    "lo",
    "bri",
    "bvi",
    "dialer",
    "sa",
    "po",
    "wwan",
    "mobile",
    "usbether",
    "bridge",
    "ipsec",
    "vti",
    "atm",
    "chgr",
    "l2tp",
    "serial",
    "eth-trunk",
    "port-channel",
    "mgmt",
    "br",
    "onu",
    "utm",
];

/// Whether a word is the name of an interface: `GE0.0`, `LAN1(port2)`, `PP[01]`, `port1.0.5`, `GigabitEthernet0/1`.
pub(crate) fn is_interface(word: &str) -> bool {
    let at = word.bytes().position(|byte| !(byte.is_ascii_alphabetic() || byte == b'-')).unwrap_or(word.len());
    let (name, rest) = word.split_at(at);
    let name = name.trim_end_matches('-');
    // `SA:1` is no interface, `PORT:0/1` is.
    (!rest.starts_with(':') || name.len() >= 4)
        && rest.len() <= 24
        && rest.bytes().any(|byte| byte.is_ascii_digit())
        && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".:/-[]()".contains(&byte))
        && INTERFACES.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// Sets the list and the interface that a line about a packet names: `(list 100)`, `match acl1 10`, `GE0.0 in`, `in ewan1`.
pub(crate) fn place<'a>(text: &'a str, event: &mut Event<'a>) {
    let is = |word: &str, list: &[&str]| list.iter().any(|known| known.eq_ignore_ascii_case(word));
    let mut ahead = words(text).peekable();
    let mut before = "";
    while let Some(word) = ahead.next() {
        let next = ahead.peek().copied().unwrap_or("");
        if is(word, &["list", "access-list", "acl", "match", "rule", "policy", "access-group", "filter-list"]) {
            let named = !next.is_empty()
                && !is(next, &["entry", "no", "not"])
                && !VERDICTS.iter().any(|known| is(next, &[known.0]));
            if named && !is_interface(next) && !is(next, &["list", "acl", "rule", "policy"]) {
                put::text(fields::RULE_NAME, next, event);
                ahead.next();
                let number = ahead.peek().copied().unwrap_or("");
                let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
                if let Some(number) = [number, next].into_iter().find(|word| digits(word)) {
                    put::text(fields::RULE_ID, number, event);
                }
            }
        } else if is_interface(word) {
            let out = is(next, &["out", "outbound", "egress"]) || is(before, &["out"]);
            let (field, direction) = if out {
                (fields::OBSERVER_EGRESS_INTERFACE_NAME, "outbound")
            } else {
                (fields::OBSERVER_INGRESS_INTERFACE_NAME, "inbound")
            };
            put::text(field, word, event);
            if out || is(next, &["in", "inbound", "ingress"]) || is(before, &["in"]) {
                put::text(fields::NETWORK_DIRECTION, direction, event);
            }
        }
        before = word;
    }
}

/// Sets what a line about a login to the device says; whether it is one.
pub(crate) fn login<'a>(text: &'a str, event: &mut Event<'a>) -> bool {
    let lower = text.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    let ended = has(&["logout", "logged out", "log out"]);
    let ended = ended || has(&["session closed for user"]);
    if !(ended
        || has(&[
            "login",
            "logged in",
            "log in",
            "accepted password",
            "accepted publickey",
            "failed password",
            "authentication failure",
            "session opened for user",
        ]))
    {
        return false;
    }
    let failed = has(&["fail", "invalid", "incorrect", "denied", "refused", "rejected", "locked"]);
    let succeeded = has(&["succe", "accepted", "logged in", " ok", "session opened", "login permitted"]);
    put::words(fields::EVENT_CATEGORY, if ended { &["session", "authentication"] } else { &["authentication"] }, event);
    put::words(fields::EVENT_TYPE, &[if ended { "end" } else { "start" }], event);
    event.set(fields::EVENT_ACTION, Value::Str(if ended { "logout" } else { "login" }));
    if failed || succeeded {
        event.set(fields::EVENT_OUTCOME, Value::Str(if failed { "failure" } else { "success" }));
    }
    let words =
        || text.split([' ', '(', ')', ',', '=']).map(|word| word.trim_matches([':', '\'', '"', '.', ';', '[', ']']));
    if let Some(address) = words().find(|word| put::ip(word).is_some()) {
        put::end(&put::SOURCE, address, event);
        if let Some(port) = words().skip_while(|word| *word != address).skip_while(|word| *word != "port").nth(1) {
            put::port(fields::SOURCE_PORT, port, event);
        }
    }
    let mut before = "";
    let mut ahead = words().filter(|word| !word.is_empty()).peekable();
    while let Some(word) = ahead.next() {
        let next = ahead.peek().copied().unwrap_or("");
        let is = |word: &str, list: &[&str]| list.iter().any(|known| known.eq_ignore_ascii_case(word));
        let named = is(before, &["user", "username", "account", "user-name"])
            || (before == "for" && (lower.contains("password for ") || lower.contains("publickey for ")))
            || (is(before, &["login", "logout", "incorrect", "failed", "by"]) && next == "from")
            // `sato logged in from`, `sato login from`; never the name of a service.
            || (is(next, &["logged", "login", "logout"]) && !before.is_empty() && !is(next, &["login"]))
            || (is(next, &["logged", "login", "logout"]) && before.is_empty() && lower.contains(" from "));
        if named && !is(word, NO_USERS) && put::ip(word).is_none() {
            put::text(fields::USER_NAME, word, event);
            break;
        }
        before = word;
    }
    true
}

/// Words that stand where a user's name would in a line about a login.
const NO_USERS: &[&str] = &[
    "login",
    "logged",
    "logout",
    "name",
    "invalid",
    "from",
    "is",
    "has",
    "by",
    "user",
    "failed",
    "failure",
    "succeeded",
    "success",
    "telnet",
    "ssh",
    "http",
    "https",
    "ftp",
    "sftp",
    "tftp",
    "console",
    "serial",
    "web",
    "webui",
    "gui",
    "vty",
    "cli",
    "remote",
    "local",
    "snmp",
    "pam",
    "was",
    "and",
    "via",
    "on",
    "for",
    "to",
    "in",
    "out",
    "attempt",
    "authentication",
    "incorrect",
    "successful",
    "administrator's",
    "password",
    "access",
    "session",
    "new",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints() {
        let read = |text| endpoint(text).map(|(ip, port)| (ip.to_string(), port));
        assert_eq!(read("192.0.2.1:80"), Some(("192.0.2.1".into(), Some(80))));
        assert_eq!(read("192.0.2.1(80),"), Some(("192.0.2.1".into(), Some(80))));
        assert_eq!(read("2001:db8::1.443"), Some(("2001:db8::1".into(), Some(443))));
        assert_eq!(read("[2001:db8::1]:443"), Some(("2001:db8::1".into(), Some(443))));
        assert_eq!(read("2001:db8::1"), Some(("2001:db8::1".into(), None)));
        assert_eq!(read("192.0.2.1"), Some(("192.0.2.1".into(), None)));
        assert_eq!(read("192.0.2.1,53"), Some(("192.0.2.1".into(), Some(53))));
        assert_eq!(read("2001:db8::1,53"), Some(("2001:db8::1".into(), Some(53))));
        assert_eq!(read("192.0.2.1:99999"), None);
        assert_eq!(read("x:1"), None);
    }
}
