//! Raw line to ECS event, one parser per product: events and bytes per second of one core.
//!
//! `cargo bench -p benches --bench parse`. Budgets stand in the design as ratios to other tools measured in the same
//! minute; `benches/vrl` runs that comparison for FortiGate.

use bumpalo::Bump;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ingest::Context;
use stream::Timestamp;

use benches::{Corpus, parse_all};

const LINES: usize = 20_000;

fn parse(criterion: &mut Criterion) {
    let context = Context::tokyo(Timestamp::from_seconds(1_795_137_330));
    let mut group = criterion.benchmark_group("parse");
    group.sample_size(20);
    for corpus in Corpus::ALL {
        let lines = corpus.lines(1, LINES);
        let Some(mut parser) = ingest::parser(corpus.product()) else { continue };
        let mut arena = Bump::new();
        group.throughput(Throughput::Elements(LINES as u64));
        group.bench_function(corpus.product(), |bencher| {
            bencher.iter(|| parse_all(parser.as_mut(), &context, &lines, &mut arena));
        });
    }
    group.finish();
}

criterion_group!(all, parse);
criterion_main!(all);
