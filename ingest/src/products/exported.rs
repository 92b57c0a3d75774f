//! Devices that were set to write CEF or LEEF: what a product's parser refuses is read in that form, if it has it.

use bumpalo::Bump;
use memchr::memmem;
use stream::Event;

use super::generic::Cef;
use super::leef::Leef;
use crate::parser::{Context, Parser, Reason};

/// How far into a line the form must begin.
const HEAD_BYTES: usize = 512;

/// A product's parser, and those of the forms that devices share.
#[derive(Default)]
pub(super) struct Exported<P> {
    own: P,
    cef: Cef,
    leef: Leef,
}

impl<P: Parser> Parser for Exported<P> {
    fn parse<'a>(
        &mut self,
        line: &'a str,
        context: &Context,
        arena: &'a Bump,
        event: &mut Event<'a>,
    ) -> Result<(), Reason> {
        let refused = match self.own.parse(line, context, arena, event) {
            Ok(()) => return Ok(()),
            Err(reason) => reason,
        };
        let head = &line.as_bytes()[..line.len().min(HEAD_BYTES)];
        let has = |form: &str| memmem::find(head, form.as_bytes()).is_some();
        let shared: &mut dyn Parser = match () {
            () if has("CEF:0|") || has("CEF:1|") => &mut self.cef,
            () if has("LEEF:1.0|") || has("LEEF:2.0|") => &mut self.leef,
            () => return Err(refused),
        };
        let mut fresh = Event::new_in(arena);
        if shared.parse(line, context, arena, &mut fresh).is_err() {
            return Err(refused);
        }
        *event = fresh;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stream::{Timestamp, fields};

    #[test]
    fn a_device_may_write_cef_or_leef() {
        let context = Context::tokyo(Timestamp::from_seconds(1_795_000_000));
        for (product, line) in [
            (
                "panw",
                "<14>Nov 20 10:00:00 fw CEF:0|Palo Alto Networks|PAN-OS|10.1|end|TRAFFIC|3|src=192.0.2.10 spt=50000",
            ),
            ("squid", "LEEF:1.0|Example|Proxy|1|web|src=192.0.2.10\tsrcPort=50000"),
        ] {
            let arena = Bump::new();
            let mut event = Event::new_in(&arena);
            super::super::parser(product).unwrap().parse(line, &context, &arena, &mut event).unwrap();
            assert_eq!(event.get_int(fields::SOURCE_PORT), Some(50000), "{line}");
        }
        let arena = Bump::new();
        let mut event = Event::new_in(&arena);
        assert!(super::super::parser("squid").unwrap().parse("CEF: no", &context, &arena, &mut event).is_err());
    }
}
