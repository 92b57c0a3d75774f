//! A condition in a rule that is right otherwise: loaded or refused with a problem, never a panic, never both silent.
#![no_main]

use libfuzzer_sys::fuzz_target;

const RULE: &str = "title: t
id: 5d2e9a8c-4b1f-4a57-9d11-0c6c2f1b7a10
logsource: {product: linux}
level: low
detection:
  a: {Image: x}
  b: {Image|contains: y}
  ab: [z]
  condition: |-
";

fuzz_target!(|condition: &str| {
    let Ok(dir) = tempfile::tempdir() else { return };
    let lines: String = condition.lines().map(|line| format!("    {line}\n")).collect();
    if std::fs::write(dir.path().join("rule.yml"), format!("{RULE}{lines}")).is_err() {
        return;
    }
    let (rules, problems) = detect::RuleSet::load(&[dir.path().to_path_buf()]);
    assert!(!rules.rules().is_empty() || !problems.is_empty(), "the rule vanished");
});
