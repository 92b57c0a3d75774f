//! Entries of systemd's journal as JSON: of `journalctl --output=json`, which the journal listener follows, and of Vector,
//! Fluent Bit and others that read the journal and send its fields.
//!
//! The entry's fields become the header of a syslog line (RFC 5424) and `MESSAGE` its text, and that line is read: as any
//! Linux host's where the source's product is `journald`, as the product's own where it is another (`postfix`, `bind`). So a
//! message means the same whichever way it comes. What the journal alone knows stands beside it: the process that really
//! wrote it (`_PID`, `_EXE`, `_CMDLINE`), unit and transport as `systemd.*`, the machine as `host.id`, and every
//! other field as `journald.<name in lower case>`, which a program may have chosen itself unless it began with `_`. Names
//! without their leading `_` (Fluent Bit's `Strip_Underscores`) are understood. A message that is no text is a list of bytes.
//! Source: systemd.journal-fields(7); systemd, "Journal Export Formats", JSON.

use bumpalo::Bump;
use bumpalo::collections::String as BumpString;
use std::fmt::Write as _;
use stream::{Event, Timestamp, Value, fields as f};

use super::system::System;
use crate::json::{Members, elements, unescape};
use crate::parser::{Context, Names, Parser, Reason};
use crate::{put, time};

/// The most fields of one entry.
const FIELDS_MAX: usize = 256;

/// Parser of this product: entries, and lines of any Linux host.
#[derive(Default)]
pub struct Journald {
    system: System,
    entry: Entry,
}

impl Parser for Journald {
    fn parse<'a>(
        &mut self,
        line: &'a str,
        context: &Context,
        arena: &'a Bump,
        event: &mut Event<'a>,
    ) -> Result<(), Reason> {
        if is(line) {
            return self.entry.read(&mut self.system, line, context, arena, event);
        }
        if line.trim_start().starts_with('{') {
            return Err(Reason("not an entry of the journal"));
        }
        self.system.parse(line, context, arena, event)
    }
}

/// Whether a record is an entry of the journal.
pub(crate) fn is(record: &str) -> bool {
    let has = |literal: &str| memchr::memmem::find(record.as_bytes(), literal.as_bytes()).is_some();
    let may_be = record.starts_with('{')
        && (has("\"__REALTIME_TIMESTAMP\"")
            || has("\"MESSAGE\"") && (has("\"SYSLOG_IDENTIFIER\"") || has("\"_PID\"") || has("\"_COMM\"")));
    let is_field = |key: &[u8]| matches!(key, b"__REALTIME_TIMESTAMP" | b"SYSLOG_IDENTIFIER" | b"_PID" | b"_COMM");
    may_be && Members::of(record.as_bytes()).take(FIELDS_MAX).any(|(key, _)| is_field(key))
}

/// Reads entries; remembers the names of their fields.
#[derive(Default)]
pub(crate) struct Entry {
    names: Names,
}

/// What of an entry becomes the line.
#[derive(Default)]
struct Said<'a> {
    message: Option<&'a str>,
    host: &'a str,
    identifier: &'a str,
    command: &'a str,
    pid: &'a str,
    syslog_pid: &'a str,
    priority: Option<u8>,
    facility: Option<u8>,
    realtime: Option<Timestamp>,
    source_realtime: Option<Timestamp>,
}

impl Entry {
    /// Reads an entry, its message with the parser of the source's product.
    pub(crate) fn read<'a>(
        &mut self,
        parser: &mut dyn Parser,
        record: &'a str,
        context: &Context,
        arena: &'a Bump,
        event: &mut Event<'a>,
    ) -> Result<(), Reason> {
        let mut said = Said::default();
        let mut beside = Event::new_in(arena);
        let mut members = Members::of(record.trim_end().as_bytes());
        let mut count = 0;
        for (key, value) in members.by_ref().take(FIELDS_MAX) {
            count += 1;
            let Ok(key) = std::str::from_utf8(key) else { continue };
            if let Some(text) = text(value, arena) {
                self.field(key, text, context, &mut said, &mut beside);
            }
        }
        // More fields than are read are no fault of the entry.
        if count < FIELDS_MAX && !members.is_whole() {
            return Err(Reason("JSON is not whole"));
        }
        let parsed = match said.message {
            Some(message) => parser.parse(line(&said, message, arena), context, arena, event),
            None => Err(Reason("an entry of the journal without a message")),
        };
        for (field, known) in [
            (f::LOG_SYSLOG_PRIORITY, said.priority.is_some() && said.facility.is_some()),
            (f::LOG_SYSLOG_SEVERITY_CODE, said.priority.is_some()),
            (f::LOG_SYSLOG_SEVERITY_NAME, said.priority.is_some()),
            (f::LOG_SYSLOG_FACILITY_CODE, said.facility.is_some()),
            (f::LOG_SYSLOG_FACILITY_NAME, said.facility.is_some()),
            (f::LOG_SYSLOG_VERSION, false),
        ] {
            if !known {
                event.remove(field);
            }
        }
        if let Some(time) = said.source_realtime.or(said.realtime).filter(|_| !event.has(f::TIMESTAMP)) {
            event.push(f::TIMESTAMP, Value::Time(time));
        }
        for (field, value) in beside.iter() {
            if !event.has(field) {
                event.push(field, value);
            }
        }
        parsed
    }

    fn field<'a>(&mut self, key: &str, text: &'a str, context: &Context, said: &mut Said<'a>, event: &mut Event<'a>) {
        let micros = || text.parse::<i64>().ok().and_then(|micros| micros.checked_mul(1_000)).map(Timestamp);
        match key.trim_start_matches('_') {
            "MESSAGE" | "message" => {
                said.message.get_or_insert(text);
            }
            "HOSTNAME" | "host" => said.host = text,
            "SYSLOG_IDENTIFIER" => said.identifier = text,
            "SYSLOG_PID" => said.syslog_pid = text,
            "PID" => {
                said.pid = text;
                put::int(f::PROCESS_PID, text, event);
            }
            "COMM" => {
                said.command = text;
                self.keep("journald.", "comm", text, event);
            }
            "EXE" => event.push_str(f::PROCESS_EXECUTABLE, text),
            "CMDLINE" => event.push_str(f::PROCESS_COMMAND_LINE, text),
            "MACHINE_ID" => event.push_str(f::HOST_ID, text),
            "PRIORITY" => said.priority = text.parse().ok().filter(|priority| *priority < 8),
            "SYSLOG_FACILITY" => said.facility = text.parse().ok().filter(|facility| *facility < 24),
            "REALTIME_TIMESTAMP" => said.realtime = micros(),
            "SOURCE_REALTIME_TIMESTAMP" => said.source_realtime = micros(),
            "timestamp" => said.realtime = time::iso(text, &context.zone),
            // Said by the above, of no use outside the machine, or of the sender.
            "CURSOR"
            | "MONOTONIC_TIMESTAMP"
            | "SOURCE_MONOTONIC_TIMESTAMP"
            | "SYSLOG_TIMESTAMP"
            | "SYSLOG_RAW"
            | "source_type"
            | "date" => {}
            "SYSTEMD_UNIT" => self.keep("systemd.", "unit", text, event),
            "SYSTEMD_USER_UNIT" => self.keep("systemd.", "user_unit", text, event),
            "SYSTEMD_SLICE" => self.keep("systemd.", "slice", text, event),
            "SYSTEMD_CGROUP" => self.keep("systemd.", "cgroup", text, event),
            "SYSTEMD_INVOCATION_ID" => self.keep("systemd.", "invocation_id", text, event),
            "SYSTEMD_SESSION" => self.keep("systemd.", "session", text, event),
            "TRANSPORT" => self.keep("systemd.", "transport", text, event),
            name => self.keep("journald.", &name.to_ascii_lowercase(), text, event),
        }
    }

    fn keep<'a>(&mut self, prefix: &str, name: &str, text: &'a str, event: &mut Event<'a>) {
        if let Some(field) = self.names.field("", &format!("{prefix}{name}")) {
            event.push_str(field, text);
        }
    }
}

/// The entry as a line of RFC 5424. What the journal does not say of the header is taken back afterwards.
fn line<'a>(said: &Said<'a>, message: &'a str, arena: &'a Bump) -> &'a str {
    const DAEMON: u8 = 3;
    const INFO: u8 = 6;
    let word = |text: &'a str| if text.is_empty() || text.contains(char::is_whitespace) { "-" } else { text };
    let program = [said.identifier, said.command].into_iter().map(word).find(|name| *name != "-").unwrap_or("-");
    let pid = [said.syslog_pid, said.pid].into_iter().map(word).find(|pid| *pid != "-").unwrap_or("-");
    let priority = said.facility.unwrap_or(DAEMON) * 8 + said.priority.unwrap_or(INFO);
    let mut line = BumpString::with_capacity_in(message.len() + 96, arena);
    let time = said.source_realtime.or(said.realtime);
    let written = match time {
        Some(time) => write!(line, "<{priority}>1 {time} {} {program} {pid} - - ", word(said.host)),
        None => write!(line, "<{priority}>1 - {} {program} {pid} - - ", word(said.host)),
    };
    written.expect("a string takes text");
    line.push_str(message.trim_end_matches(['\n', '\r']));
    line.into_bump_str()
}

/// The text of a field: of a list of texts the first, of a list of numbers the bytes, nothing of `null`.
fn text<'a>(value: &'a [u8], arena: &'a Bump) -> Option<&'a str> {
    if value.first() == Some(&b'[') {
        let first = elements(value).next()?;
        if first.first() == Some(&b'"') {
            return text(first, arena);
        }
        let bytes: Option<Vec<u8>> =
            elements(value).map(|element| std::str::from_utf8(element).ok()?.parse().ok()).collect();
        return Some(arena.alloc_str(&String::from_utf8_lossy(&bytes?)));
    }
    let plain = std::str::from_utf8(value).ok()?;
    match plain.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(inner) if inner.contains('\\') => Some(unescape(inner, arena)),
        Some(inner) => Some(inner),
        None if plain == "null" || plain.starts_with('{') => None,
        None => Some(plain),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Decoder, SourceConfig};
    use stream::{RecordKind, RecordRef};

    const ENTRY: &str = r#"{"__CURSOR":"s=1;i=2","__REALTIME_TIMESTAMP":"1795172400250000","_HOSTNAME":"srv01","SYSLOG_IDENTIFIER":"sshd","_COMM":"sshd-session","_PID":"812","SYSLOG_PID":"812","PRIORITY":"6","SYSLOG_FACILITY":"4","_SYSTEMD_UNIT":"ssh.service","_TRANSPORT":"syslog","_UID":"0","_CAP_EFFECTIVE":null,"MESSAGE":"Failed password for root from 203.0.113.9 port 4 ssh2"}"#;

    fn read(product: &str, raw: &str, names: &[&str]) -> Vec<String> {
        let arena = Bump::new();
        let source = SourceConfig::of_product(product, "Asia/Tokyo", "auto").unwrap();
        let received = Timestamp::parse_rfc3339("2026-11-20T12:00:00Z").unwrap();
        let (kind, raw) = (RecordKind::Data, raw.as_bytes());
        let record = RecordRef { offset: 0, kind, tenant: "t", source: "s", peer: None, received, raw };
        let event = Decoder::single(source).unwrap().decode(&record, &arena);
        let value =
            |name: &&str| f::lookup(name).and_then(|field| event.get(field)).map(|value| value.text().into_owned());
        names.iter().map(|name| value(name).unwrap_or_default()).collect()
    }

    #[test]
    fn a_message_means_what_it_means_as_a_line_of_syslog() {
        let names =
            [f::SOURCE_IP, f::USER_NAME, f::EVENT_OUTCOME, f::HOST_NAME, f::TIMESTAMP].map(stream::FieldId::name);
        let expected = ["203.0.113.9", "root", "failure", "srv01", "2026-11-20T11:00:00.25Z"];
        let stripped = ENTRY.replace("\"__", "\"").replace("\"_", "\"");
        let vector = ENTRY.replace("\"_HOSTNAME\"", "\"host\"").replace("\"MESSAGE\"", "\"message\"");
        let bytes: Vec<String> =
            "Failed password for root from 203.0.113.9 port 4 ssh2".bytes().map(|byte| byte.to_string()).collect();
        let as_bytes = ENTRY
            .replace("\"Failed password for root from 203.0.113.9 port 4 ssh2\"", &format!("[{}]", bytes.join(",")));
        for raw in [ENTRY, &stripped, &vector, &as_bytes] {
            for product in ["journald", "system", "auto"] {
                assert_eq!(read(product, raw, &names), expected, "{product} {raw}");
            }
        }
        let line = "<38>Nov 20 20:00:00 srv01 sshd[812]: Failed password for root from 203.0.113.9 port 4 ssh2";
        assert_eq!(read("journald", line, &names[..4]), expected[..4]);
    }

    #[test]
    fn what_is_no_entry_is_refused() {
        let reason = [f::SEKISHO_PARSE_REASON.name()];
        for (raw, expected) in [
            ("{\"a\":1}", "not an entry of the journal"),
            ("{\"__REALTIME_TIMESTAMP\":\"1\",\"_PID\":\"1\"}", "an entry of the journal without a message"),
            ("{\"__REALTIME_TIMESTAMP\":\"1\",\"MESSAGE\":\"x\"", "JSON is not whole"),
        ] {
            assert_eq!(read("journald", raw, &reason), [expected], "{raw}");
        }
    }
}
