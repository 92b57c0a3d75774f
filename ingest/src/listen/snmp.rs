//! SNMP traps over UDP, versions 1 and 2c: one datagram becomes one JSON line ([`line`]).
//!
//! A datagram is read as soon as it is there, decoded with `snmp-parser`, and appended with what else had come. An inform is
//! answered (RFC 3416 §4.2.7) once its line is durable, and not before: its sender repeats what nobody answers. A trap has
//! no answer. What is not understood, version 3 among it, is a line with the reason and the bytes.
//!
//! The community is a password. It is overwritten before anything else reads the datagram, in the head and in
//! `snmpTrapCommunity` (RFC 3584), and appears in no line. It is not checked either: whose line it is, the sender's address
//! says, as for syslog over UDP.
//!
//! Bounds: [`BATCH_RECORDS`] datagrams at a time, and what the kernel's buffer holds; what it drops is counted.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use stream::{Record, RecordKind, Timestamp};
use tokio::net::UdpSocket;

use super::route::{Router, Routes};
use super::udp::drops::Drops;
use super::{BATCH_RECORDS, DRAIN_MAX, DRAIN_QUIET, Shared, append, now};
use crate::metrics;

mod datagram;
mod line;

/// The largest datagram.
const DATAGRAM_BYTES_MAX: usize = 64 << 10;
/// How often the kernel's drops are read.
const TELL_EVERY: Duration = Duration::from_secs(5);

/// A datagram as it will stand in the stream, and who waits for an answer.
struct Received {
    record: Record,
    answer: Option<(SocketAddr, Vec<u8>)>,
}

/// Receives until the stop, then what the kernel still holds.
pub(super) async fn serve(socket: std::net::UdpSocket, address: SocketAddr, routes: Arc<Routes>, shared: Shared) {
    let mut drops = Drops::of(&socket, address);
    let socket = match socket.set_nonblocking(true).and_then(|()| UdpSocket::from_std(socket)) {
        Ok(socket) => socket,
        Err(error) => return tracing::error!(%address, %error, "receive traps; nothing is received at this socket"),
    };
    let mut room = vec![0; DATAGRAM_BYTES_MAX];
    let mut told = Instant::now();
    loop {
        let first = tokio::select! {
            () = shared.cancel.cancelled() => break,
            first = socket.recv_from(&mut room) => Some(first),
            () = tokio::time::sleep(TELL_EVERY) => None,
        };
        if let Some(first) = first {
            receive(&socket, &mut room, first, &routes, &shared).await;
        }
        if told.elapsed() >= TELL_EVERY {
            drops.read();
            told = Instant::now();
        }
    }
    let deadline = Instant::now() + DRAIN_MAX;
    while Instant::now() < deadline {
        let Ok(first) = tokio::time::timeout(DRAIN_QUIET, socket.recv_from(&mut room)).await else { break };
        receive(&socket, &mut room, first, &routes, &shared).await;
    }
    drops.read();
}

/// Appends a datagram and those that wait behind it, then answers.
async fn receive(
    socket: &UdpSocket,
    room: &mut [u8],
    first: std::io::Result<(usize, SocketAddr)>,
    routes: &Routes,
    shared: &Shared,
) {
    let (router, received) = (routes.load(), now());
    let mut batch = Vec::new();
    let mut next = first;
    loop {
        match next {
            Ok((length, from)) => batch.extend(read(&room[..length], from, received, &router)),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => break,
            Err(error) => {
                // A sender that is gone refuses its answer, and that comes back here.
                tracing::debug!(%error, "receive traps");
                break;
            }
        }
        if batch.len() >= BATCH_RECORDS {
            break;
        }
        next = socket.try_recv_from(room);
    }
    if batch.is_empty() {
        return;
    }
    let (records, answers): (Vec<Record>, Vec<_>) =
        batch.into_iter().map(|Received { record, answer }| (record, answer)).unzip();
    let (count, kind) = (records.len() as u64, routes.kind());
    if let Err(error) = append(&*shared.sink, kind, records).await {
        metrics::LOST_RECORDS.with_label_values(&[kind.name()]).inc_by(count);
        tracing::error!(%error, count, "traps lost: the stream did not take them; informs are sent again");
        return;
    }
    for (to, answer) in answers.into_iter().flatten() {
        if let Err(error) = socket.send_to(&answer, to).await {
            tracing::warn!(%to, %error, "answer an inform; it comes again");
        }
    }
}

fn read(datagram: &[u8], from: SocketAddr, received: Timestamp, router: &Router) -> Option<Received> {
    let peer = from.ip().to_canonical();
    if datagram.is_empty() {
        metrics::EMPTY.with_label_values(&[router.kind.name()]).inc();
        return None;
    }
    let (raw, is_inform) = line::of(datagram, peer);
    let answer = if is_inform { datagram::answer(datagram).map(|answer| (from, answer)) } else { None };
    let (tenant, source) = router.of_peer(peer).unwrap_or_else(|| router.of_host("")).clone();
    let raw = Bytes::from(raw);
    Some(Received {
        record: Record { kind: RecordKind::Data, tenant, source, peer: Some(peer), received, raw },
        answer,
    })
}

/// What a fuzz target holds the reader to: a line that is JSON, and no community in it. Gives whether it is an inform.
pub(super) fn check(datagram: &[u8]) -> bool {
    let (raw, is_inform) = line::of(datagram, IpAddr::from([192, 0, 2, 1]));
    let read: Result<serde_json::Value, _> = serde_json::from_str(&raw);
    assert!(read.is_ok_and(|line| line.is_object()), "{raw}");
    if is_inform {
        let answer = datagram::answer(datagram).expect("what was read as an inform has a head");
        assert_eq!(answer.len(), datagram.len());
    }
    is_inform
}

#[cfg(test)]
mod tests;
