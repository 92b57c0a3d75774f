//! Measures the store by hand: CPU per event and bytes per event of indexing, and the time of typical searches.
//!
//! `cargo run --release -p store --example index_bench -- [EVENTS]`. Events are FortiGate-like lines with their fields,
//! seeded, so that two runs index the same bytes. CPU is of the whole process, from `/proc/self/stat` (10 ms ticks).

use std::io::Write as _;
use std::time::Instant;

use bumpalo::Bump;
use store::{ALL_TENANTS, SearchRequest, Store, StoreConfig};
use stream::{Event, EventId, FieldId, NANOS_PER_SECOND, Timestamp, Value, fields};

const BATCH: u64 = 1000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let events: u64 = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(500_000);
    let dir = tempfile::tempdir()?;
    let config = StoreConfig { dir: dir.path().join("store"), tail_bytes_max: 4 << 30, ..StoreConfig::default() };
    let store = Store::open(StoreConfig { split_events_max: 5_000_000, ..config })?;
    let mut indexer = store.indexer();
    let mut out = std::io::stdout().lock();
    let mut random = Random(7);
    let own = Own::new()?;
    let (mut arena, mut lines, mut making) = (Bump::new(), 0, 0.0);
    let start = cpu_seconds()?;
    for batch in 0..events / BATCH {
        let made = cpu_seconds()?;
        let events: Vec<Event<'_>> =
            (0..BATCH).map(|n| event(batch * BATCH + n, &mut random, &own, &arena, &mut lines)).collect();
        making += cpu_seconds()? - made;
        for (offset, event) in (batch * BATCH..).zip(&events) {
            indexer.add(EventId::new(0, offset), event);
        }
        drop(events);
        indexer.publish(0, (batch + 1) * BATCH);
        arena.reset();
    }
    let added = cpu_seconds()?;
    indexer.commit()?;
    let committed = cpu_seconds()?;
    let per = |seconds: f64| seconds * 1e6 / events as f64;
    let bytes = store.stats().bytes as f64 / events as f64;
    writeln!(out, "{events} events, {} B of line per event", lines / events)?;
    writeln!(
        out,
        "tail {:.2} us, cut {:.2} us of CPU per event; {bytes:.0} B per event on disk",
        per(added - start - making),
        per(committed - added)
    )?;
    for query in [
        "user.name:user4711",
        "event.action:deny",
        "source.ip:10.1.0.0/16",
        "\"denied by policy\" deny",
        "needle77",
        "user.name:user12*",
    ] {
        let request = SearchRequest {
            tenants: vec![ALL_TENANTS.into()],
            query: query.into(),
            limit: 20,
            ..SearchRequest::default()
        };
        let searcher = store.searcher();
        searcher.search(&request)?;
        let started = Instant::now();
        searcher.search(&request)?;
        let newest = started.elapsed();
        let started = Instant::now();
        let count = searcher.count(&request)?;
        writeln!(out, "{query}: newest 20 in {newest:.1?}, {count} counted in {:.1?}", started.elapsed())?;
    }
    let request = SearchRequest { tenants: vec![ALL_TENANTS.into()], ..SearchRequest::default() };
    let started = Instant::now();
    store.searcher().histogram(&request, 3600, Some("event.action"))?;
    writeln!(out, "hourly histogram by action in {:.1?}", started.elapsed())?;
    Ok(())
}

struct Own {
    fields: Vec<FieldId>,
}

impl Own {
    fn new() -> Result<Own, &'static str> {
        let names = ["sessionid", "policyid", "vd", "logid", "devid", "service", "appcat", "trandisp"];
        let fields = names.iter().map(|name| stream::intern(&format!("fortigate.{name}")).ok_or("no room for a field"));
        Ok(Own { fields: fields.collect::<Result<_, _>>()? })
    }
}

fn event<'a>(number: u64, random: &mut Random, own: &Own, arena: &'a Bump, lines: &mut u64) -> Event<'a> {
    let (user, a, b) = (random.below(5000), random.below(256), random.below(65_536));
    let action = if random.below(14) == 0 { "deny" } else { "accept" };
    let (source_port, session) = (1024 + random.below(60_000), random.below(1 << 30));
    let bytes = random.below(100_000);
    let seconds = 1_800_000_000 + number as i64 / 1000;
    let line = bumpalo::format!(in arena,
        "<189>date=2027-01-15 time={:02}:{:02}:{:02} devname=\"fw01\" devid=\"FGT60F0000000001\" logid=\"0000000013\" type=\"traffic\" subtype=\"forward\" level=\"notice\" vd=\"root\" srcip=10.1.{a}.{} srcport={source_port} srcintf=\"internal\" dstip=198.51.100.{} dstport=443 dstintf=\"wan1\" policyid={} sessionid={session} proto=6 action=\"{action}\" user=\"user{user}\" service=\"HTTPS\" sentbyte={bytes} rcvdbyte={} msg=\"Connection denied by policy needle{}\"",
        seconds / 3600 % 24, seconds / 60 % 60, seconds % 60, b % 256, random.below(256), a % 40, bytes / 3, random.below(100_000));
    let line = line.into_bump_str();
    *lines += line.len() as u64;
    let part = |marker: &str, end: &str| {
        let start = line.find(marker).map_or(0, |at| at + marker.len());
        &line[start..start + line[start..].find(end).unwrap_or(0)]
    };
    let mut event = Event::new_in(arena);
    event.push(fields::TIMESTAMP, Value::Time(Timestamp(seconds * NANOS_PER_SECOND)));
    event.push(fields::EVENT_ORIGINAL, Value::Str(line));
    for (field, value) in [
        (fields::SEKISHO_TENANT, "town"),
        (fields::SEKISHO_SOURCE_ID, "fw01"),
        (fields::SEKISHO_SOURCE_ZONE, "lgwan"),
        (fields::SEKISHO_DESTINATION_ZONE, "external"),
        (fields::SEKISHO_FLOW_VERDICT, "violation_zone"),
        (fields::EVENT_KIND, "event"),
        (fields::EVENT_CATEGORY, "network"),
        (fields::EVENT_TYPE, "connection"),
        (fields::EVENT_ACTION, part("action=\"", "\"")),
        (fields::EVENT_OUTCOME, "success"),
        (fields::USER_NAME, part("user=\"", "\"")),
        (fields::OBSERVER_NAME, "fw01"),
        (fields::NETWORK_TRANSPORT, "tcp"),
        (fields::LOG_LEVEL, "notice"),
        (fields::RULE_ID, part("policyid=", " ")),
        (own.fields[0], part("sessionid=", " ")),
        (own.fields[1], part("policyid=", " ")),
        (own.fields[2], "root"),
        (own.fields[3], "0000000013"),
        (own.fields[4], "FGT60F0000000001"),
        (own.fields[5], "HTTPS"),
    ] {
        event.push(field, Value::Str(value));
    }
    for (field, marker) in [(fields::SOURCE_IP, "srcip="), (fields::DESTINATION_IP, "dstip=")] {
        if let Ok(ip) = part(marker, " ").parse() {
            event.push(field, Value::Ip(ip));
        }
    }
    for (field, number) in
        [(fields::SOURCE_PORT, source_port), (fields::DESTINATION_PORT, 443), (fields::SOURCE_BYTES, bytes)]
    {
        event.push(field, Value::Int(number as i64));
    }
    event
}

struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

fn cpu_seconds() -> Result<f64, Box<dyn std::error::Error>> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    let ticks = |index: usize| fields.get(index).and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0);
    Ok((ticks(11) + ticks(12)) / 100.0)
}
