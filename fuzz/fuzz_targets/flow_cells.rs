//! Cells of the registers: dates, days, hours, ports, protocols, directions.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = detect::Day::parse(text);
    let _ = detect::Days::parse(text);
    let _ = detect::Hours::parse(text);
    let _ = detect::Ports::parse(text);
    let _ = detect::Protocols::parse(text);
    let _ = detect::Direction::parse(text);
});
