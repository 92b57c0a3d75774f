//! Files in, records out: order, growth, copies and crashes.

use std::io::Write as _;

use super::checkpoint::Progress;
use super::*;

const SOURCES: &str = "[[source]]\ntenant = \"town\"\nid = \"fw\"\nproduct = \"json\"\n\n\
                       [[source]]\ntenant = \"town\"\nid = \"auth\"\nproduct = \"json\"\n";

struct Town(tempfile::TempDir);

impl Town {
    fn new() -> Town {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("sekisho.toml"), "data = \"data\"\n").unwrap();
        std::fs::write(dir.path().join("sources.toml"), SOURCES).unwrap();
        Town(dir)
    }

    fn write(&self, name: &str, lines: &[&str]) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, lines.concat()).unwrap();
        path
    }

    fn import(&self, source: Option<&str>, files: &[String]) {
        let args = Import {
            config: self.0.path().join("sekisho.toml"),
            tenant: "town".into(),
            source: source.map(str::to_owned),
            files: files.iter().map(PathBuf::from).collect(),
        };
        assert_eq!(run(&args).unwrap(), DONE);
    }

    /// Everything in the log: source and line.
    fn log(&self) -> Vec<(String, String)> {
        let log = Log::open(Config::load(&self.0.path().join("sekisho.toml")).unwrap().stream).unwrap();
        let (mut reader, mut records) = (log.reader(Topic::Raw, 0, 0).unwrap(), Vec::new());
        while reader.offset() < log.end_offset(Topic::Raw, 0) {
            let batch = reader.poll(std::time::Duration::ZERO).unwrap().unwrap();
            let line = |raw: &[u8]| String::from_utf8(raw.to_vec()).unwrap();
            let lines = batch.iter().filter(|record| record.kind == stream::RecordKind::Data);
            records.extend(lines.map(|record| (record.source.to_owned(), line(record.raw))));
        }
        log.close();
        records
    }
}

fn line(second: u32, text: &str) -> String {
    format!("{{\"@timestamp\":\"2026-11-20T10:00:{second:02}Z\",\"message\":\"{text}\"}}\n")
}

#[test]
fn files_of_several_sources_come_in_the_order_of_event_time() {
    let town = Town::new();
    let (a, b, c, d) = (line(1, "a"), line(3, "c"), line(2, "b"), line(4, "d"));
    // A line without a time stays behind the one before it, and a late one where it stands in its file.
    let fw = town.write("fw.log", &[&a, "{\"message\":\"no time\"}\n", &b]);
    let auth = town.write("auth.log", &[&c, "\n", &d, &line(0, "late")]);
    town.import(None, &[format!("fw={}", fw.display()), format!("auth={}", auth.display())]);
    let found: Vec<(String, String)> = town.log();
    let words = ["a", "no time", "b", "c", "d", "late"];
    assert_eq!(found.len(), words.len());
    for ((source, line), word) in found.iter().zip(words) {
        assert!(line.contains(&format!("\"message\":\"{word}\"")), "{found:?}");
        assert_eq!(source, if ["b", "d", "late"].contains(&word) { "auth" } else { "fw" });
    }
}

#[test]
fn a_grown_a_moved_and_a_packed_file_add_only_what_is_new() {
    let town = Town::new();
    let (one, two) = (line(1, "one"), line(2, "two"));
    let path = town.write("fw.log", &[&one, &two]);
    let import = |path: &Path| town.import(Some("fw"), &[path.display().to_string()]);
    import(&path);
    import(&path);
    assert_eq!(town.log().len(), 2);
    std::fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(line(3, "three").as_bytes()).unwrap();
    import(&path);
    assert_eq!(town.log().len(), 3);
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(&std::fs::read(&path).unwrap()).unwrap();
    let rotated = town.0.path().join("fw.log.1.gz");
    std::fs::write(&rotated, packed.finish().unwrap()).unwrap();
    import(&rotated);
    assert_eq!(town.log().len(), 3);
    // Another file of the same name, length and first line.
    let other = town.write("fw.log", &[&one, &line(2, "TWO"), &line(3, "THREE")]);
    import(&other);
    assert_eq!(town.log().len(), 6);
}

#[test]
fn a_crash_between_log_and_checkpoint_repeats_nothing() {
    let town = Town::new();
    let lines: Vec<String> = (0..20).map(|n| line(n, &format!("line {}", n % 3))).collect();
    let path = town.write("fw.log", &lines.iter().map(String::as_str).collect::<Vec<_>>());
    let other = town.write("auth.log", &[&line(5, "x"), &line(6, "y")]);
    let both = [format!("fw={}", path.display()), format!("auth={}", other.display())];
    town.import(None, &both);
    assert_eq!(town.log().len(), 22);
    // The checkpoint as it was before the first batch was noted.
    let file = town.0.path().join("data/import.json");
    std::fs::remove_file(&file).unwrap();
    let mut checkpoint = Checkpoint::load(&file).unwrap();
    for (source, first) in [("fw", &lines[0]), ("auth", &line(5, "x"))] {
        checkpoint.note(&Checkpoint::key("town", source, first.trim_end().as_bytes()), None, &Progress::default(), 0);
    }
    checkpoint.save().unwrap();
    town.import(None, &both);
    assert_eq!(town.log().len(), 22);
}

#[test]
fn the_same_file_named_twice_comes_in_once() {
    let town = Town::new();
    let a = town.write("a.log", &[&line(1, "x"), &line(2, "y")]).display().to_string();
    let b = town.write("b.log", &[&line(1, "x"), &line(2, "y")]).display().to_string();
    town.import(Some("fw"), &[a, b]);
    assert_eq!(town.log().len(), 2);
}
