//! The `key=value` text of a record: quoted, bare, hexadecimal, and the inner text of `msg='...'`.

use bumpalo::Bump;

use crate::row::Row;

/// Keys whose bare values are hexadecimal text when they are long enough.
const HEX: [&str; 11] = ["proctitle", "cmd", "name", "comm", "exe", "cwd", "acct", "data", "path", "dir", "grantors"];

/// Reads the pairs of `text` into the row. `a0`, `a1`... are text in EXECVE records (`arguments`), else addresses.
pub(super) fn read<'a>(text: &'a str, arguments: bool, row: &mut Row<'a>, arena: &'a Bump) {
    if let Some(message) = pairs(text, arguments, row, arena) {
        // A message within the message is not read: lines are written by anyone.
        pairs(message, arguments, row, arena);
    }
}

/// Reads pairs; gives the user-space message among them.
fn pairs<'a>(text: &'a str, arguments: bool, row: &mut Row<'a>, arena: &'a Bump) -> Option<&'a str> {
    let mut message = None;
    // Enriched records set their second half off with a group separator.
    let mut rest = text;
    while let Some(equals) = rest.find('=') {
        let start = rest[..equals].rfind([' ', '\'', ',', '\u{1d}', '\t']).map_or(0, |at| at + 1);
        let key = rest[start..equals].trim_start_matches('\u{1d}');
        // A relay writes the separator as `#035`.
        let key = key.strip_prefix("#035").unwrap_or(key);
        let after = &rest[equals + 1..];
        let (value, quoted, behind) = value(key, after);
        if key == "msg" && after.starts_with('\'') {
            message = message.or(Some(value));
        } else if !key.is_empty() && !matches!(value, "?" | "(none)") {
            // `old auid=1 new auid=2`.
            let before = rest[..start].trim_end_matches(' ');
            let key = match (before.ends_with("old"), before.ends_with("new")) {
                (true, _) => arena.alloc_str(&format!("old_{key}")),
                (_, true) => arena.alloc_str(&format!("new_{key}")),
                _ => key,
            };
            row.push(key, if quoted { value } else { decoded(key, value, arguments, arena) });
        }
        rest = behind;
    }
    message
}

/// A value: without its quotes, whether it had `"` around it, and what follows.
fn value<'a>(key: &str, text: &'a str) -> (&'a str, bool, &'a str) {
    if let Some(inner) = text.strip_prefix('"') {
        let (value, rest) = inner.split_once('"').unwrap_or((inner, ""));
        return (value, true, rest);
    }
    if let Some(inner) = text.strip_prefix('\'') {
        // The inner text may hold quotes of its own: it ends at the last.
        let end = if key == "msg" { inner.rfind('\'') } else { inner.find('\'') };
        return match end {
            Some(at) => (&inner[..at], false, &inner[at + 1..]),
            None => (inner, false, ""),
        };
    }
    if key == "op" {
        // `op=adding group to /etc/gshadow id=1004`: the text goes on to the next key.
        let next = text.find('=').and_then(|equals| text[..equals].rfind(' ')).unwrap_or(text.len());
        return (text[..next].trim(), false, &text[next..]);
    }
    let end = text.find([' ', '\u{1d}', '\t']).or_else(|| text.find("#035")).unwrap_or(text.len());
    (text[..end].trim_end_matches(','), false, &text[end..])
}

/// Text behind hexadecimal digits; anything else as it is. NULs, which separate arguments, become blanks.
fn decoded<'a>(key: &str, value: &'a str, arguments: bool, arena: &'a Bump) -> &'a str {
    let argument = arguments
        && key.strip_prefix('a').is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()));
    if !(HEX.contains(&key) || argument) || value.len() < 4 || value.len() % 2 == 1 {
        return value;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).filter(|_| !byte.is_ascii_lowercase());
    let mut plain = bumpalo::collections::Vec::with_capacity_in(value.len() / 2, arena);
    for pair in value.as_bytes().chunks_exact(2) {
        match (digit(pair[0]), digit(pair[1])) {
            (Some(high), Some(low)) => plain.push((high * 16 + low) as u8),
            _ => return value,
        }
    }
    while plain.last() == Some(&0) {
        plain.pop();
    }
    for byte in plain.iter_mut().filter(|byte| **byte == 0) {
        *byte = b' ';
    }
    match std::str::from_utf8(plain.into_bump_slice()) {
        Ok(text) if !text.is_empty() && !text.bytes().any(|byte| byte < 0x20 && !matches!(byte, b'\n' | b'\t')) => text,
        _ => value,
    }
}
