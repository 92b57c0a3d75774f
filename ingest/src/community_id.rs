//! Community ID version 1, seed 0: one text for a flow, the same at every observer and in both directions.
//!
//! `1:` and the Base64 of SHA-1 over seed, the two addresses, protocol, a zero byte and the two ports, the smaller
//! end first; for ICMP the type and its counterpart stand for the ports. Values are checked against the test vectors
//! of the specification. Source: Corelight, Community ID Flow Hashing specification.

use std::net::IpAddr;

use bumpalo::Bump;
use stream::{Event, Value, fields};

use crate::protocols;

/// One end of a flow; for ICMP the port is the type or the code.
pub(crate) type End = (IpAddr, u16);

/// Adds `network.community_id` when the event names both ends, the protocol and, where it has such, the ports; a second
/// one when all four of the translated ends are named too.
pub(crate) fn push<'a>(arena: &'a Bump, event: &mut Event<'a>) {
    let Some(protocol) = event.get_str(fields::NETWORK_TRANSPORT).and_then(protocols::number) else { return };
    let end = |event: &Event<'a>, ip, port| -> Option<End> {
        Some((event.get_ip(ip)?, u16::try_from(event.get_int(port)?).ok()?))
    };
    if !matches!(protocol, 6 | 17 | 132) || event.has(fields::NETWORK_COMMUNITY_ID) {
        return;
    }
    let source = end(event, fields::SOURCE_IP, fields::SOURCE_PORT);
    let destination = end(event, fields::DESTINATION_IP, fields::DESTINATION_PORT);
    let (Some(source), Some(destination)) = (source, destination) else { return };
    event.push(fields::NETWORK_COMMUNITY_ID, Value::Str(text(protocol, source, destination, arena)));
    let source = end(event, fields::SOURCE_NAT_IP, fields::SOURCE_NAT_PORT);
    let destination = end(event, fields::DESTINATION_NAT_IP, fields::DESTINATION_NAT_PORT);
    if let (Some(source), Some(destination)) = (source, destination) {
        event.push_unique(fields::NETWORK_COMMUNITY_ID, Value::Str(text(protocol, source, destination, arena)));
    }
}

/// Adds `network.community_id` of an ICMP message between the event's two ends.
pub(crate) fn push_icmp<'a>(kind: u8, code: u8, arena: &'a Bump, event: &mut Event<'a>) {
    let ends = (event.get_ip(fields::SOURCE_IP), event.get_ip(fields::DESTINATION_IP));
    let (Some(source), Some(destination)) = ends else { return };
    if event.has(fields::NETWORK_COMMUNITY_ID) {
        return;
    }
    let protocol = if source.is_ipv4() { 1 } else { 58 };
    let counterpart = counterpart(protocol, kind);
    let (source, destination) = match counterpart {
        Some(other) => ((source, u16::from(kind)), (destination, u16::from(other))),
        None => ((source, u16::from(kind)), (destination, u16::from(code))),
    };
    let id = match counterpart {
        Some(_) => text(protocol, source, destination, arena),
        None => base64(&hash(protocol, source, destination), arena),
    };
    event.push(fields::NETWORK_COMMUNITY_ID, Value::Str(id));
}

/// The type of the message that answers this one.
fn counterpart(protocol: u8, kind: u8) -> Option<u8> {
    const V4: &[(u8, u8)] = &[(8, 0), (13, 14), (15, 16), (10, 9), (17, 18)];
    const V6: &[(u8, u8)] = &[(128, 129), (133, 134), (135, 136), (130, 131), (144, 145)];
    let pairs = if protocol == 1 { V4 } else { V6 };
    pairs.iter().find_map(|(one, other)| match kind {
        _ if kind == *one => Some(*other),
        _ if kind == *other => Some(*one),
        _ => None,
    })
}

/// The id of a flow between two ends.
pub(crate) fn text(protocol: u8, one: End, other: End, arena: &Bump) -> &str {
    let (low, high) = if one <= other { (one, other) } else { (other, one) };
    base64(&hash(protocol, low, high), arena)
}

fn hash(protocol: u8, low: End, high: End) -> [u8; 20] {
    // Seed, two addresses of at most 16 bytes, protocol, padding, two ports.
    let mut block = [0_u8; 64];
    let mut length = 2;
    let mut add = |bytes: &[u8]| {
        block[length..length + bytes.len()].copy_from_slice(bytes);
        length += bytes.len();
    };
    for (ip, _) in [low, high] {
        match ip {
            IpAddr::V4(ip) => add(&ip.octets()),
            IpAddr::V6(ip) => add(&ip.octets()),
        }
    }
    add(&[protocol, 0]);
    add(&low.1.to_be_bytes());
    add(&high.1.to_be_bytes());
    block[length] = 0x80;
    block[62..].copy_from_slice(&((length as u16) * 8).to_be_bytes());
    sha1_block(&block)
}

/// SHA-1 of a text that fits one padded block (RFC 3174 §6.1).
fn sha1_block(block: &[u8; 64]) -> [u8; 20] {
    let mut words = [0_u32; 80];
    for (word, bytes) in words.iter_mut().zip(block.chunks_exact(4)) {
        *word = u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    }
    for at in 16..80 {
        words[at] = (words[at - 3] ^ words[at - 8] ^ words[at - 14] ^ words[at - 16]).rotate_left(1);
    }
    let start = [0x6745_2301_u32, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0];
    let [mut a, mut b, mut c, mut d, mut e] = start;
    for (round, word) in words.iter().enumerate() {
        let (mix, constant) = match round {
            0..20 => ((b & c) | (!b & d), 0x5a82_7999),
            20..40 => (b ^ c ^ d, 0x6ed9_eba1),
            40..60 => ((b & c) | (b & d) | (c & d), 0x8f1b_bcdc),
            _ => (b ^ c ^ d, 0xca62_c1d6_u32),
        };
        let next = a.rotate_left(5).wrapping_add(mix).wrapping_add(e).wrapping_add(constant).wrapping_add(*word);
        (e, d, c, b, a) = (d, c, b.rotate_left(30), a, next);
    }
    let mut digest = [0; 20];
    for (out, (word, start)) in digest.chunks_exact_mut(4).zip([a, b, c, d, e].into_iter().zip(start)) {
        out.copy_from_slice(&word.wrapping_add(start).to_be_bytes());
    }
    digest
}

fn base64<'a>(digest: &[u8; 20], arena: &'a Bump) -> &'a str {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = bumpalo::collections::String::with_capacity_in(30, arena);
    text.push_str("1:");
    for bytes in digest.chunks(3) {
        let group = bytes.iter().fold(0_u32, |group, byte| group << 8 | u32::from(*byte)) << (8 * (3 - bytes.len()));
        for place in 0..4 {
            if place > bytes.len() {
                text.push('=');
            } else {
                text.push(char::from(LETTERS[(group >> (18 - 6 * place) & 63) as usize]));
            }
        }
    }
    text.into_bump_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_of_the_specification() {
        let arena = Bump::new();
        let end = |ip: &str, port| (ip.parse().unwrap(), port);
        let (one, other) = (end("128.232.110.120", 34855), end("66.35.250.204", 80));
        assert_eq!(text(6, one, other, &arena), "1:LQU9qZlK+B5F3KDmev6m5PMibrg=");
        assert_eq!(text(6, other, one, &arena), "1:LQU9qZlK+B5F3KDmev6m5PMibrg=");
        let (one, other) = (end("192.168.1.52", 54585), end("8.8.8.8", 53));
        assert_eq!(text(17, one, other, &arena), "1:d/FP5EW3wiY1vCndhwleRRKHowQ=");
    }

    #[test]
    fn of_an_event() {
        let arena = Bump::new();
        let mut event = Event::new_in(&arena);
        event.push(fields::SOURCE_IP, Value::Ip("192.168.0.89".parse().unwrap()));
        event.push(fields::DESTINATION_IP, Value::Ip("192.168.0.1".parse().unwrap()));
        push(&arena, &mut event);
        assert!(!event.has(fields::NETWORK_COMMUNITY_ID));
        push_icmp(8, 0, &arena, &mut event);
        assert_eq!(event.get_str(fields::NETWORK_COMMUNITY_ID), Some("1:X0snYXpgwiv9TZtqg64sgzUn6Dk="));
    }
}
