//! The shared reader of syslog headers: nothing is refused, and the message is a part of the line.
#![no_main]

use bumpalo::Bump;
use ingest::Context;
use libfuzzer_sys::fuzz_target;
use stream::{Event, Timestamp};

fuzz_target!(|line: &str| {
    let context = Context::utc(Timestamp::from_seconds(1_795_000_000));
    let header = ingest::syslog::parse(line, &context);
    assert!(line.contains(header.message));
    let arena = Bump::new();
    let mut event = Event::new_in(&arena);
    header.apply(&mut event);
    if let Some(data) = header.structured_data {
        ingest::syslog::params(data, &arena, |_, _, _| {});
    }
});
