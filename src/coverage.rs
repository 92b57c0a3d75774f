//! Which declared sources can feed each rule, and what a rule needs that their parsers never give.
//!
//! What a parser gives is what it gave for its own sample lines (`ingest/tests/samples`, inside the binary): the
//! logsources of their events, their fields, and the prefixes under which it keeps a product's own names. A field that
//! no sample shows counts as not given, so a gap may be shown where there is none, never the other way round for a
//! product whose names are fixed. Products that pass on any name (`json`, `cef`, `key_value`, `csv`, `grok`, `auto`) give every field;
//! what logsource a Windows event is of lies in its channel, so Windows sources feed every rule for Windows.

mod costs;

use std::collections::{BTreeMap, BTreeSet, HashSet};

use anyhow::{Context, Result};
use bumpalo::Bump;
use detect::{Missing, RuleSet};
use include_dir::{Dir, include_dir};
use ingest::{Decoder, SourceConfig};
use stream::{Event, FieldId, RecordKind, RecordRef, Timestamp, Value, fields};

pub use costs::{RuleCosts, SAMPLE_EVERY, clock};

static SAMPLES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/ingest/tests/samples");

/// Products whose events may hold any name.
const OPEN: &[&str] = &["json", "cef", "key_value", "csv", "grok", "auto"];
/// Products whose logsource lies in the event: Sigma's product of all of them.
const WIDE: &[(&str, &str)] = &[("windows_security", "windows")];

/// What can be said of one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Covered {
    /// Tenant and id of the sources whose events it judges.
    pub sources: Vec<(String, String)>,
    /// What it asks for that none of them gives.
    pub missing: Missing,
}

impl Covered {
    /// One word for it.
    pub fn state(&self) -> &'static str {
        match () {
            () if self.sources.is_empty() => "no source",
            () if self.missing.never => "blind",
            () if !self.missing.fields.is_empty() => "partly",
            () => "fed",
        }
    }
}

/// Says it of every rule, in the order of the set; `sources` are tenant, id and product.
///
/// # Errors
/// A product is not known.
pub fn of_rules(rules: &RuleSet, sources: &[(String, String, String)]) -> Result<Vec<Covered>> {
    let mut by_product: BTreeMap<&str, Vec<(String, String)>> = BTreeMap::new();
    for (tenant, id, product) in sources {
        by_product.entry(product).or_default().push((tenant.clone(), id.clone()));
    }
    let none = Covered { sources: Vec::new(), missing: Missing::default() };
    let mut rows = vec![none; rules.rules().len()];
    let arena = Bump::new();
    for (product, sources) in by_product {
        let shown = shown(product, &arena)?;
        for (index, row) in rows.iter_mut().enumerate() {
            let mut given = Given::default();
            let groups = shown.iter().filter(|group| rules.may_judge(index, &group.event));
            groups.for_each(|group| given.add(&group.given));
            if given.known.is_empty() {
                continue;
            }
            let missing = rules.missing(index, &|field| given.has(field));
            let better = (missing.never, missing.fields.len()) < (row.missing.never, row.missing.fields.len());
            if row.sources.is_empty() || better {
                row.missing = missing;
            }
            row.sources.extend(sources.iter().cloned());
        }
    }
    rows.iter_mut().for_each(|row| row.sources.sort());
    Ok(rows)
}

/// Fields that events may have.
#[derive(Clone, Default)]
struct Given {
    known: HashSet<usize>,
    prefixes: BTreeSet<&'static str>,
    open: bool,
}

impl Given {
    fn add(&mut self, other: &Given) {
        self.known.extend(&other.known);
        self.prefixes.extend(&other.prefixes);
        self.open |= other.open;
    }

    fn of(event: &Event<'_>, product: &str) -> Given {
        let mut given = Given { open: OPEN.contains(&product), ..Given::default() };
        for (field, _) in event.iter() {
            given.known.insert(field.index());
            if !field.is_static()
                && let Some(dot) = field.name().rfind('.')
            {
                given.prefixes.insert(&field.name()[..=dot]);
            }
        }
        given
    }

    fn has(&self, field: FieldId) -> bool {
        // What judging adds to every event comes from sekisho itself.
        let ours = field.is_static() && field.name().starts_with("sekisho.");
        self.open || ours || self.known.contains(&field.index()) || {
            !field.is_static() && self.prefixes.iter().any(|prefix| field.name().starts_with(prefix))
        }
    }
}

/// Sample events of one logsource.
struct Group<'a> {
    event: Event<'a>,
    given: Given,
}

/// What the product's parser gives for its samples, by logsource.
fn shown<'a>(product: &str, arena: &'a Bump) -> Result<Vec<Group<'a>>> {
    let mut decoder = Decoder::single(SourceConfig::of_product(product, "Asia/Tokyo", "auto")?)?;
    let text = SAMPLES.get_file(format!("{product}.log")).and_then(|file| file.contents_utf8()).unwrap_or("");
    let mut groups: BTreeMap<String, Group<'a>> = BTreeMap::new();
    let mut all = Given { open: OPEN.contains(&product), ..Given::default() };
    // A product without samples, and lines of any kind, give at least what every event has.
    for line in text.lines().chain([""]) {
        let record = RecordRef {
            offset: 0,
            kind: RecordKind::Data,
            tenant: "sample",
            source: "sample",
            peer: None,
            received: Timestamp::default(),
            raw: arena.alloc_str(line).as_bytes(),
        };
        let mut event = decoder.decode(&record, arena);
        if event.has(fields::SEKISHO_PARSE_REASON) && !all.open {
            continue;
        }
        let given = Given::of(&event, product);
        all.add(&given);
        settle(&mut event);
        match groups.get_mut(&logsource(&event)) {
            Some(group) => group.given.add(&given),
            None => _ = groups.insert(logsource(&event), Group { event, given }),
        }
    }
    if let Some((_, of)) = WIDE.iter().find(|(name, _)| *name == product) {
        let mut event = Event::new_in(arena);
        event.push(fields::SEKISHO_LOGSOURCE_PRODUCT, Value::Str(of));
        groups.insert(String::new(), Group { event, given: all });
    }
    Ok(groups.into_values().collect())
}

/// An event that says part of its logsource says the rest by leaving it out. Judging is lenient there and puts the rules of
/// every category to an event that names none; as a source of a rule such an event does not count.
fn settle(event: &mut Event<'_>) {
    const PARTS: [FieldId; 3] =
        [fields::SEKISHO_LOGSOURCE_PRODUCT, fields::SEKISHO_LOGSOURCE_CATEGORY, fields::SEKISHO_LOGSOURCE_SERVICE];
    if PARTS.iter().any(|part| event.has(*part)) {
        let absent: Vec<FieldId> = PARTS.into_iter().filter(|part| !event.has(*part)).collect();
        absent.into_iter().for_each(|part| event.push(part, Value::Str("-")));
    }
}

/// The same text for events that the same rules judge.
fn logsource(event: &Event<'_>) -> String {
    const SAYS: [FieldId; 6] = [
        fields::SEKISHO_LOGSOURCE_PRODUCT,
        fields::SEKISHO_LOGSOURCE_CATEGORY,
        fields::SEKISHO_LOGSOURCE_SERVICE,
        fields::WINLOG_CHANNEL,
        fields::WINLOG_PROVIDER_NAME,
        fields::WINLOG_EVENT_ID,
    ];
    let of = |field| event.all(field).map(|value| value.text().into_owned()).collect::<Vec<_>>().join("\u{1}");
    SAYS.map(of).join("\u{2}")
}

/// One source of every product, for folders of rules without a configuration.
pub fn every_product() -> Vec<(String, String, String)> {
    let closed = ingest::PRODUCTS.iter().filter(|product| !OPEN.contains(&product.name));
    closed.map(|product| ("-".to_owned(), product.name.to_owned(), product.name.to_owned())).collect()
}

/// The sources of a configuration.
///
/// # Errors
/// sources.toml cannot be read.
pub fn declared(config: &crate::config::Config) -> Result<Vec<(String, String, String)>> {
    let sources = ingest::Sources::load(&config.sources).context("read the sources")?;
    Ok(sources.iter().map(|source| (source.tenant.clone(), source.id.clone(), source.product.clone())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn covered(rule: &str, products: &[&str]) -> Covered {
        let dir = tempfile::tempdir().unwrap();
        let text = format!("title: t\nid: 00000000-0000-4000-8000-000000000001\nlevel: low\n{rule}");
        std::fs::write(dir.path().join("a.yml"), text).unwrap();
        let (rules, problems) = RuleSet::load(&[dir.path().to_path_buf()]);
        assert!(problems.is_empty(), "{problems:?}");
        let sources: Vec<_> =
            products.iter().map(|product| ("t".to_owned(), (*product).to_owned(), (*product).to_owned())).collect();
        of_rules(&rules, &sources).unwrap().remove(0)
    }

    #[test]
    fn states() {
        let proxy = "logsource: {category: proxy}\ndetection:\n  s:\n    url.domain: x\n  condition: s\n";
        let fed = covered(proxy, &["squid", "system"]);
        assert_eq!((fed.state(), fed.sources), ("fed", vec![("t".to_owned(), "squid".to_owned())]));
        assert_eq!(covered(proxy, &["system"]).state(), "no source");
        let unknown = "logsource: {category: proxy}\ndetection:\n  s:\n    c-mood: x\n  condition: s\n";
        let blind = covered(unknown, &["squid"]);
        assert_eq!((blind.state(), blind.missing.fields.into_iter().collect::<Vec<_>>()), ("blind", vec!["c-mood"]));
        assert_eq!(covered(unknown, &["squid", "json"]).state(), "fed");
        let windows = "logsource: {product: windows, category: process_creation}\ndetection:\n  s:\n    winlog.event_data.Image: x\n  condition: s\n";
        assert_eq!(covered(windows, &["windows_security"]).state(), "fed");
    }

    #[test]
    fn every_own_rule_has_a_product_for_its_logsource() {
        let (rules, _) = RuleSet::load(&[PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("rules")]);
        let rows = of_rules(&rules, &every_product()).unwrap();
        let used = || rules.rules().iter().zip(&rows).filter(|(rule, _)| rule.problem.is_none());
        for (rule, row) in used() {
            assert!(!row.sources.is_empty(), "{}: {row:?}", rule.title);
        }
        let blind = used().filter(|(_, row)| row.missing.never).count();
        assert!(blind * 10 < rows.len(), "{blind} of {} rules ask for fields that no sample shows", rows.len());
    }
}
