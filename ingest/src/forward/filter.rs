//! Metadata only: what of a record may leave the zone.
//!
//! A record of a filtered source is parsed here, by the source's own product, and what goes out is one JSON object of its
//! fields: without the raw line and the message, without the fields that are dropped, and with a keyed hash in place of
//! those that are hashed. The same value under another name goes the same way: a user's name that is dropped from
//! `user.name` does not leave in `related.user`, and a field that contains it is left out. Values shorter than three
//! characters (four, to be found within others) are looked at by name only. Of a line that cannot be parsed nothing is
//! known, so nothing of it leaves but that there was one, and why.
//!
//! The hash is BLAKE3 keyed with a key that stays in the zone, 128 bits of it: the same value gives the same hash, so that
//! it can still be counted and correlated, and nobody without the key can try values out. A hash stands under the field's
//! name; of a field that is no text, such as an address, under `json.` and its name.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bumpalo::Bump;
use serde::Deserialize;
use stream::{Event, RecordRef, Value, fields};

use crate::decode::Decoder;
use crate::sources::Sources;
use crate::{Error, Result};

/// What every filtered record starts with; the centre's decoder knows it by this.
pub(crate) const MARK: &str = "{\"sekisho_filtered\":1";
/// Fields that the centre sets itself, or that hold the whole line.
const NEVER: [stream::FieldId; 7] = [
    fields::EVENT_ORIGINAL,
    fields::MESSAGE,
    fields::SEKISHO_TENANT,
    fields::SEKISHO_SOURCE_ID,
    fields::SEKISHO_PEER,
    fields::SEKISHO_CHARSET,
    fields::EVENT_CREATED,
];
const KEY_BYTES_MIN: usize = 16;
/// Shorter values are not looked for in other fields.
const SAME_BYTES_MIN: usize = 3;
const WITHIN_BYTES_MIN: usize = 4;

/// `[[forward.filter]]`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FilterConfig {
    /// Sources it is for, as TENANT/ID; every source unless given.
    #[serde(default)]
    pub sources: Vec<String>,
    /// Fields that do not leave; `user.*` is every field below `user`.
    #[serde(default)]
    pub drop: Vec<String>,
    /// Fields whose values leave as a keyed hash.
    #[serde(default)]
    pub hash: Vec<String>,
    /// File with the secret of the hash, at least 16 bytes; needed with `hash`.
    pub hash_key: Option<PathBuf>,
}

impl FilterConfig {
    pub(super) fn resolve(&mut self, base: &Path) {
        if let Some(path) = &mut self.hash_key {
            *path = base.join(&*path);
        }
    }

    /// What is wrong, and what to write instead.
    pub(super) fn validate(&self) -> std::result::Result<(), String> {
        if let Some(name) = self.sources.iter().find(|name| !name.contains('/')) {
            return Err(format!("`{name}` is no source; write TENANT/ID"));
        }
        if self.hash.is_empty() != self.hash_key.is_none() {
            return Err("`hash` and `hash_key` go together; write both or neither".into());
        }
        match self.drop.iter().chain(&self.hash).find(|name| name.is_empty() || name.contains(char::is_whitespace)) {
            Some(name) => Err(format!("`{name}` is no field")),
            None => Ok(()),
        }
    }
}

/// All filters of a collector.
pub struct Filters {
    filters: Vec<Filter>,
    decoder: Decoder,
    arena: Bump,
    out: Vec<u8>,
}

struct Filter {
    config: FilterConfig,
    key: [u8; 32],
}

/// What becomes of a value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Drop,
    Hash,
}

impl Filters {
    /// Reads the keys; none when nothing is filtered.
    ///
    /// # Errors
    /// A key cannot be read or is too short.
    pub fn load(configs: &[FilterConfig], sources: &Arc<Sources>) -> Result<Option<Filters>> {
        let mut filters = Vec::new();
        for config in configs {
            let mut key = [0; 32];
            if let Some(path) = &config.hash_key {
                let secret = std::fs::read(path).map_err(Error::io("read", path))?;
                if secret.len() < KEY_BYTES_MIN {
                    let place = path.display();
                    return Err(Error::Config(format!(
                        "{place} is shorter than {KEY_BYTES_MIN} bytes; fill it with random bytes"
                    )));
                }
                key = blake3::derive_key("sekisho collector filter, keyed hash of field values", &secret);
            }
            filters.push(Filter { config: config.clone(), key });
        }
        let decoder = Decoder::new(Arc::clone(sources));
        Ok((!filters.is_empty()).then(|| Filters { filters, decoder, arena: Bump::new(), out: Vec::new() }))
    }

    /// What may leave of a record; nothing when the record is not filtered and leaves as it is.
    pub fn apply(&mut self, record: &RecordRef<'_>) -> Option<&[u8]> {
        let filter = self.filters.iter().find(|filter| filter.is_for(record.tenant, record.source))?;
        self.arena.reset();
        self.out.clear();
        let arena = &self.arena;
        // The decoder's event borrows from the record; both live as long as this call.
        let raw = arena.alloc_slice_copy(record.raw);
        let (tenant, source) = (arena.alloc_str(record.tenant), arena.alloc_str(record.source));
        let record = RecordRef { raw, tenant, source, ..*record };
        let event = self.decoder.decode(&record, arena);
        filter.write(&event, arena, &mut self.out);
        Some(&self.out)
    }

    /// Whether the sender's address may not leave either.
    pub fn hides_peer(&self, record: &RecordRef<'_>) -> bool {
        let filter = self.filters.iter().find(|filter| filter.is_for(record.tenant, record.source));
        filter.is_some_and(|filter| filter.fate(fields::SEKISHO_PEER.name()).is_some())
    }
}

impl Filter {
    fn is_for(&self, tenant: &str, source: &str) -> bool {
        let named = |name: &String| name.split_once('/') == Some((tenant, source));
        self.config.sources.is_empty() || self.config.sources.iter().any(named)
    }

    fn fate(&self, field: &str) -> Option<Fate> {
        let covers = |name: &String| match name.strip_suffix(".*") {
            Some(above) => field.strip_prefix(above).is_some_and(|rest| rest.starts_with('.')),
            None => name == field,
        };
        if self.config.drop.iter().any(covers) {
            Some(Fate::Drop)
        } else {
            self.config.hash.iter().any(covers).then_some(Fate::Hash)
        }
    }

    fn hash(&self, text: &str) -> String {
        format!("blake3:{}", &blake3::keyed_hash(&self.key, text.as_bytes()).to_hex()[..32])
    }

    fn write<'a>(&self, event: &Event<'a>, arena: &'a Bump, out: &mut Vec<u8>) {
        let mut left = Event::new_in(arena);
        if let Some(reason) = event.get(fields::SEKISHO_PARSE_REASON) {
            left.push(fields::SEKISHO_PARSE_REASON, reason);
        } else {
            let named = event.iter().filter_map(|(field, value)| Some((value.text(), self.fate(field.name())?)));
            let secrets: Vec<_> = named.collect();
            for (field, value) in event.iter().filter(|(field, _)| !NEVER.contains(field)) {
                let text = value.text();
                let fate = self.fate(field.name()).or_else(|| {
                    let is = |secret: &str| secret.len() >= SAME_BYTES_MIN && text.eq_ignore_ascii_case(secret);
                    let same = secrets.iter().find(|(secret, _)| is(secret));
                    same.map(|(_, fate)| *fate).or_else(|| {
                        let within = |secret: &str| {
                            secret.len() >= WITHIN_BYTES_MIN && field != fields::TIMESTAMP && contains(&text, secret)
                        };
                        secrets.iter().any(|(secret, _)| within(secret)).then_some(Fate::Drop)
                    })
                });
                match fate {
                    None => left.push(field, value),
                    Some(Fate::Hash) => left.push(field, Value::Str(arena.alloc_str(&self.hash(&text)))),
                    Some(Fate::Drop) => {}
                }
            }
        }
        out.extend_from_slice(MARK.as_bytes());
        let start = out.len();
        left.write_json(out);
        // Joins the two objects.
        match out.get(start + 1) {
            Some(b'}') | None => drop(out.remove(start)),
            Some(_) => out[start] = b',',
        }
    }
}

/// Whether a text contains another, whatever the case of ASCII letters.
fn contains(text: &str, part: &str) -> bool {
    text.as_bytes().windows(part.len()).any(|window| window.eq_ignore_ascii_case(part.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SourceConfig;
    use stream::{RecordKind, Timestamp};

    const LINE: &str = "<38>Nov 20 10:00:00 web01 sshd[7]: Failed password for sato from 203.0.113.9 port 4022 ssh2";

    fn sources() -> Arc<Sources> {
        let mut source = SourceConfig::of_product("system", "UTC", "auto").unwrap();
        (source.tenant, source.id) = ("town".into(), "web".into());
        Arc::new(Sources::from_list(vec![source]).unwrap())
    }

    fn record(raw: &str) -> RecordRef<'_> {
        let received = Timestamp::parse_rfc3339("2026-11-20T12:00:00Z").unwrap();
        let (tenant, source, raw) = ("town", "web", raw.as_bytes());
        RecordRef { offset: 0, kind: RecordKind::Data, tenant, source, peer: None, received, raw }
    }

    fn filtered(config: &str, raw: &str) -> String {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("key"), b"sixteen bytes ok").unwrap();
        let mut config: FilterConfig = toml::from_str(config).unwrap();
        config.validate().unwrap();
        config.resolve(dir.path());
        let mut filters = Filters::load(&[config], &sources()).unwrap().unwrap();
        String::from_utf8(filters.apply(&record(raw)).unwrap().to_vec()).unwrap()
    }

    #[test]
    fn what_is_named_does_not_leave_under_any_name() {
        let out = filtered("drop=['user.name']\nhash=['source.ip']\nhash_key='key'", LINE);
        assert!(!out.contains("sato") && !out.contains("203.0.113.9") && !out.contains("Failed password for"), "{out}");
        let line: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert!(line["source.ip"].as_str().unwrap().starts_with("blake3:"), "{out}");
        assert!(line["source.port"].to_string().contains("4022"), "{out}");
        assert_eq!(out, filtered("drop=['user.*']\nhash=['source.ip']\nhash_key='key'", LINE), "always the same");
        assert!(filtered("drop=['source.ip']", LINE).contains("sato"));
        assert!(
            !filtered("sources=['town/web']", LINE).contains("Failed password for"),
            "the line itself never leaves"
        );
    }

    #[test]
    fn of_what_is_not_understood_nothing_leaves() {
        let source = SourceConfig::of_product("squid", "UTC", "auto").unwrap();
        let source = SourceConfig { tenant: "town".into(), id: "web".into(), ..source };
        let sources = Arc::new(Sources::from_list(vec![source]).unwrap());
        let mut filters = Filters::load(&[FilterConfig::default()], &sources).unwrap().unwrap();
        let out = String::from_utf8(filters.apply(&record("secret words")).unwrap().to_vec()).unwrap();
        assert!(out.starts_with(MARK) && out.contains("sekisho.parse.reason") && !out.contains("secret"), "{out}");
    }

    #[test]
    fn the_centre_reads_what_is_left_whatever_the_product() {
        let out = filtered("drop=['user.name']", LINE);
        let arena = Bump::new();
        let mut centre = Decoder::new(sources());
        let record = record(&out);
        let event = centre.decode(&record, &arena);
        assert_eq!(event.get_ip(fields::SOURCE_IP), Some("203.0.113.9".parse().unwrap()));
        assert_eq!(event.time().to_string(), "2026-11-20T10:00:00Z");
        assert_eq!(event.get_str(fields::EVENT_OUTCOME), Some("failure"));
        let plain = Decoder::new(sources()).decode(&self::record(LINE), &arena);
        for field in [fields::SEKISHO_LOGSOURCE_PRODUCT, fields::SEKISHO_LOGSOURCE_SERVICE, fields::EVENT_KIND] {
            assert_eq!(event.get_str(field), plain.get_str(field));
        }
        assert!(!event.has(fields::SEKISHO_PARSE_REASON));
        let lost = format!("{MARK},\"sekisho.parse.reason\":\"x\"}}");
        let event = Decoder::new(sources()).decode(&self::record(&lost), &arena).get_str(fields::EVENT_KIND);
        assert_eq!(event, Some("pipeline_error"));
    }

    #[test]
    fn faults_are_named() {
        for (text, expected) in [
            ("sources=['fw']", "TENANT/ID"),
            ("hash=['a']", "hash_key"),
            ("hash_key='a'", "hash_key"),
            ("drop=['']", "no field"),
        ] {
            let wrong = toml::from_str::<FilterConfig>(text).unwrap().validate().unwrap_err();
            assert!(wrong.contains(expected), "{wrong}");
        }
    }
}
