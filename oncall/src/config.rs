//! The `[oncall]` part of the configuration.
//!
//! ```toml
//! public_url = "https://sekisho.example.lg.jp"   # optional; messages then link to the alert
//! attempts_max = 12                              # 1 to 100
//! backoff_seconds_min = 2                        # first pause; doubles each time
//! backoff_seconds_max = 900
//! deliveries_max = 16                            # 2 to 256 attempts at once
//! poll_ms = 200                                  # 10 to 60000
//!
//! [[channel]]
//! name = "duty"                  # letters, digits, - and _; part of the idempotency key
//! kind = "webhook"
//! url = "https://chat.example.lg.jp/hooks/sekisho"
//! secret = "whsec_..."           # optional: base64 of 24 to 64 bytes, as Standard Webhooks writes it
//! timeout_seconds = 10
//!
//! [[channel]]
//! name = "mail"
//! kind = "smtp"
//! host = "mail.example.lg.jp"
//! port = 587
//! tls = "starttls"               # starttls | tls | plain
//! user = "sekisho"               # optional, with password; never over plain
//! password = "..."
//! from = "sekisho@example.lg.jp"
//! to = ["duty@example.lg.jp"]
//! ```

use base64::Engine as _;
use serde::Deserialize;

use crate::{Error, Result};

/// Who is told, and how persistently. Unknown keys are refused.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Address of the pages, for links; without a trailing slash.
    pub public_url: Option<String>,
    /// Attempts before a page is given up.
    pub attempts_max: u32,
    /// Pause after the first failure, in seconds.
    pub backoff_seconds_min: u64,
    /// The longest pause, in seconds.
    pub backoff_seconds_max: u64,
    /// The most attempts at once.
    pub deliveries_max: usize,
    /// How often the outbox is read, in milliseconds.
    pub poll_ms: u64,
    /// Channels.
    #[serde(rename = "channel")]
    pub channels: Vec<Channel>,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            public_url: None,
            attempts_max: 12,
            backoff_seconds_min: 2,
            backoff_seconds_max: 900,
            deliveries_max: 16,
            poll_ms: 200,
            channels: Vec::new(),
        }
    }
}

/// One way to people.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Channel {
    /// HTTP POST, signed.
    Webhook(Webhook),
    /// Mail.
    Smtp(Smtp),
}

/// A webhook.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// Channel name.
    pub name: String,
    /// Where to POST.
    pub url: String,
    /// Signing secret.
    #[serde(default)]
    pub secret: Option<Secret>,
    /// Seconds until an attempt is given up; 1 to 60.
    #[serde(default = "ten")]
    pub timeout_seconds: u64,
}

/// A mail server and its recipients.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Smtp {
    /// Channel name.
    pub name: String,
    /// Server.
    pub host: String,
    /// Port; 587 for starttls, 465 for tls, 25 for plain unless given.
    #[serde(default)]
    pub port: Option<u16>,
    /// Encryption.
    #[serde(default)]
    pub tls: Tls,
    /// Account.
    #[serde(default)]
    pub user: Option<String>,
    /// Its password.
    #[serde(default)]
    pub password: Option<Secret>,
    /// Sender.
    pub from: String,
    /// Recipients, 1 to 50.
    pub to: Vec<String>,
    /// Seconds until an attempt is given up; 1 to 60.
    #[serde(default = "ten")]
    pub timeout_seconds: u64,
}

/// Encryption of a mail connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tls {
    /// STARTTLS, demanded.
    #[default]
    Starttls,
    /// TLS from the first byte.
    Tls,
    /// None; for a relay on the same machine or a closed network.
    Plain,
}

/// Text that is never printed.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// From text.
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

fn ten() -> u64 {
    10
}

impl Channel {
    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Channel::Webhook(webhook) => &webhook.name,
            Channel::Smtp(smtp) => &smtp.name,
        }
    }

    fn timeout_seconds(&self) -> u64 {
        match self {
            Channel::Webhook(webhook) => webhook.timeout_seconds,
            Channel::Smtp(smtp) => smtp.timeout_seconds,
        }
    }
}

impl Config {
    /// Names of the channels, for [`store::Database::set_channels`].
    pub fn channel_names(&self) -> Vec<String> {
        self.channels.iter().map(|channel| channel.name().to_owned()).collect()
    }

    /// Checks ranges, names, addresses and secrets.
    ///
    /// # Errors
    /// Names the key, its value and what is allowed.
    pub fn validate(&self) -> Result<()> {
        range("oncall.attempts_max", self.attempts_max.into(), 1, 100)?;
        range("oncall.backoff_seconds_min", self.backoff_seconds_min, 1, 3600)?;
        range("oncall.backoff_seconds_max", self.backoff_seconds_max, self.backoff_seconds_min, 86_400)?;
        range("oncall.deliveries_max", self.deliveries_max as u64, 2, 256)?;
        range("oncall.poll_ms", self.poll_ms, 10, 60_000)?;
        if let Some(url) = &self.public_url {
            web_address("oncall.public_url", url)?;
        }
        let mut names = std::collections::HashSet::new();
        for channel in &self.channels {
            let name = channel.name();
            let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
            if name.is_empty() || name.len() > 64 || !plain {
                return refuse(format!("oncall.channel name {name:?}: use 1 to 64 letters, digits, - and _"));
            }
            if !names.insert(name) {
                return refuse(format!("oncall.channel name {name:?} stands twice; rename one"));
            }
            range(&format!("oncall.channel {name}: timeout_seconds"), channel.timeout_seconds(), 1, 60)?;
            match channel {
                Channel::Webhook(webhook) => webhook.validate()?,
                Channel::Smtp(smtp) => smtp.validate()?,
            }
        }
        Ok(())
    }
}

impl Webhook {
    fn validate(&self) -> Result<()> {
        web_address(&format!("oncall.channel {}: url", self.name), &self.url)?;
        match &self.secret {
            Some(secret) => secret_bytes(secret).map(|_| ()),
            None => Ok(()),
        }
    }
}

impl Smtp {
    fn validate(&self) -> Result<()> {
        let name = &self.name;
        let host = |c: char| c.is_ascii_alphanumeric() || "-.:[]_".contains(c);
        if self.host.is_empty() || !self.host.chars().all(host) {
            return refuse(format!("oncall.channel {name}: host {:?} is not a host name or address", self.host));
        }
        if self.user.is_some() != self.password.is_some() {
            return refuse(format!("oncall.channel {name}: write both user and password, or neither"));
        }
        if self.user.is_some() && self.tls == Tls::Plain {
            return refuse(format!(
                "oncall.channel {name}: a password over plain SMTP can be read; use tls or starttls"
            ));
        }
        range(&format!("oncall.channel {name}: number of recipients in to"), self.to.len() as u64, 1, 50)?;
        for address in self.to.iter().chain([&self.from]) {
            if address.parse::<lettre::message::Mailbox>().is_err() {
                return refuse(format!("oncall.channel {name}: {address:?} is not a mail address"));
            }
        }
        Ok(())
    }
}

/// The bytes of a `whsec_` secret.
pub(crate) fn secret_bytes(secret: &Secret) -> Result<Vec<u8>> {
    let text = secret.expose().strip_prefix("whsec_").unwrap_or(secret.expose());
    match base64::engine::general_purpose::STANDARD.decode(text) {
        Ok(bytes) if (24..=64).contains(&bytes.len()) => Ok(bytes),
        _ => refuse("oncall.channel secret: write whsec_ and the base64 of 24 to 64 random bytes".into()),
    }
}

fn web_address(key: &str, url: &str) -> Result<()> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    match rest {
        Some(rest) if !rest.is_empty() && !url.chars().any(|c| c.is_control() || c.is_whitespace()) => Ok(()),
        _ => refuse(format!("{key} {url:?}: write an address that starts with https:// or http://")),
    }
}

fn range(key: &str, value: u64, min: u64, max: u64) -> Result<()> {
    if (min..=max).contains(&value) {
        return Ok(());
    }
    refuse(format!("{key} is {value}; write a number from {min} to {max}"))
}

fn refuse<T>(text: String) -> Result<T> {
    Err(Error::Config(text))
}
