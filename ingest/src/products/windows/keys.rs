//! Names of event data: which field each is kept in, and which of them the ECS mapping needs.
//!
//! One lookup per name and event, in a table of this parser's own: at most [`Keys::MAX`] names, after which a name's
//! value stays in `event.original` only. Names longer than 100 bytes are not kept as fields.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use stream::FieldId;

macro_rules! slots {
    ($($slot:ident),* $(,)?) => {
        /// Event data that the ECS mapping reads, by the name Windows gives it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub(super) enum Slot { $($slot),* }

        const SLOT_NAMES: &[(&str, Slot)] = &[$((stringify!($slot), Slot::$slot)),*];
    };
}

slots! {
    SubjectUserSid, SubjectUserName, SubjectDomainName, SubjectLogonId,
    TargetUserSid, TargetSid, TargetUserName, TargetDomainName, TargetLogonId,
    OldTargetUserName, NewTargetUserName, MemberName, MemberSid,
    LogonType, IpAddress, IpPort, WorkstationName, Workstation,
    ProcessId, ProcessName, ProcessID, NewProcessId, NewProcessName, ParentProcessName, CommandLine,
    CallerProcessId, CallerProcessName,
    Status, SubStatus, FailureReason, TicketOptions, TicketEncryptionType,
    AccountName, AccountDomain, ClientAddress, ClientName, LogonID,
    ServiceName, ServiceFileName, ImagePath, TaskName,
    ShareName, ShareLocalPath, RelativeTargetName, ObjectName, ObjectType, ObjectValueName,
    SourceAddress, SourcePort, DestAddress, DestPort, Application, Protocol, Direction,
    UtcTime, Image, ProcessGuid, User, CurrentDirectory, Hashes, OriginalFileName, Company, Description, Product,
    FileVersion, ParentImage, ParentCommandLine, ParentProcessId, ParentProcessGuid,
    SourceIp, DestinationIp, DestinationPort, SourceHostname, DestinationHostname, Initiated,
    TargetFilename, ImageLoaded, TargetObject, Details, EventType, QueryName, QueryResults, PipeName,
    SourceImage, SourceProcessId, SourceProcessGUID, SourceProcessGuid, SourceUser,
    ScriptBlockText, HostApplication, Path,
    ThreatName, CategoryName, DetectionUser, DefenderProcess, ActionName,
    Address, ClientIP, IPString, UserContext, UserName, RuleName, ModifyingApplication,
    Param1, Param2, Param3,
}

/// Names that are no words of Rust, or a second name of the same.
const ALIASES: &[(&str, Slot)] = &[
    ("Threat Name", Slot::ThreatName),
    ("Category Name", Slot::CategoryName),
    ("Detection User", Slot::DetectionUser),
    ("Process Name", Slot::DefenderProcess),
    ("Action Name", Slot::ActionName),
    ("param1", Slot::Param1),
    ("param2", Slot::Param2),
    ("param3", Slot::Param3),
];

/// How many slots there are.
pub(super) const SLOTS: usize = SLOT_NAMES.len();

/// What is known about one name.
#[derive(Clone, Copy)]
pub(super) struct Key {
    /// Where its value is kept.
    pub(super) field: Option<FieldId>,
    /// What the ECS mapping calls it.
    pub(super) slot: Option<Slot>,
}

/// The names seen so far.
pub(super) struct Keys {
    known: HashMap<Box<str>, Key, BuildHasherDefault<NameHasher>>,
}

impl Default for Keys {
    fn default() -> Self {
        let mut known = HashMap::with_capacity_and_hasher(512, BuildHasherDefault::default());
        for (name, slot) in SLOT_NAMES.iter().chain(ALIASES) {
            known.insert(Box::from(*name), Key { field: field(name), slot: Some(*slot) });
        }
        Keys { known }
    }
}

fn field(name: &str) -> Option<FieldId> {
    stream::intern(&format!("winlog.event_data.{name}"))
}

impl Keys {
    /// The most names remembered.
    pub(super) const MAX: usize = 4096;

    /// What is known about this name.
    pub(super) fn get(&mut self, name: &str) -> Key {
        if let Some(key) = self.known.get(name) {
            return *key;
        }
        let mut key = Key { field: None, slot: None };
        if self.known.len() < Self::MAX && !name.is_empty() && name.len() <= 100 {
            key.field = field(name);
            self.known.insert(Box::from(name), key);
        }
        key
    }
}

/// A cheap hash for short names, eight bytes at a time. Names that collide cost time, at most [`Keys::MAX`] of them.
#[derive(Default)]
pub(super) struct NameHasher(u64);

impl Hasher for NameHasher {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.0 = (self.0.rotate_left(5) ^ u64::from_le_bytes(word)).wrapping_mul(0x517c_c1b7_2722_0a95);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_bounded() {
        let mut keys = Keys::default();
        assert_eq!(keys.get("TargetUserName").slot, Some(Slot::TargetUserName));
        assert_eq!(keys.get("Other").field.map(FieldId::name), Some("winlog.event_data.Other"));
        assert!(keys.get(&"x".repeat(101)).field.is_none());
        assert!(keys.get("").field.is_none());
    }
}
