//! RELP conversations over real connections.

use std::sync::atomic::Ordering;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::listen::tests::{Running, start};

const LISTENER: &str = "[[listener]]\nkind='relp'\nbind='127.0.0.1:0'\ntenant='t'\nsource='fw'\n";
const OPEN: &str = "1 open 69 relp_version=0\nrelp_software=librelp,1.11.0,https://x\ncommands=syslog\n";
const OPENED: &str = "1 rsp 59 200 OK\nrelp_version=0\nrelp_software=sekisho\ncommands=syslog\n";

async fn connect(running: &Running) -> TcpStream {
    TcpStream::connect(running.bound[0].address).await.unwrap()
}

/// Says this, and gives everything that is said until the server closes.
async fn converse(running: &Running, words: &str) -> String {
    let mut stream = connect(running).await;
    stream.write_all(words.as_bytes()).await.unwrap();
    let mut answers = Vec::new();
    // Closed with bytes unread, a connection ends in an error; what was said before is there all the same.
    let _ = tokio::time::timeout(std::time::Duration::from_secs(20), stream.read_to_end(&mut answers)).await.unwrap();
    String::from_utf8(answers).unwrap()
}

#[tokio::test]
async fn messages_are_answered_in_their_order_and_close_ends() {
    let running = start(LISTENER).await;
    let words = format!("{OPEN}2 syslog 6 <13>a\n\n3 syslog 5 <13>b\n4 syslog 0\n5 close 0\n");
    let answers = converse(&running, &words).await;
    let rest = "2 rsp 6 200 OK\n3 rsp 6 200 OK\n4 rsp 6 200 OK\n5 rsp 0\n0 serverclose 0\n";
    assert_eq!(answers, format!("{OPENED}{rest}"));
    assert_eq!(running.stop().await, ["<13>a", "<13>b"].map(|text| ("t/fw".to_owned(), text.to_owned())));
}

#[tokio::test]
async fn what_is_not_durable_is_not_answered() {
    let running = start(LISTENER).await;
    running.sink.broken.store(true, Ordering::SeqCst);
    let answers = converse(&running, &format!("{OPEN}2 syslog 5 <13>a\n")).await;
    // The answer to `open` may have gone out before.
    assert!(!answers.contains("2 rsp"), "{answers}");
    running.sink.broken.store(false, Ordering::SeqCst);
    let answers = converse(&running, &format!("{OPEN}2 syslog 5 <13>a\n3 close 0\n")).await;
    assert!(answers.contains("2 rsp 6 200 OK\n"), "{answers}");
    assert_eq!(running.stop().await.len(), 1);
}

#[tokio::test]
async fn who_breaks_the_rules_is_refused() {
    let running = start(&format!("{LISTENER}[limits]\nhandshake_seconds_max=1\n")).await;
    for (words, answer) in [
        ("1 syslog 5 <13>a\n", "1 rsp 54 500"),
        ("1 open 13 commands=eventlog\n", ""),
        ("1 open 17 commands=eventlog\n", "1 rsp 54 500"),
        ("<13>Nov 20 10:00:00 plain syslog\n", ""),
        ("", ""),
    ] {
        let answers = converse(&running, words).await;
        assert!(answers.starts_with(answer) && !answers.contains("200"), "{words}: {answers}");
    }
    assert_eq!(running.stop().await, []);
}

#[tokio::test]
async fn a_stop_answers_what_has_come_and_says_goodbye() {
    let running = start(LISTENER).await;
    let mut stream = connect(&running).await;
    let messages: String = (2..5002).map(|number| format!("{number} syslog 5 <13>a\n")).collect();
    stream.write_all(format!("{OPEN}{messages}").as_bytes()).await.unwrap();
    running.received(1).await;
    let reading = tokio::spawn(async move {
        let mut answers = String::new();
        stream.read_to_string(&mut answers).await.map(|_| answers)
    });
    assert_eq!(running.stop().await.len(), 5000);
    let answers = reading.await.unwrap().unwrap();
    assert!(answers.ends_with("5001 rsp 6 200 OK\n0 serverclose 0\n"));
    assert_eq!(answers.matches("200 OK").count(), 5001);
}
