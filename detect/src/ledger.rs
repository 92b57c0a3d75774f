//! The registers (台帳) of a tenant: who, which terminal, which sanitiser, which contract held at a moment.
//!
//! Each is a CSV file in `ledgers/`, absent when the body keeps none:
//!
//! | File | Columns (first of them required) | Holds |
//! |---|---|---|
//! | accounts.csv | user, dept, kind, privileged, shared, home_terminal, status, valid_from, valid_until, last_logon | dates |
//! | terminals.csv | host, ip, mac, dept, zone, use (個人, 共用, 管理, NAT, 公共), valid_from, valid_until | dates |
//! | sanitisers.csv | name, ip (required), method (file, mail, screen, browser), valid_from, valid_until | dates |
//! | contractors.csv | account, company, contract_no, source, valid_from, valid_until | dates |
//! | work_orders.csv | id, account, target, start, end, purpose | start to end |
//! | approved_clouds.csv | service, domain (required), owner, valid_from, valid_until | dates |
//! | removable_media.csv | serial, user, terminal, valid_from, valid_until | dates |
//! | ioc.csv | type (ip, cidr, domain, url, hash), value (required), category, confidence, valid_from, valid_until, source | dates |
//! | holidays.csv | date, name | that day |
//! | modes.csv | mode (異動期, 災害), start (required), end, reason | start to end |
//!
//! `start` and `end` are dates, or dates with a time (`2026-11-20 22:00`); an end without a time is that day's 24:00.
//! Yes and no are `yes`, `no`, `はい`, `いいえ`, `○`, `×`, `1`, `0` or empty. Lists are joined by `;`. Extra columns are
//! kept and can be asked for by name.

use std::borrow::Cow;
use std::net::IpAddr;
use std::path::Path;

use stream::Timestamp;

use crate::calendar::Day;
use crate::csv::{Table, fold, list, nearest};
use crate::hash::Map;
use crate::zones::prefix::{self, PrefixTable};
use crate::{Problem, Problems};

mod indicators;
mod lookup;
mod schema;

pub use indicators::Indicators;
pub(crate) use lookup::{Column, ColumnKind, columns, names};
pub use schema::Mac;
use schema::{Kind, LEDGERS, Spec};

/// One row of a ledger.
#[derive(Clone, Debug)]
pub struct LedgerRow {
    /// All cells as written, in the file's order.
    pub cells: Box<[Box<str>]>,
    /// From this instant on it holds.
    pub start: Timestamp,
    /// From this instant on it no longer does.
    pub end: Timestamp,
    /// Its line in the file.
    pub line: u32,
}

impl LedgerRow {
    /// Whether it holds at an instant.
    pub fn holds(&self, at: Timestamp) -> bool {
        self.start <= at && at < self.end
    }
}

/// For each key column the rows by their text.
type Keys = Vec<(&'static str, Map<Box<str>, Vec<u32>>)>;

/// One register.
#[derive(Debug)]
pub struct Ledger {
    spec: &'static Spec,
    header: Vec<String>,
    rows: Vec<LedgerRow>,
    keys: Keys,
    /// For each column of addresses the rows by prefix.
    nets: Vec<(&'static str, PrefixTable<u32>)>,
    /// For each column of the specification, its place in the file and how rows are found by it.
    columns: Box<[(Option<u16>, lookup::Finder)]>,
}

impl Ledger {
    /// Its file's name without `.csv`.
    pub fn name(&self) -> &'static str {
        self.spec.name
    }

    /// Names of its columns in the file's order, extra ones included.
    pub fn header(&self) -> &[String] {
        &self.header
    }

    /// All rows.
    pub fn rows(&self) -> &[LedgerRow] {
        &self.rows
    }

    /// The place of a column in a row's cells, to be asked once and kept.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.header.iter().position(|column| column == name)
    }

    /// The cell of a row; empty when there is no such column.
    pub fn cell<'r>(&self, row: &'r LedgerRow, column: &str) -> &'r str {
        self.column(column).and_then(|column| row.cells.get(column)).map_or("", AsRef::as_ref)
    }

    /// Rows that hold at an instant and have this value (or list item) in a column. Case, full-width forms, and the
    /// writing of addresses make no difference. Key columns are found by hash, others by reading every row.
    pub fn find<'l>(&'l self, column: &str, value: &str, at: Timestamp) -> impl Iterator<Item = &'l LedgerRow> {
        let wanted = self.spec.normal(column, value).into_owned();
        let keys = self.keys.iter().find(|(name, _)| *name == column).map(|(_, keys)| keys);
        let by_key = keys.and_then(|keys| keys.get(&*wanted)).map_or(&[][..], Vec::as_slice);
        let place = if keys.is_some() { None } else { self.column(column) };
        let spec = self.spec;
        let name = column.to_owned();
        let by_scan = place.into_iter().flat_map(move |place| {
            let (name, wanted) = (name.clone(), wanted.clone());
            self.rows.iter().filter(move |row| {
                let cell = row.cells.get(place).map_or("", AsRef::as_ref);
                list(cell).any(|item| spec.normal(&name, item) == wanted)
            })
        });
        by_key.iter().map(|index| &self.rows[*index as usize]).chain(by_scan).filter(move |row| row.holds(at))
    }

    fn empty(spec: &'static Spec) -> Ledger {
        Ledger {
            spec,
            header: spec.columns.iter().map(|column| column.name.into()).collect(),
            rows: Vec::new(),
            keys: Vec::new(),
            nets: Vec::new(),
            columns: Box::default(),
        }
        .with_columns()
    }

    fn load(dir: &Path, spec: &'static Spec, problems: &mut Problems) -> Ledger {
        let file = dir.join(format!("{}.csv", spec.name));
        if !file.exists() {
            return Ledger::empty(spec);
        }
        let table = Table::read(&file, &spec.schema(), problems);
        table.map_or_else(|| Ledger::empty(spec), |table| Ledger::from_table(spec, &table, problems))
    }

    fn from_table(spec: &'static Spec, table: &Table, problems: &mut Problems) -> Ledger {
        let mut ledger = Ledger { header: table.header().to_vec(), ..Ledger::empty(spec) };
        let mut keys = Keys::new();
        for record in table.records() {
            let index = ledger.rows.len() as u32;
            let Some((start, end)) = spec.check(&record, problems) else { continue };
            for (place, column) in spec.columns.iter().enumerate().filter(|(_, column)| column.key) {
                let slot = match keys.iter().position(|(name, _)| *name == column.name) {
                    Some(slot) => slot,
                    None => {
                        keys.push((column.name, Map::default()));
                        keys.len() - 1
                    }
                };
                for item in list(record.get(place)) {
                    keys[slot].1.entry((&*spec.normal(column.name, item)).into()).or_default().push(index);
                }
            }
            let cells = record.cells().map(Into::into).collect();
            ledger.rows.push(LedgerRow { cells, start, end, line: record.line() });
        }
        ledger.keys = keys;
        ledger.index_addresses();
        ledger.with_columns()
    }
}

/// All registers of one tenant.
#[derive(Debug)]
pub struct Ledgers {
    /// In the order of [`LEDGERS`].
    all: Vec<Ledger>,
    sanitisers: PrefixTable<u32>,
    terminals: PrefixTable<u32>,
    /// Registered MAC addresses of each row of terminals.csv.
    macs: Vec<Box<[Mac]>>,
    indicators: Indicators,
}

impl Default for Ledgers {
    fn default() -> Self {
        Ledgers::index(LEDGERS.iter().map(Ledger::empty).collect())
    }
}

impl Ledgers {
    /// Reads every register of a folder that need not exist.
    pub(crate) fn load(dir: &Path, problems: &mut Problems) -> Ledgers {
        report_misspelt(dir, problems);
        Ledgers::index(LEDGERS.iter().map(|spec| Ledger::load(dir, spec, problems)).collect())
    }

    fn index(all: Vec<Ledger>) -> Ledgers {
        let by_address = |name: &str| {
            let entries = all.iter().filter(|ledger| ledger.name() == name).flat_map(|ledger| {
                ledger.rows.iter().enumerate().flat_map(|(index, row)| {
                    let nets = list(ledger.cell(row, "ip")).filter_map(|item| prefix::parse(item).ok());
                    nets.flatten().map(move |net| (net, index as u32))
                })
            });
            PrefixTable::build(entries.collect())
        };
        let (sanitisers, terminals) = (by_address("sanitisers"), by_address("terminals"));
        let macs = all.iter().filter(|ledger| ledger.name() == "terminals").flat_map(|ledger| {
            ledger.rows.iter().map(|row| list(ledger.cell(row, "mac")).filter_map(Mac::parse).collect())
        });
        let macs = macs.collect();
        let indicators = all.iter().find(|ledger| ledger.name() == "ioc").map(Indicators::build).unwrap_or_default();
        Ledgers { all, sanitisers, terminals, macs, indicators }
    }

    /// The register of this name (`accounts`, `work_orders`, ...).
    pub fn get(&self, name: &str) -> Option<&Ledger> {
        self.all.iter().find(|ledger| ledger.name() == name)
    }

    /// All registers, empty ones too.
    pub fn all(&self) -> &[Ledger] {
        &self.all
    }

    /// The account's row that holds at an instant. `DOMAIN\user` and `user@realm` are found as `user` where they are not
    /// registered as they are.
    pub fn account(&self, user: &str, at: Timestamp) -> Option<&LedgerRow> {
        let accounts = self.get("accounts")?;
        let bare = user.rsplit_once('\\').map_or(user, |(_, user)| user);
        let bare = bare.split_once('@').map_or(bare, |(user, _)| user);
        [user, bare].into_iter().find_map(|user| accounts.find("user", user, at).next())
    }

    /// The terminal that holds the address at an instant.
    pub fn terminal_by_ip(&self, ip: IpAddr, at: Timestamp) -> Option<&LedgerRow> {
        let rows = &self.get("terminals")?.rows;
        self.terminals.covering(ip).flatten().map(|index| &rows[*index as usize]).find(|row| row.holds(at))
    }

    /// The terminal with the MAC address at an instant.
    pub fn terminal_by_mac(&self, mac: Mac, at: Timestamp) -> Option<&LedgerRow> {
        let rows = self.get("terminals")?.rows.iter().zip(&self.macs);
        rows.filter(|(row, macs)| macs.contains(&mac) && row.holds(at)).map(|(row, _)| row).next()
    }

    /// Whether terminals.csv has MAC addresses for the address at an instant, and this one is none of them.
    pub fn contradicts_mac(&self, ip: IpAddr, mac: Mac, at: Timestamp) -> bool {
        let Some(terminals) = self.get("terminals") else { return false };
        let mut registered = self.terminals.covering(ip).flatten().filter_map(|index| {
            let row = &terminals.rows[*index as usize];
            let macs = &self.macs[*index as usize];
            (row.holds(at) && !macs.is_empty()).then_some(macs)
        });
        let mut known = false;
        let found = registered.any(|macs| {
            known = true;
            macs.contains(&mac)
        });
        known && !found
    }

    /// Whether the address is a registered sanitiser (無害化装置) at an instant.
    pub fn is_sanitiser(&self, ip: IpAddr, at: Timestamp) -> bool {
        let Some(ledger) = self.get("sanitisers") else { return false };
        self.sanitisers.covering(ip).flatten().any(|index| ledger.rows[*index as usize].holds(at))
    }

    /// Whether a sanitiser is registered at all.
    pub(crate) fn has_sanitisers(&self) -> bool {
        !self.sanitisers.is_empty()
    }

    /// The approved cloud service whose domain is this one or encloses it (`box.example.jp` is in `example.jp`).
    pub fn approved_cloud(&self, domain: &str, at: Timestamp) -> Option<&LedgerRow> {
        let ledger = self.get("approved_clouds")?;
        indicators::suffixes(domain).find_map(|suffix| ledger.find("domain", suffix, at).next())
    }

    /// The modes (異動期, 災害) that hold at an instant.
    pub fn modes(&self, at: Timestamp) -> impl Iterator<Item = &str> {
        let ledger = self.get("modes");
        ledger.into_iter().flat_map(move |ledger| {
            ledger.rows.iter().filter(move |row| row.holds(at)).map(|row| ledger.cell(row, "mode"))
        })
    }

    /// Indicators of compromise.
    pub fn indicators(&self) -> &Indicators {
        &self.indicators
    }

    /// Dates and names of holidays.csv.
    pub(crate) fn holidays(&self) -> impl Iterator<Item = (Day, Box<str>)> {
        self.get("holidays")
            .into_iter()
            .flat_map(|ledger| ledger.rows.iter().map(|row| (Day::of(row.start), ledger.cell(row, "name").into())))
    }
}

/// Reports files whose names are nearly those of a register.
fn report_misspelt(dir: &Path, problems: &mut Problems) {
    let Ok(entries) = std::fs::read_dir(dir) else { return };
    let mut files: Vec<_> = entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
    files.sort();
    for file in files {
        let stem = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        if file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv"))
            && !LEDGERS.iter().any(|spec| spec.name == stem)
            && let Some(near) = nearest(&stem, LEDGERS.iter().map(|spec| spec.name))
        {
            problems.push(Problem::whole(&file, "is no register that is known", format!("name it {near}.csv")));
        }
    }
}

/// Text as it is compared: full-width forms folded, lower case.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    match text.bytes().any(|byte| byte.is_ascii_uppercase() || !byte.is_ascii()) {
        true => Cow::Owned(fold(text).trim().to_lowercase()),
        false => Cow::Borrowed(text.trim()),
    }
}

impl Spec {
    /// The value of a column as it is compared.
    fn normal<'v>(&self, column: &str, value: &'v str) -> Cow<'v, str> {
        let kind = self.columns.iter().find(|known| known.name == column).map_or(Kind::Text, |known| known.kind);
        kind.normal(value)
    }
}

impl Kind {
    /// A value of such a column as it is compared.
    fn normal(self, value: &str) -> Cow<'_, str> {
        match self {
            Kind::Mac => Mac::parse(value).map_or_else(|| plain(value), |mac| mac.to_string().into()),
            Kind::Addresses => {
                value.parse::<IpAddr>().map_or_else(|_| plain(value), |ip| ip.to_canonical().to_string().into())
            }
            Kind::Domain => indicators::plain_domain(value),
            _ => plain(value),
        }
    }
}

#[cfg(test)]
mod tests;
