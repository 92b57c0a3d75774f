//! Bodies of Splunk's event collector: the events lie in it one after another.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    ingest::checks::hec(bytes::Bytes::copy_from_slice(body));
});
