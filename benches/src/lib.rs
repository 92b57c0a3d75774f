//! Seeded corpora, criterion benches and the whole-pipeline bench.
