//! What routers say of their VPNs: `IKE SA established, peer 203.0.113.5`, `initiate phase 1 to 203.0.113.5 (local
//! address 192.0.2.1)`, `IPsec-SA established: ESP/Tunnel 192.0.2.1[500]->203.0.113.5[500]`.
//!
//! The ends, how it went, the user, the interface. Nothing is set that does not stand in the text. Source: the message
//! lists of UNIVERGE IX, SEIL, AlliedWare Plus and FITELnet; strongSwan's and racoon's log texts.

use std::net::IpAddr;

use stream::{Event, Value, fields};

use super::state::{Words, interface, outcome, user};
use crate::{flow_text, put};

const VPN: &[&str] = &[
    "ike",
    "ike1",
    "ike2",
    "ikev1",
    "ikev2",
    "ike_sa",
    "child_sa",
    "isakmp",
    "isakmp-sa",
    "ipsec",
    "ipsec-sa",
    "l2tp",
    "pptp",
    "sslvpn",
    "ssl-vpn",
    "pluto",
    "charon",
    "racoon",
    "iked",
    "phase1",
    "phase2",
    "phase-1",
    "phase-2",
    "vpn",
    "vpnclient",
    "pppac",
];

/// Reads a line about a VPN: its ends and how it went; whether it is one.
pub(crate) fn read<'a>(program: &str, text: &'a str, event: &mut Event<'a>) -> bool {
    let words = Words::of(text);
    let named = VPN.iter().any(|name| name.eq_ignore_ascii_case(program)) || words.has(VPN);
    if !named || words.has(&["block", "pass", "deny", "permit", "discard", "login", "logged"]) {
        return false;
    }
    put::words(fields::EVENT_CATEGORY, &["network"], event);
    put::words(fields::EVENT_TYPE, &["connection"], event);
    ends(text, event);
    const ACTIONS: &[&str] = &[
        "established",
        "connected",
        "disconnected",
        "disconnect",
        "deleted",
        "delete",
        "expired",
        "failed",
        "failure",
        "timeout",
        "mismatch",
        "initiate",
        "initiated",
        "respond",
        "retransmit",
        "rejected",
        "invalid",
        "down",
        "up",
        "created",
        "closed",
        "terminated",
        "started",
        "error",
    ];
    let action = match words.first(ACTIONS) {
        Some("failure" | "error") => "failed",
        Some("disconnect") => "disconnected",
        Some("delete") => "deleted",
        Some(word) => word,
        None => "",
    };
    event.push_str(fields::EVENT_ACTION, action);
    match action {
        "disconnected" | "deleted" | "expired" | "down" | "closed" | "terminated" => {
            put::words(fields::EVENT_TYPE, &["end"], event);
        }
        "established" | "connected" | "up" | "created" => {
            put::words(fields::EVENT_TYPE, &["start"], event);
            outcome(&words, event);
        }
        _ => outcome(&words, event),
    }
    user(&words, event);
    interface(&words, event);
    true
}

/// The addresses in a text, and what stands before each, up to three different ones.
fn addresses(text: &str) -> [Option<(IpAddr, &str)>; 3] {
    let mut found = [None; 3];
    let mut count = 0;
    let part = |c: char| c.is_ascii_hexdigit() || c == '.' || c == ':';
    let mut rest = text;
    let mut from = 0;
    while let Some(start) = rest.find(part) {
        let length = rest[start..].find(|c| !part(c)).unwrap_or(rest.len() - start);
        let word = rest[start..start + length].trim_matches('.').trim_end_matches(':');
        let ip = word.parse::<IpAddr>().ok().or_else(|| flow_text::endpoint(word).map(|(ip, _)| ip));
        if let Some(ip) = ip.filter(|ip| !ip.is_unspecified())
            && count < found.len()
            && !found.iter().flatten().any(|(known, _)| *known == ip)
        {
            found[count] = Some((ip, &text[..from + start]));
            count += 1;
        }
        from += start + length;
        rest = &rest[start + length..];
    }
    found
}

/// Sets source and destination by the words before the addresses: `from` and `local` come before a source, `to` before a
/// destination; where nothing says it, the first is the source.
fn ends<'a>(text: &'a str, event: &mut Event<'a>) {
    let [first, second, _] = addresses(text);
    let Some((one, lead)) = first else { return };
    let lead = lead.trim_end_matches([' ', '[', '(', '=', ':', '\'', '"']);
    let last = lead.rsplit([' ', '=', ',', '(']).next().unwrap_or("");
    let answered = ["from", "respond", "responder"].iter().any(|word| last.eq_ignore_ascii_case(word));
    match second {
        None if last.eq_ignore_ascii_case("to") || last.eq_ignore_ascii_case("with") => {
            event.set(fields::DESTINATION_IP, Value::Ip(one));
        }
        None => event.set(fields::SOURCE_IP, Value::Ip(one)),
        Some((two, between)) => {
            let local = between[lead.len().min(between.len())..].to_ascii_lowercase();
            let (source, destination) = if local.contains("local") && !answered { (two, one) } else { (one, two) };
            event.set(fields::SOURCE_IP, Value::Ip(source));
            event.set(fields::DESTINATION_IP, Value::Ip(destination));
        }
    }
}
