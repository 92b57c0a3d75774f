//! Collectors: the centre's end of [`crate::collect::wire`], over TLS with client certificates.
//!
//! The names in the certificate choose the collector that `sources.toml` declares; without one, or with another, the
//! connection ends before anything is read of it. A batch is acknowledged once it is durable, one after the other; while
//! the stream takes nothing the collector waits, and its own spool holds what comes. Memory per connection: one frame,
//! at most [`wire::FRAME_BYTES_MAX`], and its records.

use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};

use super::route::{Routes, Sender};
use super::tcp::Input;
use super::{Shared, now};
use crate::collect::enrol::Enrolled;
use crate::collect::session::Session;
use crate::collect::wire::{self, Frame, Hello};
use crate::collect::{Collectors, Declared};
use crate::metrics;

/// What is held of a connection before its first frame was read.
const GREETING_BYTES_MAX: usize = 8 << 10;
/// A collector says something every ten seconds; one that says nothing for so long is gone.
const QUIET_MAX: Duration = Duration::from_secs(45);

pub(super) async fn connection(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    sender: &Sender,
    routes: &Routes,
    shared: &Shared,
) {
    let Some(collectors) = shared.collectors.as_deref() else { return };
    if sender.names.is_empty() {
        if let Err(error) = enrol(stream, collectors, shared).await {
            metrics::HANDSHAKES_FAILED.with_label_values(&[routes.kind().name()]).inc();
            tracing::warn!(peer = %sender.peer, %error, "nobody enrolled");
        }
        return;
    }
    let declared = routes.load().sources.collector_of(&sender.names).cloned();
    let Some(declared) = declared else {
        metrics::HANDSHAKES_FAILED.with_label_values(&[routes.kind().name()]).inc();
        tracing::warn!(peer = %sender.peer, names = ?sender.names, "no [[collector]] in sources.toml has this certificate");
        let refusal = "sources.toml of the centre declares no collector of this certificate";
        say(stream, &Frame::Refused(refusal.to_owned())).await.ok();
        return;
    };
    match talk(stream, &declared, collectors, shared).await {
        Ok(()) => tracing::info!(collector = declared.id, peer = %sender.peer, "the collector's connection has ended"),
        Err(error) => {
            tracing::warn!(collector = declared.id, peer = %sender.peer, %error, "connection closed; what was not acknowledged is sent again");
        }
    }
}

/// Hears out somebody without a certificate: a token, and nothing else.
async fn enrol(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    collectors: &Collectors,
    shared: &Shared,
) -> std::io::Result<()> {
    let mut reading = Reading { buffer: BytesMut::new(), bytes_max: GREETING_BYTES_MAX, input: Input::default() };
    let hello_max = Duration::from_secs(shared.limits.handshake_seconds_max);
    let first = tokio::time::timeout(hello_max, reading.frame(stream, hello_max, shared)).await?;
    let answer = match first? {
        Some(Frame::Enrol { secret, public_key }) => collectors.enrol(&secret, &public_key),
        Some(_) => Err("a collector without a certificate can only enrol".to_owned()),
        None => return Ok(()),
    };
    match answer {
        Ok(enrolled) => {
            tracing::info!(collector = enrolled.id, "a collector has enrolled");
            let Enrolled { id, certificate, authority } = enrolled;
            say(stream, &Frame::Enrolled { id, certificate, authority }).await
        }
        Err(reason) => {
            say(stream, &Frame::Refused(reason.clone())).await?;
            Err(std::io::Error::other(reason))
        }
    }
}

async fn talk(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    declared: &Declared,
    collectors: &Collectors,
    shared: &Shared,
) -> std::io::Result<()> {
    let mut reading = Reading { buffer: BytesMut::new(), bytes_max: GREETING_BYTES_MAX, input: Input::default() };
    let hello_max = Duration::from_secs(shared.limits.handshake_seconds_max);
    let Some(frame) = reading.frame(stream, hello_max, shared).await? else { return Ok(()) };
    let Frame::Hello(hello) = frame else { return Err(wire::Wrong("the first frame is no hello").into()) };
    let begun = Session::begin(collectors, declared, hello, &*shared.sink, now()).await;
    let session = begun.map_err(std::io::Error::other)?;
    let next = session.next().await;
    let Hello { spool, start, end, .. } = hello;
    tracing::info!(collector = declared.id, %spool, start, end, next, "a collector is connected");
    say(stream, &Frame::Welcome(next)).await?;
    reading.bytes_max = usize::MAX;
    while let Some(frame) = reading.frame(stream, QUIET_MAX, shared).await? {
        let done = match frame {
            Frame::Batch(packed) => {
                let from = packed.from;
                // Decompressing takes a while; other connections are served meanwhile.
                let records = tokio::task::spawn_blocking(move || packed.records()).await;
                session.records(from, records.map_err(std::io::Error::other)??, now()).await
            }
            Frame::Lost { from, to, reason } => session.lost(from, to, &reason, now()).await,
            Frame::Status { end, held_bytes } => session.alive(end, held_bytes, now()).await,
            _ => return Err(wire::Wrong("a frame that is not a collector's to send").into()),
        };
        let next = done.map_err(std::io::Error::other)?;
        say(stream, &Frame::Ack(next)).await?;
    }
    Ok(())
}

struct Reading {
    buffer: BytesMut,
    /// The most that is held of what was not looked at yet.
    bytes_max: usize,
    input: Input,
}

impl Reading {
    /// The next frame; none at the end of the connection, or when we are to stop.
    async fn frame(
        &mut self,
        stream: &mut (impl AsyncRead + Unpin),
        quiet_max: Duration,
        shared: &Shared,
    ) -> std::io::Result<Option<Frame>> {
        loop {
            if let Some(frame) = Frame::take(&mut self.buffer)? {
                return Ok(Some(frame));
            }
            let read = tokio::select! {
                read = self.input.read(stream, &mut self.buffer, quiet_max) => read?,
                // What was not acknowledged stays in the spool.
                () = shared.cancel.cancelled() => return Ok(None),
            };
            if read == 0 {
                return Ok(None);
            }
            if self.buffer.len() > self.bytes_max {
                return Err(wire::Wrong("too much before the first word").into());
            }
        }
    }
}

async fn say(stream: &mut (impl AsyncWrite + Unpin), frame: &Frame) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    frame.write(&mut bytes);
    stream.write_all(&bytes).await?;
    stream.flush().await
}

/// Reads bytes as frames: cut anywhere the same; records that are read pack to the same again. Gives how many records.
pub(super) fn check(bytes: &[u8], cut: usize) -> usize {
    let read = |parts: &[&[u8]]| {
        let (mut buffer, mut frames) = (BytesMut::new(), Vec::new());
        for part in parts {
            buffer.extend_from_slice(part);
            loop {
                match Frame::take(&mut buffer) {
                    Ok(Some(frame)) => frames.push(frame),
                    Ok(None) => break,
                    Err(wrong) => return (frames, Some(wrong)),
                }
            }
        }
        (frames, None)
    };
    let (before, after) = bytes.split_at(cut.min(bytes.len()));
    let whole = read(&[bytes]);
    assert_eq!(whole.0, read(&[before, after]).0, "cut at {cut}");
    let mut count = 0;
    for frame in whole.0 {
        let mut again = Vec::new();
        frame.write(&mut again);
        if let Frame::Batch(packed) = &frame
            && let Ok(records) = packed.records()
        {
            count += records.len();
            let mut packer = wire::Packer::default();
            for (record, number) in records.iter().zip(packed.from..) {
                packer.add(&record.as_ref(number), &record.raw);
            }
            let repacked = packer.finish().expect("a batch has records");
            assert_eq!(repacked.records().expect("what was packed here"), records);
        }
    }
    count
}

#[cfg(test)]
mod tests;
