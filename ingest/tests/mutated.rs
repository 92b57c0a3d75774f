//! Damaged lines through every parser: bit flips, cuts, invalid UTF-8, doubled and mixed lines, 64 KiB lines.
//!
//! For each product the lines of `samples/<product>.log` are mutated with a fixed seed. No line may panic, and each must
//! give one event that still holds the line whole. `SEKISHO_MUTATIONS` is the number of lines per product: 5,000 unless
//! set; 1,000,000 for a release.

use std::path::Path;

use bumpalo::Bump;
use ingest::{Decoder, PRODUCTS, SourceConfig};
use stream::{Event, RecordKind, RecordRef, Timestamp, Value, fields};

const LINE_BYTES_MAX: usize = 64 << 10;
/// Bytes that mean something to a parser.
const MARKS: &[u8] = b"\"\\'=[]{}<>:;,/ \t\0%&";

/// xorshift64*: seeded, so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }
}

#[test]
fn every_mutated_line_is_one_event() {
    let count: usize = std::env::var("SEKISHO_MUTATIONS").ok().map_or(5_000, |text| text.parse().unwrap());
    let everything = PRODUCTS.iter().flat_map(|product| samples(product.name)).collect::<Vec<_>>();
    std::thread::scope(|scope| {
        for product in PRODUCTS {
            let (own, everything) = (samples(product.name), &everything);
            assert!(!own.is_empty() || product.name == "auto", "add tests/samples/{}.log", product.name);
            scope.spawn(move || {
                // `auto` reads every product's lines.
                let lines = if own.is_empty() { everything } else { &own };
                for charset in ["auto", "utf-8"] {
                    mutate_all(product.name, charset, lines, count / 2);
                }
            });
        }
    });
}

fn samples(product: &str) -> Vec<Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples").join(format!("{product}.log"));
    let bytes = std::fs::read(path).unwrap_or_default();
    bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect()
}

fn mutate_all(product: &str, charset: &str, lines: &[Vec<u8>], count: usize) {
    let source = SourceConfig::of_product(product, "Asia/Tokyo", charset).expect("the product exists");
    let mut decoder = Decoder::single(source).expect("the product exists");
    let mut random = Random(0x5ec1_5400 + product.len() as u64);
    let mut arena = Bump::new();
    let mut json = Vec::new();
    for offset in 0..count {
        let long = offset % 4_000 == 7;
        let line = mutate(lines, long, &mut random);
        let record = RecordRef {
            offset: offset as u64,
            kind: RecordKind::Data,
            tenant: "t",
            source: "s",
            peer: None,
            received: Timestamp::from_seconds(1_795_000_000),
            raw: &line,
        };
        check(&decoder.decode(&record, &arena), &line, &mut json);
        arena.reset();
    }
}

/// One event, with the line whole, a time, a kind, and the tenant that the record says.
fn check(event: &Event<'_>, line: &[u8], json: &mut Vec<u8>) {
    let original = event.get_str(fields::EVENT_ORIGINAL).expect("event.original");
    match std::str::from_utf8(line) {
        Ok(text) => assert_eq!(original, text),
        Err(_) => assert_eq!(original.is_empty(), line.is_empty()),
    }
    assert!(matches!(event.get(fields::TIMESTAMP), Some(Value::Time(_))));
    assert_eq!(event.all(fields::EVENT_ORIGINAL).count(), 1);
    assert_eq!(event.all(fields::SEKISHO_TENANT).collect::<Vec<_>>(), [Value::Str("t")]);
    assert!(event.len() <= Event::FIELDS_MAX);
    let kind = event.get_str(fields::EVENT_KIND).expect("event.kind");
    assert_eq!(kind == "pipeline_error", event.has(fields::SEKISHO_PARSE_REASON), "{original}");
    json.clear();
    event.write_json(json);
    assert!(json.starts_with(b"{") && json.ends_with(b"}"));
}

fn mutate(lines: &[Vec<u8>], long: bool, random: &mut Random) -> Vec<u8> {
    let mut line = lines[random.below(lines.len())].clone();
    if long {
        while line.len() < LINE_BYTES_MAX {
            let more = &lines[random.below(lines.len())];
            let at = random.below(more.len());
            line.extend_from_slice(&more[at..]);
        }
        line.truncate(LINE_BYTES_MAX);
    }
    for _ in 0..=random.below(3) {
        let at = random.below(line.len());
        match random.below(9) {
            0 | 1 if !line.is_empty() => line[at] ^= 1 << random.below(8),
            2 => line.truncate(at),
            3 => line.splice(at..at, [0xff, 0x80, 0xe3, 0x81]).for_each(drop),
            4 => line.insert(at, MARKS[random.below(MARKS.len())]),
            5 => drop(line.drain(..at)),
            6 => {
                let end = at + random.below(line.len() - at);
                drop(line.drain(at..end));
            }
            7 => {
                let other = &lines[random.below(lines.len())];
                let end = random.below(other.len());
                line.splice(at..at, other[..end].iter().copied()).for_each(drop);
            }
            8 => line.splice(at..at, "日本語😀é\u{feff}".bytes()).for_each(drop),
            _ => line.insert(0, b"<1"[random.below(2)]),
        }
    }
    line.truncate(LINE_BYTES_MAX);
    line
}
