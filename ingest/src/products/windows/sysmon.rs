//! Sysmon: what each of its events tells of, and their data as ECS.
//!
//! Sources: Sysmon's manifest (`sysmon64 -s`, schema 4.90), SigmaHQ's categories for Sysmon.

use stream::{Event, Value, fields};

use super::codes::number;
use super::keys::Slot;
use super::record::{Record, file_path, ip_field, process_image, push_pid};

/// One kind of Sysmon event.
pub(super) struct Kind {
    /// `event.action`: the task's text.
    pub(super) action: &'static str,
    /// `event.category`.
    pub(super) category: &'static [&'static str],
    /// `event.type`.
    pub(super) kind: &'static [&'static str],
    /// Sigma's categories.
    pub(super) sigma: &'static [&'static str],
}

const fn row(
    action: &'static str,
    category: &'static [&'static str],
    kind: &'static [&'static str],
    sigma: &'static [&'static str],
) -> Kind {
    Kind { action, category, kind, sigma }
}

#[rustfmt::skip]
static KINDS: [Kind; 29] = [
    row("Process Create (rule: ProcessCreate)", &["process"], &["start"], &["process_creation"]),
    row("File creation time changed (rule: FileCreateTime)", &["file"], &["change"], &["file_change"]),
    row("Network connection detected (rule: NetworkConnect)", &["network"], &["start", "connection", "protocol"], &["network_connection"]),
    row("Sysmon service state changed", &["process"], &["change"], &["sysmon_status"]),
    row("Process terminated (rule: ProcessTerminate)", &["process"], &["end"], &["process_termination"]),
    row("Driver loaded (rule: DriverLoad)", &["driver"], &["start"], &["driver_load"]),
    row("Image loaded (rule: ImageLoad)", &["process"], &["change"], &["image_load"]),
    row("CreateRemoteThread detected (rule: CreateRemoteThread)", &["process"], &["change"], &["create_remote_thread"]),
    row("RawAccessRead detected (rule: RawAccessRead)", &["process"], &["access"], &["raw_access_thread"]),
    row("Process accessed (rule: ProcessAccess)", &["process"], &["access"], &["process_access"]),
    row("File created (rule: FileCreate)", &["file"], &["creation"], &["file_event"]),
    row("Registry object added or deleted (rule: RegistryEvent)", &["configuration", "registry"], &["change"], &["registry_event"]),
    row("Registry value set (rule: RegistryEvent)", &["configuration", "registry"], &["change"], &["registry_event", "registry_set"]),
    row("Registry object renamed (rule: RegistryEvent)", &["configuration", "registry"], &["change"], &["registry_event", "registry_rename"]),
    row("File stream created (rule: FileCreateStreamHash)", &["file"], &["access"], &["create_stream_hash"]),
    row("Sysmon config state changed", &["configuration"], &["change"], &["sysmon_status"]),
    row("Pipe Created (rule: PipeEvent)", &["file"], &["creation"], &["pipe_created"]),
    row("Pipe Connected (rule: PipeEvent)", &["file"], &["access"], &["pipe_created"]),
    row("WmiEventFilter activity detected (rule: WmiEvent)", &["process"], &["info"], &["wmi_event"]),
    row("WmiEventConsumer activity detected (rule: WmiEvent)", &["process"], &["info"], &["wmi_event"]),
    row("WmiEventConsumerToFilter activity detected (rule: WmiEvent)", &["process"], &["info"], &["wmi_event"]),
    row("Dns query (rule: DnsQuery)", &["network"], &["connection", "protocol", "info"], &["dns_query"]),
    row("File Delete archived (rule: FileDelete)", &["file"], &["deletion"], &["file_delete"]),
    row("Clipboard changed (rule: ClipboardChange)", &["process"], &["change"], &["clipboard_capture"]),
    row("Process Tampering (rule: ProcessTampering)", &["process"], &["change"], &["process_tampering"]),
    row("File Delete logged (rule: FileDeleteDetected)", &["file"], &["deletion"], &["file_delete"]),
    row("File Block Executable (rule: FileBlockExecutable)", &["file"], &["creation", "denied"], &["file_block_executable"]),
    row("File Block Shredding (rule: FileBlockShredding)", &["file"], &["deletion", "denied"], &["file_block_shredding"]),
    row("File Executable Detected (rule: FileExecutableDetected)", &["file"], &["creation"], &["file_executable_detected"]),
];

static ERROR: Kind = row("Error report", &["process"], &["error"], &["sysmon_error"]);

/// The Sysmon event of this id.
pub(super) fn find(id: u32) -> Option<&'static Kind> {
    if id == 255 {
        return Some(&ERROR);
    }
    KINDS.get((id as usize).checked_sub(1)?)
}

/// Sigma's categories that depend on the data: which registry operation it was.
pub(super) fn registry_category(event_type: &str) -> Option<&'static str> {
    match event_type {
        "CreateKey" => Some("registry_add"),
        "DeleteKey" | "DeleteValue" => Some("registry_delete"),
        _ => None,
    }
}

/// Sets the ECS fields of a Sysmon event.
pub(super) fn map<'a>(id: u32, record: &Record<'a>, event: &mut Event<'a>) {
    let image = if matches!(id, 8 | 10) { Slot::SourceImage } else { Slot::Image };
    process_image(event, fields::PROCESS_EXECUTABLE, fields::PROCESS_NAME, record.get(image));
    let pid = if matches!(id, 8 | 10) { Slot::SourceProcessId } else { Slot::ProcessId };
    push_pid(event, fields::PROCESS_PID, record.get(pid));
    let entity = [Slot::ProcessGuid, Slot::SourceProcessGuid, Slot::SourceProcessGUID];
    let entity = entity.into_iter().map(|slot| record.get(slot)).find(|text| !text.is_empty());
    event.push_str(fields::PROCESS_ENTITY_ID, entity.unwrap_or(""));
    let user = if record.get(Slot::User).is_empty() { record.get(Slot::SourceUser) } else { record.get(Slot::User) };
    match user.split_once('\\') {
        Some((domain, name)) => {
            event.push_str(fields::USER_DOMAIN, domain);
            event.push_str(fields::USER_NAME, name);
        }
        None => event.push_str(fields::USER_NAME, user),
    }
    match id {
        1 => process(record, event),
        3 => connection(record, event),
        6 | 7 => {
            file_path(event, record.get(Slot::ImageLoaded));
            hashes(event, record.get(Slot::Hashes), &FILE_HASHES);
        }
        2 | 11 | 15 | 23 | 26..=29 => {
            file_path(event, record.get(Slot::TargetFilename));
            hashes(event, record.get(Slot::Hashes), &FILE_HASHES);
        }
        12..=14 => registry(event, record.get(Slot::TargetObject), record.get(Slot::Details)),
        17 | 18 => event.push_str(fields::FILE_NAME, record.get(Slot::PipeName)),
        22 => dns(record, event),
        _ => {}
    }
}

fn process<'a>(record: &Record<'a>, event: &mut Event<'a>) {
    event.push_str(fields::PROCESS_COMMAND_LINE, record.get(Slot::CommandLine));
    event.push_str(fields::PROCESS_WORKING_DIRECTORY, record.get(Slot::CurrentDirectory));
    event.push_str(fields::PROCESS_PE_ORIGINAL_FILE_NAME, record.get(Slot::OriginalFileName));
    event.push_str(fields::PROCESS_PE_COMPANY, record.get(Slot::Company));
    event.push_str(fields::PROCESS_PE_DESCRIPTION, record.get(Slot::Description));
    event.push_str(fields::PROCESS_PE_PRODUCT, record.get(Slot::Product));
    event.push_str(fields::PROCESS_PE_FILE_VERSION, record.get(Slot::FileVersion));
    let parent = record.get(Slot::ParentImage);
    process_image(event, fields::PROCESS_PARENT_EXECUTABLE, fields::PROCESS_PARENT_NAME, parent);
    push_pid(event, fields::PROCESS_PARENT_PID, record.get(Slot::ParentProcessId));
    event.push_str(fields::PROCESS_PARENT_COMMAND_LINE, record.get(Slot::ParentCommandLine));
    event.push_str(fields::PROCESS_PARENT_ENTITY_ID, record.get(Slot::ParentProcessGuid));
    hashes(event, record.get(Slot::Hashes), &PROCESS_HASHES);
}

type HashFields = [(&'static str, stream::FieldId); 4];
const PROCESS_HASHES: HashFields = [
    ("MD5", fields::PROCESS_HASH_MD5),
    ("SHA1", fields::PROCESS_HASH_SHA1),
    ("SHA256", fields::PROCESS_HASH_SHA256),
    ("IMPHASH", fields::PROCESS_PE_IMPHASH),
];
const FILE_HASHES: HashFields = [
    ("MD5", fields::FILE_HASH_MD5),
    ("SHA1", fields::FILE_HASH_SHA1),
    ("SHA256", fields::FILE_HASH_SHA256),
    ("IMPHASH", fields::FILE_PE_IMPHASH),
];

/// `SHA1=...,MD5=...,SHA256=...,IMPHASH=...`
fn hashes<'a>(event: &mut Event<'a>, text: &'a str, into: &HashFields) {
    for (name, value) in text.split(',').filter_map(|part| part.split_once('=')) {
        if let Some((_, field)) = into.iter().find(|(known, _)| *known == name) {
            event.push_str(*field, value);
            event.push_unique(fields::RELATED_HASH, Value::Str(value));
        }
    }
}

fn connection<'a>(record: &Record<'a>, event: &mut Event<'a>) {
    ip_field(event, fields::SOURCE_IP, record.get(Slot::SourceIp));
    ip_field(event, fields::DESTINATION_IP, record.get(Slot::DestinationIp));
    event.push_str(fields::SOURCE_DOMAIN, record.get(Slot::SourceHostname));
    event.push_str(fields::DESTINATION_DOMAIN, record.get(Slot::DestinationHostname));
    for (field, slot) in [(fields::SOURCE_PORT, Slot::SourcePort), (fields::DESTINATION_PORT, Slot::DestinationPort)] {
        if let Some(port) = number(record.get(slot)) {
            event.push(field, Value::Int(port));
        }
    }
    event.push_str(fields::NETWORK_TRANSPORT, record.get(Slot::Protocol));
    match record.get(Slot::Initiated) {
        "true" | "True" => event.push(fields::NETWORK_DIRECTION, Value::Str("egress")),
        "false" | "False" => event.push(fields::NETWORK_DIRECTION, Value::Str("ingress")),
        _ => {}
    }
}

/// `HKLM\System\CurrentControlSet\Services\x\Start`
fn registry<'a>(event: &mut Event<'a>, path: &'a str, details: &'a str) {
    event.push_str(fields::REGISTRY_PATH, path);
    if let Some((hive, rest)) = path.split_once('\\') {
        event.push_str(fields::REGISTRY_HIVE, hive);
        event.push_str(fields::REGISTRY_KEY, rest);
        event.push_str(fields::REGISTRY_VALUE, rest.rsplit('\\').next().unwrap_or(""));
    }
    event.push_str(fields::REGISTRY_DATA_STRINGS, details);
}

/// `QueryResults`: `type:  5 name.example.jp;192.0.2.1;::ffff:198.51.100.1;`
fn dns<'a>(record: &Record<'a>, event: &mut Event<'a>) {
    event.push_str(fields::DNS_QUESTION_NAME, record.get(Slot::QueryName));
    for answer in record.get(Slot::QueryResults).split(';').filter(|answer| !answer.is_empty()) {
        match super::record::address(answer) {
            Some(ip) => event.push(fields::DNS_RESOLVED_IP, Value::Ip(ip)),
            None => {
                let name = answer.rsplit(' ').next().unwrap_or("");
                event.push_str(fields::DNS_ANSWERS_DATA, name);
            }
        }
    }
}
