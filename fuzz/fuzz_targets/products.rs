//! Every product: `SEKISHO_FUZZ_PRODUCT` chooses which; where it is not set, the first byte does.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;

static PRODUCT: LazyLock<Option<String>> = LazyLock::new(|| std::env::var("SEKISHO_FUZZ_PRODUCT").ok());

fuzz_target!(|data: &[u8]| {
    if let Some(product) = PRODUCT.as_deref() {
        fuzz::parse(product, data);
    } else if let Some((first, data)) = data.split_first() {
        fuzz::parse(ingest::PRODUCTS[usize::from(*first) % ingest::PRODUCTS.len()].name, data);
    }
});
