//! The scanner of key=value text.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| { for _ in ingest::kv::pairs(text) {} });
