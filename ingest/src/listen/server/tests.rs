//! Clients that send nothing, half, or read nothing.

use axum::routing::{get, post};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::*;

const HEAD: &str = "POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\n";

/// A server whose limits are a second, and what stops it.
async fn start(limits: HttpLimits) -> (SocketAddr, CancellationToken, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, cancel) = (listener.local_addr().unwrap(), CancellationToken::new());
    let routes = Router::new()
        .route(
            "/echo",
            post(async |ConnectInfo(peer): ConnectInfo<SocketAddr>, body: Bytes| {
                format!("{} {}", peer.ip(), body.len())
            }),
        )
        .route("/long", get(async || vec![b'x'; 64 << 20]));
    let server = tokio::spawn(serve_http(listener, routes, limits, "test", cancel.clone()));
    (address, cancel, server)
}

fn short() -> HttpLimits {
    HttpLimits { head_seconds_max: 1, body_seconds_max: 1, stall_seconds_max: 1, ..HttpLimits::default() }
}

/// What comes back until the server closes the connection; the test hangs where it never does.
async fn rest(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn a_client_that_drips_or_says_nothing_is_let_go() {
    let (address, cancel, server) = start(short()).await;
    // Nothing at all; half a head; a whole head and half a body; a whole request, and then nothing.
    for (sent, expected) in [
        ("", ""),
        ("POST /echo HTTP/1.1\r\nhost: x\r\n", ""),
        (&format!("{HEAD}ab"), "HTTP/1.1 400"),
        (&format!("{HEAD}abcde"), "HTTP/1.1 200"),
    ] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(sent.as_bytes()).await.unwrap();
        let answer = rest(&mut stream).await;
        assert!(answer.starts_with(expected), "{sent:?} {answer:?}");
        assert!(!expected.is_empty() || !answer.contains("200"), "{answer:?}");
    }
    cancel.cancel();
    server.await.unwrap();
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_let_go_and_a_reader_is_not() {
    let (address, cancel, server) = start(short()).await;
    let ask = b"GET /long HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    let mut deaf = TcpStream::connect(address).await.unwrap();
    deaf.write_all(ask).await.unwrap();
    let mut reader = TcpStream::connect(address).await.unwrap();
    reader.write_all(ask).await.unwrap();
    assert!(rest(&mut reader).await.len() > 64 << 20);
    cancel.cancel();
    // Ends although the deaf one still has all of its answer to come.
    server.await.unwrap();
    assert!(rest(&mut deaf).await.len() < 64 << 20);
}

#[tokio::test]
async fn connections_over_the_limit_are_closed_and_room_comes_back() {
    let (address, cancel, server) = start(HttpLimits { connections_max: 1, ..short() }).await;
    let mut first = TcpStream::connect(address).await.unwrap();
    first.write_all(HEAD.as_bytes()).await.unwrap();
    first.write_all(b"abcde").await.unwrap();
    let mut head = [0; 12];
    first.read_exact(&mut head).await.unwrap();
    assert_eq!(&head, b"HTTP/1.1 200");
    let mut second = TcpStream::connect(address).await.unwrap();
    assert_eq!(rest(&mut second).await, "");
    rest(&mut first).await;
    let mut third = TcpStream::connect(address).await.unwrap();
    third.write_all(format!("{HEAD}abcde").as_bytes()).await.unwrap();
    assert!(rest(&mut third).await.ends_with("127.0.0.1 5"));
    cancel.cancel();
    server.await.unwrap();
}
