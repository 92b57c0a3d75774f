//! Traffic between zones, with how much of it the device refused.

use std::collections::BTreeMap;
use std::collections::HashMap;

use stream::{Event, FieldId, fields};
use tantivy::columnar::StrColumn;

use super::MatrixCell;
use super::scan::Scan;
use crate::Result;
use crate::elasticsearch;
use crate::index::split::Opened;
use crate::query::text::fold;

/// ECS: `event.type` of a refused connection.
const DENIED_TYPE: &str = "denied";
/// Words that devices write for it in `event.action`.
const DENIED_ACTIONS: &[&str] =
    &["deny", "denied", "block", "blocked", "drop", "dropped", "reject", "rejected", "refused", "tcp_denied"];

type Cells = BTreeMap<(String, String), (u64, u64)>;

pub(super) fn matrix(scan: &Scan<'_>) -> Result<Vec<MatrixCell>> {
    let mut cells = Cells::new();
    let count = |event: &Event<'_>, cells: &mut Cells| {
        let zone = |field: FieldId| event.get(field).map(|value| value.text().into_owned());
        let (Some(source), Some(destination)) =
            (zone(fields::SEKISHO_SOURCE_ZONE), zone(fields::SEKISHO_DESTINATION_ZONE))
        else {
            return;
        };
        let denied = event.all(fields::EVENT_TYPE).any(|value| fold(&value.text()) == DENIED_TYPE)
            || event.all(fields::EVENT_ACTION).any(|value| is_denied_action(&value.text()));
        let cell = cells.entry((source, destination)).or_default();
        cell.0 += 1;
        cell.1 += u64::from(denied);
    };
    scan.tail(|_, event| count(event, &mut cells))?;
    if let Some(remote) = &scan.remote {
        let also = match remote.is_exact() {
            true => {
                let actions = DENIED_ACTIONS.iter().map(|action| (fields::EVENT_ACTION, *action));
                let denied: Vec<_> = actions.chain([(fields::EVENT_TYPE, DENIED_TYPE)]).collect();
                remote.zones(&denied, |source, destination, total, denied| {
                    let cell = cells.entry((source.to_owned(), destination.to_owned())).or_default();
                    cell.0 += total;
                    cell.1 += denied;
                })?;
                Some(elasticsearch::read())
            }
            false => None,
        };
        remote.each(also, |_, event| count(event, &mut cells))?;
    }
    for split in scan.splits() {
        let Some(mut walk) = scan.walk(&split)? else { continue };
        let column = |field: FieldId| text_column(&walk.opened, field);
        let (Some(sources), Some(destinations)) =
            (column(fields::SEKISHO_SOURCE_ZONE)?, column(fields::SEKISHO_DESTINATION_ZONE)?)
        else {
            continue;
        };
        let mut types = Denied::new(column(fields::EVENT_TYPE)?, |value| fold(value) == DENIED_TYPE);
        let mut actions = Denied::new(column(fields::EVENT_ACTION)?, is_denied_action);
        let mut counts: HashMap<(u64, u64), (u64, u64)> = HashMap::new();
        while let Some(doc) = walk.next()? {
            let (Some(source), Some(destination)) = (sources.term_ords(doc).next(), destinations.term_ords(doc).next())
            else {
                continue;
            };
            let cell = counts.entry((source, destination)).or_default();
            cell.0 += 1;
            cell.1 += u64::from(types.holds(doc) || actions.holds(doc));
        }
        for ((source, destination), (total, denied)) in counts {
            let cell = cells.entry((text(&sources, source), text(&destinations, destination))).or_default();
            cell.0 += total;
            cell.1 += denied;
        }
    }
    let cells = cells.into_iter().map(|((source_zone, destination_zone), (total, denied))| MatrixCell {
        source_zone,
        destination_zone,
        total,
        denied,
    });
    Ok(cells.collect())
}

fn is_denied_action(value: &str) -> bool {
    DENIED_ACTIONS.contains(&fold(value).as_ref())
}

fn text_column(opened: &Opened, field: FieldId) -> Result<Option<StrColumn>> {
    let Some(column) = opened.schema.column(field) else { return Ok(None) };
    opened.reader.fast_fields().str(&column.name).map_err(opened.failed("count"))
}

fn text(column: &StrColumn, ordinal: u64) -> String {
    let mut text = String::new();
    // An ordinal of this very column is in its dictionary; a read error shows as an empty name.
    let _ = column.ord_to_str(ordinal, &mut text);
    text
}

/// Which ordinals of a column mean a refusal, asked once per ordinal.
struct Denied<F> {
    column: Option<StrColumn>,
    known: HashMap<u64, bool>,
    test: F,
}

impl<F: Fn(&str) -> bool> Denied<F> {
    fn new(column: Option<StrColumn>, test: F) -> Denied<F> {
        Denied { column, known: HashMap::new(), test }
    }

    fn holds(&mut self, doc: u32) -> bool {
        let Some(column) = &self.column else { return false };
        let (known, test) = (&mut self.known, &self.test);
        column.term_ords(doc).any(|ordinal| *known.entry(ordinal).or_insert_with(|| test(&text(column, ordinal))))
    }
}
