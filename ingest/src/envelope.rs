//! Lines that a collector has wrapped: they are read as what they are, and what the collector says stands beside it.
//!
//! | Envelope | Told by | The line |
//! |---|---|---|
//! | Splunk HEC | an object with `event` and nothing but `time`, `host`, `source`, `sourcetype`, `index`, `fields` | `event`: a text, or an object as it is |
//! | OTLP | a record of the listener `otlp` | the body, if it is text |
//! | an entry of systemd's journal | its fields | `MESSAGE`, with a header made of the other fields |
//! | a container's log (CRI) | `2026-11-20T00:00:01.123456789Z stdout F ` at the start | what follows |
//! | a filter of a collector | its mark | none: fields, which are taken as they are |
//! | a document of Filebeat, Fluent Bit, Logstash, Vector | a text under `event.original`, `message`, `log` or `MESSAGE` | that text |
//!
//! The source's product reads the line. Products that read documents themselves (`json`, `auto`, `otlp`) get no line out of
//! a document or of OTLP, and Windows events only one that is JSON or XML itself: so what Winlogbeat sends, or ECS, passes
//! whole. A header of syslog before a line whose product expects none is taken off. Where the product does not understand the line but the whole, the whole counts. What the line does not say is
//! taken from the envelope: its time, host, path, and every other name; `event.original` stays the whole record.

use bumpalo::Bump;
use stream::{Event, FieldId, Timestamp, Value, fields as f};

use crate::forward::filter::MARK;
use crate::json::{Members, unescape};
use crate::parser::{Context, Names, Parser, Reason};
use crate::products::generic::Json;
use crate::products::journald;
use crate::products::otlp::{self, Otlp};
use crate::{syslog, time};

/// The members of Splunk's envelope, beside `event`.
const HEC: [&[u8]; 6] = [b"time", b"host", b"source", b"sourcetype", b"index", b"fields"];
/// The most members of a document that are looked at for its line.
const MEMBERS_MAX: usize = 256;

/// Opens the envelopes of one source's records.
pub(crate) struct Envelope {
    product: Product,
    json: Json,
    otlp: Otlp,
    journal: journald::Entry,
    names: Names,
}

/// What a source's product does with documents.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Product {
    /// Reads them whole.
    Documents,
    /// Reads Windows events, which are documents too.
    Windows,
    /// Knows Splunk's envelope as its own form.
    Wrapped,
    /// Reads lines.
    Lines,
}

/// What a record holds.
enum Opened<'a> {
    /// A text, and the name it had; or a JSON value.
    Line {
        line: &'a str,
        name: &'static str,
    },
    Hec {
        line: &'a str,
    },
    Journal,
    Otlp {
        line: Option<&'a str>,
    },
    Container {
        line: &'a str,
    },
}

impl Envelope {
    pub(crate) fn of(product: &str) -> Envelope {
        let product = match product {
            "json" | "auto" | "otlp" | "gelf" | "journald" => Product::Documents,
            "windows_security" => Product::Windows,
            "zscaler_zia" => Product::Wrapped,
            _ => Product::Lines,
        };
        let (otlp, journal) = (Otlp::default(), journald::Entry::default());
        Envelope { product, json: Json::strict(), otlp, journal, names: Names::default() }
    }

    /// Reads a record with the product's parser, out of its envelope if it has one.
    pub(crate) fn parse<'a>(
        &mut self,
        parser: &mut dyn Parser,
        record: &'a str,
        context: &Context,
        arena: &'a Bump,
        event: &mut Event<'a>,
    ) -> Result<(), Reason> {
        if record.starts_with(MARK) {
            return self.filtered(record, context, arena, event);
        }
        let opened = match record.as_bytes().first() {
            Some(b'{') => self.open(record, arena),
            Some(b'2') => container(record).map(|line| Opened::Container { line }),
            _ => None,
        };
        match opened {
            None => {
                let parsed = parser.parse(record, context, arena, event);
                if parsed.is_err()
                    && self.product != Product::Documents
                    && behind_header(parser, record, context, arena, event)
                {
                    return Ok(());
                }
                parsed
            }
            Some(Opened::Container { line }) => {
                let parsed = parser.parse(line, context, arena, event);
                // The engine's time, where the line has none.
                let stamp = time::iso_prefix(record, &context.zone);
                if let Some((stamp, _)) = stamp.filter(|_| !event.has(f::TIMESTAMP)) {
                    event.push(f::TIMESTAMP, Value::Time(stamp));
                }
                parsed
            }
            Some(Opened::Hec { line }) => {
                let parsed = parser.parse(line, context, arena, event);
                self.hec(record, context, arena, event);
                parsed
            }
            Some(Opened::Journal) => self.journal.read(parser, record, context, arena, event),
            Some(Opened::Otlp { line: None }) => self.otlp.parse(record, context, arena, event),
            Some(Opened::Otlp { line: Some(line) }) => {
                let parsed = parser.parse(line, context, arena, event);
                let mut outer = Event::new_in(arena);
                // What is broken in it is left out: the line counts.
                self.otlp.parse(record, context, arena, &mut outer).ok();
                merge(&outer, "", event);
                parsed
            }
            Some(Opened::Line { line, name }) => {
                let parsed = parser.parse(line, context, arena, event);
                if parsed.is_err() {
                    let mut whole = Event::new_in(arena);
                    if parser.parse(record, context, arena, &mut whole).is_ok() {
                        *event = whole;
                        return Ok(());
                    }
                }
                let mut outer = Event::new_in(arena);
                self.json.parse(record, context, arena, &mut outer).ok();
                merge(&outer, name, event);
                parsed
            }
        }
    }

    /// Reads what a collector's filter left of a record: fields, of whatever product.
    fn filtered<'a>(
        &mut self,
        record: &'a str,
        context: &Context,
        arena: &'a Bump,
        event: &mut Event<'a>,
    ) -> Result<(), Reason> {
        let own = [f::SEKISHO_LOGSOURCE_PRODUCT, f::SEKISHO_LOGSOURCE_CATEGORY, f::SEKISHO_LOGSOURCE_SERVICE];
        for (key, value) in Members::of(record.as_bytes()).take(MEMBERS_MAX) {
            if key == f::SEKISHO_PARSE_REASON.name().as_bytes() {
                return Err(Reason("its collector could not parse the line, and kept it"));
            }
            let Some(field) = own.iter().find(|field| field.name().as_bytes() == key) else { continue };
            match plain(value, arena) {
                Some(text) => event.push_str(*field, text),
                // Several: a list of texts.
                None => serde_json::from_slice::<Vec<String>>(value)
                    .unwrap_or_default()
                    .iter()
                    .for_each(|text| event.push_str(*field, arena.alloc_str(text))),
            }
        }
        self.json.parse(record, context, arena, event)
    }

    fn open<'a>(&self, record: &'a str, arena: &'a Bump) -> Option<Opened<'a>> {
        if otlp::is(record) {
            let lines = self.product != Product::Documents;
            return Some(Opened::Otlp { line: lines.then(|| otlp::body(record, arena)).flatten() });
        }
        if self.product != Product::Wrapped
            && let Some(line) = hec_line(record, arena)
        {
            return Some(Opened::Hec { line });
        }
        match self.product {
            Product::Documents => return None,
            // Nearly all are events themselves, which costs little to see.
            Product::Windows if !may_hold_event(record) => return None,
            Product::Windows | Product::Wrapped | Product::Lines => {}
        }
        if self.product == Product::Lines && journald::is(record) {
            return Some(Opened::Journal);
        }
        let (line, name) = document_line(record, arena)?;
        let is_event = |line: &str| line.trim_start().starts_with(['{', '<']);
        (self.product != Product::Windows || is_event(line)).then_some(Opened::Line { line, name })
    }

    /// Sets what Splunk's envelope says and the line did not.
    fn hec<'a>(&mut self, record: &'a str, context: &Context, arena: &'a Bump, event: &mut Event<'a>) {
        for (key, value) in Members::of(record.as_bytes()) {
            let word = plain(value, arena).unwrap_or("");
            match key {
                b"time" if !event.has(f::TIMESTAMP) => {
                    let number = std::str::from_utf8(value).unwrap_or("").trim_matches('"');
                    if let Some(time) = time::epoch(number).filter(|time| *time > Timestamp::default()) {
                        event.push(f::TIMESTAMP, Value::Time(time));
                    }
                }
                b"host" => absent(f::HOST_NAME, word, event),
                b"source" if word.contains(['/', '\\']) => absent(f::LOG_FILE_PATH, word, event),
                b"source" | b"sourcetype" | b"index" => {
                    let name = std::str::from_utf8(key).unwrap_or("");
                    if let Some(field) = self.names.field("splunk.", name) {
                        absent(field, word, event);
                    }
                }
                b"fields" => {
                    let mut outer = Event::new_in(arena);
                    let text = std::str::from_utf8(value).unwrap_or("");
                    self.json.parse(text, context, arena, &mut outer).ok();
                    merge(&outer, "", event);
                }
                _ => {}
            }
        }
    }
}

/// Reads what stands behind a header that the product does not expect: `<PRI>` alone, or a whole header of syslog. Whether
/// the product understood it; then the header says what the line does not.
fn behind_header<'a>(
    parser: &mut dyn Parser,
    record: &'a str,
    context: &Context,
    arena: &'a Bump,
    event: &mut Event<'a>,
) -> bool {
    let head = syslog::parse(record, context);
    let (_, bare) = syslog::without_priority(record);
    let mut last = record.len();
    for line in [bare, head.message] {
        let line = line.trim_start();
        if line.is_empty() || line.len() >= last {
            continue;
        }
        last = line.len();
        let mut inner = Event::new_in(arena);
        if parser.parse(line, context, arena, &mut inner).is_err() {
            continue;
        }
        let mut outer = Event::new_in(arena);
        if line.len() < bare.trim_start().len() {
            head.apply(&mut outer);
            outer.push_str(f::HOST_NAME, head.hostname.unwrap_or(""));
        } else if let Some(priority) = head.priority {
            syslog::apply_priority(priority, &mut outer);
        }
        merge(&outer, "", &mut inner);
        *event = inner;
        return true;
    }
    false
}

/// What a container engine wrapped: `TIME stdout F LINE`, as the CRI writes it (`P` for a part of a line).
fn container(record: &str) -> Option<&str> {
    let (_, rest) = record.split_once(' ').filter(|(time, _)| (20..=40).contains(&time.len()))?;
    let rest = rest.strip_prefix("stdout ").or_else(|| rest.strip_prefix("stderr "))?;
    rest.strip_prefix("F ").or_else(|| rest.strip_prefix("P "))
}

/// Whether a text in the record may be an event as JSON or XML.
fn may_hold_event(record: &str) -> bool {
    let has = |literal: &str| memchr::memmem::find(record.as_bytes(), literal.as_bytes()).is_some();
    has("\"{\\\"") || has("\"<Event")
}

/// The event in Splunk's envelope, if the record is one.
fn hec_line<'a>(record: &'a str, arena: &'a Bump) -> Option<&'a str> {
    let first = Members::first_key(record.as_bytes())?;
    if first != b"event" && !HEC.contains(&first) {
        return None;
    }
    let mut members = Members::of(record.as_bytes());
    let mut found = None;
    for (key, value) in members.by_ref() {
        match key {
            b"event" => found = Some(value),
            key if HEC.contains(&key) => {}
            _ => return None,
        }
    }
    let value = found.filter(|_| members.is_whole())?;
    plain(value, arena).or_else(|| std::str::from_utf8(value).ok())
}

/// The line in a document, and the name it has there.
fn document_line<'a>(record: &'a str, arena: &'a Bump) -> Option<(&'a str, &'static str)> {
    let names = [f::EVENT_ORIGINAL.name(), "message", "log", "MESSAGE"];
    let mut found: [Option<&[u8]>; 4] = [None; 4];
    for (key, value) in Members::of(record.as_bytes()).take(MEMBERS_MAX) {
        match key {
            // Winlogbeat's; its message is for people.
            b"winlog" => return None,
            b"event" => found[0] = Members::of(value).find(|(key, _)| *key == b"original").map(|(_, value)| value),
            _ => {
                if let Some(place) = names.iter().position(|name| name.as_bytes() == key) {
                    found[place] = Some(value);
                }
            }
        }
    }
    let texts = found.into_iter().zip(names).filter_map(|(value, name)| Some((plain(value?, arena)?, name)));
    texts.filter(|(text, _)| !text.trim().is_empty()).map(|(text, name)| (trim_end(text), name)).next()
}

/// A line without its end, which some collectors leave in.
fn trim_end(text: &str) -> &str {
    text.trim_end_matches(['\n', '\r'])
}

/// A text of JSON, unescaped.
fn plain<'a>(value: &'a [u8], arena: &'a Bump) -> Option<&'a str> {
    let inner = std::str::from_utf8(value).ok()?.strip_prefix('"')?.strip_suffix('"')?;
    Some(if inner.contains('\\') { unescape(inner, arena) } else { inner })
}

fn absent<'a>(field: FieldId, text: &'a str, event: &mut Event<'a>) {
    if !event.has(field) {
        event.push_str(field, text);
    }
}

/// Adds what the event does not say yet, but for the line itself under its name in the envelope.
fn merge<'a>(outer: &Event<'a>, line_name: &str, event: &mut Event<'a>) {
    let mut last = None;
    for (field, value) in outer.iter() {
        let new = !event.has(field) || last == Some(field);
        if new && field.name() != line_name && field != f::EVENT_KIND && field != f::EVENT_MODULE {
            event.push(field, value);
            last = Some(field);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Decoder, SourceConfig};
    use stream::{RecordKind, RecordRef};

    const SSHD: &str = "Nov 20 10:00:00 web sshd[7]: Failed password for root from 203.0.113.9 port 4 ssh2";

    fn read(product: &str, raw: &str, fields: &[FieldId]) -> Vec<String> {
        let arena = Bump::new();
        let source = SourceConfig::of_product(product, "UTC", "auto").unwrap();
        let received = Timestamp::parse_rfc3339("2026-11-20T12:00:00Z").unwrap();
        let record = RecordRef {
            offset: 0,
            kind: RecordKind::Data,
            tenant: "t",
            source: "s",
            peer: None,
            received,
            raw: raw.as_bytes(),
        };
        let event = Decoder::single(source).unwrap().decode(&record, &arena);
        assert_eq!(event.get_str(f::EVENT_ORIGINAL), Some(raw), "the record stays whole");
        fields.iter().map(|field| event.get(*field).map_or(String::new(), |value| value.text().into_owned())).collect()
    }

    #[test]
    fn a_wrapped_line_is_read_as_its_product() {
        let json = serde_json::Value::from(SSHD).to_string();
        let otlp = format!(
            r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{{"body":{{"stringValue":{json}}},"attributes":[{{"key":"log.file.path","value":{{"stringValue":"/var/log/auth.log"}}}}]}}]}}]}}]}}"#
        );
        let path = r#""log":{"file":{"path":"/var/log/auth.log"}}"#;
        for raw in [
            format!(r#"{{"@timestamp":"2026-11-20T11:00:00Z","message":{json},{path},"agent":{{"type":"filebeat"}}}}"#),
            format!(r#"{{"event":{{"original":{json},"module":"x"}},"message":"other",{path}}}"#),
            format!(r#"{{"time":1795172400,"host":"web","source":"/var/log/auth.log","event":{json}}}"#),
            format!(
                r#"{{"date":1795172400.5,"log":{},"log.file.path":"/var/log/auth.log"}}"#,
                json.replace("ssh2\"", "ssh2\\n\"")
            ),
            otlp,
        ] {
            let found =
                read("system", &raw, &[f::SOURCE_IP, f::USER_NAME, f::TIMESTAMP, f::LOG_FILE_PATH, f::EVENT_KIND]);
            assert_eq!(found, ["203.0.113.9", "root", "2026-11-20T10:00:00Z", "/var/log/auth.log", "event"], "{raw}");
        }
    }

    #[test]
    fn documents_pass_where_the_product_reads_them() {
        let ecs = r#"{"@timestamp":"2026-11-20T11:00:00Z","message":"text","source":{"ip":"192.0.2.1"}}"#;
        for product in ["json", "auto"] {
            let found = read(product, ecs, &[f::SOURCE_IP, f::MESSAGE, f::TIMESTAMP]);
            assert_eq!(found, ["192.0.2.1", "text", "2026-11-20T11:00:00Z"]);
            let hec = r#"{"time":"1795172400.25","host":"web","event":{"source":{"ip":"192.0.2.1"}},"fields":{"service.name":"x"}}"#;
            let found = read(product, hec, &[f::SOURCE_IP, f::HOST_NAME, f::TIMESTAMP, f::SERVICE_NAME]);
            assert_eq!(found, ["192.0.2.1", "web", "2026-11-20T11:00:00.25Z", "x"]);
        }
        let beat = r#"{"message":"An account failed to log on.","winlog":{"event_id":4625,"channel":"Security","provider_name":"Microsoft-Windows-Security-Auditing","event_data":{"TargetUserName":"sato"}}}"#;
        let nested = format!(r#"{{"message":{}}}"#, serde_json::Value::from(beat));
        for raw in [beat, &nested] {
            assert_eq!(read("windows", raw, &[f::EVENT_CODE, f::USER_NAME]), ["4625", "sato"], "{raw}");
        }
    }

    #[test]
    fn the_journal_and_containers_are_opened() {
        let message = "Failed password for root from 203.0.113.9 port 4 ssh2";
        let journal = format!(
            r#"{{"__REALTIME_TIMESTAMP":"1795137330123456","_HOSTNAME":"web01","SYSLOG_IDENTIFIER":"sshd","_PID":"7","PRIORITY":"6","SYSLOG_FACILITY":"10","MESSAGE":"{message}"}}"#
        );
        let names = [f::SOURCE_IP, f::HOST_NAME, f::PROCESS_NAME, f::PROCESS_PID, f::TIMESTAMP, f::LOG_SYSLOG_PRIORITY];
        let found = read("system", &journal, &names);
        assert_eq!(found, ["203.0.113.9", "web01", "sshd", "7", "2026-11-20T01:15:30.123456Z", "86"]);
        let container = format!("2026-11-20T00:00:01.123456789Z stdout F {SSHD}");
        assert_eq!(read("system", &container, &[f::SOURCE_IP, f::HOST_NAME]), ["203.0.113.9", "web"]);
        let bare =
            r#"2026-11-20T00:00:01.5Z stderr F 192.0.2.1 - - [20/Nov/2026:10:00:00 +0900] "GET / HTTP/1.1" 200 5"#;
        assert_eq!(read("nginx", bare, &[f::SOURCE_IP, f::TIMESTAMP]), ["192.0.2.1", "2026-11-20T01:00:00Z"]);
    }

    #[test]
    fn a_header_that_the_product_does_not_expect_is_taken_off() {
        let radius = "Fri Nov 20 10:00:00 2026 : Auth: Login OK: [sato] (from client ap01 port 0)";
        let error = "2026/11/20 10:00:00 [error] 7#7: *5 access forbidden by rule, client: 192.0.2.1, server: _";
        for (product, line, value) in [("freeradius", radius, "sato"), ("nginx", error, "")] {
            for head in
                ["<134>", "<134>Nov 20 10:00:00 host01 app[5]: ", "<134>1 2026-11-20T01:00:00Z host01 app 5 - - "]
            {
                let found =
                    read(product, &format!("{head}{line}"), &[f::USER_NAME, f::EVENT_KIND, f::LOG_SYSLOG_PRIORITY]);
                assert_eq!(found, [value, "event", "134"], "{head}{line}");
            }
        }
        let found = read("squid", "<134>Nov 20 10:00:00 host01 not a squid line", &[f::EVENT_KIND, f::TIMESTAMP]);
        assert_eq!(found, ["pipeline_error", "2026-11-20T10:00:00Z"]);
    }

    #[test]
    fn winlogbeat_is_known_wherever_its_keys_stand() {
        let long = "An account failed to log on. ".repeat(100);
        let raw = format!(
            r#"{{"message":"{long}","winlog":{{"event_id":"4625","channel":"Security","event_data":{{"TargetUserName":"sato"}}}}}}"#
        );
        assert_eq!(read("auto", &raw, &[f::EVENT_CODE, f::USER_NAME]), ["4625", "sato"]);
    }

    #[test]
    fn a_line_that_is_not_understood_keeps_what_the_envelope_says() {
        let raw = r#"{"message":"not a squid line","host":{"name":"proxy01"}}"#;
        assert_eq!(read("squid", raw, &[f::HOST_NAME, f::EVENT_KIND]), ["proxy01", "pipeline_error"]);
    }
}
