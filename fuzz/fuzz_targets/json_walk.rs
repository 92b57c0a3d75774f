//! The walker over JSON text: bounded values, no panic.
#![no_main]

use bumpalo::Bump;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let arena = Bump::new();
    let mut values = 0;
    let _ = ingest::json::Walker::default().walk(text, &arena, |_, _| values += 1);
    assert!(values <= ingest::json::VALUES_MAX);
});
