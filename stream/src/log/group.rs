//! What only Kafka has: groups that share partitions, and topics that others write.

use std::time::Duration;

use bytes::Bytes;

use super::KafkaConfig;
#[cfg(not(feature = "kafka"))]
use super::disk::refused;
#[cfg(feature = "kafka")]
use super::kafka;
use crate::Result;

/// What a group has decided for a member, and what the member must do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn {
    /// These partitions are this member's now: ask how far the group has come, and go on there.
    Assigned(Vec<u32>),
    /// These are wanted elsewhere: finish, commit, and [give them back](Group::give_back).
    Wanted(Vec<u32>),
    /// These are another's already: drop what was not committed.
    Lost(Vec<u32>),
}

/// How far a group has come in a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The offset that is next.
    pub next: u64,
    /// What the member wrote beside it, a short text.
    pub note: String,
}

/// Membership in a group that shares a topic's partitions. Leaves when dropped.
#[derive(Debug)]
pub struct Group(Membership);

/// Without a backend that has groups there is none.
#[derive(Debug)]
enum Membership {
    #[cfg(feature = "kafka")]
    Kafka(Box<kafka::KafkaGroup>),
}

#[cfg_attr(not(feature = "kafka"), expect(unused_variables, reason = "groups are Kafka's"))]
impl Group {
    #[cfg(feature = "kafka")]
    pub(super) fn of(member: kafka::KafkaGroup) -> Group {
        Group(Membership::Kafka(Box::new(member)))
    }

    /// What the group has decided since the last call, waiting for so long. To be called every few seconds.
    ///
    /// # Errors
    /// This member may not be in the group.
    pub fn poll(&mut self, timeout: Duration) -> Result<Vec<Turn>> {
        match self.0 {
            #[cfg(feature = "kafka")]
            Membership::Kafka(ref mut group) => group.poll(timeout),
        }
    }

    /// Lets others have these partitions, once nothing more is done about them here.
    ///
    /// # Errors
    /// The client refused.
    pub fn give_back(&mut self, partitions: &[u32]) -> Result<()> {
        match self.0 {
            #[cfg(feature = "kafka")]
            Membership::Kafka(ref mut group) => group.give_back(partitions),
        }
    }

    /// How far the group has come; none when nobody has committed yet.
    ///
    /// # Errors
    /// No broker answers in time.
    pub fn committed(&self, partition: u32) -> Result<Option<Position>> {
        match self.0 {
            #[cfg(feature = "kafka")]
            Membership::Kafka(ref group) => group.committed(partition),
        }
    }

    /// Commits how far this member has come in partitions that are its own, and waits for the answer: whether it was taken.
    ///
    /// # Errors
    /// The positions cannot be written down.
    pub fn commit(&self, positions: &[(u32, Position)]) -> Result<bool> {
        match self.0 {
            #[cfg(feature = "kafka")]
            Membership::Kafka(ref group) => group.commit(positions),
        }
    }
}

/// Reads topics of a Kafka that others write, as a member of a group. At least once: what was not committed comes again.
/// Bounded: 1,000 messages or 1 MiB a poll, and 16 MiB ahead. Leaves when dropped.
#[derive(Debug)]
pub struct Intake(Foreign);

#[derive(Debug)]
enum Foreign {
    #[cfg(feature = "kafka")]
    Kafka(Box<kafka::KafkaIntake>),
}

#[cfg_attr(not(feature = "kafka"), expect(unused_variables, reason = "only Kafka has topics of others"))]
impl Intake {
    /// Waits for the brokers and joins the group. Of the configuration, what concerns reaching them counts.
    ///
    /// # Errors
    /// The configuration is wrong, no broker answers, a topic does not exist, or this sekisho was built without Kafka.
    pub fn open(config: &KafkaConfig, group: &str, topics: &[String]) -> Result<Intake> {
        #[cfg(feature = "kafka")]
        return Ok(Intake(Foreign::Kafka(Box::new(kafka::KafkaIntake::open(config, group, topics)?))));
        #[cfg(not(feature = "kafka"))]
        return Err(refused(
            "read",
            std::path::Path::new("kafka"),
            "this sekisho was built without the feature `kafka`".to_owned(),
        ));
    }

    /// The values of the next messages; none when none came within `timeout`.
    ///
    /// # Errors
    /// This member may not read.
    pub fn poll(&mut self, timeout: Duration) -> Result<Vec<Bytes>> {
        match self.0 {
            #[cfg(feature = "kafka")]
            Foreign::Kafka(ref mut intake) => intake.poll(timeout),
        }
    }

    /// Commits all that polls gave: it need not come again. One that is not taken comes again, which is logged.
    pub fn commit(&mut self) {
        match self.0 {
            #[cfg(feature = "kafka")]
            Foreign::Kafka(ref mut intake) => intake.commit(),
        }
    }
}
