//! Every product: the first byte chooses which.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Some((first, data)) = data.split_first() {
        fuzz::parse(ingest::PRODUCTS[usize::from(*first) % ingest::PRODUCTS.len()].name, data);
    }
});
