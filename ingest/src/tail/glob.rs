//! Paths with `*` and `?` in their names, looked up in the folders that exist now.

use std::path::{Component, Path, PathBuf};

/// Entries of one folder that are looked at.
const ENTRIES_MAX: usize = 100_000;
/// Endings of packed files, which do not grow by lines.
const PACKED: [&str; 5] = ["gz", "zst", "xz", "bz2", "zip"];

/// The files that a pattern names, in the order of their paths.
pub(super) fn matches(pattern: &Path) -> Vec<PathBuf> {
    let mut found = vec![PathBuf::new()];
    for part in pattern.components() {
        let text = part.as_os_str().to_string_lossy();
        if !matches!(part, Component::Normal(_)) || !text.contains(['*', '?']) {
            found.iter_mut().for_each(|path| path.push(part));
            continue;
        }
        found = found.iter().flat_map(|folder| named(folder, &text)).collect();
    }
    let packed = |path: &Path| path.extension().is_some_and(|ending| PACKED.iter().any(|packed| ending == *packed));
    found.retain(|path| !packed(path) && path.is_file());
    found.sort();
    found
}

fn named(folder: &Path, pattern: &str) -> Vec<PathBuf> {
    let here = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let Ok(entries) = std::fs::read_dir(here) else { return Vec::new() };
    let names = entries.take(ENTRIES_MAX).flatten().map(|entry| entry.file_name());
    // A name that begins with a dot wants a pattern that does.
    let fits =
        |name: &str| (pattern.starts_with('.') || !name.starts_with('.')) && fits(pattern.as_bytes(), name.as_bytes());
    names.filter(|name| fits(&name.to_string_lossy())).map(|name| folder.join(name)).collect()
}

/// Whether the name is what the pattern says; linear but for the last `*`.
fn fits(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n, mut star) = (0, 0, None);
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(byte) if *byte == b'?' || *byte == name[n] => {
                p += 1;
                n += 1;
            }
            _ => {
                let Some((at, from)) = star else { return false };
                star = Some((at, from + 1));
                (p, n) = (at + 1, from + 1);
            }
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_marks_stand_for_characters_of_a_name() {
        for (pattern, name, expected) in [
            ("*.log", "app.log", true),
            ("*.log", "app.log.1", false),
            ("app-?.log", "app-1.log", true),
            ("a*b*c", "aXbXbc", true),
            ("a*b*c", "aXcXb", false),
            ("*", "", true),
            ("", "x", false),
        ] {
            assert_eq!(fits(pattern.as_bytes(), name.as_bytes()), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn files_are_found_in_folders_that_match() {
        let dir = tempfile::tempdir().unwrap();
        for path in ["a/x.log", "b/x.log", "b/y.log.gz", "b/.z.log", "c/d/x.log"] {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let found = |pattern: &str| matches(&dir.path().join(pattern));
        assert_eq!(found("*/*.log*"), [dir.path().join("a/x.log"), dir.path().join("b/x.log")]);
        assert_eq!(found("c/d/x.log").len(), 1);
        assert!(found("none/*.log").is_empty());
    }
}
