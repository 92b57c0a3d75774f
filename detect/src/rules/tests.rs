//! Our own rules: each loads, and each sample does what it must; and what a broken rule looks like.

use std::path::{Path, PathBuf};

use super::{RuleSet, check};
use crate::Problem;

fn our_rules() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../rules")
}

#[test]
fn every_rule_of_ours_passes_its_samples() {
    let found = check(&our_rules());
    let problems: Vec<String> = found.problems.iter().map(Problem::to_string).collect();
    assert_eq!(problems, Vec::<String>::new());
    assert!(found.rules.len() >= 25, "{}", found.rules.len());
    assert!(found.samples.iter().all(|sample| sample.hits > Some(0) && sample.misses > Some(0)));
    for rule in found.rules.iter().filter(|rule| rule.alerts) {
        assert!(!rule.usecase.is_empty() && rule.title_ja != rule.title, "{}", rule.title);
        assert!(
            !rule.falsepositives.is_empty() && rule.tags.iter().any(|tag| tag.starts_with("attack.t")),
            "{}",
            rule.title
        );
    }
}

/// The problems of one rule file, as printed, with the folder cut off.
fn problems(text: &str) -> (RuleSet, Vec<String>) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("r.yml"), text).unwrap();
    let (set, problems) = RuleSet::load(&[dir.path().to_owned()]);
    let prefix = format!("{}/", dir.path().display());
    (set, problems.iter().map(|problem| problem.to_string().replace(&prefix, "")).collect())
}

fn with(detection: &str, more: &str) -> String {
    format!("title: t\nid: r-1\nlogsource:\n  product: p\ndetection:\n{detection}level: high\n{more}")
}

#[test]
fn a_mistake_is_named_with_its_place_and_what_to_write() {
    let condition = "  condition: s\n";
    for (text, place, word) in [
        (with(&format!("  s:\n    f|contain: x\n{condition}"), ""), "r.yml:7:6:", "contain"),
        (with(&format!("  s:\n    f|expand: '%x%'\n{condition}"), ""), "r.yml:7:16:", "placeholder"),
        (with("  s:\n    f|expand: '%accounts.user%'\n  condition: not s\n", ""), "r.yml:7:16:", "must hold"),
        (with(&format!("  s:\n    f|expand: 'a%accounts.user%'\n{condition}"), ""), "r.yml:7:17:", "as a whole"),
        (with(&format!("  s:\n    f|expand: '%accounts.usr%'\n{condition}"), ""), "r.yml:", "usr"),
        (with(&format!("  s:\n    f|re: '(?=x)'\n{condition}"), ""), "r.yml:7:12:", "look-around"),
        (with(&format!("  s:\n    f|cidr: 192.0.2.0/99\n{condition}"), ""), "r.yml:7:13:", "192.0.2.0/99"),
        (with(&format!("  s:\n    f|gt: many\n{condition}"), ""), "r.yml:7:11:", "number"),
        (with(&format!("  s:\n    f|wide: x\n{condition}"), ""), "r.yml:7:5:", "base64"),
        (with(&format!("  s:\n    f|re|contains: x\n{condition}"), ""), "r.yml:7:5:", "modifiers of `f`"),
        (with(&format!("  s:\n    f|contains|all: x\n{condition}"), ""), "r.yml:7:15:", "more than one value"),
        (with(&format!("  s:\n    f|i: x\n{condition}"), ""), "r.yml:7:5:", "flags of `re`"),
        (with(&format!("  s:\n    f: []\n{condition}"), ""), "r.yml:", "empty"),
        (with("  s:\n    f: x\n  condition: s and filter\n", ""), "r.yml:8:20:", "filter"),
        (with("  s:\n    f: x\n  condition: 1 of filter_*\n", ""), "r.yml:8:19:", "filter_*"),
        (with("  s:\n    f: x\n  condition: s and\n", ""), "r.yml:8:", "expected"),
        (with("  s:\n    f: x\n  condition: s | count() > 5\n", ""), "r.yml:8:", "correlation"),
        (with(&format!("  s:\n    f: x\n  timeframe: 5m\n{condition}"), ""), "r.yml:8:3:", "timeframe"),
        (with(&format!("  s:\n    f: x\n{condition}"), "sekisho:\n  pages: true\n"), "r.yml:11:3:", "pages"),
        (with(&format!("  s:\n    f: x\n{condition}"), "sekisho:\n  suppress: {for: soon}\n"), "r.yml:11:", "soon"),
        (with(&format!("  s:\n   f: x\n  g: [\n{condition}"), ""), "r.yml:", "YAML"),
        ("action: global\ntitle: t\n".to_owned(), "r.yml:1:1:", "removed"),
        ("title: t\nlogsource: {}\n".to_owned(), "r.yml:1:1:", "detection"),
        ("just text\n".to_owned(), "r.yml:1:1:", "mapping"),
    ] {
        let (set, problems) = problems(&text);
        assert_eq!(problems.len(), 1, "{text}\n{problems:?}");
        assert!(problems[0].starts_with(place) && problems[0].contains(word), "{text}\n{}", problems[0]);
        assert_eq!(set.rules().len(), 1, "it stays in the list");
        assert!(set.rules()[0].problem.is_some() && !set.rules()[0].alerts);
    }
}

#[test]
fn one_bad_rule_never_stops_the_others() {
    let good = with("  s:\n    f: x\n  condition: s\n", "");
    let text = format!(
        "{}---\n{}---\n# nothing\n---\n{}",
        good,
        good.replace("f: x", "f|x: x").replace("r-1", "r-2"),
        good.replace("r-1", "r-3")
    );
    let (set, found) = problems(&text);
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("r.yml:17:6:"), "{}", found[0]);
    let usable: Vec<&str> =
        set.rules().iter().filter(|rule| rule.problem.is_none()).map(|rule| rule.id.as_str()).collect();
    assert_eq!(usable, ["r-1", "r-3"]);
    let (set, found) = problems(&format!("{good}---\n{good}"));
    assert!(found.len() == 1 && found[0].contains("already"), "{found:?}");
    assert_eq!(set.rules().iter().filter(|rule| rule.problem.is_none()).count(), 1);
}

#[test]
fn correlations_refer_by_id_or_name_in_any_order_and_never_in_a_circle() {
    let correlation = |id: &str, name: &str, of: &str| {
        format!(
            "title: {id}\nid: {id}\nname: {name}\ncorrelation:\n  type: event_count\n  rules: [{of}]\n  group-by: [u]\n  \
             timespan: 5m\n  condition: {{gte: 2}}\n"
        )
    };
    let base = with("  s:\n    f: x\n  condition: s\n", "");
    let (set, found) =
        problems(&[correlation("c-2", "two", "one"), correlation("c-1", "one", "r-1"), base.clone()].join("---\n"));
    assert_eq!(found, Vec::<String>::new());
    let alerts: Vec<bool> = set.rules().iter().map(|rule| rule.alerts).collect();
    assert_eq!(alerts, [true, false, false]);
    let (set, _) = problems(&[correlation("c-1", "one", "r-1") + "generate: true\n", base].join("---\n"));
    assert!(set.rules().iter().all(|rule| rule.alerts));
    let (_, found) = problems(&[correlation("c-2", "two", "one"), correlation("c-1", "one", "two")].join("---\n"));
    assert_eq!(found.len(), 2, "{found:?}");
    let (_, found) = problems(&correlation("c-1", "one", "nobody"));
    assert!(found[0].contains("nobody") && found[0].starts_with("r.yml:6:11:"), "{found:?}");
}

#[test]
fn filters_narrow_the_rules_they_name() {
    let rule = with("  s:\n    f: x\n  condition: s\n", "");
    let filter = "title: f\nlogsource:\n  product: p\nfilter:\n  rules: [r-1]\n  own:\n    user.name: admin\n  condition: not own\n";
    let (set, found) = problems(&format!("{rule}---\n{filter}"));
    assert_eq!(found, Vec::<String>::new());
    let mut engine = crate::Engine::new(std::sync::Arc::new(set), std::sync::Arc::new(crate::Tenants::default()));
    for (line, matches) in [(r#"{"f":"x"}"#, 1), (r#"{"f":"x","user.name":"admin"}"#, 0)] {
        let arena = bumpalo::Bump::new();
        let mut event = super::read_event(line, &arena).unwrap();
        let meta = crate::Meta {
            id: stream::EventId::new(0, 0),
            tenant: "t",
            source: "s",
            received: event.time(),
            raw: line.as_bytes(),
        };
        engine.observe(&meta, &mut event, &mut Vec::new());
        assert_eq!(engine.matches().len(), matches, "{line}");
    }
}
