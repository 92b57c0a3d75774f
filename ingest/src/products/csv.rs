//! Delimited text under a list of column names: exports of client management (SKYSEA Client View, LANSCOPE), of sanitiser
//! gateways, of anything that writes CSV, in any charset.
//!
//! The names come from the source (`columns` in sources.toml, or `--source 'csv:日時,端末名,操作'`), else from the header
//! line, which then holds for the lines behind it until the process restarts. A name is an ECS field (`source.ip`), a
//! name that `columns` knows in Japanese or English (`日時`, `コンピューター名`, `user`), `-` for a column to leave out, or
//! any other, kept as `csv.<name>`. Long and short forms, full width and half width, blanks and `_` do not matter.
//! Separator: the source's `separator`, else tab if the line holds one, else comma, or semicolon where there is no comma. At most [`COLUMNS_MAX`] columns.
//! Quoting as in RFC 4180. A syslog header before the cells is read.

mod columns;
mod meaning;

use bumpalo::Bump;
use bumpalo::collections::Vec as BumpVec;
use stream::{Event, FieldId, Value, fields};

pub(crate) use self::columns::instant;
use self::columns::{Column, Stamp};
use crate::parser::{Context, Names, Parser, Reason};
use crate::{csv_cells, put, syslog, time};

/// The most columns read of a line.
pub const COLUMNS_MAX: usize = 256;

/// Parser of delimited text.
#[derive(Default)]
pub struct Csv {
    constant: &'static [(FieldId, &'static str)],
    columns: Vec<Column>,
    /// The columns are the source's and no header line replaces them.
    declared: bool,
    separator: Option<char>,
    names: Names,
}

/// SKYSEA Client View's logs.
pub struct Skysea(Csv);

/// LANSCOPE's logs.
pub struct Lanscope(Csv);

static SKYSEA: &[(FieldId, &str)] = &[
    (fields::EVENT_MODULE, "skysea"),
    (fields::OBSERVER_VENDOR, "Sky"),
    (fields::OBSERVER_PRODUCT, "SKYSEA Client View"),
    (fields::SEKISHO_LOGSOURCE_PRODUCT, "skysea"),
];

static LANSCOPE: &[(FieldId, &str)] = &[
    (fields::EVENT_MODULE, "lanscope"),
    (fields::OBSERVER_VENDOR, "MOTEX"),
    (fields::OBSERVER_PRODUCT, "LANSCOPE"),
    (fields::SEKISHO_LOGSOURCE_PRODUCT, "lanscope"),
];

impl Default for Skysea {
    fn default() -> Self {
        Skysea(Csv { constant: SKYSEA, ..Csv::default() })
    }
}

impl Default for Lanscope {
    fn default() -> Self {
        Lanscope(Csv { constant: LANSCOPE, ..Csv::default() })
    }
}

impl Csv {
    /// Takes the source's own list of columns and separator.
    ///
    /// # Errors
    /// There are too many columns, or none that is kept.
    pub fn declare(&mut self, names: &[String], separator: Option<char>) -> Result<(), String> {
        self.separator = separator;
        if names.is_empty() {
            return Ok(());
        }
        if names.len() > COLUMNS_MAX {
            return Err(format!("{} columns; at most {COLUMNS_MAX} are read", names.len()));
        }
        self.columns = names.iter().map(|name| columns::column(name)).collect();
        if self.columns.iter().all(|column| matches!(column, Column::Skip)) {
            return Err("every column is left out; name at least one, for example @timestamp".to_owned());
        }
        self.declared = true;
        Ok(())
    }

    /// The parser of this product with the source's own list, if it is one that takes a list.
    pub fn declared(
        product: &str,
        names: &[String],
        separator: Option<char>,
    ) -> Option<Result<Box<dyn Parser>, String>> {
        let boxed = |mut csv: Csv, wrap: fn(Csv) -> Box<dyn Parser>| {
            csv.declare(names, separator)?;
            Ok(wrap(csv))
        };
        match product {
            "csv" => Some(boxed(Csv::default(), |csv| Box::new(csv))),
            "skysea" => Some(boxed(Skysea::default().0, |csv| Box::new(Skysea(csv)))),
            "lanscope" => Some(boxed(Lanscope::default().0, |csv| Box::new(Lanscope(csv)))),
            _ => None,
        }
    }
}

impl Parser for Skysea {
    fn parse<'a>(
        &mut self,
        line: &'a str,
        context: &Context,
        arena: &'a Bump,
        event: &mut Event<'a>,
    ) -> Result<(), Reason> {
        self.0.parse(line, context, arena, event)
    }
}

impl Parser for Lanscope {
    fn parse<'a>(
        &mut self,
        line: &'a str,
        context: &Context,
        arena: &'a Bump,
        event: &mut Event<'a>,
    ) -> Result<(), Reason> {
        self.0.parse(line, context, arena, event)
    }
}

impl Parser for Csv {
    fn parse<'a>(
        &mut self,
        line: &'a str,
        context: &Context,
        arena: &'a Bump,
        event: &mut Event<'a>,
    ) -> Result<(), Reason> {
        let line = header(line.trim_matches(['\r', '\n', '\0', '\u{feff}']), context, event);
        if line.trim().is_empty() {
            return Err(Reason("empty line"));
        }
        let separator = self.separator.unwrap_or(match () {
            () if line.contains('\t') => '\t',
            () if line.contains(';') && !line.contains(',') => ';',
            () => ',',
        });
        let cells = BumpVec::from_iter_in(csv_cells::cells(line, separator, arena).take(COLUMNS_MAX), arena);
        put::constants(self.constant, event);
        event.push(fields::EVENT_KIND, Value::Str("event"));
        if columns::is_header(&cells, &self.columns, self.declared) {
            if !self.declared {
                self.columns = cells.iter().map(|name| columns::column(name)).collect();
            }
            event.push_str(fields::MESSAGE, line);
            return Ok(());
        }
        if self.columns.is_empty() {
            return Err(Reason("no names of columns: write columns in sources.toml, or send the header line first"));
        }
        self.row(&cells, context, arena, event);
        if cells.len() < self.columns.len().min(2) {
            return Err(Reason("fewer cells than columns: another separator or another format"));
        }
        meaning::settle(event);
        Ok(())
    }
}

impl Csv {
    fn row<'a>(&mut self, cells: &[&'a str], context: &Context, arena: &'a Bump, event: &mut Event<'a>) {
        let (mut date, mut clock) = ("", "");
        let columns = std::mem::take(&mut self.columns);
        for (column, cell) in columns.iter().zip(cells) {
            let cell = cell.trim();
            if matches!(cell, "" | "-") {
                continue;
            }
            match column {
                Column::Skip => {}
                Column::Time(Stamp::Whole) => match columns::instant(cell, context) {
                    Some(stamp) if !event.has(fields::TIMESTAMP) => event.push(fields::TIMESTAMP, Value::Time(stamp)),
                    Some(_) => {}
                    None => date = cell,
                },
                Column::Time(Stamp::Date) => date = cell,
                Column::Time(Stamp::Clock) => clock = cell,
                Column::Known(to) => meaning::put(*to, cell, context, arena, event),
                Column::Own(name) => {
                    if let Some(field) = self.names.field("csv.", name) {
                        event.push(field, Value::Str(cell));
                    }
                }
            }
        }
        self.columns = columns;
        let joined = bumpalo::format!(in arena, "{} {}", date, clock);
        if !event.has(fields::TIMESTAMP)
            && let Some(stamp) = columns::instant(joined.trim(), context)
        {
            event.push(fields::TIMESTAMP, Value::Time(stamp));
        }
    }
}

/// A syslog header, if the line has one: a date alone is a cell.
fn header<'a>(line: &'a str, context: &Context, event: &mut Event<'a>) -> &'a str {
    let lead = line.trim_start();
    if syslog::priority_prefix(lead).is_none() && time::rfc3164_prefix(lead, context).is_none() {
        return line;
    }
    let head = syslog::parse(lead, context);
    put::observer(&head, event);
    head.message
}
