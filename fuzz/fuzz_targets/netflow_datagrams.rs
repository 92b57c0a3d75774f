//! Datagrams of flows, one after another from one exporter: none is passed over, every line is JSON, and what waits for a
//! template is bounded. Each begins with the head of a version, so that templates of one are used by the next.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: Vec<(u8, Vec<u8>)>| {
    let datagrams: Vec<Vec<u8>> = input
        .into_iter()
        .take(16)
        .map(|(version, body)| match version % 4 {
            0 => [&[0, 9, 0, 1][..], &[0; 16], &body].concat(),
            1 => {
                let length = (body.len() as u16).saturating_add(16).to_be_bytes();
                [&[0, 10][..], &length, &[0; 12], &body].concat()
            }
            2 => [&[0, 5][..], &body].concat(),
            _ => body,
        })
        .collect();
    ingest::checks::netflow(&datagrams);
});
