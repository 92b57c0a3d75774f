//! `ledger`: the row of a register that belongs to an event, and whether there is one on that day.
//!
//! `key` names columns and the fields whose values they must hold; all of them must agree in one row, and the row must
//! fit `where` and must not fit `where_not` (cells by column). Of the rows that agree, `is` asks:
//!
//! | `is` | Holds when |
//! |---|---|
//! | `in` | there is one, whatever its dates |
//! | `not_in` | there is none, whatever the dates |
//! | `valid` | one holds at the event's time |
//! | `not_valid` | none holds at the event's time: none at all, not yet, or no longer |
//! | `expired` | none holds at the event's time, and one has ended before |
//!
//! `other_than` compares two registers: of the rows that agree, only those whose cell says something, and nothing of what
//! the cells of the other register's rows say that agree with the event by an earlier entry and hold at its time. Where
//! those say nothing, nothing agrees.
//!
//! Nothing holds when the event lacks a field of `key`. When the tenant's register is absent or empty, `if_empty` says what
//! holds, by default nothing: a register that nobody keeps accuses nobody. Of a field with several values, one that
//! agrees is enough.

use super::{Case, Names};
use crate::csv::list;
use crate::ledger::{Column, Ledger, LedgerRow, plain};

/// What is asked of the rows that agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Is {
    In,
    NotIn,
    Valid,
    NotValid,
    Expired,
}

/// Texts that cells must have or must not have, by column.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cells {
    pub(crate) wanted: Vec<(Column, Vec<String>)>,
    pub(crate) unwanted: Vec<(Column, Vec<String>)>,
}

impl Cells {
    pub(super) fn fit(&self, ledger: &Ledger, row: &LedgerRow) -> bool {
        self.wanted.iter().all(|(column, texts)| ledger.cell_is(row, column, texts))
            && !self.unwanted.iter().any(|(column, texts)| ledger.cell_is(row, column, texts))
    }
}

/// One entry of `sekisho.ledger`, compiled.
#[derive(Clone, Debug)]
pub(crate) struct Join {
    /// Its place among [`crate::Ledgers::all`].
    pub(crate) ledger: usize,
    /// A column that finds rows quickly, and its fields.
    pub(crate) first: (Column, Names),
    pub(crate) more: Vec<(String, Names)>,
    pub(crate) is: Is,
    pub(crate) cells: Cells,
    pub(crate) others: Vec<Other>,
    /// What holds where the tenant keeps no such register.
    pub(crate) if_empty: bool,
}

/// A cell compared with those of another register.
#[derive(Clone, Debug)]
pub(crate) struct Other {
    pub(crate) column: String,
    pub(crate) join: Join,
    pub(crate) theirs: String,
}

impl Join {
    pub(super) fn holds(&self, case: &Case<'_, '_>) -> bool {
        let (_, fields) = &self.first;
        let ledger = case.body.and_then(|body| body.ledgers().all().get(self.ledger));
        let ledger = ledger.filter(|ledger| !ledger.rows().is_empty());
        if ledger.is_none() && !self.if_empty {
            return false;
        }
        let lacks = |fields: &Names| case.event.first_of(fields).is_none();
        if lacks(fields) || self.more.iter().any(|(_, fields)| lacks(fields)) {
            return false;
        }
        let Some(ledger) = ledger else { return true };
        let (mut any, mut valid, mut ended) = (false, false, false);
        self.each_row(ledger, case, &mut |row| {
            any = true;
            valid |= row.holds(case.time);
            ended |= row.end <= case.time;
        });
        match self.is {
            Is::In => any,
            Is::NotIn => !any,
            Is::Valid => valid,
            Is::NotValid => !valid,
            Is::Expired => !valid && ended,
        }
    }

    fn each_row(&self, ledger: &Ledger, case: &Case<'_, '_>, found: &mut dyn FnMut(&LedgerRow)) {
        let (column, fields) = &self.first;
        for value in case.event.all_of(fields) {
            ledger.each_with(column, value, &mut |row| {
                if self.agrees(ledger, row, case) {
                    found(row);
                }
            });
        }
    }

    fn agrees(&self, ledger: &Ledger, row: &LedgerRow, case: &Case<'_, '_>) -> bool {
        self.cells.fit(ledger, row)
            && self.more.iter().all(|(column, fields)| {
                case.event.all_of(fields).any(|value| ledger.row_has(row, column, &value.text()))
            })
            && self.others.iter().all(|other| other.differs(ledger.cell(row, &other.column), case))
    }
}

impl Other {
    /// Whether a cell says something else than the rows of the other register.
    fn differs(&self, cell: &str, case: &Case<'_, '_>) -> bool {
        let Some(ledger) = case.body.and_then(|body| body.ledgers().all().get(self.join.ledger)) else { return false };
        let (mut says, mut same) = (false, false);
        self.join.each_row(ledger, case, &mut |row| {
            for theirs in list(ledger.cell(row, &self.theirs)).filter(|_| row.holds(case.time)) {
                says = true;
                same |= list(cell).any(|mine| plain(mine) == plain(theirs));
            }
        });
        says && !same && list(cell).next().is_some()
    }
}
