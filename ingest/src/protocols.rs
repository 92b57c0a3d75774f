//! Transport protocols by IANA number and by name, as firewalls write them.
//!
//! Names are lower case, as in ECS's `network.transport`. Source: IANA, Assigned Internet Protocol Numbers.

use stream::{Event, Value, fields};

/// Number and name; the first name of a number is the one we write.
static PROTOCOLS: &[(u8, &str)] = &[
    (6, "tcp"),
    (17, "udp"),
    (1, "icmp"),
    (58, "ipv6-icmp"),
    (58, "icmp6"),
    (58, "icmpv6"),
    (58, "icmp-ipv6"),
    (132, "sctp"),
    (47, "gre"),
    (50, "esp"),
    (51, "ah"),
    (2, "igmp"),
    (4, "ipv4"),
    (4, "ipinip"),
    (4, "ipip"),
    (8, "egp"),
    (9, "igp"),
    (9, "igrp"),
    (27, "rdp"),
    (33, "dccp"),
    (41, "ipv6"),
    (46, "rsvp"),
    (88, "eigrp"),
    (89, "ospf"),
    (94, "nos"),
    (103, "pim"),
    (108, "ipcomp"),
    (112, "vrrp"),
    (112, "carp"),
    (115, "l2tp"),
    (136, "udplite"),
    (0, "hopopt"),
];

/// The protocol's number; letter case does not matter.
pub(crate) fn number(name: &str) -> Option<u8> {
    PROTOCOLS.iter().find(|(_, known)| known.eq_ignore_ascii_case(name)).map(|(number, _)| *number)
}

/// The protocol's name.
pub(crate) fn name(number: u8) -> Option<&'static str> {
    PROTOCOLS.iter().find(|(known, _)| *known == number).map(|(_, name)| *name)
}

/// Sets `network.transport` of a name or a number, and of a known one `network.iana_number`; whether it is known.
pub(crate) fn push(text: &str, event: &mut Event<'_>) -> bool {
    let Some(known) = text.parse().ok().or_else(|| number(text)) else { return false };
    event.set(fields::NETWORK_IANA_NUMBER, Value::Str(DECIMAL[usize::from(known)]));
    if let Some(name) = name(known) {
        event.set(fields::NETWORK_TRANSPORT, Value::Str(name));
    }
    true
}

/// The numbers as text, so that none is made per event.
static DECIMAL: [&str; 256] = decimals();

const fn decimals() -> [&'static str; 256] {
    const DIGITS: [[u8; 3]; 256] = {
        let mut digits = [[0; 3]; 256];
        let mut at = 0;
        while at < 256 {
            digits[at] = [b'0' + (at / 100) as u8, b'0' + (at / 10 % 10) as u8, b'0' + (at % 10) as u8];
            at += 1;
        }
        digits
    };
    let mut texts = [""; 256];
    let mut at = 0;
    while at < 256 {
        let skip = if at >= 100 {
            0
        } else if at >= 10 {
            1
        } else {
            2
        };
        let (_, bytes) = DIGITS[at].split_at(skip);
        texts[at] = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(_) => "",
        };
        at += 1;
    }
    texts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways() {
        assert_eq!(number("ICMP6"), Some(58));
        assert_eq!(name(58), Some("ipv6-icmp"));
        assert_eq!(name(200), None);
        assert_eq!((DECIMAL[0], DECIMAL[17], DECIMAL[255]), ("0", "17", "255"));
        let arena = bumpalo::Bump::new();
        let mut event = Event::new_in(&arena);
        assert!(push("UDP", &mut event) && !push("x", &mut event) && push("250", &mut event));
        assert_eq!(event.get_str(fields::NETWORK_TRANSPORT), Some("udp"));
    }
}
