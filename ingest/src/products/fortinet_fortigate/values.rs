//! Single values of FortiGate logs: addresses, numbers, MAC addresses, protocol numbers, verdicts.

use std::net::IpAddr;

use bumpalo::Bump;

/// Whether FortiOS means "nothing" by it.
#[inline]
pub(super) fn is_nothing(value: &str) -> bool {
    value.is_empty() || value == "N/A" || value == "(null)" || value == "-"
}

/// The address, also with a zone index cut off (`fe80::1%port1`).
#[inline]
pub(crate) fn address(value: &str) -> Option<IpAddr> {
    if let Some(ip) = ipv4(value.as_bytes()) {
        return Some(ip);
    }
    let value = value.split_once('%').map_or(value, |(address, _)| address);
    value.parse().ok()
}

/// Four decimal numbers of at most three digits, without leading zeros.
#[inline]
fn ipv4(bytes: &[u8]) -> Option<IpAddr> {
    if bytes.len() > 15 {
        return None;
    }
    let (mut octets, mut index, mut number, mut digits) = ([0u8; 4], 0, 0u16, 0);
    for &byte in bytes {
        if byte == b'.' {
            if digits == 0 || index == 3 {
                return None;
            }
            octets[index] = u8::try_from(number).ok()?;
            (index, number, digits) = (index + 1, 0, 0);
        } else if byte.is_ascii_digit() && digits < 3 && !(digits > 0 && number == 0) {
            number = number * 10 + u16::from(byte - b'0');
            digits += 1;
        } else {
            return None;
        }
    }
    if index != 3 || digits == 0 {
        return None;
    }
    octets[3] = u8::try_from(number).ok()?;
    Some(IpAddr::from(octets))
}

/// A whole number, not negative.
#[inline]
pub(crate) fn integer(value: &str) -> Option<i64> {
    let bytes = value.as_bytes();
    if bytes.is_empty() || bytes.len() > 18 {
        return None;
    }
    let mut number = 0i64;
    for &byte in bytes {
        if !byte.is_ascii_digit() {
            return None;
        }
        number = number * 10 + i64::from(byte - b'0');
    }
    Some(number)
}

/// A MAC address in ECS's form, `00-09-0F-AA-BB-CC`.
pub(crate) fn mac<'a>(value: &str, arena: &'a Bump) -> Option<&'a str> {
    let mut out = [b'-'; 17];
    let mut digits = 0;
    for byte in value.bytes() {
        if byte.is_ascii_hexdigit() {
            *out.get_mut(digits / 2 * 3 + digits % 2)? = byte.to_ascii_uppercase();
            digits += 1;
        } else if !matches!(byte, b':' | b'-' | b'.') {
            return None;
        }
    }
    let text = std::str::from_utf8(&out).ok()?;
    (digits == 12).then(|| &*arena.alloc_str(text))
}

/// The text in lower case (ASCII letters); borrows when it is so already.
#[inline]
pub(crate) fn lower<'a>(value: &'a str, arena: &'a Bump) -> &'a str {
    if !value.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return value;
    }
    let copy = arena.alloc_str(value);
    copy.make_ascii_lowercase();
    copy
}

/// The text without the backslashes that escape a quote or a backslash.
pub(super) fn unescape<'a>(value: &'a str, arena: &'a Bump) -> &'a str {
    if !value.contains("\\\"") {
        return value;
    }
    let mut out = bumpalo::collections::String::with_capacity_in(value.len(), arena);
    let mut parts = value.split("\\\"");
    out.push_str(parts.next().unwrap_or(""));
    for part in parts {
        out.push('"');
        out.push_str(part);
    }
    out.into_bump_str()
}

/// The IANA protocol's keyword in lower case, for the protocols that firewalls see.
pub(super) fn transport(number: &str) -> Option<&'static str> {
    Some(match number {
        "0" => "hopopt",
        "1" => "icmp",
        "2" => "igmp",
        "4" => "ipv4",
        "6" => "tcp",
        "8" => "egp",
        "17" => "udp",
        "33" => "dccp",
        "41" => "ipv6",
        "43" => "ipv6-route",
        "44" => "ipv6-frag",
        "46" => "rsvp",
        "47" => "gre",
        "50" => "esp",
        "51" => "ah",
        "58" => "ipv6-icmp",
        "59" => "ipv6-nonxt",
        "60" => "ipv6-opts",
        "88" => "eigrp",
        "89" => "ospf",
        "94" => "ipip",
        "97" => "etherip",
        "103" => "pim",
        "108" => "ipcomp",
        "112" => "vrrp",
        "115" => "l2tp",
        "132" => "sctp",
        "136" => "udplite",
        _ => return None,
    })
}

/// What an action means for the traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Allowed,
    Denied,
    Unsaid,
}

/// The verdict of a UTM action (and of `utmaction`).
pub(super) fn utm_verdict(action: &str) -> Verdict {
    match action {
        "pass" | "passthrough" | "pass_session" | "allow" | "allowed" | "accept" | "permit" | "permitted"
        | "monitor" | "monitored" | "detected" | "log-only" | "log_only" | "exempt" | "exempted" | "bypass"
        | "bypassed" | "analytics" | "forwarded" | "tagged" | "info" | "inspect" | "mimefilter-pass" => {
            Verdict::Allowed
        }
        _ if is_denied(action) => Verdict::Denied,
        _ => Verdict::Unsaid,
    }
}

/// The verdict of a traffic log: FortiOS writes how the session ended; only the words below mean that it was refused.
pub(super) fn traffic_verdict(action: &str, utm_action: &str) -> Verdict {
    if is_denied(utm_action) || is_traffic_denied(action) { Verdict::Denied } else { Verdict::Allowed }
}

fn is_traffic_denied(action: &str) -> bool {
    matches!(action, "deny" | "denied" | "block" | "blocked" | "drop" | "dropped" | "reject" | "rejected" | "violation")
}

fn is_denied(action: &str) -> bool {
    let plain = action.strip_prefix("encrypt-").unwrap_or(action);
    matches!(
        plain,
        "deny"
            | "denied"
            | "block"
            | "blocked"
            | "drop"
            | "dropped"
            | "drop_session"
            | "reset"
            | "reset_client"
            | "reset_server"
            | "reset-client"
            | "reset-server"
            | "reset-both"
            | "reset_both"
            | "clear_session"
            | "kickout"
            | "reject"
            | "rejected"
            | "ban"
            | "ban-user"
            | "ban-sender"
            | "quarantine"
            | "quarantine-interface"
            | "quarantine-ip"
            | "redirect"
            | "prohibited"
            | "state-invalid"
            | "rate-limited"
            | "tunnel-limited"
            | "violation"
            | "discard"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for text in ["192.0.2.1", "0.0.0.0", "255.255.255.255", "2001:db8::1", "::ffff:192.0.2.1"] {
            assert_eq!(address(text), text.parse().ok(), "{text}");
        }
        for text in ["", "1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4", "1..2.3", "a.b.c.d", "1.2.3.4 "] {
            assert_eq!(address(text), None, "{text}");
        }
        assert_eq!(address("fe80::1%port1"), "fe80::1".parse().ok());
    }

    #[test]
    fn small_values() {
        let arena = Bump::new();
        assert_eq!(mac("00:09:0f:aa:bb:cc", &arena), Some("00-09-0F-AA-BB-CC"));
        assert_eq!(mac("00:09:0f:aa:bb", &arena), None);
        assert_eq!(mac("00:09:0f:aa:bb:cc:dd", &arena), None);
        assert_eq!(lower("HTTPS/本庁", &arena), "https/本庁");
        assert_eq!(unescape(r#"a\"b\\"#, &arena), r#"a"b\\"#);
        assert_eq!(integer("42"), Some(42));
        assert_eq!(integer("-1"), None);
        assert_eq!(traffic_verdict("close", "block"), Verdict::Denied);
        assert_eq!(traffic_verdict("server-rst", ""), Verdict::Allowed);
        assert_eq!(utm_verdict("passthrough"), Verdict::Allowed);
        assert_eq!(utm_verdict("perf-stats"), Verdict::Unsaid);
    }
}
