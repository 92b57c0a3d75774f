//! RFC 6587 framing: cut anywhere, the same messages come out; nothing is longer than the limit.
#![no_main]

use ingest::{Frame, Framer, Framing, MESSAGE_BYTES_MAX};
use libfuzzer_sys::fuzz_target;

fn frames(chunks: &[&[u8]], framing: Framing) -> Vec<Frame> {
    let mut framer = Framer::new(framing);
    let mut frames = Vec::new();
    for chunk in chunks {
        framer.buffer().extend_from_slice(chunk);
        while let Some(frame) = framer.next_frame() {
            frames.push(frame);
        }
    }
    while let Some(frame) = framer.finish() {
        frames.push(frame);
    }
    frames
}

fuzz_target!(|input: (u8, usize, Vec<u8>)| {
    let (kind, cut, data) = input;
    let framing = [Framing::Auto, Framing::OctetCounted, Framing::Lf][usize::from(kind) % 3];
    let whole = frames(&[&data], framing);
    assert!(whole.iter().all(|frame| frame.raw.len() <= MESSAGE_BYTES_MAX));
    let (head, tail) = data.split_at(cut % (data.len() + 1));
    assert_eq!(whole, frames(&[head, tail], framing));
});
