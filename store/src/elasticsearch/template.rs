//! The index template: what the engine is told of an event's fields.
//!
//! | Fields | Mapped as |
//! |---|---|
//! | `@timestamp` | `date` |
//! | `event.original` | kept, not indexed |
//! | the fields of [`stream::fields`] | by their kind: `keyword`, `long`, `double`, `boolean`, `ip`, `date`, `text` |
//! | a product's own fields | kept, not indexed (`dynamic: false`): whoever writes a log cannot fill the mapping |
//! | `sekisho.store.*` | what sekisho's own search goes by, see [`super::document`] |
//!
//! Documents lie newest first in their segments, so that a page of the newest ends early.

use serde_json::{Map, Value, json};
use stream::{FieldId, Kind, fields};

use super::ElasticsearchConfig;
use super::names::Names;

/// What begins the names of sekisho's own fields.
pub(super) const OWN: &str = "sekisho.store.";
pub(super) const TENANT: &str = "sekisho.store.tenant";
pub(super) const TIME: &str = "sekisho.store.time";
pub(super) const SECOND: &str = "sekisho.store.second";
pub(super) const PARTITION: &str = "sekisho.store.partition";
pub(super) const OFFSET: &str = "sekisho.store.offset";
pub(super) const SUB: &str = "sekisho.store.sub";
pub(super) const TERMS: &str = "sekisho.store.terms";
pub(super) const EVENT: &str = "sekisho.store.event";
pub(super) const READ: &str = "sekisho.store.read";
pub(super) const REDUCED: &str = "sekisho.store.reduced";

/// The longest keyword that the engine indexes, in characters.
pub(super) const KEYWORD_CHARACTERS_MAX: usize = 8191;

/// The body of `PUT _index_template/PREFIX-events`.
pub(super) fn template(config: &ElasticsearchConfig, names: &Names) -> Value {
    let mut properties = Map::new();
    for field in FieldId::all_static() {
        properties.insert(field.name().to_owned(), mapping(field));
    }
    let own = |kind: &str, rest: Value| {
        let mut mapping = rest;
        mapping["type"] = kind.into();
        mapping
    };
    // Of the numbers, only columns are sorted by; partition and offset are also filtered by.
    for (name, mapping) in [
        (TENANT, own("keyword", json!({"doc_values": false, "norms": false}))),
        (TIME, own("long", json!({}))),
        (SECOND, own("long", json!({}))),
        (PARTITION, own("integer", json!({}))),
        (OFFSET, own("long", json!({}))),
        (SUB, own("integer", json!({"index": false}))),
        (TERMS, own("keyword", json!({"doc_values": false, "norms": false}))),
        (EVENT, own("binary", json!({}))),
        (READ, own("boolean", json!({"doc_values": false}))),
        (REDUCED, own("keyword", json!({"ignore_above": KEYWORD_CHARACTERS_MAX}))),
    ] {
        properties.insert(name.to_owned(), mapping);
    }
    json!({
        "index_patterns": [format!("{}-*", names.events())],
        "priority": 500,
        "template": {
            "settings": {"index": {
                "number_of_shards": config.shards,
                "number_of_replicas": config.replicas,
                "codec": "best_compression",
                // Each commit refreshes what it wrote.
                "refresh_interval": "30s",
                "sort.field": [TIME],
                "sort.order": ["desc"],
            }},
            "mappings": {
                "dynamic": false,
                // The terms are long and can be made again from the event.
                "_source": {"excludes": [TERMS]},
                "properties": properties,
            },
        },
        "_meta": {"description": "events of sekisho"},
    })
}

/// The body of `PUT PREFIX-state`: one document per raw partition, and one per index that retention removed.
pub(super) fn state(config: &ElasticsearchConfig) -> Value {
    json!({
        "settings": {"index": {"number_of_shards": 1, "number_of_replicas": config.replicas}},
        "mappings": {"dynamic": false, "properties": {
            "id": {"type": "keyword"},
            "kind": {"type": "keyword"},
            "partition": {"type": "integer"},
            "next_offset": {"type": "long"},
        }},
    })
}

fn mapping(field: FieldId) -> Value {
    match field {
        fields::EVENT_ORIGINAL => return json!({"type": "keyword", "index": false, "doc_values": false}),
        // Tenants are counted by it, whatever their names.
        fields::SEKISHO_TENANT => return json!({"type": "keyword", "ignore_above": KEYWORD_CHARACTERS_MAX}),
        _ => {}
    }
    match field.kind() {
        Kind::Keyword => json!({"type": "keyword", "ignore_above": KEYWORD_CHARACTERS_MAX}),
        Kind::Text => json!({"type": "text", "norms": false, "index_options": "docs"}),
        Kind::Int => json!({"type": "long"}),
        Kind::Float => json!({"type": "double"}),
        Kind::Bool => json!({"type": "boolean"}),
        Kind::Ip => json!({"type": "ip"}),
        Kind::Time => json!({"type": "date"}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_field_lies_below_another() {
        let names: Vec<&str> = FieldId::all_static().map(FieldId::name).collect();
        for name in &names {
            assert!(!name.starts_with(OWN), "{name}");
            let below = names.iter().find(|other| other.starts_with(&format!("{name}.")));
            assert_eq!(below, None, "{name}");
        }
    }
}
