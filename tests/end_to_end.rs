//! The command as a user runs it: real processes, real senders, a real browser.
//!
//! A sender or browser that is not installed is skipped by name, unless `SEKISHO_REQUIRE=all`.

// `pub` in a test's modules means "for the test"; a panic in a helper is the report.
#![allow(unreachable_pub, clippy::unwrap_used, clippy::print_stdout)]

#[path = "end_to_end/browser.rs"]
mod browser;
#[path = "end_to_end/service.rs"]
mod service;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use service::{Service, needs, sekisho};

fn detect(dir: &Path) -> Vec<serde_json::Value> {
    let out = sekisho(&["detect", "--input", dir.to_str().unwrap()]);
    String::from_utf8(out).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn ids(alerts: &[serde_json::Value]) -> BTreeSet<String> {
    alerts.iter().map(|alert| alert["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_planted_incident_is_found_and_run_gives_the_ids_of_detect() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("town");
    sekisho(&["generate", "--profile", "town", "--seed", "11", "--events", "12000", "--out", out.to_str().unwrap()]);
    let alerts = detect(&out);
    assert_eq!(alerts, detect(&out), "detect is deterministic");
    let truth = std::fs::read_to_string(out.join("truth.ndjson")).unwrap();
    let mut unexplained: BTreeSet<String> = ids(&alerts);
    for incident in truth.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()) {
        let lines: Vec<&serde_json::Value> = incident["lines"].as_array().unwrap().iter().collect();
        let found: Vec<_> = alerts
            .iter()
            .filter(|alert| alert["tenant"] == incident["tenant"])
            .filter(|alert| alert["evidence"].as_array().unwrap().iter().any(|line| lines.contains(&line)))
            .collect();
        let by_usecase = |alert: &&&serde_json::Value| {
            alert["sekisho"]["usecase"].as_array().unwrap().contains(&incident["usecase"])
        };
        assert!(found.iter().any(|alert| by_usecase(&alert)), "{} was not found", incident["kind"]);
        for alert in found {
            unexplained.remove(alert["id"].as_str().unwrap());
        }
    }
    assert!(unexplained.len() <= 2, "{} alerts belong to no incident", unexplained.len());

    let service = Service::start(&out);
    service.send_all();
    service.wait_for("every alert", || ids(&service.alerts()) == ids(&alerts));
    assert_eq!(service.received(), 12_000);
    let verdict = Command::new(service::BINARY).args(["accounting", "--data"]).arg(service.data()).status().unwrap();
    assert!(verdict.success(), "accounting balances");
}

#[test]
fn logger_and_rsyslog_reach_the_search_page_within_a_second() {
    if !needs(&["logger", "rsyslogd"]) {
        return;
    }
    let service = Service::start_plain();
    let udp = service.port("syslog_udp").to_string();
    let logger = |word: &str, extra: &[&str]| {
        let mut command = Command::new("logger");
        command.env("TZ", "UTC");
        command.args(["-n", "127.0.0.1", "-P", &udp, "-t", "sshd"]).args(extra);
        let line = format!("Failed password for {word} from 203.0.113.9 port 40000 ssh2");
        assert!(command.arg(line).status().unwrap().success());
    };
    logger("viaudp", &["-d"]);
    service.found_within("viaudp", Duration::from_secs(1));
    let tcp = service.port("syslog_tcp");
    for (word, template) in [("octets", "TCP_Framing=\"octet-counted\""), ("lines", "TCP_Framing=\"traditional\"")] {
        let rsyslog = service.rsyslog(tcp, template);
        rsyslog.write(&format!("Failed password for {word} from 203.0.113.9 port 40000 ssh2"));
        service.found_within(word, Duration::from_secs(3));
        rsyslog.write(&format!("Failed password for {word}two from 203.0.113.9 port 40000 ssh2"));
        service.found_within(&format!("{word}two"), Duration::from_secs(1));
    }
}

#[test]
fn http_is_acknowledged_when_durable_and_refused_without_the_token() {
    let service = Service::start_plain();
    let url = format!("http://127.0.0.1:{}/ingest/v1/http01", service.port("http"));
    let now = jiff::Timestamp::now().strftime("%b %e %H:%M:%S").to_string();
    let lines = format!("{now} web sshd[1]: Failed password for overhttp from 203.0.113.9 port 4 ssh2\n").repeat(3);
    let post = |token: &str| ureq::post(&url).header("authorization", format!("Bearer {token}")).send(lines.as_bytes());
    assert!(post("wrong").is_err(), "a wrong token is refused");
    let answer = post(service::TOKEN).unwrap().body_mut().read_to_string().unwrap();
    assert_eq!(serde_json::from_str::<serde_json::Value>(&answer).unwrap()["accepted"], 3);
    service.found_within("overhttp", Duration::from_secs(1));
}

#[test]
fn changed_rules_judge_from_a_recorded_place_and_a_broken_set_is_refused_whole() {
    let rules = tempfile::tempdir().unwrap();
    let rule = |user: &str| {
        let text = format!(
            "title: Logon of a named user\nid: 6a9a4f0e-6a0c-4c5e-9a57-0d4f6c1c2b11\nlogsource:\n    product: linux\n\
             detection:\n    selection:\n        user.name: {user}\n    condition: selection\nlevel: high\n"
        );
        std::fs::write(rules.path().join("user.yml"), text).unwrap();
    };
    rule("alpha");
    let mut service = Service::start_with(&format!("rules = [{:?}]\n", rules.path()));
    let mut sent = 0;
    let mut send = |service: &Service, user: &str| {
        sent += 1;
        let now = jiff::Timestamp::now().strftime("%b %e %H:%M:%S");
        service.send(&format!("<38>{now} web sshd[{sent}]: Failed password for {user} from 203.0.113.9 port 4 ssh2"));
    };
    let versions = |service: &Service| -> Vec<String> {
        service.alerts().iter().map(|alert| alert["rule"]["version"].as_str().unwrap().to_owned()).collect()
    };
    send(&service, "alpha");
    service.wait_for("the first rule's alert", || service.alerts().len() == 1);
    rule("beta");
    service.reload("in use from here on");
    send(&service, "alpha");
    send(&service, "beta");
    service.wait_for("the second rule's alert", || service.alerts().len() == 2);
    assert_eq!(
        versions(&service).into_iter().collect::<BTreeSet<_>>().len(),
        2,
        "each alert carries its rule's version"
    );

    std::fs::write(rules.path().join("broken.yml"), "title: Broken\ndetection:\n    condition: nothing\n").unwrap();
    rule("gamma");
    service.reload("reload refused");
    send(&service, "gamma");
    send(&service, "beta");
    service.wait_for("an alert of the set that stays", || service.alerts().len() == 3);

    let before = ids(&service.alerts());
    service.kill_and_restart();
    assert_eq!(ids(&service.alerts()), before);
    assert_eq!(service.received(), 5);
    std::fs::remove_file(rules.path().join("broken.yml")).unwrap();
    service.reload("in use from here on");
    send(&service, "gamma");
    service.wait_for("an alert of the repaired set", || service.alerts().len() == 4);
}

#[test]
fn parse_answers_every_line_and_a_wrong_configuration_names_its_key() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("lines");
    std::fs::write(&path, b"\xff\xfe\n\nnot a firewall line\nsrcip=192.0.2.1 type=traffic\n").unwrap();
    let out = sekisho(&["parse", "--source", "fortigate", path.to_str().unwrap()]);
    assert_eq!(String::from_utf8(out).unwrap().lines().count(), 4);
    let config = dir.path().join("sekisho.toml");
    std::fs::write(&config, "[dashboards]\nport = 1\n").unwrap();
    let out = Command::new(service::BINARY).args(["check", "--config"]).arg(&config).output().unwrap();
    assert_eq!(out.status.code(), Some(2));
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(said.contains("unknown field `port`") && said.contains("line 2"), "{said}");
}

#[test]
fn init_gives_a_configuration_that_checks_and_runs() {
    for model in ["alpha", "beta", "internet-only", "prefecture"] {
        let dir = tempfile::tempdir().unwrap();
        let site = dir.path().join("site");
        let out = sekisho(&["init", site.to_str().unwrap(), "--model", model]);
        assert!(String::from_utf8(out).unwrap().starts_with("admin\n"), "{model} prints the first account");
        sekisho(&["check", "--config", site.join("sekisho.toml").to_str().unwrap()]);
    }
}

#[test]
fn built_in_rules_are_sound() {
    sekisho(&["rules", "check"]);
    let list = String::from_utf8(sekisho(&["rules", "list"])).unwrap();
    assert!(list.lines().count() > 15 && list.contains("X01"), "{list}");
}
