//! What a collector sends: cut anywhere, the same frames; what decodes packs to the same again; files do not panic.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (usize, Vec<u8>)| {
    let (cut, bytes) = input;
    ingest::checks::collector(&bytes, cut);
    let _ = ingest::collect::file::open(&bytes, &[0; 32]);
});
