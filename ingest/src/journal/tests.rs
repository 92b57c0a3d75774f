//! A script that stands for `journalctl`, crashes between log and state, and the machine's own journal where it has one.

use std::os::unix::fs::PermissionsExt;

use stream::Topic;
use stream::log::LogConfig;

use super::*;

/// Gives the entries of a file behind the cursor that it is asked for, then waits as `--follow` does; TERM ends it.
const SCRIPT: &str = r#"#!/bin/sh
[ "$1" = --version ] && exit 0
here=$(dirname "$0")
echo "$*" >>"$here/asked"
after=0
for word; do case "$word" in --after-cursor=*) after=${word#--after-cursor=c} ;; esac; done
tail -n +$((after + 1)) "$here/entries"
[ -e "$here/ends" ] && exit 3
trap 'echo ended >>"$here/asked"; exit 0' TERM
while :; do sleep 0.05; done
"#;

struct Town {
    dir: tempfile::TempDir,
    log: Log,
}

struct Follower {
    cancel: CancellationToken,
    tasks: TaskTracker,
}

impl Town {
    fn new() -> Town {
        let dir = tempfile::tempdir().unwrap();
        let log = Log::open(LogConfig::in_dir(dir.path().join("log"))).unwrap();
        std::fs::write(dir.path().join("journalctl"), SCRIPT).unwrap();
        std::fs::set_permissions(dir.path().join("journalctl"), PermissionsExt::from_mode(0o755)).unwrap();
        // A program that another test starts just now may hold the file open until it is that program.
        while Command::new(dir.path().join("journalctl")).arg("--version").status().is_err() {
            std::thread::yield_now();
        }
        Town { dir, log }
    }

    /// The journal has so many entries.
    fn entries(&self, count: usize) {
        let lines = (1..=count).map(|number| format!("{{\"__CURSOR\":\"c{number}\",\"MESSAGE\":\"m{number}\"}}\n"));
        std::fs::write(self.dir.path().join("entries"), lines.collect::<String>()).unwrap();
    }

    fn config(&self, command: &str) -> JournalConfig {
        let command = self.dir.path().join(command);
        JournalConfig { tenant: "t".into(), source: "s".into(), directory: None, matches: vec!["A=b".into()], command }
    }

    fn follow(&self) -> Follower {
        let (cancel, tasks) = (CancellationToken::new(), TaskTracker::new());
        let state = self.dir.path().join("journal.json");
        let sink = Arc::new(self.log.clone());
        follow(&[self.config("journalctl")], &state, &self.log, sink, cancel.clone(), &tasks).unwrap();
        Follower { cancel, tasks }
    }

    fn messages(&self) -> Vec<String> {
        let mut reader = self.log.reader(Topic::Raw, 0, 0).unwrap();
        let mut found = Vec::new();
        while let Some(batch) = reader.poll(Duration::ZERO).unwrap() {
            let lines = batch.iter().map(|record| serde_json::from_slice::<serde_json::Value>(record.raw).unwrap());
            found.extend(lines.map(|line| line["MESSAGE"].as_str().unwrap().to_owned()));
        }
        found
    }

    async fn until(&self, count: usize) {
        let enough = async {
            while self.messages().len() < count {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), enough).await.unwrap();
    }

    fn asked(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.dir.path().join("asked")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}

impl Follower {
    async fn stop(self) {
        self.cancel.cancel();
        self.tasks.close();
        tokio::time::timeout(Duration::from_secs(10), self.tasks.wait()).await.unwrap();
    }
}

fn expected(count: usize) -> Vec<String> {
    (1..=count).map(|number| format!("m{number}")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_and_a_start_go_on_behind_the_cursor() {
    let town = Town::new();
    town.entries(1500);
    let follower = town.follow();
    town.until(1500).await;
    follower.stop().await;
    let first = town.asked();
    assert_eq!(first[0], "--follow --output=json --all --no-pager --quiet --no-tail --boot A=b");
    assert_eq!(first[1..], ["ended"], "asked to end, not killed");
    town.entries(1503);
    let follower = town.follow();
    town.until(1503).await;
    follower.stop().await;
    assert!(town.asked()[2].contains("--after-cursor=c1500"), "{:?}", town.asked());
    assert_eq!(town.messages(), expected(1503));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_crash_the_log_says_where_it_was() {
    let town = Town::new();
    town.entries(2);
    let follower = town.follow();
    town.until(2).await;
    follower.stop().await;
    // The state of before, as a crash within its second leaves it.
    let state = town.dir.path().join("journal.json");
    let before = std::fs::read(&state).unwrap();
    town.entries(5);
    let follower = town.follow();
    town.until(5).await;
    follower.stop().await;
    std::fs::write(&state, before).unwrap();
    town.entries(6);
    let follower = town.follow();
    town.until(6).await;
    follower.stop().await;
    assert_eq!(town.messages(), expected(6));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_child_that_ends_is_started_again() {
    let town = Town::new();
    town.entries(1);
    std::fs::write(town.dir.path().join("ends"), "").unwrap();
    let follower = town.follow();
    town.until(1).await;
    town.entries(2);
    town.until(2).await;
    follower.stop().await;
    assert_eq!(town.messages(), expected(2));
    assert!(town.asked().len() >= 2, "{:?}", town.asked());
}

#[tokio::test]
async fn without_journalctl_the_error_says_what_to_do() {
    let town = Town::new();
    let state = town.dir.path().join("journal.json");
    let (sink, cancel, tasks) = (Arc::new(town.log.clone()), CancellationToken::new(), TaskTracker::new());
    let said = follow(&[town.config("none")], &state, &town.log, sink, cancel, &tasks).unwrap_err().to_string();
    assert!(said.contains("none`") && said.contains("install systemd's journal tools"), "{said}");
}

#[test]
fn a_configuration_that_is_wrong_is_named() {
    let sources = crate::listen::tests::sources_of("[[source]]\ntenant='t'\nid='s'\nproduct='journald'\n");
    let read = |text: &str| toml::from_str::<JournalConfig>(text).unwrap();
    let good = read("tenant='t'\nsource='s'\nmatches=['_SYSTEMD_UNIT=ssh.service']\n");
    assert_eq!(JournalConfig::validate_all(std::slice::from_ref(&good), &sources), Ok(()));
    let wrong = |all: &[JournalConfig]| JournalConfig::validate_all(all, &sources).unwrap_err();
    assert_eq!(wrong(&[good.clone(), good.clone()]).0, 2);
    assert!(wrong(&[read("tenant='t'\nsource='s'\nmatches=['--root=/']\n")]).1.contains("FIELD=value"));
    assert!(wrong(&[read("tenant='t'\nsource='x'\n")]).1.contains("declares no source t/x"));
}

/// The machine's own journal, where it has one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_real_journalctl_understands_how_it_is_called() {
    let has = Command::new("journalctl").args(["--output=json", "--lines=1", "--no-pager"]).output();
    let Some(entry) = has.ok().filter(|output| output.stdout.starts_with(b"{")) else {
        eprintln!("skipped: needs journald (a journal with an entry, and journalctl)");
        return;
    };
    assert!(cursor_of(&entry.stdout).is_some());
    let town = Town::new();
    let config = JournalConfig { command: journalctl(), matches: Vec::new(), ..town.config("") };
    let (cancel, tasks) = (CancellationToken::new(), TaskTracker::new());
    let state = town.dir.path().join("journal.json");
    follow(&[config], &state, &town.log, Arc::new(town.log.clone()), cancel.clone(), &tasks).unwrap();
    let enough = async {
        while town.log.end_offset(Topic::Raw, 0) == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), enough).await.unwrap();
    Follower { cancel, tasks }.stop().await;
}
