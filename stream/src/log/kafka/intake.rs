//! Topics that others write: read as a member of a group, committed when the caller says that it has them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::message::Message;
use rdkafka::{Offset, TopicPartitionList};

use super::super::config::KafkaConfig;
use super::client::{self, Context};
use super::{ASK, group};
use crate::{Error, Result};

/// What one poll gives at most.
const MESSAGES_MAX: usize = 1_000;
const BYTES_MAX: usize = 1 << 20;

/// A member of a group that reads foreign topics.
pub(in crate::log) struct KafkaIntake {
    group: String,
    place: String,
    context: Context,
    /// None only while it leaves.
    consumer: Option<BaseConsumer<Context>>,
    /// By topic and partition: the offset after what was given and is not committed.
    given: BTreeMap<(String, i32), i64>,
}

impl std::fmt::Debug for KafkaIntake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KafkaIntake").field("group", &self.group).field("place", &self.place).finish_non_exhaustive()
    }
}

impl KafkaIntake {
    pub(in crate::log) fn open(config: &KafkaConfig, group: &str, topics: &[String]) -> Result<KafkaIntake> {
        let (mut settings, secrets) = client::settings(config)?;
        let token_file = config.sasl.as_ref().and_then(|sasl| sasl.token_file.as_deref().map(Arc::from));
        let context = Context { secrets: Arc::new(secrets), token_file, down: Arc::default() };
        settings.set("group.id", group);
        settings.set("partition.assignment.strategy", "cooperative-sticky");
        settings.set("enable.auto.commit", "false");
        settings.set("enable.auto.offset.store", "false");
        settings.set("auto.offset.reset", "earliest");
        settings.set("queued.max.messages.kbytes", "16384");
        let place = topics.join(", ");
        let wrong = |action, error| client::wrong(&context.secrets, action, place.clone(), &error);
        let consumer: BaseConsumer<Context> =
            settings.create_with_context(context.clone()).map_err(|error| wrong("start a consumer of", error))?;
        let until = Instant::now() + Duration::from_secs(config.connect_seconds_max);
        let known = loop {
            match consumer.fetch_metadata(None, ASK) {
                Ok(metadata) => break metadata,
                Err(error) if Instant::now() >= until => return Err(wrong("reach a broker for", error)),
                Err(error) => tracing::warn!(error = %wrong("reach a broker for", error), "waiting for kafka"),
            }
        };
        if let Some(topic) = topics.iter().find(|topic| !known.topics().iter().any(|one| one.name() == **topic)) {
            let reason = "there is no such topic, or no right to describe it".to_owned();
            return Err(Error::Kafka { action: "read topic", place: topic.clone(), reason });
        }
        let names: Vec<&str> = topics.iter().map(String::as_str).collect();
        consumer.subscribe(&names).map_err(|error| wrong("subscribe to", error))?;
        Ok(KafkaIntake { group: group.to_owned(), place, context, consumer: Some(consumer), given: BTreeMap::new() })
    }

    pub(in crate::log) fn poll(&mut self, timeout: Duration) -> Result<Vec<Bytes>> {
        let Some(consumer) = &self.consumer else { return Ok(Vec::new()) };
        let (mut values, mut bytes, mut wait) = (Vec::new(), 0, timeout);
        while values.len() < MESSAGES_MAX && bytes < BYTES_MAX {
            match consumer.poll(wait) {
                None => break,
                Some(Ok(message)) => {
                    self.context.is_up();
                    self.given.insert((message.topic().to_owned(), message.partition()), message.offset() + 1);
                    // One without a value is a mark of compaction, and no line.
                    if let Some(value) = message.payload() {
                        bytes += value.len();
                        values.push(Bytes::copy_from_slice(value));
                    }
                }
                Some(Err(error)) => {
                    let code = error.rdkafka_error_code();
                    let error = client::wrong(&self.context.secrets, "read", self.place.clone(), &error);
                    let refused = [
                        RDKafkaErrorCode::Fatal,
                        RDKafkaErrorCode::GroupAuthorizationFailed,
                        RDKafkaErrorCode::TopicAuthorizationFailed,
                    ];
                    if code.is_some_and(|code| refused.contains(&code)) {
                        return Err(error);
                    }
                    tracing::debug!(%error, "kafka consumer");
                }
            }
            wait = Duration::ZERO;
        }
        Ok(values)
    }

    pub(in crate::log) fn commit(&mut self) {
        let Some(consumer) = self.consumer.as_ref().filter(|_| !self.given.is_empty()) else { return };
        let mut list = TopicPartitionList::with_capacity(self.given.len());
        for ((topic, partition), next) in &self.given {
            if let Err(error) = list.add_partition_offset(topic, *partition, Offset::Offset(*next)) {
                tracing::error!(%error, "an offset cannot be committed");
            }
        }
        match consumer.commit(&list, CommitMode::Sync) {
            Ok(()) => self.given.clear(),
            // Whoever has the partition now, or this one after the next start, reads what was not committed once more.
            Err(error) => {
                let error = client::wrong(&self.context.secrets, "commit to", self.place.clone(), &error);
                tracing::warn!(%error, group = self.group, "how far topics were read was not taken");
                self.given.clear();
            }
        }
    }
}

impl Drop for KafkaIntake {
    fn drop(&mut self) {
        if let Some(consumer) = self.consumer.take() {
            group::leave(consumer, &self.group);
        }
    }
}
