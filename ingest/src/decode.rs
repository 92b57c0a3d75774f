//! From a record to an event: charset, the envelope of a collector, the product's parser, and what every event carries.
//!
//! Never fails. A line that its parser does not understand becomes an event with `event.kind: pipeline_error`, the reason
//! in `sekisho.parse.reason`, the form of the line in `sekisho.parse.form`, and whatever fields were set before; `event.original` is always the line.

use std::sync::Arc;

use bumpalo::Bump;
use stream::{Event, RecordRef, Value, fields};

use crate::charset::Charset;
use crate::envelope::Envelope;
use crate::parser::{Context, Parser};
use crate::sources::{SourceConfig, Sources};
use crate::{Error, Result, form, products};

/// Turns records into events; one per worker.
pub struct Decoder {
    sources: Arc<Sources>,
    lanes: Vec<Option<Lane>>,
    unknown: Lane,
}

struct Lane {
    parser: Box<dyn Parser>,
    envelope: Envelope,
    charset: Charset,
    context: Context,
}

impl Decoder {
    /// A decoder for all declared sources; records of any other are read as `auto`.
    pub fn new(sources: Arc<Sources>) -> Decoder {
        let lanes = sources.iter().map(|_| None).collect();
        Decoder { sources, lanes, unknown: Lane::unknown() }
    }

    /// A decoder that reads every record as this source.
    ///
    /// # Errors
    /// The source's product does not exist.
    pub fn single(source: SourceConfig) -> Result<Decoder> {
        let product = source.product.clone();
        let lane = Lane::of(&source).ok_or_else(|| Error::Config(format!("no product `{product}`")))?;
        Ok(Decoder { sources: Arc::default(), lanes: Vec::new(), unknown: lane })
    }

    /// Decodes one record.
    pub fn decode<'a>(&mut self, record: &RecordRef<'a>, arena: &'a Bump) -> Event<'a> {
        let lane = match self.sources.position(record.tenant, record.source) {
            None => &mut self.unknown,
            Some(index) => {
                let source = self.sources.iter().nth(index);
                self.lanes[index].get_or_insert_with(|| source.and_then(Lane::of).unwrap_or_else(Lane::unknown))
            }
        };
        let (text, charset) = lane.charset.decode(record.raw, arena);
        lane.context.received = record.received;
        let mut event = Event::new_in(arena);
        let parsed = lane.envelope.parse(&mut *lane.parser, text, &lane.context, arena, &mut event);
        make_room(&mut event);
        // Set last and over whatever the line claims: a line does not choose its tenant.
        event.set(fields::EVENT_ORIGINAL, Value::Str(text));
        event.set(fields::SEKISHO_TENANT, Value::Str(record.tenant));
        event.set(fields::SEKISHO_SOURCE_ID, Value::Str(record.source));
        event.set(fields::EVENT_CREATED, Value::Time(record.received));
        if let Some(peer) = record.peer {
            event.set(fields::SEKISHO_PEER, Value::Ip(peer));
        }
        match event.get(fields::TIMESTAMP) {
            Some(Value::Time(_)) => {}
            _ => event.set(fields::TIMESTAMP, Value::Time(record.received)),
        }
        if let Some(charset) = charset {
            event.set(fields::SEKISHO_CHARSET, Value::Str(charset));
        }
        match parsed {
            Ok(()) if event.has(fields::EVENT_KIND) => {}
            Ok(()) => event.push(fields::EVENT_KIND, Value::Str("event")),
            Err(reason) => {
                event.set(fields::EVENT_KIND, Value::Str("pipeline_error"));
                event.set(fields::SEKISHO_PARSE_REASON, Value::Str(reason.0));
                event.set(fields::SEKISHO_PARSE_FORM, Value::Str(arena.alloc_str(&form::fingerprint(text))));
                event.set(fields::ERROR_MESSAGE, Value::Str(reason.0));
            }
        }
        event
    }
}

/// Room kept for what is added after the parser: the decoder's own fields, zones, the verdict and matched rules.
const OWN_VALUES: usize = 48;

/// A line with more values than an event holds gives up its last fields, so that those every event carries have room.
/// What was given up is still in `event.original`.
fn make_room(event: &mut Event<'_>) {
    while event.len() > Event::FIELDS_MAX - OWN_VALUES {
        let Some((last, _)) = event.iter().last() else { return };
        event.remove(last);
    }
}

impl Lane {
    fn of(source: &SourceConfig) -> Option<Lane> {
        Some(Lane {
            parser: products::product(&source.product)?.parser_with(&source.layout).ok()?,
            envelope: Envelope::of(&source.product),
            charset: source.charset,
            context: Context { received: stream::Timestamp::default(), zone: source.zone_of_time.clone() },
        })
    }

    fn unknown() -> Lane {
        Lane {
            parser: Box::new(crate::auto::Auto::default()),
            envelope: Envelope::of("auto"),
            charset: Charset::Auto,
            context: Context::tokyo(stream::Timestamp::default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stream::{RecordKind, Timestamp};

    fn record(raw: &[u8]) -> RecordRef<'_> {
        RecordRef {
            offset: 0,
            kind: RecordKind::Data,
            tenant: "t",
            source: "s",
            peer: None,
            received: Timestamp::from_seconds(1_800_000_000),
            raw,
        }
    }

    #[test]
    fn what_is_not_understood_is_kept_whole() {
        let arena = Bump::new();
        let source = SourceConfig::of_product("squid", "UTC", "auto").unwrap();
        let event = Decoder::single(source).unwrap().decode(&record(b"not a squid line"), &arena);
        assert_eq!(event.get_str(fields::EVENT_KIND), Some("pipeline_error"));
        assert_eq!(event.get_str(fields::EVENT_ORIGINAL), Some("not a squid line"));
        assert!(event.has(fields::SEKISHO_PARSE_REASON));
        assert_eq!(event.get_str(fields::SEKISHO_PARSE_FORM).map(str::len), Some(8));
        assert_eq!(event.time(), Timestamp::from_seconds(1_800_000_000));
    }

    #[test]
    fn a_line_full_of_fields_cannot_push_out_its_tenant() {
        let arena = Bump::new();
        let source = SourceConfig::of_product("json", "UTC", "auto").unwrap();
        let fields: Vec<String> = (0..2 * Event::FIELDS_MAX).map(|n| format!("\"filler_{n}\":{n}")).collect();
        let raw = format!("{{{}}}", fields.join(","));
        let event = Decoder::single(source).unwrap().decode(&record(raw.as_bytes()), &arena);
        assert_eq!(event.get_str(fields::SEKISHO_TENANT), Some("t"));
        assert_eq!(event.get_str(fields::EVENT_ORIGINAL), Some(raw.as_str()));
        assert!(event.has(fields::EVENT_KIND) && event.has(fields::TIMESTAMP) && event.has(fields::EVENT_CREATED));
    }

    #[test]
    fn a_line_does_not_choose_its_tenant() {
        let arena = Bump::new();
        let source = SourceConfig::of_product("json", "UTC", "auto").unwrap();
        let raw = br#"{"sekisho.tenant":"other","sekisho":{"source":{"id":"x"}},"event.original":"fake","a":1}"#;
        let event = Decoder::single(source).unwrap().decode(&record(raw), &arena);
        assert_eq!(event.all(fields::SEKISHO_TENANT).collect::<Vec<_>>(), [Value::Str("t")]);
        assert_eq!(event.all(fields::SEKISHO_SOURCE_ID).collect::<Vec<_>>(), [Value::Str("s")]);
        assert_eq!(event.get_str(fields::EVENT_ORIGINAL).map(str::len), Some(raw.len()));
    }
}
