//! Delimited text under a list of column names: exports of client management (SKYSEA Client View, LANSCOPE), of sanitiser
//! gateways, of anything that writes CSV, in any charset.
//!
//! The names come from the source (`columns` in sources.toml, or `--source 'csv:日時,端末名,操作'`), else from the header
//! line, which then holds for the lines behind it until the process restarts. A name is an ECS field (`source.ip`), a
//! name that `columns` knows in Japanese or English (`日時`, `コンピューター名`, `user`), `-` for a column to leave out, or
//! any other, kept as `csv.<name>`. Long and short forms, full width and half width, blanks and `_` do not matter.
//! Proxies whose columns a site has chosen (`squid` with the codes of `logformat`, `ifilter`, `intersafe`) take a list too:
//! their lines are split as they write them, with quoted and bracketed columns whole.
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
use crate::{csv_cells, elff, put, syslog, time};

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
    /// How lines are split that are no CSV.
    split: Option<Split>,
    names: Names,
}

/// Splits a line into cells.
type Split = for<'a> fn(&'a str, &'a Bump) -> BumpVec<'a, &'a str>;

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

macro_rules! proxy {
    ($name:ident, $module:literal, $vendor:literal, $product:literal) => {
        static $name: &[(FieldId, &str)] = &[
            (fields::EVENT_MODULE, $module),
            (fields::EVENT_CATEGORY, "web"),
            (fields::EVENT_CATEGORY, "network"),
            (fields::EVENT_TYPE, "access"),
            (fields::OBSERVER_VENDOR, $vendor),
            (fields::OBSERVER_PRODUCT, $product),
            (fields::OBSERVER_TYPE, "proxy"),
            (fields::SEKISHO_LOGSOURCE_PRODUCT, $module),
            (fields::SEKISHO_LOGSOURCE_CATEGORY, "proxy"),
        ];
    };
}

proxy!(SQUID, "squid", "Squid", "Squid");
proxy!(IFILTER, "ifilter", "Digital Arts", "i-FILTER");
proxy!(INTERSAFE, "intersafe", "ALSI", "InterSafe");

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
        let proxy =
            |constant, split: Split| boxed(Csv { constant, split: Some(split), ..Csv::default() }, |csv| Box::new(csv));
        match product {
            "squid" | "ifilter" | "intersafe" if names.is_empty() => None,
            "squid" => Some(proxy(SQUID, elff::cells)),
            "ifilter" => Some(proxy(IFILTER, super::ifilter::cells)),
            "intersafe" => Some(proxy(INTERSAFE, elff::cells)),
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
        let line = line.trim_matches(['\r', '\n', '\0', '\u{feff}']);
        // A proxy's line may begin with a time of its own.
        let line = if self.split.is_some() && !line.starts_with('<') { line } else { header(line, context, event) };
        if line.trim().is_empty() {
            return Err(Reason("empty line"));
        }
        // The row's own time says when it happened, the header's when it was sent.
        let sent = event.get(fields::TIMESTAMP);
        event.remove(fields::TIMESTAMP);
        let parsed = self.cells(line, context, arena, event);
        if let Some(sent) = sent.filter(|_| !event.has(fields::TIMESTAMP)) {
            event.push(fields::TIMESTAMP, sent);
        }
        parsed
    }
}

impl Csv {
    /// A header line or a row.
    fn cells<'a>(
        &mut self,
        line: &'a str,
        context: &Context,
        arena: &'a Bump,
        event: &mut Event<'a>,
    ) -> Result<(), Reason> {
        let separator = self.separator.unwrap_or(match () {
            () if line.contains('\t') => '\t',
            () if line.contains(';') && !line.contains(',') => ';',
            () => ',',
        });
        let cells = match self.split.filter(|_| self.separator.is_none()) {
            Some(split) => split(line, arena),
            None => BumpVec::from_iter_in(csv_cells::cells(line, separator, arena).take(COLUMNS_MAX), arena),
        };
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
                Column::Time(Stamp::Whole) => match columns::instant(cell.trim_matches(['[', ']']), context) {
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
    // `2026-11-20T10:00:00+09:00 gw01 app[5]: `; a row may begin with such a time too, but not with a program behind it.
    let relayed = || time::iso_prefix(lead, &context.zone).is_some() && syslog::parse(lead, context).appname.is_some();
    if syslog::priority_prefix(lead).is_none() && time::rfc3164_prefix(lead, context).is_none() && !relayed() {
        return line;
    }
    let head = syslog::parse(lead, context);
    put::observer(&head, event);
    head.message
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::products;

    fn read(source: &str, line: &str, names: &[FieldId]) -> Vec<String> {
        let (name, layout) = products::Layout::split(source);
        let mut parser = products::product(name).unwrap().parser_with(&layout).unwrap();
        let arena = Bump::new();
        let mut event = Event::new_in(&arena);
        let context = Context::tokyo(stream::Timestamp::from_seconds(1_795_000_000));
        assert_eq!(parser.parse(line, &context, &arena, &mut event), Ok(()), "{line}");
        names.iter().map(|field| event.get(*field).map_or(String::new(), |value| value.text().into_owned())).collect()
    }

    #[test]
    fn proxies_take_a_list_of_columns() {
        let names = [
            fields::TIMESTAMP,
            fields::SOURCE_IP,
            fields::USER_NAME,
            fields::URL_DOMAIN,
            fields::HTTP_RESPONSE_STATUS_CODE,
            fields::EVENT_ACTION,
            fields::USER_AGENT_ORIGINAL,
        ];
        let expected = ["2026-11-20T01:15:30Z", "192.0.2.10", "sato", "www.example.jp", "200"];
        let squid = read(
            "squid:%ts.%03tu,%>a:%>p,%[un,%rm,%ru,%Ss/%03>Hs,%<st,%Sh/%<a,%{User-Agent}>h",
            r#"1795137330.000 192.0.2.10:50000 sato GET http://www.example.jp/a TCP_MISS/200 512 HIER_DIRECT/198.51.100.20 "Mozilla/5.0 (X11)""#,
            &names,
        );
        assert_eq!(squid[..5], expected);
        assert_eq!(squid[5..], ["TCP_MISS", "Mozilla/5.0 (X11)"]);
        let ifilter = read(
            "ifilter:日時,IPアドレス,ユーザー名,リクエスト,ステータスコード,アクション,ユーザーエージェント",
            r#"[20/Nov/2026:10:15:30 +0900] 192.0.2.10 sato "GET http://www.example.jp/a HTTP/1.1" 200 pass Mozilla%2F5.0+%28X11%29"#,
            &names,
        );
        assert_eq!(ifilter[..5], expected);
        assert_eq!(ifilter[5..], ["pass", "Mozilla/5.0 (X11)"]);
    }
}
