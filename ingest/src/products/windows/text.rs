//! Events rendered as text, as syslog agents forward them: the message of the Event Viewer in English or Japanese, and
//! Snare's tab-separated line.
//!
//! Line ends and tabs may be real, escaped (`\n`, `#012`, `#011`) or flattened to blanks. Only labels that Windows
//! itself prints are taken, so a colon inside a value does no harm. Japanese labels exist in two generations: Windows
//! Server 2008 to 2012 (`ログオン タイプ:`) and 2016 and later (`ログオンの種類:`); both are read.
//! Sources: Microsoft's event descriptions; Snare for Windows, "Event format".

use super::labels::{self, Section};
use super::reading::Reading;
use crate::syslog;

/// The most pieces of one message that are looked at.
const PIECES_MAX: usize = 400;

/// Reads a rendered message; `false` when nothing in it is known.
pub(super) fn read<'a>(text: &'a str, reading: &mut Reading<'_, 'a>) -> bool {
    let text = headed(text.trim(), reading);
    if text.contains("EventCode=") && text.contains("LogName=") {
        named(text, reading);
    }
    let title = pieces(text).next().unwrap_or("").trim();
    if reading.record.header.event_id.is_empty()
        && let Some(event_id) = labels::event_of_title(title)
    {
        // The titles are those of the Security channel's events.
        reading.record.header.event_id = event_id;
        reading.record.header.channel = "Security";
    }
    if reading.record.header.message.is_empty() {
        reading.record.header.message = text;
    }
    labelled(text, reading);
    !reading.record.header.event_id.is_empty()
}

/// Takes the syslog header that an agent wrote, and the event id and the audit's outcome that some write before the text:
/// `Nov 20 10:00:00 dc01 Security-Auditing: 4625: AUDIT_FAILURE An account failed to log on.`
fn headed<'a>(text: &'a str, reading: &mut Reading<'_, 'a>) -> &'a str {
    let head = syslog::parse(text, reading.context);
    if head.timestamp.is_none() && head.priority.is_none() {
        return text;
    }
    let header = &mut reading.record.header;
    header.time = header.time.or(head.timestamp);
    header.computer = head.hostname.unwrap_or(header.computer);
    let program = head.appname.unwrap_or("");
    if program.ends_with("Security-Auditing") {
        (header.provider, header.channel) = ("Microsoft-Windows-Security-Auditing", "Security");
    } else if !program.is_empty() {
        header.provider = program;
    }
    if let Some(data) = head.structured_data {
        structured(data, reading);
    }
    let mut text = head.message;
    let header = &mut reading.record.header;
    if let Some((code, rest)) = text.split_once(": ")
        && (1..=5).contains(&code.len())
        && code.bytes().all(|byte| byte.is_ascii_digit())
    {
        header.event_id = code;
        text = rest;
    }
    for word in ["AUDIT_SUCCESS", "AUDIT_FAILURE", "Audit Success", "Audit Failure"] {
        if let Some(rest) = text.strip_prefix(word) {
            text = rest.trim_start_matches([':', ' ']);
            reading.keyword(word);
        }
    }
    text
}

/// Splunk's form: a time, `LogName=Security`, `EventCode=4624`, `ComputerName=...`, and at last `Message=` with the text.
fn named<'a>(text: &'a str, reading: &mut Reading<'_, 'a>) {
    let instant = pieces(text).next().and_then(|stamp| crate::products::csv::instant(stamp.trim(), reading.context));
    let header = &mut reading.record.header;
    header.time = header.time.or(instant);
    header.message = text.split_once("Message=").map_or("", |(_, message)| message);
    for piece in pieces(text).take(PIECES_MAX) {
        let Some((key, value)) = piece.trim().split_once('=') else { continue };
        let header = &mut reading.record.header;
        match key {
            "LogName" => header.channel = value,
            "SourceName" => header.provider = value,
            "EventCode" => header.event_id = value,
            "ComputerName" => header.computer = value,
            "RecordNumber" => header.record_id = value,
            "TaskCategory" => header.task = value,
            "OpCode" => header.opcode = value,
            "Type" => header.level = value,
            "Sid" => header.user_sid = value,
            "Keywords" => reading.keyword(value),
            "Message" => break,
            _ => {}
        }
    }
    let header = &mut reading.record.header;
    if header.channel == "Security" && header.provider.starts_with("Microsoft Windows security") {
        header.provider = "Microsoft-Windows-Security-Auditing";
    }
}

/// NXLog's fields in the structured data of RFC 5424.
fn structured<'a>(data: &'a str, reading: &mut Reading<'_, 'a>) {
    let arena = reading.arena;
    syslog::params(data, arena, |_, name, value| match name {
        "EventType" => reading.keyword(value),
        "SeverityValue" | "Severity" | "OpcodeValue" | "SourceModuleName" | "SourceModuleType" => {}
        _ if reading.header(name, value) => {}
        _ => reading.data(name, value),
    });
}

/// Takes what stands after each known label.
pub(super) fn labelled<'a>(text: &'a str, reading: &mut Reading<'_, 'a>) {
    // An escaped tab before a value that begins like a path's part; with real line ends it is the part of a path.
    let escaped = text.contains("\\n") && !text.contains('\n');
    let bare = |value: &'a str| if escaped { value.trim_start_matches("\\t").trim_start() } else { value };
    let mut section = Section::None;
    let mut waiting: Option<&'static str> = None;
    for piece in pieces(text).take(PIECES_MAX) {
        let piece = piece.trim();
        if piece.is_empty() {
            continue;
        }
        if let Some((label, value)) = split_label(piece) {
            if let Some(found) = labels::section(label).filter(|_| value.is_empty()) {
                section = found;
                waiting = None;
                continue;
            }
            if let Some(name) = labels::name(section, label) {
                waiting = value.is_empty().then_some(name);
                if !value.is_empty() {
                    put(name, bare(value), reading);
                }
                continue;
            }
            if value.is_empty() {
                waiting = None;
                continue;
            }
        }
        if let Some(name) = waiting.take() {
            put(name, bare(piece), reading);
        }
    }
}

/// Text prints hexadecimal numbers in capitals, the event itself does not.
fn put<'a>(name: &str, value: &'a str, reading: &mut Reading<'_, 'a>) {
    let capitals = value.starts_with("0x") && value.bytes().any(|byte| byte.is_ascii_uppercase());
    let value = if capitals { reading.arena.alloc_str(&value.to_ascii_lowercase()) } else { value };
    reading.data(name, value);
}

/// `Label:` or `Label: value`, with an ASCII or a full-width colon.
fn split_label(piece: &str) -> Option<(&str, &str)> {
    let at = piece.find([':', '：'])?;
    let width = piece[at..].chars().next().map_or(1, char::len_utf8);
    Some((piece[..at].trim(), piece[at + width..].trim()))
}

/// Splits at line ends, tabs and runs of two blanks, real or escaped.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        match separator(text) {
            Some((start, end)) => {
                rest = Some(&text[end..]);
                Some(&text[..start])
            }
            None => {
                rest = None;
                Some(text)
            }
        }
    })
}

fn separator(text: &str) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let width = match bytes[at] {
            b'\n' | b'\r' | b'\t' => 1,
            b' ' if bytes.get(at + 1) == Some(&b' ') => 2,
            // `\n` and `\t` as two characters, but not within a path such as `C:\new`.
            b'\\' if matches!(bytes.get(at + 1), Some(b'n' | b'r' | b't')) && ends_word(bytes, at) => 2,
            b'#' if matches!(bytes.get(at + 1..at + 4), Some(b"011" | b"012" | b"015")) => 4,
            _ => 0,
        };
        if width > 0 {
            return Some((at, at + width));
        }
        at += 1;
    }
    None
}

/// Whether an escaped line end may stand here: what follows is a blank, another escape, a tab, an upper-case or
/// non-ASCII letter, or the end. `C:\Windows\notepad.exe` has a lower-case letter there.
fn ends_word(bytes: &[u8], at: usize) -> bool {
    match bytes.get(at + 2) {
        None => true,
        Some(byte) => matches!(byte, b' ' | b'\t' | b'\\' | b'\r' | b'\n' | b'A'..=b'Z' | 0x80..),
    }
}

/// Snare: `MSWinEventLog 1 Security 123 Fri Nov 20 10:00:00 2026 4624 Provider User SidType Type Computer Category Data
/// Text`, separated by tabs; `false` when fields are missing.
pub(super) fn snare<'a>(text: &'a str, reading: &mut Reading<'_, 'a>) -> bool {
    let separator = if text.contains('\t') { "\t" } else { "#011" };
    let mut parts = text.splitn(14, separator);
    let mut next = || parts.next().map(str::trim);
    let (Some(_), Some(_), Some(channel), Some(_), Some(time), Some(event_id)) =
        (next(), next(), next(), next(), next(), next())
    else {
        return false;
    };
    let (provider, user, user_type) = (next().unwrap_or(""), next().unwrap_or(""), next().unwrap_or(""));
    let (keyword, computer, category) = (next().unwrap_or(""), next().unwrap_or(""), next().unwrap_or(""));
    let (_data, message) = (next().unwrap_or(""), next().unwrap_or(""));
    let instant = snare_time(time, reading);
    let header = &mut reading.record.header;
    header.channel = channel;
    header.event_id = event_id;
    header.provider = provider;
    header.user_type = user_type;
    header.computer = computer;
    header.task = category;
    header.message = message;
    header.time = instant;
    let (domain, name) = user.split_once('\\').unwrap_or(("", user));
    header.user_domain = domain;
    header.user_name = if name == "N/A" { "" } else { name };
    reading.keyword(keyword);
    labelled(message, reading);
    true
}

/// `Fri Nov 20 10:00:00 2026` in the source's zone.
fn snare_time(text: &str, reading: &Reading<'_, '_>) -> Option<stream::Timestamp> {
    let mut words = text.split_ascii_whitespace();
    let (_, month, day) = (words.next()?, words.next()?, words.next()?);
    let (clock, year) = (words.next()?, words.next()?);
    let date = (year.parse().ok()?, crate::time::month_number(month.as_bytes())?, day.parse().ok()?);
    let (time, _) = crate::time::civil_time(clock.as_bytes())?;
    Some(reading.context.zone.instant(&crate::time::Civil::new(date, time)?))
}
