//! The log on a real Apache Kafka: killed and restarted, with TLS, a client certificate and SCRAM.
//!
//! Needs Java, and Maven once (`tests/kafka/broker.sh`). Skipped by name where they are missing, unless
//! `SEKISHO_REQUIRE=all`.

#![cfg(feature = "kafka")]
// A broker is waited for by asking it now and then: it gives no signal.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods)]

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use stream::log::{Log, LogConfig, Mechanism, Retention, SaslConfig, StreamKind, TlsConfig};
use stream::{Record, RecordKind, Timestamp, Topic};

const RAW: Topic = Topic::Raw;

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/kafka/broker.sh")
}

/// Whether a broker can be started. Says so and gives false otherwise; with `SEKISHO_REQUIRE=all` that fails.
fn needs_kafka() -> bool {
    let there = Command::new("bash").arg(script()).arg("jars").status().is_ok_and(|status| status.success());
    if !there {
        println!("skipped: needs kafka");
        assert_ne!(std::env::var("SEKISHO_REQUIRE").as_deref(), Ok("all"), "java and maven are not installed");
    }
    there
}

/// A running broker.
struct Broker {
    dir: PathBuf,
    port: u16,
    kind: &'static str,
    process: Child,
}

impl Broker {
    fn start(dir: &Path, kind: &'static str) -> Broker {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Broker { process: launch(dir, port, kind), dir: dir.to_owned(), port, kind }
    }

    fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    fn restart(&mut self) {
        self.process = launch(&self.dir, self.port, self.kind);
    }

    fn config(&self, data: &Path) -> LogConfig {
        let retention = Retention { age: Some(Duration::from_secs(86_400)), ..Retention::default() };
        let mut config = LogConfig { kind: StreamKind::Kafka, retention, ..LogConfig::in_dir(data) };
        config.kafka.brokers = vec![format!("127.0.0.1:{}", self.port)];
        (config.kafka.replication, config.kafka.min_insync_replicas) = (1, 1);
        config
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn launch(dir: &Path, port: u16, kind: &str) -> Child {
    let log = std::fs::File::options().create(true).append(true).open(dir.join("broker.log")).unwrap();
    let mut command = Command::new("bash");
    command.arg(script()).arg("run").arg(dir).arg(port.to_string()).arg(kind);
    let mut process = command.stdout(log.try_clone().unwrap()).stderr(log).stdin(Stdio::null()).spawn().unwrap();
    let until = Instant::now() + Duration::from_secs(90);
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        let told = || std::fs::read_to_string(dir.join("broker.log")).unwrap_or_default();
        assert!(process.try_wait().unwrap().is_none(), "the broker ended:\n{}", told());
        assert!(Instant::now() < until, "no broker within 90 s:\n{}", told());
        std::thread::sleep(Duration::from_millis(100));
    }
    process
}

fn record(number: u64) -> Record {
    Record {
        kind: RecordKind::Data,
        tenant: "town".into(),
        source: "fw".into(),
        peer: Some("192.0.2.1".parse().unwrap()),
        received: Timestamp(1_800_000_000_000_000_001 + number as i64),
        raw: format!("<134>Nov 29 10:00:00 fw line {number} src=192.0.2.1 dst=198.51.100.2 action=deny").into(),
    }
}

/// Reads a partition to its end and holds it to `0..count`.
fn holds(log: &Log, count: u64) {
    assert_eq!(log.end_offset(RAW, 0), count);
    let (mut reader, mut next) = (log.reader(RAW, 0, 0).unwrap(), 0);
    while let Some(batch) = reader.next_below(count).unwrap() {
        assert!(batch.gap().is_none());
        for found in batch.iter() {
            assert_eq!(found, record(next).as_ref(next));
            next += 1;
        }
    }
    assert_eq!(next, count);
}

#[test]
fn a_broker_that_is_killed_loses_and_doubles_nothing() {
    if !needs_kafka() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut broker = Broker::start(dir.path(), "plain");
    let config = LogConfig { raw_partitions: 2, ..broker.config(&dir.path().join("stream")) };
    let log = Log::open(config.clone()).unwrap();
    assert_eq!((log.partitions(RAW), log.partitions(Topic::Matches), log.end_offset(RAW, 0)), (2, 2, 0));

    // One thread appends and counts what is acknowledged, in order, while the broker is killed twice.
    let (stop, durable) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let appending = {
        let (log, stop, durable) = (log.clone(), Arc::clone(&stop), Arc::clone(&durable));
        std::thread::spawn(move || {
            let mut next = 0;
            while !stop.load(Ordering::Relaxed) {
                let ack = log.append(RAW, 0, (next..next + 500).map(record).collect()).unwrap();
                assert_eq!(ack.wait().unwrap(), next);
                next += 500;
                durable.store(next, Ordering::Relaxed);
            }
            next
        })
    };
    for kill in 0..2 {
        let before = durable.load(Ordering::Relaxed);
        std::thread::sleep(Duration::from_millis(1000));
        broker.kill();
        std::thread::sleep(Duration::from_millis(500));
        let while_down = durable.load(Ordering::Relaxed);
        std::thread::sleep(Duration::from_millis(500));
        assert!(while_down > before, "kill {kill}: nothing was appended before it");
        assert_eq!(durable.load(Ordering::Relaxed), while_down, "nothing is acknowledged without a broker");
        broker.restart();
        let until = Instant::now() + Duration::from_secs(60);
        while durable.load(Ordering::Relaxed) == while_down {
            assert!(Instant::now() < until, "appending did not go on after kill {kill}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    stop.store(true, Ordering::Relaxed);
    let count = appending.join().unwrap();
    holds(&log, count);
    println!("{count} records through 2 kills of the broker: none lost, none doubled");

    log.commit("sekisho", RAW, 0, 42).unwrap();
    let until = Instant::now() + Duration::from_secs(20);
    while log.committed("sekisho", RAW, 0) != Some(42) {
        assert!(Instant::now() < until, "the committed offset did not arrive");
        std::thread::sleep(Duration::from_millis(100));
    }
    log.close();

    let again = Log::open(config.clone()).unwrap();
    holds(&again, count);
    again.close();
    let error = Log::open(LogConfig { raw_partitions: 3, ..config.clone() }).unwrap_err().to_string();
    assert!(error.contains("2 partitions"), "{error}");
    let mut three = LogConfig { dir: dir.path().join("other"), ..config };
    (three.kafka.replication, three.kafka.min_insync_replicas) = (3, 2);
    Log::open(three).expect("topics with fewer copies than configured are a warning").close();
}

#[test]
fn tls_with_a_client_certificate_and_scram() {
    if !needs_kafka() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let broker = Broker::start(dir.path(), "sasl_ssl");
    let file = |name: &str| Some(dir.path().join(name));
    let mut config = broker.config(&dir.path().join("stream"));
    config.kafka.connect_seconds_max = 30;
    config.kafka.tls = Some(TlsConfig {
        ca: file("ca.pem"),
        certificate: file("client.pem"),
        key: file("client.key"),
        key_password_file: None,
    });
    config.kafka.sasl = Some(SaslConfig {
        mechanism: Mechanism::ScramSha512,
        user: "sekisho".to_owned(),
        password_file: file("password"),
        token_file: None,
    });
    let log = Log::open(config.clone()).unwrap();
    log.append(RAW, 0, (0..1000).map(record).collect()).unwrap().wait().unwrap();
    holds(&log, 1000);
    log.close();

    let mut wrong = config.clone();
    wrong.kafka.connect_seconds_max = 3;
    std::fs::write(dir.path().join("wrong"), "a-wrong-password\n").unwrap();
    wrong.kafka.sasl.as_mut().unwrap().password_file = file("wrong");
    let error = Log::open(wrong.clone()).unwrap_err().to_string();
    assert!(!error.contains("a-wrong-password"), "{error}");
    wrong.kafka.sasl = config.kafka.sasl.clone();
    wrong.kafka.tls.as_mut().unwrap().certificate = None;
    wrong.kafka.tls.as_mut().unwrap().key = None;
    Log::open(wrong).expect_err("a broker that asks for a certificate gets none");
}
