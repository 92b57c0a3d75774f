//! Shapes of lines: whether a text looks like what one product, or one format, writes.

use memchr::memmem;

use super::marks::View;
use crate::put;

/// `%FACILITY-5-MNEMONIC: `.
pub(super) fn is_ios(head: &[u8]) -> bool {
    let mut from = 0;
    while let Some(found) = memchr::memchr(b'%', &head[from..]) {
        let tag = &head[from + found + 1..];
        let facility = tag.iter().take_while(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || **b == b'_').count();
        // A facility may hold a `-` of its own: the level is a digit between two.
        let rest = &tag[facility..];
        if facility >= 2 && matches!(rest, [b'-', b'0'..=b'7', b'-', b'A'..=b'Z', ..]) {
            return true;
        }
        if facility >= 2
            && rest.first() == Some(&b'-')
            && let Some(second) =
                rest.get(1..).map(|r| r.iter().take_while(|b| b.is_ascii_uppercase() || **b == b'_').count())
            && second > 0
            && matches!(rest.get(1 + second..), Some([b'-', b'0'..=b'7', b'-', ..]))
        {
            return true;
        }
        from += found + 1;
    }
    false
}

/// `EVT 11/20 ...`, `AUT ...`, `denied:6 a(1)(VLAN) -> b(2), 1 packets`.
pub(super) fn is_alaxala(view: &View<'_>) -> bool {
    let kind = |text: &str| {
        let (kind, rest) = text.split_once(' ').unwrap_or((text, ""));
        matches!(kind, "EVT" | "ERR" | "AUT" | "KEY" | "RSP") && rest.as_bytes().get(2) == Some(&b'/')
    };
    (view.any(&["denied:", "permitted:"]) && view.has(" -> ") && view.has(" packets"))
        || kind(view.body)
        || kind(view.message)
        || view.message.split_once(' ').is_some_and(|(_, rest)| kind(rest))
        || view.any(&[" EVT ", " AUT ", " KEY ", " ERR "])
            && view.message.split(' ').take(4).any(|w| w.len() == 5 && w.as_bytes()[2] == b'/')
}

/// `FLT.006: `, alone or behind a time.
pub(super) fn is_nec(text: &str) -> bool {
    text.split(' ').take(4).any(|word| word.strip_suffix(':').is_some_and(is_nec_code))
}

pub(super) fn is_nec_code(word: &str) -> bool {
    word.split_once('.').is_some_and(|(name, number)| {
        name.len() >= 2
            && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
            && number.len() == 3
            && number.bytes().all(|b| b.is_ascii_digit())
    })
}

/// `1,2026/11/20 10:00:00,serial,TRAFFIC,`: the first cell may stand behind a header.
pub(super) fn is_panos(text: &str) -> bool {
    const KINDS: [&str; 15] = [
        "TRAFFIC",
        "THREAT",
        "CONFIG",
        "SYSTEM",
        "HIPMATCH",
        "GLOBALPROTECT",
        "USERID",
        "DECRYPTION",
        "AUTHENTICATION",
        "TUNNEL",
        "CORRELATION",
        "IPTAG",
        "AUDIT",
        "GTP",
        "SCTP",
    ];
    let mut cells = text.split(',');
    cells.next().is_some()
        && cells.by_ref().take(3).any(|cell| KINDS.iter().any(|kind| kind.eq_ignore_ascii_case(cell.trim_matches('"'))))
}

/// A version as `1000/01/` and a bracketed time, or a block log.
pub(super) fn is_ifilter(view: &View<'_>) -> bool {
    let bytes = view.head;
    memmem::find_iter(bytes, b"/").take(12).any(|at| {
        bytes
            .get(at + 1..at + 4)
            .is_some_and(|rest| rest[0].is_ascii_digit() && rest[1].is_ascii_digit() && rest[2] == b'/')
            && matches!(bytes.get(at + 4), Some(b' ' | b'\t' | b','))
            && at >= 3
            && bytes[at - 3..at].iter().all(u8::is_ascii_digit)
    }) && view.has("[")
}

pub(super) fn is_yamaha(text: &str) -> bool {
    const LEADS: [&str; 38] = [
        "[INSPECT] ",
        "[DHCPD] ",
        "[DHCPC] ",
        "[IKE] ",
        "[IKE2] ",
        "[L2TP] ",
        "[PPP] ",
        "[PPPoE] ",
        "[SWCTL] ",
        "[LUA] ",
        "[IDS] ",
        "[HTTPD] ",
        "Login succeeded for ",
        "Login failed for ",
        "Logout from ",
        "'administrator' ",
        "IP Tunnel[",
        "LAN1",
        "LAN2",
        "LAN3",
        "PP[",
        "Configuration saved in ",
        "[IKE1] ",
        "[NAT] ",
        "[EXEC] ",
        "[SSHD] ",
        "[URL_FILTER] ",
        "LANC",
        "VLAN",
        "TUNNEL[",
        "PPPOE[",
        "RTX",
        "NVR",
        "same message repeated ",
        "[RADIUS] ",
        "login failed for ",
        "Restart by ",
        "Power-on boot",
    ];
    LEADS.iter().any(|lead| text.starts_with(lead))
}

/// `11/20-10:00:00.123456 ,1,2003,8,"..."`: Snort's `alert_csv`.
pub(super) fn is_snort_csv(text: &str) -> bool {
    let Some((stamp, rest)) = text.split_once(" ,") else { return false };
    let dated = stamp.len() >= 21 && stamp.as_bytes()[2] == b'/' && stamp.contains('-') && stamp.contains('.');
    dated && rest.starts_with(|first: char| first.is_ascii_digit())
}

/// `1157689320.327   2864 192.0.2.1 TCP_MISS/200`: ten digits, a dot, three digits, a blank.
pub(super) fn is_squid_native(line: &str) -> bool {
    let bytes = line.as_bytes();
    bytes.len() > 20
        && bytes[..10].iter().all(u8::is_ascii_digit)
        && bytes[10] == b'.'
        && bytes[11..14].iter().all(u8::is_ascii_digit)
        && bytes[14] == b' '
}

/// `1795136417.000000`.
pub(super) fn is_squid_epoch(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes[..10].iter().all(u8::is_ascii_digit) && bytes[10] == b'.' && bytes[11..17].iter().all(u8::is_ascii_digit)
}

/// A common or combined log: a bracketed time and a quoted request behind an address or a name.
pub(super) fn is_access(view: &View<'_>) -> bool {
    let open = memchr::memchr(b'[', view.head).unwrap_or(0);
    let stamped = view.head.get(open + 1..open + 22).is_some_and(|stamp| {
        matches!(stamp, [a, b, b'/', _, _, _, b'/', ..] if a.is_ascii_digit() && b.is_ascii_digit())
            && stamp[11] == b':'
    });
    open > 0 && stamped && view.has("] \"")
        || open == 0 && view.body.starts_with('[') && stamped && view.any(&[" TLSv1", " SSLv3"])
}

/// `192.0.2.1:5000 [20/Nov/2026:10:00:00.123] frontend`.
pub(super) fn is_haproxy(text: &str) -> bool {
    let (peer, rest) = text.split_once(' ').unwrap_or((text, ""));
    peer.rsplit_once(':').is_some_and(|(address, port)| put::ip(address).is_some() && port.parse::<u16>().is_ok())
        && rest.starts_with('[')
        && rest.as_bytes().get(21) == Some(&b'.')
}

/// `[Fri Nov 20 10:00:00.123 2026] [core:error] [pid 1]`, `[...] [error] [client ...]`.
pub(super) fn is_apache_error(text: &str) -> bool {
    let Some(inner) = text.strip_prefix('[') else { return false };
    (is_day(inner) || starts_with_date(inner)) && text.contains("] [")
}

pub(super) fn is_day(text: &str) -> bool {
    matches!(text.get(..4), Some("Mon " | "Tue " | "Wed " | "Thu " | "Fri " | "Sat " | "Sun "))
}

/// `2026-11-20 ` or `2026/11/20`, `20-Nov-2026 `, `11/20/2026 `.
pub(super) fn starts_with_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    let digits =
        |from: usize, until: usize| bytes.get(from..until).is_some_and(|part| part.iter().all(u8::is_ascii_digit));
    let iso = digits(0, 4) && matches!(bytes.get(4), Some(b'-' | b'/')) && digits(5, 7) && digits(8, 10);
    let named = digits(0, 2) && bytes.get(2) == Some(&b'-') && bytes.get(6) == Some(&b'-') && digits(7, 11);
    let american =
        digits(0, 2) && bytes.get(2) == Some(&b'/') && digits(3, 5) && bytes.get(5) == Some(&b'/') && digits(6, 10);
    iso || named || american
}

/// `11/20/26,`.
pub(super) fn is_short_date(text: &str) -> bool {
    matches!(text.as_bytes(), [a, b, b'/', c, d, b'/', e, f, b',', ..] if [a, b, c, d, e, f].iter().all(|x| x.is_ascii_digit()))
}

/// The first word is `key=...`.
pub(super) fn is_key_value(body: &str) -> bool {
    let word = body.split([' ', '"']).next().unwrap_or("");
    word.find('=')
        .is_some_and(|at| at > 0 && word[..at].bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b)))
}

/// `[17265:15] info: `: Unbound's own log without a time, its thread in hexadecimal digits.
pub(super) fn is_unbound(text: &str) -> bool {
    let Some((head, rest)) = text.strip_prefix('[').and_then(|text| text.split_once("] ")) else { return false };
    let Some((pid, thread)) = head.split_once(':') else { return false };
    !pid.is_empty()
        && pid.bytes().all(|byte| byte.is_ascii_digit())
        && !thread.is_empty()
        && thread.bytes().all(|byte| byte.is_ascii_hexdigit())
        && ["info: ", "notice: ", "warning: ", "error: ", "debug: "].iter().any(|level| rest.starts_with(level))
}
