//! The wire format of protobuf: fields one after another, each with its number. Nothing is copied.
//!
//! Hand-written, because a generated reader builds every message before it can be bounded, and a few dozen lines need no
//! code generator. Source: protobuf.dev, "Encoding".

/// A field's value as it stands on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wire<'a> {
    Varint(u64),
    Fixed64(u64),
    Fixed32(u32),
    Bytes(&'a [u8]),
}

/// The text is not protobuf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Broken;

/// The fields of a message, in order; ends after the first broken one.
pub(super) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(super) fn of(message: &'a [u8]) -> Self {
        Fields { rest: message }
    }

    fn field(&mut self) -> Option<(u32, Wire<'a>)> {
        let key = self.varint()?;
        let number = u32::try_from(key >> 3).ok().filter(|number| *number > 0)?;
        let value = match key & 7 {
            0 => Wire::Varint(self.varint()?),
            1 => Wire::Fixed64(u64::from_le_bytes(*self.take(8)?.first_chunk()?)),
            2 => {
                let length = usize::try_from(self.varint()?).ok()?;
                Wire::Bytes(self.take(length)?)
            }
            5 => Wire::Fixed32(u32::from_le_bytes(*self.take(4)?.first_chunk()?)),
            // Groups are of protobuf 2.
            _ => return None,
        };
        Some((number, value))
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for (index, byte) in self.rest.iter().take(10).enumerate() {
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte & 0x80 == 0 {
                self.rest = &self.rest[index + 1..];
                return Some(value);
            }
        }
        None
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u32, Wire<'a>), Broken>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.rest = &[];
        }
        Some(field.ok_or(Broken))
    }
}

/// Appends a field that is a number.
pub(super) fn put_varint(number: u32, value: u64, out: &mut Vec<u8>) {
    varint(u64::from(number) << 3, out);
    varint(value, out);
}

/// Appends a field that is text, bytes or a message.
pub(super) fn put_bytes(number: u32, bytes: &[u8], out: &mut Vec<u8>) {
    varint(u64::from(number) << 3 | 2, out);
    varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut message = Vec::new();
        put_varint(1, 300, &mut message);
        put_bytes(2, b"text", &mut message);
        put_varint(16, u64::MAX, &mut message);
        message.extend([0x19, 1, 0, 0, 0, 0, 0, 0, 0, 0x25, 2, 0, 0, 0]);
        let fields: Vec<_> = Fields::of(&message).map(Result::unwrap).collect();
        let expected = [
            (1, Wire::Varint(300)),
            (2, Wire::Bytes(b"text")),
            (16, Wire::Varint(u64::MAX)),
            (3, Wire::Fixed64(1)),
            (4, Wire::Fixed32(2)),
        ];
        assert_eq!(fields, expected);
        for length in 1..message.len() {
            let last = Fields::of(&message[..length]).last();
            assert!(last.is_some());
        }
        for broken in [&[0x80][..], &[0x0a, 5, 1], &[0x0b], &[0x00, 1], &[0xff; 12]] {
            assert_eq!(Fields::of(broken).last(), Some(Err(Broken)), "{broken:?}");
        }
    }
}
