//! FortiGate to ECS by `vrl` and by sekisho: events per CPU-second on the same lines in one process, and the ratio.
//!
//! `vrl-comparison [LINES] [ROUNDS]`, 50,000 and 7 by default. Single-threaded; both sides write their JSON too in a
//! second measurement, because the document is of use only when it leaves the process.

use std::collections::BTreeMap;

use anyhow::{Result, anyhow};
use benches::{BATCH_LINES, Corpus};
use bumpalo::Bump;
use ingest::{Context, Parser};
use rustix::time::{ClockId, clock_gettime};
use stream::{Event, Timestamp};
use vrl::compiler::runtime::Runtime;
use vrl::compiler::state::RuntimeState;
use vrl::compiler::{Program, TargetValue, TimeZone};
use vrl::value::{Secrets, Value};

fn main() -> Result<()> {
    let mut numbers = std::env::args().skip(1).map(|word| word.parse::<usize>());
    let line_count = numbers.next().transpose()?.unwrap_or(50_000);
    let rounds = numbers.next().transpose()?.unwrap_or(7).max(1);
    let lines = Corpus::Fortigate.lines(1, line_count);
    let program = vrl::compiler::compile(include_str!("../fortigate.vrl"), &vrl::stdlib::all())
        .map_err(|problems| anyhow!("fortigate.vrl does not compile: {problems:?}"))?
        .program;
    let mut parser = ingest::parser(Corpus::Fortigate.product()).ok_or_else(|| anyhow!("no FortiGate parser"))?;
    let bytes: usize = lines.iter().map(String::len).sum();
    println!("{line_count} FortiGate lines, {} bytes on average, median of {rounds} rounds", bytes / line_count.max(1));
    println!("{:<24}{:>14}{:>14}{:>9}", "events per CPU-second", "vrl", "sekisho", "ratio");
    for (name, json) in [("ECS document", false), ("ECS document + JSON", true)] {
        let (mut theirs, mut ours) = (Vec::new(), Vec::new());
        // One round more than asked: the first warms both up.
        for round in 0..=rounds {
            let vrl_rate = rate(line_count, || run_vrl(&program, &lines, json))?;
            let own_rate = rate(line_count, || run_sekisho(parser.as_mut(), &lines, json))?;
            if round > 0 {
                theirs.push(vrl_rate);
                ours.push(own_rate);
            }
        }
        let (theirs, ours) = (median(&mut theirs), median(&mut ours));
        println!("{name:<24}{theirs:>14.0}{ours:>14.0}{:>8.1}x", ours / theirs);
    }
    Ok(())
}

/// Events per CPU-second of `run`.
fn rate(count: usize, run: impl FnOnce() -> Result<usize>) -> Result<f64> {
    let before = cpu_seconds();
    let output = run()?;
    let spent = cpu_seconds() - before;
    std::hint::black_box(output);
    Ok(count as f64 / spent)
}

fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn run_vrl(program: &Program, lines: &[String], json: bool) -> Result<usize> {
    let mut runtime = Runtime::new(RuntimeState::default());
    let zone = TimeZone::default();
    let (mut out, mut output) = (Vec::new(), 0);
    for line in lines {
        let message = BTreeMap::from([("message".into(), Value::from(line.as_str()))]);
        let mut target = TargetValue {
            value: Value::Object(message),
            metadata: Value::Object(BTreeMap::new()),
            secrets: Secrets::default(),
        };
        runtime.resolve(&mut target, program, &zone).map_err(|error| anyhow!("vrl on {line}: {error}"))?;
        runtime.clear();
        if json {
            out.clear();
            serde_json::to_writer(&mut out, &target.value)?;
            output += out.len();
        } else {
            output += usize::from(target.value.is_object());
        }
    }
    Ok(output)
}

fn run_sekisho(parser: &mut dyn Parser, lines: &[String], json: bool) -> Result<usize> {
    let context = Context::tokyo(Timestamp::from_seconds(1_795_137_330));
    let mut arena = Bump::new();
    let (mut out, mut output) = (Vec::new(), 0);
    for batch in lines.chunks(BATCH_LINES) {
        for line in batch {
            let mut event = Event::new_in(&arena);
            parser
                .parse(line, &context, &arena, &mut event)
                .map_err(|reason| anyhow!("sekisho on {line}: {reason}"))?;
            if json {
                out.clear();
                event.write_json(&mut out);
                output += out.len();
            } else {
                output += event.len();
            }
        }
        arena.reset();
    }
    Ok(output)
}
