//! What events say of their logsource, as keys by which their partition is found again.
//!
//! Asked for every event: the key of an event is compared with the one held without being made, and values are looked at
//! where they stand: to copy one for a look takes longer than the look.

use stream::Value;

use super::super::logsource::Hint;

/// What an event says of its logsource, as one key: kind of hint and value, one after the other.
pub(super) fn said<'e>(hints: impl Iterator<Item = (Hint, &'e Value<'e>)>) -> Box<[u8]> {
    let mut key = Vec::new();
    for (hint, value) in hints {
        match value {
            Value::Str(text) => {
                key.push(hint as u8);
                key.extend_from_slice(text.as_bytes());
                // No byte of text, so that the end of one is not the start of another.
                key.push(0xff);
            }
            Value::Int(number) => {
                key.push(hint as u8 | 0x80);
                key.extend_from_slice(&number.to_le_bytes());
            }
            other => {
                key.push(hint as u8 | 0x40);
                key.extend_from_slice(other.text().as_bytes());
                key.push(0xff);
            }
        }
    }
    key.into()
}

/// Whether [`said`] would make this very key, without making it.
pub(super) fn is_said<'e>(mut key: &[u8], hints: impl Iterator<Item = (Hint, &'e Value<'e>)>) -> bool {
    fn cut(key: &mut &[u8], head: u8, text: &[u8]) -> bool {
        let end = text.len() + 1;
        let same = key.get(end) == Some(&0xff) && key[0] == head && key[1..end] == *text;
        *key = if same { &key[end + 1..] } else { &[] };
        same
    }
    fn cut_number(key: &mut &[u8], head: u8, number: i64) -> bool {
        let Some((held, rest)) = key.split_first_chunk::<9>() else { return false };
        *key = rest;
        held[0] == head && held[1..] == number.to_le_bytes()
    }
    for (hint, value) in hints {
        let same = match value {
            Value::Str(text) => cut(&mut key, hint as u8, text.as_bytes()),
            Value::Int(number) => cut_number(&mut key, hint as u8 | 0x80, *number),
            other => cut(&mut key, hint as u8 | 0x40, other.text().as_bytes()),
        };
        if !same {
            return false;
        }
    }
    key.is_empty()
}

/// A number below [`super::SAID_MAX`] for what an event says of its logsource, by the ends and the middles of the texts.
pub(super) fn place_of<'e>(values: impl Iterator<Item = &'e Value<'e>>) -> usize {
    let mut hash = 0_u64;
    let mut mix = |word: u64| hash = (hash.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for value in values {
        match value {
            Value::Str(text) => {
                let bytes = text.as_bytes();
                let word = |chunk: Option<&[u8; 8]>| chunk.map_or(0, |chunk| u64::from_le_bytes(*chunk));
                let short = || bytes.iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
                mix(if bytes.len() < 8 { short() } else { word(bytes.first_chunk()) });
                mix(word(bytes.last_chunk()) ^ word(bytes[bytes.len() / 2..].first_chunk()).rotate_left(23));
                mix(bytes.len() as u64);
            }
            Value::Int(number) => mix(*number as u64),
            other => mix(other.number().unwrap_or(0.0).to_bits()),
        }
    }
    (hash >> 40) as usize % super::SAID_MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by_reference<'e>((hint, value): &'e (Hint, Value<'e>)) -> (Hint, &'e Value<'e>) {
        (*hint, value)
    }

    #[test]
    fn a_key_is_known_again_and_no_other() {
        let all: [&[(Hint, Value<'_>)]; 9] = [
            &[],
            &[(Hint::Product, Value::Str("windows"))],
            &[(Hint::Product, Value::Str("windows")), (Hint::EventId, Value::Int(1))],
            &[(Hint::Product, Value::Str("windows")), (Hint::EventId, Value::Int(257))],
            &[(Hint::Product, Value::Str("windows")), (Hint::EventId, Value::Str("1"))],
            &[(Hint::Category, Value::Str("windows"))],
            &[(Hint::Category, Value::Str("")), (Hint::Category, Value::Str("windows"))],
            &[(Hint::EventId, Value::Float(1.5))],
            &[(Hint::EventId, Value::Str("1.5"))],
        ];
        for (number, hints) in all.iter().enumerate() {
            let key = said(hints.iter().map(by_reference));
            for (other, hints) in all.iter().enumerate() {
                assert_eq!(is_said(&key, hints.iter().map(by_reference)), number == other, "{number} {other}");
            }
            let place = place_of(hints.iter().map(|(_, value)| value));
            assert!(place < super::super::SAID_MAX);
        }
    }
}
