//! The command as a user runs it: real processes, real senders, a real browser.
//!
//! A sender or browser that is not installed is skipped by name, unless `SEKISHO_REQUIRE=all`.

// `pub` in a test's modules means "for the test"; a panic in a helper is the report.
#![allow(unreachable_pub, clippy::unwrap_used, clippy::print_stdout)]

#[path = "end_to_end/archive.rs"]
mod archive;
#[path = "end_to_end/browser.rs"]
mod browser;
#[path = "end_to_end/collectors.rs"]
mod collectors;
#[path = "end_to_end/service.rs"]
mod service;
#[path = "end_to_end/shippers.rs"]
mod shippers;
#[path = "end_to_end/syslog_ng.rs"]
mod syslog_ng;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use service::{Rsyslog, Service, certificates, free_port, needs, needs_rsyslog_with, sekisho};
use syslog_ng::SyslogNg;

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
    for (word, framing) in [("octets", "octet-counted"), ("lines", "traditional")] {
        let rsyslog = Rsyslog::tcp(tcp, framing);
        rsyslog.write(&format!("Failed password for {word} from 203.0.113.9 port 40000 ssh2"));
        service.found_within(word, Duration::from_secs(3));
        rsyslog.write(&format!("Failed password for {word}two from 203.0.113.9 port 40000 ssh2"));
        service.found_within(&format!("{word}two"), Duration::from_secs(1));
    }
}

#[test]
fn rsyslog_over_tls_and_relp_is_known_by_its_certificate() {
    if !needs_rsyslog_with(&["lmnsd_gtls.so", "lmnsd_ossl.so", "omrelp.so"]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    certificates(dir.path(), &["localhost", "tls01.town.example", "relps01.town.example"]);
    let service = Service::start_connected(dir.path(), 0);
    let tls = |driver| Rsyslog::tls(driver, service.port("syslog_tls"), dir.path(), "tls01.town.example");
    let secure = Some((dir.path(), "relps01.town.example"));
    let senders = [
        ("bygnutls", tls("gtls")),
        ("byopenssl", tls("ossl")),
        ("byrelp", Rsyslog::relp(service.port("relp"), None)),
        ("byrelptls", Rsyslog::relp(service.port("town/relps01"), secure)),
    ];
    for (word, rsyslog) in &senders {
        rsyslog.write(&format!("Failed password for {word} from 203.0.113.9 port 40000 ssh2"));
        service.found_within(word, Duration::from_secs(5));
    }
    let expected =
        [("town/relp01", 1), ("town/relps01", 1), ("town/tls01", 2)].map(|(source, count)| (source.to_owned(), count));
    assert_eq!(service.received_by_source(), expected.into());
}

#[test]
fn syslog_ng_over_tls_is_known_by_its_certificate() {
    if !syslog_ng::needed() || !needs(&["logger"]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    certificates(dir.path(), &["localhost", "tls01.town.example"]);
    let service = Service::start_connected(dir.path(), 0);
    for driver in ["syslog", "network"] {
        let syslog_ng = SyslogNg::tls(driver, service.port("syslog_tls"), dir.path(), "tls01.town.example");
        let word = format!("ngby{driver}");
        syslog_ng.write(&format!("Failed password for {word} from 203.0.113.9 port 40000 ssh2"));
        service.found_within(&word, Duration::from_secs(5));
    }
    assert_eq!(service.received_by_source()["town/tls01"], 2);
}

#[test]
fn relp_loses_nothing_when_the_service_is_killed() {
    if !needs_rsyslog_with(&["omrelp.so"]) {
        return;
    }
    const LINES: usize = 20_000;
    let dir = tempfile::tempdir().unwrap();
    certificates(dir.path(), &["localhost"]);
    let mut service = Service::start_connected(dir.path(), free_port());
    let rsyslog = Rsyslog::relp(service.port("relp"), None);
    let lines: String =
        (0..LINES).map(|number| format!("Failed password for user{number} from 203.0.113.9 port 4 ssh2\n")).collect();
    std::fs::write(dir.path().join("lines"), lines).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| rsyslog.write_file(&dir.path().join("lines")));
        for received in [500, 4000] {
            service.wait_for("some lines", || service.received() > received);
            service.kill_and_restart();
        }
    });
    service.wait_for("every line", || service.received() >= LINES as u64);
    // Lines that came twice are still on their way.
    drop(rsyslog);
    service.stop();
    let data = service.data();
    let out = sekisho(&["search", "", "--data", data.to_str().unwrap(), "--format", "json", "--limit", "100000"]);
    let user = |line: &str| {
        let hit: serde_json::Value = serde_json::from_str(line).unwrap();
        hit.pointer("/user/name").or(hit.get("user.name")).unwrap().as_str().unwrap().to_owned()
    };
    let users: BTreeSet<String> = String::from_utf8(out).unwrap().lines().map(user).collect();
    assert_eq!(users.len(), LINES, "every line is found");
}

#[test]
fn an_unknown_sender_is_kept_and_adopted_while_it_sends() {
    let service = Service::start_shared();
    let now = || jiff::Timestamp::now().strftime("%b %e %H:%M:%S").to_string();
    let line =
        |word: &str| format!("<38>{} web sshd[1]: Failed password for {word} from 203.0.113.9 port 4 ssh2", now());
    service.send(&line("beforehand"));
    service.wait_for("the line", || service.received() == 1);
    let config = service.path("sekisho.toml").display().to_string();
    let listed = || String::from_utf8(sekisho(&["source", "list", "--config", &config])).unwrap();
    service.wait_for("the sender in the list", || listed().contains("127.0.0.1"));
    assert!(listed().contains("looks like: system") && listed().contains("beforehand"), "{}", listed());
    sekisho(&["source", "adopt", "127.0.0.1", "--id", "web", "--config", &config]);
    let adopted = || service.received_by_source().get("town/web").copied().unwrap_or(0);
    service.wait_for("a line of the adopted source", || {
        service.send(&line("afterwards"));
        adopted() > 0
    });
    assert!(listed().contains("no unknown sender"), "{}", listed());
    assert!(service.received_by_source()["town/unknown"] > 0, "what came before is where it was");
}

#[test]
fn a_followed_file_is_taken_once_through_rotation_and_kill() {
    let mut service = Service::start_following("*.log");
    let (old, new) = (service.path("app.old"), service.path("app.log"));
    let append = |path: &Path, lines: std::ops::Range<u32>| {
        let now = jiff::Timestamp::now().strftime("%b %e %H:%M:%S").to_string();
        let text: String = lines
            .map(|n| format!("{now} web sshd[1]: Failed password for user{n} from 203.0.113.9 port 4 ssh2\n"))
            .collect();
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
        std::io::Write::write_all(&mut file, text.as_bytes()).unwrap();
    };
    append(&new, 0..20_000);
    service.wait_for("some lines", || service.received() > 1_000);
    service.kill_and_restart();
    std::fs::rename(&new, &old).unwrap();
    append(&old, 20_000..20_010);
    append(&new, 20_010..30_000);
    service.wait_for("every line", || service.received() >= 30_000);
    service.kill_and_restart();
    append(&new, 30_000..30_001);
    service.wait_for("the last line", || service.received() > 30_000);
    assert_eq!(service.received(), 30_001);
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
