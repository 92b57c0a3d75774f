//! Conversations of Beats over real connections, byte for byte.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::frames::tests::{compressed, event, window};
use crate::listen::tests::{Running, start};

const LISTENER: &str = "[[listener]]\nkind='beats'\nbind='127.0.0.1:0'\ntenant='t'\n";

async fn connect(running: &Running) -> TcpStream {
    TcpStream::connect(running.bound[0].address).await.unwrap()
}

/// Reads acknowledgements until this one.
async fn acknowledged(stream: &mut TcpStream, number: u32) {
    let read = async {
        loop {
            let mut frame = [0; 6];
            stream.read_exact(&mut frame).await.unwrap();
            assert_eq!(&frame[..2], b"2A");
            if frame[2..] == number.to_be_bytes() {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), read).await.unwrap();
}

/// Nothing but the end comes.
async fn closed(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut rest)).await.unwrap();
    assert!(rest.is_empty(), "{rest:?}");
}

#[tokio::test]
async fn windows_are_acknowledged_and_hosts_choose_the_source() {
    let running = start(LISTENER).await;
    let mut stream = connect(&running).await;
    let (known, other) =
        ("{\"host\":{\"name\":\"FW01\"},\"message\":\"a\"}", "{\"message\":\"b\",\"agent\":{\"hostname\":\"x\"}}");
    let words = [window(2), event(1, known.as_bytes()), event(2, other.as_bytes())].concat();
    stream.write_all(&words).await.unwrap();
    acknowledged(&mut stream, 2).await;
    let many: Vec<u8> = (1..=3000).flat_map(|number| event(number, known.as_bytes())).collect();
    stream.write_all(&[window(3000), compressed(&many)].concat()).await.unwrap();
    acknowledged(&mut stream, 3000).await;
    let records = running.stop().await;
    assert_eq!(records.len(), 3002);
    assert_eq!(records[0], ("t/fw".to_owned(), known.to_owned()));
    assert_eq!(records[1], ("t/unknown".to_owned(), other.to_owned()));
    assert!(records[2..].iter().all(|record| *record == records[0]));
}

#[tokio::test]
async fn what_is_not_durable_is_not_acknowledged() {
    let running = start(LISTENER).await;
    running.sink.broken.store(true, Ordering::SeqCst);
    let mut stream = connect(&running).await;
    stream.write_all(&[window(1), event(1, b"{}")].concat()).await.unwrap();
    closed(&mut stream).await;
    assert!(running.stop().await.is_empty());
}

#[tokio::test]
async fn who_speaks_something_else_or_drips_is_let_go() {
    let running = start(&format!("{LISTENER}[limits]\nhandshake_seconds_max=1\nhttp_body_seconds_max=1\n")).await;
    for words in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"1W\0\0\0\x01", b"", b"2W\0\0"] {
        let mut stream = connect(&running).await;
        stream.write_all(words).await.unwrap();
        closed(&mut stream).await;
    }
    // Half an event, and then a byte at a time.
    let mut stream = connect(&running).await;
    stream.write_all(&[window(1), event(1, &[b'x'; 1000])[..100].to_vec()].concat()).await.unwrap();
    let dripping = async {
        while stream.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await
        }
    };
    tokio::time::timeout(Duration::from_secs(20), dripping).await.unwrap();
    assert!(running.stop().await.is_empty());
}
