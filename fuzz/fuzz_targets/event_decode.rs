//! Stored events: damaged bytes are refused, never a panic, and what reads back can be written.
#![no_main]

use bumpalo::Bump;
use libfuzzer_sys::fuzz_target;
use stream::Event;

fuzz_target!(|input: (String, Vec<u8>)| {
    let (original, bytes) = input;
    let arena = Bump::new();
    if let Ok(event) = Event::decode(&bytes, &original, &arena) {
        let mut json = Vec::new();
        event.write_json(&mut json);
    }
});
