//! Furukawa Electric: FITELnet-F and -EF routers, RFC 3164 syslog.
//!
//! The program or function before the text is `log.logger`. Packets (`a:p > b:p`, `SRC= DST=`, `src= dst=`) with their
//! verdict, list and interface, logins, and what `router/state.rs` knows are read; every other line keeps its text as
//! `message`. Source: FITELnet message reference.

use bumpalo::Bump;
use stream::{Event, FieldId, fields};

use super::router::{self, Device};
use crate::parser::{Context, Parser, Reason};

/// Parser of this product.
#[derive(Default)]
pub struct Fitelnet {}

static CONSTANT: &[(FieldId, &str)] = &[
    (fields::EVENT_MODULE, "fitelnet"),
    (fields::OBSERVER_VENDOR, "Furukawa Electric"),
    (fields::OBSERVER_PRODUCT, "FITELnet"),
    (fields::OBSERVER_TYPE, "router"),
    (fields::SEKISHO_LOGSOURCE_PRODUCT, "fitelnet"),
];

static DEVICE: Device = Device { constant: CONSTANT, leads: &[], read: |_, _| None };

impl Parser for Fitelnet {
    fn parse<'a>(
        &mut self,
        line: &'a str,
        context: &Context,
        arena: &'a Bump,
        event: &mut Event<'a>,
    ) -> Result<(), Reason> {
        router::parse(&DEVICE, line, context, arena, event)
    }
}
