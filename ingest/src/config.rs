//! `[listen]` of the configuration: where sekisho listens, and whose lines come in there.
//!
//! ```toml
//! [[listen.listener]]
//! kind = "syslog_udp"              # or syslog_tcp, syslog_tls, relp, http, elasticsearch, splunk_hec, otlp, beats,
//!                                  # netflow, snmp_trap, collector (see docs/collectors.md)
//! bind = "0.0.0.0:514"
//! tenant = "town"
//! source = "fw-core"               # everything that comes in here is this source's
//!
//! [[listen.listener]]              # shared by several sources of one tenant:
//! kind = "syslog_tcp"
//! bind = "0.0.0.0:601"
//! tenant = "town"                  # the source is found by peer address (`from` in sources.toml), else by the syslog
//!                                  # host name (`hosts`), else it is `unknown`, where the lines wait to be assigned
//!
//! [[listen.listener]]
//! kind = "http"                    # POST /ingest/v1/{source}, bearer tokens from sources.toml
//! bind = "0.0.0.0:8088"
//!
//! [[listen.listener]]
//! kind = "syslog_tls"              # relp may have `tls` too
//! bind = "0.0.0.0:6514"
//! tenant = "town"                  # with client certificates, `certificate` in sources.toml names the source
//! tls = { certificate = "tls/server.pem", key = "tls/server.key", client_ca = "tls/senders.pem" }
//! ```
//!
//! ```toml
//! [[listen.file]]                  # lines of files that programs write
//! paths = ["/var/log/squid/access.log"]
//! tenant = "town"
//! source = "squid01"
//! ```
//!
//! ```toml
//! [[listen.journal]]               # systemd's journal of this machine
//! tenant = "town"
//! source = "srv01"
//! ```
//!
//! ```toml
//! [[listen.kafka]]                 # topics that others write
//! topics = ["filebeat"]
//! brokers = ["kafka1.example.lg.jp:9092"]
//! tenant = "town"
//! source = "srv02"
//! ```
//!
//! The tenant never comes from a line's content: only from the listener, the peer's address or the token.

use std::fmt;
use std::net::SocketAddr;
use std::path::Path;

use serde::Deserialize;

use crate::collect::folder::FolderConfig;
use crate::framing::Framing;
use crate::journal::JournalConfig;
use crate::kafka::TopicConfig;
use crate::listen::{HttpLimits, TlsConfig};
use crate::sources::Sources;
use crate::tail::FileConfig;
use crate::{Error, Result};

/// The source of lines from a sender that no source claims; the tenant too, where the listener names none.
pub const UNKNOWN: &str = "unknown";

/// All listeners.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListenConfig {
    /// The listeners; none is allowed (a machine that only serves pages).
    #[serde(default)]
    pub listener: Vec<Listener>,
    /// Folders that one-way links fill.
    #[serde(default)]
    pub folder: Vec<FolderConfig>,
    /// Files that are followed.
    #[serde(default)]
    pub file: Vec<FileConfig>,
    /// Journals of systemd that are followed.
    #[serde(default)]
    pub journal: Vec<JournalConfig>,
    /// Topics of a Kafka that others write.
    #[serde(default)]
    pub kafka: Vec<TopicConfig>,
    /// Limits, the same for every listener.
    #[serde(default)]
    pub limits: Limits,
}

/// One listener.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listener {
    /// What is spoken there.
    pub kind: ListenerKind,
    /// Address and port; port 0 takes a free one.
    pub bind: SocketAddr,
    /// The tenant of everything that comes in here.
    pub tenant: Option<String>,
    /// The source of everything that comes in here; needs `tenant`.
    pub source: Option<String>,
    /// How messages are told apart on a TCP connection; found out per connection unless set.
    #[serde(default)]
    pub framing: Framing,
    /// Sockets that share the port of `syslog_udp` (SO_REUSEPORT), each with a thread. Default 1.
    #[serde(default = "one")]
    pub sockets: usize,
    /// Certificates: required by `syslog_tls`, allowed for `relp`, `beats` and what speaks HTTP.
    pub tls: Option<TlsConfig>,
}

fn one() -> usize {
    1
}

/// What a listener speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ListenerKind {
    /// Syslog over UDP (RFC 5426): one message per datagram.
    SyslogUdp,
    /// Syslog over TCP (RFC 6587): octet-counted or one message per line.
    SyslogTcp,
    /// Syslog over TLS (RFC 5425), framed as over TCP.
    SyslogTls,
    /// RELP: every message is acknowledged once it is durable.
    Relp,
    /// Lines or NDJSON over HTTP.
    Http,
    /// Elasticsearch's `_bulk` and what shippers ask before it.
    Elasticsearch,
    /// Splunk's HTTP Event Collector.
    SplunkHec,
    /// Logs of OpenTelemetry, over HTTP and gRPC.
    Otlp,
    /// Lumberjack 2, as Beats and Logstash speak it: every window is acknowledged once it is durable.
    Beats,
    /// What collectors push: every batch is acknowledged once it is durable, and nothing is taken twice.
    Collector,
    /// NetFlow 5, 7, 9 and IPFIX over UDP: each flow becomes a line.
    Netflow,
    /// SNMP traps and informs, versions 1 and 2c, over UDP: each becomes a line.
    SnmpTrap,
}

/// Limits of every listener.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// TCP and HTTP connections per listener at one time; more are closed at once and counted. Default 1,024.
    pub connections_max: usize,
    /// Of them, those of one peer address; loopback may have all. Default 128.
    pub peer_connections_max: usize,
    /// A TCP connection without a byte for this long is closed. Default 86,400: syslog senders lose what they write
    /// into a connection that was closed meanwhile, so this only clears away the dead.
    pub idle_seconds_max: u64,
    /// How long a TLS handshake, and after it the first word of RELP, may take. Default 10.
    pub handshake_seconds_max: u64,
    /// Receive buffer asked of the kernel for UDP (Linux grants at most `net.core.rmem_max`). Default 16 MiB.
    pub udp_buffer_bytes: usize,
    /// Datagrams of one listener that wait for the stream, in bytes; the source that fills it is shed first. Default
    /// 64 MiB.
    pub udp_queue_bytes_max: usize,
    /// HTTP requests in work at one time per listener; more are answered 429. Default 64.
    pub http_requests_max: usize,
    /// Largest HTTP body as sent. Default 16 MiB.
    pub http_body_bytes_max: usize,
    /// Largest HTTP body after decompression. Default 64 MiB.
    pub http_decompressed_bytes_max: usize,
    /// Bytes of HTTP bodies held at one time per listener, as sent and decompressed together; more are answered 429.
    /// At least one body of the largest size. Default 256 MiB.
    pub http_memory_bytes_max: usize,
    /// How long a client may take to send its body. Default 30.
    pub http_body_seconds_max: u64,
    /// How long a client may take to send the head of a request; a connection without a request is kept as long.
    /// Default 60.
    pub http_head_seconds_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            connections_max: 1024,
            peer_connections_max: 128,
            idle_seconds_max: 86_400,
            handshake_seconds_max: 10,
            udp_buffer_bytes: 16 << 20,
            udp_queue_bytes_max: 64 << 20,
            http_requests_max: 64,
            http_body_bytes_max: 16 << 20,
            http_decompressed_bytes_max: 64 << 20,
            http_memory_bytes_max: 256 << 20,
            http_body_seconds_max: 30,
            http_head_seconds_max: 60,
        }
    }
}

impl ListenerKind {
    /// The name, as in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            ListenerKind::SyslogUdp => "syslog_udp",
            ListenerKind::SyslogTcp => "syslog_tcp",
            ListenerKind::SyslogTls => "syslog_tls",
            ListenerKind::Relp => "relp",
            ListenerKind::Http => "http",
            ListenerKind::Elasticsearch => "elasticsearch",
            ListenerKind::SplunkHec => "splunk_hec",
            ListenerKind::Otlp => "otlp",
            ListenerKind::Beats => "beats",
            ListenerKind::Collector => "collector",
            ListenerKind::Netflow => "netflow",
            ListenerKind::SnmpTrap => "snmp_trap",
        }
    }
}

impl fmt::Display for ListenerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl ListenConfig {
    /// The most listeners of one process.
    pub const LISTENERS_MAX: usize = 1024;
    /// The most sockets of one listener.
    pub const SOCKETS_MAX: usize = 64;

    /// Whether collectors push to here.
    pub fn takes_collectors(&self) -> bool {
        let mut kinds = self.listener.iter().map(|listener| listener.kind);
        !self.folder.is_empty() || kinds.any(|kind| kind == ListenerKind::Collector)
    }

    /// Takes relative paths as relative to this folder.
    pub fn resolve(&mut self, base: &Path) {
        for tls in self.listener.iter_mut().filter_map(|listener| listener.tls.as_mut()) {
            tls.resolve(base);
        }
        for file in &mut self.file {
            file.resolve(base);
        }
        self.folder.iter_mut().for_each(|folder| folder.resolve(base));
        for journal in &mut self.journal {
            journal.resolve(base);
        }
        for topics in &mut self.kafka {
            topics.resolve(base);
        }
    }

    /// Checks what the types do not say, against the declared sources. [`listen`](crate::listen) does it too.
    ///
    /// # Errors
    /// [`Error::Config`] names the listener, and what to write instead.
    pub fn validate(&self, sources: &Sources) -> Result<()> {
        if self.listener.len() > Self::LISTENERS_MAX {
            return Err(Error::Config(format!("{} listeners; at most {}", self.listener.len(), Self::LISTENERS_MAX)));
        }
        for (index, listener) in self.listener.iter().enumerate() {
            let wrong = |what: &str| {
                let number = index + 1;
                Err(Error::Config(format!("listen.listener {number} ({} {}): {what}", listener.kind, listener.bind)))
            };
            if listener.source.is_some() && listener.tenant.is_none() {
                return wrong("`source` without `tenant`; name the tenant that the source belongs to");
            }
            if listener.kind == ListenerKind::Http && listener.source.is_some() {
                return wrong("an http listener takes the source from the path; leave `source` out");
            }
            if let (Some(tenant), Some(source)) = (&listener.tenant, &listener.source)
                && sources.get(tenant, source).is_none()
            {
                return wrong(&format!("sources.toml declares no source {tenant}/{source}; declare it there"));
            }
            let framed = matches!(listener.kind, ListenerKind::SyslogTcp | ListenerKind::SyslogTls);
            if !framed && listener.framing != Framing::Auto {
                return wrong("`framing` is for syslog_tcp and syslog_tls; leave it out");
            }
            match (listener.kind, listener.sockets) {
                (_, 1) | (ListenerKind::SyslogUdp, 2..=Self::SOCKETS_MAX) => {}
                (ListenerKind::SyslogUdp, _) => return wrong("`sockets` is from 1 to 64"),
                _ => return wrong("`sockets` is for syslog_udp; leave it out"),
            }
            match (listener.kind, &listener.tls) {
                (ListenerKind::SyslogTls, None) => {
                    return wrong("no `tls`; write tls = { certificate = \"server.pem\", key = \"server.key\" }");
                }
                (ListenerKind::Collector, tls) if tls.as_ref().is_none_or(|tls| tls.client_ca.is_none()) => {
                    return wrong(
                        "no `tls` with `client_ca`; `sekisho collector add` makes the files and says what to write",
                    );
                }
                (ListenerKind::SyslogUdp | ListenerKind::SyslogTcp, Some(_)) => {
                    return wrong("syslog over TLS is kind `syslog_tls`; write that, or leave `tls` out");
                }
                (ListenerKind::Netflow | ListenerKind::SnmpTrap, Some(_)) => {
                    return wrong("flows and traps come over UDP, without TLS; leave `tls` out");
                }
                _ => {}
            }
            if listener.kind == ListenerKind::Collector && listener.tenant.is_some() {
                return wrong("[[collector]] in sources.toml says whose records come; leave `tenant` and `source` out");
            }
            let name_empty = |name: &Option<String>| name.as_ref().is_some_and(String::is_empty);
            if name_empty(&listener.tenant) || name_empty(&listener.source) {
                return wrong("an empty name; write the id or leave the key out");
            }
        }
        for (index, folder) in self.folder.iter().enumerate() {
            folder.validate().map_err(|what| Error::Config(format!("listen.folder {}: {what}", index + 1)))?;
        }
        for (index, file) in self.file.iter().enumerate() {
            file.validate(sources).map_err(|what| Error::Config(format!("listen.file {}: {what}", index + 1)))?;
        }
        JournalConfig::validate_all(&self.journal, sources)
            .map_err(|(number, what)| Error::Config(format!("listen.journal {number}: {what}")))?;
        TopicConfig::validate_all(&self.kafka, sources)
            .map_err(|(number, what)| Error::Config(format!("listen.kafka {number}: {what}")))?;
        self.limits.validate()
    }
}

impl Limits {
    /// Those of an HTTP server. Its own limit of a body is a little longer than the one that is answered 408.
    pub(crate) fn http(&self) -> HttpLimits {
        HttpLimits {
            connections_max: self.connections_max,
            peer_connections_max: self.peer_connections_max,
            head_seconds_max: self.http_head_seconds_max,
            body_seconds_max: self.http_body_seconds_max.saturating_add(1),
            ..HttpLimits::default()
        }
    }

    fn validate(&self) -> Result<()> {
        let limits = self;
        let all = [
            ("connections_max", limits.connections_max),
            ("peer_connections_max", limits.peer_connections_max),
            ("udp_buffer_bytes", limits.udp_buffer_bytes),
            ("udp_queue_bytes_max", limits.udp_queue_bytes_max),
            ("http_requests_max", limits.http_requests_max),
            ("http_body_bytes_max", limits.http_body_bytes_max),
            ("http_decompressed_bytes_max", limits.http_decompressed_bytes_max),
            ("http_memory_bytes_max", limits.http_memory_bytes_max),
            ("idle_seconds_max", limits.idle_seconds_max as usize),
            ("handshake_seconds_max", limits.handshake_seconds_max as usize),
            ("http_body_seconds_max", limits.http_body_seconds_max as usize),
            ("http_head_seconds_max", limits.http_head_seconds_max as usize),
        ];
        let largest = limits.http_body_bytes_max.saturating_add(limits.http_decompressed_bytes_max);
        if limits.http_memory_bytes_max < largest {
            let held = limits.http_memory_bytes_max;
            return Err(Error::Config(format!(
                "listen.limits.http_memory_bytes_max is {held}; one body may need {largest}: write that or more"
            )));
        }
        match all.iter().find(|(_, value)| !(1..=1 << 30).contains(value)) {
            Some((key, value)) => {
                Err(Error::Config(format!("listen.limits.{key} is {value}; write a number from 1 to {}", 1 << 30)))
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_checks() {
        let text = "[[listener]]\nkind='syslog_tcp'\nbind='127.0.0.1:0'\ntenant='t'\nsource='s'\nframing='lf'\n\
                    [limits]\nconnections_max=2\n";
        let config: ListenConfig = toml::from_str(text).unwrap();
        let declared = Sources::from_list(vec![]).unwrap();
        assert!(config.validate(&declared).unwrap_err().to_string().contains("no source t/s"));
        assert_eq!((config.listener[0].framing, config.limits.connections_max), (Framing::Lf, 2));
        let text = "[[listener]]\nkind='netflow'\nbind='127.0.0.1:0'\ntenant='t'\nsource='flows'\n\
                    [[listener]]\nkind='snmp_trap'\nbind='127.0.0.1:0'\n[[journal]]\ntenant='t'\nsource='log'\n";
        let others = "[[source]]\ntenant='t'\nid='flows'\nproduct='netflow'\n\
                      [[source]]\ntenant='t'\nid='log'\nproduct='journald'\n";
        let others = crate::listen::tests::sources_of(others);
        toml::from_str::<ListenConfig>(text).unwrap().validate(&others).unwrap();
        for (text, expected) in [
            ("[[listener]]\nkind='syslog_tcp'\nbind='127.0.0.1:0'\nport=1\n", "port"),
            ("[[listener]]\nkind='telnet'\nbind='127.0.0.1:0'\n", "telnet"),
            ("[[listener]]\nkind='relp'\nbind='127.0.0.1:0'\ntls={certificate='a'}\n", "key"),
            ("[[listener]]\nkind='syslog_udp'\nbind='514'\n", "bind"),
        ] {
            let wrong = toml::from_str::<ListenConfig>(text).unwrap_err().to_string();
            assert!(wrong.contains(expected), "{wrong}");
        }
        for (text, expected) in [
            ("[[listener]]\nkind='syslog_udp'\nbind='127.0.0.1:0'\nsource='s'\n", "tenant"),
            ("[[listener]]\nkind='http'\nbind='127.0.0.1:0'\ntenant='t'\nsource='s'\n", "path"),
            ("[[listener]]\nkind='syslog_tls'\nbind='127.0.0.1:0'\n", "no `tls`"),
            ("[[listener]]\nkind='syslog_udp'\nbind='127.0.0.1:0'\nsockets=0\n", "from 1 to 64"),
            ("[[listener]]\nkind='syslog_tcp'\nbind='127.0.0.1:0'\ntls={certificate='a', key='b'}\n", "syslog_tls"),
            ("[[listener]]\nkind='collector'\nbind='127.0.0.1:0'\ntls={certificate='a', key='b'}\n", "client_ca"),
            ("[[listener]]\nkind='netflow'\nbind='127.0.0.1:0'\nsockets=2\n", "syslog_udp"),
            ("[[listener]]\nkind='netflow'\nbind='127.0.0.1:0'\ntls={certificate='a', key='b'}\n", "over UDP"),
            ("[[listener]]\nkind='snmp_trap'\nbind='127.0.0.1:0'\nframing='lf'\n", "`framing` is for"),
            ("[limits]\nhttp_memory_bytes_max=1000\n", "write that or more"),
            ("[[file]]\npaths=['a']\ntenant='t'\nsource='s'\n", "listen.file 1: sources.toml declares no source t/s"),
            ("[[journal]]\ntenant='t'\nsource='s'\n", "listen.journal 1: sources.toml declares no source t/s"),
            ("[limits]\nconnections_max=0\n", "connections_max"),
        ] {
            let wrong = toml::from_str::<ListenConfig>(text).unwrap().validate(&declared).unwrap_err().to_string();
            assert!(wrong.contains(expected), "{wrong}");
        }
    }
}
