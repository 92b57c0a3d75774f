//! Shippers and the libraries they are made of, against the listeners that speak their protocols.
//!
//! `.ci/run` puts the libraries into `target/senders`: Elastic's and OpenTelemetry's for Python, and a sender with the
//! lumberjack client of Beats.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::service::{Rsyslog, Service, TOKEN, needs, needs_file, needs_rsyslog_with};
use crate::syslog_ng::{self, SyslogNg};

/// A listener of every kind; without a word about its source the token says it.
const LISTENERS: &str = "[[listen.listener]]\nkind = \"elasticsearch\"\nbind = \"127.0.0.1:0\"\n\
    [[listen.listener]]\nkind = \"splunk_hec\"\nbind = \"127.0.0.1:0\"\n\
    [[listen.listener]]\nkind = \"otlp\"\nbind = \"127.0.0.1:0\"\n\
    [[listen.listener]]\nkind = \"beats\"\nbind = \"127.0.0.1:0\"\ntenant = \"town\"\nsource = \"linux01\"\n";

fn line(user: &str) -> String {
    let now = jiff::Timestamp::now().strftime("%b %e %H:%M:%S");
    format!("{now} web01 sshd[1]: Failed password for {user} from 203.0.113.9 port 4 ssh2")
}

/// The line was read as the source's product reads it, out of whatever it came in.
fn is_parsed(service: &Service, user: &str, count: usize) {
    let query = format!("user.name:{user} AND source.ip:203.0.113.9");
    service.wait_for(user, || service.count(&query) == count.min(1000));
}

fn senders(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/senders/bin").join(name)
}

fn run(command: &mut Command) -> String {
    let out = command.output().unwrap();
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.success() && !said.contains("ERROR") && !said.contains("Traceback"), "{command:?}: {said}");
    String::from_utf8(out.stdout).unwrap()
}

#[test]
fn curl_sends_to_every_http_listener() {
    if !needs(&["curl"]) {
        return;
    }
    let service = Service::start_with(LISTENERS);
    let curl = |kind: &str, path: &str, auth: &str, media: &str, body: &str| {
        let url = format!("http://127.0.0.1:{}{path}", service.port(kind));
        let (auth, media) = (format!("authorization: {auth}"), format!("content-type: {media}"));
        run(Command::new("curl").args([
            "-sS",
            "--fail-with-body",
            "-H",
            &auth,
            "-H",
            &media,
            "--data-binary",
            body,
            &url,
        ]))
    };
    let (bearer, splunk) = (format!("Bearer {TOKEN}"), format!("Splunk {TOKEN}"));
    let quoted = |user: &str| serde_json::Value::from(line(user)).to_string();
    let body = format!("{{\"index\":{{}}}}\n{{\"message\":{}}}\n", quoted("viabulk"));
    let answer = curl("elasticsearch", "/_bulk", &bearer, "application/x-ndjson", &body);
    assert!(answer.contains("\"errors\":false"), "{answer}");
    let body = format!("{{\"event\":{0}}}{{\"event\":{0}}}", quoted("viahec"));
    let answer = curl("splunk_hec", "/services/collector/event", &splunk, "application/json", &body);
    assert!(answer.contains("\"code\":0"), "{answer}");
    curl("splunk_hec", "/services/collector/raw", &splunk, "text/plain", &line("viaraw"));
    let body = format!(
        "{{\"resourceLogs\":[{{\"scopeLogs\":[{{\"logRecords\":[{{\"body\":{{\"stringValue\":{}}}}}]}}]}}]}}",
        quoted("viaotlp")
    );
    assert_eq!(curl("otlp", "/v1/logs", &bearer, "application/json", &body), "{}");
    for (user, count) in [("viabulk", 1), ("viahec", 2), ("viaraw", 1), ("viaotlp", 1)] {
        is_parsed(&service, user, count);
    }
}

#[test]
fn rsyslog_sends_documents_to_bulk() {
    if !needs(&["logger", "rsyslogd"]) || !needs_rsyslog_with(&["omelasticsearch.so"]) {
        return;
    }
    let service = Service::start_with(LISTENERS);
    let settings = "module(load=\"omelasticsearch\")\n\
        template(name=\"document\" type=\"list\" option.jsonf=\"on\") { \
        property(outname=\"@timestamp\" name=\"timereported\" dateFormat=\"rfc3339\" format=\"jsonf\") \
        property(outname=\"message\" name=\"rawmsg-after-pri\" format=\"jsonf\") }";
    let action = format!(
        "action(type=\"omelasticsearch\" server=\"127.0.0.1\" serverport=\"{}\" uid=\"any\" pwd=\"{TOKEN}\" \
         template=\"document\" searchIndex=\"logs\" searchType=\"\" bulkmode=\"on\" maxbytes=\"1m\" retryfailures=\"on\" \
         retryruleset=\"again\" action.resumeRetryCount=\"-1\" action.resumeInterval=\"1\")\n",
        service.port("elasticsearch")
    );
    let settings = format!("{settings}\nruleset(name=\"again\") {{ {action} }}");
    let rsyslog = Rsyslog::acting(&settings, &action);
    for _ in 0..20 {
        rsyslog.write("Failed password for viarsyslog from 203.0.113.9 port 4 ssh2");
    }
    is_parsed(&service, "viarsyslog", 20);
}

#[test]
fn syslog_ng_sends_documents_to_bulk() {
    if !needs(&["logger"]) || !syslog_ng::needed_with_http() {
        return;
    }
    let service = Service::start_with(LISTENERS);
    let syslog_ng = SyslogNg::bulk(service.port("elasticsearch"), TOKEN);
    for _ in 0..50 {
        syslog_ng.write("Failed password for viasyslogng from 203.0.113.9 port 4 ssh2");
    }
    is_parsed(&service, "viasyslogng", 50);
}

#[test]
fn the_client_libraries_are_content() {
    if !needs_file(&senders("python3")) {
        return;
    }
    let service = Service::start_with(LISTENERS);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/end_to_end/senders/shippers.py");
    for (kind, listener, user, count) in [
        ("elasticsearch", "elasticsearch", "viaclient", 2001),
        ("splunk", "splunk_hec", "viasplunk", 100),
        ("otlp-http", "otlp", "viaotlphttp", 100),
        ("otlp-grpc", "otlp", "viaotlpgrpc", 100),
    ] {
        let port = service.port(listener).to_string();
        run(Command::new(senders("python3")).arg(&script).args([kind, &port, TOKEN, &line(user)]));
        is_parsed(&service, user, count);
    }
}

#[test]
fn the_client_of_beats_is_acknowledged() {
    if !needs_file(&senders("beats")) {
        return;
    }
    let service = Service::start_with(LISTENERS);
    let address = format!("127.0.0.1:{}", service.port("beats"));
    for (level, user) in [("0", "viabeat"), ("3", "viapackedbeat")] {
        let said = run(Command::new(senders("beats")).args([&address, level, "3000", &line(user)]));
        assert_eq!(said.trim(), "3000");
        is_parsed(&service, user, 3000);
    }
    assert_eq!(service.received(), 6000);
    service.found_within("viabeat", Duration::from_secs(1));
}
