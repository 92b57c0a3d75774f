//! Topics of a Kafka that others write, as a source: every message's value is a line.
//!
//! Read as a member of a group, from the oldest message on the first time. What was read is committed once it is durable in
//! the stream, so none is left out; after a crash, or when partitions move between processes, some may come twice. How a
//! shipper wrapped the line (Filebeat's JSON, say) is taken off as elsewhere. A value over 1 MiB is cut and counted.
//!
//! Bounds: `TOPICS_MAX` tables, each a thread and a client with 16 MiB ahead. While the stream is slow nothing is read, and the
//! topic waits.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use stream::log::{Intake, KafkaConfig, SaslConfig, TlsConfig};
use stream::{Record, RecordKind};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::import::LINE_BYTES_MAX;
use crate::sink::Sink;
use crate::sources::Sources;
use crate::{Error, Result, metrics};

/// Tables of one process.
const TOPICS_MAX: usize = 16;
/// How often a thread that waits looks up.
const LOOK_UP: Duration = Duration::from_millis(100);
/// Pause before what the stream did not take is offered again.
const PAUSE: Duration = Duration::from_secs(1);

/// `[[listen.kafka]]`: topics whose messages are one source's lines.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TopicConfig {
    /// The tenant.
    pub tenant: String,
    /// The source, declared in sources.toml.
    pub source: String,
    /// Names of topics.
    pub topics: Vec<String>,
    /// Some of the brokers, as `host:port`.
    pub brokers: Vec<String>,
    /// The group; processes with the same share the partitions.
    #[serde(default = "group")]
    pub group: String,
    /// TLS to the brokers, as `[stream.kafka.tls]`.
    pub tls: Option<TlsConfig>,
    /// Signing in, as `[stream.kafka.sasl]`.
    pub sasl: Option<SaslConfig>,
}

fn group() -> String {
    "sekisho-intake".into()
}

impl TopicConfig {
    fn connection(&self) -> KafkaConfig {
        KafkaConfig {
            brokers: self.brokers.clone(),
            tls: self.tls.clone(),
            sasl: self.sasl.clone(),
            ..KafkaConfig::default()
        }
    }

    pub(crate) fn resolve(&mut self, base: &Path) {
        let mut connection = self.connection();
        connection.resolve(base);
        (self.tls, self.sasl) = (connection.tls, connection.sasl);
    }

    /// The number of the first that is wrong, and what to write instead.
    pub(crate) fn validate_all(all: &[TopicConfig], sources: &Sources) -> std::result::Result<(), (usize, String)> {
        if all.len() > TOPICS_MAX {
            return Err((TOPICS_MAX + 1, format!("at most {TOPICS_MAX} tables are read")));
        }
        for (at, config) in all.iter().enumerate() {
            let wrong = |what| Err((at + 1, what));
            let TopicConfig { tenant, source, .. } = config;
            if sources.get(tenant, source).is_none() {
                return wrong(format!("sources.toml declares no source {tenant}/{source}; declare it there"));
            }
            let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
            let is_topic = |topic: &&String| (1..=249).contains(&topic.len()) && topic.bytes().all(legal);
            if config.topics.is_empty() {
                return wrong("`topics` is empty; name the topics to read".to_owned());
            }
            if let Some(topic) = config.topics.iter().find(|topic| !is_topic(topic)) {
                return wrong(format!("`{}` is no name of a topic", topic.escape_debug()));
            }
            // It would read what it writes.
            if let Some(topic) = config.topics.iter().find(|topic| topic.starts_with("sekisho.")) {
                return wrong(format!(
                    "{topic} is sekisho's own; lines that others put into sekisho.raw are read as they are"
                ));
            }
            if config.group.is_empty() {
                return wrong("`group` is empty; leave it out, or name the group".to_owned());
            }
            if let Some(problem) = config.connection().problem() {
                return wrong(problem);
            }
        }
        Ok(())
    }
}

/// Reads topics, each table on a thread of its own, until `cancel`.
///
/// # Errors
/// No broker answers, a topic does not exist, or this sekisho was built without Kafka.
pub fn follow(
    tables: &[TopicConfig],
    sink: &Arc<dyn Sink>,
    cancel: &CancellationToken,
    tasks: &TaskTracker,
) -> Result<()> {
    for config in tables {
        let intake = Intake::open(&config.connection(), &config.group, &config.topics);
        let intake = intake.map_err(|error| Error::Config(format!("listen.kafka: {error}")))?;
        let (sink, cancel, running) = (Arc::clone(sink), cancel.clone(), tasks.token());
        let follower =
            Follower { tenant: config.tenant.as_str().into(), source: config.source.as_str().into(), intake };
        let runtime = tokio::runtime::Handle::current();
        let work = move || {
            follower.run(&runtime, sink.as_ref(), &cancel);
            drop(running);
        };
        let started = std::thread::Builder::new().name("kafka-topics".into()).spawn(work);
        started.map_err(Error::io("start a thread for", Path::new("kafka")))?;
    }
    Ok(())
}

struct Follower {
    tenant: Arc<str>,
    source: Arc<str>,
    intake: Intake,
}

impl Follower {
    fn run(mut self, runtime: &tokio::runtime::Handle, sink: &dyn Sink, cancel: &CancellationToken) {
        while !cancel.is_cancelled() {
            let values = match self.intake.poll(LOOK_UP) {
                Ok(values) => values,
                Err(error) => {
                    // A right that was withdrawn may be given back.
                    tracing::error!(tenant = %self.tenant, source = %self.source, %error, "topics cannot be read; trying again");
                    std::thread::park_timeout(PAUSE);
                    continue;
                }
            };
            let records: Vec<Record> = values.into_iter().map(|value| self.record(value)).collect();
            if records.is_empty() || self.append(&records, runtime, sink, cancel) {
                self.intake.commit();
            }
        }
    }

    /// Whether the stream has them; it was told to stop otherwise.
    fn append(
        &self,
        records: &[Record],
        runtime: &tokio::runtime::Handle,
        sink: &dyn Sink,
        cancel: &CancellationToken,
    ) -> bool {
        while let Err(error) = runtime.block_on(sink.append(records.to_vec())) {
            tracing::error!(tenant = %self.tenant, source = %self.source, %error, "the stream does not take what topics hold; trying again");
            std::thread::park_timeout(PAUSE);
            if cancel.is_cancelled() {
                return false;
            }
        }
        true
    }

    fn record(&self, value: bytes::Bytes) -> Record {
        let cut = value.len().saturating_sub(LINE_BYTES_MAX);
        if cut > 0 {
            metrics::CUT_RECORDS.with_label_values(&["kafka"]).inc();
            metrics::CUT_BYTES.with_label_values(&["kafka"]).inc_by(cut as u64);
        }
        Record {
            kind: RecordKind::Data,
            tenant: Arc::clone(&self.tenant),
            source: Arc::clone(&self.source),
            peer: None,
            received: jiff::Timestamp::now().into(),
            raw: value.slice(..value.len() - cut),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_table_is_told_by_its_number() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("sources.toml");
        std::fs::write(&file, "[[source]]\ntenant='t'\nid='s'\nproduct='auto'\n").unwrap();
        let sources = Sources::load(&file).unwrap();
        let check = |more: &str| {
            let table = format!("tenant='t'\nsource='s'\nbrokers=['b:9092']\n{more}");
            let config: TopicConfig = toml::from_str(&table).unwrap();
            TopicConfig::validate_all(&[config], &sources).map_err(|(number, what)| format!("{number}: {what}"))
        };
        assert_eq!(check("topics=['syslog', 'a.b-c_d']"), Ok(()));
        for (more, told) in [
            ("topics=[]", "1: `topics` is empty"),
            ("topics=['a b']", "1: `a b` is no name"),
            ("topics=['sekisho.raw']", "sekisho's own"),
            ("topics=['a']\ngroup=''", "`group` is empty"),
            ("topics=['a']\nsasl={mechanism='PLAIN',user='u',password_file='f'}", "kafka.sasl without kafka.tls"),
        ] {
            let error = check(more).unwrap_err();
            assert!(error.contains(told), "{error}");
        }
        assert!(
            toml::from_str::<TopicConfig>("tenant='t'\nsource='s'\ntopics=['a']\nbrokers=[]\npassword='x'\n").is_err()
        );
    }
}
