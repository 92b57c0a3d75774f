//! Turns a value as typed into a condition, by the field's kind.

use std::net::IpAddr;
use std::ops::Bound;

use ipnet::IpNet;
use stream::{Kind, Timestamp};

use super::super::glob::{Glob, Piece};
use super::super::text::{fold, is_word_byte, words};
use super::super::{FieldRef, Node, Test, ip_number, names};
use super::{Word, error};
use crate::Result;

/// A range as typed.
pub(super) struct Range {
    pub(super) low: Option<End>,
    pub(super) high: Option<End>,
}

/// One end of a range.
pub(super) struct End {
    pub(super) text: String,
    pub(super) included: bool,
    pub(super) column: usize,
}

/// The same condition for each field, any of which may hold.
pub(super) fn build(fields: &[FieldRef], test: impl Fn(&FieldRef) -> Result<Test>) -> Result<Node> {
    let parts: Result<Vec<Node>> = fields.iter().map(|field| Ok(Node::Field(field.clone(), test(field)?))).collect();
    let mut parts = parts?;
    Ok(if parts.len() == 1 { parts.remove(0) } else { Node::Or(parts) })
}

/// A word without a field.
pub(super) fn free(word: &Word) -> Result<Node> {
    let text = word.text();
    if !word.quoted && word.has_wildcard() {
        if word.pieces == [Piece::Star] {
            return Ok(Node::All);
        }
        let pieces = word.folded();
        let one_word = pieces.iter().all(|piece| match piece {
            Piece::Text(text) => text.bytes().all(|byte| is_word_byte(byte) || byte == b'.'),
            _ => true,
        });
        return Ok(if one_word {
            Node::WordGlob(glob(&pieces, word.column)?)
        } else {
            Node::LineGlob(anywhere(pieces, word.column)?)
        });
    }
    let folded = fold(&text);
    let needle: Vec<String> = words(&folded).map(str::to_owned).collect();
    if needle.is_empty() {
        return Ok(match folded.is_empty() {
            true => Node::All,
            false => Node::LineGlob(anywhere(vec![Piece::Text(folded.into_owned())], word.column)?),
        });
    }
    Ok(Node::Words(needle))
}

/// A value of a field.
pub(super) fn value(field: &FieldRef, word: &Word) -> Result<Test> {
    if !word.quoted && word.pieces == [Piece::Star] {
        return Ok(Test::Exists);
    }
    let text = word.text();
    let wildcard = !word.quoted && word.has_wildcard();
    match field.kind() {
        Kind::Text if wildcard => Ok(Test::Glob(anywhere(word.folded(), word.column)?)),
        Kind::Text => {
            let folded = fold(&text);
            let needle: Vec<String> = words(&folded).map(str::to_owned).collect();
            match needle.is_empty() {
                true => Ok(Test::Glob(anywhere(vec![Piece::Text(folded.into_owned())], word.column)?)),
                false => Ok(Test::Words(needle)),
            }
        }
        _ if wildcard => Ok(Test::Glob(glob(&word.folded(), word.column)?)),
        Kind::Keyword | Kind::Bool => {
            let folded = fold(&text).into_owned();
            let folded = names::zone(field, &folded).unwrap_or(folded);
            // An address range on a field that holds text is still meant as an address range.
            match text.parse::<IpNet>() {
                Ok(net) if !word.quoted => Ok(Test::Net(net)),
                _ => Ok(Test::Equal(folded)),
            }
        }
        Kind::Int => integer(field, &text, word.column).map(|number| Test::Int(number, number)),
        Kind::Float => number(field, &text, word.column).map(|n| Test::Number(Bound::Included(n), Bound::Included(n))),
        Kind::Time => {
            instant(&text, word.column).map(|(low, high)| Test::Int(low.0, high.0.saturating_sub(1).max(low.0)))
        }
        Kind::Ip => network(field, &text, word.column).map(Test::Net),
    }
}

/// A range of a field.
pub(super) fn range(field: &FieldRef, range: &Range, column: usize) -> Result<Test> {
    let (low, high) = (&range.low, &range.high);
    match field.kind() {
        Kind::Int => {
            let ends = |end: &End| integer(field, &end.text, end.column);
            whole_range(low.as_ref().map(ends).transpose()?, high.as_ref().map(ends).transpose()?, range)
        }
        Kind::Time => {
            // A day as an end means all of that day.
            let low = low.as_ref().map(|end| instant(&end.text, end.column)).transpose()?;
            let high = high.as_ref().map(|end| instant(&end.text, end.column)).transpose()?;
            let low = low.map(|(first, after)| match included(&range.low) {
                true => first.0,
                false => after.0.max(first.0.saturating_add(1)),
            });
            let high = high.map(|(first, after)| match included(&range.high) {
                true => after.0.saturating_sub(1).max(first.0),
                false => first.0.saturating_sub(1),
            });
            Ok(Test::Int(low.unwrap_or(i64::MIN), high.unwrap_or(i64::MAX)))
        }
        Kind::Ip => {
            let ends = |end: &End| address(field, &end.text, end.column);
            let low =
                low.as_ref().map(ends).transpose()?.map(|n| if included(&range.low) { n } else { n.saturating_add(1) });
            let high = high
                .as_ref()
                .map(ends)
                .transpose()?
                .map(|n| if included(&range.high) { n } else { n.saturating_sub(1) });
            Ok(Test::Addresses(low.unwrap_or(0), high.unwrap_or(u128::MAX)))
        }
        Kind::Float => {
            let (low, high) = (
                bound(low, |end| number(field, &end.text, end.column))?,
                bound(high, |end| number(field, &end.text, end.column))?,
            );
            Ok(Test::Number(low, high))
        }
        Kind::Text => {
            Err(error(column, "文章の項目に範囲は使えません", Some("時刻は @timestamp:>=2026-11-20 のように書きます")))
        }
        Kind::Keyword | Kind::Bool => {
            let numeric =
                |end: &Option<End>| end.as_ref().is_none_or(|end| end.text.parse::<f64>().is_ok_and(f64::is_finite));
            if numeric(low) && numeric(high) {
                let read = |end: &End| number(field, &end.text, end.column);
                return Ok(Test::Number(bound(low, read)?, bound(high, read)?));
            }
            let read = |end: &End| Ok(fold(&end.text).into_owned());
            Ok(Test::Text(bound(low, read)?, bound(high, read)?))
        }
    }
}

fn included(end: &Option<End>) -> bool {
    end.as_ref().is_none_or(|end| end.included)
}

fn whole_range(low: Option<i64>, high: Option<i64>, range: &Range) -> Result<Test> {
    let low = low.map_or(i64::MIN, |n| if included(&range.low) { n } else { n.saturating_add(1) });
    let high = high.map_or(i64::MAX, |n| if included(&range.high) { n } else { n.saturating_sub(1) });
    Ok(Test::Int(low, high))
}

fn bound<T>(end: &Option<End>, read: impl Fn(&End) -> Result<T>) -> Result<Bound<T>> {
    Ok(match end {
        None => Bound::Unbounded,
        Some(end) if end.included => Bound::Included(read(end)?),
        Some(end) => Bound::Excluded(read(end)?),
    })
}

fn glob(pieces: &[Piece], column: usize) -> Result<Glob> {
    Glob::new(pieces)
        .ok_or_else(|| error(column, format!("ワイルドカードの式が長すぎます（{}バイトまで）", Glob::UNITS_MAX), None))
}

fn anywhere(pieces: Vec<Piece>, column: usize) -> Result<Glob> {
    let mut padded = vec![Piece::Star];
    padded.extend(pieces);
    padded.push(Piece::Star);
    glob(&padded, column)
}

fn wrong(field: &FieldRef, what: &str, text: &str, column: usize) -> crate::Error {
    let suggestion = format!("例: {}", names::example(field));
    error(
        column,
        format!("「{}」は{what}の項目です。「{text}」は{what}として読めません", field.name),
        Some(&suggestion),
    )
}

fn integer(field: &FieldRef, text: &str, column: usize) -> Result<i64> {
    fold(text).parse().map_err(|_| wrong(field, "数値", text, column))
}

fn number(field: &FieldRef, text: &str, column: usize) -> Result<f64> {
    let number = fold(text).parse().ok().filter(|number: &f64| number.is_finite());
    number.ok_or_else(|| wrong(field, "数値", text, column))
}

fn network(field: &FieldRef, text: &str, column: usize) -> Result<IpNet> {
    let folded = fold(text);
    if let Ok(net) = folded.parse::<IpNet>() {
        return Ok(net.trunc());
    }
    let ip: Result<IpAddr, _> = folded.parse();
    ip.map(|ip| IpNet::from(ip.to_canonical())).map_err(|_| wrong(field, "IPアドレス", text, column))
}

fn address(field: &FieldRef, text: &str, column: usize) -> Result<u128> {
    let ip: Result<IpAddr, _> = fold(text).parse();
    ip.map(ip_number).map_err(|_| wrong(field, "IPアドレス", text, column))
}

/// An instant or a day, in JST unless it names a zone: its first moment and the first after it.
fn instant(text: &str, column: usize) -> Result<(Timestamp, Timestamp)> {
    if let Some(instant) = Timestamp::parse_rfc3339(text) {
        return Ok((instant, instant.plus_nanos(1)));
    }
    let jst = jiff::tz::TimeZone::fixed(jiff::tz::offset(9));
    let at =
        |civil: jiff::civil::DateTime| civil.to_zoned(jst.clone()).ok().map(|zoned| Timestamp::from(zoned.timestamp()));
    let day = |date: jiff::civil::Date| Some((at(date.at(0, 0, 0, 0))?, at(date.tomorrow().ok()?.at(0, 0, 0, 0))?));
    let read = match text.len() {
        ..=10 => text.parse().ok().and_then(day),
        _ => text.parse().ok().and_then(at).map(|instant| (instant, instant.plus_nanos(1))),
    };
    read.ok_or_else(|| {
        error(
            column,
            format!("「{text}」は日時として読めません"),
            Some("例: 2026-11-20 または 2026-11-20T14:05:00+09:00"),
        )
    })
}
