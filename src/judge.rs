//! What is done with a record by itself: parse, judge by zones, match. The part of detection that needs no order.

use std::sync::Arc;

use bumpalo::Bump;
use detect::{Engine, Matcher};
use stream::{Event, RecordRef, Value, fields};

use crate::revision::Loaded;

/// Judges records by one revision at a time.
pub struct Judge {
    loaded: Arc<Loaded>,
    engine: Engine,
    matcher: Matcher,
    decoder: ingest::Decoder,
    matched: Vec<u32>,
    tags: Vec<usize>,
}

impl Judge {
    /// Judges by this revision.
    pub fn new(loaded: Arc<Loaded>) -> Judge {
        let engine = loaded.engine();
        Judge {
            matcher: engine.matcher(),
            decoder: ingest::Decoder::new(Arc::clone(&loaded.sources)),
            engine,
            loaded,
            matched: Vec::new(),
            tags: Vec::new(),
        }
    }

    /// By which revision.
    pub fn loaded(&self) -> &Arc<Loaded> {
        &self.loaded
    }

    /// The record's event. Which rules it matches is [`Judge::matched`] then.
    pub fn event<'a>(&mut self, record: &RecordRef<'a>, arena: &'a Bump) -> Event<'a> {
        let mut event = self.decoder.decode(record, arena);
        self.loaded.tenants.judge(&mut event, arena);
        self.matched.clear();
        self.matcher.matched(&event, &mut self.matched);
        event
    }

    /// The rules that the last event matched, by their index, ascending.
    pub fn matched(&self) -> &[u32] {
        &self.matched
    }

    /// Names in the last event the rules whose alert is certain from it alone.
    pub fn tag<'a>(&mut self, tenant: &str, event: &mut Event<'a>, arena: &'a Bump) {
        self.tags.clear();
        self.engine.certain_matches(tenant, &self.matched, &mut self.tags);
        for index in &self.tags {
            let id = arena.alloc_str(&self.engine.rules().rules()[*index].id);
            event.push_unique(fields::SEKISHO_RULE_IDS, Value::Str(id));
        }
    }
}
