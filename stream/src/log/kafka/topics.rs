//! The topics: created where they are missing, and checked against what durability and retention need.
//!
//! What would lose records refuses the start; what makes losing them easier is a warning with advice. Checks that the
//! brokers do not permit (no right to describe) are warnings too.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, ConfigResource, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::Client;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::metadata::MetadataTopic;

use super::super::config::{LogConfig, Mechanism};
use super::append::Deliveries;
use super::client::{Context, Secrets, wrong};
use crate::{Error, Result, Topic};

/// How long one question to the brokers may take.
const ASK: Duration = Duration::from_secs(10);
/// How long the brokers may take to tell settings. The mock broker of the tests cannot, and does not say so.
const DESCRIBE: Duration = if cfg!(test) { Duration::from_millis(200) } else { ASK };
/// How long a topic that was created may take to have leaders.
const CREATED: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(200);

/// What is known of a topic.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub(super) partitions: u32,
    /// The largest batch of messages that it takes, where that is known.
    pub(super) message_bytes_max: Option<u64>,
}

/// Asks, creates and checks.
pub(super) struct Topics<'a> {
    pub(super) client: &'a Client<Deliveries>,
    pub(super) settings: &'a ClientConfig,
    pub(super) secrets: &'a Secrets,
    pub(super) config: &'a LogConfig,
}

impl Topics<'_> {
    /// Waits for the brokers, then sees to all topics.
    ///
    /// # Errors
    /// No broker answers in time, a topic is missing and may not be created, or one is not fit.
    pub(super) fn prepare(&self) -> Result<[Found; 4]> {
        let admin = self.admin()?;
        let known = self.wait_for_brokers()?;
        let mut found = [Found { partitions: 0, message_bytes_max: None }; 4];
        let mut copies = [0; 4];
        let mut raw = self.config.raw_partitions;
        for (topic, found) in Topic::ALL.into_iter().zip(&mut found) {
            let (mut partitions, mut replication) =
                known.iter().find(|one| one.0 == topic.name()).map_or((0, 0), |one| (one.1, one.2));
            let wanted = if topic.follows_raw() { raw } else { 1 };
            if partitions == 0 {
                self.create(admin.as_ref(), topic, wanted)?;
                (partitions, replication) = self.wait_for(topic, wanted)?;
            }
            if partitions < wanted && topic == Topic::Raw {
                return Err(self.unfit(topic, format!(
                    "it has {partitions} partitions, {wanted} are configured; set raw_partitions = {partitions}, or add partitions while every worker has caught up and nothing is received: lines of one source move to another partition"
                )));
            }
            if partitions < wanted {
                return Err(self.unfit(
                    topic,
                    format!(
                        "it has {partitions} partitions and needs one for each of the {wanted} of {}; add partitions",
                        Topic::Raw.name()
                    ),
                ));
            }
            if topic == Topic::Raw {
                raw = partitions;
            }
            if partitions > wanted {
                tracing::info!(
                    topic = topic.name(),
                    partitions,
                    configured = wanted,
                    "the topic has more partitions than configured; all are used"
                );
            }
            found.partitions = partitions;
            copies[topic as usize] = replication;
        }
        for (topic, settings) in admin.map_or_else(Vec::new, |admin| self.settings_of_all(&admin)) {
            found[topic as usize].message_bytes_max = self.check(&settings, topic, copies[topic as usize])?;
        }
        Ok(found)
    }

    /// The settings of those topics whose settings may be read.
    fn settings_of_all(&self, admin: &AdminClient<Context>) -> Vec<(Topic, ConfigResource)> {
        let options = AdminOptions::new().request_timeout(Some(DESCRIBE));
        let names = Topic::ALL.map(|topic| ResourceSpecifier::Topic(topic.name()));
        let (mut told, error) = match block_on(admin.describe_configs(&names, &options)) {
            Ok(told) => (told, "no answer".to_owned()),
            Err(error) => (Vec::new(), self.secrets.hide(&error.to_string())),
        };
        told.resize_with(Topic::ALL.len(), || Err(RDKafkaErrorCode::Unknown));
        let one = |(topic, told): (Topic, Result<ConfigResource, RDKafkaErrorCode>)| match told {
            Ok(settings) => Some((topic, settings)),
            Err(code) => {
                tracing::warn!(
                    topic = topic.name(),
                    %code,
                    error,
                    "the topic's settings cannot be read, and are not checked; grant DescribeConfigs"
                );
                None
            }
        };
        Topic::ALL.into_iter().zip(told).filter_map(one).collect()
    }

    /// None where the client library cannot sign its admin client in.
    fn admin(&self) -> Result<Option<AdminClient<Context>>> {
        let sasl = self.config.kafka.sasl.as_ref();
        if sasl.is_some_and(|sasl| sasl.mechanism == Mechanism::OauthBearer) {
            tracing::warn!("with OAUTHBEARER, topics are neither created nor are their settings checked");
            return Ok(None);
        }
        let context = self.client.context().context.clone();
        let admin = AdminClient::from_config_and_context(self.settings, context);
        admin.map(Some).map_err(|error| self.wrong("connect to", &error))
    }

    /// Name, partitions and copies of every topic.
    fn wait_for_brokers(&self) -> Result<Vec<(String, u32, u16)>> {
        let until = Instant::now() + Duration::from_secs(self.config.kafka.connect_seconds_max);
        loop {
            let error = match self.client.fetch_metadata(None, ASK.min(until - Instant::now().min(until))) {
                Ok(metadata) => return Ok(metadata.topics().iter().map(shape).collect()),
                Err(error) => error,
            };
            if Instant::now() >= until {
                return Err(self.wrong("reach a broker of", &error));
            }
            tracing::warn!(error = %self.wrong("reach a broker of", &error), "waiting for kafka");
            std::thread::park_timeout(PAUSE);
        }
    }

    fn create(&self, admin: Option<&AdminClient<Context>>, topic: Topic, partitions: u32) -> Result<()> {
        let (kafka, retention) = (&self.config.kafka, &self.config.retention);
        let name = topic.name();
        let Some(admin) = admin.filter(|_| kafka.create_topics) else {
            return Err(self.unfit(topic, format!(
                "it does not exist and is not to be created by sekisho; create it with {partitions} partitions, {} copies, min.insync.replicas={}, max.message.bytes={}, cleanup.policy=delete, message.timestamp.type=LogAppendTime",
                kafka.replication, kafka.min_insync_replicas, kafka.message_bytes_max
            )));
        };
        let in_sync = kafka.min_insync_replicas.to_string();
        let message_bytes = kafka.message_bytes_max.to_string();
        // A number that Kafka takes for "for ever" is -1.
        let age = retention.age.map_or(-1, |age| i64::try_from(age.as_millis()).unwrap_or(-1)).to_string();
        let bytes = retention.bytes.map_or(-1, |bytes| i64::try_from(bytes).unwrap_or(-1)).to_string();
        let mut new = NewTopic::new(name, partitions as i32, TopicReplication::Fixed(i32::from(kafka.replication)))
            .set("min.insync.replicas", &in_sync)
            .set("max.message.bytes", &message_bytes)
            .set("cleanup.policy", "delete")
            .set("message.timestamp.type", "LogAppendTime")
            .set("unclean.leader.election.enable", "false");
        new = match topic {
            Topic::Raw => new.set("retention.ms", &age).set("retention.bytes", &bytes),
            // All of these can be made again from the raw records.
            Topic::Matches | Topic::Alerts | Topic::Events => new.set("retention.ms", "604800000"),
        };
        let options = AdminOptions::new().operation_timeout(Some(ASK)).request_timeout(Some(ASK));
        let created =
            block_on(admin.create_topics([&new], &options)).map_err(|error| self.wrong("create a topic on", &error))?;
        match created.into_iter().next() {
            Some(Err((_, RDKafkaErrorCode::TopicAlreadyExists))) | Some(Ok(_)) | None => {}
            Some(Err((_, RDKafkaErrorCode::InvalidReplicationFactor))) => {
                return Err(self.unfit(topic, format!(
                    "there are fewer brokers than the {} copies of kafka.replication; a single broker needs replication = 1 and min_insync_replicas = 1, and loses records with its disk",
                    kafka.replication
                )));
            }
            Some(Err((_, code))) => return Err(self.unfit(topic, format!("it cannot be created: {code}"))),
        }
        tracing::info!(topic = name, partitions, replication = kafka.replication, "topic created");
        Ok(())
    }

    /// Waits until every partition of a new topic has a leader; gives partitions and copies.
    fn wait_for(&self, topic: Topic, wanted: u32) -> Result<(u32, u16)> {
        let until = Instant::now() + CREATED;
        while Instant::now() < until {
            if let Ok(metadata) = self.client.fetch_metadata(None, ASK) {
                let found = metadata.topics().iter().find(|one| one.name() == topic.name());
                if let Some(found) = found.filter(|one| one.partitions().iter().all(|one| one.leader() >= 0)) {
                    let (_, partitions, replication) = shape(found);
                    if partitions >= wanted {
                        return Ok((partitions, replication));
                    }
                }
            }
            std::thread::park_timeout(PAUSE);
        }
        Err(self.unfit(topic, format!("its partitions have no leader {} s after it was created", CREATED.as_secs())))
    }

    /// Holds the topic's settings to what is needed; gives its largest message.
    fn check(&self, resource: &ConfigResource, topic: Topic, replication: u16) -> Result<Option<u64>> {
        let name = topic.name();
        let number = |key: &str| value(resource, key).and_then(|value| value.parse::<i64>().ok());
        let in_sync = number("min.insync.replicas").unwrap_or(1);
        if in_sync > i64::from(replication) {
            return Err(self.unfit(topic, format!(
                "min.insync.replicas is {in_sync} with {replication} copies: nothing can be written; lower it or add copies"
            )));
        }
        if replication < self.config.kafka.replication || in_sync < i64::from(self.config.kafka.min_insync_replicas) {
            tracing::warn!(
                topic = name,
                replication,
                min_insync_replicas = in_sync,
                "fewer copies than configured: what was acknowledged can be lost with fewer disks; reassign with more copies and raise min.insync.replicas, or set what is meant in [stream.kafka]"
            );
        }
        if value(resource, "cleanup.policy").is_some_and(|policy| policy.contains("compact")) {
            return Err(
                self.unfit(topic, "cleanup.policy is compact: records would vanish; set it to delete".to_owned())
            );
        }
        if value(resource, "unclean.leader.election.enable") == Some("true") {
            tracing::warn!(
                topic = name,
                "unclean.leader.election.enable is true: acknowledged records can vanish; set it to false"
            );
        }
        if value(resource, "message.timestamp.type") == Some("CreateTime") {
            tracing::warn!(
                topic = name,
                "message.timestamp.type is CreateTime: brokers refuse records when this machine's clock is an hour ahead of theirs; set it to LogAppendTime"
            );
        }
        let kept = number("retention.ms").filter(|kept| *kept >= 0);
        let wanted = self.config.retention.age.map(|age| i64::try_from(age.as_millis()).unwrap_or(i64::MAX));
        if let Some(kept) = kept.filter(|kept| topic == Topic::Raw && wanted.is_none_or(|wanted| *kept < wanted)) {
            tracing::warn!(
                topic = name,
                retention_days = kept / 86_400_000,
                "the topic keeps raw records for less than [stream.retention] says; raise its retention.ms, or lower the age"
            );
        }
        Ok(number("max.message.bytes").and_then(|bytes| u64::try_from(bytes).ok()))
    }

    fn wrong(&self, action: &'static str, error: &rdkafka::error::KafkaError) -> Error {
        wrong(self.secrets, action, self.config.kafka.brokers.join(","), error)
    }

    fn unfit(&self, topic: Topic, reason: String) -> Error {
        Error::Kafka { action: "use topic", place: topic.name().to_owned(), reason }
    }
}

fn value<'a>(resource: &'a ConfigResource, key: &str) -> Option<&'a str> {
    resource.entries.iter().find(|entry| entry.name == key).and_then(|entry| entry.value.as_deref())
}

fn shape(topic: &MetadataTopic) -> (String, u32, u16) {
    let replication = topic.partitions().iter().map(|one| one.replicas().len()).min().unwrap_or(0);
    (topic.name().to_owned(), topic.partitions().len() as u32, replication as u16)
}

/// Waits for a future of the admin client, which its own thread completes, without a runtime.
fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut TaskContext::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}
