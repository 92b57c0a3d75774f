//! `auto`: the product is told from each line, cheaply: a few bytes at the start and a few literals, no parsing twice.
//!
//! For files whose origin is unknown and for the holding source of unknown senders. Where the product is known, name it:
//! then nothing is guessed.

use bumpalo::Bump;
use memchr::memmem;
use stream::Event;

use crate::parser::{Context, Parser, Reason};
use crate::products::fortinet_fortigate::FortinetFortigate;
use crate::products::generic::{Cef, Json, KeyValue};
use crate::products::squid::Squid;
use crate::products::system::System;
use crate::products::windows::Windows;

/// Reads lines of any product that sekisho knows.
#[derive(Default)]
pub struct Auto {
    fortigate: FortinetFortigate,
    squid: Squid,
    system: System,
    windows: Windows,
    cef: Cef,
    json: Json,
    key_value: KeyValue,
}

impl Parser for Auto {
    fn parse<'a>(
        &mut self,
        line: &'a str,
        context: &Context,
        arena: &'a Bump,
        event: &mut Event<'a>,
    ) -> Result<(), Reason> {
        let parser: &mut dyn Parser = match detect(line) {
            Guess::Fortigate => &mut self.fortigate,
            Guess::Squid => &mut self.squid,
            Guess::System => &mut self.system,
            Guess::Windows => &mut self.windows,
            Guess::Cef => &mut self.cef,
            Guess::Json => &mut self.json,
            Guess::KeyValue => &mut self.key_value,
        };
        parser.parse(line, context, arena, event)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Guess {
    Fortigate,
    Squid,
    System,
    Windows,
    Cef,
    Json,
    KeyValue,
}

/// How far into the line literals are looked for.
const HEAD_BYTES: usize = 1024;

fn detect(line: &str) -> Guess {
    let bytes = line.as_bytes();
    let body = line.trim_start().trim_start_matches('\u{feff}');
    let head = &bytes[..bytes.len().min(HEAD_BYTES)];
    let has = |literal: &str| memmem::find(head, literal.as_bytes()).is_some();
    match body.as_bytes().first() {
        Some(b'{') => {
            let windows = has("\"winlog\"") || has("\"EventID\"") || has("\"Event\"") || has("\"event_data\"");
            return if windows { Guess::Windows } else { Guess::Json };
        }
        Some(b'<') if body.starts_with("<Event") || body.starts_with("<?xml") => return Guess::Windows,
        Some(b'0'..=b'9') if is_squid_native(body) => return Guess::Squid,
        _ => {}
    }
    if has("CEF:") {
        Guess::Cef
    } else if has("devid=") && (has("logid=") || has("type=")) {
        Guess::Fortigate
    } else if has("<Event xmlns") || has("\"EventID\"") {
        Guess::Windows
    } else if has(" squid") && has("TCP_") || is_combined(body) && has("TCP_") {
        Guess::Squid
    } else if is_key_value(body) {
        Guess::KeyValue
    } else {
        Guess::System
    }
}

/// `1157689320.327   2864 192.0.2.1 TCP_MISS/200`: ten digits, a dot, three digits, a blank.
fn is_squid_native(line: &str) -> bool {
    let bytes = line.as_bytes();
    bytes.len() > 20
        && bytes[..10].iter().all(u8::is_ascii_digit)
        && bytes[10] == b'.'
        && bytes[11..14].iter().all(u8::is_ascii_digit)
        && bytes[14] == b' '
}

/// The combined format starts with an address and has a quoted request.
fn is_combined(line: &str) -> bool {
    line.split(' ').next().is_some_and(|address| address.parse::<std::net::IpAddr>().is_ok()) && line.contains(" \"")
}

/// The first word, after a priority, is `key=...`.
fn is_key_value(line: &str) -> bool {
    let rest = match line.strip_prefix('<').and_then(|rest| rest.split_once('>')) {
        Some((priority, rest)) if priority.len() <= 3 => rest,
        _ => line,
    };
    let word = rest.split([' ', '"']).next().unwrap_or("");
    word.find('=')
        .is_some_and(|at| at > 0 && word[..at].bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_products_apart() {
        for (line, guess) in [
            ("<189>date=2026-11-20 time=10:00:00 devname=\"fw\" devid=\"FG1\" logid=\"0000000013\"", Guess::Fortigate),
            ("Nov 20 10:00:00 fw date=2026-11-20 devid=FG1 logid=1 type=traffic", Guess::Fortigate),
            (
                "1700000000.123    90 192.0.2.1 TCP_MISS/200 512 GET http://example.jp/ - DIRECT/198.51.100.1 -",
                Guess::Squid,
            ),
            (
                "192.0.2.1 - - [20/Nov/2026:10:00:00 +0900] \"GET / HTTP/1.1\" 200 1 \"-\" \"x\" TCP_MISS:DIRECT",
                Guess::Squid,
            ),
            ("<38>Nov 20 10:00:00 host sshd[123]: Failed password for root from 192.0.2.1 port 1 ssh2", Guess::System),
            ("{\"winlog\":{\"event_id\":4625}}", Guess::Windows),
            ("<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'>", Guess::Windows),
            ("<134>CEF:0|V|P|1|100|n|5|src=192.0.2.1", Guess::Cef),
            ("{\"a\":1}", Guess::Json),
            ("<13>user=sato src=192.0.2.1", Guess::KeyValue),
            ("level=info msg=\"x\"", Guess::KeyValue),
            ("", Guess::System),
            ("日本語だけの行", Guess::System),
        ] {
            assert_eq!(detect(line), guess, "{line}");
        }
    }
}
