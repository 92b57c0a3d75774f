//! The state of detection as the database keeps it: a Zstandard frame with a checksum (RFC 8878).
//!
//! Most of a state is log lines that open windows hold: 77 MB become 5.7, at 500 MB a second.

use std::io::{Read, Write};

/// What a frame begins with. A state of before there were frames begins with the length of a name and the name.
const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// Quick rather than small: what is stored waits for it.
const LEVEL: i32 = 1;

/// The most bytes that are made ready before any of them was read.
const ROOM_MAX: u64 = 256 << 20;

/// The bytes to store.
pub(super) fn pack(bytes: &[u8]) -> Vec<u8> {
    let pack = || {
        let mut encoder = zstd::Encoder::new(Vec::new(), LEVEL)?;
        encoder.include_checksum(true)?;
        encoder.set_pledged_src_size(Some(bytes.len() as u64))?;
        encoder.write_all(bytes)?;
        encoder.finish()
    };
    // Writing to memory does not fail; were it to, the bytes are as good.
    pack().unwrap_or_else(|_| bytes.to_vec())
}

/// The bytes that were stored. Nothing, and an error in the log, when they are damaged: detection then starts afresh.
pub(super) fn unpack(partition: u32, stored: Vec<u8>) -> Vec<u8> {
    if !stored.starts_with(&MAGIC) {
        return stored;
    }
    // What the frame says of its size saves copying; it may be damaged, too.
    let size = zstd::zstd_safe::get_frame_content_size(&stored).ok().flatten().unwrap_or(0);
    let mut bytes = Vec::with_capacity(size.min(ROOM_MAX) as usize);
    match zstd::Decoder::new(&*stored).and_then(|mut decoder| decoder.read_to_end(&mut bytes)) {
        Ok(_) => bytes,
        Err(error) => {
            tracing::error!(partition, %error, "the stored state of detection is damaged");
            Vec::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_stored_comes_back_or_nothing() {
        for bytes in [&b""[..], b"state", &[7; 100_000]] {
            let stored = pack(bytes);
            assert!(stored.len() < 100 && unpack(0, stored.clone()) == bytes);
            for at in 4..stored.len() {
                let mut flipped = stored.clone();
                flipped[at] ^= 1;
                let read = unpack(0, flipped);
                assert!(read.is_empty() || read == bytes, "byte {at} of {}", stored.len());
            }
        }
        assert_eq!(unpack(0, b"\x03abcold".to_vec()), b"\x03abcold", "of before there were frames");
    }
}
