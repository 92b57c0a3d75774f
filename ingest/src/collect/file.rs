//! The one-way mode: what a collector has to say, as signed, numbered files.
//!
//! ```text
//! name   COLLECTOR-SPOOL-NUMBER.sekisho    20 digits: the first record's number; `-alive` before the end: a sign of life
//! bytes  "SKF1", length of the id u8, id, frames of `wire` (hello first), Ed25519 signature of all before it (64 bytes)
//! ```
//!
//! Ed25519 and not a keyed hash: the centre holds public keys only, so nobody who takes the centre can make up what a
//! zone has said, and the key that signs never leaves the zone. A file is at most [`BYTES_MAX`] long.

use bytes::BytesMut;
use ring::signature::{ED25519, Ed25519KeyPair, UnparsedPublicKey};

use super::wire::{FRAME_BYTES_MAX, Frame, Hello, SpoolId, Wrong};

/// The longest file.
pub const BYTES_MAX: usize = FRAME_BYTES_MAX + (8 << 20);
/// What names end in.
pub const ENDING: &str = ".sekisho";
const MAGIC: &[u8; 4] = b"SKF1";
const SIGNATURE_BYTES: usize = 64;

/// The name of the file whose first record has this number.
pub fn name(id: &str, spool: SpoolId, number: u64, alive: bool) -> String {
    format!("{id}-{spool}-{number:020}{}{ENDING}", if alive { "-alive" } else { "" })
}

/// The bytes of a file.
pub fn seal(id: &str, hello: Hello, frames: &[Frame], key: &Ed25519KeyPair) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.push(id.len() as u8);
    bytes.extend_from_slice(id.as_bytes());
    Frame::Hello(hello).write(&mut bytes);
    frames.iter().for_each(|frame| frame.write(&mut bytes));
    let signature = key.sign(&bytes);
    bytes.extend_from_slice(signature.as_ref());
    bytes
}

/// Whose file it says it is; not to be believed before [`open`].
///
/// # Errors
/// It is no such file.
pub fn claimed_id(bytes: &[u8]) -> Result<&str, Wrong> {
    let wrong = Wrong("no file of a collector");
    let rest = bytes.strip_prefix(MAGIC).ok_or(wrong)?;
    let (length, rest) = rest.split_first().ok_or(wrong)?;
    let id = rest.get(..usize::from(*length)).ok_or(wrong)?;
    std::str::from_utf8(id).map_err(|_| wrong)
}

/// What a file of the collector with this public key says.
///
/// # Errors
/// It is not signed by it, or not whole.
pub fn open(bytes: &[u8], public_key: &[u8]) -> Result<(Hello, Vec<Frame>), Wrong> {
    let id = claimed_id(bytes)?;
    let signed_bytes = bytes.len().checked_sub(SIGNATURE_BYTES).ok_or(Wrong("a file that is cut off"))?;
    let (signed, signature) = bytes.split_at(signed_bytes);
    let key = UnparsedPublicKey::new(&ED25519, public_key);
    key.verify(signed, signature)
        .map_err(|_| Wrong("the signature is not this collector's, or the file was changed"))?;
    let mut buffer = BytesMut::from(signed.get(MAGIC.len() + 1 + id.len()..).unwrap_or_default());
    let mut frames = Vec::new();
    while let Some(frame) = Frame::take(&mut buffer)? {
        frames.push(frame);
    }
    if !buffer.is_empty() || frames.is_empty() {
        return Err(Wrong("a file whose frames are not whole"));
    }
    match frames.remove(0) {
        Frame::Hello(hello) => Ok((hello, frames)),
        _ => Err(Wrong("a file that does not begin with a hello")),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use ring::signature::KeyPair as _;

    pub(crate) fn key(seed: u8) -> Ed25519KeyPair {
        Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap()
    }

    #[test]
    fn a_changed_file_or_another_key_is_refused() {
        let hello = Hello { spool: SpoolId([1; 16]), base: 0, start: 0, end: 9 };
        let frames = [Frame::Lost { from: 0, to: 4, reason: "x".into() }, Frame::Status { end: 9, held_bytes: 1 }];
        let bytes = seal("c1", hello, &frames, &key(7));
        assert_eq!(claimed_id(&bytes), Ok("c1"));
        let (mine, other) = (key(7), key(8));
        let (mine, other) = (mine.public_key().as_ref(), other.public_key().as_ref());
        assert_eq!(open(&bytes, mine), Ok((hello, frames.to_vec())));
        assert!(open(&bytes, other).is_err());
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert!(open(&changed, mine).is_err(), "byte {at}");
            assert!(open(&bytes[..at], mine).is_err(), "cut at {at}");
        }
        assert_eq!(
            name("c1", hello.spool, 7, false),
            "c1-01010101010101010101010101010101-00000000000000000007.sekisho"
        );
    }
}
