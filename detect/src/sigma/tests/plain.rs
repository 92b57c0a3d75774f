//! A plain interpreter of Sigma: the obvious reading of the specification, rule by rule and value by value, without an
//! index, a memo or a compiled form. Slow on purpose; what the program must agree with.

use rsigma_parser::{
    ConditionExpr, Detection, DetectionItem, Modifier, Quantifier, SigmaRule, SigmaValue, SpecialChar, StringPart,
};
use serde_json::Value as Json;

/// Whether the rule matches the event.
pub(super) fn matches(rule: &SigmaRule, event: &Json) -> bool {
    let source = &rule.logsource;
    let agrees = |wanted: &Option<String>, key: &str| match (wanted, event.get(key).and_then(Json::as_str)) {
        (Some(wanted), Some(held)) => wanted.eq_ignore_ascii_case(held),
        _ => true,
    };
    agrees(&source.product, "product")
        && agrees(&source.category, "category")
        && agrees(&source.service, "service")
        && rule.detection.conditions.iter().any(|one| condition(one, rule, event))
}

fn condition(expr: &ConditionExpr, rule: &SigmaRule, event: &Json) -> bool {
    match expr {
        ConditionExpr::And(parts) => parts.iter().all(|part| condition(part, rule, event)),
        ConditionExpr::Or(parts) => parts.iter().any(|part| condition(part, rule, event)),
        ConditionExpr::Not(part) => !condition(part, rule, event),
        ConditionExpr::Identifier(name) => detection(&rule.detection.named[name], event),
        ConditionExpr::Selector { quantifier, pattern } => {
            let chosen = rule.detection.named.iter().filter(|(name, _)| pattern.matches_detection_name(name));
            let answers: Vec<bool> = chosen.map(|(_, one)| detection(one, event)).collect();
            let yes = answers.iter().filter(|answer| **answer).count() as u64;
            match quantifier {
                Quantifier::Any => yes >= 1,
                Quantifier::All => yes == answers.len() as u64,
                Quantifier::Count(count) => yes >= *count,
            }
        }
    }
}

fn detection(detection_: &Detection, event: &Json) -> bool {
    match detection_ {
        Detection::AllOf(items) => items.iter().all(|one| item(one, event)),
        Detection::And(parts) => parts.iter().all(|one| detection(one, event)),
        Detection::AnyOf(parts) => parts.iter().any(|one| detection(one, event)),
        Detection::Keywords(values) => values.iter().any(|value| {
            let folded = pieces(value).into_iter().map(|piece| match piece {
                Piece::Char(c) => Piece::Char(lower(c)),
                other => other,
            });
            let pieces = surrounded(folded.collect(), true, true);
            everything(event).iter().any(|held| like(&pieces, &chars(&text(held), true)))
        }),
        _ => unreachable!("not of Sigma 2.1"),
    }
}

fn item(item: &DetectionItem, event: &Json) -> bool {
    let has = |modifier: Modifier| item.field.modifiers.contains(&modifier);
    let held = match &item.field.name {
        Some(name) => values(event.get(name)),
        None => everything(event),
    };
    let keyword = item.field.name.is_none();
    let answer = |value: &SigmaValue| match value {
        SigmaValue::Null => held.is_empty(),
        SigmaValue::Bool(wanted) if has(Modifier::Exists) => *wanted != held.is_empty(),
        value => held.iter().any(|held| test(value, held, &item.field.modifiers, keyword, event)),
    };
    let found = if has(Modifier::All) { item.values.iter().all(answer) } else { item.values.iter().any(answer) };
    if has(Modifier::Neq) { !held.is_empty() && !found } else { found }
}

fn test(value: &SigmaValue, held: &Json, modifiers: &[Modifier], keyword: bool, event: &Json) -> bool {
    let has = |modifier: Modifier| modifiers.contains(&modifier);
    let number = |json: &Json| json.as_f64().or_else(|| json.as_str()?.trim().parse::<f64>().ok());
    let wanted_number = match value {
        SigmaValue::Integer(number) => Some(*number as f64),
        SigmaValue::Float(number) => Some(*number),
        _ => None,
    };
    for (modifier, compare) in [
        (Modifier::Gt, f64::gt as fn(&f64, &f64) -> bool),
        (Modifier::Gte, f64::ge),
        (Modifier::Lt, f64::lt),
        (Modifier::Lte, f64::le),
    ] {
        if has(modifier) {
            return number(held).zip(wanted_number).is_some_and(|(held, wanted)| compare(&held, &wanted));
        }
    }
    let shaped = has(Modifier::Contains) || has(Modifier::StartsWith) || has(Modifier::EndsWith) || keyword;
    if let Some(wanted) = wanted_number.filter(|_| !shaped) {
        return number(held) == Some(wanted);
    }
    if let SigmaValue::Bool(wanted) = value {
        return match held {
            Json::Bool(held) => held == wanted,
            Json::String(text) => match text.to_lowercase().as_str() {
                "true" | "1" | "yes" => *wanted,
                "false" | "0" | "no" => !*wanted,
                _ => false,
            },
            _ => false,
        };
    }
    let folded = !has(Modifier::Cased);
    if has(Modifier::Re) {
        let SigmaValue::String(pattern) = value else { return false };
        let flags: String = [(Modifier::IgnoreCase, 'i'), (Modifier::Multiline, 'm'), (Modifier::DotAll, 's')]
            .iter()
            .filter(|(flag, _)| has(*flag))
            .map(|(_, letter)| *letter)
            .collect();
        let pattern =
            if flags.is_empty() { pattern.original.clone() } else { format!("(?{flags}){}", pattern.original) };
        return regex::Regex::new(&pattern).unwrap().is_match(&text(held));
    }
    if has(Modifier::Cidr) {
        let network: ipnet::IpNet = value.to_string().parse().unwrap();
        return text(held).parse().is_ok_and(|ip: std::net::IpAddr| network.contains(&ip));
    }
    if has(Modifier::FieldRef) {
        let others = values(event.get(value.to_string()));
        return others.iter().any(|other| {
            let pieces = chars(&text(other), folded).into_iter().map(Piece::Char).collect();
            let pieces = surrounded(
                pieces,
                has(Modifier::Contains) || has(Modifier::EndsWith),
                has(Modifier::Contains) || has(Modifier::StartsWith),
            );
            like(&pieces, &chars(&text(held), folded))
        });
    }
    let mut wanted = pieces(value);
    if has(Modifier::Base64) {
        let SigmaValue::String(plain) = value else { return false };
        let plain = plain.as_plain().unwrap();
        let bytes = if has(Modifier::Wide) { super::super::encoding::utf16le(&plain) } else { plain.into_bytes() };
        wanted = super::super::encoding::base64(&bytes).chars().map(Piece::Char).collect();
    }
    let dash = |c: char| if has(Modifier::WindAsh) && "-/–—―".contains(c) { '-' } else { c };
    let case = |c: char| if folded { lower(c) } else { c };
    let wanted = wanted.into_iter().map(|piece| match piece {
        Piece::Char(c) => Piece::Char(dash(case(c))),
        other => other,
    });
    let open_start = has(Modifier::Contains) || has(Modifier::EndsWith) || keyword;
    let open_end = has(Modifier::Contains) || has(Modifier::StartsWith) || keyword;
    let wanted = surrounded(wanted.collect(), open_start, open_end);
    let held: Vec<char> = text(held).chars().map(|c| dash(case(c))).collect();
    like(&wanted, &held)
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Piece {
    Char(char),
    One,
    Many,
}

fn pieces(value: &SigmaValue) -> Vec<Piece> {
    let SigmaValue::String(text) = value else { return value.to_string().chars().map(Piece::Char).collect() };
    let mut out = Vec::new();
    for part in &text.parts {
        match part {
            StringPart::Plain(text) => out.extend(text.chars().map(Piece::Char)),
            StringPart::Special(SpecialChar::WildcardSingle) => out.push(Piece::One),
            StringPart::Special(SpecialChar::WildcardMulti) => out.push(Piece::Many),
        }
    }
    out
}

fn surrounded(mut pieces: Vec<Piece>, start: bool, end: bool) -> Vec<Piece> {
    if start {
        pieces.insert(0, Piece::Many);
    }
    if end {
        pieces.push(Piece::Many);
    }
    pieces
}

/// Whether the whole of `text` is like the pattern, by trying everything.
fn like(pattern: &[Piece], text: &[char]) -> bool {
    match pattern {
        [] => text.is_empty(),
        [Piece::Many, rest @ ..] => (0..=text.len()).any(|skip| like(rest, &text[skip..])),
        [Piece::One, rest @ ..] => !text.is_empty() && like(rest, &text[1..]),
        [Piece::Char(c), rest @ ..] => text.first() == Some(c) && like(rest, &text[1..]),
    }
}

fn lower(c: char) -> char {
    let mut lower = c.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

fn chars(text: &str, folded: bool) -> Vec<char> {
    text.chars().map(|c| if folded { lower(c) } else { c }).collect()
}

fn text(json: &Json) -> String {
    json.as_str().map_or_else(|| json.to_string(), str::to_owned)
}

fn values(json: Option<&Json>) -> Vec<Json> {
    match json {
        None | Some(Json::Null) => Vec::new(),
        Some(Json::Array(list)) => list.iter().flat_map(|one| values(Some(one))).collect(),
        Some(one) => vec![one.clone()],
    }
}

fn everything(event: &Json) -> Vec<Json> {
    let fields = event.as_object().unwrap().iter();
    let content = fields.filter(|(name, _)| !["product", "category", "service"].contains(&name.as_str()));
    content.flat_map(|(_, value)| values(Some(value))).collect()
}
