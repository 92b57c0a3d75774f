//! Which communication is permitted: `flows.csv`, the matrix (許可通信一覧) and the 特定通信台帳 in one table.
//!
//! Columns: `id`, `from_zone`, `to_zone` (required), `from`, `to`, `protocol`, `ports`, `direction`, `via`, `days`, `hours`,
//! `valid_from`, `valid_until`, `owner`, `approval`, `review_by`, `purpose`.
//!
//! - A row whose `from` or `to` holds addresses is a *specific* row (特定通信); a row without is a *matrix* row, for whole
//!   zones. A zone cell may end in `*` (`dept:*`) or be `*`; not both of a row may be `*`.
//! - `protocol`: `tcp`, `udp`, `icmp` (ICMPv6 too), `any`, other names or numbers of IANA's list, or a list. Empty is any.
//! - `ports`: a list of numbers and ranges, always the responder's port. Empty is any.
//! - `direction`: who initiates. `outbound` (or empty) the `from` side, `inbound` the `to` side, `both` either.
//! - `via`: empty, or `sanitiser`: one endpoint must be a sanitiser registered on that day.
//! - `days`, `hours`, dates: see [`crate::calendar`]'s cells. Lists are joined by `;`.
//!
//! An id may stand again only for other days (a renewal). Limit: [`PAIRS_MAX`] zone pairs in all rows together.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::path::Path;

use ipnet::IpNet;

use crate::Problems;
use crate::calendar::{DATE_ADVICE, Day, Days, Hours, Validity};
use crate::csv::{Column, Record, Table, list, nearest, optional, required};
use crate::zones::prefix::{self, AddressSet, PREFIX_ADVICE};
use crate::zones::{self, ZoneId, Zones};

mod cells;
mod judge;

pub(crate) use cells::protocol_number;
pub use cells::{Direction, Ports, Protocols};
pub(crate) use judge::{FlowIndex, Question};

/// The most pairs of zones that rows with `*` may spread over.
pub const PAIRS_MAX: usize = 1_000_000;

const SCHEMA: [Column; 17] = [
    required("id"),
    required("from_zone"),
    optional("from"),
    required("to_zone"),
    optional("to"),
    optional("protocol"),
    optional("ports"),
    optional("direction"),
    optional("via"),
    optional("days"),
    optional("hours"),
    optional("valid_from"),
    optional("valid_until"),
    optional("owner"),
    optional("approval"),
    optional("review_by"),
    optional("purpose"),
];
const ID: usize = 0;
const FROM_ZONE: usize = 1;
const FROM: usize = 2;
const TO_ZONE: usize = 3;
const TO: usize = 4;
const PROTOCOL: usize = 5;
const PORTS: usize = 6;
const DIRECTION: usize = 7;
const VIA: usize = 8;
const DAYS: usize = 9;
const HOURS: usize = 10;
const VALID_FROM: usize = 11;
const VALID_UNTIL: usize = 12;
const REVIEW_BY: usize = 15;

/// What the policy says of one communication.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// By the matrix, or within one zone.
    Allowed,
    /// By a 特定通信 row.
    AllowedSpecific,
    /// Between zones, with no row for it.
    ViolationZone,
    /// Endpoints of a 特定通信 row, another protocol or port.
    ViolationPort,
    /// The far end and port of a 特定通信 row, from an address that the row does not name.
    ViolationSource,
    /// All of a 特定通信 row, but the source's MAC address is not the one registered for its address.
    ViolationMac,
    /// Endpoints of a 特定通信 row, initiated from the wrong side.
    ViolationDirection,
    /// All of a row, after its last day.
    ViolationExpired,
    /// All of a row, before its first day.
    ViolationNotYet,
    /// All of a row, outside its days or hours.
    ViolationTime,
    /// Between LGWAN and the Internet, or on a row that demands it, without a registered sanitiser.
    SanitiserBypass,
    /// The source is a private address in no zone.
    UnmappedSource,
    /// The destination is a private address in no zone.
    UnmappedDestination,
}

impl Verdict {
    /// All verdicts.
    pub const ALL: [Verdict; 13] = [
        Verdict::Allowed,
        Verdict::AllowedSpecific,
        Verdict::ViolationZone,
        Verdict::ViolationPort,
        Verdict::ViolationSource,
        Verdict::ViolationMac,
        Verdict::ViolationDirection,
        Verdict::ViolationExpired,
        Verdict::ViolationNotYet,
        Verdict::ViolationTime,
        Verdict::SanitiserBypass,
        Verdict::UnmappedSource,
        Verdict::UnmappedDestination,
    ];

    /// The value of `sekisho.flow.verdict`.
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Allowed => "allowed",
            Verdict::AllowedSpecific => "allowed_specific",
            Verdict::ViolationZone => "violation_zone",
            Verdict::ViolationPort => "violation_port",
            Verdict::ViolationSource => "violation_source",
            Verdict::ViolationMac => "violation_mac",
            Verdict::ViolationDirection => "violation_direction",
            Verdict::ViolationExpired => "violation_expired",
            Verdict::ViolationNotYet => "violation_not_yet",
            Verdict::ViolationTime => "violation_time",
            Verdict::SanitiserBypass => "sanitiser_bypass",
            Verdict::UnmappedSource => "unmapped_source",
            Verdict::UnmappedDestination => "unmapped_destination",
        }
    }

    /// The word that Japanese screens show.
    pub fn label(self) -> &'static str {
        match self {
            Verdict::Allowed => "許可",
            Verdict::AllowedSpecific => "許可（特定通信）",
            Verdict::ViolationZone => "許可外のゾーン間通信",
            Verdict::ViolationPort => "ポート不一致",
            Verdict::ViolationSource => "許可端末以外",
            Verdict::ViolationMac => "MACアドレス不一致",
            Verdict::ViolationDirection => "方向違反",
            Verdict::ViolationExpired => "有効期限切れ",
            Verdict::ViolationNotYet => "有効期間前",
            Verdict::ViolationTime => "時間帯外",
            Verdict::SanitiserBypass => "無害化を経ない通信",
            Verdict::UnmappedSource => "未登録の送信元",
            Verdict::UnmappedDestination => "未登録の宛先",
        }
    }

    /// Whether the policy permits it.
    pub fn is_allowed(self) -> bool {
        matches!(self, Verdict::Allowed | Verdict::AllowedSpecific)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One row of `flows.csv`.
#[derive(Clone, Debug)]
pub struct FlowRow {
    /// Its id, unique among rows of the same days.
    pub id: Box<str>,
    /// Zone id, or a pattern that ends in `*`.
    pub from_zone: Box<str>,
    /// Prefixes of the `from` side; empty is the whole zone.
    pub from: Box<[IpNet]>,
    /// Zone id, or a pattern that ends in `*`.
    pub to_zone: Box<str>,
    /// Prefixes of the `to` side; empty is the whole zone.
    pub to: Box<[IpNet]>,
    /// Protocols.
    pub protocols: Protocols,
    /// The responder's ports.
    pub ports: Ports,
    /// Who initiates.
    pub direction: Direction,
    /// Whether one endpoint must be a registered sanitiser.
    pub via_sanitiser: bool,
    /// Days on which it holds.
    pub days: Days,
    /// Hours in which it holds.
    pub hours: Hours,
    /// Dates between which it holds.
    pub validity: Validity,
    /// When it must be looked at again.
    pub review_by: Option<Day>,
    /// Its line in the file.
    pub line: u32,
    /// All cells as written, by the columns of [`Flows::header`].
    pub cells: Box<[Box<str>]>,
    from_set: AddressSet,
    to_set: AddressSet,
}

impl FlowRow {
    /// Whether it names addresses (特定通信), as opposed to whole zones.
    pub fn is_specific(&self) -> bool {
        !self.from.is_empty() || !self.to.is_empty()
    }

    fn contains(&self, to_side: bool, ip: IpAddr) -> bool {
        let (nets, set) = if to_side { (&self.to, &self.to_set) } else { (&self.from, &self.from_set) };
        nets.is_empty() || set.contains(ip)
    }

    fn names(&self, to_side: bool) -> bool {
        if to_side { !self.to.is_empty() } else { !self.from.is_empty() }
    }
}

/// The rows of one tenant.
#[derive(Debug, Default)]
pub struct Flows {
    header: Vec<String>,
    rows: Vec<FlowRow>,
}

impl Flows {
    /// Reads `flows.csv`.
    pub(crate) fn load(file: &Path, zones: &Zones, problems: &mut Problems) -> Flows {
        let table = Table::read(file, &SCHEMA, problems);
        table.map(|table| Flows::from_table(&table, zones, problems)).unwrap_or_default()
    }

    fn from_table(table: &Table, zones: &Zones, problems: &mut Problems) -> Flows {
        let mut rows: Vec<FlowRow> = Vec::new();
        let mut by_id: HashMap<Box<str>, Vec<usize>> = HashMap::new();
        let mut pairs = 0;
        for record in table.records() {
            let Some(row) = read_row(&record, zones, problems) else { continue };
            pairs += matching(&row.from_zone, zones).len() * matching(&row.to_zone, zones).len();
            if pairs > PAIRS_MAX {
                let message = format!("with this row, rows cover more than {PAIRS_MAX} pairs of zones");
                problems.push(record.problem(FROM_ZONE, message, "name zones instead of `*`"));
                break;
            }
            let same_id = by_id.entry(row.id.clone()).or_default();
            let clash = same_id.iter().map(|index| &rows[*index]).find(|other| other.validity.overlaps(row.validity));
            if let Some(other) = clash {
                let message = format!("`{}` stands in line {} for some of the same days", row.id, other.line);
                problems.push(record.problem(ID, message, "give the row an id of its own"));
            }
            same_id.push(rows.len());
            rows.push(row);
        }
        Flows { header: table.header().to_vec(), rows }
    }

    /// Names of all columns in the file's order, extra ones included.
    pub fn header(&self) -> &[String] {
        &self.header
    }

    /// Rows in the file's order.
    pub fn rows(&self) -> &[FlowRow] {
        &self.rows
    }

    /// The cell of a row as written; empty when there is no such column.
    pub fn cell<'r>(&self, row: &'r FlowRow, column: &str) -> &'r str {
        let index = self.header.iter().position(|name| name == column);
        index.and_then(|index| row.cells.get(index)).map_or("", AsRef::as_ref)
    }
}

/// The zones that a cell means: one, or all that begin with what stands before `*`.
fn matching(pattern: &str, zones: &Zones) -> Vec<ZoneId> {
    match pattern.strip_suffix('*') {
        None => zones.by_name(pattern).into_iter().collect(),
        Some(head) => {
            let names = zones.names().iter().enumerate();
            names.filter(|(_, name)| name.starts_with(head)).map(|(index, _)| ZoneId(index as u16)).collect()
        }
    }
}

fn read_row(record: &Record<'_>, zones: &Zones, problems: &mut Problems) -> Option<FlowRow> {
    let id = record.required(ID, problems);
    let from_zone = read_zone(record, FROM_ZONE, zones, problems);
    let to_zone = read_zone(record, TO_ZONE, zones, problems);
    let from = read_addresses(record, FROM, problems);
    let to = read_addresses(record, TO, problems);
    let protocols = record.parse(PROTOCOL, cells::PROTOCOL_ADVICE, problems, Protocols::parse);
    let ports = record.parse(PORTS, cells::PORTS_ADVICE, problems, Ports::parse);
    let direction = record.parse(DIRECTION, cells::DIRECTION_ADVICE, problems, Direction::parse);
    let via = record.parse(VIA, "write sanitiser, or leave it empty", problems, cells::via);
    let days_advice = "write weekday, holiday or days like 月;火, or leave it empty";
    let days = record.parse(DAYS, days_advice, problems, Days::parse);
    let hours_advice = "write hours like 09:00-17:00 or 22:00-05:00, or leave it empty";
    let hours = record.parse(HOURS, hours_advice, problems, Hours::parse);
    let validity = record.validity(VALID_FROM, VALID_UNTIL, problems);
    let review_by = record.parse(REVIEW_BY, DATE_ADVICE, problems, |text| {
        if text.is_empty() { Ok(None) } else { Day::parse(text).map(Some) }
    });
    let (from_zone, to_zone, from, to) = (from_zone?, to_zone?, from?, to?);
    let (protocols, ports) = (protocols?, ports?);
    if from_zone.as_ref() == "*" && to_zone.as_ref() == "*" {
        problems.push(record.problem(TO_ZONE, "from_zone and to_zone are both `*`", "name one of the zones"));
        return None;
    }
    if !ports.is_empty() && !protocols.have_ports() {
        let message = format!("`{}` has no ports", record.get(PROTOCOL));
        problems.push(record.problem(PORTS, message, "leave ports empty, or write tcp or udp as the protocol"));
        return None;
    }
    Some(FlowRow {
        id: id?.into(),
        from_zone,
        to_zone,
        from_set: AddressSet::new(&from),
        to_set: AddressSet::new(&to),
        from: from.into(),
        to: to.into(),
        protocols,
        ports,
        direction: direction?,
        via_sanitiser: via?,
        days: days?,
        hours: hours?,
        validity: validity?,
        review_by: review_by?,
        line: record.line(),
        cells: record.cells().map(Into::into).collect(),
    })
}

fn read_addresses(record: &Record<'_>, column: usize, problems: &mut Problems) -> Option<Vec<IpNet>> {
    let mut nets = Vec::new();
    for item in list(record.get(column)) {
        nets.extend(record.parse(column, PREFIX_ADVICE, problems, |_| prefix::parse(item))?);
    }
    Some(nets)
}

/// A zone of `zones.csv`, a well-known one, or a pattern.
fn read_zone(record: &Record<'_>, column: usize, zones: &Zones, problems: &mut Problems) -> Option<Box<str>> {
    let text = record.required(column, problems)?;
    if let Some(head) = text.strip_suffix('*') {
        let advice = "write one zone, `*`, or the beginning of zone names before `*`, as in dept:*";
        let pattern = record.parse(column, advice, problems, |_| {
            if head.is_empty() { Ok(String::new()) } else { zones::zone_name(head) }
        })?;
        return Some(format!("{pattern}*").into());
    }
    let name = record.parse(column, "write the id of a zone of zones.csv", problems, |_| zones::zone_name(text))?;
    if zones.by_name(&name).is_some() || zones::labels::WELL_KNOWN.contains(&name.as_str()) {
        return Some(name.into());
    }
    let known = zones.names().iter().map(AsRef::as_ref).chain(zones::labels::WELL_KNOWN);
    let advice = match nearest(&name, known) {
        Some(near) => format!("write `{near}`, or add the zone to zones.csv"),
        None => "add the zone to zones.csv, or write the id of one that is there".to_owned(),
    };
    problems.push(record.problem(column, format!("no row of zones.csv has zone `{name}`"), advice));
    None
}
