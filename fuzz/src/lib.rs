//! What the fuzz targets share: reading one record with a product's parser and holding the result to what every parser
//! promises, whatever the bytes.

use std::sync::Arc;

use bumpalo::Bump;
use detect::{Engine, Meta, RuleSet};
use ingest::Context;
use stream::{Event, EventId, Timestamp};

/// Reads `data` as one record of `product`: no panic, at most [`Event::FIELDS_MAX`] values, the same result twice, JSON
/// that is text, and a stored form that reads back.
pub fn parse(product: &str, data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let arena = Bump::new();
    let line = arena.alloc_str(&text);
    let Some(mut parser) = ingest::parser(product) else { panic!("no product {product}") };
    let context = Context::tokyo(Timestamp::from_seconds(1_795_000_000));
    let mut event = Event::new_in(&arena);
    let result = parser.parse(line, &context, &arena, &mut event);
    assert!(event.len() <= Event::FIELDS_MAX);

    let mut json = Vec::new();
    event.write_json(&mut json);
    assert!(std::str::from_utf8(&json).is_ok());

    let mut stored = Vec::new();
    event.encode(line, &mut stored);
    let read = Event::decode(&stored, line, &arena);
    assert!(read.is_ok_and(|read| read.len() == event.len()));

    let mut again = Event::new_in(&arena);
    assert_eq!(parser.parse(line, &context, &arena, &mut again), result);
    let mut json_again = Vec::new();
    again.write_json(&mut json_again);
    assert_eq!(json, json_again, "a parser must not remember earlier lines");
}

/// Judges `event`, one JSON object, by `rules`, one or several YAML documents: no panic, and the same rules match however
/// often it is judged.
pub fn judge(rules: &[u8], event: &[u8]) {
    let Ok(dir) = tempfile::tempdir() else { return };
    if std::fs::write(dir.path().join("rules.yml"), rules).is_err() {
        return;
    }
    let (rules, _) = RuleSet::load(&[dir.path().to_path_buf()]);
    let arena = Bump::new();
    let line = arena.alloc_str(&String::from_utf8_lossy(event));
    let Some(mut parser) = ingest::parser("json") else { panic!("no product json") };
    let received = Timestamp::from_seconds(1_795_000_000);
    let mut read = Event::new_in(&arena);
    let _ = parser.parse(line, &Context::tokyo(received), &arena, &mut read);
    let mut engine = Engine::new(Arc::new(rules), Arc::default());
    let (mut matcher, mut matched, mut again) = (engine.matcher(), Vec::new(), Vec::new());
    matcher.matched(&read, &mut matched);
    matcher.matched(&read, &mut again);
    assert_eq!(matched, again);
    let mut outcomes = Vec::new();
    for offset in 0..3 {
        let id = EventId::new(0, offset);
        let meta = Meta { id, tenant: "t", source: "s", received, raw: line.as_bytes() };
        engine.observe_matched(&meta, &mut read, &matched, &mut outcomes);
    }
    engine.finish(&mut outcomes);
}
