//! Events as JSON, in the shapes that collectors send:
//!
//! - Winlogbeat and Elastic Agent: `{"winlog": {"event_id", "event_data": {...}}, "event": {...}}`, nested or dotted,
//!   and Winlogbeat 6's `{"event_id", "log_name", "event_data"}`;
//! - NXLog: flat, `{"EventTime", "Hostname", "EventID", "TargetUserName", ...}`;
//! - Fluent Bit: flat header with `StringInserts`;
//! - the evtx library and other converters of the XML: `{"Event": {"System": {...}, "EventData": {...}}}`, attributes
//!   under `#attributes`, `@Name` or `Name`, data by name or as a list of `Data`;
//! - Wazuh: `{"data": {"win": {"system": {"eventID"...}, "eventdata": {"targetUserName"...}}}}`.
//!
//! Objects deeper than [`DEPTH_MAX`] are passed over. The text of the message is read for data only when there is none.

use super::inserts;
use super::reading::Reading;
use super::scan::{Scan, Token};

/// How deep objects are followed.
const DEPTH_MAX: u32 = 12;

/// Where in the document an object stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place<'a> {
    Root,
    System,
    /// An element of `System`, and everything under it.
    Item(&'a str),
    EventData,
    /// A named item of event data that is an object itself.
    Named(&'a str),
    UserData,
    Winlog,
    WinlogProcess,
    WinlogThread,
    WinlogUser,
    BeatEvent,
    Host,
    Log,
    LogFile,
    Agent,
    WazuhData,
    WazuhWindows,
    WazuhEventData,
    Other,
}

/// Reads the event in `text`, which starts at its `{`; `false` when it is no Windows event.
pub(super) fn read<'a>(text: &'a str, reading: &mut Reading<'_, 'a>) -> bool {
    let mut walk = Walk { scan: Scan::new(text, reading.arena), process_id: "", beat: false };
    if walk.scan.token() != Some(Token::Object) {
        return false;
    }
    walk.object(Place::Root, 0, reading);
    if !walk.process_id.is_empty() {
        // Flat documents use one name for two things: the writer's process, and the Filtering Platform's data.
        if reading.record.header.process_id.is_empty() {
            reading.record.header.process_id = walk.process_id;
        }
        if reading.record.header.event_id.starts_with("51") {
            reading.data("ProcessID", walk.process_id);
        }
    }
    if !reading.record.has_data() {
        let message = reading.record.header.message;
        super::text::labelled(message, reading);
    }
    !reading.record.header.event_id.is_empty()
}

struct Walk<'a> {
    scan: Scan<'a>,
    /// `ProcessID` of a flat document.
    process_id: &'a str,
    /// Whether `winlog` was seen: then unknown keys at the top are the collector's, not the event's.
    beat: bool,
}

impl<'a> Walk<'a> {
    fn object(&mut self, place: Place<'a>, depth: u32, reading: &mut Reading<'_, 'a>) {
        if depth > DEPTH_MAX || place == Place::Other {
            self.scan.skip();
            return;
        }
        while let Some(key) = self.scan.key() {
            match self.scan.token() {
                None => return,
                Some(Token::Null) => {}
                Some(Token::Scalar(value)) => self.scalar(place, key, value, reading),
                Some(Token::Object) if place == Place::EventData && key == "Data" => self.data_item(depth + 1, reading),
                Some(Token::Object) => self.object(inner(place, key), depth + 1, reading),
                Some(Token::Array) => self.array(place, key, depth + 1, reading),
            }
        }
    }

    fn array(&mut self, place: Place<'a>, key: &'a str, depth: u32, reading: &mut Reading<'_, 'a>) {
        if place == Place::Root && matches!(key, "StringInserts" | "string_inserts") {
            let mut index = 0;
            let id = reading.record.header.event_id;
            while let Some(token) = self.scan.element() {
                match token {
                    Token::Scalar(value) => reading.data(inserts::name(id, index), value),
                    Token::Object | Token::Array => self.scan.skip(),
                    Token::Null => {}
                }
                index += 1;
            }
            return;
        }
        while let Some(token) = self.scan.element() {
            match token {
                Token::Null => {}
                Token::Scalar(value) => self.scalar(place, key, value, reading),
                Token::Object if place == Place::EventData && key == "Data" => self.data_item(depth + 1, reading),
                Token::Object => self.object(inner(place, key), depth + 1, reading),
                Token::Array if depth > DEPTH_MAX => self.scan.skip(),
                Token::Array => self.array(place, key, depth + 1, reading),
            }
        }
    }

    /// `{"Name": "TargetUserName", "#text": "sato"}`, `{"@Name": ..., "text": ...}`, `{"#attributes": {"Name": ...}, ...}`
    fn data_item(&mut self, depth: u32, reading: &mut Reading<'_, 'a>) {
        let (mut name, mut value) = ("", None);
        let mut level = 0;
        loop {
            let Some(key) = self.scan.key() else {
                if level == 0 {
                    break;
                }
                level -= 1;
                continue;
            };
            match self.scan.token() {
                None => break,
                Some(Token::Null) => {}
                Some(Token::Scalar(text)) => match key.trim_start_matches(['@', '-']) {
                    "Name" | "name" => name = text,
                    _ => value = Some(text),
                },
                Some(Token::Object) if level + depth < DEPTH_MAX => level += 1,
                Some(Token::Object) => self.scan.skip(),
                Some(Token::Array) => {
                    while let Some(token) = self.scan.element() {
                        match token {
                            Token::Scalar(text) => reading.data(name, text),
                            Token::Object | Token::Array => self.scan.skip(),
                            Token::Null => {}
                        }
                    }
                }
            }
        }
        if let Some(value) = value {
            reading.data(name, value);
        } else if !name.is_empty() {
            reading.data(name, "");
        }
    }

    fn scalar(&mut self, place: Place<'a>, key: &'a str, value: &'a str, reading: &mut Reading<'_, 'a>) {
        let header = &mut reading.record.header;
        match place {
            Place::Root => self.root(key, value, reading),
            Place::System => {
                reading.header(key, value);
            }
            Place::Item(item) => system_item(item, key.trim_start_matches(['@', '-']), value, reading),
            Place::EventData => match key {
                "Data" | "#text" => reading.data("", value),
                "@xmlns" | "xmlns" | "@Name" | "xml_name" => {}
                _ => reading.data(key, value),
            },
            Place::Named(name) => match key {
                "#text" | "text" | "value" | "_" | "$t" => reading.data(name, value),
                _ => reading.data(key, value),
            },
            Place::UserData if !matches!(key, "xmlns" | "@xmlns" | "xmlns:auto-ns3" | "xml_name") => {
                reading.data(key, value);
            }
            Place::Winlog => match key {
                "outcome" => header.outcome = value,
                _ => {
                    reading.header(key, value);
                }
            },
            Place::WinlogProcess if key == "pid" => header.process_id = value,
            Place::WinlogThread if key == "id" => header.thread_id = value,
            Place::WinlogUser => match key {
                "identifier" => header.user_sid = value,
                "name" => header.user_name = value,
                "domain" => header.user_domain = value,
                "type" => header.user_type = value,
                _ => {}
            },
            Place::BeatEvent => match key {
                "code" if header.event_id.is_empty() => header.event_id = value,
                "provider" if header.provider.is_empty() => header.provider = value,
                "outcome" if header.outcome.is_empty() => header.outcome = value,
                "action" => header.action = value,
                _ => {}
            },
            Place::Host if matches!(key, "name" | "hostname") && header.computer.is_empty() => header.computer = value,
            Place::Log if key == "level" && header.level.is_empty() => header.level = value,
            Place::LogFile if key == "path" => header.log_path = value,
            Place::Agent => agent(key, value, reading),
            Place::WazuhEventData => {
                let name = reading.arena.alloc_str(key);
                if let Some(first) = name.get_mut(..1) {
                    first.make_ascii_uppercase();
                }
                reading.data(name, value);
            }
            _ => {}
        }
    }

    /// A scalar at the top: a dotted name, a header item, or data of a flat document.
    fn root(&mut self, key: &'a str, value: &'a str, reading: &mut Reading<'_, 'a>) {
        if let Some((first, rest)) = key.split_once('.') {
            let mut place = inner(Place::Root, first);
            let mut name = rest;
            while let Some((part, rest)) = name.split_once('.') {
                if matches!(place, Place::EventData | Place::UserData | Place::Other) {
                    break;
                }
                place = inner(place, part);
                name = rest;
            }
            if place == Place::Other {
                return;
            }
            self.beat |= place == Place::Winlog;
            self.scalar(place, name, value, reading);
            return;
        }
        match key {
            "ProcessID" => self.process_id = value,
            "EventType" if is_event_type(value) => {
                if value.starts_with("AUDIT") {
                    reading.keyword(value);
                }
            }
            "Severity" | "SeverityLevel" => reading.record.header.level = value,
            "Domain" => reading.record.header.user_domain = value,
            "AccountName" => {
                reading.record.header.user_name = value;
                reading.data(key, value);
            }
            "SeverityValue"
            | "OpcodeValue"
            | "TaskValue"
            | "Qualifiers"
            | "SourceModuleName"
            | "SourceModuleType"
            | "@version"
            | "product"
            | "category"
            | "service"
            | "type"
            | "tags"
            | "EventReceivedTimestamp" => {}
            _ => {
                if !reading.header(key, value) && !self.beat {
                    reading.data(key, value);
                }
            }
        }
    }
}

/// What an object under `key` is.
fn inner<'a>(place: Place<'a>, key: &'a str) -> Place<'a> {
    match (place, key) {
        (Place::Root, "Event") => Place::Root,
        (Place::Root, "System") => Place::System,
        (Place::Root, "EventData") | (Place::Root | Place::Winlog, "event_data") => Place::EventData,
        (Place::Root, "UserData") | (Place::Root | Place::Winlog, "user_data") => Place::UserData,
        (Place::Root, "RenderingInfo") => Place::System,
        (Place::Root, "winlog") => Place::Winlog,
        (Place::Root, "event") => Place::BeatEvent,
        (Place::Root, "host" | "hostname") => Place::Host,
        (Place::Root, "log") => Place::Log,
        (Place::Root, "agent") => Place::Agent,
        (Place::Root, "data") => Place::WazuhData,
        (Place::Root | Place::WazuhData, "win") => Place::WazuhWindows,
        (Place::WazuhWindows, "system") => Place::System,
        (Place::WazuhWindows, "eventdata" | "eventData") => Place::WazuhEventData,
        (Place::Root | Place::Winlog, "user") => Place::WinlogUser,
        (Place::Log, "file") => Place::LogFile,
        (Place::Winlog, "process") => Place::WinlogProcess,
        (Place::WinlogProcess, "thread") => Place::WinlogThread,
        (Place::System, item) => Place::Item(item.trim_end_matches("_attributes")),
        (Place::Item(item), _) => Place::Item(item),
        (Place::EventData, "#attributes" | "Data_attributes") => Place::Other,
        (Place::EventData, name) => Place::Named(name),
        (Place::Named(name), _) => Place::Named(name),
        (Place::UserData, "#attributes") => Place::Other,
        (Place::UserData, _) => Place::UserData,
        _ => Place::Other,
    }
}

/// `System`'s elements with attributes; elements with text have it under `#text`.
fn system_item<'a>(item: &str, key: &str, value: &'a str, reading: &mut Reading<'_, 'a>) {
    let header = &mut reading.record.header;
    match (item, key) {
        ("Provider", "Name") => header.provider = value,
        ("Provider", "Guid") => header.provider_guid = value,
        ("Provider", "EventSourceName") if header.provider.is_empty() => header.provider = value,
        ("TimeCreated", "SystemTime" | "#text") => {
            let text = value.strip_suffix(" UTC").unwrap_or(value);
            header.time = crate::time::iso(text, &crate::time::Zone::utc());
        }
        ("Correlation", "ActivityID") => header.activity_id = value,
        ("Correlation", "RelatedActivityID") => header.related_activity_id = value,
        ("Execution", "ProcessID") => header.process_id = value,
        ("Execution", "ThreadID") => header.thread_id = value,
        ("Security", "UserID") => header.user_sid = value,
        ("Keywords", "Keyword" | "#text") => reading.keyword(value),
        (_, "#text" | "text" | "_" | "$t" | "value") => {
            reading.header(item, value);
        }
        _ => {}
    }
}

/// NXLog's `EventType`, as opposed to Sysmon's.
fn is_event_type(value: &str) -> bool {
    matches!(
        value,
        "AUDIT_SUCCESS"
            | "AUDIT_FAILURE"
            | "INFO"
            | "WARNING"
            | "ERROR"
            | "CRITICAL"
            | "VERBOSE"
            | "SuccessAudit"
            | "FailureAudit"
            | "Information"
            | "Warning"
            | "Error"
    )
}

fn agent<'a>(key: &str, value: &'a str, reading: &mut Reading<'_, 'a>) {
    use stream::fields;
    let field = match key {
        "name" => fields::AGENT_NAME,
        "type" => fields::AGENT_TYPE,
        "version" => fields::AGENT_VERSION,
        "id" => fields::AGENT_ID,
        _ => return,
    };
    reading.event.push_str(field, value);
}
