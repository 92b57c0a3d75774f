//! Tenants (接続団体): one folder per body with its zones, permitted flows and registers, and the judgement of events.
//!
//! ```text
//! tenants/<id>/tenant.toml   name, model and the rest, see below
//! tenants/<id>/zones.csv     prefixes and their zones
//! tenants/<id>/flows.csv     the matrix and the 特定通信台帳; absent: nothing is permitted between zones
//! tenants/<id>/ledgers/      registers, each of them optional
//! ```
//!
//! tenant.toml: `name` and `model` (`alpha`, `alpha-prime`, `beta`, `beta-prime`, `internet-only`) are required; `kind`,
//! `parent` (the prefecture's id), `calendar` (`weekday_0830_1715`, `24h`), `calendars_extra` (name to calendar),
//! `contacts` (a list of tables of texts), `rules_not_applicable` and `rules_on_extra` (use-case ids), `labels` (zone id to
//! the name that screens show). Keys beyond these are left alone unless they look like a misspelling of one.
//!
//! Everything is judged at the event's own time (`@timestamp`), so that a replay judges as the live run did; no clock
//! is read. Limit: [`TENANTS_MAX`] tenants.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bumpalo::Bump;
use stream::{Event, Timestamp};

use crate::calendar::{Calendar, Moment};
use crate::flows::{FlowIndex, FlowRow, Flows, Question, Verdict};
use crate::geo::Geo;
use crate::ledger::{Ledgers, Mac};
use crate::zones::{Place, UNMAPPED, ZoneRow, Zones, labels};
use crate::{Problem, Problems};

mod event;
mod profile;

pub use profile::{Model, Profile};

/// The most tenants of one installation.
pub const TENANTS_MAX: usize = 1000;

/// All bodies of one installation, read-only once loaded; a reload builds a new value.
#[derive(Debug, Default)]
pub struct Tenants {
    /// Sorted by id.
    list: Vec<Tenant>,
    /// Countries and networks of public addresses.
    geo: Geo,
}

impl Tenants {
    /// Loads `dir/<id>/` for every folder of `dir`, or `dir` itself when it holds a tenant.toml.
    ///
    /// # Errors
    /// Everything that is wrong in any file, up to [`crate::PROBLEMS_MAX`].
    pub fn load(dir: &Path) -> Result<Tenants, Vec<Problem>> {
        if dir.join("tenant.toml").is_file() {
            return Tenants::load_one(dir);
        }
        let mut problems = Problems::default();
        let folders = folders(dir, &mut problems);
        let list: Vec<_> = folders.iter().map(|folder| Tenant::load(folder, &mut problems)).collect();
        check_parents(&list, &folders, &mut problems);
        Tenants::checked(list, problems)
    }

    /// Loads one tenant; its id is the folder's name, and its parent is not looked for.
    ///
    /// # Errors
    /// As [`Tenants::load`].
    pub fn load_one(dir: &Path) -> Result<Tenants, Vec<Problem>> {
        let mut problems = Problems::default();
        let tenant = Tenant::load(dir, &mut problems);
        Tenants::checked(vec![tenant], problems)
    }

    fn checked(mut list: Vec<Tenant>, problems: Problems) -> Result<Tenants, Vec<Problem>> {
        if !problems.is_empty() {
            return Err(problems.into_vec());
        }
        list.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(Tenants { list, geo: Geo::default() })
    }

    /// The same, that also tells countries and networks.
    #[must_use]
    pub fn with_geo(self, geo: Geo) -> Tenants {
        Tenants { geo, ..self }
    }

    /// Ids in alphabetical order.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.list.iter().map(Tenant::id)
    }

    /// All tenants, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Tenant> {
        self.list.iter()
    }

    /// The tenant of this id.
    pub fn get(&self, id: &str) -> Option<&Tenant> {
        self.at(self.position(id)?)
    }

    /// The place of a tenant, for [`Tenants::at`].
    pub(crate) fn position(&self, id: &str) -> Option<usize> {
        self.list.binary_search_by(|tenant| tenant.id.as_ref().cmp(id)).ok()
    }

    /// The tenant at this place.
    pub(crate) fn at(&self, place: usize) -> Option<&Tenant> {
        self.list.get(place)
    }

    /// The bodies whose parent this is.
    pub fn children<'t>(&'t self, id: &'t str) -> impl Iterator<Item = &'t Tenant> {
        self.list.iter().filter(move |tenant| tenant.profile.parent.as_deref() == Some(id))
    }

    /// Sets `sekisho.source.zone`, `.site`, `.owner`, `sekisho.destination.zone`, `.site`, `.owner` from the addresses
    /// that the event has, and, when it has both, `sekisho.flow.verdict` and the deciding row's id in
    /// `sekisho.flow.rule`. What the event brought along in these fields is removed. An event of an unknown tenant gets
    /// none of them. What the databases of [`Tenants::with_geo`] say of public addresses is set for every tenant.
    pub fn judge<'a>(&self, event: &mut Event<'a>, arena: &'a Bump) {
        event::judge(self, event, arena);
    }
}

/// A communication to be judged.
#[derive(Clone, Copy, Debug)]
pub struct Flow {
    /// Initiator.
    pub source: IpAddr,
    /// Responder.
    pub destination: IpAddr,
    /// The responder's port, if known.
    pub port: Option<u16>,
    /// IANA protocol number, if known.
    pub protocol: Option<u8>,
    /// The initiator's MAC address, if known.
    pub source_mac: Option<Mac>,
    /// When.
    pub time: Timestamp,
}

/// Where an endpoint is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Endpoint<'t> {
    /// Zone id; `unmapped` for a private address in no row, `None` for an address that never leaves its link.
    pub zone: Option<&'t str>,
    /// Site of the row, or empty.
    pub site: &'t str,
    /// Owner of the row, or empty.
    pub owner: &'t str,
}

/// What the policy says of a communication.
#[derive(Clone, Copy, Debug)]
pub struct Judgement<'t> {
    /// Where it came from.
    pub source: Endpoint<'t>,
    /// Where it went.
    pub destination: Endpoint<'t>,
    /// `None` when an endpoint is on its link only: such traffic crosses no zone.
    pub verdict: Option<Verdict>,
    /// The row that decided.
    pub row: Option<&'t FlowRow>,
}

/// A zone, as screens show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneInfo {
    /// Canonical id.
    pub id: String,
    /// Japanese label.
    pub label: String,
    /// English label.
    pub label_en: String,
    /// All its prefixes, of every date.
    pub prefixes: Vec<String>,
}

/// One body.
#[derive(Debug)]
pub struct Tenant {
    id: Box<str>,
    dir: PathBuf,
    profile: Profile,
    calendar: Calendar,
    zones: Arc<Zones>,
    ledgers: Arc<Ledgers>,
    flows: Flows,
    index: FlowIndex,
}

impl Tenant {
    fn load(dir: &Path, problems: &mut Problems) -> Tenant {
        let id = dir.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let (profile, calendar) = profile::load(&dir.join("tenant.toml"), problems);
        let zones = Zones::load(&dir.join("zones.csv"), problems);
        let flows_file = dir.join("flows.csv");
        let flows = if flows_file.exists() { Flows::load(&flows_file, &zones, problems) } else { Flows::default() };
        let ledgers = Ledgers::load(&dir.join("ledgers"), problems);
        let calendar = calendar.with_holidays(ledgers.holidays());
        let index = FlowIndex::build(&flows, &zones);
        let (zones, ledgers) = (Arc::new(zones), Arc::new(ledgers));
        Tenant { id: id.into(), dir: dir.to_owned(), profile, calendar, zones, ledgers, flows, index }
    }

    /// The same tenant under other rows of flows.csv: a proposal to be tried on past traffic.
    ///
    /// # Errors
    /// Everything that is wrong in the file.
    pub fn with_flows(&self, file: &Path) -> Result<Tenant, Vec<Problem>> {
        let mut problems = Problems::default();
        let flows = Flows::load(file, &self.zones, &mut problems);
        if !problems.is_empty() {
            return Err(problems.into_vec());
        }
        Ok(Tenant {
            id: self.id.clone(),
            dir: self.dir.clone(),
            profile: self.profile.clone(),
            calendar: self.calendar.clone(),
            zones: self.zones.clone(),
            ledgers: self.ledgers.clone(),
            index: FlowIndex::build(&flows, &self.zones),
            flows,
        })
    }

    /// Folder name.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The folder it was loaded from.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// What tenant.toml says.
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// Its closed days and office hours.
    pub fn calendar(&self) -> &Calendar {
        &self.calendar
    }

    /// Its registers.
    pub fn ledgers(&self) -> &Ledgers {
        &self.ledgers
    }

    /// Its rows of flows.csv.
    pub fn flows(&self) -> &Flows {
        &self.flows
    }

    /// Its rows of zones.csv, in the file's order.
    pub fn zone_rows(&self) -> &[ZoneRow] {
        self.zones.rows()
    }

    /// The zone id of a row of [`Tenant::zone_rows`].
    pub fn zone_of_row(&self, row: &ZoneRow) -> &str {
        self.zones.name(row.zone)
    }

    /// Its zones in the order of a matrix: the three layers, others by name, `external` last.
    pub fn zones(&self) -> Vec<ZoneInfo> {
        let mut zones: Vec<_> = self.zones.names().iter().map(|id| self.zone_info(id)).collect();
        zones.sort_by_key(|zone| (matrix_order(&zone.id), zone.id.clone()));
        zones
    }

    /// The Japanese label of a zone: the tenant's own, or the usual one.
    pub fn zone_label(&self, id: &str) -> String {
        self.profile.labels.get(id).cloned().unwrap_or_else(|| labels::zone_labels(id).0)
    }

    fn zone_info(&self, id: &str) -> ZoneInfo {
        let rows = self.zones.rows().iter().filter(|row| self.zones.name(row.zone) == id);
        let mut prefixes: Vec<_> = rows.flat_map(|row| row.prefixes.iter().map(ToString::to_string)).collect();
        prefixes.dedup();
        ZoneInfo { id: id.to_owned(), label: self.zone_label(id), label_en: labels::zone_labels(id).1, prefixes }
    }

    /// Where an address is at an instant.
    pub fn locate(&self, ip: IpAddr, at: Timestamp) -> Endpoint<'_> {
        self.endpoint(self.zones.locate(ip, Moment::of(at).day))
    }

    /// Judges one communication. The order of the verdicts is described in `flows/judge.rs`.
    pub fn judge(&self, flow: &Flow) -> Judgement<'_> {
        let moment = Moment::of(flow.time);
        let from = self.zones.locate(flow.source, moment.day);
        let to = self.zones.locate(flow.destination, moment.day);
        let (source, destination) = (self.endpoint(from), self.endpoint(to));
        let (verdict, row) = match (from, to) {
            (Place::Link, _) | (_, Place::Link) => (None, None),
            (Place::Unmapped, _) => (Some(Verdict::UnmappedSource), None),
            (_, Place::Unmapped) => (Some(Verdict::UnmappedDestination), None),
            (Place::Zone { zone: from, .. }, Place::Zone { zone: to, .. }) => {
                let question = self.question(flow, moment);
                let (verdict, row) = self.index.judge(&self.flows, &self.calendar, from, to, &question);
                (Some(verdict), row.and_then(|row| self.flows.rows().get(row as usize)))
            }
        };
        Judgement { source, destination, verdict, row }
    }

    fn question(&self, flow: &Flow, moment: Moment) -> Question {
        let sanitiser = |ip| self.ledgers.is_sanitiser(ip, flow.time);
        Question {
            source: flow.source,
            destination: flow.destination,
            port: flow.port,
            protocol: flow.protocol,
            moment,
            sanitised: self.ledgers.has_sanitisers() && (sanitiser(flow.source) || sanitiser(flow.destination)),
            wrong_mac: flow.source_mac.is_some_and(|mac| self.ledgers.contradicts_mac(flow.source, mac, flow.time)),
        }
    }

    fn endpoint(&self, place: Place) -> Endpoint<'_> {
        match place {
            Place::Link => Endpoint::default(),
            Place::Unmapped => Endpoint { zone: Some(UNMAPPED), ..Endpoint::default() },
            Place::Zone { zone, row } => {
                let row = row.and_then(|row| self.zones.rows().get(row as usize));
                Endpoint {
                    zone: Some(self.zones.name(zone)),
                    site: row.map_or("", |row| &row.site),
                    owner: row.map_or("", |row| &row.owner),
                }
            }
        }
    }
}

fn matrix_order(id: &str) -> usize {
    let base = id.split([':', '/']).next().unwrap_or(id);
    ["mynumber", "lgwan", "internet", "dmz", "remote", "seccloud", "", "external"]
        .iter()
        .position(|known| *known == base)
        .unwrap_or(6)
}

/// The folders below `dir` that are tenants, by name.
fn folders(dir: &Path, problems: &mut Problems) -> Vec<PathBuf> {
    let advice = "create one folder per body in it, or let `sekisho init` do so";
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) => {
            problems.push(Problem::whole(dir, format!("cannot be read: {error}"), advice));
            return Vec::new();
        }
    };
    let paths = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    let hidden = |path: &PathBuf| path.file_name().is_none_or(|name| name.to_string_lossy().starts_with('.'));
    let mut folders: Vec<_> = paths.filter(|path| path.is_dir() && !hidden(path)).collect();
    folders.sort();
    if folders.is_empty() {
        problems.push(Problem::whole(dir, "holds no tenant", advice));
    }
    if folders.len() > TENANTS_MAX {
        let message = format!("holds {} tenants, more than {TENANTS_MAX}", folders.len());
        problems.push(Problem::whole(dir, message, "split the installation"));
        folders.truncate(TENANTS_MAX);
    }
    folders
}

/// Every parent exists, and nobody is above himself.
fn check_parents(list: &[Tenant], folders: &[PathBuf], problems: &mut Problems) {
    let parent_of = |id: &str| {
        let tenant = list.iter().find(|tenant| tenant.id.as_ref() == id);
        tenant.and_then(|tenant| tenant.profile.parent.as_deref())
    };
    for (tenant, folder) in list.iter().zip(folders) {
        let Some(parent) = tenant.profile.parent.as_deref() else { continue };
        let file = folder.join("tenant.toml");
        let (line, column) = tenant.profile.parent_place;
        if !list.iter().any(|other| other.id.as_ref() == parent) {
            let advice = "write the folder name of the parent body, or delete the key";
            problems.push(Problem::new(&file, line, column, format!("parent: no tenant is called `{parent}`"), advice));
            continue;
        }
        let above = std::iter::successors(Some(parent), |id| parent_of(id)).take(list.len());
        if above.into_iter().any(|id| id == tenant.id.as_ref()) {
            let message = format!("parent: `{parent}` is below this tenant itself");
            problems.push(Problem::new(&file, line, column, message, "delete the key in one of the two"));
        }
    }
}

#[cfg(test)]
mod tests;
