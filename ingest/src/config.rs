//! The `[listen]` part of the configuration.
//!
//! ```toml
//! [[listen.listener]]
//! kind = "syslog_tcp"            # syslog_udp, syslog_tcp or http
//! bind = "0.0.0.0:5514"
//! tenant = "town"                # optional: everything that arrives here is of this tenant ...
//! source = "fw-core"             # ... and source; otherwise the sender's address decides (`from` in sources.toml)
//! ```

use std::net::SocketAddr;

use serde::Deserialize;

use crate::sources::Sources;
use crate::{Error, Result};

/// Where to listen.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ListenConfig {
    /// The listeners; at most [`ListenConfig::LISTENERS_MAX`].
    pub listener: Vec<Listener>,
}

/// One listener.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listener {
    /// What it speaks.
    pub kind: ListenerKind,
    /// Address and port; port 0 takes a free one.
    pub bind: SocketAddr,
    /// Tenant of everything that arrives; of unknown senders when `source` is absent.
    #[serde(default)]
    pub tenant: Option<String>,
    /// Source of everything that arrives.
    #[serde(default)]
    pub source: Option<String>,
}

/// What a listener speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ListenerKind {
    /// Syslog, one message per datagram (RFC 3164, RFC 5426).
    SyslogUdp,
    /// Syslog, RFC 6587 framing.
    SyslogTcp,
    /// `POST /ingest/v1/{source}`.
    Http,
}

impl ListenerKind {
    /// The word in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            ListenerKind::SyslogUdp => "syslog_udp",
            ListenerKind::SyslogTcp => "syslog_tcp",
            ListenerKind::Http => "http",
        }
    }
}

impl ListenConfig {
    /// The most listeners of one process.
    pub const LISTENERS_MAX: usize = 1024;

    /// Checks every listener against the declared sources.
    ///
    /// # Errors
    /// Names the listener and what to write instead.
    pub fn validate(&self, sources: &Sources) -> Result<()> {
        if self.listener.len() > Self::LISTENERS_MAX {
            return Err(Error::Config(format!("{} listeners; at most {}", self.listener.len(), Self::LISTENERS_MAX)));
        }
        for (index, listener) in self.listener.iter().enumerate() {
            let place = format!("listener {} ({} on {})", index + 1, listener.kind.as_str(), listener.bind);
            match (&listener.tenant, &listener.source, listener.kind) {
                (_, Some(_), ListenerKind::Http) => {
                    return Err(Error::Config(format!("{place}: leave `source` out; the path of each request names it")));
                }
                (None, Some(source), _) => {
                    return Err(Error::Config(format!("{place}: source `{source}` needs its `tenant` too")));
                }
                (Some(tenant), Some(source), _) if sources.get(tenant, source).is_none() => {
                    return Err(Error::Config(format!("{place}: sources.toml declares no source {tenant}/{source}")));
                }
                _ => {}
            }
        }
        Ok(())
    }
}
