//! Lumberjack 2: cut anywhere, the same events come out; nothing is longer than the limit.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (usize, Vec<u8>)| {
    let (cut, bytes) = input;
    ingest::checks::beats(&bytes, cut);
});
