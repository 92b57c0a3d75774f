//! Files that are rotated and truncated, and crashes between the log and the state.

use std::io::Write as _;

use stream::log::LogConfig;

use super::*;

struct Town {
    dir: tempfile::TempDir,
    log: Log,
}

impl Town {
    fn new() -> Town {
        let dir = tempfile::tempdir().unwrap();
        let log = Log::open(LogConfig::in_dir(dir.path().join("log"))).unwrap();
        Town { dir, log }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn append(&self, name: &str, text: &str) {
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(self.path(name)).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    fn tailer(&self, pattern: &str) -> Tailer {
        let config = FileConfig { paths: vec![self.path(pattern)], tenant: "t".into(), source: "s".into() };
        Tailer::open(&[config], &self.path("state.json"), &self.log, Arc::new(self.log.clone())).unwrap()
    }

    /// Everything in the log.
    fn lines(&self) -> Vec<String> {
        let mut reader = self.log.reader(Topic::Raw, 0, 0).unwrap();
        let mut lines = Vec::new();
        while let Some(batch) = reader.poll(Duration::ZERO).unwrap() {
            lines.extend(batch.iter().map(|record| String::from_utf8(record.raw.to_vec()).unwrap()));
        }
        lines
    }
}

impl Tailer {
    /// Reads all there is, looking up names first.
    async fn catch_up(&mut self) {
        self.found_at = None;
        while self.turn().await {}
    }
}

#[tokio::test]
async fn lines_are_read_when_they_are_whole() {
    let town = Town::new();
    town.append("app.log", "one\r\n\ntwo\nthr");
    let mut tailer = town.tailer("*.log");
    tailer.catch_up().await;
    assert_eq!(town.lines(), ["one", "two"]);
    town.append("app.log", "ee\n");
    town.append("other.log", "four\n");
    tailer.catch_up().await;
    assert_eq!(town.lines(), ["one", "two", "three", "four"]);
}

#[tokio::test]
async fn rotation_by_rename_and_by_truncate_loses_and_repeats_nothing() {
    let town = Town::new();
    town.append("app.log", "1\n");
    let mut tailer = town.tailer("app.log");
    tailer.catch_up().await;
    // Renamed, written to once more under the new name, and a new file in its place.
    std::fs::rename(town.path("app.log"), town.path("app.log.1")).unwrap();
    town.append("app.log.1", "2\n");
    town.append("app.log", "3\n");
    tailer.catch_up().await;
    assert_eq!(town.lines(), ["1", "2", "3"]);
    // Copied and truncated; then grown beyond what was read before anybody looked.
    std::fs::copy(town.path("app.log"), town.path("app.log.2")).unwrap();
    std::fs::write(town.path("app.log"), "4\n5\n6\n").unwrap();
    tailer.catch_up().await;
    std::fs::write(town.path("app.log"), "").unwrap();
    tailer.catch_up().await;
    town.append("app.log", "7\n");
    tailer.catch_up().await;
    assert_eq!(town.lines(), ["1", "2", "3", "4", "5", "6", "7"]);
}

#[tokio::test]
async fn a_pattern_that_names_rotated_files_too_reads_each_once() {
    let town = Town::new();
    town.append("app.log", "1\n");
    let mut tailer = town.tailer("app.log*");
    tailer.catch_up().await;
    std::fs::rename(town.path("app.log"), town.path("app.log.1")).unwrap();
    town.append("app.log", "2\n");
    tailer.catch_up().await;
    assert_eq!(town.lines(), ["1", "2"]);
}

#[tokio::test]
async fn a_crash_between_log_and_state_neither_repeats_nor_leaves_out() {
    let town = Town::new();
    town.append("a.log", "same\na2\na3\n");
    town.append("b.log", "same\nb2\n");
    let mut tailer = town.tailer("*.log");
    tailer.catch_up().await;
    tailer.keep();
    town.append("a.log", "same\n\na5\n");
    town.append("b.log", "same\nb4\n");
    tailer.catch_up().await;
    // Killed here: the log has what the state does not know. Meanwhile a file is rotated, and both grow.
    drop(tailer);
    town.append("b.log", "b5\n");
    std::fs::rename(town.path("b.log"), town.path("b.old")).unwrap();
    town.append("b.log", "b6\n");
    town.append("a.log", "a6\n");
    let mut tailer = town.tailer("*.log");
    tailer.catch_up().await;
    let mut lines = town.lines();
    lines.sort();
    let expected = ["a2", "a3", "a5", "a6", "b2", "b4", "b5", "b6", "same", "same", "same", "same"];
    assert_eq!(lines, expected);
    // A clean stop and start reads nothing twice.
    tailer.keep();
    drop(tailer);
    town.tailer("*.log").catch_up().await;
    assert_eq!(town.lines().len(), expected.len());
}

#[tokio::test]
async fn a_line_without_an_end_in_sight_is_cut_into_records() {
    let town = Town::new();
    let long = "x".repeat(2 * TURN_BYTES + 7);
    town.append("app.log", &format!("{long}\nnext\n"));
    town.tailer("app.log").catch_up().await;
    let lines = town.lines();
    assert_eq!(lines.iter().map(String::len).collect::<Vec<_>>(), [TURN_BYTES, TURN_BYTES, 7, 4]);
}

#[tokio::test]
async fn a_damaged_state_is_an_error_that_says_what_to_do() {
    let town = Town::new();
    std::fs::write(town.path("state.json"), "{").unwrap();
    let said = State::load(&town.path("state.json")).err().unwrap().to_string();
    assert!(said.contains("state.json") && said.contains("remove it"), "{said}");
}
