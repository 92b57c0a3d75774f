//! What rules cost on the pipeline's own events: parsed and judged by zones before, all of `rules/`, alerts included.
//!
//! `cargo run --release -p benches --example matching [EVENTS] [ROUNDS] [FILE]` prints microseconds per event: judging alone
//! (which rules match one event), and the part that goes by order (lateness, what came before, suppression,
//! correlation, alerts). Events are parsed in chunks that stay in a core's cache, outside the measurement, as they are in
//! the worker. Every round begins with a fresh engine and does the same; of each chunk the shortest time of all rounds
//! counts, so that neighbours on the machine matter little. With one round under callgrind
//! (`--toggle-collect='Round::chunk'`, as the symbol is called) it gives instructions, which no neighbour changes.
//! Into FILE go all outcomes, ids, evidence and counts included, one a line: what a change for speed must leave as it is.

// What it measures goes to stdout.
#![allow(clippy::print_stdout)]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use benches::{Corpus, MIX};
use bumpalo::Bump;
use detect::{Engine, Matcher, Meta, Outcome, RuleSet, Tenants};
use ingest::{Decoder, SourceConfig, Sources};
use stream::{Event, EventId, RecordKind, RecordRef, Timestamp};

const CHUNK: usize = 500;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, usual| args.get(at).map_or(usual, |text: &String| text.parse().expect("a number"));
    let (events, rounds) = (number(0, 100_000), number(1, 5));
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate stands in the tree");
    let (rules, problems) = RuleSet::load(&[root.join("rules")]);
    assert!(problems.is_empty(), "{problems:?}");
    let rules = Arc::new(rules);
    let tenants = Arc::new(Tenants::load(&root.join("config/alpha-town/tenants")).expect("the example is sound"));
    let lines = benches::mixed(7, events);
    let mut best = Round::run(&lines, &rules, &tenants);
    if let Some(file) = args.get(2) {
        std::fs::write(file, &best.outcomes).expect("the file can be written");
    }
    for _ in 1..rounds {
        best.keep_best(&Round::run(&lines, &rules, &tenants));
    }
    let micros = |times: &[Duration]| times.iter().sum::<Duration>().as_secs_f64() * 1e6 / events as f64;
    let (judging, ordered) = (micros(&best.judging), micros(&best.ordered));
    println!("{events} events, {} rules, best of {rounds} rounds, us per event on one core", rules.rules().len());
    println!("judging {judging:.3}, ordered part {ordered:.3}, together {:.3}", judging + ordered);
    println!("{} events matched a rule, {} alerts, {} pieces of evidence", best.matched, best.alerts, best.evidence);
}

/// What one pass over all events took, by chunk.
#[derive(Default)]
struct Round {
    judging: Vec<Duration>,
    ordered: Vec<Duration>,
    matched: usize,
    alerts: usize,
    evidence: usize,
    outcomes: String,
}

impl Round {
    fn run(lines: &[(Corpus, String)], rules: &Arc<RuleSet>, tenants: &Arc<Tenants>) -> Round {
        let source = |(corpus, _): &(Corpus, usize)| {
            let mut source = SourceConfig::of_product(corpus.product(), "Asia/Tokyo", "auto").expect("a product");
            source.tenant = "town".into();
            source
        };
        let sources = Sources::from_list(MIX.iter().map(source).collect()).expect("sources");
        let mut decoder = Decoder::new(Arc::new(sources));
        let mut engine = Engine::new(Arc::clone(rules), Arc::clone(tenants));
        let mut matcher = engine.matcher();
        let (mut round, mut arena) = (Round::default(), Bump::new());
        for (number, chunk) in lines.chunks(CHUNK).enumerate() {
            let received = received(number);
            let parsed = chunk.iter().enumerate().map(|(at, (corpus, line))| {
                let record = RecordRef {
                    offset: (number * CHUNK + at) as u64,
                    kind: RecordKind::Data,
                    tenant: "town",
                    source: corpus.product(),
                    peer: None,
                    received,
                    raw: line.as_bytes(),
                };
                let mut event = decoder.decode(&record, &arena);
                tenants.judge(&mut event, &arena);
                event
            });
            let mut parsed: Vec<Event<'_>> = parsed.collect();
            round.chunk(number, chunk, &mut parsed, &mut engine, &mut matcher);
            drop(parsed);
            arena.reset();
        }
        let mut outcomes = Vec::new();
        engine.tick(received(lines.len() / CHUNK), &mut outcomes);
        engine.finish(&mut outcomes);
        round.note(&outcomes);
        round
    }

    /// Of every chunk the shorter time: the one that nothing interrupted.
    fn keep_best(&mut self, other: &Round) {
        let shorter = |mine: &mut [Duration], other: &[Duration]| {
            mine.iter_mut().zip(other).for_each(|(mine, other)| *mine = (*mine).min(*other));
        };
        shorter(&mut self.judging, &other.judging);
        shorter(&mut self.ordered, &other.ordered);
    }

    fn chunk(
        &mut self,
        number: usize,
        lines: &[(Corpus, String)],
        parsed: &mut [Event<'_>],
        engine: &mut Engine,
        matcher: &mut Matcher,
    ) {
        let (mut matched, mut ends, mut outcomes) = (Vec::new(), Vec::with_capacity(CHUNK), Vec::new());
        let start = Instant::now();
        for event in &*parsed {
            matcher.matched(event, &mut matched);
            ends.push(matched.len());
        }
        let judged = Instant::now();
        let mut from = 0;
        for (at, (event, (corpus, line))) in parsed.iter_mut().zip(lines).enumerate() {
            let id = EventId::new(0, (number * CHUNK + at) as u64);
            let received = received(number);
            let meta = Meta { id, tenant: "town", source: corpus.product(), received, raw: line.as_bytes() };
            engine.observe_matched(&meta, event, &matched[from..ends[at]], &mut outcomes);
            self.matched += usize::from(ends[at] > from);
            from = ends[at];
        }
        let ordered = Instant::now();
        self.judging.push(judged - start);
        self.ordered.push(ordered - judged);
        self.note(&outcomes);
    }

    fn note(&mut self, outcomes: &[Outcome]) {
        outcomes.iter().for_each(|outcome| self.outcomes.push_str(&format!("{outcome:?}\n")));
        self.alerts += outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Alert(_))).count();
        self.evidence += outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Evidence { .. })).count();
    }
}

/// Lines are received about when they are written.
fn received(chunk: usize) -> Timestamp {
    Timestamp::from_seconds(benches::START + (chunk as i64 + 1) * CHUNK as i64 / 100)
}
