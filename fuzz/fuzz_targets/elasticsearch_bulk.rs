//! Bodies of `_bulk`: every item is answered, in JSON.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    if let Ok((items, documents)) = ingest::checks::bulk(bytes::Bytes::copy_from_slice(body)) {
        assert!(documents <= items);
    }
});
