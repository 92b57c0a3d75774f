//! A rule file: problems, never a panic; the loaded set can be built into an engine's input.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(dir) = tempfile::tempdir() else { return };
    if std::fs::write(dir.path().join("rule.yml"), data).is_err() {
        return;
    }
    let (rules, problems) = detect::RuleSet::load(&[dir.path().to_path_buf()]);
    let _ = (rules.rules().len(), problems.len());
});
