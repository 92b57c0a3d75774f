//! The keys and values of one line, whatever wrote them: JSON, `key=value`, or cells under a list of column names.
//!
//! A product reads its values by name, puts a table of them into fields, and keeps the rest under its own prefix. At most
//! [`KEYS_MAX`] pairs are held; what is beyond stays in `event.original`.

use bumpalo::Bump;
use bumpalo::collections::Vec as BumpVec;
use stream::{Event, FieldId, Value};

use crate::json::{Scalar, Walker};
use crate::parser::{Names, Reason};
use crate::put;

/// The most pairs held of one line.
pub(crate) const KEYS_MAX: usize = 400;

/// The pairs of a line, in order; no value is empty, `-` or `null`.
pub(crate) struct Row<'a> {
    pairs: BumpVec<'a, (&'a str, &'a str)>,
}

/// Which field a key goes to.
pub(crate) type Table = [(&'static str, FieldId)];

impl<'a> Row<'a> {
    /// An empty row.
    pub(crate) fn new(arena: &'a Bump) -> Self {
        Row { pairs: BumpVec::with_capacity_in(40, arena) }
    }

    /// Cells under their column names; cells beyond the names are left out.
    pub(crate) fn of_cells(names: &[&'a str], cells: impl Iterator<Item = &'a str>, arena: &'a Bump) -> Self {
        let mut row = Row::new(arena);
        for (name, cell) in names.iter().zip(cells) {
            row.push(name, cell);
        }
        row
    }

    /// The scalars of a JSON object by path; an array's elements share its path.
    ///
    /// # Errors
    /// The text is not JSON.
    pub(crate) fn of_json(text: &'a str, walker: &mut Walker, arena: &'a Bump) -> Result<Self, Reason> {
        let mut row = Row::new(arena);
        walker.walk(text, arena, |path, scalar| {
            let value = match scalar {
                Scalar::Null => return,
                Scalar::Str(text) => text,
                Scalar::Bool(true) => "true",
                Scalar::Bool(false) => "false",
                Scalar::Float(_, text) => text,
                Scalar::Int(number) => arena.alloc_str(&number.to_string()),
            };
            if row.pairs.len() < KEYS_MAX {
                row.push(arena.alloc_str(path), value);
            }
        })?;
        Ok(row)
    }

    /// `key=value` pairs separated by blanks, tabs and `separator`; escapes in quoted values are taken back.
    pub(crate) fn of_pairs(text: &'a str, separator: u8, arena: &'a Bump) -> Self {
        let mut row = Row::new(arena);
        for pair in crate::kv::pairs_separated(text, separator) {
            row.push(pair.key, if pair.escaped { crate::kv::unescape(pair.value, arena) } else { pair.value });
        }
        row
    }

    /// Adds a pair, unless its value says nothing.
    pub(crate) fn push(&mut self, key: &'a str, value: &'a str) {
        if self.pairs.len() < KEYS_MAX && !key.is_empty() && !matches!(value, "" | "-" | "null" | "(null)") {
            self.pairs.push((key, value));
        }
    }

    /// The first value of the first of these keys that has one, else empty text.
    pub(crate) fn get(&self, keys: &[&str]) -> &'a str {
        self.find(keys).unwrap_or("")
    }

    /// The first value of the first of these keys that has one.
    pub(crate) fn find(&self, keys: &[&str]) -> Option<&'a str> {
        keys.iter().find_map(|key| self.pairs.iter().find(|(name, _)| name == key).map(|(_, value)| *value))
    }

    /// Whether the row has a key.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.pairs.iter().any(|(name, _)| *name == key)
    }

    /// Every pair.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&'a str, &'a str)> + '_ {
        self.pairs.iter().copied()
    }

    /// Sets the fields of a table; a field takes its first fitting value.
    pub(crate) fn put(&self, table: &Table, event: &mut Event<'a>) {
        for (key, value) in &self.pairs {
            for (_, field) in table.iter().filter(|(name, _)| name == key) {
                if field.is_list() || !event.has(*field) {
                    put::fit(*field, value, event);
                }
            }
        }
    }

    /// Keeps every pair under the product's own prefix, except those whose key is in `taken`.
    pub(crate) fn keep(&self, prefix: &str, taken: &[&str], names: &mut Names, event: &mut Event<'a>) {
        for (key, value) in &self.pairs {
            if !taken.contains(key)
                && let Some(field) = names.field(prefix, key)
            {
                event.push(field, Value::Str(value));
            }
        }
    }
}
