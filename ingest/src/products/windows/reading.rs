//! What every format of a Windows event fills while it is read, and the header names that collectors use.

use bumpalo::Bump;
use stream::{Event, Timestamp};

use super::keys::Keys;
use super::record::Record;
use crate::parser::Context;
use crate::time;

/// An event being read.
pub(super) struct Reading<'r, 'a> {
    pub(super) record: Record<'a>,
    pub(super) keys: &'r mut Keys,
    pub(super) event: &'r mut Event<'a>,
    pub(super) arena: &'a Bump,
    pub(super) context: &'r Context,
    /// How many items of event data had no name.
    pub(super) unnamed: u32,
}

impl<'a> Reading<'_, 'a> {
    /// One item of event data. Without a name it is `param1`, `param2`, ..., as Winlogbeat counts them, up to 100.
    pub(super) fn data(&mut self, name: &str, value: &'a str) {
        if name.is_empty() {
            self.unnamed += 1;
            if self.unnamed <= 100 {
                let name = bumpalo::format!(in self.arena, "param{}", self.unnamed).into_bump_str();
                self.record.data(self.keys, self.event, name, value);
            }
            return;
        }
        self.record.data(self.keys, self.event, name, value);
    }

    /// A keyword or a mask of keywords.
    pub(super) fn keyword(&mut self, keyword: &'a str) {
        self.record.keyword(self.event, keyword.trim());
    }

    /// Reads a time: ISO with or without a zone, a number since the epoch, or .NET's `/Date(...)/`.
    pub(super) fn instant(&self, text: &str) -> Option<Timestamp> {
        let text = text.trim();
        let text = text.strip_prefix("/Date(").map_or(text, |rest| rest.trim_end_matches(")/"));
        time::iso(text, &self.context.zone).or_else(|| time::epoch(text))
    }

    /// Takes a header item under any of the names that Windows and its collectors give it; `false` when it is none.
    pub(super) fn header(&mut self, name: &str, value: &'a str) -> bool {
        let instant = match name {
            "TimeCreated" | "EventTime" | "SystemTime" | "systemTime" | "time_created" | "TimeCreated_SystemTime" => {
                self.instant(value)
            }
            "@timestamp" | "EventReceivedTime" | "TimeGenerated" | "TimeWritten" => {
                let instant = self.instant(value);
                self.record.header.collected = self.record.header.collected.or(instant);
                return true;
            }
            "Keywords" | "keywords" | "Keyword" | "severityValue" => {
                self.keyword(value);
                return true;
            }
            _ => None,
        };
        let header = &mut self.record.header;
        let place = match name {
            "EventID" | "EventId" | "eventID" | "event_id" => &mut header.event_id,
            "Provider_Name" | "ProviderName" | "SourceName" | "provider_name" | "providerName" | "source_name" => {
                &mut header.provider
            }
            "ProviderGuid" | "Provider_Guid" | "provider_guid" | "providerGuid" => &mut header.provider_guid,
            "Version" | "version" => &mut header.version,
            "Level" | "level" | "LevelDisplayName" => &mut header.level,
            "Task" | "task" | "Category" | "TaskDisplayName" => &mut header.task,
            "Opcode" | "opcode" | "OpcodeDisplayName" => &mut header.opcode,
            "EventRecordID" | "EventRecordId" | "RecordNumber" | "RecordId" | "eventRecordID" | "record_id"
            | "record_number" => &mut header.record_id,
            "ActivityID" | "ActivityId" | "activity_id" | "Correlation_ActivityID" => &mut header.activity_id,
            "RelatedActivityID" | "RelatedActivityId" | "related_activity_id" => &mut header.related_activity_id,
            "ExecutionProcessID" | "Execution_ProcessID" | "processID" | "process_id" => &mut header.process_id,
            "ExecutionThreadID" | "Execution_ThreadID" | "ThreadID" | "ThreadId" | "threadID" | "thread_id" => {
                &mut header.thread_id
            }
            "Channel" | "channel" | "LogName" | "log_name" => &mut header.channel,
            "Computer" | "computer" | "Hostname" | "ComputerName" | "computer_name" | "MachineName" => {
                &mut header.computer
            }
            "UserID" | "UserId" | "Security_UserID" | "Sid" => &mut header.user_sid,
            "AccountType" => &mut header.user_type,
            "Message" | "message" => &mut header.message,
            "api" => return true,
            "TimeCreated" | "EventTime" | "SystemTime" | "systemTime" | "time_created" | "TimeCreated_SystemTime" => {
                header.time = header.time.or(instant);
                return true;
            }
            _ => return false,
        };
        // NXLog writes both the task's number and, as Category, its text; the text says more.
        if place.is_empty() || matches!(name, "Category" | "TaskDisplayName" | "LevelDisplayName" | "OpcodeDisplayName")
        {
            *place = value;
        }
        true
    }
}
