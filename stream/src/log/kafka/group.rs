//! Membership in a consumer group: which partitions are this member's, and how far it has come in each.
//!
//! The group deals out partitions (cooperative-sticky: those that stay are not disturbed) and keeps one offset with a note
//! for each; records are read by [`KafkaReader`](super::KafkaReader)s, which know gaps. Nothing is given back by itself: a
//! partition that is wanted elsewhere is told as a [`Turn`], and belongs to this member until it says so. A member that
//! is cut off is told that its partitions are lost; until it hears of it, another may do the same work: whoever reads
//! the outcome must know records by their offsets.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rdkafka::client::OAuthToken;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{ClientContext, Offset, TopicPartitionList};

use super::client::Context;
use super::{ASK, Kafka};
use crate::log::{Position, Turn};
use crate::{Error, Result, Topic, metrics};

/// A member that is not heard of for so long has left.
const SESSION_MS: &str = "10000";

/// How long leaving may take.
const LEAVE_MAX: Duration = Duration::from_secs(6);

/// A member of a group.
pub(in crate::log) struct KafkaGroup {
    log: Arc<Kafka>,
    name: String,
    topic: Topic,
    /// None only while it leaves.
    consumer: Option<BaseConsumer<Member>>,
    /// This member's, from the moment it was told until it has given them back.
    held: BTreeSet<u32>,
    /// Of these, what others wait for.
    wanted: BTreeSet<u32>,
}

/// Hears what the group decides; it is acted upon when the owner of the member comes by.
struct Member {
    client: Context,
    turns: Mutex<Vec<Turn>>,
    /// Nobody comes by any more.
    leaving: AtomicBool,
}

impl ClientContext for Member {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.client.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.client.error(error, reason);
    }

    fn generate_oauth_token(
        &self,
        settings: Option<&str>,
    ) -> std::result::Result<OAuthToken, Box<dyn std::error::Error>> {
        self.client.generate_oauth_token(settings)
    }
}

impl ConsumerContext for Member {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, code: RDKafkaRespErr, list: &mut TopicPartitionList) {
        if self.leaving.load(Ordering::Acquire) {
            let assigns = code == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
            let answered =
                if assigns { consumer.incremental_assign(list) } else { consumer.incremental_unassign(list) };
            if let Err(error) = answered {
                tracing::debug!(error = self.client.secrets.hide(&error.to_string()), "leaving a group");
            }
            return;
        }
        let partitions = list.elements().iter().map(|one| one.partition().unsigned_abs()).collect();
        let turn = match code {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => Turn::Assigned(partitions),
            _ if consumer.assignment_lost() => Turn::Lost(partitions),
            _ => Turn::Wanted(partitions),
        };
        self.turns.lock().unwrap_or_else(PoisonError::into_inner).push(turn);
    }
}

impl std::fmt::Debug for KafkaGroup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KafkaGroup").field("topic", &self.topic).field("held", &self.held).finish_non_exhaustive()
    }
}

impl KafkaGroup {
    pub(super) fn join(log: &Arc<Kafka>, group: &str, topic: Topic) -> Result<KafkaGroup> {
        let mut settings = log.settings.clone();
        settings.set("group.id", group);
        settings.set("partition.assignment.strategy", "cooperative-sticky");
        settings.set("session.timeout.ms", SESSION_MS);
        settings.set("heartbeat.interval.ms", "2000");
        settings.set("enable.auto.commit", "false");
        settings.set("enable.auto.offset.store", "false");
        settings.set("auto.offset.reset", "earliest");
        // Nothing is ever fetched by it.
        settings.set("queued.min.messages", "1");
        settings.set("queued.max.messages.kbytes", "1");
        let member = Member { client: log.context.clone(), turns: Mutex::default(), leaving: AtomicBool::new(false) };
        let wrong = |error: KafkaError| log.wrong("join a group on", topic.name(), &error);
        let consumer: BaseConsumer<Member> = settings.create_with_context(member).map_err(wrong)?;
        consumer.subscribe(&[topic.name()]).map_err(wrong)?;
        Ok(KafkaGroup {
            log: Arc::clone(log),
            name: group.to_owned(),
            topic,
            consumer: Some(consumer),
            held: BTreeSet::new(),
            wanted: BTreeSet::new(),
        })
    }

    pub(in crate::log) fn poll(&mut self, timeout: Duration) -> Result<Vec<Turn>> {
        // Partitions are paused as soon as they are taken: what comes, if anything does, is read by others.
        let Some(consumer) = &self.consumer else { return Ok(Vec::new()) };
        if let Some(Err(error)) = consumer.poll(timeout) {
            match error.rdkafka_error_code() {
                Some(RDKafkaErrorCode::Fatal | RDKafkaErrorCode::GroupAuthorizationFailed) => {
                    return Err(self.wrong("be a member of a group on", &error));
                }
                _ => tracing::debug!(error = %self.wrong("be a member of a group on", &error), "kafka consumer"),
            }
        }
        let turns = std::mem::take(&mut *consumer.context().turns.lock().unwrap_or_else(PoisonError::into_inner));
        for turn in &turns {
            match (turn, &self.consumer) {
                (Turn::Assigned(partitions), Some(consumer)) => {
                    let list = self.list(partitions);
                    let taken = consumer.incremental_assign(&list).and_then(|()| consumer.pause(&list));
                    taken.map_err(|error| self.wrong("take partitions of", &error))?;
                    self.held.extend(partitions);
                }
                (Turn::Lost(partitions), _) => self.give(partitions)?,
                (Turn::Wanted(partitions), _) => self.wanted.extend(partitions),
                (Turn::Assigned(_), None) => {}
            }
        }
        Ok(turns)
    }

    pub(in crate::log) fn give_back(&mut self, partitions: &[u32]) -> Result<()> {
        self.give(partitions)
    }

    fn give(&mut self, partitions: &[u32]) -> Result<()> {
        let list = self.list(partitions);
        self.held.retain(|held| !partitions.contains(held));
        self.wanted.retain(|wanted| !partitions.contains(wanted));
        let Some(consumer) = &self.consumer else { return Ok(()) };
        consumer.incremental_unassign(&list).map_err(|error| self.wrong("give back partitions of", &error))
    }

    pub(in crate::log) fn committed(&self, partition: u32) -> Result<Option<Position>> {
        let list = self.list(&[partition]);
        let Some(consumer) = &self.consumer else { return Ok(None) };
        let found = consumer.committed_offsets(list, ASK * 5);
        let found = found.map_err(|error| self.wrong("ask how far a group has come in", &error))?;
        let position = found.elements().first().and_then(|one| match one.offset() {
            Offset::Offset(next) => Some(Position { next: u64::try_from(next).ok()?, note: note(one.metadata()) }),
            _ => None,
        });
        Ok(position)
    }

    pub(in crate::log) fn commit(&self, positions: &[(u32, Position)]) -> Result<bool> {
        let mut list = TopicPartitionList::with_capacity(positions.len());
        for (partition, position) in positions.iter().filter(|(partition, _)| self.held.contains(partition)) {
            let next = Offset::Offset(i64::try_from(position.next).unwrap_or(i64::MAX));
            let mut one = list.add_partition(self.topic.name(), *partition as i32);
            one.set_metadata(&position.note);
            one.set_offset(next).map_err(|error| self.wrong("commit to", &error))?;
        }
        let Some(consumer) = self.consumer.as_ref().filter(|_| list.count() > 0) else { return Ok(true) };
        match consumer.commit(&list, CommitMode::Sync) {
            Ok(()) => {
                for (partition, position) in positions {
                    let labels = [self.topic.name(), &partition.to_string(), &self.name];
                    let next = i64::try_from(position.next).unwrap_or(i64::MAX);
                    metrics::GROUP_OFFSET.with_label_values(&labels).set(next);
                }
                Ok(true)
            }
            Err(error) => {
                // Another has the partition by now, or the group is being dealt out, or no broker answers: the work is
                // done again from what was committed last.
                tracing::info!(error = %self.wrong("commit to", &error), "how far this worker has come was not taken");
                Ok(false)
            }
        }
    }

    fn list(&self, partitions: &[u32]) -> TopicPartitionList {
        let mut list = TopicPartitionList::with_capacity(partitions.len());
        for partition in partitions {
            list.add_partition(self.topic.name(), *partition as i32);
        }
        list
    }

    fn wrong(&self, action: &'static str, error: &KafkaError) -> Error {
        self.log.wrong(action, self.topic.name(), error)
    }
}

impl Drop for KafkaGroup {
    fn drop(&mut self) {
        let wanted: Vec<u32> = self.wanted.iter().copied().collect();
        if !wanted.is_empty()
            && let Err(error) = self.give(&wanted)
        {
            tracing::debug!(%error, "leaving a group");
        }
        let Some(consumer) = self.consumer.take() else { return };
        consumer.context().leaving.store(true, Ordering::Release);
        leave(consumer, &self.name);
    }
}

/// Drops a client, which leaves its group. It waits for ever when the group is just being dealt out and another member has
/// died: then it is left behind. Whoever is gone for a session has left, too.
pub(super) fn leave<C: ConsumerContext + 'static>(consumer: BaseConsumer<C>, group: &str) {
    let (left, leaves) = crossbeam_channel::bounded::<()>(0);
    let leave = move || {
        drop(consumer);
        drop(left);
    };
    if std::thread::Builder::new().name("leave".to_owned()).spawn(leave).is_ok()
        && leaves.recv_timeout(LEAVE_MAX) == Err(crossbeam_channel::RecvTimeoutError::Timeout)
    {
        tracing::warn!(group, "the group did not let this member go; it is missed after a while");
    }
}

/// The note, whose end the client library may mark with a NUL.
fn note(metadata: &str) -> String {
    metadata.trim_end_matches('\0').to_owned()
}
