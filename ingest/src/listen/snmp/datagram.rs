//! The head of an SNMP message, byte by byte: where its community stands, and what answers it.
//!
//! `SEQUENCE { version INTEGER, community OCTET STRING, PDU }` (RFC 1157 §4, RFC 1901 §3), in BER. The lengths of the
//! sequence itself are not looked at, so that a message that is broken further on hides no community.

use std::ops::Range;

const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const SEQUENCE: u8 = 0x30;
const RESPONSE: u8 = 0xa2;
/// `snmpTrapCommunity.0`, 1.3.6.1.6.3.18.1.4.0, as an object identifier of BER.
const TRAP_COMMUNITY: [u8; 11] = [0x06, 0x09, 0x2b, 0x06, 0x01, 0x06, 0x03, 0x12, 0x01, 0x04, 0x00];
/// What stands for a community's bytes.
const BLANK: u8 = b'*';

/// What the head says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// 0 is version 1, 1 is 2c, 3 is 3.
    pub(super) version: u8,
    /// Where the community stands; version 3 has none.
    community: Option<Range<usize>>,
    /// Where the PDU begins.
    pdu: usize,
}

/// Reads the head; nothing if it is none.
pub(super) fn head(datagram: &[u8]) -> Option<Head> {
    let (tag, whole) = element(datagram, 0)?;
    let (version_tag, version) = element(datagram, whole.start)?;
    if tag != SEQUENCE || version_tag != INTEGER || version.len() != 1 {
        return None;
    }
    let (community_tag, community) = element(datagram, version.end)?;
    let (version, pdu) = (*datagram.get(version.start)?, community.end.min(datagram.len()));
    // A community that is longer than the datagram goes on to its end.
    let community = (community_tag == OCTET_STRING).then_some(community.start..pdu);
    Some(Head { version, community, pdu })
}

/// The datagram without its communities.
pub(super) fn without_communities(datagram: &[u8]) -> Vec<u8> {
    let mut blank = datagram.to_vec();
    if let Some(community) = head(datagram).and_then(|head| head.community) {
        blank[community].fill(BLANK);
    }
    for at in memchr::memmem::find_iter(datagram, &TRAP_COMMUNITY) {
        if let Some((OCTET_STRING, value)) = element(datagram, at + TRAP_COMMUNITY.len()) {
            let end = value.end.min(blank.len());
            blank[value.start..end].fill(BLANK);
        }
    }
    blank
}

/// What answers an inform: the same message, its PDU a response.
pub(super) fn answer(inform: &[u8]) -> Option<Vec<u8>> {
    let head = head(inform)?;
    let mut answer = inform.to_vec();
    *answer.get_mut(head.pdu)? = RESPONSE;
    Some(answer)
}

/// The tag at this place, and where its content stands, which may be beyond the end; it begins within.
fn element(bytes: &[u8], at: usize) -> Option<(u8, Range<usize>)> {
    let (tag, first) = (*bytes.get(at)?, *bytes.get(at + 1)?);
    let (start, length) = match first {
        0..=0x7f => (at + 2, usize::from(first)),
        0x81..=0x84 => {
            let digits = bytes.get(at + 2..at + 2 + usize::from(first & 0x7f))?;
            let length = digits.iter().fold(0, |length: usize, digit| length << 8 | usize::from(*digit));
            (at + 2 + digits.len(), length)
        }
        _ => return None,
    };
    (start <= bytes.len()).then(|| (tag, start..start.saturating_add(length)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_community_is_overwritten_wherever_it_stands() {
        let broken = b"\x30\x7f\x02\x01\x01\x04\x06secretrest";
        assert_eq!(without_communities(broken), b"\x30\x7f\x02\x01\x01\x04\x06******rest");
        let cut = b"\x30\x20\x02\x01\x00\x04\x20secret";
        assert_eq!(without_communities(cut), b"\x30\x20\x02\x01\x00\x04\x20******");
        let long = b"\x30\x81\x20\x02\x01\x00\x04\x81\x06secret\xa4\x00";
        assert_eq!(without_communities(long), b"\x30\x81\x20\x02\x01\x00\x04\x81\x06******\xa4\x00");
        let mut variable = b"\x30\x20\x02\x01\x01\x04\x00\xa7\x10".to_vec();
        variable.extend(TRAP_COMMUNITY);
        let clear = [&variable[..], b"\x04\x06secret"].concat();
        assert_eq!(without_communities(&clear), [&variable[..], b"\x04\x06******"].concat());
        for none in [&b""[..], b"\x30", b"\x30\x03\x02\x01\x03", b"text", b"\x30\x85\x01\x01\x01\x01\x01"] {
            assert_eq!(without_communities(none), none);
        }
    }

    #[test]
    fn an_answer_is_the_inform_as_a_response() {
        let inform = b"\x30\x0b\x02\x01\x01\x04\x01p\xa6\x03\x02\x01\x07";
        assert_eq!(answer(inform).unwrap(), b"\x30\x0b\x02\x01\x01\x04\x01p\xa2\x03\x02\x01\x07");
        assert_eq!(head(inform).unwrap(), Head { version: 1, community: Some(7..8), pdu: 8 });
        assert_eq!(answer(b"\x30\x06\x02\x01\x01\x04\x01p"), None);
    }
}
