//! Events of other channels that detection and operators look for: services, log clearing, power, PowerShell, Defender.

use stream::{Event, Value, fields};

use super::keys::Slot;
use super::record::{Record, class, file_path, names};

/// Sets what is known of an event outside Security and Sysmon.
pub(super) fn map<'a>(id: u32, record: &mut Record<'a>, event: &mut Event<'a>) {
    let provider = record.header.provider;
    let channel = record.header.channel;
    if channel.contains("PowerShell") || provider.contains("PowerShell") {
        powershell(id, record, event);
    } else if channel.contains("Windows Defender/") {
        defender(id, event);
    } else if channel == "System" || channel.is_empty() {
        system(id, record, event);
    } else if channel.contains("TaskScheduler") {
        let action = match id {
            106 => "scheduled-task-created",
            140 => "scheduled-task-updated",
            141 => "scheduled-task-deleted",
            _ => "",
        };
        if !action.is_empty() {
            class(event, action, &["configuration"], &["change"]);
        }
    } else if channel.contains("LocalSessionManager") {
        terminal_session(id, record, event);
    }
    event.push_str(fields::SERVICE_NAME, record.get(Slot::ServiceName));
    user(record, event);
}

fn powershell<'a>(id: u32, record: &Record<'a>, event: &mut Event<'a>) {
    let (action, category): (&str, &str) = match id {
        4103 => ("Executing Pipeline", "ps_module"),
        4104 => ("Execute a Remote Command", "ps_script"),
        400 => ("Engine Lifecycle", "ps_classic_start"),
        403 => ("Engine Lifecycle", ""),
        600 => ("Provider Lifecycle", "ps_classic_provider_start"),
        800 => ("Pipeline Execution Details", "ps_classic_script"),
        _ => ("", ""),
    };
    if action.is_empty() {
        return;
    }
    class(event, action, &["process"], if id == 400 { &["start"] } else { &["info"] });
    event.push_str(fields::SEKISHO_LOGSOURCE_CATEGORY, category);
    if id == 4104 {
        file_path(event, record.get(Slot::Path));
    }
}

fn defender(id: u32, event: &mut Event<'_>) {
    match id {
        1006 | 1015 | 1116 => class(event, "malware-detected", &["malware"], &["info"]),
        1007 | 1117 | 1118 | 1119 => class(event, "malware-action-taken", &["malware"], &["change"]),
        5001 => class(event, "realtime-protection-disabled", &["configuration"], &["change"]),
        5007 => class(event, "configuration-changed", &["configuration"], &["change"]),
        _ => {}
    }
}

fn system<'a>(id: u32, record: &Record<'a>, event: &mut Event<'a>) {
    let provider = record.header.provider;
    match (provider, id) {
        ("Service Control Manager", 7045) => class(event, "service-installed", &["configuration"], &["creation"]),
        ("Service Control Manager", 7036) => class(event, "service-state-changed", &["process"], &["change"]),
        ("Service Control Manager", 7040) => {
            class(event, "service-start-type-changed", &["configuration"], &["change"])
        }
        ("Service Control Manager", 7034 | 7031) => class(event, "service-terminated", &["process"], &["error"]),
        ("Microsoft-Windows-Eventlog" | "Eventlog", 104) => {
            class(event, "event-log-cleared", &["configuration"], &["deletion"]);
        }
        ("EventLog", 6005) => class(event, "event-log-started", &["host"], &["start"]),
        ("EventLog", 6006) => class(event, "event-log-stopped", &["host"], &["end"]),
        ("EventLog", 6008) => class(event, "unexpected-shutdown", &["host"], &["error"]),
        ("User32" | "USER32", 1074) => class(event, "system-shutdown", &["host"], &["end"]),
        ("Microsoft-Windows-Kernel-Power", 41) => class(event, "unexpected-restart", &["host"], &["error"]),
        ("Microsoft-Windows-Kernel-General", 1 | 24) => class(event, "system-time-changed", &["host"], &["change"]),
        _ => {}
    }
}

fn terminal_session<'a>(id: u32, record: &Record<'a>, event: &mut Event<'a>) {
    match id {
        21 => class(event, "session-logon", &["authentication", "session"], &["start"]),
        23 => class(event, "session-logoff", &["authentication", "session"], &["end"]),
        24 => class(event, "session-disconnected", &["session"], &["end"]),
        25 => class(event, "session-reconnected", &["session"], &["start"]),
        _ => {}
    }
    let (domain, name) = record.get(Slot::User).split_once('\\').unwrap_or(("", record.get(Slot::User)));
    event.push_str(fields::USER_NAME, name);
    event.push_str(fields::USER_DOMAIN, domain);
}

/// Who it was: named in the data, or by the header.
fn user<'a>(record: &Record<'a>, event: &mut Event<'a>) {
    if event.has(fields::USER_NAME) {
        return;
    }
    let header = &record.header;
    if !record.get(Slot::SubjectUserName).is_empty() {
        let texts =
            [record.get(Slot::SubjectUserSid), record.get(Slot::SubjectUserName), record.get(Slot::SubjectDomainName)];
        names(event, [fields::USER_ID, fields::USER_NAME, fields::USER_DOMAIN], texts);
    } else {
        let texts = [header.user_sid, header.user_name, header.user_domain];
        names(event, [fields::USER_ID, fields::USER_NAME, fields::USER_DOMAIN], texts);
    }
    if !header.user_name.is_empty() {
        event.push_unique(fields::RELATED_USER, Value::Str(header.user_name));
    }
}
