//! `[stream.kafka]`: where the brokers are, how to reach them, and how the topics are to be.
//!
//! No secret stands in the configuration: passwords, keys and tokens are files, read when the log is opened (the token
//! whenever the brokers ask for a new one). So a printed configuration tells none.

use std::path::{Path, PathBuf};

use serde::Deserialize;

/// Where the stream is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StreamKind {
    /// In files of this machine.
    #[default]
    Embedded,
    /// On Apache Kafka 2.6 or newer.
    Kafka,
}

/// Configuration of the Kafka backend.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KafkaConfig {
    /// Some of the brokers, as `host:port`; the others are learned from them.
    pub brokers: Vec<String>,
    /// The name by which brokers know this client, default `sekisho`.
    pub client_id: String,
    /// Whether missing topics are created, default true. Without, their names and settings are told and the start fails.
    pub create_topics: bool,
    /// Copies of each partition of a topic that is created, 1 to 16, default 3.
    pub replication: u16,
    /// Copies that must have a record before it is acknowledged, 1 to `replication`, default 2.
    pub min_insync_replicas: u16,
    /// The largest message, 64 KiB to 64 MiB, default 16 MiB + 128 KiB: room for the largest record. A topic that allows
    /// less lowers it.
    pub message_bytes_max: u32,
    /// How long to wait for the brokers at a start, 1 to 600 seconds, default 60. Later on there is no limit: receiving
    /// waits while brokers are away.
    pub connect_seconds_max: u64,
    /// TLS to the brokers; without this table, none.
    pub tls: Option<TlsConfig>,
    /// Signing in to the brokers; without this table, not at all. Needs TLS.
    pub sasl: Option<SaslConfig>,
}

/// TLS to the brokers, 1.2 or newer. Names of brokers are always checked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TlsConfig {
    /// PEM file of the authorities that sign the brokers' certificates; the system's when it is left out.
    pub ca: Option<PathBuf>,
    /// PEM file of this client's certificate, where brokers ask for one.
    pub certificate: Option<PathBuf>,
    /// PEM file of its key.
    pub key: Option<PathBuf>,
    /// File with the password of the key.
    pub key_password_file: Option<PathBuf>,
}

/// Signing in to the brokers.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SaslConfig {
    /// How.
    pub mechanism: Mechanism,
    /// Name of the user; not for OAUTHBEARER.
    #[serde(default)]
    pub user: String,
    /// File with the user's password; not for OAUTHBEARER.
    #[serde(default)]
    pub password_file: Option<PathBuf>,
    /// File with a token (JWT) that something else keeps fresh; for OAUTHBEARER only. It is read again before it expires.
    #[serde(default)]
    pub token_file: Option<PathBuf>,
}

/// A SASL mechanism.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Mechanism {
    /// Salted challenge and response over SHA-256.
    #[serde(rename = "SCRAM-SHA-256")]
    ScramSha256,
    /// Salted challenge and response over SHA-512.
    #[serde(rename = "SCRAM-SHA-512")]
    ScramSha512,
    /// The password itself.
    #[serde(rename = "PLAIN")]
    Plain,
    /// A token of an identity provider.
    #[serde(rename = "OAUTHBEARER")]
    OauthBearer,
}

impl Mechanism {
    /// Its registered name.
    pub fn name(self) -> &'static str {
        match self {
            Mechanism::ScramSha256 => "SCRAM-SHA-256",
            Mechanism::ScramSha512 => "SCRAM-SHA-512",
            Mechanism::Plain => "PLAIN",
            Mechanism::OauthBearer => "OAUTHBEARER",
        }
    }
}

impl Default for KafkaConfig {
    fn default() -> Self {
        KafkaConfig {
            brokers: Vec::new(),
            client_id: "sekisho".to_owned(),
            create_topics: true,
            replication: 3,
            min_insync_replicas: 2,
            message_bytes_max: (16 << 20) + (128 << 10),
            connect_seconds_max: 60,
            tls: None,
            sasl: None,
        }
    }
}

impl KafkaConfig {
    /// Makes relative paths relative to `base`.
    pub fn resolve(&mut self, base: &Path) {
        let tls = self.tls.iter_mut().flat_map(|tls| {
            [&mut tls.ca, &mut tls.certificate, &mut tls.key, &mut tls.key_password_file].into_iter().flatten()
        });
        let sasl =
            self.sasl.iter_mut().flat_map(|sasl| [&mut sasl.password_file, &mut sasl.token_file].into_iter().flatten());
        tls.chain(sasl).for_each(|path| *path = base.join(&*path));
    }

    /// What is wrong with it, naming the key; nothing when all is well.
    pub fn problem(&self) -> Option<String> {
        let limits: [(&str, u64, u64, u64); 4] = [
            ("kafka.replication", self.replication.into(), 1, 16),
            ("kafka.min_insync_replicas", self.min_insync_replicas.into(), 1, self.replication.into()),
            ("kafka.message_bytes_max", self.message_bytes_max.into(), 64 << 10, 64 << 20),
            ("kafka.connect_seconds_max", self.connect_seconds_max, 1, 600),
        ];
        if let Some((key, value, low, high)) =
            limits.into_iter().find(|(_, value, low, high)| value < low || value > high)
        {
            return Some(format!("{key} = {value} is not in {low}..={high}"));
        }
        if self.brokers.is_empty() {
            return Some("kafka.brokers is empty; name brokers as \"host:port\"".to_owned());
        }
        let wrong = |broker: &&String| {
            broker.rsplit_once(':').is_none_or(|(host, port)| host.is_empty() || port.parse::<u16>().is_err())
        };
        if let Some(broker) = self.brokers.iter().find(wrong) {
            return Some(format!("kafka.brokers: {broker:?} is not host:port"));
        }
        let tls = self.tls.as_ref();
        if tls.is_some_and(|tls| tls.certificate.is_some() != tls.key.is_some()) {
            return Some("kafka.tls: certificate and key belong together".to_owned());
        }
        self.sasl.as_ref().and_then(|sasl| sasl.problem(tls.is_some()))
    }
}

impl SaslConfig {
    fn problem(&self, tls: bool) -> Option<String> {
        if !tls {
            return Some(
                "kafka.sasl without kafka.tls would show to the network who signs in; add [stream.kafka.tls]"
                    .to_owned(),
            );
        }
        let (user, password, token) = (!self.user.is_empty(), self.password_file.is_some(), self.token_file.is_some());
        match self.mechanism {
            Mechanism::OauthBearer if !token || user || password => {
                Some("kafka.sasl: OAUTHBEARER needs token_file, and neither user nor password_file".to_owned())
            }
            Mechanism::OauthBearer => None,
            _ if !user || !password || token => {
                let name = self.mechanism.name();
                Some(format!("kafka.sasl: {name} needs user and password_file, and no token_file"))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> KafkaConfig {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn wrong_settings_are_named() {
        assert_eq!(parse(r#"{"brokers": ["192.0.2.1:9092"]}"#).problem(), None);
        for (json, named) in [
            (r#"{}"#, "brokers is empty"),
            (r#"{"brokers": ["192.0.2.1"]}"#, "192.0.2.1"),
            (r#"{"brokers": ["a:1"], "replication": 1}"#, "min_insync_replicas = 2"),
            (r#"{"brokers": ["a:1"], "tls": {"key": "k"}}"#, "certificate"),
            (r#"{"brokers": ["a:1"], "sasl": {"mechanism": "PLAIN", "user": "u", "password_file": "p"}}"#, "tls"),
            (
                r#"{"brokers": ["a:1"], "tls": {}, "sasl": {"mechanism": "SCRAM-SHA-512", "user": "u"}}"#,
                "password_file",
            ),
            (r#"{"brokers": ["a:1"], "tls": {}, "sasl": {"mechanism": "OAUTHBEARER"}}"#, "token_file"),
        ] {
            let problem = parse(json).problem().unwrap_or_default();
            assert!(problem.contains(named), "{json}: {problem}");
        }
        let error = serde_json::from_str::<KafkaConfig>(r#"{"tls": {"cert": "x"}}"#).unwrap_err().to_string();
        assert!(error.contains("cert"), "{error}");
    }

    #[test]
    fn files_are_relative_to_the_configuration() {
        let mut config = parse(r#"{"brokers": ["a:1"], "tls": {"ca": "ca.pem", "key": "/k"}}"#);
        config.resolve(Path::new("/etc/sekisho"));
        let tls = config.tls.unwrap();
        assert_eq!((tls.ca, tls.key), (Some("/etc/sekisho/ca.pem".into()), Some("/k".into())));
    }
}
