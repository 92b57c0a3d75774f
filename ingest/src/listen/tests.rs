//! Listeners against real sockets, with a sink in memory.

use std::io::Write as _;
use std::sync::Mutex;

use sha2::Digest as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};

use super::*;
use crate::sink::Durable;

#[derive(Default)]
pub(super) struct Memory {
    pub(super) records: Mutex<Vec<Record>>,
    pub(super) broken: std::sync::atomic::AtomicBool,
}

impl Sink for Memory {
    fn append(&self, records: Vec<Record>) -> Durable<'_> {
        Box::pin(async move {
            if self.broken.load(std::sync::atomic::Ordering::SeqCst) {
                return Err(Error::Append("the disk is full".into()));
            }
            self.records.lock().unwrap().extend(records);
            Ok(())
        })
    }
}

pub(super) struct Running {
    pub(super) sink: Arc<Memory>,
    pub(super) listeners: Listeners,
    pub(super) bound: Vec<Bound>,
    cancel: CancellationToken,
    tasks: TaskTracker,
}

pub(super) const TOKEN: &str = "0123456789abcdef";

fn sources() -> Arc<Sources> {
    let digest = sha2::Sha256::digest(TOKEN.as_bytes());
    let hash: String = digest.iter().map(|byte| format!("{byte:02X}")).collect();
    let text = format!(
        "[[source]]\ntenant='t'\nid='fw'\nproduct='squid'\nhosts=['Fw01']\n\
         [[source]]\ntenant='t'\nid='web'\nproduct='json'\ntoken_sha256=['{hash}']\n\
         [[source]]\ntenant='u'\nid='near'\nproduct='squid'\nfrom=['127.0.0.1']\n\
         [[source]]\ntenant='u'\nid='web'\nproduct='json'\n"
    );
    sources_of(&text)
}

/// What `sources.toml` with this text declares.
pub(crate) fn sources_of(text: &str) -> Arc<Sources> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sources.toml");
    std::fs::write(&path, text).unwrap();
    Arc::new(Sources::load(&path).unwrap())
}

pub(super) async fn start(config: &str) -> Running {
    let config: ListenConfig = toml::from_str(config).unwrap();
    let sink = Arc::new(Memory::default());
    let (cancel, tasks) = (CancellationToken::new(), TaskTracker::new());
    let registry = prometheus::Registry::new();
    let shared: Arc<dyn Sink> = sink.clone();
    let listeners = listen(config, sources(), shared, None, &registry, cancel.clone(), &tasks).await.unwrap();
    let bound = listeners.bound.clone();
    Running { sink, listeners, bound, cancel, tasks }
}

impl Running {
    /// Waits until so many records have come.
    pub(super) async fn received(&self, count: usize) {
        let enough = async {
            while self.sink.records.lock().unwrap().len() < count {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), enough).await.unwrap();
    }

    /// Stops and gives source and text of every record.
    pub(super) async fn stop(self) -> Vec<(String, String)> {
        self.cancel.cancel();
        self.tasks.close();
        tokio::time::timeout(Duration::from_secs(10), self.tasks.wait()).await.unwrap();
        let records = self.sink.records.lock().unwrap();
        let text = |record: &Record| String::from_utf8(record.raw.to_vec()).unwrap();
        records.iter().map(|record| (format!("{}/{}", record.tenant, record.source), text(record))).collect()
    }
}

#[tokio::test]
async fn tcp_loses_nothing_that_was_sent_before_the_stop() {
    let running = start("[[listener]]\nkind='syslog_tcp'\nbind='127.0.0.1:0'\ntenant='t'\nsource='fw'\n").await;
    assert_eq!(running.bound[0].to_string(), format!("syslog_tcp on {} for t/fw", running.bound[0].address));
    let mut lines = TcpStream::connect(running.bound[0].address).await.unwrap();
    let mut counted = TcpStream::connect(running.bound[0].address).await.unwrap();
    let text: String = (0..5000).map(|n| format!("<13>line {n}\n")).collect();
    lines.write_all(text.as_bytes()).await.unwrap();
    lines.write_all(b"<13>no end").await.unwrap();
    counted.write_all(b"5 <13>a6 <13>\nb").await.unwrap();
    // Stopped while the senders are still connected.
    let records = running.stop().await;
    assert_eq!(records.len(), 5003);
    let mine: Vec<_> = records.iter().filter(|(_, text)| text.starts_with("<13>line")).collect();
    assert!(mine.iter().enumerate().all(|(n, (_, text))| *text == format!("<13>line {n}")));
    for text in ["<13>no end", "<13>a", "<13>\nb"] {
        assert!(records.contains(&("t/fw".into(), text.into())), "{text}");
    }
}

#[tokio::test]
async fn sockets_share_a_port_and_each_sender_keeps_its_order() {
    let running = start("[[listener]]\nkind='syslog_udp'\nbind='127.0.0.1:0'\nsockets=4\n").await;
    let senders: Vec<_> = (0..16).map(|_| std::net::UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
    for n in 0..50 {
        for (which, sender) in senders.iter().enumerate() {
            sender.send_to(format!("{which} {n}").as_bytes(), running.bound[0].address).unwrap();
        }
    }
    running.received(800).await;
    let records = running.stop().await;
    for which in 0..16 {
        let prefix = format!("{which} ");
        let mine: Vec<_> = records.iter().filter_map(|(_, text)| text.strip_prefix(&prefix)).collect();
        assert!(mine.iter().enumerate().all(|(n, text)| *text == n.to_string()) && mine.len() == 50, "{mine:?}");
    }
}

#[tokio::test]
async fn udp_takes_what_the_kernel_holds() {
    let running = start("[[listener]]\nkind='syslog_udp'\nbind='127.0.0.1:0'\n").await;
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for n in 0..100 {
        socket.send_to(format!("<13>line {n}\r\n").as_bytes(), running.bound[0].address).await.unwrap();
    }
    socket.send_to(b"", running.bound[0].address).await.unwrap();
    let records = running.stop().await;
    let expected: Vec<_> = (0..100).map(|n| ("u/near".to_owned(), format!("<13>line {n}"))).collect();
    assert_eq!(records, expected);
}

#[tokio::test]
async fn a_shared_listener_asks_the_host_name_and_keeps_the_unknown() {
    let running = start("[[listener]]\nkind='syslog_tcp'\nbind='127.0.0.1:0'\ntenant='t'\n").await;
    let mut stream = TcpStream::connect(running.bound[0].address).await.unwrap();
    stream.write_all(b"<13>Nov 20 10:00:00 FW01 x: y\n<13>Nov 20 10:00:00 other x: y\njunk\n").await.unwrap();
    drop(stream);
    let sources: Vec<_> = running.stop().await.into_iter().map(|(source, _)| source).collect();
    assert_eq!(sources, ["t/fw", "t/unknown", "t/unknown"]);
}

#[tokio::test]
async fn sources_that_are_declared_while_listening_get_what_comes_from_then_on() {
    let running = start("[[listener]]\nkind='syslog_tcp'\nbind='127.0.0.1:0'\ntenant='t'\n").await;
    let mut stream = TcpStream::connect(running.bound[0].address).await.unwrap();
    stream.write_all(b"<13>Nov 20 10:00:00 other x: 1\n").await.unwrap();
    running.received(1).await;
    let declared = sources_of("[[source]]\ntenant='t'\nid='new'\nproduct='squid'\nhosts=['other']\n");
    running.listeners.renew(&declared).unwrap();
    stream.write_all(b"<13>Nov 20 10:00:00 other x: 2\n").await.unwrap();
    running.received(2).await;
    drop(stream);
    let sources: Vec<_> = running.stop().await.into_iter().map(|(source, _)| source).collect();
    assert_eq!(sources, ["t/unknown", "t/new"]);
}

#[tokio::test]
async fn connections_are_limited() {
    let running = start(
        "[[listener]]\nkind='syslog_tcp'\nbind='127.0.0.1:0'\ntenant='t'\nsource='fw'\n[limits]\nconnections_max=1\n",
    )
    .await;
    let mut first = TcpStream::connect(running.bound[0].address).await.unwrap();
    first.write_all(b"one\n").await.unwrap();
    while running.sink.records.lock().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    let mut second = TcpStream::connect(running.bound[0].address).await.unwrap();
    assert_eq!(second.read(&mut [0; 1]).await.unwrap_or(0), 0);
    assert_eq!(running.stop().await.len(), 1);
}

/// Status and body of a request.
async fn request(address: SocketAddr, path: &str, headers: &str, body: &[u8]) -> (u16, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // The answer may come, and the connection close, before a refused body is read.
    let _ = stream.write_all(body).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head[9..12].parse().unwrap(), body.to_owned())
}

#[tokio::test]
async fn http_answers_when_records_are_durable() {
    let running = start(
        "[[listener]]\nkind='http'\nbind='127.0.0.1:0'\n\
         [limits]\nhttp_body_bytes_max=2000\nhttp_decompressed_bytes_max=4000\n",
    )
    .await;
    let address = running.bound[0].address;
    let auth = format!("authorization: Bearer {TOKEN}\r\n");
    let (gzip, zstd) = (format!("{auth}content-encoding: gzip\r\n"), format!("{auth}content-encoding: zstd\r\n"));
    let gz = |text: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    };
    let bomb = gz(&vec![b'x'; 1 << 20]);
    let zst = zstd::bulk::compress(b"{\"d\":1}\n", 3).unwrap();
    let bodies: [(&str, &str, &[u8], u16, &str); 12] = [
        ("/ingest/v1/web", &auth, b"{\"a\":1}\r\n\n{\"b\":2}", 200, "{\"accepted\":2}"),
        ("/ingest/v1/web", &gzip, &gz(b"{\"c\":1}\n"), 200, "{\"accepted\":1}"),
        ("/ingest/v1/web", &zstd, &zst, 200, "{\"accepted\":1}"),
        ("/ingest/v1/web", &auth, b"", 200, "{\"accepted\":0}"),
        ("/ingest/v1/web", "", b"x", 401, "no token"),
        ("/ingest/v1/web", "authorization: Bearer wrong\r\n", b"x", 401, "token"),
        ("/ingest/v1/fw", &auth, b"x", 401, "token"),
        ("/ingest/v1/none", &auth, b"x", 404, "no such source"),
        ("/ingest/v1/web", &auth, &[b'x'; 2001], 413, "as sent"),
        ("/ingest/v1/web", &gzip, &bomb, 413, "decompressed"),
        ("/ingest/v1/web", &gzip, b"not gzip", 400, "decompress"),
        ("/ingest/v1/web", &format!("{auth}content-encoding: br\r\n"), b"x", 415, "zstd"),
    ];
    for (path, headers, body, status, expected) in bodies {
        let (found, answer) = request(address, path, headers, body).await;
        assert_eq!(found, status, "{path} {headers} {answer}");
        assert!(answer.contains(expected), "{answer}");
    }
    running.sink.broken.store(true, std::sync::atomic::Ordering::SeqCst);
    let (status, answer) = request(address, "/ingest/v1/web", &auth, b"{}").await;
    assert_eq!(status, 503, "{answer}");
    assert!(answer.contains("\"accepted\":0") && answer.contains("disk is full"), "{answer}");
    let texts: Vec<_> = running.stop().await;
    let expected =
        ["{\"a\":1}", "{\"b\":2}", "{\"c\":1}", "{\"d\":1}"].map(|text| ("t/web".to_owned(), text.to_owned()));
    assert_eq!(texts, expected);
}

#[tokio::test]
async fn the_embedded_log_is_a_sink() {
    let dir = tempfile::tempdir().unwrap();
    let log = stream::log::Log::open(stream::log::LogConfig::in_dir(dir.path())).unwrap();
    let record = Record {
        kind: stream::RecordKind::Data,
        tenant: "t".into(),
        source: "s".into(),
        peer: None,
        received: now(),
        raw: "x".into(),
    };
    Sink::append(&log, vec![record; 3]).await.unwrap();
    assert_eq!(log.end_offset(stream::Topic::Raw, 0), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn udp_keeps_up_with_a_burst() {
    let running = start("[[listener]]\nkind='syslog_udp'\nbind='127.0.0.1:0'\ntenant='t'\nsource='fw'\n").await;
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let line = [b'x'; 500];
    for _ in 0..20_000 {
        socket.send_to(&line, running.bound[0].address).await.unwrap();
    }
    let bound = running.bound[0].clone();
    let received = running.stop().await.len() as u64;
    // What did not arrive is exactly what the kernel says it dropped.
    assert_eq!(received + bound.kernel_drops(), 20_000);
}
