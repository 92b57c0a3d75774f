//! The `[dashboards]` part of the configuration.
//!
//! ```toml
//! listen = "127.0.0.1:8686"       # address and port
//! session_hours = 12              # 1 to 168: how long a sign-in lasts
//! secure_cookie = false           # true behind TLS: the cookie then never travels over plain HTTP
//! stale_seconds = 60              # 5 to 3600: without data for so long, the board says so
//! refresh_seconds = 10            # 2 to 300: how often the board asks for new figures
//! queries_max = 8                 # 1 to 64: store calls running at once; more wait up to ten seconds
//! connections_max = 512           # 8 to 65536: open connections; more are closed at once. One address has at most 128
//! metrics_token = "..."           # optional: /metrics then wants `Authorization: Bearer ...`
//! ```

use std::net::{Ipv4Addr, SocketAddr};

use serde::Deserialize;

use crate::{Error, Result};

/// What the pages need to know. Unknown keys are refused.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where to listen.
    pub listen: SocketAddr,
    /// How long a sign-in lasts, in hours.
    pub session_hours: u32,
    /// Whether the session cookie is marked `Secure`.
    pub secure_cookie: bool,
    /// Seconds without any event after which the board shows a banner.
    pub stale_seconds: u32,
    /// Seconds between two refreshes of the board.
    pub refresh_seconds: u32,
    /// The most store calls at once.
    pub queries_max: usize,
    /// The most open connections.
    pub connections_max: usize,
    /// Bearer token that `/metrics` demands; absent means open.
    pub metrics_token: Option<String>,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8686)),
            session_hours: 12,
            secure_cookie: false,
            stale_seconds: 60,
            refresh_seconds: 10,
            queries_max: 8,
            connections_max: 512,
            metrics_token: None,
        }
    }
}

impl Config {
    /// Checks ranges.
    ///
    /// # Errors
    /// Names the key, its value and what is allowed.
    pub fn validate(&self) -> Result<()> {
        range("session_hours", u64::from(self.session_hours), 1, 168)?;
        range("stale_seconds", u64::from(self.stale_seconds), 5, 3600)?;
        range("refresh_seconds", u64::from(self.refresh_seconds), 2, 300)?;
        range("queries_max", self.queries_max as u64, 1, 64)?;
        range("connections_max", self.connections_max as u64, 8, 65_536)?;
        match &self.metrics_token {
            Some(token) if token.len() < 16 => {
                Err(Error::Config("dashboards.metrics_token is shorter than 16 characters; write a longer one".into()))
            }
            _ => Ok(()),
        }
    }
}

fn range(key: &str, value: u64, min: u64, max: u64) -> Result<()> {
    if (min..=max).contains(&value) {
        return Ok(());
    }
    Err(Error::Config(format!("dashboards.{key} is {value}; write a number from {min} to {max}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid_and_bad_values_name_their_key() {
        Config::default().validate().unwrap();
        let bad = Config { queries_max: 0, ..Config::default() };
        assert!(bad.validate().unwrap_err().to_string().contains("dashboards.queries_max"));
        let wrong = serde_json::from_str::<Config>(r#"{"session_hour": 3}"#).unwrap_err();
        assert!(wrong.to_string().contains("session_hour"));
    }
}
