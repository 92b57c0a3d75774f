//! One test per modifier, each against the sentence of the modifiers appendix of the specification.

use super::*;

/// Whether a rule of one selection matches an event.
fn matches(item: &str, event: serde_json::Value) -> bool {
    let text = format!("title: t\nid: t\nlogsource: {{product: p}}\ndetection:\n  s:\n    {item}\n  condition: s\n");
    let (set, problems) = load(&text);
    assert_eq!(problems, [], "{text}");
    let mut engine = Engine::new(Arc::new(set), Arc::new(Tenants::default()));
    !ours(&mut engine, &event, &Bump::new()).is_empty()
}

/// Values that match and values that do not.
fn check(item: &str, yes: &[serde_json::Value], no: &[serde_json::Value]) {
    for value in yes {
        assert!(matches(item, serde_json::json!({"f": value})), "{item} on {value}");
    }
    for value in no {
        assert!(!matches(item, serde_json::json!({"f": value})), "{item} on {value}");
    }
}

macro_rules! values {
    ($($value:expr),* $(,)?) => { &[$(serde_json::json!($value)),*] };
}

#[test]
fn no_modifier() {
    check("f: 'Ab*C?'", values!["aBxxcd", "abc1"], values!["abc", "xabc1"]);
    check("f: 13", values![13, "13", " 13", 13.0], values![131, "0xd", "x"]);
    check("f: '13'", values![13, "13"], values!["013", 130]);
    check(r"f: 'a\*b'", values!["A*b"], values!["axb"]);
    check("f: true", values![true, "TRUE"], values![false, "x", 2]);
    check("f: ''", values![""], values!["x"]);
    check("f: ['a', 7]", values!["A", 7, ["x", "a"]], values!["b"]);
}

#[test]
fn contains() {
    check("f|contains: 'Mimi'", values!["xmimIx", ["a", "mimi"]], values!["mim", "m i m i"]);
    check("f|contains: ['ab', '日本']", values!["xABx", "日本語"], values!["日 本"]);
    check("f|contains: 12", values!["a12b", 5127], values!["1 2"]);
}

#[test]
fn startswith_and_endswith() {
    check("f|startswith: 'C:\\Temp\\'", values!["c:\\temp\\x"], values!["xc:\\temp\\", "c:\\tem"]);
    check("f|endswith: '\\reg.exe'", values!["C:\\REG.exe"], values!["\\reg.exe ", "reg.exe"]);
    check("f|endswith: 'a*b'", values!["xxaYYb"], values!["xxaYYbc"]);
}

#[test]
fn all() {
    check("f|contains|all: ['one', 'TWO']", values!["two and one"], values!["one", "two"]);
}

#[test]
fn base64_and_base64offset() {
    check("f|base64: 'whoami'", values!["d2hvYW1p"], values!["whoami", "xd2hvYW1p"]);
    check("f|base64|contains: 'whoami'", values!["-e d2hvYW1p x"], values!["whoami"]);
    // `xwhoami`, `xywhoami`.
    check("f|base64offset|contains: 'whoami'", values!["eHdob2FtaQ==", "eHl3aG9hbWk="], values!["d2hvb"]);
}

#[test]
fn wide_and_utf16() {
    check("f|wide|base64: 'ping'", values!["cABpAG4AZwA="], values!["cGluZw=="]);
    check("f|utf16le|base64: 'ping'", values!["cABpAG4AZwA="], values!["cGluZw=="]);
    check("f|utf16be|base64: 'ping'", values!["AHAAaQBuAGc="], values!["cABpAG4AZwA="]);
    check("f|utf16|base64: 'ping'", values!["//5wAGkAbgBnAA=="], values!["cABpAG4AZwA="]);
}

#[test]
fn windash() {
    check(
        "f|contains|windash: ' -enc '",
        values!["x -enc y", "x /ENC y", "x –enc y", "x —enc y", "x ―enc y"],
        values!["x enc y", "x _enc y"],
    );
}

#[test]
fn regular_expressions() {
    check("f|re: '^ab.c$'", values!["abxc"], values!["ABxc", "ab\nc", "x\nabxc"]);
    check("f|re|i: '^ab.c$'", values!["ABxC"], values!["ab\nc"]);
    check("f|re|s: '^ab.c$'", values!["ab\nc"], values!["ABxc"]);
    check("f|re|m: '^ab.c$'", values!["x\nabyc\nz"], values!["xabyc"]);
    check("f|re|i|m|s: '^second.third$'", values!["first\nSECOND\nTHIRD"], values!["second third fourth"]);
}

#[test]
fn cidr() {
    check("f|cidr: '192.0.2.0/24'", values!["192.0.2.9", "::ffff:192.0.2.9"], values!["192.0.3.1", "x", 9]);
    check("f|cidr: ['2001:db8::/32', '10.0.0.0/8']", values!["2001:DB8::1", "10.9.9.9"], values!["2001:db9::1"]);
}

#[test]
fn cased() {
    check("f|cased: 'Root'", values!["Root"], values!["root", "ROOT"]);
    check("f|contains|cased: 'Ab'", values!["xAbx"], values!["xabx"]);
}

#[test]
fn exists_and_null() {
    assert!(matches("f|exists: true", serde_json::json!({"f": ""})));
    assert!(!matches("f|exists: true", serde_json::json!({"g": 1})));
    assert!(matches("f|exists: false", serde_json::json!({"g": 1})));
    assert!(matches("f: null", serde_json::json!({"f": null, "g": 1})));
    assert!(!matches("f: null", serde_json::json!({"f": ""})));
}

#[test]
fn comparisons() {
    check("f|gt: 5", values![6, "6", 5.5], values![5, "x"]);
    check("f|gte: 5", values![5, "5.0"], values![4.9]);
    check("f|lt: 5", values![4, -1], values![5]);
    check("f|lte: 5.5", values![5.5, "5"], values![6]);
    check("f|neq: ['a', 'b']", values!["c"], values!["A", "b"]);
    assert!(!matches("f|neq: 'a'", serde_json::json!({"g": 1})), "an absent field is not unequal");
}

#[test]
fn fieldref() {
    let event = |f: &str, g: &str| serde_json::json!({"f": f, "g": g});
    assert!(matches("f|fieldref: g", event("Same", "same")));
    assert!(!matches("f|fieldref: g", event("same", "other")));
    assert!(matches("f|fieldref|endswith: g", event("C:\\x\\reg.exe", "REG.exe")));
    assert!(matches("f|fieldref|startswith: g", event("abc", "ab")));
    assert!(matches("f|fieldref|contains: g", event("xaby", "ab")));
    assert!(!matches("f|fieldref: g", serde_json::json!({"f": "x"})));
}

#[test]
fn time_parts() {
    let time = values!["2024-02-29T03:15:59Z", "2024-02-29 03:15:59.250", "2024-02-29T12:15:59+09:00"];
    for (item, wrong) in [
        ("f|minute: 15", "f|minute: 16"),
        ("f|hour: 3", "f|hour: 12"),
        ("f|day: 29", "f|day: 1"),
        ("f|week: 9", "f|week: 8"),
        ("f|month: 2", "f|month: 3"),
        ("f|year: [2023, 2024]", "f|year: 2023"),
    ] {
        check(item, time, values!["no time"]);
        check(wrong, &[], time);
    }
}

#[test]
fn expand() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("pipelines")).unwrap();
    let pipeline = "name: t\nvars:\n  admins: [alice, 'svc_*']\ntransformations:\n  - type: value_placeholders\n";
    std::fs::write(dir.path().join("pipelines/p.yml"), pipeline).unwrap();
    let rule =
        "title: t\nid: t\nlogsource: {product: p}\ndetection:\n  s:\n    f|expand: 'CITY\\%admins%'\n  condition: s\n";
    std::fs::write(dir.path().join("r.yml"), rule).unwrap();
    let (set, problems) = RuleSet::load(&[dir.path().to_owned()]);
    assert_eq!(problems, []);
    let mut engine = Engine::new(Arc::new(set), Arc::new(Tenants::default()));
    for (user, expected) in [("CITY\\Alice", true), ("city\\svc_backup", true), ("CITY\\bob", false), ("alice", false)]
    {
        let json = serde_json::json!({ "f": user });
        assert_eq!(!ours(&mut engine, &json, &Bump::new()).is_empty(), expected, "{user}");
    }
}

#[test]
fn keywords() {
    let rule = |keywords: &str| {
        format!("title: t\nid: t\nlogsource: {{product: p}}\ndetection:\n  k:\n{keywords}  condition: k\n")
    };
    let found = |text: &str, event: serde_json::Value| {
        let (set, problems) = load(text);
        assert_eq!(problems, []);
        !ours(&mut Engine::new(Arc::new(set), Arc::new(Tenants::default())), &event, &Bump::new()).is_empty()
    };
    let any = rule("    - 'one'\n    - 'two'\n");
    assert!(found(&any, serde_json::json!({"a": "x ONE y"})));
    assert!(!found(&any, serde_json::json!({"a": "on", "b": "e"})));
    let all = rule("    '|all':\n      - 'one'\n      - 'two'\n");
    assert!(found(&all, serde_json::json!({"a": "x ONE y", "b": "two"})));
    assert!(!found(&all, serde_json::json!({"a": "one"})));
    let number = rule("    - 4711\n");
    assert!(found(&number, serde_json::json!({"a": 47110})));
    assert!(found(&number, serde_json::json!({"a": "x4711"})));
}
