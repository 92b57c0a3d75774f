//! Reads a query into its syntax tree. Errors name the column, in Japanese, with what to write instead.
//!
//! ```text
//! or    = and { ("OR" | "||") and }
//! and   = not { ["AND" | "&&"] not }
//! not   = { "NOT" | "!" | "-" } item
//! item  = "(" or ")" | [field ":"] value
//! value = "quoted" | word with * and ? | [low TO high] | {low TO high} | >n >=n <n <=n | "(" or ")" after a field
//! ```

mod values;

use super::glob::Piece;
use super::text::fold;
use super::{FieldRef, Node, Query, Test, names};
use crate::{Error, Result};

pub(super) fn parse(text: &str) -> Result<Node> {
    if text.len() > Query::BYTES_MAX {
        return Err(error(1, format!("検索式が長すぎます（{}バイトまで）", Query::BYTES_MAX), None));
    }
    let mut parser = Parser { chars: text.chars().collect(), at: 0, depth: 0, leaves: 0 };
    parser.skip_space();
    if parser.at == parser.chars.len() {
        return Ok(Node::All);
    }
    let root = parser.or(&[])?;
    match parser.peek() {
        None => Ok(root),
        Some(c) => {
            Err(parser.here(format!("「{c}」に対応する開き括弧がありません"), Some("括弧の数をそろえてください")))
        }
    }
}

/// What was read of a value: text and wildcards, and whether it stood in quotes.
struct Word {
    pieces: Vec<Piece>,
    quoted: bool,
    column: usize,
}

impl Word {
    fn text(&self) -> String {
        let pieces = self.pieces.iter().map(|piece| match piece {
            Piece::Text(text) => text.as_str(),
            Piece::Any => "?",
            Piece::Star => "*",
        });
        pieces.collect()
    }

    fn has_wildcard(&self) -> bool {
        self.pieces.iter().any(|piece| !matches!(piece, Piece::Text(_)))
    }

    fn folded(&self) -> Vec<Piece> {
        let pieces = self.pieces.iter().map(|piece| match piece {
            Piece::Text(text) => Piece::Text(fold(text).into_owned()),
            other => other.clone(),
        });
        pieces.collect()
    }
}

struct Parser {
    chars: Vec<char>,
    at: usize,
    depth: usize,
    leaves: usize,
}

fn error(column: usize, message: impl Into<String>, suggestion: Option<&str>) -> Error {
    Error::Query { column, message: message.into(), suggestion: suggestion.map(str::to_owned) }
}

impl Parser {
    fn here(&self, message: impl Into<String>, suggestion: Option<&str>) -> Error {
        error(self.at + 1, message, suggestion)
    }

    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.at += 1;
        }
    }

    /// Takes an operator word that stands alone.
    fn take(&mut self, word: &str) -> bool {
        self.skip_space();
        let end = self.at + word.chars().count();
        let same = self.chars.get(self.at..end).is_some_and(|part| part.iter().copied().eq(word.chars()));
        let alone = !word.starts_with(char::is_alphabetic)
            || self.chars.get(end).is_none_or(|c| c.is_whitespace() || *c == '(' || *c == ')');
        if same && alone {
            self.at = end;
        }
        same && alone
    }

    fn or(&mut self, field: &[FieldRef]) -> Result<Node> {
        let mut parts = vec![self.and(field)?];
        while self.take("OR") || self.take("||") {
            parts.push(self.and(field)?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Node::Or(parts) })
    }

    fn and(&mut self, field: &[FieldRef]) -> Result<Node> {
        let mut parts = vec![self.not(field)?];
        loop {
            let explicit = self.take("AND") || self.take("&&");
            self.skip_space();
            let start = self.at;
            let or_follows = self.take("OR") || self.take("||");
            self.at = start;
            if !explicit && (or_follows || matches!(self.peek(), None | Some(')'))) {
                break;
            }
            parts.push(self.not(field)?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Node::And(parts) })
    }

    fn not(&mut self, field: &[FieldRef]) -> Result<Node> {
        let mut negated = false;
        loop {
            self.skip_space();
            if self.peek() == Some('-') && self.minus_is_not() {
                self.at += 1;
            } else if !(self.take("NOT") || self.take("!")) {
                break;
            }
            negated = !negated;
        }
        let item = self.item(field)?;
        Ok(if negated { Node::Not(Box::new(item)) } else { item })
    }

    /// A minus directly before a condition negates it; one before a space is text.
    fn minus_is_not(&self) -> bool {
        self.chars.get(self.at + 1).is_some_and(|c| !c.is_whitespace() && *c != '-')
    }

    fn item(&mut self, field: &[FieldRef]) -> Result<Node> {
        self.skip_space();
        self.leaves += 1;
        if self.leaves > Query::LEAVES_MAX {
            return Err(self.here(format!("条件が多すぎます（{}個まで）", Query::LEAVES_MAX), None));
        }
        match self.peek() {
            None => Err(self.here(
                "条件が途中で終わっています",
                Some("続きの条件を書くか、最後の AND / OR / NOT を消してください"),
            )),
            Some('(') => self.group(field),
            Some(')') => Err(self.here("括弧の中に条件がありません", None)),
            Some(_) => {
                if field.is_empty() {
                    if let Some((name, column)) = self.field_name() {
                        return self.field(&name, column);
                    }
                    let word = self.word()?;
                    return values::free(&word);
                }
                self.field_value(field)
            }
        }
    }

    fn group(&mut self, field: &[FieldRef]) -> Result<Node> {
        let open = self.at + 1;
        self.at += 1;
        self.depth += 1;
        if self.depth > Query::DEPTH_MAX {
            return Err(self.here(format!("括弧が深すぎます（{}段まで）", Query::DEPTH_MAX), None));
        }
        let inner = self.or(field)?;
        self.skip_space();
        if self.peek() != Some(')') {
            return Err(error(open, "括弧が閉じていません", Some("「)」を加えてください")));
        }
        self.at += 1;
        self.depth -= 1;
        Ok(inner)
    }

    /// Takes `name:` when what follows is a field condition rather than text with a colon (a time, a MAC, a URL).
    fn field_name(&mut self) -> Option<(String, usize)> {
        let rest = &self.chars[self.at..];
        let length = rest.iter().position(|c| !(c.is_alphanumeric() || matches!(c, '_' | '.' | '@' | '-' | 'ー')))?;
        if length == 0 || rest[length] != ':' || rest[0].is_ascii_digit() {
            return None;
        }
        let url = rest.get(length + 1) == Some(&'/') && rest.get(length + 2) == Some(&'/');
        let empty = rest.get(length + 1).is_none_or(|c| *c == ':');
        if url || (empty && rest.get(length + 1).is_some()) {
            return None;
        }
        let (name, column) = (rest[..length].iter().collect(), self.at + 1);
        self.at += length + 1;
        Some((name, column))
    }

    fn field(&mut self, name: &str, column: usize) -> Result<Node> {
        if name == "_exists_" {
            let word = self.word()?;
            return Ok(any(names::resolve(&word.text()), |field| Node::Field(field, Test::Exists)));
        }
        let fields = names::resolve(name);
        let unknown = fields.len() == 1 && fields[0].id.is_none() && !name.contains('.');
        if unknown {
            let suggestion = match names::nearest(name) {
                Some(known) => {
                    format!("「{known}:」ではありませんか。文字として探すには \"{name}:…\" と引用符で囲みます")
                }
                None => format!("文字として探すには \"{name}:…\" と引用符で囲みます"),
            };
            return Err(error(column, format!("「{name}」という項目はありません"), Some(&suggestion)));
        }
        if self.peek().is_none_or(char::is_whitespace) {
            let suggestion = format!("例: {}", names::example(&fields[0]));
            return Err(self.here(format!("「{name}:」の後に値がありません"), Some(&suggestion)));
        }
        if self.peek() == Some('(') {
            return self.group(&fields);
        }
        self.field_value(&fields)
    }

    /// A value for known fields: a range, a comparison, or a word.
    fn field_value(&mut self, fields: &[FieldRef]) -> Result<Node> {
        let column = self.at + 1;
        match self.peek() {
            Some('[' | '{') => {
                let range = self.range()?;
                values::build(fields, |field| values::range(field, &range, column))
            }
            Some('>' | '<') => {
                let range = self.comparison()?;
                values::build(fields, |field| values::range(field, &range, column))
            }
            _ => {
                let word = self.word()?;
                values::build(fields, |field| values::value(field, &word))
            }
        }
    }

    fn comparison(&mut self) -> Result<values::Range> {
        let greater = self.peek() == Some('>');
        self.at += 1;
        let included = self.peek() == Some('=');
        if included {
            self.at += 1;
        }
        let word = self.word()?;
        let end = Some(values::End { text: word.text(), included, column: word.column });
        Ok(if greater { values::Range { low: end, high: None } } else { values::Range { low: None, high: end } })
    }

    fn range(&mut self) -> Result<values::Range> {
        let open = self.at + 1;
        let low_included = self.peek() == Some('[');
        self.at += 1;
        let low = self.range_end()?;
        if !self.take("TO") {
            return Err(self.here("範囲に TO がありません", Some("例: [80 TO 443]")));
        }
        let high = self.range_end()?;
        self.skip_space();
        let high_included = match self.peek() {
            Some(']') => true,
            Some('}') => false,
            _ => return Err(error(open, "範囲の括弧が閉じていません", Some("例: [80 TO 443] または {80 TO 443}"))),
        };
        self.at += 1;
        let end = |included| move |(text, column)| values::End { text, included, column };
        Ok(values::Range { low: low.map(end(low_included)), high: high.map(end(high_included)) })
    }

    /// One end of a range; `None` for `*`, the open end.
    fn range_end(&mut self) -> Result<Option<(String, usize)>> {
        self.skip_space();
        let column = self.at + 1;
        let mut text = String::new();
        if self.peek() == Some('"') {
            text = self.word()?.text();
        } else {
            while let Some(c) = self.peek().filter(|c| !c.is_whitespace() && !"]}".contains(*c)) {
                text.push(c);
                self.at += 1;
            }
        }
        if text.is_empty() {
            return Err(error(column, "範囲の端がありません", Some("端を決めないときは * と書きます")));
        }
        Ok((text != "*").then_some((text, column)))
    }

    /// A quoted text or a word up to the next space or bracket; `\` takes the next character as it is.
    fn word(&mut self) -> Result<Word> {
        let column = self.at + 1;
        let quoted = self.peek() == Some('"');
        if quoted {
            self.at += 1;
        }
        let (mut pieces, mut text) = (Vec::new(), String::new());
        let mut closed = false;
        while let Some(c) = self.peek() {
            match c {
                '"' if quoted => {
                    self.at += 1;
                    closed = true;
                    break;
                }
                '\\' if self.at + 1 < self.chars.len() => {
                    self.at += 1;
                    text.push(self.chars[self.at]);
                }
                '*' | '?' if !quoted => {
                    if !text.is_empty() {
                        pieces.push(Piece::Text(std::mem::take(&mut text)));
                    }
                    pieces.push(if c == '*' { Piece::Star } else { Piece::Any });
                }
                c if !quoted && (c.is_whitespace() || c == '(' || c == ')' || c == '"') => break,
                c => text.push(c),
            }
            self.at += 1;
        }
        if quoted && !closed {
            return Err(error(column, "引用符が閉じていません", Some("終わりに \" を加えてください")));
        }
        if !text.is_empty() {
            pieces.push(Piece::Text(text));
        }
        if pieces.is_empty() && !quoted {
            return Err(error(column, "値がありません", None));
        }
        Ok(Word { pieces, quoted, column })
    }
}

/// One condition for each field, any of which may hold.
fn any(fields: Vec<FieldRef>, condition: impl Fn(FieldRef) -> Node) -> Node {
    let mut parts: Vec<Node> = fields.into_iter().map(condition).collect();
    if parts.len() == 1 { parts.remove(0) } else { Node::Or(parts) }
}
