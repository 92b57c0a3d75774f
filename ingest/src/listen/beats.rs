//! Lumberjack version 2, as Filebeat, Winlogbeat and the other Beats, Elastic Agent and Logstash speak it to Logstash.
//!
//! A sender announces a window, sends that many events, compressed or not, and waits. Each event is one record; it is
//! acknowledged by its number once it and all before it are durable, batch after batch, and not before: what a sender has
//! no acknowledgement for it sends again, so nothing is lost when either side dies, and some may come twice. While the
//! disk is slow the last acknowledgement is repeated every [`ALIVE_EVERY`], so that the sender waits on.
//!
//! Whose event it is: as over syslog (the listener's source, the certificate, the peer), else by `host.name` or
//! `agent.hostname` among `hosts` of sources.toml. An event is kept up to 1 MiB, the rest is cut and counted. Memory per
//! connection: one event, one batch and one read; compressed frames are inflated piece by piece.
//!
//! Version 1 (`D` frames of logstash-forwarder) is refused. Source: elastic/go-lumber, PROTOCOL and server/v2.

mod frames;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use stream::{Record, RecordKind};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::time::Instant;

use self::frames::{Frame, Frames};
use super::route::{Router, Routes, Sender};
use super::tcp::{Input, count};
use super::{BATCH_RECORDS, DRAIN_MAX, DRAIN_QUIET, Shared, append, now};
use crate::framing;
use crate::json::Members;
use crate::metrics;

pub(super) use self::frames::check;

/// How often a sender is told that its events are still being worked on.
const ALIVE_EVERY: Duration = Duration::from_secs(3);
/// Bytes of one append, reached first by long events.
const BATCH_BYTES: usize = 4 << 20;

/// One connection's conversation.
struct Session<'a> {
    sender: &'a Sender,
    routes: &'a Routes,
    shared: &'a Shared,
    /// The number that was acknowledged last in this window.
    acknowledged: u32,
    /// Whether anything was understood.
    greeted: bool,
}

/// What is made durable and acknowledged at one time.
#[derive(Default)]
struct Batch {
    events: Vec<framing::Frame>,
    bytes: usize,
    /// The last event's number.
    last: Option<u32>,
    /// The first thing after the events is a new window.
    window: bool,
}

pub(super) async fn connection(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    sender: &Sender,
    routes: &Routes,
    shared: &Shared,
) {
    let mut session = Session { sender, routes, shared, acknowledged: 0, greeted: false };
    let ended = session.talk(stream).await;
    let kind = routes.kind().name();
    if !session.greeted {
        metrics::HANDSHAKES_FAILED.with_label_values(&[kind]).inc();
    }
    if let Err(error) = ended {
        tracing::warn!(peer = %sender.peer, %error, kind, "connection closed; what was not acknowledged is sent again");
    }
}

impl Session<'_> {
    async fn talk(&mut self, stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> std::io::Result<()> {
        let limits = &self.shared.limits;
        let seconds = Duration::from_secs;
        let (hello, idle) = (seconds(limits.handshake_seconds_max), seconds(limits.idle_seconds_max));
        let whole = seconds(limits.http_body_seconds_max);
        let mut frames = Frames::new(limits.http_decompressed_bytes_max);
        let mut input = Input::default();
        let (mut until, mut begun): (Option<Instant>, Option<Instant>) = (None, None);
        loop {
            // A frame that has begun must be whole in time, however its bytes drip.
            let quiet_max = match (until, begun) {
                (Some(until), _) if until <= Instant::now() => return Ok(()),
                (Some(_), _) => DRAIN_QUIET,
                (None, Some(begun)) => whole.saturating_sub(begun.elapsed()),
                (None, None) if self.greeted => idle,
                (None, None) => hello,
            };
            let read = tokio::select! {
                biased;
                read = input.read(stream, frames.buffer(), quiet_max) => read,
                () = self.shared.cancel.cancelled(), if until.is_none() => {
                    until = Some(Instant::now() + DRAIN_MAX);
                    continue;
                }
            };
            match read {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(_) if until.is_some() => return Ok(()),
                Err(error) => return Err(error),
            }
            let progress;
            (frames, progress) = self.answer(frames, stream).await?;
            begun = match (frames.is_between(), progress) {
                (true, _) => None,
                (false, true) => Some(Instant::now()),
                (false, false) => begun.or_else(|| Some(Instant::now())),
            };
            if until.is_none() && self.shared.cancel.is_cancelled() {
                until = Some(Instant::now() + DRAIN_MAX);
            }
        }
    }

    /// Makes every whole event durable that has come, and acknowledges it; whether there was one.
    async fn answer(
        &mut self,
        mut frames: Frames,
        stream: &mut (impl AsyncWrite + Unpin),
    ) -> std::io::Result<(Frames, bool)> {
        let mut progress = false;
        loop {
            let batch;
            if frames.is_inflating() {
                let read = tokio::task::spawn_blocking(move || {
                    let batch = Batch::read(&mut frames);
                    (frames, batch)
                });
                (frames, batch) = read.await.map_err(std::io::Error::other)?;
            } else {
                batch = Batch::read(&mut frames);
            }
            let batch = batch.map_err(|wrong| std::io::Error::new(std::io::ErrorKind::InvalidData, wrong.0))?;
            self.greeted |= batch.window || batch.last.is_some();
            if batch.last.is_none() && !batch.window {
                return Ok((frames, progress));
            }
            progress = true;
            let (last, window) = (batch.last, batch.window);
            self.make_durable(batch, stream).await?;
            if let Some(last) = last {
                self.acknowledged = last;
                acknowledge(last, stream).await?;
            }
            if window {
                self.acknowledged = 0;
            }
        }
    }

    /// Appends, and tells the sender to wait while that takes long.
    async fn make_durable(&self, batch: Batch, stream: &mut (impl AsyncWrite + Unpin)) -> std::io::Result<()> {
        let records = self.records(batch.events);
        if records.is_empty() {
            return Ok(());
        }
        let mut appended = std::pin::pin!(append(&*self.shared.sink, self.routes.kind(), records));
        loop {
            tokio::select! {
                biased;
                appended = &mut appended => return appended.map_err(std::io::Error::other),
                () = tokio::time::sleep(ALIVE_EVERY) => acknowledge(self.acknowledged, stream).await?,
            }
        }
    }

    fn records(&self, events: Vec<framing::Frame>) -> Vec<Record> {
        let router = self.routes.load();
        let (received, kind) = (now(), router.kind.name());
        let fixed = router.of_sender(self.sender);
        let peer = Some(self.sender.peer.to_canonical());
        let raws = events.into_iter().filter_map(|event| count(event, kind));
        raws.map(|raw| {
            let (tenant, source) = fixed.unwrap_or_else(|| of_event(&router, &raw));
            let (tenant, source) = (Arc::clone(tenant), Arc::clone(source));
            Record { kind: RecordKind::Data, tenant, source, peer, received, raw }
        })
        .collect()
    }
}

impl Batch {
    /// The events that are whole, up to the bounds of one append.
    fn read(frames: &mut Frames) -> Result<Batch, frames::Wrong> {
        let mut batch = Batch::default();
        while batch.events.len() < BATCH_RECORDS && batch.bytes < BATCH_BYTES {
            match frames.next_frame()? {
                None => break,
                Some(Frame::Window) => {
                    batch.window = true;
                    break;
                }
                Some(Frame::Event { number, frame }) => {
                    batch.bytes += frame.raw.len();
                    batch.last = Some(number);
                    batch.events.push(frame);
                }
            }
        }
        Ok(batch)
    }
}

async fn acknowledge(number: u32, stream: &mut (impl AsyncWrite + Unpin)) -> std::io::Result<()> {
    let mut frame = *b"2A\0\0\0\0";
    frame[2..].copy_from_slice(&number.to_be_bytes());
    stream.write_all(&frame).await?;
    stream.flush().await
}

/// The owner by the host that an event says it is from.
fn of_event<'r>(router: &'r Router, raw: &Bytes) -> &'r super::route::Owner {
    let member =
        |object, name: &str| Members::of(object).find(|(key, _)| *key == name.as_bytes()).map(|(_, value)| value);
    let within = |object: &str, name: &str| member(raw, object).and_then(|object| member(object, name));
    let host = within("host", "name").or_else(|| within("agent", "hostname")).or_else(|| within("beat", "hostname"));
    let host: Option<String> = host.and_then(|host| serde_json::from_slice(host).ok());
    router.of_host(&host.unwrap_or_default())
}

#[cfg(test)]
mod tests;
