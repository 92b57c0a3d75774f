//! GELF 1.1, one JSON message per line, as Graylog's senders write it.
//!
//! `short_message` is `message`, `full_message` is kept as `gelf.full_message`; an additional field `_name` that is an ECS
//! name sets that field (`_source_ip` too, with `_` for `.`, and the plain names of `key_value`), any other is kept as `gelf.<name>`.
//! Source: Graylog, GELF Payload Specification 1.1.

use bumpalo::Bump;
use stream::{Event, Value, fields};

use crate::json::Walker;
use crate::parser::{Context, Names, Parser, Reason};
use crate::put;
use crate::row::Row;
use crate::{json_keys, time};

/// Parser of GELF.
#[derive(Default)]
pub struct Gelf {
    walker: Walker,
    names: Names,
}

impl Parser for Gelf {
    fn parse<'a>(
        &mut self,
        line: &'a str,
        context: &Context,
        arena: &'a Bump,
        event: &mut Event<'a>,
    ) -> Result<(), Reason> {
        let object = json_keys::object(line, context, event)?;
        let row = Row::of_json(object, &mut self.walker, arena)?;
        if !row.has("short_message") && !row.has("version") {
            return Err(Reason("neither version nor short_message: not GELF"));
        }
        event.push(fields::EVENT_KIND, Value::Str("event"));
        event.push(fields::EVENT_MODULE, Value::Str("gelf"));
        if let Some(stamp) = time::epoch(row.get(&["timestamp"])) {
            event.set(fields::TIMESTAMP, Value::Time(stamp));
        }
        event.push_str(fields::HOST_HOSTNAME, row.get(&["host"]));
        event.push_str(fields::HOST_NAME, row.get(&["host"]));
        event.push_str(fields::MESSAGE, row.get(&["short_message"]));
        let level = row.get(&["level"]);
        put::count(fields::LOG_SYSLOG_SEVERITY_CODE, level, event);
        if let Some(name) = level.parse::<usize>().ok().and_then(|level| crate::syslog::SEVERITIES.get(level)) {
            json_keys::lower(fields::LOG_LEVEL, name, arena, event);
        }
        for (key, value) in row.pairs() {
            self.additional(key, value, event);
        }
        Ok(())
    }
}

impl Gelf {
    fn additional<'a>(&mut self, key: &str, value: &'a str, event: &mut Event<'a>) {
        if matches!(key, "version" | "host" | "short_message" | "timestamp" | "level") {
            return;
        }
        let name = key.strip_prefix('_').unwrap_or(key);
        let known = fields::lookup(name)
            .or_else(|| fields::lookup(&name.replace('_', ".")))
            .or_else(|| super::generic::synonym(name));
        // What the decoder sets is not a sender's to say.
        let decoders = [fields::EVENT_ORIGINAL, fields::EVENT_CREATED, fields::EVENT_INGESTED, fields::TIMESTAMP];
        let own = name.starts_with("sekisho") || known.is_some_and(|field| decoders.contains(&field));
        if let Some(field) = known.filter(|field| field.is_static() && !own)
            && !event.has(field)
            && put::fit(field, value, event)
        {
            return;
        }
        if let Some(field) = self.names.field("gelf.", name) {
            event.push_str(field, value);
        }
    }
}
