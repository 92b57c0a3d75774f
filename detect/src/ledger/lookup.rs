//! Finding rows for the `ledger` key of rules: by what a column means, whatever the rows' dates.
//!
//! A column of addresses finds the rows whose address or prefix covers the value, a column of domains those whose domain
//! is the value or encloses it, a column of people (`user`, `account`) also finds `DOMAIN\user` and `user@realm` as `user`
//! where they are not registered as they are. Everything else compares text: case and full-width forms make no difference.

use std::net::IpAddr;

use stream::Value;

use super::schema::{Kind, LEDGERS};
use super::{Ledger, LedgerRow, indicators, plain};
use crate::csv::list;
use crate::zones::prefix::{self, PrefixTable};

/// What there is to know of a column before a rule is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ColumnKind {
    /// Rows are found by it quickly.
    Key,
    /// Yes or no.
    Flag,
    Other,
}

/// Names of all registers.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    LEDGERS.iter().map(|spec| spec.name)
}

/// The columns of a register; none when there is no such register.
pub(crate) fn columns(ledger: &str) -> Option<Vec<(&'static str, ColumnKind)>> {
    let spec = LEDGERS.iter().find(|spec| spec.name == ledger)?;
    let kind = |known: &super::schema::Known| match known.kind {
        _ if known.key => ColumnKind::Key,
        Kind::Flag => ColumnKind::Flag,
        _ => ColumnKind::Other,
    };
    Some(spec.columns.iter().map(|known| (known.name, kind(known))).collect())
}

/// A column that a rule names, looked up before it is run.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    pub(crate) name: String,
    /// Its number among the columns of the specification; none of an extra one.
    number: Option<usize>,
}

impl Column {
    /// A column of the register of this name.
    pub(crate) fn new(ledger: &str, name: &str) -> Column {
        let spec = LEDGERS.iter().find(|spec| spec.name == ledger);
        let number = spec.and_then(|spec| spec.columns.iter().position(|known| known.name == name));
        Column { name: name.to_owned(), number }
    }
}

/// How rows are found by a column.
#[derive(Clone, Copy, Debug)]
pub(super) enum Finder {
    None,
    /// By prefix, at this place.
    Nets(u16),
    /// By text, at this place.
    Keys(u16),
}

impl Ledger {
    /// Works out where the columns of the specification stand.
    pub(super) fn with_columns(mut self) -> Ledger {
        let finder = |name: &str| {
            let nets = self.nets.iter().position(|(column, _)| *column == name).map(|at| Finder::Nets(at as u16));
            let keys = || self.keys.iter().position(|(column, _)| *column == name).map(|at| Finder::Keys(at as u16));
            nets.or_else(keys).unwrap_or(Finder::None)
        };
        let column = |name: &str| (self.column(name).map(|place| place as u16), finder(name));
        self.columns = self.spec.columns.iter().map(|known| column(known.name)).collect();
        self
    }

    fn cell_of<'r>(&self, row: &'r LedgerRow, column: &Column) -> &'r str {
        match column.number.and_then(|number| self.columns.get(number)) {
            Some((place, _)) => place.and_then(|place| row.cells.get(usize::from(place))).map_or("", AsRef::as_ref),
            None => self.cell(row, &column.name),
        }
    }

    pub(super) fn index_addresses(&mut self) {
        let places = self.spec.columns.iter().enumerate();
        let places = places.filter(|(_, column)| column.key && matches!(column.kind, Kind::Addresses));
        let nets = places.map(|(place, column)| {
            let entries = self.rows.iter().enumerate().flat_map(|(index, row)| {
                let cell = row.cells.get(self.column(column.name).unwrap_or(place)).map_or("", AsRef::as_ref);
                let nets = list(cell).filter_map(|item| prefix::parse(item).ok()).flatten();
                nets.map(move |net| (net, index as u32))
            });
            (column.name, PrefixTable::build(entries.collect()))
        });
        self.nets = nets.collect();
    }

    /// Calls `found` for every row that has the value in a key column, whatever its dates.
    pub(crate) fn each_with(&self, column: &Column, value: Value<'_>, found: &mut dyn FnMut(&LedgerRow)) {
        let row = |index: &u32| &self.rows[*index as usize];
        let Some(number) = column.number else { return };
        let keys = match self.columns.get(number).map_or(Finder::None, |(_, finder)| *finder) {
            Finder::None => return,
            Finder::Nets(at) => {
                let Some(ip) = value.ip() else { return };
                return self.nets[usize::from(at)].1.covering(ip).flatten().map(row).for_each(found);
            }
            Finder::Keys(at) => &self.keys[usize::from(at)].1,
        };
        let (value, kind) = (&value.text(), self.spec.columns[number].kind);
        let wanted = kind.normal(value);
        if matches!(kind, Kind::Domain) {
            let rows = indicators::suffixes(&wanted).filter_map(|suffix| keys.get(suffix)).flatten();
            return rows.map(row).for_each(found);
        }
        let without_realm = || {
            let bare = bare(&wanted);
            (bare.len() < wanted.len() && is_person(&column.name)).then(|| keys.get(bare)).flatten()
        };
        keys.get(&*wanted).or_else(without_realm).into_iter().flatten().map(row).for_each(found);
    }

    /// Whether a row has the value in a column, as [`Ledger::each_with`] compares.
    pub(crate) fn row_has(&self, row: &LedgerRow, column: &str, value: &str) -> bool {
        let cell = self.cell(row, column);
        if self.nets.iter().any(|(name, _)| *name == column) {
            let Ok(ip) = value.parse::<IpAddr>() else { return false };
            let ip = ip.to_canonical();
            return list(cell).filter_map(|item| prefix::parse(item).ok()).flatten().any(|net| net.contains(&ip));
        }
        let wanted = self.spec.normal(column, value);
        list(cell).any(|item| {
            let held = self.spec.normal(column, item);
            held == wanted
                || (is_person(column) && held == bare(&wanted))
                || (self.is_domain(column) && indicators::suffixes(&wanted).any(|suffix| suffix == held))
        })
    }

    /// Whether one of the texts of a cell is among these, which are written as [`plain`] gives them.
    pub(crate) fn cell_is(&self, row: &LedgerRow, column: &Column, wanted: &[String]) -> bool {
        let cell = self.cell_of(row, column);
        if cell.trim().is_empty() {
            return wanted.iter().any(String::is_empty);
        }
        let quick = |item: &str| wanted.iter().any(|text| text == item);
        list(cell).any(|item| quick(item) || quick(&plain(item)))
    }

    fn is_domain(&self, column: &str) -> bool {
        self.spec.columns.iter().any(|known| known.name == column && matches!(known.kind, Kind::Domain))
    }
}

fn is_person(column: &str) -> bool {
    matches!(column, "user" | "account")
}

/// `domain\user` and `user@realm` without what is around the user.
fn bare(name: &str) -> &str {
    let name = name.rsplit_once('\\').map_or(name, |(_, user)| user);
    name.split_once('@').map_or(name, |(user, _)| user)
}
