//! Which zone an address belongs to on a day: `zones.csv`.
//!
//! Columns: `prefix` (required; a list), `zone` (required), `site`, `owner`, `valid_from`, `valid_until`, `note`.
//!
//! - The longest prefix that is valid on the day wins; a longer one that is not valid lets the next shorter one speak.
//! - `0.0.0.0/0` and `::/0` cover public addresses only. A private address (RFC 1918, RFC 6598, RFC 3927, RFC 4193) in
//!   no other row valid that day is *unmapped*; a public address in no row is `external`.
//! - Addresses that never leave a link or name no host (unspecified, loopback, multicast, limited broadcast, IPv6
//!   link-local) are of no zone unless a row other than the two defaults names them.
//! - A zone's id is ASCII lower case, with sub-zones after `:` or `/` (`dept:zeimu`, `mynumber/kaigo`), which are zones of
//!   their own. The Japanese labels of the well-known zones are read as their ids.
//!
//! Limits: [`ZONES_MAX`] zones a tenant, ids of 64 bytes. Two rows of one prefix must not be valid on the same day
//! unless they say the same.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::path::Path;

use ipnet::IpNet;

use crate::calendar::{Day, Validity};
use crate::csv::{Column, Record, Table, list, optional, required};
use crate::{Problem, Problems};

pub(crate) mod labels;
pub(crate) mod prefix;

use prefix::{PREFIX_ADVICE, PrefixTable};

/// The most zones of one tenant.
pub const ZONES_MAX: usize = 512;
/// The zone that private addresses without a row are shown as; no row may use it.
pub const UNMAPPED: &str = "unmapped";

const ZONE_BYTES_MAX: usize = 64;
const SCHEMA: [Column; 7] = [
    required("prefix"),
    required("zone"),
    optional("site"),
    optional("owner"),
    optional("valid_from"),
    optional("valid_until"),
    optional("note"),
];
const PREFIX: usize = 0;
const ZONE: usize = 1;
const SITE: usize = 2;
const OWNER: usize = 3;
const FROM: usize = 4;
const UNTIL: usize = 5;
const NOTE: usize = 6;

/// A zone of one tenant, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ZoneId(pub(crate) u16);

/// `external`, which every tenant has.
pub(crate) const EXTERNAL: ZoneId = ZoneId(0);

/// One row of `zones.csv`.
#[derive(Clone, Debug)]
pub struct ZoneRow {
    /// Its prefixes.
    pub prefixes: Box<[IpNet]>,
    pub(crate) zone: ZoneId,
    /// Where it is.
    pub site: Box<str>,
    /// Who answers for it.
    pub owner: Box<str>,
    /// When the row holds.
    pub validity: Validity,
    /// Remark.
    pub note: Box<str>,
    /// Its line in the file.
    pub line: u32,
}

/// Where an address is on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In a zone, by this row; a public address in no row has none.
    Zone { zone: ZoneId, row: Option<u32> },
    /// Private and in no row.
    Unmapped,
    /// On its link only: of no zone.
    Link,
}

/// The zones of one tenant.
#[derive(Debug)]
pub(crate) struct Zones {
    names: Vec<Box<str>>,
    by_name: HashMap<Box<str>, ZoneId>,
    rows: Vec<ZoneRow>,
    table: PrefixTable<u32>,
    /// Rows of `0.0.0.0/0` and of `::/0`.
    defaults: [Vec<u32>; 2],
}

impl Default for Zones {
    fn default() -> Self {
        Zones::new(Names::default(), Vec::new())
    }
}

impl Zones {
    /// Reads `zones.csv`.
    pub(crate) fn load(file: &Path, problems: &mut Problems) -> Zones {
        Table::read(file, &SCHEMA, problems).map(|table| Zones::from_table(file, &table, problems)).unwrap_or_default()
    }

    fn from_table(file: &Path, table: &Table, problems: &mut Problems) -> Zones {
        let mut names = Names::default();
        let mut rows = Vec::new();
        let mut seen: BTreeMap<IpNet, Vec<usize>> = BTreeMap::new();
        for record in table.records() {
            let Some(row) = read_row(&record, &mut names, problems) else { continue };
            for net in &row.prefixes {
                let before = seen.entry(*net).or_default();
                let clash = before.iter().map(|index| &rows[*index]).find(|other| contradicts(other, &row));
                if let Some(other) = clash {
                    let message = format!("`{net}` stands in line {} for some of the same days", other.line);
                    let advice = "end the earlier row with valid_until the day before this one's valid_from";
                    problems.push(record.problem(PREFIX, message, advice));
                }
                before.push(rows.len());
            }
            rows.push(row);
        }
        if names.list.len() > ZONES_MAX {
            let message = format!("names {} zones, more than {ZONES_MAX}", names.list.len());
            problems.push(Problem::whole(file, message, "use fewer sub-zones"));
            return Zones::default();
        }
        Zones::new(names, rows)
    }

    fn new(names: Names, rows: Vec<ZoneRow>) -> Zones {
        let mut defaults = [Vec::new(), Vec::new()];
        let mut entries = Vec::new();
        for (index, row) in rows.iter().enumerate() {
            let index = index as u32;
            for net in &row.prefixes {
                match net.prefix_len() {
                    0 => defaults[usize::from(net.network().is_ipv6())].push(index),
                    _ => entries.push((*net, index)),
                }
            }
        }
        Zones { names: names.list, by_name: names.by_name, rows, table: PrefixTable::build(entries), defaults }
    }

    /// Where the address is on the day.
    pub(crate) fn locate(&self, ip: IpAddr, day: Day) -> Place {
        let valid = |index: &&u32| self.rows.get(**index as usize).is_some_and(|row| row.validity.contains(day));
        let place = |index: &u32| Place::Zone { zone: self.rows[*index as usize].zone, row: Some(*index) };
        for rows in self.table.covering(ip) {
            if let Some(index) = rows.iter().find(valid) {
                return place(index);
            }
        }
        match scope(ip) {
            Scope::Link => Place::Link,
            Scope::Private => Place::Unmapped,
            Scope::Public => {
                let defaults = &self.defaults[usize::from(ip.to_canonical().is_ipv6())];
                defaults.iter().find(valid).map_or(Place::Zone { zone: EXTERNAL, row: None }, place)
            }
        }
    }

    /// The zone's name.
    pub(crate) fn name(&self, zone: ZoneId) -> &str {
        self.names.get(usize::from(zone.0)).map_or("", AsRef::as_ref)
    }

    /// The zone of this name.
    pub(crate) fn by_name(&self, name: &str) -> Option<ZoneId> {
        self.by_name.get(name).copied()
    }

    /// All zones in order of their numbers; `external` first.
    pub(crate) fn names(&self) -> &[Box<str>] {
        &self.names
    }

    /// All rows in the file's order.
    pub(crate) fn rows(&self) -> &[ZoneRow] {
        &self.rows
    }
}

#[derive(Debug)]
struct Names {
    list: Vec<Box<str>>,
    by_name: HashMap<Box<str>, ZoneId>,
}

impl Default for Names {
    fn default() -> Self {
        let external: Box<str> = "external".into();
        Names { list: vec![external.clone()], by_name: HashMap::from([(external, EXTERNAL)]) }
    }
}

impl Names {
    fn id(&mut self, name: &str) -> ZoneId {
        if let Some(id) = self.by_name.get(name) {
            return *id;
        }
        // Past the limit the number is not used: the load fails.
        let id = ZoneId(u16::try_from(self.list.len()).unwrap_or(u16::MAX));
        self.list.push(name.into());
        self.by_name.insert(name.into(), id);
        id
    }
}

fn read_row(record: &Record<'_>, names: &mut Names, problems: &mut Problems) -> Option<ZoneRow> {
    let prefixes = read_prefixes(record, problems);
    let zone = record.required(ZONE, problems).and_then(|text| {
        let advice = "write one of mynumber, lgwan, internet, dmz, external, remote, seccloud, dept:NAME, peer:NAME";
        record.parse(ZONE, advice, problems, |_| zone_name(text))
    });
    let validity = record.validity(FROM, UNTIL, problems);
    let (prefixes, zone, validity) = (prefixes?, zone?, validity?);
    Some(ZoneRow {
        prefixes: prefixes.into(),
        zone: names.id(&zone),
        site: record.get(SITE).into(),
        owner: record.get(OWNER).into(),
        validity,
        note: record.get(NOTE).into(),
        line: record.line(),
    })
}

fn read_prefixes(record: &Record<'_>, problems: &mut Problems) -> Option<Vec<IpNet>> {
    let text = record.required(PREFIX, problems)?;
    let mut nets = Vec::new();
    for item in list(text) {
        nets.extend(record.parse(PREFIX, PREFIX_ADVICE, problems, |_| prefix::parse(item))?);
    }
    Some(nets)
}

/// The zone id that a cell means.
pub(crate) fn zone_name(text: &str) -> Result<String, String> {
    let name = labels::zone_id(text);
    let allowed = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | ':' | '/' | '.' | '・' | '（' | '）');
    if name == UNMAPPED {
        return Err(format!("`{UNMAPPED}` is what an address without a row is called"));
    }
    if name.is_empty() || name.len() > ZONE_BYTES_MAX || !name.chars().all(allowed) {
        return Err(format!("`{text}` is not a zone name"));
    }
    Ok(name)
}

fn contradicts(a: &ZoneRow, b: &ZoneRow) -> bool {
    a.validity.overlaps(b.validity) && (a.zone, &a.site, &a.owner) != (b.zone, &b.site, &b.owner)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    Public,
    Private,
    Link,
}

/// Whether an address is routed in the Internet.
pub(crate) fn is_public(ip: IpAddr) -> bool {
    scope(ip) == Scope::Public
}

fn scope(ip: IpAddr) -> Scope {
    match ip.to_canonical() {
        IpAddr::V4(ip) => {
            let octets = ip.octets();
            let shared = octets[0] == 100 && octets[1] & 0xc0 == 64;
            if ip.is_unspecified() || ip.is_loopback() || ip.is_multicast() || ip.is_broadcast() {
                Scope::Link
            } else if ip.is_private() || ip.is_link_local() || shared {
                Scope::Private
            } else {
                Scope::Public
            }
        }
        IpAddr::V6(ip) => {
            if ip.is_unspecified() || ip.is_loopback() || ip.is_multicast() || ip.is_unicast_link_local() {
                Scope::Link
            } else if ip.is_unique_local() {
                Scope::Private
            } else {
                Scope::Public
            }
        }
    }
}

#[cfg(test)]
mod tests;
