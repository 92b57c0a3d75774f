//! Judging alone, measured: `match RULES EVENTS [--pairs FILE]`.
//!
//! Reads one flat or nested JSON object a line, makes an [`Event`] of each outside the measurement, and prints the CPU
//! time of loading and of judging, twice: the first pass builds the indexes and fills the memo, the second has them.
//! `--pairs` writes `line<TAB>rule id` of every match for comparison with another engine.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use bumpalo::Bump;
use detect::{Engine, RuleSet, Tenants};
use stream::{Event, Value, fields};

/// Events parsed before they are judged: few enough to stay in the cache.
const CHUNK: usize = 500;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(rules), Some(events)) = (args.next(), args.next()) else {
        return Err("usage: match RULES EVENTS [--pairs FILE]".into());
    };
    let mut pairs = match args.next().as_deref() {
        Some("--pairs") => Some(std::io::BufWriter::new(std::fs::File::create(args.next().ok_or("--pairs FILE")?)?)),
        _ => None,
    };
    let start = cpu_nanos();
    let (set, problems) = RuleSet::load(&[PathBuf::from(rules)]);
    let loaded = cpu_nanos() - start;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{} rules, {} problems, load {:.3} s CPU", set.rules().len(), problems.len(), loaded as f64 / 1e9)?;
    let set = Arc::new(set);
    let text = std::fs::read_to_string(events)?;
    let lines: Vec<&str> = text.lines().collect();
    let mut matcher = Engine::new(Arc::clone(&set), Arc::new(Tenants::default())).matcher();
    for pass in 1..=2 {
        let (mut nanos, mut matches, mut arena) = (0, 0, Bump::new());
        for (chunk, lines) in lines.chunks(CHUNK).enumerate() {
            arena.reset();
            let mut parsed = Vec::with_capacity(CHUNK);
            for line in lines {
                parsed.push(event(&serde_json::from_str(line)?, &arena));
            }
            let (mut matched, mut ends) = (Vec::new(), Vec::new());
            let start = cpu_nanos();
            for event in &parsed {
                matcher.matched(event, &mut matched);
                ends.push(matched.len());
            }
            nanos += cpu_nanos() - start;
            matches += matched.len();
            if let Some(pairs) = pairs.as_mut().filter(|_| pass == 1) {
                let mut from = 0;
                for (at, end) in ends.into_iter().enumerate() {
                    for index in &matched[from..end] {
                        writeln!(pairs, "{}\t{}", chunk * CHUNK + at, set.rules()[*index as usize].id)?;
                    }
                    from = end;
                }
            }
        }
        let per_event = nanos as f64 / lines.len() as f64 / 1e3;
        writeln!(out, "pass {pass}: {matches} matches, {per_event:.3} us of CPU per event")?;
    }
    if let Ok(status) = std::fs::read_to_string("/proc/self/status") {
        status.lines().filter(|line| line.starts_with("VmHWM")).try_for_each(|line| writeln!(out, "{line}"))?;
    }
    Ok(())
}

/// CPU time of this thread so far.
fn cpu_nanos() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|nanos| nanos.parse().ok()).unwrap_or(0)
}

fn event<'a>(json: &serde_json::Value, arena: &'a Bump) -> Event<'a> {
    let mut event = Event::new_in(arena);
    if let serde_json::Value::Object(map) = json {
        map.iter().for_each(|(name, value)| push(&mut event, name, value, arena));
    }
    event
}

fn push<'a>(event: &mut Event<'a>, name: &str, value: &serde_json::Value, arena: &'a Bump) {
    let part = match name {
        "product" => Some(fields::SEKISHO_LOGSOURCE_PRODUCT),
        "category" => Some(fields::SEKISHO_LOGSOURCE_CATEGORY),
        "service" => Some(fields::SEKISHO_LOGSOURCE_SERVICE),
        _ => None,
    };
    if let (Some(part), serde_json::Value::String(text)) = (part, value) {
        event.push(part, Value::Str(arena.alloc_str(text)));
    }
    let Some(field) = stream::intern(name) else { return };
    match value {
        serde_json::Value::Null => {}
        serde_json::Value::Bool(flag) => event.push(field, Value::Bool(*flag)),
        serde_json::Value::Number(number) => match number.as_i64() {
            Some(whole) => event.push(field, Value::Int(whole)),
            None => event.push(field, Value::Float(number.as_f64().unwrap_or(0.0))),
        },
        serde_json::Value::String(text) => event.push(field, Value::Str(arena.alloc_str(text))),
        serde_json::Value::Array(list) => list.iter().for_each(|value| push(event, name, value, arena)),
        serde_json::Value::Object(map) => {
            map.iter().for_each(|(key, value)| push(event, &format!("{name}.{key}"), value, arena));
        }
    }
}
