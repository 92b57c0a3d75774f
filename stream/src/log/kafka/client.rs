//! What every client of the brokers shares: its settings, and where its log lines, errors and tokens go.
//!
//! No secret leaves: librdkafka does not print them, its configuration errors are replaced by ones that name the key
//! only, and whatever it says passes [`Secrets::hide`] all the same.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rdkafka::client::OAuthToken;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{ClientConfig, ClientContext};

use super::super::config::{KafkaConfig, Mechanism};
use super::token;
use crate::{Error, Result, metrics};

/// Secrets that must not be shown.
#[derive(Clone, Default)]
pub(super) struct Secrets(Vec<String>);

impl Secrets {
    /// The text with every secret replaced.
    pub(super) fn hide(&self, text: &str) -> String {
        self.0
            .iter()
            .filter(|secret| !secret.is_empty())
            .fold(text.to_owned(), |text, secret| text.replace(secret, "***"))
    }
}

/// Hears what a client says.
#[derive(Clone)]
pub(super) struct Context {
    pub(super) secrets: Arc<Secrets>,
    pub(super) token_file: Option<Arc<Path>>,
    /// Whether no broker answers.
    pub(super) down: Arc<AtomicBool>,
}

impl Context {
    /// Remembers that a broker answered.
    pub(super) fn is_up(&self) {
        if self.down.swap(false, Ordering::Relaxed) {
            metrics::KAFKA_DOWN.set(0);
            tracing::info!("kafka answers again");
        }
    }
}

impl ClientContext for Context {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        let message = self.secrets.hide(message);
        match level {
            RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical | RDKafkaLogLevel::Error => {
                tracing::warn!(facility, message, "kafka client");
            }
            RDKafkaLogLevel::Warning | RDKafkaLogLevel::Notice => tracing::info!(facility, message, "kafka client"),
            RDKafkaLogLevel::Info | RDKafkaLogLevel::Debug => tracing::debug!(facility, message, "kafka client"),
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let all_down = error.rdkafka_error_code() == Some(RDKafkaErrorCode::AllBrokersDown);
        if all_down && !self.down.swap(true, Ordering::Relaxed) {
            metrics::KAFKA_DOWN.set(1);
            tracing::error!("no kafka broker answers; receiving waits until one does, nothing is lost");
        }
        tracing::debug!(
            error = self.secrets.hide(&error.to_string()),
            reason = self.secrets.hide(reason),
            "kafka client"
        );
    }

    fn generate_oauth_token(
        &self,
        _settings: Option<&str>,
    ) -> std::result::Result<OAuthToken, Box<dyn std::error::Error>> {
        let path = self.token_file.as_deref().ok_or("no token_file is configured")?;
        let token = token::read(path)?;
        Ok(OAuthToken { token: token.text, principal_name: token.principal, lifetime_ms: token.expires_ms })
    }
}

impl ConsumerContext for Context {}

/// The settings that all clients share, and the secrets among them.
///
/// # Errors
/// A file of a secret cannot be read.
pub(super) fn settings(config: &KafkaConfig) -> Result<(ClientConfig, Secrets)> {
    let mut client = ClientConfig::new();
    let mut secrets = Secrets::default();
    client.set("bootstrap.servers", config.brokers.join(","));
    client.set("client.id", &config.client_id);
    client.set("socket.keepalive.enable", "true");
    client.set("reconnect.backoff.max.ms", "2000");
    client.set("allow.auto.create.topics", "false");
    client.set("log.connection.close", "false");
    // A broker that starts may not know its topics yet; they were there when this client started.
    client.set("topic.metadata.propagation.max.ms", "300000");
    let secure = match (&config.tls, &config.sasl) {
        (None, _) => "plaintext",
        (Some(_), None) => "ssl",
        (Some(_), Some(_)) => "sasl_ssl",
    };
    client.set("security.protocol", secure);
    if let Some(tls) = &config.tls {
        client.set("ssl.ca.location", tls.ca.as_ref().map_or("probe".into(), |ca| ca.to_string_lossy()));
        client.set("ssl.endpoint.identification.algorithm", "https");
        let files = [("ssl.certificate.location", &tls.certificate), ("ssl.key.location", &tls.key)];
        for (key, path) in files {
            if let Some(path) = path {
                client.set(key, path.to_string_lossy());
            }
        }
        if let Some(path) = &tls.key_password_file {
            client.set("ssl.key.password", secrets.read(path)?);
        }
    }
    if let Some(sasl) = config.sasl.as_ref().filter(|_| config.tls.is_some()) {
        client.set("sasl.mechanism", sasl.mechanism.name());
        if sasl.mechanism != Mechanism::OauthBearer {
            client.set("sasl.username", &sasl.user);
        }
        if let Some(path) = &sasl.password_file {
            client.set("sasl.password", secrets.read(path)?);
        }
    }
    Ok((client, secrets))
}

impl Secrets {
    /// Reads a file with one secret, without the end of its line.
    fn read(&mut self, path: &Path) -> Result<String> {
        let text = std::fs::read_to_string(path);
        let text = text.map_err(|source| Error::Io { action: "read the secret in", path: path.to_owned(), source })?;
        let secret = text.trim_end_matches(['\r', '\n']).to_owned();
        self.0.push(secret.clone());
        Ok(secret)
    }
}

/// What went wrong with a client, without the value of a setting.
pub(super) fn wrong(secrets: &Secrets, action: &'static str, place: impl Into<String>, error: &KafkaError) -> Error {
    let reason = match error {
        KafkaError::ClientConfig(_, reason, key, _) => format!("{key} is refused: {}", reason.replace('\n', " ")),
        error => error.to_string(),
    };
    Error::Kafka { action, place: place.into(), reason: secrets.hide(&reason) }
}

#[cfg(test)]
mod tests {
    use super::super::super::config::{SaslConfig, TlsConfig};
    use super::*;

    #[test]
    fn a_secret_is_in_no_error() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("password");
        std::fs::write(&file, "hunter2-very-secret\n").unwrap();
        let sasl = SaslConfig {
            mechanism: Mechanism::ScramSha512,
            user: "sekisho".to_owned(),
            password_file: Some(file),
            token_file: None,
        };
        let config = KafkaConfig { tls: Some(TlsConfig::default()), sasl: Some(sasl), ..KafkaConfig::default() };
        let (mut client, secrets) = settings(&config).unwrap();
        assert_eq!(client.get("sasl.password"), Some("hunter2-very-secret"));
        assert!(!format!("{config:?}").contains("hunter2"));
        assert_eq!(secrets.hide("with hunter2-very-secret here"), "with *** here");
        // An unknown value of a known key, and an unknown key with the secret as value.
        for key in ["sasl.mechanism.or.so", "security.protocol"] {
            client.set(key, "hunter2-very-secret");
            let error = client.create::<rdkafka::consumer::BaseConsumer>().err().unwrap();
            let told = wrong(&secrets, "connect to", "kafka", &error).to_string();
            assert!(told.contains("refused") && !told.contains("hunter2"), "{told}");
            client.remove(key);
        }
    }
}
