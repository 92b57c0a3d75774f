//! One Windows event while it is read: its header, and its data by slot; and how both become ECS fields.
//!
//! The formats (JSON, XML, text) only fill a [`Record`]; everything that depends on the event's id happens in
//! [`Record::finish`], because the id may stand anywhere in the text.

use std::net::IpAddr;

use bumpalo::Bump;
use stream::{Event, FieldId, Timestamp, Value, fields};

use super::audit::{self, Actor, Audit, Object};
use super::channels;
use super::codes;
use super::keys::{Keys, SLOTS, Slot};
use super::{others, sysmon};

/// The header of one event; empty text is an absent value.
#[derive(Default)]
pub(super) struct Header<'a> {
    pub(super) provider: &'a str,
    pub(super) provider_guid: &'a str,
    pub(super) event_id: &'a str,
    pub(super) version: &'a str,
    pub(super) level: &'a str,
    pub(super) task: &'a str,
    pub(super) opcode: &'a str,
    pub(super) record_id: &'a str,
    pub(super) activity_id: &'a str,
    pub(super) related_activity_id: &'a str,
    pub(super) process_id: &'a str,
    pub(super) thread_id: &'a str,
    pub(super) channel: &'a str,
    pub(super) computer: &'a str,
    pub(super) user_sid: &'a str,
    pub(super) user_name: &'a str,
    pub(super) user_domain: &'a str,
    pub(super) user_type: &'a str,
    pub(super) outcome: &'a str,
    pub(super) action: &'a str,
    pub(super) log_path: &'a str,
    pub(super) message: &'a str,
    /// When it happened.
    pub(super) time: Option<Timestamp>,
    /// When a collector wrote it; used when nothing else is known.
    pub(super) collected: Option<Timestamp>,
}

/// Header and data of one event.
pub(super) struct Record<'a> {
    pub(super) header: Header<'a>,
    slots: [&'a str; SLOTS],
    data_count: usize,
}

impl<'a> Record<'a> {
    /// The most items of event data kept as fields, so that room for the ECS fields is left.
    const DATA_MAX: usize = 300;

    /// An empty record.
    pub(super) fn new() -> Self {
        Record { header: Header::default(), slots: [""; SLOTS], data_count: 0 }
    }

    /// Keeps one item of event data as a field, and by slot.
    pub(super) fn data(&mut self, keys: &mut Keys, event: &mut Event<'a>, name: &str, value: &'a str) {
        let key = keys.get(name);
        self.data_count += 1;
        if let Some(field) = key.field.filter(|_| self.data_count <= Self::DATA_MAX) {
            event.push(field, Value::Str(value));
        }
        if let Some(slot) = key.slot {
            self.slots[slot as usize] = value;
        }
    }

    /// Whether any event data was read.
    pub(super) fn has_data(&self) -> bool {
        self.data_count > 0
    }

    /// The value in a slot; empty when absent.
    pub(super) fn get(&self, slot: Slot) -> &'a str {
        self.slots[slot as usize]
    }

    /// Adds a keyword: its text, or the outcome that a mask or a text in another language tells.
    pub(super) fn keyword(&mut self, event: &mut Event<'a>, keyword: &'a str) {
        if self.header.outcome.is_empty() {
            self.header.outcome = codes::outcome(keyword).unwrap_or("");
        }
        let text = match codes::outcome(keyword) {
            Some("success") => "Audit Success",
            Some(_) => "Audit Failure",
            None if keyword.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') => return,
            None if keyword.starts_with("0x") => return,
            None => keyword,
        };
        event.push_unique(fields::WINLOG_KEYWORDS, Value::Str(text));
    }

    /// Sets the ECS fields of the whole event.
    pub(super) fn finish(mut self, event: &mut Event<'a>, arena: &'a Bump) {
        let id = codes::number(self.header.event_id).and_then(|id| u32::try_from(id).ok()).unwrap_or(0);
        event.push(fields::EVENT_KIND, Value::Str("event"));
        event.push(fields::SEKISHO_LOGSOURCE_PRODUCT, Value::Str("windows"));
        let is_sysmon = self.header.provider.ends_with("Sysmon") || self.header.channel.contains("-Sysmon/");
        let known = audit::find(id).filter(|_| !is_sysmon && self.is_security());
        let service = channels::service(self.header.channel).or(match (is_sysmon, known) {
            (true, _) => Some("sysmon"),
            (_, Some(_)) => Some("security"),
            _ => None,
        });
        if let Some(service) = service {
            event.push(fields::SEKISHO_LOGSOURCE_SERVICE, Value::Str(service));
        }
        if let Some(audit) = known {
            class(event, audit.action, audit.category, audit.kind);
            self.audit(audit, event, arena);
            if id == 4688 {
                event.push(fields::SEKISHO_LOGSOURCE_CATEGORY, Value::Str("process_creation"));
            }
        } else if let Some(kind) = sysmon::find(id).filter(|_| is_sysmon) {
            class(event, kind.action, kind.category, kind.kind);
            for category in kind.sigma.iter().copied().chain(sysmon::registry_category(self.get(Slot::EventType))) {
                event.push(fields::SEKISHO_LOGSOURCE_CATEGORY, Value::Str(category));
            }
            sysmon::map(id, &self, event);
        } else {
            others::map(id, &mut self, event);
        }
        self.time(is_sysmon, event);
        self.write_header(event);
        related(event);
    }

    /// Whether an audit id may be taken as one: by channel, by provider, or because neither is known.
    fn is_security(&self) -> bool {
        let header = &self.header;
        header.channel == "Security"
            || header.provider == "Microsoft-Windows-Security-Auditing"
            || header.channel.is_empty()
                && (header.provider.is_empty() || header.provider == "Microsoft-Windows-Eventlog")
    }

    fn time(&self, is_sysmon: bool, event: &mut Event<'a>) {
        // Sysmon's own time is when it happened, the header's is when it was written.
        let own = match is_sysmon {
            true => crate::time::iso(self.get(Slot::UtcTime), &crate::time::Zone::utc()),
            false => None,
        };
        if let Some(time) = own.or(self.header.time).or(self.header.collected) {
            event.push(fields::TIMESTAMP, Value::Time(time));
        }
    }

    fn write_header(&self, event: &mut Event<'a>) {
        let header = &self.header;
        for (field, text) in [
            (fields::EVENT_CODE, header.event_id),
            (fields::EVENT_PROVIDER, header.provider),
            (fields::WINLOG_EVENT_ID, header.event_id),
            (fields::WINLOG_CHANNEL, header.channel),
            (fields::WINLOG_PROVIDER_NAME, header.provider),
            (fields::WINLOG_PROVIDER_GUID, header.provider_guid),
            (fields::WINLOG_COMPUTER_NAME, header.computer),
            (fields::HOST_NAME, header.computer),
            (fields::WINLOG_RECORD_ID, header.record_id),
            (fields::WINLOG_TASK, header.task),
            (fields::WINLOG_OPCODE, header.opcode),
            (fields::WINLOG_ACTIVITY_ID, header.activity_id),
            (fields::WINLOG_RELATED_ACTIVITY_ID, header.related_activity_id),
            (fields::WINLOG_USER_IDENTIFIER, header.user_sid),
            (fields::WINLOG_USER_NAME, header.user_name),
            (fields::WINLOG_USER_DOMAIN, header.user_domain),
            (fields::WINLOG_USER_TYPE, header.user_type),
            (fields::LOG_FILE_PATH, header.log_path),
            (fields::MESSAGE, header.message),
        ] {
            event.push_str(field, text);
        }
        for (field, text) in [
            (fields::WINLOG_PROCESS_PID, header.process_id),
            (fields::WINLOG_PROCESS_THREAD_ID, header.thread_id),
            (fields::WINLOG_VERSION, header.version),
        ] {
            if let Some(number) = codes::number(text) {
                event.push(field, Value::Int(number));
            }
        }
        event.push_str(fields::LOG_LEVEL, codes::level(header.level).unwrap_or(header.level));
        if !header.action.is_empty() && !event.has(fields::EVENT_ACTION) {
            event.push_str(fields::EVENT_ACTION, header.action);
        }
        let outcome = match header.outcome {
            "" if self.is_security() => codes::number(header.event_id).and_then(codes::only_outcome).unwrap_or(""),
            outcome => outcome,
        };
        if !event.has(fields::EVENT_OUTCOME) {
            event.push_str(fields::EVENT_OUTCOME, outcome);
        }
        event.push_str(fields::WINLOG_OUTCOME, outcome);
    }

    /// The ECS fields of a Security audit event.
    fn audit(&self, audit: &Audit, event: &mut Event<'a>, arena: &'a Bump) {
        let target_sid = match self.get(Slot::TargetUserSid) {
            "" => self.get(Slot::TargetSid),
            sid => sid,
        };
        let (target, domain) = (self.get(Slot::TargetUserName), self.get(Slot::TargetDomainName));
        let plain = target.split('@').next().unwrap_or("");
        match audit.actor {
            Actor::Subject => names(
                event,
                [fields::USER_ID, fields::USER_NAME, fields::USER_DOMAIN],
                [self.get(Slot::SubjectUserSid), self.get(Slot::SubjectUserName), self.get(Slot::SubjectDomainName)],
            ),
            Actor::Target => {
                names(event, [fields::USER_ID, fields::USER_NAME, fields::USER_DOMAIN], [target_sid, plain, domain]);
                related_user(event, self.get(Slot::SubjectUserName));
            }
            Actor::Account => {
                event.push_str(fields::USER_NAME, self.get(Slot::AccountName));
                event.push_str(fields::USER_DOMAIN, self.get(Slot::AccountDomain));
                ip_field(event, fields::SOURCE_IP, self.get(Slot::ClientAddress));
                event.push_str(fields::SOURCE_DOMAIN, self.get(Slot::ClientName));
            }
            Actor::Nobody => {}
        }
        match audit.object {
            Object::Nothing => {}
            Object::User => names(
                event,
                [fields::USER_TARGET_ID, fields::USER_TARGET_NAME, fields::USER_TARGET_DOMAIN],
                [target_sid, plain, domain],
            ),
            Object::Effective => names(
                event,
                [fields::USER_EFFECTIVE_ID, fields::USER_EFFECTIVE_NAME, fields::USER_EFFECTIVE_DOMAIN],
                [target_sid, plain, domain],
            ),
            Object::Group => {
                names(
                    event,
                    [fields::GROUP_ID, fields::GROUP_NAME, fields::GROUP_DOMAIN],
                    [target_sid, target, domain],
                );
                self.member(event, [target_sid, target, domain]);
            }
        }
        if audit.id == 4781 {
            event.push_str(fields::USER_TARGET_NAME, self.get(Slot::OldTargetUserName));
            event.push_str(fields::USER_CHANGES_NAME, self.get(Slot::NewTargetUserName));
        }
        self.logon(audit, event);
        self.origin(event);
        self.process(audit.id, event);
        match audit.id {
            5140 | 5142..=5145 => self.share(event, arena),
            5150..=5159 => self.filtering(event),
            4656 | 4658 | 4660 | 4663 | 4664 | 4670 if self.get(Slot::ObjectType) == "File" => {
                file_path(event, self.get(Slot::ObjectName));
            }
            4657 => {
                event.push_str(fields::REGISTRY_PATH, self.get(Slot::ObjectName));
                event.push_str(fields::REGISTRY_VALUE, self.get(Slot::ObjectValueName));
            }
            _ => {}
        }
        event.push_str(fields::SERVICE_NAME, self.get(Slot::ServiceName));
    }

    /// `CN=sato,CN=Users,DC=example,DC=jp`: the member of a group.
    fn member(&self, event: &mut Event<'a>, group: [&'a str; 3]) {
        let (name, sid) = (self.get(Slot::MemberName), self.get(Slot::MemberSid));
        if name.is_empty() && sid.is_empty() {
            return;
        }
        let part = name.split(',').next().unwrap_or("");
        let common = part.strip_prefix("CN=").or_else(|| part.strip_prefix("cn=")).unwrap_or(part);
        event.push_str(fields::USER_TARGET_NAME, common);
        event.push_str(fields::USER_TARGET_ID, sid);
        let domain = name.split(',').nth(3).and_then(|part| part.split_once('='));
        event.push_str(fields::USER_TARGET_DOMAIN, domain.map_or("", |(_, domain)| domain));
        names(
            event,
            [fields::USER_TARGET_GROUP_ID, fields::USER_TARGET_GROUP_NAME, fields::USER_TARGET_GROUP_DOMAIN],
            group,
        );
    }

    fn logon(&self, audit: &Audit, event: &mut Event<'a>) {
        let kind = self.get(Slot::LogonType);
        event.push_str(fields::WINLOG_LOGON_TYPE, codes::logon_type(kind).unwrap_or(kind));
        let own = match audit.actor {
            Actor::Target => self.get(Slot::TargetLogonId),
            Actor::Account => self.get(Slot::LogonID),
            _ => "",
        };
        event.push_str(fields::WINLOG_LOGON_ID, if own.is_empty() { self.get(Slot::SubjectLogonId) } else { own });
        let status = self.get(Slot::Status);
        match audit.id {
            4625 => {
                let reason = self.get(Slot::FailureReason);
                let reason = codes::failure_reason(reason).unwrap_or(reason);
                event.push_str(fields::WINLOG_LOGON_FAILURE_REASON, reason);
                event.push_str(fields::WINLOG_LOGON_FAILURE_STATUS, codes::logon_status(status).unwrap_or(status));
                let sub = self.get(Slot::SubStatus);
                event.push_str(fields::WINLOG_LOGON_FAILURE_SUB_STATUS, codes::logon_status(sub).unwrap_or(sub));
                event.push_str(fields::EVENT_REASON, reason);
            }
            4776 | 4777 if codes::number(status).is_some_and(|code| code != 0) => {
                event.push_str(fields::EVENT_REASON, codes::logon_status(status).unwrap_or(status));
            }
            4768..=4773 if codes::number(status).is_some_and(|code| code != 0) => {
                event.push_str(fields::EVENT_REASON, codes::kerberos_status(status).unwrap_or(status));
            }
            _ => {}
        }
    }

    /// Where a logon or an access came from.
    fn origin(&self, event: &mut Event<'a>) {
        ip_field(event, fields::SOURCE_IP, self.get(Slot::IpAddress));
        if let Some(port) = codes::number(self.get(Slot::IpPort)) {
            event.push(fields::SOURCE_PORT, Value::Int(port));
        }
        for slot in [Slot::WorkstationName, Slot::Workstation] {
            let name = self.get(slot).trim_start_matches('\\');
            if !event.has(fields::SOURCE_DOMAIN) {
                event.push_str(fields::SOURCE_DOMAIN, name);
            }
        }
    }

    fn process(&self, id: u16, event: &mut Event<'a>) {
        let (executable, pid) = match id {
            4688 => (self.get(Slot::NewProcessName), self.get(Slot::NewProcessId)),
            4798 | 4799 => (self.get(Slot::CallerProcessName), self.get(Slot::CallerProcessId)),
            5150..=5159 => return,
            _ => (self.get(Slot::ProcessName), self.get(Slot::ProcessId)),
        };
        process_image(event, fields::PROCESS_EXECUTABLE, fields::PROCESS_NAME, executable);
        push_pid(event, fields::PROCESS_PID, pid);
        match id {
            4688 => {
                let parent = self.get(Slot::ParentProcessName);
                process_image(event, fields::PROCESS_PARENT_EXECUTABLE, fields::PROCESS_PARENT_NAME, parent);
                push_pid(event, fields::PROCESS_PARENT_PID, self.get(Slot::ProcessId));
                event.push_str(fields::PROCESS_COMMAND_LINE, self.get(Slot::CommandLine));
            }
            4689 => {
                if let Some(code) = codes::number(self.get(Slot::Status)) {
                    event.push(fields::PROCESS_EXIT_CODE, Value::Int(code));
                }
            }
            _ => {}
        }
    }

    /// `ShareName` `\\*\public`, `ShareLocalPath` `\??\C:\public`, `RelativeTargetName` `minutes\a.docx`
    fn share(&self, event: &mut Event<'a>, arena: &'a Bump) {
        let (share, local) = (self.get(Slot::ShareName), self.get(Slot::ShareLocalPath));
        let name = self.get(Slot::RelativeTargetName);
        event.push_str(fields::FILE_NAME, name);
        event.push_str(fields::FILE_DIRECTORY, local);
        if name.is_empty() {
            return;
        }
        if !local.is_empty() {
            let path = bumpalo::format!(in arena, "{}\\{}", local, name).into_bump_str();
            event.push_str(fields::FILE_PATH, path);
        }
        if !share.is_empty() {
            let path = bumpalo::format!(in arena, "{}\\{}", share, name).into_bump_str();
            event.push_str(fields::FILE_TARGET_PATH, path);
        }
        extension(event, name);
    }

    /// The Windows Filtering Platform's packets and connections.
    fn filtering(&self, event: &mut Event<'a>) {
        ip_field(event, fields::SOURCE_IP, self.get(Slot::SourceAddress));
        ip_field(event, fields::DESTINATION_IP, self.get(Slot::DestAddress));
        for (field, slot) in [(fields::SOURCE_PORT, Slot::SourcePort), (fields::DESTINATION_PORT, Slot::DestPort)] {
            if let Some(port) = codes::number(self.get(slot)) {
                event.push(field, Value::Int(port));
            }
        }
        let protocol = self.get(Slot::Protocol);
        event.push_str(fields::NETWORK_IANA_NUMBER, protocol);
        event.push_str(fields::NETWORK_TRANSPORT, codes::transport(protocol).unwrap_or(""));
        let direction = match self.get(Slot::Direction) {
            "%%14592" | "Inbound" | "受信" => "ingress",
            "%%14593" | "Outbound" | "送信" => "egress",
            _ => "",
        };
        event.push_str(fields::NETWORK_DIRECTION, direction);
        let application = self.get(Slot::Application);
        process_image(event, fields::PROCESS_EXECUTABLE, fields::PROCESS_NAME, application);
        let pid = match self.get(Slot::ProcessID) {
            "" => self.get(Slot::ProcessId),
            pid => pid,
        };
        push_pid(event, fields::PROCESS_PID, pid);
    }
}

/// Sets action, category and type.
pub(super) fn class(event: &mut Event<'_>, action: &'static str, category: &[&'static str], kind: &[&'static str]) {
    event.push_str(fields::EVENT_ACTION, action);
    for word in category {
        event.push(fields::EVENT_CATEGORY, Value::Str(word));
    }
    for word in kind {
        event.push(fields::EVENT_TYPE, Value::Str(word));
    }
}

pub(super) fn names<'a>(event: &mut Event<'a>, into: [FieldId; 3], texts: [&'a str; 3]) {
    for (field, text) in into.into_iter().zip(texts) {
        event.push_str(field, text);
    }
}

/// An address in any form Windows writes it; IPv4 inside IPv6 counts as IPv4.
pub(super) fn address(text: &str) -> Option<IpAddr> {
    text.split('%').next()?.parse::<IpAddr>().ok().map(|ip| ip.to_canonical())
}

pub(super) fn ip_field(event: &mut Event<'_>, field: FieldId, text: &str) {
    if let Some(ip) = address(text.trim()) {
        event.push(field, Value::Ip(ip));
    }
}

/// A program's path and its last part.
pub(super) fn process_image<'a>(event: &mut Event<'a>, path: FieldId, name: FieldId, text: &'a str) {
    event.push_str(path, text);
    event.push_str(name, last_part(text));
}

pub(super) fn push_pid(event: &mut Event<'_>, field: FieldId, text: &str) {
    if let Some(pid) = codes::number(text) {
        event.push(field, Value::Int(pid));
    }
}

/// A file's path, folder, name and extension.
pub(super) fn file_path<'a>(event: &mut Event<'a>, path: &'a str) {
    let name = last_part(path);
    event.push_str(fields::FILE_PATH, path);
    event.push_str(fields::FILE_NAME, name);
    event.push_str(fields::FILE_DIRECTORY, path[..path.len() - name.len()].trim_end_matches(['\\', '/']));
    extension(event, name);
}

fn extension<'a>(event: &mut Event<'a>, name: &'a str) {
    if let Some((_, extension)) = last_part(name).rsplit_once('.') {
        event.push_str(fields::FILE_EXTENSION, extension);
    }
}

fn last_part(path: &str) -> &str {
    path.rsplit(['\\', '/']).next().unwrap_or(path)
}

fn related_user<'a>(event: &mut Event<'a>, name: &'a str) {
    if !name.is_empty() && name != "-" {
        event.push_unique(fields::RELATED_USER, Value::Str(name));
    }
}

/// Fills `related.user` and `related.ip` from what was set.
fn related(event: &mut Event<'_>) {
    for field in [fields::USER_NAME, fields::USER_TARGET_NAME, fields::USER_EFFECTIVE_NAME, fields::USER_CHANGES_NAME] {
        if let Some(name) = event.get(field) {
            event.push_unique(fields::RELATED_USER, name);
        }
    }
    for field in [fields::SOURCE_IP, fields::DESTINATION_IP] {
        if let Some(ip) = event.get(field) {
            event.push_unique(fields::RELATED_IP, ip);
        }
    }
}
