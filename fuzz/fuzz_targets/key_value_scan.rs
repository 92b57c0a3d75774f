//! The scanner of key=value text.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    ingest::kv::pairs(text).for_each(drop);
});
