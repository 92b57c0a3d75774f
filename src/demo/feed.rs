//! Sends the generated lines to the listeners, as the devices would.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use stream::Timestamp;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::generate::{self, Kind, Line, Random, Request, SOURCES, Timeline};

/// Events of the two days.
const HISTORY_EVENTS: u64 = 60_000;
/// How fast the two days are sent, events per second.
const HISTORY_RATE: u64 = 6_000;
/// How often live traffic brings another incident.
const INCIDENT_EVERY: Duration = Duration::from_secs(45);
/// Lines are sent in steps of this length.
const STEP: Duration = Duration::from_millis(50);

/// What to send, and until when.
pub struct Plan {
    /// Midnight of yesterday.
    pub start: Timestamp,
    /// Live events per second.
    pub rate: u32,
    /// When to end; never unless given.
    pub deadline: Option<Instant>,
    /// Without pages the end of the history is the end, unless there is a deadline.
    pub headless: bool,
}

/// What was sent.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sent {
    /// Lines.
    pub lines: u64,
    /// Incidents among them.
    pub incidents: u64,
}

/// The port of each source, in the order of [`SOURCES`].
pub fn ports(bound: &[ingest::Bound]) -> Vec<SocketAddr> {
    let by_source: HashMap<(&str, &str), SocketAddr> =
        bound.iter().map(|listener| ((listener.tenant.as_str(), listener.source.as_str()), listener.address)).collect();
    SOURCES.iter().filter_map(|source| by_source.get(&(source.tenant, source.id)).copied()).collect()
}

/// Sends the history, then live traffic until the deadline.
///
/// # Errors
/// A listener refused or closed the connection.
pub async fn send(plan: Plan, ports: Vec<SocketAddr>) -> Result<Sent> {
    let mut wires = Vec::new();
    for port in ports {
        wires.push(TcpStream::connect(port).await.with_context(|| format!("connect to the listener on {port}"))?);
    }
    let mut sent = Sent::default();
    history(&plan, &mut wires, &mut sent).await?;
    if !plan.headless || plan.deadline.is_some() {
        live(&plan, &mut wires, &mut sent).await?;
    }
    for wire in &mut wires {
        wire.shutdown().await.context("close the connection to a listener")?;
    }
    Ok(sent)
}

async fn history(plan: &Plan, wires: &mut [TcpStream], sent: &mut Sent) -> Result<()> {
    let now = now();
    let minutes = now.since(plan.start) / (60 * stream::NANOS_PER_SECOND);
    let request = Request { seed: 7, events: HISTORY_EVENTS, start: plan.start, incidents: Kind::ALL.to_vec() };
    let mut timeline = Timeline::new(generate::Plan { request, minutes: minutes as u64 });
    let mut every = tokio::time::interval(STEP);
    let step = (HISTORY_RATE * STEP.as_millis() as u64 / 1000) as usize;
    loop {
        let lines: Vec<Line> = timeline.by_ref().take(step).collect();
        if lines.is_empty() {
            break;
        }
        write(wires, &lines, sent).await?;
        every.tick().await;
    }
    sent.incidents += timeline.into_truth().len() as u64;
    Ok(())
}

async fn live(plan: &Plan, wires: &mut [TcpStream], sent: &mut Sent) -> Result<()> {
    let mut random = Random::new(now().0 as u64, 3);
    let (mut every, began) = (tokio::time::interval(STEP), Instant::now());
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let (mut done, mut incidents) = (0, 0);
    while plan.deadline.is_none_or(|deadline| Instant::now() < deadline) {
        every.tick().await;
        let due = (began.elapsed().as_secs_f64() * f64::from(plan.rate)) as u64;
        let mut lines = Vec::new();
        while done < due {
            done += 1;
            lines.push(background(done, &mut random));
        }
        if began.elapsed() >= INCIDENT_EVERY * (incidents + 1) {
            let kind = Kind::ALL[incidents as usize % (Kind::ALL.len() - 1)];
            incidents += 1;
            sent.incidents += 1;
            lines.extend(incident(kind, &mut random));
        }
        write(wires, &lines, sent).await?;
    }
    Ok(())
}

fn background(serial: u64, random: &mut Random) -> Line {
    let (time, source) = (now(), random.below(SOURCES.len() as u64) as usize);
    let text = generate::background_line(source, time, 10_000_000 + serial, false, random);
    Line { time, source, text }
}

/// An incident whose last line is a moment ago.
fn incident(kind: Kind, random: &mut Random) -> Vec<Line> {
    let planted = generate::plant_at(kind, now(), random);
    let length = planted.last().map_or(0, |last| last.time.since(planted[0].time));
    generate::plant_at(kind, now().plus_nanos(-length), random)
        .into_iter()
        .map(|line| Line { time: line.time, source: line.source, text: line.text })
        .collect()
}

/// Sends lines, LF-framed, in one write per listener.
async fn write(wires: &mut [TcpStream], lines: &[Line], sent: &mut Sent) -> Result<()> {
    let mut buffers = vec![Vec::new(); wires.len()];
    for line in lines {
        buffers[line.source].extend_from_slice(line.text.as_bytes());
        buffers[line.source].push(b'\n');
    }
    for (wire, buffer) in wires.iter_mut().zip(&buffers).filter(|(_, buffer)| !buffer.is_empty()) {
        wire.write_all(buffer).await.context("send to a listener")?;
    }
    sent.lines += lines.len() as u64;
    Ok(())
}

fn now() -> Timestamp {
    jiff::Timestamp::now().into()
}
