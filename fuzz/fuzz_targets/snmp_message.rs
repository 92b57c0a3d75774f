//! SNMP messages: a line of JSON each, and an inform's answer has its length.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|datagram: &[u8]| {
    ingest::checks::snmp_trap(datagram);
});
