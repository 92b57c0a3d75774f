//! The parser of `windows_security`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| fuzz::parse("windows_security", data));
