//! Splits CSV text into cells that know their line and column.

use std::iter::Peekable;
use std::path::Path;
use std::str::Chars;

use super::Cell;
use crate::{Problem, Problems};

/// All lines of the text as cells, empty lines left out. A line with broken quotes is reported and left out.
pub(super) fn rows(file: &Path, text: &str, problems: &mut Problems) -> Vec<Vec<Cell>> {
    let mut scanner = Scanner { chars: text.chars().peekable(), line: 1, column: 1 };
    let mut rows = Vec::new();
    while scanner.chars.peek().is_some() {
        let mut row = Vec::new();
        let mut broken = None;
        loop {
            let (cell, wrong) = scanner.cell();
            if let Some(message) = wrong
                && broken.is_none()
            {
                broken = Some((cell.line, cell.column, message));
            }
            row.push(cell);
            match scanner.next() {
                Some(',') => {}
                _ => break,
            }
        }
        match broken {
            Some((line, column, message)) => {
                let advice = "open and close the cell with \" and write \"\" for a quote inside";
                problems.push(Problem::new(file, line, column, message, advice));
            }
            None if row.iter().any(|cell| !cell.text.is_empty()) => rows.push(row),
            None => {}
        }
    }
    rows
}

struct Scanner<'t> {
    chars: Peekable<Chars<'t>>,
    line: u32,
    column: u32,
}

impl Scanner<'_> {
    /// One character; CRLF and a lone CR count as LF.
    fn next(&mut self) -> Option<char> {
        let c = self.chars.next()?;
        if c == '\n' || c == '\r' {
            if c == '\r' {
                self.chars.next_if_eq(&'\n');
            }
            self.line = self.line.saturating_add(1);
            self.column = 1;
            return Some('\n');
        }
        self.column = self.column.saturating_add(1);
        Some(c)
    }

    /// Everything up to the next comma or line end, which is left unread.
    fn cell(&mut self) -> (Cell, Option<&'static str>) {
        let (line, column) = (self.line, self.column);
        let mut text = String::new();
        let mut wrong = None;
        if self.chars.peek() == Some(&'"') {
            wrong = self.quoted(&mut text);
        }
        while let Some(&c) = self.chars.peek() {
            if matches!(c, ',' | '\n' | '\r') {
                break;
            }
            self.next();
            text.push(c);
        }
        let text = text.trim().to_owned();
        (Cell { line, column, text }, wrong)
    }

    fn quoted(&mut self, text: &mut String) -> Option<&'static str> {
        self.next();
        loop {
            match self.next() {
                None => return Some("a quoted cell is not closed"),
                Some('"') if self.chars.peek() == Some(&'"') => {
                    self.next();
                    text.push('"');
                }
                Some('"') => break,
                Some(c) => text.push(c),
            }
        }
        match self.chars.peek() {
            None | Some(',' | '\n' | '\r') => None,
            Some(_) => Some("text follows the closing quote of a cell"),
        }
    }
}
