//! What a judge learns of its events, and what judges share, moves time only: an engine that has learned, one that takes
//! what the first learned, and the plain interpreter give the same matches.

use super::*;

/// Rules of two parts that hold often and together rarely, with literals of every kind.
fn rules() -> String {
    let shapes = [
        ("f0|endswith: '\\cmd.exe'", "f1|contains: ' /c'"),
        ("f0|startswith: 'C:\\Win'", "f1|startswith: 'whoami'"),
        ("f0|endswith: '.exe'", "f2: 3"),
        ("f0: 'C:\\Windows\\powershell.exe'", "f1|contains|all: ['-enc', 'hidden']"),
        ("f0|contains: ['windows', 'temp']", "f1|endswith: ['hosts', 'passwd', 'x']"),
        ("f2: 1", "f1|contains: 'net user'"),
        ("f1|re: 'whoami\\s+/\\w+'", "f0|contains: 'system32'"),
        ("f0|exists: true", "f1|contains|windash: ' -x'"),
    ];
    let mut text = String::new();
    for (number, (first, second)) in shapes.iter().enumerate() {
        for (place, condition) in ["a and b", "a and not b", "a or b", "not b"].into_iter().enumerate() {
            text.push_str(&format!(
                "---\ntitle: r{number}-{place}\nid: r{number}-{place}\nlogsource: {{product: p}}\ndetection:\n  a:\n    {first}\n  b:\n    {second}\n  condition: {condition}\n"
            ));
        }
    }
    text
}

fn events() -> Vec<serde_json::Value> {
    let images =
        ["C:\\Windows\\System32\\cmd.exe", "C:\\Windows\\powershell.exe", "D:\\Temp\\a.bin", "\u{212a}ystem32.EXE"];
    let lines =
        ["cmd /c dir", "whoami /all", "powershell -enc AAAA -w HIDDEN", "net user x", "type hosts", "a –x b", "®"];
    let mut state = 7_u64;
    let mut next = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) as usize % below
    };
    let mut event = |_| {
        let (image, line) = (images[next(images.len())], lines[next(lines.len())]);
        let line = match next(3) {
            0 => format!("{line} {}", next(50)),
            1 => line.to_uppercase(),
            _ => line.to_owned(),
        };
        serde_json::json!({"product": "p", "f0": image, "f1": line, "f2": next(4)})
    };
    (0..3000).map(&mut event).collect()
}

#[test]
fn learning_changes_no_answer() {
    let (set, problems) = load(&rules());
    assert!(problems.is_empty(), "{problems:?}");
    let set = Arc::new(set);
    let engine = || Engine::new(Arc::clone(&set), Arc::new(Tenants::default()));
    let (mut learning, mut sharing) = (engine(), engine());
    let text = rules();
    let parsed = rsigma_parser::parse_sigma_yaml(&text).unwrap();
    let mut arena = Bump::new();
    let mut found = 0;
    for (at, event) in events().iter().enumerate() {
        arena.reset();
        let ours_ = ours(&mut learning, event, &arena);
        assert_eq!(ours(&mut sharing, event, &arena), ours_, "{event}");
        // The plain interpreter is slow: around the places where something was learned, and now and then.
        if at % 64 < 4 || (128..192).contains(&at) || (1024..1088).contains(&at) {
            let plain = parsed.rules.iter().filter(|rule| plain::matches(rule, event));
            let plain: BTreeSet<String> = plain.map(|rule| rule.id.clone().unwrap()).collect();
            assert_eq!(ours_, plain, "{event}");
        }
        found += ours_.len();
    }
    assert!(found > 3000, "{found}");
}
