//! `auto`: the product is told from each line, by literals and by the shape of its beginning; no line is parsed to find out.
//!
//! For files whose origin is unknown and for the holding source of unknown senders. Where the product is known, name it:
//! then nothing is guessed. [`guess`] says how sure it is; a line that the guessed parser refuses is read as `system`.

mod marks;
mod shapes;

use std::collections::HashMap;

use bumpalo::Bump;
use stream::Event;

pub use self::marks::{Guess, guess};

use crate::parser::{Context, Parser, Reason};
use crate::products;

/// Reads lines of any product that sekisho knows.
#[derive(Default)]
pub struct Auto {
    /// Made when a line of the product comes.
    parsers: HashMap<&'static str, Box<dyn Parser>>,
}

/// What reads lines that nothing else knows.
const ANY: &str = "system";

impl Parser for Auto {
    fn parse<'a>(
        &mut self,
        line: &'a str,
        context: &Context,
        arena: &'a Bump,
        event: &mut Event<'a>,
    ) -> Result<(), Reason> {
        let product = guess(line, context).product;
        let read = self.read(product, line, context, arena, event);
        if read.is_ok() || product == ANY {
            return read;
        }
        let mut plain = Event::new_in(arena);
        self.read(ANY, line, context, arena, &mut plain)?;
        *event = plain;
        Ok(())
    }
}

impl Auto {
    fn read<'a>(
        &mut self,
        product: &'static str,
        line: &'a str,
        context: &Context,
        arena: &'a Bump,
        event: &mut Event<'a>,
    ) -> Result<(), Reason> {
        if !self.parsers.contains_key(product) {
            let parser = products::parser(product).ok_or(Reason("no such product"))?;
            self.parsers.insert(product, parser);
        }
        match self.parsers.get_mut(product) {
            Some(parser) => parser.parse(line, context, arena, event),
            None => Err(Reason("no such product")),
        }
    }
}

#[cfg(test)]
mod tests;
