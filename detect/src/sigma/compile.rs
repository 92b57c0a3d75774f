//! Compiling the detections and the condition of one rule into a condition over predicates.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rsigma_parser::{ConditionExpr, Detection, DetectionItem, Detections, Quantifier};

use super::modifiers::Modifiers;
use super::pipeline::Resolver;
use super::predicate::{AnyOf, Op, Place, Predicate, Shape, Text};
use super::program::{Expr, Slots};

/// Why a rule cannot be compiled.
#[derive(Debug)]
pub(crate) struct Reason {
    /// What is wrong.
    pub(crate) message: String,
    /// What to write instead.
    pub(crate) advice: String,
    /// The offending text, by which its place in the file is found.
    pub(crate) token: String,
}

impl Reason {
    pub(crate) fn new(token: impl Into<String>, message: impl Into<String>, advice: impl Into<String>) -> Reason {
        Reason { message: message.into(), advice: advice.into(), token: token.into() }
    }
}

/// The most predicates of one rule set.
const PREDICATES_MAX: usize = 1 << 24;

/// Collects the predicates of all rules; equal ones once.
#[derive(Debug, Default)]
pub(crate) struct Compiler {
    pub(crate) predicates: Vec<Predicate>,
    known: HashMap<String, u32>,
    pub(crate) slots: Slots,
}

impl Compiler {
    /// Compiles the detection section of a rule or filter.
    pub(crate) fn detections(&mut self, detections: &Detections, resolver: &Resolver<'_>) -> Result<Expr, Reason> {
        if let Some(timeframe) = &detections.timeframe {
            return Err(Reason::new(
                "timeframe",
                format!("`timeframe: {timeframe}` belongs to aggregations, which Sigma 2 removed"),
                "write a correlation rule with `timespan` instead (Sigma specification 2.1, correlation rules)",
            ));
        }
        let mut named = BTreeMap::new();
        for (name, detection) in &detections.named {
            named.insert(name.as_str(), self.detection(detection, resolver)?);
        }
        let mut conditions = Vec::new();
        for condition in &detections.conditions {
            conditions.push(condition_expr(condition, &named)?);
        }
        if conditions.is_empty() {
            return Err(Reason::new("condition", "the condition is an empty list", "name the detections to look for"));
        }
        let mut condition = flat(any(conditions));
        cheap_first(&mut condition, &self.predicates);
        Ok(condition)
    }

    fn detection(&mut self, detection: &Detection, resolver: &Resolver<'_>) -> Result<Expr, Reason> {
        match detection {
            Detection::AllOf(items) => {
                let parts = items.iter().map(|item| self.item(item, resolver)).collect::<Result<Vec<_>, _>>()?;
                nonempty(parts).map(all)
            }
            Detection::And(parts) => {
                let parts = parts.iter().map(|part| self.detection(part, resolver)).collect::<Result<Vec<_>, _>>()?;
                nonempty(parts).map(all)
            }
            Detection::AnyOf(parts) => {
                let parts = parts.iter().map(|part| self.detection(part, resolver)).collect::<Result<Vec<_>, _>>()?;
                nonempty(parts).map(any)
            }
            Detection::Keywords(values) => {
                let mut keywords = Modifiers::default();
                keywords.shape = Shape::Contains;
                let parts =
                    values.iter().map(|value| keywords.op(value, resolver, self)).collect::<Result<Vec<_>, _>>()?;
                self.combine(&Place::Anywhere, nonempty(parts)?, false)
            }
            Detection::ArrayMatch { field, .. } => Err(Reason::new(
                field,
                format!("array matching `{field}[...]` is not part of Sigma 2.1"),
                "name the field without brackets: a list matches when one of its values does",
            )),
            Detection::Conditional { .. } => Err(Reason::new(
                "condition",
                "conditions inside a detection are not part of Sigma 2.1",
                "split it into several detections and combine them in the rule's condition",
            )),
        }
    }

    fn item(&mut self, item: &DetectionItem, resolver: &Resolver<'_>) -> Result<Expr, Reason> {
        let mut modifiers = Modifiers::read(item)?;
        let place = match &item.field.name {
            Some(name) => Place::Fields(self.slots_of(name, resolver)?),
            None => {
                if modifiers.shape == Shape::Equals {
                    modifiers.shape = Shape::Contains;
                }
                Place::Anywhere
            }
        };
        if item.values.is_empty() {
            return Err(Reason::new(
                item.field.name.as_deref().unwrap_or(""),
                "an empty list of values never matches",
                "list at least one value",
            ));
        }
        if modifiers.all && item.values.len() == 1 {
            return Err(Reason::new(
                "|all",
                "`all` needs more than one value (Sigma specification 2.1, modifiers)",
                "remove `|all` or list more values",
            ));
        }
        let ops = item.values.iter().map(|value| modifiers.op(value, resolver, self)).collect::<Result<Vec<_>, _>>()?;
        let expr = self.combine(&place, ops, modifiers.all)?;
        if modifiers.not_equal {
            let Place::Fields(_) = &place else {
                return Err(Reason::new("|neq", "`neq` needs a field", "write a field name before `|neq`"));
            };
            let present = self.predicate(place, Op::Exists(true), "exists")?;
            return Ok(all(vec![present, Expr::Not(Box::new(expr))]));
        }
        Ok(expr)
    }

    pub(super) fn slots_of(&mut self, name: &str, resolver: &Resolver<'_>) -> Result<Box<[u16]>, Reason> {
        let fields = resolver.fields(name).ok_or_else(|| {
            Reason::new(
                name,
                format!("no room for the field name `{name}`"),
                format!("use names of at most {} bytes, and fewer different ones", stream::fields::NAME_BYTES_MAX),
            )
        })?;
        Ok(fields.into_iter().map(|field| self.slots.slot(field)).collect())
    }

    /// One predicate per value, linked by AND or OR; for OR, plain texts are taken together into one predicate.
    fn combine(&mut self, place: &Place, ops: Vec<Vec<Op>>, all_of: bool) -> Result<Expr, Reason> {
        if all_of {
            let parts = ops.into_iter().map(|variants| self.any_of(place, variants)).collect::<Result<Vec<_>, _>>()?;
            Ok(all(parts))
        } else {
            self.any_of(place, ops.into_iter().flatten().collect())
        }
    }

    fn any_of(&mut self, place: &Place, ops: Vec<Op>) -> Result<Expr, Reason> {
        let mut parts = Vec::new();
        for op in merge(ops) {
            let name = format!("{op:?}");
            parts.push(self.predicate(place.clone(), op, &name)?);
        }
        Ok(any(parts))
    }

    fn predicate(&mut self, place: Place, op: Op, name: &str) -> Result<Expr, Reason> {
        if self.predicates.len() >= PREDICATES_MAX {
            return Err(Reason::new("", "the rule set has too many different values", "load fewer rules"));
        }
        let key = format!("{place:?} {}", identity(&op).unwrap_or_else(|| name.to_owned()));
        let next = self.predicates.len() as u32;
        let id = *self.known.entry(key).or_insert(next);
        if id == next {
            self.predicates.push(Predicate { place, op });
        }
        Ok(Expr::Is(id))
    }
}

/// What makes an operation equal to another, where its debug form does not say it all or says too much.
fn identity(op: &Op) -> Option<String> {
    match op {
        Op::Text { text, folded, dashes } => {
            let literals = match text {
                Text::Contains(finder) => format!("contains {:?}", String::from_utf8_lossy(finder.needle())),
                Text::ContainsAny(any) => format!("contains any {:?}", any.literals),
                other => format!("{other:?}"),
            };
            Some(format!("{literals} {folded} {dashes}"))
        }
        Op::Regex(regex) => Some(format!("re {:?}", regex.as_str())),
        _ => None,
    }
}

/// Takes plain equalities together into one set, plain substrings into one automaton.
fn merge(ops: Vec<Op>) -> Vec<Op> {
    const MERGE_MIN: usize = 4;
    let mut equals: BTreeMap<(bool, bool), BTreeSet<Box<str>>> = BTreeMap::new();
    let mut contains: BTreeMap<(bool, bool), BTreeSet<Box<str>>> = BTreeMap::new();
    let mut rest = Vec::new();
    for op in ops {
        match op {
            Op::Text { text: Text::Equals(literal), folded, dashes } => {
                equals.entry((folded, dashes)).or_default().insert(literal);
            }
            Op::Text { text: Text::Contains(finder), folded, dashes } => {
                let literal = String::from_utf8_lossy(finder.needle()).into_owned();
                contains.entry((folded, dashes)).or_default().insert(literal.into());
            }
            other => rest.push(other),
        }
    }
    for ((folded, dashes), literals) in equals {
        if literals.len() >= MERGE_MIN {
            rest.push(Op::Text { text: Text::OneOf(literals), folded, dashes });
        } else {
            rest.extend(literals.into_iter().map(|one| Op::Text { text: Text::Equals(one), folded, dashes }));
        }
    }
    for ((folded, dashes), literals) in contains {
        if literals.len() >= MERGE_MIN {
            let any = AnyOf::new(literals.into_iter().collect());
            rest.push(Op::Text { text: Text::ContainsAny(any), folded, dashes });
        } else {
            rest.extend(literals.iter().map(|one| Op::Text { text: contains_text(one), folded, dashes }));
        }
    }
    rest
}

pub(super) fn contains_text(literal: &str) -> Text {
    Text::Contains(Box::new(memchr::memmem::Finder::new(literal.as_bytes()).into_owned()))
}

/// What it costs to ask, in nanoseconds or so.
fn price(op: &Op) -> u32 {
    match op {
        Op::Null | Op::Exists(_) => 1,
        Op::Number { .. } | Op::Bool(_) => 2,
        Op::Text { dashes: true, .. } => 60,
        Op::Text { text, .. } => match text {
            Text::Equals(_) | Text::StartsWith(_) | Text::EndsWith(_) => 5,
            Text::OneOf(_) => 10,
            Text::Contains(_) => 20,
            Text::ContainsAny(_) | Text::Glob(_) => 80,
        },
        Op::Cidr(_) => 10,
        Op::FieldRef { .. } => 30,
        Op::TimePart { .. } => 50,
        Op::Regex(_) => 500,
    }
}

/// The condition as one list of what must all hold, as far as that goes: `not (a or b)` is `not a and not b`.
fn flat(expr: Expr) -> Expr {
    fn gather(expr: Expr, out: &mut Vec<Expr>) {
        match expr {
            Expr::All(parts) => parts.into_iter().for_each(|part| gather(part, out)),
            Expr::Not(part) => match *part {
                Expr::Any(parts) => parts.into_iter().for_each(|part| gather(Expr::Not(Box::new(part)), out)),
                Expr::Not(part) => gather(*part, out),
                part => out.push(Expr::Not(Box::new(part))),
            },
            expr => out.push(expr),
        }
    }
    let mut parts = Vec::new();
    gather(expr, &mut parts);
    all(parts)
}

/// Puts what is cheap to ask first in every part of a condition; the answer stays.
fn cheap_first(expr: &mut Expr, predicates: &[Predicate]) -> u32 {
    match expr {
        Expr::Is(predicate) => price(&predicates[*predicate as usize].op),
        Expr::Not(part) => cheap_first(part, predicates),
        Expr::All(parts) | Expr::Any(parts) | Expr::AtLeast(_, parts) => {
            let mut priced: Vec<(u32, Expr)> =
                std::mem::take(parts).into_iter().map(|mut part| (cheap_first(&mut part, predicates), part)).collect();
            priced.sort_by_key(|(price, _)| *price);
            let total = priced.iter().map(|(price, _)| price).sum();
            *parts = priced.into_iter().map(|(_, part)| part).collect();
            total
        }
    }
}

fn all(mut parts: Vec<Expr>) -> Expr {
    if parts.len() == 1 { parts.remove(0) } else { Expr::All(parts.into()) }
}

fn any(mut parts: Vec<Expr>) -> Expr {
    if parts.len() == 1 { parts.remove(0) } else { Expr::Any(parts.into()) }
}

fn nonempty<T>(parts: Vec<T>) -> Result<Vec<T>, Reason> {
    if parts.is_empty() {
        return Err(Reason::new("detection", "a detection without any entry", "list at least one field or keyword"));
    }
    Ok(parts)
}

fn condition_expr(condition: &ConditionExpr, named: &BTreeMap<&str, Expr>) -> Result<Expr, Reason> {
    let several = |parts: &[ConditionExpr]| -> Result<Vec<Expr>, Reason> {
        parts.iter().map(|part| condition_expr(part, named)).collect()
    };
    Ok(match condition {
        ConditionExpr::And(parts) => all(several(parts)?),
        ConditionExpr::Or(parts) => any(several(parts)?),
        ConditionExpr::Not(part) => Expr::Not(Box::new(condition_expr(part, named)?)),
        ConditionExpr::Identifier(name) => named.get(name.as_str()).cloned().ok_or_else(|| {
            let known: Vec<&str> = named.keys().copied().collect();
            Reason::new(
                name,
                format!("the condition names `{name}`, which is no detection of this rule"),
                format!("name one of: {}", known.join(", ")),
            )
        })?,
        ConditionExpr::Selector { quantifier, pattern } => {
            let parts: Vec<Expr> = named
                .iter()
                .filter(|(name, _)| pattern.matches_detection_name(name))
                .map(|(_, expr)| expr.clone())
                .collect();
            if parts.is_empty() {
                return Err(Reason::new(
                    pattern.to_string(),
                    format!("`{quantifier} of {pattern}` selects no detection of this rule"),
                    "name a pattern that at least one detection matches",
                ));
            }
            match quantifier {
                Quantifier::Any => any(parts),
                Quantifier::All => all(parts),
                Quantifier::Count(count) => Expr::AtLeast(*count, parts.into()),
            }
        }
    })
}
