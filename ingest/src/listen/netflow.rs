//! NetFlow 5, 7, 9 and IPFIX: datagrams of flows become one JSON line for each flow ([`lines`]).
//!
//! Versions 9 and 10 say in templates, in datagrams of their own, how the records of others read. So a record of raw bytes
//! would mean something only together with earlier ones: flows are decoded here, where they arrive in order, and what is
//! appended is whole by itself. `netflow_parser` decodes; a parser of its own for each exporter address and observation
//! domain (RFC 7011 §3.4.1: template numbers are unique only there).
//!
//! Nothing is passed over in silence:
//!
//! - Sets are given to the parser one by one, so that a broken one takes no other with it, and each is accounted for to its
//!   last byte. What does not decode is a line with the reason and the bytes.
//! - A set whose template has not come is held until it comes, as the datagram that it would be alone: so its flows keep
//!   their own datagram's times, which the parser's own store of such sets would not (it is off). After [`HELD_MAX`], when
//!   the listener stops, or when there is no room, it is such a line too.
//!
//! Bounds: [`EXPORTERS_MAX`] pairs of address and domain (of them, one that was quiet for [`IDLE_MAX`] gives way to a new
//! one, else the new one's datagrams are kept undecoded); [`TEMPLATES_MAX`] templates of [`FIELDS_MAX`] fields of each;
//! [`VALUES_MAX`] values of one set; [`HELD_BYTES_MAX`] held. Templates alone become no record. A datagram that is held is
//! in memory only, as is one on its way to the disk: UDP repeats nothing. Source: RFC 3954, RFC 7011; Cisco, "NetFlow Export
//! Datagram Format".

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use netflow_parser::{NetflowPacket, NetflowParser};
use stream::Timestamp;

use lines::Head;
use session::{Decoded, Session};
use sets::{Message, Set};

mod elements;
mod lines;
mod session;
mod sets;

/// Pairs of exporter address and observation domain at one time.
const EXPORTERS_MAX: usize = 512;
/// One that sent nothing for so long gives way.
const IDLE_MAX: Duration = Duration::from_secs(3_600);
/// Templates of one pair; the one that was not used longest gives way.
const TEMPLATES_MAX: usize = 128;
/// Fields of one template.
const FIELDS_MAX: usize = 256;
/// Values decoded from one set.
const VALUES_MAX: usize = 8_192;
/// How long a set waits for its template. Exporters repeat them every few minutes.
const HELD_MAX: Duration = Duration::from_secs(600);
/// Bytes of sets that wait, of all exporters.
const HELD_BYTES_MAX: usize = 16 << 20;

/// Decodes the datagrams of one socket.
pub(super) struct Netflow {
    sessions: HashMap<(IpAddr, u32), Session>,
    plain: NetflowParser,
    held_bytes: usize,
}

/// A set that waits for its template.
struct Held {
    head: Head,
    template: u16,
    datagram: Vec<u8>,
    received: Timestamp,
    at: Instant,
}

/// A line, and whose datagram it is from.
pub(super) struct Line {
    pub(super) exporter: IpAddr,
    pub(super) received: Timestamp,
    pub(super) raw: String,
}

impl Netflow {
    pub(super) fn new() -> Netflow {
        let plain = NetflowParser::builder().with_allowed_versions(&[5, 7]).build();
        let plain = plain.expect("these versions exist");
        Netflow { sessions: HashMap::new(), plain, held_bytes: 0 }
    }

    /// The lines of a datagram, and of those held that it has the templates of.
    pub(super) fn decode(
        &mut self,
        datagram: &[u8],
        exporter: IpAddr,
        received: Timestamp,
        now: Instant,
        out: &mut Vec<Line>,
    ) {
        let mut line = |raw| out.push(Line { exporter, received, raw });
        let message = match Message::read(datagram, exporter) {
            Ok(message) => message,
            Err(reason) => return line(lines::undecoded(None, exporter, reason, datagram)),
        };
        let head = &message.head;
        if head.version < 9 {
            return self.plain(head, datagram, line);
        }
        let Some(session) = self.session((exporter, head.domain), now) else {
            return line(lines::undecoded(Some(head), exporter, "too many exporters", datagram));
        };
        let mut learned = Vec::new();
        let mut waiting = Vec::new();
        for set in message.sets() {
            match set {
                Ok(Set { id, datagram }) => match session.decode(head, &datagram, &mut line) {
                    Ok(Decoded::Data) => {}
                    Ok(Decoded::Templates(ids)) => learned.extend(ids),
                    Ok(Decoded::NoTemplate) => waiting.push((id, datagram)),
                    Err(reason) => line(lines::undecoded(Some(head), exporter, &reason, &datagram)),
                },
                Err((reason, rest)) => line(lines::undecoded(Some(head), exporter, reason, &rest)),
            }
        }
        for (template, datagram) in waiting {
            let held = Held { head: head.clone(), template, datagram, received, at: now };
            self.hold(held, out);
        }
        if !learned.is_empty() {
            self.release((exporter, message.head.domain), &learned, out);
        }
    }

    /// Gives up on sets that have waited long enough.
    pub(super) fn expire(&mut self, now: Instant, out: &mut Vec<Line>) {
        self.give_up(out, |held| now.saturating_duration_since(held.at) >= HELD_MAX);
    }

    /// Gives up on every set that waits.
    pub(super) fn end(&mut self, out: &mut Vec<Line>) {
        self.give_up(out, |_| true);
    }

    /// Versions without templates.
    fn plain(&mut self, head: &Head, datagram: &[u8], mut line: impl FnMut(String)) {
        let result = self.plain.parse_bytes(datagram);
        for packet in &result.packets {
            match packet {
                NetflowPacket::V5(packet) => {
                    let sampling = packet.header.sampling_interval & 0x3fff;
                    packet.flowsets.iter().for_each(|flow| line(lines::v5(head, flow, sampling)));
                }
                NetflowPacket::V7(packet) => packet.flowsets.iter().for_each(|flow| line(lines::v7(head, flow))),
                _ => line(lines::undecoded(Some(head), head.exporter, "several messages in one datagram", datagram)),
            }
        }
        if let Some(error) = result.error {
            line(lines::undecoded(Some(head), head.exporter, &session::short(&error), datagram));
        }
    }

    fn session(&mut self, key: (IpAddr, u32), now: Instant) -> Option<&mut Session> {
        if !self.sessions.contains_key(&key) {
            if self.sessions.len() >= EXPORTERS_MAX {
                let idle = |session: &Session| now.saturating_duration_since(session.used_at);
                let (quiet, _) = self
                    .sessions
                    .iter()
                    .filter(|(_, session)| session.held.is_empty() && idle(session) >= IDLE_MAX)
                    .max_by_key(|(_, session)| idle(session))?;
                let quiet = *quiet;
                self.sessions.remove(&quiet);
            }
            self.sessions.insert(key, Session::new(now));
        }
        let session = self.sessions.get_mut(&key)?;
        session.used_at = now;
        Some(session)
    }

    fn hold(&mut self, held: Held, out: &mut Vec<Line>) {
        let key = (held.head.exporter, held.head.domain);
        let room = self.held_bytes + held.datagram.len() <= HELD_BYTES_MAX;
        match self.sessions.get_mut(&key) {
            Some(session) if room => {
                self.held_bytes += held.datagram.len();
                session.held.push(held);
            }
            _ => out.push(held.given_up("no room to wait for the template")),
        }
    }

    /// Decodes what waited for these templates, in its order.
    fn release(&mut self, key: (IpAddr, u32), templates: &[u16], out: &mut Vec<Line>) {
        let Some(session) = self.sessions.get_mut(&key) else { return };
        let all = std::mem::take(&mut session.held);
        let (released, waiting): (Vec<Held>, _) = all.into_iter().partition(|held| templates.contains(&held.template));
        session.held = waiting;
        for held in released {
            self.held_bytes -= held.datagram.len();
            let line = |raw| out.push(Line { exporter: key.0, received: held.received, raw });
            match session.decode(&held.head, &held.datagram, line) {
                Ok(Decoded::NoTemplate) => out.push(held.given_up("template unknown")),
                Ok(_) => {}
                Err(reason) => {
                    let raw = lines::undecoded(Some(&held.head), key.0, &reason, &held.datagram);
                    out.push(Line { exporter: key.0, received: held.received, raw });
                }
            }
        }
    }

    fn give_up(&mut self, out: &mut Vec<Line>, is_due: impl Fn(&Held) -> bool) {
        if self.held_bytes == 0 {
            return;
        }
        for session in self.sessions.values_mut() {
            for held in session.held.extract_if(.., |held| is_due(held)) {
                self.held_bytes -= held.datagram.len();
                out.push(held.given_up("template unknown"));
            }
        }
    }
}

impl Held {
    fn given_up(&self, reason: &str) -> Line {
        let exporter = self.head.exporter;
        let raw = lines::undecoded(Some(&self.head), exporter, reason, &self.datagram);
        Line { exporter, received: self.received, raw }
    }
}

/// What a fuzz target holds the decoder to: any datagrams, every line JSON, and what is held bounded.
pub(super) fn check(datagrams: &[Vec<u8>]) -> usize {
    let mut netflow = Netflow::new();
    let (exporter, now) = (IpAddr::from([192, 0, 2, 1]), Instant::now());
    let mut out = Vec::new();
    for datagram in datagrams {
        let before = out.len();
        netflow.decode(datagram, exporter, Timestamp::default(), now, &mut out);
        let held: usize =
            netflow.sessions.values().flat_map(|session| &session.held).map(|held| held.datagram.len()).sum();
        assert!(held == netflow.held_bytes && held <= HELD_BYTES_MAX && netflow.sessions.len() <= EXPORTERS_MAX);
        let said = out.len() > before || held > 0 || sets::is_template_alone(datagram);
        assert!(said, "a datagram left nothing: {datagram:02x?}");
    }
    netflow.end(&mut out);
    assert_eq!(netflow.held_bytes, 0);
    for line in &out {
        let read: Result<serde_json::Value, _> = serde_json::from_str(&line.raw);
        assert!(read.is_ok_and(|line| line.is_object()), "{}", line.raw);
    }
    out.len()
}

#[cfg(test)]
mod tests;
