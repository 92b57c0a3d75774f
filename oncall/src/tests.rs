//! Delivery against a small HTTP server and a small mail server.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use store::Database;
use stream::{Alert, AlertDetail, AlertRule, Level, Timestamp};
use tokio_util::sync::CancellationToken;

use crate::*;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn alert() -> Alert {
    Alert {
        id: "0123456789abcdef0123456789abcdef".into(),
        timestamp: Timestamp::from_seconds(1_795_151_109),
        tenant: "town".into(),
        rule: AlertRule {
            id: "r1".into(), name: "許可外の通信\r\nBcc: evil@example.com".into(), version: "1".into()
        },
        level: Level::Critical,
        sekisho: AlertDetail { usecase: vec!["X01".into()], flow: None, page: true },
        group: BTreeMap::new(),
        events: Vec::new(),
        evidence: Vec::new(),
        event_count: 3,
        anchor: BTreeMap::from([
            ("source.ip".into(), "192.0.2.1".into()),
            ("user.name".into(), "a\r\nX: y\u{202e}".into()),
        ]),
    }
}

/// Headers and body.
type Received = (BTreeMap<String, String>, String);

/// Serves one request per status and then stops; keeps what it got.
fn http_server(statuses: Vec<u16>) -> (String, Arc<Mutex<Vec<Received>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let got = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&got);
    std::thread::spawn(move || {
        for status in statuses {
            let (mut stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut headers = BTreeMap::new();
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                match line.trim_end().split_once(": ") {
                    Some((name, value)) => headers.insert(name.to_lowercase(), value.to_owned()),
                    None if line.trim_end().is_empty() => break,
                    None => None,
                };
            }
            let mut body = vec![0; headers["content-length"].parse().unwrap()];
            reader.read_exact(&mut body).unwrap();
            kept.lock().unwrap().push((headers, String::from_utf8(body).unwrap()));
            write!(stream, "HTTP/1.1 {status} x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").unwrap();
        }
    });
    (url, got)
}

/// Accepts one mail and keeps the dialogue.
fn mail_server() -> (u16, Arc<Mutex<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let got = Arc::new(Mutex::new(String::new()));
    let kept = Arc::clone(&got);
    std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        talk(stream, &kept);
    });
    (port, got)
}

fn talk(mut stream: TcpStream, kept: &Mutex<String>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut data = false;
    stream.write_all(b"220 test\r\n").unwrap();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        kept.lock().unwrap().push_str(&line);
        let answer: &[u8] = match line.trim_end() {
            "." if data => {
                data = false;
                b"250 queued\r\n"
            }
            _ if data => continue,
            "DATA" => {
                data = true;
                b"354 go\r\n"
            }
            "QUIT" => b"221 bye\r\n",
            _ => b"250 ok\r\n",
        };
        stream.write_all(answer).unwrap();
    }
}

/// Runs a deliverer with a clock that jumps over every pause until nothing is pending.
fn deliver(config: Config) -> (tempfile::TempDir, Database) {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::open(folder.path().join("db")).unwrap();
    let now = Arc::new(AtomicI64::new(alert().timestamp.0));
    let clock: Clock = {
        let now = Arc::clone(&now);
        Arc::new(move || Timestamp(now.load(Ordering::SeqCst)))
    };
    for channel in config.channel_names() {
        let payload = serde_json::to_string(&alert()).unwrap();
        assert!(database.outbox_add(&alert().id, &channel, &payload, alert().timestamp).unwrap());
    }
    let deliverer = Deliverer::new(config, database.clone()).unwrap().with_clock(clock);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let cancel = CancellationToken::new();
        let task = tokio::spawn(deliverer.run(cancel.clone()));
        let limit = Instant::now() + Duration::from_secs(15);
        while database.outbox_stats().unwrap().pending > 0 && Instant::now() < limit {
            if let Some(next) = database.outbox_next().unwrap() {
                now.fetch_max(next.0, Ordering::SeqCst);
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        cancel.cancel();
        task.await.unwrap();
    });
    (folder, database)
}

fn webhook(url: String, attempts_max: u32) -> Config {
    let channel = Webhook { name: "duty".into(), url, secret: Some(Secret::new(SECRET)), timeout_seconds: 2 };
    Config {
        channels: vec![Channel::Webhook(channel)],
        attempts_max,
        poll_ms: 10,
        public_url: Some("https://sekisho.example.jp/".into()),
        ..Config::default()
    }
}

#[test]
fn webhook_is_retried_with_one_key_and_a_good_signature() {
    let (url, got) = http_server(vec![503, 500, 200]);
    let (_folder, database) = deliver(webhook(url, 5));
    let stats = database.outbox_stats().unwrap();
    assert_eq!((stats.done, stats.failed, stats.pending), (1, 0, 0));
    let got = got.lock().unwrap();
    assert_eq!(got.len(), 3);
    for (headers, body) in got.iter() {
        let key = &headers["webhook-id"];
        assert_eq!(key, "0123456789abcdef0123456789abcdef:duty");
        assert_eq!(&headers["idempotency-key"], key);
        let good =
            verify(&Secret::new(SECRET), key, &headers["webhook-timestamp"], body, &headers["webhook-signature"]);
        assert!(good.unwrap());
        let json: serde_json::Value = serde_json::from_str(body).unwrap();
        let text = json["data"]["text"].as_str().unwrap();
        assert!(
            text.contains("【緊急】") && text.contains("発生: 2026/11/20") && text.contains("送信元: 192.0.2.1"),
            "{text}"
        );
        assert!(text.contains("https://sekisho.example.jp/alerts/0123456789abcdef0123456789abcdef"));
        assert!(!text.contains('\r') && !text.contains('\u{202e}'));
        assert_eq!(json["data"]["alert"]["level"], "critical");
    }
}

#[test]
fn a_page_whose_record_is_refused_is_not_sent_again() {
    let (url, got) = http_server(vec![200, 200]);
    let folder = tempfile::tempdir().unwrap();
    let database = Database::open(folder.path().join("db")).unwrap();
    let payload = serde_json::to_string(&alert()).unwrap();
    assert!(database.outbox_add(&alert().id, "duty", &payload, alert().timestamp).unwrap());
    let beside = rusqlite::Connection::open(folder.path().join("db")).unwrap();
    let refuse = "CREATE TRIGGER refuse BEFORE UPDATE ON outbox BEGIN SELECT RAISE(FAIL, 'full'); END";
    beside.execute_batch(refuse).unwrap();
    let deliverer = Deliverer::new(webhook(url, 5), database.clone()).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let until = async |done: &dyn Fn() -> bool| {
            let limit = Instant::now() + Duration::from_secs(15);
            while !done() && Instant::now() < limit {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let cancel = CancellationToken::new();
        let task = tokio::spawn(deliverer.run(cancel.clone()));
        until(&|| !got.lock().unwrap().is_empty()).await;
        // Twenty times the pause between two looks at the outbox.
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(database.outbox_stats().unwrap().pending, 1);
        beside.execute_batch("DROP TRIGGER refuse").unwrap();
        until(&|| database.outbox_stats().unwrap().done == 1).await;
        cancel.cancel();
        task.await.unwrap();
    });
    assert_eq!((database.outbox_stats().unwrap().done, got.lock().unwrap().len()), (1, 1));
}

#[test]
fn a_page_is_given_up_after_the_last_attempt_and_at_once_when_gone() {
    let (url, got) = http_server(vec![500, 500]);
    let (_folder, database) = deliver(webhook(url, 2));
    assert_eq!((database.outbox_stats().unwrap().failed, got.lock().unwrap().len()), (1, 2));
    let (url, got) = http_server(vec![410]);
    let (_folder, database) = deliver(webhook(url, 9));
    assert_eq!((database.outbox_stats().unwrap().failed, got.lock().unwrap().len()), (1, 1));
}

#[test]
fn mail_has_a_japanese_subject_and_no_injected_header() {
    let (port, got) = mail_server();
    let channel = Smtp {
        name: "mail".into(),
        host: "127.0.0.1".into(),
        port: Some(port),
        tls: Tls::Plain,
        user: None,
        password: None,
        from: "sekisho@example.jp".into(),
        to: vec!["duty@example.jp".into(), "night@example.jp".into()],
        timeout_seconds: 5,
    };
    let (_folder, database) =
        deliver(Config { channels: vec![Channel::Smtp(channel)], poll_ms: 10, ..Config::default() });
    assert_eq!(database.outbox_stats().unwrap().done, 1);
    let got = got.lock().unwrap();
    assert!(got.contains("RCPT TO:<duty@example.jp>") && got.contains("RCPT TO:<night@example.jp>"));
    assert!(got.contains("Message-ID: <0123456789abcdef0123456789abcdef.mail@sekisho>"));
    assert!(got.contains("Subject: =?utf-8?b?"));
    assert!(!got.to_lowercase().contains("\r\nbcc:") && !got.contains("\r\nX: y"));
}

#[test]
fn configuration_names_the_wrong_key() {
    let read = |text: &str| serde_json::from_str::<Config>(text);
    let unknown =
        read(r#"{"channel": [{"kind": "webhook", "name": "a", "url": "https://example.jp", "sekret": "x"}]}"#);
    assert!(unknown.unwrap_err().to_string().contains("sekret"));
    let wrong = [
        (r#"{"attempts_max": 0}"#, "oncall.attempts_max"),
        (r#"{"channel": [{"kind": "webhook", "name": "a b", "url": "https://example.jp"}]}"#, "name"),
        (r#"{"channel": [{"kind": "webhook", "name": "a", "url": "ftp://example.jp"}]}"#, "url"),
        (
            r#"{"channel": [{"kind": "webhook", "name": "a", "url": "https://example.jp", "secret": "short"}]}"#,
            "secret",
        ),
        (
            r#"{"channel": [{"kind": "smtp", "name": "a", "host": "h", "from": "x", "to": ["a@b.example"]}]}"#,
            "mail address",
        ),
        (
            r#"{"channel": [{"kind": "smtp", "name": "a", "host": "h", "tls": "plain", "user": "u", "password": "p", "from": "a@b.example", "to": ["a@b.example"]}]}"#,
            "plain",
        ),
    ];
    for (text, part) in wrong {
        let error = read(text).unwrap().validate().unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
    let hidden = format!("{:?}", webhook("https://example.jp".into(), 1));
    assert!(!hidden.contains(&SECRET[6..]));
}
