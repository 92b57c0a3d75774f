//! Records that may be envelopes: one event each, with the record whole, whatever the product.
#![no_main]

use ingest::{Decoder, PRODUCTS, SourceConfig};
use libfuzzer_sys::fuzz_target;
use stream::{RecordKind, RecordRef, Timestamp, fields};

fuzz_target!(|input: (u8, String)| {
    let (product, raw) = input;
    let product = PRODUCTS[usize::from(product) % PRODUCTS.len()].name;
    let Ok(source) = SourceConfig::of_product(product, "Asia/Tokyo", "utf-8") else { return };
    let Ok(mut decoder) = Decoder::single(source) else { return };
    let record = RecordRef {
        offset: 0,
        kind: RecordKind::Data,
        tenant: "t",
        source: "s",
        peer: None,
        received: Timestamp::from_seconds(1_795_000_000),
        raw: raw.as_bytes(),
    };
    let arena = bumpalo::Bump::new();
    let event = decoder.decode(&record, &arena);
    assert_eq!(event.get_str(fields::EVENT_ORIGINAL), Some(raw.as_str()));
});
