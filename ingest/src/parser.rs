//! The contract every product's parser keeps, and the list of products.
//!
//! A parser is a pure function of the line and its [`Context`]: no clock, no I/O, no panic, whatever the bytes.
//! It sets what the line says and nothing it has to guess: wrong is worse than absent. Values borrow from the line
//! where they can; what must be built (an unescaped string, an address with its port cut off) goes into the arena.
//! Unknown fields of a product are kept under its own name through a [`Names`] cache, up to [`Event::FIELDS_MAX`].

use std::collections::HashMap;

use bumpalo::Bump;
use stream::{Event, FieldId, Timestamp};

use crate::time::Zone;

/// What a parser may know beside the line.
#[derive(Clone, Debug)]
pub struct Context {
    /// When the line was received (for an imported file: `last_received`, else the file's modification time).
    pub received: Timestamp,
    /// The time zone of times that do not name one; Asia/Tokyo unless the source declares another.
    pub zone: Zone,
}

impl Context {
    /// A line received at `received`, from a source whose clock shows Japan's time.
    pub fn tokyo(received: Timestamp) -> Self {
        Context { received, zone: Zone::tokyo() }
    }

    /// A line received at `received`, from a source whose clock shows UTC.
    pub fn utc(received: Timestamp) -> Self {
        Context { received, zone: Zone::utc() }
    }
}

/// Why a line was not understood. The line is then indexed whole, with this reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Reason(pub &'static str);

/// Parses the lines of one product.
///
/// `&mut self` is for caches only (field names, the last time stamp): the result never depends on earlier lines.
pub trait Parser: Send {
    /// Reads one line into `event`, which is empty. The decoder adds `event.original`, `event.created`,
    /// `sekisho.tenant`, `sekisho.source.id` and, where the parser set none, `@timestamp`.
    ///
    /// # Errors
    /// A [`Reason`] when the line is not of this product; fields set so far are kept.
    fn parse<'a>(
        &mut self,
        line: &'a str,
        context: &Context,
        arena: &'a Bump,
        event: &mut Event<'a>,
    ) -> Result<(), Reason>;
}

/// A parser's own memory of which field a product's key stands for, so that the shared table is asked once per key.
#[derive(Default)]
pub struct Names {
    known: HashMap<String, Option<FieldId>>,
}

impl Names {
    /// The most keys remembered; keys after that are not kept as fields.
    pub const MAX: usize = 4096;

    /// The field `prefix` + `key`; `None` when it cannot be kept as a field.
    pub fn field(&mut self, prefix: &str, key: &str) -> Option<FieldId> {
        if let Some(field) = self.known.get(key) {
            return *field;
        }
        if self.known.len() >= Self::MAX {
            return None;
        }
        let field = stream::intern(&format!("{prefix}{key}"));
        self.known.insert(key.to_owned(), field);
        field
    }
}
