//! OTLP requests, as JSON and as protobuf: log records are bounded, those out of protobuf are JSON.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (bool, Vec<u8>)| {
    let (json, body) = input;
    let _ = ingest::checks::otlp(body.into(), json);
});
