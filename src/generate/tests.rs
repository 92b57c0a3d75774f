//! The generator keeps its promises: same bytes, exact count, time order.

use super::*;

fn request(seed: u64, events: u64) -> Request {
    let start = Timestamp::parse_rfc3339(START).unwrap();
    Request { seed, events, start, incidents: Kind::ALL.to_vec() }
}

fn digest(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    let mut folders = vec![dir.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push((path.strip_prefix(dir).unwrap().display().to_string(), fs::read(&path).unwrap()));
            }
        }
    }
    files.sort();
    files
}

#[test]
fn same_seed_same_bytes() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["a", "b"] {
        let summary = write(&request(7, 6_000), &dir.path().join(name), |_| {}).unwrap();
        assert_eq!((summary.events, summary.incidents), (6_000, Kind::ALL.len()));
    }
    assert_eq!(digest(&dir.path().join("a")), digest(&dir.path().join("b")));
    assert!(write(&request(7, 6_000), &dir.path().join("a"), |_| {}).is_err(), "a full folder is refused");
}

#[test]
fn lines_are_in_time_order_and_the_silence_is_silent() {
    let mut timeline = Timeline::new(Plan::two_days(request(1, 8_000)));
    let lines: Vec<_> = timeline.by_ref().collect();
    assert_eq!(lines.len(), 8_000);
    assert!(lines.is_sorted_by_key(|line| line.time));
    let (from, until) = incidents::silence(request(1, 0).start);
    let spoke = |l: &&timeline::Line| l.source == sites::TOWN_EDGE && (from..until).contains(&l.time);
    assert_eq!(lines.iter().filter(spoke).count(), 0);
    let truth = timeline.into_truth();
    for incident in &truth {
        for planted in &incident.lines {
            assert!(lines.iter().any(|line| line.text == planted.line), "{:?}", incident.kind);
        }
    }
}
