//! Ledger tables as Excel saves them: CSV (RFC 4180) in UTF-8 with or without BOM, or in CP932.
//!
//! - Lines end in CRLF or LF; a quoted cell may hold commas, doubled quotes and line ends.
//! - The first line that is neither empty nor a comment is the header. Columns stand in any order; unknown ones are kept.
//!   A known column that is missing while one of nearly its name is there is a mistake, otherwise it reads as empty.
//! - Lines whose first cell starts with `#`, and lines of empty cells only (Excel leaves them behind), are skipped.
//! - Cells are trimmed of spaces, the ideographic one included.
//!
//! Limits: [`FILE_BYTES_MAX`] a file, [`ROWS_MAX`] rows. Every problem carries the line and the column, in characters,
//! at which its cell begins.

use std::path::{Path, PathBuf};

use crate::calendar::{DATE_ADVICE, Day, Validity};
use crate::{Problem, Problems};

mod scan;

/// The largest file that is read.
pub(crate) const FILE_BYTES_MAX: u64 = 64 << 20;
/// The most rows of one table.
pub(crate) const ROWS_MAX: usize = 200_000;

/// A column that a table knows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    pub(crate) name: &'static str,
    /// Whether the header must have it and every row must fill it.
    pub(crate) required: bool,
}

/// A column that must be there and filled.
pub(crate) const fn required(name: &'static str) -> Column {
    Column { name, required: true }
}

/// A column that may be empty or absent.
pub(crate) const fn optional(name: &'static str) -> Column {
    Column { name, required: false }
}

/// One cell and where it begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) line: u32,
    pub(crate) column: u32,
    pub(crate) text: String,
}

/// A table whose header fits its schema.
#[derive(Debug)]
pub(crate) struct Table {
    file: PathBuf,
    header: Vec<String>,
    /// Position in a row of each column of the schema.
    places: Vec<Option<usize>>,
    names: Vec<&'static str>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// Reads a file. What is wrong goes to `problems`; `None` only when nothing of it can be used.
    pub(crate) fn read(file: &Path, schema: &[Column], problems: &mut Problems) -> Option<Table> {
        let bytes = read_bounded(file, problems)?;
        let text = match decode(&bytes) {
            Ok(text) => text,
            Err(line) => {
                problems.push(Problem::new(
                    file,
                    line,
                    0,
                    "text is neither UTF-8 nor CP932 (Shift_JIS)",
                    "save it in Excel as `CSV UTF-8`",
                ));
                return None;
            }
        };
        Table::parse(file, &text, schema, problems)
    }

    /// Reads text, see [`Table::read`].
    pub(crate) fn parse(file: &Path, text: &str, schema: &[Column], problems: &mut Problems) -> Option<Table> {
        let mut rows = scan::rows(file, text, problems);
        rows.retain(|row| !is_skipped(row));
        if rows.is_empty() {
            let names: Vec<_> = schema.iter().map(|column| column.name).collect();
            let advice = format!("make its first line `{}`", names.join(","));
            problems.push(Problem::whole(file, "has no header line", advice));
            return None;
        }
        let header = rows.remove(0);
        let places = match_header(file, &header, schema, problems)?;
        if rows.len() > ROWS_MAX {
            let line = rows[ROWS_MAX].first().map_or(0, |cell| cell.line);
            let message = format!("more than {ROWS_MAX} rows");
            problems.push(Problem::new(file, line, 1, message, "split the body or summarise addresses as prefixes"));
            rows.truncate(ROWS_MAX);
        }
        rows.retain(|row| fits_header(file, row, header.len(), problems));
        Some(Table {
            file: file.to_owned(),
            header: header.into_iter().map(|cell| cell.text).collect(),
            places,
            names: schema.iter().map(|column| column.name).collect(),
            rows,
        })
    }

    /// Names of all columns, extra ones too, in the file's order.
    pub(crate) fn header(&self) -> &[String] {
        &self.header
    }

    /// The rows below the header.
    pub(crate) fn records(&self) -> impl Iterator<Item = Record<'_>> {
        self.rows.iter().map(move |row| Record { table: self, row })
    }
}

/// One row of a table; columns are numbered as in the schema.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record<'t> {
    table: &'t Table,
    row: &'t [Cell],
}

impl<'t> Record<'t> {
    /// The line on which the row begins.
    pub(crate) fn line(&self) -> u32 {
        self.row.first().map_or(0, |cell| cell.line)
    }

    /// All cells in the file's order.
    pub(crate) fn cells(&self) -> impl Iterator<Item = &'t str> {
        self.row.iter().map(|cell| cell.text.as_str())
    }

    /// The text of a column; empty when the file has no such column.
    pub(crate) fn get(&self, column: usize) -> &'t str {
        self.cell(column).map_or("", |cell| cell.text.as_str())
    }

    fn cell(&self, column: usize) -> Option<&'t Cell> {
        self.row.get(self.table.places[column]?)
    }

    /// A problem at a column of this row; the message is led by the column's name.
    pub(crate) fn problem(&self, column: usize, message: impl AsRef<str>, advice: impl Into<String>) -> Problem {
        let (line, position) = self.cell(column).map_or((self.line(), 0), |cell| (cell.line, cell.column));
        let message = format!("{}: {}", self.table.names[column], message.as_ref());
        Problem::new(&self.table.file, line, position, message, advice)
    }

    /// The text of a column that must be filled.
    pub(crate) fn required(&self, column: usize, problems: &mut Problems) -> Option<&'t str> {
        let text = self.get(column);
        if text.is_empty() {
            problems.push(self.problem(column, "is empty", "fill it, or delete the row"));
            return None;
        }
        Some(text)
    }

    /// What `read` makes of a column.
    pub(crate) fn parse<T>(
        &self,
        column: usize,
        advice: &str,
        problems: &mut Problems,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        read(self.get(column)).map_err(|message| problems.push(self.problem(column, message, advice))).ok()
    }

    /// The validity that two columns give; empty is open.
    pub(crate) fn validity(&self, from: usize, until: usize, problems: &mut Problems) -> Option<Validity> {
        let first = self.parse(from, DATE_ADVICE, problems, |text| open_date(text, Day::MIN));
        let last = self.parse(until, DATE_ADVICE, problems, |text| open_date(text, Day::MAX));
        let validity = Validity { from: first?, until: last? };
        if validity.from > validity.until {
            let message = format!("`{}` is before the first day `{}`", self.get(until), self.get(from));
            problems.push(self.problem(until, message, "write a last day on or after the first, or leave it empty"));
            return None;
        }
        Some(validity)
    }
}

fn open_date(text: &str, open: Day) -> Result<Day, String> {
    if text.is_empty() { Ok(open) } else { Day::parse(text) }
}

/// Full-width ASCII and the ideographic space as their ASCII forms; the rest as it is.
pub(crate) fn fold(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
            '\u{3000}' => ' ',
            c => c,
        })
        .collect()
}

/// The items of a list cell: joined by `;`, trimmed, empty ones left out.
pub(crate) fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split([';', '；']).map(str::trim).filter(|item| !item.is_empty())
}

/// The candidate nearest to `word` in spelling, at most two edits away and less than half of its length.
pub(crate) fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let word = word.to_ascii_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (edits(&word, &candidate.to_ascii_lowercase()), candidate))
        .filter(|(edits, candidate)| *edits <= 2 && *edits * 2 < candidate.chars().count())
        .min()
        .map(|(_, candidate)| candidate)
}

/// Levenshtein distance, of the first 64 characters.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().take(64).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let above = row[j + 1];
            row[j + 1] = (above + 1).min(row[j] + 1).min(diagonal + usize::from(x != *y));
            diagonal = above;
        }
    }
    row[b.len()]
}

/// Reads a whole file up to [`FILE_BYTES_MAX`].
pub(crate) fn read_bounded(file: &Path, problems: &mut Problems) -> Option<Vec<u8>> {
    let advice = "check the file's name and that this account may read it";
    let result = std::fs::metadata(file).and_then(|meta| {
        if meta.len() > FILE_BYTES_MAX {
            return Ok(None);
        }
        std::fs::read(file).map(Some)
    });
    match result {
        Ok(Some(bytes)) => Some(bytes),
        Ok(None) => {
            problems.push(Problem::whole(file, format!("is larger than {FILE_BYTES_MAX} bytes"), "split the file"));
            None
        }
        Err(error) => {
            problems.push(Problem::whole(file, format!("cannot be read: {error}"), advice));
            None
        }
    }
}

/// UTF-8 text, from CP932 where it is not; otherwise the first line that is neither.
fn decode(bytes: &[u8]) -> Result<String, u32> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => Ok(text.to_owned()),
        Ok(_) => Err(1),
        Err(utf8) => {
            if let Some(text) = encoding_rs::SHIFT_JIS.decode_without_bom_handling_and_without_replacement(bytes) {
                return Ok(text.into_owned());
            }
            let line = bytes[..utf8.valid_up_to()].iter().filter(|byte| **byte == b'\n').count() + 1;
            Err(u32::try_from(line).unwrap_or(u32::MAX))
        }
    }
}

fn is_skipped(row: &[Cell]) -> bool {
    row.first().is_some_and(|cell| cell.text.starts_with('#')) || row.iter().all(|cell| cell.text.is_empty())
}

/// Finds the schema's columns in the header.
fn match_header(
    file: &Path,
    header: &[Cell],
    schema: &[Column],
    problems: &mut Problems,
) -> Option<Vec<Option<usize>>> {
    let mut usable = true;
    for (index, cell) in header.iter().enumerate() {
        if !cell.text.is_empty() && header[..index].iter().any(|before| before.text == cell.text) {
            let message = format!("column `{}` stands twice", cell.text);
            problems.push(Problem::new(file, cell.line, cell.column, message, "rename or delete one of them"));
            usable = false;
        }
    }
    let is_known = |name: &str| schema.iter().any(|column| column.name == name);
    let places: Vec<_> = schema.iter().map(|column| header.iter().position(|cell| cell.text == column.name)).collect();
    for (column, place) in schema.iter().zip(&places) {
        if place.is_some() {
            continue;
        }
        let extra = header.iter().filter(|cell| !is_known(&cell.text));
        let similar = extra.into_iter().find(|cell| nearest(&fold(&cell.text), [column.name]).is_some());
        if let Some(cell) = similar {
            let message = format!("no column is named `{}`", cell.text);
            problems.push(Problem::new(file, cell.line, cell.column, message, format!("write `{}`", column.name)));
            usable = false;
        } else if column.required {
            let line = header.first().map_or(1, |cell| cell.line);
            let message = format!("column `{}` is missing", column.name);
            problems.push(Problem::new(file, line, 1, message, format!("add `{}` to the header", column.name)));
            usable = false;
        }
    }
    usable.then_some(places)
}

/// Rejects a row that has more filled cells than the header has columns.
fn fits_header(file: &Path, row: &[Cell], width: usize, problems: &mut Problems) -> bool {
    match row.iter().skip(width).find(|cell| !cell.text.is_empty()) {
        None => true,
        Some(cell) => {
            let message = format!("`{}` stands beyond the last of {width} columns", cell.text);
            let advice = "join lists by `;`, or put a cell that holds a comma in double quotes";
            problems.push(Problem::new(file, cell.line, cell.column, message, advice));
            false
        }
    }
}

#[cfg(test)]
mod tests;
