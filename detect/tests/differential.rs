//! Differential test against `rsigma-eval`, another engine for Sigma, over whole folders of rules.
//!
//! Events are made from the literals of the rules themselves, then mutated: letters change case, characters go and come,
//! numbers become text, fields go, fields of another rule come. So rules match, and nearly match, often.
//!
//! `SEKISHO_SIGMA_RULES` names a folder of rules (SigmaHQ's `rules/`); `SEKISHO_SIGMA_EVENTS` how many events are made
//! (default 20,000). The rules below, which cover every modifier, are always run.
//!
//! Where the engines differ, the difference must be of a kind that [`KINDS`] lists with the sentence of the specification that
//! decides it; any other fails. `docs/sigma.md` holds the same list.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bumpalo::Bump;
use detect::{Engine, RuleSet, Tenants};
use rsigma_eval::JsonEvent;
use rsigma_parser::{
    ConditionExpr, Detection, DetectionItem, Modifier, SigmaCollection, SigmaRule, SigmaString, SigmaValue,
    SpecialChar, StringPart,
};
use serde_json::{Map, Value as Json};
use stream::{Event, Value, fields};

/// Why the engines may differ on a rule, and the sentence that decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Windash,
    AnchoredWildcard,
    Regex,
    NullInList,
    Base64Offset,
    Logsource,
    NumberText,
    UnicodeCase,
    KeywordsAll,
    Lists,
    Times,
}

const KINDS: [(Kind, &str); 11] = [
    (Kind::Windash, "windash: all permutations of the dashes `-`, `/`, en dash, em dash and horizontal bar"),
    (
        Kind::AnchoredWildcard,
        "startswith/endswith: the value at the beginning/end; `*` is any number of characters, line ends too",
    ),
    (Kind::Regex, "re: the value is handled as a regular expression over the text of the field"),
    (Kind::NullInList, "lists are OR; `null` matches a field that is absent"),
    (Kind::Base64Offset, "base64offset: the value at any of the three positions, whatever stands beside it"),
    (Kind::Logsource, "logsource: a Sysmon event is of every category that its id belongs to (taxonomy appendix)"),
    (Kind::NumberText, "values: a number matches a field that holds the same number, whether logged as number or text"),
    (Kind::UnicodeCase, "values: matching is case-insensitive, of every script"),
    (Kind::Lists, "a field of several values matches when one of them does, for every modifier"),
    (Kind::Times, "time parts are those of the instant, in whatever ISO 8601 form it is written"),
    (Kind::KeywordsAll, "keywords are searched in the whole log; `'|all'` links them with AND"),
];

/// Rules of our own that between them use every modifier, in the file beside this one.
const OWN: &str = include_str!("modifiers.yml");

/// A small deterministic generator (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % bound.max(1)
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn pick<'t, T>(&mut self, list: &'t [T]) -> &'t T {
        &list[self.below(list.len())]
    }
}

#[test]
fn own_rules_of_every_modifier() {
    let dir = tempfile::tempdir().expect("a folder");
    std::fs::write(dir.path().join("modifiers.yml"), OWN).expect("written");
    let rules = rsigma_parser::parse_sigma_yaml(OWN).expect("rules");
    let report = compare(dir.path(), &rules, 20_000);
    assert!(report.pairs > 5_000, "hardly anything matched: {}", report.pairs);
    report.check();
}

#[test]
fn rules_of_a_folder() {
    let Ok(dir) = std::env::var("SEKISHO_SIGMA_RULES") else {
        eprintln!("skipped: needs SEKISHO_SIGMA_RULES");
        return;
    };
    let count = std::env::var("SEKISHO_SIGMA_EVENTS").ok().and_then(|count| count.parse().ok()).unwrap_or(20_000);
    let dir = PathBuf::from(dir);
    let rules = rsigma_parser::parse_sigma_directory(&dir).expect("rules");
    let report = compare(&dir, &rules, count);
    assert!(report.pairs as usize > count / 4, "hardly anything matched: {}", report.pairs);
    report.check();
}

/// Every record of a file of `{rule_id, match_count, events}` matches its own rule.
#[test]
fn records_match_their_own_rule() {
    let (Ok(dir), Ok(file)) = (std::env::var("SEKISHO_SIGMA_RULES"), std::env::var("SEKISHO_SIGMA_REGRESSION")) else {
        eprintln!("skipped: needs SEKISHO_SIGMA_RULES and SEKISHO_SIGMA_REGRESSION");
        return;
    };
    let mut ours = Ours::new(&PathBuf::from(dir));
    let known: BTreeSet<String> = ours.set.rules().iter().map(|rule| rule.id.clone()).collect();
    let (mut right, mut absent, mut wrong) = (0, 0, Vec::new());
    for line in std::fs::read_to_string(file).expect("records").lines() {
        let record: Json = serde_json::from_str(line).expect("JSON");
        let id = record["rule_id"].as_str().expect("an id");
        if !known.contains(id) {
            absent += 1;
            continue;
        }
        let events = record["events"].as_array().expect("events");
        let found = events.iter().filter(|event| ours.matches(event).contains(id)).count();
        if found as u64 >= record["match_count"].as_u64().unwrap_or(1) {
            right += 1;
        } else {
            wrong.push(format!("{id}: {found} of {} events", events.len()));
        }
    }
    eprintln!("{right} records match their own rule, {absent} are of rules that the folder does not hold");
    assert_eq!(wrong, Vec::<String>::new());
}

struct Ours {
    set: Arc<RuleSet>,
    matcher: detect::Matcher,
    found: Vec<u32>,
}

impl Ours {
    fn new(dir: &Path) -> Ours {
        let (set, problems) = RuleSet::load(&[dir.to_owned()]);
        assert_eq!(problems, []);
        let set = Arc::new(set);
        let matcher = Engine::new(Arc::clone(&set), Arc::new(Tenants::default())).matcher();
        Ours { set, matcher, found: Vec::new() }
    }

    fn matches(&mut self, json: &Json) -> BTreeSet<String> {
        let arena = Bump::new();
        let mut event = Event::new_in(&arena);
        for (name, value) in json.as_object().expect("an object") {
            push(&mut event, name, value, &arena);
        }
        self.found.clear();
        self.matcher.matched(&event, &mut self.found);
        self.found.iter().map(|index| self.set.rules()[*index as usize].id.clone()).collect()
    }
}

fn push<'a>(event: &mut Event<'a>, name: &str, value: &Json, arena: &'a Bump) {
    let part = match name {
        "product" => Some(fields::SEKISHO_LOGSOURCE_PRODUCT),
        "category" => Some(fields::SEKISHO_LOGSOURCE_CATEGORY),
        "service" => Some(fields::SEKISHO_LOGSOURCE_SERVICE),
        _ => None,
    };
    if let (Some(part), Json::String(text)) = (part, value) {
        event.push(part, Value::Str(arena.alloc_str(text)));
    }
    let field = stream::intern(name).expect("room for a name");
    match value {
        Json::Null => {}
        Json::Bool(flag) => event.push(field, Value::Bool(*flag)),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => event.push(field, Value::Int(whole)),
            None => event.push(field, Value::Float(number.as_f64().unwrap_or(0.0))),
        },
        Json::String(text) => event.push(field, Value::Str(arena.alloc_str(text))),
        Json::Array(list) => list.iter().for_each(|value| push(event, name, value, arena)),
        Json::Object(map) => map.iter().for_each(|(key, value)| push(event, &format!("{name}.{key}"), value, arena)),
    }
}

#[derive(Default)]
struct Report {
    events: usize,
    pairs: u64,
    /// By kind: how often, and an example.
    explained: BTreeMap<Kind, (u64, BTreeSet<String>, String)>,
    unexplained: BTreeMap<(String, &'static str), (u64, String)>,
}

impl Report {
    fn check(&self) {
        eprintln!("{} events, {} matches by both engines or one", self.events, self.pairs);
        for (kind, sentence) in KINDS {
            if let Some((times, rules, example)) = self.explained.get(&kind) {
                eprintln!("{kind:?}: {times} differences of {} rules. {sentence}. Such as {example}", rules.len());
            }
        }
        for ((id, side), (times, example)) in self.unexplained.iter().take(20) {
            eprintln!("{id}: {times} {side}, such as {example}");
        }
        assert!(self.unexplained.is_empty(), "{} differences of no listed kind", self.unexplained.len());
    }
}

fn compare(dir: &Path, rules: &SigmaCollection, count: usize) -> Report {
    let mut ours = Ours::new(dir);
    let mut theirs = rsigma_eval::Engine::new();
    theirs.add_collection(rules).expect("their engine takes the rules");
    theirs.set_logsource_extractor(Some(rsigma_eval::LogSourceExtractor::new()));
    let by_id: BTreeMap<&str, &SigmaRule> =
        rules.rules.iter().map(|rule| (rule.id.as_deref().unwrap_or(&rule.title), rule)).collect();
    let mut random = Random(0x5ec1_5401);
    let mut report = Report { events: count, ..Report::default() };
    for _ in 0..count {
        let json = Json::Object(event(rules, &mut random));
        let ours = ours.matches(&json);
        let theirs: BTreeSet<String> = theirs
            .evaluate(&JsonEvent::borrow(&json))
            .into_iter()
            .map(|found| found.header.rule_id.unwrap_or(found.header.rule_title))
            .collect();
        report.pairs += ours.union(&theirs).count() as u64;
        for id in ours.symmetric_difference(&theirs) {
            let only_here = ours.contains(id);
            match by_id.get(id.as_str()).and_then(|rule| explain(rule, &json, only_here)) {
                Some(kind) => {
                    let held = report.explained.entry(kind).or_default();
                    held.0 += 1;
                    held.1.insert(id.clone());
                    held.2 = format!("{id} {} {json}", if only_here { "only here" } else { "only there" });
                }
                None => {
                    let side = if only_here { "only here" } else { "only there" };
                    report.unexplained.entry((id.clone(), side)).or_insert_with(|| (0, json.to_string())).0 += 1;
                }
            }
        }
    }
    report
}

/// The kind of difference that a rule may show on an event.
fn explain(rule: &SigmaRule, json: &Json, only_here: bool) -> Option<Kind> {
    let said = |key: &str| json.get(key).and_then(Json::as_str);
    let source = &rule.logsource;
    let parts = [(&source.product, "product"), (&source.category, "category"), (&source.service, "service")];
    // What channel, provider and id say adds to what is said, and stands in for what is not.
    if parts.into_iter().any(|(wanted, key)| match (wanted, said(key)) {
        (Some(wanted), Some(said)) => !said.eq_ignore_ascii_case(wanted),
        (wanted, None) => wanted.is_some() && !only_here,
        (None, Some(_)) => false,
    }) {
        return Some(Kind::Logsource);
    }
    let mut items = Vec::new();
    rule.detection.named.values().for_each(|detection| collect(detection, &mut items));
    let has = |modifier: Modifier| items.iter().any(|item| item.field.has_modifier(modifier));
    let values = || items.iter().flat_map(|item| &item.values);
    let wild = |value: &SigmaValue| matches!(value, SigmaValue::String(text) if !text.is_plain());
    if has(Modifier::WindAsh) {
        return Some(Kind::Windash);
    }
    if has(Modifier::Base64Offset) {
        return Some(Kind::Base64Offset);
    }
    if items.iter().any(|item| item.values.len() > 1 && item.values.contains(&SigmaValue::Null)) {
        return Some(Kind::NullInList);
    }
    if only_here && items.iter().any(|item| item.field.name.is_none() && item.field.has_modifier(Modifier::All)) {
        return Some(Kind::KeywordsAll);
    }
    let times = [Modifier::Minute, Modifier::Hour, Modifier::Day, Modifier::Week, Modifier::Month, Modifier::Year];
    let times = times.into_iter().any(has);
    if only_here && (times || has(Modifier::FieldRef)) && json.to_string().contains('[') {
        return Some(Kind::Lists);
    }
    if only_here && times {
        return Some(Kind::Times);
    }
    if has(Modifier::Re) && !only_here {
        return Some(Kind::Regex);
    }
    if items.iter().any(|item| {
        (item.field.has_modifier(Modifier::StartsWith) || item.field.has_modifier(Modifier::EndsWith))
            && item.values.iter().any(wild)
    }) || json.to_string().contains("\\n") && values().any(wild)
    {
        return Some(Kind::AnchoredWildcard);
    }
    if values().any(|value| matches!(value, SigmaValue::Integer(_) | SigmaValue::Float(_))) {
        return Some(Kind::NumberText);
    }
    (!json.to_string().is_ascii()).then_some(Kind::UnicodeCase)
}

fn collect<'r>(detection: &'r Detection, items: &mut Vec<&'r DetectionItem>) {
    match detection {
        Detection::AllOf(list) => items.extend(list),
        Detection::AnyOf(list) | Detection::And(list) => list.iter().for_each(|inner| collect(inner, items)),
        _ => {}
    }
}

/// An event made from one rule's literals, mutated.
fn event(rules: &SigmaCollection, random: &mut Random) -> Map<String, Json> {
    let rule = random.pick(&rules.rules);
    let mut event = Map::new();
    let keep = |text: &Option<String>, random: &mut Random| text.clone().filter(|_| !random.one_in(12));
    for (key, text) in [
        ("product", keep(&rule.logsource.product, random)),
        ("category", keep(&rule.logsource.category, random)),
        ("service", keep(&rule.logsource.service, random)),
    ] {
        if let Some(text) = text {
            event.insert(key.into(), text.into());
        }
    }
    let mut wanted = BTreeSet::new();
    rule.detection.conditions.iter().for_each(|condition| names(condition, rule, random, &mut wanted));
    for name in &wanted {
        fill(&rule.detection.named[name], &mut event, random);
    }
    if random.one_in(6) {
        let other = random.pick(&rules.rules);
        other.detection.named.values().take(1).for_each(|detection| fill(detection, &mut event, random));
    }
    if random.one_in(3) {
        mutate(&mut event, random);
    }
    event
}

/// The detections that make a condition hold, roughly: those that are not under a `not`.
fn names(condition: &ConditionExpr, rule: &SigmaRule, random: &mut Random, out: &mut BTreeSet<String>) {
    match condition {
        ConditionExpr::And(parts) => parts.iter().for_each(|part| names(part, rule, random, out)),
        ConditionExpr::Or(parts) => names(random.pick(parts), rule, random, out),
        ConditionExpr::Not(part) if random.one_in(4) => names(part, rule, random, out),
        ConditionExpr::Not(_) => {}
        ConditionExpr::Identifier(name) => {
            out.insert(name.clone());
        }
        ConditionExpr::Selector { pattern, .. } => {
            let mut found: Vec<&String> =
                rule.detection.named.keys().filter(|name| pattern.matches_detection_name(name)).collect();
            found.sort();
            out.extend(found.into_iter().cloned());
        }
    }
}

fn fill(detection: &Detection, event: &mut Map<String, Json>, random: &mut Random) {
    match detection {
        Detection::AllOf(items) => items.iter().for_each(|item| fill_item(item, event, random)),
        Detection::And(parts) => parts.iter().for_each(|part| fill(part, event, random)),
        Detection::AnyOf(parts) if !parts.is_empty() => fill(random.pick(parts), event, random),
        Detection::Keywords(values) if !values.is_empty() => {
            let text = text_of(random.pick(values), &[Modifier::Contains], random);
            event.insert("Message".into(), text);
        }
        _ => {}
    }
}

fn fill_item(item: &DetectionItem, event: &mut Map<String, Json>, random: &mut Random) {
    let name = item.field.name.clone().unwrap_or_else(|| "Message".into());
    let modifiers = &item.field.modifiers;
    if item.values.is_empty() {
        return;
    }
    if item.field.has_modifier(Modifier::FieldRef) {
        event.insert(name, "same\\value".into());
        event.insert(item.values[0].to_string(), if random.one_in(3) { "Same\\Value" } else { "value" }.into());
        return;
    }
    let value = if item.field.has_modifier(Modifier::All) {
        let texts: Vec<String> = item.values.iter().map(|value| plain(&text_of(value, modifiers, random))).collect();
        texts.join(" ").into()
    } else {
        text_of(random.pick(&item.values), modifiers, random)
    };
    match (value, event.get(&name).and_then(Json::as_str)) {
        (Json::Null, _) => {}
        // Two conditions on one field: a text that may satisfy both.
        (Json::String(text), Some(held)) if item.field.has_modifier(Modifier::Contains) => {
            event.insert(name, format!("{held}{text}").into());
        }
        (value, _) => {
            event.insert(name, value);
        }
    }
}

fn plain(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A value that satisfies a literal under modifiers, or nearly does.
fn text_of(value: &SigmaValue, modifiers: &[Modifier], random: &mut Random) -> Json {
    let has = |modifier: Modifier| modifiers.contains(&modifier);
    if [Modifier::Minute, Modifier::Hour, Modifier::Day, Modifier::Week, Modifier::Month, Modifier::Year]
        .iter()
        .any(|part| has(*part))
    {
        return (*random.pick(&["2024-02-29T03:15:59Z", "2024-02-29 03:30:00.125", "2023-12-31T23:00:00+09:00"]))
            .into();
    }
    let text = match value {
        SigmaValue::Null => return Json::Null,
        SigmaValue::Bool(_) if has(Modifier::Exists) => return "present".into(),
        SigmaValue::Bool(flag) => return (*flag).into(),
        SigmaValue::Integer(number) if random.one_in(2) => return (*number + random.below(3) as i64 / 2).into(),
        SigmaValue::Integer(number) => return number.to_string().into(),
        SigmaValue::Float(number) => return (*number).into(),
        SigmaValue::String(text) if has(Modifier::Re) => regex_like(&text.original, random),
        SigmaValue::String(text) if has(Modifier::Cidr) => {
            return text.original.split('/').next().unwrap_or("").replace("::", "::1").into();
        }
        SigmaValue::String(text) if has(Modifier::Base64) || has(Modifier::Base64Offset) => {
            encoded(&text.as_plain().unwrap_or_default(), modifiers, random)
        }
        SigmaValue::String(text) => written(text, random),
    };
    let (before, after) = (*random.pick(&["", "x ", "\"C:\\Temp\\"]), *random.pick(&["", " y", "\\z.exe\""]));
    if has(Modifier::Contains) {
        format!("{before}{text}{after}").into()
    } else if has(Modifier::EndsWith) {
        format!("{before}{text}").into()
    } else if has(Modifier::StartsWith) {
        format!("{text}{after}").into()
    } else {
        text.into()
    }
}

/// The text in base64, for offsets with something before and after it.
fn encoded(text: &str, modifiers: &[Modifier], random: &mut Random) -> String {
    let wide = |unit: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(unit).collect::<Vec<u8>>();
    let mut bytes =
        match modifiers.iter().find(|one| matches!(one, Modifier::Wide | Modifier::Utf16 | Modifier::Utf16be)) {
            Some(Modifier::Utf16be) => wide(u16::to_be_bytes),
            Some(Modifier::Utf16) => [vec![0xff, 0xfe], wide(u16::to_le_bytes)].concat(),
            Some(_) => wide(u16::to_le_bytes),
            None => text.as_bytes().to_vec(),
        };
    if modifiers.contains(&Modifier::Base64Offset) {
        bytes = [random.pick(&["", "a", "ab", "abc"]).as_bytes(), &bytes, random.pick(&["", "z", "yz"]).as_bytes()]
            .concat();
    }
    let alphabet: Vec<char> = ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(['+', '/']).collect();
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let group =
            chunk.iter().enumerate().fold(0usize, |group, (at, byte)| group | usize::from(*byte) << (16 - 8 * at));
        out.extend((0..4).map(|at| if at <= chunk.len() { alphabet[group >> (18 - 6 * at) & 63] } else { '=' }));
    }
    out
}

/// The text with something in place of its wildcards.
fn written(text: &SigmaString, random: &mut Random) -> String {
    let part = |part: &StringPart, random: &mut Random| match part {
        StringPart::Plain(text) => text.clone(),
        StringPart::Special(SpecialChar::WildcardSingle) => (*random.pick(&["a", "7", "語"])).to_owned(),
        StringPart::Special(SpecialChar::WildcardMulti) => (*random.pick(&["", "abc", " \\ "])).to_owned(),
    };
    text.parts.iter().map(|one| part(one, random)).collect()
}

/// Something that a simple regular expression might match: its literals, with a guess for the rest.
fn regex_like(pattern: &str, random: &mut Random) -> String {
    let mut out = String::new();
    let mut chars = pattern.trim_start_matches("(?i)").chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('d') => out.push('4'),
                Some('s') => out.push(' '),
                Some('w') => out.push('w'),
                Some('b') | None => {}
                Some(other) => out.push(other),
            },
            '[' => {
                let inside: String = chars.by_ref().take_while(|c| *c != ']').collect();
                out.push(inside.chars().find(|c| c.is_alphanumeric()).unwrap_or('a'));
            }
            '{' => {
                let times: String = chars.by_ref().take_while(|c| *c != '}').collect();
                let times = times.split(',').next().and_then(|n| n.parse::<usize>().ok()).unwrap_or(1);
                let last = out.chars().last().unwrap_or('a');
                out.extend(std::iter::repeat_n(last, times.saturating_sub(1).min(64)));
            }
            '|' if random.one_in(2) => return out,
            '|' => out.clear(),
            '(' | ')' | '^' | '$' | '?' | '*' | '+' | ':' => {}
            '.' => out.push('q'),
            c => out.push(c),
        }
    }
    out
}

fn mutate(event: &mut Map<String, Json>, random: &mut Random) {
    let names: Vec<String> =
        event.keys().filter(|key| !["product", "category", "service"].contains(&key.as_str())).cloned().collect();
    if names.is_empty() {
        return;
    }
    let name = random.pick(&names).clone();
    let Some(held) = event.get(&name).cloned() else { return };
    let text = plain(&held);
    let changed: Json = match random.below(8) {
        0 => text.to_uppercase().into(),
        1 => text
            .chars()
            .map(|c| if random.one_in(2) { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() })
            .collect::<String>()
            .into(),
        2 if !text.is_empty() => {
            let at = random.below(text.chars().count());
            text.chars().enumerate().filter(|(index, _)| *index != at).map(|(_, c)| c).collect::<String>().into()
        }
        3 => format!("{text}あ®").into(),
        4 => vec![Json::from("other"), held].into(),
        5 => text.parse::<i64>().map_or_else(|_| text.replace(' ', "  ").into(), Json::from),
        6 => text.replace('-', "/").into(),
        _ => {
            event.remove(&name);
            return;
        }
    };
    event.insert(name, changed);
}
