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
        defender(id, record, event);
    } else if channel == "System" || channel.is_empty() {
        system(id, record, event);
    } else if channel.contains("TaskScheduler") {
        scheduled_task(id, record, event);
    } else if channel.contains("LocalSessionManager") {
        terminal_session(id, record, event);
    } else if channel.contains("RemoteConnectionManager") || channel.contains("RdpCoreTS") {
        remote_connection(id, record, event);
    } else if channel.contains("WinRM/") {
        remote_management(id, event);
    } else if channel.contains("Windows Firewall With Advanced Security") {
        firewall(id, record, event);
    } else if channel == "Application" {
        application(id, record, event);
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

/// Elevated words for the task, and the account it runs as or that changed it.
fn scheduled_task<'a>(id: u32, record: &Record<'a>, event: &mut Event<'a>) {
    match id {
        106 => class(event, "scheduled-task-created", &["configuration"], &["change", "creation"]),
        140 => class(event, "scheduled-task-updated", &["configuration"], &["change"]),
        141 => class(event, "scheduled-task-deleted", &["configuration"], &["change", "deletion"]),
        100 | 129 | 200 => class(event, "scheduled-task-started", &["process"], &["start"]),
        102 | 201 => class(event, "scheduled-task-completed", &["process"], &["end"]),
        101 | 103 | 203 => class(event, "scheduled-task-failed", &["process"], &["error"]),
        _ => return,
    }
    let account = record.get(Slot::UserContext);
    account_of(if account.is_empty() { record.get(Slot::UserName) } else { account }, event);
}

/// `DOMAIN\user`.
fn account_of<'a>(account: &'a str, event: &mut Event<'a>) {
    let (domain, name) = account.split_once('\\').unwrap_or(("", account));
    if !event.has(fields::USER_NAME) {
        event.push_str(fields::USER_NAME, name);
        event.push_str(fields::USER_DOMAIN, domain);
    }
}

/// Where a session comes from: an address, perhaps with a port; `LOCAL` and names are none.
fn source<'a>(address: &'a str, event: &mut Event<'a>) {
    let bare = address.trim_matches(['[', ']']);
    let with_port = address.rsplit_once(':').filter(|(host, _)| crate::put::ip(host).is_some());
    if crate::put::ip(bare).is_some() {
        crate::put::end(&crate::put::SOURCE, bare, event);
    } else if let Some((host, port)) = with_port {
        crate::put::end(&crate::put::SOURCE, host.trim_matches(['[', ']']), event);
        crate::put::port(fields::SOURCE_PORT, port, event);
    }
}

fn outcome(word: &'static str, event: &mut Event<'_>) {
    event.set(fields::EVENT_OUTCOME, Value::Str(word));
}

fn remote_connection<'a>(id: u32, record: &Record<'a>, event: &mut Event<'a>) {
    match id {
        1149 => {
            class(event, "rdp-authentication", &["authentication"], &["start", "info"]);
            outcome("success", event);
            event.push_str(fields::USER_NAME, record.get(Slot::Param1));
            event.push_str(fields::USER_DOMAIN, record.get(Slot::Param2));
            source(record.get(Slot::Param3), event);
        }
        131 => class(event, "rdp-connection", &["network"], &["connection", "start"]),
        140 => {
            class(event, "rdp-authentication", &["authentication"], &["start", "info"]);
            outcome("failure", event);
        }
        _ => {}
    }
    source(record.get(Slot::ClientIP), event);
    source(record.get(Slot::IPString), event);
}

fn remote_management(id: u32, event: &mut Event<'_>) {
    match id {
        6 => class(event, "winrm-session-created", &["network"], &["connection", "start"]),
        91 => class(event, "winrm-shell-created", &["session"], &["start"]),
        169 => {
            class(event, "winrm-authentication", &["authentication"], &["start", "info"]);
            outcome("success", event);
        }
        161 => {
            class(event, "winrm-authentication", &["authentication"], &["start", "info"]);
            outcome("failure", event);
        }
        _ => {}
    }
}

fn firewall<'a>(id: u32, record: &Record<'a>, event: &mut Event<'a>) {
    match id {
        2004 | 2071 | 2097 => class(event, "firewall-rule-added", &["configuration"], &["creation"]),
        2005 | 2073 | 2099 => class(event, "firewall-rule-modified", &["configuration"], &["change"]),
        2006 | 2033 | 2052 => class(event, "firewall-rule-deleted", &["configuration"], &["deletion"]),
        2002 | 2003 | 2082 => class(event, "firewall-setting-changed", &["configuration"], &["change"]),
        _ => return,
    }
    event.push_str(fields::RULE_NAME, record.get(Slot::RuleName));
    event.push_str(fields::PROCESS_EXECUTABLE, record.get(Slot::ModifyingApplication));
}

fn application<'a>(id: u32, record: &Record<'a>, event: &mut Event<'a>) {
    let provider = record.header.provider;
    match (provider, id) {
        ("Application Error", 1000) => {
            class(event, "application-crashed", &["process"], &["error"]);
            event.push_str(fields::PROCESS_NAME, record.get(Slot::Param1));
        }
        ("Application Hang", 1002) => class(event, "application-hung", &["process"], &["error"]),
        ("MsiInstaller", 1033 | 11707) => class(event, "software-installed", &["package"], &["installation"]),
        ("MsiInstaller", 1034 | 11724) => class(event, "software-removed", &["package"], &["deletion"]),
        (name, 18453..=18456) if name.starts_with("MSSQL") => {
            class(event, "database-login", &["authentication", "database"], &["start", "info"]);
            outcome(if id == 18456 { "failure" } else { "success" }, event);
            account_of(record.get(Slot::Param1), event);
            let client = [record.get(Slot::Param2), record.get(Slot::Param3)];
            for text in client {
                source(crate::put::between(text, "[CLIENT: ", "]").unwrap_or(""), event);
            }
        }
        _ => {}
    }
}

fn defender<'a>(id: u32, record: &Record<'a>, event: &mut Event<'a>) {
    event.push_str(fields::RULE_NAME, record.get(Slot::ThreatName));
    event.push_str(fields::RULE_CATEGORY, record.get(Slot::CategoryName));
    account_of(record.get(Slot::DetectionUser), event);
    let process = record.get(Slot::DefenderProcess);
    if process != "Unknown" {
        event.push_str(fields::PROCESS_EXECUTABLE, process);
        event.push_str(fields::PROCESS_NAME, process.rsplit('\\').next().unwrap_or(""));
    }
    // `file:_C:\temp\a.exe; webfile:_C:\temp\a.exe|https://...`
    let path = record.get(Slot::Path);
    let path = path.split(';').find_map(|part| part.trim().strip_prefix("file:_")).unwrap_or("");
    file_path(event, path.split("->").next().unwrap_or(""));
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
        ("Service Control Manager", 7036) if !record.get(Slot::Param1).is_empty() => {
            class(event, "service-state-changed", &["process"], &["change"]);
            event.push_str(fields::SERVICE_NAME, record.get(Slot::Param1));
        }
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
    if matches!(id, 21 | 25) {
        outcome("success", event);
    }
    account_of(record.get(Slot::User), event);
    source(record.get(Slot::Address), event);
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
