//! Very many groups against one correlation: what is kept, what is told, what it takes.
//!
//! `groups [KEYS] [HALF] [LIMIT]`: events of KEYS different users (10,000,000) within one window of a rule that wants
//! LIMIT (10) events of one user, and between them HALF users (300) that get half of the limit at the beginning and
//! the rest in the course of it or at its end. Each of these must alert; what was evicted must be told; the memory of
//! the process is printed beside the bound. Exit 1 when it does not hold. With a LIMIT of 2 every user is at half at once, and the
//! table cannot hold them: that must be told too.

use std::io::Write;
use std::sync::Arc;
use std::time::Instant;

use bumpalo::Bump;
use detect::{AlertBook, Engine, Meta, Outcome, RuleSet, Tenants};
use stream::{Event, EventId, Timestamp, Value, fields};

const START: i64 = 1_790_000_000;
/// All of it happens within this, in seconds of event time; the rule's timespan is longer.
const SECONDS: u64 = 1_800;

struct Run {
    engine: Engine,
    arena: Bump,
    out: Vec<Outcome>,
    book: AlertBook,
    events: u64,
    ticked: i64,
}

impl Run {
    fn event(&mut self, user: &str, time: Timestamp) {
        if time.0 / stream::NANOS_PER_SECOND >= self.ticked + 10 {
            self.ticked = time.0 / stream::NANOS_PER_SECOND;
            self.engine.tick(time, &mut self.out);
        }
        self.arena.reset();
        let raw = format!("{time} sshd[4242]: Failed password for {user} from 192.0.2.1 port 50022 ssh2");
        let mut event = Event::new_in(&self.arena);
        event.push(fields::TIMESTAMP, Value::Time(time));
        event.push(fields::EVENT_OUTCOME, Value::Str("failure"));
        event.push(fields::USER_NAME, Value::Str(self.arena.alloc_str(user)));
        let id = EventId::new(0, self.events);
        let meta = Meta { id, tenant: "town", source: "web01", received: time, raw: raw.as_bytes() };
        self.engine.observe(&meta, &mut event, &mut self.out);
        self.events += 1;
        self.out.drain(..).for_each(|outcome| self.book.take(outcome));
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let number = |at: usize, default: u64| std::env::args().nth(at).map_or(Ok(default), |text| text.parse());
    let (keys, half, limit) = (number(1, 10_000_000)?, number(2, 300)?, number(3, 10)?);
    let dir = std::env::temp_dir().join(format!("sekisho-groups-{}", std::process::id()));
    std::fs::create_dir_all(&dir)?;
    std::fs::write(dir.join("rule.yml"), rule(limit))?;
    let pipeline = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../rules/pipeline");
    let (rules, problems) = RuleSet::load(&[dir.clone(), pipeline]);
    std::fs::remove_dir_all(&dir)?;
    if let Some(problem) = problems.first() {
        return Err(problem.to_string().into());
    }
    let engine = Engine::new(Arc::new(rules), Arc::new(Tenants::default()));
    let mut run =
        Run { engine, arena: Bump::new(), out: Vec::new(), book: AlertBook::default(), events: 0, ticked: START };
    let mut say = std::io::stdout().lock();
    writeln!(say, "memory before: {}", memory()?)?;
    let begin = Instant::now();
    let at = |done: u64| Timestamp::from_seconds(START).plus_nanos((done * SECONDS * 1_000_000_000 / keys) as i64);
    let first = limit.div_ceil(2);
    for user in 0..half {
        (0..first).for_each(|_| run.event(&format!("half{user}"), at(0)));
    }
    // Every other one of them goes on meanwhile, up to one event before its limit; the rest wait until the end.
    let steps = (half / 2 * (limit - first).saturating_sub(1)).max(1);
    for key in 0..keys {
        run.event(&format!("user{key:08}"), at(key));
        let (was, is) = (key * steps / keys, (key + 1) * steps / keys);
        for step in was..is {
            run.event(&format!("half{}", step % (half / 2).max(1) * 2), at(key));
        }
    }
    let stats = run.engine.stats();
    writeln!(say, "memory behind the flood: {} (bound of the table: 256 MiB and its hash table)", memory()?)?;
    for user in 0..half {
        let missing = if user % 2 == 0 && half > 1 { 1 } else { limit - first };
        (0..missing).for_each(|_| run.event(&format!("half{user}"), at(keys)));
    }
    let seconds = begin.elapsed().as_secs_f64();
    writeln!(say, "{} events in {seconds:.1} s, {} groups, {} evictions", run.events, stats.groups, stats.evictions)?;
    for (what, events) in [("the whole", 0), ("what 1,000 events changed", 1_000), ("what 10,000 did", 10_000)] {
        (0..events).for_each(|key| run.event(&format!("late{events}-{key}"), at(keys)));
        let begin = Instant::now();
        let bytes = run.engine.checkpoint()?.bytes.len();
        writeln!(say, "to store {what}: {bytes} bytes in {:.2} ms", begin.elapsed().as_secs_f64() * 1e3)?;
    }
    let mut last = Vec::new();
    run.engine.finish(&mut last);
    last.into_iter().for_each(|outcome| run.book.take(outcome));
    writeln!(say, "memory with the alerts and what was stored: {}", memory()?)?;
    let alerts = run.book.into_alerts();
    let brute = alerts.iter().filter(|alert| alert.rule.id == "brute" && alert.event_count == limit).count() as u64;
    writeln!(say, "alerts of the rule with all {limit} events: {brute} of {half}")?;
    let mut told = 0;
    for alert in alerts.iter().filter(|alert| alert.rule.id != "brute") {
        writeln!(say, "{} {:?} {} {:?}", alert.timestamp, alert.level, alert.event_count, alert.rule.name)?;
        told += alert.event_count;
    }
    if told != run.engine.stats().evictions || (limit > 2 && brute != half) {
        return Err("a group at half its threshold was lost, or an eviction was not told".into());
    }
    Ok(())
}

fn rule(limit: u64) -> String {
    format!(
        "title: failure\nid: failure\nname: failure\nlogsource: {{}}\ndetection: {{s: {{event.outcome: failure}}, condition: s}}\n---\n\
         title: brute\nid: brute\ncorrelation:\n  type: event_count\n  rules: [failure]\n  group-by: [user.name]\n  timespan: 1h\n  \
         condition: {{gte: {limit}}}\nlevel: high\n"
    )
}

/// The most memory that the process ever held.
fn memory() -> std::io::Result<String> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    Ok(line.unwrap_or("unknown").trim().to_owned())
}
