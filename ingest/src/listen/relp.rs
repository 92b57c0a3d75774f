//! RELP, version 0 (the protocol of rsyslog's `omrelp`), over TCP or TLS.
//!
//! A message is answered `200` once it is durable, and not before: what a sender has no answer for it sends again, so
//! nothing is lost when either side dies, and some may come twice. The sender's own window bounds what is on its way
//! (128 messages unless it says otherwise). When the stream takes nothing, or the bytes are no RELP, the connection is
//! closed without an answer. Memory per connection: one command, one read and the answers of one batch.
//!
//! | Command | Answer |
//! |---|---|
//! | `open`, with `commands=syslog` among its offers | `200`, and our offers |
//! | `open` without it, `syslog` before `open`, any other command | `500`, and the end |
//! | `syslog` | `200` when durable |
//! | `close` | empty, then the hint `serverclose`, and the end |

use std::sync::Arc;
use std::time::Duration;

use stream::{Record, RecordKind};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};

use super::route::{Routes, Sender};
use super::tcp::{Input, count};
use super::{BATCH_RECORDS, DRAIN_MAX, DRAIN_QUIET, Shared, append, now};
use crate::framing::relp::{Command, Commands};
use crate::framing::{Frame, without_line_end};
use crate::metrics;

/// What the server says of itself. The version is part of the protocol, the software is for people.
const OFFERS: &str = "200 OK\nrelp_version=0\nrelp_software=sekisho\ncommands=syslog";
/// What the server says last.
const GOODBYE: &[u8] = b"0 serverclose 0\n";

/// One connection's conversation.
struct Session<'a> {
    sender: &'a Sender,
    routes: &'a Routes,
    shared: &'a Shared,
    commands: Commands,
    opened: bool,
    /// Messages that are not durable yet, and the numbers that their answers carry; empty ones have a number only.
    records: Vec<Record>,
    transactions: Vec<u32>,
    answers: Vec<u8>,
    /// The answer that comes after those of the messages before it.
    last: Vec<u8>,
}

/// How a conversation goes on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Read,
    End,
}

pub(super) async fn connection(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    sender: &Sender,
    routes: &Routes,
    shared: &Shared,
) {
    let mut session = Session {
        sender,
        routes,
        shared,
        commands: Commands::default(),
        opened: false,
        records: Vec::new(),
        transactions: Vec::new(),
        answers: Vec::new(),
        last: Vec::new(),
    };
    let ended = session.talk(stream).await;
    let kind = routes.kind().name();
    if !session.opened {
        metrics::HANDSHAKES_FAILED.with_label_values(&[kind]).inc();
    }
    if let Err(error) = ended {
        tracing::warn!(peer = %sender.peer, %error, kind, "connection closed; what was not answered is sent again");
    }
}

impl Session<'_> {
    async fn talk(&mut self, stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> std::io::Result<()> {
        let limits = &self.shared.limits;
        let (hello, idle) =
            (Duration::from_secs(limits.handshake_seconds_max), Duration::from_secs(limits.idle_seconds_max));
        let mut input = Input::default();
        let mut until = None;
        loop {
            let left = until.map(|until: tokio::time::Instant| until.duration_since(tokio::time::Instant::now()));
            let quiet_max = match left {
                Some(left) if left.is_zero() => break,
                Some(_) => DRAIN_QUIET,
                None if self.opened => idle,
                None => hello,
            };
            let read = tokio::select! {
                biased;
                read = input.read(stream, self.commands.buffer(), quiet_max) => read,
                () = self.shared.cancel.cancelled(), if until.is_none() => {
                    until = Some(tokio::time::Instant::now() + DRAIN_MAX);
                    continue;
                }
            };
            match read {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(_) if until.is_some() => break,
                Err(error) => return Err(error),
            }
            if self.answer(stream).await? == Next::End {
                return Ok(());
            }
            if until.is_none() && self.shared.cancel.is_cancelled() {
                until = Some(tokio::time::Instant::now() + DRAIN_MAX);
            }
        }
        stream.write_all(GOODBYE).await
    }

    /// Makes everything durable that has come, and answers it.
    async fn answer(&mut self, stream: &mut (impl AsyncWrite + Unpin)) -> std::io::Result<Next> {
        let wrong = |what: &str| std::io::Error::new(std::io::ErrorKind::InvalidData, what.to_owned());
        let mut next = Next::Read;
        while next == Next::Read {
            let command = self.commands.next_command();
            let command = command.map_err(|_| wrong("not RELP; does the sender speak plain syslog to this port?"))?;
            let idle = command.is_none();
            if let Some(command) = command {
                next = self.take(command);
            }
            if idle || next == Next::End || self.transactions.len() >= BATCH_RECORDS {
                self.make_durable().await.map_err(std::io::Error::other)?;
            }
            if idle {
                break;
            }
        }
        if next == Next::End {
            self.answers.extend_from_slice(GOODBYE);
        }
        stream.write_all(&self.answers).await?;
        self.answers.clear();
        stream.flush().await?;
        Ok(next)
    }

    fn take(&mut self, command: Command) -> Next {
        match command.name.as_str() {
            "syslog" if self.opened => {
                self.transactions.push(command.transaction);
                self.record(command);
                Next::Read
            }
            "open" if offers_syslog(&command.data) => {
                self.opened = true;
                self.say(command.transaction, OFFERS);
                Next::Read
            }
            "close" => {
                self.last = response(command.transaction, "");
                Next::End
            }
            _ => {
                self.last = response(command.transaction, "500 open with commands=syslog, then syslog, then close");
                Next::End
            }
        }
    }

    fn record(&mut self, command: Command) {
        let router = self.routes.load();
        let frame = Frame { raw: without_line_end(command.data), cut_bytes: command.cut_bytes };
        let Some(raw) = count(frame, router.kind.name()) else { return };
        let owner = router.of_sender(self.sender).unwrap_or_else(|| router.of_message(&raw));
        let (tenant, source) = (Arc::clone(&owner.0), Arc::clone(&owner.1));
        let peer = Some(self.sender.peer.to_canonical());
        self.records.push(Record { kind: RecordKind::Data, tenant, source, peer, received: now(), raw });
    }

    async fn make_durable(&mut self) -> crate::Result<()> {
        if !self.records.is_empty() {
            let records = std::mem::take(&mut self.records);
            append(&*self.shared.sink, self.routes.kind(), records).await?;
        }
        for transaction in std::mem::take(&mut self.transactions) {
            self.say(transaction, "200 OK");
        }
        self.answers.append(&mut self.last);
        Ok(())
    }

    fn say(&mut self, transaction: u32, text: &str) {
        self.answers.extend_from_slice(&response(transaction, text));
    }
}

fn response(transaction: u32, text: &str) -> Vec<u8> {
    match text.len() {
        0 => format!("{transaction} rsp 0\n").into_bytes(),
        length => format!("{transaction} rsp {length} {text}\n").into_bytes(),
    }
}

/// Whether the offers of an `open` have the one command that matters. Offers without any command are taken as such.
fn offers_syslog(offers: &[u8]) -> bool {
    let offers = String::from_utf8_lossy(offers);
    let mut lines = offers.lines();
    lines
        .find_map(|line| line.trim().strip_prefix("commands="))
        .is_none_or(|commands| commands.split(',').any(|command| command.trim().eq_ignore_ascii_case("syslog")))
}

#[cfg(test)]
mod tests;
