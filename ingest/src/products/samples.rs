//! Every sample line has the fields that `tests/samples/expected/<product>.ndjson` says, all of them and no others.
//!
//! A line of the expected file is the event of the line of the same number in `tests/samples/<product>.log`, received
//! late in November 2026 from a source whose clock shows Japan's time. With `SEKISHO_UPDATE_SAMPLES=product,...` the expected
//! files of these products are written anew; the difference is then for a person to read.

use std::path::Path;

use bumpalo::Bump;
use stream::{RecordKind, RecordRef, Timestamp, fields};

use super::PRODUCTS;
use crate::{Decoder, SourceConfig};

/// What the decoder adds to every event.
const DECODERS: [stream::FieldId; 4] =
    [fields::EVENT_ORIGINAL, fields::EVENT_CREATED, fields::SEKISHO_TENANT, fields::SEKISHO_SOURCE_ID];

#[test]
fn every_sample_line_has_its_fields() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples");
    let update = std::env::var("SEKISHO_UPDATE_SAMPLES").unwrap_or_default();
    let mut checked = 0;
    for product in PRODUCTS {
        if update.split(',').any(|name| name == product.name) {
            write_expected(&folder, product.name);
        }
        let Ok(expected) = std::fs::read_to_string(folder.join(format!("expected/{}.ndjson", product.name))) else {
            continue;
        };
        let lines = std::fs::read_to_string(folder.join(format!("{}.log", product.name))).unwrap();
        let mut decoder = decoder(product.name);
        assert_eq!(lines.lines().count(), expected.lines().count(), "{}", product.name);
        for (number, (line, expected)) in lines.lines().zip(expected.lines()).enumerate() {
            let expected: serde_json::Value = serde_json::from_str(expected).unwrap();
            let read: serde_json::Value = serde_json::from_slice(&decode(&mut decoder, line)).unwrap();
            assert_eq!(read, expected, "{}.log:{}: {line}", product.name, number + 1);
            checked += 1;
        }
    }
    assert!(checked > 100, "{checked} lines");
}

fn decoder(product: &str) -> Decoder {
    Decoder::single(SourceConfig::of_product(product, "Asia/Tokyo", "auto").unwrap()).unwrap()
}

fn write_expected(folder: &Path, product: &str) {
    let lines = std::fs::read_to_string(folder.join(format!("{product}.log"))).unwrap();
    let mut decoder = decoder(product);
    let mut out = Vec::new();
    for line in lines.lines() {
        out.extend(decode(&mut decoder, line));
        out.push(b'\n');
    }
    std::fs::write(folder.join(format!("expected/{product}.ndjson")), out).unwrap();
}

fn decode(decoder: &mut Decoder, line: &str) -> Vec<u8> {
    let arena = Bump::new();
    let record = RecordRef {
        offset: 0,
        kind: RecordKind::Data,
        tenant: "",
        source: "",
        peer: None,
        received: Timestamp::parse_rfc3339("2026-11-25T00:00:00Z").unwrap(),
        raw: line.as_bytes(),
    };
    let mut event = decoder.decode(&record, &arena);
    for field in DECODERS {
        event.remove(field);
    }
    let mut json = Vec::new();
    event.write_json(&mut json);
    json
}
