//! Products whose records are JSON objects with a fixed meaning per path: a table from paths to ECS fields.
//!
//! A record may stand alone or behind a syslog header. Paths are kept as `<prefix><path>`.

use bumpalo::Bump;
use stream::{Event, FieldId, Value};

use crate::json::{Scalar, Walker};
use crate::parser::{Context, Names, Reason};
use crate::{put, syslog};

/// Reads records of one product.
#[derive(Default)]
pub(crate) struct JsonKeys {
    walker: Walker,
    names: Names,
}

/// The object in a line, with what the header before it says.
pub(crate) fn object<'a>(line: &'a str, context: &Context, event: &mut Event<'a>) -> Result<&'a str, Reason> {
    let text = line.trim_start_matches(['\u{feff}', ' ', '\t']).trim_end_matches(['\0', '\r', '\n', ' ']);
    if text.starts_with('{') {
        return Ok(text);
    }
    let start = text.find('{').ok_or(Reason("no JSON object"))?;
    put::observer(&syslog::parse(text.get(..start).unwrap_or(""), context), event);
    Ok(text.get(start..).unwrap_or(""))
}

impl JsonKeys {
    /// Walks the object: `visit` answers whether it took the path, else the value is kept under the path's prefix.
    pub(crate) fn read<'a>(
        &mut self,
        object: &'a str,
        prefix: impl Fn(&str) -> &'static str,
        arena: &'a Bump,
        event: &mut Event<'a>,
        mut visit: impl FnMut(&str, Scalar<'a>, &mut Event<'a>) -> bool,
    ) -> Result<(), Reason> {
        let names = &mut self.names;
        self.walker.walk(object, arena, |path, scalar| {
            if is_nothing(scalar) || visit(path, scalar, event) {
                return;
            }
            if let (Some(field), Some(value)) = (names.field(prefix(path), path), scalar.value()) {
                event.push(field, value);
            }
        })
    }
}

/// Whether a value says nothing: `null`, the text `null`, empty text, `-`.
pub(crate) fn is_nothing(scalar: Scalar<'_>) -> bool {
    matches!(scalar, Scalar::Null | Scalar::Str("" | "null" | "-"))
}

/// Sets the field of the table's entry for this path, if there is one; whether there is.
pub(crate) fn put_by<'a>(table: &[(&str, FieldId)], path: &str, scalar: Scalar<'a>, event: &mut Event<'a>) -> bool {
    let mut found = false;
    for (_, field) in table.iter().filter(|(name, _)| *name == path) {
        found = true;
        push(*field, scalar, event);
    }
    found
}

/// Sets a field from a scalar, if it fits.
pub(crate) fn push<'a>(field: FieldId, scalar: Scalar<'a>, event: &mut Event<'a>) {
    match scalar {
        Scalar::Str(text) => {
            put::fit(field, text, event);
        }
        Scalar::Int(_) | Scalar::Bool(_) | Scalar::Float(..) => {
            if let Some(value) = scalar.value()
                && !matches!(field.kind(), stream::Kind::Ip | stream::Kind::Time)
            {
                event.push(field, value);
            }
        }
        Scalar::Null => {}
    }
}

/// Sets a text in lower case.
pub(crate) fn lower<'a>(field: FieldId, text: &'a str, arena: &'a Bump, event: &mut Event<'a>) {
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        let lower = arena.alloc_str(text);
        lower.make_ascii_lowercase();
        event.push(field, Value::Str(lower));
    } else {
        event.push_str(field, text);
    }
}
