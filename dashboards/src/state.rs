//! What the pages read from: the database, the searcher, and live figures from the worker.

use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use stream::{Level, Timestamp};
use tokio::sync::Semaphore;

use crate::auth::Throttle;
use crate::metrics::Metrics;
use crate::{Config, Error, Result};

const WAIT_MAX: std::time::Duration = std::time::Duration::from_secs(10);

/// Gives the current instant.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The wall clock, or the fixed instant of `SEKISHO_NOW` (RFC 3339), so that pictures and tests do not change.
pub fn clock() -> Clock {
    match std::env::var("SEKISHO_NOW").ok().as_deref().and_then(Timestamp::parse_rfc3339) {
        Some(fixed) => Arc::new(move || fixed),
        None => Arc::new(|| jiff::Timestamp::now().into()),
    }
}

/// Figures that only the running worker knows. Calls must return at once: they are made on every refresh.
pub trait Live: Send + Sync {
    /// Records received since the start, all tenants.
    fn events_received_total(&self) -> u64;
    /// One row per configured or seen source, all tenants, in stable order.
    fn sources(&self) -> Vec<SourceLive>;
    /// One row per listener, in the order of the configuration.
    fn listeners(&self) -> Vec<ListenerLive>;
    /// 99th percentile of received -> searchable over the last minutes, in milliseconds; `None` before the first event.
    fn searchable_p99_ms(&self) -> Option<u64>;
    /// When the process started.
    fn started_at(&self) -> Timestamp;
    /// Disk use.
    fn storage(&self) -> Storage;
    /// Nanoseconds per event by rule id, measured in a sample of events; empty while none is known.
    fn rule_costs(&self) -> std::collections::HashMap<String, u64> {
        std::collections::HashMap::new()
    }
    /// Parts of the index that are damaged and not found by searches: whose, how many events, oldest and newest of them.
    fn damaged(&self) -> Vec<(String, u64, Timestamp, Timestamp)> {
        Vec::new()
    }
    /// What is in the way of archiving what was received, if anything is.
    fn archive_trouble(&self) -> Option<String> {
        None
    }
    /// Whether records are accepted and the store answers.
    ///
    /// # Errors
    /// A sentence that says what is not ready.
    fn ready(&self) -> std::result::Result<(), String>;
}

/// One source as the worker sees it now. `received = indexed + filtered + in_flight`, exactly.
#[derive(Clone, Debug, Default)]
pub struct SourceLive {
    /// Tenant id.
    pub tenant: String,
    /// Source id.
    pub id: String,
    /// Product name.
    pub product: String,
    /// Zone the device stands in, if declared.
    pub zone: String,
    /// Records received.
    pub received: u64,
    /// Events in the index.
    pub indexed: u64,
    /// Events left out by a named rule.
    pub filtered: u64,
    /// Records received and not yet indexed.
    pub in_flight: u64,
    /// Of the indexed ones, those that could not be parsed.
    pub parse_failures: u64,
    /// Lines lost before they reached this process and counted by the kernel (UDP), at listeners that are this source's
    /// alone, since the process started.
    pub kernel_drops: u64,
    /// Records received in the last sixty seconds.
    pub received_last_minute: u64,
    /// When the last record came.
    pub last_received: Option<Timestamp>,
    /// Whether it has been quiet for longer than is usual or declared.
    pub silent: bool,
    /// Median of receipt minus event time in seconds, since the process started: positive when its clock is behind.
    pub clock_skew_seconds: Option<i64>,
    /// Numbers of its lines that are missing since the process started; none where the product does not number them.
    pub missing_numbers: Option<u64>,
}

/// Where lines come in.
#[derive(Clone, Debug, Default)]
pub struct ListenerLive {
    /// `syslog_udp`, `syslog_tcp` or `http`.
    pub kind: String,
    /// Address and port.
    pub address: String,
    /// Tenant id; empty where several share it.
    pub tenant: String,
    /// Source id; empty where several share it.
    pub source: String,
    /// Datagrams that the kernel dropped here since the process started. At a shared listener nobody knows whose.
    pub kernel_drops: u64,
}

/// Disk use of data directory and its file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct Storage {
    /// Bytes that sekisho's own files take.
    pub data_bytes: u64,
    /// Bytes used on the file system.
    pub used_bytes: u64,
    /// Size of the file system in bytes; 0 where unknown.
    pub total_bytes: u64,
    /// Bytes that are to stay free; below it the oldest raw records are removed. 0 where that is switched off.
    pub reserve_bytes: u64,
    /// Days until it is full at the present rate, where known.
    pub days_left: Option<u32>,
}

impl Storage {
    /// Whether less than twice the reserve is free: people are told before anything is removed.
    pub fn is_low(&self) -> bool {
        let free = self.total_bytes.saturating_sub(self.used_bytes);
        self.total_bytes > 0 && free < self.reserve_bytes.saturating_mul(2)
    }
}

/// What feeds a rule, by its logsource and fields and by what the parsers of the declared sources give.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleCoverage {
    /// Tenant and id of the sources whose events it judges.
    pub sources: Vec<(String, String)>,
    /// Fields it asks about that none of them gives.
    pub missing: Vec<String>,
    /// Whether it cannot match without them.
    pub never: bool,
}

/// A rule, as the pages show it.
#[derive(Clone, Debug)]
pub struct RuleView {
    /// Sigma id.
    pub id: String,
    /// Japanese title.
    pub title: String,
    /// English title.
    pub title_en: String,
    /// Level.
    pub level: Level,
    /// Use-case ids (`X01`).
    pub usecases: Vec<String>,
    /// Logsource in words (`firewall`, `product: squid`).
    pub logsource: String,
    /// 何が起きたか
    pub what: String,
    /// なぜ問題か
    pub why: String,
    /// まず何をするか, one step per entry.
    pub first: Vec<String>,
    /// ATT&CK ids (`T1041`).
    pub attack: Vec<String>,
    /// Known false positives.
    pub false_positives: Vec<String>,
    /// Clause of the security policy it serves.
    pub policy: String,
    /// Whether it runs.
    pub enabled: bool,
    /// Why it does not run, or what it lacks.
    pub problem: Option<String>,
    /// What feeds it.
    pub coverage: RuleCoverage,
    /// Event time of its last match.
    pub last_match: Option<Timestamp>,
    /// The rule's text.
    pub source: String,
}

/// A tenant, as the pages show it.
#[derive(Clone, Debug, Default)]
pub struct TenantView {
    /// Id.
    pub id: String,
    /// Name (`例示町`).
    pub name: String,
    /// Network model in words (`αモデル`).
    pub model: String,
    /// Its zones, in the order of the matrix.
    pub zones: Vec<ZoneView>,
    /// Its permitted flows, one row per line of flows.csv: id, from, to, ports, valid until, purpose.
    pub flows: Vec<[String; 6]>,
}

/// A zone.
#[derive(Clone, Debug, Default)]
pub struct ZoneView {
    /// Canonical id (`mynumber`).
    pub id: String,
    /// Japanese name.
    pub label: String,
    /// Its prefixes.
    pub prefixes: Vec<String>,
}

/// A sender that no source claims. Its lines are kept and searchable under source `unknown`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownLive {
    /// The listener's tenant; empty where the listener does not tell.
    pub tenant: String,
    /// Its address, where it has one.
    pub address: Option<IpAddr>,
    /// Records since it was first seen.
    pub records: u64,
    /// When the last one came.
    pub last_received: Timestamp,
    /// Host names that its lines claim.
    pub hosts: Vec<String>,
    /// Some of its lines, older first.
    pub lines: Vec<String>,
    /// What they look like: product, and confidence in percent.
    pub guess: Option<(String, u8)>,
}

/// What somebody wants an unknown sender to become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdoptionWish {
    /// Its address.
    pub address: IpAddr,
    /// Whose it is.
    pub tenant: String,
    /// The source's id.
    pub id: String,
    /// Product name.
    pub product: String,
}

/// Unknown senders, and how they become sources. Calls read files: they are made outside the async runtime.
pub trait Adoption: Send + Sync {
    /// Senders that no source claims, the busiest first, all tenants.
    ///
    /// # Errors
    /// A sentence that says what cannot be read.
    fn unknown(&self) -> std::result::Result<Vec<UnknownLive>, String>;

    /// Declares a sender, durably, and lets the running process know it. Gives `tenant/id`.
    ///
    /// # Errors
    /// Everything that is wrong: then it is not in use.
    fn adopt(&self, wish: &AdoptionWish) -> std::result::Result<String, String>;
}

/// Takes over changed rules and ledgers. Gives the revision that judges from now on, or everything that is wrong: then
/// nothing was changed.
pub type Reload = Arc<dyn Fn() -> Result<String, String> + Send + Sync>;

/// Everything the router needs. Clones share the same data.
#[derive(Clone)]
pub struct AppState {
    /// Configuration.
    pub config: Arc<Config>,
    /// Alerts, accounts, audit.
    pub database: store::Database,
    /// Events.
    pub searcher: store::Searcher,
    /// Rules; swap the inner `Arc` on reload.
    pub rules: Arc<ArcSwap<Vec<RuleView>>>,
    /// Tenants; swap the inner `Arc` on reload.
    pub tenants: Arc<ArcSwap<Vec<TenantView>>>,
    /// Takes over changed rules and ledgers; none where nothing can be reloaded.
    pub reload: Option<Reload>,
    /// Unknown senders; none where nothing is received.
    pub adoption: Option<Arc<dyn Adoption>>,
    /// Live figures.
    pub live: Arc<dyn Live>,
    /// Metrics registry that `/metrics` prints.
    pub registry: prometheus::Registry,
    /// The clock.
    pub clock: Clock,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) permits: Arc<Semaphore>,
    pub(crate) throttle: Arc<Throttle>,
}

impl AppState {
    /// Puts the parts together and registers this crate's metrics.
    ///
    /// # Errors
    /// When the configuration is invalid or the registry already holds these metrics.
    pub fn new(
        config: Config,
        database: store::Database,
        searcher: store::Searcher,
        live: Arc<dyn Live>,
        registry: prometheus::Registry,
    ) -> Result<AppState> {
        config.validate()?;
        let metrics = Arc::new(Metrics::register(&registry)?);
        let permits = Arc::new(Semaphore::new(config.queries_max));
        Ok(AppState {
            config: Arc::new(config),
            database,
            searcher,
            rules: Arc::default(),
            tenants: Arc::default(),
            reload: None,
            adoption: None,
            live,
            registry,
            clock: clock(),
            metrics,
            permits,
            throttle: Arc::new(Throttle::default()),
        })
    }

    /// The current instant.
    pub fn now(&self) -> Timestamp {
        (self.clock)()
    }
}

impl AppState {
    /// Runs a search outside the async runtime; at most `queries_max` at once, others wait up to ten seconds.
    pub(crate) async fn search_call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&AppState) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let turn = tokio::time::timeout(WAIT_MAX, Arc::clone(&self.permits).acquire_owned()).await;
        let Ok(Ok(turn)) = turn else {
            self.metrics.busy.inc();
            return Err(Error::Busy);
        };
        let state = self.clone();
        let task = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work(&state)
        });
        task.await.unwrap_or(Err(Error::Internal))
    }

    /// Runs a short database call outside the async runtime; never waits behind searches.
    pub(crate) async fn database_call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&AppState) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let state = self.clone();
        tokio::task::spawn_blocking(move || work(&state)).await.unwrap_or(Err(Error::Internal))
    }

    /// The rule with this id.
    pub(crate) fn rule(&self, id: &str) -> Option<RuleView> {
        self.rules.load().iter().find(|rule| rule.id == id).cloned()
    }
}
