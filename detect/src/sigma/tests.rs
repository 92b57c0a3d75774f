//! Differential test against `rsigma-eval`, another engine for Sigma: the same rule texts and events, matches compared
//! rule by rule.
//!
//! Where the two differ on purpose, the texts here stay away, and the reason is a sentence of the specification:
//! - wildcards together with `startswith` or `endswith`: the other engine anchors the wrong end;
//! - `*` and line ends: "`*` replaces an unbounded number of characters", line ends are characters;
//! - `null` in a list: a list is an OR, so an absent field matches it;
//! - `base64offset`: what depends on the neighbouring characters is cut off on both sides;
//! - `windash`: the five dashes are interchangeable in both directions;
//! - numbers as keywords: looked up as text.
//!
//! The plain interpreter ([`plain`]) has none of these reservations. Whole folders of rules: `tests/differential.rs`.

mod learned;
mod modifiers;
mod names;
mod plain;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use bumpalo::Bump;
use proptest::prelude::*;
use rsigma_eval::JsonEvent;
use stream::{Event, EventId, Value, fields};

use crate::engine::{Engine, Meta};
use crate::rules::RuleSet;
use crate::{Problem, Tenants};

fn load(text: &str) -> (RuleSet, Vec<Problem>) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("rules.yml"), text).unwrap();
    RuleSet::load(&[dir.path().to_owned()])
}

fn event<'a>(json: &serde_json::Value, arena: &'a Bump) -> Event<'a> {
    let mut event = Event::new_in(arena);
    for (name, value) in json.as_object().unwrap() {
        push(&mut event, name, value, arena);
    }
    event
}

fn push<'a>(event: &mut Event<'a>, name: &str, value: &serde_json::Value, arena: &'a Bump) {
    let field = match name {
        "product" => fields::SEKISHO_LOGSOURCE_PRODUCT,
        "category" => fields::SEKISHO_LOGSOURCE_CATEGORY,
        "service" => fields::SEKISHO_LOGSOURCE_SERVICE,
        name => stream::intern(name).unwrap(),
    };
    match value {
        serde_json::Value::Null => {}
        serde_json::Value::Bool(flag) => event.push(field, Value::Bool(*flag)),
        serde_json::Value::Number(number) => match number.as_i64() {
            Some(whole) => event.push(field, Value::Int(whole)),
            None => event.push(field, Value::Float(number.as_f64().unwrap())),
        },
        serde_json::Value::String(text) => event.push(field, Value::Str(arena.alloc_str(text))),
        serde_json::Value::Array(list) => list.iter().for_each(|value| push(event, name, value, arena)),
        serde_json::Value::Object(map) => {
            map.iter().for_each(|(key, value)| push(event, &format!("{name}.{key}"), value, arena));
        }
    }
}

/// Ids of the rules that match, as our engine sees it.
fn ours(engine: &mut Engine, json: &serde_json::Value, arena: &Bump) -> BTreeSet<String> {
    let mut event = event(json, arena);
    let meta = Meta { id: EventId::new(0, 0), tenant: "t", source: "s", received: event.time(), raw: b"" };
    engine.observe(&meta, &mut event, &mut Vec::new());
    engine.matches().iter().map(|index| engine.rules().rules()[*index].id.clone()).collect()
}

fn theirs(engine: &rsigma_eval::Engine, json: &serde_json::Value) -> BTreeSet<String> {
    let found = engine.evaluate(&JsonEvent::borrow(json));
    found.into_iter().map(|found| found.header.rule_id.unwrap_or(found.header.rule_title)).collect()
}

const KEYWORDS: &str = "  k:\n    - needle\n    - 'a?b*c'\n";
/// All so long that they are looked for value by value.
const LONG_KEYWORDS: &str = "  k:\n    - 'X needle'\n    - 'x needle?yy'\n    - '1234567'\n    - '192.0.2.7'\n";

/// A rule of one generated selection and condition.
fn rule_text(number: usize, items: &[(String, String)], condition: &str) -> String {
    let mut text = format!(
        "title: r{number}\nid: r{number}\nlogsource:\n  product: p{}\ndetection:\n  selection:\n    f0|exists: true\n",
        number % 2
    );
    for (at, (key, values)) in items.iter().enumerate() {
        text.push_str(&format!("  s{at}:\n    {key}: {values}\n"));
    }
    text.push_str(KEYWORDS);
    text.push_str(&format!("  condition: {condition}\n"));
    text
}

fn word() -> BoxedStrategy<String> {
    prop_oneof![
        Just("admin".to_owned()),
        Just("ADMIN".into()),
        Just("needle".into()),
        Just("".into()),
        Just("äÖ".into()),
        Just("42".into()),
        Just("192.0.2.7".into()),
        Just("2001:db8::5".into()),
        Just("C:\\\\x*y".into()),
        Just("true".into()),
        "[abAB/ -]{0,6}",
    ]
    .boxed()
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn item() -> impl Strategy<Value = (String, String)> {
    let list = |words: &[String]| format!("[{}]", words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(", "));
    let field = (0..4usize).prop_map(|n| format!("f{n}"));
    let words = prop::collection::vec(word(), 2..7);
    prop_oneof![
        (field.clone(), words.clone()).prop_map(move |(f, w)| (f, list(&w))),
        (field.clone(), words.clone()).prop_map(move |(f, w)| (format!("{f}|contains"), list(&w))),
        (field.clone(), words.clone()).prop_map(move |(f, w)| (format!("{f}|contains|all"), list(&w))),
        (field.clone(), words.clone()).prop_map(move |(f, w)| {
            (format!("{f}|startswith"), list(&w.iter().map(|word| word.replace('*', "")).collect::<Vec<_>>()))
        }),
        (field.clone(), words.clone()).prop_map(move |(f, w)| {
            (format!("{f}|endswith|cased"), list(&w.iter().map(|word| word.replace('*', "")).collect::<Vec<_>>()))
        }),
        (field.clone(), words).prop_map(move |(f, w)| (format!("{f}|neq"), list(&w))),
        (field.clone(), -3..50i64).prop_map(|(f, n)| (f, n.to_string())),
        (field.clone(), -3..50i64, prop::sample::select(vec!["gt", "gte", "lt", "lte"]))
            .prop_map(|(f, n, op)| (format!("{f}|{op}"), n.to_string())),
        field.clone().prop_map(|f| (format!("{f}|cidr"), "['192.0.2.0/24', '2001:db8::/32']".into())),
        field.clone().prop_map(|f| (format!("{f}|re|i"), "'^a.?[dm]|/b'".into())),
        field.clone().prop_map(|f| (f, "null".into())),
        (field.clone(), any::<bool>()).prop_map(|(f, flag)| (f, flag.to_string())),
        (field.clone(), any::<bool>()).prop_map(|(f, flag)| (format!("{f}|exists"), flag.to_string())),
        (field.clone(), 0..4usize).prop_map(|(f, n)| (format!("{f}|fieldref"), format!("f{n}"))),
        (field.clone(), 0..4usize).prop_map(|(f, n)| (format!("{f}|fieldref|contains"), format!("f{n}"))),
        (field.clone(), word()).prop_map(|(f, w)| (format!("{f}|base64"), quoted(&w.replace('*', "")))),
        (field, word()).prop_map(|(f, w)| (format!("{f}|wide|base64"), quoted(&w.replace('*', "")))),
    ]
}

/// As [`item`], with what the other engine reads differently.
fn item_or_more() -> impl Strategy<Value = (String, String)> {
    let field = (0..4usize).prop_map(|n| format!("f{n}"));
    let list =
        |words: Vec<String>| format!("[{}]", words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(", "));
    let patterns = prop::collection::vec("[abAB/*?-]{1,6}", 1..6).prop_map(list);
    let modifiers = ["", "|contains", "|startswith", "|endswith", "|endswith|cased", "|contains|windash", "|windash"];
    let plain = prop::sample::select(modifiers.to_vec());
    prop_oneof![
        2 => item(),
        1 => (field.clone(), plain, patterns).prop_map(|(f, m, w)| (format!("{f}{m}"), w)),
        1 => (field.clone(), prop::sample::select(vec!["[ab]+(x|AD)?[mB-]", "(?i)ADM?in", "b{2,3}|n.edle$", "^$"]).prop_map(str::to_owned)).prop_map(|(f, w)| (format!("{f}|re"), quoted(&w))),
        1 => (field, Just("[null, 'needle']".to_owned())),
    ]
}

fn condition() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "selection and s0",
        "s0 and not s1",
        "1 of s*",
        "all of s*",
        "2 of s*",
        "not 1 of s* or k",
        "k and (s0 or s1)",
        "all of them",
        "not s0",
    ])
}

fn json_event() -> impl Strategy<Value = serde_json::Value> {
    let value = prop_oneof![
        6 => word().prop_map(serde_json::Value::from),
        2 => (-3..50i64).prop_map(serde_json::Value::from),
        1 => any::<bool>().prop_map(serde_json::Value::from),
        1 => Just(serde_json::Value::from("xx needle yy")),
        1 => Just(serde_json::Value::from("äÖ X NEEDLE")),
        1 => Just(serde_json::Value::from(91_234_567)),
        1 => Just(serde_json::Value::from("YWRtaW4=")),
    ];
    let fields = prop::collection::btree_map((0..5usize).prop_map(|n| format!("f{n}")), value, 0..5);
    (fields, prop::option::of(0..2usize)).prop_map(|(fields, product)| {
        let mut map: serde_json::Map<String, serde_json::Value> = fields.into_iter().collect();
        if let Some(product) = product {
            map.insert("product".into(), format!("p{product}").into());
        }
        map.into()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn same_matches_as_the_other_engine(
        rules in prop::collection::vec((prop::collection::vec(item(), 2..4), condition()), 1..12),
        events in prop::collection::vec(json_event(), 1..20),
    ) {
        let texts = rules.iter().enumerate().map(|(at, (items, condition))| rule_text(at, items, condition));
        let text = texts.collect::<Vec<_>>().join("---\n");
        let (set, problems) = load(&text);
        prop_assert!(problems.is_empty(), "{:?}\n{text}", problems);
        let mut engine = Engine::new(Arc::new(set), Arc::new(Tenants::default()));
        let mut other = rsigma_eval::Engine::new();
        other.add_collection(&rsigma_parser::parse_sigma_yaml(&text).unwrap()).unwrap();
        other.set_logsource_extractor(Some(rsigma_eval::LogSourceExtractor::new()));
        for json in &events {
            let arena = Bump::new();
            prop_assert_eq!(ours(&mut engine, json, &arena), theirs(&other, json), "{}\n{}", json, text);
        }
    }
}

/// Two thousand events against one rule set, long enough for witnesses to be chosen anew: the program and a plain
/// interpreter agree on each.
#[test]
fn same_matches_as_the_plain_interpreter() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut pairs = 0;
    for keywords in [KEYWORDS, LONG_KEYWORDS, KEYWORDS, LONG_KEYWORDS] {
        let rules = prop::collection::vec((prop::collection::vec(item_or_more(), 2..4), condition()), 40);
        let rules = rules.new_tree(&mut runner).unwrap().current();
        let texts = rules.iter().enumerate().map(|(at, (items, condition))| rule_text(at, items, condition));
        let text = texts.collect::<Vec<_>>().join("---\n").replace(KEYWORDS, keywords);
        let (set, problems) = load(&text);
        assert!(problems.is_empty(), "{problems:?}\n{text}");
        let parsed = rsigma_parser::parse_sigma_yaml(&text).unwrap().rules;
        let mut engine = Engine::new(Arc::new(set), Arc::new(Tenants::default()));
        for _ in 0..2000 {
            let json = json_event().new_tree(&mut runner).unwrap().current();
            let arena = Bump::new();
            let expected: BTreeSet<String> =
                parsed.iter().filter(|rule| plain::matches(rule, &json)).map(|rule| rule.id.clone().unwrap()).collect();
            pairs += expected.len();
            assert_eq!(ours(&mut engine, &json, &arena), expected, "{json}\n{text}");
        }
    }
    assert!(pairs > 10_000, "{pairs}");
}

/// Our own rules over the events of their samples, each by both engines.
#[test]
fn same_matches_on_our_rules() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../rules");
    let (set, problems) = RuleSet::load(std::slice::from_ref(&root));
    assert_eq!(problems, []);
    let mut other = rsigma_eval::Engine::new();
    other.set_logsource_extractor(Some(rsigma_eval::LogSourceExtractor::new().with_field_names(
        fields::SEKISHO_LOGSOURCE_PRODUCT.name(),
        fields::SEKISHO_LOGSOURCE_SERVICE.name(),
        fields::SEKISHO_LOGSOURCE_CATEGORY.name(),
    )));
    let mut files: Vec<PathBuf> = set.rules().iter().map(|rule| rule.file.clone()).collect();
    files.dedup();
    for file in files {
        other.add_collection(&rsigma_parser::parse_sigma_file(&file).unwrap()).unwrap();
    }
    let set = Arc::new(set);
    let mut matcher = Engine::new(Arc::clone(&set), Arc::new(Tenants::default())).matcher();
    let mut matches = 0;
    for folder in std::fs::read_dir(root.join("samples")).unwrap() {
        for name in ["hit.ndjson", "miss.ndjson"] {
            for line in std::fs::read_to_string(folder.as_ref().unwrap().path().join(name)).unwrap().lines() {
                let json: serde_json::Value = serde_json::from_str(line).unwrap();
                let arena = Bump::new();
                // What the program finds: keys beyond Sigma narrow it later.
                let mut found = Vec::new();
                matcher.matched(&event(&json, &arena), &mut found);
                let ours: BTreeSet<String> =
                    found.iter().map(|index| set.rules()[*index as usize].id.clone()).collect();
                let theirs = theirs(&other, &json);
                matches += ours.len();
                assert_eq!(ours, theirs, "{line}");
            }
        }
    }
    assert!(matches > 100, "{matches}");
}
