//! Value encodings of the modifiers `base64`, `base64offset`, `wide`/`utf16le`, `utf16be` and `utf16`.
//!
//! Source: RFC 4648 section 4; Sigma specification 2.1, modifiers appendix; pySigma for the cut of `base64offset`.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// RFC 4648 base64 with padding.
pub(super) fn base64(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().enumerate().fold(0u32, |group, (at, byte)| group | u32::from(*byte) << (16 - 8 * at));
        for at in 0..4 {
            if at <= chunk.len() {
                out.push(char::from(ALPHABET[(group >> (18 - 6 * at) & 63) as usize]));
            } else {
                out.push('=');
            }
        }
    }
    out
}

/// The three texts of which one stands in any base64 text that encodes `bytes` somewhere inside: what does not depend
/// on the neighbours is kept. None for fewer than two bytes, of which nothing may be left.
pub(super) fn base64_offsets(bytes: &[u8]) -> Option<Vec<String>> {
    const START: [usize; 3] = [0, 2, 3];
    const CUT: [usize; 3] = [0, 3, 2];
    let mut found = Vec::new();
    for (offset, start) in START.into_iter().enumerate() {
        let mut shifted = vec![b' '; offset];
        shifted.extend_from_slice(bytes);
        let encoded = base64(&shifted);
        let end = encoded.len() - CUT[(bytes.len() + offset) % 3];
        if start >= end {
            return None;
        }
        found.push(encoded[start..end].to_owned());
    }
    Some(found)
}

/// UTF-16, little-endian, without a mark (`wide`, `utf16le`).
pub(super) fn utf16le(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// UTF-16, big-endian, without a mark (`utf16be`).
pub(super) fn utf16be(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_be_bytes).collect()
}

/// UTF-16 with its byte order mark, little-endian (`utf16`).
pub(super) fn utf16(text: &str) -> Vec<u8> {
    let mut bytes = vec![0xff, 0xfe];
    bytes.extend(utf16le(text));
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_4648_vectors() {
        for (plain, encoded) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(base64(plain.as_bytes()), encoded);
        }
    }

    #[test]
    fn an_offset_stands_in_every_neighbourhood() {
        assert_eq!(base64_offsets(b"a"), None);
        for needle in ["ab", "abc", "/bin/bash", "日本"] {
            let offsets = base64_offsets(needle.as_bytes()).unwrap();
            for before in ["", "x", "xy", "xyz"] {
                for after in ["", "q", "\u{7f}~"] {
                    let whole = base64(format!("{before}{needle}{after}").as_bytes());
                    assert!(offsets.iter().any(|offset| whole.contains(offset)), "{needle} in {whole}");
                }
            }
        }
        assert_eq!(utf16le("a"), [b'a', 0]);
        assert_eq!(utf16be("a"), [0, b'a']);
        assert_eq!(utf16("a"), [0xff, 0xfe, b'a', 0]);
    }
}
