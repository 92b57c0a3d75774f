//! Allied Telesis: AlliedWare Plus switches and AR firewalls (netfilter's `KEY=value`), and the older CentreCOM routers.
//!
//! The program or function before the text is `log.logger`. Packets (`a:p > b:p`, `SRC= DST=`) with their verdict and logins
//! are read; every other line keeps its text as `message`. Source: AlliedWare Plus command reference, logging; firewall and NAT feature overview.

use bumpalo::Bump;
use stream::{Event, FieldId, fields};

use super::router;
use crate::parser::{Context, Parser, Reason};

/// Parser of this product.
#[derive(Default)]
pub struct AlliedTelesis {}

static CONSTANT: &[(FieldId, &str)] = &[
    (fields::EVENT_MODULE, "allied_telesis"),
    (fields::OBSERVER_VENDOR, "Allied Telesis"),
    (fields::OBSERVER_PRODUCT, "AlliedWare Plus"),
    (fields::OBSERVER_TYPE, "switch"),
    (fields::SEKISHO_LOGSOURCE_PRODUCT, "allied_telesis"),
];

impl Parser for AlliedTelesis {
    fn parse<'a>(
        &mut self,
        line: &'a str,
        context: &Context,
        arena: &'a Bump,
        event: &mut Event<'a>,
    ) -> Result<(), Reason> {
        let (program, text) = router::header(line, true, context, event);
        if text.is_empty() {
            return Err(Reason("empty line"));
        }
        event.push_str(fields::LOG_LOGGER, program);
        let category = router::text(text, arena, event);
        router::finish(CONSTANT, category, event);
        Ok(())
    }
}
