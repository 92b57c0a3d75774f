//! What the pages show of rules, tenants and the running worker.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use dashboards::{ListenerLive, Live, RuleCoverage, RuleView, SourceLive, Storage, TenantView, UnknownLive, ZoneView};
use detect::{FlowRow, RuleSet, Tenant, Tenants};
use ingest::senders::UnknownSender;
use ingest::{Bound, Sources};
use store::Store;
use stream::Timestamp;
use stream::log::{Log, Retention};

use crate::accounting::Accounting;
use crate::config::Config;

/// Live figures, put together from accounting, log and store.
pub struct LiveView {
    accounting: Arc<Accounting>,
    log: Log,
    store: Store,
    sources: Arc<ArcSwap<Sources>>,
    bound: Vec<Bound>,
    archive: Option<Arc<store::archive::State>>,
    data: PathBuf,
    retention: Retention,
    started: Timestamp,
}

impl LiveView {
    /// Figures of this process; `sources` is swapped on reload.
    pub fn new(
        accounting: Arc<Accounting>,
        log: Log,
        store: Store,
        sources: Arc<ArcSwap<Sources>>,
        config: &Config,
        bound: Vec<Bound>,
        archive: Option<Arc<store::archive::State>>,
    ) -> LiveView {
        LiveView {
            accounting,
            log,
            store,
            sources,
            bound,
            archive,
            data: config.data.clone(),
            retention: config.stream.retention,
            started: now(),
        }
    }
}

impl LiveView {
    /// Datagrams lost at the listeners that are this source's alone.
    fn kernel_drops(&self, tenant: &str, source: &str) -> u64 {
        let own = self.bound.iter().filter(|bound| bound.tenant == tenant && bound.source == source);
        own.map(Bound::kernel_drops).sum()
    }
}

impl Live for LiveView {
    fn rule_costs(&self) -> HashMap<String, u64> {
        self.accounting.costs.nanos_per_event()
    }

    fn events_received_total(&self) -> u64 {
        self.accounting.received_total()
    }

    fn sources(&self) -> Vec<SourceLive> {
        let now = now();
        let book = self.accounting.book(&self.log, now);
        let known = self.sources.load();
        let mut rows: Vec<SourceLive> = book
            .sources
            .into_iter()
            .map(|row| {
                let last = row.last_received.as_deref().and_then(Timestamp::parse_rfc3339);
                let declared = known.get(&row.tenant, &row.source);
                let limit = declared.and_then(|source| source.silence_after);
                let quiet = last.map_or(i64::MAX, |last| now.since(last));
                let kernel_drops = self.kernel_drops(&row.tenant, &row.source);
                SourceLive {
                    product: declared.map(|source| source.product.clone()).unwrap_or_default(),
                    zone: declared.and_then(|source| source.zone.clone()).unwrap_or_default(),
                    silent: limit.is_some_and(|limit| quiet > limit.as_nanos() as i64),
                    tenant: row.tenant,
                    id: row.source,
                    received: row.received,
                    indexed: row.indexed,
                    filtered: row.filtered,
                    in_flight: row.in_flight,
                    parse_failures: row.parse_failures,
                    kernel_drops,
                    received_last_minute: row.received_last_minute,
                    last_received: last,
                    clock_skew_seconds: row.clock_skew_seconds,
                    missing_numbers: row.missing_numbers,
                }
            })
            .collect();
        for source in known.iter() {
            if !rows.iter().any(|row| row.tenant == source.tenant && row.id == source.id) {
                rows.push(SourceLive {
                    tenant: source.tenant.clone(),
                    id: source.id.clone(),
                    product: source.product.clone(),
                    zone: source.zone.clone().unwrap_or_default(),
                    kernel_drops: self.kernel_drops(&source.tenant, &source.id),
                    ..SourceLive::default()
                });
            }
        }
        rows.sort_by(|a, b| (&a.tenant, &a.id).cmp(&(&b.tenant, &b.id)));
        rows
    }

    fn listeners(&self) -> Vec<ListenerLive> {
        let row = |bound: &Bound| ListenerLive {
            kind: bound.kind.name().to_owned(),
            address: bound.address.to_string(),
            tenant: bound.tenant.clone(),
            source: bound.source.clone(),
            kernel_drops: bound.kernel_drops(),
        };
        self.bound.iter().map(row).collect()
    }

    fn searchable_p99_ms(&self) -> Option<u64> {
        self.accounting.lag.recent_ms(99, now())
    }

    fn started_at(&self) -> Timestamp {
        self.started
    }

    fn storage(&self) -> Storage {
        let Ok(disk) = rustix::fs::statvfs(&self.data) else { return Storage::default() };
        let total = disk.f_blocks.saturating_mul(disk.f_frsize);
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        Storage {
            data_bytes: self.store.stats().bytes,
            used_bytes: total.saturating_sub(free),
            total_bytes: total,
            reserve_bytes: self.retention.reserve_bytes(total),
            days_left: None,
        }
    }

    fn damaged(&self) -> Vec<(String, u64, Timestamp, Timestamp)> {
        let damaged = self.store.damaged().into_iter();
        damaged.map(|damage| (damage.tenant, damage.events, damage.oldest, damage.newest)).collect()
    }

    fn archive_trouble(&self) -> Option<String> {
        self.archive.as_ref()?.trouble()
    }

    fn ready(&self) -> Result<(), String> {
        match self.log.stopped().first() {
            None => match self.store.held_by() {
                None => Ok(()),
                Some(cause) => {
                    Err(format!("records are received and wait for a disk, or for the search engine: {cause}"))
                }
            },
            Some((topic, partition, cause)) => {
                Err(format!("the stream stopped at {}/{partition}: {cause}", topic.name()))
            }
        }
    }
}

/// An unknown sender as the pages show it.
pub fn unknown(sender: &UnknownSender) -> UnknownLive {
    UnknownLive {
        tenant: if sender.tenant == ingest::UNKNOWN { String::new() } else { sender.tenant.clone() },
        address: sender.peer,
        records: sender.records,
        last_received: sender.last_seen(),
        hosts: sender.hosts.clone(),
        lines: sender.lines.clone(),
        guess: sender.guess().map(|guess| (guess.product.to_owned(), guess.confidence)),
    }
}

/// Rules as the pages show them.
pub fn rules(rules: &RuleSet, sources: &Sources) -> Vec<RuleView> {
    let declared = sources.iter().map(|source| (source.tenant.clone(), source.id.clone(), source.product.clone()));
    let covered = crate::coverage::of_rules(rules, &declared.collect::<Vec<_>>()).unwrap_or_default();
    let mut covered = covered.into_iter();
    rules
        .rules()
        .iter()
        .map(|rule| {
            let coverage = covered.next().map(coverage).unwrap_or_default();
            let source = &rule.logsource;
            let parts = [("product", &source.product), ("category", &source.category), ("service", &source.service)];
            let logsource: Vec<String> =
                parts.iter().filter_map(|(key, value)| value.as_ref().map(|value| format!("{key}: {value}"))).collect();
            RuleView {
                id: rule.id.clone(),
                title: rule.title_ja.clone(),
                title_en: rule.title.clone(),
                level: rule.level,
                usecases: rule.usecase.clone(),
                logsource: logsource.join(", "),
                what: rule.what.clone(),
                why: rule.why.clone(),
                first: rule.first.lines().map(str::to_owned).collect(),
                attack: rule
                    .tags
                    .iter()
                    .filter_map(|tag| tag.strip_prefix("attack.t"))
                    .map(|t| format!("T{t}"))
                    .collect(),
                false_positives: rule.falsepositives.clone(),
                policy: rule.clause.clone(),
                enabled: rule.problem.is_none(),
                problem: rule.problem.as_ref().map(ToString::to_string),
                coverage,
                last_match: None,
                source: std::fs::read_to_string(&rule.file).unwrap_or_default(),
            }
        })
        .collect()
}

fn coverage(covered: crate::coverage::Covered) -> RuleCoverage {
    RuleCoverage {
        sources: covered.sources,
        missing: covered.missing.fields.into_iter().map(str::to_owned).collect(),
        never: covered.missing.never,
    }
}

/// Tenants as the pages show them.
pub fn tenants(tenants: &Tenants) -> Vec<TenantView> {
    tenants
        .iter()
        .map(|tenant| TenantView {
            id: tenant.id().to_owned(),
            name: tenant.profile().name.clone(),
            model: tenant.profile().model.label().to_owned(),
            zones: tenant
                .zones()
                .into_iter()
                .map(|zone| ZoneView { id: zone.id, label: zone.label, prefixes: zone.prefixes })
                .collect(),
            flows: flow_table(tenant),
        })
        .collect()
}

/// Rows of flows.csv: id, from, to, ports, valid until, purpose.
fn flow_table(tenant: &Tenant) -> Vec<[String; 6]> {
    let header = tenant.flows().header();
    let cell = |row: &FlowRow, name: &str| -> String {
        header
            .iter()
            .position(|column| column == name)
            .and_then(|at| row.cells.get(at))
            .map(ToString::to_string)
            .unwrap_or_default()
    };
    let side = |row: &FlowRow, zone: &str, addresses: &str| {
        let (zone, addresses) = (tenant.zone_label(&cell(row, zone)), cell(row, addresses));
        if addresses.is_empty() { zone } else { format!("{zone} {addresses}") }
    };
    let rows = tenant.flows().rows().iter();
    rows.map(|row| {
        let ports = format!("{} {}", cell(row, "protocol"), cell(row, "ports"));
        let (from, to) = (side(row, "from_zone", "from"), side(row, "to_zone", "to"));
        [cell(row, "id"), from, to, ports, cell(row, "valid_until"), cell(row, "purpose")]
    })
    .collect()
}

fn now() -> Timestamp {
    jiff::Timestamp::now().into()
}
