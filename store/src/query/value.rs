//! How a stored value is read for comparing: one reading for the index and the plain evaluator.

use std::borrow::Cow;
use std::net::IpAddr;

use stream::Value;

use super::text::fold;

/// The most bytes of a value that are compared as a whole; the rest is found as text only.
const KEYWORD_BYTES_MAX: usize = 32_000;

/// The value as an integer, if it is one or reads as one.
pub(crate) fn as_int(value: Value<'_>) -> Option<i64> {
    match value {
        Value::Int(number) => Some(number),
        Value::Str(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// The value as an address, IPv4 in its own form even when it came mapped into IPv6.
pub(crate) fn as_ip(value: Value<'_>) -> Option<IpAddr> {
    value.ip().map(|ip| ip.to_canonical())
}

/// The value as folded text, cut at [`KEYWORD_BYTES_MAX`].
pub(crate) fn fold_keyword(value: Value<'_>) -> Cow<'_, str> {
    let folded = match value {
        Value::Str(text) => fold(text),
        other => Cow::Owned(fold(&other.text()).into_owned()),
    };
    if folded.len() <= KEYWORD_BYTES_MAX {
        return folded;
    }
    Cow::Owned(folded[..folded.floor_char_boundary(KEYWORD_BYTES_MAX)].to_owned())
}
