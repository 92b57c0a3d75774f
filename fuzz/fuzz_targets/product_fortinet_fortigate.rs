//! The parser of `fortinet_fortigate`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| fuzz::parse("fortinet_fortigate", data));
