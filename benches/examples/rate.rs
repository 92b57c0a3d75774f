//! A quick look at parsing speed without criterion: lines per second of each corpus on one core, best of 15 rounds.
//!
//! `cargo run -p benches --example rate [PRODUCT]`; the dev profile is optimised a little only, so its numbers are lower bounds.

use std::io::Write as _;
use std::time::Instant;

use benches::{Corpus, parse_all};
use bumpalo::Bump;
use ingest::Context;
use stream::Timestamp;

fn main() {
    let only = std::env::args().nth(1);
    let context = Context::tokyo(Timestamp::from_seconds(1_795_137_330));
    for corpus in Corpus::ALL {
        if only.as_deref().is_some_and(|only| only != corpus.product()) {
            continue;
        }
        let lines = corpus.lines(1, 20_000);
        let bytes: usize = lines.iter().map(String::len).sum();
        let Some(mut parser) = ingest::parser(corpus.product()) else { continue };
        let mut arena = Bump::new();
        let mut best = f64::INFINITY;
        let mut fields = 0;
        for _ in 0..15 {
            let start = Instant::now();
            fields = parse_all(parser.as_mut(), &context, &lines, &mut arena);
            best = best.min(start.elapsed().as_secs_f64());
        }
        let count = lines.len();
        let _ = writeln!(
            std::io::stdout(),
            "{:<20} {:>10.0} lines/s  {:>5} bytes and {:>4.1} fields a line",
            corpus.product(),
            count as f64 / best,
            bytes / count,
            fields as f64 / count as f64
        );
    }
}
