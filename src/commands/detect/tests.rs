//! The whole command on small inputs.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Parser;

use crate::cli::{Cli, Command};

/// Runs `sekisho detect ARGS --output FILE` and gives what it wrote.
fn detect(dir: &Path, args: &[&str]) -> String {
    let output = dir.join("out");
    let output_text = output.display().to_string();
    let all = ["sekisho", "detect"].iter().chain(args).copied().chain(["--output", &output_text]);
    let Command::Detect(args) = Cli::parse_from(all).command else { panic!("not detect") };
    super::run(&args).unwrap();
    std::fs::read_to_string(output).unwrap()
}

fn write(dir: &Path, name: &str, text: &[u8]) -> String {
    let path = dir.join(name);
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).unwrap();
    }
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

/// A folder of three rules: a word, a field, and a count of the second.
fn rules(dir: &Path) -> String {
    let rule = |id: u8, logsource: &str, detection: &str| {
        format!(
            "title: rule {id}\nid: 00000000-0000-4000-8000-00000000000{id}\nlevel: low\nlogsource: {logsource}\ndetection:\n{detection}"
        )
    };
    write(dir, "rules/1.yml", rule(1, "{product: linux}", "  s: [needle]\n  condition: s\n").as_bytes());
    let field = "  s:\n    Image|endswith: '\\a.exe'\n  condition: s\n";
    write(dir, "rules/2.yml", rule(2, "{product: windows, category: process_creation}", field).as_bytes());
    let count = "title: many\nid: 00000000-0000-4000-8000-000000000003\nlevel: high\ncorrelation:\n  type: event_count\n  rules: [00000000-0000-4000-8000-000000000002]\n  group-by: [User]\n  timespan: 10m\n  condition: {gte: 5}\n";
    write(dir, "rules/3.yml", count.as_bytes());
    dir.join("rules").display().to_string()
}

/// Lines of several kinds, blank and damaged ones among them.
fn events() -> String {
    let mut text = String::new();
    for at in 0..4000 {
        text.push_str(&match at % 7 {
            0 => "\n".to_owned(),
            1 => format!("{{\"product\":\"linux\",\"message\":\"a needle {at}\",\"_id\":{at}}}\n"),
            2 => "{\"damaged\":\n".to_owned(),
            3 => format!(
                "{{\"product\":\"windows\",\"category\":\"process_creation\",\"Image\":\"C:\\\\x\\\\A.exe\",\"User\":\"u{}\",\"@timestamp\":\"2026-11-20T{:02}:{:02}:{:02}Z\"}}\r\n",
                at % 3,
                at / 3600,
                at / 60 % 60,
                at % 60
            ),
            _ => format!("{{\"product\":\"windows\",\"n\":{at},\"pad\":\"{}\"}}\n", "x".repeat(at % 200)),
        });
    }
    text
}

#[test]
fn matches_name_line_and_event() {
    let dir = tempfile::tempdir().unwrap();
    let rules = rules(dir.path());
    let text = "\n{\"product\":\"linux\",\"m\":\"needle\",\"_id\":\"a\\\"b\"}\nno json, but a needle\n{\"product\":\"windows\",\"m\":\"needle\"}";
    let input = write(dir.path(), "in.ndjson", text.as_bytes());
    let found = detect(dir.path(), &["--rules", &rules, "--input", &input, "--emit", "matches"]);
    let rows: Vec<serde_json::Value> = found.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let rule = "00000000-0000-4000-8000-000000000001";
    let expected = [
        serde_json::json!({"line": 2, "event_id": "a\"b", "rule_id": rule}),
        serde_json::json!({"line": 3, "rule_id": rule}),
    ];
    assert_eq!(rows, expected);
}

#[test]
fn threads_and_packing_do_not_change_the_output() {
    let dir = tempfile::tempdir().unwrap();
    let rules = rules(dir.path());
    let text = events();
    let plain = write(dir.path(), "in.ndjson", text.as_bytes());
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(text.as_bytes()).unwrap();
    let gz = write(dir.path(), "in.ndjson.gz", &gz.finish().unwrap());
    let zst = write(dir.path(), "in.ndjson.zst", &zstd::bulk::compress(text.as_bytes(), 1).unwrap());
    let when = std::fs::metadata(&plain).unwrap().modified().unwrap();
    for packed in [&gz, &zst] {
        std::fs::File::options().write(true).open(packed).unwrap().set_modified(when).unwrap();
    }
    for emit in ["alerts", "matches"] {
        let of = |input: &str, threads: &str| {
            detect(dir.path(), &["--rules", &rules, "--input", input, "--emit", emit, "--threads", threads])
        };
        let one = of(&plain, "1");
        assert!(one.lines().count() > 500, "{emit}");
        for (input, threads) in [(&plain, "2"), (&plain, "5"), (&gz, "1"), (&zst, "3")] {
            assert!(of(input, threads) == one, "{emit} of {input} on {threads}");
        }
        if emit == "alerts" {
            assert!(one.contains("00000000-0000-4000-8000-000000000003"));
        }
    }
}

#[test]
fn inputs_of_a_folder_are_merged_by_time() {
    let dir = tempfile::tempdir().unwrap();
    let rules = rules(dir.path());
    let line = |minute: usize| {
        format!("{{\"@timestamp\":\"2026-11-20T01:{minute:02}:00Z\",\"Image\":\"C:\\\\a.exe\",\"User\":\"u\"}}\n")
    };
    let (even, odd): (Vec<usize>, Vec<usize>) = (0..10).partition(|minute| minute % 2 == 0);
    let lines = |minutes: Vec<usize>| minutes.into_iter().map(line).collect::<String>();
    write(dir.path(), "D/a.log", lines(even).as_bytes());
    write(dir.path(), "D/b.log", lines(odd).as_bytes());
    let source =
        |id: &str| format!("[[source]]\ntenant = \"t\"\nid = \"{id}\"\nproduct = \"json\"\nfile = \"{id}.log\"\n");
    write(dir.path(), "D/sources.toml", format!("{}{}", source("a"), source("b")).as_bytes());
    let folder: PathBuf = dir.path().join("D");
    let run = |threads: &str| {
        let folder = folder.display().to_string();
        detect(dir.path(), &["--rules", &rules, "--input", &folder, "--threads", threads])
    };
    let one = run("1");
    let many = one.lines().find(|line| line.contains("00000000-0000-4000-8000-000000000003")).unwrap();
    let alert: serde_json::Value = serde_json::from_str(many).unwrap();
    assert_eq!(alert["@timestamp"], "2026-11-20T01:04:00Z", "five in ten minutes need both inputs: {alert}");
    assert_eq!(run("3"), one);
}
