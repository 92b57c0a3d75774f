//! Requests over real connections, as shippers send them.

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::listen::tests::{Running, TOKEN, start};

/// An answer: status, head, body.
struct Answer(u16, String, String);

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.2).unwrap_or_else(|error| panic!("{error}: {}", self.2))
    }

    fn has(&self, header: &str) -> bool {
        self.1.to_ascii_lowercase().contains(&header.to_ascii_lowercase())
    }
}

async fn send(address: SocketAddr, request: &str, headers: &str, body: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let length = body.len();
    let head =
        format!("{request} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    // The answer may come, and the connection close, before a refused body is read.
    let _ = stream.write_all(body).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    Answer(head[9..12].parse().unwrap(), head.to_owned(), body.to_owned())
}

async fn listening(kind: &str, more: &str) -> Running {
    start(&format!("[[listener]]\nkind='{kind}'\nbind='127.0.0.1:0'\n{more}")).await
}

fn bearer() -> String {
    format!("authorization: Bearer {TOKEN}\r\n")
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn texts(records: Vec<(String, String)>) -> Vec<String> {
    assert!(records.iter().all(|(owner, _)| owner == "t/web"), "{records:?}");
    records.into_iter().map(|(_, text)| text).collect()
}

#[tokio::test]
async fn a_beat_finds_what_it_asks_before_it_sends() {
    let running = listening("elasticsearch", "").await;
    let address = running.bound[0].address;
    let auth = "authorization: ApiKey eDowMTIzNDU2Nzg5YWJjZGVm\r\n";
    for (request, pointer, expected) in [
        ("GET /", "/version/number", json!("8.17.0")),
        ("GET /_license?human=false", "/license/status", json!("active")),
        ("GET /_cluster/health", "/status", json!("green")),
        ("GET /_nodes/http", "/nodes", json!({})),
        ("PUT /_index_template/filebeat", "/acknowledged", json!(true)),
        ("POST /x/_search", "/status", json!(404)),
    ] {
        let answer = send(address, request, auth, b"").await;
        assert_eq!(answer.json().pointer(pointer), Some(&expected), "{request}");
        assert!(answer.has("x-elastic-product: Elasticsearch"), "{}", answer.1);
    }
    let head = send(address, "HEAD /_template/filebeat", auth, b"").await;
    assert_eq!((head.0, head.2.as_str()), (200, ""));
    let media = "accept: application/vnd.elasticsearch+json;compatible-with=9\r\n";
    let answer = send(address, "GET /", &format!("{auth}{media}"), b"").await;
    assert!(answer.has("content-type: application/vnd.elasticsearch+json;compatible-with=9"), "{}", answer.1);
    let answer = send(address, "GET /", "authorization: Basic eDp5\r\n", b"").await;
    assert!(
        answer.0 == 401 && answer.has("www-authenticate: ApiKey") && answer.has("x-elastic-product"),
        "{}",
        answer.1
    );
    assert_eq!(answer.json()["error"]["type"], "security_exception");
    running.stop().await;
}

#[tokio::test]
async fn bulk_answers_every_item_and_keeps_documents_untouched() {
    let running = listening("elasticsearch", "[limits]\nhttp_decompressed_bytes_max=4000000\n").await;
    let address = running.bound[0].address;
    let basic = "authorization: Basic eDowMTIzNDU2Nzg5YWJjZGVm\r\ncontent-encoding: gzip\r\n";
    let documents = ["{ \"message\" : \"a\\u0041\", \"@timestamp\":\"2026-11-20T01:00:00Z\"}", "{\"n\":2}"];
    let body = format!(
        "{{\"create\":{{\"_index\":\"filebeat\"}}}}\n{}\n{{\"delete\":{{\"_index\":\"i\",\"_id\":\"1\"}}}}\n\
         {{\"index\":{{}}}}\n{{broken\n{{\"index\":{{\"_id\":\"7\"}}}}\n{}\n",
        documents[0], documents[1]
    );
    let answer = send(address, "POST /_bulk?filter_path=errors", basic, &gzip(body.as_bytes())).await;
    let json = answer.json();
    let statuses: Vec<&Value> =
        json["items"].as_array().unwrap().iter().map(|item| &item[kind(item)]["status"]).collect();
    assert_eq!((answer.0, statuses), (200, vec![&json!(201), &json!(400), &json!(400), &json!(201)]));
    assert_eq!(json["errors"], true);
    let one = send(address, "PUT /elastic/web/_create/9", &bearer(), b"{\"one\":1}").await;
    assert_eq!((one.0, one.json()["_id"].as_str()), (201, Some("9")));
    for (body, status) in [(&b""[..], 400), (b"{\"m\":1}\n", 400), (&[b'x'; 5_000_000], 413)] {
        assert_eq!(send(address, "POST /_bulk", &bearer(), body).await.0, status);
    }
    let bomb = gzip(&vec![b' '; 4_000_001]);
    assert_eq!(send(address, "POST /_bulk", basic, &bomb).await.0, 413);
    running.sink.broken.store(true, Ordering::SeqCst);
    let refused = send(address, "POST /_bulk", &bearer(), b"{\"index\":{}}\n{}\n").await;
    assert!(refused.0 == 429 && refused.has("retry-after: 1"), "{}", refused.1);
    assert_eq!(texts(running.stop().await), [documents[0], documents[1], "{\"one\":1}"]);
}

fn kind(item: &Value) -> &str {
    item.as_object().unwrap().keys().next().unwrap()
}

#[tokio::test]
async fn too_much_at_once_is_429_and_the_slow_hold_only_what_they_sent() {
    let limits = "[limits]\nhttp_requests_max=8\nhttp_body_bytes_max=2000000\nhttp_decompressed_bytes_max=2000000\n\
                  http_memory_bytes_max=4000000\n";
    let running = listening("elasticsearch", limits).await;
    let address = running.bound[0].address;
    let head = format!("POST /_bulk HTTP/1.1\r\nhost: x\r\ncontent-length: 2000000\r\n{}\r\n", bearer());
    let mut slow = Vec::new();
    for _ in 0..2 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        slow.push(stream);
    }
    let body = format!("{{\"index\":{{}}}}\n{{\"m\":\"{}\"}}\n", "x".repeat(200_000));
    // Two that have announced and not sent are in nobody's way.
    assert_eq!(send(address, "POST /_bulk", &bearer(), body.as_bytes()).await.0, 200);
    for stream in &mut slow {
        stream.write_all(&[b' '; 1_950_000]).await.unwrap();
    }
    let refused = async {
        loop {
            // First the slow ones are read: one that met another request while it grew would be refused itself.
            tokio::time::sleep(std::time::Duration::from_millis(500)).await;
            let answer = send(address, "POST /_bulk", &bearer(), body.as_bytes()).await;
            if answer.0 == 429 {
                return answer;
            }
        }
    };
    let refused = tokio::time::timeout(std::time::Duration::from_secs(20), refused).await.unwrap();
    assert!(refused.has("retry-after"), "{}", refused.1);
    drop(slow);
    running.stop().await;
}

#[tokio::test]
async fn a_listener_of_one_source_asks_its_token_only_if_there_is_one() {
    for (source, status) in [("fw", 200), ("web", 401)] {
        let running = listening("elasticsearch", &format!("tenant='t'\nsource='{source}'\n")).await;
        let answer = send(running.bound[0].address, "POST /_bulk", "", b"{\"index\":{}}\n{}\n").await;
        assert_eq!(answer.0, status, "{source}");
        assert_eq!(running.stop().await.len(), usize::from(status == 200));
    }
}

#[tokio::test]
async fn hec_takes_events_and_lines_and_acknowledges() {
    let running = listening("splunk_hec", "").await;
    let address = running.bound[0].address;
    let auth = format!("authorization: Splunk {TOKEN}\r\n");
    let channel = format!("{auth}x-splunk-request-channel: 0aeeac95-ac74-4aa9-b30d-6c4c0ac581ba\r\n");
    let events = b"{\"event\":\"a\",\"time\":1795000000.5}\n{\"event\":{\"b\":1}}";
    for (request, headers, body, status, code) in [
        ("GET /services/collector/health", "", &b""[..], 200, 17),
        ("POST /services/collector/event", &auth, events, 200, 0),
        ("POST /services/collector", &auth, b"{\"event\":\"c\"}{\"time\":1}", 400, 12),
        ("POST /services/collector/raw?sourcetype=x", &auth, b"line 1\r\n\nline 2", 200, 0),
        ("POST /services/collector/event", &auth, b" ", 400, 5),
        ("POST /services/collector/event", &auth, b"text", 400, 6),
        ("POST /services/collector/event", "", b"{}", 401, 2),
        ("POST /services/collector/event", "authorization: Splunk\r\n", b"{}", 401, 3),
        ("POST /services/collector/event", "authorization: Splunk x\r\n", b"{}", 403, 4),
        ("POST /services/collector/ack", &auth, b"{\"acks\":[0]}", 400, 10),
    ] {
        let answer = send(address, request, headers, body).await;
        assert_eq!((answer.0, answer.json()["code"].as_u64()), (status, Some(code)), "{request} {}", answer.2);
    }
    let bad = send(address, "POST /services/collector", &auth, b"{\"event\":\"d\"}{}").await;
    assert_eq!(bad.json()["invalid-event-number"], 1);
    let numbered = send(address, "POST /services/collector", &channel, b"{\"event\":\"e\"}").await.json();
    let id = numbered["ackId"].as_u64().unwrap();
    let asked = format!("{{\"acks\":[{id}]}}");
    let acks = send(address, "POST /services/collector/ack", &channel, asked.as_bytes()).await.json();
    assert_eq!(acks["acks"][id.to_string()], true);
    running.sink.broken.store(true, Ordering::SeqCst);
    let busy = send(address, "POST /services/collector", &auth, b"{\"event\":\"f\"}").await;
    assert!(busy.0 == 503 && busy.json()["code"] == 9 && busy.has("retry-after"), "{}", busy.2);
    let expected = [
        "{\"event\":\"a\",\"time\":1795000000.5}",
        "{\"event\":{\"b\":1}}",
        "{\"event\":\"c\"}",
        "line 1",
        "line 2",
        "{\"event\":\"d\"}",
        "{\"event\":\"e\"}",
    ];
    assert_eq!(texts(running.stop().await), expected);
}

#[tokio::test]
async fn otlp_over_http_in_both_forms() {
    let running = listening("otlp", "").await;
    let address = running.bound[0].address;
    let json_form = format!("{}content-type: application/json; charset=utf-8\r\n", bearer());
    let protobuf = format!("{}content-type: application/x-protobuf\r\n", bearer());
    let body = b"{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[{\"body\":{\"stringValue\":\"x\"}},3]}]}]}";
    let answer = send(address, "POST /v1/logs", &json_form, body).await;
    assert_eq!((answer.0, &answer.json()["partialSuccess"]["rejectedLogRecords"]), (200, &json!("1")));
    // resource_logs { scope_logs { log_records { body { string_value: "y" } } } }
    let message = b"\x0a\x09\x12\x07\x12\x05\x2a\x03\x0a\x01y";
    let packed = format!("{protobuf}content-encoding: gzip\r\n");
    let answer = send(address, "POST /v1/logs", &packed, &gzip(message)).await;
    assert_eq!((answer.0, answer.2.as_str()), (200, ""), "{}", answer.1);
    assert!(answer.has("content-type: application/x-protobuf"), "{}", answer.1);
    for (request, headers, body, status) in [
        ("POST /v1/traces", &protobuf, &message[..], 404),
        ("GET /v1/logs", &protobuf, b"", 405),
        ("POST /v1/logs", &protobuf, b"\xff", 400),
        ("POST /v1/logs", &json_form, b"{", 400),
        ("POST /v1/logs", &"content-type: application/json\r\n".to_owned(), b"{}", 401),
        ("POST /v1/logs", &bearer(), b"", 415),
    ] {
        assert_eq!(send(address, request, headers, body).await.0, status, "{request} {headers}");
    }
    running.sink.broken.store(true, Ordering::SeqCst);
    let refused = send(address, "POST /v1/logs", &json_form, body).await;
    assert!(refused.0 == 503 && refused.has("retry-after"), "{}", refused.1);
    let record = |text: &str| {
        format!(
            "{{\"resourceLogs\":[{{\"scopeLogs\":[{{\"logRecords\":[{{\"body\":{{\"stringValue\":\"{text}\"}}}}]}}]}}]}}"
        )
    };
    assert_eq!(texts(running.stop().await), [record("x"), record("y")]);
}

/// A frame of HTTP/2.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// A header without compression and indexing (RFC 7541, section 6.2.2).
fn header(name: &str, value: &str) -> Vec<u8> {
    let mut header = vec![0, name.len() as u8];
    header.extend(name.as_bytes());
    header.push(value.len() as u8);
    header.extend(value.as_bytes());
    header
}

#[tokio::test]
async fn otlp_over_grpc() {
    let running = listening("otlp", "").await;
    for (token, status) in [(TOKEN, "0"), ("wrong", "16")] {
        let mut stream = TcpStream::connect(running.bound[0].address).await.unwrap();
        let headers = [
            header(":method", "POST"),
            header(":scheme", "http"),
            header(":path", "/opentelemetry.proto.collector.logs.v1.LogsService/Export"),
            header(":authority", "x"),
            header("content-type", "application/grpc"),
            header("te", "trailers"),
            header("authorization", &format!("Bearer {token}")),
        ]
        .concat();
        let message = b"\x00\x00\x00\x00\x0b\x0a\x09\x12\x07\x12\x05\x2a\x03\x0a\x01z";
        let words = [
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
            frame(4, 0, 0, &[]),
            frame(1, 4, 1, &headers),
            frame(0, 1, 1, message),
        ];
        stream.write_all(&words.concat()).await.unwrap();
        // Reads until the frame that ends the stream; its header block ends with grpc-status, or begins with it.
        let (mut answer, mut trailers) = (Vec::new(), None);
        while trailers.is_none() {
            assert!(stream.read_buf(&mut answer).await.unwrap() > 0, "closed early");
            let mut rest = answer.as_slice();
            while let Some((head, after)) = rest.split_first_chunk::<9>() {
                let length = usize::from(head[1]) << 8 | usize::from(head[2]);
                let Some((payload, next)) = after.split_at_checked(length) else { break };
                if head[3] == 1 && head[4] & 1 == 1 {
                    trailers = Some(payload.to_vec());
                }
                rest = next;
            }
        }
        let trailers = trailers.unwrap();
        // `grpc-status`, Huffman-coded as h2 writes it, then the length of the value and the value itself.
        let value: &[u8] = if status == "0" { &[0x01, b'0'] } else { &[0x82] };
        let found = trailers.windows(value.len()).any(|window| window == value) || trailers.ends_with(&[0x07]);
        assert!(found, "{status}: {trailers:02x?}");
    }
    let found = texts(running.stop().await);
    assert!(found.len() == 1 && found[0].contains("\"z\""), "{found:?}");
}
