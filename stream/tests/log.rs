//! The log on a real folder under `kill -9`, and, with `--features failpoints`, under injected failures.

#![allow(clippy::unwrap_used, reason = "helpers of tests: a panic is the report")]

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use stream::log::{Codec, Log, LogConfig};
use stream::{Record, RecordKind, Timestamp, Topic};

const RAW: Topic = Topic::Raw;

/// Failpoints act on the whole process: one test at a time.
static ALONE: Mutex<()> = Mutex::new(());

fn record(number: u64) -> Record {
    Record {
        kind: RecordKind::Data,
        tenant: "town".into(),
        source: "firewall".into(),
        peer: None,
        received: Timestamp::from_seconds(1_700_000_000),
        raw: format!("line {number} {}", "x".repeat(number as usize % 500)).into_bytes().into(),
    }
}

fn config(dir: &std::path::Path) -> LogConfig {
    LogConfig { segment_bytes: 64 << 10, fsync_ms_max: 1, codec: Codec::None, ..LogConfig::in_dir(dir) }
}

/// Reads everything, checks every byte, and returns the end.
fn check(log: &Log) -> u64 {
    let end = log.end_offset(RAW, 0);
    let mut reader = log.reader(RAW, 0, 0).unwrap();
    let mut expected = 0;
    while expected < end {
        let batch = reader.poll(Duration::ZERO).unwrap().unwrap();
        assert_eq!(batch.gap(), None);
        for read in batch.iter() {
            assert_eq!(read, record(expected).as_ref(expected));
            expected += 1;
        }
    }
    end
}

/// Not a test: the process that the next one kills. Appends for ever and prints each acknowledged end.
#[test]
#[ignore = "started and killed by another test"]
fn child_appends() {
    let Ok(dir) = std::env::var("SEKISHO_TEST_LOG_DIR") else { return };
    let log = Log::open(config(dir.as_ref())).unwrap();
    let mut next = log.end_offset(RAW, 0);
    let mut out = std::io::stdout();
    loop {
        let count = next % 37 + 1;
        let ack = log.append(RAW, 0, (next..next + count).map(record).collect()).unwrap();
        assert_eq!(ack.wait().unwrap(), next);
        next += count;
        writeln!(out, "acknowledged {next}").unwrap();
    }
}

#[test]
fn kill_9_loses_nothing_that_was_acknowledged() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let dir = tempfile::tempdir().unwrap();
    let mut end = 0;
    for round in 0..12 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child_appends", "--ignored", "--nocapture"])
            .env("SEKISHO_TEST_LOG_DIR", dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut acknowledged = end;
        let mut seen = 0;
        while let Some(Ok(line)) = lines.next() {
            if let Some((_, number)) = line.split_once("acknowledged ") {
                acknowledged = number.parse().unwrap();
                seen += 1;
            }
            if seen == 5 + round * 7 {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        let log = Log::open(config(dir.path())).unwrap();
        end = check(&log);
        assert!(end >= acknowledged && acknowledged > 0, "{end} {acknowledged}");
        log.close();
    }
}

#[cfg(feature = "failpoints")]
mod failpoints {
    use super::*;
    use stream::Error;

    /// Appends 100 records, then more while a failpoint acts; returns what the append came to.
    fn append_under(dir: &std::path::Path, point: &str, action: &str) -> Result<u64, Error> {
        let log = Log::open(config(dir)).unwrap();
        let end = check(&log);
        log.append(RAW, 0, (end..end + 100).map(record).collect()).unwrap().wait().unwrap();
        fail::cfg(point, action).unwrap();
        // The checkpoint that follows the first append may meet the failure before the second one does.
        let result = log.append(RAW, 0, (end + 100..end + 300).map(record).collect()).and_then(|ack| ack.wait());
        fail::remove(point);
        assert!(result.is_ok() || matches!(log.append(RAW, 0, vec![record(0)]), Err(Error::Stopped { .. })));
        let log = {
            log.close();
            Log::open(config(dir)).unwrap()
        };
        assert!(check(&log) >= end + if result.is_ok() { 300 } else { 100 });
        log.close();
        result
    }

    #[test]
    fn every_failure_keeps_what_was_acknowledged() {
        let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let _scenario = fail::FailScenario::setup();
        let dir = tempfile::tempdir().unwrap();
        for (point, action, waits_out) in [
            ("log-write", "return(eio)", false),
            ("log-short-write", "return(eio)", false),
            ("log-sync", "return(eio)", false),
            ("log-between-write-and-sync", "return", false),
            ("log-between-write-and-sync", "panic", false),
            ("log-create", "return(eio)", false),
            ("log-sync-dir", "return(eio)", false),
            ("log-rename", "return(eio)", false),
            ("log-write", "1*return(enospc)", true),
            ("log-short-write", "2*return(enospc)", true),
            ("log-create", "1*return(enospc)", true),
        ] {
            let result = append_under(dir.path(), point, action);
            assert_eq!(result.is_ok(), waits_out, "{point} {action}: {result:?}");
        }
    }
}
