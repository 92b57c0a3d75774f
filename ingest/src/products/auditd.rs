//! Linux audit: the records of auditd (`/var/log/audit/audit.log`), of audisp's syslog plugin, and of the kernel when no
//! daemon runs (`kernel: audit: type=1400 audit(...)`), raw or enriched (`log_format=ENRICHED`).
//!
//! What journald made of a record has no serial, and its header's time: `audit[5]: USER_AUTH pid=5 ... msg='...'`.
//! `type=T msg=audit(seconds.millis:serial): key=value ... msg='key=value ...'`, with `node=` before it or not. Each
//! record is an event of its own; the records of one action share `auditd.log.sequence` (and host).
//! Values in hexadecimal (`proctitle`, `cmd`, `a0`, `name`) are read as text. Every key is kept as `auditd.log.<key>` and,
//! where Sigma's auditd rules use it, under its bare name (`type`, `a0`, `exe`, `key`, `SYSCALL`).
//! Source: linux-audit documentation, field and record dictionaries; auditd.conf(5).

mod keys;
mod records;

use bumpalo::Bump;
use stream::{Event, FieldId, Value, fields};

use crate::parser::{Context, Names, Parser, Reason};
use crate::row::Row;
use crate::{put, syslog, time};

/// Parser of audit records.
#[derive(Default)]
pub struct Auditd {
    names: Names,
    bare: Names,
}

static CONSTANT: &[(FieldId, &str)] = &[
    (fields::EVENT_KIND, "event"),
    (fields::EVENT_MODULE, "auditd"),
    (fields::EVENT_DATASET, "auditd.log"),
    (fields::SEKISHO_LOGSOURCE_PRODUCT, "linux"),
    (fields::SEKISHO_LOGSOURCE_SERVICE, "auditd"),
];

impl Parser for Auditd {
    fn parse<'a>(
        &mut self,
        line: &'a str,
        context: &Context,
        arena: &'a Bump,
        event: &mut Event<'a>,
    ) -> Result<(), Reason> {
        const NOT: Reason = Reason("no audit(seconds:serial): not an audit record");
        let line = line.trim_matches([' ', '\r', '\n', '\0', '\u{feff}']);
        let Some((head, rest)) = line.split_once("audit(") else {
            return self.journal(line, context, arena, event).ok_or(NOT);
        };
        let (stamp, body) = rest.split_once(')').ok_or(NOT)?;
        let (stamp, serial) = stamp.rsplit_once(':').ok_or(NOT)?;
        let stamp = time::epoch(stamp).ok_or(NOT)?;
        let kind = kind_of(head).ok_or(NOT)?;
        let start = head.find("node=").or_else(|| head.find("type=")).unwrap_or(0);
        let start = if head[..start].ends_with("audit: ") { start - "audit: ".len() } else { start };
        put::header(&syslog::parse(head[..start].trim_end(), context), event);
        event.set(fields::TIMESTAMP, Value::Time(stamp));
        let mut row = Row::new(arena);
        row.push("record_type", records::name(kind));
        row.push("sequence", serial);
        if let Some((_, node)) = head.split_once("node=") {
            let node = put::word(node).0;
            row.push("node", node);
            event.set(fields::HOST_HOSTNAME, Value::Str(node));
            event.set(fields::HOST_NAME, Value::Str(node));
        }
        let body = body.trim_start_matches([':', ' ']);
        keys::read(body, records::name(kind) == "EXECVE", &mut row, arena);
        put::constants(CONSTANT, event);
        records::fill(records::name(kind), &row, arena, event);
        self.keep(&row, event);
        Ok(())
    }
}

/// The record's type: behind `type=`, by name or number.
fn kind_of(head: &str) -> Option<&str> {
    let (_, rest) = head.rsplit_once("type=")?;
    Some(put::word(rest).0).filter(|kind| !kind.is_empty())
}

impl Auditd {
    /// `USER_AUTH pid=5 uid=0 ... msg='op=... res=success'` behind a header.
    fn journal<'a>(&mut self, line: &'a str, context: &Context, arena: &'a Bump, event: &mut Event<'a>) -> Option<()> {
        let head = syslog::parse(line, context);
        let (kind, body) = put::word(head.message);
        let named =
            kind.len() > 2 && kind.bytes().all(|byte| byte.is_ascii_uppercase() || b"_0123456789".contains(&byte));
        if !named || head.timestamp.is_none() || !body.contains('=') {
            return None;
        }
        put::header(&syslog::Header { procid: None, ..head }, event);
        let mut row = Row::new(arena);
        row.push("record_type", records::name(kind));
        keys::read(body, records::name(kind) == "EXECVE", &mut row, arena);
        put::constants(CONSTANT, event);
        records::fill(records::name(kind), &row, arena, event);
        self.keep(&row, event);
        Some(())
    }

    fn keep<'a>(&mut self, row: &Row<'a>, event: &mut Event<'a>) {
        /// The keys that Sigma's rules name, as they stand in the record.
        const BARE: [&str; 18] = [
            "a0",
            "a1",
            "a2",
            "a3",
            "a4",
            "a5",
            "a6",
            "a7",
            "comm",
            "exe",
            "key",
            "name",
            "nametype",
            "syscall",
            "unit",
            "proctitle",
            "cwd",
            "success",
        ];
        for (key, value) in row.pairs() {
            if let Some(field) = self.names.field("auditd.log.", key) {
                event.push(field, Value::Str(value));
            }
            let bare = match key {
                "record_type" => "type",
                "SYSCALL" => "SYSCALL",
                _ if BARE.contains(&key) => key,
                _ => continue,
            };
            if let Some(field) = self.bare.field("", bare) {
                event.push(field, Value::Str(value));
            }
        }
    }
}
