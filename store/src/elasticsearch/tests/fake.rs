//! An engine that says what a test tells it to: enough HTTP for one request a connection.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::node;
use crate::StoreConfig;

#[derive(Default)]
struct Said {
    version: Option<String>,
    refusal: Option<&'static str>,
    heard: String,
}

pub(super) struct Fake {
    pub(super) url: String,
    said: Arc<Mutex<Said>>,
}

impl Fake {
    pub(super) fn start() -> Fake {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let said = Arc::new(Mutex::new(Said::default()));
        let told = Arc::clone(&said);
        // It ends with the process.
        std::thread::spawn(move || listener.incoming().flatten().for_each(|stream| drop(answer(stream, &told))));
        Fake { url, said }
    }

    pub(super) fn config(&self) -> StoreConfig {
        node::config_at(self.url.clone(), "fake".into())
    }

    /// What `_bulk` is answered with.
    pub(super) fn refuse(&self, refusal: Option<&'static str>) {
        self.said.lock().unwrap().refusal = refusal;
    }

    pub(super) fn be(&self, version: &str) {
        self.said.lock().unwrap().version = Some(version.into());
    }

    /// Heads of all requests so far.
    pub(super) fn heard(&self) -> String {
        self.said.lock().unwrap().heard.clone()
    }
}

fn answer(stream: TcpStream, said: &Mutex<Said>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line == "\r\n" {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        head.push_str(&line);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let (refusal, version) = {
        let mut said = said.lock().unwrap();
        said.heard.push_str(&head);
        (said.refusal, said.version.clone())
    };
    let opensearch = || r#"{"version": {"distribution": "opensearch", "number": "2.19.6"}}"#.to_owned();
    let (status, answer) = if head.starts_with("GET / ") {
        (200, version.unwrap_or_else(opensearch))
    } else if head.starts_with("POST /_bulk ") {
        match refusal.and_then(|refusal| refusal.split_once(' ')) {
            None if refusal == Some("close") => return Ok(()),
            Some(("long", most)) if body.len() > most.parse::<usize>().unwrap() => (413, "too long".into()),
            Some(("long", _)) => (200, items(&body, 201).to_string()),
            Some(("status", status)) => {
                (status.parse().unwrap(), r#"{"error": {"type": "busy", "reason": "so it is"}}"#.into())
            }
            Some((_, status)) => (200, items(&body, status.parse().unwrap()).to_string()),
            None => (200, items(&body, 201).to_string()),
        }
    } else if head.contains("/_bulk ") {
        (200, r#"{"errors": false, "items": []}"#.into())
    } else if head.starts_with("GET /_cat") {
        (200, "[]".into())
    } else {
        (200, r#"{"hits": {"hits": []}}"#.into())
    };
    let mut stream = stream;
    write!(
        stream,
        "HTTP/1.1 {status} x\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{answer}",
        answer.len()
    )
}

/// An answer for each document; all but the first are taken.
fn items(body: &[u8], status: u16) -> Value {
    let count = body.iter().filter(|byte| **byte == b'\n').count() / 2;
    let error = json!({"type": "refused", "reason": "as told"});
    let item = |place: usize| match place {
        0 if status >= 400 => json!({"index": {"status": status, "error": error}}),
        _ => json!({"index": {"status": 201}}),
    };
    json!({"errors": status >= 400, "items": (0..count).map(item).collect::<Vec<_>>()})
}
