//! A source that was declared as the wrong product, and what becomes of its events.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use store::{ALL_TENANTS, Database, SearchRequest};
use stream::{Record, fields};

use super::*;
use crate::accounting::Accounting;
use crate::revision::{Loaded, Revisions};
use crate::worker::{Parts, Worker};

fn declare(dir: &Path, product: &str) {
    let source = |id: &str, product: &str| {
        format!("[[source]]\ntenant = \"town\"\nid = \"{id}\"\nproduct = \"{product}\"\ntz = \"UTC\"\n")
    };
    std::fs::write(dir.join("sources.toml"), source("linux01", product) + &source("other", "squid")).unwrap();
}

fn town(dir: &Path) -> Config {
    let town = dir.join("tenants/town");
    std::fs::create_dir_all(&town).unwrap();
    std::fs::create_dir_all(dir.join("rules")).unwrap();
    std::fs::write(town.join("tenant.toml"), "name = \"見本町\"\nmodel = \"alpha\"\n").unwrap();
    std::fs::write(town.join("zones.csv"), "prefix,zone,site,owner,valid_from,valid_until,note\n").unwrap();
    let rule = "title: Any line\nid: 6a9a4f0e-6a0c-4c5e-9a57-0d4f6c1c2b12\nlogsource:\n    definition: all\n\
                detection:\n    selection:\n        event.kind: pipeline_error\n    condition: selection\nlevel: low\n";
    std::fs::write(dir.join("rules/any.yml"), rule).unwrap();
    std::fs::write(dir.join("sekisho.toml"), "rules = [\"rules\"]\n").unwrap();
    declare(dir, "squid");
    let config = Config::load(&dir.join("sekisho.toml")).unwrap();
    std::fs::create_dir_all(&config.data).unwrap();
    config
}

/// Appends a line a minute, from this minute of 10 o'clock on, and works everything off.
fn work(config: &Config, lines: &[(&str, &str)], minute: usize) {
    let loaded = Arc::new(Loaded::from(config).unwrap());
    let revisions = Arc::new(Revisions::open(config));
    revisions.keep(config, Arc::clone(&loaded)).unwrap();
    let log = Log::open(config.stream.clone()).unwrap();
    for (at, (source, line)) in lines.iter().enumerate() {
        let received = Timestamp::parse_rfc3339(&format!("2026-11-20T10:{:02}:00Z", minute + at)).unwrap();
        let raw = line.as_bytes().to_vec().into();
        let record = Record {
            kind: RecordKind::Data,
            tenant: "town".into(),
            source: (*source).into(),
            peer: None,
            received,
            raw,
        };
        log.append(Topic::Raw, 0, vec![record]).unwrap().wait().unwrap();
    }
    let database = Database::open(config.database()).unwrap();
    let store = Store::open(config.store.clone()).unwrap();
    let parts = Parts {
        log: log.clone(),
        loaded,
        revisions,
        indexer: store.indexer(),
        accounting: Arc::new(Accounting::open(&database, &log).unwrap()),
        database,
        metrics: None,
        clock: || Timestamp::parse_rfc3339("2026-11-20T11:00:00Z").unwrap(),
    };
    Worker::open(parts, 0).unwrap().run(&AtomicBool::new(true)).unwrap();
    log.close();
}

/// Id, user and rules of every event, oldest first.
fn events(config: &Config) -> Vec<(String, String, bool)> {
    let store = Store::open_read_only(config.store.clone()).unwrap();
    let request =
        SearchRequest { tenants: vec![ALL_TENANTS.to_owned()], limit: 100, newest_first: false, ..Default::default() };
    let hits = store.searcher().search(&request).unwrap().hits;
    let text = |hit: &store::Hit, field: &str| hit.event.get(field).and_then(|v| v.as_str()).unwrap_or("").to_owned();
    let rows = hits.iter().map(|hit| {
        let ruled = hit.event.contains_key(fields::SEKISHO_RULE_IDS.name());
        (hit.id.to_string(), text(hit, fields::USER_NAME.name()), ruled)
    });
    rows.collect()
}

fn reparse(config: &Config, from: &str, to: &str, source: Option<&str>) {
    let args =
        Reparse { config: config.file.clone(), from: from.into(), to: to.into(), source: source.map(str::to_owned) };
    assert_eq!(run(&args).unwrap(), DONE);
}

#[test]
fn events_of_a_range_are_made_anew_under_their_ids() {
    let dir = tempfile::tempdir().unwrap();
    let config = town(dir.path());
    let line = |user: &str, minute: u32| {
        format!("<38>Nov 20 10:{minute:02}:00 web sshd[1]: Failed password for {user} from 203.0.113.9 port 4 ssh2")
    };
    let lines: Vec<String> = (0..6).map(|n| line(&format!("user{n}"), n)).collect();
    let all: Vec<(&str, &str)> =
        lines.iter().enumerate().map(|(n, line)| (["linux01", "other"][n / 5], line.as_str())).collect();
    work(&config, &all, 0);
    let before = events(&config);
    assert!(before.len() == 6 && before.iter().all(|(_, user, ruled)| user.is_empty() && *ruled), "{before:?}");
    declare(dir.path(), "system");
    let users = |config: &Config| events(config).into_iter().map(|(_, user, _)| user).collect::<Vec<_>>();
    reparse(&config, "2026-11-20T10:01:00Z", "2026-11-20T10:03:00Z", None);
    assert_eq!(users(&config), ["", "user1", "user2", "", "", ""], "what is outside the range stays");
    reparse(&config, "2026-11-20T09:00:00Z", "2026-11-20T12:00:00Z", Some("linux01"));
    assert_eq!(users(&config), ["user0", "user1", "user2", "user3", "user4", ""], "another source stays");
    let after = events(&config);
    let ids = |events: &[(String, String, bool)]| events.iter().map(|(id, ..)| id.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&after), ids(&before), "the same ids");
    assert!(after.iter().all(|(.., ruled)| *ruled), "what rules said stays");
    // What comes after goes on where the index was.
    work(&config, &[("linux01", &line("later", 30))], 30);
    assert_eq!(users(&config).len(), 7);
    reparse(&config, "2026-11-20T09:00:00Z", "2026-11-20T12:00:00Z", None);
    assert_eq!(ids(&events(&config))[..6], ids(&before)[..]);
}
