//! The judgement of one communication by the rows of `flows.csv`, pre-indexed by pair of zones.
//!
//! The order, most specific first:
//!
//! 1. A private source in no zone is `unmapped_source`; else such a destination is `unmapped_destination`.
//! 2. A specific row with nothing wrong: `allowed_specific`. Of several, the one that names both sides, then the first.
//! 3. A matrix row with nothing wrong: `allowed`.
//! 4. The *nearest* specific row decides: the one with the fewest things wrong; of these, one that names both sides;
//!    of these, the one whose fault stands first in this list; of these, the first in the file. The faults:
//!    `violation_mac`, `violation_time`, `violation_not_yet`, `violation_expired`, `violation_port`, `sanitiser_bypass`,
//!    `violation_source`, `violation_direction`. A row with several things wrong has the verdict of the last of them.
//! 5. Between LGWAN and the Internet (zone `lgwan` or a sub-zone; `internet` or a sub-zone, or `external`), neither
//!    endpoint being a registered sanitiser: `sanitiser_bypass`.
//! 6. A matrix row whose only faults are its dates, days or hours: the nearest one's verdict, as in 4. One that also
//!    demands a sanitiser there is none of: `sanitiser_bypass`.
//! 7. Within one zone `allowed`, unless a matrix row from that very zone to itself is in force (then the zone's traffic
//!    is what its rows say: `violation_zone`); between zones `violation_zone`.
//!
//! Which specific rows can be near: the responder's address must fit its side of the row. Then
//! - the initiator's address fits its side, in a direction that the row permits: its faults are what else is wrong;
//! - it fits, but the row does not permit this side to initiate: `violation_direction`, if the row names addresses on
//!   the initiator's side (a row to a whole zone knows no peer that could call back); ports are not looked at;
//! - it does not fit, the row names the responder's addresses, and nothing else at all is wrong: `violation_source`.
//!
//! Within one zone a matrix row that is not in force says nothing.
//! What the event does not say fits: without a port or protocol, a row's ports or protocols are not looked at. A row's
//! ports do not fit a protocol that has none. A MAC address is compared when the event has one and `terminals.csv` has
//! one for the source's address that day, and only against specific rows.

use std::net::IpAddr;

use super::cells::has_ports;
use super::{FlowRow, Flows, Verdict, matching};
use crate::calendar::{Calendar, Moment};
use crate::zones::prefix::PrefixTable;
use crate::zones::{ZoneId, Zones};

const MAC: u8 = 1;
const TIME: u8 = 1 << 1;
const NOT_YET: u8 = 1 << 2;
const EXPIRED: u8 = 1 << 3;
const PORT: u8 = 1 << 4;
const VIA: u8 = 1 << 5;
const SOURCE: u8 = 1 << 6;
const DIRECTION: u8 = 1 << 7;

const NO_PAIR: u32 = u32::MAX;

/// What the judgement needs to know of a communication.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question {
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
    pub(crate) port: Option<u16>,
    pub(crate) protocol: Option<u8>,
    pub(crate) moment: Moment,
    /// Whether an endpoint is a registered sanitiser that day.
    pub(crate) sanitised: bool,
    /// Whether the source's MAC address contradicts `terminals.csv`.
    pub(crate) wrong_mac: bool,
}

/// A row and which way round it is meant: `reversed` when the event's source stands on the row's `to` side.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    row: u32,
    reversed: bool,
}

/// The rows that can speak of one ordered pair of zones.
#[derive(Debug)]
struct Pair {
    /// Specific rows that name addresses on the responder's side, by these.
    by_destination: PrefixTable<Candidate>,
    /// Other specific rows, by the initiator's addresses.
    by_source: PrefixTable<Candidate>,
    matrix: Box<[Candidate]>,
}

/// Rows by pair of zones.
#[derive(Debug, Default)]
pub(crate) struct FlowIndex {
    zones: usize,
    /// Index into `pairs` at source zone times the number of zones plus destination zone.
    places: Vec<u32>,
    pairs: Vec<Pair>,
    /// Whether a zone is on the LGWAN or the Internet side.
    sides: Vec<Side>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Lgwan,
    Internet,
    Other,
}

/// The nearest row so far; smaller is nearer.
type Near = (u32, u8, u8, u32);

impl FlowIndex {
    /// Indexes the rows of a tenant.
    pub(crate) fn build(flows: &Flows, zones: &Zones) -> FlowIndex {
        let count = zones.names().len();
        let mut drafts: std::collections::BTreeMap<usize, Vec<Candidate>> = std::collections::BTreeMap::new();
        for (index, row) in flows.rows().iter().enumerate() {
            let (from, to) = (matching(&row.from_zone, zones), matching(&row.to_zone, zones));
            for a in &from {
                for b in &to {
                    let (a, b) = (usize::from(a.0), usize::from(b.0));
                    let row = index as u32;
                    drafts.entry(a * count + b).or_default().push(Candidate { row, reversed: false });
                    drafts.entry(b * count + a).or_default().push(Candidate { row, reversed: true });
                }
            }
        }
        let mut places = vec![NO_PAIR; count * count];
        let mut pairs = Vec::with_capacity(drafts.len());
        for (place, candidates) in drafts {
            places[place] = pairs.len() as u32;
            pairs.push(Pair::build(flows, &candidates));
        }
        FlowIndex { zones: count, places, pairs, sides: zones.names().iter().map(|name| side(name)).collect() }
    }

    /// Steps 2 to 7 of the order; the row is the one that decided.
    pub(crate) fn judge(
        &self,
        flows: &Flows,
        calendar: &Calendar,
        from: ZoneId,
        to: ZoneId,
        question: &Question,
    ) -> (Verdict, Option<u32>) {
        let place = usize::from(from.0) * self.zones + usize::from(to.0);
        let pair = self.places.get(place).and_then(|pair| self.pairs.get(*pair as usize));
        let mut near: Option<Near> = None;
        if let Some(pair) = pair {
            near = pair.nearest_specific(flows, calendar, question);
            if let Some((0, _, _, row)) = near {
                return (Verdict::AllowedSpecific, Some(row));
            }
        }
        let matrix = pair.map_or_else(Matrix::default, |pair| pair.judge_matrix(flows, calendar, question, from == to));
        if let Matrix { allowed: Some(row), .. } = matrix {
            return (Verdict::Allowed, Some(row));
        }
        if let Some((_, _, faults, row)) = near {
            return (verdict(faults), Some(row));
        }
        if self.crosses_lgwan(from, to) && !question.sanitised {
            return (Verdict::SanitiserBypass, matrix.near.map(|near| near.3));
        }
        if let Some((_, _, faults, row)) = matrix.near {
            return (verdict(faults), Some(row));
        }
        match matrix.narrows {
            None if from == to => (Verdict::Allowed, None),
            row => (Verdict::ViolationZone, row),
        }
    }

    fn crosses_lgwan(&self, from: ZoneId, to: ZoneId) -> bool {
        let side = |zone: ZoneId| self.sides.get(usize::from(zone.0)).copied().unwrap_or(Side::Other);
        matches!((side(from), side(to)), (Side::Lgwan, Side::Internet) | (Side::Internet, Side::Lgwan))
    }
}

fn side(zone: &str) -> Side {
    match zone.split([':', '/']).next() {
        Some("lgwan") => Side::Lgwan,
        Some("internet" | "external") => Side::Internet,
        _ => Side::Other,
    }
}

/// What the matrix rows of a pair say.
#[derive(Default)]
struct Matrix {
    allowed: Option<u32>,
    near: Option<Near>,
    /// A row in force from a zone to itself.
    narrows: Option<u32>,
}

impl Pair {
    fn build(flows: &Flows, candidates: &[Candidate]) -> Pair {
        let (mut by_destination, mut by_source, mut matrix) = (Vec::new(), Vec::new(), Vec::new());
        for candidate in candidates {
            let row = &flows.rows()[candidate.row as usize];
            let (initiator, responder) = if candidate.reversed { (&row.to, &row.from) } else { (&row.from, &row.to) };
            if !row.is_specific() {
                // A matrix row speaks of the directions that it permits, and of nothing else.
                if row.direction.permits(candidate.reversed) {
                    matrix.push(*candidate);
                }
            } else if !responder.is_empty() {
                by_destination.extend(responder.iter().map(|net| (*net, *candidate)));
            } else {
                by_source.extend(initiator.iter().map(|net| (*net, *candidate)));
            }
        }
        Pair {
            by_destination: PrefixTable::build(by_destination),
            by_source: PrefixTable::build(by_source),
            matrix: matrix.into(),
        }
    }

    fn nearest_specific(&self, flows: &Flows, calendar: &Calendar, question: &Question) -> Option<Near> {
        let mut nearest: Option<Near> = None;
        let by_destination = self.by_destination.covering(question.destination);
        let by_source = self.by_source.covering(question.source);
        for candidate in by_destination.flatten().chain(by_source.flatten()) {
            let row = &flows.rows()[candidate.row as usize];
            if let Some(faults) = specific_faults(row, candidate.reversed, calendar, question) {
                let near = rank(faults, row.names(false) && row.names(true), candidate.row);
                nearest = Some(nearest.map_or(near, |other| other.min(near)));
            }
        }
        nearest
    }

    fn judge_matrix(&self, flows: &Flows, calendar: &Calendar, question: &Question, same: bool) -> Matrix {
        let mut said = Matrix::default();
        for candidate in &self.matrix {
            let row = &flows.rows()[candidate.row as usize];
            let in_force = row.validity.contains(question.moment.day);
            if same && !in_force {
                continue;
            }
            if same && row.from_zone == row.to_zone && !row.from_zone.ends_with('*') {
                said.narrows = said.narrows.or(Some(candidate.row));
            }
            let faults = common_faults(row, calendar, question);
            if faults == 0 {
                said.allowed = Some(candidate.row);
                break;
            }
            if faults & PORT == 0 {
                let near = rank(faults, false, candidate.row);
                said.near = Some(said.near.map_or(near, |other| other.min(near)));
            }
        }
        said
    }
}

fn rank(faults: u8, both_sides: bool, row: u32) -> Near {
    (faults.count_ones(), u8::from(!both_sides), highest(faults), row)
}

fn highest(faults: u8) -> u8 {
    1_u8.checked_shl(faults.checked_ilog2().unwrap_or(8)).unwrap_or(0)
}

fn verdict(faults: u8) -> Verdict {
    match highest(faults) {
        MAC => Verdict::ViolationMac,
        TIME => Verdict::ViolationTime,
        NOT_YET => Verdict::ViolationNotYet,
        EXPIRED => Verdict::ViolationExpired,
        PORT => Verdict::ViolationPort,
        VIA => Verdict::SanitiserBypass,
        SOURCE => Verdict::ViolationSource,
        DIRECTION => Verdict::ViolationDirection,
        _ => Verdict::AllowedSpecific,
    }
}

/// What is wrong by a specific row; `None` when the row does not speak of this communication.
fn specific_faults(row: &FlowRow, reversed: bool, calendar: &Calendar, question: &Question) -> Option<u8> {
    let (initiator, responder) = (reversed, !reversed);
    if !row.contains(responder, question.destination) {
        return None;
    }
    let fits = row.contains(initiator, question.source);
    if !row.direction.permits(reversed) {
        let dates = common_faults(row, calendar, question) & !(PORT | VIA);
        return (fits && row.names(initiator)).then_some(DIRECTION | dates);
    }
    let faults = common_faults(row, calendar, question);
    if !fits {
        return (faults == 0 && row.names(responder)).then_some(SOURCE);
    }
    Some(if question.wrong_mac { faults | MAC } else { faults })
}

/// Port, way, dates, days and hours.
fn common_faults(row: &FlowRow, calendar: &Calendar, question: &Question) -> u8 {
    let mut faults = 0;
    if !fits_port(row, question) {
        faults |= PORT;
    }
    if row.via_sanitiser && !question.sanitised {
        faults |= VIA;
    }
    if question.moment.day > row.validity.until {
        faults |= EXPIRED;
    } else if question.moment.day < row.validity.from {
        faults |= NOT_YET;
    }
    if !row.hours.contains(question.moment, row.days, calendar) {
        faults |= TIME;
    }
    faults
}

fn fits_port(row: &FlowRow, question: &Question) -> bool {
    if let Some(protocol) = question.protocol {
        if !row.protocols.contains(protocol) {
            return false;
        }
        if !has_ports(protocol) {
            return row.ports.is_empty();
        }
    }
    question.port.is_none_or(|port| row.ports.contains(port))
}
