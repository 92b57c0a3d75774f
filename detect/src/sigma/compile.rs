//! Compiling the detections and the condition of one rule into a condition over predicates.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aho_corasick::AhoCorasick;
use regex::RegexBuilder;
use rsigma_parser::{
    ConditionExpr, Detection, DetectionItem, Detections, Modifier, Quantifier, SigmaString, SigmaValue, SpecialChar,
    StringPart,
};

use super::encoding;
use super::pipeline::Resolver;
use super::predicate::{Compare, Number, Op, Place, Predicate, Shape, Text, TimePart};
use super::program::{Expr, Slots};
use super::text::{Glob, Piece, dashed, fold};

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

/// The most predicates of one rule set, and nodes of one condition.
const PREDICATES_MAX: usize = 1 << 24;
/// The largest compiled regular expression in bytes.
const REGEX_BYTES_MAX: usize = 4 << 20;

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
        Ok(any(conditions))
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
                let keywords = Modifiers { shape: Shape::Contains, ..Modifiers::default() };
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

    fn slots_of(&mut self, name: &str, resolver: &Resolver<'_>) -> Result<Box<[u16]>, Reason> {
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
        for op in merge(ops)? {
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
                Text::ContainsAny(_, literals) => format!("contains any {literals:?}"),
                other => format!("{other:?}"),
            };
            Some(format!("{literals} {folded} {dashes}"))
        }
        Op::Regex(regex) => Some(format!("re {:?}", regex.as_str())),
        _ => None,
    }
}

/// Takes plain equalities together into one set, plain substrings into one automaton.
fn merge(ops: Vec<Op>) -> Result<Vec<Op>, Reason> {
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
            let literals: Box<[Box<str>]> = literals.into_iter().collect();
            let automaton = AhoCorasick::new(literals.iter().map(|literal| literal.as_bytes()))
                .map_err(|error| Reason::new("", format!("too many values: {error}"), "split the rule"))?;
            rest.push(Op::Text { text: Text::ContainsAny(Box::new(automaton), literals), folded, dashes });
        } else {
            rest.extend(literals.iter().map(|one| Op::Text { text: contains_text(one), folded, dashes }));
        }
    }
    Ok(rest)
}

fn contains_text(literal: &str) -> Text {
    Text::Contains(Box::new(memchr::memmem::Finder::new(literal.as_bytes()).into_owned()))
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

/// The modifiers of one item, checked against each other.
#[derive(Debug)]
struct Modifiers {
    shape: Shape,
    all: bool,
    not_equal: bool,
    cased: bool,
    dashes: bool,
    wide: Option<Modifier>,
    base64: Option<Modifier>,
    /// `re`, `cidr`, `exists`, `fieldref`, a comparison or a time part.
    special: Option<Modifier>,
    flags: [bool; 3],
}

impl Default for Modifiers {
    fn default() -> Self {
        Modifiers {
            shape: Shape::Equals,
            all: false,
            not_equal: false,
            cased: false,
            dashes: false,
            wide: None,
            base64: None,
            special: None,
            flags: [false; 3],
        }
    }
}

impl Modifiers {
    fn read(item: &DetectionItem) -> Result<Modifiers, Reason> {
        let mut read = Modifiers::default();
        for modifier in &item.field.modifiers {
            let clash = match modifier {
                Modifier::Contains => read.shape(Shape::Contains),
                Modifier::StartsWith => read.shape(Shape::StartsWith),
                Modifier::EndsWith => read.shape(Shape::EndsWith),
                Modifier::All => std::mem::replace(&mut read.all, true),
                Modifier::Neq => std::mem::replace(&mut read.not_equal, true),
                Modifier::Cased => std::mem::replace(&mut read.cased, true),
                Modifier::WindAsh => std::mem::replace(&mut read.dashes, true),
                Modifier::Wide | Modifier::Utf16 | Modifier::Utf16be => read.wide.replace(*modifier).is_some(),
                Modifier::Base64 | Modifier::Base64Offset => read.base64.replace(*modifier).is_some(),
                Modifier::IgnoreCase => std::mem::replace(&mut read.flags[0], true),
                Modifier::Multiline => std::mem::replace(&mut read.flags[1], true),
                Modifier::DotAll => std::mem::replace(&mut read.flags[2], true),
                Modifier::Expand => {
                    return Err(Reason::new(
                        "|expand",
                        "`expand` needs placeholder values, and none are defined",
                        "write the values instead of the placeholder and remove `|expand`",
                    ));
                }
                _ => read.special.replace(*modifier).is_some(),
            };
            if clash {
                return Err(conflict(item, "two of these modifiers say the same thing or exclude each other"));
            }
        }
        read.check(item)?;
        Ok(read)
    }

    fn shape(&mut self, shape: Shape) -> bool {
        std::mem::replace(&mut self.shape, shape) != Shape::Equals
    }

    fn check(&self, item: &DetectionItem) -> Result<(), Reason> {
        let transforms = self.wide.is_some() || self.base64.is_some() || self.dashes;
        if self.flags != [false; 3] && self.special != Some(Modifier::Re) {
            return Err(conflict(item, "`i`, `m` and `s` are flags of `re`"));
        }
        let Some(special) = self.special else {
            if self.wide.is_some() && self.base64.is_none() {
                return Err(conflict(
                    item,
                    "`wide`, `utf16le`, `utf16be` and `utf16` must be followed by `base64` or `base64offset`: events hold text",
                ));
            }
            if self.base64.is_some() && self.dashes {
                return Err(conflict(item, "`windash` cannot be combined with `base64`"));
            }
            return Ok(());
        };
        if transforms || (self.shape != Shape::Equals && special != Modifier::FieldRef) {
            return Err(conflict(item, "these modifiers exclude each other"));
        }
        let modifiers = &item.field.modifiers;
        if special == Modifier::FieldRef
            && modifiers.first() != Some(&Modifier::FieldRef)
            && self.shape != Shape::Equals
        {
            return Err(conflict(item, "`contains`, `startswith` and `endswith` follow `fieldref`"));
        }
        if special == Modifier::Exists && (item.values.len() != 1 || !matches!(item.values[0], SigmaValue::Bool(_))) {
            return Err(conflict(item, "`exists` takes `true` or `false`"));
        }
        if item.field.name.is_none() && matches!(special, Modifier::Exists | Modifier::FieldRef) {
            return Err(conflict(item, "this modifier needs a field"));
        }
        Ok(())
    }

    /// The operations of one value; several when one value stands for several texts.
    fn op(&self, value: &SigmaValue, resolver: &Resolver<'_>, compiler: &mut Compiler) -> Result<Vec<Op>, Reason> {
        if let Some(special) = self.special {
            return self.special_op(special, value, resolver, compiler).map(|op| vec![op]);
        }
        let folded = !self.cased;
        let plain =
            |text: &str| Op::Text { text: self.text_of(&[Piece::Literal(text.into())], folded), folded, dashes: false };
        Ok(match value {
            SigmaValue::Null => vec![Op::Null],
            SigmaValue::Bool(flag) if self.shape == Shape::Equals => vec![Op::Bool(*flag)],
            SigmaValue::Bool(flag) => vec![plain(&flag.to_string())],
            SigmaValue::Integer(number) if self.shape == Shape::Equals => {
                vec![Op::Number { compare: Compare::Equal, number: Number::Whole(*number) }]
            }
            SigmaValue::Float(number) if self.shape == Shape::Equals => {
                vec![Op::Number { compare: Compare::Equal, number: Number::Real(*number) }]
            }
            SigmaValue::Integer(number) => vec![plain(&number.to_string())],
            SigmaValue::Float(number) => vec![plain(&number.to_string())],
            SigmaValue::String(text) => self.string_ops(text)?,
        })
    }

    fn string_ops(&self, text: &SigmaString) -> Result<Vec<Op>, Reason> {
        let folded = !self.cased;
        if let Some(base64) = self.base64 {
            let Some(plain) = text.as_plain() else {
                return Err(Reason::new(
                    &text.original,
                    "a wildcard cannot be encoded",
                    "escape it (`\\*`) or remove the encoding modifier",
                ));
            };
            let bytes = match self.wide {
                Some(Modifier::Utf16be) => encoding::utf16be(&plain),
                Some(Modifier::Utf16) => encoding::utf16(&plain),
                Some(_) => encoding::utf16le(&plain),
                None => plain.into_bytes(),
            };
            let texts = match base64 {
                Modifier::Base64 => vec![encoding::base64(&bytes)],
                _ => encoding::base64_offsets(&bytes).ok_or_else(|| {
                    Reason::new(
                        &text.original,
                        "a value of one byte leaves nothing to look for with `base64offset`",
                        "write at least two characters",
                    )
                })?,
            };
            let shape = if base64 == Modifier::Base64Offset { Shape::Contains } else { self.shape };
            let encoded = Modifiers { shape, ..Modifiers::default() };
            let texts = texts.into_iter();
            return Ok(texts
                .map(|one| Op::Text {
                    text: encoded.text_of(&[Piece::Literal(one.into())], folded),
                    folded,
                    dashes: false,
                })
                .collect());
        }
        let pieces: Vec<Piece> = text
            .parts
            .iter()
            .map(|part| match part {
                StringPart::Plain(literal) if self.dashes => Piece::Literal(dashed(literal).into()),
                StringPart::Plain(literal) => Piece::Literal(literal.as_str().into()),
                StringPart::Special(SpecialChar::WildcardMulti) => Piece::Many,
                StringPart::Special(SpecialChar::WildcardSingle) => Piece::One,
            })
            .collect();
        Ok(vec![Op::Text { text: self.text_of(&pieces, folded), folded, dashes: self.dashes }])
    }

    /// The comparison for a text of literals and wildcards; shapes that need no wildcard matching get none.
    fn text_of(&self, pieces: &[Piece], folded: bool) -> Text {
        let mut whole = Vec::new();
        if matches!(self.shape, Shape::Contains | Shape::EndsWith) {
            whole.push(Piece::Many);
        }
        for piece in pieces {
            match piece {
                Piece::Literal(literal) if folded => whole.push(Piece::Literal(fold(literal).into())),
                other => whole.push(other.clone()),
            }
        }
        if matches!(self.shape, Shape::Contains | Shape::StartsWith) {
            whole.push(Piece::Many);
        }
        whole.dedup_by(|next, held| *next == Piece::Many && *held == Piece::Many);
        match whole.as_slice() {
            [] => Text::Equals("".into()),
            [Piece::Literal(literal)] => Text::Equals(literal.clone()),
            [Piece::Literal(literal), Piece::Many] => Text::StartsWith(literal.clone()),
            [Piece::Many, Piece::Literal(literal)] => Text::EndsWith(literal.clone()),
            [Piece::Many, Piece::Literal(literal), Piece::Many] => contains_text(literal),
            _ => Text::Glob(Glob(whole.into())),
        }
    }

    fn special_op(
        &self,
        special: Modifier,
        value: &SigmaValue,
        resolver: &Resolver<'_>,
        compiler: &mut Compiler,
    ) -> Result<Op, Reason> {
        let compare = |compare| Ok(Op::Number { compare, number: number(value)? });
        let part = |part| match number(value)? {
            Number::Whole(number) => Ok(Op::TimePart { part, number }),
            Number::Real(_) => Err(wrong(value, "a whole number")),
        };
        match special {
            Modifier::Re => self.regex(value),
            Modifier::Cidr => cidr(value),
            Modifier::Exists => Ok(Op::Exists(*value == SigmaValue::Bool(true))),
            Modifier::FieldRef => {
                let name = text(value).ok_or_else(|| wrong(value, "the name of a field, without wildcards"))?;
                Ok(Op::FieldRef { other: compiler.slots_of(&name, resolver)?, shape: self.shape, folded: !self.cased })
            }
            Modifier::Gt => compare(Compare::Greater),
            Modifier::Gte => compare(Compare::GreaterEqual),
            Modifier::Lt => compare(Compare::Less),
            Modifier::Lte => compare(Compare::LessEqual),
            Modifier::Minute => part(TimePart::Minute),
            Modifier::Hour => part(TimePart::Hour),
            Modifier::Day => part(TimePart::Day),
            Modifier::Week => part(TimePart::Week),
            Modifier::Month => part(TimePart::Month),
            Modifier::Year => part(TimePart::Year),
            other => Err(Reason::new(
                "",
                format!("the modifier {other:?} is not supported"),
                "use a modifier of the Sigma specification 2.1",
            )),
        }
    }

    fn regex(&self, value: &SigmaValue) -> Result<Op, Reason> {
        let pattern = match value {
            SigmaValue::String(text) => text.original.clone(),
            SigmaValue::Null => return Err(wrong(value, "a regular expression")),
            other => other.to_string(),
        };
        let flags: String =
            self.flags.iter().zip(['i', 'm', 's']).filter(|(set, _)| **set).map(|(_, flag)| flag).collect();
        let whole = if flags.is_empty() { pattern.clone() } else { format!("(?{flags}){pattern}") };
        let built = RegexBuilder::new(&whole).size_limit(REGEX_BYTES_MAX).build();
        built.map(|regex| Op::Regex(Box::new(regex))).map_err(|error| {
            let error = error.to_string();
            let last = error.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            Reason::new(
                pattern,
                format!("not a regular expression this engine runs: {last}"),
                "look-around and back-references are not supported: write the condition with `and not`",
            )
        })
    }
}

fn cidr(value: &SigmaValue) -> Result<Op, Reason> {
    let text = text(value).ok_or_else(|| wrong(value, "a network such as 192.0.2.0/24"))?;
    let network = text.parse().or_else(|_| text.parse::<std::net::IpAddr>().map(ipnet::IpNet::from));
    network.map(Op::Cidr).map_err(|_| wrong(value, "a network such as 192.0.2.0/24 or 2001:db8::/32"))
}

fn text(value: &SigmaValue) -> Option<String> {
    match value {
        SigmaValue::String(text) => text.as_plain(),
        SigmaValue::Null => None,
        other => Some(other.to_string()),
    }
}

fn number(value: &SigmaValue) -> Result<Number, Reason> {
    match value {
        SigmaValue::Integer(number) => Ok(Number::Whole(*number)),
        SigmaValue::Float(number) => Ok(Number::Real(*number)),
        SigmaValue::String(text) => {
            let plain = text.as_plain().unwrap_or_default();
            let whole = plain.parse().map(Number::Whole);
            whole.or_else(|_| plain.parse().map(Number::Real)).map_err(|_| wrong(value, "a number"))
        }
        _ => Err(wrong(value, "a number")),
    }
}

fn wrong(value: &SigmaValue, wanted: &str) -> Reason {
    Reason::new(value.to_string(), format!("`{value}` is not {wanted}"), format!("write {wanted}"))
}

fn conflict(item: &DetectionItem, message: &str) -> Reason {
    let name = item.field.name.as_deref().unwrap_or("");
    Reason::new(
        format!("{name}|"),
        format!("modifiers of `{name}`: {message}"),
        "use one operator, see the modifiers appendix of the Sigma specification 2.1",
    )
}
