//! The whole pipeline on one thread's work: raw line -> parsed, judged, matched, indexed, durable in the index.
//!
//! `cargo run --release -p benches --example pipeline [EVENTS]` prints CPU microseconds per event by stage, events per
//! CPU-second, bytes per event on disk, memory, and how long an event takes from being handed over to being found.
//! CPU time is that of the whole process (all threads), from /proc, in steps of 10 ms: use at least 200,000 events.

// What it measures goes to stdout.
#![allow(clippy::print_stdout)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use benches::{Corpus, MIX};
use bumpalo::Bump;
use detect::{Engine, Meta, Outcome, RuleSet, Tenants};
use ingest::{Decoder, SourceConfig, Sources};
use store::{ALL_TENANTS, SearchRequest, Store, StoreConfig};
use stream::{EventId, RecordKind, RecordRef, Timestamp};

const BATCH: usize = 1000;

fn main() {
    let events: usize = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(400_000);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate stands in the tree");
    let lines = benches::mixed(7, events);
    let bytes: usize = lines.iter().map(|(_, line)| line.len()).sum();
    println!("{events} events, {} bytes each on average", bytes / events);
    let (rules, problems) = RuleSet::load(&[root.join("rules")]);
    assert!(problems.is_empty(), "{problems:?}");
    let tenants = Arc::new(Tenants::load(&root.join("config/alpha-town/tenants")).expect("the example is sound"));
    let dir = std::env::temp_dir().join(format!("sekisho-bench-{}", std::process::id()));
    let store = Store::open(StoreConfig { dir: dir.clone(), ..StoreConfig::default() }).expect("a store");

    let mut stage = Stage::start();
    let mut pipeline = Pipeline::new(Arc::new(rules), tenants);
    pipeline.run(&lines, |_, _| {}, false, false);
    let parse = stage.lap("parse", events);
    pipeline.run(&lines, |_, _| {}, true, false);
    let judge = stage.lap("parse + zones", events) - parse;
    pipeline.run(&lines, |_, _| {}, true, true);
    let matched = stage.lap("parse + zones + rules", events) - parse - judge;
    println!("  {}", pipeline.alerts_met(events));
    let mut indexer = store.indexer();
    let mut done = 0;
    let began = Instant::now();
    pipeline.run(
        &lines,
        |id, event| {
            indexer.add(id, event);
            done += 1;
            if done % BATCH == 0 {
                indexer.publish(0, done as u64);
                indexer.maybe_commit(Instant::now()).expect("a cut");
            }
        },
        true,
        true,
    );
    indexer.publish(0, events as u64);
    indexer.commit().expect("a commit");
    let wall = began.elapsed();
    let whole = stage.lap("all, indexed and durable", events);
    println!(
        "  zones {judge:.2}, rules {matched:.2}, index {:.2} us of CPU per event",
        whole - parse - judge - matched
    );
    println!(
        "{:.0} events per CPU-second, {:.0} per second of wall clock",
        1e6 / whole,
        events as f64 / wall.as_secs_f64()
    );
    let stats = store.stats();
    println!("{:.1} bytes per event on disk in {} splits", stats.bytes as f64 / events as f64, stats.splits);
    println!("{} MiB of memory at most", peak_mib());
    println!("handed over -> found: {:?} at the median of 200", freshness(&store, &mut indexer, events as u64));
    std::fs::remove_dir_all(dir).expect("a temporary folder");
}

struct Pipeline {
    decoder: Decoder,
    tenants: Arc<Tenants>,
    engine: Engine,
    /// Alerts by rule.
    alerts: BTreeMap<String, usize>,
}

impl Pipeline {
    fn new(rules: Arc<RuleSet>, tenants: Arc<Tenants>) -> Pipeline {
        let source = |(corpus, _): &(Corpus, usize)| {
            let mut source = SourceConfig::of_product(corpus.product(), "Asia/Tokyo", "auto").expect("a product");
            source.tenant = "town".into();
            source
        };
        let sources = Sources::from_list(MIX.iter().map(source).collect()).expect("sources");
        let engine = Engine::new(rules, Arc::clone(&tenants));
        Pipeline { decoder: Decoder::new(Arc::new(sources)), tenants, engine, alerts: BTreeMap::new() }
    }

    /// How many events raise alerts, and by which rules: more than one in a thousand is not what a town's day is like.
    fn alerts_met(&self, events: usize) -> String {
        let mut rules: Vec<(usize, &str)> = self.alerts.iter().map(|(rule, count)| (*count, rule.as_str())).collect();
        rules.sort_unstable_by(|a, b| b.cmp(a));
        let sum: usize = rules.iter().map(|(count, _)| count).sum();
        let most: Vec<String> = rules.iter().take(5).map(|(count, rule)| format!("{rule} {count}")).collect();
        format!("{sum} alerts, {:.3} % of events: {}", sum as f64 * 100.0 / events as f64, most.join(", "))
    }

    fn run(
        &mut self,
        lines: &[(Corpus, String)],
        mut sink: impl FnMut(EventId, &stream::Event<'_>),
        judge: bool,
        observe: bool,
    ) {
        let mut arena = Bump::new();
        let mut outcomes = Vec::new();
        let received = Timestamp::parse_rfc3339("2026-11-20T12:00:00Z").expect("a time");
        for (batch, chunk) in lines.chunks(BATCH).enumerate() {
            for (index, (corpus, line)) in chunk.iter().enumerate() {
                let source = corpus.product();
                let offset = (batch * BATCH + index) as u64;
                let raw = line.as_bytes();
                let record =
                    RecordRef { offset, kind: RecordKind::Data, tenant: "town", source, peer: None, received, raw };
                let mut event = self.decoder.decode(&record, &arena);
                if judge {
                    self.tenants.judge(&mut event, &arena);
                }
                let id = EventId::new(0, offset);
                if observe {
                    let meta = Meta { id, tenant: "town", source, received, raw };
                    self.engine.observe(&meta, &mut event, &mut outcomes);
                }
                sink(id, &event);
            }
            for outcome in outcomes.drain(..) {
                if let Outcome::Alert(alert) = outcome {
                    *self.alerts.entry(alert.rule.name.clone()).or_default() += 1;
                }
            }
            arena.reset();
        }
    }
}

fn freshness(store: &Store, indexer: &mut store::Indexer, next: u64) -> Duration {
    let (searcher, arena) = (store.searcher(), Bump::new());
    let source = SourceConfig::of_product("system", "UTC", "auto").expect("a product");
    let mut decoder = Decoder::single(source).expect("a decoder");
    let mut took: Vec<Duration> = (0..200)
        .map(|n| {
            let line =
                format!("<86>Nov 20 12:00:00 web01 sshd[1]: Failed password for fresh{n} from 192.0.2.1 port 2 ssh2");
            let received = Timestamp::parse_rfc3339("2026-11-20T12:00:00Z").expect("a time");
            let raw = line.as_bytes();
            let record = RecordRef {
                offset: next + n,
                kind: RecordKind::Data,
                tenant: "town",
                source: "s",
                peer: None,
                received,
                raw,
            };
            let began = Instant::now();
            indexer.add(EventId::new(0, next + n), &decoder.decode(&record, &arena));
            indexer.publish(0, next + n + 1);
            let request = SearchRequest {
                tenants: vec![ALL_TENANTS.into()],
                query: format!("fresh{n}"),
                ..SearchRequest::default()
            };
            assert_eq!(searcher.search(&request).expect("a search").hits.len(), 1);
            began.elapsed()
        })
        .collect();
    took.sort();
    took[took.len() / 2]
}

struct Stage {
    cpu: Duration,
}

impl Stage {
    fn start() -> Stage {
        Stage { cpu: cpu() }
    }

    fn lap(&mut self, name: &str, events: usize) -> f64 {
        let now = cpu();
        let micros = (now - self.cpu).as_secs_f64() * 1e6 / events as f64;
        self.cpu = now;
        println!("{name:<28} {micros:>6.2} us of CPU per event");
        micros
    }
}

/// CPU time of this process, all threads: fields 14 and 15 of /proc/self/stat, in ticks of 10 ms.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    let ticks: u64 = fields[11..13].iter().map(|ticks| ticks.parse::<u64>().expect("a number")).sum();
    Duration::from_millis(ticks * 10)
}

fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("a line");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) / 1024
}
